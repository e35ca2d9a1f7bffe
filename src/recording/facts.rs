//! What a recording says in JSON: what is set of a table as a whole, changes, marks, gaps.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::frame::{milliseconds, time_at};
use crate::backend::KernelInfo;
use crate::document::{PlanLayout, append_plan, read_plan};
use crate::journal::TableIdentity;
use crate::model::{DestinationKey, Known, ServiceKey, SysctlName, Table};
use crate::observe::{By, DrainView, JournalView, SeenChange, Settings, Snapshot};
use crate::session::TableLabel;
use crate::txn::Plan;

/// What is set of a table as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Which table it is.
    pub(super) table: TableIdentity,
    pub(super) host: String,
    release: Option<String>,
    detail: Option<String>,
    /// How often it was to be read.
    pub(super) interval_ms: u64,
    /// Whether all was read, and whether rates mean something.
    all: bool,
    rates: bool,
    missing: Vec<String>,
    timeouts_read: bool,
    daemons_read: bool,
    settings: Option<SettingsFacts>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SettingsFacts {
    ipvs_version: Option<(u32, u32, u32)>,
    connection_table_size: Option<u32>,
    sysctls: BTreeMap<String, String>,
    journal: Option<JournalFacts>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct JournalFacts {
    outcomes: BTreeMap<String, u64>,
    last_ms: Option<i64>,
    unfinished: u64,
    /// Number and when it rolls back.
    unconfirmed: Vec<(u64, i64)>,
    drains: Vec<DrainFacts>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DrainFacts {
    pub(super) service: String,
    pub(super) server: String,
    since_ms: Option<i64>,
    deadline_ms: Option<u64>,
    who: String,
    reason: String,
    weight: u32,
    is_under_way: bool,
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Facts {
    /// Returns what a snapshot says, as one of a reader that reads so often.
    pub(super) fn of(snapshot: &Snapshot, table: &TableIdentity, interval: Duration) -> Self {
        let place = &snapshot.place;
        Self {
            table: table.clone(),
            host: place.host.clone(),
            release: place.release.clone(),
            detail: place.detail.clone(),
            interval_ms: whole_milliseconds(interval),
            all: snapshot.known.all,
            rates: snapshot.known.rates,
            missing: snapshot.missing.clone(),
            timeouts_read: snapshot.table.timeouts.is_some(),
            daemons_read: snapshot.table.daemons.is_some(),
            settings: snapshot
                .settings
                .as_ref()
                .map(|settings| SettingsFacts::of(settings, snapshot.time)),
        }
    }

    /// Returns whether something is read now that was not, or the other way round: no change tells that.
    pub(super) fn reads_otherwise(&self, before: &Self) -> bool {
        (self.timeouts_read, self.daemons_read) != (before.timeouts_read, before.daemons_read)
    }

    pub(super) fn place(&self) -> TableLabel {
        TableLabel {
            host: self.host.clone(),
            release: self.release.clone(),
            detail: self.detail.clone(),
        }
    }

    pub(super) const fn known(&self) -> Known {
        Known {
            all: self.all,
            rates: self.rates,
        }
    }

    pub(super) fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    /// Says of a table what was not read; what the JSON of its configuration leaves out was read and is empty.
    pub(super) fn complete(&self, table: &mut Table) {
        if !self.timeouts_read {
            table.timeouts = None;
        }
        if self.daemons_read {
            table.daemons.get_or_insert_default();
        } else {
            table.daemons = None;
        }
    }

    /// Returns the settings as they were at a time; `None` if they were not read, or can't be understood.
    pub(super) fn settings(
        &self,
        now: SystemTime,
        connection_entries: Option<u64>,
    ) -> Option<Settings> {
        let settings = self.settings.as_ref()?;
        let sysctls = settings.sysctls.iter().filter_map(|(name, value)| {
            let name = SysctlName::new(name).ok()?;
            Some((name, value.clone()))
        });
        let kernel = settings.ipvs_version.zip(settings.connection_table_size);
        Some(Settings {
            kernel: kernel.map(|(version, connection_table_size)| KernelInfo {
                version,
                connection_table_size,
            }),
            sysctls: sysctls.collect(),
            connection_entries,
            journal: settings.journal.as_ref().map(|journal| journal.view(now)),
        })
    }

    /// Returns the drains that are known of.
    fn drains(&self) -> &[DrainFacts] {
        let journal = self
            .settings
            .as_ref()
            .and_then(|settings| settings.journal.as_ref());
        journal.map_or(&[], |journal| &journal.drains)
    }

    /// Returns the drains that began and that ended since others.
    pub(super) fn drain_marks(&self, before: &Self) -> Vec<Mark> {
        let is_same = |one: &DrainFacts, other: &DrainFacts| {
            one.service == other.service
                && one.server == other.server
                && one.since_ms == other.since_ms
        };
        let not_in =
            |all: &[DrainFacts], drain: &DrainFacts| !all.iter().any(|other| is_same(other, drain));
        let (old, new) = (before.drains(), self.drains());
        let began = new.iter().filter(|drain| not_in(old, drain));
        let ended = old.iter().filter(|drain| not_in(new, drain));
        began
            .map(|drain| Mark::drain(drain, true))
            .chain(ended.map(|drain| Mark::drain(drain, false)))
            .collect()
    }
}

impl SettingsFacts {
    fn of(settings: &Settings, now: SystemTime) -> Self {
        Self {
            ipvs_version: settings.kernel.map(|kernel| kernel.version),
            connection_table_size: settings.kernel.map(|kernel| kernel.connection_table_size),
            sysctls: settings
                .sysctls
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
                .collect(),
            journal: settings
                .journal
                .as_ref()
                .map(|view| JournalFacts::of(view, now)),
        }
    }
}

impl JournalFacts {
    fn of(view: &JournalView, now: SystemTime) -> Self {
        /// A time that is told by what is left until then wavers a little.
        const STEP: i64 = 2_000;
        let until = |left: Duration| {
            let exact = milliseconds(now).saturating_add_unsigned(whole_milliseconds(left));
            exact
                .saturating_add(STEP / 2)
                .div_euclid(STEP)
                .saturating_mul(STEP)
        };
        let drain = |drain: &DrainView| DrainFacts {
            service: drain.service.to_string(),
            server: drain.server.to_string(),
            since_ms: drain.since.map(milliseconds),
            deadline_ms: drain.deadline.map(whole_milliseconds),
            who: drain.who.clone(),
            reason: drain.reason.clone(),
            weight: drain.weight,
            is_under_way: drain.is_under_way,
        };
        Self {
            outcomes: view.outcomes.clone(),
            last_ms: view.last.map(milliseconds),
            unfinished: view.unfinished,
            unconfirmed: view
                .unconfirmed
                .iter()
                .map(|(number, left)| (*number, until(*left)))
                .collect(),
            drains: view.drains.iter().map(drain).collect(),
        }
    }

    fn view(&self, now: SystemTime) -> JournalView {
        let left = |until: i64| time_at(until).duration_since(now).unwrap_or_default();
        let drains = self.drains.iter().filter_map(|drain| {
            Some(DrainView {
                service: ServiceKey::parse(&drain.service).ok()?,
                server: DestinationKey::parse(&drain.server).ok()?,
                since: drain.since_ms.map(time_at),
                deadline: drain.deadline_ms.map(Duration::from_millis),
                who: drain.who.clone(),
                reason: drain.reason.clone(),
                weight: drain.weight,
                is_under_way: drain.is_under_way,
            })
        });
        JournalView {
            outcomes: self.outcomes.clone(),
            last: self.last_ms.map(time_at),
            unfinished: self.unfinished,
            unconfirmed: self
                .unconfirmed
                .iter()
                .map(|(number, until)| (*number, left(*until)))
                .collect(),
            drains: drains.collect(),
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
pub enum Mark {
    /// A commit changed something.
    Commit {
        /// Its number in the journal.
        number: u64,
        /// Who committed.
        who: String,
        /// What it is called.
        label: Option<String>,
    },
    /// A drain of a real server began.
    DrainBegan {
        /// `KEY/SERVER`.
        object: String,
        /// Who drains.
        who: String,
    },
    /// A drain of a real server ended: the server has weight again, or is gone.
    DrainEnded {
        /// `KEY/SERVER`.
        object: String,
    },
}

impl Mark {
    fn drain(drain: &DrainFacts, begins: bool) -> Self {
        let object = format!("{}/{}", drain.service, drain.server);
        if begins {
            Self::DrainBegan {
                object,
                who: drain.who.clone(),
            }
        } else {
            Self::DrainEnded { object }
        }
    }

    /// Returns the commits that changed something, each once.
    pub(super) fn commits(changes: &[SeenChange]) -> Vec<Self> {
        let mut marks: Vec<Self> = Vec::new();
        for seen in changes {
            if let By::Commit { number, who, label } = &seen.by {
                let mark = Self::Commit {
                    number: *number,
                    who: who.clone(),
                    label: label.clone(),
                };
                if !marks.contains(&mark) {
                    marks.push(mark);
                }
            }
        }
        marks
    }
}

/// Why nothing could be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Gap {
    pub(super) why: String,
}

/// Who made a change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum ByFacts {
    Commit {
        commit: u64,
        who: String,
        label: Option<String>,
    },
    /// `foreign`, or null.
    Other(Option<String>),
}

impl ByFacts {
    fn of(by: &By) -> Self {
        match by {
            By::Commit { number, who, label } => Self::Commit {
                commit: *number,
                who: who.clone(),
                label: label.clone(),
            },
            By::Foreign => Self::Other(Some("foreign".to_owned())),
            By::Unknown => Self::Other(None),
        }
    }

    fn by(self) -> By {
        match self {
            Self::Commit { commit, who, label } => By::Commit {
                number: commit,
                who,
                label,
            },
            Self::Other(Some(_)) => By::Foreign,
            Self::Other(None) => By::Unknown,
        }
    }
}

#[derive(Serialize)]
struct ChangesOut<'c> {
    plan: &'c RawValue,
    by: Vec<ByFacts>,
}

#[derive(Deserialize)]
struct ChangesIn<'c> {
    #[serde(borrow)]
    plan: &'c RawValue,
    by: Vec<ByFacts>,
}

/// Appends what changed between two tables, and who did that as far as it was seen.
pub(super) fn append_changes(
    out: &mut Vec<u8>,
    plan: &Plan,
    seen: &[SeenChange],
) -> serde_json::Result<()> {
    let mut text = Vec::new();
    append_plan(&mut text, plan, &plan.footprint(), PlanLayout::Line)?;
    let text = String::from_utf8_lossy(&text);
    let by = plan.changes().iter().map(|change| {
        let found = seen.iter().find(|one| one.change == *change);
        ByFacts::of(found.map_or(&By::Unknown, |seen| &seen.by))
    });
    let shape = ChangesOut {
        plan: serde_json::from_str(&text)?,
        by: by.collect(),
    };
    serde_json::to_writer(out, &shape)
}

/// Reads what [`append_changes`] wrote.
pub(super) fn read_changes(body: &[u8]) -> Result<Vec<SeenChange>, String> {
    let shape: ChangesIn<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let plan =
        read_plan("a change", shape.plan.get().as_bytes()).map_err(|error| error.to_string())?;
    let by = shape.by.into_iter().map(ByFacts::by);
    let all = plan.changes().iter().cloned();
    Ok(all
        .zip(by.chain(std::iter::repeat(By::Unknown)))
        .map(|(change, by)| SeenChange { change, by })
        .collect())
}
