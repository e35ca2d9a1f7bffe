//! The prompt, and help on the language.

use std::cell::RefCell;
use std::rc::Rc;

use clap::CommandFactory;

use super::args::{Arguments, Globals, HelpArguments};
use super::context::Context;
use super::failure::Failure;
use super::narrator::{Reports, Teller};
use super::open;
use super::outcome::CommandOutcome;
use super::report::{self, TargetWords};
use crate::config;
use crate::repl::{Setup, run};
use crate::script::{
    DEFINITIONS, Limits, Permissions, REFERENCE, RunEnvironment, Shell, help as help_on,
};
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
    let asks = !session.label().is_simulated();
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

/// Returns the help of a command of that name.
fn command_help(name: &str) -> Option<String> {
    let mut program = Arguments::command();
    program.build();
    let command = program.find_subcommand_mut(name)?;
    if command.is_hide_set() {
        return None;
    }
    Some(command.render_long_help().to_string())
}

/// Prints what there is to say of a name: of a command, or of the script language.
pub(super) fn help(
    context: &Context,
    arguments: &HelpArguments,
) -> Result<CommandOutcome, Failure> {
    let text = if arguments.reference {
        REFERENCE.trim_end().to_owned()
    } else if arguments.definitions {
        DEFINITIONS.trim_end().to_owned()
    } else {
        let name = arguments.name.as_deref().unwrap_or_default();
        match command_help(name) {
            // A name of both is that of the command first.
            Some(text) => match help_on(name) {
                Ok(language) if !language.starts_with("Nothing is called") => {
                    format!("{text}\nIn the script language:\n\n{language}")
                }
                _ => text,
            },
            None => help_on(name).map_err(|text| Failure::Usage { text, hint: None })?,
        }
    };
    context.ui.line(&text).map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}
