//! What changed between two looks at a table, and who did that.

use crate::journal::Record;
use crate::model::{ServiceEntry, Table};
use crate::txn::{Change, Plan};

/// Who changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A commit of this program.
    Commit {
        /// Its number in the journal.
        number: u64,
        /// Who committed.
        who: String,
        /// What it is called.
        label: Option<String>,
    },
    /// Somebody else: no commit in the journal touches the object.
    Foreign,
    /// It can't be told: no journal is kept, or it can't be read.
    Unknown,
}

/// A change that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenChange {
    /// What changed.
    pub change: Change,
    /// Who did that.
    pub by: By,
}

/// Returns what differs in the configuration of two tables. Most of the time that is nothing, which is found without a copy.
pub(super) fn between(before: &Table, after: &Table) -> Vec<Change> {
    if is_same(before, after) {
        return Vec::new();
    }
    // Kernel parameters are no part of a look at the table.
    let bare = |table: &Table| Table {
        sysctl: Default::default(),
        ..table.clone()
    };
    let plan = Plan::between(bare(before), bare(after), Vec::new());
    plan.changes().to_vec()
}

fn is_same(before: &Table, after: &Table) -> bool {
    let same_servers = |one: &ServiceEntry, other: &ServiceEntry| {
        let pairs = || one.destinations.iter().zip(&other.destinations);
        one.destinations.len() == other.destinations.len()
            && pairs().all(|((key, one), (other_key, other))| {
                key == other_key && one.configuration == other.configuration
            })
    };
    before.timeouts == after.timeouts
        && before.daemons == after.daemons
        && before.services.len() == after.services.len()
        && before
            .services
            .iter()
            .zip(&after.services)
            .all(|((key, one), (other_key, other))| {
                key == other_key
                    && one.configuration == other.configuration
                    && same_servers(one, other)
            })
}

/// Says who made changes, by the commits that may have: those that began since the look before, and those that were not ended by
/// then. Of several that touch an object it is the newest.
pub(super) fn attributed(changes: Vec<Change>, records: Option<&[Record]>) -> Vec<SeenChange> {
    let Some(records) = records else {
        let unknown = |change| SeenChange {
            change,
            by: By::Unknown,
        };
        return changes.into_iter().map(unknown).collect();
    };
    let commits: Vec<(&Record, Plan)> = records
        .iter()
        .filter(|record| record.intent.commit().is_some())
        .filter_map(|record| Some((record, record.plan().ok()?)))
        .collect();
    let by = |change: &Change| {
        let touches = |plan: &Plan| plan.changes().iter().any(|one| is_about(one, change));
        let found = commits.iter().rev().find(|(_, plan)| touches(plan));
        match found {
            Some((record, _)) => By::Commit {
                number: record.intent.number,
                who: record.who(),
                label: record.intent.label.clone(),
            },
            None => By::Foreign,
        }
    };
    changes
        .into_iter()
        .map(|change| {
            let by = by(&change);
            SeenChange { change, by }
        })
        .collect()
}

/// Returns whether a planned change touches what was seen to change: the object, or the service that it went with.
fn is_about(planned: &Change, seen: &Change) -> bool {
    let (planned_object, object) = (planned.object(), seen.object());
    if planned_object == object {
        return true;
    }
    let takes_service_away = matches!(planned, Change::DeleteService { .. });
    takes_service_away && planned_object.service() == object.service() && object.service().is_some()
}
