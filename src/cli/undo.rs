//! `undo` and `redo`.

use super::args::Globals;
use super::ask::{Asks, ask_first};
use super::context::{Context, access, with_session};
use super::failure::Failure;
use super::history::{tell_recovered, wait_for_lock};
use super::journal_args::{RedoArguments, UndoArguments};
use super::outcome::CommandOutcome;
use crate::results::RecoveredFirstShape;
use crate::session::{BlockKind, Direction, Ended, VerbOutcome};

/// Undoes a commit, or shows what that would change.
pub(super) fn undo(
    context: &Context,
    globals: &Globals,
    arguments: &UndoArguments,
) -> Result<CommandOutcome, Failure> {
    with_session(context, globals, access(arguments.dry_run), |session| {
        if arguments.dry_run {
            session.begin(BlockKind::Rehearsal)?;
            let _undone = session.stage_undo(arguments.number)?;
            return Ok(CommandOutcome::planned(session.end_rehearsal()?));
        }
        let recovered = session.recovered();
        let is_done = match arguments.number {
            None => !recovered.is_empty(),
            Some(number) => recovered.contains(&number),
        };
        if is_done && globals.json {
            return context.print(&RecoveredFirstShape::new(session.recovered()));
        }
        if is_done {
            context.ui.status(
                "the interrupted commit or runbook was rolled back; nothing else was undone",
            );
            return Ok(CommandOutcome::Shown);
        }
        if let Some(number) = session.commit_with_residue(arguments.number)? {
            wait_for_lock(context, session);
            let recovered = session.recover_residue(number, Direction::Back)?;
            return tell_recovered(context, globals, &[recovered]);
        }
        ask_first(context, globals, session, Asks::unless(arguments.yes));
        let (record, ended) = session.undo(arguments.number)?;
        context
            .ui
            .status(&format!("commit {} is undone", record.intent.number));
        Ok(done(ended))
    })
}

fn done(ended: Ended) -> CommandOutcome {
    CommandOutcome::Done {
        done: match ended {
            Ended::Committed(report) => VerbOutcome::Committed(report),
            Ended::Staged(_) => VerbOutcome::Staged,
        },
        kept: Vec::new(),
        document: String::new(),
    }
}

/// Reverses the newest undo, or shows what that would change.
pub(super) fn redo(
    context: &Context,
    globals: &Globals,
    arguments: &RedoArguments,
) -> Result<CommandOutcome, Failure> {
    with_session(context, globals, access(arguments.dry_run), |session| {
        if arguments.dry_run {
            session.begin(BlockKind::Rehearsal)?;
            let _redone = session.stage_redo()?;
            return Ok(CommandOutcome::planned(session.end_rehearsal()?));
        }
        ask_first(context, globals, session, Asks::unless(arguments.yes));
        let (record, ended) = session.redo()?;
        let undone: Vec<String> = record.intent.undoes().iter().map(u64::to_string).collect();
        let (commits, are) = match undone.len() {
            1 => ("commit", "is"),
            _ => ("commits", "are"),
        };
        context
            .ui
            .status(&format!("{commits} {} {are} redone", undone.join(", ")));
        Ok(done(ended))
    })
}
