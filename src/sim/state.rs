//! The table as the kernel keeps it: raw numbers in the kernel's order.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ahash::AHashMap;

use super::environment::Environment;
use super::sysctl::Sysctls;
use crate::wire::{CounterAttributes, ServiceAttributes, uapi};

/// What names a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServiceIdentity {
    pub(super) family: u16,
    pub(super) protocol: u16,
    pub(super) address: [u8; 16],
    pub(super) port: u16,
    pub(super) fwmark: u32,
}

impl ServiceIdentity {
    /// Where the kernel's static hash tables put it: the table, then the bucket. The kernel mixes in bits of a
    /// kernel address; here they are zero.
    fn bucket(&self) -> (u8, u8) {
        if self.fwmark != 0 {
            return (1, self.fwmark.to_le_bytes()[0]);
        }
        let word = |index: usize| {
            u32::from_be_bytes(std::array::from_fn(|byte| self.address[index * 4 + byte]))
        };
        let fold = if self.family == uapi::AF_INET6 {
            word(0) ^ word(1) ^ word(2) ^ word(3)
        } else {
            word(0)
        };
        let port = u32::from(self.port);
        let hash = u32::from(self.protocol) ^ fold ^ (port >> 8) ^ port;
        (0, hash.to_le_bytes()[0])
    }
}

/// What names a real server within its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DestinationIdentity {
    pub(super) family: u16,
    pub(super) address: [u8; 16],
    pub(super) port: u16,
}

impl Ord for DestinationIdentity {
    /// Numbers compare faster than bytes, and large tables compare a lot.
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |one: &Self| (one.family, u128::from_be_bytes(one.address), one.port);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for DestinationIdentity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) identity: DestinationIdentity,
    /// When it was added: the kernel lists the newest first.
    pub(super) number: u64,
    pub(super) method: u32,
    pub(super) weight: u32,
    pub(super) upper_threshold: u32,
    pub(super) lower_threshold: u32,
    pub(super) tunnel_type: u8,
    pub(super) tunnel_port: u16,
    pub(super) tunnel_flags: u16,
    pub(super) active: u32,
    pub(super) inactive: u32,
    pub(super) persistent: u32,
    /// `None` while nothing was counted, which is all of them in most tables.
    pub(super) counters: Option<Box<CounterAttributes>>,
}

#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) scheduler: Vec<u8>,
    pub(super) engine: Vec<u8>,
    pub(super) flags: u32,
    /// In ticks, as the kernel counts.
    pub(super) timeout: u32,
    pub(super) netmask: [u8; 4],
    /// `None` while nothing was counted, which is all of them in most tables.
    pub(super) counters: Option<Box<CounterAttributes>>,
    /// Tells a service from a later one of the same name.
    pub(super) instance: u64,
    pub(super) destinations: BTreeMap<DestinationIdentity, Destination>,
}

impl Service {
    /// Returns the servers in the order in which the kernel lists them.
    pub(super) fn newest_first(&self) -> Vec<&Destination> {
        let mut servers: Vec<&Destination> = self.destinations.values().collect();
        servers.sort_unstable_by_key(|server| Reverse(server.number));
        servers
    }
}

/// Where a service is in the order of dumps: its table, bucket, and the newest first.
pub(super) type OrderKey = (u8, u8, Reverse<u64>);

/// A deleted real server that the kernel keeps for a while.
#[derive(Clone, Debug)]
pub(super) struct Trashed {
    pub(super) service: ServiceIdentity,
    pub(super) instance: u64,
    pub(super) destination: Destination,
    pub(super) idle_since: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Daemon {
    pub(super) interface: Vec<u8>,
    pub(super) sync_id: u32,
    pub(super) sync_maxlen: u16,
    pub(super) group: Group,
    pub(super) port: u16,
    pub(super) ttl: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    V4([u8; 4]),
    V6([u8; 16]),
}

/// One network namespace's IPVS.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) environment: Environment,
    /// Shared with snapshots until one side changes.
    pub(super) services: AHashMap<ServiceIdentity, Rc<Service>>,
    /// Services in the order of dumps: table, bucket, newest first.
    pub(super) order: BTreeMap<OrderKey, ServiceIdentity>,
    /// How often a service came or went.
    pub(super) moves: u64,
    pub(super) trash: Vec<Trashed>,
    pub(super) trash_timer: Option<Duration>,
    /// TCP, TCP after FIN, UDP; in seconds.
    pub(super) timeouts: [u32; 3],
    /// Master, backup.
    pub(super) daemons: [Option<Daemon>; 2],
    pub(super) sysctls: Sysctls,
    pub(super) had_a_service: bool,
    pub(super) now: Duration,
    next: u64,
}

/// Takes over counters as another kernel reported them.
pub(super) fn counted(
    counters64: Option<&CounterAttributes>,
    counters: Option<&CounterAttributes>,
) -> Option<Box<CounterAttributes>> {
    let some = counters64.or(counters)?;
    let counts = some.values.iter().flatten().any(|value| *value != 0);
    counts.then(|| Box::new(*some))
}

/// Returns counters as they are reported: those that never counted as zeros.
pub(super) fn reported(counters: Option<Box<CounterAttributes>>) -> Option<Box<CounterAttributes>> {
    let zeros = CounterAttributes {
        values: [Some(0); 10],
    };
    counters.or_else(|| Some(Box::new(zeros)))
}

impl State {
    pub(super) fn new(environment: Environment) -> Self {
        Self {
            environment,
            services: AHashMap::new(),
            order: BTreeMap::new(),
            moves: 0,
            trash: Vec::new(),
            trash_timer: None,
            timeouts: [900, 120, 300],
            daemons: [None, None],
            sysctls: Sysctls::default(),
            had_a_service: false,
            now: Duration::ZERO,
            next: 1,
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn insert_service(&mut self, identity: ServiceIdentity, service: Service) {
        let (table, bucket) = identity.bucket();
        self.moves += 1;
        self.order
            .insert((table, bucket, Reverse(service.instance)), identity);
        self.services.insert(identity, Rc::new(service));
        self.had_a_service = true;
    }

    pub(super) fn remove_service(&mut self, identity: &ServiceIdentity) -> Option<Service> {
        let service = self.services.remove(identity)?;
        let (table, bucket) = identity.bucket();
        self.moves += 1;
        self.order
            .remove(&(table, bucket, Reverse(service.instance)));
        Some(Rc::unwrap_or_clone(service))
    }

    /// Returns a service to change.
    pub(super) fn service_mut(&mut self, identity: &ServiceIdentity) -> Option<&mut Service> {
        self.services.get_mut(identity).map(Rc::make_mut)
    }

    /// Counts servers whose family is not their service's.
    pub(super) fn mixed_destinations(&self) -> usize {
        let services = self.services.iter();
        services
            .map(|(identity, service)| {
                service
                    .destinations
                    .keys()
                    .filter(|destination| destination.family != identity.family)
                    .count()
            })
            .sum()
    }

    pub(super) fn seconds_to_ticks(&self, seconds: u32) -> u32 {
        seconds.wrapping_mul(self.environment.ticks_per_second)
    }

    /// Returns the attributes of a service; counters only once, and only if there are any.
    pub(super) fn service_record(
        &self,
        identity: &ServiceIdentity,
        service: &Service,
    ) -> ServiceAttributes {
        let mut attributes = ServiceAttributes {
            family: Some(identity.family),
            scheduler: Some(service.scheduler.clone()),
            engine: Some(service.engine.clone()).filter(|name| !name.is_empty()),
            flags: Some((service.flags, u32::MAX)),
            timeout: Some(service.timeout / self.environment.ticks_per_second),
            netmask: Some(service.netmask),
            counters64: service.counters.clone(),
            ..ServiceAttributes::default()
        };
        if identity.fwmark == 0 {
            attributes.protocol = Some(identity.protocol);
            attributes.address = Some(identity.address);
            attributes.port = Some(identity.port);
        } else {
            attributes.fwmark = Some(identity.fwmark);
        }
        attributes
    }
}
