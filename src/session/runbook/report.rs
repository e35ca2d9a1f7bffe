//! What became of a runbook: its steps, its waits, and its residue.

use std::time::Duration;

use crate::txn::{Change, Plan};

/// How a runbook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunbookEnd {
    /// Every step is done.
    Completed,
    /// It did not come to its end, and the table is as it was before.
    RolledBack,
    /// It did not come to its end, and what it had done stands, as it was asked to.
    Kept,
    /// It did not come to its end, and not all could be rolled back.
    Residue,
    /// It was rehearsed.
    Rehearsed,
}

impl RunbookEnd {
    /// Returns the word used in results and scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => "committed",
            Self::RolledBack => "rolled_back",
            Self::Kept => "kept",
            Self::Residue => "indeterminate",
            Self::Rehearsed => "planned",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    /// It goes on.
    Open,
    /// What it changes is committed, or there was nothing to change.
    Done,
    /// It did not go through.
    Failed,
    /// It left itself, and changed nothing.
    Left,
    /// It was done by an earlier run.
    Skipped,
}

impl StepEnd {
    /// Returns the word used in results and scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Left => "left",
            Self::Skipped => "skipped",
        }
    }
}

/// What became of an undo that a script has for a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoEnd {
    /// It ran.
    Done,
    /// It did not come to its end.
    Failed(String),
    /// It was not called, and says why.
    NotRun(String),
}

/// A wait, and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitReport {
    /// What for.
    pub what: String,
    /// How long.
    pub waited: Duration,
    /// Whether it came.
    pub came: bool,
}

/// What became of a step. What is committed between steps is one without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub end: StepEnd,
    /// What it changed; of several commits, one plan each.
    pub plans: Vec<Plan>,
    /// Its commits in the journal.
    pub commits: Vec<u64>,
    /// How long it took, its waits included.
    pub elapsed: Duration,
    /// What was waited for in it and behind it.
    pub waits: Vec<WaitReport>,
    /// Why it failed.
    pub cause: Option<String>,
    /// What became of its own undo, if it has one and that was wanted.
    pub undo: Option<UndoEnd>,
}

impl StepReport {
    /// Makes the report of a step that begins.
    #[must_use]
    pub fn begun(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            end: StepEnd::Open,
            plans: Vec::new(),
            commits: Vec::new(),
            elapsed: Duration::ZERO,
            waits: Vec::new(),
            cause: None,
            undo: None,
        }
    }

    /// Returns whether it is what was committed between steps.
    #[must_use]
    pub const fn is_between(&self) -> bool {
        self.name.is_empty()
    }

    /// Counts additions, edits and deletions.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut sum = (0, 0, 0);
        for (add, change, delete) in self.plans.iter().map(Plan::counts) {
            sum = (sum.0 + add, sum.1 + change, sum.2 + delete);
        }
        sum
    }
}

/// What became of a runbook.
#[must_use = "a runbook may have ended without being done"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunbookReport {
    /// Its name.
    pub name: String,
    /// Its number in the journal.
    pub number: Option<u64>,
    /// How it ended.
    pub end: RunbookEnd,
    /// Why it did not come to its end.
    pub cause: Option<String>,
    /// When it began, in UTC, RFC 3339.
    pub time: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Its steps, in order.
    pub steps: Vec<StepReport>,
    /// What would still restore the table before.
    pub left: Vec<Change>,
    /// What else went wrong during the rollback.
    pub complaints: Vec<String>,
}

impl RunbookReport {
    /// Returns the changes of all steps, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        let plans = self.steps.iter().flat_map(|step| &step.plans);
        plans.flat_map(Plan::changes)
    }
}
