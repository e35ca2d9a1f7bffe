//! Reads a recording.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::RecordingError;
use super::facts::read_changes;
use super::folder::files_of;
use super::frame::Kind;
use super::index::Index;
use super::state::State;
use crate::journal::time_text;
use crate::observe::Snapshot;

/// A recording: files of a folder, or one of them.
pub struct Recording {
    pub(super) path: PathBuf,
    pub(super) files: Vec<RecordedFile>,
    /// What was read last: who steps from one snapshot to the next reads each frame once.
    cursor: Option<(Moment, State)>,
}

pub(super) struct RecordedFile {
    path: PathBuf,
    pub(super) start: SystemTime,
    index: OnceCell<Option<Index>>,
}

/// A snapshot of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    pub(super) file: usize,
    group: usize,
}

impl Recording {
    /// Opens the recording in a folder, or in one file.
    ///
    /// # Errors
    /// [`RecordingError`] if there is none, or another version wrote it.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let files: Vec<RecordedFile> = files_of(path)?
            .into_iter()
            .map(|(path, start)| RecordedFile {
                path,
                start,
                index: OnceCell::new(),
            })
            .collect();
        if files.is_empty() {
            return Err(RecordingError::None {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            cursor: None,
        })
    }

    /// Returns the index of a file; `None` if it has nothing whole, or went meanwhile.
    pub(super) fn index(&self, file: usize) -> Result<Option<&Index>, RecordingError> {
        let Some(recorded) = self.files.get(file) else {
            return Ok(None);
        };
        if let Some(index) = recorded.index.get() {
            return Ok(index.as_ref());
        }
        let read = match Index::read(&recorded.path) {
            Err(RecordingError::File { .. }) if !recorded.path.exists() => None,
            other => other?.filter(|index| !index.groups.is_empty()),
        };
        Ok(recorded.index.get_or_init(|| read).as_ref())
    }

    /// Returns the moments of a file; the one that the file before it ends with is not counted twice.
    fn first_group(&self, file: usize) -> Result<usize, RecordingError> {
        let Some(index) = self.index(file)? else {
            return Ok(0);
        };
        let Some(before) = file.checked_sub(1) else {
            return Ok(0);
        };
        let ends = self.index(before)?.and_then(|before| {
            let last = before.groups.last()?;
            Some(before.group_time(last))
        });
        let begins = index.groups.first().map(|group| index.group_time(group));
        Ok(usize::from(ends.is_some() && ends == begins))
    }

    /// Returns the first moment.
    ///
    /// # Errors
    /// [`RecordingError`] if a file can't be read.
    pub fn first(&self) -> Result<Option<Moment>, RecordingError> {
        for file in 0..self.files.len() {
            if self.index(file)?.is_some() {
                return Ok(Some(Moment { file, group: 0 }));
            }
        }
        Ok(None)
    }

    /// Returns the last moment.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn last(&self) -> Result<Option<Moment>, RecordingError> {
        for file in (0..self.files.len()).rev() {
            if let Some(index) = self.index(file)? {
                let group = index.groups.len() - 1;
                return self.counted_once(Moment { file, group }).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns the moment of the file before, if it is that.
    fn counted_once(&self, moment: Moment) -> Result<Moment, RecordingError> {
        if moment.group >= self.first_group(moment.file)? {
            return Ok(moment);
        }
        let file = moment.file.saturating_sub(1);
        let groups = self.index(file)?.map_or(0, |index| index.groups.len());
        Ok(groups
            .checked_sub(1)
            .map_or(moment, |group| Moment { file, group }))
    }

    /// Returns when the last snapshot was taken.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn end(&self) -> Result<Option<SystemTime>, RecordingError> {
        self.last()?.map(|last| self.time(last)).transpose()
    }

    /// Returns the moment after another one.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn next(&self, moment: Moment) -> Result<Option<Moment>, RecordingError> {
        let groups = self
            .index(moment.file)?
            .map_or(0, |index| index.groups.len());
        if moment.group + 1 < groups {
            return Ok(Some(Moment {
                group: moment.group + 1,
                ..moment
            }));
        }
        for file in moment.file + 1..self.files.len() {
            if let Some(index) = self.index(file)? {
                let group = self.first_group(file)?;
                if group < index.groups.len() {
                    return Ok(Some(Moment { file, group }));
                }
            }
        }
        Ok(None)
    }

    /// Returns the moment before another one.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn previous(&self, moment: Moment) -> Result<Option<Moment>, RecordingError> {
        if moment.group > self.first_group(moment.file)? {
            return Ok(Some(Moment {
                group: moment.group - 1,
                ..moment
            }));
        }
        for file in (0..moment.file).rev() {
            if let Some(index) = self.index(file)? {
                return Ok(Some(Moment {
                    file,
                    group: index.groups.len() - 1,
                }));
            }
        }
        Ok(None)
    }

    /// Returns the last moment that is not later than a time.
    ///
    /// # Errors
    /// [`RecordingError::TooEarly`] if there is none.
    pub fn at(&self, time: SystemTime) -> Result<Moment, RecordingError> {
        /// How many files may overlap, where the clock was set back.
        const OVERLAPPING: usize = 4;
        let mut nearest: Option<(SystemTime, Moment)> = None;
        let mut looked_at = 0;
        for file in (0..self.files.len()).rev() {
            if self.files.get(file).is_none_or(|file| file.start > time) {
                continue;
            }
            let Some(index) = self.index(file)? else {
                continue;
            };
            let later = index
                .groups
                .partition_point(|group| index.group_time(group) <= time);
            if let Some(group) = later.checked_sub(1) {
                let moment = Moment { file, group };
                let found = self.time(moment)?;
                // Of two that are as near, that of the file counts that was begun last.
                if nearest.is_none_or(|(nearest, _)| found > nearest) {
                    nearest = Some((found, moment));
                }
                looked_at += 1;
            }
            if looked_at >= OVERLAPPING {
                break;
            }
        }
        if let Some((_, moment)) = nearest {
            return self.counted_once(moment);
        }
        let first = match self.first()? {
            Some(first) => format!("it begins at {}", time_text(self.time(first)?)),
            None => "it has no snapshot yet".to_owned(),
        };
        Err(RecordingError::TooEarly {
            path: self.path.clone(),
            wanted: time_text(time),
            first,
        })
    }

    /// Returns when a snapshot was taken.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn time(&self, moment: Moment) -> Result<SystemTime, RecordingError> {
        let index = self.index(moment.file)?;
        let time = index.and_then(|index| Some(index.group_time(index.groups.get(moment.group)?)));
        Ok(time.unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// Returns the snapshot of a moment.
    ///
    /// # Errors
    /// [`RecordingError::Damaged`] if it can't be understood.
    pub fn snapshot(&mut self, moment: Moment) -> Result<Snapshot, RecordingError> {
        let Some(index) = self.index(moment.file)? else {
            return Err(RecordingError::None {
                path: self.path.clone(),
            });
        };
        let groups = index.groups.get(..=moment.group).unwrap_or(&index.groups);
        let key = groups.iter().rposition(|group| group.is_key).unwrap_or(0);
        let known = self
            .cursor
            .as_ref()
            .filter(|(at, _)| at.file == moment.file && (key..=moment.group).contains(&at.group));
        let (mut at, mut state) = match known {
            Some((at, state)) => (at.group + 1, Some(state.clone())),
            None => (key, None),
        };
        while at <= moment.group {
            state = Some(self.step(index, at, state)?);
            at += 1;
        }
        let Some(state) = state else {
            return Err(RecordingError::None {
                path: self.path.clone(),
            });
        };
        let number = u64::try_from(moment.group + 1).unwrap_or(u64::MAX);
        let snapshot = state.snapshot(self.time(moment)?, number);
        self.cursor = Some((moment, state));
        Ok(snapshot)
    }

    /// Takes the frames of one snapshot.
    fn step(
        &self,
        index: &Index,
        group: usize,
        state: Option<State>,
    ) -> Result<State, RecordingError> {
        let damaged = |text: String| RecordingError::Damaged {
            path: index.path.clone(),
            text: format!("snapshot {} can't be understood: {text}", group + 1),
        };
        let Some(found) = index.groups.get(group) else {
            return Err(damaged("it is not there".to_owned()));
        };
        let frames = index.frames.get(found.first..=found.last).unwrap_or(&[]);
        if found.is_key {
            let mut changes = Vec::new();
            let mut made = None;
            for frame in frames {
                let body = index.body(frame)?;
                match frame.kind {
                    Kind::Change => changes.extend(read_changes(&body).map_err(damaged)?),
                    Kind::Key => made = Some(State::of_key(&body).map_err(damaged)?),
                    _ => {}
                }
            }
            let mut state = made.ok_or_else(|| damaged("it has no key frame".to_owned()))?;
            state.changed(changes);
            return Ok(state);
        }
        let mut state = state.ok_or_else(|| damaged("no key frame is before it".to_owned()))?;
        for frame in frames {
            let body = index.body(frame)?;
            match frame.kind {
                Kind::Facts => state.facts(&body),
                Kind::Change => state.change(&body),
                Kind::Delta => state.delta(&body),
                _ => Ok(()),
            }
            .map_err(damaged)?;
        }
        Ok(state)
    }

    /// Returns where its files are, when each begins, how long each is, and how many snapshots it has.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub fn files(&self) -> Result<Vec<(PathBuf, SystemTime, u64, usize)>, RecordingError> {
        let mut found = Vec::new();
        for (place, file) in self.files.iter().enumerate() {
            let size = std::fs::metadata(&file.path).map_or(0, |found| found.len());
            let snapshots = self.index(place)?.map_or(0, |index| index.groups.len());
            found.push((file.path.clone(), file.start, size, snapshots));
        }
        Ok(found)
    }
}
