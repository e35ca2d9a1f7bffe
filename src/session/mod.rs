//! One session with one table: what every front end drives.
//!
//! A session is bound to a kernel or a simulation. Outside a transaction it reads the live table, and a verb is
//! a transaction of one. Inside, everything happens in a rehearsal: a simulated kernel that stands for the live
//! table and fetches what is touched when it is first touched. Nested transactions are savepoints in it.
//!
//! Start with [`Session`]. What it can do stands in files here: `open`, `read` and `observe`, `select`, `verbs`, `settings`,
//! `relocate` (copies and moves), `apply` (documents), `passthrough` (requests as they are), `commit`. Three rooms own the rest of its state: `rehearsal` what is
//! staged in open blocks, `history` what was committed, undone and recovered, `runbook` the runbook that is open.

mod apply;
mod commit;
mod connections;
mod deadlines;
mod drain_forecast;
mod error;
mod foreign;
mod history;
mod interrupt;
mod narrator;
mod observe;
mod open;
mod origin;
mod passthrough;
mod read;
mod rehearsal;
mod relocate;
mod replay;
mod runbook;
mod save;
mod select;
mod settings;
mod simulation;
mod table_file;
mod traffic;
mod trial;
mod verbs;
mod what_if;

use std::rc::Rc;
use std::time::Duration;

pub use apply::{ApplyOptions, Prune};
pub use connections::{
    ConnectionFilter, ConnectionGroup, ConnectionSource, ConnectionsRead, GroupField, TEMPLATE,
    service_text, state_of,
};
pub use drain_forecast::{DrainForecast, EntryCount};
pub use error::{Error, ErrorKind, holder_text};
pub use foreign::ForeignMoment;
pub use history::Scope;
pub use history::commits::Commits;
pub use history::confirm::Unconfirmed;
pub use history::error::HistoryError;
pub use history::recorder::{CommitTerms, JournalSetup, Watcher, table_of_namespace};
pub use history::recovery::{Direction, Recovered};
pub use interrupt::Interrupt;
pub use narrator::{Narrator, WaitView};
pub use observe::SchedulerInfo;
pub use open::{Access, TableLabel, Target};
pub use origin::Origin;
pub use rehearsal::blocks::Ended;
pub use rehearsal::stage::VerbOutcome;
pub use rehearsal::wait::Waiting;
pub use rehearsal::{BlockKind, LineSavepoint};
pub use replay::{Difference, replay};
pub use runbook::StopReason;
pub use runbook::options::{RunbookError, RunbookOptions};
pub use runbook::report::{RunbookEnd, RunbookReport, StepEnd, StepReport, UndoEnd, WaitReport};
pub use runbook::run::{OwnUndo, StepDecision};
pub use select::Servers;
pub use table_file::TableFile;
pub use traffic::{
    Answer, Content, Distribution, Happening, Load, LoadCounts, Packet, Shape, SimulatedKernel,
    TcpFlags, Verdict, refusable,
};
pub use trial::WhatIf;
pub use verbs::IfMissing;
pub use what_if::{ClientsMoved, ServiceForecast, Shares, clients_moved};

use crate::backend::{BackendError, Ipvs};
use crate::model::ObjectId;
use crate::txn::{Guarding, Plan};
use history::History;
use rehearsal::Staging;
use runbook::Runbooks;
use table_file::{ChosenSysctls, Simulated};

/// Asked before a plan is sent: whether it may be.
pub type Question = Rc<dyn Fn(&Plan) -> bool>;

/// A session with one table.
pub struct Session {
    live: Ipvs,
    label: TableLabel,
    /// The simulated kernel that it is bound to, and its file.
    simulated: Option<Simulated>,
    /// The kernel parameters that are part of what is saved.
    sysctls: ChosenSysctls,
    /// How often something was read.
    reads: u64,
    interrupt: Interrupt,
    terms: SessionTerms,
    narrator: Option<Rc<dyn Narrator>>,
    warnings: Vec<String>,
    staging: Staging,
    history: History,
    runbooks: Runbooks,
}

/// On which terms every commit of a session is made.
struct SessionTerms {
    /// How long it waits for another one.
    lock_wait: Duration,
    /// What it is checked against.
    guarding: Guarding,
    /// Who is asked before it is sent.
    question: Option<Question>,
}

/// How long a commit waits for another one, unless told otherwise.
pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(10);

impl Session {
    /// Makes a session over an open client.
    #[must_use]
    pub fn new(live: Ipvs, label: TableLabel, interrupt: Interrupt) -> Self {
        Self {
            live,
            label,
            simulated: None,
            sysctls: ChosenSysctls::default(),
            reads: 0,
            interrupt,
            terms: SessionTerms {
                lock_wait: DEFAULT_LOCK_WAIT,
                guarding: Guarding::default(),
                question: None,
            },
            narrator: None,
            warnings: Vec::new(),
            staging: Staging::default(),
            history: History::default(),
            runbooks: Runbooks::default(),
        }
    }

    /// Sets how long a commit waits for another one.
    pub fn set_lock_wait(&mut self, wait: Duration) {
        self.terms.lock_wait = wait;
    }

    /// Sets what is asked before a plan is sent; without it every plan is.
    pub fn set_question(&mut self, question: Option<Question>) {
        self.terms.question = question;
    }

    /// Sets who is told what goes on while it goes on.
    pub fn set_narrator(&mut self, narrator: Option<Rc<dyn Narrator>>) {
        self.narrator = narrator;
    }

    /// Returns who is told what goes on.
    #[must_use]
    pub fn narrator(&self) -> Option<Rc<dyn Narrator>> {
        self.narrator.clone()
    }

    /// Sets what every commit is checked against.
    pub fn set_guarding(&mut self, guarding: Guarding) {
        self.terms.guarding = guarding;
    }

    /// Returns what every commit is checked against.
    #[must_use]
    pub const fn guarding(&self) -> &Guarding {
        &self.terms.guarding
    }

    /// Returns which kernel or simulation this is.
    #[must_use]
    pub const fn label(&self) -> &TableLabel {
        &self.label
    }

    /// Returns the flag that signals set.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Returns the numbers of the records that this session found unfinished and dealt with.
    #[must_use]
    pub fn recovered(&self) -> &[u64] {
        &self.history.recovered
    }

    /// Returns whether the journal could not record how a commit of this session ended: the next change may find its
    /// record unfinished.
    #[must_use]
    pub const fn is_unnoted(&self) -> bool {
        self.history.is_unnoted
    }

    /// Returns what was committed in this session.
    #[must_use]
    pub const fn committed(&self) -> &Commits {
        &self.history.commits
    }

    /// Takes the warnings that came up since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Says where the next changes are staged; `None` is nowhere in particular.
    pub fn set_origin(&mut self, origin: Option<Origin>) {
        self.staging.origin = origin;
    }

    /// Returns where a change of an object was staged last.
    #[must_use]
    pub fn origin_of(&self, object: &ObjectId) -> Option<&Origin> {
        self.staging.origins.get(object)
    }
}

/// Returns whether a failure means that privilege is missing.
#[must_use]
pub const fn lacks_permission(error: &Error) -> bool {
    matches!(error, Error::Backend(BackendError::NoPermission))
}
