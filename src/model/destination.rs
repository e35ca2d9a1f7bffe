//! A real server: its key within a virtual service, and its configuration.

use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::address::{address_rank, parse_endpoint, write_endpoint};
use super::{AddressFamily, DestinationEdit, ForwardingMethod, Invalid, Port, Tunnel};

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
    /// Returns whether the tunnel says anything: packets are wrapped, or the kernel keeps how they would be.
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

/// One number that is configured of a real server.
#[derive(Clone, Copy, Debug)]
pub struct ServerNumber {
    /// Its name in documents and scripts.
    pub name: &'static str,
    /// Its name as an option.
    pub option: &'static str,
    /// What it is, as the help of the option says it.
    pub summary: &'static str,
    /// What a new real server has.
    pub default: u32,
    /// The largest that a document may record: what some kernel can have.
    pub most: u32,
    /// What a document takes, in words.
    pub expected: &'static str,
    /// Whether `/proc/net/ip_vs` shows it, to everyone.
    pub is_public: bool,
    get: fn(&DestinationConfiguration) -> u32,
    named: fn(&DestinationEdit) -> Option<u32>,
    set: fn(&mut DestinationEdit, u32) -> Result<(), Invalid>,
}

impl ServerNumber {
    /// All of them, in the order in which they are shown: documents, plans, lists, scripts and options go by this list.
    pub const ALL: [Self; 3] = [
        Self {
            name: "weight",
            option: "weight",
            summary: "The weight; 0 means no new connections [new servers: 1]",
            default: 1,
            most: Weight::MAX,
            expected: "it is a whole number from 0 to 2147483647",
            is_public: true,
            get: |configuration| configuration.weight.get(),
            named: |edit| edit.weight.map(Weight::get),
            set: |edit, value| {
                edit.weight = Some(Weight::new(i64::from(value))?);
                Ok(())
            },
        },
        Self {
            name: "upper_threshold",
            option: "upper-threshold",
            summary: "Accept no new connections at this many; 0 means no limit",
            default: 0,
            most: u32::MAX,
            expected: "it is a whole number from 0 to 4294967295",
            is_public: false,
            get: |configuration| configuration.thresholds.upper,
            named: |edit| edit.upper_threshold,
            set: |edit, value| {
                edit.upper_threshold = Some(value);
                Ok(())
            },
        },
        Self {
            name: "lower_threshold",
            option: "lower-threshold",
            summary: "Accept new connections again below this many",
            default: 0,
            most: u32::MAX,
            expected: "it is a whole number from 0 to 4294967295",
            is_public: false,
            get: |configuration| configuration.thresholds.lower,
            named: |edit| edit.lower_threshold,
            set: |edit, value| {
                edit.lower_threshold = Some(value);
                Ok(())
            },
        },
    ];

    /// Finds one by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[ServerNumber] = &ServerNumber::ALL;
        ALL.iter().find(|number| number.name == name)
    }

    /// Returns `M` names with theirs behind, `N` in all.
    #[must_use]
    pub const fn names<const M: usize, const N: usize>(
        others: [&'static str; M],
    ) -> [&'static str; N] {
        let mut all = [""; N];
        let mut index = 0;
        while index < N {
            all[index] = if index < M {
                others[index]
            } else {
                Self::ALL[index - M].name
            };
            index += 1;
        }
        all
    }

    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Returns its value.
    #[must_use]
    pub fn of(&self, configuration: &DestinationConfiguration) -> u32 {
        (self.get)(configuration)
    }

    /// Returns whether it has another value than a new real server has.
    #[must_use]
    pub fn is_set(&self, configuration: &DestinationConfiguration) -> bool {
        self.of(configuration) != self.default
    }

    /// Returns the value that an edit names, if it does.
    #[must_use]
    pub fn in_edit(&self, edit: &DestinationEdit) -> Option<u32> {
        (self.named)(edit)
    }

    /// Has an edit name a value.
    ///
    /// # Errors
    /// [`Invalid`] if it can't be.
    pub fn set(&self, edit: &mut DestinationEdit, value: u32) -> Result<(), Invalid> {
        (self.set)(edit, value)
    }
}

#[cfg(test)]
mod tests {
    use super::{DestinationConfiguration, DestinationKey, ServerNumber};
    use crate::model::{DestinationEdit, Trust};

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

    #[test]
    fn each_number_is_read_where_it_was_set() {
        let service = crate::model::ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
        let key = crate::model::DestinationKey::parse("10.0.0.1:80").unwrap();
        let fresh = DestinationConfiguration::default();
        for number in ServerNumber::ALL {
            assert!(!number.is_set(&fresh), "{}", number.name);
            let mut edit = DestinationEdit::default();
            assert_eq!(number.in_edit(&edit), None);
            number.set(&mut edit, 7).unwrap();
            assert_eq!(number.in_edit(&edit), Some(7));
            let made = edit.apply(&service, &key, None, Trust::Recorded).unwrap();
            assert_eq!(number.of(&made), 7, "{}", number.name);
            assert!(ServerNumber::named(number.name).is_some() && number.is_set(&made));
        }
        let names = ServerNumber::names::<1, { 1 + ServerNumber::COUNT }>(["id"]);
        assert_eq!(names[0], "id");
        let named = names[1..].iter().zip(ServerNumber::ALL);
        assert!(named.clone().count() > 2);
        assert!(named.into_iter().all(|(name, number)| *name == number.name));
    }
}
