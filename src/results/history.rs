//! Records of the journal, and what was done about them.

use serde::Serialize;

use super::VERSION;
use super::envelope::{ChangeShape, PlanShape, change_shape, plan_shape};
use crate::journal::{
    Body, Data, Event, EventKind, JournalError, Record, RecordKind, State, Summary, TableIdentity,
};
use crate::session::{Recovered, Unconfirmed};

/// Who committed.
#[derive(Clone, Debug, Serialize)]
pub struct UserShape<'a> {
    /// The number of the user.
    pub id: u32,
    /// The user's name, or null.
    pub name: Option<&'a str>,
    /// Who logged in, or null.
    pub login: Option<&'a str>,
    /// Who called `sudo`, or null.
    pub sudo: Option<&'a str>,
}

/// A commit or runbook, without its plan.
#[derive(Clone, Debug, Serialize)]
pub struct RecordShape<'a> {
    /// Its number.
    pub id: u64,
    /// When it began, in UTC, RFC 3339.
    pub time: &'a str,
    /// How long ago that is.
    pub age_seconds: u64,
    /// What it is called, or null.
    pub label: Option<&'a str>,
    /// Where it stands: `committed`, `awaiting`, `rolled_back` and so on.
    pub state: String,
    /// Who.
    pub user: UserShape<'a>,
    /// The command line without the program's name.
    pub command: &'a [String],
    /// What was typed at the prompt, or null.
    pub typed: Option<&'a str>,
    /// The script and the line, or null.
    pub script: Option<&'a str>,
    /// The newest commit that it undoes, or null.
    pub undoes: Option<u64>,
    /// The others.
    pub also_undoes: &'a [u64],
    /// It rolls back unless it is confirmed within so many seconds, or null.
    pub confirm_seconds: Option<u64>,
    /// Until when that is, if it awaits it, or null.
    pub confirm_by: Option<&'a str>,
    /// Which table.
    pub table: &'a TableIdentity,
    /// `commit` or `runbook`.
    pub kind: RecordKind,
    /// The runbook that it belongs to, or null.
    pub part_of: Option<u64>,
    /// Guards that were overridden, each with what it would have refused.
    pub overridden: &'a [String],
    /// What whoever made it wants to find again, or null.
    pub data: Option<&'a Data>,
    /// How many objects it touches.
    pub summary: Summary,
    /// What happened to it.
    pub events: &'a [Event],
}

/// Returns a record in its serialised shape.
#[must_use]
pub fn record_shape(record: &Record) -> RecordShape<'_> {
    let intent = &record.intent;
    let author = &intent.author;
    let commit = intent.commit();
    let confirm_by = match record.state() {
        State::Unconfirmed { .. } => record
            .events
            .last()
            .and_then(|event| event.confirm_by_time.as_deref()),
        State::Unfinished | State::Ended(_) => None,
    };
    RecordShape {
        id: intent.number,
        time: &intent.time,
        age_seconds: record.age_seconds(),
        label: intent.label.as_deref(),
        state: record.state_word(),
        user: UserShape {
            id: author.id,
            name: author.name.as_deref(),
            login: author.login.as_deref(),
            sudo: author.sudo.as_deref(),
        },
        command: &intent.command,
        typed: intent.typed.as_deref(),
        script: intent.script.as_deref(),
        undoes: intent.undoes().first().copied(),
        also_undoes: intent.undoes().get(1..).unwrap_or_default(),
        confirm_seconds: commit.and_then(|commit| commit.confirm_seconds),
        confirm_by,
        table: &intent.table,
        kind: match intent.body {
            Body::Commit(_) => RecordKind::Commit,
            Body::Runbook(_) => RecordKind::Runbook,
        },
        part_of: intent.part_of(),
        overridden: commit.map_or(&[], |commit| &commit.overridden),
        data: intent.runbook().map(|runbook| &runbook.data),
        summary: commit.map(|commit| commit.summary).unwrap_or_default(),
        events: &record.events,
    }
}

/// A record that can't be read.
#[derive(Clone, Debug, Serialize)]
pub struct DamagedShape {
    /// What is wrong with it.
    pub damaged: String,
}

/// Returns a record that can't be read in its serialised shape.
#[must_use]
pub fn damaged_shape(error: &JournalError) -> DamagedShape {
    DamagedShape {
        damaged: error.to_string(),
    }
}

/// The answer of `ipvsh history`.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryShape<'a> {
    version: u32,
    commits: Vec<RecordShape<'a>>,
    damaged: Vec<String>,
    forgotten: Option<u64>,
}

impl<'a> HistoryShape<'a> {
    /// Makes it of records; `damaged` says of each that can't be read why, `forgotten` is the highest number that is no
    /// longer kept.
    #[must_use]
    pub fn new(records: &[&'a Record], damaged: Vec<String>, forgotten: Option<u64>) -> Self {
        Self {
            version: VERSION,
            commits: records.iter().map(|record| record_shape(record)).collect(),
            damaged,
            forgotten,
        }
    }
}

/// The answer of `ipvsh history show`: a commit with its plan and what reverses it, or a runbook with its commits.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRecordShape<'a> {
    version: u32,
    #[serde(flatten)]
    record: RecordShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inverse: Option<Vec<ChangeShape>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commits: Option<Vec<RecordShape<'a>>>,
}

impl<'a> ShownRecordShape<'a> {
    /// Makes it of a commit.
    #[must_use]
    pub fn commit(record: &'a Record, plan: &crate::txn::Plan) -> Self {
        let inverse = plan.reversed();
        Self {
            version: VERSION,
            record: record_shape(record),
            plan: Some(plan_shape(plan)),
            inverse: Some(inverse.changes().iter().map(change_shape).collect()),
            commits: None,
        }
    }

    /// Makes it of a runbook and its commits.
    #[must_use]
    pub fn runbook(record: &'a Record, commits: &'a [Record]) -> Self {
        Self {
            version: VERSION,
            record: record_shape(record),
            plan: None,
            inverse: None,
            commits: Some(commits.iter().map(record_shape).collect()),
        }
    }
}

/// The answer of `ipvsh confirm`.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmedShape {
    version: u32,
    outcome: &'static str,
    changed: bool,
    id: u64,
}

impl ConfirmedShape {
    /// Makes it of the number of the commit.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self {
            version: VERSION,
            outcome: "confirmed",
            changed: false,
            id,
        }
    }
}

/// A commit that awaits confirmation.
#[derive(Clone, Debug, Serialize)]
pub struct UnconfirmedShape<'a> {
    #[serde(flatten)]
    record: RecordShape<'a>,
    seconds_left: u64,
}

/// The answer of `ipvsh confirm --list`.
#[derive(Clone, Debug, Serialize)]
pub struct UnconfirmedListShape<'a> {
    version: u32,
    commits: Vec<UnconfirmedShape<'a>>,
}

impl<'a> UnconfirmedListShape<'a> {
    /// Makes it of the commits that await confirmation.
    #[must_use]
    pub fn new(found: &'a [Unconfirmed]) -> Self {
        let shape = |one: &'a Unconfirmed| UnconfirmedShape {
            record: record_shape(&one.record),
            seconds_left: one.seconds_left,
        };
        Self {
            version: VERSION,
            commits: found.iter().map(shape).collect(),
        }
    }
}

/// What was done about an open record.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveredShape<'a> {
    id: u64,
    label: Option<&'a str>,
    became: EventKind,
    left: Vec<ChangeShape>,
}

/// The answer of `ipvsh recover` and `ipvsh cancel`.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveryShape<'a> {
    version: u32,
    outcome: &'static str,
    changed: bool,
    commits: Vec<RecoveredShape<'a>>,
}

impl<'a> RecoveryShape<'a> {
    /// Makes it of what was recovered.
    #[must_use]
    pub fn new(recovered: &'a [Recovered]) -> Self {
        let shape = |one: &'a Recovered| RecoveredShape {
            id: one.record.intent.number,
            label: one.record.intent.label.as_deref(),
            became: one.kind,
            left: one.residue.iter().map(change_shape).collect(),
        };
        let is_whole = recovered.iter().all(|one| one.residue.is_empty());
        Self {
            version: VERSION,
            outcome: if is_whole {
                "recovered"
            } else {
                "indeterminate"
            },
            changed: !recovered.is_empty(),
            commits: recovered.iter().map(shape).collect(),
        }
    }
}

/// The answer of `ipvsh undo` where what was to be undone was interrupted and is rolled back already.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveredFirstShape<'a> {
    version: u32,
    outcome: &'static str,
    changed: bool,
    ids: &'a [u64],
}

impl<'a> RecoveredFirstShape<'a> {
    /// Makes it of the numbers of the records.
    #[must_use]
    pub const fn new(ids: &'a [u64]) -> Self {
        Self {
            version: VERSION,
            outcome: "recovered",
            changed: true,
            ids,
        }
    }
}
