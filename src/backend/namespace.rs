//! Entering a network namespace.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use thiserror::Error;

/// Why a network namespace could not be entered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NamespaceError {
    /// There is none of this name.
    #[error("there is no network namespace {name}: {path} does not exist")]
    Missing {
        /// The name or path that was given.
        name: String,
        /// Where it was looked for.
        path: String,
    },
    /// The user may not open it.
    #[error("no permission to open network namespace {}", named(.name, .path))]
    NotReadable {
        /// The name or path that was given.
        name: String,
        /// Where it is.
        path: String,
    },
    /// The user may not enter it.
    #[error(
        "no permission to enter network namespace {name}: this requires CAP_SYS_ADMIN as well as CAP_NET_ADMIN"
    )]
    NotAllowed {
        /// The name or path that was given.
        name: String,
    },
    /// The file is no network namespace.
    #[error("{path} is not a network namespace")]
    NoNamespace {
        /// Where it is.
        path: String,
    },
    /// Anything else.
    #[error("the network namespace {name} could not be entered: {text}")]
    Other {
        /// The name or path that was given.
        name: String,
        /// The system's text.
        text: String,
    },
}

/// Returns the name with the path where it is, once if they are the same.
fn named(name: &str, path: &str) -> String {
    if name == path {
        return path.to_owned();
    }
    format!("{name} ({path})")
}

impl NamespaceError {
    /// Returns the way out, if there is one to name.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => {
                Some("`ip netns list` lists those that exist; a path works too")
            }
            Self::NotReadable { .. } | Self::NotAllowed { .. } => Some("run it as root"),
            Self::NoNamespace { .. } => {
                Some("give a name that `ip netns list` knows, or a path such as /proc/PID/ns/net")
            }
            Self::Other { .. } => None,
        }
    }
}

/// Moves the calling thread into a network namespace: a name as `ip netns` knows it, or a path.
///
/// # Errors
/// [`NamespaceError`] says which step failed.
pub fn enter_namespace(name: &str) -> Result<(), NamespaceError> {
    let path = if name.contains('/') {
        PathBuf::from(name)
    } else {
        Path::new("/run/netns").join(name)
    };
    let shown = path.display().to_string();
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NamespaceError::Missing {
            name: name.to_owned(),
            path: shown.clone(),
        },
        io::ErrorKind::PermissionDenied => NamespaceError::NotReadable {
            name: name.to_owned(),
            path: shown.clone(),
        },
        _ => NamespaceError::Other {
            name: name.to_owned(),
            text: error.to_string(),
        },
    })?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        nix::errno::Errno::EPERM => NamespaceError::NotAllowed {
            name: name.to_owned(),
        },
        nix::errno::Errno::EINVAL => NamespaceError::NoNamespace { path: shown },
        other => NamespaceError::Other {
            name: name.to_owned(),
            text: other.desc().to_owned(),
        },
    })
}
