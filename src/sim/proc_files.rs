//! The files of `/proc/net`, line by line as the kernel prints them.

use std::fmt::Write;
use std::net::Ipv6Addr;

use super::state::{Destination, Service, ServiceIdentity, State};
use crate::wire::uapi as k;

const CONNECTIONS_TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";
const CONNECTIONS_SYNC_TITLE: &str =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n";

fn long_v6(address: [u8; 16]) -> String {
    let words = Ipv6Addr::from(address)
        .segments()
        .map(|word| format!("{word:04x}"));
    format!("[{}]", words.join(":"))
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

fn service_line(identity: &ServiceIdentity, service: &Service) -> String {
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
            "{}  {}:{:04X} {scheduler} ",
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
        long_v6(identity.address)
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
        for identity in self.order.values() {
            let Some(service) = self.services.get(identity) else {
                continue;
            };
            text.push_str(&service_line(identity, service));
            for destination in service.newest_first() {
                text.push_str(&destination_line(destination));
            }
        }
        text
    }

    /// Totals: without connections nothing is ever counted.
    pub(super) fn stats_file(&self) -> String {
        let mut text = String::from(
            "   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            Bytes            Bytes\n",
        );
        let zeros = format!("{:8X} {:8X} {:8X} {:16X} {:16X}\n", 0, 0, 0, 0, 0);
        text.push_str(&zeros);
        text.push_str("\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
        text.push_str(&zeros);
        text
    }

    pub(super) fn stats_per_cpu_file(&self) -> String {
        let mut text = String::from(
            "       Total Incoming Outgoing         Incoming         Outgoing\nCPU    Conns  Packets  Packets            Bytes            Bytes\n",
        );
        let zeros = format!("{:8X} {:8X} {:8X} {:16X} {:16X}\n", 0, 0, 0, 0, 0);
        let _ = write!(
            text,
            "  0 {zeros}  ~ {zeros}\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n    {zeros}"
        );
        text
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
        let services = self.services.values();
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

    pub(super) fn connections_file(&self) -> String {
        CONNECTIONS_TITLE.to_owned()
    }

    pub(super) fn connections_sync_file(&self) -> String {
        CONNECTIONS_SYNC_TITLE.to_owned()
    }
}
