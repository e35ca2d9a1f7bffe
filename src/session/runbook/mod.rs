//! Runbooks: commits step by step, rolled back as a whole.
//!
//! A runbook has an open record in the journal, locked for as long as its program lives, and every commit that is made
//! meanwhile names it. [`Runbooks`] is the state. `run` begins it, goes on step by step and ends it; `rollback` rolls it back;
//! `resume` finds out what an earlier run has done; `report` is what became of it.

pub(in crate::session) mod options;
mod rehearsed;
pub(in crate::session) mod report;
mod resume;
pub(in crate::session) mod rollback;
pub(in crate::session) mod run;

use std::time::Duration;

use super::narrator::Narrator;
use crate::journal::Alive;
use crate::txn::{Change, Plan, PlanNotes, Report};
use options::{RunbookError, RunbookOptions};
use report::{RunbookEnd, RunbookReport, StepEnd, StepReport, WaitReport};

/// Why a runbook does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A signal came, or whoever watches it said no.
    Interrupted(String),
    /// Something failed.
    Failed(String),
    /// Its script left it on purpose: what it did is not wanted.
    Dropped(String),
}

impl StopReason {
    /// Returns the reason in words.
    #[must_use]
    pub fn text(&self) -> &str {
        let (Self::Interrupted(text) | Self::Failed(text) | Self::Dropped(text)) = self;
        text
    }
}

/// Something that an open runbook has done and that can be rolled back.
#[derive(Clone, Debug)]
enum Reversible {
    /// It committed something.
    Commit {
        /// Its place in the commits of the session.
        serial: usize,
        /// Its number in the journal.
        number: Option<u64>,
        /// What it did.
        plan: Box<Plan>,
    },
    /// A step began that has an undo of its own.
    OwnUndo(usize),
}

/// Steps that an earlier run has done, for a run that begins behind them.
#[derive(Clone, Debug)]
struct ResumePoint {
    from: String,
    run: u64,
    /// Each with its commits.
    steps: Vec<(String, Vec<u64>)>,
}

/// Where the commits of a runbook are recorded.
enum RunbookRecord {
    /// Nothing is committed: it runs in a rehearsal.
    Rehearsed,
    /// No journal is kept.
    NotKept,
    /// In the journal, under this number, and its program is known to live.
    Kept { number: u64, _alive: Alive },
}

/// What of a runbook was not rolled back, for whoever recovers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Unfinished {
    /// Nothing: it is over.
    #[default]
    Nothing,
    /// Something could not be recorded.
    Record,
    /// A commit could not be rolled back, so that those before it can't either.
    Commits,
}

/// What a runbook is doing.
enum Phase {
    /// It goes on step by step.
    Steps {
        /// How many blocks are open around a step.
        depth: usize,
        /// The steps that are in place already.
        resume: Option<ResumePoint>,
        /// When the open step began.
        step_begun: Option<Duration>,
    },
    /// It is rolled back: what the undos of its script commit is no part of it.
    RollingBack(Rollback),
}

/// How far a rollback has come.
#[derive(Default)]
struct Rollback {
    residue: Vec<Change>,
    complaints: Vec<String>,
    unfinished: Unfinished,
}

/// A runbook that is open.
struct OpenRunbook {
    options: RunbookOptions,
    record: RunbookRecord,
    phase: Phase,
    reversibles: Vec<Reversible>,
    steps: Vec<StepReport>,
    /// A signal that waits until the rollback is over.
    signal: Option<i32>,
    begun: Duration,
    time: String,
}

impl OpenRunbook {
    const fn is_rehearsed(&self) -> bool {
        matches!(self.record, RunbookRecord::Rehearsed)
    }

    const fn number(&self) -> Option<u64> {
        match self.record {
            RunbookRecord::Kept { number, .. } => Some(number),
            RunbookRecord::Rehearsed | RunbookRecord::NotKept => None,
        }
    }

    const fn is_rolling_back(&self) -> bool {
        matches!(self.phase, Phase::RollingBack(_))
    }

    const fn is_in_step(&self) -> bool {
        matches!(
            self.phase,
            Phase::Steps {
                step_begun: Some(_),
                ..
            }
        )
    }

    const fn resume(&self) -> Option<&ResumePoint> {
        match &self.phase {
            Phase::Steps { resume, .. } => resume.as_ref(),
            Phase::RollingBack(_) => None,
        }
    }

    const fn rollback(&mut self) -> Option<&mut Rollback> {
        match &mut self.phase {
            Phase::Steps { .. } => None,
            Phase::RollingBack(rollback) => Some(rollback),
        }
    }

    /// Returns the report of what was done.
    fn report(self, end: RunbookEnd, cause: Option<String>, now: Duration) -> RunbookReport {
        let number = self.number();
        let rollback = match self.phase {
            Phase::Steps { .. } => Rollback::default(),
            Phase::RollingBack(rollback) => rollback,
        };
        RunbookReport {
            name: self.options.name,
            number,
            end,
            cause,
            time: self.time,
            elapsed: now.saturating_sub(self.begun),
            steps: self.steps,
            left: rollback.residue,
            complaints: rollback.complaints,
        }
    }

    /// Returns the step that something belongs to which happens now: the open one, or the one that holds what is done
    /// between steps.
    fn current(&mut self) -> &mut StepReport {
        let between = self.steps.last().is_some_and(StepReport::is_between);
        if !self.is_in_step() && !between {
            self.steps.push(StepReport {
                end: StepEnd::Done,
                ..StepReport::begun("")
            });
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn step_count(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_between()).count()
    }

    fn add_reversible(&mut self, serial: usize, report: &Report) {
        self.reversibles.push(Reversible::Commit {
            serial,
            number: report.recorded.as_ref().map(|recorded| recorded.number),
            plan: Box::new(Plan::restored(
                report.plan.before_after(),
                PlanNotes::default(),
            )),
        });
    }
}

/// The runbook that is open, and those that were.
#[derive(Default)]
pub(in crate::session) struct Runbooks {
    open: Option<OpenRunbook>,
    reports: Vec<RunbookReport>,
    /// The step that the next runbook begins with.
    first_step: Option<String>,
    /// Whether changes are refused that no step of a runbook makes.
    pub(in crate::session) only_in_steps: bool,
    /// Whether transactions of a rehearsal are reported one by one.
    reports_rehearsed: bool,
}

impl Runbooks {
    /// Returns whether a runbook is open.
    pub(in crate::session) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns whether a record is that of the runbook that is open here.
    pub(in crate::session) fn is_own(&self, number: u64) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|runbook| runbook.number() == Some(number))
    }

    /// Returns the open runbook, if its commits belong to it.
    fn going_on(&mut self) -> Option<&mut OpenRunbook> {
        let open = self.open.as_mut();
        open.filter(|runbook| !runbook.is_rolling_back())
    }

    /// Returns the options of the open runbook.
    pub(in crate::session) fn options(&self) -> Option<&RunbookOptions> {
        self.open.as_ref().map(|runbook| &runbook.options)
    }

    /// Returns the record that a commit belongs to which is made now.
    pub(in crate::session) fn record_of_commit(&self) -> Option<u64> {
        let open = self.open.as_ref();
        let open = open.filter(|runbook| !runbook.is_rolling_back());
        open.and_then(OpenRunbook::number)
    }

    /// Adds a commit to the open runbook.
    pub(in crate::session) fn add_commit(&mut self, serial: usize, report: &Report) {
        let Some(runbook) = self.going_on() else {
            return;
        };
        runbook.add_reversible(serial, report);
        let number = report.recorded.as_ref().map(|recorded| recorded.number);
        let step = runbook.current();
        step.plans.push(report.plan.without_tables());
        step.commits.extend(number);
    }

    /// Adds a commit that did not go through and left residue: the rollback begins with it.
    pub(in crate::session) fn add_residue(&mut self, report: &Report) {
        if let Some(runbook) = self.going_on() {
            runbook.add_reversible(0, report);
        }
    }

    /// Adds a wait to the open runbook, or to the rehearsed transaction that it came behind.
    fn add_wait(&mut self, wait: WaitReport) {
        if let Some(runbook) = self.going_on() {
            match runbook.steps.last_mut() {
                Some(step) => step.waits.push(wait),
                None => runbook.current().waits.push(wait),
            }
        } else if self.reports_rehearsed && self.open.is_none() {
            let last = self.reports.last_mut();
            if let Some(step) = last.and_then(|report| report.steps.last_mut()) {
                step.waits.push(wait);
            }
        }
    }

    /// Refuses a commit before the step that a run is to begin with: it would be made again.
    pub(in crate::session) fn refuse_before_first_step(&self) -> Result<(), RunbookError> {
        if self.only_in_steps && self.open.is_none() {
            return Err(RunbookError::OutsideOfSteps);
        }
        let resume = self.open.as_ref().and_then(OpenRunbook::resume);
        let (from, text) = match (&self.first_step, resume) {
            (Some(from), _) => (from, "the script makes a change before the first runbook"),
            (None, Some(resume)) => (
                &resume.from,
                "the script makes a change between earlier steps, which would be made again",
            ),
            (None, None) => return Ok(()),
        };
        Err(RunbookError::NotInPlace {
            from: from.clone(),
            text: text.to_owned(),
        })
    }
}

/// Tells who narrates, if anyone does.
fn tell(narrator: Option<&std::rc::Rc<dyn Narrator>>, work: impl FnOnce(&dyn Narrator)) {
    if let Some(narrator) = narrator {
        work(narrator.as_ref());
    }
}
