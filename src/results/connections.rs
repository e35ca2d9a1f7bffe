//! The connection table, for programs.

use std::net::SocketAddr;

use serde::Serialize;

use super::VERSION;
use crate::document::json;
use crate::model::{ConnectionEntry, Port};
use crate::session::ConnectionGroup;

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

/// One connection, or a template, as `ipvsh connections` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionLineShape {
    protocol: String,
    /// Who asks; of a template without a port.
    client: String,
    /// What is asked for, as a virtual service of that address and port would be named.
    service: String,
    /// Who answers.
    server: String,
    /// The state in the kernel's words; `template` of what keeps a persistent client at its server.
    state: String,
    template: bool,
    /// How long it lasts without traffic.
    expires_seconds: u64,
    /// What the persistence engine goes by, or null.
    engine: Option<EngineLineShape>,
}

#[derive(Clone, Debug, Serialize)]
struct EngineLineShape {
    name: String,
    data: String,
}

impl ConnectionLineShape {
    /// The names of the values.
    pub const FIELDS: [&'static str; 8] = [
        "protocol",
        "client",
        "service",
        "server",
        "state",
        "template",
        "expires_seconds",
        "engine",
    ];

    /// Makes one of who asks for what, who answers, and how that stands.
    #[must_use]
    pub fn new(
        (protocol, client, service, server): (&str, SocketAddr, &str, SocketAddr),
        (state, expires_seconds): (&str, u64),
        engine: Option<(String, String)>,
    ) -> Self {
        let template = client.port() == 0;
        Self {
            protocol: protocol.to_owned(),
            client: if template {
                client.ip().to_string()
            } else {
                client.to_string()
            },
            service: service.to_owned(),
            server: server.to_string(),
            state: state.to_owned(),
            template,
            expires_seconds,
            engine: engine.map(|(name, data)| EngineLineShape { name, data }),
        }
    }

    /// Returns the values as texts, in the order of [`Self::FIELDS`].
    #[must_use]
    pub fn values(self) -> [String; 8] {
        let engine = self
            .engine
            .map(|engine| format!("{} {}", engine.name, engine.data));
        [
            self.protocol,
            self.client,
            self.service,
            self.server,
            self.state,
            self.template.to_string(),
            self.expires_seconds.to_string(),
            engine.unwrap_or_default(),
        ]
    }
}

/// How many connections there are.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ConnectionCountShape {
    version: u32,
    count: u64,
}

impl ConnectionCountShape {
    /// Makes the answer.
    #[must_use]
    pub const fn new(count: u64) -> Self {
        Self {
            version: VERSION,
            count,
        }
    }
}

/// Connections by what they have in common.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionGroupsShape {
    version: u32,
    /// How many connections were grouped.
    connections: u64,
    /// How many groups there are, shown or not.
    group_count: usize,
    /// The largest first: each with the fields that it was grouped by, and `connections`.
    pub groups: Vec<serde_json::Map<String, serde_json::Value>>,
}

impl ConnectionGroupsShape {
    /// Makes the answer from the names of the fields, and how many groups and connections there are in all.
    #[must_use]
    pub fn new(
        fields: &[&str],
        groups: &[ConnectionGroup],
        (group_count, connections): (usize, u64),
    ) -> Self {
        let groups = groups.iter().map(|group| {
            let named = fields.iter().zip(&group.values);
            let mut map: serde_json::Map<String, serde_json::Value> = named
                .map(|(field, value)| ((*field).to_owned(), value.clone().into()))
                .collect();
            map.insert("connections".to_owned(), group.connections.into());
            map
        });
        Self {
            version: VERSION,
            connections,
            group_count,
            groups: groups.collect(),
        }
    }
}
