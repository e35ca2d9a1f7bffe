//! The connection listing of `ipvsadm -L -c`.

use std::io::{self, Write};
use std::net::IpAddr;

use super::label::{NameLookup, address_port};
use crate::model::{ConnectionEntry, Protocol};

/// Writes the titles and one row for each connection.
///
/// # Errors
/// The writer's error.
pub fn connections(
    out: &mut dyn Write,
    entries: &[ConnectionEntry<'_>],
    with_engine: bool,
    names: &dyn NameLookup,
) -> io::Result<()> {
    writeln!(out, "IPVS connection entries")?;
    if with_engine {
        writeln!(
            out,
            "pro expire {:<11} {:<18} {:<18} {:<18} {:<16} pe_data",
            "state", "source", "virtual", "destination", "pe name"
        )?;
    } else {
        writeln!(
            out,
            "pro expire {:<11} {:<18} {:<18} destination",
            "state", "source", "virtual"
        )?;
    }
    entries
        .iter()
        .try_for_each(|entry| row(out, entry, with_engine, names))
}

fn row(
    out: &mut dyn Write,
    entry: &ConnectionEntry<'_>,
    with_engine: bool,
    names: &dyn NameLookup,
) -> io::Result<()> {
    let protocol = match entry.protocol {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    };
    let name = |(address, port): (IpAddr, u16)| address_port(address, port, protocol, names);
    let expires = format!(
        "{:02}:{:02}",
        entry.expires_seconds / 60,
        entry.expires_seconds % 60
    );
    write!(
        out,
        "{:<3} {expires:<6} {:<11} {:<18} {:<18} ",
        entry.protocol,
        entry.state,
        name(entry.source),
        name(entry.asked)
    )?;
    let destination = name(entry.destination);
    match entry.engine.filter(|_| with_engine) {
        Some((engine, data)) => writeln!(out, "{destination:<16} {engine:<18} {data}"),
        None => writeln!(out, "{destination}"),
    }
}
