//! Requests to the kernel as they are, one after the other: what the drop-in for `ipvsadm` does.
//!
//! Nothing here is a transaction. A refusal does not hold up what stands behind it, and nothing is taken back;
//! who wants that opens a transaction and stages the same operations with [`Session::stage`].

use super::Session;
use super::error::Error;
use crate::backend::{BackendError, Fate, KernelFile, Operation};
use crate::model::{ListedService, ServiceKey};
use crate::txn::Action;

impl Session {
    /// Does operations in their order, whatever becomes of each, and returns their fates. An error tells why the
    /// last ones were not sent, or their answers were lost.
    pub fn execute_each(&mut self, operations: &[Operation]) -> (Vec<Fate>, Option<BackendError>) {
        // A simulated table in a file is shared: each line is in it, or is not.
        let lock = match self.saver.is_some().then(|| self.lock()) {
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
        counters: bool,
    ) -> Result<Vec<ListedService>, Error> {
        Ok(self.live.listed(key, counters)?)
    }

    /// Reads the kernel's file of connections.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn connections_file(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.live.file(&KernelFile::Connections)?)
    }

    /// Fetches services before they are staged one by one.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn expect_services(&mut self, keys: &[ServiceKey]) -> Result<(), Error> {
        match &mut self.rehearsal {
            Some(rehearsal) => Ok(rehearsal.touch(&mut self.live, keys)?),
            None => Ok(()),
        }
    }

    /// Stages an operation as it is in the open block.
    ///
    /// # Errors
    /// [`Error`] if the rehearsal refuses it; then nothing is staged.
    pub fn stage(&mut self, operation: &Operation) -> Result<(), Error> {
        let _staged = self.change(|stage| {
            match operation {
                Operation::Flush => {
                    stage.rehearsal.touch_all(stage.live)?;
                    let table = stage.rehearsal.staged_table()?;
                    let keys = table.services.into_keys();
                    let deletions: Vec<Operation> =
                        keys.map(|key| Operation::DeleteService { key }).collect();
                    return stage.perform(&deletions);
                }
                Operation::Zero(key) => {
                    match key {
                        Some(key) => stage.rehearsal.touch(stage.live, &[*key])?,
                        None => stage.rehearsal.touch_all(stage.live)?,
                    }
                    stage.perform(std::slice::from_ref(operation))?;
                    stage.rehearsal.stage_action(Action::Zero(*key));
                    return Ok(());
                }
                Operation::AddService { key, .. }
                | Operation::EditService { key, .. }
                | Operation::DeleteService { key } => {
                    stage.rehearsal.touch(stage.live, &[*key])?;
                }
                Operation::AddDestination { service, .. }
                | Operation::EditDestination { service, .. }
                | Operation::DeleteDestination { service, .. } => {
                    stage.rehearsal.touch(stage.live, &[*service])?;
                }
                Operation::SetTimeouts(_) => stage.rehearsal.touch_timeouts(stage.live)?,
                Operation::StartDaemon(_) | Operation::StopDaemon(_) => {
                    stage.rehearsal.touch_daemons(stage.live)?;
                }
                Operation::SetSysctl { name, .. } => {
                    let _before = stage.rehearsal.touch_sysctl(stage.live, name)?;
                }
            }
            stage.perform(std::slice::from_ref(operation))
        })?;
        Ok(())
    }
}
