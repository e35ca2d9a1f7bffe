//! A plan as a document: both ends of what it touches, each a table document, and what it says beside that.
//!
//! Reading it makes the same plan again. Its fingerprint stands for the end it starts from, configuration only: two
//! plans with the same fingerprint start from the same, and a text whose fingerprint is wrong was changed by hand.

use std::io::{self, Write};

use serde::de::{Error as _, MapAccess};
use serde::{Deserialize, Serialize};

use super::compact::{CompactTable, field, name};
use super::error::DocumentError;
use super::file_kind::FileKind;
use super::keys::{Fields, Object};
use super::read::{DocumentFields, table_of};
use crate::model::{ObjectId, ServiceKey, Table};
use crate::txn::{Action, BeforeAfter, Footprint, Note, Plan, PlanNotes};

/// What the field `kind` of a plan's document says.
const KIND: &str = "plan";

/// An action, as written: the verb is the name.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionShape {
    /// A service, or null for all.
    zero: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemarkShape {
    object: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenShape {
    object: String,
    connections: u32,
}

/// How a plan is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanLayout {
    /// In one line.
    Line,
    /// A line for each service.
    Lines,
}

/// Appends a plan, of which it is known what it touches.
///
/// # Errors
/// The error is a defect: a plan holds nothing that JSON can't.
pub fn append_plan(
    out: &mut Vec<u8>,
    plan: &Plan,
    footprint: &Footprint,
    layout: PlanLayout,
) -> serde_json::Result<()> {
    let (next, space) = match layout {
        PlanLayout::Line => (",", ""),
        PlanLayout::Lines => (",\n", "\n"),
    };
    let end = |table| CompactTable { table, footprint };
    let before = end(plan.before());
    field(out, "{", "version", &super::VERSION)?;
    field(out, ",", "kind", KIND)?;
    field(out, ",", "fingerprint", &fingerprint(before))?;
    name(out, next, "before");
    before.append(out, space)?;
    name(out, next, "after");
    end(plan.after()).append(out, space)?;
    let actions: Vec<ActionShape> = plan.actions().iter().map(action_shape).collect();
    field(out, next, "actions", &actions)?;
    let notes = plan.notes().iter().map(|note| RemarkShape {
        object: note.object.to_string(),
        text: note.text.clone(),
    });
    field(out, next, "notes", &notes.collect::<Vec<_>>())?;
    field(out, next, "waits", plan.waits())?;
    field(out, next, "open_connections", &open(before))?;
    out.push(b'}');
    Ok(())
}

/// Appends the configuration of a table, as short as can be: what is as new objects have it is left out.
///
/// # Errors
/// The error is a defect: a table holds nothing that JSON can't.
pub fn append_table(out: &mut Vec<u8>, table: &Table) -> serde_json::Result<()> {
    let footprint = &Footprint::whole(table);
    CompactTable { table, footprint }.append(out, "")
}

/// Reads the table that [`append_table`] wrote, values that only a kernel can make included.
///
/// # Errors
/// [`DocumentError::Invalid`] with line and column.
pub fn read_table(path: &str, bytes: &[u8]) -> Result<Table, DocumentError> {
    let read = serde_json::from_slice::<Object<DocumentFields>>(bytes);
    let table = read.and_then(|document| table_of(document.0).map_err(serde_json::Error::custom));
    table.map_err(|error| super::complaint::invalid(path, bytes, FileKind::Document, &error))
}

fn action_shape(action: &Action) -> ActionShape {
    let Action::Zero(key) = action;
    ActionShape {
        zero: key.map(|key| key.to_string()),
    }
}

fn open(end: CompactTable<'_>) -> Vec<OpenShape> {
    let mut found = Vec::new();
    for (service, entry) in &end.table.services {
        let Some(footprint) = end.footprint.services.get(service) else {
            continue;
        };
        for (key, server) in &entry.destinations {
            if !footprint.has_server(key) {
                continue;
            }
            let connections = u32::try_from(server.connections.open()).unwrap_or(u32::MAX);
            if connections > 0 {
                found.push(OpenShape {
                    object: ObjectId::Destination(*service, *key).to_string(),
                    connections,
                });
            }
        }
    }
    found
}

/// Computes the checksum that goes with texts of this program.
#[must_use]
pub fn checksum(bytes: &[u8]) -> String {
    format!("crc32:{:08x}", crc32fast::hash(bytes))
}

/// Returns the fingerprint of the end that a plan starts from: its configuration, without what was observed.
fn fingerprint(end: CompactTable<'_>) -> String {
    let mut text = Vec::new();
    // The document holds nothing that JSON can't.
    let _infallible = end.append(&mut text, "");
    checksum(&text)
}

/// Writes a plan as a document of its own, a line for each service, with a newline at its end.
///
/// # Errors
/// The writer's error.
pub fn write_plan(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    let mut text = Vec::new();
    append_plan(&mut text, plan, &plan.footprint(), PlanLayout::Lines)?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Reads a plan from its document.
///
/// # Errors
/// [`DocumentError::Invalid`] with line and column.
pub fn read_plan(path: &str, bytes: &[u8]) -> Result<Plan, DocumentError> {
    let read: Result<Object<PlanFields>, _> = serde_json::from_slice(bytes);
    let plan =
        read.map_err(|error| super::complaint::invalid(path, bytes, FileKind::Plan, &error))?;
    Ok(plan.0)
}

/// Returns whether a text looks like the document of a plan.
#[must_use]
pub fn is_plan(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow)]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    // Most documents need no second look.
    let marked = names_kind_early(bytes);
    marked
        && serde_json::from_slice::<Kind<'_>>(bytes)
            .is_ok_and(|found| found.kind.as_deref() == Some(KIND))
}

/// Looks for the name of the field near the beginning, where this program writes it.
fn names_kind_early(bytes: &[u8]) -> bool {
    const NEAR: usize = 256;
    let head = &bytes[..bytes.len().min(NEAR)];
    head.windows(6).any(|window| window == b"\"kind\"")
}

#[derive(Default)]
struct PlanFields {
    version: Option<u32>,
    kind: Option<String>,
    fingerprint: Option<String>,
    before: Option<Table>,
    after: Option<Table>,
    remarks: PlanNotes,
    open: Vec<OpenShape>,
}

impl Fields for PlanFields {
    type Value = Plan;
    const WHAT: &'static str = "a plan";
    const KNOWN: &'static [&'static str] = &[
        "version",
        "kind",
        "fingerprint",
        "before",
        "after",
        "actions",
        "notes",
        "waits",
        "open_connections",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "version" => self.version = Some(map.next_value()?),
            "kind" => self.kind = Some(map.next_value()?),
            "fingerprint" => self.fingerprint = Some(map.next_value()?),
            "before" | "after" => {
                let document = map.next_value::<Object<DocumentFields>>()?.0;
                let table = table_of(document).map_err(A::Error::custom)?;
                if name == "before" {
                    self.before = Some(table);
                } else {
                    self.after = Some(table);
                }
            }
            "actions" => {
                for action in map.next_value::<Vec<ActionShape>>()? {
                    let key = action.zero.as_deref().map(ServiceKey::parse).transpose();
                    let key = key.map_err(A::Error::custom)?;
                    self.remarks.actions.push(Action::Zero(key));
                }
            }
            "notes" => {
                for note in map.next_value::<Vec<RemarkShape>>()? {
                    let object = ObjectId::parse(&note.object).map_err(A::Error::custom)?;
                    self.remarks.notes.push(Note {
                        object,
                        text: note.text,
                    });
                }
            }
            "waits" => self.remarks.waits = map.next_value()?,
            _ => self.open = map.next_value()?,
        }
        Ok(())
    }

    fn finish(self) -> Result<Plan, String> {
        if self.kind.as_deref() != Some(KIND) {
            return Err(format!("its `kind` is not \"{KIND}\""));
        }
        if self.version != Some(super::VERSION) {
            return Err(format!(
                "this program reads plans of version {}",
                super::VERSION
            ));
        }
        let missing = |name| format!("a plan has `{name}`, and this one lacks it");
        let mut ends = BeforeAfter {
            before: self.before.ok_or_else(|| missing("before"))?,
            after: self.after.ok_or_else(|| missing("after"))?,
        };
        for open in self.open {
            let object = ObjectId::parse(&open.object).map_err(|error| error.to_string())?;
            if let ObjectId::Destination(service, key) = object
                && let Some(entry) = ends.before.services.get_mut(&service)
                && let Some(server) = entry.destinations.get_mut(&key)
            {
                server.connections.active = open.connections;
            }
        }
        let plan = Plan::restored(ends, self.remarks);
        let footprint = plan.footprint();
        let found = fingerprint(CompactTable {
            table: plan.before(),
            footprint: &footprint,
        });
        if self.fingerprint.as_ref() != Some(&found) {
            return Err(format!(
                "its fingerprint is not that of what it starts from ({found}): it was changed by hand"
            ));
        }
        Ok(plan)
    }
}
