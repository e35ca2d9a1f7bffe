//! A real server: its key within a virtual service, and its configuration.

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::address::{address_rank, parse_endpoint, write_endpoint};
use super::{AddressFamily, ForwardingMethod, Invalid, Port, Tunnel};

/// Names a real server within its virtual service: `10.0.0.2:8080`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationKey {
    /// The server's address; its family may differ from the service's when tunneling.
    pub address: IpAddr,
    /// The server's port; zero means the port of the packet.
    pub port: Port,
}

impl Ord for DestinationKey {
    /// By address, IPv4 first, then by port.
    fn cmp(&self, other: &Self) -> Ordering {
        if let (IpAddr::V4(one), IpAddr::V4(two)) = (self.address, other.address) {
            let rank = |address: Ipv4Addr, port: Port| {
                u64::from(address.to_bits()) << 16 | u64::from(port)
            };
            return rank(one, self.port).cmp(&rank(two, other.port));
        }
        let rank = |key: &Self| (address_rank(key.address), key.port);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for DestinationKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl DestinationKey {
    /// Returns the family of the address.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.address)
    }

    /// Reads `10.0.0.2:8080` or `[fd00::2]:8080`.
    ///
    /// # Errors
    /// [`Invalid`] names the text and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (address, port) = parse_endpoint("real server", text)?;
        Ok(Self { address, port })
    }
}

impl fmt::Display for DestinationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_endpoint(out, "", self.address, self.port)
    }
}

/// Share of new connections a real server receives, relative to the others of its virtual service.
///
/// Zero means *quiescent*: no new connections, existing ones continue. Source: ipvsadm(8), `--weight`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u32);

impl Weight {
    /// The largest weight: the kernel reads it as a signed 32-bit integer and refuses negative ones.
    pub const MAX: u32 = i32::MAX as u32;
    /// The weight of a new real server unless another is given.
    pub const DEFAULT: Self = Self(1);
    /// No new connections.
    pub const ZERO: Self = Self(0);

    /// Makes a weight.
    ///
    /// # Errors
    /// [`Invalid`] if `value` is outside 0 to [`Weight::MAX`].
    pub fn new(value: i64) -> Result<Self, Invalid> {
        u32::try_from(value)
            .ok()
            .filter(|weight| *weight <= Self::MAX)
            .map(Self)
            .ok_or_else(|| {
                Invalid::new("weight", value, "a weight is a number from 0 to 2147483647")
            })
    }

    /// Takes a weight as a kernel reported it, whatever it is.
    #[must_use]
    pub const fn from_kernel(value: u32) -> Self {
        Self(value)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Limits of the connections to one real server; zero means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionThresholds {
    /// At this many connections the server gets no new ones.
    pub upper: u32,
    /// Below this many it gets new ones again.
    pub lower: u32,
}

impl ConnectionThresholds {
    /// The largest threshold that every kernel takes.
    pub const MAX: u32 = i32::MAX as u32;

    /// Checks what the kernel would refuse.
    ///
    /// # Errors
    /// [`Invalid`] if a limit is too large or the lower one exceeds the upper one.
    pub fn check(self) -> Result<(), Invalid> {
        if self.upper > Self::MAX {
            return Err(Invalid::new(
                "upper_threshold",
                self.upper,
                "a threshold is a number from 0 to 2147483647",
            ));
        }
        if self.lower > self.upper {
            return Err(Invalid::new(
                "lower_threshold",
                self.lower,
                format!(
                    "it must not exceed upper_threshold, which is {}",
                    self.upper
                ),
            ));
        }
        Ok(())
    }
}

/// Everything about a real server that is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationConfiguration {
    /// How packets reach the server.
    pub forwarding: ForwardingMethod,
    /// How they are wrapped when tunneling. The kernel keeps it with any method.
    pub tunnel: Tunnel,
    /// Its share of new connections.
    pub weight: Weight,
    /// Its connection limits.
    pub thresholds: ConnectionThresholds,
}

impl DestinationConfiguration {
    /// Tells whether the tunnel says anything: packets are wrapped, or the kernel keeps how they would be.
    #[must_use]
    pub fn has_tunnel(&self) -> bool {
        self.forwarding == ForwardingMethod::Tunneling || self.tunnel != Tunnel::Ipip
    }
}

impl Default for DestinationConfiguration {
    fn default() -> Self {
        Self {
            forwarding: ForwardingMethod::DirectRouting,
            tunnel: Tunnel::Ipip,
            weight: Weight::DEFAULT,
            thresholds: ConnectionThresholds::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DestinationKey;

    #[test]
    fn keys_read_what_they_write() {
        for text in ["10.0.0.2:8080", "[fd00::2]:8080", "10.0.0.2:0"] {
            assert_eq!(DestinationKey::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_key_says_what_is_wrong() {
        for (text, expected) in [
            ("10.0.0.2", "the port is missing"),
            ("10.0.0.2:+80", "the port is a number"),
            ("10.0.0.2:65536", "the port is a number"),
            ("fd00::2:80", "[2001:db8::1]:80"),
            ("[10.0.0.2]:80", "between the brackets"),
            ("web.example:80", "names are not resolved"),
        ] {
            let error = DestinationKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(text), "{error}");
        }
    }
}
