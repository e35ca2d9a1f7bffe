//! Snapshots of the table of a session: a kernel's, or a simulated kernel's.

use std::time::{Duration, Instant, SystemTime};

use super::changes::{attributed, between};
use super::journal_view::{JournalReader, JournalView, Suspects};
use super::made::{Made, last_commits};
use super::snapshot::{Depth, Settings, Snapshot};
use crate::backend::ConnectionLines;
use crate::model::{ConnectionEntry, Known, ObjectId, Table, Weight};
use crate::session::{ConnectionSource, Error, Session, lacks_permission};

/// Where snapshots come from.
pub trait Source {
    /// Reads a snapshot, when so much time has passed since the one before.
    ///
    /// # Errors
    /// [`Error`] if not even the services can be read.
    fn read(&mut self, depth: Depth, passed: Duration) -> Result<Snapshot, Error>;

    /// Hands over the kernel's file of connections in pieces.
    ///
    /// # Errors
    /// [`Error`] if it can't be read, or not to its end.
    fn connection_file(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error>;

    /// Returns the last commits that touched an object, the newest first; a source without a journal has none.
    ///
    /// # Errors
    /// [`Error`] if the journal can't be read.
    fn commits(&mut self, object: &ObjectId, most: usize) -> Result<Vec<Made>, Error> {
        let _none = (object, most);
        Ok(Vec::new())
    }
}

impl ConnectionSource for dyn Source + '_ {
    fn read_connections(
        &mut self,
        sink: &mut dyn FnMut(&[ConnectionEntry<'_>]),
    ) -> Result<(usize, usize), Error> {
        let mut lines = ConnectionLines::default();
        self.connection_file(&mut |piece| lines.take(piece, sink))?;
        Ok(lines.end(sink))
    }
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

    /// Returns what changed since the last reading.
    fn changes(&mut self, table: &Table) -> Vec<super::SeenChange> {
        let records = match self.session.look_at_journal() {
            Ok((journal, here)) => {
                let suspects = self.suspects.since_before(journal.as_ref(), &here);
                suspects.ok().flatten()
            }
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
        if let Ok((journal, _)) = self.session.look_at_journal() {
            let _told_later = self.suspects.prepare(journal.as_ref());
        }
        let mut snapshot = seen(&mut self.session, depth, &mut self.journal)?;
        snapshot.changes = self.changes(&snapshot.table);
        if self.before.is_none() || !snapshot.changes.is_empty() {
            self.before = Some(snapshot.table.configuration_only());
        }
        self.reads += 1;
        snapshot.number = self.reads;
        Ok(snapshot)
    }

    fn connection_file(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        self.session.connection_file(sink)
    }

    fn commits(&mut self, object: &ObjectId, most: usize) -> Result<Vec<Made>, Error> {
        last_commits(&mut self.session, object, most)
    }
}

/// Reads one snapshot, for who looks once.
///
/// # Errors
/// [`Error`] if not even the services can be read.
pub fn look(session: &mut Session, depth: Depth) -> Result<Snapshot, Error> {
    seen(session, depth, &mut JournalReader::default())
}

fn seen(
    session: &mut Session,
    depth: Depth,
    journal: &mut JournalReader,
) -> Result<Snapshot, Error> {
    let began = Instant::now();
    let time = SystemTime::now();
    let clock = session.now();
    let (table, missing) = match session.live_table() {
        Err(error) if lacks_permission(&error) => session.table_without_privilege()?,
        other => (other?, Vec::new()),
    };
    let known = Known {
        all: missing.is_empty(),
        rates: session.estimates(),
    };
    let totals = session.totals().ok();
    let settings = match depth {
        Depth::Table => None,
        Depth::Everything => Some(settings(session, &table, journal)?),
    };
    Ok(Snapshot {
        number: 1,
        time,
        clock,
        took: began.elapsed(),
        place: session.label().clone(),
        table,
        known,
        missing: missing.into_iter().map(str::to_owned).collect(),
        totals,
        settings,
        changes: Vec::new(),
    })
}

/// Reads what is set of the table as a whole.
fn settings(
    session: &mut Session,
    table: &Table,
    journal: &mut JournalReader,
) -> Result<Settings, Error> {
    let kernel = match session.info() {
        Ok(kernel) => Some(kernel),
        Err(error) if lacks_permission(&error) => None,
        Err(error) => return Err(error),
    };
    Ok(Settings {
        kernel,
        sysctls: session.sysctls()?,
        connection_entries: session.connection_entries(),
        journal: journal_view(session, table, journal),
    })
}

fn journal_view(
    session: &mut Session,
    table: &Table,
    reader: &mut JournalReader,
) -> Option<JournalView> {
    let now = session.boot_time();
    let (journal, here) = session.look_at_journal().ok()?;
    let Some(journal) = journal else {
        // Nothing was committed yet.
        return Some(JournalView::default());
    };
    let mut view = reader.view(&journal, &here, now).ok()?;
    // Of what other programs did the journal knows nothing.
    view.drains.retain(|drain| {
        let service = table.services.get(&drain.service);
        let server = service.and_then(|service| service.destinations.get(&drain.server));
        server.is_some_and(|server| server.configuration.weight == Weight::ZERO)
    });
    Some(view)
}
