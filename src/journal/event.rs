//! What happens to a commit or runbook.

use serde::{Deserialize, Serialize};

/// What happened to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Every change was made and read back.
    Committed,
    /// It did not go through, and the table is as it was before.
    RolledBack,
    /// It did not go through, and something is left of it.
    Indeterminate,
    /// It stays.
    Confirmed,
    /// It was not confirmed in time, and was rolled back.
    Expired,
    /// It was rolled back before its time, as someone asked for.
    Cancelled,
    /// It had been interrupted, and was rolled back.
    Recovered,
    /// It had been interrupted, and was completed.
    Completed,
    /// Its table is gone: the machine was started anew, or the namespace ended.
    Void,
    /// It was rolled back together with its runbook.
    #[serde(rename = "taken_back")]
    RolledBackWithRunbook,
    /// A step of a runbook began.
    StepBegun,
    /// A step of a runbook is done.
    StepDone,
    /// A runbook ended before its end, and what it had done was left as it is.
    Kept,
}

impl EventKind {
    /// Returns it in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::RolledBack => "rolled back",
            Self::Indeterminate => "indeterminate",
            Self::Confirmed => "confirmed",
            Self::Expired => "expired, rolled back",
            Self::Cancelled => "cancelled, rolled back",
            Self::Recovered => "interrupted, rolled back",
            Self::Completed => "interrupted, completed",
            Self::Void => "interrupted, table gone",
            Self::RolledBackWithRunbook => "rolled back with its runbook",
            Self::StepBegun => "step begun",
            Self::StepDone => "step done",
            Self::Kept => "ended early, kept",
        }
    }
}

/// Something that happened to a commit, with what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When, in UTC, RFC 3339.
    pub time: String,
    /// Who, if it is not who committed.
    pub user: Option<String>,
    /// Why, in words.
    pub cause: Option<String>,
    /// Until when it can be confirmed: seconds since the machine started.
    pub confirm_by: Option<u64>,
    /// The same as a time of day.
    pub confirm_by_time: Option<String>,
    /// What could not be rolled back, or what is left, as lines.
    pub left: Vec<String>,
    /// The step of the runbook that it is about. A word of the language would be no name of a field there.
    #[serde(default, rename = "name", skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The commits of the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<u64>,
    /// Whether the script has an undo of its own for the step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_undo: bool,
}

impl Event {
    /// Makes an event of this moment.
    #[must_use]
    pub fn now(kind: EventKind) -> Self {
        Self {
            kind,
            time: now(),
            user: None,
            cause: None,
            confirm_by: None,
            confirm_by_time: None,
            left: Vec::new(),
            step: None,
            commits: Vec::new(),
            has_undo: false,
        }
    }
}

/// Returns this moment, in UTC, RFC 3339, whole seconds.
pub(super) fn now() -> String {
    time_text(std::time::SystemTime::now())
}

/// Returns a moment, in UTC, RFC 3339, whole seconds: from 1970 to 9999, which what is outside of it is taken for.
#[must_use]
pub fn time_text(time: std::time::SystemTime) -> String {
    const LAST: u64 = 253_402_300_799;
    let first = std::time::SystemTime::UNIX_EPOCH;
    let seconds = time
        .duration_since(first)
        .map_or(0, |since| since.as_secs());
    let told = first + std::time::Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(told).to_string()
}
