//! A network: an address and how many of its bits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Invalid;

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`; an address alone is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads a network.
    ///
    /// # Errors
    /// [`Invalid`] says what it is not.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |expected: &str| Invalid::new("network", text, expected);
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            wrong("write an address, or one with the length of a prefix, such as 10.0.0.0/8")
        })?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or_else(|| wrong(&format!("the prefix of it is 0 to {most} bits long")))?,
        };
        Ok(Self::of(address, bits))
    }

    /// Returns the network of an address with so many bits; of fewer than that none count.
    #[must_use]
    pub const fn of(address: IpAddr, bits: u8) -> Self {
        match address {
            IpAddr::V4(address) => {
                let bits = if bits > 32 { 32 } else { bits };
                let mask = match u32::MAX.checked_shl(32 - bits as u32) {
                    Some(mask) => mask,
                    None => 0,
                };
                Self {
                    address: IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask)),
                    bits,
                }
            }
            IpAddr::V6(address) => {
                let bits = if bits > 128 { 128 } else { bits };
                let mask = match u128::MAX.checked_shl(128 - bits as u32) {
                    Some(mask) => mask,
                    None => 0,
                };
                Self {
                    address: IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask)),
                    bits,
                }
            }
        }
    }

    /// Returns its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Self::of(address, self.bits) == *self
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == most {
            return write!(out, "{}", self.address);
        }
        write!(out, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn networks_are_read_and_know_what_is_in_them() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.77/24", "10.0.0.1", "10.0.1.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("2001:db8::1", "2001:db8::1", "10.0.0.1"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("::/0", "ffff::", "0.0.0.0"),
        ] {
            let network = Network::parse(text).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{text}");
            assert!(!network.contains(outside.parse().unwrap()), "{text}");
            assert_eq!(Network::parse(&network.to_string()).unwrap(), network);
        }
        assert_eq!(
            Network::parse("10.0.0.77/24").unwrap().to_string(),
            "10.0.0.0/24"
        );
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/-1",
            "web",
            "10.0.0.0/",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
