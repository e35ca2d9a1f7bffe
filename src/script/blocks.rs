//! `transaction { … }` and `rehearse { … }`.
//!
//! A block yields its report; the block's own value is `.value` of it. `return`, `break` and `continue` leave a
//! transaction and commit; an error or `exit` drops it.

use std::rc::Rc;

use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, Expression, ImmutableString, LexError, ParseError,
    Position,
};

use super::error::{ScriptError, Scripted};
use super::host::{Host, HostHandle};
use super::values::{OutcomeValue, PlanValue};
use crate::session::LayerKind;

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

/// Reads `NAME [label] { … }`; the state says whether there is a label.
fn parse(
    name: &str,
    symbols: &[ImmutableString],
    ahead: &str,
    state: &mut Dynamic,
) -> Result<Option<ImmutableString>, ParseError> {
    let wrong = |text: String| {
        Err(LexError::ImproperSymbol(ahead.to_owned(), text).into_err(Position::NONE))
    };
    match symbols {
        [_] if ahead == "{" => Ok(Some("$block$".into())),
        [_] if name == "transaction" && !matches!(ahead, ";" | "=" | "," | ")" | "}" | "") => {
            *state = Dynamic::TRUE;
            Ok(Some("$expr$".into()))
        }
        [_] => wrong(format!("`{name}` is followed by a block: {name} {{ … }}")),
        [.., last] if last == "$block$" => Ok(None),
        _ if ahead == "{" => Ok(Some("$block$".into())),
        _ => wrong(format!(
            "`{name}` with a label is followed by a block: {name} \"label\" {{ … }}"
        )),
    }
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

fn transaction(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let (label, block) = match inputs {
        [label, block] if state.as_bool().unwrap_or(false) => (Some(label), block),
        [block, ..] => (None, block),
        [] => unreachable!("BUG: the syntax has a block"),
    };
    let position = label.unwrap_or(block).position();
    let label = match label {
        None => None,
        Some(expression) => {
            let value = ctx.eval_expression_tree(expression)?;
            let text = value.into_immutable_string().map_err(|found| {
                ScriptError::new(
                    "invalid",
                    format!("the label of a transaction is a text, not a value of type {found}"),
                )
                .raise(expression.position())
            })?;
            Some(text.to_string())
        }
    };
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    host.call(source.as_deref(), position, |session| {
        session.begin(LayerKind::Transaction)
    })?;
    let ended = ctx.eval_expression_tree(block);
    match ended {
        Err(error) if !leaves(&error) => {
            host.session.borrow_mut().abandon();
            Err(error)
        }
        ended => {
            // A refused commit overrides a pending return.
            let outcome = host.call(
                source.as_deref(),
                position,
                crate::session::Session::end_transaction,
            )?;
            Ok(Dynamic::from(OutcomeValue::new(outcome, label, ended?)))
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
    let ended = ctx.eval_expression_tree(block);
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
