//! The connection table, for programs.

use serde::Serialize;

use super::VERSION;
use crate::document::json;
use crate::model::{ConnectionEntry, Port};

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

/// Writes connections as a document, indented, as they come.
pub struct ConnectionsWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> ConnectionsWriter<'o> {
    /// Begins the document.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let head = format!("{{\n  \"version\": {VERSION},\n  \"connections\": [");
        out.extend_from_slice(head.as_bytes());
        Self {
            out,
            is_empty: true,
        }
    }

    /// Goes on with a document that was begun.
    pub const fn resumed(out: &'o mut Vec<u8>, is_empty: bool) -> Self {
        Self { out, is_empty }
    }

    /// Adds connections, and tells whether there are still none.
    pub fn add(&mut self, entries: &[ConnectionEntry<'_>]) -> bool {
        for entry in entries {
            let separator: &[u8] = if self.is_empty { b"\n" } else { b",\n" };
            self.out.extend_from_slice(separator);
            self.is_empty = false;
            let text = json::pretty(&connection_shape(entry));
            for (index, line) in text.lines().enumerate() {
                if index > 0 {
                    self.out.push(b'\n');
                }
                self.out.extend_from_slice(b"    ");
                self.out.extend_from_slice(line.as_bytes());
            }
        }
        self.is_empty
    }

    /// Ends the document.
    pub fn end(self) {
        let end: &[u8] = if self.is_empty {
            b"]\n}\n"
        } else {
            b"\n  ]\n}\n"
        };
        self.out.extend_from_slice(end);
    }
}

fn connection_shape<'a>(entry: &ConnectionEntry<'a>) -> ConnectionShape<'a> {
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
}
