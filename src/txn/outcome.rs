//! How a commit ended.

use std::fmt;
use std::time::Duration;

use super::change::{Action, Change};
use super::guard::Breach;
use super::plan::Plan;
use crate::backend::{BackendError, Holder, Refusal};
use crate::model::ObjectId;

/// Why a commit did not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel refused a change.
    Refused {
        /// Its place in the plan, from 1.
        number: usize,
        /// The changes in the plan.
        total: usize,
        /// What was refused, in words.
        operation: String,
        /// The object; `None` is the whole table.
        object: Option<ObjectId>,
        /// The kernel's answer.
        refusal: Refusal,
    },
    /// Answers were lost, so that it is not known what the kernel did.
    Lost,
    /// The way to the kernel failed.
    Backend(BackendError),
    /// The file of a simulated table could not be written; the table is what the file says.
    Unsaved {
        /// The file, and why.
        text: String,
    },
    /// A signal came.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The kernel acknowledged everything, and what is read back is something else.
    Unverified {
        /// How the table differs from what was planned.
        differences: Vec<Change>,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                number,
                total,
                operation,
                refusal,
                ..
            } => {
                write!(
                    out,
                    "the kernel refused change {number} of {total}: {operation}\n       {}: {}",
                    refusal.errno, refusal.meaning
                )?;
                match &refusal.text {
                    Some(text) => write!(out, " (the kernel says: {text})"),
                    None => Ok(()),
                }
            }
            Self::Lost => out.write_str("replies from the kernel were lost"),
            Self::Backend(error) => error.fmt(out),
            Self::Unsaved { text } => out.write_str(text),
            Self::Interrupted { signal } => write!(out, "interrupted by signal {signal}"),
            Self::Unverified { differences } => {
                let count = differences.len();
                write!(
                    out,
                    "the kernel acknowledged every change, but {count} of them read back differently: another program is changing the table"
                )
            }
        }
    }
}

/// How a commit ended. The three families are: the table is as planned, the table is as before, or it is said
/// exactly what is left.
#[must_use = "a commit may have ended without being applied"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every change was made and read back.
    Committed,
    /// There was nothing to do, and nothing was sent.
    Unchanged,
    /// The table is as it was before.
    RolledBack {
        /// Why.
        cause: Cause,
        /// Changes that had been made and were rolled back.
        undone: usize,
    },
    /// Something the plan touches had changed since it was read. Nothing was sent.
    Conflict {
        /// What someone else did.
        differences: Vec<Change>,
    },
    /// Guards refuse it. Nothing was sent.
    Guarded {
        /// What they refuse.
        breaches: Vec<Breach>,
    },
    /// Another program held the commit lock. Nothing was sent.
    Locked {
        /// How long it was waited for.
        waited: Duration,
        /// Who held it; `None` can't be seen from here.
        by: Option<Holder>,
    },
    /// The table is neither as planned nor as before.
    Indeterminate {
        /// Why.
        cause: Cause,
        /// The changes that would restore the table before.
        residue: Vec<Change>,
        /// Why it could not be read what is left, if it couldn't; then the residue is what may be left.
        unread: Option<BackendError>,
    },
}

impl Outcome {
    /// Returns the word used in results and scripts.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Unchanged => "unchanged",
            Self::RolledBack { .. } => "rolled_back",
            Self::Conflict { .. } => "conflict",
            Self::Guarded { .. } => "guarded",
            Self::Locked { .. } => "locked",
            Self::Indeterminate { .. } => "indeterminate",
        }
    }

    /// Returns whether the table is as planned.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Committed | Self::Unchanged)
    }

    /// Returns whether requests may have reached the kernel.
    #[must_use]
    pub const fn may_have_sent(&self) -> bool {
        matches!(
            self,
            Self::Committed | Self::RolledBack { .. } | Self::Indeterminate { .. }
        )
    }
}

/// Where a commit is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The number of its record.
    pub number: u64,
    /// What it is called.
    pub label: Option<String>,
    /// The commits that it undoes, the newest first.
    pub undoes: Vec<u64>,
    /// Until when it must be confirmed, as a time of day; else it rolls back automatically.
    pub confirm_by: Option<String>,
}

/// A plan and how its commit ended.
#[must_use = "a commit may have ended without being applied"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was planned.
    pub plan: Plan,
    /// How it ended.
    pub outcome: Outcome,
    /// Actions that the kernel refused after the changes were committed, with its answer.
    pub failed_actions: Vec<(Action, String)>,
    /// How long it took.
    pub elapsed: Duration,
    /// Where it is kept, if it is.
    pub recorded: Option<Recorded>,
    /// Where the table is that it changed.
    pub place: TablePlace,
}

/// What becomes of a table when the program ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TablePlace {
    /// It stays: the kernel's, or one in a file.
    #[default]
    Lasting,
    /// It is gone: a simulated one without a file.
    Memory,
}

impl Report {
    /// Returns a copy that knows what was done and no longer the tables around it.
    #[must_use = "the report itself stays"]
    pub fn without_tables(&self) -> Self {
        Self {
            plan: self.plan.without_tables(),
            outcome: self.outcome.clone(),
            failed_actions: self.failed_actions.clone(),
            elapsed: self.elapsed,
            recorded: self.recorded.clone(),
            place: self.place,
        }
    }
}
