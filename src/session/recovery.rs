//! What the journal says is still to be done: commits that were cut off, and those nobody confirmed.
//!
//! Only what still is as the commit left it is inverted; what others changed since is left to them and said. Each step
//! looks at the table first, so that this can itself be cut off and run again.

use std::time::Duration;

use super::error::{Error, holder_text};
use super::keeping::RecordError;
use super::{Cause, Outcome, Session};
use crate::backend::{Lock, LockWait, NotLocked, namespace_is_seen};
use crate::config;
use crate::journal::{Event, EventKind, Journal, JournalError, Life, Record, State, TableIdentity};
use crate::txn::{Change, Plan};

/// What is done about a commit that was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// It is taken back.
    #[default]
    Back,
    /// It is completed.
    Forward,
}

/// What was done about an open record.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The record as it was.
    pub record: Record,
    /// What became of it.
    pub kind: EventKind,
    /// What others changed since, as what would still lead where it should.
    pub left: Vec<Change>,
    /// Steps of a runbook whose script has an undo of its own, which is gone with the script.
    pub unrun: Vec<String>,
}

impl Settled {
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
            EventKind::Expired => "was not confirmed in time, and is taken back",
            EventKind::Cancelled => "is taken back",
            EventKind::Recovered => "was cut off, and is taken back",
            EventKind::Completed => "was cut off, and is completed",
            EventKind::Void => {
                "was cut off, and its table is gone since: there is nothing to take back"
            }
            EventKind::Kept => "was cut off, and what it had done is kept",
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
                "; its script has undos of its own that could not be run: of {}",
                steps.join(", ")
            ),
        };
        format!(
            "{kind} {}{label} of {} {what}{undos}",
            intent.number, intent.time
        )
    }
}

/// Tells whether something is to be done about a record now. A runbook goes on while its program lives.
fn is_due(journal: &Journal, record: &Record) -> bool {
    match record.state() {
        State::Unfinished if record.is_runbook() => {
            journal.life(record.intent.number) == Life::Dead
        }
        State::Unfinished => true,
        State::Awaiting { until } => config::since_boot().as_secs() >= until,
        State::Ended(_) => false,
    }
}

/// Tells whether something of a commit is left in the table that neither stands nor is rolled back.
fn has_left(record: &Record) -> bool {
    match record.state() {
        State::Ended(EventKind::Indeterminate) => !record.is_runbook(),
        State::Ended(
            EventKind::TakenBack
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
    /// Takes the commit lock, waiting for it as a commit does.
    pub(super) fn lock(&mut self) -> Result<Lock, Error> {
        self.interrupt.hold();
        let interrupt = self.interrupt.clone();
        let narrator = self.narrator.clone();
        let wait = LockWait {
            longest: self.lock_wait,
            signal: &|| interrupt.signal(),
            told: &|holder| {
                if let Some(narrator) = &narrator {
                    narrator.waits_for_lock(&holder_text(holder));
                }
            },
        };
        let outcome = match self.live.lock(&wait) {
            Ok(lock) => return Ok(lock),
            Err(NotLocked::Failed(error)) => return Err(error.into()),
            Err(NotLocked::Held { waited, by }) => Outcome::Locked { waited, by },
            Err(NotLocked::Interrupted(signal)) => Outcome::RolledBack {
                cause: Cause::Interrupted { signal },
                undone: 0,
            },
        };
        Err(Error::Commit(Box::new(super::report_of(
            Plan::default(),
            outcome,
        ))))
    }

    /// Has the commit lock waited for however long it takes: what rolls back is not given up because of time.
    pub fn wait_for_lock(&mut self) {
        self.lock_wait = Duration::MAX;
    }

    /// Does what is to be done about records of this table, the latest first, and returns what that was. Damaged
    /// records are an error: what they are about is not known.
    ///
    /// # Errors
    /// [`Error`] if the journal or the table can't be read, or another program holds the commit lock. What was
    /// done until then is noted.
    pub fn settle(&mut self, direction: Direction) -> Result<Vec<Settled>, Error> {
        let due = self.due()?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let here = self.kept()?.setup.table.clone();
        let mut settled = Vec::new();
        let mut ours = Vec::new();
        for record in due {
            if record.intent.table.is_same(&here) {
                ours.push(record.intent.number);
            } else {
                self.note(&record, &Event::now(EventKind::Void))?;
                settled.push(Settled {
                    record,
                    kind: EventKind::Void,
                    left: Vec::new(),
                    unrun: Vec::new(),
                });
            }
        }
        if ours.is_empty() {
            return Ok(settled);
        }
        // Whoever commits has this right; a record that is open while we have it has no one any more.
        let _lock = self.lock()?;
        for number in ours.into_iter().rev() {
            let journal = self.kept()?.journal()?;
            let record = journal.record(number).map_err(RecordError::from)?;
            if !is_due(journal, &record) {
                continue;
            }
            if record.is_runbook() {
                settled.push(self.settle_runbook(record, direction)?);
                continue;
            }
            let kind = match (record.state(), direction) {
                (State::Awaiting { .. }, _) => EventKind::Expired,
                (_, Direction::Back) => EventKind::Recovered,
                (_, Direction::Forward) => EventKind::Completed,
            };
            settled.push(self.lead(record, kind)?);
        }
        self.recovered
            .extend(settled.iter().map(|settled| settled.record.intent.number));
        Ok(settled)
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
        let record = self.recorded(number)?;
        let _lock = match record.state() {
            State::Ended(_) => return Ok(None),
            State::Awaiting { until } => {
                let left = Duration::from_secs(until).saturating_sub(config::since_boot());
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
        let record = self.recorded(number)?;
        let kind = match record.state() {
            State::Ended(_) => return Ok(None),
            State::Awaiting { until } if config::since_boot().as_secs() >= until => {
                EventKind::Expired
            }
            State::Awaiting { .. } => return Ok(Some(Duration::ZERO)),
            State::Unfinished => EventKind::Recovered,
        };
        let _settled = self.lead(record, kind)?;
        Ok(None)
    }

    /// Tells whether something is still to be done about a commit.
    ///
    /// # Errors
    /// [`Error`] if there is no journal.
    pub fn is_open_record(&mut self, number: u64) -> Result<bool, Error> {
        Ok(self.kept()?.journal()?.is_open(number))
    }

    /// Returns the open records that something is to be done about: of this table, or of one that is gone.
    fn due(&mut self) -> Result<Vec<Record>, Error> {
        let keeping = self.kept()?;
        let here = keeping.setup.table.clone();
        let mut due = Vec::new();
        let journal = keeping.journal()?;
        for record in journal.open_records().map_err(RecordError::from)? {
            let record = record.map_err(RecordError::from)?;
            let table = &record.intent.table;
            if table.is_gone(&here) || (table.is_same(&here) && is_due(journal, &record)) {
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
    pub fn close_vanished(&mut self) -> Result<Vec<Settled>, Error> {
        let keeping = self.kept()?;
        let here = keeping.setup.table.clone();
        let mut closed = Vec::new();
        for record in keeping
            .journal()?
            .open_records()
            .map_err(RecordError::from)?
        {
            let record = record.map_err(RecordError::from)?;
            if let TableIdentity::Kernel { namespace, .. } = &record.intent.table
                && !record.intent.table.is_same(&here)
                && !namespace_is_seen(namespace)
            {
                let kind = EventKind::Void;
                self.note(&record, &Event::now(kind))?;
                closed.push(Settled {
                    record,
                    kind,
                    left: Vec::new(),
                    unrun: Vec::new(),
                });
            }
        }
        Ok(closed)
    }

    /// Leads the table where an event says, and notes that. The commit lock is held.
    pub(super) fn lead(&mut self, record: Record, kind: EventKind) -> Result<Settled, Error> {
        let left = self.lead_table(&record, kind)?;
        self.note_led(&record, kind, &left)?;
        Ok(Settled {
            record,
            kind,
            left,
            unrun: Vec::new(),
        })
    }

    /// Leads the table where an event says, and returns what others changed since.
    pub(super) fn lead_table(
        &mut self,
        record: &Record,
        kind: EventKind,
    ) -> Result<Vec<Change>, Error> {
        let plan = record.plan().map_err(RecordError::from)?;
        let plan = if kind == EventKind::Completed {
            plan.reversed()
        } else {
            plan
        };
        let (left, unread) = plan.take_back(&mut self.live);
        if let Some(error) = unread {
            return Err(error.into());
        }
        self.save()?;
        Ok(left)
    }

    /// Notes where the table was led.
    pub(super) fn note_led(
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
    pub(super) fn note(&mut self, record: &Record, event: &Event) -> Result<(), Error> {
        let author = config::author();
        let user = author.sudo.or(author.login).or(author.name);
        let event = Event {
            user: user.or_else(|| Some(author.id.to_string())),
            ..event.clone()
        };
        let journal = self.kept()?.journal()?;
        journal
            .note(record.intent.number, &event, true)
            .map_err(|error| {
                RecordError::Unnoted {
                    number: record.intent.number,
                    text: error.to_string(),
                }
                .into()
            })
    }

    /// Says what the journal would have done before anything is changed, for those who only look. A commit that is
    /// under way is none of it.
    pub fn unsettled(&mut self) -> Vec<String> {
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
                    State::Awaiting { .. } => format!("commit {number} was not confirmed in time; the next change takes it back, and so does `ipvsh recover`"),
                    _ if record.is_runbook() => format!("runbook {number} {:?} was cut off, and is not rolled back: `ipvsh recover` does that", record.intent.label.as_deref().unwrap_or_default()),
                    _ => format!("commit {number} was cut off, and is neither completed nor taken back: `ipvsh recover` does that"),
                }
            })
            .collect()
    }

    /// Looks at the open records of this table without making a journal.
    fn looked_at(&mut self) -> Result<Option<Vec<Record>>, RecordError> {
        let setup = &self.kept()?.setup;
        let (Some(folder), here) = (&setup.folder, &setup.table) else {
            return Ok(None);
        };
        let Some(journal) = Journal::look(folder, here)? else {
            return Ok(None);
        };
        let mut due = journal.open_records()?;
        due.retain(|record| {
            record
                .as_ref()
                .is_ok_and(|record| record.intent.table.is_same(here) && is_due(&journal, record))
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
        let journal = self.kept()?.journal()?;
        match journal.record(number).and_then(|record| record.plan()) {
            Err(JournalError::Damaged { .. }) => {
                Ok(journal.set_aside(number).map_err(RecordError::from)?)
            }
            Err(error) => Err(RecordError::from(error).into()),
            Ok(_) => Err(RecordError::NotDamaged { number }.into()),
        }
    }

    /// Returns the number of a commit of which something is left in the table: the one that is named, or the last one if
    /// nothing was committed since.
    ///
    /// # Errors
    /// [`Error`] if the journal can't be read.
    pub fn left_over(&mut self, number: Option<u64>) -> Result<Option<u64>, Error> {
        let record = match number {
            Some(number) => Some(self.recorded(number)?),
            None => {
                let records = self.history(false)?.into_iter().rev().flatten();
                let mut told = records.filter(|record| !record.is_runbook());
                // What was tried once and is left to others does not stand before every later undo.
                told.find(|record| record.state() != State::Ended(EventKind::RolledBack))
                    .filter(|record| record.state() == State::Ended(EventKind::Indeterminate))
            }
        };
        Ok(record.filter(has_left).map(|record| record.intent.number))
    }

    /// Rolls back, or completes, what a commit left in the table that did not go through. What others changed since is left to
    /// them.
    ///
    /// # Errors
    /// [`Error`] if it left nothing, or the table can't be read.
    pub fn recover_left(&mut self, number: u64, direction: Direction) -> Result<Settled, Error> {
        let _lock = self.lock()?;
        let record = self.recorded(number)?;
        let here = self.kept()?.setup.table.clone();
        if !record.intent.table.is_same(&here) {
            let table = record.intent.table.seen_from(&here);
            return Err(RecordError::Elsewhere { number, table }.into());
        }
        if !has_left(&record) {
            let text = super::history::state_text(&record).to_owned();
            return Err(RecordError::NothingLeft { number, text }.into());
        }
        let kind = match direction {
            Direction::Back => EventKind::Recovered,
            Direction::Forward => EventKind::Completed,
        };
        self.lead(record, kind)
    }
}
