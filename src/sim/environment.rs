//! What differs between kernels: modules, interfaces, releases.

use std::collections::BTreeMap;

/// A set of names, or no opinion about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names<T> {
    /// Every name passes: only the real kernel knows.
    Any,
    /// These exist, nothing else.
    Only(BTreeMap<String, T>),
}

impl<T: Copy> Names<T> {
    /// Returns whether a name exists as far as this kernel knows.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Only(known) => {
                std::str::from_utf8(name).is_ok_and(|name| known.contains_key(name))
            }
        }
    }

    /// Returns the names, if they are known.
    #[must_use]
    pub fn listed(&self) -> Vec<&str> {
        match self {
            Self::Any => Vec::new(),
            Self::Only(known) => known.keys().map(String::as_str).collect(),
        }
    }

    /// Returns what is known of a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<T> {
        match self {
            Self::Any => None,
            Self::Only(known) => known.get(std::str::from_utf8(name).ok()?).copied(),
        }
    }
}

/// When the overload flag of a real server is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverloadRule {
    /// Whenever a connection comes or goes: what is reached counts.
    Level,
    /// When a threshold is crossed, and when it is edited (stable kernels since August 2026, and 7.x).
    Crossing,
}

/// Points in which kernel releases differ, each found by probing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flavour {
    /// An upper threshold above 2147483647 is refused (stable kernels since August 2026, and 7.x).
    pub refuses_large_thresholds: bool,
    /// The connection table grows, and has size 0 before the first service (7.x).
    pub growing_connection_table: bool,
    /// A switch to `mh` with more servers than its table has places is refused. The size is a build option.
    pub mh_places: Option<usize>,
    /// When the overload flag is looked at.
    pub overload: OverloadRule,
    /// How much heavier an active connection weighs than an inactive one.
    pub active_weight: u32,
    /// Counters are copied every two seconds since each object was made (6.2), not since the namespace was.
    pub copies_by_object: bool,
    /// A template that is no longer valid shows port 65535 of the real server alone (7.x), not also of the service.
    pub keeps_invalid_key: bool,
}

impl Flavour {
    /// Kernels up to 6.1.17x.
    pub const CLASSIC: Self = Self {
        refuses_large_thresholds: false,
        growing_connection_table: false,
        mh_places: Some(4093),
        overload: OverloadRule::Level,
        active_weight: 256,
        copies_by_object: false,
        keeps_invalid_key: false,
    };
    /// Stable kernels since August 2026: 6.1.192, 6.12.117. (6.12 copies counters by object.)
    pub const STABLE: Self = Self {
        refuses_large_thresholds: true,
        overload: OverloadRule::Crossing,
        active_weight: 257,
        ..Self::CLASSIC
    };
    /// Kernels of 7.x.
    pub const NEWER: Self = Self {
        growing_connection_table: true,
        copies_by_object: true,
        keeps_invalid_key: true,
        ..Self::STABLE
    };

    /// Returns how a release behaves, as far as releases were tried.
    #[must_use]
    pub fn of_release(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse::<u32>().ok();
        let [major, minor, patch] = [number(), number(), number()].map(Option::unwrap_or_default);
        let by_object = (major, minor) >= (6, 2);
        match (major, minor) {
            (7.., _) => Self::NEWER,
            (6, 1) if patch >= 192 => Self::STABLE,
            (6, 12) if patch >= 117 => Self {
                copies_by_object: true,
                ..Self::STABLE
            },
            _ => Self {
                copies_by_object: by_object,
                ..Self::CLASSIC
            },
        }
    }
}

/// The kernel that is simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Schedulers that can be loaded.
    pub schedulers: Names<()>,
    /// Persistence engines that can be loaded.
    pub engines: Names<()>,
    /// Network interfaces with their MTU in bytes.
    pub interfaces: Names<u32>,
    /// The release.
    pub flavour: Flavour,
    /// Timer ticks per second: timeouts are kept as a 32-bit count of them.
    pub ticks_per_second: u32,
    /// Packets come: schedulers keep what they need for them. In a rehearsal none come.
    pub balances: bool,
}

impl Environment {
    /// Returns a kernel with every scheduler of the kernel's tree and any interface: the table of `--sim`.
    #[must_use]
    pub fn stock() -> Self {
        let schedulers = [
            "rr", "wrr", "lc", "wlc", "fo", "ovf", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq",
            "twos",
        ];
        Self {
            schedulers: Names::Only(schedulers.map(|name| (name.to_owned(), ())).into()),
            engines: Names::Only([("sip".to_owned(), ())].into()),
            interfaces: Names::Any,
            flavour: Flavour::STABLE,
            ticks_per_second: 100,
            balances: true,
        }
    }

    /// Returns a kernel that lets pass what only the real one can know.
    #[must_use]
    pub fn rehearsal() -> Self {
        Self {
            schedulers: Names::Any,
            engines: Names::Any,
            interfaces: Names::Any,
            flavour: Flavour {
                mh_places: None,
                ..Flavour::CLASSIC
            },
            // Ticks lose the seconds beyond 2^32 of them; with one a second nothing is lost in a rehearsal.
            ticks_per_second: 1,
            balances: false,
        }
    }
}
