//! The connection table, for programs.

use std::io::{self, Write};

use serde::Serialize;

use super::VERSION;
use crate::model::{ConnectionEntry, Port};

#[derive(Serialize)]
struct ConnectionsShape<'a> {
    version: u32,
    connections: Vec<ConnectionShape<'a>>,
}

#[derive(Serialize)]
struct ConnectionShape<'a> {
    protocol: String,
    source: String,
    /// What is asked for; null for the template of a mark.
    #[serde(rename = "virtual")]
    asked: Option<String>,
    /// The mark whose template it is, or null.
    fwmark: Option<u32>,
    destination: String,
    state: &'a str,
    expires_seconds: u64,
    engine: Option<EngineShape<'a>>,
}

#[derive(Serialize)]
struct EngineShape<'a> {
    name: &'a str,
    data: &'a str,
}

fn text((address, port): (std::net::IpAddr, Port)) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// Writes connections as a document, indented, with a newline at its end.
///
/// # Errors
/// The writer's error.
pub fn write_connections(out: &mut dyn Write, entries: &[ConnectionEntry<'_>]) -> io::Result<()> {
    let shapes = entries.iter().map(|entry| {
        let marked = entry.mark();
        ConnectionShape {
            protocol: entry.protocol.to_ascii_lowercase(),
            source: text(entry.source),
            asked: marked.is_none().then(|| text(entry.asked)),
            fwmark: marked,
            destination: text(entry.destination),
            state: entry.state,
            expires_seconds: entry.expires_seconds,
            engine: entry.engine.map(|(name, data)| EngineShape { name, data }),
        }
    });
    let document = ConnectionsShape {
        version: VERSION,
        connections: shapes.collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    out.write_all(b"\n")
}
