//! The journal of a session: what goes into its records, and reading them.

use super::Scope;
use super::recorder::{CommitLog, JournalSetup, table_of_namespace};
use crate::backend::Identity;
use crate::journal::{JournalError, Record, TableIdentity};
use crate::session::{Error, Session};

impl Session {
    /// Records commits in a journal from now on.
    ///
    /// # Errors
    /// [`Error`] if the system does not tell which table it is.
    pub fn keep_journal(&mut self, setup: JournalSetup) -> Result<(), Error> {
        let name = setup.name.clone();
        let table = match self.live.identity()? {
            Identity::Namespace(found) => table_of_namespace(found, name),
            Identity::Simulation => TableIdentity::Simulation {
                file: name.unwrap_or_default(),
            },
        };
        self.history.log = Some(CommitLog::new(setup, table));
        Ok(())
    }

    /// Records commits in no journal from now on.
    pub fn keep_no_journal(&mut self) {
        self.history.log = None;
    }

    /// Has what is committed from now on be known by what was typed.
    pub fn note_typed(&mut self, text: &str) {
        if let Some(log) = &mut self.history.log {
            log.typed = None;
        }
        self.note_typed_too(text);
    }

    /// Adds what was typed to that.
    pub fn note_typed_too(&mut self, text: &str) {
        /// So much of it says what it was.
        const LONGEST: usize = 2_000;
        if let Some(log) = self.history.log.as_mut().filter(|_| !text.is_empty()) {
            let mut typed = log.typed.take().unwrap_or_default();
            if !typed.is_empty() {
                typed.push('\n');
            }
            typed.push_str(text);
            log.typed = Some(typed.chars().take(LONGEST).collect());
        }
    }

    /// Has every step of the journal announced before it is done: for tests that end the program there.
    ///
    /// # Errors
    /// [`Error`] if there is no journal.
    pub fn watch_journal(
        &mut self,
        watch: Box<dyn FnMut(crate::journal::Step)>,
    ) -> Result<(), Error> {
        self.history.journal()?.watch_steps(watch);
        Ok(())
    }

    /// Returns records, the oldest first; of each that can't be read, why.
    ///
    /// # Errors
    /// [`Error`] if there is no journal, or it can't be read.
    pub fn records(&mut self, scope: Scope) -> Result<Vec<Result<Record, JournalError>>, Error> {
        Ok(self.history.records(scope)?)
    }

    /// Returns the record of a commit or runbook.
    ///
    /// # Errors
    /// [`Error`] if it is not there or can't be read.
    pub fn record(&mut self, number: u64) -> Result<Record, Error> {
        Ok(self.history.record(number)?)
    }

    /// Returns whether something is still to be done about a record.
    ///
    /// # Errors
    /// [`Error`] if there is no journal.
    pub fn is_open_record(&mut self, number: u64) -> Result<bool, Error> {
        Ok(self.history.is_open(number)?)
    }
}
