//! What a list has a line for: a virtual service, a real server of one, or an address that serves, whatever for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{
    Counters, DestinationEntry, DestinationKey, Observed, Rates, Receptions, ServiceEntry,
    ServiceKey, Table,
};

/// What was read of a table beside its services; the rest of its fields is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether all of it was read, and not only what users without privilege may read.
    pub all: bool,
    /// Whether the kernel's estimator runs: without it rates stand still.
    pub rates: bool,
}

/// What kind of line a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A real server of a virtual service.
    Destination,
    /// A virtual service.
    Service,
    /// An address that serves, in however many services.
    Server,
}

/// A virtual service.
#[derive(Clone, Copy, Debug)]
pub struct ServiceRow<'t> {
    /// Its key.
    pub key: &'t ServiceKey,
    /// What it is.
    pub entry: &'t ServiceEntry,
    /// What is known of it.
    pub known: Known,
}

/// A real server of a virtual service.
#[derive(Clone, Copy, Debug)]
pub struct DestinationRow<'t> {
    /// Its service.
    pub service: ServiceRow<'t>,
    /// Its key.
    pub key: &'t DestinationKey,
    /// What it is.
    pub entry: &'t DestinationEntry,
    /// What it gets among its siblings.
    pub receptions: &'t Receptions<'t>,
}

/// An address that serves, and the sums over all that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRow {
    /// The address.
    pub address: IpAddr,
    /// The services that it is in.
    pub services: Vec<ServiceKey>,
    /// In how many places it is: with several ports in one service these are more than its services.
    pub destinations: u64,
    /// In how many of them it has no weight.
    pub quiescent: u64,
    /// The sum of its weights.
    pub weight_sum: u64,
    /// Active, inactive and persistent connections.
    pub connections: [u64; 3],
    /// What it counted.
    pub observed: Observed,
    /// What is known of it.
    pub known: Known,
}

/// A line of a list.
#[derive(Clone, Copy, Debug)]
pub enum Row<'t> {
    /// A virtual service.
    Service(ServiceRow<'t>),
    /// A real server of one.
    Destination(DestinationRow<'t>),
    /// An address that serves.
    Server(&'t ServerRow),
}

/// A virtual service, and those of its real servers that are meant.
#[derive(Clone, Debug)]
pub struct ServicePart<'t> {
    /// The service, whole: what a server gets depends on its siblings.
    pub service: ServiceRow<'t>,
    /// The real servers.
    pub destinations: Vec<(&'t DestinationKey, &'t DestinationEntry)>,
}

impl<'t> ServicePart<'t> {
    /// Returns the services of a part of a table, each as the `whole` has it.
    #[must_use]
    pub fn all(part: &'t Table, whole: &'t Table, known: Known) -> Vec<Self> {
        let of = |(key, part): (&'t ServiceKey, &'t ServiceEntry)| Self {
            service: ServiceRow {
                key,
                entry: whole.services.get(key).unwrap_or(part),
                known,
            },
            destinations: part.destinations.iter().collect(),
        };
        part.services.iter().map(of).collect()
    }

    /// Returns the lines of its real servers.
    pub fn rows<'r>(
        &'r self,
        receptions: &'r Receptions<'r>,
    ) -> impl Iterator<Item = DestinationRow<'r>> {
        self.destinations
            .iter()
            .map(move |(key, entry)| DestinationRow {
                service: self.service,
                key,
                entry,
                receptions,
            })
    }
}

impl ServiceRow<'_> {
    /// Returns a sum over its real servers.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&DestinationEntry) -> u64) -> u64 {
        self.entry.destinations.values().map(of).sum()
    }
}

impl ServerRow {
    /// Returns each address of the real servers of a table, once, sorted.
    #[must_use]
    pub fn all(table: &Table, known: Known) -> Vec<Self> {
        let mut rows: BTreeMap<IpAddr, Self> = BTreeMap::new();
        for (service, entry) in &table.services {
            for (key, server) in &entry.destinations {
                let row = rows.entry(key.address).or_insert_with(|| Self {
                    address: key.address,
                    services: Vec::new(),
                    destinations: 0,
                    quiescent: 0,
                    weight_sum: 0,
                    connections: [0; 3],
                    observed: Observed::default(),
                    known,
                });
                if row.services.last() != Some(service) {
                    row.services.push(*service);
                }
                let weight = u64::from(server.configuration.weight.get());
                let open = server.connections;
                row.destinations += 1;
                row.quiescent += u64::from(weight == 0);
                row.weight_sum += weight;
                let seen = [open.active, open.inactive, open.persistent];
                for (sum, number) in row.connections.iter_mut().zip(seen) {
                    *sum += u64::from(number);
                }
                row.observed = added(&row.observed, &server.observed);
            }
        }
        rows.into_values().collect()
    }
}

fn added(one: &Observed, other: &Observed) -> Observed {
    let (a, b) = (one.counters(), other.counters());
    let (c, d) = (one.rates(), other.rates());
    Observed::new(
        Counters {
            connections: a.connections.saturating_add(b.connections),
            packets_in: a.packets_in.saturating_add(b.packets_in),
            packets_out: a.packets_out.saturating_add(b.packets_out),
            bytes_in: a.bytes_in.saturating_add(b.bytes_in),
            bytes_out: a.bytes_out.saturating_add(b.bytes_out),
        },
        Rates {
            connections_per_second: c
                .connections_per_second
                .saturating_add(d.connections_per_second),
            packets_in_per_second: c
                .packets_in_per_second
                .saturating_add(d.packets_in_per_second),
            packets_out_per_second: c
                .packets_out_per_second
                .saturating_add(d.packets_out_per_second),
            bytes_in_per_second: c.bytes_in_per_second.saturating_add(d.bytes_in_per_second),
            bytes_out_per_second: c
                .bytes_out_per_second
                .saturating_add(d.bytes_out_per_second),
        },
    )
}
