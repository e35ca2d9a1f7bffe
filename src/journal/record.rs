//! Records as they stand in the files: lines of JSON, each with its checksum.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::VERSION;
use super::error::JournalError;
use super::event::{Event, EventKind};
use super::table_identity::TableIdentity;
use crate::config::Author;
use crate::document::{PlanLayout, append_plan, checksum, read_plan};
use crate::txn::{Footprint, Plan};

/// How many objects a plan touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// That appear.
    pub add: usize,
    /// That change.
    pub change: usize,
    /// That go.
    pub delete: usize,
}

impl Summary {
    /// Counts what a plan does.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (add, change, delete) = plan.counts();
        Self {
            add,
            change,
            delete,
        }
    }
}

/// What whoever made a record wants to find again.
pub type Data = Value;

/// What a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// One commit, with its plan.
    #[default]
    Commit,
    /// A runbook, whose commits have records of their own that name it.
    Runbook,
}

/// What becomes of the commits of a runbook that does not come to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are rolled back.
    #[default]
    #[serde(rename = "restore")]
    RollBack,
    /// They stay.
    Keep,
}

/// What a record says of a commit; its plan stands beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitBody {
    /// The commits that this one undoes, the newest first.
    pub undoes: Vec<u64>,
    /// It rolls back automatically unless it is confirmed within so many seconds.
    pub confirm_seconds: Option<u64>,
    /// How many objects are touched.
    pub summary: Summary,
    /// The runbook that it belongs to.
    pub runbook: Option<u64>,
    /// The guards that were overridden, each with what it would have refused.
    pub overridden: Vec<String>,
}

/// What a record says of a runbook; each of its commits has a record of its own that names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunbookBody {
    /// What becomes of it if its program is killed or interrupted.
    pub interrupted: OnFailure,
    /// What whoever made it wants to find again; null is nothing.
    pub data: Data,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One commit.
    Commit(CommitBody),
    /// A runbook.
    Runbook(RunbookBody),
}

/// Who, when, why, and which table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The number of the record.
    pub number: u64,
    /// When it began, in UTC, RFC 3339.
    pub time: String,
    /// Who.
    pub author: Author,
    /// The command line without the program's name.
    pub command: Vec<String>,
    /// What was typed at the prompt.
    pub typed: Option<String>,
    /// What it is called.
    pub label: Option<String>,
    /// The script, and the line of the commit where that is known.
    pub script: Option<String>,
    /// Which table.
    pub table: TableIdentity,
    /// What it is about.
    pub body: Body,
}

impl Intent {
    /// Returns what is said of a commit, if it is one.
    #[must_use]
    pub const fn commit(&self) -> Option<&CommitBody> {
        match &self.body {
            Body::Commit(commit) => Some(commit),
            Body::Runbook(_) => None,
        }
    }

    /// Returns what is said of a runbook, if it is one.
    #[must_use]
    pub const fn runbook(&self) -> Option<&RunbookBody> {
        match &self.body {
            Body::Commit(_) => None,
            Body::Runbook(runbook) => Some(runbook),
        }
    }

    /// Returns the commits that it undoes, the newest first.
    #[must_use]
    pub fn undoes(&self) -> &[u64] {
        self.commit().map_or(&[], |commit| &commit.undoes)
    }

    /// Returns the runbook that it belongs to.
    #[must_use]
    pub fn part_of(&self) -> Option<u64> {
        self.commit()?.runbook
    }
}

#[derive(Serialize, Deserialize)]
struct UserShape {
    id: u32,
    name: Option<String>,
    login: Option<String>,
    sudo: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct IntentShape {
    version: u32,
    kind: RecordKind,
    number: u64,
    time: String,
    user: UserShape,
    command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typed: Option<String>,
    label: Option<String>,
    script: Option<String>,
    undoes: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also_undoes: Vec<u64>,
    confirm_seconds: Option<u64>,
    table: TableIdentity,
    summary: Summary,
    #[serde(default, rename = "part_of", skip_serializing_if = "Option::is_none")]
    runbook: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overridden: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    interrupted: OnFailure,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    data: Value,
}

fn is_default(wanted: &OnFailure) -> bool {
    *wanted == OnFailure::RollBack
}

/// An intent and its plan, as read: the plan is looked at when it is wanted.
#[derive(Deserialize)]
struct ReadShape<'a> {
    #[serde(flatten)]
    intent: IntentShape,
    #[serde(borrow)]
    plan: Option<&'a RawValue>,
}

/// Where a commit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was interrupted, or is under way.
    Unfinished,
    /// It rolls back automatically at this time, in seconds since the machine started, unless it is confirmed.
    Unconfirmed {
        /// The time.
        until: u64,
    },
    /// It stands as its last event says.
    Ended(EventKind),
}

impl State {
    /// Returns whether what it changed is in the table.
    #[must_use]
    pub const fn stands(self) -> bool {
        matches!(
            self,
            Self::Unconfirmed { .. }
                | Self::Ended(
                    EventKind::Committed
                        | EventKind::Confirmed
                        | EventKind::Completed
                        | EventKind::Kept
                )
        )
    }
}

/// A record, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who, when, why.
    pub intent: Intent,
    /// What happened to it, in order.
    pub events: Vec<Event>,
    pub(super) plan: String,
    pub(super) path: String,
}

impl Record {
    /// Returns where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        let steps = [EventKind::StepBegun, EventKind::StepDone];
        let mut events = self.events.iter().rev();
        match events.find(|event| !steps.contains(&event.kind)) {
            None => State::Unfinished,
            Some(Event {
                kind: EventKind::Committed,
                confirm_by: Some(until),
                ..
            }) => State::Unconfirmed { until: *until },
            Some(event) => State::Ended(event.kind),
        }
    }

    /// Returns whether it is about a runbook.
    #[must_use]
    pub fn is_runbook(&self) -> bool {
        self.intent.runbook().is_some()
    }

    /// Returns the steps of a runbook that began and have an undo of their own in the script.
    #[must_use]
    pub fn own_undos(&self) -> Vec<String> {
        let begun = self.events.iter().filter(|event| event.has_undo);
        begun.filter_map(|event| event.step.clone()).collect()
    }

    /// Makes its plan again; that of a runbook is in the records of its commits.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] if it is invalid although its checksum is right.
    pub fn plan(&self) -> Result<Plan, JournalError> {
        if self.is_runbook() {
            return Ok(Plan::default());
        }
        read_plan(&self.path, self.plan.as_bytes()).map_err(|error| JournalError::Damaged {
            number: self.intent.number,
            path: self.path.clone(),
            text: error.to_string(),
        })
    }
}

/// Adds a line: the record and its checksum.
fn line(
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<(), String> {
    const HEAD: usize = r#"{"checksum":"crc32:00000000","record":"#.len();
    let start = out.len();
    out.resize(start + HEAD, b' ');
    append(out).map_err(|error| error.to_string())?;
    let sum = checksum(&out[start + HEAD..]);
    let head = format!("{{\"checksum\":\"{sum}\",\"record\":");
    out[start..start + HEAD].copy_from_slice(head.as_bytes());
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// A plan, and what it touches.
pub type Planned<'a> = (&'a Plan, &'a Footprint);

/// Returns the first line of a file.
pub(super) fn intent_line(intent: &Intent, plan: Option<Planned<'_>>) -> Result<Vec<u8>, String> {
    let author = intent.author.clone();
    let (kind, commit, runbook) = match &intent.body {
        Body::Commit(commit) => (RecordKind::Commit, commit.clone(), RunbookBody::default()),
        Body::Runbook(runbook) => (RecordKind::Runbook, CommitBody::default(), runbook.clone()),
    };
    let shape = IntentShape {
        version: VERSION,
        kind,
        number: intent.number,
        time: intent.time.clone(),
        user: UserShape {
            id: author.id,
            name: author.name,
            login: author.login,
            sudo: author.sudo,
        },
        command: intent.command.clone(),
        typed: intent.typed.clone(),
        label: intent.label.clone(),
        script: intent.script.clone(),
        undoes: commit.undoes.first().copied(),
        also_undoes: commit.undoes.iter().skip(1).copied().collect(),
        confirm_seconds: commit.confirm_seconds,
        table: intent.table.clone(),
        summary: commit.summary,
        runbook: commit.runbook,
        overridden: commit.overridden,
        interrupted: runbook.interrupted,
        data: runbook.data,
    };
    let changes = plan.map_or(0, |(plan, _)| plan.changes().len());
    let mut out = Vec::with_capacity(2048 + 96 * changes);
    line(&mut out, |out| {
        serde_json::to_writer(&mut *out, &shape)?;
        // The plan is its last field.
        out.pop();
        out.extend_from_slice(b",\"plan\":");
        match plan {
            Some((plan, footprint)) => append_plan(out, plan, footprint, PlanLayout::Line)?,
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        Ok(())
    })?;
    Ok(out)
}

/// Returns a further line of a file.
pub(super) fn event_line(event: &Event) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    line(&mut out, |out| serde_json::to_writer(out, event))?;
    Ok(out)
}

/// Takes the record out of a line, if its checksum is right.
fn content(line: &str) -> Result<&str, String> {
    let wrong = || "this is not a journal line".to_owned();
    let rest = line.strip_prefix("{\"checksum\":\"").ok_or_else(wrong)?;
    let (sum, rest) = rest.split_once("\",\"record\":").ok_or_else(wrong)?;
    let record = rest
        .strip_suffix('}')
        .ok_or("its last line is truncated: it was only partly written")?;
    let found = checksum(record.as_bytes());
    if found != sum {
        return Err(format!(
            "its checksum is {sum}, but its text has {found}: it was modified"
        ));
    }
    Ok(record)
}

/// Reads a file. The first line must be whole; of the others, what is not is left out and said.
pub(super) fn read(path: &str, text: &str) -> Result<(Record, Option<String>), String> {
    let mut lines = text.split_terminator('\n');
    let first = lines.next().ok_or("it is empty")?;
    let read: ReadShape<'_> = serde_json::from_str(content(first)?)
        .map_err(|error| format!("it can't be parsed: {error}"))?;
    let shape = read.intent;
    if shape.version != VERSION {
        return Err(format!(
            "it has version {}, but this program reads {VERSION}",
            shape.version
        ));
    }
    let is_commit = shape.kind == RecordKind::Commit;
    if is_commit != read.plan.is_some() {
        return Err("a commit must have a plan, and a runbook must not".to_owned());
    }
    let mut record = Record {
        intent: Intent {
            number: shape.number,
            time: shape.time,
            author: Author {
                id: shape.user.id,
                name: shape.user.name,
                login: shape.user.login,
                sudo: shape.user.sudo,
            },
            command: shape.command,
            typed: shape.typed,
            label: shape.label,
            script: shape.script,
            table: shape.table,
            body: match shape.kind {
                RecordKind::Commit => Body::Commit(CommitBody {
                    undoes: shape.undoes.into_iter().chain(shape.also_undoes).collect(),
                    confirm_seconds: shape.confirm_seconds,
                    summary: shape.summary,
                    runbook: shape.runbook,
                    overridden: shape.overridden,
                }),
                RecordKind::Runbook => Body::Runbook(RunbookBody {
                    interrupted: shape.interrupted,
                    data: shape.data,
                }),
            },
        },
        events: Vec::new(),
        plan: read.plan.map(RawValue::get).unwrap_or_default().to_owned(),
        path: path.to_owned(),
    };
    let mut complaint = None;
    // What the last line lacks was never written: nothing was said.
    let is_torn = !text.ends_with('\n');
    let mut lines = lines.filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        if is_torn && lines.peek().is_none() && content(line).is_err() {
            break;
        }
        let event = content(line).and_then(|text| {
            serde_json::from_str::<Event>(text).map_err(|error| error.to_string())
        });
        match event {
            Ok(event) => record.events.push(event),
            Err(text) => complaint = Some(text),
        }
    }
    Ok((record, complaint))
}
