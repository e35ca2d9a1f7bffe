//! The file that `--sim-state` names.

use std::cell::{Cell, RefCell};
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::backend::{LockPlaces, MayCommit};
use crate::document::{Detail, DocumentWriter, read_document_file, write_document};
use crate::files;
use crate::model::{Table, TableSpecification, reason};
use crate::session::TableFile;

/// What tells one text of the file from the next: each commit makes a new file, and an editor leaves another time.
type Mark = (u64, u64, u64, i64, i64);

/// A table in a file that may not be there yet.
pub(super) struct StateFile {
    path: String,
    max_size: u64,
    /// A folder that only this user can open, where the programs of this user meet.
    private: Option<PathBuf>,
    /// The text that was read or written last.
    seen: Cell<Seen>,
    /// The file that was saved last, locked as the one whose place it took.
    held: RefCell<Option<File>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// None yet, or it does not count any more.
    Nothing,
    /// There was no file.
    Missing,
    /// This one.
    Text(Mark),
}

impl StateFile {
    pub(super) fn new(path: &str, max_size: u64, private: Option<PathBuf>) -> Self {
        Self {
            path: path.to_owned(),
            max_size,
            private,
            seen: Cell::new(Seen::Nothing),
            held: RefCell::default(),
        }
    }

    fn look(&self) -> Result<Seen, String> {
        match std::fs::metadata(&self.path) {
            Ok(found) if found.is_file() => Ok(Seen::Text(mark(&found))),
            Ok(_) => Err(format!("{}: it is not a plain file", self.path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Seen::Missing),
            Err(error) => Err(format!("{}: {}", self.path, reason(&error))),
        }
    }
}

fn mark(found: &Metadata) -> Mark {
    let time = found.mtime();
    (
        found.dev(),
        found.ino(),
        found.size(),
        time,
        found.mtime_nsec(),
    )
}

impl TableFile for StateFile {
    fn newer(&self) -> Result<Option<TableSpecification>, String> {
        /// How often it is read again because it was replaced meanwhile.
        const ATTEMPTS: usize = 100;
        for _ in 0..ATTEMPTS {
            let now = self.look()?;
            if now == self.seen.get() {
                return Ok(None);
            }
            let contents = match now {
                Seen::Text(_) => match read_document_file(&self.path, self.max_size) {
                    Ok(contents) => contents,
                    Err(_) if self.look()? != now => continue,
                    Err(error) => return Err(error.to_string()),
                },
                Seen::Missing | Seen::Nothing => TableSpecification::default(),
            };
            if self.look()? == now {
                self.seen.set(now);
                return Ok(Some(contents));
            }
        }
        Err(format!("{}: it is replaced all the time", self.path))
    }

    fn forget(&self) {
        self.seen.set(Seen::Nothing);
    }

    fn save(&self, table: &Table) -> Result<(), String> {
        let document = DocumentWriter {
            table,
            detail: Detail::Configuration,
            incomplete: &[],
        };
        let mut text = Vec::new();
        let fresh = write_document(&mut text, &document)
            .and_then(|()| files::replace_locked(Path::new(&self.path), &text))
            .map_err(|error| format!("{} could not be written: {}", self.path, reason(&error)))?;
        if fresh.is_some() {
            self.held.replace(fresh);
        }
        // It is written; a look that fails only means another reading.
        self.seen.set(self.look().unwrap_or(Seen::Nothing));
        Ok(())
    }

    fn release(&self) {
        self.held.take();
    }

    fn is_there(&self) -> bool {
        Path::new(&self.path).exists()
    }

    fn lock_places(&self) -> LockPlaces {
        LockPlaces {
            private: self.private.clone(),
            common: files::target(Path::new(&self.path)).unwrap_or_else(|_| (&self.path).into()),
            counts: MayCommit::Writer,
        }
    }
}
