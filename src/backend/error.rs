//! Why a table could not be reached or read.

use thiserror::Error;

use super::Errno;
use super::transport::TransportError;
use crate::wire::WireError;

/// A failure to reach or read a table. Refusals of single changes are [`super::Refusal`]s instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BackendError {
    /// The kernel has no IPVS, or the module is not loaded and could not be.
    #[error("this kernel has no IPVS: the module ip_vs is not loaded")]
    NoIpvs,
    /// The user may not talk to IPVS.
    #[error("IPVS requires CAP_NET_ADMIN in the initial user namespace")]
    NoPermission,
    /// The way to the kernel failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A netlink socket could not be had.
    #[error("can't open a netlink socket: {0}")]
    Socket(String),
    /// Replies were lost each time the table was read.
    #[error("replies from the kernel were lost {attempts} times in a row while reading {what}")]
    Lost {
        /// What was being read.
        what: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The kernel's reply can't be parsed.
    #[error("can't parse the kernel's reply: {0}")]
    Malformed(#[from] WireError),
    /// Reading was refused.
    #[error("the kernel refuses to list {what}: {errno}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The error number.
        errno: Errno,
    },
    /// The commit lock can't be taken, and no other program has it.
    #[error("the commit lock can't be taken: {0}")]
    Lock(String),
    /// The file behind a simulated table can't be read, locked or written.
    #[error("{0}")]
    Table(String),
    /// A kernel file is there, and this user may not read it.
    #[error("no permission to read {path}")]
    Unreadable {
        /// The file.
        path: String,
    },
    /// A kernel file could not be read.
    #[error("can't read {path}: {text}")]
    File {
        /// The file.
        path: String,
        /// The system's text.
        text: String,
    },
}

impl BackendError {
    /// Returns the way out, if there is one to name.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoIpvs => {
                Some("load it with `modprobe ip_vs`, or try this on a simulated table with --sim")
            }
            Self::NoPermission => Some(
                "run it as root, or try this on a simulated table with --sim; `ipvsh help permission` explains it",
            ),
            _ => None,
        }
    }
}
