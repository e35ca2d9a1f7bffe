//! The connection table: filtered and grouped as it is read, so that an answer takes no more memory than itself.

use std::net::IpAddr;

use ahash::AHashMap;

use super::{Error, Session};
use crate::backend::{ConnectionLines, KernelFile, ProcReading};
use crate::model::{ConnectionEntry, DestinationKey, Invalid, Network, Port, Protocol, ServiceKey};

/// Which connections are meant: of several values of one kind any, of several kinds all.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// What was asked for.
    pub services: Vec<ServiceKey>,
    /// Who answers, with one port or with any.
    pub servers: Vec<(IpAddr, Option<Port>)>,
    /// Who asks.
    pub clients: Vec<Network>,
    /// States, as [`state_of`] names them.
    pub states: Vec<String>,
    /// Protocols, in lower case.
    pub protocols: Vec<String>,
}

/// The state of what is no connection: a template of a persistent client.
pub const TEMPLATE: &str = "template";

/// Returns the state of an entry; a template has none in the kernel.
#[must_use]
pub fn state_of<'a>(entry: &ConnectionEntry<'a>) -> &'a str {
    if entry.source.1 == 0 {
        TEMPLATE
    } else {
        entry.state
    }
}

/// Returns what was asked for as a virtual service is named; the template of a mark has the mark.
#[must_use]
pub fn service_text(entry: &ConnectionEntry<'_>) -> String {
    match entry.mark() {
        Some(mark) => format!("fwmark://{mark}"),
        None => {
            let (address, port) = entry.asked;
            let end = std::net::SocketAddr::new(address, port);
            format!("{}://{end}", entry.protocol.to_ascii_lowercase())
        }
    }
}

impl ConnectionFilter {
    /// Reads who answers: an address, with a port or without.
    ///
    /// # Errors
    /// [`Invalid`] says which forms there are.
    pub fn parse_server(text: &str) -> Result<(IpAddr, Option<Port>), Invalid> {
        if let Ok(address) = text.trim_matches(['[', ']']).parse() {
            return Ok((address, None));
        }
        let key = DestinationKey::parse(text)?;
        Ok((key.address, Some(key.port)))
    }

    /// Demands that what is filtered by can be told.
    ///
    /// # Errors
    /// [`Invalid`] for the service of a mark: the kernel's table of connections does not name it.
    pub fn check(&self) -> Result<(), Invalid> {
        let is_mark = |key: &&ServiceKey| matches!(key, ServiceKey::Fwmark { .. });
        match self.services.iter().find(is_mark) {
            None => Ok(()),
            Some(key) => Err(Invalid::new(
                "service",
                key,
                "the kernel's table of connections tells no mark; --server names where they go",
            )),
        }
    }

    /// Returns whether an entry is meant.
    #[must_use]
    pub fn takes(&self, entry: &ConnectionEntry<'_>) -> bool {
        fn any<T>(wanted: &[T], is: impl FnMut(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        any(&self.servers, |(address, port)| {
            *address == entry.destination.0 && port.is_none_or(|port| port == entry.destination.1)
        }) && any(&self.clients, |network| network.contains(entry.source.0))
            && any(&self.states, |state| {
                state.eq_ignore_ascii_case(state_of(entry))
            })
            && any(&self.protocols, |name| {
                name.eq_ignore_ascii_case(entry.protocol)
            })
            && any(&self.services, |key| is_of(key, entry))
    }
}

fn is_of(key: &ServiceKey, entry: &ConnectionEntry<'_>) -> bool {
    match key {
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            let name = match protocol {
                Protocol::Tcp => "TCP",
                Protocol::Udp => "UDP",
                Protocol::Sctp => "SCTP",
                _ => return false,
            };
            // The template of a service's client has the port 0 if it holds for all of them.
            entry.protocol == name
                && *address == entry.asked.0
                && (*port == 0 || *port == entry.asked.1)
        }
        ServiceKey::Fwmark { .. } => false,
    }
}

/// By what connections are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupField {
    /// Who asks, by so many bits of the address: of IPv4 the first, of IPv6 the second.
    Client(u8, u8),
    /// Who answers.
    Server,
    /// What was asked for.
    Service,
    /// The state.
    State,
    /// The protocol.
    Protocol,
}

impl GroupField {
    /// Reads one: `client`, `client/24`, `server`, `service`, `state`, `protocol`.
    ///
    /// # Errors
    /// [`Invalid`] names those that there are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |expected: &str| Invalid::new("group", text, expected);
        Ok(match text {
            "client" => Self::Client(32, 128),
            "server" => Self::Server,
            "service" => Self::Service,
            "state" => Self::State,
            "protocol" => Self::Protocol,
            other => {
                let bits = other.strip_prefix("client/").ok_or_else(|| {
                    wrong("it is client, client/24, server, service, state or protocol")
                })?;
                let bits: u8 = bits
                    .parse()
                    .ok()
                    .filter(|bits| *bits <= 128)
                    .ok_or_else(|| wrong("the prefix of a client is 0 to 128 bits long"))?;
                // What is meant for one family leaves the other one with what is usual there.
                match bits {
                    0..=32 => Self::Client(bits, 64),
                    _ => Self::Client(32, bits),
                }
            }
        })
    }

    /// Returns its name, without the bits.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client(..) => "client",
            Self::Server => "server",
            Self::Service => "service",
            Self::State => "state",
            Self::Protocol => "protocol",
        }
    }

    /// Adds what tells entries apart to a key: bytes, as the text of each of a million entries would take longer than to read it.
    fn tell_apart(self, key: &mut Vec<u8>, entry: &ConnectionEntry<'_>) {
        let address = |key: &mut Vec<u8>, address: IpAddr| match address {
            IpAddr::V4(address) => {
                key.push(4);
                key.extend(address.octets());
            }
            IpAddr::V6(address) => {
                key.push(6);
                key.extend(address.octets());
            }
        };
        let word = |key: &mut Vec<u8>, word: &str| {
            key.extend(word.as_bytes());
            key.push(0);
        };
        match self {
            Self::Client(four, six) => {
                let client = entry.source.0;
                let bits = if client.is_ipv4() { four } else { six };
                address(key, Network::of(client, bits).address());
            }
            Self::Server => {
                address(key, entry.destination.0);
                key.extend(entry.destination.1.to_be_bytes());
            }
            Self::Service => {
                word(key, entry.protocol);
                address(key, entry.asked.0);
                key.extend(entry.asked.1.to_be_bytes());
            }
            Self::State => word(key, state_of(entry)),
            Self::Protocol => word(key, entry.protocol),
        }
    }

    /// Returns what an entry has of it, as text.
    fn text(self, entry: &ConnectionEntry<'_>) -> String {
        match self {
            Self::Client(four, six) => {
                let address = entry.source.0;
                let bits = if address.is_ipv4() { four } else { six };
                Network::of(address, bits).to_string()
            }
            Self::Server => {
                let (address, port) = entry.destination;
                std::net::SocketAddr::new(address, port).to_string()
            }
            Self::Service => service_text(entry),
            Self::State => state_of(entry).to_owned(),
            Self::Protocol => entry.protocol.to_ascii_lowercase(),
        }
    }
}

/// Connections that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionGroup {
    /// What, a value for each field.
    pub values: Vec<String>,
    /// How many they are.
    pub connections: u64,
}

/// What became of the lines of the kernel's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsRead {
    /// Entries that were meant.
    pub taken: u64,
    /// All entries.
    pub entries: u64,
    /// Lines that can't be read.
    pub unread: u64,
}

/// What has a connection table to be read: a kernel, a simulated one, a recording.
pub trait ConnectionSource {
    /// Reads the table piece by piece. Returns how many lines the kernel's file has, the title among them, and how many can't be
    /// read.
    ///
    /// # Errors
    /// [`Error`] if it can't be read, or not to its end.
    fn read_connections(
        &mut self,
        sink: &mut dyn FnMut(&[ConnectionEntry<'_>]),
    ) -> Result<(usize, usize), Error>;

    /// Reads the connections that are meant, piece by piece.
    ///
    /// # Errors
    /// [`Error`] if the table of connections can't be read, or what is filtered by can't be told.
    fn connections(
        &mut self,
        filter: &ConnectionFilter,
        sink: &mut dyn FnMut(&ConnectionEntry<'_>),
    ) -> Result<ConnectionsRead, Error> {
        filter.check()?;
        let mut read = ConnectionsRead::default();
        let (_, unread) = self.read_connections(&mut |entries| {
            for entry in entries {
                read.entries += 1;
                if filter.takes(entry) {
                    read.taken += 1;
                    sink(entry);
                }
            }
        })?;
        read.unread = u64::try_from(unread).unwrap_or(u64::MAX);
        Ok(read)
    }

    /// Counts connections by what they have in common, the largest groups first.
    ///
    /// # Errors
    /// As [`Self::connections`].
    fn connection_groups(
        &mut self,
        filter: &ConnectionFilter,
        by: &[GroupField],
    ) -> Result<(Vec<ConnectionGroup>, ConnectionsRead), Error> {
        let mut counts: AHashMap<Vec<u8>, ConnectionGroup> = AHashMap::new();
        let mut key = Vec::new();
        let read = self.connections(filter, &mut |entry| {
            key.clear();
            for field in by {
                field.tell_apart(&mut key, entry);
            }
            match counts.get_mut(key.as_slice()) {
                Some(group) => group.connections += 1,
                None => {
                    let group = ConnectionGroup {
                        values: by.iter().map(|field| field.text(entry)).collect(),
                        connections: 1,
                    };
                    counts.insert(key.clone(), group);
                }
            }
        })?;
        let mut groups: Vec<ConnectionGroup> = counts.into_values().collect();
        groups.sort_by(|one, other| {
            let by_count = other.connections.cmp(&one.connections);
            by_count.then_with(|| one.values.cmp(&other.values))
        });
        Ok((groups, read))
    }
}

impl ConnectionSource for Session {
    fn read_connections(
        &mut self,
        sink: &mut dyn FnMut(&[ConnectionEntry<'_>]),
    ) -> Result<(usize, usize), Error> {
        let mut lines = ConnectionLines::default();
        self.connection_file(&mut |piece| lines.take(piece, sink))?;
        Ok(lines.end(sink))
    }
}

impl Session {
    /// Hands over the kernel's file of connections in pieces.
    ///
    /// # Errors
    /// [`Error`] if it can't be read, or not to its end.
    pub fn connection_file(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        Ok(self.live.stream_file(&KernelFile::Connections, sink)?)
    }

    /// Returns about how many connections there are, as their servers count them; `None` if that can't be read. The kernel is asked once,
    /// for `/proc/net/ip_vs`, not for each service.
    pub fn connection_estimate(&mut self) -> Option<u64> {
        let contents = self.live.file(&KernelFile::Services).ok()?;
        let mut sum = 0;
        ProcReading::each_server(&contents, |_, entry| {
            let open = entry.connections;
            sum += u64::from(open.active) + u64::from(open.inactive);
        });
        Some(sum)
    }
}
