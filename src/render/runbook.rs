//! What became of a runbook, for people.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use super::{PlanView, change_summary, count, plan};
use crate::model::shown;
use crate::session::{RunbookEnd, RunbookReport, StepEnd, StepReport, UndoEnd};
use crate::txn::Plan;

/// What is left is listed so far; JSON has all of it.
const LISTED: usize = 20;

/// Returns a time as people read it: milliseconds, seconds with one digit, or minutes.
#[must_use]
pub fn time_taken(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    if time < Duration::from_secs(60) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// Returns the changes of a step in signs and numbers.
#[must_use]
pub fn step_changes(step: &StepReport) -> String {
    let (add, change, delete) = step.counts();
    let parts = [('+', add), ('~', change), ('-', delete)];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(sign, number)| format!("{sign}{number}"))
        .collect();
    if parts.is_empty() {
        "no changes".to_owned()
    } else {
        parts.join(" ")
    }
}

fn step_name(step: &StepReport) -> String {
    if step.is_between() {
        "(between steps)".to_owned()
    } else {
        shown(&step.name)
    }
}

/// Returns the report of a runbook: a line for each step, and how it ended.
#[must_use]
pub fn runbook_text(report: &RunbookReport) -> String {
    let mut text = String::new();
    let number = report.number.map(|number| format!(" ({number})"));
    let _infallible = writeln!(
        text,
        "runbook {:?}{}: {}{}",
        report.name,
        number.unwrap_or_default(),
        ending(report.end),
        match report.end {
            RunbookEnd::Rehearsed => String::new(),
            _ => format!(" in {}", time_taken(report.elapsed)),
        }
    );
    let names = report
        .steps
        .iter()
        .map(|step| step_name(step).chars().count());
    let width = names.max().unwrap_or_default();
    for (index, step) in report.steps.iter().enumerate() {
        let _infallible = writeln!(
            text,
            "  {:>2}  {:width$}  {:<8} {:<12} {:>8}{}",
            index + 1,
            step_name(step),
            state(report, step),
            step_changes(step),
            time_taken(step.elapsed),
            commits(step)
        );
        for line in below(report, step) {
            let _infallible = writeln!(text, "      {line}");
        }
    }
    if let Some(cause) = &report.cause {
        let _infallible = writeln!(text, "  why: {}", indented(cause));
    }
    for complaint in &report.complaints {
        let _infallible = writeln!(text, "  {}", indented(complaint));
    }
    for change in report.left.iter().take(LISTED) {
        let line = change_summary(change);
        let _infallible = writeln!(text, "  not restored; to restore it: {line}");
    }
    text.push_str(match report.end {
        RunbookEnd::Completed | RunbookEnd::Rehearsed => "",
        RunbookEnd::RolledBack => "  The table is as it was before (counters aside).\n",
        RunbookEnd::Kept => "  What it did was kept, as requested.\n",
        RunbookEnd::Residue => "  Not all of it could be rolled back.\n",
    });
    text
}

/// Returns a text with its further lines indented, and without what a terminal would act on.
fn indented(text: &str) -> String {
    text.replace('\n', "\n       ")
}

fn commits(step: &StepReport) -> String {
    match step.commits.as_slice() {
        [] => String::new(),
        [one] => format!("   commit {one}"),
        several => {
            let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!("   commits {}", numbers.join(" "))
        }
    }
}

fn below(report: &RunbookReport, step: &StepReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cause) = &step.cause {
        lines.push(indented(cause));
    }
    for wait in &step.waits {
        let how = if wait.came { "waited" } else { "gave up after" };
        lines.push(match report.end {
            RunbookEnd::Rehearsed => format!("then: {}", wait.what),
            _ => format!("{how} {}: {}", time_taken(wait.waited), wait.what),
        });
    }
    match &step.undo {
        Some(UndoEnd::Done) => lines.push("its own undo ran".to_owned()),
        Some(UndoEnd::Failed(text)) => lines.push(format!("its own undo failed: {text}")),
        Some(UndoEnd::NotRun(text)) => lines.push(format!("its own undo was not run: {text}")),
        None => {}
    }
    lines
}

const fn ending(end: RunbookEnd) -> &'static str {
    match end {
        RunbookEnd::Completed => "done",
        RunbookEnd::RolledBack => "not completed, rolled back",
        RunbookEnd::Kept => "not completed; what it did was kept",
        RunbookEnd::Residue => "not completed; not everything was rolled back",
        RunbookEnd::Rehearsed => "rehearsed",
    }
}

const fn state(report: &RunbookReport, step: &StepReport) -> &'static str {
    match (report.end, step.end) {
        (RunbookEnd::RolledBack, StepEnd::Done) if !step.plans.is_empty() => "undone",
        (_, end) => end.word(),
    }
}

/// Writes what a rehearsed runbook would change, step by step.
///
/// # Errors
/// The writer's error.
pub fn runbook_plan(out: &mut dyn Write, report: &RunbookReport) -> io::Result<()> {
    let is_runbook = !report.name.is_empty();
    if is_runbook {
        let steps = count(report.steps.len(), "step");
        writeln!(out, "runbook {:?}: {steps}", report.name)?;
    }
    for (index, step) in report.steps.iter().enumerate() {
        if is_runbook {
            writeln!(out, "\nstep {} {}", index + 1, step_name(step))?;
        } else {
            let before = if index == 0 { "" } else { "\n" };
            writeln!(out, "{before}transaction {}", step_name(step))?;
        }
        // Waits are told in their order, behind it.
        let plans = step.plans.iter().cloned();
        let mut plans: Vec<Plan> = plans.map(|plan| plan.with_waits(Vec::new())).collect();
        if plans.is_empty() {
            plans.push(Plan::default());
        }
        for one in plans {
            let view = PlanView {
                plan: &one,
                kept: None,
                ending: "",
            };
            plan(out, &view)?;
        }
        for wait in &step.waits {
            writeln!(out, "then: {}", wait.what)?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::time_taken;
    use std::time::Duration;

    #[test]
    fn times_are_short() {
        for (milliseconds, text) in [
            (3, "3 ms"),
            (1_250, "1.2 s"),
            (59_900, "59.9 s"),
            (61_500, "1m 1s"),
            (3_600_000, "1h"),
        ] {
            assert_eq!(time_taken(Duration::from_millis(milliseconds)), text);
        }
    }
}
