//! `transaction { … }` and `rehearse { … }`.
//!
//! A block yields its report; the block's own value is `.value` of it. `return`, `break` and `continue` leave a
//! transaction and commit; an error or `exit` drops it.

use std::rc::Rc;

use rhai::{
    Dynamic, Engine, EvalAltResult, EvalContext, Expression, ImmutableString, LexError, ParseError,
    Position,
};

use super::convert::BlockOptions;
use super::error::{ScriptError, Scripted};
use super::host::{Host, HostHandle};
use super::values::{OutcomeValue, PlanValue};
use crate::model::shown;
use crate::session::{BlockKind, CommitTerms};

/// Registers the blocks.
pub(super) fn register(engine: &mut Engine) {
    const TRANSACTION: Shape = Shape {
        name: "transaction",
        label: Label::May,
        has_options: true,
        has_undo: false,
    };
    const REHEARSE: Shape = Shape {
        name: "rehearse",
        label: Label::No,
        has_options: false,
        has_undo: false,
    };
    engine.register_custom_syntax_with_state_raw(
        TRANSACTION.name,
        |symbols, ahead, state| parse(TRANSACTION, symbols, ahead, state),
        false,
        transaction,
    );
    engine.register_custom_syntax_with_state_raw(
        REHEARSE.name,
        |symbols, ahead, state| parse(REHEARSE, symbols, ahead, state),
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
    Undo,
}

/// The parts that were read, as a text of one letter each, which is what a syntax can keep.
fn parts_of(state: &Dynamic) -> Vec<Part> {
    let letters = state.clone().into_string().unwrap_or_default();
    let parts = letters.chars().map(|letter| match letter {
        'l' => Part::Label,
        'o' => Part::Options,
        'u' => Part::Undo,
        _ => Part::Block,
    });
    parts.collect()
}

/// The parts of a block with what stands there.
pub(super) struct Given<'a, 'b> {
    pub(super) label: Option<&'a Expression<'b>>,
    pub(super) options: Option<&'a Expression<'b>>,
    pub(super) block: &'a Expression<'b>,
    pub(super) undo: Option<&'a Expression<'b>>,
    /// Where the first of them begins.
    pub(super) position: Position,
}

impl<'a, 'b> Given<'a, 'b> {
    pub(super) fn of(state: &Dynamic, inputs: &'a [Expression<'b>]) -> Self {
        let parts = parts_of(state);
        let find = |wanted: Part| {
            let place = parts.iter().position(|part| *part == wanted)?;
            inputs.get(place)
        };
        let (Some(first), Some(block)) = (inputs.first(), find(Part::Block)) else {
            unreachable!("BUG: the syntax has a block")
        };
        Self {
            label: find(Part::Label),
            options: find(Part::Options),
            block,
            undo: find(Part::Undo),
            position: first.position(),
        }
    }
}

/// What may stand before and behind a block.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) label: Label,
    pub(super) has_options: bool,
    pub(super) has_undo: bool,
}

/// Whether a block has a label.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    No,
    May,
    Must,
}

/// Reads `NAME [label] [#{ options }] { … } [undo { … }]`.
pub(super) fn parse(
    shape: Shape,
    symbols: &[ImmutableString],
    ahead: &str,
    state: &mut Dynamic,
) -> Result<Option<ImmutableString>, ParseError> {
    let name = shape.name;
    let wrong = |text: String| {
        Err(LexError::ImproperSymbol(ahead.to_owned(), text).into_err(Position::NONE))
    };
    let parts = parts_of(state);
    let mut next = |letter: char, symbol: &str| {
        let mut letters = state.clone().into_string().unwrap_or_default();
        letters.push(letter);
        *state = letters.into();
        Ok(Some(symbol.into()))
    };
    let example = match shape.label {
        Label::Must => format!("{name} \"label\" {{ … }}"),
        Label::No | Label::May => format!("{name} {{ … }}"),
    };
    match symbols.last().map(ImmutableString::as_str) {
        Some("$block$") if shape.has_undo && ahead == "undo" => return Ok(Some("undo".into())),
        Some("$block$" | "$func$") => return Ok(None),
        Some("undo") if ahead == "{" => return next('u', "$func$"),
        Some("undo") => return wrong("`undo` is followed by a block: undo { … }".to_owned()),
        _ => {}
    }
    let (has_label, has_options) = (parts.contains(&Part::Label), parts.contains(&Part::Options));
    let lacks_label = shape.label == Label::Must && !has_label;
    match ahead {
        "{" if !lacks_label => next('b', "$block$"),
        "#{" if shape.has_options && !has_options && !lacks_label => next('o', "$expr$"),
        "{" | "#{" if lacks_label => wrong(format!("`{name}` has a name: {example}")),
        ";" | "=" | "," | ")" | "}" | "." | "" => wrong(format!(
            "`{name}` is a word of the language, followed by a block: {example}. A variable needs another name"
        )),
        _ if shape.label != Label::No && parts.is_empty() => next('l', "$expr$"),
        _ if parts.is_empty() => wrong(format!("`{name}` is followed by a block: {example}")),
        _ => wrong(format!(
            "`{name}` with a label is followed by a block: {name} \"label\" {{ … }}"
        )),
    }
}

/// Evaluates the block itself; what `rollback` said, if it left it.
pub(super) fn inside(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    host: &Host,
    block: &Expression<'_>,
) -> (Result<Dynamic, Box<EvalAltResult>>, Option<String>) {
    host.blocks.set(host.blocks.get() + 1);
    let ended = ctx.eval_expression_tree(block);
    host.blocks.set(host.blocks.get() - 1);
    (ended, host.rollback.borrow_mut().take())
}

pub(super) fn host(
    ctx: &EvalContext<'_, '_, '_, '_, '_, '_>,
    position: Position,
) -> Scripted<Rc<Host>> {
    let handle = ctx.tag().clone().try_cast::<HostHandle>();
    handle
        .map(|handle| handle.0)
        .ok_or_else(|| ScriptError::new("unavailable", "there is no table here").raise(position))
}

/// Returns whether a block is left on access, with what was done so far.
pub(super) fn leaves(error: &EvalAltResult) -> bool {
    matches!(
        error.unwrap_inner(),
        EvalAltResult::Return(..) | EvalAltResult::LoopBreak(..)
    )
}

/// Evaluates the label of a block.
pub(super) fn label(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    expression: &Expression<'_>,
) -> Scripted<String> {
    let value = ctx.eval_expression_tree(expression)?;
    let text = value.into_immutable_string().map_err(|found| {
        ScriptError::new(
            "invalid",
            format!("the label of a block is a text, not a value of type {found}"),
        )
        .raise(expression.position())
    })?;
    Ok(text.to_string())
}

/// Evaluates the map of options that stands before a block.
pub(super) fn option_map(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    what: &str,
    expression: &Expression<'_>,
) -> Scripted<rhai::Map> {
    let value = ctx.eval_expression_tree(expression)?;
    value.try_cast::<rhai::Map>().ok_or_else(|| {
        let text =
            format!("the options of {what} are a map, such as #{{guards: [\"last_server\"]}}");
        ScriptError::new("invalid", text).raise(expression.position())
    })
}

/// Evaluates the options of a transaction: its label, its terms, its guards.
fn options(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    expression: &Expression<'_>,
) -> Scripted<BlockOptions> {
    let map = option_map(ctx, "a transaction", expression)?;
    super::convert::block_options(&map)
        .map_err(|error| ScriptError::of(error.into(), None).raise(expression.position()))
}

fn transaction(
    ctx: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    state: &Dynamic,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let parts = Given::of(state, inputs);
    let (block, position) = (parts.block, parts.position);
    let mut name = parts.label.map(|input| label(ctx, input)).transpose()?;
    let mut given = BlockOptions::default();
    if let Some(input) = parts.options {
        given = options(ctx, input)?;
        if let (Some(name), Some(second)) = (&name, &given.label) {
            let text = format!(
                "the transaction has two labels, \"{}\" and \"{}\"; one is enough",
                shown(name),
                shown(second)
            );
            return Err(ScriptError::new("invalid", text).raise(input.position()));
        }
        name = given.label.clone().or(name);
    }
    let host = host(ctx, position)?;
    let source = ctx.source().map(str::to_owned);
    host.call(source.as_deref(), position, |session| {
        session.begin(BlockKind::Transaction)
    })?;
    let (ended, rollback) = inside(ctx, &host, block);
    if let Some(why) = rollback {
        host.session().abandon();
        return Ok(Dynamic::from(OutcomeValue::rolled_back(why, name)));
    }
    match ended {
        Err(error) if !leaves(&error) => {
            host.session().abandon();
            Err(error)
        }
        // The script asked to end: what is open is dropped, whatever became of the error that says so.
        Ok(_) if host.is_leaving() => {
            host.session().abandon();
            Ok(Dynamic::UNIT)
        }
        ended => {
            // A refused commit overrides a pending return.
            let reason = CommitTerms {
                label: name.clone(),
                confirm: given.confirm,
                undoes: Vec::new(),
                guarding: given.guarding,
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
        session.begin(BlockKind::Rehearsal)
    })?;
    let (ended, rollback) = inside(ctx, &host, block);
    if rollback.is_some() {
        host.session().abandon();
        let nothing = PlanValue::new(crate::txn::Plan::default(), Dynamic::UNIT);
        return Ok(Dynamic::from(nothing));
    }
    let value = match ended {
        Ok(value) => value,
        Err(error) => {
            host.session().abandon();
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
