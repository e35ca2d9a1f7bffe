//! Why the journal can't be used, or what is asked of it can't be done.

use thiserror::Error as ThisError;

use crate::journal::JournalError;
use crate::model::ObjectId;
use crate::txn::Change;

/// Why the journal stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[allow(missing_docs)] // the fields are what the texts name
pub enum HistoryError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("there is no directory for the journal: this user has no home directory")]
    NoFolder,
    #[error("no journal is kept here")]
    NotKept,
    #[error("commit {number} was interrupted and has been neither completed nor rolled back")]
    CutOff { number: u64 },
    #[error("runbook {number} {name:?} was interrupted and has not been rolled back")]
    RunbookCutOff { number: u64, name: String },
    #[error("{object} is held by commit {number}, which awaits confirmation until {until}")]
    Held {
        object: ObjectId,
        number: u64,
        until: String,
    },
    #[error("could not start the watcher that rolls back commit {number}: {text}")]
    Watcher { number: u64, text: String },
    #[error("commit {number} succeeded, but the journal could not record it: {text}")]
    Unnoted { number: u64, text: String },
    #[error("commit {number} belongs to {table}, not to this table")]
    Elsewhere { number: u64, table: String },
    #[error("record {number} is not damaged: --discard is only for damaged records")]
    NotDamaged { number: u64 },
    #[error("commit {number} left no residue: it is {text}")]
    NothingLeft { number: u64, text: String },
    #[error("commit {number} can't be undone: {text}")]
    NotStanding { number: u64, text: String },
    #[error("commit {number} can't be undone: {} {} no longer as it left {}", object_list(.objects), if .objects.len() == 1 { "is" } else { "are" }, if .objects.len() == 1 { "it" } else { "them" })]
    Superseded {
        number: u64,
        objects: Vec<ObjectId>,
        by: Vec<String>,
        differences: Vec<Change>,
    },
    #[error("no commit awaits confirmation")]
    NoneAwaiting,
    #[error("several commits await confirmation: {}", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralAwaiting { numbers: Vec<u64> },
    #[error("commit {number} does not await confirmation: it is {text}")]
    NotAwaiting { number: u64, text: String },
    #[error("the time to confirm commit {number} has passed")]
    TooLate { number: u64 },
    #[error("there is nothing to undo: this table has no commit left that can be undone")]
    NothingToUndo,
    #[error("there is nothing to redo: the newest commit to this table is not an undo")]
    NothingToRedo,
}

fn object_list(objects: &[ObjectId]) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<String> = objects
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    if objects.len() > SHOWN {
        names.push(format!("{} more", objects.len() - SHOWN));
    }
    names.join(", ")
}

impl HistoryError {
    /// Returns the way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Journal(error) => error.hint(),
            Self::NoFolder => "name one with --state-dir, or use --no-journal to keep no record: nothing can be rolled back after a crash then".to_owned(),
            Self::NotKept => "there is none with --no-journal, or in a simulation without --sim-state".to_owned(),
            Self::RunbookCutOff { .. } => "run `ipvsh recover` to roll it back, or `ipvsh recover --forward` to keep what it did".to_owned(),
            Self::CutOff { .. } => "run `ipvsh recover` to roll it back, or `ipvsh recover --forward` to complete it".to_owned(),
            Self::Held { number, .. } => format!("run `ipvsh confirm {number}` to keep that commit, or `ipvsh cancel {number}` to roll it back now"),
            Self::Watcher { .. } => "nothing was sent".to_owned(),
            Self::Unnoted { number, .. } => format!("free disk space for the journal and check the table: the next change may find commit {number} unfinished and roll it back; `ipvsh recover --forward` keeps it"),
            Self::Elsewhere { .. } => "`ipvsh history` lists the commits to this table; use --netns or --sim-state to select another table".to_owned(),
            Self::Superseded { by, .. } if !by.is_empty() => format!("undo first what came later: {}", by.join("; ")),
            Self::Superseded { .. } => "another program changed it; check the table and make the change by hand".to_owned(),
            Self::SeveralAwaiting { .. } => "name one with `ipvsh confirm NUMBER`; `ipvsh confirm --list` shows them".to_owned(),
            Self::TooLate { .. } => "it is being rolled back; run the change again".to_owned(),
            Self::NoneAwaiting | Self::NotAwaiting { .. } => "`ipvsh confirm --list` lists those that do; `ipvsh history` shows what became of the others".to_owned(),
            Self::NotDamaged { number } => format!("run `ipvsh recover` to recover it; `ipvsh history show {number}` shows its state"),
            Self::NothingLeft { .. } | Self::NotStanding { .. } | Self::NothingToUndo | Self::NothingToRedo => "`ipvsh history` lists the commits".to_owned(),
        })
    }
}
