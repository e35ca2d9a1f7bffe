//! Why a recording can't be written or read, in words.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::model::{reason, shown};

/// Why a recording can't be written or read.
#[derive(Clone, Debug, Error)]
pub enum RecordingError {
    /// A file or folder fails.
    #[error("{}: {text}", shown(&path.display().to_string()))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        text: String,
    },
    /// There is none.
    #[error("{} has no recording; `ipvsh record` makes one, and --recording names another place", shown(&path.display().to_string()))]
    None {
        /// Where it would be.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{} is no recording: it does not begin as one", shown(&path.display().to_string()))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another version wrote it.
    #[error("{} was recorded in format {version}, and this program reads format 1", shown(&path.display().to_string()))]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The recording begins later, or has nothing whole yet.
    #[error("the recording in {} has nothing from {wanted} or before; {first}", shown(&path.display().to_string()))]
    TooEarly {
        /// Where it is.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// When it begins, as a sentence.
        first: String,
    },
    /// It was played to its end.
    #[error("the recording ends at {time}")]
    Over {
        /// When its last snapshot was taken.
        time: String,
    },
    /// Connections were not recorded by then.
    #[error("the recording in {} has no connections from {wanted} or before; `ipvsh record --connections` records them", shown(&path.display().to_string()))]
    NoConnections {
        /// Where it is.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
    },
    /// Somebody else records the same table.
    #[error("another program records into {}, and a table is recorded once", shown(&path.display().to_string()))]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A frame is whole and can't be understood.
    #[error("{}: {text}", shown(&path.display().to_string()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        text: String,
    },
}

impl RecordingError {
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            text: reason(error),
        }
    }
}

impl From<RecordingError> for crate::session::Error {
    fn from(error: RecordingError) -> Self {
        Self::Recording(error.to_string())
    }
}
