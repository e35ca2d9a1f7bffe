//! Packets as the simulated kernel sees them, and what it does with each.

use std::net::SocketAddr;

use crate::wire::uapi as k;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const SCTP: u8 = 132;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A TCP segment.
    Tcp(TcpFlags),
    /// A UDP datagram with its bytes, as far as an engine of persistence has to look at them.
    Udp(&'a [u8]),
    /// An SCTP packet: the types of its first chunk and of the one behind it.
    Sctp(u8, Option<u8>),
}

/// The flags of a TCP segment that the kernel looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
}

impl TcpFlags {
    /// Reads letters of S, A, F, R; others, as P, say nothing to the kernel.
    #[must_use]
    pub fn from_letters(letters: &str) -> Self {
        Self {
            syn: letters.contains('S'),
            ack: letters.contains('A'),
            fin: letters.contains('F'),
            rst: letters.contains('R'),
        }
    }
}

/// Whether a packet is one of a flow, or an ICMP error about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A packet of the flow.
    Plain,
    /// An ICMP or ICMPv6 error about a packet of the other direction. The addresses are those of a plain packet that went the
    /// same way as the error: its source is who the quoted packet was sent to.
    Error,
}

/// A packet. Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Where it comes from.
    pub source: SocketAddr,
    /// Where it goes to, as it arrives at the director.
    pub destination: SocketAddr,
    /// What it carries.
    pub content: Content<'a>,
    /// Whether it is an error about such a packet.
    pub kind: Kind,
    /// The mark that a packet filter gave it; 0 is none.
    pub mark: u32,
    /// Bytes of the IP packet, its header included.
    pub length: u32,
}

impl<'a> Packet<'a> {
    /// Makes a plain packet without a mark. `payload` is in bytes, behind the header of the protocol; an SCTP packet has one
    /// chunk with it.
    #[must_use]
    pub fn new(
        source: SocketAddr,
        destination: SocketAddr,
        content: Content<'a>,
        payload: u32,
    ) -> Self {
        let network = if source.is_ipv6() { 40 } else { 20 };
        let header = match content {
            Content::Tcp(_) => 20,
            Content::Udp(_) => 8,
            Content::Sctp(..) => 16,
        };
        Self {
            source,
            destination,
            content,
            kind: Kind::Plain,
            mark: 0,
            length: payload.saturating_add(network + header),
        }
    }

    pub(super) const fn protocol(&self) -> u8 {
        match self.content {
            Content::Tcp(_) => TCP,
            Content::Udp(_) => UDP,
            Content::Sctp(..) => SCTP,
        }
    }

    pub(super) const fn family(&self) -> u16 {
        if self.source.is_ipv6() {
            k::AF_INET6
        } else {
            k::AF_INET
        }
    }
}

/// An address as the kernel keeps it: those of IPv4 in the first four bytes.
pub(super) fn bytes_of(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.ip().octets());
            bytes
        }
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

/// An address from bytes that the kernel keeps.
pub(super) fn address_of(family: u16, bytes: [u8; 16], port: u16) -> SocketAddr {
    if family == k::AF_INET6 {
        return SocketAddr::new(bytes.into(), port);
    }
    let [a, b, c, d, ..] = bytes;
    SocketAddr::new([a, b, c, d].into(), port)
}

/// What became of a packet from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went to a real server.
    Forwarded {
        /// The real server, and the port there.
        to: SocketAddr,
        /// The forwarding method, as the kernel numbers them.
        method: u32,
    },
    /// It went where it was addressed, past the real servers: `cache_bypass`.
    Bypassed,
    /// It is none of IPVS' business: the host itself got it, or routed it on.
    Passed,
    /// The client was told that the port is unreachable, and the packet dropped.
    Refused,
    /// It was dropped, and nobody told.
    Dropped,
}

/// What became of a packet from a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its source became the virtual address.
    Translated(SocketAddr),
    /// It passed as it was.
    Unchanged,
    /// The real server was told that nobody listens, and the packet dropped: `nat_icmp_send`.
    Refused,
}
