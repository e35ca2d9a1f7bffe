//! The kernel's rules for virtual services.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::pages::Place;
use super::policy::{self, libc_errno as errno};
use super::scheduler::Chooser;
use super::server::{Destination, ServiceIdentity};
use super::state::{Service, State, counted};
use crate::wire::{ServiceAttributes, ServiceRecord, Strictness, uapi as k};

/// A refusal: the error number.
pub(super) type Ruling<T> = Result<T, i32>;

/// How a service request is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Only what names it.
    Identity,
    /// With its configuration.
    Full,
}

/// Reads the service of a request. What can't be read is a refusal that waits for its turn.
pub(super) fn read(bytes: Option<&[u8]>) -> Ruling<ServiceAttributes> {
    let bytes = bytes.ok_or(errno::EINVAL)?;
    policy::check_service(bytes).map_err(|_| errno::EINVAL)?;
    ServiceAttributes::decode(bytes, Strictness::AsTheKernel).map_err(|_| errno::EINVAL)
}

/// Finds what a service is called: the checks that come before any look at the table.
fn named(given: &ServiceAttributes, form: Form) -> Ruling<ServiceIdentity> {
    let family = given.family.ok_or(errno::EINVAL)?;
    let endpoint = (given.protocol, given.address, given.port);
    if given.fwmark.is_none() && !matches!(endpoint, (Some(_), Some(_), Some(_))) {
        return Err(errno::EINVAL);
    }
    if !matches!(family, k::AF_INET | k::AF_INET6) {
        return Err(errno::EAFNOSUPPORT);
    }
    let mut identity = ServiceIdentity {
        family,
        protocol: 6,
        address: [0; 16],
        port: 0,
        fwmark: 0,
    };
    if let Some(mark) = given.fwmark {
        identity.fwmark = mark;
    } else {
        identity.protocol = given.protocol.unwrap_or_default();
        identity.address = own_bytes(family, given.address.unwrap_or_default());
        identity.port = given.port.unwrap_or_default();
    }
    let complete = given.scheduler.is_some()
        && given.flags.is_some()
        && given.timeout.is_some()
        && given.netmask.is_some();
    if form == Form::Full && !complete {
        return Err(errno::EINVAL);
    }
    Ok(identity)
}

/// Keeps the bytes that count in a family.
pub(super) fn own_bytes(family: u16, address: [u8; 16]) -> [u8; 16] {
    let mut own = address;
    if family == k::AF_INET {
        own[4..].fill(0);
    }
    own
}

impl State {
    pub(super) fn find_service(
        &self,
        given: &Ruling<ServiceAttributes>,
    ) -> Ruling<ServiceIdentity> {
        let given = given.as_ref().map_err(|errno| *errno)?;
        let identity = named(given, Form::Identity)?;
        if self.names.contains_key(&identity) {
            Ok(identity)
        } else {
            Err(errno::ESRCH)
        }
    }

    pub(super) fn new_service(&mut self, given: Ruling<ServiceAttributes>) -> Ruling<()> {
        let given = given?;
        let identity = named(&given, Form::Full)?;
        if self.names.contains_key(&identity) {
            return Err(errno::EEXIST);
        }
        self.check_modules(&identity, &given)?;
        let (bits, mask) = given.flags.unwrap_or_default();
        let service = Service {
            identity,
            scheduler: given.scheduler.unwrap_or_default(),
            engine: given.engine.unwrap_or_default(),
            flags: (bits & mask) | k::IP_VS_SVC_F_HASHED,
            timeout: self.seconds_to_ticks(given.timeout.unwrap_or_default()),
            netmask: given.netmask.unwrap_or_default(),
            meter: None,
            since: self.moment(),
            instance: self.next_number(),
            destinations: BTreeMap::new(),
            oldest_first: Vec::new(),
            chooser: Chooser::None,
        };
        self.insert_service(service);
        Ok(())
    }

    /// Scheduler, engine, prefix: what adding and editing check alike, in this order.
    fn check_modules(&self, identity: &ServiceIdentity, given: &ServiceAttributes) -> Ruling<()> {
        let scheduler = given.scheduler.as_deref().unwrap_or_default();
        if scheduler != b"none"
            && (scheduler.is_empty() || !self.environment.schedulers.has(scheduler))
        {
            return Err(errno::ENOENT);
        }
        let engine = given.engine.as_deref().unwrap_or_default();
        if !engine.is_empty() && !self.environment.engines.has(engine) {
            return Err(errno::ENOENT);
        }
        let prefix = u32::from_ne_bytes(given.netmask.unwrap_or_default());
        if identity.family == k::AF_INET6 && !(1..=128).contains(&prefix) {
            return Err(errno::EINVAL);
        }
        Ok(())
    }

    pub(super) fn set_service(&mut self, given: Ruling<ServiceAttributes>) -> Ruling<()> {
        let given = given?;
        let identity = named(&given, Form::Full)?;
        if !self.names.contains_key(&identity) {
            return Err(errno::ESRCH);
        }
        self.check_modules(&identity, &given)?;
        let timeout = self.seconds_to_ticks(given.timeout.unwrap_or_default());
        let mh_places = self.environment.flavour.mh_places;
        let place = *self.names.get(&identity).ok_or(errno::ESRCH)?;
        let service = self.services.get_mut(place).ok_or(errno::ESRCH)?;
        let service = Rc::make_mut(service);
        let scheduler = given.scheduler.unwrap_or_default();
        let too_many = mh_places.is_some_and(|places| service.destinations.len() > places);
        if scheduler != service.scheduler && scheduler == b"mh" && too_many {
            return Err(errno::EINVAL);
        }
        let (bits, mask) = given.flags.unwrap_or_default();
        let is_other = scheduler != service.scheduler;
        service.scheduler = scheduler;
        service.flags = (service.flags & !mask) | (bits & mask) | k::IP_VS_SVC_F_HASHED;
        service.timeout = timeout;
        service.netmask = given.netmask.unwrap_or_default();
        service.engine = given.engine.unwrap_or_default();
        if is_other {
            // The same scheduler goes on where it was.
            let name = service.scheduler.clone();
            service.tell_scheduler(&self.servers, &self.environment, |chooser, candidates| {
                *chooser = Chooser::new(&name, candidates);
            });
            self.sysctls.load_scheduler(&name);
        }
        Ok(())
    }

    pub(super) fn delete_service(&mut self, given: &Ruling<ServiceAttributes>) -> Ruling<()> {
        let identity = self.find_service(given)?;
        self.drop_service(&identity);
        Ok(())
    }

    pub(super) fn drop_service(&mut self, identity: &ServiceIdentity) {
        if let Some(service) = self.remove_service(identity) {
            for server in service.oldest_first.iter().rev() {
                self.put_in_trash(*identity, service.instance, *server);
            }
        }
    }

    pub(super) fn flush(&mut self) {
        let all: Vec<ServiceIdentity> = self.in_order().map(|service| service.identity).collect();
        for identity in all {
            self.drop_service(&identity);
        }
    }

    pub(super) fn zero(&mut self, given: Option<&Ruling<ServiceAttributes>>) -> Ruling<()> {
        let chosen = given.map(|given| self.find_service(given)).transpose()?;
        let pace = self.pace();
        let places: Vec<Place> = match chosen {
            Some(identity) => self.names.get(&identity).copied().into_iter().collect(),
            None => self.order.values().copied().collect(),
        };
        if chosen.is_none() {
            self.totals.zero(pace);
        }
        for place in places {
            let Some(service) = self.services.get_mut(place) else {
                continue;
            };
            if service.meter.is_some()
                && let Some(meter) = &mut Rc::make_mut(service).meter
            {
                meter.zero(pace);
            }
            for server in &service.oldest_first {
                let counts = |server: &Destination| server.meter.is_some();
                if self.servers.get(*server).is_some_and(counts)
                    && let Some(server) = self.servers.get_mut(*server)
                    && let Some(meter) = &mut server.meter
                {
                    meter.zero(pace);
                }
            }
        }
        Ok(())
    }

    /// Takes over a service as another kernel reported it; one of the same name is replaced.
    pub(super) fn load(&mut self, record: &ServiceRecord) -> Ruling<()> {
        let given = &record.service;
        let identity = ServiceIdentity {
            family: given.family.ok_or(errno::EINVAL)?,
            protocol: given.protocol.unwrap_or(6),
            address: own_bytes(
                given.family.unwrap_or_default(),
                given.address.unwrap_or_default(),
            ),
            port: given.port.unwrap_or_default(),
            fwmark: given.fwmark.unwrap_or_default(),
        };
        if let Some(replaced) = self.remove_service(&identity) {
            for server in replaced.oldest_first {
                self.servers.remove(server);
            }
        }
        let (bits, _) = given.flags.unwrap_or_default();
        let (since, pace) = (self.moment(), self.pace());
        let counters = (given.counters64.as_deref(), given.counters.as_deref());
        let phase = self.phase(since);
        let service = Service {
            identity,
            scheduler: given.scheduler.clone().unwrap_or_else(|| b"none".to_vec()),
            engine: given.engine.clone().unwrap_or_default(),
            flags: bits | k::IP_VS_SVC_F_HASHED,
            timeout: self.seconds_to_ticks(given.timeout.unwrap_or_default()),
            netmask: given.netmask.unwrap_or_default(),
            meter: counted(counters.0, counters.1, phase, pace),
            since,
            instance: self.next_number(),
            destinations: BTreeMap::new(),
            oldest_first: Vec::with_capacity(record.destinations.len()),
            chooser: Chooser::None,
        };
        let place = self.insert_service(service);
        // The record lists the newest first.
        for destination in record.destinations.iter().rev() {
            let mut server = super::destination::loaded(identity.family, destination);
            let counters = (
                destination.counters64.as_deref(),
                destination.counters.as_deref(),
            );
            server.meter = counted(counters.0, counters.1, phase, pace);
            (server.service, server.since) = (place, since);
            self.list(place, server.identity, |servers| servers.insert(server));
        }
        Ok(())
    }
}
