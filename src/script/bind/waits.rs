//! Waiting: until a condition holds or a time has passed, and telling of it meanwhile.

use std::cell::Cell;
use std::time::Duration;

use rhai::{Dynamic, FnPtr, Map, NativeCallContext};

use crate::script::convert;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::{Host, host, with};
use crate::script::values::{DestinationList, DestinationValue, DurationValue, ServiceValue};
use crate::session::WaitReport;
use crate::session::{Narrator, WaitView, Waiting};

/// How often a condition is looked at, unless told otherwise.
const EVERY: Duration = Duration::from_secs(1);

/// What is waited for, and how long.
pub(super) struct Wait {
    /// In words, for plans and errors.
    what: String,
    /// The object, for errors.
    object: Option<Box<str>>,
    limit: Duration,
    every: Duration,
    /// Connections at the last look, where it is about real servers or services.
    pub(super) connections: Cell<Option<u64>>,
}

pub(super) fn wait(
    ctx: &NativeCallContext<'_>,
    (what, object): (String, Option<String>),
    limit: &Dynamic,
    options: Option<&Map>,
) -> Scripted<Wait> {
    with(ctx, |_| {
        let (every, own) = match options {
            Some(options) => convert::wait_options(options)?,
            None => (None, None),
        };
        Ok(Wait {
            what: own.map_or(what, |own| format!("until {own}")),
            object: object.map(Into::into),
            limit: convert::duration("deadline", limit)?,
            every: every.unwrap_or(EVERY),
            connections: Cell::new(None),
        })
    })
}

pub(super) fn staged(ctx: &NativeCallContext<'_>) -> Box<rhai::EvalAltResult> {
    let mut error = ScriptError::new(
        "staged",
        "can't wait here: the staged changes have not been sent",
    );
    error.set_hint("end the transaction first, which commits it, then wait".to_owned());
    error.raise(ctx.call_position())
}

/// Looks at a condition until it holds. Returns false if it was not looked at: in a rehearsal.
pub(super) fn until(
    ctx: &NativeCallContext<'_>,
    wait: &Wait,
    mut condition: impl FnMut() -> Scripted<bool>,
) -> Scripted<bool> {
    let text = || format!("wait {}, at most {}", wait.what, DurationValue(wait.limit));
    match with(ctx, |session| session.begin_wait(text))? {
        Waiting::Rehearsed => {
            rehearsed(ctx, text(), Duration::ZERO)?;
            return Ok(false);
        }
        Waiting::Staged => return Err(staged(ctx)),
        Waiting::Passes => {}
    }
    let host = host(ctx)?;
    let now = || host.session.borrow().now();
    let reads = || host.session.borrow().reads();
    let begun = now();
    let mut first = None;
    loop {
        let before = reads();
        let came = condition()?;
        let waited = now().saturating_sub(begun);
        let connections = wait.connections.get();
        first = first.or(connections);
        let view = WaitView {
            what: &wait.what,
            waited,
            limit: wait.limit,
            connections: connections.zip(first),
        };
        if came {
            over(&host, &view, true);
            return Ok(true);
        }
        if reads() == before {
            let mut error = ScriptError::new(
                "invalid",
                "this condition reads nothing, so that it can never change: what a script holds are snapshots",
            );
            error.set_hint(
                "read again inside it, as in `d.refresh().active_connections == 0`, or write `d.wait_until(|now| now.active_connections == 0, \"10m\")`",
            );
            return Err(error.raise(ctx.call_position()));
        }
        if waited >= wait.limit {
            over(&host, &view, false);
            let left = connections.map(|left| format!("; {} open", connection_count(left)));
            let mut error = ScriptError::new(
                "timeout",
                format!(
                    "timed out after {} waiting {}{}",
                    DurationValue(wait.limit),
                    wait.what,
                    left.unwrap_or_default()
                ),
            );
            error.object.clone_from(&wait.object);
            return Err(error.raise(ctx.call_position()));
        }
        tell(&host, |narrator| narrator.waiting(&view));
        let step = wait.every.min(wait.limit.saturating_sub(waited));
        with(ctx, |session| session.pass_time(step))?;
        // A signal ends the script here: the condition may be native and count no operations.
        let signal = host.session.borrow().interrupt().signal();
        if let Some(signal) = signal {
            let waited = now().saturating_sub(begun);
            over(&host, &WaitView { waited, ..view }, false);
            return Err(ended_by(signal, ctx));
        }
    }
}

/// Ends the script if a signal came while time passed.
pub(super) fn heed_signal(ctx: &NativeCallContext<'_>) -> Scripted<()> {
    let signal = host(ctx)?.session.borrow().interrupt().signal();
    signal.map_or(Ok(()), |signal| Err(ended_by(signal, ctx)))
}

fn ended_by(signal: i32, ctx: &NativeCallContext<'_>) -> Box<rhai::EvalAltResult> {
    let stop = crate::script::limits::Stop::Signal(signal);
    rhai::EvalAltResult::ErrorTerminated(Dynamic::from(stop), ctx.call_position()).into()
}

fn connection_count(number: u64) -> String {
    crate::render::count(usize::try_from(number).unwrap_or(usize::MAX), "connection")
}

fn tell(host: &Host, work: impl FnOnce(&dyn Narrator)) {
    let narrator = host.session.borrow().narrator();
    if let Some(narrator) = narrator {
        work(narrator.as_ref());
    }
}

/// Ends a wait: whoever tells of it knows, and so does the open runbook.
fn over(host: &Host, view: &WaitView<'_>, came: bool) {
    tell(host, |narrator| narrator.waited(view, came));
    host.session().report_wait(WaitReport {
        what: view.what.to_owned(),
        waited: view.waited,
        came,
    });
}

/// Records a wait that counts as done.
pub(super) fn rehearsed(ctx: &NativeCallContext<'_>, what: String, time: Duration) -> Scripted<()> {
    with(ctx, |session| {
        session.rehearse_time(time);
        session.report_wait(WaitReport {
            what,
            waited: Duration::ZERO,
            came: true,
        });
        Ok(())
    })
}

/// Lets time pass and tells of it.
pub(super) fn pass(ctx: &NativeCallContext<'_>, duration: Duration) -> Scripted<()> {
    /// A shorter one is not worth telling of.
    const TOLD: Duration = Duration::from_secs(2);
    let host = host(ctx)?;
    let is_simulated = host.session.borrow().label().is_simulated();
    let what = format!("sleep {}", DurationValue(duration));
    let view = |waited| WaitView {
        what: &what,
        waited,
        limit: duration,
        connections: None,
    };
    let step = if is_simulated || duration < TOLD {
        duration
    } else {
        EVERY
    };
    let mut waited = Duration::ZERO;
    while waited < duration {
        if duration >= TOLD {
            tell(&host, |narrator| narrator.waiting(&view(waited)));
        }
        let step = step.min(duration - waited);
        with(ctx, |session| session.pass_time(step))?;
        waited += step;
        let signal = host.session.borrow().interrupt().signal();
        if let Some(signal) = signal {
            over(&host, &view(waited), false);
            return Err(ended_by(signal, ctx));
        }
    }
    if duration >= TOLD {
        over(&host, &view(waited), true);
    }
    Ok(())
}

/// Calls a condition and demands a truth value of it.
pub(super) fn answer(
    ctx: &NativeCallContext<'_>,
    condition: &FnPtr,
    arguments: Vec<Dynamic>,
) -> Scripted<bool> {
    let value: Dynamic = condition.call_within_context(ctx, arguments)?;
    value.as_bool().map_err(|found| {
        ScriptError::new(
            "invalid",
            format!(
                "a condition gives true or false, not a value of type {}",
                crate::script::rhai_errors::clean(found)
            ),
        )
        .raise(ctx.call_position())
    })
}

/// Reads real servers again, each service once.
pub(super) fn refreshed(
    session: &mut crate::session::Session,
    list: &DestinationList,
) -> Result<DestinationList, crate::session::Error> {
    let mut services: std::collections::HashMap<crate::model::ServiceKey, ServiceValue> =
        std::collections::HashMap::new();
    let mut fresh: Vec<DestinationValue> = Vec::new();
    for d in list.iter() {
        let key = d.service.key;
        let service = match services.get(&key) {
            Some(service) => service.clone(),
            None => super::typed::get_service(session, key)?,
        };
        services.insert(key, service.clone());
        let found = service.destination(&d.key);
        fresh.push(found.ok_or(crate::session::Error::Missing {
            what: "real server",
            object: crate::model::ObjectId::Destination(key, d.key),
        })?);
    }
    Ok(DestinationList::new(fresh))
}
