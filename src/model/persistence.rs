//! Persistence: a client goes to the server it went to before.

use std::fmt;
use std::net::Ipv4Addr;

use super::{AddressFamily, Invalid};

/// How many bits of a client's address count as the same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Granularity {
    /// An IPv4 netmask, kept as the kernel keeps it: not checked for gaps.
    Netmask(Ipv4Addr),
    /// An IPv6 prefix length, 1 to 128.
    PrefixLength(u32),
}

impl Granularity {
    /// Returns the granularity of one client per address.
    #[must_use]
    pub const fn full(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Inet => Self::Netmask(Ipv4Addr::BROADCAST),
            AddressFamily::Inet6 => Self::PrefixLength(128),
        }
    }

    /// Returns the family of services it fits.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        match self {
            Self::Netmask(_) => AddressFamily::Inet,
            Self::PrefixLength(_) => AddressFamily::Inet6,
        }
    }

    /// Reads a netmask.
    ///
    /// # Errors
    /// [`Invalid`] unless it is four decimal numbers with dots.
    pub fn netmask(text: &str) -> Result<Self, Invalid> {
        text.parse()
            .map(Self::Netmask)
            .map_err(|_| Invalid::new("netmask", text, "write it with dots, such as 255.255.255.0"))
    }

    /// Makes a prefix length.
    ///
    /// # Errors
    /// [`Invalid`] unless it is 1 to 128.
    pub fn prefix_length(bits: i64) -> Result<Self, Invalid> {
        u32::try_from(bits)
            .ok()
            .filter(|bits| (1..=128).contains(bits))
            .map(Self::PrefixLength)
            .ok_or_else(|| Invalid::new("prefix_length", bits, "it is a number from 1 to 128"))
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netmask(mask) => mask.fmt(out),
            Self::PrefixLength(bits) => write!(out, "/{bits}"),
        }
    }
}

/// The name of a persistence engine, such as `sip`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineName(String);

impl EngineName {
    /// Reads a name: 1 to 16 letters, digits, `-` or `_`.
    ///
    /// # Errors
    /// [`Invalid`] for anything else.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if super::scheduler::is_module_name(text, 16) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "persistence engine",
            text,
            "a name has 1 to 16 letters, digits, - or _",
        ))
    }

    /// Takes a name as a kernel reported it.
    #[must_use]
    pub fn from_kernel(text: String) -> Self {
        Self(text)
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long, and for which part of an address, a client stays with its server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persistence {
    /// Seconds after its last new connection that a client is remembered.
    pub timeout_seconds: u32,
    /// The part of the client's address that counts.
    pub granularity: Granularity,
    /// What recognises a client beside its address.
    pub engine: Option<EngineName>,
}

impl Persistence {
    /// Seconds that a new persistence lasts unless others are given: what `ipvsadm -p` means.
    pub const DEFAULT_TIMEOUT_SECONDS: u32 = 360;
    /// The longest timeout that can be created: 31 days, the limit of `ipvsadm`, which every kernel can count.
    pub const MAX_TIMEOUT_SECONDS: u32 = 2_678_400;

    /// Returns what the kernel keeps for a service that was never persistent.
    #[must_use]
    pub const fn unused(family: AddressFamily) -> Self {
        Self {
            timeout_seconds: 0,
            granularity: Granularity::full(family),
            engine: None,
        }
    }

    /// Returns the persistence that is meant when nothing more is said.
    #[must_use]
    pub const fn ordinary(family: AddressFamily) -> Self {
        Self {
            timeout_seconds: Self::DEFAULT_TIMEOUT_SECONDS,
            granularity: Granularity::full(family),
            engine: None,
        }
    }
}
