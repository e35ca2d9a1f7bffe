//! What a plan touches: the objects that are read again, compared, and rolled back.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use super::plan::Plan;
use crate::backend::{Depth, Selection};
use crate::model::{
    ConnectionThresholds, DaemonRole, DestinationConfiguration, DestinationKey, ForwardingMethod,
    ServiceKey, SysctlName, Table, Tunnel, is_same_sysctl_value,
};

/// Tells which objects a plan touches.
#[derive(Debug)]
pub struct Touch(Touched);

impl Touch {
    /// Returns all of it.
    pub(super) const fn all(&self) -> &Touched {
        &self.0
    }

    /// Returns what of a service is touched, if anything.
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<ServiceTouch<'_>> {
        self.0.services.get(key).map(ServiceTouch)
    }

    /// Tells whether the timeouts are touched.
    #[must_use]
    pub const fn has_timeouts(&self) -> bool {
        self.0.timeouts
    }

    /// Returns the roles of the daemons that are touched.
    #[must_use]
    pub const fn daemons(&self) -> &BTreeSet<DaemonRole> {
        &self.0.daemons
    }

    /// Returns the kernel parameters that are touched.
    #[must_use]
    pub const fn sysctl(&self) -> &BTreeSet<SysctlName> {
        &self.0.sysctl
    }
}

/// Tells what of one service a plan touches.
#[derive(Clone, Copy, Debug)]
pub struct ServiceTouch<'a>(&'a TouchedService);

impl ServiceTouch<'_> {
    /// Tells whether a server is touched.
    #[must_use]
    pub fn has_server(&self, key: &DestinationKey) -> bool {
        self.0.all_servers || self.0.servers.contains(key)
    }
}

impl Plan {
    /// Returns which objects are touched.
    #[must_use]
    pub fn touch(&self) -> Touch {
        Touch(Touched::by(self))
    }
}

/// The touched parts of one service.
#[derive(Debug, Default)]
struct TouchedService {
    record: bool,
    all_servers: bool,
    servers: BTreeSet<DestinationKey>,
    exact: bool,
}

impl TouchedService {
    /// One that comes with the plan.
    const ADDED: Self = Self {
        record: true,
        all_servers: true,
        servers: BTreeSet::new(),
        exact: false,
    };
}

/// The objects of a plan.
#[derive(Debug, Default)]
pub(super) struct Touched {
    services: BTreeMap<ServiceKey, TouchedService>,
    timeouts: bool,
    daemons: BTreeSet<DaemonRole>,
    sysctl: BTreeSet<SysctlName>,
}

/// Tells whether `/proc/net/ip_vs` shows everything about a server.
fn shows_in_proc(configuration: &DestinationConfiguration) -> bool {
    configuration.thresholds == ConnectionThresholds::default()
        && configuration.tunnel == Tunnel::Ipip
        && matches!(
            configuration.forwarding,
            ForwardingMethod::Masquerading
                | ForwardingMethod::DirectRouting
                | ForwardingMethod::Local
        )
}

impl Touched {
    pub(super) fn by(plan: &Plan) -> Self {
        // New services come first and in order, and a map is built faster from them than one by one.
        let added = plan.changes.iter().map_while(|change| match change {
            Change::AddService { key, .. } => Some((*key, TouchedService::ADDED)),
            _ => None,
        });
        let mut touched = Self {
            services: added.collect(),
            ..Self::default()
        };
        // Changes of one service follow each other: one that is read as a whole has nothing to add.
        let mut whole = None;
        for change in &plan.changes[touched.services.len()..] {
            if let Change::AddDestination { service, after, .. } = change
                && shows_in_proc(after)
            {
                if whole == Some(*service) {
                    continue;
                }
                let known = touched.services.get(service);
                if known.is_some_and(|known| known.all_servers) {
                    whole = Some(*service);
                    continue;
                }
            }
            touched.add(change);
        }
        touched
    }

    fn add(&mut self, change: &Change) {
        match change {
            Change::EditService { key, .. } => self.services.entry(*key).or_default().record = true,
            Change::AddService { key, .. } => {
                let service = self.services.entry(*key).or_default();
                service.record = true;
                service.all_servers = true;
            }
            Change::DeleteService {
                key, destinations, ..
            } => {
                let service = self.services.entry(*key).or_default();
                service.record = true;
                service.all_servers = true;
                service.exact |= !destinations.values().all(shows_in_proc);
            }
            Change::AddDestination {
                service,
                key,
                after,
            } => self.server(service, key, !shows_in_proc(after)),
            // An edit writes every field, so every field must be as it was read.
            Change::EditDestination { service, key, .. } => self.server(service, key, true),
            Change::DeleteDestination {
                service,
                key,
                before,
            } => self.server(service, key, !shows_in_proc(before)),
            Change::SetTimeouts { .. } => self.timeouts = true,
            Change::StartDaemon { after: daemon } | Change::StopDaemon { before: daemon } => {
                self.daemons.insert(daemon.role);
            }
            Change::SetSysctl { name, .. } => {
                self.sysctl.insert(name.clone());
            }
        }
    }

    fn server(&mut self, service: &ServiceKey, key: &DestinationKey, exact: bool) {
        let service = self.services.entry(*service).or_default();
        if !service.all_servers {
            service.servers.insert(*key);
        }
        service.exact |= exact;
    }

    /// Returns what to read.
    pub(super) fn selection(&self) -> Selection {
        let mut selection = Selection {
            timeouts: self.timeouts,
            daemons: !self.daemons.is_empty(),
            sysctl: self.sysctl.clone(),
            ..Selection::default()
        };
        for (key, service) in &self.services {
            let depth = match (
                service.exact,
                service.all_servers || !service.servers.is_empty(),
            ) {
                (true, _) => Depth::Exact,
                (false, true) => Depth::Brief,
                (false, false) => Depth::Record,
            };
            selection.want(*key, depth);
        }
        selection
    }

    /// Returns the changes that lead from one table to another, as far as touched objects go.
    pub(super) fn differences(&self, from: &Table, to: &Table) -> Vec<Change> {
        let mut changes = Vec::new();
        for (key, service) in &self.services {
            self.service_differences(key, service, from, to, &mut changes);
        }
        if let (true, Some(before), Some(after)) = (self.timeouts, from.timeouts, to.timeouts)
            && before != after
        {
            changes.push(Change::SetTimeouts { before, after });
        }
        for role in &self.daemons {
            let running = from.daemons.as_ref().and_then(|daemons| daemons.get(role));
            let wanted = to.daemons.as_ref().and_then(|daemons| daemons.get(role));
            let met = match (running, wanted) {
                (Some(a), Some(b)) => b.is_met_by(a) || a.is_met_by(b),
                (None, None) => true,
                _ => false,
            };
            if !met {
                changes.extend(running.map(|daemon| Change::StopDaemon {
                    before: daemon.clone(),
                }));
                changes.extend(wanted.map(|daemon| Change::StartDaemon {
                    after: daemon.clone(),
                }));
            }
        }
        for name in &self.sysctl {
            let value = |table: &Table| table.sysctl.get(name).cloned().unwrap_or_default();
            let (before, after) = (value(from), value(to));
            if !is_same_sysctl_value(&before, &after) {
                changes.push(Change::SetSysctl {
                    name: name.clone(),
                    before,
                    after,
                });
            }
        }
        changes
    }

    fn service_differences(
        &self,
        key: &ServiceKey,
        touched: &TouchedService,
        from: &Table,
        to: &Table,
        changes: &mut Vec<Change>,
    ) {
        let (old, new) = match (from.services.get(key), to.services.get(key)) {
            (None, None) => return,
            (Some(old), None) => {
                changes.push(Change::delete_service(*key, old));
                return;
            }
            (None, Some(new)) => {
                changes.extend(Change::delete_service(*key, new).inverse());
                return;
            }
            (Some(old), Some(new)) => (old, new),
        };
        if touched.record && old.configuration != new.configuration {
            changes.push(Change::EditService {
                key: *key,
                before: Box::new(old.configuration.clone()),
                after: Box::new(new.configuration.clone()),
            });
        }
        let same = old.destinations.len() == new.destinations.len()
            && old
                .destinations
                .iter()
                .zip(&new.destinations)
                .all(|(old, new)| old.0 == new.0 && old.1.configuration == new.1.configuration);
        if same {
            return;
        }
        let both = || {
            old.destinations
                .keys()
                .chain(new.destinations.keys())
                .copied()
        };
        let servers: BTreeSet<DestinationKey> = if touched.all_servers {
            both().collect()
        } else {
            touched.servers.clone()
        };
        for server in servers.into_iter().rev() {
            let configuration = |entry: &crate::model::ServiceEntry| {
                entry
                    .destinations
                    .get(&server)
                    .map(|entry| entry.configuration)
            };
            let service = *key;
            changes.extend(match (configuration(old), configuration(new)) {
                (None, Some(after)) => Some(Change::AddDestination {
                    service,
                    key: server,
                    after,
                }),
                (Some(before), None) => Some(Change::DeleteDestination {
                    service,
                    key: server,
                    before,
                }),
                (Some(before), Some(after)) if before != after => Some(Change::EditDestination {
                    service,
                    key: server,
                    before,
                    after,
                }),
                _ => None,
            });
        }
    }
}
