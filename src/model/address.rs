//! Addresses, ports and protocols, and how they are written.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Invalid;

/// A port of a virtual service or real server. Zero means "any port" or "the packet's own".
pub type Port = u16;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl AddressFamily {
    /// Returns the family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }

    /// Returns the word used in documents: `inet` or `inet6`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        }
    }

    /// Reads the word used in documents.
    ///
    /// # Errors
    /// [`Invalid`] for any other word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "inet" => Ok(Self::Inet),
            "inet6" => Ok(Self::Inet6),
            _ => Err(Invalid::new("family", text, "write inet or inet6")),
        }
    }
}

/// A transport protocol that a virtual service balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// A number that some other tool put into the kernel; shown and kept, never created here.
    Other(u16),
}

impl Protocol {
    /// Returns the protocol of an IP protocol number.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }

    /// Returns the IP protocol number.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
            Self::Other(number) => number,
        }
    }

    /// Reads `tcp`, `udp`, `sctp` or `protocol-N`.
    ///
    /// # Errors
    /// [`Invalid`] for any other word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let numbered = || text.strip_prefix("protocol-")?.parse::<u16>().ok();
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => numbered()
                .map(Self::from_number)
                .ok_or_else(|| Invalid::new("protocol", text, "write tcp, udp or sctp")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => out.write_str("tcp"),
            Self::Udp => out.write_str("udp"),
            Self::Sctp => out.write_str("sctp"),
            Self::Other(number) => write!(out, "protocol-{number}"),
        }
    }
}

/// Numbers that are ordered as addresses are: whether it is IPv6, and the address.
pub(super) fn address_rank(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(v4) => (0, u128::from(v4.to_bits())),
        IpAddr::V6(v6) => (1, v6.to_bits()),
    }
}

/// Writes `192.0.2.1:80` or `[2001:db8::1]:80`.
pub(super) fn write_endpoint(
    out: &mut fmt::Formatter<'_>,
    address: IpAddr,
    port: Port,
) -> fmt::Result {
    match address {
        IpAddr::V4(v4) => write!(out, "{v4}:{port}"),
        IpAddr::V6(v6) => write!(out, "[{v6}]:{port}"),
    }
}

/// Reads `192.0.2.1:80` or `[2001:db8::1]:80`. Names are not resolved.
pub(super) fn parse_endpoint(what: &str, text: &str) -> Result<(IpAddr, Port), Invalid> {
    let wrong = |expected: &str| Invalid::new(what, text, expected);
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest
                .split_once("]:")
                .ok_or_else(|| wrong("an IPv6 address and port are written [2001:db8::1]:80"))?;
            let address = address
                .parse::<Ipv6Addr>()
                .map_err(|_| wrong("between the brackets belongs an IPv6 address"))?;
            (IpAddr::V6(address), port)
        }
        None => {
            let (address, port) = text
                .rsplit_once(':')
                .ok_or_else(|| wrong("the port is missing: write ADDRESS:PORT"))?;
            let address = address.parse::<Ipv4Addr>().map_err(|_| {
                wrong(match text.parse::<Ipv6Addr>() {
                    Ok(_) => "an IPv6 address and port are written [2001:db8::1]:80",
                    Err(_) => "write an IPv4 address, or an IPv6 address in brackets; names are not resolved",
                })
            })?;
            (IpAddr::V4(address), port)
        }
    };
    // u16's own parser takes a leading plus sign, which no one means.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("the port is a number from 0 to 65535"));
    }
    let port = port
        .parse::<Port>()
        .map_err(|_| wrong("the port is a number from 0 to 65535"))?;
    Ok((address, port))
}
