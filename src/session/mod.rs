//! One session with one table: what every front end drives.
//!
//! A session is bound to a kernel or a simulation. Outside a transaction it reads the live table, and a verb is
//! a transaction of one. Inside, everything happens in a rehearsal: a simulated kernel that stands for the live
//! table and fetches what is touched when it is first touched. Nested transactions are savepoints in it.
//!
//! Start with [`Session`]; `rehearsal` is the heart, `verbs` what can be done, `apply` what documents do. `keeping`
//! hands commits to the journal, `recovery` and `history` do what its records ask for; `runbook` goes step by step, and
//! `way_back` rolls it back.

mod account;
mod apply;
mod commits;
mod direct;
mod error;
mod history;
mod interrupt;
mod keeping;
mod layers;
mod narrator;
mod observe;
mod open;
mod proof;
mod recovery;
mod rehearsal;
mod runbook;
mod savepoint;
mod schedulers;
mod select;
mod settings;
mod shared;
mod terms;
mod undo;
mod verbs;
mod waiting;
mod way_back;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

pub use apply::{ApplyOptions, Prune};
pub use commits::Commits;
pub use error::{Error, ErrorKind, holder_text};
pub use history::Awaiting;
pub use interrupt::Interrupt;
pub use keeping::{JournalSetup, Reason, RecordError, Watcher};
pub use layers::{Ended, LayerKind, Mark};
pub use narrator::{Narrator, WaitView};
pub use observe::SchedulerInfo;
pub use open::{Place, Purpose, Target};
pub use recovery::{Direction, Settled};
pub use runbook::StepWay;
pub use select::Servers;
pub use shared::TableFile;
pub use terms::{RunbookError, RunbookOptions};
pub use verbs::{Done, IfMissing};
pub use waiting::Waiting;
pub use way_back::Stopped;

use crate::backend::{BackendError, Ipvs, KernelFile, LockWait, ProcReading};
use crate::model::{Invalid, ObjectId, ServiceEntry, ServiceKey, SysctlName, Table};
use crate::txn::{
    Breach, Cause, CommitError, CommitOptions, Guarding, Outcome, Plan, Report, RunbookReport,
    TablePlace,
};
use keeping::{Keeper, Keeping};
use layers::Layer;
use rehearsal::Rehearsal;
use runbook::Running;
use schedulers::Schedulers;
use shared::{ChosenSysctls, Saver};

/// Where in a script a change was staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The script's file.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// Asked before a plan is sent: whether it may be.
pub type Question = Rc<dyn Fn(&Plan) -> bool>;

/// A session with one table.
pub struct Session {
    live: Ipvs,
    place: Place,
    rehearsal: Option<Rehearsal>,
    layers: Vec<Layer>,
    interrupt: Interrupt,
    lock_wait: Duration,
    committed: Commits,
    warnings: Vec<String>,
    origin: Option<Origin>,
    origins: HashMap<ObjectId, Origin>,
    sysctls: ChosenSysctls,
    reads: u64,
    question: Option<Question>,
    keeping: Option<Keeping>,
    narrator: Option<Rc<dyn Narrator>>,
    guarding: Guarding,
    running: Option<Running>,
    runbooks: Vec<RunbookReport>,
    /// The step that the next runbook begins with.
    from: Option<String>,
    /// Whether changes are refused that no step of a runbook makes.
    only_in_steps: bool,
    /// Whether transactions of a rehearsal are taken down one by one.
    notes_rehearsed: bool,
    /// Time that counted as passed in rehearsals.
    rehearsed_time: Duration,
    /// What writes a simulated table to its file.
    saver: Option<Saver>,
    /// What is known of the kernel's schedulers.
    schedulers: Schedulers,
    /// The records that were found unfinished and dealt with.
    recovered: Vec<u64>,
    /// Whether the journal could not take down how a commit ended.
    is_unnoted: bool,
}

/// How long a commit waits for another one, unless told otherwise.
pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(10);

impl Session {
    /// Makes a session over an open client.
    #[must_use]
    pub fn new(live: Ipvs, place: Place, interrupt: Interrupt) -> Self {
        Self {
            live,
            place,
            rehearsal: None,
            layers: Vec::new(),
            interrupt,
            lock_wait: DEFAULT_LOCK_WAIT,
            committed: Commits::default(),
            warnings: Vec::new(),
            origin: None,
            origins: HashMap::new(),
            sysctls: ChosenSysctls::default(),
            reads: 0,
            question: None,
            keeping: None,
            narrator: None,
            guarding: Guarding::default(),
            running: None,
            runbooks: Vec::new(),
            from: None,
            only_in_steps: false,
            notes_rehearsed: false,
            rehearsed_time: Duration::ZERO,
            saver: None,
            schedulers: Schedulers::default(),
            recovered: Vec::new(),
            is_unnoted: false,
        }
    }

    /// Sets how long a commit waits for another one.
    pub fn set_lock_wait(&mut self, wait: Duration) {
        self.lock_wait = wait;
    }

    /// Sets what is asked before a plan is sent; without it every plan is.
    pub fn set_question(&mut self, question: Option<Question>) {
        self.question = question;
    }

    /// Refuses changes that no step of a runbook makes: each step is asked about.
    pub const fn only_in_steps(&mut self, only: bool) {
        self.only_in_steps = only;
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
        self.guarding = guarding;
    }

    /// Returns what every commit is checked against.
    #[must_use]
    pub const fn guarding(&self) -> &Guarding {
        &self.guarding
    }

    /// Returns which kernel or simulation this is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the flag that signals set.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Returns the numbers of the records that this session found unfinished and dealt with.
    #[must_use]
    pub fn recovered(&self) -> &[u64] {
        &self.recovered
    }

    /// Tells whether the journal could not take down how a commit of this session ended: the next change may find its
    /// record unfinished.
    #[must_use]
    pub const fn is_unnoted(&self) -> bool {
        self.is_unnoted
    }

    /// Returns what was committed in this session.
    #[must_use]
    pub const fn committed(&self) -> &Commits {
        &self.committed
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
        self.origin = origin;
    }

    /// Returns where a change of an object was staged last.
    #[must_use]
    pub fn origin_of(&self, object: &ObjectId) -> Option<&Origin> {
        self.origins.get(object)
    }

    /// Reads the whole table: the rehearsal's inside a transaction, else the live one.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn table(&mut self) -> Result<Table, Error> {
        self.reads += 1;
        match &mut self.rehearsal {
            Some(rehearsal) => Ok(rehearsal.table(&mut self.live)?),
            None => Ok(self.live.table()?),
        }
    }

    /// Reads the whole live table, whatever is open.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn live_table(&mut self) -> Result<Table, Error> {
        Ok(self.live.table()?)
    }

    /// Reads one service; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn find_service(&mut self, key: &ServiceKey) -> Result<Option<Rc<ServiceEntry>>, Error> {
        self.reads += 1;
        if let Some(rehearsal) = &mut self.rehearsal {
            return Ok(rehearsal.service(&mut self.live, key)?);
        }
        let found = self.live.fetch(&[*key])?;
        Ok(found
            .first()
            .map(|fetched| Rc::new(crate::backend::model_entry(fetched).1)))
    }

    /// Reads a kernel parameter; `None` if the kernel has none of that name.
    ///
    /// # Errors
    /// [`Error`] if it is there and can't be read.
    pub fn sysctl(&mut self, name: &SysctlName) -> Result<Option<String>, Error> {
        self.reads += 1;
        match &mut self.rehearsal {
            Some(rehearsal) => Ok(rehearsal.touch_sysctl(&mut self.live, name)?),
            None => Ok(self.live.sysctl(name)?),
        }
    }

    /// Reads the kernel parameters that were set in this session or in the document that a simulation began with.
    ///
    /// # Errors
    /// [`Error`] if one can't be read.
    pub fn chosen_sysctls(&mut self) -> Result<BTreeMap<SysctlName, String>, Error> {
        let mut chosen = BTreeMap::new();
        let names = self.sysctls.borrow().clone();
        for name in names {
            if let Some(value) = self.sysctl(&name)? {
                chosen.insert(name, value);
            }
        }
        Ok(chosen)
    }

    /// Reads what users without privilege may read, as a table and a list of what is missing from it.
    ///
    /// # Errors
    /// [`Error`] if even that can't be read.
    pub fn table_without_privilege(&mut self) -> Result<(Table, Vec<&'static str>), Error> {
        let reading = ProcReading::parse(&self.live.file(&KernelFile::Services)?);
        let missing = vec![
            "persistence timeouts and engines",
            "scheduler flags",
            "thresholds and tunnels",
            "counters and rates",
            "the family of marks",
            "timeouts and sync daemons",
        ];
        Ok((reading.into_table(), missing))
    }

    /// Returns the kernel's version of IPVS.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn info(&mut self) -> Result<crate::backend::KernelInfo, Error> {
        Ok(self.live.info()?)
    }

    /// Commits a plan as it was shown.
    ///
    /// # Errors
    /// [`Error::Commit`] if the outcome is not success, or another one if nothing was sent.
    pub fn commit(&mut self, plan: Plan, reason: Reason) -> Result<Report, Error> {
        if reason.confirm.is_some() && self.running.is_some() {
            return Err(RunbookError::Confirm.into());
        }
        if !plan.is_empty() {
            self.refuse_before_proof()?;
        }
        self.interrupt.hold();
        let committed = self.commit_whole(plan, reason);
        if self.running.is_none() {
            self.interrupt.let_go();
        }
        committed
    }

    fn commit_whole(&mut self, plan: Plan, reason: Reason) -> Result<Report, Error> {
        let mut guarding = self.guarding.with(&reason.guarding);
        if let Some(running) = &self.running {
            guarding = guarding.with(&running.options.guarding);
        }
        if let Some(question) = self.question.clone().filter(|_| !plan.is_empty()) {
            // What will be refused is not asked about.
            if self.refused(&plan, &guarding)?.is_empty() && !question(&plan) {
                return Err(Error::Declined);
            }
        }
        let interrupt = self.interrupt.clone();
        let options = CommitOptions {
            lock: LockWait {
                longest: self.lock_wait,
                signal: &|| interrupt.signal(),
                told: &|_| {},
            },
            guarding: &guarding,
        };
        let runbook = self.running.as_ref().filter(|running| !running.goes_back);
        let runbook = runbook.and_then(|running| running.number);
        if self.keeping.is_none() && reason.confirm.is_some() {
            self.confirm_unkept()?;
        }
        // What was chosen is part of what is saved.
        let chosen = plan
            .changes()
            .iter()
            .filter_map(|change| match change.object() {
                ObjectId::Sysctl(name) => Some(name),
                _ => None,
            });
        self.sysctls.borrow_mut().extend(chosen);
        let mut keeper = Keeper::new(
            self.keeping.as_mut(),
            self.saver.as_ref(),
            reason,
            runbook,
            self.origin.as_ref(),
        );
        let committed = plan.commit(&mut self.live, &options, &mut keeper);
        let (recorded, failure) = keeper.ended();
        let mut report = match (committed, failure) {
            (Err(CommitError::Unrecorded), Some(error)) => return Err(error),
            (Err(CommitError::Backend(error)), _) => return Err(error.into()),
            (Err(CommitError::Unrecorded), None) => return Err(Error::NoRecord),
            (Ok(report), failure) => {
                if let Some(error) = failure {
                    self.warnings.push(error.to_string());
                    self.is_unnoted = true;
                }
                report
            }
        };
        report.recorded = recorded;
        if !self.is_kept() {
            report.place = TablePlace::Memory;
        }
        for (action, failure) in &report.failed_actions {
            self.warnings.push(format!(
                "after the commit the kernel refused to {action}: {failure}"
            ));
        }
        if !report.outcome.is_success() {
            if matches!(report.outcome, Outcome::Indeterminate { .. }) {
                // What is left of it is taken back with the runbook.
                self.note_own_left(&report);
            }
            return Err(Error::Commit(Box::new(report)));
        }
        if !report.plan.is_empty() {
            let serial = self.committed.push(report.without_tables());
            self.note_own_commit(serial, &report);
        }
        Ok(report)
    }

    /// Returns what guards refuse of a plan, as the table is now.
    fn refused(&mut self, plan: &Plan, guarding: &Guarding) -> Result<Vec<Breach>, Error> {
        let mut breaches = plan.breaches(&guarding.guards, &mut self.live)?;
        breaches.retain(|breach| !guarding.overridden.contains(&breach.guard));
        Ok(breaches)
    }

    /// Looks whether guards would refuse a plan.
    ///
    /// # Errors
    /// [`Error`] as a commit would have it.
    pub fn check_guards(&mut self, plan: &Plan) -> Result<(), Error> {
        let guarding = self.guarding.clone();
        let breaches = self.refused(plan, &guarding)?;
        if breaches.is_empty() {
            return Ok(());
        }
        let report = report_of(plan.clone(), Outcome::Guarded { breaches });
        Err(Error::Commit(Box::new(report)))
    }

    /// Tells what a commit that rolls back automatically is without a journal.
    fn confirm_unkept(&mut self) -> Result<(), Error> {
        if !self.place.is_simulated() {
            return Err(Invalid::new(
                "confirm",
                "--no-journal",
                "what rolls back automatically needs the journal",
            )
            .into());
        }
        self.warn("a simulated table without a file has no journal: nothing takes this commit back if it is not confirmed");
        Ok(())
    }
}

/// Makes the report of a commit that never began.
fn report_of(plan: Plan, outcome: Outcome) -> Report {
    Report {
        plan,
        outcome,
        failed_actions: Vec::new(),
        elapsed: Duration::ZERO,
        recorded: None,
        place: TablePlace::default(),
    }
}

/// Tells whether a failure means that privilege is missing.
#[must_use]
pub const fn lacks_permission(error: &Error) -> bool {
    matches!(error, Error::Backend(BackendError::NoPermission))
}
