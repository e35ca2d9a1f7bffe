//! The lines of `ipvsadm -S`.

use std::io::{self, Write};

use super::label::{NameLookup, address_port, flag_names, protocol_of, signed_mark};
use crate::model::{
    AddressFamily, Checksum, DestinationEntry, DestinationKey, ForwardingMethod, Granularity,
    ListedService, Protocol, ServiceKey, Tunnel,
};

/// Writes services and their servers as command lines, as the original does: without thresholds.
///
/// # Errors
/// The writer's error.
pub fn save(
    out: &mut dyn Write,
    services: &[ListedService],
    names: &dyn NameLookup,
) -> io::Result<()> {
    for service in services {
        let name = service_option(&service.key, names);
        service_line(out, &name, service)?;
        for server in &service.destinations {
            server_line(out, &name, server, protocol_of(&service.key), names)?;
        }
    }
    Ok(())
}

fn service_option(key: &ServiceKey, names: &dyn NameLookup) -> String {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            let six = if *family == AddressFamily::Inet6 {
                " -6"
            } else {
                ""
            };
            format!("-f {}{six}", signed_mark(mark.get()))
        }
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            let option = match protocol {
                Protocol::Udp => "-u",
                Protocol::Sctp => "--sctp-service",
                Protocol::Tcp | Protocol::Other(_) => "-t",
            };
            let name = address_port(*address, *port, Some(*protocol), names);
            format!("{option} {name}")
        }
    }
}

fn service_line(out: &mut dyn Write, name: &str, service: &ListedService) -> io::Result<()> {
    let configuration = &service.configuration;
    let scheduler = configuration.scheduler.as_str();
    write!(out, "-A {name} -s {scheduler}")?;
    if let Some(persistence) = &configuration.persistence {
        write!(out, " -p {}", persistence.timeout_seconds)?;
        if persistence.granularity != Granularity::full(service.key.family()) {
            match persistence.granularity {
                Granularity::Netmask(mask) => write!(out, " -M {mask}")?,
                Granularity::PrefixLength(bits) => write!(out, " -M {bits}")?,
            }
        }
    }
    let kept = configuration.persistence.as_ref();
    let kept = kept.or(configuration.dormant.as_ref());
    if let Some(engine) = kept.and_then(|kept| kept.engine.as_ref()) {
        write!(out, " --pe {}", engine.as_str())?;
    }
    if configuration.one_packet {
        write!(out, " -o")?;
    }
    if configuration.scheduler_flags.bits() != 0 {
        let flags = flag_names(configuration.scheduler_flags, scheduler);
        write!(out, " -b {flags}")?;
    }
    writeln!(out)
}

fn server_line(
    out: &mut dyn Write,
    service: &str,
    (key, entry): &(DestinationKey, DestinationEntry),
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) -> io::Result<()> {
    let configuration = &entry.configuration;
    let method = match configuration.forwarding {
        ForwardingMethod::Masquerading => "-m",
        ForwardingMethod::Tunneling => "-i",
        _ => "-g",
    };
    write!(
        out,
        "-a {service} -r {} {method} -w {}",
        address_port(key.address, key.port, protocol, names),
        configuration.weight
    )?;
    if configuration.forwarding == ForwardingMethod::Tunneling {
        tunnel(out, configuration.tunnel)?;
    }
    writeln!(out)
}

fn tunnel(out: &mut dyn Write, tunnel: Tunnel) -> io::Result<()> {
    let option = |checksum| match checksum {
        Checksum::None => "--tun-nocsum",
        Checksum::Csum => "--tun-csum",
        Checksum::Remcsum => "--tun-remcsum",
    };
    match tunnel {
        Tunnel::Ipip => write!(out, " --tun-type ipip"),
        Tunnel::Gue { port, checksum } => write!(
            out,
            " --tun-type gue --tun-port {port} {}",
            option(checksum)
        ),
        Tunnel::Gre { checksum } => write!(out, " --tun-type gre {}", option(checksum)),
        Tunnel::Other { .. } => Ok(()),
    }
}
