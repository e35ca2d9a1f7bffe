//! Time: waits, and what they mean in transactions and rehearsals.

use std::time::Duration;

use crate::session::{Error, Session};

/// What becomes of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Waiting {
    /// Time passes: the kernel's, or the simulation's own.
    Passes,
    /// In a rehearsal a wait counts as done; it is listed in the plan.
    Rehearsed,
    /// Something is staged and was not sent: nothing can come of waiting.
    Staged,
}

/// How much time of a simulation passes before a signal is looked at, while load flows in it.
const BUSY_STEP: Duration = Duration::from_millis(250);

impl Session {
    /// Tells what becomes of a wait that begins now; `text` is how a plan lists it.
    ///
    /// # Errors
    /// [`Error`] if the plan so far can't be made.
    pub fn begin_wait(&mut self, text: impl FnOnce() -> String) -> Result<Waiting, Error> {
        let rehearsing = self.is_rehearsing();
        let Some(rehearsal) = &mut self.staging.rehearsal else {
            return Ok(Waiting::Passes);
        };
        if rehearsing {
            rehearsal.note_wait(text());
            return Ok(Waiting::Rehearsed);
        }
        if rehearsal.plan()?.is_empty() {
            self.staging.read_afresh()?;
            return Ok(Waiting::Passes);
        }
        Ok(Waiting::Staged)
    }

    /// Lets time pass, in short steps so that a signal ends it. What is read then is read anew.
    ///
    /// # Errors
    /// [`Error`] if no rehearsal could be set up.
    pub fn pass_time(&mut self, duration: Duration) -> Result<(), Error> {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = duration;
        while !left.is_zero() && self.interrupt.signal().is_none() {
            let until = self.until_deadline().unwrap_or(Duration::MAX);
            // Virtual time passes at once, unless much happens in it.
            let step = match self.simulated_kernel() {
                Some(kernel) if kernel.is_busy() => BUSY_STEP,
                Some(_) => left,
                None => STEP,
            };
            let step = left.min(step).min(until);
            self.live.sleep(step);
            left -= step;
            self.meet_deadlines()?;
        }
        self.staging.read_afresh()
    }

    /// Returns the clock of the session: the kernel's, or the simulation's, and what rehearsed waits add to it.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.live.now() + self.staging.rehearsed_time
    }

    /// Returns the time since the machine of the kernel started: the clock of deadlines.
    #[must_use]
    pub fn boot_time(&self) -> Duration {
        self.live.boot_time()
    }

    /// Counts time as passed, for a wait that is rehearsed.
    pub fn rehearse_time(&mut self, duration: Duration) {
        self.staging.rehearsed_time += duration;
    }

    /// Returns how often something was read in this session: a condition that reads nothing never changes.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.reads
    }
}
