//! Completions for shells: `ipvsh completions SHELL` prints what a shell reads at its start; at each Tab that calls the program, which knows
//! the live table. Where nothing can be read, for want of permission or of a kernel, nothing is offered, and nothing is said.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{CommandFactory, FromArgMatches};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use super::args::{Arguments, Globals};
use super::context::Context;
use super::failure::Failure;
use super::live;
use super::manual_args::{CompletionsArguments, ShellName};
use super::outcome::CommandOutcome;
use crate::manual::TOPICS;
use crate::results::exit;
use crate::ui::Ui;

/// The variable by which a shell asks; not one of the user's.
const ASKED_BY: &str = "_IPVSH_COMPLETE";

/// What bash reads. It breaks words at `:` and `=`, of which ids are full: the line is taken apart here, and of each answer stays what
/// readline is to put in place of its own, shorter word.
const BASH: &str = r#"_ipvsh() {
    local line=${COMP_LINE:0:COMP_POINT} IFS=$' \t\n'
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local index=$((${#words[@]} - 1))
    local current=${words[index]}
    local IFS=$'\n'
    COMPREPLY=($(_CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$index _IPVSH_COMPLETE=bash ipvsh -- "${words[@]}" 2>/dev/null))
    local cut=${current%"$2"}
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/:] ]] && compopt -o nospace
}
complete -o bashdefault -F _ipvsh ipvsh"#;

/// Prints what a shell reads at its start.
pub(super) fn completions(
    context: &Context,
    arguments: &CompletionsArguments,
) -> Result<CommandOutcome, Failure> {
    let shell = match arguments.shell {
        ShellName::Bash => {
            context.ui.line(BASH).map_err(Failure::Output)?;
            return Ok(CommandOutcome::Shown);
        }
        ShellName::Zsh => "zsh",
        ShellName::Fish => "fish",
    };
    let mut text = Vec::new();
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else {
        return Err(Failure::usage(format!(
            "there are no completions for {shell}"
        )));
    };
    completer
        .write_registration(ASKED_BY, "ipvsh", "ipvsh", "ipvsh", &mut text)
        .and_then(|()| context.ui.line(String::from_utf8_lossy(&text).trim_end()))
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Answers a shell, if it is one that asks: prints the candidates. Returns the exit status.
pub(super) fn answered(arguments: &[OsString]) -> Option<u8> {
    let shell = std::env::var(ASKED_BY).ok()?;
    let behind = arguments.iter().position(|word| word == "--")? + 1;
    let words: Vec<OsString> = arguments.get(behind..)?.to_vec();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell)?;
    let mut text = Vec::new();
    let folder = std::env::current_dir().ok();
    let written =
        completer.write_complete(&mut command(&words), words, folder.as_deref(), &mut text);
    let shown = written.and_then(|()| {
        let text = String::from_utf8_lossy(&text).into_owned();
        Ui::default().data(|out| write!(out, "{text}"))
    });
    Some(match shown {
        Ok(()) => exit::DONE,
        Err(_) => exit::FAILED,
    })
}

/// Returns the command line with what each argument may be. `words` are what is typed.
fn command(words: &[OsString]) -> clap::Command {
    let before = words.split_last().map_or(&[][..], |(_, before)| before);
    let is_drop_in = |word: &OsString| {
        ["ipvsadm", "ipvsadm-save", "ipvsadm-restore"]
            .iter()
            .any(|name| word == name)
    };
    if before.iter().any(is_drop_in) {
        // Its options are those of the original.
        return words_alone(ArgValueCompleter::new(|_: &OsStr| Vec::new())).disable_help_flag(true);
    }
    if script_among(before).is_some() {
        // What stands behind a script's name is the script's own.
        let words = words.to_vec();
        return words_alone(ArgValueCompleter::new(move |current: &OsStr| {
            script_words(&words, current)
        }));
    }
    let globals = globals(words);
    let command = Arguments::command();
    with_candidates(command, &globals, words)
}

/// Returns a command line of words alone.
fn words_alone(completer: ArgValueCompleter) -> clap::Command {
    let words = clap::Arg::new("words")
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .add(completer);
    clap::Command::new("ipvsh").arg(words)
}

/// Returns the script that is named.
fn script_among(words: &[OsString]) -> Option<&str> {
    words
        .iter()
        .filter_map(|word| word.to_str())
        .find(|word| word.ends_with(".rhai") && Path::new(word).is_file())
}

fn with_candidates(command: clap::Command, globals: &Globals, words: &[OsString]) -> clap::Command {
    let name = command.get_name().to_owned();
    let ids: Vec<String> = command
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .collect();
    let below: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut command = command;
    for id in ids {
        if let Some(completer) = completer(&name, &id, globals, words) {
            command = command.mut_arg(&id, |argument| argument.add(completer));
        }
    }
    for name in below {
        command = command.mut_subcommand(name, |command| with_candidates(command, globals, words));
    }
    command
}

/// Returns what an argument of a command may be, if that is to be found in the table, the journal, or a script.
fn completer(
    command: &str,
    id: &str,
    globals: &Globals,
    words: &[OsString],
) -> Option<ArgValueCompleter> {
    type Find = fn(&Globals, &str) -> Vec<live::Found>;
    let find: Find = match (command, id) {
        ("undrain", "server") => live::drained,
        ("drain", "server") => live::servers,
        ("undo", "number") => live::commits,
        ("confirm" | "cancel", "number") => live::unconfirmed,
        ("show" | "recover", "number") => live::records,
        ("copy" | "move", "from") => live::services,
        (_, "object" | "objects") => live::objects,
        ("drain" | "undrain", "service") => live::services,
        (_, "scheduler") => live::schedulers,
        (_, "netns") => live::namespaces,
        (_, "guard" | "overridden") => live::guards,
        ("help", "name") => return Some(ArgValueCompleter::new(help_words)),
        ("run", "script") => {
            let words = words.to_vec();
            return Some(ArgValueCompleter::new(move |current: &OsStr| {
                script_words(&words, current)
            }));
        }
        ("plan" | "apply" | "check" | "diff" | "save", _)
            if matches!(id, "file" | "scripts" | "a" | "b") =>
        {
            return Some(ArgValueCompleter::new(clap_complete::PathCompleter::file()));
        }
        _ => return None,
    };
    let globals = globals.clone();
    Some(ArgValueCompleter::new(move |current: &OsStr| {
        let current = current.to_str().unwrap_or_default();
        find(&globals, current)
            .into_iter()
            .filter(|found| found.value.starts_with(current))
            .take(live::MOST)
            .map(|found| CompletionCandidate::new(found.value).help(found.help.map(Into::into)))
            .collect()
    }))
}

/// Returns files behind `run`, and behind the script's name its own options.
fn script_words(words: &[OsString], current: &OsStr) -> Vec<CompletionCandidate> {
    use clap_complete::engine::ValueCompleter;
    match script_among(words) {
        Some(script) if OsStr::new(script) != current => {
            let current = current.to_str().unwrap_or_default();
            live::script_options(script)
                .into_iter()
                .filter(|found| found.value.starts_with(current))
                .map(|found| CompletionCandidate::new(found.value).help(found.help.map(Into::into)))
                .collect()
        }
        _ => clap_complete::PathCompleter::file().complete(current),
    }
}

/// Returns the topics of the manual, and the commands.
fn help_words(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_str().unwrap_or_default();
    let topics = TOPICS
        .iter()
        .map(|topic| (topic.name.to_owned(), Some(topic.summary().to_owned())));
    let program = Arguments::command();
    let commands = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            (command.get_name().to_owned(), about)
        });
    topics
        .chain(commands)
        .filter(|(name, _)| name.starts_with(current))
        .map(|(name, help)| CompletionCandidate::new(name).help(help.map(Into::into)))
        .collect()
}

/// Returns the global options that are typed, as far as they are whole.
fn globals(words: &[OsString]) -> Globals {
    let mut typed = vec![OsString::from("ipvsh")];
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let is_alone = text == "--sim" || text.starts_with("--sim=") || text == "--no-journal";
        let has_value = ["--sim-state", "--netns", "--state-dir"]
            .into_iter()
            .find(|name| text == *name || text.starts_with(&format!("{name}=")));
        if is_alone {
            typed.push(word.clone());
        } else if let Some(name) = has_value {
            typed.push(word.clone());
            if text == name {
                typed.extend(words.next().cloned());
            }
        }
    }
    let command = <Globals as clap::Args>::augment_args(clap::Command::new("ipvsh"));
    command
        .try_get_matches_from(typed)
        .ok()
        .and_then(|matches| Globals::from_arg_matches(&matches).ok())
        .unwrap_or_else(Globals::plain)
}
