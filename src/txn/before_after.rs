//! A plan as the two ends of what it touches: small enough to be kept, and enough to make it again.

use std::collections::BTreeMap;

use super::change::{Action, Change};
use super::plan::{Note, Plan};
use crate::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, ServiceConfiguration, ServiceKey,
    Table,
};

/// What a plan touches, and nothing else, before and after. A service whose servers alone are touched stands in both
/// with those servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeforeAfter {
    /// As it was.
    pub before: Table,
    /// As it becomes.
    pub after: Table,
}

/// What a plan says beside its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanNotes {
    /// What is done after the changes and can't be undone.
    pub actions: Vec<Action>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// Waits that counted as done.
    pub waits: Vec<String>,
}

impl Plan {
    /// Returns the ends of what is touched.
    #[must_use]
    pub fn before_after(&self) -> BeforeAfter {
        let mut ends = BeforeAfter::default();
        for change in self.changes.iter() {
            self.add_end(change, &mut ends);
        }
        ends
    }

    /// Makes the plan again from its ends, as it was shown.
    pub fn restored(ends: BeforeAfter, remarks: PlanNotes) -> Self {
        let mut plan = Self::between(ends.before, ends.after, Vec::new());
        // An action may be about what is not touched.
        plan.actions = remarks.actions;
        plan.notes = remarks.notes;
        plan.waits = remarks.waits;
        plan
    }

    /// Returns the plan that leads from where this one ends to where it begins, as far as it touches anything.
    /// Actions can't be undone.
    pub fn reversed(&self) -> Self {
        let ends = self.before_after();
        Self::between(ends.after, ends.before, Vec::new())
    }

    fn add_end(&self, change: &Change, ends: &mut BeforeAfter) {
        match change {
            Change::AddService { key, after } => put_service(&mut ends.after, key, after),
            Change::EditService { key, before, after } => {
                put_service(&mut ends.before, key, before);
                put_service(&mut ends.after, key, after);
            }
            Change::DeleteService {
                key,
                before,
                destinations,
            } => {
                put_service(&mut ends.before, key, before);
                for (server, configuration) in destinations {
                    self.put_old(ends, key, server, configuration);
                }
            }
            Change::AddDestination {
                service,
                key,
                after,
            } => {
                self.put_around(ends, service);
                put_server(&mut ends.after, service, key, after);
            }
            Change::EditDestination {
                service,
                key,
                before,
                after,
            } => {
                self.put_around(ends, service);
                self.put_old(ends, service, key, before);
                put_server(&mut ends.after, service, key, after);
            }
            Change::DeleteDestination {
                service,
                key,
                before,
            } => {
                self.put_around(ends, service);
                self.put_old(ends, service, key, before);
            }
            Change::SetTimeouts { before, after } => {
                ends.before.timeouts = Some(*before);
                ends.after.timeouts = Some(*after);
            }
            Change::StartDaemon { after } => {
                ends.before.daemons.get_or_insert_default();
                let daemons = ends.after.daemons.get_or_insert_default();
                daemons.insert(after.role, after.clone());
            }
            Change::StopDaemon { before } => {
                ends.after.daemons.get_or_insert_default();
                let daemons = ends.before.daemons.get_or_insert_default();
                daemons.insert(before.role, before.clone());
            }
            Change::SetSysctl {
                name,
                before,
                after,
            } => {
                ends.before.sysctl.insert(name.clone(), before.clone());
                ends.after.sysctl.insert(name.clone(), after.clone());
            }
        }
    }

    /// Puts the record of a service whose servers change where it stands.
    fn put_around(&self, ends: &mut BeforeAfter, key: &ServiceKey) {
        for (table, end) in [
            (&self.before, &mut ends.before),
            (&self.after, &mut ends.after),
        ] {
            if let Some(entry) = table.services.get(key)
                && !end.services.contains_key(key)
            {
                put_service(end, key, &entry.configuration);
            }
        }
    }

    /// Puts a server as it was, with the connections that tell what a change does to traffic.
    fn put_old(
        &self,
        ends: &mut BeforeAfter,
        service: &ServiceKey,
        key: &DestinationKey,
        configuration: &DestinationConfiguration,
    ) {
        put_server(&mut ends.before, service, key, configuration);
        let known = self.before.services.get(service);
        let known = known.and_then(|entry| entry.destinations.get(key));
        let entry = ends.before.services.get_mut(service);
        if let (Some(known), Some(entry)) = (
            known,
            entry.and_then(|entry| entry.destinations.get_mut(key)),
        ) {
            entry.connections = known.connections;
        }
    }
}

fn put_service(table: &mut Table, key: &ServiceKey, configuration: &ServiceConfiguration) {
    let entry = table.services.entry(*key).or_default();
    entry.configuration = configuration.clone();
}

fn put_server(
    table: &mut Table,
    service: &ServiceKey,
    key: &DestinationKey,
    configuration: &DestinationConfiguration,
) {
    let entry = DestinationEntry {
        configuration: *configuration,
        ..DestinationEntry::default()
    };
    let servers: &mut BTreeMap<_, _> =
        &mut table.services.entry(*service).or_default().destinations;
    servers.insert(*key, entry);
}
