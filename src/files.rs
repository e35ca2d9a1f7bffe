//! Files that are written whole.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use crate::ui::standard_stream;

/// As many links to links as the kernel follows.
const MOST_LINKS: usize = 40;

/// Writes a file: whoever reads it sees the old text or the new one, never half of it. A link stays a link, and
/// what it leads to is written; owner and mode stay, and who may not write the file may not replace it.
///
/// Where nothing can take the file's place without taking something away (it has a second name, its owner is someone
/// else, its folder takes no new files) it is written over, and so is what is no file. Our own standard output goes on
/// behind what it has.
///
/// # Errors
/// The system's error. Then the file is as it was, unless it was being written over.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    replace_locked(path, &text).map(|_unlocked| ())
}

/// Writes a file as [`replace`] does, and returns the new one with its lock held, so that a lock of the old one goes on without
/// a gap; `None` if the old one was written over, and is locked as before.
///
/// # Errors
/// As [`replace`].
pub fn replace_locked(path: &Path, text: &[u8]) -> io::Result<Option<File>> {
    let place = target(path)?;
    let old = match std::fs::metadata(&place) {
        Ok(old) => old,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return exchange(&place, text, None).map(Some);
        }
        Err(error) => return Err(error),
    };
    if let Some(mut stream) = standard_stream(&old) {
        return stream.write_all(text).map(|()| None);
    }
    let mut file = OpenOptions::new().write(true).open(&place)?;
    if !old.is_file() {
        return file.write_all(text).map(|()| None);
    }
    if old.nlink() == 1 {
        match exchange(&place, text, Some(&old)) {
            Err(error) if is_in_the_way(&error) => {}
            done => return done.map(Some),
        }
    }
    let before = std::fs::read(&place)?;
    if let Err(error) = write_over(&mut file, text) {
        // A full disk has room for what was there.
        let _as_it_was_or_not = write_over(&mut file, &before);
        return Err(error);
    }
    Ok(None)
}

/// Writes over a file; it gets no shorter before it is written.
fn write_over(file: &mut File, text: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Returns where a path leads, links followed; of a file that is not there yet, where it would be.
///
/// # Errors
/// The system's error: the folder is not there either, or can't be looked at.
pub fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::canonicalize(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => return done,
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = path.file_name().ok_or(ErrorKind::NotFound)?;
        let place = std::fs::canonicalize(folder)?.join(name);
        match std::fs::read_link(&place) {
            // A link that leads nowhere: what it names is what would be made.
            Ok(named) => path = place.with_file_name("").join(named),
            Err(_) => return Ok(place),
        }
    }
    Err(ErrorKind::NotFound.into())
}

/// Returns where a path would lead, links followed as far as there is something: what is not there yet is taken as it is written.
/// `None` if it goes up from what is not there.
#[must_use]
pub fn deepest(path: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    let mut there = std::path::absolute(path).ok()?;
    let found = loop {
        match std::fs::canonicalize(&there) {
            Ok(found) => break found,
            Err(_) => {
                missing.push(there.file_name()?.to_owned());
                there = there.parent()?.to_owned();
            }
        }
    };
    Some(
        missing
            .into_iter()
            .rev()
            .fold(found, |path, name| path.join(name)),
    )
}

/// Returns a path without `.` and `..`, as it is written: whether the folders that it names are there does not matter.
#[must_use]
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .components()
    {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Puts a new file in the place of the old one, and returns it with its lock held.
fn exchange(place: &Path, text: &[u8], old: Option<&Metadata>) -> io::Result<File> {
    /// How often another program may be doing the same just now.
    const ATTEMPTS: usize = 1000;
    for _ in 0..ATTEMPTS {
        match exchange_once(place, text, old) {
            // Another program took the interim name away, and with it the file.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
    Err(ErrorKind::ResourceBusy.into())
}

fn exchange_once(place: &Path, text: &[u8], old: Option<&Metadata>) -> io::Result<File> {
    // The mode of a new file is what the user's mask makes of this.
    let mode = old.map_or(0o666, |old| old.mode() & 0o7777);
    let folder = place.parent().unwrap_or(place);
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let fresh = Fresh::make(folder, &format!(".{name}.ipvsh-new"), mode)?;
    (&fresh.file).write_all(text)?;
    if let Some(old) = old {
        let made = fresh.file.metadata()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            // The owner comes before the mode, as the change takes special bits off it.
            fchown(&fresh.file, Some(old.uid()), Some(old.gid()))?;
        }
        fresh.file.set_permissions(Permissions::from_mode(mode))?;
    }
    fresh.file.sync_all()?;
    // Nobody has it yet.
    fresh.file.lock()?;
    let file = fresh.file.try_clone()?;
    fresh.replace(place)?;
    sync_folder(folder);
    Ok(file)
}

/// Has the names in a folder outlast a loss of power, where its file system can: they are as they should be, whatever comes of it.
pub fn sync_folder(folder: &Path) {
    let _synced_or_not = File::open(folder).and_then(|folder| folder.sync_all());
}

/// A new file that has no name until it is whole, so that nothing is left of it when this program is killed.
pub struct Fresh {
    /// The file.
    pub file: File,
    /// The name that it gets just before it takes its place, or has from the start where the file system knows no files
    /// without names. It is always the same, so that what a killed program left makes place for the next.
    interim: PathBuf,
    is_named: bool,
}

impl Fresh {
    /// Makes a file in a folder.
    ///
    /// # Errors
    /// The system's error.
    pub fn make(folder: &Path, interim: &str, mode: u32) -> io::Result<Self> {
        /// `O_TMPFILE`.
        const NAMELESS: i32 = 0o20_200_000;
        let interim = folder.join(interim);
        let nameless = OpenOptions::new()
            .write(true)
            .mode(mode)
            .custom_flags(NAMELESS)
            .open(folder);
        match nameless {
            Ok(file) => Ok(Self {
                file,
                interim,
                is_named: false,
            }),
            // As file systems say that they don't know this, and old ones that a folder is none.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Unsupported | ErrorKind::IsADirectory | ErrorKind::NotFound
                ) =>
            {
                Self::make_named(interim, mode)
            }
            Err(error) => Err(error),
        }
    }

    fn make_named(mut interim: PathBuf, mode: u32) -> io::Result<Self> {
        loop {
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&interim);
            match made {
                Ok(file) => {
                    // Whoever finds it can tell that its program lives.
                    file.lock()?;
                    return Ok(Self {
                        file,
                        interim,
                        is_named: true,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let is_left = File::open(&interim).is_ok_and(|file| file.try_lock().is_ok());
                    if is_left {
                        let _gone_or_never_there = std::fs::remove_file(&interim);
                    } else {
                        let number = std::process::id();
                        interim.as_mut_os_string().push(format!("-{number}"));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives the file a name that no other file has yet.
    ///
    /// # Errors
    /// The system's error, also where the name is taken.
    pub fn name(&mut self, place: &Path) -> io::Result<()> {
        if !self.is_named {
            return self.link(place);
        }
        // A second name would do, but there are file systems where that is a second file for those who lock it.
        if place.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(&self.interim, place)?;
        self.is_named = false;
        Ok(())
    }

    fn link(&self, place: &Path) -> io::Result<()> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        nix::unistd::linkat(
            nix::fcntl::AT_FDCWD,
            own.as_str(),
            nix::fcntl::AT_FDCWD,
            place,
            nix::fcntl::AtFlags::AT_SYMLINK_FOLLOW,
        )
        .map_err(io::Error::from)
    }

    /// Puts the file in the place of another one, or where none was.
    fn replace(mut self, place: &Path) -> io::Result<()> {
        const ATTEMPTS: usize = 1000;
        if self.is_named {
            self.is_named = false;
            return std::fs::rename(&self.interim, place);
        }
        for _ in 0..ATTEMPTS {
            match self.link(&self.interim) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    // A program was killed between here and the next line, or is there.
                    let _gone_or_never_there = std::fs::remove_file(&self.interim);
                    continue;
                }
                Err(error) => return Err(error),
            }
            match std::fs::rename(&self.interim, place) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(ErrorKind::Interrupted.into());
                }
                done => return done,
            }
        }
        Err(ErrorKind::ResourceBusy.into())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if self.is_named {
            let _gone_or_never_there = std::fs::remove_file(&self.interim);
        }
    }
}

/// Returns whether a file can't be replaced where it may be writable all the same.
fn is_in_the_way(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::{replace, target};

    fn put(path: &Path, text: &str) -> std::io::Result<()> {
        replace(path, |file| file.write_all(text.as_bytes()))
    }

    #[test]
    fn links_stay_links_whether_or_not_they_lead_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = folder.path().join("link");
        symlink("real/table.json", &link).unwrap();
        for text in ["one", "two"] {
            put(&link, text).unwrap();
            assert!(link.is_symlink());
            assert_eq!(
                std::fs::read_to_string(real.join("table.json")).unwrap(),
                text
            );
            assert_eq!(std::fs::read_dir(&real).unwrap().count(), 1);
        }
        symlink("circle", folder.path().join("circle")).unwrap();
        put(&folder.path().join("circle"), "x").unwrap_err();
        put(&folder.path().join("nowhere/x"), "x").unwrap_err();
        let nowhere = target(&folder.path().join("new")).unwrap();
        assert_eq!(nowhere.file_name().unwrap(), "new");
    }

    #[test]
    fn a_file_with_two_names_keeps_both_and_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        put(&one, "first, and longer").unwrap();
        std::fs::set_permissions(&one, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::fs::hard_link(&one, &two).unwrap();
        put(&two, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "second");
        assert_eq!(std::fs::metadata(&one).unwrap().mode() & 0o7777, 0o640);
        // What can't be made leaves what is there.
        replace(&one, |_| Err(std::io::ErrorKind::Other.into())).unwrap_err();
        assert_eq!(std::fs::read_to_string(&one).unwrap(), "second");
    }
}
