//! The folder of a recording: its files, who may write, and what is kept.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::RecordingError;
use super::frame::milliseconds;
use super::index::read_head;
use crate::files;
use crate::journal::TableIdentity;

/// How a file of a recording is called.
const EXTENSION: &str = "ipvsr";

/// How much of a recording is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What is older goes.
    pub age: Duration,
    /// Of all files together, in bytes: then the oldest goes.
    pub size: u64,
}

impl Retention {
    /// A day, and 256 MiB.
    pub const DEFAULT: Self = Self {
        age: Duration::from_secs(24 * 3600),
        size: 256 << 20,
    };
}

/// Returns where the recording of a table is kept, in the state folder: `ring`, of another network namespace or a simulated table a
/// folder in it.
#[must_use]
pub fn default_folder(state: &Path, table: &TableIdentity) -> PathBuf {
    let ring = state.join("ring");
    match table {
        TableIdentity::Kernel { name: None, .. } => ring,
        TableIdentity::Kernel {
            name: Some(name), ..
        } => ring.join(format!("netns-{}", plain(name))),
        TableIdentity::Simulation { file } => {
            let sum = crc32fast::hash(file.as_bytes());
            let name = Path::new(file).file_stem().unwrap_or_default();
            ring.join(format!("sim-{}-{sum:08x}", plain(&name.to_string_lossy())))
        }
    }
}

/// Returns a text as part of a file's name.
fn plain(text: &str) -> String {
    let kept = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => letter,
        _ => '_',
    };
    text.chars().map(kept).collect()
}

/// A folder that is written to.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as this one writes.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and takes it for this program alone.
    pub(super) fn take(path: &Path) -> Result<Self, RecordingError> {
        let failed = |error: std::io::Error| RecordingError::file(path, &error);
        if !path.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed)?;
            files::sync_folder(path.parent().unwrap_or(path));
        }
        let lock = File::open(path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(RecordingError::Busy {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a new file, named by when it begins.
    pub(super) fn make(&self, start: SystemTime) -> Result<(PathBuf, File), RecordingError> {
        let name = file_name(start);
        for number in 0u32.. {
            let name = match number {
                0 => format!("{name}.{EXTENSION}"),
                _ => format!("{name}-{number}.{EXTENSION}"),
            };
            let path = self.path.join(name);
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(RecordingError::file(&path, &error)),
            }
        }
        unreachable!("BUG: no folder has so many files of one second")
    }

    /// Deletes what is too old or too much, the oldest first; the file that is being written stays. Returns how many went.
    pub(super) fn prune(
        &self,
        retention: Retention,
        now: SystemTime,
        current: &Path,
    ) -> Result<usize, RecordingError> {
        let oldest = milliseconds(now)
            .saturating_sub(i64::try_from(retention.age.as_millis()).unwrap_or(i64::MAX));
        let files = files_of(&self.path)?;
        let sizes: Vec<u64> = files
            .iter()
            .map(|(path, _)| std::fs::metadata(path).map_or(0, |found| found.len()))
            .collect();
        let mut total: u64 = sizes.iter().sum();
        let mut gone = 0;
        // What was written while the clock was ahead goes before what is from the past.
        let is_ahead = |place: &usize| files.get(*place).is_some_and(|(_, start)| *start > now);
        let (ahead, past): (Vec<usize>, Vec<usize>) = (0..files.len()).partition(is_ahead);
        for place in ahead.into_iter().chain(past) {
            let (Some((path, start)), Some(size)) = (files.get(place), sizes.get(place)) else {
                continue;
            };
            // A file ends where the next one begins.
            let end = files.get(place + 1).map(|(_, start)| milliseconds(*start));
            let is_old = *start <= now && end.is_some_and(|end| end < oldest);
            if path == current || !is_old && total <= retention.size {
                continue;
            }
            std::fs::remove_file(path).map_err(|error| RecordingError::file(path, &error))?;
            total -= size;
            gone += 1;
        }
        Ok(gone)
    }
}

fn file_name(start: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(start).to_string();
    text.chars()
        .filter(|letter| !matches!(letter, '-' | ':'))
        .collect()
}

/// Returns the files of a recording with when they begin, the oldest first: one file, or those of a folder. What in it is no recording
/// is somebody else's.
pub(super) fn files_of(path: &Path) -> Result<Vec<(PathBuf, SystemTime)>, RecordingError> {
    if path.is_file() {
        let head = read_head(path)?;
        return Ok(head
            .map(|(_, head)| (path.to_owned(), head.start))
            .into_iter()
            .collect());
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RecordingError::file(path, &error)),
    };
    let (mut found, mut other) = (Vec::new(), None);
    for entry in entries {
        let entry = entry.map_err(|error| RecordingError::file(path, &error))?;
        let path = entry.path();
        // To open what is no file may wait for ever.
        let is_file = std::fs::metadata(&path).is_ok_and(|found| found.is_file());
        if !is_file
            || path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
        {
            continue;
        }
        match read_head(&path) {
            Ok(Some((_, head))) => found.push((path, head.start)),
            Ok(None) | Err(RecordingError::Foreign { .. }) => {}
            // What a later version wrote is read by that.
            Err(error @ RecordingError::Version { .. }) => other = Some(error),
            // It went meanwhile.
            Err(RecordingError::File { .. }) if !path.exists() => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = other.filter(|_| found.is_empty()) {
        return Err(error);
    }
    found.sort_by(|(one, one_start), (other, other_start)| {
        one_start.cmp(other_start).then_with(|| one.cmp(other))
    });
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{default_folder, file_name, plain};
    use crate::journal::TableIdentity;
    use crate::recording::frame::time_at;
    use std::path::Path;

    #[test]
    fn each_table_has_a_place_of_its_own() {
        let kernel = |name: Option<&str>| TableIdentity::Kernel {
            boot: String::new(),
            namespace: String::new(),
            cookie: None,
            name: name.map(str::to_owned),
        };
        let simulation = |file: &str| TableIdentity::Simulation {
            file: file.to_owned(),
        };
        let of = |table: &TableIdentity| {
            let folder = default_folder(Path::new("/s"), table);
            folder.display().to_string()
        };
        assert_eq!(of(&kernel(None)), "/s/ring");
        assert_eq!(of(&kernel(Some("blue"))), "/s/ring/netns-blue");
        assert_eq!(
            of(&kernel(Some("/run/netns/x"))),
            "/s/ring/netns-_run_netns_x"
        );
        assert_ne!(of(&simulation("/a/t.json")), of(&simulation("/b/t.json")));
        assert_eq!(plain("a b/ä"), "a_b__");
        assert_eq!(file_name(time_at(1_700_000_000_123)), "20231114T221320Z");
    }
}
