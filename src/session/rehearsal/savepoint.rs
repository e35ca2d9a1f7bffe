//! What a rehearsal knows at a savepoint, to go back to.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ahash::AHashSet;

use crate::model::{DaemonRole, ServiceKey, SyncDaemon, Table};
use crate::sim::Snapshot;
use crate::txn::Action;

/// What a rehearsal has fetched and what it has staged beside the table.
#[derive(Clone, Debug, Default)]
pub(in crate::session) struct State {
    /// The live table as far as it was fetched.
    pub(in crate::session) before: Rc<Table>,
    /// Services that were asked for, there or not.
    pub(in crate::session) fetched: BTreeSet<ServiceKey>,
    /// Whether all services were fetched.
    pub(in crate::session) whole: bool,
    /// Services that an operation was done to: all that a plan can be about.
    pub(in crate::session) changed: AHashSet<ServiceKey>,
    /// The same in their order, with repetitions: what changed since a savepoint is behind its end.
    pub(in crate::session) log: Vec<ServiceKey>,
    /// Daemons as they were asked for: a length left to the kernel stays left to it.
    pub(in crate::session) wanted_daemons: BTreeMap<DaemonRole, SyncDaemon>,
    pub(in crate::session) actions: Vec<Action>,
    /// Waits that counted as done.
    pub(in crate::session) waits: Vec<String>,
    /// The commits that are undone by what is staged.
    pub(in crate::session) undoes: Vec<u64>,
}

/// A savepoint of a rehearsal, to go back to.
#[derive(Clone, Debug)]
pub(in crate::session) struct Savepoint {
    pub(in crate::session) simulated: Snapshot,
    pub(in crate::session) state: State,
}

impl Savepoint {
    /// Returns whether anything may be staged in it.
    pub(in crate::session) fn holds_changes(&self) -> bool {
        let state = &self.state;
        let settings = &state.before;
        !state.changed.is_empty()
            || !state.actions.is_empty()
            || settings.timeouts.is_some()
            || settings.daemons.is_some()
            || !settings.sysctl.is_empty()
    }
}
