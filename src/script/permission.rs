//! Which files a script may touch: none, unless the command line says so.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::error::ScriptError;

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
}

impl Allowed {
    /// Tells whether a place, free of links and dots, is allowed.
    fn covers(&self, place: &Path) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Everywhere => true,
            Self::In(roots) => roots.iter().any(|root| {
                let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.clone());
                place.starts_with(root)
            }),
        }
    }
}

fn failed(path: &str, error: &std::io::Error) -> ScriptError {
    ScriptError::new("io", format!("{path}: {error}"))
}

/// Returns where a path leads: links followed; of a file that is not there yet, its folder's.
fn place(path: &str) -> std::io::Result<PathBuf> {
    let given = Path::new(path);
    match std::fs::canonicalize(given) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = match given.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = given.file_name().ok_or(error)?;
            Ok(std::fs::canonicalize(folder)?.join(name))
        }
        other => other,
    }
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
            error.set_hint(format!(
                "`ipvsh run {option} FILE` allows every file, `{option}=FOLDER` those of a folder"
            ));
            error
        };
        // Whether a file is there is not told to those who may not know.
        if *allowed == Allowed::Nowhere {
            return Err(refused());
        }
        let place = place(path).map_err(|error| match allowed {
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
        let mut bytes = Vec::new();
        std::fs::File::open(place)
            .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
            .map_err(|error| failed(path, &error))?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(ScriptError::new(
                "io",
                format!("{path} is larger than {LARGEST_FILE} bytes"),
            ));
        }
        String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            ScriptError::new(
                "io",
                format!("{path} is no text: byte {place} is not UTF-8"),
            )
        })
    }

    /// Writes a text file whose place was resolved: whole or not at all.
    pub(super) fn write(&self, path: &str, place: &Path, text: &str) -> Result<(), ScriptError> {
        let mut fresh = place.as_os_str().to_owned();
        fresh.push(format!(".{}.new", std::process::id()));
        let regular = std::fs::metadata(place).map_or(true, |file| file.is_file());
        let written = if regular {
            std::fs::File::create(&fresh)
                .and_then(|mut file| {
                    file.write_all(text.as_bytes())
                        .and_then(|()| file.sync_all())
                })
                .and_then(|()| std::fs::rename(&fresh, place))
        } else {
            // A device or a pipe can't be replaced.
            std::fs::OpenOptions::new()
                .write(true)
                .open(place)
                .and_then(|mut file| file.write_all(text.as_bytes()))
        };
        written.map_err(|error| {
            let _may_not_be_there = std::fs::remove_file(&fresh);
            failed(path, &error)
        })
    }
}
