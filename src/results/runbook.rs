//! What became of a runbook, for other programs.

use serde::Serialize;

use super::envelope::{ChangeShape, PlanShape, change_shape, plan_shape};
use crate::session::{RunbookReport, StepReport, UndoEnd};

/// What became of a runbook.
#[derive(Clone, Debug, Serialize)]
pub struct RunbookShape {
    /// Its name, or null for transactions outside of runbooks, which a plan has.
    pub name: Option<String>,
    /// Its number in the journal, or null.
    pub id: Option<u64>,
    /// `committed`, `rolled_back`, `kept`, `indeterminate` or `planned`.
    pub outcome: &'static str,
    /// Why it did not come to its end, or null.
    pub cause: Option<String>,
    /// When it began, in UTC, RFC 3339.
    pub time: String,
    /// How long it took.
    pub seconds: f64,
    /// Its steps in order; what was committed between steps is one without a name.
    pub steps: Vec<StepShape>,
    /// Changes that would still restore the table before.
    pub residue: Vec<ChangeShape>,
    /// What else went wrong during the rollback.
    pub warnings: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepShape {
    /// Its name, or null.
    pub name: Option<String>,
    /// `done`, `failed`, `left` or `skipped`.
    pub outcome: &'static str,
    /// Why it failed, or null.
    pub cause: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// The numbers of its commits.
    pub commits: Vec<u64>,
    /// What each commit of it changed.
    pub plans: Vec<PlanShape>,
    /// What was waited for in it and behind it.
    pub waits: Vec<WaitShape>,
    /// What became of its own undo: `done`, the error, or null.
    pub undo: Option<String>,
}

/// A wait.
#[derive(Clone, Debug, Serialize)]
pub struct WaitShape {
    /// What for.
    pub what: String,
    /// How long.
    pub seconds: f64,
    /// Whether it came.
    pub came: bool,
}

/// Returns what became of a runbook in its serialised shape.
#[must_use]
pub fn runbook_shape(report: &RunbookReport) -> RunbookShape {
    RunbookShape {
        name: Some(report.name.clone()).filter(|name| !name.is_empty()),
        id: report.number,
        outcome: report.end.word(),
        cause: report.cause.clone(),
        time: report.time.clone(),
        seconds: report.elapsed.as_secs_f64(),
        steps: report.steps.iter().map(step_shape).collect(),
        residue: report.left.iter().map(change_shape).collect(),
        warnings: report.complaints.clone(),
    }
}

fn step_shape(step: &StepReport) -> StepShape {
    StepShape {
        name: Some(step.name.clone()).filter(|name| !name.is_empty()),
        outcome: step.end.word(),
        cause: step.cause.clone(),
        seconds: step.elapsed.as_secs_f64(),
        commits: step.commits.clone(),
        plans: step.plans.iter().map(plan_shape).collect(),
        waits: step
            .waits
            .iter()
            .map(|wait| WaitShape {
                what: wait.what.clone(),
                seconds: wait.waited.as_secs_f64(),
                came: wait.came,
            })
            .collect(),
        undo: step.undo.as_ref().map(|undo| match undo {
            UndoEnd::Done => "done".to_owned(),
            UndoEnd::Failed(text) | UndoEnd::NotRun(text) => text.clone(),
        }),
    }
}
