//! Changes that were seen while somebody looked on.

use std::time::SystemTime;

use serde::Serialize;

use super::envelope::{ChangeShape, change_shape};
use crate::journal::time_text;
use crate::observe::{By, SeenChange};

/// Who changed something.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum ByShape {
    /// A commit of this program.
    Commit {
        /// Its number in the journal.
        commit: u64,
        /// Who committed.
        who: String,
        /// What it is called, or null.
        label: Option<String>,
    },
    /// `foreign`: no commit of this program; `null`: that can't be told.
    Other(Option<&'static str>),
}

/// A change that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenChangeShape {
    /// When it was seen, in UTC, RFC 3339: it was made since the look before.
    pub time: String,
    /// The change, as in plans.
    #[serde(flatten)]
    pub change: ChangeShape,
    /// Who made it: a commit with its number, `foreign`, or null where that can't be told.
    pub by: ByShape,
}

impl From<&By> for ByShape {
    fn from(by: &By) -> Self {
        match by {
            By::Commit { number, who, label } => Self::Commit {
                commit: *number,
                who: who.clone(),
                label: label.clone(),
            },
            By::Foreign => Self::Other(Some("foreign")),
            By::Unknown => Self::Other(None),
        }
    }
}

impl SeenChangeShape {
    /// Makes the shape of a change that was seen at a time.
    #[must_use]
    pub fn new(seen: &SeenChange, time: SystemTime) -> Self {
        Self {
            time: time_text(time),
            change: change_shape(&seen.change),
            by: ByShape::from(&seen.by),
        }
    }
}
