//! Runbooks: commits step by step, and one way back for all of them.
//!
//! A runbook has an open record in the journal, locked for as long as its program lives, and every commit that is made
//! meanwhile names it. Here it begins, goes on step by step, and ends; `way_back` rolls it back.

use std::time::Duration;

use super::Session;
use super::error::Error;
use super::keeping::{Reason, RecordError};
use super::layers::{Ended, LayerKind};
use super::proof::Proof;
use super::terms::{RunbookError, RunbookOptions};
use crate::config;
use crate::journal::{Alive, Event, EventKind, Intent, RecordKind, Summary, time_text};
use crate::txn::{Cause, Change, Outcome, Plan, RunbookEnd, RunbookReport, StepEnd, StepReport};

/// Whether a step is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum StepWay {
    /// It is; a transaction is open for it, and this is its place in the runbook.
    Run(usize),
    /// It is in place: an earlier run did it.
    Skip,
}

/// What a runbook has done, in order.
#[derive(Clone, Debug)]
pub(super) enum Trail {
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
    Undo(usize),
}

/// A runbook that is open.
pub(super) struct Running {
    pub(super) options: RunbookOptions,
    pub(super) number: Option<u64>,
    pub(super) rehearsed: bool,
    pub(super) trail: Vec<Trail>,
    pub(super) steps: Vec<StepReport>,
    pub(super) signal: Option<i32>,
    pub(super) left: Vec<Change>,
    pub(super) complaints: Vec<String>,
    /// Whether the journal still has something to do about it.
    pub(super) unsettled: bool,
    /// Whether a commit could not be taken back, so that those before it can't either.
    pub(super) stuck: bool,
    /// Whether it is on its way back: what the undos of its script commit is no part of it.
    pub(super) goes_back: bool,
    /// The blocks that are open around a step.
    depth: usize,
    proof: Option<Proof>,
    step_begun: Option<Duration>,
    begun: Duration,
    time: String,
    alive: Option<Alive>,
}

impl Running {
    /// Returns the report of what was done.
    pub(super) fn report(
        self,
        end: RunbookEnd,
        cause: Option<String>,
        now: Duration,
    ) -> RunbookReport {
        RunbookReport {
            name: self.options.name,
            number: self.number,
            end,
            cause,
            time: self.time,
            elapsed: now.saturating_sub(self.begun),
            steps: self.steps,
            left: self.left,
            complaints: self.complaints,
        }
    }

    /// Returns the step that something belongs to which happens now: the open one, or the one that holds what is done
    /// between steps.
    pub(super) fn current(&mut self) -> &mut StepReport {
        let is_open = self.step_begun.is_some();
        let between = self.steps.last().is_some_and(StepReport::is_between);
        if !is_open && !between {
            self.steps.push(StepReport {
                end: StepEnd::Done,
                ..StepReport::begun("")
            });
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// Tells whether there is nothing to roll back.
    pub(super) const fn has_done_nothing(&self) -> bool {
        self.trail.is_empty()
    }

    fn step_count(&self) -> usize {
        self.steps.iter().filter(|step| !step.is_between()).count()
    }
}

impl Session {
    /// Has the next runbook begin with a step, if the journal proves that those before it are in place.
    pub fn begin_from(&mut self, step: Option<String>) {
        self.from = step;
    }

    /// Returns what became of runbooks since the last call.
    pub fn take_runbooks(&mut self) -> Vec<RunbookReport> {
        std::mem::take(&mut self.runbooks)
    }

    /// Tells whether a runbook is the one that is open here.
    pub(super) fn is_own_runbook(&self, number: u64) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.number == Some(number))
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
        if let Some(running) = &self.running {
            let name = running.options.name.clone();
            return Err(RunbookError::Nested { name }.into());
        }
        let rehearsed = self.is_rehearsing();
        if self.is_open() && !rehearsed {
            return Err(RunbookError::InTransaction { name }.into());
        }
        let proof = match self.from.take() {
            Some(from) => Some(self.prove(&name, from)?),
            None => None,
        };
        let mut running = Running {
            options,
            number: None,
            rehearsed,
            trail: Vec::new(),
            steps: Vec::new(),
            signal: None,
            left: Vec::new(),
            complaints: Vec::new(),
            unsettled: false,
            stuck: false,
            goes_back: false,
            depth: 0,
            proof,
            step_begun: None,
            begun: self.now(),
            time: time_text(std::time::SystemTime::now()),
            alive: None,
        };
        self.interrupt.hold();
        if rehearsed {
            self.begin(LayerKind::Transaction)?;
            running.depth = self.depth();
        } else if self.keeping.is_some() {
            let mut intent = self.runbook_intent(&running)?;
            let alive = self.kept()?.journal()?.begin_runbook(&mut intent);
            running.alive = Some(alive.map_err(RecordError::from)?);
            running.number = Some(intent.number);
        }
        self.running = Some(running);
        self.tell(|narrator| narrator.runbook_begins(&name));
        Ok(())
    }

    fn runbook_intent(&mut self, running: &Running) -> Result<Intent, Error> {
        let origin = self.origin.clone();
        let keeping = self.kept()?;
        let setup = &keeping.setup;
        Ok(Intent {
            kind: RecordKind::Runbook,
            number: 0,
            time: running.time.clone(),
            author: config::author(),
            command: setup.command.clone(),
            typed: keeping.typed.clone(),
            label: Some(running.options.name.clone()),
            script: origin.map(|origin| format!("{}:{}", origin.source, origin.line)),
            undoes: Vec::new(),
            confirm_seconds: None,
            table: setup.table.clone(),
            summary: Summary::default(),
            runbook: None,
            overridden: Vec::new(),
            interrupted: running.options.interrupted,
            data: running.options.data.clone(),
        })
    }

    /// Begins a step: opens its transaction, unless an earlier run did it.
    ///
    /// # Errors
    /// [`Error`] if no runbook is open, it was declined, or it should be in place and is not.
    pub fn begin_step(&mut self, name: &str, has_undo: bool) -> Result<StepWay, Error> {
        let step = name.to_owned();
        if step.trim().is_empty() {
            return Err(RunbookError::NoName { what: "a step" }.into());
        }
        let depth = self.depth();
        let Some(running) = &mut self.running else {
            return Err(RunbookError::NoRunbook { step }.into());
        };
        if running.step_begun.is_some() || depth > running.depth {
            return Err(RunbookError::InStep { step }.into());
        }
        if let Some(proof) = &mut running.proof {
            if proof.from != step {
                let done = proof.steps.first().is_some_and(|(done, _)| *done == step);
                if !done {
                    let from = proof.from.clone();
                    let text = format!(
                        "the step {step:?} comes before it, and run {} did not do that at this place",
                        proof.run
                    );
                    return Err(RunbookError::NotInPlace { from, text }.into());
                }
                let (_, commits) = proof.steps.remove(0);
                running.steps.push(StepReport {
                    end: StepEnd::Skipped,
                    ..StepReport::begun(&step)
                });
                let number = running.step_count();
                let skipped = running.steps[running.steps.len() - 1].clone();
                // A later run may begin behind this one.
                self.note_runbook(&Event {
                    step: Some(step),
                    commits,
                    ..Event::now(EventKind::StepDone)
                })?;
                self.tell(|narrator| narrator.step_ended(number, &skipped));
                return Ok(StepWay::Skip);
            }
            running.proof = None;
        }
        let number = running.step_count() + 1;
        let rehearsed = running.rehearsed;
        if !rehearsed
            && let Some(narrator) = self.narrator.clone()
            && !narrator.may_begin(number, name)
        {
            let Some(signal) = self.interrupt.signal() else {
                return Err(RunbookError::Declined { step }.into());
            };
            let outcome = Outcome::RolledBack {
                cause: Cause::Interrupted { signal },
                undone: 0,
            };
            return Err(Error::Commit(Box::new(super::report_of(
                Plan::default(),
                outcome,
            ))));
        }
        self.note_runbook(&Event {
            step: Some(step.clone()),
            has_undo,
            ..Event::now(EventKind::StepBegun)
        })?;
        self.begin(LayerKind::Transaction)?;
        let now = self.now();
        let mut place = 0;
        if let Some(running) = &mut self.running {
            place = running.steps.len();
            if has_undo {
                running.trail.push(Trail::Undo(place));
            }
            running.steps.push(StepReport::begun(&step));
            running.step_begun = Some(now);
        }
        self.tell(|narrator| narrator.step_begins(number, name));
        Ok(StepWay::Run(place))
    }

    /// Returns what the commit of a step is called.
    #[must_use]
    pub fn step_label(&self, step: &str) -> String {
        match &self.running {
            Some(running) => format!("{}: {step}", running.options.name),
            None => step.to_owned(),
        }
    }

    /// Ends the open step: commits what it staged.
    ///
    /// # Errors
    /// [`Error`] if the commit did not go through; the step failed then.
    pub fn end_step(&mut self, reason: Reason) -> Result<Ended, Error> {
        match self.end_transaction(reason) {
            Ok(ended) => {
                if let Ended::Staged(plan) = &ended {
                    let plan = self.with_guard_notes(Plan::clone(plan));
                    if let Some(running) = &mut self.running {
                        running.current().plans.push(plan);
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
        let Some(running) = &mut self.running else {
            return;
        };
        let begun = running.step_begun.unwrap_or(now);
        let step = running.current();
        step.end = end;
        step.cause = cause;
        step.elapsed = now.saturating_sub(begun);
        let step = step.clone();
        running.step_begun = None;
        let number = running.step_count();
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
        self.tell(|narrator| narrator.step_ended(number, &step));
    }

    /// Ends the open runbook well.
    ///
    /// # Errors
    /// [`Error`] if it was to begin with a step that never came; then nothing of it was run.
    pub fn end_runbook(&mut self) -> Result<RunbookReport, Error> {
        let Some(running) = &self.running else {
            return Err(RunbookError::NoRunbook {
                step: String::new(),
            }
            .into());
        };
        if let Some(proof) = &running.proof {
            let (name, from) = (running.options.name.clone(), proof.from.clone());
            return Err(RunbookError::NoSuchStep { name, from }.into());
        }
        let mut end = RunbookEnd::Completed;
        if running.rehearsed {
            end = RunbookEnd::Rehearsed;
            let _staged = self.end_transaction(Reason::default())?;
        }
        self.finish_runbook(end, None, EventKind::Committed)
    }

    /// Closes the open runbook and keeps its report.
    pub(super) fn finish_runbook(
        &mut self,
        end: RunbookEnd,
        cause: Option<String>,
        kind: EventKind,
    ) -> Result<RunbookReport, Error> {
        let now = self.now();
        let Some(running) = self.running.take() else {
            return Err(RunbookError::NoRunbook {
                step: String::new(),
            }
            .into());
        };
        if let Some(number) = running.number.filter(|_| !running.unsettled) {
            let event = Event {
                cause: cause.clone(),
                left: running.left.iter().map(ToString::to_string).collect(),
                ..Event::now(kind)
            };
            let noted = self
                .kept()
                .and_then(|keeping| Ok(keeping.journal()?.note(number, &event, true)?));
            if let Err(error) = noted {
                self.warn(format!(
                    "runbook {number} is over, and the journal could not take that down: {error}; the next change may find it cut off and roll it back: `ipvsh recover --forward` keeps what it did"
                ));
            }
        }
        self.interrupt.let_go();
        let report = running.report(end, cause, now);
        self.runbooks.push(report.clone());
        self.tell(|narrator| narrator.runbook_ended(&report));
        Ok(report)
    }

    /// Notes something about the open runbook in the journal.
    fn note_runbook(&mut self, event: &Event) -> Result<(), RecordError> {
        let Some(number) = self.running.as_ref().and_then(|running| running.number) else {
            return Ok(());
        };
        let journal = self.kept()?.journal()?;
        Ok(journal.note_step(number, event)?)
    }

    /// Refuses a commit before the step that a run is to begin with: it would be made again.
    pub(super) fn refuse_before_proof(&self) -> Result<(), RunbookError> {
        let running = self.running.as_ref();
        if self.only_in_steps && running.is_none() {
            return Err(RunbookError::OutsideOfSteps);
        }
        let proof = running.and_then(|running| running.proof.as_ref());
        match (&self.from, proof) {
            (Some(from), _) => Err(RunbookError::NotInPlace {
                from: from.clone(),
                text: "something is to be changed before any runbook began".to_owned(),
            }),
            (None, Some(proof)) => Err(RunbookError::NotInPlace {
                from: proof.from.clone(),
                text: "something is to be changed between the steps before it, which would be made again".to_owned(),
            }),
            (None, None) => Ok(()),
        }
    }

    /// Returns the step that a runbook was to begin with, if none began.
    #[must_use]
    pub fn is_to_begin_from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    pub(super) fn tell(&self, work: impl FnOnce(&dyn super::Narrator)) {
        if let Some(narrator) = &self.narrator {
            work(narrator.as_ref());
        }
    }
}
