//! What was committed in a session, as far as it is kept.

use crate::txn::Report;

/// So many of the last commits are kept at least; a program that commits for days must not grow by each.
const KEPT: usize = 1_000;

/// The commits of a session, oldest first: the last ones with what they changed, of those before only the number.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    kept: Vec<Report>,
    /// The number of each of them, ascending.
    serials: Vec<usize>,
    forgotten: usize,
    serial: usize,
}

impl Commits {
    /// Adds a commit and returns the number to take it out by.
    pub(in crate::session) fn push(&mut self, report: Report) -> usize {
        if self.kept.len() >= 2 * KEPT {
            self.kept.drain(..KEPT);
            self.serials.drain(..KEPT);
            self.forgotten += KEPT;
        }
        self.serial += 1;
        self.kept.push(report);
        self.serials.push(self.serial);
        self.serial
    }

    /// Takes out a commit that does not stand any more.
    pub(in crate::session) fn take_out(&mut self, serial: usize) {
        match self.serials.binary_search(&serial) {
            Ok(place) => {
                self.serials.remove(place);
                let _no_longer = self.kept.remove(place);
            }
            // One of those of which only the number is known.
            Err(0) if serial > 0 => self.forgotten = self.forgotten.saturating_sub(1),
            Err(_) => {}
        }
    }

    /// Returns the commits that are kept.
    pub fn kept(&self) -> &[Report] {
        &self.kept
    }

    /// Returns how many earlier ones are not.
    #[must_use]
    pub const fn forgotten(&self) -> usize {
        self.forgotten
    }

    /// Returns how many there were.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.forgotten + self.kept.len()
    }

    /// Returns whether nothing was committed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Returns those that are kept of what came after the first `count`.
    pub fn since(&self, count: usize) -> &[Report] {
        let start = count.saturating_sub(self.forgotten);
        self.kept.get(start..).unwrap_or_default()
    }
}
