//! What can be done: each verb works on a rehearsal, and outside a transaction is one of its own.

use std::rc::Rc;

use super::error::Error;
use super::layers::{Ended, LayerKind};
use super::rehearsal::Rehearsal;
use super::schedulers::Schedulers;
use super::{Origin, Reason, Session};
use crate::backend::{Ipvs, Operation};
use crate::model::{
    DestinationEdit, DestinationEntry, DestinationKey, DestinationSpecification, ObjectId,
    ServiceEdit, ServiceEntry, ServiceKey, Trust,
};
use crate::txn::{Action, Outcome, Report};

/// How a verb ended.
#[derive(Clone, Debug)]
#[must_use = "a change may be staged only"]
pub enum Done {
    /// It is part of the open transaction.
    Staged,
    /// It was a transaction of its own.
    Committed(Box<Report>),
}

/// What deleting does about an object that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// It is an error.
    Refuse,
    /// It is as wanted.
    Accept,
}

/// The rehearsal and the live table that it fetches from.
pub(super) struct Stage<'a> {
    pub(super) rehearsal: &'a mut Rehearsal,
    pub(super) live: &'a mut Ipvs,
    schedulers: &'a mut Schedulers,
    warnings: &'a mut Vec<String>,
    /// Objects that were changed.
    pub(super) changed: Vec<ObjectId>,
}

impl Stage<'_> {
    pub(super) fn perform(&mut self, operations: &[Operation]) -> Result<(), Error> {
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

    pub(super) fn find(&mut self, key: &ServiceKey) -> Result<Option<Rc<ServiceEntry>>, Error> {
        Ok(self.rehearsal.service(self.live, key)?)
    }

    pub(super) fn get(&mut self, key: &ServiceKey) -> Result<Rc<ServiceEntry>, Error> {
        self.find(key)?.ok_or(Error::Missing {
            what: "virtual service",
            object: ObjectId::Service(*key),
        })
    }

    fn get_destination(
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
            self.rehearsal.touch_all(self.live)?;
        }
        if operations.iter().any(mixes) {
            self.rehearsal.touch_daemons(self.live)?;
        }
        Ok(())
    }
}

impl Session {
    /// Runs a verb in the open transaction, or in one of its own. A verb performs its operations at once, so that
    /// it is staged as a whole or not at all.
    pub(super) fn change(
        &mut self,
        verb: impl FnOnce(&mut Stage<'_>) -> Result<(), Error>,
    ) -> Result<Done, Error> {
        let alone = !self.is_open();
        if alone {
            self.begin(LayerKind::Transaction)?;
        }
        let mut changed = Vec::new();
        let staged = match &mut self.rehearsal {
            Some(rehearsal) => {
                let mut stage = Stage {
                    rehearsal,
                    live: &mut self.live,
                    schedulers: &mut self.schedulers,
                    warnings: &mut self.warnings,
                    changed: Vec::new(),
                };
                let staged = verb(&mut stage);
                changed = stage.changed;
                staged
            }
            None => Err(Error::Rehearsal("there is none".to_owned())),
        };
        self.remember_origins(&changed);
        match (staged, alone) {
            (Ok(()), false) => Ok(Done::Staged),
            (Err(error), false) => Err(error),
            (Err(error), true) => {
                self.abandon();
                Err(error)
            }
            (Ok(()), true) => match self.end_transaction(Reason::default())? {
                Ended::Committed(report) => Ok(Done::Committed(report)),
                Ended::Staged(_) => Ok(Done::Staged),
            },
        }
    }

    fn remember_origins(&mut self, changed: &[ObjectId]) {
        if let Some(origin) = &self.origin {
            let entries = changed
                .iter()
                .map(|object| (object.clone(), Origin::clone(origin)));
            self.origins.extend(entries);
        }
    }

    /// Stages the changes of a plan that was made elsewhere.
    ///
    /// # Errors
    /// [`Error`] if one of them is refused.
    pub(super) fn stage_plan(&mut self, plan: &crate::txn::Plan) -> Result<Done, Error> {
        self.change(|stage| {
            let objects = plan.changes().iter().map(crate::txn::Change::object);
            let keys: Vec<ServiceKey> = objects
                .filter_map(|object| object.service().copied())
                .collect();
            stage.rehearsal.touch(stage.live, &keys)?;
            stage.rehearsal.touch_timeouts(stage.live)?;
            stage.rehearsal.touch_daemons(stage.live)?;
            for change in plan.changes() {
                if let ObjectId::Sysctl(name) = change.object() {
                    stage.rehearsal.touch_sysctl(stage.live, &name)?;
                }
            }
            let now = stage.rehearsal.staged_table()?;
            let differences = plan.differences_from(&now);
            if !differences.is_empty() {
                let outcome = Outcome::Conflict { differences };
                let report = super::report_of(plan.clone(), outcome);
                return Err(Error::Commit(Box::new(report)));
            }
            let operations: Vec<Operation> = plan
                .changes()
                .iter()
                .map(crate::txn::Change::operation)
                .collect();
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

    /// Adds a virtual service with real servers.
    ///
    /// # Errors
    /// [`Error`] if it is there already, or can't be.
    pub fn add_service(
        &mut self,
        key: ServiceKey,
        edit: &ServiceEdit,
        servers: &[DestinationSpecification],
    ) -> Result<Done, Error> {
        self.change(|stage| {
            stage.rehearsal.touch(stage.live, &[key])?;
            let configuration = Box::new(edit.apply(&key, None, Trust::User)?);
            let mut operations = vec![Operation::AddService { key, configuration }];
            for server in servers {
                let configuration = server.edit.apply(&key, &server.key, None, Trust::User)?;
                operations.push(Operation::AddDestination {
                    service: key,
                    key: server.key,
                    configuration,
                });
            }
            stage.perform(&operations)
        })
    }

    /// Edits a virtual service: what is not named stays.
    ///
    /// # Errors
    /// [`Error`] if it is not there, or can't be so.
    pub fn edit_service(&mut self, key: ServiceKey, edit: &ServiceEdit) -> Result<Done, Error> {
        self.change(|stage| {
            let before = Box::new(stage.get(&key)?.configuration.clone());
            let after = Box::new(edit.apply(&key, Some(&before), Trust::User)?);
            if after == before {
                return Ok(());
            }
            let before = Some(before);
            stage.perform(&[Operation::EditService { key, before, after }])
        })
    }

    /// Adds a virtual service or edits the one that is there, and likewise its named real servers.
    ///
    /// # Errors
    /// [`Error`] if it can't be so.
    pub fn ensure_service(
        &mut self,
        key: ServiceKey,
        edit: &ServiceEdit,
        servers: &[DestinationSpecification],
    ) -> Result<Done, Error> {
        if self.find_service(&key)?.is_none() {
            return self.add_service(key, edit, servers);
        }
        self.change(|stage| {
            let entry = stage.get(&key)?;
            let before = Box::new(entry.configuration.clone());
            let after = Box::new(edit.apply(&key, Some(&before), Trust::User)?);
            let mut operations = Vec::new();
            if after != before {
                let before = Some(before);
                operations.push(Operation::EditService { key, before, after });
            }
            for server in servers {
                let current = entry
                    .destinations
                    .get(&server.key)
                    .map(|entry| entry.configuration);
                let configuration =
                    server
                        .edit
                        .apply(&key, &server.key, current.as_ref(), Trust::User)?;
                operations.extend(server_operation(key, server.key, current, configuration));
            }
            stage.perform(&operations)
        })
    }

    /// Deletes a virtual service with its real servers.
    ///
    /// # Errors
    /// [`Error`] if it is not there, unless that is accepted.
    pub fn delete_service(
        &mut self,
        key: ServiceKey,
        if_missing: IfMissing,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            if stage.find(&key)?.is_none() && if_missing == IfMissing::Accept {
                return Ok(());
            }
            stage.perform(&[Operation::DeleteService { key }])
        })
    }

    /// Adds a real server.
    ///
    /// # Errors
    /// [`Error`] if it is there already, or can't be.
    pub fn add_destination(
        &mut self,
        service: ServiceKey,
        key: DestinationKey,
        edit: &DestinationEdit,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            stage.rehearsal.touch(stage.live, &[service])?;
            let configuration = edit.apply(&service, &key, None, Trust::User)?;
            stage.perform(&[Operation::AddDestination {
                service,
                key,
                configuration,
            }])
        })
    }

    /// Edits a real server: what is not named stays.
    ///
    /// # Errors
    /// [`Error`] if it is not there, or can't be so.
    pub fn edit_destination(
        &mut self,
        service: ServiceKey,
        key: DestinationKey,
        edit: &DestinationEdit,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            let before = stage.get_destination(&service, &key)?.configuration;
            let after = edit.apply(&service, &key, Some(&before), Trust::User)?;
            let operation = server_operation(service, key, Some(before), after);
            stage.perform(operation.as_slice())
        })
    }

    /// Edits several real servers alike, all of them or none.
    ///
    /// # Errors
    /// [`Error`] names the first that is not there, or can't be so.
    pub fn edit_destinations(
        &mut self,
        keys: &[(ServiceKey, DestinationKey)],
        edit: &DestinationEdit,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            let mut services: Vec<ServiceKey> = keys.iter().map(|(service, _)| *service).collect();
            services.dedup();
            stage.rehearsal.touch(stage.live, &services)?;
            let mut operations = Vec::new();
            for (service, key) in keys {
                let before = stage.get_destination(service, key)?.configuration;
                let after = edit.apply(service, key, Some(&before), Trust::User)?;
                operations.extend(server_operation(*service, *key, Some(before), after));
            }
            stage.perform(&operations)
        })
    }

    /// Adds a real server or edits the one that is there.
    ///
    /// # Errors
    /// [`Error`] if its service is not there, or it can't be so.
    pub fn ensure_destination(
        &mut self,
        service: ServiceKey,
        key: DestinationKey,
        edit: &DestinationEdit,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            let current = stage
                .get(&service)?
                .destinations
                .get(&key)
                .map(|entry| entry.configuration);
            let after = edit.apply(&service, &key, current.as_ref(), Trust::User)?;
            let operation = server_operation(service, key, current, after);
            stage.perform(operation.as_slice())
        })
    }

    /// Deletes a real server.
    ///
    /// # Errors
    /// [`Error`] if it is not there, unless that is accepted.
    pub fn delete_destination(
        &mut self,
        service: ServiceKey,
        key: DestinationKey,
        if_missing: IfMissing,
    ) -> Result<Done, Error> {
        self.change(|stage| {
            let entry = stage.find(&service)?;
            let present = entry.is_some_and(|entry| entry.destinations.contains_key(&key));
            if !present && if_missing == IfMissing::Accept {
                return Ok(());
            }
            stage.perform(&[Operation::DeleteDestination { service, key }])
        })
    }

    /// Deletes every virtual service.
    ///
    /// # Errors
    /// [`Error`] if the table can't be read or changed.
    pub fn clear(&mut self) -> Result<Done, Error> {
        self.change(|stage| {
            stage.rehearsal.touch_all(stage.live)?;
            let keys: Vec<ServiceKey> = stage
                .rehearsal
                .staged_table()?
                .services
                .into_keys()
                .collect();
            let operations: Vec<Operation> = keys
                .into_iter()
                .map(|key| Operation::DeleteService { key })
                .collect();
            stage.perform(&operations)
        })
    }

    /// Sets the counters of a service, or of everything, to zero; it happens after the commit and stays.
    ///
    /// # Errors
    /// [`Error`] if the service is not there.
    pub fn zero(&mut self, key: Option<ServiceKey>) -> Result<Done, Error> {
        self.change(|stage| {
            match key {
                Some(key) => stage.rehearsal.touch(stage.live, &[key])?,
                None => stage.rehearsal.touch_all(stage.live)?,
            }
            stage.perform(&[Operation::Zero(key)])?;
            stage.rehearsal.stage_action(Action::Zero(key));
            Ok(())
        })
    }
}

/// Returns what makes a real server what it shall be, if anything must be done.
pub(super) fn server_operation(
    service: ServiceKey,
    key: DestinationKey,
    current: Option<crate::model::DestinationConfiguration>,
    configuration: crate::model::DestinationConfiguration,
) -> Option<Operation> {
    match current {
        None => Some(Operation::AddDestination {
            service,
            key,
            configuration,
        }),
        Some(current) if current != configuration => Some(Operation::EditDestination {
            service,
            key,
            configuration,
        }),
        Some(_) => None,
    }
}
