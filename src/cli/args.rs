//! The native command line as it is typed.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::change_args::{
    ChangeArguments, EditArguments, MoveArguments, RelocateArguments, RemoveArguments,
};
use super::connections_args::ConnectionsArguments;
use super::drain_args::{DrainArguments, UndrainArguments};
use super::export_args::ExportArguments;
use super::format::{Format, Printing};
use super::journal_args::{
    CancelArguments, ConfirmArguments, HistoryArguments, RecoverArguments, RedoArguments,
    UndoArguments,
};
use super::list_args::ListArguments;
use super::manual_args::{CompletionsArguments, HelpArguments, ManArguments};
use super::option_values::{
    BARE, confirm_time, duration, filled, filled_or_bare, number, sysctl_name,
};
use super::record_args::RecordArguments;
use super::simulate_args::SimulateArguments;
use super::test::TestArguments;
use super::top_args::TopArguments;
use crate::document::DEFAULT_MAX_SIZE;
use crate::model::SysctlName;

/// A scripting automation shell for IPVS, the load balancer in the Linux kernel.
///
/// Every change is a transaction: rehearsed on a simulated kernel, sent in batches, read back, and undone as a
/// whole if the kernel refuses any part of it.
#[derive(Debug, Parser)]
#[command(name = "ipvsh", version, max_term_width = 100, disable_help_subcommand = true, after_help = SHORT_HELP, after_long_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) globals: Globals,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

const SHORT_HELP: &str = "`ipvsh COMMAND -h` is short, `ipvsh COMMAND --help` has examples and all options, `ipvsh help` the manual.";

const AFTER_HELP: &str = "\
Objects are named tcp://192.0.2.1:80, udp://[2001:db8::1]:53, sctp://192.0.2.1:36412, fwmark://7, fwmark6://7, \
and KEY/SERVER for a real server: tcp://192.0.2.1:80/10.0.0.2:8080.

`ipvsh FILE.rhai ARG…` is `ipvsh run FILE.rhai ARG…`; without a command, standard input is run as a script, or there is a prompt if \
it is a terminal.

Exit status: 0 done or nothing to do; 1 the script failed, nothing of this run stands; 2 usage, compile or document \
error, nothing ran; 3 refused and rolled back, or a guard refuses; 4 indeterminate, what is left is listed; 5 conflict or lock held, \
nothing sent; 6 no IPVS or no permission; 7 failed, but earlier commits of this run stand; 9 committed, but the \
output could not be written; 10 changes pending (--exit-code); 129, 130, 143 after a signal. A script's exit(n) \
passes through.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Globals {
    /// Work on a simulated kernel: empty, or as a table document says, which stays as it is, or as a script (.rhai) makes it, with its connections
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = BARE, value_parser = filled_or_bare, conflicts_with = "netns")]
    pub(super) sim: Option<String>,
    /// Work on the simulated table in FILE, which other programs may share; a missing file is an empty table
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", value_parser = filled, conflicts_with_all = ["sim", "netns"])]
    pub(super) sim_state: Option<String>,
    /// Work in another network namespace: a name as `ip netns` knows it, or a path
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", value_parser = filled)]
    pub(super) netns: Option<String>,
    /// Print results as one JSON document
    #[arg(long, global = true, hide_short_help = true)]
    pub(super) json: bool,
    /// When to use colours [default: auto]
    #[arg(long, global = true, hide_short_help = true, value_name = "WHEN")]
    pub(super) color: Option<ColourChoice>,
    /// Say nothing beside results, warnings and errors
    #[arg(short, long, global = true, hide_short_help = true)]
    pub(super) quiet: bool,
    /// How long to wait while another ipvsh commits to the same table [default: 10s]
    #[arg(long, global = true, hide_short_help = true, value_name = "TIME", value_parser = duration)]
    pub(super) lock_wait: Option<Duration>,
    /// Where the journal of commits is kept [IPVSH_STATE_DIR; root: /var/lib/ipvsh; others: the state folder of their home]
    #[arg(long, global = true, hide_short_help = true, value_name = "DIR", value_parser = filled)]
    pub(super) state_dir: Option<String>,
    /// Refuse what a guard forbids: last_server, min_weight_percent=N, max_objects=N, protected=KEY; can be repeated
    #[arg(long, global = true, hide_short_help = true, value_name = "GUARD")]
    pub(super) guard: Vec<String>,
    /// Override a guard by name; the journal records it; can be repeated
    #[arg(
        long = "override",
        global = true,
        hide_short_help = true,
        value_name = "GUARD"
    )]
    pub(super) overridden: Vec<String>,
    /// What the journal and the log call the commits of this run that have no name of their own
    #[arg(long, global = true, hide_short_help = true, value_name = "TEXT", value_parser = filled)]
    pub(super) label: Option<String>,
    /// Keep no record of commits: nothing can be rolled back after a crash or undone later
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        conflicts_with = "state_dir"
    )]
    pub(super) no_journal: bool,
    /// The largest document that is read
    #[arg(long, global = true, hide_short_help = true, value_name = "BYTES", default_value_t = DEFAULT_MAX_SIZE, value_parser = number::<u64>)]
    pub(super) max_size: u64,
}

impl Globals {
    /// Returns what holds when nothing is given, without a parser: programs that start often are felt.
    pub(super) const fn plain() -> Self {
        Self {
            sim: None,
            sim_state: None,
            netns: None,
            json: false,
            color: None,
            quiet: false,
            lock_wait: None,
            state_dir: None,
            guard: Vec::new(),
            overridden: Vec::new(),
            label: None,
            no_journal: false,
            max_size: DEFAULT_MAX_SIZE,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColourChoice {
    Auto,
    Always,
    Never,
}

impl ColourChoice {
    /// Returns the one of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }

    /// Returns its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a script
    Run(RunArguments),
    /// Evaluate an expression or statements and print the value
    Eval(EvalArguments),
    /// Compile scripts and report what is wrong, without running them
    Check(CheckArguments),
    /// Show what a script or a table document would change, and change nothing
    Plan(PlanArguments),
    /// Make the table what a document says, in one transaction
    Apply(ApplyArguments),
    /// Show what leads from the table (or document A) to document A (or B), or what changed since @TIME and by whom
    Diff(DiffArguments),
    /// Print the table as a document, or as metrics
    Export(ExportArguments),
    /// Show the table
    List(ListArguments),
    /// Show the connection table: filtered, counted, or by what connections have in common
    Connections(ConnectionsArguments),
    /// Watch the table live: services, servers, clients, drains, sorted by what they do
    Top(TopArguments),
    /// Record what the table counts and how it changes, to look back: `list --at -5m`
    Record(RecordArguments),
    /// Add a virtual service or a real server
    Add(ChangeArguments),
    /// Edit virtual services or real servers by options, or as a text in the editor; what is not named stays
    Edit(EditArguments),
    /// Delete a virtual service or a real server
    Delete(RemoveArguments),
    /// Add it, or edit the one that is there
    Ensure(ChangeArguments),
    /// Delete it if it is there
    Absent(RemoveArguments),
    /// Add a virtual service that is like another one, with its real servers
    Copy(RelocateArguments),
    /// Move a virtual service to another address or port: the new one is made before the old one is deleted
    Move(MoveArguments),
    /// Take a real server out without cutting anyone off: weight 0, then wait until its connections are gone
    Drain(DrainArguments),
    /// Give a real server the weights back that it had before it was drained
    Undrain(UndrainArguments),
    /// Show what was committed to this table: when, by whom, why, and what became of it
    History(HistoryArguments),
    /// Undo the newest commit that is not undone, or the one of that number, by a new commit
    Undo(UndoArguments),
    /// Redo what the newest undo reversed; not possible after a new commit
    Redo(RedoArguments),
    /// Keep a commit that rolls back automatically unless it is confirmed
    Confirm(ConfirmArguments),
    /// Roll back a commit that awaits confirmation
    Cancel(CancelArguments),
    /// Roll back, or complete, what a crash interrupted
    Recover(RecoverArguments),
    /// Roll a commit back when its time has passed: started by the commit itself
    #[command(hide = true)]
    Watch {
        /// The commit
        number: u64,
    },
    /// Do what ipvsadm(8) does, byte for byte; `ipvsadm -h` tells what else it can do here
    #[command(name = "ipvsadm", disable_help_flag = true)]
    Ipvsadm(PassedOn),
    /// Do what ipvsadm-save(8) does
    #[command(name = "ipvsadm-save", disable_help_flag = true)]
    IpvsadmSave(PassedOn),
    /// Do what ipvsadm-restore(8) does
    #[command(name = "ipvsadm-restore", disable_help_flag = true)]
    IpvsadmRestore(PassedOn),
    /// Show kernel, schedulers, kernel parameters, who else manages the table, guards and journal
    Info(Printing),
    /// Show which settings are in force, and where they come from
    Config(Printing),
    /// Keep the table for the next boot: write it to a file, and keep the file before
    Save(SaveArguments),
    /// Tell who gets what share of the connections, and who moves when the table changes; play what a kernel recorded
    Simulate(SimulateArguments),
    /// Run the tests of scripts, each on a simulated kernel of its own
    Test(TestArguments),
    /// Print the JSON Schema of the table document
    Schema,
    /// Show the manual: a topic, a command, a function, a kind of error, an exit status; without a name, what there is
    Help(HelpArguments),
    /// Write man pages of every command and every topic of the manual
    Man(ManArguments),
    /// Print completions for a shell: `source <(ipvsh completions bash)`
    Completions(CompletionsArguments),
    /// A script without `run`
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Arguments of a program with a command line of its own. They are taken before this one is read; it names them
/// for the help.
#[derive(Clone, Debug, Args)]
pub(super) struct PassedOn {
    /// As the original takes them
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) arguments: Vec<OsString>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct Limits {
    /// Stop a script after this many operations
    #[arg(long, value_name = "NUMBER", default_value_t = crate::script::Limits::DEFAULT.operations, value_parser = number::<u64>)]
    pub(super) max_operations: u64,
    #[command(flatten)]
    pub(super) bounds: Bounds,
}

/// What a script may take and touch, however long it takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Bounds {
    /// End a script that takes more memory, in MiB
    #[arg(long, value_name = "MIB", default_value_t = crate::script::Limits::DEFAULT.memory_mib, value_parser = number::<usize>)]
    pub(super) max_memory: usize,
    /// Let the script read files: all, or those in FILES (files and folders, separated by commas)
    #[arg(long, value_name = "FILES", num_args = 0..=1, require_equals = true, default_missing_value = BARE, value_parser = filled_or_bare, value_delimiter = ',')]
    pub(super) allow_read: Option<Vec<String>>,
    /// Let the script write files: all, or those in FILES
    #[arg(long, value_name = "FILES", num_args = 0..=1, require_equals = true, default_missing_value = BARE, value_parser = filled_or_bare, value_delimiter = ',')]
    pub(super) allow_write: Option<Vec<String>>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Show what the script would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// Ask before each step of a runbook; a no rolls back
    #[arg(long, conflicts_with = "dry_run")]
    pub(super) step: bool,
    /// Begin a runbook with this step, if the journal proves that those before it are in place
    #[arg(long, value_name = "STEP", value_parser = filled, conflicts_with = "dry_run")]
    pub(super) from: Option<String>,
    /// Write what became of runbooks to a file, as JUnit
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) junit: Option<String>,
    /// The script, then its own arguments; `-` is standard input
    #[arg(
        required = true,
        value_name = "FILE [ARG]…",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) script: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct EvalArguments {
    #[command(flatten)]
    pub(super) limits: Limits,
    /// Show what the code would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// The code
    pub(super) code: String,
    /// What `args()` returns
    #[arg(last = true, value_name = "ARG")]
    pub(super) arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) printing: Printing,
    /// Let scripts import from other folders: all, or those in FILES
    #[arg(long, value_name = "FILES", num_args = 0..=1, require_equals = true, default_missing_value = BARE, value_parser = filled_or_bare, value_delimiter = ',')]
    pub(super) allow_read: Option<Vec<String>>,
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    pub(super) scripts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// Object by object, for people
    #[value(alias = "table")]
    Text,
    /// As commands of ipvsadm, where they can express it
    Ipvsadm,
    /// For programs: one document
    Json,
    /// A JSON object for each change
    Jsonl,
    /// The document of `json` in YAML
    Yaml,
    /// For spreadsheets, a line for each change
    Csv,
}

impl PlanFormat {
    /// Returns the form for programs, if it is one.
    pub(super) const fn for_programs(self) -> Option<Format> {
        match self {
            Self::Text | Self::Ipvsadm => None,
            Self::Json => Some(Format::Json),
            Self::Jsonl => Some(Format::Jsonl),
            Self::Yaml => Some(Format::Yaml),
            Self::Csv => Some(Format::Csv),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PruneChoice {
    /// Delete real servers that a named service's `destinations` no longer has
    Servers,
    /// Delete services too that the document does not name
    Services,
}

#[derive(Clone, Debug, Args)]
pub(super) struct Merging {
    /// Delete what the document does not name
    #[arg(long, value_name = "WHAT", require_equals = true)]
    pub(super) prune: Option<PruneChoice>,
    /// Leave live values alone where the document has others
    #[arg(long, value_name = "FIELD")]
    pub(super) keep: Option<KeepChoice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum KeepChoice {
    /// Weights of real servers that are there
    Weight,
}

#[derive(Clone, Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    pub(super) merging: Merging,
    #[command(flatten)]
    pub(super) limits: Limits,
    /// How to print the plan; `--json` is `-o json`
    #[arg(long, short = 'o', value_enum, default_value = "text")]
    pub(super) format: PlanFormat,
    /// Write the plan to a file, for `ipvsh apply`: it is a conflict there if the table has changed since
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) out: Option<String>,
    /// Write to a file the plan that undoes it, for `ipvsh apply` after this one
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) undo_out: Option<String>,
    /// Exit with 10 if changes are pending
    #[arg(long)]
    pub(super) exit_code: bool,
    /// A script (.rhai) with its arguments, or a table document; `-` is a document on standard input
    #[arg(
        required = true,
        value_name = "FILE [ARG]…",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) file: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ApplyArguments {
    #[command(flatten)]
    pub(super) merging: Merging,
    /// Roll back automatically unless `ipvsh confirm` is run within this time
    #[arg(long, value_name = "TIME", value_parser = confirm_time, conflicts_with = "dry_run")]
    pub(super) confirm: Option<Duration>,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// Don't ask, on a terminal either
    #[arg(long)]
    pub(super) yes: bool,
    /// A table document, or a plan that `ipvsh plan --out` wrote; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct DiffArguments {
    /// How to print the difference; `--json` is `-o json`
    #[arg(long, short = 'o', value_enum, default_value = "text")]
    pub(super) format: PlanFormat,
    /// Exit with 10 if there is a difference
    #[arg(long)]
    pub(super) exit_code: bool,
    /// The recording that @TIME is of, a folder or one of its files [default: ring/ in the state folder]
    #[arg(long, value_name = "PATH", value_parser = filled)]
    pub(super) recording: Option<String>,
    /// A document, or @TIME of a recording, as in @-5m
    pub(super) a: String,
    /// Another one; without it, the live table leads to document A, or @TIME to the live table
    pub(super) b: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct SaveArguments {
    /// With these kernel parameters too, separated by commas; those that the file has already stay in it, with the value of now
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = sysctl_name)]
    pub(super) sysctl: Vec<SysctlName>,
    /// The document, in YAML if it ends in .yaml or .yml [/etc/ipvsh/table.json, which ipvsh-restore.service applies]
    #[arg(value_name = "FILE", value_parser = filled)]
    pub(super) file: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Globals};
    use clap::Parser;

    #[test]
    fn nothing_given_is_what_the_parser_makes_of_nothing() {
        let parsed = Arguments::try_parse_from(["ipvsh"]).unwrap();
        assert_eq!(parsed.globals, Globals::plain());
    }
}
