//! Staging: a verb's operations, an operation as it is, or a plan that was made elsewhere.

use std::rc::Rc;

use super::schedulers::Schedulers;
use super::{BlockKind, Rehearsal};
use crate::backend::{Ipvs, Operation};
use crate::model::{DestinationEntry, DestinationKey, ObjectId, ServiceEntry, ServiceKey};
use crate::session::commit::never_begun;
use crate::session::{CommitTerms, Ended, Error, Session};
use crate::txn::{Action, Change, Outcome, Plan, Report};

/// How a verb ended.
#[derive(Clone, Debug)]
#[must_use = "a change may be staged only"]
pub enum VerbOutcome {
    /// It is part of the open transaction.
    Staged,
    /// It was a transaction of its own.
    Committed(Box<Report>),
}

/// The rehearsal and the live table that it fetches from.
pub(in crate::session) struct Stage<'a> {
    pub(in crate::session) rehearsal: &'a mut Rehearsal,
    pub(in crate::session) live: &'a mut Ipvs,
    schedulers: &'a mut Schedulers,
    warnings: &'a mut Vec<String>,
    /// Objects that were changed.
    pub(in crate::session) changed: Vec<ObjectId>,
}

impl Stage<'_> {
    pub(in crate::session) fn perform(&mut self, operations: &[Operation]) -> Result<(), Error> {
        self.expect(operations)?;
        for operation in operations {
            let warning = self.schedulers.look(self.live, operation)?;
            self.warnings.extend(warning);
        }
        self.rehearsal.perform(operations)?;
        self.changed
            .extend(operations.iter().filter_map(Operation::object));
        Ok(())
    }

    pub(in crate::session) fn find(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Option<Rc<ServiceEntry>>, Error> {
        Ok(self.rehearsal.service(self.live, key)?)
    }

    pub(in crate::session) fn get(&mut self, key: &ServiceKey) -> Result<Rc<ServiceEntry>, Error> {
        self.find(key)?.ok_or(Error::Missing {
            what: "virtual service",
            object: ObjectId::Service(*key),
        })
    }

    pub(in crate::session) fn get_destination(
        &mut self,
        service: &ServiceKey,
        key: &DestinationKey,
    ) -> Result<DestinationEntry, Error> {
        let entry = self.get(service)?.destinations.get(key).cloned();
        entry.ok_or(Error::Missing {
            what: "real server",
            object: ObjectId::Destination(*service, *key),
        })
    }

    /// Fetches what operations depend on beside their own objects: daemons and servers of the other family exclude
    /// each other, wherever these stand.
    fn expect(&mut self, operations: &[Operation]) -> Result<(), Error> {
        let mixes = |operation: &Operation| match operation {
            Operation::AddDestination { service, key, .. }
            | Operation::EditDestination { service, key, .. } => key.family() != service.family(),
            _ => false,
        };
        let starts = |operation: &Operation| matches!(operation, Operation::StartDaemon(_));
        if operations.iter().any(starts) {
            self.rehearsal.fetch_all(self.live)?;
        }
        if operations.iter().any(mixes) {
            self.rehearsal.fetch_daemons(self.live)?;
        }
        Ok(())
    }
}

impl Session {
    /// Runs a verb in the open transaction, or in one of its own. A verb performs its operations at once, so that
    /// it is staged as a whole or not at all.
    pub(in crate::session) fn change(
        &mut self,
        verb: impl FnOnce(&mut Stage<'_>) -> Result<(), Error>,
    ) -> Result<VerbOutcome, Error> {
        let alone = !self.is_open();
        if alone {
            self.begin(BlockKind::Transaction)?;
        }
        let mut changed = Vec::new();
        let staged = match &mut self.staging.rehearsal {
            Some(rehearsal) => {
                let mut stage = Stage {
                    rehearsal,
                    live: &mut self.live,
                    schedulers: &mut self.staging.schedulers,
                    warnings: &mut self.warnings,
                    changed: Vec::new(),
                };
                let staged = verb(&mut stage);
                changed = stage.changed;
                staged
            }
            None => Err(Error::Rehearsal("there is none".to_owned())),
        };
        self.staging.remember_origins(&changed);
        match (staged, alone) {
            (Ok(()), false) => Ok(VerbOutcome::Staged),
            (Err(error), false) => Err(error),
            (Err(error), true) => {
                self.abandon();
                Err(error)
            }
            (Ok(()), true) => match self.end_transaction(CommitTerms::default())? {
                Ended::Committed(report) => Ok(VerbOutcome::Committed(report)),
                Ended::Staged(_) => Ok(VerbOutcome::Staged),
            },
        }
    }

    /// Stages the changes of a plan that was made elsewhere.
    ///
    /// # Errors
    /// [`Error`] if one of them is refused.
    pub(in crate::session) fn stage_plan(&mut self, plan: &Plan) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            let objects = plan.changes().iter().map(Change::object);
            let keys: Vec<ServiceKey> = objects
                .filter_map(|object| object.service().copied())
                .collect();
            stage.rehearsal.fetch(stage.live, &keys)?;
            stage.rehearsal.fetch_timeouts(stage.live)?;
            stage.rehearsal.fetch_daemons(stage.live)?;
            for change in plan.changes() {
                if let ObjectId::Sysctl(name) = change.object() {
                    stage.rehearsal.fetch_sysctl(stage.live, &name)?;
                }
            }
            let now = stage.rehearsal.staged_table()?;
            let differences = plan.conflicts_with(&now);
            if !differences.is_empty() {
                let outcome = Outcome::Conflict { differences };
                return Err(never_begun(plan.clone(), outcome));
            }
            let operations: Vec<Operation> = plan.changes().iter().map(Change::operation).collect();
            stage.perform(&operations)?;
            for action in plan.actions() {
                stage.rehearsal.stage_action(*action);
            }
            for wait in plan.waits() {
                stage.rehearsal.note_wait(wait.clone());
            }
            Ok(())
        })
    }

    /// Fetches services before they are staged one by one.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn expect_services(&mut self, keys: &[ServiceKey]) -> Result<(), Error> {
        match &mut self.staging.rehearsal {
            Some(rehearsal) => Ok(rehearsal.fetch(&mut self.live, keys)?),
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
                    stage.rehearsal.fetch_all(stage.live)?;
                    let table = stage.rehearsal.staged_table()?;
                    let keys = table.services.into_keys();
                    let deletions: Vec<Operation> =
                        keys.map(|key| Operation::DeleteService { key }).collect();
                    return stage.perform(&deletions);
                }
                Operation::Zero(key) => {
                    match key {
                        Some(key) => stage.rehearsal.fetch(stage.live, &[*key])?,
                        None => stage.rehearsal.fetch_all(stage.live)?,
                    }
                    stage.perform(std::slice::from_ref(operation))?;
                    stage.rehearsal.stage_action(Action::Zero(*key));
                    return Ok(());
                }
                Operation::AddService { key, .. }
                | Operation::EditService { key, .. }
                | Operation::DeleteService { key } => {
                    stage.rehearsal.fetch(stage.live, &[*key])?;
                }
                Operation::AddDestination { service, .. }
                | Operation::EditDestination { service, .. }
                | Operation::DeleteDestination { service, .. } => {
                    stage.rehearsal.fetch(stage.live, &[*service])?;
                }
                Operation::SetTimeouts(_) => stage.rehearsal.fetch_timeouts(stage.live)?,
                Operation::StartDaemon(_) | Operation::StopDaemon(_) => {
                    stage.rehearsal.fetch_daemons(stage.live)?;
                }
                Operation::SetSysctl { name, .. } => {
                    let _before = stage.rehearsal.fetch_sysctl(stage.live, name)?;
                }
            }
            stage.perform(std::slice::from_ref(operation))
        })?;
        Ok(())
    }
}
