//! One request to a kernel in the words of the model.

use std::fmt;

use super::convert;
use crate::model::{
    DaemonRole, DestinationConfiguration, DestinationKey, ObjectId, ServiceConfiguration,
    ServiceKey, SyncDaemon, SysctlName, Timeouts,
};
use crate::wire::Request;

/// A single change that a kernel either does or refuses. Lists of them are long: what is large and rare is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are what the variant's sentence names
pub enum Operation {
    /// Adds a virtual service without servers.
    AddService {
        key: ServiceKey,
        configuration: Box<ServiceConfiguration>,
    },
    /// Replaces the configuration of a virtual service; `before` tells which flag bits change, without it all
    /// become as they are given.
    EditService {
        key: ServiceKey,
        before: Option<Box<ServiceConfiguration>>,
        after: Box<ServiceConfiguration>,
    },
    /// Deletes a virtual service with its servers.
    DeleteService { key: ServiceKey },
    /// Deletes all virtual services with their servers.
    Flush,
    /// Adds a real server.
    AddDestination {
        service: ServiceKey,
        key: DestinationKey,
        configuration: DestinationConfiguration,
    },
    /// Replaces the configuration of a real server.
    EditDestination {
        service: ServiceKey,
        key: DestinationKey,
        configuration: DestinationConfiguration,
    },
    /// Deletes a real server.
    DeleteDestination {
        service: ServiceKey,
        key: DestinationKey,
    },
    /// Sets the connection timeouts.
    SetTimeouts(Timeouts),
    /// Starts a sync daemon.
    StartDaemon(SyncDaemon),
    /// Stops a sync daemon.
    StopDaemon(DaemonRole),
    /// Writes a kernel parameter.
    SetSysctl { name: SysctlName, value: String },
    /// Sets the counters of a service, or of everything, to zero.
    Zero(Option<ServiceKey>),
}

impl Operation {
    /// Returns the object it changes; `None` is the whole table.
    #[must_use]
    pub fn object(&self) -> Option<ObjectId> {
        Some(match self {
            Self::AddService { key, .. }
            | Self::EditService { key, .. }
            | Self::DeleteService { key } => ObjectId::Service(*key),
            Self::AddDestination { service, key, .. }
            | Self::EditDestination { service, key, .. }
            | Self::DeleteDestination { service, key } => ObjectId::Destination(*service, *key),
            Self::SetTimeouts(_) => ObjectId::Timeouts,
            Self::StartDaemon(daemon) => ObjectId::Daemon(daemon.role),
            Self::StopDaemon(role) => ObjectId::Daemon(*role),
            Self::SetSysctl { name, .. } => ObjectId::Sysctl(name.clone()),
            Self::Zero(key) => return key.map(ObjectId::Service),
            Self::Flush => return None,
        })
    }

    /// Returns the request that does it; `None` for what goes through a file.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        Some(match self {
            Self::AddService { key, configuration } => {
                Request::NewService(convert::service_attributes(key, None, configuration))
            }
            Self::EditService { key, before, after } => {
                Request::SetService(convert::service_attributes(key, before.as_deref(), after))
            }
            Self::DeleteService { key } => Request::DeleteService(convert::service_identity(key)),
            Self::Flush => Request::Flush,
            Self::AddDestination {
                service,
                key,
                configuration,
            } => Request::NewDestination(
                convert::service_identity(service),
                convert::destination_attributes(key, configuration),
            ),
            Self::EditDestination {
                service,
                key,
                configuration,
            } => Request::SetDestination(
                convert::service_identity(service),
                convert::destination_attributes(key, configuration),
            ),
            Self::DeleteDestination { service, key } => Request::DeleteDestination(
                convert::service_identity(service),
                convert::destination_identity(key),
            ),
            Self::SetTimeouts(timeouts) => Request::SetConfig(convert::config_attributes(timeouts)),
            Self::StartDaemon(daemon) => Request::NewDaemon(convert::daemon_attributes(daemon)),
            Self::StopDaemon(role) => Request::DeleteDaemon(convert::daemon_identity(*role)),
            Self::Zero(key) => Request::Zero(key.as_ref().map(convert::service_identity)),
            Self::SetSysctl { .. } => return None,
        })
    }
}

impl fmt::Display for Operation {
    /// Writes what is done, such as `add real server 10.0.0.2:80 to tcp://192.0.2.1:80`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService { key, .. } => write!(out, "add virtual service {key}"),
            Self::EditService { key, .. } => write!(out, "edit virtual service {key}"),
            Self::DeleteService { key } => write!(out, "delete virtual service {key}"),
            Self::Flush => out.write_str("delete all virtual services"),
            Self::AddDestination { service, key, .. } => {
                write!(out, "add real server {key} to {service}")
            }
            Self::EditDestination { service, key, .. } => {
                write!(out, "edit real server {key} of {service}")
            }
            Self::DeleteDestination { service, key } => {
                write!(out, "delete real server {key} of {service}")
            }
            Self::SetTimeouts(timeouts) => write!(
                out,
                "set timeouts tcp {} s, tcp_fin {} s, udp {} s",
                timeouts.tcp_seconds, timeouts.tcp_fin_seconds, timeouts.udp_seconds
            ),
            Self::StartDaemon(daemon) => write!(
                out,
                "start the {} sync daemon on {}",
                daemon.role.word(),
                daemon.interface
            ),
            Self::StopDaemon(role) => write!(out, "stop the {} sync daemon", role.word()),
            Self::SetSysctl { name, value } => write!(out, "set sysctl {name} to {value}"),
            Self::Zero(Some(key)) => write!(out, "zero the counters of {key}"),
            Self::Zero(None) => write!(out, "zero all counters"),
        }
    }
}
