//! Snapshots of the table of a session: a kernel's, or a simulated kernel's.

use std::time::{Duration, Instant, SystemTime};

use super::changes::{attributed, between};
use super::journal_view::{JournalReader, JournalView, Suspects};
use super::snapshot::{Depth, Settings, Snapshot};
use crate::model::{Known, Table};
use crate::session::{Error, Session, lacks_permission};

/// Where snapshots come from.
pub trait Source {
    /// Reads a snapshot, when so much time has passed since the one before.
    ///
    /// # Errors
    /// [`Error`] if not even the services can be read.
    fn read(&mut self, depth: Depth, passed: Duration) -> Result<Snapshot, Error>;
}

/// The table of a session.
pub struct Live {
    session: Session,
    reads: u64,
    before: Option<Table>,
    suspects: Suspects,
    journal: JournalReader,
}

impl Live {
    /// Makes a source of a session that nothing else uses.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self {
            session,
            reads: 0,
            before: None,
            suspects: Suspects::default(),
            journal: JournalReader::default(),
        }
    }

    /// Reads what is set of the table as a whole.
    fn settings(&mut self) -> Result<Settings, Error> {
        let kernel = match self.session.info() {
            Ok(kernel) => Some(kernel),
            Err(error) if lacks_permission(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Settings {
            kernel,
            sysctls: self.session.sysctls()?,
            connection_entries: self.session.connection_entries(),
            journal: self.journal_view(),
        })
    }

    fn journal_view(&mut self) -> Option<JournalView> {
        let now = self.session.boot_time();
        let (journal, table) = self.session.look_at_journal().ok()?;
        match journal {
            Some(journal) => self.journal.view(&journal, &table, now).ok(),
            // Nothing was committed yet.
            None => Some(JournalView::default()),
        }
    }

    /// Returns what changed since the last reading.
    fn changes(&mut self, table: &Table) -> Vec<super::SeenChange> {
        // The journal is looked at with every reading: whose record is there before a change is seen is known by then.
        let records = match self.session.look_at_journal() {
            Ok((Some(journal), here)) => self.suspects.since_before(&journal, &here).ok(),
            Ok((None, _)) => Some(Vec::new()),
            Err(_) => None,
        };
        let Some(before) = &self.before else {
            return Vec::new();
        };
        attributed(between(before, table), records.as_deref())
    }
}

impl Source for Live {
    fn read(&mut self, depth: Depth, passed: Duration) -> Result<Snapshot, Error> {
        self.session.pass(passed)?;
        let began = Instant::now();
        let time = SystemTime::now();
        let clock = self.session.now();
        let (table, missing) = match self.session.live_table() {
            Err(error) if lacks_permission(&error) => self.session.table_without_privilege()?,
            other => (other?, Vec::new()),
        };
        let known = Known {
            all: missing.is_empty(),
            rates: self.session.estimates(),
        };
        let totals = self.session.totals().ok();
        let settings = match depth {
            Depth::Table => None,
            Depth::Everything => Some(self.settings()?),
        };
        let changes = self.changes(&table);
        if self.before.is_none() || !changes.is_empty() {
            self.before = Some(table.configuration_only());
        }
        self.reads += 1;
        Ok(Snapshot {
            number: self.reads,
            time,
            clock,
            took: began.elapsed(),
            place: self.session.label().clone(),
            table,
            known,
            missing,
            totals,
            settings,
            changes,
        })
    }
}
