//! What is typed for the journal: history, undo, confirmation, recovery.

use clap::{Args, Subcommand};

use super::format::Printing;

#[derive(Clone, Debug, Args)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    pub(super) printing: Printing,
    /// Also what was committed to other tables
    #[arg(long)]
    pub(super) all: bool,
    /// Show times in UTC, not in the time zone of this machine
    #[arg(long, global = true)]
    pub(super) utc: bool,
    #[command(subcommand)]
    pub(super) what: Option<HistoryCommand>,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Show one commit: its plan as it was printed, and what became of it
    Show {
        /// Its number
        #[arg(value_parser = super::option_values::number::<u64>)]
        number: u64,
    },
}

#[derive(Clone, Debug, Args)]
pub(super) struct RedoArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// Don't ask, on a terminal either
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct UndoArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// Don't ask, on a terminal either
    #[arg(long)]
    pub(super) yes: bool,
    /// The commit [the newest that is not undone]
    #[arg(value_parser = super::option_values::number::<u64>)]
    pub(super) number: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ConfirmArguments {
    /// List the commits that await confirmation
    #[arg(long, conflicts_with = "number")]
    pub(super) list: bool,
    /// The commit [the only one there is]
    #[arg(value_parser = super::option_values::number::<u64>)]
    pub(super) number: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CancelArguments {
    /// The commit [the only one there is]
    #[arg(value_parser = super::option_values::number::<u64>)]
    pub(super) number: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RecoverArguments {
    /// The failed commit that left residue [default: everything that was interrupted]
    #[arg(conflicts_with = "discard", value_parser = super::option_values::number::<u64>)]
    pub(super) number: Option<u64>,
    /// Complete what was interrupted instead of rolling it back
    #[arg(long)]
    pub(super) forward: bool,
    /// Set a damaged record aside, and do nothing about what it may have done
    #[arg(long, value_name = "NUMBER", conflicts_with = "forward")]
    pub(super) discard: Option<u64>,
    /// End as a program does that got this signal: it takes the place of one that could not be ended otherwise
    #[arg(long, hide = true)]
    pub(super) after_signal: Option<u8>,
}
