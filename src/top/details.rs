//! One object: all its fields, its rates over five minutes, its last commits.

use super::app::App;
use super::cell::Cell;
use super::choice::What;
use crate::model::{
    DestinationRow, Field, FieldValue, NamedField, ObjectId, Row, RowKind, ServerRow, ServiceRow,
    shown,
};
use crate::observe::Made;

/// How many samples the graph has at most: five minutes, every two seconds.
pub(super) const GRAPH: usize = 150;

/// What is known of the details.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) what: What,
    /// The last commits, once they were read.
    pub(super) commits: Option<Result<Vec<Made>, String>>,
}

impl Details {
    pub(super) const fn new(what: What) -> Self {
        Self {
            what,
            commits: None,
        }
    }

    /// Shows another object.
    pub(super) fn show(&mut self, what: What) {
        if self.what != what {
            *self = Self::new(what);
        }
    }
}

impl App {
    /// Returns all fields of the object whose details are shown, by name.
    pub(super) fn fields(&self, what: &What) -> Vec<(&'static str, String)> {
        let Some(measured) = self.measured() else {
            return Vec::new();
        };
        let snapshot = &measured.snapshot;
        let entry = |key| snapshot.table.services.get_key_value(key);
        let values = |kind, row: &Row<'_>| -> Vec<(&'static str, String)> {
            let of = |field: &'static Field| {
                let named = NamedField::parse(field.name, kind).ok()?;
                Some((field.name, text_of(&named.value(row))))
            };
            let values = Field::of(kind).filter_map(of);
            values.filter(|(_, value)| !value.is_empty()).collect()
        };
        match what {
            What::Service(key) => {
                let Some((key, entry)) = entry(key) else {
                    return Vec::new();
                };
                let known = snapshot.known;
                values(
                    RowKind::Service,
                    &Row::Service(ServiceRow { key, entry, known }),
                )
            }
            What::Destination(service, key) | What::Drain(service, key) => {
                let found = entry(service).and_then(|(service, entry)| {
                    let (key, server) = entry.destinations.get_key_value(key)?;
                    Some((service, entry, key, server))
                });
                let Some((service, entry, key, server)) = found else {
                    return Vec::new();
                };
                let service = ServiceRow {
                    key: service,
                    entry,
                    known: snapshot.known,
                };
                let row = DestinationRow {
                    service,
                    key,
                    entry: server,
                    receptions: &entry.receptions(),
                };
                values(RowKind::Destination, &Row::Destination(row))
            }
            What::Server(address) => {
                let all = ServerRow::all(&snapshot.table, snapshot.known);
                let row = all.iter().find(|row| row.address == *address);
                row.map_or_else(Vec::new, |row| values(RowKind::Server, &Row::Server(row)))
            }
            What::Client(_) => Vec::new(),
        }
    }

    /// Returns new connections a second of an object, over five minutes, or `None` if it has none of its own.
    pub(super) fn graph(&self, what: &What) -> Option<Vec<f32>> {
        let object = what.object()?;
        Some(self.history.trend(&object, self.at(), GRAPH, 0))
    }

    /// Returns the changes of an object in the snapshots that are kept, the newest first, as lines.
    pub(super) fn seen_changes(&self, object: &ObjectId) -> Vec<String> {
        let places = (0..=self.at()).rev();
        let measured = places.filter_map(|place| self.history.get(place));
        let changes = measured.flat_map(|one| one.snapshot.changes.iter().rev());
        changes
            .filter(|seen| seen.change.object() == *object)
            .map(|seen| {
                let by = match &seen.by {
                    crate::observe::By::Commit { number, who, .. } => {
                        format!("commit {number} by {who}")
                    }
                    crate::observe::By::Foreign => "another program".to_owned(),
                    crate::observe::By::Unknown => "nobody knows who".to_owned(),
                };
                format!("{}: {by}", shown(&seen.change.to_string()))
            })
            .collect()
    }

    /// Returns the lines of the last commits of the object whose details are shown.
    pub(super) fn commit_lines(&self, details: &Details) -> Vec<String> {
        let Some(object) = details.what.object() else {
            return Vec::new();
        };
        match &details.commits {
            None if self.is_recording => self.seen_changes(&object),
            None => vec!["reading the journal".to_owned()],
            Some(Err(why)) => vec![shown(why)],
            Some(Ok(commits)) if commits.is_empty() => {
                let seen = self.seen_changes(&object);
                if seen.is_empty() {
                    vec!["no commit in the journal touches it".to_owned()]
                } else {
                    seen
                }
            }
            Some(Ok(commits)) => commits.iter().map(commit_line).collect(),
        }
    }
}

fn text_of(value: &FieldValue) -> String {
    match value {
        FieldValue::Share(share) => format!("{:.1} %", share * 100.0),
        FieldValue::Truth(true) => "yes".to_owned(),
        FieldValue::Truth(false) => "no".to_owned(),
        FieldValue::Unknown => "?".to_owned(),
        other => other.to_string(),
    }
}

fn commit_line(made: &Made) -> String {
    let label = made
        .label
        .as_ref()
        .map(|label| format!(" \"{}\"", shown(label)));
    format!(
        "{}  commit {}{} by {}: {}",
        made.time,
        made.number,
        label.unwrap_or_default(),
        shown(&made.who),
        made.state
    )
}

/// Returns the highest and the last known rate of a graph.
pub(super) fn extremes(rates: &[f32]) -> (Cell, Cell) {
    let mut known = rates.iter().copied().filter(|rate| !rate.is_nan());
    let highest = known.clone().fold(f32::NAN, f32::max);
    (
        Cell::rate(highest),
        known.next_back().map_or(Cell::Nothing, Cell::rate),
    )
}
