//! What the journal says is still to be done: commits that were interrupted, and those nobody confirmed.
//!
//! Only what still is as the commit left it is inverted; what others changed since is left to them and said. Each step
//! looks at the table first, so that this can itself be interrupted and run again.

use std::time::Duration;

use super::error::HistoryError;
use super::{Scope, state_text};
use crate::backend::{LockWait, namespace_is_seen};
use crate::config;
use crate::journal::{Event, EventKind, Journal, JournalError, Life, Record, State, TableIdentity};
use crate::session::{Error, Session};
use crate::txn::Change;

/// What is done about a commit that was interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// It is rolled back.
    #[default]
    Back,
    /// It is completed.
    Forward,
}

/// What was done about an open record.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The record as it was.
    pub record: Record,
    /// What became of it.
    pub kind: EventKind,
    /// What others changed since, the changes that would still be needed.
    pub residue: Vec<Change>,
    /// Steps of a runbook whose script has an undo of its own, which is gone with the script.
    pub unrun: Vec<String>,
}

impl Recovered {
    /// Says it in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let intent = &self.record.intent;
        let label = intent
            .label
            .as_ref()
            .map(|label| format!(" {label:?}"))
            .unwrap_or_default();
        let what = match self.kind {
            EventKind::Expired => "was not confirmed in time and is rolled back",
            EventKind::Cancelled => "is rolled back",
            EventKind::Recovered => "was interrupted and is rolled back",
            EventKind::Completed => "was interrupted and is completed",
            EventKind::Void => {
                "was interrupted, and its table no longer exists: there is nothing to roll back"
            }
            EventKind::Kept => "was interrupted, and what it did is kept",
            other => other.words(),
        };
        let kind = if self.record.is_runbook() {
            "runbook"
        } else {
            "commit"
        };
        let undos = match self.unrun.as_slice() {
            [] => String::new(),
            steps => format!(
                "; the script's own undo blocks could not be run for: {}",
                steps.join(", ")
            ),
        };
        format!(
            "{kind} {}{label} of {} {what}{undos}",
            intent.number, intent.time
        )
    }
}

/// Returns whether something is to be done about a record now. A runbook goes on while its program lives.
fn is_due(journal: &Journal, record: &Record, now: Duration) -> bool {
    match record.state() {
        State::Unfinished if record.is_runbook() => {
            journal.life(record.intent.number) == Life::Dead
        }
        State::Unfinished => true,
        State::Unconfirmed { until } => now.as_secs() >= until,
        State::Ended(_) => false,
    }
}

/// Returns whether something of a commit is left in the table that neither stands nor is rolled back.
fn has_residue(record: &Record) -> bool {
    match record.state() {
        State::Ended(EventKind::Indeterminate) => !record.is_runbook(),
        State::Ended(
            EventKind::RolledBackWithRunbook
            | EventKind::Recovered
            | EventKind::Completed
            | EventKind::Expired
            | EventKind::Cancelled,
        ) => record
            .events
            .last()
            .is_some_and(|event| !event.left.is_empty()),
        _ => false,
    }
}

impl Session {
    /// Does what is to be done about records of this table, the latest first, and returns what that was. Damaged
    /// records are an error: what they are about is not known.
    ///
    /// # Errors
    /// [`Error`] if the journal or the table can't be read, or another program holds the commit lock. What was
    /// done until then is noted.
    pub fn recover(&mut self, direction: Direction) -> Result<Vec<Recovered>, Error> {
        let due = self.due()?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let here = self.history.table()?;
        let mut recovered = Vec::new();
        let mut ours = Vec::new();
        for record in due {
            if record.intent.table.is_same(&here) {
                ours.push(record.intent.number);
            } else {
                self.note(&record, &Event::now(EventKind::Void))?;
                recovered.push(Recovered {
                    record,
                    kind: EventKind::Void,
                    residue: Vec::new(),
                    unrun: Vec::new(),
                });
            }
        }
        if ours.is_empty() {
            return Ok(recovered);
        }
        // Whoever commits has this right; a record that is open while we have it has no one any more.
        let _lock = self.lock()?;
        for number in ours.into_iter().rev() {
            let now = self.live.boot_time();
            let journal = self.history.journal()?;
            let record = journal.record(number).map_err(HistoryError::from)?;
            if !is_due(journal, &record, now) {
                continue;
            }
            if record.is_runbook() {
                recovered.push(self.recover_runbook(record, direction)?);
                continue;
            }
            let kind = match (record.state(), direction) {
                (State::Unconfirmed { .. }, _) => EventKind::Expired,
                (_, Direction::Back) => EventKind::Recovered,
                (_, Direction::Forward) => EventKind::Completed,
            };
            recovered.push(self.apply_recovery(record, kind)?);
        }
        self.history.recovered.extend(
            recovered
                .iter()
                .map(|recovered| recovered.record.intent.number),
        );
        Ok(recovered)
    }

    /// Looks at one open record, as a watcher does: takes its commit back if the time to confirm has passed, or if the
    /// program that made it is gone. Returns when to look again; `None` is never, it is over.
    ///
    /// # Errors
    /// [`Error`] if the journal or the table can't be read, or another program holds the commit lock.
    pub fn watch_once(&mut self, number: u64) -> Result<Option<Duration>, Error> {
        if !self.is_open_record(number)? {
            return Ok(None);
        }
        let record = self.record(number)?;
        let _lock = match record.state() {
            State::Ended(_) => return Ok(None),
            State::Unconfirmed { until } => {
                let left = Duration::from_secs(until).saturating_sub(self.live.boot_time());
                if !left.is_zero() {
                    return Ok(Some(left));
                }
                self.lock()?
            }
            // Its program holds the commit lock for as long as it lives.
            State::Unfinished => match self.live.lock(&LockWait::NONE) {
                Ok(lock) => {
                    self.interrupt.hold();
                    lock
                }
                Err(_) => return Ok(Some(Duration::ZERO)),
            },
        };
        let record = self.record(number)?;
        let kind = match record.state() {
            State::Ended(_) => return Ok(None),
            State::Unconfirmed { until } if self.live.boot_time().as_secs() >= until => {
                EventKind::Expired
            }
            State::Unconfirmed { .. } => return Ok(Some(Duration::ZERO)),
            State::Unfinished => EventKind::Recovered,
        };
        let _settled = self.apply_recovery(record, kind)?;
        Ok(None)
    }

    /// Returns the open records that something is to be done about: of this table, or of one that is gone.
    fn due(&mut self) -> Result<Vec<Record>, Error> {
        let now = self.live.boot_time();
        let log = self.history.log()?;
        let here = log.table.clone();
        let mut due = Vec::new();
        let journal = log.journal()?;
        for record in journal.open_records().map_err(HistoryError::from)? {
            let record = record.map_err(HistoryError::from)?;
            let table = &record.intent.table;
            if table.is_gone(&here) || (table.is_same(&here) && is_due(journal, &record, now)) {
                due.push(record);
            }
        }
        Ok(due)
    }

    /// Closes the open records of other network namespaces that are to be seen nowhere, and returns them. A look from
    /// within a container sees less than there is, so that only who asks for it by hand gets this.
    ///
    /// # Errors
    /// [`Error`] if the journal can't be read or written.
    pub fn close_vanished(&mut self) -> Result<Vec<Recovered>, Error> {
        let log = self.history.log()?;
        let here = log.table.clone();
        let mut closed = Vec::new();
        for record in log.journal()?.open_records().map_err(HistoryError::from)? {
            let record = record.map_err(HistoryError::from)?;
            if let TableIdentity::Kernel { namespace, .. } = &record.intent.table
                && !record.intent.table.is_same(&here)
                && !namespace_is_seen(namespace)
            {
                let kind = EventKind::Void;
                self.note(&record, &Event::now(kind))?;
                closed.push(Recovered {
                    record,
                    kind,
                    residue: Vec::new(),
                    unrun: Vec::new(),
                });
            }
        }
        Ok(closed)
    }

    /// Leads the table where an event says, and notes that. The commit lock is held.
    pub(in crate::session) fn apply_recovery(
        &mut self,
        record: Record,
        kind: EventKind,
    ) -> Result<Recovered, Error> {
        let left = self.recover_table(&record, kind)?;
        self.record_recovery(&record, kind, &left)?;
        Ok(Recovered {
            record,
            kind,
            residue: left,
            unrun: Vec::new(),
        })
    }

    /// Leads the table where an event says, and returns what others changed since.
    pub(in crate::session) fn recover_table(
        &mut self,
        record: &Record,
        kind: EventKind,
    ) -> Result<Vec<Change>, Error> {
        let plan = record.plan().map_err(HistoryError::from)?;
        let plan = if kind == EventKind::Completed {
            plan.reversed()
        } else {
            plan
        };
        let (left, unread) = plan.revert(&mut self.live);
        if let Some(error) = unread {
            return Err(error.into());
        }
        self.save()?;
        Ok(left)
    }

    /// Notes where the table was led.
    pub(in crate::session) fn record_recovery(
        &mut self,
        record: &Record,
        kind: EventKind,
        left: &[Change],
    ) -> Result<(), Error> {
        let event = Event {
            left: left.iter().map(ToString::to_string).collect(),
            ..Event::now(kind)
        };
        self.note(record, &event)
    }

    /// Notes that nothing more is to be done about a record.
    pub(in crate::session) fn note(&mut self, record: &Record, event: &Event) -> Result<(), Error> {
        let author = config::author();
        let user = author.sudo.or(author.login).or(author.name);
        let event = Event {
            user: user.or_else(|| Some(author.id.to_string())),
            ..event.clone()
        };
        let journal = self.history.journal()?;
        journal
            .close(record.intent.number, &event)
            .map_err(|error| {
                HistoryError::Unnoted {
                    number: record.intent.number,
                    text: error.to_string(),
                }
                .into()
            })
    }

    /// Says what the journal would have done before anything is changed, for those who only look. A commit that is
    /// under way is none of it.
    pub fn pending_recovery(&mut self) -> Vec<String> {
        let Ok(Some(due)) = self.looked_at() else {
            return Vec::new();
        };
        if due.is_empty() || self.live.lock(&LockWait::NONE).is_err() {
            return Vec::new();
        }
        due.iter()
            .map(|record| {
                let number = record.intent.number;
                match record.state() {
                    State::Unconfirmed { .. } => format!("commit {number} was not confirmed in time; the next change or `ipvsh recover` rolls it back"),
                    _ if record.is_runbook() => format!("runbook {number} {:?} was interrupted and has not been rolled back: run `ipvsh recover` to do so", record.intent.label.as_deref().unwrap_or_default()),
                    _ => format!("commit {number} was interrupted and has been neither completed nor rolled back: run `ipvsh recover` to roll it back"),
                }
            })
            .collect()
    }

    /// Opens the journal of this table if it is there, and makes nothing; beside it which table that is.
    ///
    /// # Errors
    /// [`HistoryError`] if no journal is kept, or it can't be looked at.
    pub fn look_at_journal(&mut self) -> Result<(Option<Journal>, TableIdentity), HistoryError> {
        let log = self.history.log()?;
        let journal = match &log.setup.folder {
            Some(folder) => Journal::look(folder, &log.table)?,
            None => None,
        };
        Ok((journal, log.table.clone()))
    }

    /// Looks at the open records of this table without making a journal.
    fn looked_at(&mut self) -> Result<Option<Vec<Record>>, HistoryError> {
        let now = self.live.boot_time();
        let (journal, here) = self.look_at_journal()?;
        let Some(journal) = journal else {
            return Ok(None);
        };
        let mut due = journal.open_records()?;
        due.retain(|record| {
            record.as_ref().is_ok_and(|record| {
                record.intent.table.is_same(&here) && is_due(&journal, record, now)
            })
        });
        Ok(Some(due.into_iter().flatten().collect()))
    }

    /// Sets a damaged record aside without doing anything about it.
    ///
    /// # Errors
    /// [`Error`] if it is not there, or can be read.
    pub fn discard(&mut self, number: u64) -> Result<std::path::PathBuf, Error> {
        // A record that is being written is not damaged.
        let _lock = self.lock()?;
        let journal = self.history.journal()?;
        match journal.record(number).and_then(|record| record.plan()) {
            Err(JournalError::Damaged { .. }) => {
                Ok(journal.set_aside(number).map_err(HistoryError::from)?)
            }
            Err(error) => Err(HistoryError::from(error).into()),
            Ok(_) => Err(HistoryError::NotDamaged { number }.into()),
        }
    }

    /// Returns the number of a commit of which something is left in the table: the one that is named, or the last one if
    /// nothing was committed since.
    ///
    /// # Errors
    /// [`Error`] if the journal can't be read.
    pub fn commit_with_residue(&mut self, number: Option<u64>) -> Result<Option<u64>, Error> {
        let record = match number {
            Some(number) => Some(self.record(number)?),
            None => {
                let records = self.records(Scope::ThisTable)?.into_iter().rev().flatten();
                let mut told = records.filter(|record| !record.is_runbook());
                // What was tried once and is left to others does not stand before every later undo.
                told.find(|record| record.state() != State::Ended(EventKind::RolledBack))
                    .filter(|record| record.state() == State::Ended(EventKind::Indeterminate))
            }
        };
        Ok(record
            .filter(has_residue)
            .map(|record| record.intent.number))
    }

    /// Rolls back, or completes, what a commit left in the table that did not go through. What others changed since is left to
    /// them.
    ///
    /// # Errors
    /// [`Error`] if it left nothing, or the table can't be read.
    pub fn recover_residue(
        &mut self,
        number: u64,
        direction: Direction,
    ) -> Result<Recovered, Error> {
        let _lock = self.lock()?;
        let record = self.record(number)?;
        let here = self.history.table()?;
        if !record.intent.table.is_same(&here) {
            let table = record.intent.table.seen_from(&here);
            return Err(HistoryError::Elsewhere { number, table }.into());
        }
        if !has_residue(&record) {
            let text = state_text(&record).to_owned();
            return Err(HistoryError::NothingLeft { number, text }.into());
        }
        let kind = match direction {
            Direction::Back => EventKind::Recovered,
            Direction::Forward => EventKind::Completed,
        };
        self.apply_recovery(record, kind)
    }
}
