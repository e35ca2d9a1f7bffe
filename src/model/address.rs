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

/// Writes `192.0.2.1:80` or `[2001:db8::1]:80` behind a prefix. Large tables write many of them: an IPv4 one is put
/// together here and handed on in one piece.
pub(super) fn write_endpoint(
    out: &mut fmt::Formatter<'_>,
    prefix: &str,
    address: IpAddr,
    port: Port,
) -> fmt::Result {
    let v4 = match address {
        IpAddr::V4(v4) if prefix.len() <= Short::PREFIX => v4,
        IpAddr::V4(v4) => return write!(out, "{prefix}{v4}:{port}"),
        IpAddr::V6(v6) => return write!(out, "{prefix}[{v6}]:{port}"),
    };
    let mut short = Short::default();
    short.text(prefix.as_bytes());
    for (place, octet) in v4.octets().into_iter().enumerate() {
        if place > 0 {
            short.text(b".");
        }
        short.number(u16::from(octet));
    }
    short.text(b":");
    short.number(port);
    out.write_str(std::str::from_utf8(&short.bytes[..short.length]).unwrap_or_default())
}

/// A text that is put together without asking for memory.
#[derive(Default)]
struct Short {
    bytes: [u8; 32],
    length: usize,
}

impl Short {
    /// The longest prefix that has room before the longest address and port.
    const PREFIX: usize = 32 - "255.255.255.255:65535".len();

    fn text(&mut self, text: &[u8]) {
        self.bytes[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    fn number(&mut self, number: u16) {
        let mut divisor = match number {
            0..10 => 1,
            10..100 => 10,
            100..1000 => 100,
            1000..10000 => 1000,
            10000.. => 10000,
        };
        while divisor > 0 {
            let digit = u8::try_from(number / divisor % 10).unwrap_or_default();
            self.bytes[self.length] = b'0' + digit;
            self.length += 1;
            divisor /= 10;
        }
    }
}

/// Reads `192.0.2.1:80` or `[2001:db8::1]:80`. Names are not resolved.
pub(super) fn parse_endpoint(what: &str, text: &str) -> Result<(IpAddr, Port), Invalid> {
    if let Some(usual) = usual_endpoint(text.as_bytes()) {
        return Ok(usual);
    }
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

/// Reads an IPv4 address and port in its usual form, which large documents are full of; `None` is for the reader of all
/// forms to look at.
fn usual_endpoint(text: &[u8]) -> Option<(IpAddr, Port)> {
    let mut octets = [0; 4];
    let mut rest = text;
    for (octet, end) in octets.iter_mut().zip(*b"...:") {
        let (number, behind) = usual_number(rest, 3)?;
        *octet = u8::try_from(number).ok()?;
        rest = behind.strip_prefix(&[end])?;
    }
    match usual_number(rest, 5)? {
        (port, []) => Some((
            IpAddr::V4(Ipv4Addr::from(octets)),
            Port::try_from(port).ok()?,
        )),
        _ => None,
    }
}

/// Reads a number without needless zeros and of so many digits at most, and returns what is behind it.
fn usual_number(text: &[u8], most: usize) -> Option<(u32, &[u8])> {
    let mut number = 0;
    let mut digits = 0;
    while let Some(digit) = text.get(digits).filter(|byte| byte.is_ascii_digit()) {
        if digits == most || (digits == 1 && number == 0) {
            return None;
        }
        number = number * 10 + u32::from(digit - b'0');
        digits += 1;
    }
    (digits > 0).then(|| (number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::{Short, parse_endpoint, usual_endpoint};

    #[test]
    fn the_usual_form_is_read_as_all_forms_are() {
        let mut texts: Vec<String> = ["0.0.0.0:0", "255.255.255.255:65535", "10.0.0.10:8080"]
            .map(str::to_owned)
            .into();
        for text in &texts {
            assert!(usual_endpoint(text.as_bytes()).is_some(), "{text}");
        }
        for place in 0.."10.20.30.40:50".len() {
            for other in ["", "0", "9", ".", ":", "..", "256", "+", " ", "999999", "x"] {
                let mut text = "10.20.30.40:50".to_owned();
                text.replace_range(place..=place, other);
                texts.push(text);
            }
        }
        for text in texts {
            let slowly = text.rsplit_once(':').and_then(|(address, port)| {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse::<u16>().ok().filter(|_| digits)?;
                Some((address.parse::<std::net::Ipv4Addr>().ok()?.into(), port))
            });
            assert_eq!(parse_endpoint("text", &text).ok(), slowly, "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_ever() {
        for number in [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10000, u16::MAX] {
            let mut short = Short::default();
            short.number(number);
            assert_eq!(&short.bytes[..short.length], number.to_string().as_bytes());
        }
    }
}
