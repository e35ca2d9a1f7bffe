//! What every command has at hand, and the one way to a session: opened, heard, worked with, heard again, saved.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::args::Globals;
use super::failure::Failure;
use super::format::Format;
use super::open;
use super::outcome::CommandOutcome;
use super::settings::Habits;
use crate::document::json;
use crate::session::{Access, Interrupt, RunbookReport, Session};
use crate::ui::Ui;

/// What every command has at hand.
pub(super) struct Context {
    pub(super) ui: Ui,
    pub(super) interrupt: Interrupt,
    pub(super) habits: Habits,
    /// In which form results are printed.
    pub(super) format: Format,
    /// Whether the journal could not record how a commit ended.
    pub(super) unnoted: Cell<bool>,
    /// Whether the plan was shown, and asked about.
    pub(super) asked: Rc<Cell<bool>>,
    /// What became of runbooks.
    pub(super) runbooks: RefCell<Vec<RunbookReport>>,
}

impl Context {
    /// Passes on what the session has to say.
    pub(super) fn warn(&self, session: &mut Session) {
        self.unnoted.set(self.unnoted.get() || session.is_unnoted());
        for warning in session.take_warnings() {
            self.ui.warning(&warning);
        }
    }

    /// Prints a result for programs.
    pub(super) fn print(&self, shape: &impl json::Shape) -> Result<CommandOutcome, Failure> {
        self.print_rows(shape, None)
    }

    /// Prints a result for programs, whose rows are what `rows` names.
    pub(super) fn print_rows(
        &self,
        shape: &impl json::Shape,
        rows: Option<&str>,
    ) -> Result<CommandOutcome, Failure> {
        self.ui
            .data(|out| self.format.write(out, shape, rows))
            .map_err(Failure::Output)?;
        Ok(CommandOutcome::Shown)
    }
}

/// Opens the session that the global options name, does with it what a command does, and saves it. What the session has to say
/// is passed on before that and after it, whether or not it failed.
///
/// # Errors
/// The command's failure, or that of opening or saving.
pub(super) fn with_session(
    context: &Context,
    globals: &Globals,
    access: Access,
    work: impl FnOnce(&mut Session) -> Result<CommandOutcome, Failure>,
) -> Result<CommandOutcome, Failure> {
    let mut session = open::open_for_one(globals, access, &context.interrupt)?;
    context.warn(&mut session);
    let worked = work(&mut session);
    context.warn(&mut session);
    let ending = worked?;
    if access != Access::Read {
        open::write_back(&mut session)?;
    }
    // The program ends soon: giving back a large table piece by piece would only take time.
    std::mem::forget(session);
    Ok(ending)
}

/// What a command opens a session for that may only show what it would do.
pub(super) const fn access(dry_run: bool) -> Access {
    if dry_run { Access::Read } else { Access::Write }
}
