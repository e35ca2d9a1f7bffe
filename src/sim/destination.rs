//! The kernel's rules for real servers, and the trash that deleted ones go to.

use std::collections::btree_map::Entry;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::policy::{self, libc_errno as errno};
use super::service::{Ruling, own_bytes};
use super::state::{Destination, DestinationIdentity, ServiceIdentity, State, Trashed, counted};
use crate::wire::{DestinationAttributes, ServiceAttributes, Strictness, uapi as k};

/// How often the kernel looks through the trash.
const TRASH_PASS: Duration = Duration::from_secs(60);
/// How long an unused entry stays after the first look.
const TRASH_PERIOD: Duration = Duration::from_secs(120);
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

fn update(destination: &mut Destination, attributes: &DestinationAttributes) {
    destination.method = attributes.method.unwrap_or_default() & k::IP_VS_CONN_F_FWD_MASK;
    destination.weight = attributes.weight.unwrap_or_default();
    destination.upper_threshold = attributes.upper_threshold.unwrap_or_default();
    destination.lower_threshold = attributes.lower_threshold.unwrap_or_default();
    destination.tunnel_type = attributes.tunnel_type.unwrap_or_default();
    destination.tunnel_port = attributes.tunnel_port.unwrap_or_default();
    destination.tunnel_flags = attributes.tunnel_flags.unwrap_or_default();
}

fn fresh(identity: DestinationIdentity, number: u64) -> Destination {
    Destination {
        identity,
        number,
        method: 0,
        weight: 0,
        upper_threshold: 0,
        lower_threshold: 0,
        tunnel_type: 0,
        tunnel_port: 0,
        tunnel_flags: 0,
        active: 0,
        inactive: 0,
        persistent: 0,
        counters: None,
    }
}

/// Takes over a server as another kernel reported it.
pub(super) fn loaded(
    service_family: u16,
    given: &DestinationAttributes,
    number: u64,
) -> Destination {
    let family = given
        .family
        .filter(|family| *family != 0)
        .unwrap_or(service_family);
    let identity = DestinationIdentity {
        family,
        address: own_bytes(family, given.address.unwrap_or_default()),
        port: given.port.unwrap_or_default(),
    };
    let mut destination = fresh(identity, number);
    update(&mut destination, given);
    destination.active = given.active.unwrap_or_default();
    destination.inactive = given.inactive.unwrap_or_default();
    destination.persistent = given.persistent.unwrap_or_default();
    destination.counters = counted(given.counters64.as_deref(), given.counters.as_deref());
    destination
}

/// Returns the attributes of a server; counters only once, and only if there are any.
pub(super) fn record(destination: &Destination) -> DestinationAttributes {
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
        counters64: destination.counters.clone(),
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
        let number = self.next_number();
        let is_trash_empty = self.trash.is_empty();
        let service = self.service_mut(&identity).ok_or(errno::ESRCH)?;
        let Entry::Vacant(place) = service.destinations.entry(given.identity) else {
            return Err(errno::EEXIST);
        };
        if is_trash_empty {
            // The usual: one search of the table is enough.
            if !is_fit(&given.identity) {
                return Err(errno::EINVAL);
            }
            update(
                place.insert(fresh(given.identity, number)),
                &given.attributes,
            );
            return Ok(());
        }
        let instance = service.instance;
        let mut added = match self.take_from_trash(&identity, instance, &given.identity) {
            Some(revived) => revived,
            None if is_fit(&given.identity) => fresh(given.identity, number),
            None => return Err(errno::EINVAL),
        };
        added.number = number;
        update(&mut added, &given.attributes);
        if let Some(service) = self.service_mut(&identity) {
            service.destinations.insert(given.identity, added);
        }
        Ok(())
    }

    pub(super) fn set_destination(
        &mut self,
        service: &Ruling<ServiceAttributes>,
        destination: Ruling<DestinationAttributes>,
    ) -> Ruling<()> {
        let identity = self.find_service(service)?;
        let given = understood(destination, &identity, Form::Full)?;
        check_values(self, &identity, &given)?;
        let service = self.service_mut(&identity).ok_or(errno::ESRCH)?;
        let edited = service.destinations.get_mut(&given.identity);
        update(edited.ok_or(errno::ENOENT)?, &given.attributes);
        Ok(())
    }

    pub(super) fn delete_destination(
        &mut self,
        service: &Ruling<ServiceAttributes>,
        destination: Ruling<DestinationAttributes>,
    ) -> Ruling<()> {
        let identity = self.find_service(service)?;
        let given = understood(destination, &identity, Form::Identity)?;
        let service = self.service_mut(&identity).ok_or(errno::ESRCH)?;
        let deleted = service.destinations.remove(&given.identity);
        let instance = service.instance;
        self.put_in_trash(identity, instance, deleted.ok_or(errno::ENOENT)?);
        Ok(())
    }

    pub(super) fn put_in_trash(
        &mut self,
        service: ServiceIdentity,
        instance: u64,
        destination: Destination,
    ) {
        self.sweep_trash();
        self.trash.push(Trashed {
            service,
            instance,
            destination,
            idle_since: None,
        });
        let pass = self.now.saturating_add(TRASH_PASS);
        self.trash_timer.get_or_insert(pass);
    }

    /// Takes a server back: its connection counts stay, its counters only in the same service object.
    fn take_from_trash(
        &mut self,
        service: &ServiceIdentity,
        instance: u64,
        destination: &DestinationIdentity,
    ) -> Option<Destination> {
        self.sweep_trash();
        let place = self.trash.iter().rposition(|entry| {
            let of = &entry.service;
            entry.destination.identity == *destination
                && of.protocol == service.protocol
                && of.fwmark == service.fwmark
                && (service.fwmark != 0
                    || (of.address == service.address && of.port == service.port))
        })?;
        let entry = self.trash.remove(place);
        let mut revived = entry.destination;
        if entry.instance != instance {
            revived.counters = None;
        }
        Some(revived)
    }

    /// Runs the passes of the trash timer that are due.
    fn sweep_trash(&mut self) {
        while let Some(pass) = self.trash_timer.filter(|pass| *pass <= self.now) {
            self.trash.retain_mut(|entry| match entry.idle_since {
                None => {
                    entry.idle_since = Some(pass);
                    true
                }
                Some(since) => pass < since.saturating_add(TRASH_PERIOD),
            });
            let next = pass.saturating_add(TRASH_PASS);
            self.trash_timer = (!self.trash.is_empty() && next > pass).then_some(next);
        }
    }
}
