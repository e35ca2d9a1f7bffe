//! `runbook "name" { step "a" { … } step "b" { … } undo { … } }`.
//!
//! A step is a transaction; between steps there is time. Whatever keeps a runbook from its end, an error, a signal, `exit`,
//! rolls it back: each commit by its inverse, the latest first, and in between the undos that steps have. The undo of a
//! step runs whenever the step had begun.

use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression, FnPtr, NativeCallContext};

use super::blocks::{Given, Label, Shape, host, inside, label, leaves, option_map, parse};
use super::error::{ScriptError, Scripted};
use super::host::Host;
use super::limits::Stop;
use super::values::OutcomeValue;
use super::{convert, rhai_errors};
use crate::session::{
    CommitTerms, Error, ErrorKind, OwnUndo, RunbookOptions, StepDecision, StepEnd, StopReason,
    UndoEnd,
};

/// The native function that calls an undo.
const CALL: &str = "call_undo$";

/// Registers the blocks.
pub(super) fn register(engine: &mut Engine) {
    const RUNBOOK: Shape = Shape {
        name: "runbook",
        label: Label::Must,
        has_options: true,
        has_undo: false,
    };
    const STEP: Shape = Shape {
        name: "step",
        label: Label::Must,
        has_options: false,
        has_undo: true,
    };
    engine.register_custom_syntax_with_state_raw(
        RUNBOOK.name,
        |symbols, ahead, state| parse(RUNBOOK, symbols, ahead, state),
        false,
        runbook,
    );
    engine.register_custom_syntax_with_state_raw(
        STEP.name,
        |symbols, ahead, state| parse(STEP, symbols, ahead, state),
        false,
        step,
    );
    engine.register_fn(
        CALL,
        |ctx: NativeCallContext<'_>, undo: FnPtr| -> Result<Dynamic, Box<EvalAltResult>> {
            undo.call_within_context(&ctx, ())
        },
    );
}

/// Says why a block did not come to its end.
fn why(error: &EvalAltResult) -> StopReason {
    match error.unwrap_inner() {
        EvalAltResult::Exit(..) => StopReason::Dropped("the script ended itself".to_owned()),
        EvalAltResult::ErrorTerminated(token, _) => match token.clone().try_cast::<Stop>() {
            Some(Stop::Signal(signal)) => StopReason::Interrupted(signal_words(signal)),
            Some(Stop::Leaving) => StopReason::Dropped("the script ended itself".to_owned()),
            _ => StopReason::Failed("the script took more than it may".to_owned()),
        },
        EvalAltResult::ErrorRuntime(value, _) => thrown(value),
        other => StopReason::Failed(rhai_errors::run_error(other)),
    }
}

fn thrown(value: &Dynamic) -> StopReason {
    let Some(error) = value.read_lock::<ScriptError>() else {
        return StopReason::Failed(super::values::plain_text(value));
    };
    let kind = error.session.as_deref().map(Error::kind);
    match kind {
        Some(ErrorKind::Interrupted | ErrorKind::Declined) => {
            StopReason::Interrupted(error.message.clone())
        }
        _ => StopReason::Failed(error.message.clone()),
    }
}

fn signal_words(signal: i32) -> String {
    match signal {
        1 => "the terminal went away (SIGHUP)".to_owned(),
        2 => "interrupted (Ctrl-C)".to_owned(),
        15 => "asked to end (SIGTERM)".to_owned(),
        other => format!("interrupted by signal {other}"),
    }
}

/// Evaluates the label of a block that must have one.
fn required_label(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    parts: &Given<'_, '_>,
) -> Scripted<String> {
    match parts.label {
        Some(input) => label(ctx, input),
        None => unreachable!("BUG: the syntax has a label"),
    }
}

fn runbook(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let parts = Given::of(state, inputs);
    let (block, position) = (parts.block, parts.position);
    let name = required_label(ctx, &parts)?;
    let map = match parts.options {
        Some(input) => option_map(ctx, "a runbook", input)?,
        None => rhai::Map::new(),
    };
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    let source = source.as_deref();
    let options: RunbookOptions = convert::runbook_options(name.clone(), &map)
        .map_err(|error| ScriptError::of(error.into(), None).raise(position))?;
    host.call(source, position, |session| session.begin_runbook(options))?;
    host.undos.borrow_mut().clear();
    let (ended, rollback) = inside(ctx, &host, block);
    let stopped = match (&ended, rollback) {
        (_, Some(why)) => Some((StopReason::Dropped(why), true)),
        (Err(error), None) if !leaves(error) => Some((why(error), false)),
        (Ok(_), None) if host.is_leaving() => Some((
            StopReason::Dropped("the script ended itself".to_owned()),
            false,
        )),
        _ => None,
    };
    if let Some((stopped, is_quiet)) = stopped {
        let outcome = roll_back(ctx, &host, stopped);
        return match (ended, is_quiet) {
            (_, true) => Ok(Dynamic::from(outcome)),
            (Err(error), false) => Err(error),
            (Ok(_), false) => Ok(Dynamic::UNIT),
        };
    }
    let report = host.call(source, position, |session| session.end_runbook());
    match report {
        Ok(report) => Ok(Dynamic::from(OutcomeValue::of_runbook(report, ended?))),
        Err(error) => {
            let _reported = roll_back(ctx, &host, why(&error));
            Err(error)
        }
    }
}

/// Rolls a runbook back, or leaves it as it is if it is to be kept.
fn roll_back(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    host: &Rc<Host>,
    stopped: StopReason,
) -> OutcomeValue {
    // What the script asked for must not end its own undos.
    let exit = host.exit.take();
    let is_rolled_back = host.session().begin_rollback(&stopped);
    if is_rolled_back {
        run_undos(ctx, host);
    }
    let report = host.session().end_stopped(&stopped);
    host.exit.set(exit);
    match report {
        Ok(report) => OutcomeValue::of_runbook(report, Dynamic::UNIT),
        Err(_) => OutcomeValue::rolled_back(stopped.text().to_owned(), None),
    }
}

/// Rolls back, and calls the undos that come on the way. What ended the script must not end them: each has as much as a
/// script may take.
fn run_undos(ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>, host: &Rc<Host>) {
    let next = || host.session().roll_back_to_own_undo();
    let spent = host.operations.get();
    host.is_rolling_back.set(true);
    while let Some(step) = next() {
        host.operations.set(0);
        let undo = host.undos.borrow_mut().remove(&step);
        let end = match undo.map(|undo| call(ctx, undo)) {
            Some(Ok(_)) => UndoEnd::Done,
            Some(Err(error)) => UndoEnd::Failed(why(&error).text().to_owned()),
            None => UndoEnd::NotRun("it is not known any more".to_owned()),
        };
        host.exit.take();
        host.rollback.borrow_mut().take();
        host.session().undo_ended(step, end);
    }
    host.is_rolling_back.set(false);
    host.operations.set(spent);
}

fn call(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    undo: FnPtr,
) -> Result<Dynamic, Box<EvalAltResult>> {
    ctx.call_native_fn_raw(CALL, true, &mut [&mut Dynamic::from(undo)])
}

fn step(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let parts = Given::of(state, inputs);
    let (block, position) = (parts.block, parts.position);
    let name = required_label(ctx, &parts)?;
    let undo = match parts.undo {
        Some(input) => ctx.eval_expression_tree(input)?.try_cast::<FnPtr>(),
        None => None,
    };
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    let source = source.as_deref();
    let has_undo = match undo {
        Some(_) => OwnUndo::Given,
        None => OwnUndo::None,
    };
    let way = host.call(source, position, |session| {
        session.begin_step(&name, has_undo)
    })?;
    let StepDecision::Run(place) = way else {
        return Ok(Dynamic::from(OutcomeValue::skipped(name)));
    };
    if let Some(undo) = undo {
        host.undos.borrow_mut().insert(place, undo);
    }
    let (ended, rollback) = inside(ctx, &host, block);
    let drop_it = |end, text: String| host.session().drop_step(end, Some(text));
    if let Some(why) = rollback {
        drop_it(StepEnd::Left, why.clone());
        return Ok(Dynamic::from(OutcomeValue::rolled_back(why, Some(name))));
    }
    match ended {
        Err(error) if !leaves(&error) => {
            drop_it(StepEnd::Failed, why(&error).text().to_owned());
            Err(error)
        }
        Ok(_) if host.is_leaving() => {
            drop_it(StepEnd::Failed, "the script ended itself".to_owned());
            Ok(Dynamic::UNIT)
        }
        ended => {
            let label = host.session.borrow().step_label(&name);
            let outcome = host.call(source, position, |session| {
                session.end_step(CommitTerms::labelled(Some(label)))
            })?;
            Ok(Dynamic::from(OutcomeValue::new(
                outcome,
                Some(name),
                ended?,
            )))
        }
    }
}
