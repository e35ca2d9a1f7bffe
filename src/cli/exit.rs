//! Exit statuses: documented in the README, and stable.

/// Done, or nothing to do.
pub(super) const DONE: u8 = 0;
/// The script or an assertion failed; nothing of this run stands. Also: a result could not be written.
pub(super) const FAILED: u8 = 1;
/// Usage, compile or document error; nothing ran.
pub(super) const USAGE: u8 = 2;
/// Refused and rolled back.
pub(super) const REFUSED: u8 = 3;
/// It is not as planned and not as before.
pub(super) const INDETERMINATE: u8 = 4;
/// Conflict or lock held; nothing was sent.
pub(super) const CONFLICT: u8 = 5;
/// No IPVS, or no permission.
pub(super) const UNAVAILABLE: u8 = 6;
/// Failed, but earlier commits of this run stand.
pub(super) const COMMITS_STAND: u8 = 7;
/// Committed, but the output could not be written.
pub(super) const NOT_WRITTEN: u8 = 9;
/// Changes pending, with `--exit-code`.
pub(super) const PENDING: u8 = 10;

/// Returns the status after a signal.
pub(super) fn after_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(FAILED)
}
