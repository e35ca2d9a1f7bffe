//! The question before a change of a kernel's table that takes something away.

use std::rc::Rc;

use super::args::Globals;
use super::context::Context;
use crate::render::plan_text;
use crate::session::Session;
use crate::txn::Plan;
use crate::ui::can_ask;

/// Whether a command asks before it takes something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// On a terminal it does.
    OnTerminals,
    /// `--yes`, or what nobody would ask about.
    Never,
}

impl Asks {
    pub(super) const fn unless(yes: bool) -> Self {
        if yes { Self::Never } else { Self::OnTerminals }
    }
}

/// Has a session show what it is about to commit, and ask, if it takes something away. Nobody is asked where nobody could answer: only if
/// standard input and standard error are terminals, and no program reads the result. A simulated table is nothing to be careful with.
pub(super) fn ask_first(context: &Context, globals: &Globals, session: &mut Session, asks: Asks) {
    let may_ask = context.habits.asks && !globals.json && can_ask();
    if asks == Asks::Never || !may_ask || session.label().is_simulated() {
        return;
    }
    let (ui, interrupt) = (context.ui, context.interrupt.clone());
    let asked = Rc::clone(&context.asked);
    let question = move |plan: &Plan| -> bool {
        if !plan.takes_away() {
            return true;
        }
        ui.aside(&plan_text(plan, "Nothing was sent yet."));
        asked.set(true);
        ui.ask("commit this?", &|| interrupt.signal().is_some())
    };
    session.set_question(Some(Rc::new(question)));
}
