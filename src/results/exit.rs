//! Exit statuses: documented in the README, and stable.

use crate::session::{Error, ErrorKind};
use crate::txn::{Cause, Outcome};

/// Done, or nothing to do.
pub const DONE: u8 = 0;
/// The script or an assertion failed; nothing of this run stands. Also: a result could not be written.
pub const FAILED: u8 = 1;
/// Usage, compile or document error; nothing ran.
pub const USAGE: u8 = 2;
/// Refused and rolled back.
pub const REFUSED: u8 = 3;
/// It is not as planned and not as before.
pub const INDETERMINATE: u8 = 4;
/// Conflict or lock held; nothing was sent.
pub const CONFLICT: u8 = 5;
/// No IPVS, or no permission.
pub const UNAVAILABLE: u8 = 6;
/// Failed, but earlier commits of this run stand.
pub const COMMITS_STAND: u8 = 7;
/// Committed, but the output could not be written.
pub const NOT_WRITTEN: u8 = 9;
/// Changes pending, with `--exit-code`.
pub const PENDING: u8 = 10;

/// Returns the status after a signal.
pub fn after_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(FAILED)
}

/// Returns the status of a run that failed with another one and of which earlier commits stand or not.
#[must_use]
pub const fn of_failed_run(status: u8, commits_stand: bool) -> u8 {
    match status {
        // Not knowing weighs more than what stands.
        INDETERMINATE | USAGE => status,
        _ if commits_stand => COMMITS_STAND,
        status => status,
    }
}

/// Returns the status of an error of the session; `invalid` is that of what can't be.
#[must_use]
pub fn of_error(error: &Error, invalid: u8) -> u8 {
    if let Error::Commit(report) = error {
        match &report.outcome {
            Outcome::RolledBack {
                cause: Cause::Interrupted { signal },
                ..
            } => return after_signal(*signal),
            Outcome::RolledBack {
                cause: Cause::Unsaved { .. },
                ..
            } => return FAILED,
            Outcome::Indeterminate { .. } => return INDETERMINATE,
            Outcome::RolledBack { .. } => return REFUSED,
            _ => {}
        }
    }
    match error.kind() {
        ErrorKind::Io
            if matches!(
                error,
                Error::Record(_) | Error::NoRecord | Error::Unsaved(_) | Error::Recording(_)
            ) =>
        {
            FAILED
        }
        ErrorKind::Invalid | ErrorKind::Unsupported | ErrorKind::Io => invalid,
        ErrorKind::Exists | ErrorKind::Missing | ErrorKind::Refused | ErrorKind::Guard => REFUSED,
        ErrorKind::Conflict | ErrorKind::Locked => CONFLICT,
        ErrorKind::Indeterminate => INDETERMINATE,
        ErrorKind::Permission | ErrorKind::Unavailable => UNAVAILABLE,
        ErrorKind::Interrupted | ErrorKind::Declined => FAILED,
    }
}
