//! The layouts of `ipvsadm -L`.

use super::bytes::Text;
use super::label::{NameLookup, counter, flag_names, protocol_of, server_label, service_label};
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

/// Appends a listing of services and their servers.
pub fn listing(out: &mut Vec<u8>, listing: &Listing<'_>) {
    let mut out = Text(out);
    if let Some(((major, minor, patch), size)) = listing.kernel {
        out.put(&format!(
            "IP Virtual Server version {major}.{minor}.{patch} (size={size})\n"
        ));
    }
    titles(&mut out, listing.layout);
    for service in listing.services {
        service_line(&mut out, listing, service);
        let protocol = protocol_of(&service.key);
        for (key, entry) in &service.destinations {
            server_label(&mut out, (key.address, key.port), protocol, listing.names);
            server_line(&mut out, listing, entry);
        }
    }
}

fn titles(out: &mut Text<'_>, layout: Layout) {
    const FIRST: &str = "Prot LocalAddress:Port";
    const SECOND: &str = "  -> RemoteAddress:Port";
    let counters = |[a, b, c, d, e]: [&str; 5]| {
        format!("{FIRST:<33} {a:>8} {b:>8} {c:>8} {d:>8} {e:>8}\n{SECOND}\n")
    };
    out.put(&match layout {
        Layout::Plain => format!(
            "{FIRST} Scheduler Flags\n{SECOND}           Forward Weight ActiveConn InActConn\n"
        ),
        Layout::TunInfo => format!(
            "{FIRST} Scheduler Flags\n{SECOND}           Forward TunnelInfo    Weight ActiveConn InActConn\n"
        ),
        Layout::Stats => counters(["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"]),
        Layout::Rate => counters(["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]),
        Layout::Thresholds => format!(
            "{FIRST:<33} {:<10} {:<10} {:<10} {:<10}\n{SECOND}\n",
            "Uthreshold", "Lthreshold", "ActiveConn", "InActConn"
        ),
        Layout::PersistentConn => format!(
            "{FIRST:<33} {:<9} {:<11} {:<10} {:<10}\n{SECOND}\n",
            "Weight", "PersistConn", "ActiveConn", "InActConn"
        ),
    });
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

fn service_line(out: &mut Text<'_>, listing: &Listing<'_>, service: &ListedService) {
    let start = out.0.len();
    service_label(out, &service.key, listing.names);
    let values = match listing.layout {
        Layout::Stats => counters(&service.observed),
        Layout::Rate => rates(&service.observed),
        _ => return described_service(out, service),
    };
    out.fill(start, 33);
    for value in values {
        counter(out, value, listing.exact);
    }
    out.end();
}

fn described_service(out: &mut Text<'_>, service: &ListedService) {
    let configuration = &service.configuration;
    let scheduler = configuration.scheduler.as_str();
    out.put(" ");
    out.put(scheduler);
    if configuration.scheduler_flags.bits() != 0 {
        out.put(" (");
        flag_names(out, configuration.scheduler_flags, scheduler);
        out.put(")");
    }
    if let Some(persistence) = &configuration.persistence {
        out.put(" persistent ");
        out.number(u64::from(persistence.timeout_seconds));
        granularity(out, " mask ", persistence.granularity, service);
        if let Some(engine) = &persistence.engine {
            out.put(" pe ");
            out.put(engine.as_str());
        }
    }
    if configuration.one_packet {
        out.put(" ops");
    }
    out.end();
}

/// Appends the part of a client's address that counts, unless all of it does.
pub(super) fn granularity(
    out: &mut Text<'_>,
    before: &str,
    granularity: Granularity,
    service: &ListedService,
) {
    if granularity == Granularity::full(service.key.family()) {
        return;
    }
    out.put(before);
    match granularity {
        Granularity::Netmask(mask) => out.dotted(mask),
        Granularity::PrefixLength(bits) => out.number(u64::from(bits)),
    }
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

fn server_line(out: &mut Text<'_>, listing: &Listing<'_>, entry: &DestinationEntry) {
    let configuration = &entry.configuration;
    let weight = u64::from(configuration.weight.get());
    let thresholds = configuration.thresholds;
    match listing.layout {
        Layout::Plain => {
            out.column(method_word(configuration.forwarding), 7);
            out.left(weight, 6);
        }
        Layout::TunInfo => {
            out.column(method_word(configuration.forwarding), 7);
            out.column(&tunnel_text(entry), 13);
            out.left(weight, 6);
        }
        Layout::Thresholds => {
            out.left(u64::from(thresholds.upper), 10);
            out.left(u64::from(thresholds.lower), 10);
        }
        Layout::PersistentConn => {
            out.left(weight, 9);
            out.left(u64::from(entry.connections.persistent), 11);
        }
        Layout::Stats => {
            for value in counters(&entry.observed) {
                counter(out, value, listing.exact);
            }
            return out.end();
        }
        Layout::Rate => {
            let values = rates(&entry.observed);
            let (never_shortened, bytes) = values.split_at(3);
            for value in never_shortened {
                out.put(" ");
                out.right(*value, 8);
            }
            for value in bytes {
                counter(out, *value, listing.exact);
            }
            return out.end();
        }
    }
    out.left(u64::from(entry.connections.active), 10);
    out.left(u64::from(entry.connections.inactive), 10);
    out.end();
}

/// Appends `ipvsadm -L --timeout`.
pub fn timeouts(out: &mut Vec<u8>, timeouts: &Timeouts) {
    Text(out).put(&format!(
        "Timeout (tcp tcpfin udp): {} {} {}\n",
        timeouts.tcp_seconds, timeouts.tcp_fin_seconds, timeouts.udp_seconds
    ));
}

/// Appends `ipvsadm -L --daemon`; what a kernel does not tell of a daemon is left out.
pub fn daemons<'a>(out: &mut Vec<u8>, daemons: impl Iterator<Item = &'a SyncDaemon>) {
    let mut out = Text(out);
    for daemon in daemons {
        let state = daemon.role.word();
        let (interface, id) = (&daemon.interface, daemon.sync_id);
        out.put(&format!(
            "{state} sync daemon (mcast={interface}, syncid={id}"
        ));
        if let Some(maxlen) = daemon.sync_maxlen.filter(|maxlen| *maxlen != 0) {
            out.put(&format!(", maxlen={maxlen}"));
        }
        out.put(&format!(", group={}", daemon.group));
        if daemon.port != 0 {
            out.put(&format!(", port={}", daemon.port));
        }
        if daemon.ttl != 0 {
            out.put(&format!(", ttl={}", daemon.ttl));
        }
        out.put(")\n");
    }
}
