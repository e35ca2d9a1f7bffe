//! Time: waits, and what they mean in transactions and rehearsals.

use std::time::Duration;

use super::Session;
use super::error::Error;

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

impl Session {
    /// Tells what becomes of a wait that begins now; `text` is how a plan lists it.
    ///
    /// # Errors
    /// [`Error`] if the plan so far can't be made.
    pub fn begin_wait(&mut self, text: impl FnOnce() -> String) -> Result<Waiting, Error> {
        let rehearsing = self.is_rehearsing();
        let Some(rehearsal) = &mut self.rehearsal else {
            return Ok(Waiting::Passes);
        };
        if rehearsing {
            rehearsal.note_wait(text());
            return Ok(Waiting::Rehearsed);
        }
        if rehearsal.plan()?.is_empty() {
            return Ok(Waiting::Passes);
        }
        Ok(Waiting::Staged)
    }

    /// Lets time pass, in short steps so that a signal ends it.
    pub fn pass_time(&mut self, duration: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        if self.place.is_simulated() {
            // Virtual time passes at once.
            self.live.sleep(duration);
            return;
        }
        let mut left = duration;
        while !left.is_zero() && self.interrupt.signal().is_none() {
            let step = left.min(STEP);
            self.live.sleep(step);
            left -= step;
        }
    }

    /// Returns the clock of the session: the kernel's, or the simulation's.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.live.now()
    }

    /// Returns how often something was read in this session: a condition that reads nothing never changes.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.reads
    }
}
