//! Commands around the table document: apply, plan, diff, schema.

use std::path::Path;
use std::time::Duration;

use super::args::{ApplyArguments, Globals, KeepChoice, Merging, PlanArguments, PruneChoice};
use super::ask::{Asks, ask_first};
use super::context::{Context, access, with_session};
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use crate::document::{
    is_plan, json, read_document, read_document_file, read_file, read_plan, schema, write_plan,
};
use crate::files;
use crate::model::{ObjectId, TableSpecification, reason, shown};
use crate::session::{
    Access, ApplyOptions, BlockKind, CommitTerms, Ended, Error, Prune, Session, VerbOutcome,
};
use crate::txn::{Outcome, Plan};

pub(super) const fn apply_options(merging: &Merging) -> ApplyOptions {
    ApplyOptions {
        prune: match merging.prune {
            None => Prune::Nothing,
            Some(PruneChoice::Servers) => Prune::Servers,
            Some(PruneChoice::Services) => Prune::Services,
        },
        keep_weight: matches!(merging.keep, Some(KeepChoice::Weight)),
    }
}

/// How often a document is planned when the table changes under the plan.
const ATTEMPTS: u32 = 3;

const fn is_conflict(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Conflict { .. })
}

/// Makes the table what a document says, or shows what that would change.
pub(super) fn apply(
    context: &Context,
    globals: &Globals,
    arguments: &ApplyArguments,
) -> Result<CommandOutcome, Failure> {
    let bytes = read_file(&arguments.file, globals.max_size)?;
    if is_plan(&bytes) {
        return apply_plan(context, globals, arguments, &bytes);
    }
    let wanted = read_document(&arguments.file, &bytes)?;
    drop(bytes);
    if arguments.dry_run {
        let file = &arguments.file;
        return plan_document(context, globals, file, &wanted, &arguments.merging);
    }
    let options = apply_options(&arguments.merging);
    with_session(context, globals, Access::Write, |session| {
        ask_first(context, globals, session, Asks::unless(arguments.yes));
        let mut attempts = 1;
        let (done, kept) = loop {
            match apply_once(session, &wanted, options, arguments.confirm) {
                // Someone else changed the table under the plan; a document can be planned again.
                Err(Error::Commit(report))
                    if attempts < ATTEMPTS && is_conflict(&report.outcome) =>
                {
                    attempts += 1;
                }
                other => break other.map_err(open::in_file(&arguments.file, globals))?,
            }
        };
        std::mem::forget(wanted);
        Ok(CommandOutcome::Done {
            done,
            kept,
            document: arguments.file.clone(),
        })
    })
}

fn apply_once(
    session: &mut Session,
    wanted: &TableSpecification,
    options: ApplyOptions,
    confirm: Option<Duration>,
) -> Result<(VerbOutcome, Vec<ObjectId>), Error> {
    if confirm.is_none() {
        return session.apply(wanted, options);
    }
    session.begin(BlockKind::Transaction)?;
    let (_staged, kept) = match session.apply(wanted, options) {
        Ok(staged) => staged,
        Err(error) => {
            session.abandon();
            return Err(error);
        }
    };
    let reason = CommitTerms {
        confirm,
        ..CommitTerms::default()
    };
    match session.end_transaction(reason)? {
        Ended::Committed(report) => Ok((VerbOutcome::Committed(report), kept)),
        Ended::Staged(_) => Ok((VerbOutcome::Staged, kept)),
    }
}

/// Commits a plan as it was written, or shows it; it is a conflict if the table has changed since.
fn apply_plan(
    context: &Context,
    globals: &Globals,
    arguments: &ApplyArguments,
    bytes: &[u8],
) -> Result<CommandOutcome, Failure> {
    let file = &arguments.file;
    if arguments.merging.prune.is_some() || arguments.merging.keep.is_some() {
        return Err(Failure::usage(format!(
            "{file} is a plan, which says all that changes; --prune and --keep are for documents"
        )));
    }
    let plan = read_plan(file, bytes)?;
    with_session(context, globals, access(arguments.dry_run), |session| {
        if arguments.dry_run {
            session.begin(BlockKind::Rehearsal)?;
            let _staged = session.commit_or_stage(plan, CommitTerms::default())?;
            return Ok(CommandOutcome::planned(session.end_rehearsal()?));
        }
        let reason = CommitTerms {
            confirm: arguments.confirm,
            ..CommitTerms::default()
        };
        ask_first(context, globals, session, Asks::unless(arguments.yes));
        let report = session.commit(plan, reason)?;
        Ok(CommandOutcome::Done {
            done: VerbOutcome::Committed(Box::new(report)),
            kept: Vec::new(),
            document: String::new(),
        })
    })
}

/// Shows what a document would change.
pub(super) fn plan(
    context: &Context,
    globals: &Globals,
    file: &str,
    merging: &Merging,
) -> Result<CommandOutcome, Failure> {
    let wanted = read_document_file(file, globals.max_size)?;
    plan_document(context, globals, file, &wanted, merging)
}

fn plan_document(
    context: &Context,
    globals: &Globals,
    file: &str,
    wanted: &TableSpecification,
    merging: &Merging,
) -> Result<CommandOutcome, Failure> {
    with_session(context, globals, Access::Read, |session| {
        session.begin(BlockKind::Rehearsal)?;
        let applied = session.apply(wanted, apply_options(merging));
        let (_staged, kept) = applied.map_err(open::in_file(file, globals))?;
        let plan = session.end_rehearsal()?;
        Ok(CommandOutcome::Planned {
            plan: Box::new(plan),
            kept,
            document: file.to_owned(),
            status: 0,
        })
    })
}

/// Writes the files that `ipvsh plan` was asked for: the plan, and the one that undoes it.
pub(super) fn write_plans(arguments: &PlanArguments, plan: &Plan) -> Result<(), Failure> {
    let back;
    let files = [
        (&arguments.out, Some(plan)),
        (&arguments.undo_out, {
            back = arguments.undo_out.is_some().then(|| plan.reversed());
            back.as_ref()
        }),
    ];
    for (path, plan) in files {
        if let (Some(path), Some(plan)) = (path, plan) {
            files::replace(Path::new(path), |out| write_plan(out, plan)).map_err(|error| {
                Failure::Output(std::io::Error::new(
                    error.kind(),
                    format!("{}: {}", shown(path), reason(&error)),
                ))
            })?;
        }
    }
    Ok(())
}

/// Prints the schema.
pub(super) fn print_schema(context: &Context) -> Result<CommandOutcome, Failure> {
    let text = json::pretty(&schema());
    context.ui.line(&text).map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}
