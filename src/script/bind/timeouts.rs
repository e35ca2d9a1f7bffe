//! `timeouts::`: how long idle connections are remembered.

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use crate::document::{json, timeouts_shape};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::dynamic_of;
use crate::session::Session;

/// Connection timeouts.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the timeouts: a map with `tcp_seconds`, `tcp_fin_seconds` and `udp_seconds`.
    ///
    /// # Example
    /// ```rhai
    /// timeouts::get().tcp_seconds
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext) -> Scripted<Dynamic> {
        let timeouts = with(&ctx, Session::timeouts)?;
        let shape = json::value(&timeouts_shape(&timeouts));
        Ok(dynamic_of(&shape).into_read_only())
    }

    /// Sets timeouts: any of `tcp`, `tcp_fin`, `udp`; what is not named stays. Zero is refused: the kernel keeps the old one.
    ///
    /// # Example
    /// ```rhai
    /// timeouts::set(#{ tcp: "15m", udp: "5m" });
    /// ```
    #[rhai_fn(return_raw)]
    pub fn set(ctx: NativeCallContext, fields: Map) -> Scripted<Dynamic> {
        with(&ctx, |session| {
            let _staged_or_committed = session.set_timeouts(&convert::timeouts_edit(&fields)?)?;
            Ok(())
        })?;
        get(ctx)
    }
}
