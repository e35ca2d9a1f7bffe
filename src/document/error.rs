//! Why a document can't be read.

use thiserror::Error;

use super::file_kind::FileKind;
use crate::model::{ObjectId, shown};

/// A document that can't be read; nothing was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// The file can't be read.
    #[error("can't read {}: {text}", shown(path))]
    File {
        /// The file.
        path: String,
        /// The system's text.
        text: String,
    },
    /// The file is larger than allowed.
    #[error("{} is larger than {limit} bytes", shown(path))]
    TooLarge {
        /// The file.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is of another kind.
    #[error("{}: {}", shown(path), kind.way_out(path))]
    OtherKind {
        /// The file.
        path: String,
        /// What it is.
        kind: FileKind,
    },
    /// The contents are no scenarios.
    #[error("{}{}: {text}", shown(path), line_place(*line))]
    Scenario {
        /// The file.
        path: String,
        /// The line, from 1; 0 if it is the whole.
        line: usize,
        /// What is wrong.
        text: String,
    },
    /// The contents are no table document.
    #[error("{}{}: {text}", shown(path), place(*line, *column))]
    Invalid {
        /// The file.
        path: String,
        /// The line, from 1; 0 if it is the whole.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        text: String,
        /// The object it is about, if it is one.
        object: Option<ObjectId>,
    },
}

fn place(line: usize, column: usize) -> String {
    match line {
        0 => String::new(),
        _ => format!(":{line}:{column}"),
    }
}

fn line_place(line: usize) -> String {
    match line {
        0 => String::new(),
        _ => format!(":{line}"),
    }
}

impl DocumentError {
    /// Forgets the place, which says nothing about a text that nobody wrote.
    #[must_use]
    pub fn without_place(mut self) -> Self {
        if let Self::Invalid { line, .. } = &mut self {
            *line = 0;
        }
        self
    }

    /// Puts another place in place of the line, as the text that was read was made of another one.
    #[must_use]
    pub(super) fn placed_by(mut self, place: impl Fn(usize) -> (usize, usize)) -> Self {
        if let Self::Invalid { line, column, .. } = &mut self
            && *line > 0
        {
            (*line, *column) = place(*line);
        }
        self
    }

    /// Returns the way out, if there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooLarge { .. } => Some("--max-size allows more".to_owned()),
            Self::Invalid { .. } => Some(
                "`ipvsh help documents` explains the shape of a document, `ipvsh schema` prints it"
                    .to_owned(),
            ),
            Self::Scenario { .. } => {
                Some("`ipvsh help scenarios` explains the shape of a scenario".to_owned())
            }
            Self::File { .. } | Self::OtherKind { .. } => None,
        }
    }
}
