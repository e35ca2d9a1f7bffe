//! Functions without a noun.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, EvalAltResult, Map, NativeCallContext};

use crate::render::columns;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::host;
use crate::script::options;
use crate::script::values::ValueText;

/// Functions without a noun.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the script's own arguments.
    ///
    /// # Example
    /// ```rhai
    /// args().len()
    /// ```
    #[rhai_fn(name = "args", return_raw)]
    pub fn own_arguments(ctx: NativeCallContext) -> Scripted<Array> {
        Ok(host(&ctx)?
            .arguments
            .iter()
            .map(|argument| argument.clone().into())
            .collect())
    }

    /// Returns the script's own options as a map. The given map describes them: each name with its default, which
    /// also says what the option takes; `()` is a required one, `false` a switch, `[]` one that can be repeated.
    /// A wrong option ends the script with exit status 2 and the usage; `ipvsh run FILE --help` shows it too.
    ///
    /// # Example
    /// ```rhai
    /// let o = options(#{ deadline: "10m", yes: false });
    /// print(o.deadline);
    /// ```
    #[rhai_fn(name = "options", return_raw)]
    pub fn own_options(ctx: NativeCallContext, known: Map) -> Scripted<Map> {
        let host = host(&ctx)?;
        options::read(&host.path, &known, &host.arguments)
            .map_err(|error| error.raise(ctx.call_position()))
    }

    /// Prints a value as the prompt shows it: snapshots as tables.
    ///
    /// # Example
    /// ```rhai
    /// show(service::list());
    /// ```
    #[rhai_fn(name = "show", return_raw)]
    pub fn show(ctx: NativeCallContext, value: Dynamic) -> Scripted<()> {
        let value = ValueText::of(value);
        let text = match value.rows() {
            Some(rows) => columns(&rows, None),
            None => value.text()?,
        };
        host(&ctx)?.print(&text);
        Ok(())
    }

    /// Says something that the user should know: on standard error, at once.
    ///
    /// # Example
    /// ```rhai
    /// if service::list().is_empty() { warn("the table is empty"); }
    /// ```
    #[rhai_fn(name = "warn", return_raw)]
    pub fn warn(ctx: NativeCallContext, text: &str) -> Scripted<()> {
        let host = host(&ctx)?;
        let mut session = host.session();
        match session.narrator() {
            Some(narrator) => narrator.warns(text),
            None => session.warn(text),
        }
        Ok(())
    }

    /// Ends the script with exit status 0; what is open is dropped.
    ///
    /// # Example
    /// ```rhai
    /// exit();
    /// ```
    #[rhai_fn(name = "exit", return_raw)]
    pub fn exit(ctx: NativeCallContext) -> Scripted<Dynamic> {
        exit_with(ctx, 0)
    }

    /// Refuses a status that is no number.
    ///
    /// # Example
    /// ```rhai
    /// try { exit("done"); } catch (e) { print(e.message); }
    /// ```
    #[rhai_fn(name = "exit", return_raw)]
    pub fn exit_text(ctx: NativeCallContext, text: &str) -> Scripted<Dynamic> {
        let text = format!("exit takes a status from 0 to 255, not the text {text:?}");
        Err(ScriptError::new("invalid", text).raise(ctx.call_position()))
    }

    /// Ends the script with an exit status from 0 to 255; what is open is dropped.
    ///
    /// # Example
    /// ```rhai
    /// if service::list().is_empty() { exit(10); }
    /// ```
    #[rhai_fn(name = "exit", return_raw)]
    pub fn exit_with(ctx: NativeCallContext, status: i64) -> Scripted<Dynamic> {
        let position = ctx.call_position();
        let Ok(status) = u8::try_from(status) else {
            let text = format!("exit takes a status from 0 to 255, not {status}");
            return Err(ScriptError::new("invalid", text).raise(position));
        };
        host(&ctx)?.exit.set(Some(status));
        Err(EvalAltResult::Exit(Dynamic::UNIT, position).into())
    }
}
