//! Why a document can't be read.

use thiserror::Error;

/// A document that can't be read; nothing was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// The file can't be read.
    #[error("can't read {path}: {text}")]
    File {
        /// The file.
        path: String,
        /// The system's text.
        text: String,
    },
    /// The file is larger than allowed.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The contents are no table document.
    #[error("{path}:{line}:{column}: {text}")]
    Invalid {
        /// The file.
        path: String,
        /// The line, from 1; 0 if it is the whole.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        text: String,
    },
}

impl DocumentError {
    /// Returns the way out, if there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooLarge { .. } => Some("--max-size allows more".to_owned()),
            Self::Invalid { .. } => {
                Some("`ipvsh schema` prints the shape of a document".to_owned())
            }
            Self::File { .. } => None,
        }
    }
}
