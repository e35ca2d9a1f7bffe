//! The differences of two tables, in the order that spares the traffic.

use std::collections::BTreeSet;

use super::change::Change;
use super::footprint::{Footprint, ServiceFootprint};
use crate::model::{
    DaemonRole, DestinationKey, ServiceEntry, ServiceKey, SyncDaemon, Table, is_same_sysctl_value,
};

/// What of two tables is compared.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// Everything that was read in both: of a plan, from where it starts to where it leads.
    Everything,
    /// What a plan touches, as it was found and as it should be, in either direction.
    Footprint(&'a Footprint),
}

/// Returns the changes that lead from one table to another.
///
/// The order is make before break: services, then servers, then edits, then what takes away, services last, daemons at the
/// end. A daemon stops first where a server of the other address family comes: the kernel lets them exclude each other.
pub(super) fn diff(from: &Table, to: &Table, scope: Scope<'_>) -> Vec<Change> {
    // The long lists go where they stay, with room for all; the others come behind them.
    let mut changes = Vec::with_capacity(match scope {
        Scope::Everything => to.services.len() + to.destination_count(),
        Scope::Footprint(_) => 0,
    });
    let (stops, starts) = daemons(from, to, scope);
    let mut late_stops = stops;
    if brings_other_family(from, to, scope) {
        changes.append(&mut late_stops);
    }
    each_service(from, to, scope, &mut |key, old, new, _| {
        if let (None, Some(new)) = (old, new) {
            changes.push(Change::AddService {
                key: *key,
                after: Box::new(new.configuration.clone()),
            });
        }
    });
    let (mut edits, mut removals, mut deletions) = (vec![], vec![], vec![]);
    each_service(
        from,
        to,
        scope,
        &mut |key, old, new, part| match (old, new) {
            (None, None) => {}
            (Some(old), None) => deletions.push(Change::delete_service(*key, old)),
            (None, Some(new)) => add_servers(*key, new, &mut changes),
            (Some(old), Some(new)) => {
                if part.record && old.configuration != new.configuration {
                    edits.push(Change::EditService {
                        key: *key,
                        before: Box::new(old.configuration.clone()),
                        after: Box::new(new.configuration.clone()),
                    });
                }
                if !has_same_servers(old, new) {
                    let mut lists = [&mut changes, &mut edits, &mut removals];
                    change_servers(*key, (old, new), part, &mut lists);
                }
            }
        },
    );
    settings(from, to, scope, &mut edits);
    for mut part in [edits, removals, deletions, late_stops, starts] {
        changes.append(&mut part);
    }
    changes
}

impl Footprint {
    /// Returns the changes that lead from one table to another, as far as this goes.
    pub(super) fn differences(&self, from: &Table, to: &Table) -> Vec<Change> {
        diff(from, to, Scope::Footprint(self))
    }
}

/// Looks at a service: its key, as it was, as it is to be, and what of it is compared.
type Look<'l> =
    dyn FnMut(&ServiceKey, Option<&ServiceEntry>, Option<&ServiceEntry>, &ServiceFootprint) + 'l;

/// Looks at each service that is compared, as it is in both tables.
fn each_service(from: &Table, to: &Table, scope: Scope<'_>, look: &mut Look<'_>) {
    match scope {
        Scope::Everything => {
            for (key, new) in &to.services {
                look(
                    key,
                    from.services.get(key),
                    Some(new),
                    &ServiceFootprint::WHOLE,
                );
            }
            for (key, old) in &from.services {
                if !to.services.contains_key(key) {
                    look(key, Some(old), None, &ServiceFootprint::WHOLE);
                }
            }
        }
        Scope::Footprint(footprint) => {
            for (key, part) in &footprint.services {
                look(key, from.services.get(key), to.services.get(key), part);
            }
        }
    }
}

fn has_same_servers(old: &ServiceEntry, new: &ServiceEntry) -> bool {
    old.destinations.len() == new.destinations.len()
        && old
            .destinations
            .iter()
            .zip(&new.destinations)
            .all(|(old, new)| old.0 == new.0 && old.1.configuration == new.1.configuration)
}

/// Adds the servers of a new service, the highest address first: the kernel lists the newest first, so a fresh table ends up
/// in sorted order, and two directors agree.
fn add_servers(service: ServiceKey, new: &ServiceEntry, out: &mut Vec<Change>) {
    let servers = new.destinations.iter().rev();
    out.extend(servers.map(|(key, entry)| Change::AddDestination {
        service,
        key: *key,
        after: entry.configuration,
    }));
}

/// Compares the servers of a service that is in both tables. The lists are those of additions, edits and removals.
fn change_servers(
    service: ServiceKey,
    (old, new): (&ServiceEntry, &ServiceEntry),
    part: &ServiceFootprint,
    [additions, edits, removals]: &mut [&mut Vec<Change>; 3],
) {
    let configuration = |entry: &ServiceEntry, key: &DestinationKey| {
        let server = entry.destinations.get(key);
        server.map(|server| server.configuration)
    };
    for (key, server) in new.destinations.iter().rev() {
        if part.has_server(key) && !old.destinations.contains_key(key) {
            additions.push(Change::AddDestination {
                service,
                key: *key,
                after: server.configuration,
            });
        }
    }
    for (key, server) in &old.destinations {
        if !part.has_server(key) {
            continue;
        }
        let (key, before) = (*key, server.configuration);
        match configuration(new, &key) {
            None => removals.push(Change::DeleteDestination {
                service,
                key,
                before,
            }),
            Some(after) if after != before => edits.push(Change::EditDestination {
                service,
                key,
                before,
                after,
            }),
            Some(_) => {}
        }
    }
}

/// Returns whether a new server is of the other address family than its service.
fn brings_other_family(from: &Table, to: &Table, scope: Scope<'_>) -> bool {
    let mut brings = false;
    each_service(from, to, scope, &mut |key, old, new, _| {
        let servers = new.into_iter().flat_map(|new| new.destinations.keys());
        let mut mixed = servers.filter(|server| server.family() != key.family());
        brings |= mixed.any(|server| old.is_none_or(|old| !old.destinations.contains_key(server)));
    });
    brings
}

fn daemons(from: &Table, to: &Table, scope: Scope<'_>) -> (Vec<Change>, Vec<Change>) {
    let (mut stops, mut starts) = (vec![], vec![]);
    let all = BTreeSet::from(DaemonRole::ALL);
    let roles = match scope {
        Scope::Everything if from.daemons.is_none() || to.daemons.is_none() => {
            return (stops, starts);
        }
        Scope::Everything => &all,
        Scope::Footprint(footprint) => &footprint.daemons,
    };
    for role in roles {
        let of = |table: &Table| {
            table
                .daemons
                .as_ref()
                .and_then(|all| all.get(role))
                .cloned()
        };
        let (old, new): (Option<SyncDaemon>, Option<SyncDaemon>) = (of(from), of(to));
        let is_met = match (&old, &new) {
            // A plan says what is wanted; what is found may stand on either side.
            (Some(old), Some(new)) => {
                new.is_met_by(old) || matches!(scope, Scope::Footprint(_)) && old.is_met_by(new)
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_met {
            stops.extend(old.map(|before| Change::StopDaemon { before }));
            starts.extend(new.map(|after| Change::StartDaemon { after }));
        }
    }
    (stops, starts)
}

/// Compares timeouts and kernel parameters.
fn settings(from: &Table, to: &Table, scope: Scope<'_>, edits: &mut Vec<Change>) {
    let has_timeouts = match scope {
        Scope::Everything => true,
        Scope::Footprint(footprint) => footprint.timeouts,
    };
    if let (true, Some(before), Some(after)) = (has_timeouts, from.timeouts, to.timeouts)
        && before != after
    {
        edits.push(Change::SetTimeouts { before, after });
    }
    let mut compare = |name, before: &str, after: &str| {
        if !is_same_sysctl_value(before, after) {
            edits.push(Change::SetSysctl {
                name,
                before: before.to_owned(),
                after: after.to_owned(),
            });
        }
    };
    match scope {
        Scope::Everything => {
            for (name, after) in &to.sysctl {
                if let Some(before) = from.sysctl.get(name) {
                    compare(name.clone(), before, after);
                }
            }
        }
        // One that this kernel does not have has no value.
        Scope::Footprint(footprint) => {
            for name in &footprint.sysctl {
                let value = |table: &Table| table.sysctl.get(name).cloned().unwrap_or_default();
                compare(name.clone(), &value(from), &value(to));
            }
        }
    }
}
