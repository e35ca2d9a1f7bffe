//! Runbooks: records that stay open while their program lives, and the commits that belong to them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::JournalError;
use super::record::{Intent, Record};
use super::store::Journal;
use super::trust::open_plain;

/// Held by the program that runs a runbook: the system gives it back when that ends, however it ends.
#[derive(Debug)]
pub struct Alive {
    _file: File,
}

/// What is known of the program that runs a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It lives.
    Alive,
    /// It is gone, and its runbook has not come to its end.
    Dead,
    /// The runbook is over.
    Over,
    /// The system does not say.
    Unknown,
}

impl Journal {
    /// Records that a runbook begins. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`]; then there is no record.
    pub fn begin_runbook(&mut self, intent: &mut Intent) -> Result<Alive, JournalError> {
        let file = self.create(intent, None)?;
        Ok(Alive { _file: file })
    }

    /// Returns whether the program that runs a runbook lives.
    #[must_use]
    pub fn life(&self, number: u64) -> Life {
        let opened = open_plain(OpenOptions::new().read(true), &self.open_path(number));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Life::Over,
            Err(_) => return Life::Unknown,
        };
        // Shared, so that two who look at the same time don't take each other for it.
        match file.try_lock_shared() {
            // Its program gives the lock back when its record is in its place: if it is still here, there is none.
            Ok(()) if self.is_open(number) => Life::Dead,
            Ok(()) => Life::Over,
            Err(TryLockError::WouldBlock) => Life::Alive,
            Err(TryLockError::Error(_)) => Life::Unknown,
        }
    }

    /// Returns the commits of a runbook, oldest first.
    ///
    /// # Errors
    /// [`JournalError`] if one that may be among them can't be read.
    pub fn commits_of(&self, runbook: u64) -> Result<Vec<Record>, JournalError> {
        let mut found = Vec::new();
        for number in self.numbers_after(runbook)? {
            match self.record(number) {
                Ok(record) if record.intent.part_of() == Some(runbook) => found.push(record),
                Ok(_) | Err(JournalError::Missing { .. } | JournalError::Forgotten { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Notes something about a runbook that goes on.
    ///
    /// # Errors
    /// [`JournalError`] if it can't be written.
    pub fn note_step(&mut self, number: u64, event: &super::Event) -> Result<(), JournalError> {
        self.note(number, event)
    }
}

/// Tells from its beginning whether a record is that of a runbook.
pub(super) fn is_runbook(path: &Path) -> bool {
    let mut head = Vec::new();
    let opened = open_plain(OpenOptions::new().read(true), path);
    let read = opened.and_then(|file| file.take(96).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains("\"kind\":\"runbook\"")
}
