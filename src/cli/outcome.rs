//! From the ending of a command to output and an exit status.

use std::io;

use super::args::{Globals, PlanFormat};
use super::context::Context;
use super::failure::Failure;
use super::format::Format;
use super::report::{self, TargetWords};
use crate::ipvsadm::text::plan_commands;
use crate::model::{ObjectId, reason};
use crate::render::{Kept, PlanView, plan as render_plan, runbook_plan};
use crate::results::{ResultShape, exit, runbook_shape};
use crate::script::{TooLarge, ValueText};
use crate::session::{Commits, Error, RunbookEnd, RunbookReport, VerbOutcome};
use crate::txn::Plan;
use crate::ui::Ui;

/// How a command ended without an error of its own.
pub(super) enum CommandOutcome {
    /// What there was to show is shown.
    Shown,
    /// A change was made.
    Done {
        done: VerbOutcome,
        kept: Vec<ObjectId>,
        document: String,
    },
    /// A change was planned.
    Planned {
        plan: Box<Plan>,
        kept: Vec<ObjectId>,
        document: String,
        status: u8,
    },
    /// Something of what was to be rolled back or forward is left as others have made it.
    Residue,
    /// Something was compared, and the status tells how that went.
    Judged { status: u8 },
    /// The prompt ended.
    Prompted { status: u8 },
    /// A script came to its end.
    ScriptDone {
        value: Option<ValueText>,
        status: u8,
        committed: Commits,
        unprinted: Option<io::Error>,
    },
    /// A script failed; earlier commits may stand.
    ScriptFailed {
        failure: Box<Failure>,
        committed: Commits,
    },
}

impl CommandOutcome {
    /// Makes the ending of a plan that is no document's.
    pub(super) fn planned(plan: Plan) -> Self {
        Self::Planned {
            plan: Box::new(plan),
            kept: Vec::new(),
            document: String::new(),
            status: 0,
        }
    }
}

/// How plans are printed, and whether pending changes have a status of their own.
#[derive(Clone, Copy)]
pub(super) struct PlanOutput {
    pub(super) format: PlanFormat,
    pub(super) exit_code: bool,
}

/// Turns how a command ended into output and an exit status.
pub(super) fn finish(
    context: &Context,
    globals: &Globals,
    output: PlanOutput,
    ended: Result<CommandOutcome, Failure>,
) -> u8 {
    let ui = &context.ui;
    let runbooks = context.runbooks.borrow();
    let words = TargetWords::of(globals);
    for runbook in runbooks.iter().filter(|runbook| !runbook.left.is_empty()) {
        report::tell_not_back(&runbook.left, &words, ui);
    }
    let status = ended_status(context, globals, output, ended, &runbooks);
    // Not knowing weighs more than whatever a script made of it.
    if runbooks
        .iter()
        .any(|runbook| runbook.end == RunbookEnd::Residue)
    {
        return exit::INDETERMINATE;
    }
    status
}

fn ended_status(
    context: &Context,
    globals: &Globals,
    output: PlanOutput,
    ended: Result<CommandOutcome, Failure>,
    runbooks: &[RunbookReport],
) -> u8 {
    let ui = &context.ui;
    match ended {
        Err(failure) => {
            let status = match (failure.session_error(), context.interrupt.signal()) {
                // Who is asked may answer with a signal.
                (Some(Error::Declined), Some(signal)) => exit::after_signal(signal),
                _ => failure.status(),
            };
            let none = Commits::default();
            fail(context, globals, &failure, status, (&none, runbooks))
        }
        Ok(CommandOutcome::Shown) => exit::DONE,
        Ok(CommandOutcome::Residue) => exit::INDETERMINATE,
        Ok(CommandOutcome::Judged { status } | CommandOutcome::Prompted { status }) => status,
        Ok(CommandOutcome::ScriptFailed { failure, committed }) => {
            report::tell_standing(&committed, &TargetWords::of(globals), ui);
            let status = exit::of_failed_run(failure.status(), !committed.is_empty());
            fail(context, globals, &failure, status, (&committed, runbooks))
        }
        Ok(CommandOutcome::Planned {
            plan,
            kept,
            document,
            status,
        }) => {
            let pending = output.exit_code && !plan.is_empty() && status == exit::DONE;
            let status = if pending { exit::PENDING } else { status };
            written(
                ui,
                write_plan(
                    (context, globals),
                    output,
                    &plan,
                    report::kept(&document, &kept),
                    runbooks,
                ),
                status,
                exit::FAILED,
            )
        }
        Ok(CommandOutcome::Done {
            done,
            kept,
            document,
        }) => {
            let status = finish_done(context, globals, &done, &kept, &document);
            // The program ends: giving back large tables piece by piece would only take time.
            std::mem::forget(done);
            status
        }
        Ok(CommandOutcome::ScriptDone {
            value,
            status,
            committed,
            unprinted,
        }) => {
            let failed_actions = committed
                .kept()
                .iter()
                .any(|report| !report.failed_actions.is_empty());
            let status = if status == exit::DONE && failed_actions {
                exit::COMMITS_STAND
            } else {
                status
            };
            let lost = if committed.is_empty() {
                exit::FAILED
            } else {
                exit::NOT_WRITTEN
            };
            written(
                ui,
                unprinted.map_or_else(
                    || write_value(ui, globals, value, (&committed, runbooks)),
                    Err,
                ),
                status,
                lost,
            )
        }
    }
}

fn fail(
    context: &Context,
    globals: &Globals,
    failure: &Failure,
    status: u8,
    (committed, runbooks): (&Commits, &[RunbookReport]),
) -> u8 {
    let ui = &context.ui;
    failure.tell(&TargetWords::of(globals), ui);
    let mut shape = failure.envelope();
    report::add_commits(&mut shape, committed);
    shape.runbooks = runbooks.iter().map(runbook_shape).collect();
    // A failure is no row.
    if globals.json
        && context.format != Format::Csv
        && let Err(error) = ui.data(|out| context.format.write(out, &shape, None))
    {
        ui.error(&format!(
            "the result could not be written: {}",
            reason(&error)
        ));
    }
    status
}

fn written(ui: &Ui, result: io::Result<()>, status: u8, lost: u8) -> u8 {
    match result {
        Ok(()) => status,
        Err(error) => {
            let done = if lost == exit::NOT_WRITTEN {
                "committed, but "
            } else {
                ""
            };
            ui.error(&format!(
                "{done}the result could not be written: {}",
                reason(&error)
            ));
            lost
        }
    }
}

pub(super) fn json(shape: &ResultShape) -> String {
    crate::document::json::pretty(shape)
}

fn finish_done(
    context: &Context,
    globals: &Globals,
    done: &VerbOutcome,
    kept: &[ObjectId],
    document: &str,
) -> u8 {
    let VerbOutcome::Committed(report) = done else {
        return exit::DONE;
    };
    let ui = &context.ui;
    let status = if report.failed_actions.is_empty() {
        exit::DONE
    } else {
        exit::COMMITS_STAND
    };
    let changed = !report.plan.is_empty();
    let result = if globals.json {
        ui.data(|out| context.format.write(out, &report::envelope(report), None))
    } else if globals.quiet {
        Ok(())
    } else if context.asked.get() && ui.results_are_seen() {
        // Who was asked has seen the plan.
        ui.data(|out| report::write_summary(out, report))
    } else {
        ui.data(|out| report::write_success(out, report, report::kept(document, kept)))
    };
    written(
        ui,
        result,
        status,
        if changed {
            exit::NOT_WRITTEN
        } else {
            exit::FAILED
        },
    )
}

fn write_plan(
    (context, globals): (&Context, &Globals),
    output: PlanOutput,
    plan: &Plan,
    kept: Option<Kept<'_>>,
    runbooks: &[RunbookReport],
) -> io::Result<()> {
    let ui = &context.ui;
    if globals.json {
        let mut shape = ResultShape::planned(plan);
        shape.runbooks = runbooks.iter().map(runbook_shape).collect();
        // The rows of a plan are its changes.
        let is_whole = matches!(context.format, Format::Table | Format::Json | Format::Yaml);
        return match &shape.plan {
            Some(plan) if !is_whole => {
                ui.data(|out| context.format.write(out, plan, Some("changes")))
            }
            _ => ui.data(|out| context.format.write(out, &shape, None)),
        };
    }
    match output.format {
        PlanFormat::Ipvsadm => ui.data(|out| {
            plan_commands(plan)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))
        }),
        PlanFormat::Text
        | PlanFormat::Json
        | PlanFormat::Jsonl
        | PlanFormat::Yaml
        | PlanFormat::Csv => {
            // What transactions do one by one is told if all of them together come to less.
            let each: usize = runbooks
                .iter()
                .map(|runbook| runbook.changes().count())
                .sum();
            let whole = plan.changes().len();
            let tells = each > whole || runbooks.iter().any(|runbook| !runbook.name.is_empty());
            let runbooks = if tells { runbooks } else { &[] };
            let told;
            let steps = runbooks.iter().flat_map(|runbook| &runbook.steps);
            let waits: usize = steps.map(|step| step.waits.len()).sum();
            let plan = if waits < plan.waits().len() {
                plan
            } else {
                // The waits of runbooks stand at their steps.
                told = plan.clone().with_waits(Vec::new());
                &told
            };
            let view = PlanView {
                plan,
                kept,
                ending: "Nothing was changed.",
            };
            ui.data(|out| {
                for runbook in runbooks {
                    runbook_plan(out, runbook)?;
                }
                if !runbooks.is_empty() {
                    writeln!(out, "all together:")?;
                }
                render_plan(out, &view)
            })
        }
    }
}

fn too_large(error: TooLarge) -> io::Error {
    io::Error::other(error.to_string())
}

fn write_value(
    ui: &Ui,
    globals: &Globals,
    value: Option<ValueText>,
    (committed, runbooks): (&Commits, &[RunbookReport]),
) -> io::Result<()> {
    match (globals.json, value) {
        (true, Some(value)) => ui.line(&value.json().map_err(too_large)?),
        (true, None) => {
            let mut shape = ResultShape::new(if committed.is_empty() {
                "unchanged"
            } else {
                "committed"
            });
            report::add_commits(&mut shape, committed);
            shape.runbooks = runbooks.iter().map(runbook_shape).collect();
            ui.line(&json(&shape))
        }
        (false, Some(value)) => match value.text().map_err(too_large)? {
            text if text.is_empty() => Ok(()),
            text => ui.line(&text),
        },
        (false, None) => Ok(()),
    }
}
