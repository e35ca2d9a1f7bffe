//! Commits that roll back unless they are confirmed: listing, confirming and cancelling them.

use super::error::HistoryError;
use super::recorder::confirm_time;
use super::recovery::Recovered;
use crate::journal::{Event, EventKind, Record, State};
use crate::session::{Error, Session};
use crate::txn::Recorded;

/// A commit that rolls back automatically unless it is confirmed.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    /// Its record.
    pub record: Record,
    /// Until when, as a time of day.
    pub until: String,
    /// How many seconds that is from now.
    pub seconds_left: u64,
}

impl Session {
    /// Returns the commits to this table that await confirmation, oldest first.
    ///
    /// # Errors
    /// [`Error`] if there is no journal, or it can't be read.
    pub fn unconfirmed(&mut self) -> Result<Vec<Unconfirmed>, Error> {
        let log = self.history.log()?;
        let table = log.table.clone();
        let now = self.live.boot_time().as_secs();
        let mut found = Vec::new();
        for record in log.journal()?.open_records().map_err(HistoryError::from)? {
            let record = record.map_err(HistoryError::from)?;
            if let State::Unconfirmed { until } = record.state()
                && record.intent.table.is_same(&table)
            {
                found.push(Unconfirmed {
                    until: confirm_time(&record),
                    seconds_left: until.saturating_sub(now),
                    record,
                });
            }
        }
        Ok(found)
    }

    /// Returns the commit that awaits confirmation: the one of that number, or the only one.
    fn one_unconfirmed(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let mut found = self.unconfirmed()?;
        if let Some(number) = number {
            if let Some(place) = found
                .iter()
                .position(|found| found.record.intent.number == number)
            {
                return Ok(found.swap_remove(place).record);
            }
            let record = self.history.record_here(number)?;
            let text = match record.state() {
                State::Ended(kind) => kind.words().to_owned(),
                State::Unfinished => "interrupted".to_owned(),
                State::Unconfirmed { .. } => "confirmed meanwhile".to_owned(),
            };
            return Err(HistoryError::NotAwaiting { number, text }.into());
        }
        match found.len() {
            0 => Err(HistoryError::NoneAwaiting.into()),
            1 => Ok(found.swap_remove(0).record),
            _ => {
                let numbers = found
                    .iter()
                    .map(|found| found.record.intent.number)
                    .collect();
                Err(HistoryError::SeveralAwaiting { numbers }.into())
            }
        }
    }

    /// Keeps a commit that would roll back automatically; without a number, the only one there is.
    ///
    /// # Errors
    /// [`Error`] if it does not await confirmation, or its time has passed.
    pub fn confirm(&mut self, number: Option<u64>) -> Result<u64, Error> {
        let _first_look = self.one_unconfirmed(number)?;
        let _lock = self.lock()?;
        let record = self.one_unconfirmed(number)?;
        let number = record.intent.number;
        if let State::Unconfirmed { until } = record.state()
            && self.live.boot_time().as_secs() >= until
        {
            return Err(HistoryError::TooLate { number }.into());
        }
        self.note(&record, &Event::now(EventKind::Confirmed))?;
        Ok(number)
    }

    /// Keeps a commit as a script asks for it: without a number, the last one of this session that awaits it. Where
    /// nothing is kept, nothing rolls back automatically.
    ///
    /// # Errors
    /// As [`Self::confirm`].
    pub fn confirm_own(&mut self, number: Option<u64>) -> Result<Option<u64>, Error> {
        if self.is_rehearsing() {
            return Ok(None);
        }
        if self.history.log.is_none() && self.label.is_simulated() {
            self.keep_unkept();
            return Ok(None);
        }
        let awaited: Vec<u64> = self
            .history
            .commits
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
    pub fn own_unconfirmed(&mut self) -> Result<Vec<Recorded>, Error> {
        let mut found = Vec::new();
        let reports: Vec<Recorded> = self
            .history
            .commits
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

    /// Rolls a commit back that awaits confirmation; without a number, the only one there is.
    ///
    /// # Errors
    /// [`Error`] if it does not await confirmation, or the table can't be read.
    pub fn cancel(&mut self, number: Option<u64>) -> Result<Recovered, Error> {
        let _first_look = self.one_unconfirmed(number)?;
        let _lock = self.lock()?;
        let record = self.one_unconfirmed(number)?;
        self.apply_recovery(record, EventKind::Cancelled)
    }
}
