//! The whole virtual server table as one value.

use std::collections::BTreeMap;

use super::{
    Connections, DaemonRole, DestinationConfiguration, DestinationKey, Observed,
    ServiceConfiguration, ServiceKey, SyncDaemon, SysctlName, Timeouts, Weight,
};

/// A real server: what is configured and what was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationEntry {
    /// What is configured.
    pub configuration: DestinationConfiguration,
    /// Open connections when it was read.
    pub connections: Connections,
    /// Counters and rates when it was read.
    pub observed: Observed,
}

/// A virtual service with its real servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceEntry {
    /// What is configured.
    pub configuration: ServiceConfiguration,
    /// Its real servers, sorted by address and port.
    pub destinations: BTreeMap<DestinationKey, DestinationEntry>,
    /// Counters and rates when it was read.
    pub observed: Observed,
}

impl ServiceEntry {
    /// Returns the sum of the weights of its real servers.
    #[must_use]
    pub fn weight_sum(&self) -> u64 {
        let weights = self.destinations.values().map(|d| d.configuration.weight);
        weights.map(|weight| u64::from(weight.get())).sum()
    }

    /// Returns the real servers without weight.
    pub fn quiescent(&self) -> impl Iterator<Item = (&DestinationKey, &DestinationEntry)> {
        let entries = self.destinations.iter();
        entries.filter(|(_, entry)| entry.configuration.weight == Weight::ZERO)
    }
}

/// A virtual service as a kernel lists it: its real servers in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedService {
    /// Its key.
    pub key: ServiceKey,
    /// What is configured.
    pub configuration: ServiceConfiguration,
    /// Counters and rates when it was read.
    pub observed: Observed,
    /// Its real servers.
    pub destinations: Vec<(DestinationKey, DestinationEntry)>,
}

/// Every virtual service and what belongs to the table as a whole; `None` is "not read".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The virtual services, sorted by key.
    pub services: BTreeMap<ServiceKey, ServiceEntry>,
    /// The connection timeouts.
    pub timeouts: Option<Timeouts>,
    /// The running sync daemons.
    pub daemons: Option<BTreeMap<DaemonRole, SyncDaemon>>,
    /// Kernel parameters that were read.
    pub sysctl: BTreeMap<SysctlName, String>,
}

impl Table {
    /// Returns what belongs to the table as a whole: a copy without its services.
    #[must_use]
    pub fn without_services(&self) -> Self {
        Self {
            services: BTreeMap::new(),
            timeouts: self.timeouts,
            daemons: self.daemons.clone(),
            sysctl: self.sysctl.clone(),
        }
    }

    /// Returns the number of real servers of all services.
    #[must_use]
    pub fn destination_count(&self) -> usize {
        self.services.values().map(|s| s.destinations.len()).sum()
    }

    /// Returns a copy in which everything that was observed is zero.
    #[must_use]
    pub fn configuration_only(&self) -> Self {
        let mut table = self.clone();
        for service in table.services.values_mut() {
            service.observed = Observed::default();
            for destination in service.destinations.values_mut() {
                destination.observed = Observed::default();
                destination.connections = Connections::default();
            }
        }
        table
    }
}
