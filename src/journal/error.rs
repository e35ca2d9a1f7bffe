//! Why the journal can't be kept or read.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::model::reason;

/// The journal can't be kept or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// The folder can't be made, opened or written.
    #[error("can't write the journal: {path}: {text}")]
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
    #[error(
        "commit {number} is no longer in the journal, which keeps the last {records} commits of a table"
    )]
    Forgotten {
        /// Its number.
        number: u64,
        /// How many are kept.
        records: usize,
    },
    /// The next record would have no number.
    #[error("the journal is out of commit numbers: {last} is the last one according to {path}")]
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
                "name a writable directory with --state-dir, or use --no-journal to keep no record: nothing can be rolled back after a crash then".to_owned()
            }
            Self::Owner { .. } => {
                "make this user its owner and deny access to others (chown, chmod 700), or name another directory with --state-dir".to_owned()
            }
            Self::Damaged { number, .. } => format!(
                "check the table, then run `ipvsh recover --discard {number}` to set the record aside"
            ),
            Self::Numbers { path, .. } => format!("remove {path}: the number is then rebuilt from the existing records"),
            Self::Forgotten { .. } | Self::Missing { .. } => "`ipvsh history` lists the commits".to_owned(),
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
