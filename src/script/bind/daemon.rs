//! `daemon::`: sync daemons, and `sysctl::`: kernel parameters.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::model::{DaemonRole, ObjectId, SyncDaemon, SysctlName, suggestion};
use crate::script::convert;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::with;
use crate::session::{Error, Session};

fn map(daemon: &SyncDaemon) -> Dynamic {
    let length = daemon
        .sync_maxlen
        .map_or(Dynamic::UNIT, |length| i64::from(length).into());
    let map: Map = [
        ("state".into(), daemon.role.word().into()),
        ("interface".into(), daemon.interface.clone().into()),
        ("sync_id".into(), i64::from(daemon.sync_id).into()),
        ("sync_maxlen".into(), length),
        ("group".into(), daemon.group.to_string().into()),
        ("port".into(), i64::from(daemon.port).into()),
        ("ttl".into(), i64::from(daemon.ttl).into()),
    ]
    .into();
    Dynamic::from_map(map).into_read_only()
}

/// Sync daemons.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod daemons {
    /// Returns the sync daemons that run: maps with `state`, `interface`, `sync_id`, `sync_maxlen`, `group`,
    /// `port`, `ttl`.
    ///
    /// # Example
    /// ```rhai
    /// daemon::list().len()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<Array> {
        Ok(with(&ctx, Session::daemons)?.iter().map(map).collect())
    }

    /// Starts a sync daemon, `master` or `backup`: `interface`, and any of `sync_id` (0), `sync_maxlen`, `group`
    /// (224.0.0.81), `port` (8848), `ttl` (1). Returns it as it runs.
    ///
    /// # Example
    /// ```rhai
    /// daemon::start("master", #{ interface: "lo", sync_id: 7 });
    /// ```
    #[rhai_fn(return_raw)]
    pub fn start(ctx: NativeCallContext, state: &str, fields: Map) -> Scripted<Dynamic> {
        with(&ctx, |session| {
            let daemon = crate::script::convert_daemon::sync_daemon(state, &fields)?;
            let _staged_or_committed = session.start_daemon(&daemon)?;
            let running = session.daemons()?;
            let running = running.iter().find(|running| running.role == daemon.role);
            Ok(running.map_or_else(|| map(&daemon), map))
        })
    }

    /// Stops the sync daemon of a state, `master` or `backup`.
    ///
    /// # Example
    /// ```rhai
    /// daemon::start("backup", #{ interface: "lo" });
    /// daemon::stop("backup");
    /// ```
    #[rhai_fn(return_raw)]
    pub fn stop(ctx: NativeCallContext, state: &str) -> Scripted<()> {
        with(&ctx, |session| {
            let _staged_or_committed = session.stop_daemon(DaemonRole::parse(state)?)?;
            Ok(())
        })
    }
}

/// Returns the error for a parameter that is not there.
fn missing(session: &mut Session, name: &SysctlName) -> ScriptError {
    let mut error = ScriptError::of(
        Error::Missing {
            what: "kernel parameter",
            object: ObjectId::Sysctl(name.clone()),
        },
        None,
    );
    let known = session.sysctls().unwrap_or_default();
    let names = known.keys().map(SysctlName::as_str);
    if let Some(near) = suggestion(name.as_str(), names) {
        error.set_hint(format!("did you mean `{near}`?"));
    }
    error
}

/// Kernel parameters.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod sysctls {
    /// Returns every kernel parameter of IPVS as a map of texts.
    ///
    /// # Example
    /// ```rhai
    /// sysctl::list().expire_nodest_conn
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<Dynamic> {
        let all = with(&ctx, Session::sysctls)?;
        let map: Map = all
            .into_iter()
            .map(|(name, value)| (name.as_str().into(), value.into()))
            .collect();
        Ok(Dynamic::from_map(map).into_read_only())
    }

    /// Returns a kernel parameter as text; throws `missing` if this kernel has none of that name.
    ///
    /// # Example
    /// ```rhai
    /// sysctl::get("conn_reuse_mode")
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext, name: &str) -> Scripted<String> {
        let found = with(&ctx, |session| {
            let name = SysctlName::new(name)?;
            Ok(match session.sysctl(&name)? {
                Some(value) => Ok(value),
                None => Err(missing(session, &name)),
            })
        })?;
        found.map_err(|error| error.raise(ctx.call_position()))
    }

    /// Sets a kernel parameter to a text or number, and returns it as read back.
    ///
    /// # Example
    /// ```rhai
    /// sysctl::set("expire_nodest_conn", 1)
    /// ```
    #[rhai_fn(return_raw)]
    pub fn set(ctx: NativeCallContext, name: &str, value: Dynamic) -> Scripted<String> {
        with(&ctx, |session| {
            let parameter = SysctlName::new(name)?;
            let value = convert::sysctl_value(&parameter, &value)?;
            session
                .set_sysctl(&parameter, &value)
                .map(|_staged_or_committed| ())
        })?;
        get(ctx, name)
    }
}
