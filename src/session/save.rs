//! The simulated kernel of a session, and writing its table to its file.

use super::table_file::Saver;
use super::{Error, Session};
use crate::sim::SimulatedKernel;

impl Session {
    /// Returns what writes the table to its file, if it is a simulated one that has a file.
    pub(super) fn saver(&self) -> Option<&Saver> {
        self.simulated.as_ref()?.saver.as_ref()
    }

    /// Returns the simulated kernel that the session is bound to, if it is: for packets, and for what a test wants to see.
    #[must_use]
    pub fn simulated_kernel(&self) -> Option<&SimulatedKernel> {
        Some(&self.simulated.as_ref()?.kernel)
    }

    /// Writes a simulated table to its file, if it has one. The lock is the caller's.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        match self.saver().cloned() {
            Some(saver) => saver.save(&mut self.live).map_err(Error::Unsaved),
            None => Ok(()),
        }
    }

    /// Makes the file of a simulated table if it is not there yet: nothing was committed to it.
    ///
    /// # Errors
    /// [`Error`] if that can't be.
    pub fn make_file(&mut self) -> Result<(), Error> {
        match self.saver() {
            Some(saver) if !saver.file.is_there() => {
                let _lock = self.lock()?;
                self.save()
            }
            _ => Ok(()),
        }
    }

    /// Returns whether what is committed is kept anywhere but in this program.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.label.is_simulated() || self.saver().is_some()
    }
}
