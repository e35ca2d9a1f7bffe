//! What is going to happen in a simulation, as data on its clock: packets, and requests of other programs. Never code: so a savepoint
//! holds it, and what was simulated once is simulated again.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::packet::{Content, Kind, Packet, TcpFlags};
use crate::wire::Request;

/// A packet that comes later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPacket {
    /// Where it comes from.
    pub source: SocketAddr,
    /// Where it goes to.
    pub destination: SocketAddr,
    /// What it carries.
    pub content: PlannedContent,
    /// Its mark; 0 is none.
    pub mark: u32,
    /// Bytes behind the header of the protocol.
    pub payload: u32,
}

/// What a planned packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlannedContent {
    /// A TCP segment.
    Tcp(TcpFlags),
    /// A UDP datagram.
    Udp(Vec<u8>),
    /// An SCTP packet with one chunk of this type.
    Sctp(u8),
}

/// What is going to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A packet from a client.
    Packet(PlannedPacket),
    /// A packet from a real server.
    Reply(PlannedPacket),
    /// Another program changes the table; what the kernel refuses is refused to it alone.
    Request(Box<Request>),
    /// A real server answers nothing from now on, whatever its port.
    ServerDown(IpAddr),
    /// It answers again.
    ServerUp(IpAddr),
}

/// What is planned, in the order of time and then of planning.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    planned: BTreeMap<(Duration, u64), Happening>,
    count: u64,
}

impl PlannedPacket {
    /// Returns it as what is sent.
    pub(super) fn packet(&self) -> Packet<'_> {
        let content = match &self.content {
            PlannedContent::Tcp(flags) => Content::Tcp(*flags),
            PlannedContent::Udp(bytes) => Content::Udp(bytes),
            PlannedContent::Sctp(chunk) => Content::Sctp(*chunk, None),
        };
        Packet {
            mark: self.mark,
            kind: Kind::Plain,
            ..Packet::new(self.source, self.destination, content, self.payload)
        }
    }
}

impl Agenda {
    pub(super) fn plan(&mut self, time: Duration, happening: Happening) {
        self.count += 1;
        self.planned.insert((time, self.count), happening);
    }

    /// Takes what is planned next.
    pub(super) fn take(&mut self) -> Option<Happening> {
        self.planned.pop_first().map(|(_, happening)| happening)
    }

    /// Returns when something is planned next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.planned.first_key_value().map(|((time, _), _)| *time)
    }
}
