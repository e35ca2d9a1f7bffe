//! A recording as a source of snapshots, as a kernel is.

use std::time::{Duration, SystemTime};

use super::error::RecordingError;
use super::reader::{Moment, Recording};
use crate::journal::time_text;
use crate::observe::{Depth, Snapshot, Source};
use crate::session::Error;

/// Plays a recording: each reading is the next snapshot. At its end it fails, and says so.
pub struct Playback {
    recording: Recording,
    next: Option<Moment>,
    /// When the last snapshot was.
    time: SystemTime,
    number: u64,
}

impl Playback {
    /// Begins at a moment.
    #[must_use]
    pub fn new(recording: Recording, from: Moment) -> Self {
        Self {
            recording,
            next: Some(from),
            time: SystemTime::UNIX_EPOCH,
            number: 0,
        }
    }
}

impl Source for Playback {
    fn read(&mut self, depth: Depth, _: Duration) -> Result<Snapshot, Error> {
        let Some(moment) = self.next else {
            return Err(RecordingError::Over {
                time: time_text(self.time),
            }
            .into());
        };
        let mut snapshot = self.recording.snapshot(moment)?;
        self.next = self.recording.next(moment)?;
        self.number += 1;
        self.time = snapshot.time;
        snapshot.number = self.number;
        if depth == Depth::Table {
            snapshot.settings = None;
        }
        Ok(snapshot)
    }

    fn connection_file(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        let read = self.recording.connection_file(self.time, sink);
        Ok(read.map(|_| ())?)
    }
}
