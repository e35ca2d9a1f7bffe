//! The layouts of `ipvsadm -L`.

use std::io::{self, Write};

use super::label::{NameLookup, flag_names, number, protocol_of, server_label, service_label};
use crate::model::{
    Checksum, DestinationEntry, ForwardingMethod, Granularity, ListedService, Observed, SyncDaemon,
    Timeouts, Tunnel,
};

/// What the original says of itself.
pub const VERSION_LINE: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)";

/// Which columns a listing has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Method, weight, connections.
    #[default]
    Plain,
    /// With the tunnel.
    TunInfo,
    /// Counters.
    Stats,
    /// Rates.
    Rate,
    /// Thresholds.
    Thresholds,
    /// With persistent connections.
    PersistentConn,
}

/// What is listed, and how.
#[derive(Clone, Copy)]
pub struct Listing<'a> {
    /// The services, in the order in which they are shown.
    pub services: &'a [ListedService],
    /// The columns.
    pub layout: Layout,
    /// Whether counters are shown exactly.
    pub exact: bool,
    /// The names of hosts and ports.
    pub names: &'a dyn NameLookup,
    /// The kernel's version and the size of its connection table, for the first line.
    pub kernel: Option<((u32, u32, u32), u32)>,
}

/// Writes a listing of services and their servers.
///
/// # Errors
/// The writer's error.
pub fn listing(out: &mut dyn Write, listing: &Listing<'_>) -> io::Result<()> {
    if let Some(((major, minor, patch), size)) = listing.kernel {
        writeln!(
            out,
            "IP Virtual Server version {major}.{minor}.{patch} (size={size})"
        )?;
    }
    titles(out, listing.layout)?;
    for service in listing.services {
        service_line(out, listing, service)?;
        let protocol = protocol_of(&service.key);
        for (key, entry) in &service.destinations {
            let label = server_label(key.address, key.port, protocol, listing.names);
            server_line(out, listing, &label, entry)?;
        }
    }
    Ok(())
}

fn titles(out: &mut dyn Write, layout: Layout) -> io::Result<()> {
    const FIRST: &str = "Prot LocalAddress:Port";
    const SECOND: &str = "  -> RemoteAddress:Port";
    let counters = |out: &mut dyn Write, names: [&str; 5]| {
        let [a, b, c, d, e] = names;
        writeln!(out, "{FIRST:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}")?;
        writeln!(out, "{SECOND}")
    };
    match layout {
        Layout::Plain => {
            writeln!(out, "{FIRST} Scheduler Flags")?;
            writeln!(
                out,
                "{SECOND}           Forward Weight ActiveConn InActConn"
            )
        }
        Layout::TunInfo => {
            writeln!(out, "{FIRST} Scheduler Flags")?;
            writeln!(
                out,
                "{SECOND}           Forward TunnelInfo    Weight ActiveConn InActConn"
            )
        }
        Layout::Stats => counters(out, ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"]),
        Layout::Rate => counters(out, ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]),
        Layout::Thresholds => {
            writeln!(
                out,
                "{FIRST:<33} {:<10} {:<10} {:<10} {:<10}",
                "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"
            )?;
            writeln!(out, "{SECOND}")
        }
        Layout::PersistentConn => {
            writeln!(
                out,
                "{FIRST:<33} {:<9} {:<11} {:<10} {:<10}",
                "Weight", "PersistConn", "ActiveConn", "InActConn"
            )?;
            writeln!(out, "{SECOND}")
        }
    }
}

fn counters(observed: &Observed) -> [u64; 5] {
    let counters = observed.counters();
    [
        counters.connections,
        counters.packets_in,
        counters.packets_out,
        counters.bytes_in,
        counters.bytes_out,
    ]
}

fn rates(observed: &Observed) -> [u64; 5] {
    let rates = observed.rates();
    [
        rates.connections_per_second,
        rates.packets_in_per_second,
        rates.packets_out_per_second,
        rates.bytes_in_per_second,
        rates.bytes_out_per_second,
    ]
}

fn service_line(
    out: &mut dyn Write,
    listing: &Listing<'_>,
    service: &ListedService,
) -> io::Result<()> {
    let label = service_label(&service.key, listing.names);
    let values = match listing.layout {
        Layout::Stats => counters(&service.observed),
        Layout::Rate => rates(&service.observed),
        _ => return described_service(out, &label, service),
    };
    write!(out, "{label:<33}")?;
    for value in values {
        out.write_all(number(value, listing.exact).as_bytes())?;
    }
    writeln!(out)
}

fn described_service(out: &mut dyn Write, label: &str, service: &ListedService) -> io::Result<()> {
    let configuration = &service.configuration;
    let scheduler = configuration.scheduler.as_str();
    write!(out, "{label} {scheduler}")?;
    if configuration.scheduler_flags.bits() != 0 {
        let names = flag_names(configuration.scheduler_flags, scheduler);
        write!(out, " ({names})")?;
    }
    if let Some(persistence) = &configuration.persistence {
        write!(out, " persistent {}", persistence.timeout_seconds)?;
        if persistence.granularity != Granularity::full(service.key.family()) {
            match persistence.granularity {
                Granularity::Netmask(mask) => write!(out, " mask {mask}")?,
                Granularity::PrefixLength(bits) => write!(out, " mask {bits}")?,
            }
        }
        if let Some(engine) = &persistence.engine {
            write!(out, " pe {}", engine.as_str())?;
        }
    }
    if configuration.one_packet {
        write!(out, " ops")?;
    }
    writeln!(out)
}

const fn method_word(method: ForwardingMethod) -> &'static str {
    match method {
        ForwardingMethod::Masquerading => "Masq",
        ForwardingMethod::Local => "Local",
        ForwardingMethod::Tunneling => "Tunnel",
        ForwardingMethod::DirectRouting => "Route",
        // The original has no word for these.
        ForwardingMethod::Bypass | ForwardingMethod::Other(_) => "(null)",
    }
}

fn tunnel_text(entry: &DestinationEntry) -> String {
    let sign = |checksum| match checksum {
        Checksum::None => "-c",
        Checksum::Csum => "+c",
        Checksum::Remcsum => "r+c",
    };
    if entry.configuration.forwarding != ForwardingMethod::Tunneling {
        return "n/a".to_owned();
    }
    match entry.configuration.tunnel {
        Tunnel::Ipip => "ipip".to_owned(),
        Tunnel::Gue { port, checksum } => format!("gue:{port}:{}", sign(checksum)),
        Tunnel::Gre { checksum } => format!("gre:{}", sign(checksum)),
        Tunnel::Other { .. } => "(null)".to_owned(),
    }
}

fn server_line(
    out: &mut dyn Write,
    listing: &Listing<'_>,
    label: &str,
    entry: &DestinationEntry,
) -> io::Result<()> {
    let configuration = &entry.configuration;
    let method = method_word(configuration.forwarding);
    let weight = configuration.weight.get();
    let connections = entry.connections;
    let (active, inactive) = (connections.active, connections.inactive);
    write!(out, "  -> {label:<28}")?;
    match listing.layout {
        Layout::Plain => writeln!(out, " {method:<7} {weight:<6} {active:<10} {inactive:<10}"),
        Layout::TunInfo => writeln!(
            out,
            " {method:<7} {:<13} {weight:<6} {active:<10} {inactive:<10}",
            tunnel_text(entry)
        ),
        Layout::Thresholds => writeln!(
            out,
            " {:<10} {:<10} {active:<10} {inactive:<10}",
            configuration.thresholds.upper, configuration.thresholds.lower
        ),
        Layout::PersistentConn => writeln!(
            out,
            " {weight:<9} {:<11} {active:<10} {inactive:<10}",
            connections.persistent
        ),
        Layout::Stats => {
            for value in counters(&entry.observed) {
                out.write_all(number(value, listing.exact).as_bytes())?;
            }
            writeln!(out)
        }
        Layout::Rate => {
            let [cps, packets_in, packets_out, bytes_in, bytes_out] = rates(&entry.observed);
            // The first three are never shortened.
            write!(out, " {cps:>8} {packets_in:>8} {packets_out:>8}")?;
            for value in [bytes_in, bytes_out] {
                out.write_all(number(value, listing.exact).as_bytes())?;
            }
            writeln!(out)
        }
    }
}

/// Writes `ipvsadm -L --timeout`.
///
/// # Errors
/// The writer's error.
pub fn timeouts(out: &mut dyn Write, timeouts: &Timeouts) -> io::Result<()> {
    writeln!(
        out,
        "Timeout (tcp tcpfin udp): {} {} {}",
        timeouts.tcp_seconds, timeouts.tcp_fin_seconds, timeouts.udp_seconds
    )
}

/// Writes `ipvsadm -L --daemon`; what a kernel does not tell of a daemon is left out.
///
/// # Errors
/// The writer's error.
pub fn daemons<'a>(
    out: &mut dyn Write,
    daemons: impl Iterator<Item = &'a SyncDaemon>,
) -> io::Result<()> {
    for daemon in daemons {
        write!(
            out,
            "{} sync daemon (mcast={}, syncid={}",
            daemon.role.word(),
            daemon.interface,
            daemon.sync_id
        )?;
        if let Some(maxlen) = daemon.sync_maxlen.filter(|maxlen| *maxlen != 0) {
            write!(out, ", maxlen={maxlen}")?;
        }
        write!(out, ", group={}", daemon.group)?;
        if daemon.port != 0 {
            write!(out, ", port={}", daemon.port)?;
        }
        if daemon.ttl != 0 {
            write!(out, ", ttl={}", daemon.ttl)?;
        }
        writeln!(out, ")")?;
    }
    Ok(())
}
