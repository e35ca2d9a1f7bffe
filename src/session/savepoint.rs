//! What a rehearsal knows at a moment, to go back to.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ahash::AHashSet;

use crate::model::{DaemonRole, ServiceKey, SyncDaemon, Table};
use crate::sim::Snapshot;
use crate::txn::Action;

/// What a rehearsal has fetched and what it has staged beside the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    /// The live table as far as it was fetched.
    pub(super) before: Rc<Table>,
    /// Services that were asked for, there or not.
    pub(super) fetched: BTreeSet<ServiceKey>,
    /// Whether all services were fetched.
    pub(super) whole: bool,
    /// Services that an operation was done to: all that a plan can be about.
    pub(super) changed: AHashSet<ServiceKey>,
    /// The same in their order, with repetitions: what changed since a moment is behind its end.
    pub(super) log: Vec<ServiceKey>,
    /// Daemons as they were asked for: a length left to the kernel stays left to it.
    pub(super) wanted_daemons: BTreeMap<DaemonRole, SyncDaemon>,
    pub(super) actions: Vec<Action>,
    /// Waits that counted as done.
    pub(super) waits: Vec<String>,
    /// The commits that are undone by what is staged.
    pub(super) undoes: Vec<u64>,
}

/// A moment of a rehearsal, to go back to.
#[derive(Clone, Debug)]
pub(super) struct Savepoint {
    pub(super) simulated: Snapshot,
    pub(super) knowledge: Knowledge,
}

impl Savepoint {
    /// Tells whether anything may be staged in it.
    pub(super) fn holds_changes(&self) -> bool {
        let knowledge = &self.knowledge;
        let settings = &knowledge.before;
        !knowledge.changed.is_empty()
            || !knowledge.actions.is_empty()
            || settings.timeouts.is_some()
            || settings.daemons.is_some()
            || !settings.sysctl.is_empty()
    }
}
