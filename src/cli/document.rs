//! Commands around the table document: apply, plan, diff, export, schema.

use super::args::{
    ApplyArguments, DiffArguments, ExportArguments, ExportFormat, Globals, KeepChoice, Merging,
    PruneChoice,
};
use super::failure::Failure;
use super::run::{Context, Ending};
use super::target;
use crate::export::{Detail, DocumentWriter, read_document_file, schema, write_document};
use crate::session::{
    ApplyOptions, Error, LayerKind, Prune, Purpose, Session, Target, lacks_permission,
};
use crate::txn::Outcome;

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
) -> Result<Ending, Failure> {
    if arguments.dry_run {
        return plan(
            context,
            globals,
            &arguments.file,
            &arguments.merging,
            Purpose::Reading,
        );
    }
    let wanted = read_document_file(&arguments.file, globals.max_size)?;
    let mut session = target::open(globals, Purpose::Changing, &context.interrupt)?;
    context.warn(&mut session);
    let options = apply_options(&arguments.merging);
    let mut attempts = 1;
    let (done, kept) = loop {
        match session.apply(&wanted, options) {
            // Someone else changed the table under the plan; a document can be planned again.
            Err(Error::Commit(report)) if attempts < ATTEMPTS && is_conflict(&report.outcome) => {
                attempts += 1;
            }
            other => break other?,
        }
    };
    target::write_back(globals, &mut session)?;
    // The program ends soon: giving back a large table piece by piece would only take time.
    std::mem::forget((session, wanted));
    Ok(Ending::Done {
        done,
        kept,
        document: arguments.file.clone(),
    })
}

/// Shows what a document would change.
pub(super) fn plan(
    context: &Context,
    globals: &Globals,
    file: &str,
    merging: &Merging,
    purpose: Purpose,
) -> Result<Ending, Failure> {
    let wanted = read_document_file(file, globals.max_size)?;
    let mut session = target::open(globals, purpose, &context.interrupt)?;
    context.warn(&mut session);
    session.begin(LayerKind::Rehearsal)?;
    let (_staged, kept) = session.apply(&wanted, apply_options(merging))?;
    let plan = session.end_rehearsal()?;
    Ok(Ending::Planned {
        plan: Box::new(plan),
        kept,
        document: file.to_owned(),
        status: 0,
    })
}

/// Shows what leads from the live table, or one document, to a document.
pub(super) fn diff(
    context: &Context,
    globals: &Globals,
    arguments: &DiffArguments,
) -> Result<Ending, Failure> {
    let a = read_document_file(&arguments.a, globals.max_size)?;
    let (mut session, wanted) = match &arguments.b {
        None => (
            target::open(globals, Purpose::Reading, &context.interrupt)?,
            a,
        ),
        Some(b) => {
            let wanted = read_document_file(b, globals.max_size)?;
            let target = Target::Simulation {
                contents: Some(Box::new(a)),
                label: Some(arguments.a.clone()),
            };
            (
                Session::open(target, Purpose::Reading, context.interrupt.clone())?,
                wanted,
            )
        }
    };
    session.begin(LayerKind::Rehearsal)?;
    let options = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    let (_staged, _kept) = session.apply(&wanted, options)?;
    let plan = session.end_rehearsal()?;
    Ok(Ending::Planned {
        plan: Box::new(plan),
        kept: Vec::new(),
        document: String::new(),
        status: 0,
    })
}

/// Prints the table as a document.
pub(super) fn export(
    context: &Context,
    globals: &Globals,
    arguments: &ExportArguments,
) -> Result<Ending, Failure> {
    let ExportFormat::Json = arguments.format;
    let mut session = target::open(globals, Purpose::Reading, &context.interrupt)?;
    let (table, missing) = match session.table() {
        Err(error) if lacks_permission(&error) => {
            let (table, missing) = session.table_without_privilege()?;
            context.ui.warning(&format!(
                "without privilege this document lacks {}, and can't be applied",
                missing.join(", ")
            ));
            (table, missing)
        }
        other => (other?, Vec::new()),
    };
    let detail = if arguments.config {
        Detail::Configuration
    } else {
        Detail::Observed
    };
    context
        .ui
        .data(|out| {
            write_document(
                out,
                &DocumentWriter {
                    table: &table,
                    detail,
                    incomplete: &missing,
                },
            )
        })
        .map_err(Failure::Output)?;
    Ok(Ending::Shown)
}

/// Prints the schema.
pub(super) fn print_schema(context: &Context) -> Result<Ending, Failure> {
    let text = serde_json::to_string_pretty(&schema()).unwrap_or_default();
    context.ui.line(&text).map_err(Failure::Output)?;
    Ok(Ending::Shown)
}
