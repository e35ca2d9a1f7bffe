//! Rolling a runbook back: its commits in reverse, each by its own inverse, and the undos that a script has for its steps in
//! between.
//!
//! Only what still is as a commit left it is inverted. A runbook whose program is gone is rolled back by the next one that
//! finds its record, as far as the table goes: the undos of its script are gone with the script.

use std::time::Duration;

use super::report::UndoEnd;
use super::{Phase, Reversible, Rollback, StopReason, Unfinished, tell};
use crate::backend::Lock;
use crate::journal::{Event, EventKind, OnFailure, Record, State};
use crate::model::ObjectId;
use crate::session::{Direction, Error, ErrorKind, HistoryError, Recovered, Session};
use crate::txn::{Change, Plan};

impl Session {
    /// Begins to roll back the open runbook, unless what it did is to be kept. Signals are put off until it is over.
    /// Returns whether it is rolled back.
    pub fn begin_rollback(&mut self, why: &StopReason) -> bool {
        let signal = self.interrupt.take();
        let Some(runbook) = &mut self.runbooks.open else {
            return false;
        };
        runbook.signal = signal;
        let wanted = match why {
            StopReason::Interrupted(_) => runbook.options.interrupted,
            StopReason::Failed(_) => runbook.options.failed,
            StopReason::Dropped(_) => OnFailure::RollBack,
        };
        if runbook.is_rehearsed() || wanted == OnFailure::Keep {
            return false;
        }
        runbook.phase = Phase::RollingBack(Rollback::default());
        let name = runbook.options.name.clone();
        tell(self.narrator.as_ref(), |narrator| {
            narrator.rolls_back(&name, why.text());
        });
        true
    }

    /// Rolls back until a step comes that has an undo of its own, and returns its place; `None` is the end.
    pub fn roll_back_to_own_undo(&mut self) -> Option<usize> {
        loop {
            self.put_off_signal();
            match self.runbooks.open.as_mut()?.reversibles.pop()? {
                Reversible::OwnUndo(step) => return Some(step),
                Reversible::Commit {
                    serial,
                    number,
                    plan,
                } => self.roll_back_commit(serial, number, &plan),
            }
        }
    }

    /// Puts off a signal that came until the rollback is over.
    fn put_off_signal(&mut self) {
        let came = self.interrupt.take();
        if let Some(runbook) = &mut self.runbooks.open {
            runbook.signal = runbook.signal.or(came);
        }
    }

    /// Reports what became of the undo that a step has.
    pub fn undo_ended(&mut self, step: usize, end: UndoEnd) {
        // A signal ends one undo, not the rollback.
        self.put_off_signal();
        let Some(runbook) = &mut self.runbooks.open else {
            return;
        };
        let name = runbook.steps.get(step).map(|step| step.name.clone());
        if let (UndoEnd::Failed(text), Some(rollback)) = (&end, runbook.rollback()) {
            let name = name.unwrap_or_default();
            let text = format!("the undo of the step {name:?} failed: {text}");
            rollback.complaints.push(text);
        }
        if let Some(step) = runbook.steps.get_mut(step) {
            step.undo = Some(end);
        }
    }

    fn roll_back_commit(&mut self, serial: usize, number: Option<u64>, plan: &Plan) {
        let unfinished = |session: &mut Self| {
            let rollback = session.runbooks.open.as_mut()?.rollback()?;
            Some(rollback.unfinished)
        };
        let result = if unfinished(self) == Some(Unfinished::Commits) {
            Err(None)
        } else {
            self.revert_commit(number, plan).map_err(Some)
        };
        let Some(rollback) = self
            .runbooks
            .open
            .as_mut()
            .and_then(super::OpenRunbook::rollback)
        else {
            return;
        };
        match result {
            Ok((residue, unrecorded)) => {
                if residue.is_empty() {
                    self.history.commits.take_out(serial);
                }
                merge_residue(&mut rollback.residue, residue);
                if let Some(error) = unrecorded {
                    rollback.unfinished = Unfinished::Record;
                    let text = format!("rolled back, yet {error}");
                    rollback.complaints.push(text);
                }
            }
            Err(error) => {
                // Earlier commits can no longer be compared, because this one still covers them.
                rollback.unfinished = Unfinished::Commits;
                if let Some(error) = error {
                    let what = number.map_or_else(
                        || "a commit".to_owned(),
                        |number| format!("commit {number}"),
                    );
                    let text = format!("{what} could not be rolled back: {error}");
                    rollback.complaints.push(text);
                }
                let back = plan.changes().iter().rev().flat_map(Change::inverse);
                merge_residue(&mut rollback.residue, back.collect());
            }
        }
    }

    /// Reverts a commit. Returns what others changed since, and why the journal could not record it if it couldn't.
    fn revert_commit(
        &mut self,
        number: Option<u64>,
        plan: &Plan,
    ) -> Result<(Vec<Change>, Option<Error>), Error> {
        let _lock = self.lock_regardless()?;
        let Some(number) = number else {
            let (residue, unread) = plan.revert(&mut self.live);
            self.save()?;
            return match unread {
                Some(error) => Err(error.into()),
                None => Ok((residue, None)),
            };
        };
        let record = self.record(number)?;
        let residue = self.recover_table(&record, EventKind::RolledBackWithRunbook)?;
        let recorded = self.record_recovery(&record, EventKind::RolledBackWithRunbook, &residue);
        Ok((residue, recorded.err()))
    }

    /// Takes the commit lock; neither a signal nor time keeps from rolling back.
    fn lock_regardless(&mut self) -> Result<Lock, Error> {
        let usual = std::mem::replace(&mut self.terms.lock_wait, Duration::MAX);
        let lock = loop {
            match self.lock() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.put_off_signal();
                }
                other => break other,
            }
        };
        self.terms.lock_wait = usual;
        lock
    }

    /// Recovers a runbook whose program is gone: rolls back its commits, the latest first, unless they are to be kept. The
    /// commit lock is held.
    pub(in crate::session) fn recover_runbook(
        &mut self,
        record: Record,
        direction: Direction,
    ) -> Result<Recovered, Error> {
        let number = record.intent.number;
        let keeps = direction == Direction::Forward || wants_kept(&record);
        let mut residue = Vec::new();
        if keeps {
            let commits = self.history.journal()?.commits_of(number);
            for commit in commits.map_err(HistoryError::from)? {
                if commit.state().stands() {
                    let plan = commit.plan().map_err(HistoryError::from)?;
                    // Of an object the last commit counts.
                    let objects: Vec<ObjectId> =
                        plan.changes().iter().map(Change::object).collect();
                    residue.retain(|change: &Change| !objects.contains(&change.object()));
                    residue.extend(plan.missing(&mut self.live)?);
                }
            }
        } else {
            let commits = self.history.journal()?.commits_of(number);
            let commits = commits.map_err(HistoryError::from)?;
            // Also what an earlier attempt had to leave: it may be as it was left again, and is said in any case.
            let is_left = |commit: &Record| match commit.state() {
                State::Ended(EventKind::Indeterminate) => true,
                State::Ended(EventKind::RolledBackWithRunbook) => commit
                    .events
                    .last()
                    .is_some_and(|event| !event.left.is_empty()),
                state => state.stands(),
            };
            for commit in commits.into_iter().rev().filter(is_left) {
                let recovered = self.apply_recovery(commit, EventKind::RolledBackWithRunbook)?;
                merge_residue(&mut residue, recovered.residue);
            }
        }
        let kind = if keeps {
            EventKind::Kept
        } else {
            EventKind::Recovered
        };
        let event = Event {
            left: residue.iter().map(ToString::to_string).collect(),
            ..Event::now(kind)
        };
        self.note(&record, &event)?;
        let unrun = if keeps {
            Vec::new()
        } else {
            record.own_undos()
        };
        Ok(Recovered {
            record,
            kind,
            residue,
            unrun,
        })
    }
}

/// Merges residue; for each object the most recent entry wins.
fn merge_residue(residue: &mut Vec<Change>, more: Vec<Change>) {
    let objects: Vec<ObjectId> = more.iter().map(Change::object).collect();
    residue.retain(|change| !objects.contains(&change.object()));
    residue.extend(more);
}

/// Returns whether the commits of a runbook stay if its program is killed.
fn wants_kept(record: &Record) -> bool {
    let runbook = record.intent.runbook();
    runbook.is_some_and(|runbook| runbook.interrupted == OnFailure::Keep)
}
