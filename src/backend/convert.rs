//! Attribute records to model values and back: the only place where raw numbers gain meaning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::{
    AddressFamily, Checksum, ConnectionThresholds, Connections, Counters, DaemonRole,
    DestinationConfiguration, DestinationEntry, DestinationKey, EngineName, ForwardingMethod,
    Fwmark, Granularity, Observed, Persistence, Protocol, Rates, Scheduler, SchedulerFlags,
    ServiceConfiguration, ServiceEntry, ServiceKey, SyncDaemon, Timeouts, Tunnel, Weight,
};
use crate::wire::{
    ConfigAttributes, CounterAttributes, DaemonAttributes, DestinationAttributes,
    ServiceAttributes, uapi,
};

/// The flag bits of the model: everything but the kernel's own HASHED.
const NAMED_FLAGS: u32 = uapi::IP_VS_SVC_F_PERSISTENT
    | uapi::IP_VS_SVC_F_HASHED
    | uapi::IP_VS_SVC_F_ONEPACKET
    | uapi::IP_VS_SVC_F_SCHED1
    | uapi::IP_VS_SVC_F_SCHED2
    | uapi::IP_VS_SVC_F_SCHED3;
const SCHED_SHIFT: u32 = uapi::IP_VS_SVC_F_SCHED1.trailing_zeros();

const fn family_number(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Inet => uapi::AF_INET,
        AddressFamily::Inet6 => uapi::AF_INET6,
    }
}

fn family_of(number: u16) -> Option<AddressFamily> {
    match number {
        uapi::AF_INET => Some(AddressFamily::Inet),
        uapi::AF_INET6 => Some(AddressFamily::Inet6),
        _ => None,
    }
}

fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(v6) => v6.octets(),
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
    }
}

fn address_of(family: AddressFamily, bytes: [u8; 16]) -> IpAddr {
    match family {
        AddressFamily::Inet6 => Ipv6Addr::from(bytes).into(),
        AddressFamily::Inet => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
    }
}

/// Returns the attributes that name a service.
pub(super) fn service_identity(key: &ServiceKey) -> ServiceAttributes {
    let mut attributes = ServiceAttributes {
        family: Some(family_number(key.family())),
        ..ServiceAttributes::default()
    };
    match key {
        ServiceKey::Fwmark { mark, .. } => attributes.fwmark = Some(mark.get()),
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            attributes.protocol = Some(protocol.number());
            attributes.address = Some(address_bytes(*address));
            attributes.port = Some(*port);
        }
    }
    attributes
}

fn flag_bits(configuration: &ServiceConfiguration) -> u32 {
    let mut bits = configuration.other_flags & !NAMED_FLAGS;
    bits |= u32::from(configuration.scheduler_flags.bits()) << SCHED_SHIFT;
    if configuration.persistence.is_some() {
        bits |= uapi::IP_VS_SVC_F_PERSISTENT;
    }
    if configuration.one_packet {
        bits |= uapi::IP_VS_SVC_F_ONEPACKET;
    }
    bits
}

/// Returns the complete attributes of a service; only flag bits that differ from `before` are in the mask.
pub(super) fn service_attributes(
    key: &ServiceKey,
    before: Option<&ServiceConfiguration>,
    after: &ServiceConfiguration,
) -> ServiceAttributes {
    let unused = Persistence::unused(key.family());
    let kept = after
        .persistence
        .as_ref()
        .or(after.dormant.as_ref())
        .unwrap_or(&unused);
    let bits = flag_bits(after);
    let mask = before.map_or(u32::MAX, |before| flag_bits(before) ^ bits);
    let mut attributes = service_identity(key);
    attributes.scheduler = Some(after.scheduler.as_str().as_bytes().to_vec());
    attributes.engine = kept
        .engine
        .as_ref()
        .map(|engine| engine.as_str().as_bytes().to_vec());
    attributes.flags = Some((bits, mask));
    attributes.timeout = Some(kept.timeout_seconds);
    attributes.netmask = Some(match kept.granularity {
        Granularity::Netmask(mask) => mask.octets(),
        Granularity::PrefixLength(bits) => bits.to_ne_bytes(),
    });
    attributes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads the key of a service record; `None` for a family that this program does not know.
pub(super) fn service_key(attributes: &ServiceAttributes) -> Option<ServiceKey> {
    let family = family_of(attributes.family?)?;
    if let Some(mark) = Fwmark::from_kernel(attributes.fwmark.unwrap_or_default()) {
        return Some(ServiceKey::Fwmark { family, mark });
    }
    Some(ServiceKey::Endpoint {
        protocol: Protocol::from_number(attributes.protocol.unwrap_or(6)),
        address: address_of(family, attributes.address.unwrap_or_default()),
        port: attributes.port.unwrap_or_default(),
    })
}

/// Reads a service record, without its servers.
pub(super) fn service_entry(key: &ServiceKey, attributes: &ServiceAttributes) -> ServiceEntry {
    let (flags, _) = attributes.flags.unwrap_or_default();
    let family = key.family();
    let kept = Persistence {
        timeout_seconds: attributes.timeout.unwrap_or_default(),
        granularity: attributes
            .netmask
            .map_or(Granularity::full(family), |bytes| match family {
                AddressFamily::Inet => Granularity::Netmask(Ipv4Addr::from(bytes)),
                AddressFamily::Inet6 => Granularity::PrefixLength(u32::from_ne_bytes(bytes)),
            }),
        engine: attributes
            .engine
            .as_deref()
            .filter(|name| !name.is_empty())
            .map(|name| EngineName::from_kernel(text(name))),
    };
    let (persistence, dormant) = if flags & uapi::IP_VS_SVC_F_PERSISTENT != 0 {
        (Some(kept), None)
    } else {
        (
            None,
            Some(kept).filter(|kept| *kept != Persistence::unused(family)),
        )
    };
    let scheduler_bits = u8::try_from((flags >> SCHED_SHIFT) & 7).unwrap_or_default();
    ServiceEntry {
        configuration: ServiceConfiguration {
            scheduler: Scheduler::from_kernel(text(
                attributes.scheduler.as_deref().unwrap_or(b"none"),
            )),
            scheduler_flags: SchedulerFlags::from_bits(scheduler_bits),
            one_packet: flags & uapi::IP_VS_SVC_F_ONEPACKET != 0,
            other_flags: flags & !NAMED_FLAGS,
            persistence,
            dormant,
        },
        destinations: std::collections::BTreeMap::new(),
        observed: observed(
            attributes
                .counters64
                .as_deref()
                .or(attributes.counters.as_deref()),
        ),
    }
}

fn observed(counters: Option<&CounterAttributes>) -> Observed {
    if counters.is_none() {
        return Observed::default();
    }
    let value = |index: usize| counters.and_then(|c| c.values[index]).unwrap_or_default();
    Observed::new(
        Counters {
            connections: value(0),
            packets_in: value(1),
            packets_out: value(2),
            bytes_in: value(3),
            bytes_out: value(4),
        },
        Rates {
            connections_per_second: value(5),
            packets_in_per_second: value(6),
            packets_out_per_second: value(7),
            bytes_in_per_second: value(8),
            bytes_out_per_second: value(9),
        },
    )
}

/// Returns the attributes that name a real server.
pub(super) fn destination_identity(key: &DestinationKey) -> DestinationAttributes {
    DestinationAttributes {
        family: Some(family_number(key.family())),
        address: Some(address_bytes(key.address)),
        port: Some(key.port),
        ..DestinationAttributes::default()
    }
}

/// Returns the complete attributes of a real server.
pub(super) fn destination_attributes(
    key: &DestinationKey,
    configuration: &DestinationConfiguration,
) -> DestinationAttributes {
    let method = match configuration.forwarding {
        ForwardingMethod::Masquerading => uapi::IP_VS_CONN_F_MASQ,
        ForwardingMethod::Local => uapi::IP_VS_CONN_F_LOCALNODE,
        ForwardingMethod::Tunneling => uapi::IP_VS_CONN_F_TUNNEL,
        ForwardingMethod::DirectRouting => uapi::IP_VS_CONN_F_DROUTE,
        ForwardingMethod::Bypass => uapi::IP_VS_CONN_F_BYPASS,
        ForwardingMethod::Other(number) => u32::from(number),
    };
    let (kind, port, flags) = match configuration.tunnel {
        Tunnel::Ipip => (uapi::IP_VS_CONN_F_TUNNEL_TYPE_IPIP, 0, 0),
        Tunnel::Gue { port, checksum } => (
            uapi::IP_VS_CONN_F_TUNNEL_TYPE_GUE,
            port.get(),
            checksum_bits(checksum),
        ),
        Tunnel::Gre { checksum } => (
            uapi::IP_VS_CONN_F_TUNNEL_TYPE_GRE,
            0,
            checksum_bits(checksum),
        ),
        Tunnel::Other { kind, port, flags } => (kind, port, flags),
    };
    DestinationAttributes {
        method: Some(method),
        weight: Some(configuration.weight.get()),
        upper_threshold: Some(configuration.thresholds.upper),
        lower_threshold: Some(configuration.thresholds.lower),
        tunnel_type: Some(kind),
        tunnel_port: Some(port),
        tunnel_flags: Some(flags),
        ..destination_identity(key)
    }
}

const fn checksum_bits(checksum: Checksum) -> u16 {
    match checksum {
        Checksum::None => uapi::IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM,
        Checksum::Csum => uapi::IP_VS_TUNNEL_ENCAP_FLAG_CSUM,
        Checksum::Remcsum => uapi::IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM,
    }
}

fn tunnel_of(kind: u8, port: u16, flags: u16) -> Tunnel {
    let other = Tunnel::Other { kind, port, flags };
    let checksum = match flags {
        uapi::IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM => Checksum::None,
        uapi::IP_VS_TUNNEL_ENCAP_FLAG_CSUM => Checksum::Csum,
        uapi::IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM => Checksum::Remcsum,
        _ => return other,
    };
    match (kind, port) {
        (uapi::IP_VS_CONN_F_TUNNEL_TYPE_IPIP, 0) if flags == 0 => Tunnel::Ipip,
        (uapi::IP_VS_CONN_F_TUNNEL_TYPE_GUE, _) => Tunnel::gue(port, checksum).unwrap_or(other),
        (uapi::IP_VS_CONN_F_TUNNEL_TYPE_GRE, 0) => Tunnel::gre(checksum).unwrap_or(other),
        _ => other,
    }
}

/// Reads a forwarding method from the number that the kernel keeps.
pub(super) fn method_of(number: u32) -> ForwardingMethod {
    let low = number & uapi::IP_VS_CONN_F_FWD_MASK;
    match low {
        uapi::IP_VS_CONN_F_MASQ => ForwardingMethod::Masquerading,
        uapi::IP_VS_CONN_F_LOCALNODE => ForwardingMethod::Local,
        uapi::IP_VS_CONN_F_TUNNEL => ForwardingMethod::Tunneling,
        uapi::IP_VS_CONN_F_DROUTE => ForwardingMethod::DirectRouting,
        uapi::IP_VS_CONN_F_BYPASS => ForwardingMethod::Bypass,
        other => ForwardingMethod::Other(u8::try_from(other).unwrap_or(u8::MAX)),
    }
}

/// Reads a real server's record; `None` for a family that this program does not know.
pub(super) fn destination_entry(
    service: &ServiceKey,
    attributes: &DestinationAttributes,
) -> Option<(DestinationKey, DestinationEntry)> {
    let family = match attributes.family.unwrap_or_default() {
        0 => service.family(),
        number => family_of(number)?,
    };
    let key = DestinationKey {
        address: address_of(family, attributes.address.unwrap_or_default()),
        port: attributes.port.unwrap_or_default(),
    };
    let entry = DestinationEntry {
        configuration: DestinationConfiguration {
            forwarding: method_of(attributes.method.unwrap_or_default()),
            tunnel: tunnel_of(
                attributes.tunnel_type.unwrap_or_default(),
                attributes.tunnel_port.unwrap_or_default(),
                attributes.tunnel_flags.unwrap_or_default(),
            ),
            weight: Weight::from_kernel(attributes.weight.unwrap_or_default()),
            thresholds: ConnectionThresholds {
                upper: attributes.upper_threshold.unwrap_or_default(),
                lower: attributes.lower_threshold.unwrap_or_default(),
            },
        },
        connections: Connections {
            active: attributes.active.unwrap_or_default(),
            inactive: attributes.inactive.unwrap_or_default(),
            persistent: attributes.persistent.unwrap_or_default(),
        },
        observed: observed(
            attributes
                .counters64
                .as_deref()
                .or(attributes.counters.as_deref()),
        ),
    };
    Some((key, entry))
}

/// Returns the attributes that name a daemon to stop.
pub(super) fn daemon_identity(role: DaemonRole) -> DaemonAttributes {
    let state = match role {
        DaemonRole::Master => uapi::IP_VS_STATE_MASTER,
        DaemonRole::Backup => uapi::IP_VS_STATE_BACKUP,
    };
    DaemonAttributes {
        state: Some(state),
        // The original sends both on stopping, and so does this program: older kernels may ask for them.
        interface: Some(Vec::new()),
        sync_id: Some(0),
        ..DaemonAttributes::default()
    }
}

/// Returns the attributes of a daemon to start.
pub(super) fn daemon_attributes(daemon: &SyncDaemon) -> DaemonAttributes {
    let mut attributes = DaemonAttributes {
        interface: Some(daemon.interface.as_bytes().to_vec()),
        sync_id: Some(daemon.sync_id),
        sync_maxlen: daemon.sync_maxlen,
        port: Some(daemon.port),
        ttl: Some(daemon.ttl),
        ..daemon_identity(daemon.role)
    };
    match daemon.group {
        IpAddr::V4(group) => attributes.group = Some(group.octets()),
        IpAddr::V6(group) => attributes.group6 = Some(group.octets()),
    }
    attributes
}

/// Reads a daemon's record; `None` for a state that this program does not know.
pub(super) fn daemon_of(attributes: &DaemonAttributes) -> Option<SyncDaemon> {
    let role = match attributes.state? {
        uapi::IP_VS_STATE_MASTER => DaemonRole::Master,
        uapi::IP_VS_STATE_BACKUP => DaemonRole::Backup,
        _ => return None,
    };
    let group = match (attributes.group, attributes.group6) {
        (Some(v4), _) => Ipv4Addr::from(v4).into(),
        (None, Some(v6)) => Ipv6Addr::from(v6).into(),
        (None, None) => SyncDaemon::DEFAULT_GROUP,
    };
    Some(SyncDaemon {
        role,
        interface: text(attributes.interface.as_deref().unwrap_or_default()),
        sync_id: attributes.sync_id.unwrap_or_default(),
        sync_maxlen: attributes.sync_maxlen,
        group,
        port: attributes.port.unwrap_or(SyncDaemon::DEFAULT_PORT),
        ttl: attributes.ttl.unwrap_or(SyncDaemon::DEFAULT_TTL),
    })
}

/// Returns the attributes of the timeouts.
pub(super) const fn config_attributes(timeouts: &Timeouts) -> ConfigAttributes {
    ConfigAttributes {
        tcp: Some(timeouts.tcp_seconds),
        tcp_fin: Some(timeouts.tcp_fin_seconds),
        udp: Some(timeouts.udp_seconds),
    }
}

/// Reads the timeouts.
pub(super) fn timeouts_of(attributes: &ConfigAttributes) -> Timeouts {
    Timeouts {
        tcp_seconds: attributes.tcp.unwrap_or_default(),
        tcp_fin_seconds: attributes.tcp_fin.unwrap_or_default(),
        udp_seconds: attributes.udp.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{destination_attributes, destination_entry, tunnel_of};
    use crate::model::{DestinationConfiguration, DestinationKey, ForwardingMethod, ServiceKey};

    #[test]
    fn what_another_tool_left_in_the_kernel_is_written_back_as_it_was_read() {
        let service = ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
        let key = DestinationKey::parse("10.0.0.2:80").unwrap();
        for (kind, port, flags) in [
            (0, 7, 0),
            (1, 6080, 3),
            (1, 6080, 2),
            (2, 0, 2),
            (2, 9, 1),
            (5, 1, 0xffff),
            (0, 0, 0),
        ] {
            let configuration = DestinationConfiguration {
                forwarding: ForwardingMethod::Other(6),
                tunnel: tunnel_of(kind, port, flags),
                ..DestinationConfiguration::default()
            };
            let attributes = destination_attributes(&key, &configuration);
            assert_eq!(
                (
                    attributes.tunnel_type,
                    attributes.tunnel_port,
                    attributes.tunnel_flags,
                    attributes.method
                ),
                (Some(kind), Some(port), Some(flags), Some(6))
            );
            let (_, entry) = destination_entry(&service, &attributes).unwrap();
            assert_eq!(entry.configuration, configuration);
        }
    }
}
