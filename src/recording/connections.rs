//! The connections of a recording.

use std::time::SystemTime;

use super::error::RecordingError;
use super::frame::Kind;
use super::index::Index;
use super::reader::Recording;
use crate::backend::ConnectionLines;
use crate::journal::time_text;
use crate::model::ConnectionEntry;

impl Recording {
    /// Hands over the file of connections that was recorded last, not later than a time, in pieces. Returns when that was.
    ///
    /// # Errors
    /// [`RecordingError::NoConnections`] if none were.
    pub fn connection_file(
        &self,
        time: SystemTime,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<SystemTime, RecordingError> {
        let (place, (first, end)) = self.find_connections(time)?;
        let Some(index) = self.index(place)? else {
            return Ok(time);
        };
        let pieces = index.frames.get(first..end).unwrap_or(&[]);
        for frame in pieces
            .iter()
            .filter(|frame| frame.kind == Kind::Connections)
        {
            sink(&index.body(frame)?);
        }
        Ok(index.frames.get(end).map_or(time, |end| index.time(end)))
    }

    /// Returns when the connections were recorded that [`Self::connections`] reads.
    ///
    /// # Errors
    /// As [`Self::connection_file`].
    pub fn connections_time(&self, time: SystemTime) -> Result<SystemTime, RecordingError> {
        let (place, (_, end)) = self.find_connections(time)?;
        let index = self.index(place)?;
        let end = index.and_then(|index| Some(index.time(index.frames.get(end)?)));
        Ok(end.unwrap_or(time))
    }

    /// Returns the file and the frames of the connections that were recorded last, not later than a time.
    fn find_connections(
        &self,
        time: SystemTime,
    ) -> Result<(usize, (usize, usize)), RecordingError> {
        for place in (0..self.files.len()).rev() {
            if self.files.get(place).is_none_or(|file| file.start > time) {
                continue;
            }
            let Some(index) = self.index(place)? else {
                continue;
            };
            if let Some(found) = whole_connections(index, time) {
                return Ok((place, found));
            }
        }
        Err(RecordingError::NoConnections {
            path: self.path.clone(),
            wanted: time_text(time),
        })
    }

    /// Reads the connections that were recorded last, not later than a time. Returns when that was, how many lines there are, the
    /// title among them, and how many can't be read.
    ///
    /// # Errors
    /// As [`Self::connection_file`].
    pub fn connections(
        &self,
        time: SystemTime,
        sink: &mut dyn FnMut(&[ConnectionEntry<'_>]),
    ) -> Result<(SystemTime, usize, usize), RecordingError> {
        let mut lines = ConnectionLines::default();
        let when = self.connection_file(time, &mut |piece| lines.take(piece, sink))?;
        let (all, unread) = lines.end(sink);
        Ok((when, all, unread))
    }
}

/// Returns the frames of the last whole file of connections that is not later than a time: the first one, and the empty one at its end.
fn whole_connections(index: &Index, time: SystemTime) -> Option<(usize, usize)> {
    let mut found = None;
    let mut first = None;
    let mut when = None;
    for (place, frame) in index.frames.iter().enumerate() {
        if frame.kind != Kind::Connections {
            continue;
        }
        let its_time = index.time(frame);
        if its_time > time {
            break;
        }
        // One that was not written to its end is followed by another one.
        if when != Some(its_time) {
            (first, when) = (None, Some(its_time));
        }
        if frame.is_empty() {
            found = Some((first.take().unwrap_or(place), place));
        } else {
            first.get_or_insert(place);
        }
    }
    found
}
