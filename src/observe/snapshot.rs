//! A table at one moment.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::changes::SeenChange;
use super::journal_view::JournalView;
use crate::backend::KernelInfo;
use crate::model::{Known, Observed, SysctlName, Table};
use crate::session::TableLabel;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Services, real servers, what they count, and the totals.
    Table,
    /// And settings: kernel parameters, what the kernel says of itself, and where commits stand.
    Everything,
}

/// What is set of the table as a whole, and what the kernel says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The kernel's version of IPVS and the size of its table of connections; without privilege it is not told.
    pub kernel: Option<KernelInfo>,
    /// Every kernel parameter that can be read.
    pub sysctls: BTreeMap<SysctlName, String>,
    /// How many entries the table of connections has, where the kernel tells without being walked through (7.0).
    pub connection_entries: Option<u64>,
    /// Where commits stand; `None` if no journal is kept, or it can't be read.
    pub journal: Option<JournalView>,
}

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Which reading of its observer it is, from 1.
    pub number: u64,
    /// When it was read.
    pub time: SystemTime,
    /// When it was read, by the clock of the table: the time since some fixed moment, which nobody sets.
    pub clock: Duration,
    /// How long that took.
    pub took: Duration,
    /// Which table it is.
    pub place: TableLabel,
    /// The table, with timeouts and sync daemons where they could be read.
    pub table: Table,
    /// What is known of it.
    pub known: Known,
    /// What could not be read, in words.
    pub missing: Vec<String>,
    /// The totals of the network namespace, those of deleted services included.
    pub totals: Option<Observed>,
    /// Settings, if they were asked for.
    pub settings: Option<Settings>,
    /// What changed in the configuration since the snapshot before.
    pub changes: Vec<SeenChange>,
}

impl Snapshot {
    /// Returns what could not be read.
    #[must_use]
    pub fn missing_words(&self) -> Vec<&str> {
        self.missing.iter().map(String::as_str).collect()
    }

    /// Returns how many objects it holds: services and real servers.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.table.services.len() + self.table.destination_count()
    }
}
