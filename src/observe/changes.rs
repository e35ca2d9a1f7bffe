//! What changed between two looks at a table, and who did that.

use crate::journal::{Record, State};
use crate::model::{ServiceEntry, Table};
use crate::txn::{Change, ObjectEnd, Plan};

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
    /// Somebody else: no commit in the journal led to what the object is.
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
/// then. Of several that led to it, it is the newest.
pub(super) fn attributed(changes: Vec<Change>, records: Option<&[Record]>) -> Vec<SeenChange> {
    let Some(records) = records else {
        let unknown = |change| SeenChange {
            change,
            by: By::Unknown,
        };
        return changes.into_iter().map(unknown).collect();
    };
    // What stands was not rolled back; what waits to be confirmed may be by now.
    let may_go_back = |record: &Record| {
        let state = record.state();
        !state.stands() || matches!(state, State::Unconfirmed { .. })
    };
    let commits: Vec<(&Record, Plan, bool)> = records
        .iter()
        .filter(|record| record.intent.commit().is_some())
        .filter_map(|record| Some((record, record.plan().ok()?, may_go_back(record))))
        .collect();
    let by = |change: &Change| {
        let is_of = |plan: &Plan, may_go_back: bool| {
            let mut changes = plan.changes().iter();
            changes.any(|one| made(one, change, may_go_back))
        };
        let found = commits
            .iter()
            .rev()
            .find(|(_, plan, may_go_back)| is_of(plan, *may_go_back));
        match found {
            Some((record, ..)) => By::Commit {
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

/// Returns whether a planned change made what was seen: it is about the object, and leads to what it is now, or led away from it and
/// may have been rolled back. A real server goes with its service.
fn made(planned: &Change, seen: &Change, may_go_back: bool) -> bool {
    let (planned_object, object) = (planned.object(), seen.object());
    let (_, now) = seen.ends();
    if planned_object == object {
        let (before, after) = planned.ends();
        return now == after || may_go_back && now == before;
    }
    let takes_service_away = matches!(planned, Change::DeleteService { .. });
    takes_service_away
        && now == ObjectEnd::Gone
        && object.service().is_some()
        && planned_object.service() == object.service()
}

#[cfg(test)]
mod tests {
    use super::made;
    use crate::model::{DestinationConfiguration, DestinationKey, ServiceKey, Weight};
    use crate::txn::Change;

    #[test]
    fn a_commit_made_what_it_led_to_or_what_was_there_before_it() {
        let weighs = |weight| DestinationConfiguration {
            weight: Weight::new(weight).unwrap(),
            ..DestinationConfiguration::default()
        };
        let edit = |before, after| Change::EditDestination {
            service: ServiceKey::parse("fwmark://7").unwrap(),
            key: DestinationKey::parse("10.0.0.2:80").unwrap(),
            before: weighs(before),
            after: weighs(after),
        };
        assert!(made(&edit(1, 5), &edit(1, 5), false));
        // Seen from a look further back, and rolled back.
        assert!(made(&edit(1, 5), &edit(3, 5), false));
        assert!(made(&edit(1, 5), &edit(5, 1), true));
        // A commit that stands did not do that.
        assert!(!made(&edit(1, 5), &edit(5, 1), false));
        // Somebody else did that, soon after it.
        assert!(!made(&edit(1, 5), &edit(5, 7), true));
        let gone = Change::DeleteService {
            key: ServiceKey::parse("fwmark://7").unwrap(),
            before: Box::default(),
            destinations: Default::default(),
        };
        assert!(!made(&gone, &edit(1, 5), true));
        assert!(made(&gone, &gone, false));
    }
}
