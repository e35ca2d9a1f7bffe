//! Writes a recording.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::RecordingError;
use super::facts::{Facts, Gap, Mark, append_changes};
use super::folder::{Folder, Retention};
use super::frame::{HEAD, Head, Kind, append, milliseconds};
use super::state::{put_delta, put_key};
use crate::journal::TableIdentity;
use crate::observe::Snapshot;
use crate::txn::Plan;

/// How long a file goes on, in time and in bytes.
const FILE_TIME: Duration = Duration::from_secs(600);
const FILE_SIZE: u64 = 16 << 20;

/// A file takes at most such a part of what all may: whole files go.
const PARTS: u64 = 8;

/// How long it takes at least from one key frame to the next.
const KEY_TIME: Duration = Duration::from_secs(60);

/// The longest piece of the file of connections in one frame.
const PIECE: usize = 1 << 20;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Snapshots.
    pub snapshots: u64,
    /// Bytes, of all files since the recorder began.
    pub bytes: u64,
    /// Files that were deleted, as they are too old or too many.
    pub pruned: usize,
}

/// Writes a recording: one file after the other, each snapshot at once.
#[derive(Debug)]
pub struct Recorder {
    folder: Folder,
    table: TableIdentity,
    interval: Duration,
    retention: Retention,
    current: Option<Current>,
    last: Option<Arc<Snapshot>>,
    facts: Option<Facts>,
    /// Why nothing can be read, if that is so.
    gap: Option<String>,
    written: Written,
    /// Why what is too old or too much could not be deleted.
    unpruned: Option<RecordingError>,
    buffer: Vec<u8>,
}

/// The file that is being written.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    start: SystemTime,
    size: u64,
    /// When the last key frame was, how long it is, and what deltas took since.
    key: SystemTime,
    key_size: u64,
    since_key: u64,
}

impl Current {
    /// Returns how long after its beginning something is; `None` if a file can't tell that.
    fn offset(&self, time: SystemTime) -> Option<u32> {
        let passed = milliseconds(time).checked_sub(milliseconds(self.start))?;
        u32::try_from(passed).ok()
    }

    /// Writes what was made, whole or not at all.
    fn write(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        let failed = |error: &io::Error| RecordingError::file(&self.path, error);
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.size += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A part of a frame would end the recording for whoever reads it.
                let cut = self.file.set_len(self.size);
                let back = self.file.seek(SeekFrom::Start(self.size));
                let _said_already = cut.and(back.map(|_| ()));
                Err(failed(&error))
            }
        }
    }
}

impl Recorder {
    /// Begins to record a table into a folder, for a reader that reads so often.
    ///
    /// # Errors
    /// [`RecordingError::Busy`] if another program records into the folder; else what stands in the way of making it.
    pub fn begin(
        folder: &Path,
        table: TableIdentity,
        interval: Duration,
        retention: Retention,
    ) -> Result<Self, RecordingError> {
        Ok(Self {
            folder: Folder::take(folder)?,
            table,
            interval,
            retention,
            current: None,
            last: None,
            facts: None,
            gap: None,
            written: Written::default(),
            unpruned: None,
            buffer: Vec::new(),
        })
    }

    /// Returns what was written so far.
    #[must_use]
    pub const fn written(&self) -> Written {
        self.written
    }

    /// Returns why files that are too old or too many could not be deleted, once.
    pub fn take_unpruned(&mut self) -> Option<RecordingError> {
        self.unpruned.take()
    }

    /// Returns where it is written.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a snapshot.
    ///
    /// # Errors
    /// [`RecordingError`] if it can't be written; then the recording is as it was before.
    pub fn add(&mut self, snapshot: &Arc<Snapshot>) -> Result<(), RecordingError> {
        let facts = Facts::of(snapshot, &self.table, self.interval);
        let goes_on = self.current.as_ref().is_some_and(|current| {
            let passed = current.offset(snapshot.time);
            let last = self
                .last
                .as_ref()
                .is_none_or(|last| last.time <= snapshot.time);
            last && passed.is_some()
        });
        if !goes_on {
            return self.begin_file(snapshot, facts);
        }
        self.append(snapshot, &facts)?;
        self.gap = None;
        let is_full = self.current.as_ref().is_some_and(|current| {
            current.size >= FILE_SIZE.min(self.retention.size / PARTS)
                || snapshot
                    .time
                    .duration_since(current.start)
                    .is_ok_and(|age| age >= FILE_TIME.min(self.retention.age))
        });
        self.last = Some(Arc::clone(snapshot));
        self.facts = Some(facts.clone());
        // The next file begins with the snapshot that this one ends with: each can be read by itself, and no change is between them.
        if is_full {
            self.begin_file(snapshot, facts)?;
        }
        Ok(())
    }

    fn begin_file(&mut self, snapshot: &Arc<Snapshot>, facts: Facts) -> Result<(), RecordingError> {
        let (path, file) = self.folder.make(snapshot.time)?;
        let (boot, cookie) = identity(&self.table);
        let head = Head {
            start: snapshot.time,
            boot,
            cookie,
        };
        let mut current = Current {
            path,
            file,
            start: snapshot.time,
            size: 0,
            key: snapshot.time,
            key_size: 0,
            since_key: 0,
        };
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.extend_from_slice(&head.bytes());
        let mut made = Ok(());
        append(buffer, Kind::Key, 0, |out| {
            made = put_key(out, snapshot, &facts)
        });
        let made = made.map_err(|error| RecordingError::Damaged {
            path: current.path.clone(),
            text: error.to_string(),
        });
        let length = buffer.len() as u64;
        if let Err(error) = made.and_then(|()| current.write(buffer)) {
            // An empty file would only stand in the way.
            let _left_if_not = std::fs::remove_file(&current.path);
            return Err(error);
        }
        current.key_size = length - HEAD as u64;
        self.written.bytes += length;
        self.written.snapshots += 1;
        let pruned = self
            .folder
            .prune(self.retention, snapshot.time, &current.path);
        self.current = Some(current);
        self.last = Some(Arc::clone(snapshot));
        self.facts = Some(facts);
        self.gap = None;
        match pruned {
            Ok(pruned) => self.written.pruned += pruned,
            Err(error) => self.unpruned = Some(error),
        }
        Ok(())
    }

    /// Appends a snapshot to the file that there is.
    fn append(&mut self, snapshot: &Snapshot, facts: &Facts) -> Result<(), RecordingError> {
        let (Some(current), Some(last), Some(before)) =
            (&mut self.current, &self.last, &self.facts)
        else {
            return Ok(());
        };
        let time = current.offset(snapshot.time).unwrap_or(u32::MAX);
        let buffer = &mut self.buffer;
        buffer.clear();
        let mut made = Ok(());
        if facts != before {
            append(buffer, Kind::Facts, time, |out| {
                made = serde_json::to_writer(out, facts);
            });
        }
        // What was seen by a snapshot that was not recorded changed too.
        if !snapshot.changes.is_empty() || snapshot.number != last.number + 1 {
            let plan = Plan::between(
                last.table.configuration_only(),
                snapshot.table.configuration_only(),
                Vec::new(),
            );
            if !plan.is_empty() {
                append(buffer, Kind::Change, time, |out| {
                    let written = append_changes(out, &plan, &snapshot.changes);
                    made = std::mem::replace(&mut made, Ok(())).and(written);
                });
            }
        }
        let marks = Mark::commits(&snapshot.changes)
            .into_iter()
            .chain(facts.drain_marks(before));
        for mark in marks {
            append(buffer, Kind::Mark, time, |out| {
                let written = serde_json::to_writer(out, &mark);
                made = std::mem::replace(&mut made, Ok(())).and(written);
            });
        }
        let is_time = snapshot
            .time
            .duration_since(current.key)
            .is_ok_and(|age| age >= KEY_TIME);
        let is_key =
            is_time && current.since_key >= current.key_size || facts.reads_otherwise(before);
        let from = buffer.len();
        if is_key {
            append(buffer, Kind::Key, time, |out| {
                let written = put_key(out, snapshot, facts);
                made = std::mem::replace(&mut made, Ok(())).and(written);
            });
        } else {
            append(buffer, Kind::Delta, time, |out| {
                put_delta(out, last, snapshot)
            });
        }
        made.map_err(|error| RecordingError::Damaged {
            path: current.path.clone(),
            text: error.to_string(),
        })?;
        current.write(buffer)?;
        let length = buffer.len() as u64;
        if is_key {
            current.key = snapshot.time;
            current.key_size = length - from as u64;
            current.since_key = 0;
        } else {
            current.since_key += length;
        }
        self.written.bytes += length;
        self.written.snapshots += 1;
        Ok(())
    }

    /// Says that nothing can be read, and why; again and again is once.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn gap(&mut self, time: SystemTime, why: &str) -> Result<(), RecordingError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Some(offset) = current
            .offset(time)
            .filter(|_| self.gap.as_deref() != Some(why))
        else {
            return Ok(());
        };
        let gap = Gap {
            why: why.to_owned(),
        };
        let mut buffer = Vec::new();
        let mut made = Ok(());
        append(&mut buffer, Kind::Gap, offset, |out| {
            made = serde_json::to_writer(out, &gap);
        });
        made.map_err(|error| RecordingError::Damaged {
            path: current.path.clone(),
            text: error.to_string(),
        })?;
        current.write(&buffer)?;
        self.written.bytes += buffer.len() as u64;
        self.gap = Some(why.to_owned());
        Ok(())
    }

    /// Writes the kernel's file of connections, as `read` hands it over in pieces. A file that is not read to its end does not
    /// count.
    ///
    /// # Errors
    /// What `read` returns, or [`RecordingError`] as another error of that.
    pub fn connections<E: From<RecordingError>>(
        &mut self,
        time: SystemTime,
        read: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let Some(offset) = current.offset(time) else {
            return Ok(());
        };
        let (mut buffer, mut bytes) = (Vec::new(), 0);
        let mut written = Ok(());
        let mut put = |piece: &[u8]| {
            if written.is_err() {
                return;
            }
            buffer.clear();
            append(&mut buffer, Kind::Connections, offset, |out| {
                out.extend_from_slice(piece);
            });
            written = current.write(&buffer);
            bytes += buffer.len() as u64;
        };
        let mut gathered: Vec<u8> = Vec::new();
        let done = read(&mut |piece| {
            gathered.extend_from_slice(piece);
            if gathered.len() >= PIECE {
                put(&gathered);
                gathered.clear();
            }
        });
        if done.is_ok() {
            if !gathered.is_empty() {
                put(&gathered);
            }
            put(&[]);
        }
        self.written.bytes += bytes;
        done?;
        Ok(written?)
    }
}

fn identity(table: &TableIdentity) -> (u64, u32) {
    match table {
        TableIdentity::Kernel { boot, cookie, .. } => (
            crc32fast::hash(boot.as_bytes()).into(),
            cookie.map_or(0, |cookie| {
                u32::try_from(cookie & u64::from(u32::MAX)).unwrap_or(0)
            }),
        ),
        TableIdentity::Simulation { .. } => (0, 0),
    }
}
