//! What was committed to this table, taking it back, and confirming it.

use super::error::Error;
use super::keeping::{Reason, RecordError, confirm_time};
use super::layers::LayerKind;
use super::recovery::Settled;
use super::{Ended, Outcome, Session};
use crate::config;
use crate::journal::{Event, EventKind, JournalError, Record, State};
use crate::txn::{Change, Plan, Recorded};

/// A commit that goes back by itself unless it is confirmed.
#[derive(Clone, Debug)]
pub struct Awaiting {
    /// Its record.
    pub record: Record,
    /// Until when, as a time of day.
    pub until: String,
    /// How many seconds that is from now.
    pub seconds_left: u64,
}

/// Returns where a commit stands, in words.
pub(super) fn state_text(record: &Record) -> &'static str {
    match record.state() {
        State::Ended(kind) => kind.words(),
        State::Unfinished => "cut off",
        State::Awaiting { .. } => "to be confirmed",
    }
}

impl Session {
    /// Returns the commits to this table, oldest first, and to all others too if `all`; of each that can't be read, why.
    ///
    /// # Errors
    /// [`Error`] if there is no journal, or it can't be read.
    pub fn history(&mut self, all: bool) -> Result<Vec<Result<Record, JournalError>>, Error> {
        let keeping = self.kept()?;
        let table = keeping.setup.table.clone();
        let records = keeping.journal()?.records().map_err(RecordError::from)?;
        let wanted = records.into_iter().filter(|record| {
            let Ok(record) = record else { return true };
            all || record.intent.table.is_same(&table)
        });
        Ok(wanted.collect())
    }

    /// Returns one commit.
    ///
    /// # Errors
    /// [`Error`] if it is not there or can't be read.
    pub fn recorded(&mut self, number: u64) -> Result<Record, Error> {
        let journal = self.kept()?.journal()?;
        Ok(journal.record(number).map_err(RecordError::from)?)
    }

    /// Returns a commit to this table; without a number, the last one that is there to be taken back.
    fn committed_record(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let table = self.kept()?.setup.table.clone();
        let Some(number) = number else {
            let records = self.history(false)?.into_iter().rev();
            // A runbook is known by its commits.
            let mut standing = records.filter(|record| {
                record.as_ref().map_or(true, |record| {
                    record.state().stands() && !record.is_runbook()
                })
            });
            let Some(record) = standing.next() else {
                return Err(RecordError::NothingYet.into());
            };
            let record = record.map_err(RecordError::from)?;
            // What was done as a whole is taken back as a whole.
            return match record.intent.runbook {
                Some(runbook) if !self.is_own_runbook(runbook) => {
                    let whole = self.recorded(runbook);
                    Ok(whole
                        .ok()
                        .filter(|whole| whole.state().stands())
                        .unwrap_or(record))
                }
                _ => Ok(record),
            };
        };
        let record = self.recorded(number)?;
        if !record.intent.table.is_same(&table) {
            let table = record.intent.table.seen_from(&table);
            return Err(RecordError::Elsewhere { number, table }.into());
        }
        Ok(record)
    }

    /// Takes a commit back by a new one, or stages that in the open block. Without a number it is the last one: taking
    /// back what took something back brings that back.
    ///
    /// # Errors
    /// [`Error`] if it does not stand, or something that it changed is no longer as it left it; then nothing is sent.
    pub fn undo(&mut self, number: Option<u64>) -> Result<(Record, Ended), Error> {
        self.begin(LayerKind::Transaction)?;
        match self.stage_undo(number) {
            Ok(record) => {
                let undone = record.intent.number;
                let label = match &record.intent.label {
                    Some(label) => format!("undo {undone}: {label}"),
                    None => format!("undo {undone}"),
                };
                let ended = self.end_transaction(Reason {
                    label: Some(label),
                    undoes: Some(undone),
                    ..Reason::default()
                })?;
                Ok((record, ended))
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Stages in the open block what takes a commit back.
    ///
    /// # Errors
    /// As [`Self::undo`].
    pub fn stage_undo(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let record = self.committed_record(number)?;
        let number = record.intent.number;
        let not_standing = |text: &str| RecordError::NotStanding {
            number,
            text: text.to_owned(),
        };
        match record.state() {
            State::Awaiting { .. } => {
                return Err(not_standing(&format!(
                    "it awaits confirmation until {}: `ipvsh cancel {number}` takes it back",
                    confirm_time(&record)
                ))
                .into());
            }
            State::Unfinished if record.is_runbook() => {
                return Err(not_standing(
                    "it is under way, or was cut off: `ipvsh recover` leads it back then",
                )
                .into());
            }
            State::Unfinished => return Err(RecordError::CutOff { number }.into()),
            State::Ended(EventKind::Indeterminate) => {
                return Err(not_standing(&format!(
                    "it did not go through, and `ipvsh history show {number}` tells what is left of it"
                ))
                .into());
            }
            State::Ended(kind) if !record.state().stands() => {
                return Err(not_standing(&format!("it is {} already", kind.words())).into());
            }
            State::Ended(_) => {}
        }
        if !record.is_runbook() {
            self.stage_back(&record)?;
            return Ok(record);
        }
        let commits = self.kept()?.journal()?.commits_of(number);
        let commits = commits.map_err(RecordError::from)?.into_iter().rev();
        let mut any = false;
        for commit in commits.filter(|commit| commit.state().stands()) {
            self.stage_back(&commit)?;
            any = true;
        }
        if any {
            Ok(record)
        } else {
            Err(not_standing("it changed nothing that stands").into())
        }
    }

    /// Stages what takes one commit back.
    fn stage_back(&mut self, record: &Record) -> Result<(), Error> {
        let number = record.intent.number;
        let back = record.plan().map_err(RecordError::from)?.reversed();
        if back.is_empty() {
            let text = "it zeroed counters, and they are gone".to_owned();
            return Err(RecordError::NotStanding { number, text }.into());
        }
        match self.stage_plan(&back) {
            Ok(_) => Ok(()),
            Err(Error::Commit(report)) if matches!(report.outcome, Outcome::Conflict { .. }) => {
                let Outcome::Conflict { differences } = report.outcome else {
                    unreachable!("BUG: it was a conflict just now")
                };
                Err(self.overtaken(number, differences)?.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the later commits that changed what stands in the way.
    fn overtaken(&mut self, number: u64, differences: Vec<Change>) -> Result<RecordError, Error> {
        const NAMED: usize = 4;
        let mut objects: Vec<_> = differences.iter().map(Change::object).collect();
        objects.sort();
        objects.dedup();
        let mut by = Vec::new();
        for later in self.history(false)?.into_iter().flatten() {
            if later.intent.number <= number || !later.state().stands() || by.len() >= NAMED {
                continue;
            }
            let plan: Plan = later.plan().map_err(RecordError::from)?;
            let meets = |change: &Change| {
                let object = change.object();
                objects
                    .iter()
                    .any(|wanted| *wanted == object || wanted.service() == object.service())
            };
            if plan.changes().iter().any(meets) {
                let label = later.intent.label.as_ref();
                by.push(format!(
                    "commit {} by {}{}",
                    later.intent.number,
                    later.who(),
                    label.map(|label| format!(" {label:?}")).unwrap_or_default(),
                ));
            }
        }
        by.reverse();
        Ok(RecordError::Overtaken {
            number,
            objects,
            by,
            differences,
        })
    }

    /// Returns the commits to this table that await confirmation, oldest first.
    ///
    /// # Errors
    /// [`Error`] if there is no journal, or it can't be read.
    pub fn awaiting(&mut self) -> Result<Vec<Awaiting>, Error> {
        let keeping = self.kept()?;
        let table = keeping.setup.table.clone();
        let now = config::since_boot().as_secs();
        let mut found = Vec::new();
        for record in keeping
            .journal()?
            .open_records()
            .map_err(RecordError::from)?
        {
            let record = record.map_err(RecordError::from)?;
            if let State::Awaiting { until } = record.state()
                && record.intent.table.is_same(&table)
            {
                found.push(Awaiting {
                    until: confirm_time(&record),
                    seconds_left: until.saturating_sub(now),
                    record,
                });
            }
        }
        Ok(found)
    }

    /// Returns the commit that awaits confirmation: the one of that number, or the only one.
    fn one_awaiting(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let mut found = self.awaiting()?;
        if let Some(number) = number {
            if let Some(place) = found
                .iter()
                .position(|found| found.record.intent.number == number)
            {
                return Ok(found.swap_remove(place).record);
            }
            let record = self.committed_record(Some(number))?;
            let text = match record.state() {
                State::Ended(kind) => kind.words().to_owned(),
                State::Unfinished => "cut off".to_owned(),
                State::Awaiting { .. } => "confirmed meanwhile".to_owned(),
            };
            return Err(RecordError::NotAwaiting { number, text }.into());
        }
        match found.len() {
            0 => Err(RecordError::NoneAwaiting.into()),
            1 => Ok(found.swap_remove(0).record),
            _ => {
                let numbers = found
                    .iter()
                    .map(|found| found.record.intent.number)
                    .collect();
                Err(RecordError::SeveralAwaiting { numbers }.into())
            }
        }
    }

    /// Keeps a commit that would go back by itself; without a number, the only one there is.
    ///
    /// # Errors
    /// [`Error`] if it does not await confirmation, or its time has passed.
    pub fn confirm(&mut self, number: Option<u64>) -> Result<u64, Error> {
        let _first_look = self.one_awaiting(number)?;
        let _lock = self.lock()?;
        let record = self.one_awaiting(number)?;
        let number = record.intent.number;
        if let State::Awaiting { until } = record.state()
            && config::since_boot().as_secs() >= until
        {
            return Err(RecordError::TooLate { number }.into());
        }
        self.note(&record, &Event::now(EventKind::Confirmed))?;
        Ok(number)
    }

    /// Keeps a commit as a script asks for it: without a number, the last one of this session that awaits it. Where
    /// nothing is kept, nothing goes back by itself.
    ///
    /// # Errors
    /// As [`Self::confirm`].
    pub fn confirm_own(&mut self, number: Option<u64>) -> Result<Option<u64>, Error> {
        if self.is_rehearsing() || (self.keeping.is_none() && self.place.is_simulated()) {
            return Ok(None);
        }
        let awaited: Vec<u64> = self
            .committed
            .kept()
            .iter()
            .rev()
            .filter_map(|report| report.recorded.as_ref())
            .filter(|recorded| recorded.confirm_by.is_some())
            .map(|recorded| recorded.number)
            .collect();
        let mut own = number;
        for candidate in awaited {
            if own.is_none() && self.is_open_record(candidate)? {
                own = Some(candidate);
            }
        }
        self.confirm(own).map(Some)
    }

    /// Returns the commits of this session that still await confirmation.
    ///
    /// # Errors
    /// [`Error`] if the journal can't be read.
    pub fn own_awaiting(&mut self) -> Result<Vec<Recorded>, Error> {
        let mut found = Vec::new();
        let reports: Vec<Recorded> = self
            .committed
            .kept()
            .iter()
            .filter_map(|report| report.recorded.clone())
            .filter(|recorded| recorded.confirm_by.is_some())
            .collect();
        for recorded in reports {
            if self.is_open_record(recorded.number)? {
                found.push(recorded);
            }
        }
        Ok(found)
    }

    /// Takes a commit back that awaits confirmation; without a number, the only one there is.
    ///
    /// # Errors
    /// [`Error`] if it does not await confirmation, or the table can't be read.
    pub fn cancel(&mut self, number: Option<u64>) -> Result<Settled, Error> {
        let _first_look = self.one_awaiting(number)?;
        let _lock = self.lock()?;
        let record = self.one_awaiting(number)?;
        self.lead(record, EventKind::Cancelled)
    }
}
