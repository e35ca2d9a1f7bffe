//! The way back of a runbook: its commits in reverse, each by its own inverse, and the undos that a script has for its
//! steps in between.
//!
//! Only what still is as a commit left it is inverted. A runbook whose program is gone is rolled back by the next one that
//! finds its record, as far as the table goes: the undos of its script are gone with the script.

use super::Session;
use super::error::{Error, ErrorKind};
use super::keeping::RecordError;
use super::recovery::{Direction, Settled};
use super::runbook::Trail;
use super::terms::RunbookError;
use crate::journal::{Event, EventKind, Record, Remains, State};
use crate::model::ObjectId;
use crate::txn::{Change, Plan, RunbookEnd, RunbookReport, UndoEnd};

/// Why a runbook does not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A signal came, or whoever watches it said no.
    Interrupted(String),
    /// Something failed.
    Failed(String),
    /// Its script left it on purpose: what it did is not wanted.
    Dropped(String),
}

impl Session {
    /// Begins the way back of the open runbook, unless what it did is to be kept. Signals are put off until it is over.
    /// Tells whether there is a way to go.
    pub fn go_back(&mut self, why: &Stopped) -> bool {
        let signal = self.interrupt.take();
        let Some(running) = &mut self.running else {
            return false;
        };
        running.signal = signal;
        let remains = match why {
            Stopped::Interrupted(_) => running.options.interrupted,
            Stopped::Failed(_) => running.options.failed,
            Stopped::Dropped(_) => Remains::Restore,
        };
        if running.rehearsed || remains == Remains::Keep {
            return false;
        }
        running.goes_back = true;
        let name = running.options.name.clone();
        let (Stopped::Interrupted(cause) | Stopped::Failed(cause) | Stopped::Dropped(cause)) = why;
        self.tell(|narrator| narrator.goes_back(&name, cause));
        true
    }

    /// Goes back until a step comes that has an undo of its own, and returns its place; `None` is the end.
    pub fn go_back_to_undo(&mut self) -> Option<usize> {
        loop {
            self.put_off_signal();
            match self.running.as_mut()?.trail.pop()? {
                Trail::Undo(step) => return Some(step),
                Trail::Commit {
                    serial,
                    number,
                    plan,
                } => self.take_commit_back(serial, number, &plan),
            }
        }
    }

    /// Puts off a signal that came until the way back is over.
    fn put_off_signal(&mut self) {
        let came = self.interrupt.take();
        if let Some(running) = &mut self.running {
            running.signal = running.signal.or(came);
        }
    }

    /// Takes down what became of the undo that a step has.
    pub fn undo_ended(&mut self, step: usize, end: UndoEnd) {
        // A signal ends one undo, not the way back.
        self.put_off_signal();
        if let Some(running) = &mut self.running {
            if let UndoEnd::Failed(text) = &end {
                let name = running.steps.get(step).map(|step| step.name.clone());
                let name = name.unwrap_or_default();
                running
                    .complaints
                    .push(format!("the undo of the step {name:?} failed: {text}"));
            }
            if let Some(step) = running.steps.get_mut(step) {
                step.undo = Some(end);
            }
        }
    }

    fn take_commit_back(&mut self, serial: usize, number: Option<u64>, plan: &Plan) {
        let is_stuck = self.running.as_ref().is_some_and(|running| running.stuck);
        let result = if is_stuck {
            Err(None)
        } else {
            self.commit_taken_back(number, plan).map_err(Some)
        };
        let Some(running) = &mut self.running else {
            return;
        };
        match result {
            Ok((left, unnoted)) => {
                if left.is_empty() {
                    self.committed.take_out(serial);
                }
                keep_last(&mut running.left, left);
                if let Some(error) = unnoted {
                    running.unsettled = true;
                    running.complaints.push(format!("taken back, yet {error}"));
                }
            }
            Err(error) => {
                // Those before it are left to whoever goes on: what they left is no longer to be seen under this one.
                running.stuck = true;
                running.unsettled = true;
                if let Some(error) = error {
                    let what = number.map_or_else(
                        || "a commit".to_owned(),
                        |number| format!("commit {number}"),
                    );
                    running
                        .complaints
                        .push(format!("{what} could not be taken back: {error}"));
                }
                let back = plan.changes().iter().rev().flat_map(Change::inverse);
                keep_last(&mut running.left, back.collect());
            }
        }
    }

    /// Takes a commit back. Returns what others changed since, and why the journal could not note it if it couldn't.
    fn commit_taken_back(
        &mut self,
        number: Option<u64>,
        plan: &Plan,
    ) -> Result<(Vec<Change>, Option<Error>), Error> {
        let _lock = self.lock_regardless()?;
        let Some(number) = number else {
            let (left, unread) = plan.take_back(&mut self.live);
            self.save()?;
            return match unread {
                Some(error) => Err(error.into()),
                None => Ok((left, None)),
            };
        };
        let record = self.recorded(number)?;
        let left = self.lead_table(&record, EventKind::TakenBack)?;
        let noted = self.note_led(&record, EventKind::TakenBack, &left);
        Ok((left, noted.err()))
    }

    /// Takes the commit lock; neither a signal nor time keeps from the way back.
    fn lock_regardless(&mut self) -> Result<crate::backend::Lock, Error> {
        let usual = std::mem::replace(&mut self.lock_wait, std::time::Duration::MAX);
        let lock = loop {
            match self.lock() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.put_off_signal();
                }
                other => break other,
            }
        };
        self.lock_wait = usual;
        lock
    }

    /// Ends a runbook that did not come to its end; signals that were put off are back.
    ///
    /// # Errors
    /// [`Error`] if none is open.
    pub fn end_early(&mut self, why: Stopped, went_back: bool) -> Result<RunbookReport, Error> {
        let Some(running) = &mut self.running else {
            return Err(RunbookError::NoRunbook {
                step: String::new(),
            }
            .into());
        };
        let signal = running.signal;
        let has_left = !running.left.is_empty();
        let (end, kind) = match (running.rehearsed, went_back, has_left) {
            (true, ..) => (RunbookEnd::LedBack, EventKind::RolledBack),
            (false, false, _) if running.has_done_nothing() => {
                (RunbookEnd::LedBack, EventKind::RolledBack)
            }
            (false, false, _) => (RunbookEnd::Kept, EventKind::Kept),
            (false, true, false) => (RunbookEnd::LedBack, EventKind::RolledBack),
            (false, true, true) => (RunbookEnd::LeftOver, EventKind::Indeterminate),
        };
        if running.unsettled && running.number.is_some() {
            let text = "`ipvsh recover` goes on with the way back".to_owned();
            running.complaints.push(text);
        }
        if running.rehearsed {
            self.abandon();
        }
        let (Stopped::Interrupted(cause) | Stopped::Failed(cause) | Stopped::Dropped(cause)) = why;
        let report = self.finish_runbook(end, Some(cause), kind);
        if let Some(signal) = signal {
            self.interrupt.raise(signal);
        }
        report
    }

    /// Settles a runbook whose program is gone: rolls back its commits, the latest first, unless they are to be kept. The
    /// commit lock is held.
    pub(super) fn settle_runbook(
        &mut self,
        record: Record,
        direction: Direction,
    ) -> Result<Settled, Error> {
        let number = record.intent.number;
        let keeps = direction == Direction::Forward || record.intent.interrupted == Remains::Keep;
        let mut left = Vec::new();
        if keeps {
            let commits = self.kept()?.journal()?.commits_of(number);
            for commit in commits.map_err(RecordError::from)? {
                if commit.state().stands() {
                    let plan = commit.plan().map_err(RecordError::from)?;
                    // Of an object the last commit counts.
                    let objects: Vec<ObjectId> =
                        plan.changes().iter().map(Change::object).collect();
                    left.retain(|change: &Change| !objects.contains(&change.object()));
                    left.extend(plan.missing(&mut self.live)?);
                }
            }
        } else {
            let commits = self.kept()?.journal()?.commits_of(number);
            let commits = commits.map_err(RecordError::from)?;
            // Also what an earlier attempt had to leave: it may be as it was left again, and is said in any case.
            let is_left = |commit: &Record| match commit.state() {
                State::Ended(EventKind::Indeterminate) => true,
                State::Ended(EventKind::TakenBack) => commit
                    .events
                    .last()
                    .is_some_and(|event| !event.left.is_empty()),
                state => state.stands(),
            };
            for commit in commits.into_iter().rev().filter(is_left) {
                let settled = self.lead(commit, EventKind::TakenBack)?;
                keep_last(&mut left, settled.left);
            }
        }
        let kind = if keeps {
            EventKind::Kept
        } else {
            EventKind::Recovered
        };
        let event = Event {
            left: left.iter().map(ToString::to_string).collect(),
            ..Event::now(kind)
        };
        self.note(&record, &event)?;
        let unrun = if keeps {
            Vec::new()
        } else {
            record.own_undos()
        };
        Ok(Settled {
            record,
            kind,
            left,
            unrun,
        })
    }
}

/// Adds what is left of an earlier commit to what is left of later ones: of an object only the last counts.
fn keep_last(left: &mut Vec<Change>, more: Vec<Change>) {
    let objects: Vec<ObjectId> = more.iter().map(Change::object).collect();
    left.retain(|change| !objects.contains(&change.object()));
    left.extend(more);
}
