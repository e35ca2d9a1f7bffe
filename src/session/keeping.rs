//! Handing commits to the journal.
//!
//! A record is on the disk before the first request, and the commit lock is held from there until its outcome is
//! noted. So whoever holds that right and finds a record without outcome knows that its program is gone.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use thiserror::Error as ThisError;

use super::error::Error;
use super::shared::Saver;
use super::{Origin, Session};
use crate::backend::Ipvs;
use crate::config;
use crate::journal::{
    Data, Event, EventKind, Facts, Intent, Journal, JournalError, Life, Record, RecordKind,
    Remains, State, Summary, TableIdentity, tell, time_text,
};
use crate::model::ObjectId;
use crate::txn::{
    Breach, Cause, Change, Guarding, Outcome, Plan, Recorded, Recorder, Report, Touch, Unrecorded,
};

/// Why a transaction is committed, and on what terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// What it is called.
    pub label: Option<String>,
    /// It rolls back automatically unless it is confirmed within this time.
    pub confirm: Option<Duration>,
    /// The commits that it undoes, the newest first.
    pub undoes: Vec<u64>,
    /// What it is checked against beside what every commit is, and which guards are overridden.
    pub guarding: Guarding,
}

impl Reason {
    /// Makes a reason that is a label, if there is one.
    #[must_use]
    pub fn labelled(label: Option<String>) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }
}

/// Starts the program that takes a commit back when its time has passed, and waits until it is ready.
pub type Watcher = Rc<dyn Fn(u64) -> Result<(), String>>;

/// Where a session keeps its commits.
#[derive(Clone)]
pub struct JournalSetup {
    /// The state folder; `None` if there is no place for one.
    pub folder: Option<PathBuf>,
    /// The command line without the program's name.
    pub command: Vec<String>,
    /// Which table it is.
    pub table: TableIdentity,
    /// What starts a watcher.
    pub watcher: Watcher,
}

/// A journal, and what goes into each of its records.
pub(super) struct Keeping {
    pub(super) setup: JournalSetup,
    /// What was typed at the prompt last.
    pub(super) typed: Option<String>,
    journal: Option<Journal>,
}

/// Why the journal stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[allow(missing_docs)] // the fields are what the texts name
pub enum RecordError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("there is no folder for the journal: this user has no home")]
    NoFolder,
    #[error("no journal is kept here")]
    NotKept,
    #[error("commit {number} was cut off, and is neither completed nor taken back")]
    CutOff { number: u64 },
    #[error("runbook {number} {name:?} was cut off, and is not rolled back")]
    RunbookCutOff { number: u64, name: String },
    #[error("{object} awaits the confirmation of commit {number} until {until}")]
    Held {
        object: ObjectId,
        number: u64,
        until: String,
    },
    #[error("commit {number} could not be given a watcher that takes it back: {text}")]
    Watcher { number: u64, text: String },
    #[error("commit {number} is done, and the journal could not take that down: {text}")]
    Unnoted { number: u64, text: String },
    #[error("commit {number} is about {table}, not about this table")]
    Elsewhere { number: u64, table: String },
    #[error("record {number} can be read: --discard is for damaged ones")]
    NotDamaged { number: u64 },
    #[error("commit {number} has left nothing behind: it is {text}")]
    NothingLeft { number: u64, text: String },
    #[error("commit {number} can't be undone: {text}")]
    NotStanding { number: u64, text: String },
    #[error("commit {number} can't be undone: {} {} no longer as it left {}", object_list(.objects), if .objects.len() == 1 { "is" } else { "are" }, if .objects.len() == 1 { "it" } else { "them" })]
    Overtaken {
        number: u64,
        objects: Vec<ObjectId>,
        by: Vec<String>,
        differences: Vec<Change>,
    },
    #[error("no commit awaits confirmation")]
    NoneAwaiting,
    #[error("several commits await confirmation: {}", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralAwaiting { numbers: Vec<u64> },
    #[error("commit {number} does not await confirmation: it is {text}")]
    NotAwaiting { number: u64, text: String },
    #[error("the time to confirm commit {number} has passed")]
    TooLate { number: u64 },
    #[error("there is nothing to undo: no commit to this table stands that is not undone")]
    NothingToUndo,
    #[error("there is nothing to redo: the newest commit to this table is no undo")]
    NothingToRedo,
}

fn object_list(objects: &[ObjectId]) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<String> = objects
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    if objects.len() > SHOWN {
        names.push(format!("{} more", objects.len() - SHOWN));
    }
    names.join(", ")
}

impl RecordError {
    /// Returns the way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Journal(error) => error.hint(),
            Self::NoFolder => "name one with --state-dir, or go without a record with --no-journal: then nothing can be taken back after a crash".to_owned(),
            Self::NotKept => "--no-journal or a simulation without --sim-state keeps none".to_owned(),
            Self::RunbookCutOff { .. } => "`ipvsh recover` rolls it back, `ipvsh recover --forward` keeps what it had done".to_owned(),
            Self::CutOff { .. } => "`ipvsh recover` takes it back, `ipvsh recover --forward` completes it".to_owned(),
            Self::Held { number, .. } => format!("`ipvsh confirm {number}` keeps that commit, `ipvsh cancel {number}` takes it back now"),
            Self::Watcher { .. } => "nothing was sent".to_owned(),
            Self::Unnoted { number, .. } => format!("make room for the journal, and look: the next change may find commit {number} unfinished and take it back; `ipvsh recover --forward` keeps it"),
            Self::Elsewhere { .. } => "`ipvsh history` lists those of this table; --netns or --sim-state name another one".to_owned(),
            Self::Overtaken { by, .. } if !by.is_empty() => format!("undo first what came later: {}", by.join("; ")),
            Self::Overtaken { .. } => "another program changed it; look at the table, and change it as it should be".to_owned(),
            Self::SeveralAwaiting { .. } => "name one: `ipvsh confirm NUMBER`; `ipvsh confirm --list` tells more".to_owned(),
            Self::TooLate { .. } => "it goes back; run it again".to_owned(),
            Self::NoneAwaiting | Self::NotAwaiting { .. } => "`ipvsh confirm --list` tells which do, `ipvsh history` what became of the others".to_owned(),
            Self::NotDamaged { number } => format!("`ipvsh recover` does what is to be done about it, `ipvsh history show {number}` tells what that is"),
            Self::NothingLeft { .. } | Self::NotStanding { .. } | Self::NothingToUndo | Self::NothingToRedo => "`ipvsh history` lists what there is".to_owned(),
        })
    }
}

impl Keeping {
    pub(super) const fn new(setup: JournalSetup) -> Self {
        Self {
            setup,
            typed: None,
            journal: None,
        }
    }

    /// Opens the journal when it is first needed.
    pub(super) fn journal(&mut self) -> Result<&mut Journal, RecordError> {
        let folder = self.setup.folder.as_ref().ok_or(RecordError::NoFolder)?;
        Ok(match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::open(folder, &self.setup.table)?),
        })
    }
}

impl Session {
    /// Keeps commits in a journal from now on.
    pub fn keep_journal(&mut self, setup: JournalSetup) {
        self.keeping = Some(Keeping::new(setup));
    }

    /// Has what is committed from now on be known by what was typed.
    pub fn note_typed(&mut self, text: &str) {
        if let Some(keeping) = &mut self.keeping {
            keeping.typed = None;
        }
        self.note_typed_too(text);
    }

    /// Adds what was typed to that.
    pub fn note_typed_too(&mut self, text: &str) {
        /// So much of it says what it was.
        const LONGEST: usize = 2_000;
        if let Some(keeping) = self.keeping.as_mut().filter(|_| !text.is_empty()) {
            let mut typed = keeping.typed.take().unwrap_or_default();
            if !typed.is_empty() {
                typed.push('\n');
            }
            typed.push_str(text);
            keeping.typed = Some(typed.chars().take(LONGEST).collect());
        }
    }

    /// Keeps commits in no journal from now on.
    pub fn keep_no_journal(&mut self) {
        self.keeping = None;
    }

    /// Has every step of the journal announced before it is done.
    ///
    /// # Errors
    /// [`Error`] if there is no journal.
    pub fn watch_journal(
        &mut self,
        watch: Box<dyn FnMut(crate::journal::Step)>,
    ) -> Result<(), Error> {
        self.kept()?.journal()?.watch_steps(watch);
        Ok(())
    }

    pub(super) fn kept(&mut self) -> Result<&mut Keeping, RecordError> {
        self.keeping.as_mut().ok_or(RecordError::NotKept)
    }
}

/// Keeps the record of one commit.
pub(super) struct Keeper<'a> {
    keeping: Option<&'a mut Keeping>,
    saver: Option<&'a Saver>,
    reason: Reason,
    runbook: Option<u64>,
    script: Option<&'a Origin>,
    number: Option<u64>,
    confirm_by: Option<String>,
    failure: Option<RecordError>,
}

impl<'a> Keeper<'a> {
    pub(super) const fn new(
        keeping: Option<&'a mut Keeping>,
        saver: Option<&'a Saver>,
        reason: Reason,
        runbook: Option<u64>,
        script: Option<&'a Origin>,
    ) -> Self {
        Self {
            keeping,
            saver,
            reason,
            runbook,
            script,
            number: None,
            confirm_by: None,
            failure: None,
        }
    }

    /// Returns where the commit is kept, and what went wrong with that.
    pub(super) fn ended(self) -> (Option<Recorded>, Option<Error>) {
        let Reason { label, undoes, .. } = self.reason;
        let confirm_by = self.confirm_by;
        let recorded = self.number.map(|number| Recorded {
            number,
            label,
            undoes,
            confirm_by,
        });
        (recorded, self.failure.map(Error::from))
    }

    fn begin_record(
        &mut self,
        plan: &Plan,
        touch: &Touch,
        overridden: &[Breach],
    ) -> Result<(), RecordError> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        let table = keeping.setup.table.clone();
        let command = keeping.setup.command.clone();
        let typed = keeping.typed.clone();
        let watcher = Rc::clone(&keeping.setup.watcher);
        let journal = keeping.journal()?;
        for record in journal.open_records()? {
            check_open(journal, &record?, &table, plan)?;
        }
        let mut intent = Intent {
            kind: RecordKind::Commit,
            number: 0,
            time: Event::now(EventKind::Committed).time,
            author: config::author(),
            command,
            typed,
            label: self.reason.label.clone(),
            script: self
                .script
                .map(|origin| format!("{}:{}", origin.source, origin.line)),
            undoes: self.reason.undoes.clone(),
            confirm_seconds: self.reason.confirm.map(whole_seconds),
            table,
            summary: Summary::of(plan),
            runbook: self.runbook,
            overridden: overridden.iter().map(ToString::to_string).collect(),
            interrupted: Remains::default(),
            data: Data::default(),
        };
        let number = journal.begin(&mut intent, (plan, touch))?;
        self.number = Some(number);
        if self.reason.confirm.is_some()
            && let Err(text) = watcher(number)
        {
            let event = Event {
                cause: Some(text.clone()),
                ..Event::now(EventKind::RolledBack)
            };
            journal.note(number, &event, true)?;
            return Err(RecordError::Watcher { number, text });
        }
        Ok(())
    }
}

/// Returns whole seconds, no fewer than the duration has.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Refuses a plan that an open record of the same table stands in the way of.
fn check_open(
    journal: &Journal,
    record: &Record,
    table: &TableIdentity,
    plan: &Plan,
) -> Result<(), RecordError> {
    if !record.intent.table.is_same(table) {
        return Ok(());
    }
    let number = record.intent.number;
    match record.state() {
        // While its program lives, others may change the table too.
        State::Unfinished if record.is_runbook() => {
            if journal.life(number) != Life::Dead {
                return Ok(());
            }
            let name = record.intent.label.clone().unwrap_or_default();
            Err(RecordError::RunbookCutOff { number, name })
        }
        State::Unfinished => Err(RecordError::CutOff { number }),
        State::Awaiting { .. } => {
            let held = record.plan()?;
            match first_common(plan, &held) {
                None => Ok(()),
                Some(object) => Err(RecordError::Held {
                    object,
                    number,
                    until: confirm_time(record),
                }),
            }
        }
        State::Ended(_) => Ok(()),
    }
}

/// Returns until when a commit can be confirmed, as a time of day.
pub(super) fn confirm_time(record: &Record) -> String {
    let last = record.events.last();
    last.and_then(|event| event.confirm_by_time.clone())
        .unwrap_or_else(|| "its time".to_owned())
}

/// Finds an object of a plan that another one touches too. A service that comes or goes takes its servers along.
fn first_common(plan: &Plan, held: &Plan) -> Option<ObjectId> {
    use std::collections::BTreeSet;
    let whole = |change: &Change| {
        matches!(
            change,
            Change::AddService { .. } | Change::DeleteService { .. }
        )
    };
    let objects: BTreeSet<ObjectId> = held.changes().iter().map(Change::object).collect();
    let services = |plan: &Plan, wanted: &dyn Fn(&Change) -> bool| {
        let changes = plan.changes().iter().filter(|change| wanted(change));
        changes
            .filter_map(|change| change.object().service().copied())
            .collect::<BTreeSet<_>>()
    };
    let held_whole = services(held, &whole);
    let held_any = services(held, &|_| true);
    plan.changes().iter().find_map(|change| {
        let object = change.object();
        let meets = objects.contains(&object)
            || object.service().is_some_and(|service| {
                held_whole.contains(service) || (whole(change) && held_any.contains(service))
            });
        meets.then_some(object)
    })
}

/// Returns what to take down of a commit that ended.
fn event_of(report: &Report) -> Event {
    let kind = match &report.outcome {
        Outcome::Indeterminate { .. } => EventKind::Indeterminate,
        outcome if outcome.is_success() => EventKind::Committed,
        _ => EventKind::RolledBack,
    };
    let mut event = Event::now(kind);
    if let Outcome::RolledBack { cause, .. } | Outcome::Indeterminate { cause, .. } =
        &report.outcome
    {
        event.cause = Some(cause.to_string());
    }
    if let Outcome::Indeterminate { residue, .. } = &report.outcome {
        event.left = residue.iter().map(ToString::to_string).collect();
    }
    let failures = report.failed_actions.iter();
    event
        .left
        .extend(failures.map(|(action, text)| format!("the kernel refused to {action}: {text}")));
    event
}

impl Recorder for Keeper<'_> {
    fn begin(
        &mut self,
        plan: &Plan,
        touch: &Touch,
        overridden: &[Breach],
    ) -> Result<(), Unrecorded> {
        self.begin_record(plan, touch, overridden).map_err(|error| {
            self.number = None;
            self.failure = Some(error);
            Unrecorded
        })
    }

    fn end(&mut self, report: &mut Report, kernel: &mut Ipvs) {
        let is_changed =
            report.outcome.is_success() || matches!(report.outcome, Outcome::Indeterminate { .. });
        if let Some(saver) = self.saver.filter(|_| is_changed)
            && let Err(text) = saver.save(kernel)
            && report.outcome.is_success()
        {
            let undone = report.plan.changes().len();
            let cause = Cause::Unsaved { text };
            report.outcome = Outcome::RolledBack { cause, undone };
        }
        let (Some(number), Some(keeping)) = (self.number, &mut self.keeping) else {
            return;
        };
        let mut event = event_of(report);
        if let Some(time) = self
            .reason
            .confirm
            .filter(|_| event.kind == EventKind::Committed)
        {
            event.confirm_by = Some(whole_seconds(config::since_boot() + time));
            event.confirm_by_time = Some(time_text(SystemTime::now() + time));
            self.confirm_by = event.confirm_by_time.clone();
        }
        let over = event.confirm_by.is_none();
        let table = keeping.setup.table.clone();
        if !table.is_simulated() {
            tell_log(number, report, &table, self.reason.label.as_deref());
        }
        let noted = keeping
            .journal()
            .and_then(|journal| Ok(journal.note(number, &event, over)?));
        if let Err(error) = noted {
            self.failure = Some(RecordError::Unnoted {
                number,
                text: error.to_string(),
            });
        }
    }
}

fn tell_log(number: u64, report: &Report, table: &TableIdentity, label: Option<&str>) {
    let author = config::author();
    let user = author.sudo.or(author.login).or(author.name);
    let (add, change, delete) = report.plan.counts();
    tell(&Facts {
        number,
        user: &user.unwrap_or_else(|| author.id.to_string()),
        table: &table.to_string(),
        outcome: report.outcome.word(),
        changes: &format!("{add} to add, {change} to change, {delete} to delete"),
        label,
    });
}
