//! What was committed to a table: recording it, listing it, confirming it, undoing it, and recovering what a crash interrupted.
//!
//! [`History`] is the state: the journal, and the commits of this session. `recorder` writes the record of each commit, `list` reads
//! records, `confirm` is about commits that roll back unless they are confirmed, `undo` reverses a commit by a new one, `recovery`
//! does what open records ask for.

pub(in crate::session) mod commits;
pub(in crate::session) mod confirm;
pub(in crate::session) mod error;
mod list;
pub(in crate::session) mod recorder;
pub(in crate::session) mod recovery;
mod undo;
mod undo_stack;

use crate::journal::{Journal, JournalError, Record, State, TableIdentity};
use commits::Commits;
use error::HistoryError;
use recorder::CommitLog;

/// Which records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the table of the session.
    ThisTable,
    /// Those of all tables that the journal is about.
    AllTables,
}

/// What was committed, and what was found unfinished.
#[derive(Default)]
pub(in crate::session) struct History {
    /// Where commits are recorded, if they are.
    pub(in crate::session) log: Option<CommitLog>,
    /// What was committed in this session.
    pub(in crate::session) commits: Commits,
    /// The records that were found unfinished and dealt with.
    pub(in crate::session) recovered: Vec<u64>,
    /// Whether the outcome of a commit could not be recorded.
    pub(in crate::session) is_unnoted: bool,
}

impl History {
    /// Returns where commits are recorded.
    pub(in crate::session) fn log(&mut self) -> Result<&mut CommitLog, HistoryError> {
        self.log.as_mut().ok_or(HistoryError::NotKept)
    }

    /// Returns the journal.
    pub(in crate::session) fn journal(&mut self) -> Result<&mut Journal, HistoryError> {
        self.log()?.journal()
    }

    /// Returns the table that it is about.
    pub(in crate::session) fn table(&mut self) -> Result<TableIdentity, HistoryError> {
        Ok(self.log()?.table.clone())
    }

    /// Returns records, the oldest first; of each that can't be read, why.
    pub(in crate::session) fn records(
        &mut self,
        scope: Scope,
    ) -> Result<Vec<Result<Record, JournalError>>, HistoryError> {
        let table = self.table()?;
        let mut records = self.journal()?.records()?;
        records.retain(|record| match record {
            Ok(record) => scope == Scope::AllTables || record.intent.table.is_same(&table),
            Err(_) => true,
        });
        Ok(records)
    }

    /// Returns one record.
    pub(in crate::session) fn record(&mut self, number: u64) -> Result<Record, HistoryError> {
        Ok(self.journal()?.record(number)?)
    }

    /// Returns one record of this table.
    fn record_here(&mut self, number: u64) -> Result<Record, HistoryError> {
        let table = self.table()?;
        let record = self.record(number)?;
        if record.intent.table.is_same(&table) {
            return Ok(record);
        }
        let table = record.intent.table.seen_from(&table);
        Err(HistoryError::Elsewhere { number, table })
    }

    /// Returns whether something is still to be done about a record.
    fn is_open(&mut self, number: u64) -> Result<bool, HistoryError> {
        Ok(self.journal()?.is_open(number))
    }
}

/// Returns where a commit stands, in words.
pub(in crate::session) fn state_text(record: &Record) -> &'static str {
    match record.state() {
        State::Ended(kind) => kind.words(),
        State::Unfinished => "interrupted",
        State::Unconfirmed { .. } => "to be confirmed",
    }
}
