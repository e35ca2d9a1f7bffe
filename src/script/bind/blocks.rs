//! What is said inside blocks: the plan so far, savepoints, leaving; and checks that end a script.

use rhai::plugin::export_module;
use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext};

use crate::script::convert;
use crate::script::error::{Compared, ScriptError, Scripted};
use crate::script::host::{host, with};
use crate::script::limits::Stop;
use crate::script::values::{PlanValue, ValueText, short};

/// Refuses what belongs into a block and stands outside of one: a dry run is no block, so that it says the same.
fn in_block(ctx: &NativeCallContext<'_>, what: &str) -> Scripted<()> {
    if host(ctx)?.has_block() {
        return Ok(());
    }
    let text =
        format!("{what} belongs into transaction {{ }} or rehearse {{ }}, and there is none here");
    Err(ScriptError::new("invalid", text).raise(ctx.call_position()))
}

/// Throws the error of a check that did not hold.
fn failed(ctx: &NativeCallContext<'_>, kind: &str, message: String) -> Scripted<()> {
    Err(ScriptError::new(kind, message).raise(ctx.call_position()))
}

/// Returns a value as a text of lines, to be compared with another one.
fn in_lines(value: Dynamic) -> Scripted<String> {
    let is_nothing = value.is_unit();
    let text = ValueText::of(value).text()?;
    Ok(if is_nothing { "()".to_owned() } else { text })
}

/// Blocks and checks.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the plan of the innermost open block so far.
    ///
    /// # Example
    /// ```rhai
    /// transaction {
    ///     service::add("tcp://192.0.2.7:80");
    ///     print(plan().summary.add);
    /// }
    /// ```
    #[rhai_fn(name = "plan", return_raw)]
    pub fn plan(ctx: NativeCallContext) -> Scripted<PlanValue> {
        in_block(&ctx, "plan()")?;
        let plan = with(&ctx, |session| session.staged_plan())?;
        Ok(PlanValue::new(plan, Dynamic::UNIT))
    }

    /// Gives this moment of the innermost block a name for `rollback_to`.
    ///
    /// # Example
    /// ```rhai
    /// transaction {
    ///     savepoint("clean");
    ///     service::add("tcp://192.0.2.7:80");
    ///     rollback_to("clean");
    /// }
    /// ```
    #[rhai_fn(name = "savepoint", return_raw)]
    pub fn savepoint(ctx: NativeCallContext, name: &str) -> Scripted<()> {
        in_block(&ctx, "savepoint(name)")?;
        with(&ctx, |session| session.savepoint(name))
    }

    /// Drops what the innermost block staged since a savepoint; the savepoint stays, later ones are gone.
    ///
    /// # Example
    /// ```rhai
    /// rehearse { savepoint("a"); service::add("fwmark://5"); rollback_to("a"); }
    /// ```
    #[rhai_fn(name = "rollback_to", return_raw)]
    pub fn rollback_to(ctx: NativeCallContext, name: &str) -> Scripted<()> {
        in_block(&ctx, "rollback_to(name)")?;
        with(&ctx, |session| session.rollback_to(name))
    }

    /// Leaves the innermost block and drops what it staged. That is no error: the outcome's `kind` is
    /// `rolled_back` and its `reason` the text, and `catch` does not see it.
    ///
    /// # Example
    /// ```rhai
    /// let outcome = transaction { service::add("fwmark://5"); rollback("only looking"); };
    /// print(outcome.reason);
    /// ```
    #[rhai_fn(name = "rollback", return_raw)]
    pub fn rollback(ctx: NativeCallContext, why: &str) -> Scripted<()> {
        let host = host(&ctx)?;
        let position = ctx.call_position();
        if host.blocks.get() == 0 {
            let mut error = ScriptError::new(
                "invalid",
                "rollback(why) belongs into transaction { } or rehearse { }, and there is none here",
            );
            if host.is_prompt {
                error.set_hint("`:rollback` drops the transaction of the prompt");
            }
            return Err(error.raise(position));
        }
        *host.rollback.borrow_mut() = Some(why.to_owned());
        Err(EvalAltResult::ErrorTerminated(Dynamic::from(Stop::Leaving), position).into())
    }

    /// Demands that something holds before the script goes on; throws `requirement` with the text otherwise.
    ///
    /// # Example
    /// ```rhai
    /// require(service::has("tcp://192.0.2.1:80"), "the shop has no service");
    /// ```
    #[rhai_fn(name = "require", return_raw)]
    pub fn require(ctx: NativeCallContext, holds: bool, text: &str) -> Scripted<()> {
        if holds {
            Ok(())
        } else {
            failed(&ctx, "requirement", text.to_owned())
        }
    }

    /// Demands that something holds before the script goes on; throws `requirement` otherwise.
    ///
    /// # Example
    /// ```rhai
    /// require(service::has("tcp://192.0.2.1:80"));
    /// ```
    #[rhai_fn(name = "require", return_raw)]
    pub fn require_plain(ctx: NativeCallContext, holds: bool) -> Scripted<()> {
        require(ctx, holds, "what is required does not hold")
    }

    /// Asserts that something holds; throws `assertion` otherwise.
    ///
    /// # Example
    /// ```rhai
    /// assert(service::list().len() > 0);
    /// ```
    #[rhai_fn(name = "assert", return_raw)]
    pub fn assert_plain(ctx: NativeCallContext, holds: bool) -> Scripted<()> {
        assert(ctx, holds, "what is asserted does not hold")
    }

    /// Asserts that two values are equal; throws `assertion` with both of them otherwise.
    ///
    /// # Example
    /// ```rhai
    /// assert_eq(destination::list().len(), 2);
    /// ```
    #[rhai_fn(name = "assert_eq", return_raw)]
    pub fn assert_eq_plain(
        ctx: NativeCallContext,
        found: Dynamic,
        expected: Dynamic,
    ) -> Scripted<()> {
        assert_eq(ctx, found, expected, "the values differ")
    }

    /// Makes an error of the kind `error`, to be thrown.
    ///
    /// # Example
    /// ```rhai
    /// try { throw error("too many servers"); } catch (e) { print(e.message); }
    /// ```
    #[rhai_fn(name = "error")]
    pub fn error_text(message: &str) -> ScriptError {
        ScriptError::new("error", message)
    }

    /// Asserts that something holds; throws `assertion` with the text otherwise.
    ///
    /// # Example
    /// ```rhai
    /// assert(service::list().len() > 0, "the table is empty");
    /// ```
    #[rhai_fn(name = "assert", return_raw)]
    pub fn assert(ctx: NativeCallContext, holds: bool, text: &str) -> Scripted<()> {
        if holds {
            Ok(())
        } else {
            failed(&ctx, "assertion", text.to_owned())
        }
    }

    /// Asserts that two values are equal; throws `assertion` with both of them otherwise.
    ///
    /// # Example
    /// ```rhai
    /// assert_eq(destination::list().len(), 2, "servers");
    /// ```
    #[rhai_fn(name = "assert_eq", return_raw)]
    pub fn assert_eq(
        ctx: NativeCallContext,
        found: Dynamic,
        expected: Dynamic,
        text: &str,
    ) -> Scripted<()> {
        let equal = ctx
            .call_native_fn_raw("==", true, &mut [&mut found.clone(), &mut expected.clone()])?
            .as_bool()
            .unwrap_or_default();
        if equal {
            return Ok(());
        }
        let message = format!(
            "{text}: found {}, expected {}",
            short(&found),
            short(&expected)
        );
        let mut error = ScriptError::new("assertion", message);
        error.compared = Some(Box::new(Compared {
            found: in_lines(found)?,
            expected: in_lines(expected)?,
        }));
        Err(error.raise(ctx.call_position()))
    }

    /// Makes an error of a kind of your own, to be thrown.
    ///
    /// # Example
    /// ```rhai
    /// try { throw error("quota", "too many servers"); } catch (e) { print(e.kind); }
    /// ```
    #[rhai_fn(name = "error")]
    pub fn error_plain(kind: &str, message: &str) -> ScriptError {
        ScriptError::new(kind, message)
    }

    /// Makes an error with an `object` it is about and a `hint` at the way out.
    ///
    /// # Example
    /// ```rhai
    /// try {
    ///     throw error("quota", "too many servers", #{ object: "tcp://192.0.2.1:80", hint: "delete one first" });
    /// } catch (e) { print(e.hint); }
    /// ```
    #[rhai_fn(name = "error", return_raw)]
    pub fn error(
        ctx: NativeCallContext,
        kind: &str,
        message: &str,
        more: Map,
    ) -> Scripted<ScriptError> {
        let (object, hint) = with(&ctx, |_| Ok(convert::error_options(&more)?))?;
        Ok(ScriptError {
            object: object.map(Into::into),
            hint: hint.map(Into::into),
            ..ScriptError::new(kind, message)
        })
    }
}
