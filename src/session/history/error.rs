//! Why the journal stands in the way, and why what it is asked about can't be.

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
    #[error("there is no folder for the journal: this user has no home")]
    NoFolder,
    #[error("no journal is kept here")]
    NotKept,
    #[error("commit {number} was cut off, and is neither completed nor taken back")]
    CutOff { number: u64 },
    #[error("runbook {number} {name:?} was cut off, and is not rolled back")]
    RunbookCutOff { number: u64, name: String },
    #[error("{object} awaits the confirmation of commit {number} until {until}")]
    Held {
        object: ObjectId,
        number: u64,
        until: String,
    },
    #[error("commit {number} could not be given a watcher that takes it back: {text}")]
    Watcher { number: u64, text: String },
    #[error("commit {number} is done, and the journal could not take that down: {text}")]
    Unnoted { number: u64, text: String },
    #[error("commit {number} is about {table}, not about this table")]
    Elsewhere { number: u64, table: String },
    #[error("record {number} can be read: --discard is for damaged ones")]
    NotDamaged { number: u64 },
    #[error("commit {number} has left nothing behind: it is {text}")]
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
    #[error("there is nothing to undo: no commit to this table stands that is not undone")]
    NothingToUndo,
    #[error("there is nothing to redo: the newest commit to this table is no undo")]
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
            Self::NoFolder => "name one with --state-dir, or go without a record with --no-journal: then nothing can be taken back after a crash".to_owned(),
            Self::NotKept => "--no-journal or a simulation without --sim-state keeps none".to_owned(),
            Self::RunbookCutOff { .. } => "`ipvsh recover` rolls it back, `ipvsh recover --forward` keeps what it had done".to_owned(),
            Self::CutOff { .. } => "`ipvsh recover` takes it back, `ipvsh recover --forward` completes it".to_owned(),
            Self::Held { number, .. } => format!("`ipvsh confirm {number}` keeps that commit, `ipvsh cancel {number}` takes it back now"),
            Self::Watcher { .. } => "nothing was sent".to_owned(),
            Self::Unnoted { number, .. } => format!("make room for the journal, and look: the next change may find commit {number} unfinished and take it back; `ipvsh recover --forward` keeps it"),
            Self::Elsewhere { .. } => "`ipvsh history` lists those of this table; --netns or --sim-state name another one".to_owned(),
            Self::Superseded { by, .. } if !by.is_empty() => format!("undo first what came later: {}", by.join("; ")),
            Self::Superseded { .. } => "another program changed it; look at the table, and change it as it should be".to_owned(),
            Self::SeveralAwaiting { .. } => "name one: `ipvsh confirm NUMBER`; `ipvsh confirm --list` tells more".to_owned(),
            Self::TooLate { .. } => "it goes back; run it again".to_owned(),
            Self::NoneAwaiting | Self::NotAwaiting { .. } => "`ipvsh confirm --list` tells which do, `ipvsh history` what became of the others".to_owned(),
            Self::NotDamaged { number } => format!("`ipvsh recover` does what is to be done about it, `ipvsh history show {number}` tells what that is"),
            Self::NothingLeft { .. } | Self::NotStanding { .. } | Self::NothingToUndo | Self::NothingToRedo => "`ipvsh history` lists what there is".to_owned(),
        })
    }
}
