//! What a plan touches: the objects that are read again, compared, and rolled back.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Change;
use crate::backend::{Depth, Selection};
use crate::model::{
    DaemonRole, DestinationConfiguration, DestinationKey, ForwardingMethod, ServerNumber,
    ServiceKey, SysctlName, Table, Tunnel,
};

/// What of one service a plan touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFootprint {
    /// Its own configuration.
    pub(super) record: bool,
    /// All of its servers, those that are not in the plan too.
    pub(super) all_servers: bool,
    /// Else these.
    pub(super) servers: BTreeSet<DestinationKey>,
    exact: bool,
}

impl ServiceFootprint {
    /// All of a service.
    pub(super) const WHOLE: Self = Self {
        record: true,
        all_servers: true,
        servers: BTreeSet::new(),
        exact: false,
    };

    /// Returns whether a server is touched.
    #[must_use]
    pub fn has_server(&self, key: &DestinationKey) -> bool {
        self.all_servers || self.servers.contains(key)
    }
}

/// The objects that a plan touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Services, their servers, or both.
    pub services: BTreeMap<ServiceKey, ServiceFootprint>,
    /// Whether it is the timeouts.
    pub timeouts: bool,
    /// Roles of sync daemons.
    pub daemons: BTreeSet<DaemonRole>,
    /// Kernel parameters.
    pub sysctl: BTreeSet<SysctlName>,
}

/// Returns whether `/proc/net/ip_vs` shows everything about a server.
fn shows_in_proc(configuration: &DestinationConfiguration) -> bool {
    let hidden = |number: &ServerNumber| !number.is_public && number.is_set(configuration);
    !ServerNumber::ALL.iter().any(hidden)
        && configuration.tunnel == Tunnel::Ipip
        && matches!(
            configuration.forwarding,
            ForwardingMethod::Masquerading
                | ForwardingMethod::DirectRouting
                | ForwardingMethod::Local
        )
}

impl Footprint {
    /// Returns one that touches all of a table.
    #[must_use]
    pub fn whole(table: &Table) -> Self {
        let services = table.services.keys();
        Self {
            services: services
                .map(|key| (*key, ServiceFootprint::WHOLE))
                .collect(),
            timeouts: true,
            daemons: table
                .daemons
                .iter()
                .flatten()
                .map(|(role, _)| *role)
                .collect(),
            sysctl: table.sysctl.keys().cloned().collect(),
        }
    }

    /// Returns what changes touch.
    pub(super) fn of(changes: &[Change]) -> Self {
        // New services come first and in order, and a map is built faster from them than one by one.
        let added = changes.iter().map_while(|change| match change {
            Change::AddService { key, .. } => Some((*key, ServiceFootprint::WHOLE)),
            _ => None,
        });
        let mut footprint = Self {
            services: added.collect(),
            ..Self::default()
        };
        // Changes of one service follow each other: one that is read as a whole has nothing to add.
        let mut whole = None;
        for change in &changes[footprint.services.len()..] {
            if let Change::AddDestination { service, after, .. } = change
                && shows_in_proc(after)
            {
                if whole == Some(*service) {
                    continue;
                }
                let known = footprint.services.get(service);
                if known.is_some_and(|known| known.all_servers) {
                    whole = Some(*service);
                    continue;
                }
            }
            footprint.add(change);
        }
        footprint
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
}
