//! Reports of commits, for people and for programs.

use std::io::{self, Write};

use super::args::Globals;
use crate::ipvsadm::text::{change_commands, shell_word};
use crate::model::ObjectId;
use crate::render::{Kept, PlanView, change_line, change_summary, count, plan};
use crate::results::{ChangeShape, ResultShape, change_shape, plan_shape};
use crate::session::Commits;
use crate::txn::{Cause, Change, Outcome, Recorded, Report, TablePlace};
use crate::ui::Ui;

/// Residue beyond this is counted, not listed: the JSON result has all of it.
const LISTED: usize = 40;

/// Writes what was committed, or that there was nothing to do.
pub(super) fn write_success(
    out: &mut dyn Write,
    report: &Report,
    kept: Option<Kept<'_>>,
) -> io::Result<()> {
    plan(
        out,
        &PlanView {
            plan: &report.plan,
            kept,
            ending: &ending(report),
        },
    )
}

/// Writes how a commit ended whose plan was shown before.
pub(super) fn write_summary(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "{}", ending(report))
}

fn ending(report: &Report) -> String {
    let milliseconds = report.elapsed.as_millis();
    match (&report.outcome, &report.recorded) {
        (Outcome::Unchanged, _) => "Nothing was sent.".to_owned(),
        (_, None) if report.place == TablePlace::Memory => {
            format!("Committed in the simulation, not saved ({milliseconds} ms).")
        }
        (_, None) => format!("Committed in {milliseconds} ms."),
        (
            _,
            Some(Recorded {
                number,
                confirm_by: None,
                ..
            }),
        ) => {
            format!("Committed in {milliseconds} ms as {number}.")
        }
        (
            _,
            Some(Recorded {
                number,
                confirm_by: Some(until),
                ..
            }),
        ) => format!(
            "Committed in {milliseconds} ms as {number}: it rolls back automatically at {until} unless you run `ipvsh confirm {number}`."
        ),
    }
}

/// How lines that can be run name the table they are about.
pub(super) struct TargetWords {
    /// The option of this program; `None` if the table is gone with the program.
    option: Option<String>,
    /// What stands before `ipvsadm`; `None` where it can't go.
    prefix: Option<String>,
}

impl TargetWords {
    pub(super) fn of(globals: &Globals) -> Self {
        match (&globals.sim, &globals.sim_state, &globals.netns) {
            (Some(_), ..) => Self {
                option: None,
                prefix: None,
            },
            (None, Some(file), _) => Self {
                option: Some(format!("--sim-state={}", shell_word(file))),
                prefix: None,
            },
            (None, None, Some(name)) => {
                let by_name = !name.contains('/');
                let enter = if by_name {
                    "ip netns exec "
                } else {
                    "nsenter --net="
                };
                Self {
                    option: Some(format!("--netns {}", shell_word(name))),
                    prefix: Some(format!("{enter}{} ", shell_word(name))),
                }
            }
            (None, None, None) => Self {
                option: Some(String::new()),
                prefix: Some(String::new()),
            },
        }
    }

    /// Lists changes as lines that can be run, as this program and as the original.
    fn list_commands(&self, changes: &[Change], ui: &Ui) {
        match &self.option {
            Some(option) => list(changes, ui, |change| change_line(change, option)),
            // A simulated table ends with the program: there is nothing to run these lines on.
            None => list(changes, ui, change_summary),
        }
        if let (Some(prefix), false) = (&self.prefix, changes.is_empty()) {
            ui.status("or with the original:");
            list(changes, ui, |change| {
                let line = change_commands(change);
                if line.starts_with('#') {
                    line
                } else {
                    format!("{prefix}{line}")
                }
            });
        }
    }
}

/// Says how a commit that did not go through ended.
pub(super) fn tell_outcome(report: &Report, words: &TargetWords, ui: &Ui) {
    match &report.outcome {
        Outcome::RolledBack { undone, .. } => {
            let what = match undone {
                0 => "Nothing was changed (checked by reading the table again).".to_owned(),
                1 => "Rolled back: the one change that had been made (checked by reading the table again; counters aside).".to_owned(),
                number => format!("Rolled back: the {number} changes that had been made, in reverse (checked by reading the table again; counters aside)."),
            };
            ui.status(&what);
        }
        Outcome::Conflict { differences } => tell_differences(differences, ui),
        Outcome::Indeterminate {
            cause,
            residue,
            unread,
        } => {
            if let Cause::Unverified { differences } = cause {
                ui.warning("these planned changes read back differently:");
                list(differences, ui, change_summary);
            }
            match unread {
                Some(error) => ui.warning(&format!(
                    "the table could not be read again ({error}); if every change was made, these commands restore the table:"
                )),
                None if residue.is_empty() => ui.warning("the table is nevertheless as it was before"),
                None => ui.warning(
                    "the table is neither as planned nor as it was before; these commands restore it:",
                ),
            }
            words.list_commands(residue, ui);
        }
        Outcome::Committed
        | Outcome::Unchanged
        | Outcome::Locked { .. }
        | Outcome::Guarded { .. } => {}
    }
}

/// Says what others did that stands in the way.
pub(super) fn tell_differences(differences: &[Change], ui: &Ui) {
    ui.status("nothing was sent. Changed since then:");
    list(differences, ui, change_summary);
}

/// Says what could not be led where it should, because others changed it since.
pub(super) fn tell_left(left: &[Change], words: &TargetWords, ui: &Ui) {
    ui.warning(
        "changes made by others since then were left alone; these commands would override them:",
    );
    words.list_commands(left, ui);
}

/// Says what of a runbook is not back: others changed it since, or it could not be rolled back.
pub(super) fn tell_not_back(left: &[Change], words: &TargetWords, ui: &Ui) {
    ui.warning("not everything is as it was before the runbook; these commands restore it:");
    words.list_commands(left, ui);
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

/// Returns what undoes the changes of a commit.
fn inverse(report: &Report) -> Vec<Change> {
    let changes = report.plan.changes().iter().rev();
    changes.flat_map(Change::inverse).collect()
}

/// Says in a line what a script committed.
pub(super) fn tell_commits(committed: &Commits, ui: &Ui) {
    let kept = committed.kept();
    let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
        return;
    };
    let number = |report: &Report| report.recorded.as_ref().map(|recorded| recorded.number);
    let mut text = match committed.count() {
        1 => "committed".to_owned(),
        several => format!("{several} commits"),
    };
    match (number(first), number(last)) {
        (Some(only), Some(_)) if committed.count() == 1 => text.push_str(&format!(" as {only}")),
        (Some(first), Some(last)) if committed.forgotten() == 0 => {
            text.push_str(&format!(" as {first} to {last}"));
        }
        (_, Some(last)) => text.push_str(&format!(", the last as {last}")),
        _ => {}
    }
    if last.place == TablePlace::Memory {
        text.push_str(" in the simulation, not saved");
    }
    if committed.forgotten() == 0 {
        let changes = kept.iter().map(|report| report.plan.changes().len()).sum();
        text.push_str(&format!(", {}", count(changes, "change")));
    }
    ui.status(&text);
}

/// Says which earlier commits of a failed run stand, and how to undo them.
pub(super) fn tell_standing(committed: &Commits, words: &TargetWords, ui: &Ui) {
    if committed.is_empty() {
        return;
    }
    let recorded = committed.kept().iter().rev();
    let recorded: Option<Vec<&Recorded>> =
        recorded.map(|report| report.recorded.as_ref()).collect();
    if let (Some(option), Some(recorded)) = (&words.option, recorded) {
        return tell_recorded(committed, &recorded, option, ui);
    }
    let ending = match words.option {
        Some(_) => "these commands undo them, newest first:",
        None => "the simulated table is gone now; these commands would have undone them:",
    };
    ui.warning(&format!(
        "{} of this run stand{}; {ending}",
        count(committed.count(), "earlier commit"),
        if committed.count() == 1 { "s" } else { "" }
    ));
    if committed.forgotten() > 0 {
        ui.warning(&forgotten(committed));
    }
    let back: Vec<Change> = committed.kept().iter().rev().flat_map(inverse).collect();
    words.list_commands(&back, ui);
}

/// Says which commits stand, by their numbers in the journal.
fn tell_recorded(committed: &Commits, recorded: &[&Recorded], option: &str, ui: &Ui) {
    ui.warning(&format!(
        "{} of this run stand{}; these commands undo them, newest first:",
        count(committed.count(), "earlier commit"),
        if committed.count() == 1 { "s" } else { "" }
    ));
    let program = format!("ipvsh {option}");
    for recorded in recorded.iter().take(LISTED) {
        let label = recorded.label.as_ref();
        let label = label.map(|label| format!("   # {label:?}"));
        ui.aside(&format!(
            "  {} undo {}{}",
            program.trim_end(),
            recorded.number,
            label.unwrap_or_default()
        ));
    }
    let more = committed.count().saturating_sub(LISTED);
    if more > 0 {
        ui.aside(&format!("  and {more} more; `ipvsh history` lists them"));
    }
}

/// Says how many commits are no longer known.
fn forgotten(committed: &Commits) -> String {
    format!(
        "the first {} of these are too old: their changes are no longer known here",
        committed.forgotten()
    )
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
    if let Some(recorded) = &report.recorded {
        shape.id = Some(recorded.number);
        shape.confirm_by.clone_from(&recorded.confirm_by);
    }
    shape.saved = report.place == TablePlace::Lasting;
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

/// Adds the commits of a run to its envelope: each with what it changed, and all of what undoes them.
pub(super) fn add_commits(shape: &mut ResultShape, committed: &Commits) {
    if committed.forgotten() > 0 {
        shape.changed = true;
        shape.warnings.push(forgotten(committed));
    }
    let committed = committed.kept();
    shape.saved = committed
        .iter()
        .all(|report| report.place == TablePlace::Lasting);
    shape.changed |= committed
        .iter()
        .any(|report| !report.plan.changes().is_empty());
    shape.commit_ids = committed
        .iter()
        .filter_map(|report| report.recorded.as_ref())
        .map(|recorded| recorded.number)
        .collect();
    shape.commits = committed
        .iter()
        .map(|report| plan_shape(&report.plan))
        .collect();
    let failures = committed.iter().flat_map(|report| &report.failed_actions);
    let failures = failures.map(|(action, failure)| {
        format!("after the commit the kernel refused to {action}: {failure}")
    });
    shape.warnings.extend(failures);
}
