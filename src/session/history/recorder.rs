//! Handing commits to the journal.
//!
//! A record is on the disk before the first request, and the commit lock is held from there until its outcome is
//! noted. So whoever holds that right and finds a record without outcome knows that its program is gone.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::error::HistoryError;
use crate::backend::{Ipvs, NamespaceIdentity};
use crate::config;
use crate::journal::{
    Body, CommitBody, Event, EventKind, Facts, Intent, Journal, Life, Record, State, Summary,
    TableIdentity, tell, time_text,
};
use crate::model::ObjectId;
use crate::session::origin::Origin;
use crate::session::table_file::Saver;
use crate::txn::{
    Breach, Cause, Change, Footprint, Guarding, Outcome, Plan, Recorded, Recorder, Report,
    Unrecorded,
};

/// Why a transaction is committed, and on what terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTerms {
    /// What it is called.
    pub label: Option<String>,
    /// It rolls back automatically unless it is confirmed within this time.
    pub confirm: Option<Duration>,
    /// The commits that it undoes, the newest first.
    pub undoes: Vec<u64>,
    /// What it is checked against beside what every commit is, and which guards are overridden.
    pub guarding: Guarding,
}

impl CommitTerms {
    /// Makes a terms that is a label, if there is one.
    #[must_use]
    pub fn labelled(label: Option<String>) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }
}

/// Starts the program that rolls a commit back when its time has passed, and waits until it is ready.
pub type Watcher = Rc<dyn Fn(u64) -> Result<(), String>>;

/// Where a session keeps its commits.
#[derive(Clone)]
pub struct JournalSetup {
    /// The state folder; `None` if there is no place for one.
    pub folder: Option<PathBuf>,
    /// The command line without the program's name.
    pub command: Vec<String>,
    /// What the table is called: the namespace as the user names it, or the file of a simulated table.
    pub name: Option<String>,
    /// What a commit is called that has no name of its own.
    pub label: Option<String>,
    /// What starts a watcher.
    pub watcher: Watcher,
}

/// Names the table of a network namespace, which the user calls so, as the journal does.
#[must_use]
pub fn table_of_namespace(found: NamespaceIdentity, name: Option<String>) -> TableIdentity {
    TableIdentity::Kernel {
        boot: found.boot,
        namespace: found.file,
        cookie: found.cookie,
        name,
    }
}

/// A journal, and what goes into each of its records.
pub(in crate::session) struct CommitLog {
    pub(in crate::session) setup: JournalSetup,
    /// Which table it is.
    pub(in crate::session) table: TableIdentity,
    /// What was typed at the prompt last.
    pub(in crate::session) typed: Option<String>,
    journal: Option<Journal>,
}

impl CommitLog {
    pub(in crate::session) const fn new(setup: JournalSetup, table: TableIdentity) -> Self {
        Self {
            setup,
            table,
            typed: None,
            journal: None,
        }
    }

    /// Opens the journal when it is first needed.
    pub(in crate::session) fn journal(&mut self) -> Result<&mut Journal, HistoryError> {
        let folder = self.setup.folder.as_ref().ok_or(HistoryError::NoFolder)?;
        Ok(match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(Journal::open(folder, &self.table)?),
        })
    }
}

/// Keeps the record of one commit.
pub(in crate::session) struct CommitRecorder<'a> {
    log: Option<&'a mut CommitLog>,
    saver: Option<&'a Saver>,
    terms: CommitTerms,
    runbook: Option<u64>,
    script: Option<&'a Origin>,
    number: Option<u64>,
    confirm_by: Option<String>,
    failure: Option<HistoryError>,
    /// What happens right before the first request.
    at_last: Option<&'a mut dyn FnMut()>,
}

impl<'a> CommitRecorder<'a> {
    pub(in crate::session) fn new(
        log: Option<&'a mut CommitLog>,
        saver: Option<&'a Saver>,
        mut terms: CommitTerms,
        runbook: Option<u64>,
        script: Option<&'a Origin>,
    ) -> Self {
        if terms.label.is_none() {
            terms.label = log.as_ref().and_then(|log| log.setup.label.clone());
        }
        Self {
            log,
            saver,
            terms,
            runbook,
            script,
            number: None,
            confirm_by: None,
            failure: None,
            at_last: None,
        }
    }

    /// Has something happen right before the first request of the commit.
    pub(in crate::session) fn behind(mut self, at_last: &'a mut dyn FnMut()) -> Self {
        self.at_last = Some(at_last);
        self
    }

    /// Returns where the commit is kept, and what went wrong with that.
    pub(in crate::session) fn ended(self) -> (Option<Recorded>, Option<HistoryError>) {
        let CommitTerms { label, undoes, .. } = self.terms;
        let confirm_by = self.confirm_by;
        let recorded = self.number.map(|number| Recorded {
            number,
            label,
            undoes,
            confirm_by,
        });
        (recorded, self.failure)
    }

    fn begin_record(
        &mut self,
        plan: &Plan,
        footprint: &Footprint,
        overridden: &[Breach],
    ) -> Result<(), HistoryError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let table = log.table.clone();
        let command = log.setup.command.clone();
        let typed = log.typed.clone();
        let watcher = Rc::clone(&log.setup.watcher);
        let journal = log.journal()?;
        for record in journal.open_records()? {
            check_open(journal, &record?, &table, plan)?;
        }
        let mut intent = Intent {
            number: 0,
            time: Event::now(EventKind::Committed).time,
            author: config::author(),
            command,
            typed,
            label: self.terms.label.clone(),
            script: self
                .script
                .map(|origin| format!("{}:{}", origin.source, origin.line)),
            table,
            body: Body::Commit(CommitBody {
                undoes: self.terms.undoes.clone(),
                confirm_seconds: self.terms.confirm.map(whole_seconds),
                summary: Summary::of(plan),
                runbook: self.runbook,
                overridden: overridden.iter().map(ToString::to_string).collect(),
            }),
        };
        let number = journal.begin(&mut intent, (plan, footprint))?;
        self.number = Some(number);
        if self.terms.confirm.is_some()
            && let Err(text) = watcher(number)
        {
            let event = Event {
                cause: Some(text.clone()),
                ..Event::now(EventKind::RolledBack)
            };
            journal.close(number, &event)?;
            return Err(HistoryError::Watcher { number, text });
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
) -> Result<(), HistoryError> {
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
            Err(HistoryError::RunbookCutOff { number, name })
        }
        State::Unfinished => Err(HistoryError::CutOff { number }),
        State::Unconfirmed { .. } => {
            let held = record.plan()?;
            match first_common(plan, &held) {
                None => Ok(()),
                Some(object) => Err(HistoryError::Held {
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
pub(in crate::session) fn confirm_time(record: &Record) -> String {
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

/// Returns the event to record of a commit that ended.
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

impl Recorder for CommitRecorder<'_> {
    fn begin(
        &mut self,
        plan: &Plan,
        footprint: &Footprint,
        overridden: &[Breach],
    ) -> Result<(), Unrecorded> {
        self.begin_record(plan, footprint, overridden)
            .map_err(|error| {
                self.number = None;
                self.failure = Some(error);
                Unrecorded
            })?;
        if let Some(at_last) = &mut self.at_last {
            at_last();
        }
        Ok(())
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
        let (Some(number), Some(log)) = (self.number, &mut self.log) else {
            return;
        };
        let mut event = event_of(report);
        if let Some(time) = self
            .terms
            .confirm
            .filter(|_| event.kind == EventKind::Committed)
        {
            event.confirm_by = Some(whole_seconds(kernel.boot_time() + time));
            event.confirm_by_time = Some(time_text(SystemTime::now() + time));
            self.confirm_by = event.confirm_by_time.clone();
        }
        let table = log.table.clone();
        if !table.is_simulated() {
            tell_log(number, report, &table, self.terms.label.as_deref());
        }
        let noted = log.journal().and_then(|journal| {
            match event.confirm_by {
                None => journal.close(number, &event)?,
                Some(_) => journal.note(number, &event)?,
            }
            Ok(())
        });
        if let Err(error) = noted {
            self.failure = Some(HistoryError::Unnoted {
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
