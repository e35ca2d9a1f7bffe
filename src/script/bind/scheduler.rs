//! `scheduler::`: what can distribute connections.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::model::suggestion;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::with;
use crate::session::{SchedulerInfo, Session};

fn map(info: &SchedulerInfo) -> Dynamic {
    let flags: Array = info.flags.iter().map(|flag| (*flag).into()).collect();
    let map: Map = [
        ("name".into(), info.name.clone().into()),
        ("flags".into(), flags.into()),
        ("loaded".into(), info.loaded.into()),
        ("kernel_module".into(), info.kernel_module.clone().into()),
    ]
    .into();
    Dynamic::from_map(map).into_read_only()
}

/// Schedulers.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the schedulers that this kernel has or can load: maps with `name`, `flags`, `loaded`,
    /// `kernel_module`.
    ///
    /// # Example
    /// ```rhai
    /// scheduler::list().filter(|s| s.loaded).map(|s| s.name)
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<Array> {
        let infos = with(&ctx, Session::schedulers)?;
        Ok(infos.iter().map(map).collect())
    }

    /// Returns a scheduler by name; throws `missing` if this kernel has none of that name.
    ///
    /// # Example
    /// ```rhai
    /// scheduler::get("sh").flags
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext, name: &str) -> Scripted<Dynamic> {
        let infos = with(&ctx, Session::schedulers)?;
        if let Some(found) = infos.iter().find(|info| info.name == name) {
            return Ok(map(found));
        }
        let mut error = ScriptError::new("missing", format!("this kernel has no scheduler {name}"));
        let names = infos.iter().map(|info| info.name.as_str());
        error.set_hint(match suggestion(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(" ")),
        });
        Err(error.raise(ctx.call_position()))
    }
}
