//! Rolling back: reads first, and inverts only what still is as this program left it.

use std::collections::BTreeSet;

use super::change::Change;
use super::footprint::Footprint;
use super::outcome::{Cause, Outcome};
use super::plan::Plan;
use crate::backend::{BackendError, Execution, Fate, Ipvs, Operation};
use crate::model::{ServiceKey, Table, is_same_sysctl_value};

/// How often the rollback is tried while answers get lost or requests are refused.
const ROUNDS: usize = 4;

impl Plan {
    /// Rolls back what was done of this plan, however far it came: only what still is as the plan leaves it is
    /// inverted. Returns what would still restore it, and why that could not be read if it could not. The commit
    /// lock is the caller's.
    pub fn revert(&self, kernel: &mut Ipvs) -> (Vec<Change>, Option<BackendError>) {
        let execution = Execution {
            fates: vec![Fate::Unknown; self.changes.len()],
            failure: None,
        };
        let footprint = self.footprint();
        match roll_back(kernel, &footprint, self, &execution, Cause::Lost) {
            Outcome::Indeterminate {
                residue, unread, ..
            } => (residue, unread),
            _ => (Vec::new(), None),
        }
    }
}

impl Plan {
    /// Returns what would lead from the table as it is to what this plan leaves.
    ///
    /// # Errors
    /// [`BackendError`] if that can't be read.
    pub fn missing(&self, kernel: &mut Ipvs) -> Result<Vec<Change>, BackendError> {
        let footprint = self.footprint();
        let now = kernel.read(&footprint.selection())?;
        Ok(footprint.differences(&now, &self.after))
    }

    /// Returns what is no longer as this plan leaves it.
    ///
    /// # Errors
    /// [`BackendError`] if that can't be read.
    pub fn superseded(&self, kernel: &mut Ipvs) -> Result<Vec<Change>, BackendError> {
        let footprint = self.footprint();
        let now = kernel.read(&footprint.selection())?;
        Ok(footprint.differences(&self.after, &now))
    }
}

/// Rolls back what an execution did, in reverse.
pub(super) fn roll_back(
    kernel: &mut Ipvs,
    footprint: &Footprint,
    plan: &Plan,
    execution: &Execution,
    cause: Cause,
) -> Outcome {
    let done: Vec<&Change> = plan
        .changes
        .iter()
        .zip(&execution.fates)
        .filter(|(_, fate)| matches!(fate, Fate::Done | Fate::Unknown))
        .map(|(change, _)| change)
        .collect();
    let undone = done.len();
    for _ in 0..ROUNDS {
        let now = match kernel.read(&footprint.selection()) {
            Ok(now) => now,
            Err(BackendError::Lost { .. }) => continue,
            Err(_) => break,
        };
        if footprint.differences(&now, &plan.before).is_empty() {
            // Dumps can miss entries: what is claimed is looked at twice.
            match kernel.read(&footprint.selection()) {
                Ok(again) if footprint.differences(&again, &plan.before).is_empty() => {
                    return Outcome::RolledBack { cause, undone };
                }
                _ => continue,
            }
        }
        let mut operations = inversions(plan, &done, &now);
        if operations.is_empty() {
            break;
        }
        // A refused inversion must not keep the others from being tried.
        while !operations.is_empty() {
            let execution = kernel.execute(&operations, &mut || true);
            let tried = execution
                .fates
                .iter()
                .filter(|fate| **fate != Fate::NotSent)
                .count();
            if tried == 0 {
                break;
            }
            operations.drain(..tried);
        }
    }
    match residue(kernel, footprint, plan) {
        (residue, None) if residue.is_empty() => Outcome::RolledBack { cause, undone },
        (_, Some(unread)) => {
            let residue = done
                .iter()
                .rev()
                .flat_map(|change| change.inverse())
                .collect();
            Outcome::Indeterminate {
                cause,
                residue,
                unread: Some(unread),
            }
        }
        (residue, None) => Outcome::Indeterminate {
            cause,
            residue,
            unread: None,
        },
    }
}

/// Returns what would lead from the table as it is now back to the one before.
pub(super) fn residue(
    kernel: &mut Ipvs,
    footprint: &Footprint,
    plan: &Plan,
) -> (Vec<Change>, Option<BackendError>) {
    match kernel.read(&footprint.selection()) {
        Ok(now) => (footprint.differences(&now, &plan.before), None),
        Err(error) => {
            let possible = plan
                .changes
                .iter()
                .rev()
                .flat_map(Change::inverse)
                .collect();
            (possible, Some(error))
        }
    }
}

/// Returns the requests that reverse those changes that still are as they were left.
fn inversions(plan: &Plan, done: &[&Change], now: &Table) -> Vec<Operation> {
    // A service that goes takes its servers along.
    let going: BTreeSet<ServiceKey> = done
        .iter()
        .filter_map(|change| match change {
            Change::AddService { key, .. } if is_as_left(plan, change, now) => Some(*key),
            _ => None,
        })
        .collect();
    let mut operations = Vec::new();
    for change in done.iter().rev() {
        match change {
            Change::AddDestination { service, .. } if going.contains(service) => {}
            Change::DeleteService {
                key,
                before,
                destinations,
            } => restore_service(plan, key, before, destinations, now, &mut operations),
            change if is_as_left(plan, change, now) => {
                operations.extend(change.inverse().iter().map(Change::operation));
            }
            _ => {}
        }
    }
    operations
}

/// Brings back a deleted service, also one that an earlier round brought back in part.
fn restore_service(
    plan: &Plan,
    key: &ServiceKey,
    before: &crate::model::ServiceConfiguration,
    destinations: &std::collections::BTreeMap<
        crate::model::DestinationKey,
        crate::model::DestinationConfiguration,
    >,
    now: &Table,
    operations: &mut Vec<Operation>,
) {
    let present = now.services.get(key);
    if present.is_none() {
        operations.push(Operation::AddService {
            key: *key,
            configuration: Box::new(before.clone()),
        });
    } else if !plan.before.services.contains_key(key)
        || present.is_some_and(|entry| entry.configuration != *before)
    {
        return;
    }
    for (server, configuration) in destinations.iter().rev() {
        if present.is_none_or(|entry| !entry.destinations.contains_key(server)) {
            operations.push(Operation::AddDestination {
                service: *key,
                key: *server,
                configuration: *configuration,
            });
        }
    }
}

/// Returns whether the object of a change is as the change left it.
fn is_as_left(plan: &Plan, change: &Change, now: &Table) -> bool {
    let server = |service: &ServiceKey, key| {
        let entry = now.services.get(service)?.destinations.get(key)?;
        Some(entry.configuration)
    };
    match change {
        Change::AddService { key, after } => now.services.get(key).is_some_and(|entry| {
            let planned = plan.after.services.get(key);
            entry.configuration == **after
                && entry.destinations.iter().all(|(server, found)| {
                    let planned = planned.and_then(|planned| planned.destinations.get(server));
                    planned.is_some_and(|planned| planned.configuration == found.configuration)
                })
        }),
        Change::EditService { key, after, .. } => now
            .services
            .get(key)
            .is_some_and(|entry| entry.configuration == **after),
        Change::DeleteService { key, .. } => !now.services.contains_key(key),
        Change::AddDestination {
            service,
            key,
            after,
        }
        | Change::EditDestination {
            service,
            key,
            after,
            ..
        } => server(service, key) == Some(*after),
        Change::DeleteDestination { service, key, .. } => {
            now.services.contains_key(service) && server(service, key).is_none()
        }
        Change::SetTimeouts { after, .. } => now.timeouts == Some(*after),
        Change::StartDaemon { after } => {
            let running = now
                .daemons
                .as_ref()
                .and_then(|daemons| daemons.get(&after.role));
            running.is_some_and(|running| after.is_met_by(running))
        }
        Change::StopDaemon { before } => now
            .daemons
            .as_ref()
            .is_some_and(|daemons| !daemons.contains_key(&before.role)),
        Change::SetSysctl { name, after, .. } => {
            let value = now.sysctl.get(name);
            value.is_some_and(|value| is_same_sysctl_value(value, after))
        }
    }
}
