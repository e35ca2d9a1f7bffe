//! The files of `/proc/net`, line by line as the kernel prints them.

use std::fmt::Write;
use std::net::Ipv6Addr;

use super::connection::Connection;
use super::server::Destination;
use super::state::{Service, State};
use super::states;
use crate::wire::uapi as k;

const CONNECTIONS_TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
const CONNECTIONS_SYNC_TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n";

/// Bytes that are handed over at a time.
const PIECE: usize = 64 * 1024;

fn long_v6(address: [u8; 16]) -> String {
    let words = Ipv6Addr::from(address)
        .segments()
        .map(|word| format!("{word:04x}"));
    words.join(":")
}

/// An address with its port, as connections have them: without brackets.
fn endpoint(family: u16, address: [u8; 16], port: u16) -> String {
    if family == k::AF_INET6 {
        format!("{} {port:04X}", long_v6(address))
    } else {
        format!("{} {port:04X}", v4(address))
    }
}

/// The five counters of a line.
fn counts(values: &[u64]) -> String {
    let value = |index: usize| values.get(index).copied().unwrap_or_default();
    format!(
        "{:8X} {:8X} {:8X} {:16X} {:16X}\n",
        value(0),
        value(1),
        value(2),
        value(3),
        value(4)
    )
}

fn v4(address: [u8; 16]) -> String {
    format!(
        "{:02X}{:02X}{:02X}{:02X}",
        address[0], address[1], address[2], address[3]
    )
}

fn protocol(number: u16) -> String {
    match number {
        0 => "IP".to_owned(),
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        58 => "ICMPv6".to_owned(),
        132 => "SCTP".to_owned(),
        other => format!("IP_{other}"),
    }
}

fn service_line(service: &Service) -> String {
    let identity = &service.identity;
    let scheduler = String::from_utf8_lossy(&service.scheduler);
    let ops = if service.flags & k::IP_VS_SVC_F_ONEPACKET != 0 {
        "ops "
    } else {
        ""
    };
    let mut line = if identity.fwmark != 0 {
        format!("FWM  {:08X} {scheduler} {ops}", identity.fwmark)
    } else if identity.family == k::AF_INET6 {
        format!(
            "{}  [{}]:{:04X} {scheduler} ",
            protocol(identity.protocol),
            long_v6(identity.address),
            identity.port
        )
    } else {
        format!(
            "{}  {}:{:04X} {scheduler} {ops} ",
            protocol(identity.protocol),
            v4(identity.address),
            identity.port
        )
    };
    if service.flags & k::IP_VS_SVC_F_PERSISTENT != 0 {
        let ticks = service.timeout.cast_signed();
        let mask = u32::from_be_bytes(service.netmask);
        let _ = write!(line, "persistent {ticks} {mask:08X}");
    }
    line.push('\n');
    line
}

fn destination_line(destination: &Destination) -> String {
    let method = match destination.method {
        k::IP_VS_CONN_F_LOCALNODE => "Local",
        k::IP_VS_CONN_F_TUNNEL => "Tunnel",
        k::IP_VS_CONN_F_DROUTE => "Route",
        _ => "Masq",
    };
    let identity = &destination.identity;
    let address = if identity.family == k::AF_INET6 {
        format!("[{}]", long_v6(identity.address))
    } else {
        v4(identity.address)
    };
    format!(
        "  -> {address}:{:04X}      {method:<7} {:<6} {:<10} {:<10}\n",
        identity.port, destination.weight, destination.active, destination.inactive
    )
}

impl State {
    /// Buckets of the connection table.
    pub(super) fn connection_table_size(&self) -> u32 {
        match (
            self.environment.flavour.growing_connection_table,
            self.had_a_service,
        ) {
            (false, _) => 4096,
            (true, false) => 0,
            (true, true) => 256,
        }
    }

    pub(super) fn services_file(&self) -> String {
        let mut text = format!(
            "IP Virtual Server version 1.2.1 (size={})\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n",
            self.connection_table_size()
        );
        for service in self.in_order() {
            text.push_str(&service_line(service));
            for destination in self.newest_first(service) {
                text.push_str(&destination_line(destination));
            }
        }
        text
    }

    pub(super) fn stats_file(&self) -> String {
        let shown = self.totals.attributes(self.pace()).values;
        let shown = shown.map(Option::unwrap_or_default);
        format!(
            "   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            Bytes            Bytes\n{}\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n{}",
            counts(&shown[..5]),
            counts(&shown[5..])
        )
    }

    /// One processor: its counters are never zeroed, and not a copy.
    pub(super) fn stats_per_cpu_file(&self) -> String {
        let shown = self.totals.attributes(self.pace()).values;
        let shown = shown.map(Option::unwrap_or_default);
        format!(
            "       Total Incoming Outgoing         Incoming         Outgoing\nCPU    Conns  Packets  Packets            Bytes            Bytes\n  0 {}  ~ {}\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n    {}",
            counts(&self.totals.live()),
            counts(&shown[..5]),
            counts(&shown[5..])
        )
    }

    /// The schedulers of the environment, as modules that can be loaded.
    pub(super) fn available_modules_file(&self) -> String {
        let names = self.environment.schedulers.listed();
        let lines = names.iter().map(|name| {
            format!(
                "kernel/net/netfilter/ipvs/ip_vs_{name}.ko: kernel/net/netfilter/ipvs/ip_vs.ko\n"
            )
        });
        lines.collect()
    }

    /// The schedulers that services use, as modules that are loaded.
    pub(super) fn loaded_modules_file(&self) -> String {
        let services = self.services.iter().map(|(_, service)| service);
        let used: std::collections::BTreeSet<String> = services
            .map(|service| String::from_utf8_lossy(&service.scheduler).into_owned())
            .collect();
        let known = self.environment.schedulers.listed();
        let mut text = "ip_vs 176128 0 - Live 0x0000000000000000\n".to_owned();
        for name in known.iter().filter(|name| used.contains(**name)) {
            let _ = writeln!(text, "ip_vs_{name} 16384 1 - Live 0x0000000000000000");
        }
        text
    }

    /// Hands over the connections in pieces: there may be millions.
    pub(super) fn stream_connections(&self, sink: &mut dyn FnMut(&[u8])) {
        self.stream(CONNECTIONS_TITLE, sink, |line, entry, left| {
            let _ = write!(line, "{:<11} {left:7}", states::name(entry));
        });
    }

    pub(super) fn stream_connections_sync(&self, sink: &mut dyn FnMut(&[u8])) {
        self.stream(CONNECTIONS_SYNC_TITLE, sink, |line, entry, left| {
            let _ = write!(line, "{:<11} LOCAL  {left:7}", states::name(entry));
        });
    }

    fn stream(
        &self,
        title: &str,
        sink: &mut dyn FnMut(&[u8]),
        end: impl Fn(&mut String, &Connection, u64),
    ) {
        let now = self.moment();
        let with_engine = title == CONNECTIONS_TITLE;
        let mut piece = title.as_bytes().to_vec();
        for (_, entry) in self.connections.iter() {
            let mut line = self.connection_ends(entry);
            end(
                &mut line,
                entry,
                entry.expires().saturating_sub(now) / 1_000,
            );
            piece.extend_from_slice(line.as_bytes());
            if let Some(data) = entry.engine_data.as_deref().filter(|_| with_engine) {
                piece.extend_from_slice(b" sip ");
                piece.extend_from_slice(data);
            }
            piece.push(b'\n');
            if piece.len() >= PIECE {
                sink(&piece);
                piece.clear();
            }
        }
        sink(&piece);
    }

    /// Protocol, client, virtual address and server of an entry, each with a blank behind it.
    fn connection_ends(&self, entry: &Connection) -> String {
        let family = entry.family();
        let server = self.servers.get(entry.server);
        let (its_family, its_address) = server.map_or((family, [0; 16]), |server| {
            (server.identity.family, server.identity.address)
        });
        let protocol = protocol(entry.protocol.into());
        let address = endpoint(family, entry.address, entry.port);
        format!(
            "{protocol:<3} {} {address} {} ",
            endpoint(family, entry.client, entry.client_port),
            endpoint(its_family, its_address, entry.server_port)
        )
    }
}
