//! Makes the table what a document says.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use super::error::{Error, about};
use super::rehearsal::stage::{Stage, VerbOutcome};
use super::settings::{check_sysctl_value, known_sysctl};
use super::verbs::server_operation;
use crate::backend::Operation;
use crate::model::{
    DestinationEdit, DestinationKey, Invalid, ObjectId, ServiceEntry, ServiceKey,
    ServiceSpecification, SyncDaemon, TableSpecification, Trust,
};

/// What happens to objects that a document does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prune {
    /// They stay.
    #[default]
    Nothing,
    /// Real servers go, if the document lists the servers of their service.
    Servers,
    /// So do services, unless the document names none: an empty document never prunes.
    Services,
    /// So do services, whatever the document names: for comparisons.
    Everything,
}

/// How a document is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// What to do about objects that are not named.
    pub prune: Prune,
    /// Live weights stay as they are.
    pub keep_weight: bool,
}

impl Session {
    /// Makes the table what a document says, in the open transaction or one of its own. Returns the names of
    /// services and servers that stay although the document does not name them, as far as they were read.
    ///
    /// # Errors
    /// [`Error`] names the object that can't be so; then nothing is staged.
    pub fn apply(
        &mut self,
        wanted: &TableSpecification,
        options: ApplyOptions,
    ) -> Result<(VerbOutcome, Vec<ObjectId>), Error> {
        if wanted.services.is_empty() && options.prune == Prune::Services {
            return Err(Invalid::new(
                "document",
                "no services",
                "an empty document never prunes; `ipvsh delete '*'`, or `table::clear()` in a script, deletes everything",
            )
            .into());
        }
        let mut kept = Vec::new();
        let done = self.change(|stage| {
            if options.prune >= Prune::Services {
                stage.rehearsal.fetch_all(stage.live)?;
            } else {
                let keys: Vec<ServiceKey> =
                    wanted.services.iter().map(|service| service.key).collect();
                stage.rehearsal.fetch(stage.live, &keys)?;
            }
            let now = stage.rehearsal.staged_table()?.services;
            let (stops, starts) = daemons(stage, wanted)?;
            let mut operations = stops;
            // Room for all at once: a list that grows moves its contents again and again.
            operations.reserve(wanted.services.len() + wanted.destination_count());
            for service in &wanted.services {
                one_service(
                    service,
                    now.get(&service.key),
                    options,
                    &mut operations,
                    &mut kept,
                )?;
            }
            settings(stage, wanted, &mut operations)?;
            prune_services(wanted, &now, options, &mut operations);
            operations.extend(starts);
            stage.perform(&operations)
        })?;
        Ok((done, kept))
    }
}

fn one_service(
    wanted: &ServiceSpecification,
    current: Option<&ServiceEntry>,
    options: ApplyOptions,
    operations: &mut Vec<Operation>,
    kept: &mut Vec<ObjectId>,
) -> Result<(), Error> {
    let key = wanted.key;
    let before = current.map(|entry| &entry.configuration);
    let after = wanted.edit.apply(&key, before, Trust::User);
    let after = after.map_err(about(ObjectId::Service(key)))?;
    match before {
        None => operations.push(Operation::AddService {
            key,
            configuration: Box::new(after),
        }),
        Some(before) if *before != after => operations.push(Operation::EditService {
            key,
            before: Some(Box::new(before.clone())),
            after: Box::new(after),
        }),
        Some(_) => {}
    }
    let Some(servers) = &wanted.destinations else {
        return Ok(());
    };
    for server in servers.iter().rev() {
        let current = current
            .and_then(|entry| entry.destinations.get(&server.key))
            .map(|entry| entry.configuration);
        let mut edit: DestinationEdit = server.edit.clone();
        if options.keep_weight && current.is_some() {
            edit.weight = None;
        }
        let configuration = edit.apply(&key, &server.key, current.as_ref(), Trust::User);
        let configuration = configuration.map_err(about(ObjectId::Destination(key, server.key)))?;
        operations.extend(server_operation(key, server.key, current, configuration));
    }
    let Some(current) = current else {
        return Ok(());
    };
    let named: BTreeSet<DestinationKey> = servers.iter().map(|server| server.key).collect();
    let there = current.destinations.keys();
    for server in there.filter(|server| !named.contains(server)) {
        if options.prune >= Prune::Servers {
            operations.push(Operation::DeleteDestination {
                service: key,
                key: *server,
            });
        } else {
            kept.push(ObjectId::Destination(key, *server));
        }
    }
    Ok(())
}

fn prune_services(
    wanted: &TableSpecification,
    now: &BTreeMap<ServiceKey, ServiceEntry>,
    options: ApplyOptions,
    operations: &mut Vec<Operation>,
) {
    if options.prune < Prune::Services {
        return;
    }
    let named: BTreeSet<ServiceKey> = wanted.services.iter().map(|service| service.key).collect();
    let unnamed = now.keys().filter(|key| !named.contains(key));
    operations.extend(unnamed.map(|key| Operation::DeleteService { key: *key }));
}

/// Returns the daemons to stop first and those to start in the end.
fn daemons(
    stage: &mut Stage<'_>,
    wanted: &TableSpecification,
) -> Result<(Vec<Operation>, Vec<Operation>), Error> {
    let (mut stops, mut starts) = (vec![], vec![]);
    let Some(wanted) = &wanted.daemons else {
        return Ok((stops, starts));
    };
    stage.rehearsal.fetch_daemons(stage.live)?;
    let running = stage
        .rehearsal
        .staged_settings()?
        .daemons
        .unwrap_or_default();
    for (role, running) in &running {
        if !wanted
            .get(role)
            .is_some_and(|wanted| wanted.is_met_by(running))
        {
            stops.push(Operation::StopDaemon(*role));
        }
    }
    for (role, daemon) in wanted {
        let met = |running: &SyncDaemon| daemon.is_met_by(running);
        if !running.get(role).is_some_and(met) {
            daemon.check().map_err(about(ObjectId::Daemon(*role)))?;
            starts.push(Operation::StartDaemon(daemon.clone()));
        }
    }
    Ok((stops, starts))
}

fn settings(
    stage: &mut Stage<'_>,
    wanted: &TableSpecification,
    operations: &mut Vec<Operation>,
) -> Result<(), Error> {
    if let Some(edit) = &wanted.timeouts {
        stage.rehearsal.fetch_timeouts(stage.live)?;
        if let Some(current) = stage.rehearsal.staged_settings()?.timeouts {
            let after = edit.apply(current).map_err(about(ObjectId::Timeouts))?;
            if after != current {
                operations.push(Operation::SetTimeouts(after));
            }
        }
    }
    for (name, value) in &wanted.sysctl {
        check_sysctl_value(name, value).map_err(about(ObjectId::Sysctl(name.clone())))?;
        if known_sysctl(stage, name)? != *value {
            operations.push(Operation::SetSysctl {
                name: name.clone(),
                value: value.clone(),
            });
        }
    }
    Ok(())
}
