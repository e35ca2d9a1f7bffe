//! Reports of commits, for people and for programs.

use std::io::{self, Write};

use crate::export::{ChangeShape, ResultShape, change_shape, plan_shape};
use crate::model::ObjectId;
use crate::render::{Kept, PlanView, change_commands, change_line, change_summary, count, plan};
use crate::txn::{Change, Outcome, Report};
use crate::ui::Ui;

/// Residue beyond this is counted, not listed: the JSON result has all of it.
const LISTED: usize = 40;

/// Writes what was committed, or that there was nothing to do.
pub(super) fn write_success(
    out: &mut dyn Write,
    report: &Report,
    kept: Option<Kept<'_>>,
) -> io::Result<()> {
    let milliseconds = report.elapsed.as_millis();
    let ending = match &report.outcome {
        Outcome::Unchanged => "Nothing was sent.".to_owned(),
        _ => format!("Committed in {milliseconds} ms."),
    };
    plan(
        out,
        &PlanView {
            plan: &report.plan,
            kept,
            ending: &ending,
        },
    )
}

/// Says how a commit that did not go through ended.
pub(super) fn tell_outcome(report: &Report, ui: &Ui) {
    match &report.outcome {
        Outcome::RolledBack { .. } => {
            let others = report.plan.changes().len().saturating_sub(1);
            let others = if others > 0 {
                format!("the {others} others, in reverse")
            } else {
                "nothing else had been done".to_owned()
            };
            ui.status(&format!(
                "undone: {others}. Table read again: equal to the one before (counters aside)."
            ));
        }
        Outcome::Conflict { differences } => {
            ui.status("nothing was sent. Someone else did:");
            list(differences, ui, change_summary);
        }
        Outcome::Indeterminate {
            residue, unread, ..
        } => {
            match unread {
                Some(error) => ui.warning(&format!("the table could not be read again ({error}); these lines lead back if all of it was done:")),
                None if residue.is_empty() => ui.warning("the table is as before all the same"),
                None => ui.warning("the table is neither as planned nor as before; these lines lead back:"),
            }
            list(residue, ui, change_line);
            if !residue.is_empty() {
                ui.status("or with the original:");
                list(residue, ui, change_commands);
            }
        }
        Outcome::Committed | Outcome::Unchanged | Outcome::Locked { .. } => {}
    }
}

fn list(changes: &[Change], ui: &Ui, line: impl Fn(&Change) -> String) {
    for change in changes.iter().take(LISTED) {
        ui.aside(&format!("  {}", line(change)));
    }
    if changes.len() > LISTED {
        ui.aside(&format!(
            "  and {} more; --json lists all",
            changes.len() - LISTED
        ));
    }
}

/// Says which earlier commits of a failed run stand, and how to take them back.
pub(super) fn tell_standing(committed: &[Report], ui: &Ui) {
    if committed.is_empty() {
        return;
    }
    ui.warning(&format!(
        "{} of this run stand{}; these lines take them back, the latest first:",
        count(committed.len(), "earlier commit"),
        if committed.len() == 1 { "s" } else { "" }
    ));
    for report in committed.iter().rev() {
        let inverse: Vec<Change> = report
            .plan
            .changes()
            .iter()
            .rev()
            .flat_map(Change::inverse)
            .collect();
        list(&inverse, ui, change_line);
    }
}

pub(super) fn differences(outcome: &Outcome) -> Vec<ChangeShape> {
    match outcome {
        Outcome::Conflict { differences } => differences.iter().map(change_shape).collect(),
        Outcome::Indeterminate {
            cause: crate::txn::Cause::Unverified { differences },
            ..
        } => differences.iter().map(change_shape).collect(),
        _ => Vec::new(),
    }
}

/// Returns the envelope of a report.
pub(super) fn envelope(report: &Report) -> ResultShape {
    let mut shape = ResultShape::new(report.outcome.word());
    shape.plan = Some(plan_shape(&report.plan));
    shape.changed = match &report.outcome {
        Outcome::Committed => !report.plan.changes().is_empty(),
        Outcome::Indeterminate { residue, .. } => !residue.is_empty(),
        _ => false,
    };
    if let Outcome::Indeterminate { residue, .. } = &report.outcome {
        shape.residue = residue.iter().map(change_shape).collect();
    }
    for (action, failure) in &report.failed_actions {
        shape.warnings.push(format!(
            "after the commit the kernel refused to {action}: {failure}"
        ));
    }
    shape
}

/// Returns what to say of objects that stay.
pub(super) fn kept<'a>(document: &'a str, objects: &'a [ObjectId]) -> Option<Kept<'a>> {
    Some(Kept { document, objects })
}
