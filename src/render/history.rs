//! Commits as people see them in a list.

use super::{Rows, Zone, shown_time};
use crate::journal::{EventKind, Record, State};
use crate::session::Scope;

/// Returns commits as rows, with their tables if they are not all of one.
#[must_use]
pub fn history_rows(records: &[&Record], scope: Scope, zone: Zone) -> Rows {
    let mut titles = vec!["NO", "TIME", "BY", "OUTCOME", "CHANGES", "WHAT"];
    if scope == Scope::AllTables {
        titles.push("TABLE");
    }
    let cells = records.iter().map(|record| {
        let intent = &record.intent;
        let mut cells = vec![
            intent.number.to_string(),
            shown_time(&intent.time, zone),
            record.who(),
            history_state(record),
            history_changes(record),
            history_what(record),
        ];
        if scope == Scope::AllTables {
            cells.push(intent.table.to_string());
        }
        cells
    });
    Rows {
        titles: titles.into_iter().map(str::to_owned).collect(),
        cells: cells.collect(),
    }
}

/// Returns where a commit stands, in words.
#[must_use]
pub fn history_state(record: &Record) -> String {
    match record.state() {
        State::Unfinished => "unfinished".to_owned(),
        State::Unconfirmed { .. } => "awaits confirmation".to_owned(),
        State::Ended(kind) => kind.words().to_owned(),
    }
}

/// Returns how many objects a commit touches, in signs.
#[must_use]
pub fn history_changes(record: &Record) -> String {
    if record.is_runbook() {
        let steps = record.events.iter();
        let done = steps
            .filter(|event| event.kind == EventKind::StepDone)
            .count();
        return super::count(done, "step");
    }
    let commit = record.intent.commit();
    let summary = commit.map(|commit| commit.summary).unwrap_or_default();
    format!("+{} ~{} -{}", summary.add, summary.change, summary.delete)
}

/// Returns what a commit is called, or the command that made it.
#[must_use]
pub fn history_what(record: &Record) -> String {
    const LONGEST: usize = 60;
    let intent = &record.intent;
    let text = match &intent.label {
        Some(label) if record.is_runbook() => format!("runbook {label}"),
        Some(label) => label.clone(),
        None => match &intent.typed {
            Some(typed) => typed.clone(),
            None => intent.command.join(" "),
        },
    };
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if plain.chars().count() <= LONGEST {
        return plain;
    }
    plain
        .chars()
        .take(LONGEST - 2)
        .chain("..".chars())
        .collect()
}
