//! Running, evaluating and checking scripts.

use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use super::args::{
    Bounds, CheckArguments, EvalArguments, Globals, Limits as LimitArguments, PlanArguments,
    RunArguments,
};
use super::context::Context;
use super::failure::Failure;
use super::narrator::{Reports, Teller};
use super::outcome::CommandOutcome;
use super::script_arguments::{script_of, wants_help};
use super::script_file::read_script;
use super::{document, open, report};
use crate::files;
use crate::model::{reason, shown};
use crate::render::junit;
use crate::results::ResultShape;
use crate::script::{
    Allowed, ArgumentsTaken, Limits, Output, Permissions, RunEnvironment, Script, ScriptFailure,
    TEST_ENDING, arguments_taken, check, check_suite, describe_options, run,
};
use crate::session::RunbookReport;
use crate::session::{Access, BlockKind, Session};
use crate::ui::Ui;

/// Returns what an option such as `--allow-read=FILES` allows.
fn allowed(option: Option<&Vec<String>>) -> Allowed {
    match option {
        None => Allowed::Nowhere,
        // The option without a value: no value is empty.
        Some(files) if files.iter().any(String::is_empty) => Allowed::Everywhere,
        Some(files) => Allowed::In(files.iter().map(Into::into).collect()),
    }
}

/// Returns which files a script may touch.
pub(super) fn permissions_of(arguments: &Bounds) -> Permissions {
    Permissions {
        read: allowed(arguments.allow_read.as_ref()),
        write: allowed(arguments.allow_write.as_ref()),
        at_prompt: false,
    }
}

/// Returns what a script may take and touch, and where it prints.
fn environment(arguments: &LimitArguments, globals: &Globals, ui: Ui) -> RunEnvironment {
    RunEnvironment {
        limits: Limits {
            operations: arguments.max_operations,
            memory_mib: arguments.bounds.max_memory,
        },
        permissions: permissions_of(&arguments.bounds),
        output: output(ui, globals.json),
        last_resort: Some(open::recover_line(globals)),
        coverage: None,
    }
}

/// Prints what a script says of itself. Nothing of it is run.
fn help(context: &Context, script: &Script) -> Result<CommandOutcome, Failure> {
    let text = describe_options(script).map_err(|failure| Failure::Script(Box::new(failure)))?;
    context.ui.line(text.trim_end()).map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Where `print` goes: with --json, standard output belongs to the result.
fn output(ui: Ui, json: bool) -> Output {
    if json {
        return Rc::new(move |text: &str| {
            ui.aside(text);
            Ok(())
        });
    }
    Rc::new(move |text: &str| ui.print(text))
}

/// Runs a script file.
pub(super) fn run_file(
    context: &Context,
    globals: &Globals,
    arguments: &RunArguments,
) -> Result<CommandOutcome, Failure> {
    let (path, rest) = arguments
        .script
        .split_first()
        .ok_or_else(|| Failure::usage("no script is named"))?;
    let script = script_of(path, read_script(path)?, rest)?;
    if wants_help(rest) {
        return help(context, &script);
    }
    execute(
        context,
        globals,
        &script,
        &environment(&arguments.limits, globals, context.ui),
        (Mode::of(arguments.dry_run), Value::Dropped),
        &Steps {
            asks: arguments.step,
            from: arguments.from.clone(),
            junit: arguments.junit.clone(),
        },
    )
}

/// Evaluates code from the command line.
pub(super) fn eval(
    context: &Context,
    globals: &Globals,
    arguments: &EvalArguments,
) -> Result<CommandOutcome, Failure> {
    let mut script = script_of("eval", arguments.code.clone(), &[])?;
    script.arguments.clone_from(&arguments.arguments);
    if let Some(first) = script.arguments.first()
        && arguments_taken(&script) == ArgumentsTaken::None
    {
        return Err(Failure::Usage {
            text: format!("the code takes no arguments, and {first} is one"),
            hint: Some("options of ipvsh stand before `--`".to_owned()),
        });
    }
    execute(
        context,
        globals,
        &script,
        &environment(&arguments.limits, globals, context.ui),
        (Mode::of(arguments.dry_run), Value::Printed),
        &Steps::default(),
    )
}

/// What is shown of a script that is part of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its value: it only looks.
    Look,
    /// What it would change: it is a rehearsal.
    Plan,
    /// The commit it makes, as that of a verb.
    Commit,
    /// Nothing but what is told on the way.
    Nothing,
}

/// Runs a script that is part of the program, with one argument as JSON.
pub(super) fn built_in(
    context: &Context,
    globals: &Globals,
    (name, source, argument): (&str, &str, &serde_json::Value),
    shown: Shown,
) -> Result<CommandOutcome, Failure> {
    let script = Script {
        path: name.to_owned(),
        source: source.to_owned(),
        arguments: vec![argument.to_string()],
    };
    let environment = RunEnvironment {
        permissions: Permissions::default(),
        limits: Limits {
            // What it does depends on the table, and so does what that takes.
            operations: 0,
            memory_mib: usize::MAX >> 20,
        },
        output: output(context.ui, globals.json),
        last_resort: Some(open::recover_line(globals)),
        coverage: None,
    };
    let (mode, value) = match shown {
        Shown::Look => (Mode::Looking, Value::Printed),
        Shown::Plan => (Mode::Rehearsed, Value::Dropped),
        Shown::Commit => (Mode::Live, Value::Commit),
        Shown::Nothing => (Mode::Live, Value::Dropped),
    };
    let steps = Steps::default();
    let ending = execute(
        context,
        globals,
        &script,
        &environment,
        (mode, value),
        &steps,
    )?;
    match ending {
        CommandOutcome::ScriptFailed { failure, committed } => Ok(CommandOutcome::ScriptFailed {
            failure: Box::new(match *failure {
                Failure::Script(failure) => Failure::Script(Box::new(failure.without_places())),
                other => other,
            }),
            committed,
        }),
        other => Ok(other),
    }
}

/// Shows what a script or document would change.
pub(super) fn plan(
    context: &Context,
    globals: &Globals,
    arguments: &PlanArguments,
) -> Result<CommandOutcome, Failure> {
    let ending = make_plan(context, globals, arguments)?;
    if let CommandOutcome::Planned { plan, .. } = &ending {
        document::write_plans(arguments, plan)?;
    }
    Ok(ending)
}

fn make_plan(
    context: &Context,
    globals: &Globals,
    arguments: &PlanArguments,
) -> Result<CommandOutcome, Failure> {
    let (path, rest) = arguments
        .file
        .split_first()
        .ok_or_else(|| Failure::usage("no file is named"))?;
    if !path.ends_with(".rhai") {
        if let Some(extra) = rest.first() {
            return Err(Failure::usage(format!(
                "{path} is a document and takes no argument {extra}; scripts end in .rhai"
            )));
        }
        return document::plan(context, globals, path, &arguments.merging);
    }
    if arguments.merging.prune.is_some() || arguments.merging.keep.is_some() {
        return Err(Failure::usage(format!(
            "{path} is a script; --prune and --keep are for documents"
        )));
    }
    let script = script_of(path, read_script(path)?, rest)?;
    if wants_help(rest) {
        return help(context, &script);
    }
    execute(
        context,
        globals,
        &script,
        &environment(&arguments.limits, globals, context.ui),
        (Mode::Rehearsed, Value::Dropped),
        &Steps::default(),
    )
}

/// Compiles scripts and reports what is wrong with each.
pub(super) fn check_files(
    context: &Context,
    globals: &Globals,
    arguments: &CheckArguments,
) -> Result<CommandOutcome, Failure> {
    let mut last = None;
    for path in &arguments.scripts {
        let script = Script {
            path: path.clone(),
            source: read_script(path)?,
            arguments: Vec::new(),
        };
        let permissions = Permissions {
            read: allowed(arguments.allow_read.as_ref()),
            write: Allowed::Nowhere,
            at_prompt: false,
        };
        let checked = if path.ends_with(TEST_ENDING) {
            check_suite(script, &permissions)
        } else {
            check(&script, &permissions)
        };
        match checked {
            Ok(()) => context.ui.status(&format!("{path}: no complaints")),
            Err(failure) => {
                if let Some(earlier) = last.replace(failure) {
                    Failure::Script(Box::new(earlier))
                        .tell(&report::TargetWords::of(globals), &context.ui);
                }
            }
        }
    }
    match last {
        None if globals.json => context.print(&ResultShape::new("unchanged")),
        None => Ok(CommandOutcome::Shown),
        Some(failure) => Err(Failure::Script(Box::new(failure))),
    }
}

/// Says which commits of a script roll back automatically if nobody confirms them.
fn tell_awaiting(context: &Context, session: &mut Session) {
    for recorded in session.own_unconfirmed().unwrap_or_default() {
        let until = recorded.confirm_by.unwrap_or_default();
        context.ui.status(&format!(
            "commit {0} rolls back automatically at {until} unless you run `ipvsh confirm {0}`",
            recorded.number
        ));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Live,
    Rehearsed,
    /// Nothing is changed, as the script is known.
    Looking,
}

impl Mode {
    const fn of(dry_run: bool) -> Self {
        if dry_run { Self::Rehearsed } else { Self::Live }
    }
}

/// How the steps of runbooks are gone through, and where it is written what became of them.
#[derive(Default)]
struct Steps {
    /// Whether each is asked about.
    asks: bool,
    /// The step to begin with.
    from: Option<String>,
    /// The file for JUnit.
    junit: Option<String>,
}

impl Steps {
    fn write(&self, runbooks: &[RunbookReport]) -> std::io::Result<()> {
        let Some(path) = &self.junit else {
            return Ok(());
        };
        files::replace(Path::new(path), |out| junit(out, runbooks)).map_err(|error| {
            std::io::Error::new(error.kind(), format!("{}: {}", shown(path), reason(&error)))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Printed,
    Dropped,
    /// It is the commits that are shown.
    Commit,
}

fn execute(
    context: &Context,
    globals: &Globals,
    script: &Script,
    environment: &RunEnvironment,
    (mode, value): (Mode, Value),
    steps: &Steps,
) -> Result<CommandOutcome, Failure> {
    // What can't be compiled needs no kernel to say so.
    let checked = check(script, &environment.permissions)
        .map_err(|failure| Failure::Script(Box::new(failure)));
    checked?;
    let access = match mode {
        Mode::Live => Access::Write,
        Mode::Rehearsed | Mode::Looking => Access::Read,
    };
    let mut session = open::open(globals, access, &context.interrupt)?;
    context.warn(&mut session);
    if mode == Mode::Rehearsed {
        session.begin(BlockKind::Rehearsal)?;
        session.report_each_rehearsed();
    } else {
        let reports = if globals.json {
            Reports::None
        } else {
            Reports::All
        };
        let teller = Teller::new(context.ui, reports, steps.asks, context.interrupt.clone());
        session.set_narrator(Some(Rc::new(teller)));
    }
    session.only_in_steps(steps.asks);
    session.begin_with_step(steps.from.clone());
    let (mut session, result): (Session, Result<_, ScriptFailure>) =
        run(script, session, environment);
    context.warn(&mut session);
    let unbegun = session.step_to_begin_with().map(|step| {
        Failure::usage(format!(
            "--from {step}: the script began no runbook, and nothing was changed"
        ))
    });
    let runbooks = session.take_runbooks();
    let unwritten = steps.write(&runbooks).err();
    context.runbooks.replace(runbooks);
    tell_awaiting(context, &mut session);
    let result = match result {
        Ok(result) => result,
        Err(failure) => {
            let saved = open::write_back(&mut session);
            let failure = Failure::Script(Box::new(failure));
            if let Some(error) = unwritten {
                Failure::Output(error).tell(&report::TargetWords::of(globals), &context.ui);
            }
            if let Err(error) = saved {
                error.tell(&report::TargetWords::of(globals), &context.ui);
            }
            return Ok(CommandOutcome::ScriptFailed {
                failure: Box::new(failure),
                committed: session.committed().clone(),
            });
        }
    };
    if let Some(failure) = unbegun {
        return Err(failure);
    }
    // A runbook has told of itself.
    if mode == Mode::Live
        && value != Value::Commit
        && !globals.json
        && context.runbooks.borrow().is_empty()
    {
        report::tell_commits(session.committed(), &context.ui);
    }
    if mode == Mode::Rehearsed {
        if let Some(error) = result.output_failure.or(unwritten) {
            return Err(Failure::Output(error));
        }
        let plan = session.end_rehearsal()?;
        context.warn(&mut session);
        return Ok(CommandOutcome::Planned {
            plan: Box::new(plan),
            kept: Vec::new(),
            document: String::new(),
            status: result.status,
        });
    }
    open::write_back(&mut session)?;
    let committed = session.committed().clone();
    let shown = (value == Value::Printed).then_some(result.value);
    let mut unprinted = result.output_failure.or(unwritten);
    if value == Value::Commit && !globals.json && !globals.quiet {
        for report in committed.kept() {
            let text = |out: &mut dyn Write| report::write_success(out, report, None);
            unprinted = unprinted.or(context.ui.data(text).err());
        }
    }
    Ok(CommandOutcome::ScriptDone {
        value: shown,
        status: result.status,
        committed,
        unprinted,
    })
}
