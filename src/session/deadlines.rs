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
    /// Its number among the commits of the session.
    serial: usize,
}

enum Awaited {
    /// One with a record.
    Recorded(u64),
    /// One without: what reverses it.
    Unkept(Box<Plan>),
}

impl Session {
    /// Has a commit rolled back when so much time has passed in the simulation. A kernel's table has a watcher for that.
    pub(super) fn set_deadline(&mut self, time: Duration, serial: usize, report: &Report) {
        let at = self.live.now().saturating_add(time);
        let commit = match &report.recorded {
            Some(recorded) => Awaited::Recorded(recorded.number),
            None => Awaited::Unkept(Box::new(report.plan.reversed())),
        };
        if let Some(simulated) = &mut self.simulated {
            simulated.deadlines.push(Deadline { at, commit, serial });
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
            let is_gone = match deadline.commit {
                Awaited::Recorded(number) => self.expire(number)?,
                Awaited::Unkept(plan) => self.expire_unkept(*plan)?,
            };
            if is_gone {
                self.history.commits.take_out(deadline.serial);
            }
        }
        Ok(())
    }

    /// Returns whether it does not stand any more.
    fn expire(&mut self, number: u64) -> Result<bool, Error> {
        if !self.is_open_record(number)? {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let record = self.record(number)?;
        if !matches!(record.state(), State::Unconfirmed { .. }) {
            return Ok(false);
        }
        let recovered = self.apply_recovery(record, EventKind::Expired)?;
        let is_gone = recovered.residue.is_empty();
        let but = if is_gone {
            ""
        } else {
            " but for what others have changed since"
        };
        self.warn(format!(
            "commit {number} was not confirmed in time and is rolled back{but}"
        ));
        Ok(is_gone)
    }

    fn expire_unkept(&mut self, plan: Plan) -> Result<bool, Error> {
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
        let is_gone = report.outcome.is_success();
        if is_gone {
            self.warn("a commit was not confirmed in time and is rolled back");
        } else {
            let error = Error::Commit(Box::new(report));
            self.warn(format!(
                "a commit was not confirmed in time, and it stands: {error}"
            ));
        }
        Ok(is_gone)
    }
}
