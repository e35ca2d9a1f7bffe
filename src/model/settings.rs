//! Timeouts, sync daemons and sysctl names: what belongs to the table as a whole.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::Invalid;

/// How long idle connections are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Seconds for established TCP connections.
    pub tcp_seconds: u32,
    /// Seconds for TCP connections after a FIN.
    pub tcp_fin_seconds: u32,
    /// Seconds for UDP.
    pub udp_seconds: u32,
}

impl Timeouts {
    /// What a new network namespace starts with.
    pub const KERNEL_DEFAULT: Self = Self {
        tcp_seconds: 900,
        tcp_fin_seconds: 120,
        udp_seconds: 300,
    };
    /// The longest timeout that every kernel takes (a signed 32-bit count of 1/1000 s).
    pub const MAX_SECONDS: u32 = 2_147_483;
}

/// A change of timeouts; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutsEdit {
    /// See [`Timeouts::tcp_seconds`].
    pub tcp_seconds: Option<u32>,
    /// See [`Timeouts::tcp_fin_seconds`].
    pub tcp_fin_seconds: Option<u32>,
    /// See [`Timeouts::udp_seconds`].
    pub udp_seconds: Option<u32>,
}

impl TimeoutsEdit {
    /// Returns `current` with the named timeouts replaced.
    ///
    /// # Errors
    /// [`Invalid`] for zero, which the kernel takes for "keep", and for what is too long.
    pub fn apply(&self, current: Timeouts) -> Result<Timeouts, Invalid> {
        let pick = |name: &str, wanted: Option<u32>, now: u32| match wanted {
            None => Ok(now),
            Some(seconds) if seconds == now => Ok(now),
            Some(seconds) if (1..=Timeouts::MAX_SECONDS).contains(&seconds) => Ok(seconds),
            Some(seconds) => Err(Invalid::new(
                name,
                seconds,
                "a timeout is 1 to 2147483 seconds",
            )),
        };
        Ok(Timeouts {
            tcp_seconds: pick("tcp timeout", self.tcp_seconds, current.tcp_seconds)?,
            tcp_fin_seconds: pick(
                "tcp_fin timeout",
                self.tcp_fin_seconds,
                current.tcp_fin_seconds,
            )?,
            udp_seconds: pick("udp timeout", self.udp_seconds, current.udp_seconds)?,
        })
    }
}

/// Whether a sync daemon sends or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DaemonRole {
    /// Sends connections to the backup.
    Master,
    /// Receives connections from the master.
    Backup,
}

impl DaemonRole {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Master, Self::Backup];

    /// Returns `master` or `backup`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Backup => "backup",
        }
    }

    /// Reads `master` or `backup`.
    ///
    /// # Errors
    /// [`Invalid`] for any other word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.word() == text)
            .ok_or_else(|| Invalid::new("sync daemon state", text, "write master or backup"))
    }
}

/// A daemon that replicates connections between two directors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDaemon {
    /// Whether it sends or receives.
    pub role: DaemonRole,
    /// The network interface it uses.
    pub interface: String,
    /// Tells groups of directors apart; 0 to 255 on the wire, kept as a kernel reported it.
    pub sync_id: u32,
    /// The longest payload in bytes; `None` leaves the choice to the kernel.
    pub sync_maxlen: Option<u16>,
    /// The multicast group.
    pub group: IpAddr,
    /// The UDP port.
    pub port: u16,
    /// The time to live of its packets.
    pub ttl: u8,
}

impl SyncDaemon {
    /// The group that the kernel uses when none is given.
    pub const DEFAULT_GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
    /// The port that the kernel uses when none is given.
    pub const DEFAULT_PORT: u16 = 8848;
    /// The time to live that the kernel uses when none is given.
    pub const DEFAULT_TTL: u8 = 1;

    /// Checks what a user wrote.
    ///
    /// # Errors
    /// [`Invalid`] names the field that can't be.
    pub fn check(&self) -> Result<(), Invalid> {
        let name = &self.interface;
        let unfit = |c: char| c == '/' || c.is_whitespace() || c.is_control();
        if name.is_empty() || name.len() > 15 || name.contains(unfit) {
            return Err(Invalid::new(
                "interface",
                name,
                "an interface's name has 1 to 15 bytes",
            ));
        }
        if self.sync_id > 255 {
            return Err(Invalid::new(
                "sync_id",
                self.sync_id,
                "it is a number from 0 to 255",
            ));
        }
        if !self.group.is_multicast() {
            return Err(Invalid::new(
                "group",
                self.group,
                "it is a multicast address, such as 224.0.0.81",
            ));
        }
        if self.port == 0 {
            return Err(Invalid::new("port", 0, "it is a number from 1 to 65535"));
        }
        if self.ttl == 0 {
            return Err(Invalid::new("ttl", 0, "it is a number from 1 to 255"));
        }
        match self.sync_maxlen {
            Some(bytes) if !(1..=65507).contains(&bytes) => {
                Err(Invalid::new("sync_maxlen", bytes, "it is 1 to 65507 bytes"))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether a running daemon is what is wanted; a length left to the kernel fits any.
    #[must_use]
    pub fn is_met_by(&self, running: &Self) -> bool {
        let mut wanted = self.clone();
        wanted.sync_maxlen = wanted.sync_maxlen.or(running.sync_maxlen);
        wanted == *running
    }
}

/// The name of a file under `/proc/sys/net/ipv4/vs`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysctlName(String);

impl SysctlName {
    /// Reads a name: letters, digits and `_`, so that it can't leave its folder.
    ///
    /// # Errors
    /// [`Invalid`] for anything else.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "sysctl",
            text,
            "write the name of a file in /proc/sys/net/ipv4/vs, such as expire_nodest_conn",
        ))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether two texts are the same value of a kernel parameter: the kernel takes numbers in the prefixes of C
/// and lists of processors in any form, and shows its own.
#[must_use]
pub fn is_same_sysctl_value(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (left.split_whitespace(), right.split_whitespace());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) if is_same_word(left, right) => {}
            _ => return false,
        }
    }
}

fn is_same_word(left: &str, right: &str) -> bool {
    let numbers = || Some(c_number(left)? == c_number(right)?);
    let lists = || Some(processors(left)? == processors(right)?);
    left == right || numbers().or_else(lists).unwrap_or(false)
}

/// Reads a number with a sign and the prefixes of C.
fn c_number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = i64::from_str_radix(digits, base).ok().filter(|_| plain)?;
    Some(if negative { -number } else { number })
}

/// Reads a list of processors such as `0-2,5`.
fn processors(text: &str) -> Option<std::collections::BTreeSet<u32>> {
    /// No machine has more.
    const MOST: u32 = 1 << 16;
    let mut all = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        if last >= MOST {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

impl fmt::Display for SysctlName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_sysctl_value;

    #[test]
    fn the_kernels_spelling_of_a_value_is_the_value() {
        for (left, right, same) in [
            ("1", "1", true),
            ("0x1", "1", true),
            ("010", "8", true),
            ("3 50", "3\t50", true),
            ("0,1,2", "0-2", true),
            ("0-2,4", "4,0-2", true),
            ("-1", "-0x1", true),
            ("1", "2", false),
            ("1", "1 2", false),
            ("0-2", "0-3", false),
            ("none", "0", false),
            ("", "", true),
        ] {
            assert_eq!(is_same_sysctl_value(left, right), same, "{left} {right}");
        }
    }
}
