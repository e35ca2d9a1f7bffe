//! The connection listing of `ipvsadm -L -c`.

use std::net::IpAddr;

use super::bytes::Text;
use super::label::{NameLookup, address_port};
use crate::model::{ConnectionEntry, Protocol};

/// Appends the titles.
pub fn connection_titles(out: &mut Vec<u8>, with_engine: bool) {
    let mut out = Text(out);
    out.put("IPVS connection entries\n");
    out.put("pro expire state       source             virtual            destination");
    out.put(if with_engine {
        "        pe name          pe_data\n"
    } else {
        "\n"
    });
}

/// Appends one row for each connection.
pub fn connection_rows(
    out: &mut Vec<u8>,
    entries: &[ConnectionEntry<'_>],
    with_engine: bool,
    names: &dyn NameLookup,
) {
    let mut out = Text(out);
    for entry in entries {
        row(&mut out, entry, with_engine, names);
    }
}

fn row(out: &mut Text<'_>, entry: &ConnectionEntry<'_>, with_engine: bool, names: &dyn NameLookup) {
    let protocol = match entry.protocol {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    };
    let end = |out: &mut Text<'_>, (address, port): (IpAddr, u16), width: usize| {
        out.put(" ");
        let start = out.0.len();
        address_port(out, address, port, protocol, names);
        out.fill(start, width);
    };
    let start = out.0.len();
    out.put(entry.protocol);
    out.fill(start, 3);
    let seconds = entry.expires_seconds;
    out.column(&format!("{:02}:{:02}", seconds / 60, seconds % 60), 6);
    out.column(entry.state, 11);
    end(out, entry.source, 18);
    end(out, entry.asked, 18);
    match entry.engine.filter(|_| with_engine) {
        Some((engine, data)) => {
            end(out, entry.destination, 16);
            out.column(engine, 18);
            out.column(data, 0);
        }
        None => end(out, entry.destination, 0),
    }
    out.end();
}
