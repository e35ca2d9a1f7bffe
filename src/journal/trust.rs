//! What is believed of files and folders that others may have made.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::error::{JournalError, failed};

/// Opens a record. A link in its place is not ours, and a pipe or a device would have us wait.
pub(super) fn open_plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    /// `O_NOFOLLOW` and `O_NONBLOCK`.
    const CAREFULLY: i32 = 0o400_000 | 0o4_000;
    let file = options.custom_flags(CAREFULLY).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a plain file"))
    }
}

/// Refuses a state folder that someone else could put another one in the place of.
pub(super) fn check_way(state: &Path) -> Result<(), JournalError> {
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let written = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    // Where links lead counts as well as where they lie.
    let leads_to = crate::files::deepest(&written).unwrap_or_else(|| written.clone());
    let ways = written.ancestors().skip(1);
    for above in ways.chain(leads_to.ancestors().skip(1)) {
        let Ok(found) = fs::metadata(above) else {
            continue;
        };
        if found.mode() & OTHERS_WRITE != 0 && found.mode() & STICKY == 0 {
            return Err(JournalError::Owner {
                path: state.display().to_string(),
                text: format!(
                    "is below {}, where anyone may write (its mode is {:04o})",
                    above.display(),
                    found.mode() & 0o7777
                ),
            });
        }
    }
    Ok(())
}

/// Refuses a folder in which someone else could write records for this user to act on.
pub(super) fn check_owner(path: &Path) -> Result<(), JournalError> {
    const OTHERS_WRITE: u32 = 0o022;
    let found = fs::metadata(path).map_err(|error| failed(path, &error))?;
    let own = crate::config::user_id();
    let wrong = |text: String| {
        Err(JournalError::Owner {
            path: path.display().to_string(),
            text,
        })
    };
    if !found.is_dir() {
        return Err(failed(path, &io::ErrorKind::NotADirectory.into()));
    }
    if found.uid() != own {
        return wrong(format!(
            "belongs to user {}, and this program runs as user {own}",
            found.uid()
        ));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return wrong(format!(
            "can be written by others (its mode is {:04o})",
            found.mode() & 0o7777
        ));
    }
    Ok(())
}
