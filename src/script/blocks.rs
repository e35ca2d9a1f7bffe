//! `transaction { … }` and `rehearse { … }`.
//!
//! A block yields its report; the block's own value is `.value` of it. `return`, `break` and `continue` leave a
//! transaction and commit; an error or `exit` drops it.

use std::rc::Rc;
use std::time::Duration;

use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, Expression, ImmutableString, LexError, ParseError,
    Position,
};

use super::error::{ScriptError, Scripted};
use super::host::{Host, HostHandle};
use super::values::{OutcomeValue, PlanValue};
use crate::session::{LayerKind, Reason};

/// Registers the blocks.
pub(super) fn register(engine: &mut Engine) {
    engine.register_custom_syntax_with_state_raw(
        "transaction",
        |symbols, ahead, state| parse("transaction", symbols, ahead, state),
        false,
        transaction,
    );
    engine.register_custom_syntax_with_state_raw(
        "rehearse",
        |symbols, ahead, state| parse("rehearse", symbols, ahead, state),
        false,
        rehearse,
    );
}

/// The parts of a block, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Label,
    Options,
    Block,
}

/// The parts that were read, as a text of one letter each, which is what a syntax can keep.
fn parts_of(state: &Dynamic) -> Vec<Part> {
    let letters = state.clone().into_string().unwrap_or_default();
    let parts = letters.chars().map(|letter| match letter {
        'l' => Part::Label,
        'o' => Part::Options,
        _ => Part::Block,
    });
    parts.collect()
}

/// Reads `NAME [label] [#{ options }] { … }`.
fn parse(
    name: &str,
    symbols: &[ImmutableString],
    ahead: &str,
    state: &mut Dynamic,
) -> Result<Option<ImmutableString>, ParseError> {
    let wrong = |text: String| {
        Err(LexError::ImproperSymbol(ahead.to_owned(), text).into_err(Position::NONE))
    };
    let mut next = |letter: char, symbol: &str| {
        let mut letters = state.clone().into_string().unwrap_or_default();
        letters.push(letter);
        *state = letters.into();
        Ok(Some(symbol.into()))
    };
    let inputs = symbols.len() - 1;
    let last = symbols.last().map(ImmutableString::as_str);
    if last == Some("$block$") {
        return Ok(None);
    }
    match ahead {
        "{" => next('b', "$block$"),
        "#{" if name == "transaction" && inputs <= 1 => next('o', "$expr$"),
        ";" | "=" | "," | ")" | "}" | "." | "" => wrong(format!(
            "`{name}` is a word of the language, followed by a block: {name} {{ … }}. A variable needs another name"
        )),
        _ if name == "transaction" && inputs == 0 => next('l', "$expr$"),
        _ if inputs == 0 => wrong(format!("`{name}` is followed by a block: {name} {{ … }}")),
        _ => wrong(format!(
            "`{name}` with a label is followed by a block: {name} \"label\" {{ … }}"
        )),
    }
}

/// Evaluates the block itself; what `rollback` said, if it left it.
fn inside(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    host: &Host,
    block: &Expression<'_>,
) -> (Result<Dynamic, Box<EvalAltResult>>, Option<String>) {
    host.blocks.set(host.blocks.get() + 1);
    let ended = ctx.eval_expression_tree(block);
    host.blocks.set(host.blocks.get() - 1);
    (ended, host.rollback.borrow_mut().take())
}

fn host(ctx: &EvalContext<'_, '_, '_, '_, '_, '_>, position: Position) -> Scripted<Rc<Host>> {
    let handle = ctx.tag().clone().try_cast::<HostHandle>();
    handle
        .map(|handle| handle.0)
        .ok_or_else(|| ScriptError::new("unavailable", "there is no table here").raise(position))
}

/// Tells whether a block is left on purpose, with what was done so far.
fn leaves(error: &EvalAltResult) -> bool {
    matches!(
        error.unwrap_inner(),
        EvalAltResult::Return(..) | EvalAltResult::LoopBreak(..)
    )
}

/// Evaluates the label of a block.
fn label(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    expression: &Expression<'_>,
) -> Scripted<String> {
    let value = ctx.eval_expression_tree(expression)?;
    let text = value.into_immutable_string().map_err(|found| {
        ScriptError::new(
            "invalid",
            format!("the label of a transaction is a text, not a value of type {found}"),
        )
        .raise(expression.position())
    })?;
    Ok(text.to_string())
}

/// Evaluates the options of a block: its label, and within which time it must be confirmed.
fn options(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    expression: &Expression<'_>,
) -> Scripted<(Option<String>, Option<Duration>)> {
    let value = ctx.eval_expression_tree(expression)?;
    let position = expression.position();
    let Some(map) = value.try_cast::<rhai::Map>() else {
        let text = "the options of a transaction are a map, such as #{label: \"swap\"}";
        return Err(ScriptError::new("invalid", text).raise(position));
    };
    super::convert::block_options(&map)
        .map_err(|error| ScriptError::of(error.into(), None).raise(position))
}

fn transaction(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some(position) = inputs.first().map(Expression::position) else {
        unreachable!("BUG: the syntax has a block")
    };
    let mut name: Option<String> = None;
    let mut confirm = None;
    let mut block = None;
    for (part, input) in parts_of(state).into_iter().zip(inputs) {
        match part {
            Part::Label => name = Some(label(ctx, input)?),
            Part::Options => {
                let (label, time) = options(ctx, input)?;
                name = label.or(name);
                confirm = time;
            }
            Part::Block => block = Some(input),
        }
    }
    let Some(block) = block else {
        unreachable!("BUG: the syntax has a block")
    };
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    host.call(source.as_deref(), position, |session| {
        session.begin(LayerKind::Transaction)
    })?;
    let (ended, rollback) = inside(ctx, &host, block);
    if let Some(why) = rollback {
        host.session.borrow_mut().abandon();
        return Ok(Dynamic::from(OutcomeValue::rolled_back(why, name)));
    }
    match ended {
        Err(error) if !leaves(&error) => {
            host.session.borrow_mut().abandon();
            Err(error)
        }
        // The script asked to end: what is open is dropped, whatever became of the error that says so.
        Ok(_) if host.is_leaving() => {
            host.session.borrow_mut().abandon();
            Ok(Dynamic::UNIT)
        }
        ended => {
            // A refused commit overrides a pending return.
            let reason = Reason {
                label: name.clone(),
                confirm,
                undoes: None,
            };
            let outcome = host.call(source.as_deref(), position, |session| {
                session.end_transaction(reason)
            })?;
            Ok(Dynamic::from(OutcomeValue::new(outcome, name, ended?)))
        }
    }
}

fn rehearse(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    _state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some(block) = inputs.first() else {
        unreachable!("BUG: the syntax has a block")
    };
    let position = block.position();
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    host.call(source.as_deref(), position, |session| {
        session.begin(LayerKind::Rehearsal)
    })?;
    let (ended, rollback) = inside(ctx, &host, block);
    if rollback.is_some() {
        host.session.borrow_mut().abandon();
        let nothing = PlanValue::new(crate::txn::Plan::default(), Dynamic::UNIT);
        return Ok(Dynamic::from(nothing));
    }
    let value = match ended {
        Ok(value) => value,
        Err(error) => {
            host.session.borrow_mut().abandon();
            return Err(error);
        }
    };
    let plan = host.call(
        source.as_deref(),
        position,
        crate::session::Session::end_rehearsal,
    )?;
    Ok(Dynamic::from(PlanValue::new(plan, value)))
}
