//! A virtual service: its key and its configuration.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::address::{address_rank, parse_endpoint, write_endpoint};
use super::{AddressFamily, Invalid, Persistence, Port, Protocol, Scheduler, SchedulerFlags};

/// A firewall mark; zero is "no mark" and not representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fwmark(NonZeroU32);

impl Fwmark {
    /// Makes a mark.
    ///
    /// # Errors
    /// [`Invalid`] unless `value` is 1 to 4294967295.
    pub fn new(value: i64) -> Result<Self, Invalid> {
        u32::try_from(value)
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
            .ok_or_else(|| Invalid::new("fwmark", value, "a mark is a number from 1 to 4294967295"))
    }

    /// Takes a mark as a kernel reported it; zero is none.
    #[must_use]
    pub fn from_kernel(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// Names a virtual service: `tcp://192.0.2.1:80`, `udp://[2001:db8::1]:53`, `fwmark://7`, `fwmark6://7`.
///
/// Keys are ordered: by protocol, address and port, then those with a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKey {
    /// Packets to an address and port.
    Endpoint {
        /// The protocol.
        protocol: Protocol,
        /// The address that clients use.
        address: IpAddr,
        /// The port that clients use; zero is any port, for persistent services.
        port: Port,
    },
    /// Packets that a firewall rule marked.
    Fwmark {
        /// The family of the packets: the same mark names one service in each.
        family: AddressFamily,
        /// The mark.
        mark: Fwmark,
    },
}

impl Ord for ServiceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.short_rank(), other.short_rank()) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for ServiceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A number that is ordered as protocols are.
#[inline]
fn protocol_rank(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp => 0,
        Protocol::Udp => 1,
        Protocol::Sctp => 2,
        Protocol::Other(number) => 3 + u32::from(number),
    }
}

impl ServiceKey {
    /// The same as [`ServiceKey::rank`] among keys that nearly all tables consist of, in one number.
    #[inline]
    fn short_rank(&self) -> Option<u64> {
        match self {
            Self::Endpoint {
                protocol,
                address: IpAddr::V4(address),
                port,
            } if !matches!(protocol, Protocol::Other(_)) => {
                let protocol = u64::from(protocol_rank(*protocol));
                Some(protocol << 48 | u64::from(address.to_bits()) << 16 | u64::from(*port))
            }
            _ => None,
        }
    }

    /// Numbers that are ordered as keys are: large tables are searched by them, and numbers compare fast.
    fn rank(&self) -> (u32, u128, u32) {
        const MARKS: u32 = 1 << 24;
        match self {
            Self::Endpoint {
                protocol,
                address,
                port,
            } => {
                let protocol = protocol_rank(*protocol);
                let (six, address) = address_rank(*address);
                (protocol << 1 | six, address, u32::from(*port))
            }
            Self::Fwmark { family, mark } => (
                MARKS | u32::from(*family == AddressFamily::Inet6),
                0,
                mark.get(),
            ),
        }
    }

    /// Returns the family of the packets.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        match self {
            Self::Endpoint { address, .. } => AddressFamily::of(*address),
            Self::Fwmark { family, .. } => *family,
        }
    }

    /// Returns the port, if the key has one.
    #[must_use]
    pub const fn port(&self) -> Option<Port> {
        match self {
            Self::Endpoint { port, .. } => Some(*port),
            Self::Fwmark { .. } => None,
        }
    }

    /// Reads a key as [`ServiceKey`] shows it. Names are not resolved.
    ///
    /// # Errors
    /// [`Invalid`] names the text and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const WHAT: &str = "service key";
        let forms =
            "write tcp://192.0.2.1:80, udp://[2001:db8::1]:53, sctp://…, fwmark://7 or fwmark6://7";
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Invalid::new(WHAT, text, forms));
        };
        let family = match scheme {
            "fwmark" => AddressFamily::Inet,
            "fwmark6" => AddressFamily::Inet6,
            _ => {
                let protocol =
                    Protocol::parse(scheme).map_err(|_| Invalid::new(WHAT, text, forms))?;
                let (address, port) = parse_endpoint(WHAT, rest)
                    .map_err(|error| Invalid::new(WHAT, text, error.expected))?;
                return Ok(Self::Endpoint {
                    protocol,
                    address,
                    port,
                });
            }
        };
        let mark = Some(rest)
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<i64>().ok())
            .and_then(|number| Fwmark::new(number).ok())
            .ok_or_else(|| Invalid::new(WHAT, text, "a mark is a number from 1 to 4294967295"))?;
        Ok(Self::Fwmark { family, mark })
    }

    /// Checks that a user may create a service of this key.
    ///
    /// # Errors
    /// [`Invalid`] for a protocol that IPVS does not balance.
    pub fn check(&self) -> Result<(), Invalid> {
        match self {
            Self::Endpoint {
                protocol: Protocol::Other(_),
                ..
            } => Err(Invalid::new(
                "service key",
                self,
                "IPVS balances tcp, udp and sctp; another protocol can be shown and kept, not created",
            )),
            Self::Endpoint { .. } | Self::Fwmark { .. } => Ok(()),
        }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint {
                protocol,
                address,
                port,
            } => {
                let prefix = match protocol {
                    Protocol::Tcp => "tcp://",
                    Protocol::Udp => "udp://",
                    Protocol::Sctp => "sctp://",
                    Protocol::Other(number) => {
                        write!(out, "protocol-{number}://")?;
                        ""
                    }
                };
                write_endpoint(out, prefix, *address, *port)
            }
            Self::Fwmark {
                family: AddressFamily::Inet,
                mark,
            } => write!(out, "fwmark://{}", mark.get()),
            Self::Fwmark {
                family: AddressFamily::Inet6,
                mark,
            } => write!(out, "fwmark6://{}", mark.get()),
        }
    }
}

/// Everything about a virtual service that is configured, its servers apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceConfiguration {
    /// The scheduler that picks a server.
    pub scheduler: Scheduler,
    /// What the scheduler is told.
    pub scheduler_flags: SchedulerFlags,
    /// Every packet is scheduled alone; for UDP and marks.
    pub one_packet: bool,
    /// Flag bits that this program does not know, kept as they are.
    pub other_flags: u32,
    /// How long clients stay with their server, if they do.
    pub persistence: Option<Persistence>,
    /// What the kernel keeps of persistence while the service is not persistent. `None` is the usual:
    /// nothing. An engine set with `ipvsadm --pe` alone lives here.
    pub dormant: Option<Persistence>,
}

#[cfg(test)]
mod tests {
    use super::ServiceKey;

    #[test]
    fn keys_are_ordered_by_protocol_address_port_then_marks() {
        let keys = [
            "tcp://9.0.0.1:80",
            "tcp://10.0.0.1:80",
            "tcp://10.0.0.1:443",
            "tcp://[2001:db8::1]:80",
            "udp://10.0.0.1:53",
            "sctp://10.0.0.1:1",
            "protocol-0://10.0.0.1:0",
            "protocol-65535://10.0.0.1:0",
            "fwmark://1",
            "fwmark://4294967295",
            "fwmark6://1",
        ]
        .map(|text| ServiceKey::parse(text).unwrap());
        assert!(keys.is_sorted_by(|a, b| a < b));
        assert!(keys.iter().all(|key| key.cmp(key).is_eq()));
    }

    #[test]
    fn keys_read_what_they_write() {
        for text in [
            "tcp://192.0.2.1:80",
            "udp://[2001:db8::1]:53",
            "sctp://192.0.2.1:36412",
            "fwmark://7",
            "fwmark6://4294967295",
            "protocol-47://192.0.2.1:0",
        ] {
            assert_eq!(ServiceKey::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_key_says_what_is_wrong() {
        for (text, expected) in [
            ("192.0.2.1:80", "write tcp://"),
            ("http://192.0.2.1:80", "write tcp://"),
            ("tcp://192.0.2.1", "the port is missing"),
            ("fwmark://0", "1 to 4294967295"),
            ("fwmark://-1", "1 to 4294967295"),
            ("fwmark://4294967296", "1 to 4294967295"),
        ] {
            let error = ServiceKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(text), "{error}");
        }
    }
}
