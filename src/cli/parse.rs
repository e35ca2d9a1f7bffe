//! From what was typed to [`Arguments`].

use std::ffi::OsString;

use clap::{Args, FromArgMatches, Subcommand};

use super::args::{
    ApplyArguments, Arguments, CheckArguments, Command, DiffArguments, EvalArguments, Globals,
    PlanArguments, RunArguments, SaveArguments,
};
use super::change_args::{
    ChangeArguments, EditArguments, MoveArguments, RelocateArguments, RemoveArguments,
};
use super::connections_args::ConnectionsArguments;
use super::drain_args::{DrainArguments, UndrainArguments};
use super::examples::program;
use super::export_args::ExportArguments;
use super::format::Printing;
use super::journal_args::{
    CancelArguments, ConfirmArguments, HistoryArguments, RecoverArguments, RedoArguments,
    UndoArguments,
};
use super::list_args::ListArguments;
use super::manual_args::{HelpArguments, ManArguments};
use super::record_args::RecordArguments;
use super::simulate_args::SimulateArguments;
use super::spaced::value_behind_a_space;
use super::test::TestArguments;
use super::top_args::TopArguments;

/// Parses arguments. What stands behind a script's name is the script's own; a document has no arguments, so
/// that options behind its name are the program's.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Arguments, clap::Error> {
    if let Some(text) = value_behind_a_space(&arguments) {
        return Err(clap::Error::raw(
            clap::error::ErrorKind::InvalidValue,
            format!("{text}\n"),
        ));
    }
    let parsed = read(&arguments)?;
    let Some(Command::Plan(plan)) = &parsed.command else {
        return Ok(parsed);
    };
    let behind = plan.file.len() - 1;
    if behind == 0 || plan.file[0].ends_with(".rhai") {
        return Ok(parsed);
    }
    let mut reordered = arguments;
    let name = reordered.len() - behind - 1;
    let file = reordered.remove(name);
    reordered.push(file);
    read(&reordered)
}

fn read(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    match read_named(arguments) {
        Some(parsed) => Ok(parsed),
        None => {
            let mut matches = program().try_get_matches_from(arguments)?;
            Arguments::from_arg_matches_mut(&mut matches)
        }
    }
}

/// Makes one command of its arguments.
type Make = fn(clap::Command) -> clap::Command;

/// The commands, each with what makes it: to make all of them takes longer than all else that is done here. What is not among them is
/// looked for among all.
const COMMANDS: [(&str, Make); 34] = [
    ("run", RunArguments::augment_args),
    ("eval", EvalArguments::augment_args),
    ("check", CheckArguments::augment_args),
    ("plan", PlanArguments::augment_args),
    ("apply", ApplyArguments::augment_args),
    ("diff", DiffArguments::augment_args),
    ("export", ExportArguments::augment_args),
    ("list", ListArguments::augment_args),
    ("connections", ConnectionsArguments::augment_args),
    ("top", TopArguments::augment_args),
    ("record", RecordArguments::augment_args),
    ("add", ChangeArguments::augment_args),
    ("edit", EditArguments::augment_args),
    ("delete", RemoveArguments::augment_args),
    ("ensure", ChangeArguments::augment_args),
    ("absent", RemoveArguments::augment_args),
    ("copy", RelocateArguments::augment_args),
    ("move", MoveArguments::augment_args),
    ("drain", DrainArguments::augment_args),
    ("undrain", UndrainArguments::augment_args),
    ("history", HistoryArguments::augment_args),
    ("undo", UndoArguments::augment_args),
    ("redo", RedoArguments::augment_args),
    ("confirm", ConfirmArguments::augment_args),
    ("cancel", CancelArguments::augment_args),
    ("recover", RecoverArguments::augment_args),
    ("info", Printing::augment_args),
    ("config", Printing::augment_args),
    ("save", SaveArguments::augment_args),
    ("simulate", SimulateArguments::augment_args),
    ("test", TestArguments::augment_args),
    ("schema", |command| command),
    ("help", HelpArguments::augment_args),
    ("man", ManArguments::augment_args),
];

/// Commands that are started seldom, or by a name of their own.
const SELDOM: [&str; 5] = [
    "watch",
    "ipvsadm",
    "ipvsadm-save",
    "ipvsadm-restore",
    "completions",
];

/// Reads arguments with no commands but those whose names are among them, as no other can be meant. Returns nothing for what is wrong or
/// asks for help, which takes all commands to tell.
fn read_named(arguments: &[OsString]) -> Option<Arguments> {
    let is_named = |name: &str| arguments.iter().any(|word| word == name);
    let mut named: Vec<clap::Command> = COMMANDS
        .iter()
        .filter(|(name, _)| is_named(name))
        .map(|(name, make)| make(clap::Command::new(*name)))
        .collect();
    if SELDOM.iter().any(|name| is_named(name)) {
        let all = Command::augment_subcommands(clap::Command::new("ipvsh"));
        let seldom = all
            .get_subcommands()
            .filter(|command| SELDOM.contains(&command.get_name()) && is_named(command.get_name()));
        named.extend(seldom.cloned());
    }
    let program = Globals::augment_args(clap::Command::new("ipvsh"))
        .disable_help_subcommand(true)
        .allow_external_subcommands(true)
        .external_subcommand_value_parser(clap::value_parser!(OsString))
        .subcommands(named);
    let mut matches = program.try_get_matches_from(arguments).ok()?;
    Arguments::from_arg_matches_mut(&mut matches).ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        let typed = line.split_whitespace().map(OsString::from);
        std::iter::once("ipvsh".into()).chain(typed).collect()
    }

    #[test]
    fn what_is_read_with_the_named_commands_is_what_all_of_them_read() {
        for line in [
            "",
            "--sim",
            "--sim=a.json -q list",
            "list --sim=a.json -q --json",
            "--netns plan eval 1+1",
            "--netns list",
            "eval list --json",
            "eval --sim 1+1 -- plan --sim",
            "eval 1+1 --max-operations 5 --allow-read",
            "run a.rhai --sim list -h",
            "run --dry-run a.rhai --step",
            "run --from plan --junit list a.rhai eval",
            "a.rhai --sim plan --help",
            "lsit",
            "plan a.json --exit-code",
            "plan --format ipvsadm a.rhai --format x",
            "apply --prune=servers --confirm 5s a.json --lock-wait 3s",
            "diff a.json b.json",
            "export --config",
            "add tcp://192.0.2.1:80 --scheduler wlc --override last_server",
            "edit tcp://192.0.2.1:80/10.0.0.1:80 --weight 3 --guard max_objects=5",
            "delete tcp://192.0.2.1:80",
            "drain --list",
            "history show 3",
            "undo 3 --dry-run",
            "help list",
            "help",
            "ipvsadm -Ln",
            "--state-dir run config",
            "watch 5",
            "schema",
            "copy fwmark://1 fwmark://2 --dry-run",
            "move --drain 5m fwmark://1 fwmark://2",
            "undrain 10.0.0.1 --weight 3",
            "redo",
            "confirm 3",
            "cancel",
            "recover --forward",
            "absent fwmark://1 --yes",
            "ensure fwmark://1 -s rr",
            "check a.rhai b.rhai",
            "info --json",
            "man --out .",
            "simulate --replay a.jsonl b.jsonl --json",
            "completions bash",
            "history --utc show 3",
            "help -k two words",
        ] {
            let named = read_named(&words(line));
            let all = Arguments::try_parse_from(words(line)).unwrap();
            let named = named.unwrap_or_else(|| panic!("`{line}` took all commands"));
            assert_eq!(format!("{named:?}"), format!("{all:?}"), "{line}");
        }
    }

    #[test]
    fn every_command_is_made_in_one_way_or_the_other() {
        let all = Command::augment_subcommands(clap::Command::new("ipvsh"));
        let made = COMMANDS.iter().map(|(name, _)| *name).chain(SELDOM);
        let mut made: Vec<&str> = made.collect();
        made.sort_unstable();
        let mut names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
        names.sort_unstable();
        assert_eq!(made, names);
    }

    #[test]
    fn what_is_wrong_or_asks_for_help_is_read_with_all_commands() {
        for line in [
            "--help",
            "-h",
            "-V",
            "--version",
            "list --help",
            "run --help",
            "plan -h",
            "eval -h",
            "eval",
            "--smi list",
            "--sim --netns a list",
            "add",
            "eval 1 2",
        ] {
            assert!(read_named(&words(line)).is_none(), "{line}");
            assert!(Arguments::try_parse_from(words(line)).is_err(), "{line}");
        }
    }
}
