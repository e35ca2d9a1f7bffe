//! Which files a script may touch: none, unless the command line says so.

use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::error::ScriptError;
use super::limits;
use crate::files;
use crate::model::reason;

/// The largest file that a script reads, in bytes.
pub(super) const LARGEST_FILE: u64 = 16 << 20;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Where one kind of access is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Everywhere.
    Everywhere,
    /// In these files and folders.
    In(Vec<PathBuf>),
}

/// The files that a script may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// To read.
    pub read: Allowed,
    /// To write.
    pub write: Allowed,
    /// Whether a setting of the prompt allows more, and no option.
    pub at_prompt: bool,
}

/// Permissions that a running script and its imports share: the prompt changes them.
pub(super) type SharedPermissions = Rc<RefCell<Permissions>>;

impl Allowed {
    /// Returns whether a place, free of links and dots, is allowed.
    fn covers(&self, place: &Path) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::In(roots) => roots.iter().any(|root| {
                // One that is not there yet is allowed as well: a file to write.
                files::target(root).is_ok_and(|root| place.starts_with(root))
            }),
        }
    }
}

fn failed(path: &str, error: &std::io::Error) -> ScriptError {
    ScriptError::new("io", format!("{path}: {}", reason(error)))
}

/// Returns `true` for what a program feeds a script by: its standard input and other open files, where they are pipes.
fn is_stream(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_open_file = path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd");
    is_open_file
        && std::fs::metadata(path).is_ok_and(|found| {
            let kind = found.file_type();
            kind.is_fifo() || kind.is_socket() || kind.is_char_device()
        })
}

/// Reads what a program writes to a pipe, until it ends. A signal ends that.
fn stream_of(file: std::fs::File, largest: u64) -> std::io::Result<Vec<u8>> {
    use std::os::fd::AsFd;
    const LOOK_MILLISECONDS: u16 = 100;
    let mut bytes = Vec::new();
    let mut part = vec![0; 1 << 16];
    let mut file = file;
    loop {
        limits::afford(part.len()).map_err(|_| std::io::Error::other("interrupted"))?;
        let mut wanted = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, PollTimeout::from(LOOK_MILLISECONDS)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let length = file.read(&mut part)?;
        if length == 0 || bytes.len() as u64 > largest {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&part[..length]);
    }
}

/// Reads a text file, or what a program feeds by a pipe. Another pipe, a device or a terminal might never end: it is refused.
pub(super) fn text_of(place: &Path, largest: u64) -> std::io::Result<String> {
    let wrong = |text: String| std::io::Error::other(text);
    let mut bytes = Vec::new();
    if is_stream(place) {
        bytes = stream_of(std::fs::File::open(place)?, largest)?;
    } else {
        if !std::fs::metadata(place)?.is_file() {
            return Err(wrong("it is not a regular file".to_owned()));
        }
        std::fs::File::open(place)?
            .take(largest + 1)
            .read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > largest {
        return Err(wrong(format!("it is larger than {largest} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        wrong(format!("it is no text: byte {place} is not UTF-8"))
    })
}

impl Permissions {
    /// Returns where a path leads, if that is allowed.
    pub(super) fn resolve(&self, access: Access, path: &str) -> Result<PathBuf, ScriptError> {
        let (allowed, option, verb) = match access {
            Access::Read => (&self.read, "--allow-read", "read"),
            Access::Write => (&self.write, "--allow-write", "write"),
        };
        let refused = || {
            let mut error =
                ScriptError::new("permission", format!("this script may not {verb} {path}"));
            error.set_hint(if self.at_prompt {
                "`:set files on` lets the lines of this prompt read and write files".to_owned()
            } else {
                format!(
                    "`ipvsh run {option} FILE` allows every file, `{option}=FOLDER` those of a folder"
                )
            });
            error
        };
        // Whether a file is there is not told to those who may not know.
        if *allowed == Allowed::Nowhere {
            return Err(refused());
        }
        // What folders there are elsewhere is not told either.
        let named = files::plain(Path::new(path));
        if access == Access::Read && is_stream(&named) {
            let is_named = match allowed {
                Allowed::Everywhere => true,
                Allowed::In(roots) => roots.iter().any(|root| root.as_path() == Path::new(path)),
                Allowed::Nowhere => false,
            };
            return if is_named { Ok(named) } else { Err(refused()) };
        }
        let place = files::target(&named).map_err(|error| match allowed {
            Allowed::Everywhere => failed(path, &error),
            _ => refused(),
        })?;
        if allowed.covers(&place) {
            Ok(place)
        } else {
            Err(refused())
        }
    }

    /// Reads a text file, if that is allowed.
    pub(super) fn read(&self, path: &str) -> Result<String, ScriptError> {
        let place = self.resolve(Access::Read, path)?;
        text_of(&place, LARGEST_FILE).map_err(|error| failed(path, &error))
    }

    /// Writes a text file whose place was resolved: whole or not at all.
    pub(super) fn write(&self, path: &str, place: &Path, text: &str) -> Result<(), ScriptError> {
        files::replace(place, |file| file.write_all(text.as_bytes()))
            .map_err(|error| failed(path, &error))
    }
}
