//! The table as the kernel keeps it: raw numbers in the kernel's order.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ahash::AHashMap;

use super::agenda::Agenda;
use super::connections::Connections;
use super::environment::Environment;
use super::load::Crowd;
use super::meter::{Meter, Pace};
use super::pages::{Place, Slots};
use super::pressure::Pressure;
use super::random::Random;
use super::refusals::Refusals;
use super::scheduler::{Candidates, Chooser};
use super::server::{Destination, DestinationIdentity, ServiceIdentity};
use super::sysctl::Sysctls;
use crate::wire::{CounterAttributes, ServiceAttributes, uapi};

#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) identity: ServiceIdentity,
    pub(super) scheduler: Vec<u8>,
    pub(super) engine: Vec<u8>,
    pub(super) flags: u32,
    /// In ticks, as the kernel counts.
    pub(super) timeout: u32,
    pub(super) netmask: [u8; 4],
    /// `None` while nothing was counted, which is all of them in most tables.
    pub(super) meter: Option<Box<Meter>>,
    /// When it was made, in milliseconds.
    pub(super) since: u64,
    /// Tells a service from a later one of the same name.
    pub(super) instance: u64,
    pub(super) destinations: BTreeMap<DestinationIdentity, Place>,
    /// The same in the order in which they were added: the kernel lists the newest first.
    pub(super) oldest_first: Vec<Place>,
    pub(super) chooser: Chooser,
}

impl Service {
    pub(super) fn candidates<'a>(
        oldest_first: &'a [Place],
        servers: &'a Slots<Destination>,
        identity: &ServiceIdentity,
        flags: u32,
        environment: &Environment,
    ) -> Candidates<'a> {
        Candidates {
            oldest_first,
            servers,
            family: identity.family,
            flags,
            active_weight: i64::from(environment.flavour.active_weight),
        }
    }

    /// Tells the scheduler of a change, unless no packets ever come.
    pub(super) fn tell_scheduler(
        &mut self,
        servers: &Slots<Destination>,
        environment: &Environment,
        tell: impl FnOnce(&mut Chooser, &Candidates<'_>),
    ) {
        if environment.balances {
            let (list, identity) = (&self.oldest_first, &self.identity);
            let candidates = Self::candidates(list, servers, identity, self.flags, environment);
            tell(&mut self.chooser, &candidates);
        }
    }
}

/// Where a service is in the order of dumps: its table, bucket, and the newest first.
pub(super) type OrderKey = (u8, u8, Reverse<u64>);

/// A deleted real server that the kernel keeps for a while.
#[derive(Clone, Debug)]
pub(super) struct Trashed {
    pub(super) service: ServiceIdentity,
    pub(super) instance: u64,
    pub(super) server: Place,
    /// When it was first seen that nothing leads to it, in milliseconds.
    pub(super) idle_since: Option<u64>,
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
    pub(super) services: Slots<Rc<Service>>,
    pub(super) names: AHashMap<ServiceIdentity, Place>,
    /// Services in the order of dumps: table, bucket, newest first.
    pub(super) order: BTreeMap<OrderKey, Place>,
    /// How often a service came or went.
    pub(super) moves: u64,
    /// How many there are of IPv4 and IPv6.
    families: [usize; 2],
    /// All real servers, those in the trash among them.
    pub(super) servers: Slots<Destination>,
    pub(super) trash: Vec<Trashed>,
    /// When the trash is looked through, in milliseconds.
    pub(super) trash_timer: Option<u64>,
    pub(super) connections: Connections,
    /// When the connections of deleted servers go, in milliseconds.
    pub(super) sweep_timer: Option<u64>,
    /// What is counted of all.
    pub(super) totals: Meter,
    pub(super) pressure: Pressure,
    pub(super) agenda: Agenda,
    pub(super) crowd: Crowd,
    pub(super) refusals: Refusals,
    pub(super) random: Random,
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
    phase: u64,
    pace: Pace,
) -> Option<Box<Meter>> {
    let some = counters64.or(counters)?;
    let counts = some.values.iter().flatten().any(|value| *value != 0);
    counts.then(|| Box::new(Meter::shown(some, phase, pace)))
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
            sysctls: Sysctls::new(&environment),
            environment,
            services: Slots::new(),
            names: AHashMap::new(),
            order: BTreeMap::new(),
            moves: 0,
            families: [0; 2],
            servers: Slots::new(),
            trash: Vec::new(),
            trash_timer: None,
            connections: Connections::new(),
            sweep_timer: None,
            totals: Meter::default(),
            pressure: Pressure::default(),
            agenda: Agenda::default(),
            crowd: Crowd::new(),
            refusals: Refusals::default(),
            random: Random::new(0),
            timeouts: [900, 120, 300],
            daemons: [None, None],
            had_a_service: false,
            now: Duration::ZERO,
            next: 1,
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The clock in milliseconds.
    pub(super) fn moment(&self) -> u64 {
        u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX)
    }

    /// Milliseconds of one tick of the kernel's timers: what is put off "until the next tick".
    pub(super) fn tick(&self) -> u64 {
        (1_000 / u64::from(self.environment.ticks_per_second)).max(1)
    }

    /// When counters are copied.
    pub(super) fn pace(&self) -> Pace {
        Pace {
            now: self.moment(),
            is_running: self.sysctls.knobs.run_estimation,
        }
    }

    /// What the copies of an object's counters are in step with.
    pub(super) const fn phase(&self, since: u64) -> u64 {
        if self.environment.flavour.copies_by_object {
            since
        } else {
            0
        }
    }

    pub(super) fn service(&self, identity: &ServiceIdentity) -> Option<&Rc<Service>> {
        self.services.get(*self.names.get(identity)?)
    }

    /// Counts the services of a family.
    pub(super) fn services_of(&self, family: u16) -> usize {
        self.families[usize::from(family == uapi::AF_INET6)]
    }

    /// Returns all services in the order of dumps.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Service> {
        let services = self.order.values();
        services.filter_map(|place| self.services.get(*place).map(AsRef::as_ref))
    }

    /// Returns the servers of a service in the order in which the kernel lists them.
    pub(super) fn newest_first(&self, service: &Service) -> impl Iterator<Item = &Destination> {
        let places = service.oldest_first.iter().rev();
        places.filter_map(|place| self.servers.get(*place))
    }

    pub(super) fn insert_service(&mut self, mut service: Service) -> Place {
        let identity = service.identity;
        let (table, bucket) = identity.bucket();
        self.moves += 1;
        let balances = self.environment.balances;
        if balances {
            let (list, flags) = (&service.oldest_first, service.flags);
            let candidates =
                Service::candidates(list, &self.servers, &identity, flags, &self.environment);
            service.chooser = Chooser::new(&service.scheduler, &candidates);
            self.sysctls.load_scheduler(&service.scheduler);
        }
        let key = (table, bucket, Reverse(service.instance));
        let place = self.services.insert(Rc::new(service));
        self.order.insert(key, place);
        self.names.insert(identity, place);
        self.families[usize::from(identity.family == uapi::AF_INET6)] += 1;
        self.had_a_service = true;
        place
    }

    pub(super) fn remove_service(&mut self, identity: &ServiceIdentity) -> Option<Service> {
        let place = self.names.remove(identity)?;
        let service = self.services.remove(place)?;
        let (table, bucket) = identity.bucket();
        self.moves += 1;
        self.families[usize::from(identity.family == uapi::AF_INET6)] -= 1;
        self.order
            .remove(&(table, bucket, Reverse(service.instance)));
        Some(Rc::unwrap_or_clone(service))
    }

    /// Counts servers whose family is not their service's.
    pub(super) fn mixed_destinations(&self) -> usize {
        let services = self.services.iter();
        services
            .map(|(_, service)| {
                service
                    .destinations
                    .keys()
                    .filter(|destination| destination.family != service.identity.family)
                    .count()
            })
            .sum()
    }

    pub(super) fn seconds_to_ticks(&self, seconds: u32) -> u32 {
        seconds.wrapping_mul(self.environment.ticks_per_second)
    }

    /// Returns the attributes of a service; counters only once, and only if there are any.
    pub(super) fn service_record(&self, service: &Service) -> ServiceAttributes {
        let identity = &service.identity;
        let mut attributes = ServiceAttributes {
            family: Some(identity.family),
            scheduler: Some(service.scheduler.clone()),
            engine: Some(service.engine.clone()).filter(|name| !name.is_empty()),
            flags: Some((service.flags, u32::MAX)),
            timeout: Some(service.timeout / self.environment.ticks_per_second),
            netmask: Some(service.netmask),
            counters64: self.shown(service.meter.as_deref()),
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

    /// Returns what is shown of a meter, if it ever counted.
    pub(super) fn shown(&self, meter: Option<&Meter>) -> Option<Box<CounterAttributes>> {
        meter.map(|meter| Box::new(meter.attributes(self.pace())))
    }

    /// Writes a kernel parameter.
    pub(super) fn write_sysctl(&mut self, name: &str, contents: &[u8]) -> Result<(), i32> {
        if let Some(errno) = self.refusals.take(super::refusals::SYSCTL) {
            return Err(errno);
        }
        let (before, pace) = (self.sysctls.knobs, self.pace());
        self.sysctls.write(name, contents)?;
        if before.run_estimation != self.sysctls.knobs.run_estimation {
            let now = pace.now;
            self.each_meter(|meter| {
                // What was due is copied first; of a pause nothing is made up for.
                meter.catch_up(pace);
                meter.fall_in_step(now);
            });
        }
        Ok(())
    }

    fn each_meter(&mut self, mut change: impl FnMut(&mut Meter)) {
        change(&mut self.totals);
        let services: Vec<Place> = self.order.values().copied().collect();
        for place in services {
            let Some(service) = self.services.get_mut(place).map(Rc::make_mut) else {
                continue;
            };
            if let Some(meter) = &mut service.meter {
                change(meter);
            }
            for server in &service.oldest_first {
                let server = self.servers.get_mut(*server);
                if let Some(meter) = server.and_then(|server| server.meter.as_mut()) {
                    change(meter);
                }
            }
        }
    }
}
