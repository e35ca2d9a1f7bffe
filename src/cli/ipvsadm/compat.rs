//! How the original ends: its texts and its statuses.

use crate::backend::Errno;
use crate::cli::failure::Failure;
use crate::ipvsadm::syntax::{Command, LineError};
use crate::results::exit;

/// Done, or help and version shown.
pub(super) const DONE: u8 = 0;
/// A listing failed after its options were found right.
pub(super) const NOT_LISTED: u8 = 1;
/// A usage or value error, or no IPVS to talk to.
pub(super) const FAILED: u8 = 2;
/// The kernel refused a change, or the parser an option.
pub(super) const REFUSED: u8 = 255;

/// What the original knows nothing of.
#[derive(Debug)]
pub(super) enum Uncommitted {
    /// A commit did not go through.
    Failed(Failure),
    /// It did, and what was to be done behind it was not.
    ActionsFailed,
}

/// Why a command line did not go through.
#[derive(Debug)]
pub(super) enum Ending {
    /// There was no command: the hint where to find help.
    Hint,
    /// The parser could not take an option; a list of commands goes on behind it.
    Misfit(Vec<u8>),
    /// A usage or value error; ends a list of commands.
    Usage(Vec<u8>),
    /// A listing failed; ends a list of commands. Some say nothing.
    NotListed(Vec<u8>),
    /// The kernel refused a change; a list of commands goes on behind it.
    Refused(Vec<u8>),
    /// Something that the original does not know: the result was not written, an answer was lost.
    Broken {
        /// What happened.
        text: Vec<u8>,
        /// The status.
        status: u8,
        /// The kind of error, for programs.
        kind: &'static str,
    },
    /// A commit that did not go through, or not all of it.
    Uncommitted(Box<Uncommitted>),
}

impl Ending {
    /// Makes a usage or value error.
    pub(super) fn usage(text: impl Into<Vec<u8>>) -> Self {
        Self::Usage(text.into())
    }

    /// Returns the exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Hint | Self::Misfit(_) | Self::Refused(_) => REFUSED,
            Self::Usage(_) => FAILED,
            Self::NotListed(_) => NOT_LISTED,
            Self::Broken { status, .. } => *status,
            Self::Uncommitted(why) => match why.as_ref() {
                Uncommitted::Failed(failure) => failure.status(),
                Uncommitted::ActionsFailed => exit::COMMITS_STAND,
            },
        }
    }

    /// Returns the kind of error, for programs.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Hint | Self::Misfit(_) | Self::Usage(_) => "usage",
            Self::NotListed(_) => "missing",
            Self::Refused(_) => "refused",
            Self::Broken { kind, .. } => kind,
            Self::Uncommitted(_) => "failed",
        }
    }

    /// Returns whether a list of commands goes on behind it.
    pub(super) const fn goes_on(&self) -> bool {
        matches!(self, Self::Misfit(_) | Self::Refused(_))
    }

    /// Returns what is said, without a newline at its end; `name` is how the program was called.
    pub(super) fn text(&self, name: &[u8]) -> Vec<u8> {
        match self {
            Self::Hint => [
                b"Try `",
                name,
                b" -h' or '",
                name,
                b" --help' for more information.",
            ]
            .concat(),
            Self::Misfit(text)
            | Self::Usage(text)
            | Self::NotListed(text)
            | Self::Refused(text)
            | Self::Broken { text, .. } => text.clone(),
            Self::Uncommitted(_) => Vec::new(),
        }
    }
}

impl From<LineError> for Ending {
    fn from(error: LineError) -> Self {
        match error {
            LineError::NoCommand => Self::Hint,
            LineError::Misfit(text) => Self::Misfit(text),
            LineError::Usage(text) => Self::Usage(text),
        }
    }
}

/// Returns what the original says to an error number that answers a command.
pub(super) fn refusal_text(command: Command, errno: Errno) -> String {
    let servers = matches!(
        command,
        Command::AddServer | Command::EditServer | Command::DeleteServer
    );
    let known = match (command, errno) {
        (Command::AddService, Errno::EEXIST) => "Service already exists",
        (Command::AddService | Command::EditService, Errno::ENOENT) => {
            "Scheduler or persistence engine not found"
        }
        (_, Errno::ESRCH) if servers => "Service not defined",
        (Command::AddServer, Errno::EEXIST) => "Destination already exists",
        (Command::EditServer | Command::DeleteServer, Errno::ENOENT) => "No such destination",
        (Command::StartDaemon, Errno::EEXIST) => "Daemon has already run",
        (Command::StopDaemon, Errno::ESRCH) => "No daemon is running",
        (
            Command::EditService
            | Command::DeleteService
            | Command::Zero
            | Command::List
            | Command::Save,
            Errno::ESRCH,
        ) => "No such service",
        (_, Errno::EPERM) => "Permission denied (you must be root)",
        (_, Errno::EINVAL) => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        (_, Errno::ENOPROTOOPT) => "Protocol not available",
        (_, Errno::ENOMEM) => "Memory allocation problem",
        (_, Errno::EOPNOTSUPP) => "Operation not supported with IPv6",
        (_, Errno::EAFNOSUPPORT) => "Operation not supported with specified address family",
        (_, Errno::EMSGSIZE) => "Module is wrong version",
        (_, other) => return other.text(),
    };
    known.to_owned()
}
