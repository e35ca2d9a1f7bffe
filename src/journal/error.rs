//! Why the journal can't be kept or read.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::model::reason;

/// The journal can't be kept or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// The folder can't be made, opened or written.
    #[error("the journal can't be kept: {path}: {text}")]
    Folder {
        /// The folder or file.
        path: String,
        /// The system's text.
        text: String,
    },
    /// The folder or a file is another user's, or others may write it.
    #[error("the journal can't be trusted: {path} {text}")]
    Owner {
        /// The folder or file.
        path: String,
        /// What is wrong with it.
        text: String,
    },
    /// A record can't be read.
    #[error("record {number} of the journal is damaged: {path}: {text}")]
    Damaged {
        /// Its number.
        number: u64,
        /// Its file.
        path: String,
        /// What is wrong with it.
        text: String,
    },
    /// A record was forgotten because its table had too many.
    #[error("commit {number} is no longer kept: the journal keeps the last {records} of a table")]
    Forgotten {
        /// Its number.
        number: u64,
        /// How many are kept.
        records: usize,
    },
    /// The next record would have no number.
    #[error("the journal has no number behind {last}, which {path} gives as the last one")]
    Numbers {
        /// The file.
        path: String,
        /// What it says.
        last: u64,
    },
    /// There is no such record.
    #[error("the journal has no record {number}")]
    Missing {
        /// Its number.
        number: u64,
    },
}

impl JournalError {
    /// Returns the way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Folder { .. } => {
                "name a folder that can be written with --state-dir, or go without a record with --no-journal: then nothing can be taken back after a crash".to_owned()
            }
            Self::Owner { .. } => {
                "give it to this user and close it to others (chown, chmod 700), or name another folder with --state-dir".to_owned()
            }
            Self::Damaged { number, .. } => format!(
                "look at the table; then `ipvsh recover --discard {number}` sets the record aside"
            ),
            Self::Numbers { path, .. } => format!("remove {path}: the number is made anew from the records that are there"),
            Self::Forgotten { .. } | Self::Missing { .. } => "`ipvsh history` lists what there is".to_owned(),
        }
    }
}

/// Makes the error of a file or folder that the system would not let us at.
pub(super) fn failed(path: &Path, error: &io::Error) -> JournalError {
    JournalError::Folder {
        path: path.display().to_string(),
        text: reason(error),
    }
}
