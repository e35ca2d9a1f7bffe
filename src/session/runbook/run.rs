//! Running a runbook: it begins, goes on step by step, and ends.

use super::options::{RunbookError, RunbookOptions};
use super::report::{RunbookEnd, RunbookReport, StepEnd, StepReport};
use super::{OpenRunbook, Phase, Reversible, Rollback, RunbookRecord, Unfinished, tell};
use crate::config;
use crate::journal::{Body, Event, EventKind, Intent, RunbookBody, time_text};
use crate::session::commit::never_begun;
use crate::session::{BlockKind, CommitTerms, Ended, Error, HistoryError, Session};
use crate::txn::{Cause, Outcome, Plan};

/// Whether a step is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StepDecision {
    /// It is; a transaction is open for it, and this is its place in the runbook.
    Run(usize),
    /// It is in place: an earlier run did it.
    Skip,
}

/// Whether a step has an undo of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnUndo {
    /// Its script has one.
    Given,
    /// Only its commits are rolled back.
    None,
}

fn no_runbook() -> Error {
    let step = String::new();
    RunbookError::NoRunbook { step }.into()
}

impl Session {
    /// Has the next runbook begin with a step, if the journal proves that those before it are in place.
    pub fn begin_with_step(&mut self, step: Option<String>) {
        self.runbooks.first_step = step;
    }

    /// Returns the step that a runbook was to begin with, if none began.
    #[must_use]
    pub fn step_to_begin_with(&self) -> Option<&str> {
        self.runbooks.first_step.as_deref()
    }

    /// Refuses changes that no step of a runbook makes: each step is asked about.
    pub const fn only_in_steps(&mut self, only: bool) {
        self.runbooks.only_in_steps = only;
    }

    /// Returns what became of runbooks since the last call.
    pub fn take_runbooks(&mut self) -> Vec<RunbookReport> {
        std::mem::take(&mut self.runbooks.reports)
    }

    /// Begins a runbook.
    ///
    /// # Errors
    /// [`Error`] if one is open, or a transaction is, or it can't be recorded. Nothing was done.
    pub fn begin_runbook(&mut self, options: RunbookOptions) -> Result<(), Error> {
        let name = options.name.clone();
        if name.trim().is_empty() {
            return Err(RunbookError::NoName { what: "a runbook" }.into());
        }
        if let Some(open) = self.runbooks.options() {
            let name = open.name.clone();
            return Err(RunbookError::Nested { name }.into());
        }
        let is_rehearsed = self.is_rehearsing();
        if self.is_open() && !is_rehearsed {
            return Err(RunbookError::InTransaction { name }.into());
        }
        let resume = match self.runbooks.first_step.take() {
            Some(from) => Some(self.find_resume_point(&name, from)?),
            None => None,
        };
        let time = time_text(std::time::SystemTime::now());
        self.interrupt.hold();
        let record = if is_rehearsed {
            self.begin(BlockKind::Transaction)?;
            RunbookRecord::Rehearsed
        } else if self.history.log.is_some() {
            let mut intent = self.runbook_intent(&options, &time)?;
            let alive = self.history.journal()?.begin_runbook(&mut intent);
            RunbookRecord::Kept {
                _alive: alive.map_err(HistoryError::from)?,
                number: intent.number,
            }
        } else {
            RunbookRecord::NotKept
        };
        self.runbooks.open = Some(OpenRunbook {
            options,
            record,
            phase: Phase::Steps {
                depth: self.depth(),
                resume,
                step_begun: None,
            },
            reversibles: Vec::new(),
            steps: Vec::new(),
            signal: None,
            begun: self.now(),
            time,
        });
        tell(self.narrator.as_ref(), |narrator| {
            narrator.runbook_begins(&name);
        });
        Ok(())
    }

    fn runbook_intent(&mut self, options: &RunbookOptions, time: &str) -> Result<Intent, Error> {
        let origin = self.staging.origin.clone();
        let log = self.history.log()?;
        Ok(Intent {
            number: 0,
            time: time.to_owned(),
            author: config::author(),
            command: log.setup.command.clone(),
            typed: log.typed.clone(),
            label: Some(options.name.clone()),
            script: origin.map(|origin| format!("{}:{}", origin.source, origin.line)),
            table: log.table.clone(),
            body: Body::Runbook(RunbookBody {
                interrupted: options.interrupted,
                data: options.data.clone(),
            }),
        })
    }

    /// Begins a step: opens its transaction, unless an earlier run did it.
    ///
    /// # Errors
    /// [`Error`] if no runbook is open, it was declined, or it should be in place and is not.
    pub fn begin_step(&mut self, name: &str, undo: OwnUndo) -> Result<StepDecision, Error> {
        let step = name.to_owned();
        if step.trim().is_empty() {
            return Err(RunbookError::NoName { what: "a step" }.into());
        }
        let blocks = self.depth();
        let Some(runbook) = &mut self.runbooks.open else {
            return Err(RunbookError::NoRunbook { step }.into());
        };
        match &mut runbook.phase {
            Phase::Steps {
                depth,
                resume,
                step_begun: None,
            } if blocks <= *depth => {
                if resume.as_ref().is_some_and(|resume| resume.from != step) {
                    return self.skip_step(step);
                }
                *resume = None;
            }
            Phase::Steps { .. } | Phase::RollingBack(_) => {
                return Err(RunbookError::InStep { step }.into());
            }
        }
        let number = runbook.step_count() + 1;
        if !runbook.is_rehearsed() {
            self.ask_about_step(number, name)?;
        }
        let has_undo = undo == OwnUndo::Given;
        self.note_runbook(&Event {
            step: Some(step.clone()),
            has_undo,
            ..Event::now(EventKind::StepBegun)
        })?;
        self.begin(BlockKind::Transaction)?;
        let now = self.now();
        let mut place = 0;
        if let Some(runbook) = &mut self.runbooks.open {
            place = runbook.steps.len();
            if has_undo {
                runbook.reversibles.push(Reversible::OwnUndo(place));
            }
            runbook.steps.push(StepReport::begun(&step));
            if let Phase::Steps { step_begun, .. } = &mut runbook.phase {
                *step_begun = Some(now);
            }
        }
        tell(self.narrator.as_ref(), |narrator| {
            narrator.step_begins(number, name);
        });
        Ok(StepDecision::Run(place))
    }

    /// Passes over a step that an earlier run did.
    fn skip_step(&mut self, step: String) -> Result<StepDecision, Error> {
        let Some(runbook) = &mut self.runbooks.open else {
            return Err(RunbookError::NoRunbook { step }.into());
        };
        let Phase::Steps {
            resume: Some(resume),
            ..
        } = &mut runbook.phase
        else {
            unreachable!("BUG: a step is passed over on the way to another")
        };
        let done = resume.steps.first().is_some_and(|(done, _)| *done == step);
        if !done {
            let from = resume.from.clone();
            let text = format!(
                "step {step:?} comes first, and run {} did not complete it at this point",
                resume.run
            );
            return Err(RunbookError::NotInPlace { from, text }.into());
        }
        let (_, commits) = resume.steps.remove(0);
        let skipped = StepReport {
            end: StepEnd::Skipped,
            ..StepReport::begun(&step)
        };
        runbook.steps.push(skipped.clone());
        let number = runbook.step_count();
        // A later run may begin behind this one.
        self.note_runbook(&Event {
            step: Some(step),
            commits,
            ..Event::now(EventKind::StepDone)
        })?;
        tell(self.narrator.as_ref(), |narrator| {
            narrator.step_ended(number, &skipped);
        });
        Ok(StepDecision::Skip)
    }

    /// Asks whoever watches whether a step may begin.
    fn ask_about_step(&self, number: usize, name: &str) -> Result<(), Error> {
        let declines = |narrator: &std::rc::Rc<dyn crate::session::Narrator>| {
            !narrator.may_begin(number, name)
        };
        if !self.narrator.as_ref().is_some_and(declines) {
            return Ok(());
        }
        let Some(signal) = self.interrupt.signal() else {
            let step = name.to_owned();
            return Err(RunbookError::Declined { step }.into());
        };
        Err(never_begun(
            Plan::default(),
            Outcome::RolledBack {
                cause: Cause::Interrupted { signal },
                undone: 0,
            },
        ))
    }

    /// Returns what the commit of a step is called.
    #[must_use]
    pub fn step_label(&self, step: &str) -> String {
        match self.runbooks.options() {
            Some(options) => format!("{}: {step}", options.name),
            None => step.to_owned(),
        }
    }

    /// Ends the open step: commits what it staged.
    ///
    /// # Errors
    /// [`Error`] if the commit did not go through; the step failed then.
    pub fn end_step(&mut self, terms: CommitTerms) -> Result<Ended, Error> {
        match self.end_transaction(terms) {
            Ok(ended) => {
                if let Ended::Staged(plan) = &ended {
                    let plan = self.with_guard_notes(Plan::clone(plan));
                    if let Some(runbook) = &mut self.runbooks.open {
                        runbook.current().plans.push(plan);
                    }
                }
                self.close_step(StepEnd::Done, None);
                Ok(ended)
            }
            Err(error) => {
                self.close_step(StepEnd::Failed, Some(error.to_string()));
                Err(error)
            }
        }
    }

    /// Ends the open step without committing anything: it failed with a cause, or left itself.
    pub fn drop_step(&mut self, end: StepEnd, cause: Option<String>) {
        self.abandon();
        self.close_step(end, cause);
    }

    fn close_step(&mut self, end: StepEnd, cause: Option<String>) {
        let now = self.now();
        let Some(runbook) = &mut self.runbooks.open else {
            return;
        };
        let step = runbook.current();
        step.end = end;
        step.cause = cause;
        let place = runbook.steps.len() - 1;
        if let Phase::Steps { step_begun, .. } = &mut runbook.phase {
            let begun = step_begun.take().unwrap_or(now);
            runbook.steps[place].elapsed = now.saturating_sub(begun);
        }
        let step = runbook.steps[place].clone();
        let number = runbook.step_count();
        if end != StepEnd::Failed {
            let event = Event {
                step: Some(step.name.clone()),
                commits: step.commits.clone(),
                ..Event::now(EventKind::StepDone)
            };
            if let Err(error) = self.note_runbook(&event) {
                self.warn(error.to_string());
            }
        }
        tell(self.narrator.as_ref(), |narrator| {
            narrator.step_ended(number, &step);
        });
    }

    /// Ends the open runbook well.
    ///
    /// # Errors
    /// [`Error`] if it was to begin with a step that never came; then nothing of it was run.
    pub fn end_runbook(&mut self) -> Result<RunbookReport, Error> {
        let runbook = self.runbooks.open.as_ref().ok_or_else(no_runbook)?;
        if let Some(resume) = runbook.resume() {
            let (name, from) = (runbook.options.name.clone(), resume.from.clone());
            return Err(RunbookError::NoSuchStep { name, from }.into());
        }
        let mut end = RunbookEnd::Completed;
        if runbook.is_rehearsed() {
            end = RunbookEnd::Rehearsed;
            let _staged = self.end_transaction(CommitTerms::default())?;
        }
        self.close_runbook(end, None, EventKind::Committed)
    }

    /// Ends a runbook that did not come to its end; signals that were put off are back.
    ///
    /// # Errors
    /// [`Error`] if none is open.
    pub fn end_stopped(&mut self, why: &super::StopReason) -> Result<RunbookReport, Error> {
        let runbook = self.runbooks.open.as_mut().ok_or_else(no_runbook)?;
        let signal = runbook.signal;
        let is_rehearsed = runbook.is_rehearsed();
        let is_recorded = runbook.number().is_some();
        let has_done_nothing = runbook.reversibles.is_empty();
        let (end, kind) = match runbook.rollback() {
            _ if is_rehearsed => (RunbookEnd::RolledBack, EventKind::RolledBack),
            None if has_done_nothing => (RunbookEnd::RolledBack, EventKind::RolledBack),
            None => (RunbookEnd::Kept, EventKind::Kept),
            Some(rollback) => {
                if rollback.unfinished != Unfinished::Nothing && is_recorded {
                    let text = "run `ipvsh recover` to continue the rollback".to_owned();
                    rollback.complaints.push(text);
                }
                if rollback.residue.is_empty() {
                    (RunbookEnd::RolledBack, EventKind::RolledBack)
                } else {
                    (RunbookEnd::Residue, EventKind::Indeterminate)
                }
            }
        };
        if is_rehearsed {
            self.abandon();
        }
        let report = self.close_runbook(end, Some(why.text().to_owned()), kind);
        if let Some(signal) = signal {
            self.interrupt.raise(signal);
        }
        report
    }

    /// Closes the open runbook and keeps its report.
    fn close_runbook(
        &mut self,
        end: RunbookEnd,
        cause: Option<String>,
        kind: EventKind,
    ) -> Result<RunbookReport, Error> {
        let now = self.now();
        let mut runbook = self.runbooks.open.take().ok_or_else(no_runbook)?;
        let number = runbook.number();
        let rollback = runbook.rollback();
        let is_over = |rollback: &Rollback| rollback.unfinished == Unfinished::Nothing;
        let is_over = rollback.as_deref().is_none_or(is_over);
        if let Some(number) = number.filter(|_| is_over) {
            let residue = rollback.map(|rollback| rollback.residue.as_slice());
            let residue = residue.unwrap_or_default().iter();
            let event = Event {
                cause: cause.clone(),
                left: residue.map(ToString::to_string).collect(),
                ..Event::now(kind)
            };
            let noted = self
                .history
                .journal()
                .and_then(|journal| Ok(journal.close(number, &event)?));
            if let Err(error) = noted {
                self.warn(format!(
                    "runbook {number} has ended, but the journal could not record that: {error}; the next change may treat it as interrupted and roll it back: `ipvsh recover --forward` keeps what it did"
                ));
            }
        }
        self.interrupt.let_go();
        let report = runbook.report(end, cause, now);
        self.runbooks.reports.push(report.clone());
        tell(self.narrator.as_ref(), |narrator| {
            narrator.runbook_ended(&report);
        });
        Ok(report)
    }

    /// Notes something about the open runbook in the journal.
    fn note_runbook(&mut self, event: &Event) -> Result<(), HistoryError> {
        match self.runbooks.open.as_ref().and_then(OpenRunbook::number) {
            Some(number) => Ok(self.history.journal()?.note_step(number, event)?),
            None => Ok(()),
        }
    }
}
