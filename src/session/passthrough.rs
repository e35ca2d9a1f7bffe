//! Requests to the kernel as they are, one after the other: what the drop-in for `ipvsadm` does.
//!
//! Nothing here is a transaction. A refusal does not hold up what stands behind it, and nothing is rolled back;
//! who wants that opens a transaction and stages the same operations with [`Session::stage`].

use super::Session;
use super::error::Error;
use crate::backend::{BackendError, Counted, Fate, Operation};
use crate::model::{ListedService, ServiceKey};

impl Session {
    /// Does operations in their order, whatever becomes of each, and returns their fates. An error tells why the
    /// last ones were not sent, or their answers were lost.
    pub fn execute_each(&mut self, operations: &[Operation]) -> (Vec<Fate>, Option<BackendError>) {
        // A simulated table in a file is shared: each line is in it, or is not.
        let lock = match self.saver().is_some().then(|| self.lock()) {
            Some(Err(error)) => {
                let failure = BackendError::Table(error.to_string());
                return (vec![Fate::NotSent; operations.len()], Some(failure));
            }
            Some(Ok(lock)) => Some(lock),
            None => None,
        };
        let (fates, failure) = self.send_each(operations);
        let unsaved = self.save().err();
        drop(lock);
        let failure = failure.or(unsaved.map(|error| BackendError::Table(error.to_string())));
        (fates, failure)
    }

    fn send_each(&mut self, operations: &[Operation]) -> (Vec<Fate>, Option<BackendError>) {
        let mut fates = Vec::with_capacity(operations.len());
        while let Some(rest) = operations
            .get(fates.len()..)
            .filter(|rest| !rest.is_empty())
        {
            let mut execution = self.live.execute(rest, &mut || true);
            // Behind a refusal it stopped to let us think.
            let sent = execution
                .fates
                .iter()
                .position(|fate| *fate == Fate::NotSent);
            execution.fates.truncate(sent.unwrap_or(rest.len()));
            let lost = execution.fates.contains(&Fate::Unknown);
            fates.append(&mut execution.fates);
            if execution.failure.is_some() || lost || sent == Some(0) {
                return (fates, execution.failure);
            }
        }
        (fates, None)
    }

    /// Reads all services, or one, in the kernel's order; one that is not there is missing from the answer. What is
    /// not wanted of counters is zero.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn listed(
        &mut self,
        key: Option<&ServiceKey>,
        counted: Counted,
    ) -> Result<Vec<ListedService>, Error> {
        Ok(self.live.listed(key, counted)?)
    }
}
