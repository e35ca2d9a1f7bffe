//! What can be done: each verb works on a rehearsal, and outside a transaction is one of its own.

use super::{Error, Session, VerbOutcome};
use crate::backend::Operation;
use crate::model::{
    DestinationEdit, DestinationKey, DestinationSpecification, ServiceEdit, ServiceKey, Trust,
};
use crate::txn::Action;

/// What deleting does about an object that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// It is an error.
    Refuse,
    /// It is as wanted.
    Accept,
}

impl Session {
    /// Adds a virtual service with real servers.
    ///
    /// # Errors
    /// [`Error`] if it is there already, or can't be.
    pub fn add_service(
        &mut self,
        key: ServiceKey,
        edit: &ServiceEdit,
        servers: &[DestinationSpecification],
    ) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            stage.rehearsal.fetch(stage.live, &[key])?;
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
    pub fn edit_service(
        &mut self,
        key: ServiceKey,
        edit: &ServiceEdit,
    ) -> Result<VerbOutcome, Error> {
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
    ) -> Result<VerbOutcome, Error> {
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
    ) -> Result<VerbOutcome, Error> {
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
    ) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            stage.rehearsal.fetch(stage.live, &[service])?;
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
    ) -> Result<VerbOutcome, Error> {
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
    ) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            let mut services: Vec<ServiceKey> = keys.iter().map(|(service, _)| *service).collect();
            services.dedup();
            stage.rehearsal.fetch(stage.live, &services)?;
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
    ) -> Result<VerbOutcome, Error> {
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
    ) -> Result<VerbOutcome, Error> {
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
    pub fn clear(&mut self) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            stage.rehearsal.fetch_all(stage.live)?;
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
    pub fn zero(&mut self, key: Option<ServiceKey>) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            match key {
                Some(key) => stage.rehearsal.fetch(stage.live, &[key])?,
                None => stage.rehearsal.fetch_all(stage.live)?,
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
