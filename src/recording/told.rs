//! What a recording tells beside its snapshots: changes, marks, gaps, damage.

use std::time::{Duration, SystemTime};

use super::error::RecordingError;
use super::facts::{Gap, Mark, read_changes};
use super::frame::Kind;
use super::index::{Frame, Index};
use super::reader::{Moment, Recording};
use super::state::State;
use crate::observe::SeenChange;

/// Something that a recording tells beside its snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Something happened.
    Mark(Mark),
    /// Nothing could be read from here on, and why.
    Gap(String),
    /// Nothing was recorded until then: nobody did.
    Pause(SystemTime),
    /// Something is damaged, and passed over until then.
    Damage(SystemTime),
}

/// How many files may overlap, where the clock was set back.
const OVERLAPPING: usize = 4;

/// How much later than it should the next snapshot comes before that is a pause.
const LATE: u32 = 3;

impl Recording {
    /// Returns how often it was to be read, as the file of a moment has it.
    fn interval(&self, moment: Moment) -> Result<Duration, RecordingError> {
        let Some(index) = self.index(moment.file)? else {
            return Ok(Duration::ZERO);
        };
        let key = index.groups.iter().find(|group| group.is_key);
        let Some(frame) = key.and_then(|key| index.frames.get(key.last)) else {
            return Ok(Duration::ZERO);
        };
        let state = State::of_key(&index.body(frame)?).ok();
        Ok(state.map_or(Duration::ZERO, |state| {
            Duration::from_millis(state.facts.interval_ms)
        }))
    }

    /// Returns the changes that were seen after one time, up to another one, with when they were seen.
    ///
    /// # Errors
    /// [`RecordingError`] if a file can't be read or understood.
    pub fn changes(
        &self,
        after: SystemTime,
        until: SystemTime,
    ) -> Result<Vec<(SystemTime, SeenChange)>, RecordingError> {
        let mut found = Vec::new();
        self.each_frame(after, until, |index, frame| {
            if frame.kind == Kind::Change {
                let changes =
                    read_changes(&index.body(frame)?).map_err(|text| RecordingError::Damaged {
                        path: index.path.clone(),
                        text: format!("a change can't be understood: {text}"),
                    })?;
                let time = index.time(frame);
                found.extend(changes.into_iter().map(|change| (time, change)));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns what a recording tells of the time after one moment, up to another one: marks, gaps, pauses, damage.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub fn told(
        &self,
        after: SystemTime,
        until: SystemTime,
    ) -> Result<Vec<(SystemTime, Told)>, RecordingError> {
        let mut found = Vec::new();
        self.each_frame(after, until, |index, frame| {
            let body = match frame.kind {
                Kind::Mark | Kind::Gap => index.body(frame)?,
                _ => return Ok(()),
            };
            let told = match frame.kind {
                Kind::Mark => serde_json::from_slice(&body).map(Told::Mark),
                _ => serde_json::from_slice(&body).map(|gap: Gap| Told::Gap(gap.why)),
            };
            // A mark of a later version is its business.
            found.extend(told.ok().map(|told| (index.time(frame), told)));
            Ok(())
        })?;
        let (mut before, mut interval) = (None, (usize::MAX, Duration::ZERO));
        let mut moment = self.first()?;
        while let Some(here) = moment {
            let time = self.time(here)?;
            if time > until {
                break;
            }
            if interval.0 != here.file {
                interval = (here.file, self.interval(here)?);
                let damaged = self
                    .index(here.file)?
                    .map_or(&[][..], |index| &index.damaged);
                let damaged = damaged.iter().filter(|damage| damage.to > after);
                found.extend(damaged.map(|damage| (damage.from, Told::Damage(damage.to))));
            }
            if let Some(before) = before
                && time > after
                && time
                    .duration_since(before)
                    .is_ok_and(|passed| passed > (interval.1 * LATE).max(Duration::from_secs(1)))
            {
                let within = |(at, told): &(SystemTime, Told)| {
                    matches!(told, Told::Gap(_) | Told::Damage(_)) && *at >= before && *at <= time
                };
                // What is told of already is told once.
                if !found.iter().any(within) {
                    found.push((before, Told::Pause(time)));
                }
            }
            before = Some(time);
            moment = self.next(here)?;
        }
        found.sort_by_key(|(time, _)| *time);
        Ok(found)
    }

    /// Visits the frames of a time that belong to whole snapshots, or stand by themselves.
    fn each_frame(
        &self,
        after: SystemTime,
        until: SystemTime,
        mut visit: impl FnMut(&Index, &Frame) -> Result<(), RecordingError>,
    ) -> Result<(), RecordingError> {
        for (place, file) in self.files.iter().enumerate() {
            // Where the clock was set back, the files after the next one may be of the same time.
            let later = self.files.get(place + OVERLAPPING);
            if file.start > until || later.is_some_and(|later| later.start < after) {
                continue;
            }
            let Some(index) = self.index(place)? else {
                continue;
            };
            let whole = index.groups.last().map_or(0, |group| group.last + 1);
            for (number, frame) in index.frames.iter().enumerate() {
                let counts = number < whole || frame.kind == Kind::Gap;
                let time = index.time(frame);
                if counts && time > after && time <= until {
                    visit(index, frame)?;
                }
            }
        }
        Ok(())
    }
}
