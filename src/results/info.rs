//! The answer of `ipvsh info`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{SettingShape, VERSION};

/// What is to be known of a director before something is changed.
#[derive(Clone, Debug, Serialize)]
pub struct InfoShape {
    version: u32,
    /// Which table it is.
    #[serde(flatten)]
    pub place: PlaceShape,
    /// The version of IPVS; null without privilege.
    pub ipvs: Option<String>,
    /// Buckets of the table of connections; null without privilege.
    pub connection_table_size: Option<u32>,
    /// How many virtual services there are; null without privilege.
    pub services: Option<usize>,
    /// The schedulers that the kernel has or can load.
    pub schedulers: Vec<SchedulerShape>,
    /// The kernel parameters of IPVS.
    pub sysctl: BTreeMap<String, String>,
    /// Programs that change tables by themselves.
    pub managers: Vec<ManagerShape>,
    /// The guards that are set.
    pub guards: Vec<SettingShape>,
    /// The journal of this table.
    pub journal: JournalShape,
}

/// Which table it is.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceShape {
    /// The name of this host.
    pub host: String,
    /// The kernel's release; null in a simulation.
    pub kernel: Option<String>,
    /// The network namespace that was named; null for the program's own.
    pub namespace: Option<String>,
    /// Whether it is a simulation.
    pub simulated: bool,
}

/// One scheduler.
#[derive(Clone, Debug, Serialize)]
pub struct SchedulerShape {
    /// Its name.
    pub name: String,
    /// Whether its module is loaded, or part of the kernel.
    pub loaded: bool,
}

/// One program that changes tables by itself.
#[derive(Clone, Debug, Serialize)]
pub struct ManagerShape {
    /// What it is called.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// Whether it is in the network namespace of the table; null where that may not be seen.
    pub in_this_namespace: Option<bool>,
}

/// The journal of a table.
#[derive(Clone, Debug, Serialize)]
pub struct JournalShape {
    /// Where it is; null where none is kept.
    pub folder: Option<String>,
    /// How many records it has of this table; null if it can't be read.
    pub records: Option<usize>,
    /// The commits that roll back unless they are confirmed.
    pub unconfirmed: Vec<u64>,
}

impl InfoShape {
    /// Makes it of which table it is and its journal, with nothing known beyond that.
    #[must_use]
    pub const fn new(place: PlaceShape, journal: JournalShape) -> Self {
        Self {
            version: VERSION,
            place,
            ipvs: None,
            connection_table_size: None,
            services: None,
            schedulers: Vec::new(),
            sysctl: BTreeMap::new(),
            managers: Vec::new(),
            guards: Vec::new(),
            journal,
        }
    }
}
