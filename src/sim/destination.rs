//! The kernel's rules for real servers.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use super::environment::OverloadRule;
use super::pages::{NOWHERE, Place, Slots};
use super::policy::{self, libc_errno as errno};
use super::server::{Destination, DestinationIdentity, ServiceIdentity};
use super::service::{Ruling, own_bytes};
use super::state::State;
use crate::wire::{DestinationAttributes, ServiceAttributes, Strictness, uapi as k};

/// The kernel reads weights and thresholds as signed.
const LARGEST_POSITIVE: u32 = i32::MAX as u32;

struct Given {
    identity: DestinationIdentity,
    attributes: DestinationAttributes,
}

/// How a request for a server is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Identity,
    Full,
}

/// Reads the server of a request. What can't be read is a refusal that waits for its turn.
pub(super) fn read(bytes: Option<&[u8]>) -> Ruling<DestinationAttributes> {
    let bytes = bytes.ok_or(errno::EINVAL)?;
    policy::check_destination(bytes).map_err(|_| errno::EINVAL)?;
    DestinationAttributes::decode(bytes, Strictness::AsTheKernel).map_err(|_| errno::EINVAL)
}

fn understood(
    attributes: Ruling<DestinationAttributes>,
    service: &ServiceIdentity,
    form: Form,
) -> Ruling<Given> {
    let attributes = attributes?;
    let (Some(address), Some(port)) = (attributes.address, attributes.port) else {
        return Err(errno::EINVAL);
    };
    let complete = attributes.method.is_some()
        && attributes.weight.is_some()
        && attributes.upper_threshold.is_some()
        && attributes.lower_threshold.is_some();
    if form == Form::Full && !complete {
        return Err(errno::EINVAL);
    }
    let family = match attributes.family.unwrap_or_default() {
        0 => service.family,
        family => family,
    };
    if !matches!(family, k::AF_INET | k::AF_INET6) {
        return Err(errno::EAFNOSUPPORT);
    }
    let identity = DestinationIdentity {
        family,
        address: own_bytes(family, address),
        port,
    };
    Ok(Given {
        identity,
        attributes,
    })
}

/// Rules on values that adding and editing share, in the kernel's order.
fn check_values(state: &State, service: &ServiceIdentity, given: &Given) -> Ruling<()> {
    let attributes = &given.attributes;
    if given.identity.family != service.family {
        let method = attributes.method.unwrap_or_default() & k::IP_VS_CONN_F_FWD_MASK;
        if state.daemons.iter().any(Option::is_some) || method != k::IP_VS_CONN_F_TUNNEL {
            return Err(errno::EINVAL);
        }
    }
    if attributes.weight.unwrap_or_default() > LARGEST_POSITIVE {
        return Err(errno::ERANGE);
    }
    let upper = attributes.upper_threshold.unwrap_or_default();
    if attributes.lower_threshold.unwrap_or_default() > upper {
        return Err(errno::ERANGE);
    }
    if upper > LARGEST_POSITIVE && state.environment.flavour.refuses_large_thresholds {
        return Err(errno::EINVAL);
    }
    let gue = attributes.tunnel_type == Some(k::IP_VS_CONN_F_TUNNEL_TYPE_GUE);
    if gue && attributes.tunnel_port.unwrap_or_default() == 0 {
        return Err(errno::EINVAL);
    }
    Ok(())
}

/// Returns whether a server can have the address. Broadcast addresses of interfaces are not known here.
fn is_fit(identity: &DestinationIdentity) -> bool {
    let bytes = identity.address;
    if identity.family == k::AF_INET {
        let address = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
        return !address.is_unspecified() && !address.is_broadcast() && !address.is_multicast();
    }
    let address = Ipv6Addr::from(bytes);
    let mapped = address.to_ipv4_mapped().is_some();
    !(address.is_multicast()
        || address.is_unspecified()
        || mapped
        || address.is_unicast_link_local())
}

fn update(
    destination: &mut Destination,
    attributes: &DestinationAttributes,
    overload: OverloadRule,
) {
    let before = (destination.upper_threshold, destination.lower_threshold);
    destination.method = attributes.method.unwrap_or_default() & k::IP_VS_CONN_F_FWD_MASK;
    destination.weight = attributes.weight.unwrap_or_default();
    destination.upper_threshold = attributes.upper_threshold.unwrap_or_default();
    destination.lower_threshold = attributes.lower_threshold.unwrap_or_default();
    destination.tunnel_type = attributes.tunnel_type.unwrap_or_default();
    destination.tunnel_port = attributes.tunnel_port.unwrap_or_default();
    destination.tunnel_flags = attributes.tunnel_flags.unwrap_or_default();
    if destination.weight != 0 {
        destination.last_weight = destination.weight;
    }
    destination.review_edited(overload, before.0, before.1);
}

fn fresh(identity: DestinationIdentity, since: u64) -> Destination {
    Destination {
        identity,
        service: NOWHERE,
        since,
        method: 0,
        weight: 0,
        last_weight: 0,
        upper_threshold: 0,
        lower_threshold: 0,
        tunnel_type: 0,
        tunnel_port: 0,
        tunnel_flags: 0,
        is_available: true,
        is_overloaded: false,
        active: 0,
        inactive: 0,
        persistent: 0,
        bound: 0,
        meter: None,
    }
}

/// Takes over a server as another kernel reported it.
pub(super) fn loaded(service_family: u16, given: &DestinationAttributes) -> Destination {
    let family = given
        .family
        .filter(|family| *family != 0)
        .unwrap_or(service_family);
    let identity = DestinationIdentity {
        family,
        address: own_bytes(family, given.address.unwrap_or_default()),
        port: given.port.unwrap_or_default(),
    };
    let mut destination = fresh(identity, 0);
    update(&mut destination, given, OverloadRule::Level);
    destination.active = given.active.unwrap_or_default();
    destination.inactive = given.inactive.unwrap_or_default();
    destination.persistent = given.persistent.unwrap_or_default();
    destination
}

/// Returns the attributes of a server; counters only once, and only if there are any.
pub(super) fn record(state: &State, destination: &Destination) -> DestinationAttributes {
    DestinationAttributes {
        address: Some(destination.identity.address),
        port: Some(destination.identity.port),
        method: Some(destination.method),
        weight: Some(destination.weight),
        upper_threshold: Some(destination.upper_threshold),
        lower_threshold: Some(destination.lower_threshold),
        active: Some(destination.active),
        inactive: Some(destination.inactive),
        persistent: Some(destination.persistent),
        counters: None,
        family: Some(destination.identity.family),
        counters64: state.shown(destination.meter.as_deref()),
        tunnel_type: Some(destination.tunnel_type),
        tunnel_port: Some(destination.tunnel_port),
        tunnel_flags: Some(destination.tunnel_flags),
    }
}

impl State {
    pub(super) fn new_destination(
        &mut self,
        service: &Ruling<ServiceAttributes>,
        destination: Ruling<DestinationAttributes>,
    ) -> Ruling<()> {
        let identity = self.find_service(service)?;
        let given = understood(destination, &identity, Form::Full)?;
        check_values(self, &identity, &given)?;
        let place = *self.names.get(&identity).ok_or(errno::ESRCH)?;
        let service = self.services.get(place).ok_or(errno::ESRCH)?;
        if service.destinations.contains_key(&given.identity) {
            return Err(errno::EEXIST);
        }
        let instance = service.instance;
        let revived = self.take_from_trash(&identity, instance, &given.identity);
        if revived.is_none() && !is_fit(&given.identity) {
            return Err(errno::EINVAL);
        }
        let since = self.moment();
        let overload = self.environment.flavour.overload;
        self.list(place, given.identity, |servers| {
            let server = revived.unwrap_or_else(|| servers.insert(fresh(given.identity, since)));
            if let Some(added) = servers.get_mut(server) {
                added.service = place;
                added.is_available = true;
                added.last_weight = 0;
                update(added, &given.attributes, overload);
            }
            server
        });
        Ok(())
    }

    /// Puts a server, which `make` makes or finds, at the front of a service's list.
    pub(super) fn list(
        &mut self,
        service: Place,
        identity: DestinationIdentity,
        make: impl FnOnce(&mut Slots<Destination>) -> Place,
    ) {
        let server = make(&mut self.servers);
        if let Some(service) = self.services.get_mut(service) {
            let service = Rc::make_mut(service);
            service.destinations.insert(identity, server);
            service.oldest_first.push(server);
            service.tell_scheduler(&self.servers, &self.environment, |chooser, candidates| {
                chooser.added(candidates);
            });
        }
    }

    pub(super) fn set_destination(
        &mut self,
        service: &Ruling<ServiceAttributes>,
        destination: Ruling<DestinationAttributes>,
    ) -> Ruling<()> {
        let identity = self.find_service(service)?;
        let given = understood(destination, &identity, Form::Full)?;
        check_values(self, &identity, &given)?;
        let place = *self.names.get(&identity).ok_or(errno::ESRCH)?;
        let service = self.services.get(place).ok_or(errno::ESRCH)?;
        let edited = service.destinations.get(&given.identity);
        let edited = *edited.ok_or(errno::ENOENT)?;
        let server = self.servers.get_mut(edited).ok_or(errno::ENOENT)?;
        update(server, &given.attributes, self.environment.flavour.overload);
        if self.environment.balances
            && let Some(service) = self.services.get_mut(place)
        {
            let service = Rc::make_mut(service);
            service.tell_scheduler(&self.servers, &self.environment, |chooser, candidates| {
                chooser.edited(candidates);
            });
        }
        Ok(())
    }

    pub(super) fn delete_destination(
        &mut self,
        service: &Ruling<ServiceAttributes>,
        destination: Ruling<DestinationAttributes>,
    ) -> Ruling<()> {
        let identity = self.find_service(service)?;
        let given = understood(destination, &identity, Form::Identity)?;
        let place = *self.names.get(&identity).ok_or(errno::ESRCH)?;
        let service = self.services.get_mut(place).ok_or(errno::ESRCH)?;
        let service = Rc::make_mut(service);
        let deleted = service.destinations.remove(&given.identity);
        let deleted = deleted.ok_or(errno::ENOENT)?;
        let instance = service.instance;
        let list = &mut service.oldest_first;
        if let Some(index) = list.iter().position(|server| *server == deleted) {
            list.remove(index);
            service.tell_scheduler(&self.servers, &self.environment, |chooser, candidates| {
                chooser.removed(index, candidates);
            });
        }
        self.put_in_trash(identity, instance, deleted);
        Ok(())
    }
}
