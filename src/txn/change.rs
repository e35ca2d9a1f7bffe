//! One difference between two tables, and its inverse.

use std::collections::BTreeMap;
use std::fmt;

use crate::backend::Operation;
use crate::model::{
    DestinationConfiguration, DestinationKey, ObjectId, ServiceConfiguration, ServiceEntry,
    ServiceKey, SyncDaemon, SysctlName, Table, Timeouts,
};

/// A difference in the configuration of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the object, what it was, and what it becomes
pub enum Change {
    /// A virtual service appears, without servers.
    AddService {
        key: ServiceKey,
        after: Box<ServiceConfiguration>,
    },
    /// A virtual service changes.
    EditService {
        key: ServiceKey,
        before: Box<ServiceConfiguration>,
        after: Box<ServiceConfiguration>,
    },
    /// A virtual service goes, and its servers with it.
    DeleteService {
        key: ServiceKey,
        before: Box<ServiceConfiguration>,
        destinations: BTreeMap<DestinationKey, DestinationConfiguration>,
    },
    /// A real server appears.
    AddDestination {
        service: ServiceKey,
        key: DestinationKey,
        after: DestinationConfiguration,
    },
    /// A real server changes.
    EditDestination {
        service: ServiceKey,
        key: DestinationKey,
        before: DestinationConfiguration,
        after: DestinationConfiguration,
    },
    /// A real server goes.
    DeleteDestination {
        service: ServiceKey,
        key: DestinationKey,
        before: DestinationConfiguration,
    },
    /// The timeouts change.
    SetTimeouts { before: Timeouts, after: Timeouts },
    /// A sync daemon starts.
    StartDaemon { after: SyncDaemon },
    /// A sync daemon stops.
    StopDaemon { before: SyncDaemon },
    /// A kernel parameter changes.
    SetSysctl {
        name: SysctlName,
        before: String,
        after: String,
    },
}

/// What an object is before or after a change.
#[derive(Debug, PartialEq)]
#[allow(missing_docs)] // what it is called
pub enum ObjectEnd<'c> {
    Gone,
    Service(&'c ServiceConfiguration),
    Destination(&'c DestinationConfiguration),
    Timeouts(&'c Timeouts),
    Daemon(&'c SyncDaemon),
    Sysctl(&'c str),
}

impl Change {
    /// Returns what the object of the change was, and what it becomes.
    #[must_use]
    pub fn ends(&self) -> (ObjectEnd<'_>, ObjectEnd<'_>) {
        match self {
            Self::AddService { after, .. } => (ObjectEnd::Gone, ObjectEnd::Service(after)),
            Self::EditService { before, after, .. } => {
                (ObjectEnd::Service(before), ObjectEnd::Service(after))
            }
            Self::DeleteService { before, .. } => (ObjectEnd::Service(before), ObjectEnd::Gone),
            Self::AddDestination { after, .. } => (ObjectEnd::Gone, ObjectEnd::Destination(after)),
            Self::EditDestination { before, after, .. } => (
                ObjectEnd::Destination(before),
                ObjectEnd::Destination(after),
            ),
            Self::DeleteDestination { before, .. } => {
                (ObjectEnd::Destination(before), ObjectEnd::Gone)
            }
            Self::SetTimeouts { before, after } => {
                (ObjectEnd::Timeouts(before), ObjectEnd::Timeouts(after))
            }
            Self::StartDaemon { after } => (ObjectEnd::Gone, ObjectEnd::Daemon(after)),
            Self::StopDaemon { before } => (ObjectEnd::Daemon(before), ObjectEnd::Gone),
            Self::SetSysctl { before, after, .. } => {
                (ObjectEnd::Sysctl(before), ObjectEnd::Sysctl(after))
            }
        }
    }

    /// Makes the change that takes away a service as it is.
    #[must_use]
    pub fn delete_service(key: ServiceKey, entry: &ServiceEntry) -> Self {
        let destinations = entry.destinations.iter();
        Self::DeleteService {
            key,
            before: Box::new(entry.configuration.clone()),
            destinations: destinations
                .map(|(key, entry)| (*key, entry.configuration))
                .collect(),
        }
    }

    /// Returns the object that changes.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        match self {
            Self::AddService { key, .. }
            | Self::EditService { key, .. }
            | Self::DeleteService { key, .. } => ObjectId::Service(*key),
            Self::AddDestination { service, key, .. }
            | Self::EditDestination { service, key, .. }
            | Self::DeleteDestination { service, key, .. } => ObjectId::Destination(*service, *key),
            Self::SetTimeouts { .. } => ObjectId::Timeouts,
            Self::StartDaemon { after: daemon } | Self::StopDaemon { before: daemon } => {
                ObjectId::Daemon(daemon.role)
            }
            Self::SetSysctl { name, .. } => ObjectId::Sysctl(name.clone()),
        }
    }

    /// Returns `+`, `~` or `-`.
    #[must_use]
    pub const fn sign(&self) -> char {
        match self {
            Self::AddService { .. } | Self::AddDestination { .. } | Self::StartDaemon { .. } => '+',
            Self::EditService { .. }
            | Self::EditDestination { .. }
            | Self::SetTimeouts { .. }
            | Self::SetSysctl { .. } => '~',
            Self::DeleteService { .. }
            | Self::DeleteDestination { .. }
            | Self::StopDaemon { .. } => '-',
        }
    }

    /// Returns `add`, `edit` or `delete`; daemons `start` and `stop`, the rest is `set`.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::AddService { .. } | Self::AddDestination { .. } => "add",
            Self::EditService { .. } | Self::EditDestination { .. } => "edit",
            Self::DeleteService { .. } | Self::DeleteDestination { .. } => "delete",
            Self::SetTimeouts { .. } | Self::SetSysctl { .. } => "set",
            Self::StartDaemon { .. } => "start",
            Self::StopDaemon { .. } => "stop",
        }
    }

    /// Returns the request that makes the change.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::AddService { key, after } => Operation::AddService {
                key: *key,
                configuration: after.clone(),
            },
            Self::EditService { key, before, after } => Operation::EditService {
                key: *key,
                before: Some(before.clone()),
                after: after.clone(),
            },
            Self::DeleteService { key, .. } => Operation::DeleteService { key: *key },
            Self::AddDestination {
                service,
                key,
                after,
            } => Operation::AddDestination {
                service: *service,
                key: *key,
                configuration: *after,
            },
            Self::EditDestination {
                service,
                key,
                after,
                ..
            } => Operation::EditDestination {
                service: *service,
                key: *key,
                configuration: *after,
            },
            Self::DeleteDestination { service, key, .. } => Operation::DeleteDestination {
                service: *service,
                key: *key,
            },
            Self::SetTimeouts { after, .. } => Operation::SetTimeouts(*after),
            Self::StartDaemon { after } => Operation::StartDaemon(after.clone()),
            Self::StopDaemon { before } => Operation::StopDaemon(before.role),
            Self::SetSysctl { name, after, .. } => Operation::SetSysctl {
                name: name.clone(),
                value: after.clone(),
            },
        }
    }

    /// Makes the change in a table. What it can't be made on stays as it is.
    pub fn apply(&self, table: &mut Table) {
        match self {
            Self::AddService { key, after } | Self::EditService { key, after, .. } => {
                table.services.entry(*key).or_default().configuration = (**after).clone();
            }
            Self::DeleteService { key, .. } => {
                table.services.remove(key);
            }
            Self::AddDestination {
                service,
                key,
                after,
            }
            | Self::EditDestination {
                service,
                key,
                after,
                ..
            } => {
                if let Some(entry) = table.services.get_mut(service) {
                    entry.destinations.entry(*key).or_default().configuration = *after;
                }
            }
            Self::DeleteDestination { service, key, .. } => {
                if let Some(entry) = table.services.get_mut(service) {
                    entry.destinations.remove(key);
                }
            }
            Self::SetTimeouts { after, .. } => table.timeouts = Some(*after),
            Self::StartDaemon { after } => {
                let daemons = table.daemons.get_or_insert_default();
                daemons.insert(after.role, after.clone());
            }
            Self::StopDaemon { before } => {
                table.daemons.get_or_insert_default().remove(&before.role);
            }
            Self::SetSysctl { name, after, .. } => {
                table.sysctl.insert(name.clone(), after.clone());
            }
        }
    }

    /// Returns what takes the change back. A deleted service comes back with its servers, the highest address
    /// first: the kernel lists the newest first.
    #[must_use]
    pub fn inverse(&self) -> Vec<Self> {
        match self.clone() {
            Self::AddService { key, after } => vec![Self::DeleteService {
                key,
                before: after,
                destinations: BTreeMap::new(),
            }],
            Self::EditService { key, before, after } => vec![Self::EditService {
                key,
                before: after,
                after: before,
            }],
            Self::DeleteService {
                key,
                before,
                destinations,
            } => {
                let mut changes = vec![Self::AddService { key, after: before }];
                let servers = destinations.into_iter().rev();
                changes.extend(servers.map(|(server, after)| Self::AddDestination {
                    service: key,
                    key: server,
                    after,
                }));
                changes
            }
            Self::AddDestination {
                service,
                key,
                after,
            } => vec![Self::DeleteDestination {
                service,
                key,
                before: after,
            }],
            Self::EditDestination {
                service,
                key,
                before,
                after,
            } => {
                vec![Self::EditDestination {
                    service,
                    key,
                    before: after,
                    after: before,
                }]
            }
            Self::DeleteDestination {
                service,
                key,
                before,
            } => vec![Self::AddDestination {
                service,
                key,
                after: before,
            }],
            Self::SetTimeouts { before, after } => vec![Self::SetTimeouts {
                before: after,
                after: before,
            }],
            Self::StartDaemon { after } => vec![Self::StopDaemon { before: after }],
            Self::StopDaemon { before } => vec![Self::StartDaemon { after: before }],
            Self::SetSysctl {
                name,
                before,
                after,
            } => vec![Self::SetSysctl {
                name,
                before: after,
                after: before,
            }],
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation().fmt(out)
    }
}

/// Something to do that leaves no difference in the configuration and can't be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets the counters of a service, or of everything, to zero.
    Zero(Option<ServiceKey>),
}

impl Action {
    /// Returns the request that does it.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Zero(key) => Operation::Zero(*key),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation().fmt(out)
    }
}
