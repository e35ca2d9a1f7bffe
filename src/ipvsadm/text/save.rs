//! The lines of `ipvsadm -S`.

use super::bytes::Text;
use super::label::{NameLookup, address_port, flag_names, protocol_of, signed_mark};
use super::layout::granularity;
use crate::model::{
    AddressFamily, Checksum, DestinationEntry, DestinationKey, ForwardingMethod, ListedService,
    Protocol, ServiceKey, Tunnel,
};

/// Appends services and their servers as command lines, as the original does: without thresholds.
pub fn save(out: &mut Vec<u8>, services: &[ListedService], names: &dyn NameLookup) {
    let mut out = Text(out);
    for service in services {
        out.put("-A ");
        let start = out.0.len();
        service_option(&mut out, &service.key, names);
        let name = out.0[start..].to_vec();
        service_options(&mut out, service);
        for server in &service.destinations {
            out.put("-a ");
            out.0.extend_from_slice(&name);
            server_options(&mut out, server, protocol_of(&service.key), names);
        }
    }
}

fn service_option(out: &mut Text<'_>, key: &ServiceKey, names: &dyn NameLookup) {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            out.put("-f ");
            signed_mark(out, mark.get());
            if *family == AddressFamily::Inet6 {
                out.put(" -6");
            }
        }
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            out.put(match protocol {
                Protocol::Udp => "-u ",
                Protocol::Sctp => "--sctp-service ",
                Protocol::Tcp | Protocol::Other(_) => "-t ",
            });
            address_port(out, *address, *port, Some(*protocol), names);
        }
    }
}

fn service_options(out: &mut Text<'_>, service: &ListedService) {
    let configuration = &service.configuration;
    let scheduler = configuration.scheduler.as_str();
    out.put(" -s ");
    out.put(scheduler);
    if let Some(persistence) = &configuration.persistence {
        out.put(" -p ");
        out.number(u64::from(persistence.timeout_seconds));
        granularity(out, " -M ", persistence.granularity, service);
    }
    let kept = configuration.persistence.as_ref();
    let kept = kept.or(configuration.dormant.as_ref());
    if let Some(engine) = kept.and_then(|kept| kept.engine.as_ref()) {
        out.put(" --pe ");
        out.put(engine.as_str());
    }
    if configuration.one_packet {
        out.put(" -o");
    }
    if configuration.scheduler_flags.bits() != 0 {
        out.put(" -b ");
        flag_names(out, configuration.scheduler_flags, scheduler);
    }
    out.end();
}

fn server_options(
    out: &mut Text<'_>,
    (key, entry): &(DestinationKey, DestinationEntry),
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) {
    let configuration = &entry.configuration;
    out.put(" -r ");
    address_port(out, key.address, key.port, protocol, names);
    out.put(match configuration.forwarding {
        ForwardingMethod::Masquerading => " -m -w ",
        ForwardingMethod::Tunneling => " -i -w ",
        _ => " -g -w ",
    });
    out.number(u64::from(configuration.weight.get()));
    if configuration.forwarding == ForwardingMethod::Tunneling {
        tunnel(out, configuration.tunnel);
    }
    out.end();
}

fn tunnel(out: &mut Text<'_>, tunnel: Tunnel) {
    let option = |checksum| match checksum {
        Checksum::None => "--tun-nocsum",
        Checksum::Csum => "--tun-csum",
        Checksum::Remcsum => "--tun-remcsum",
    };
    match tunnel {
        Tunnel::Ipip => out.put(" --tun-type ipip"),
        Tunnel::Gue { port, checksum } => out.put(&format!(
            " --tun-type gue --tun-port {port} {}",
            option(checksum)
        )),
        Tunnel::Gre { checksum } => out.put(&format!(" --tun-type gre {}", option(checksum))),
        Tunnel::Other { .. } => {}
    }
}
