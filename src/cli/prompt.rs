//! The prompt.

use std::cell::RefCell;
use std::rc::Rc;

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::narrator::{Reports, Teller};
use super::open;
use super::outcome::CommandOutcome;
use super::report::{self, TargetWords};
use crate::config;
use crate::repl::{Setup, run};
use crate::script::{Limits, Permissions, RunEnvironment, Shell};
use crate::session::Access;
use crate::txn::Report;

/// Runs the prompt.
pub(super) fn prompt(context: &Context, globals: &Globals) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return Err(Failure::usage(
            "--json goes with a command; at the prompt `:json CODE` prints JSON",
        ));
    }
    let mut session = open::open(globals, Access::Write, &context.interrupt)?;
    context.warn(&mut session);
    let asks = context.habits.asks && !session.label().is_simulated();
    let ui = context.ui;
    session.set_narrator(Some(Rc::new(Teller::new(
        ui,
        Reports::Failed,
        false,
        context.interrupt.clone(),
    ))));
    let environment = RunEnvironment {
        // Ctrl-C ends what runs too long.
        limits: Limits {
            operations: 0,
            ..Limits::DEFAULT
        },
        permissions: Permissions {
            at_prompt: true,
            ..Permissions::default()
        },
        output: Rc::new(move |text: &str| ui.line(text)),
        last_resort: Some(open::recover_line(globals)),
        coverage: None,
    };
    let shell = Rc::new(RefCell::new(Shell::new(session, environment)));
    let words = TargetWords::of(globals);
    let file =
        |folder: Option<std::path::PathBuf>, name: &str| folder.map(|folder| folder.join(name));
    let kept = globals.clone();
    let setup = Setup {
        ui,
        asks,
        leave: |status| std::process::exit(i32::from(status)),
        history: file(config::state_folder(), "history"),
        start: file(config::settings_folder(), "start.rhai"),
        outcome: Rc::new(move |report: &Report| report::tell_outcome(report, &words, &ui)),
        committed: Rc::new(move |shell: &Shell| {
            if let Err(failure) = open::write_back(&mut shell.session()) {
                failure.tell(&TargetWords::of(&kept), &ui);
            }
        }),
    };
    ui.status("`help` tells of the language, `:help` of the prompt; Ctrl-D leaves.");
    let status = run(&shell, &setup);
    Ok(CommandOutcome::Prompted { status })
}
