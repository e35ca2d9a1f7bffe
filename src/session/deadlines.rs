//! Commits to a simulated table that roll back unless they are confirmed: on the simulation's own clock.
//!
//! A wait goes no further than the next deadline, so that what waits sees the table roll back at its time. What a wait does not reach is
//! left to the watcher, if the table has a file; without one the table ends with the program.

use std::time::Duration;

use super::Session;
use super::error::Error;
use crate::backend::LockWait;
use crate::journal::{EventKind, State};
use crate::txn::{CommitOptions, Guarding, Plan, Report};

/// A commit that rolls back at a time of the simulation's clock.
pub(super) struct Deadline {
    at: Duration,
    commit: Awaited,
}

enum Awaited {
    /// One with a record.
    Recorded(u64),
    /// One without: what reverses it.
    Unkept(Box<Plan>),
}

impl Session {
    /// Has a commit rolled back when so much time has passed in the simulation. A kernel's table has a watcher for that.
    pub(super) fn set_deadline(&mut self, time: Duration, report: &Report) {
        let at = self.live.now().saturating_add(time);
        let commit = match &report.recorded {
            Some(recorded) => Awaited::Recorded(recorded.number),
            None => Awaited::Unkept(Box::new(report.plan.reversed())),
        };
        if let Some(simulated) = &mut self.simulated {
            simulated.deadlines.push(Deadline { at, commit });
        }
    }

    /// Keeps the last commit without a record that awaits it.
    pub(super) fn keep_unkept(&mut self) {
        if let Some(simulated) = &mut self.simulated {
            let is_unkept = |deadline: &Deadline| matches!(deadline.commit, Awaited::Unkept(_));
            if let Some(place) = simulated.deadlines.iter().rposition(is_unkept) {
                simulated.deadlines.remove(place);
            }
        }
    }

    /// Returns how long it is until the next deadline.
    pub(super) fn until_deadline(&self) -> Option<Duration> {
        let deadlines = &self.simulated.as_ref()?.deadlines;
        let next = deadlines.iter().map(|deadline| deadline.at).min()?;
        Some(next.saturating_sub(self.live.now()))
    }

    /// Rolls back what was not confirmed in time.
    pub(super) fn meet_deadlines(&mut self) -> Result<(), Error> {
        let now = self.live.now();
        let Some(simulated) = &mut self.simulated else {
            return Ok(());
        };
        let is_due = |deadline: &mut Deadline| deadline.at <= now;
        let due: Vec<Deadline> = simulated.deadlines.extract_if(.., is_due).collect();
        // The newest first: it may stand on an older one.
        for deadline in due.into_iter().rev() {
            match deadline.commit {
                Awaited::Recorded(number) => self.expire(number)?,
                Awaited::Unkept(plan) => self.expire_unkept(*plan)?,
            }
        }
        Ok(())
    }

    fn expire(&mut self, number: u64) -> Result<(), Error> {
        if !self.is_open_record(number)? {
            return Ok(());
        }
        let _lock = self.lock()?;
        let record = self.record(number)?;
        if matches!(record.state(), State::Unconfirmed { .. }) {
            let recovered = self.apply_recovery(record, EventKind::Expired)?;
            self.warn(&if recovered.residue.is_empty() {
                format!("commit {number} was not confirmed in time and is rolled back")
            } else {
                format!("commit {number} was not confirmed in time and is rolled back but for what others have changed since")
            });
        }
        Ok(())
    }

    fn expire_unkept(&mut self, plan: Plan) -> Result<(), Error> {
        let options = CommitOptions {
            lock: LockWait::NONE,
            guarding: &Guarding::default(),
        };
        let report =
            plan.commit(&mut self.live, &options, &mut ())
                .map_err(|error| match error {
                    crate::txn::CommitError::Backend(error) => Error::from(error),
                    crate::txn::CommitError::Unrecorded => Error::NoRecord,
                })?;
        self.warn(if report.outcome.is_success() {
            "a commit was not confirmed in time and is rolled back"
        } else {
            "a commit was not confirmed in time; it stands, as what it changed has been changed since"
        });
        Ok(())
    }
}
