//! What lasts of a commit: a record on disk before its first request, its outcome after the last.
//!
//! One file for each commit, `journal/NUMBER.json` in the state folder (of a simulated table `simulated/TABLE/NUMBER.json`), mode 0600, one JSON object a line:
//! `{"checksum":"crc32:…","record":{…}}`. The checksum is that of the bytes of `record`. The first line is the
//! [`Intent`]: who, when, why, which table, and the plan with both ends of what it touches. Each further line is an
//! [`Event`]: how the commit ended, and what happened to it since. While something is still to be done about a commit its
//! file is in `journal/open`: it was interrupted, or it waits to be confirmed. A runbook has a record too, without a plan:
//! its commits name it, and while it runs its file is there and locked.
//!
//! The journal knows files and records; what to do about them is decided in `session`. Its fields are version 1: some
//! may be added, renaming one makes a new version.

mod error;
mod event;
mod record;
mod retention;
mod runbook;
mod standing;
mod store;
mod syslog;
mod table_identity;
mod trust;

pub use error::JournalError;
pub use event::{Event, EventKind, time_text};
pub use record::{
    Body, CommitBody, Data, Intent, OnFailure, Planned, Record, RecordKind, RunbookBody, State,
    Summary,
};
pub use runbook::{Alive, Life};
pub use store::{Journal, Limits, Step};
pub use syslog::{Facts, tell, tell_text};
pub use table_identity::TableIdentity;

/// The version of its records.
pub const VERSION: u32 = 1;
