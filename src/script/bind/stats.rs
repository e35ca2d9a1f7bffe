//! `stats::`: counters and rates.

use std::time::Duration;

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use super::typed::{ServiceName, zero_service as zero_service_of};
use crate::model::{Counters, Observed};
use crate::script::convert;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::with;
use crate::script::values::{DestinationValue, ServiceValue, counters, rates};
use crate::session::{Error, Session, Waiting};

/// The kernel refreshes the copies of its counters every two seconds: shorter samples say nothing.
const SHORTEST: Duration = Duration::from_secs(4);

/// What is counted.
enum Counted<'a> {
    Everything,
    Service(&'a ServiceValue),
    Destination(&'a DestinationValue),
}

impl Counted<'_> {
    /// Reads it again.
    fn read(&self, session: &mut Session) -> Result<Observed, Error> {
        Ok(match self {
            Self::Everything => session.totals()?,
            Self::Service(svc) => super::typed::get_service(session, svc.key)?
                .entry
                .observed
                .clone(),
            Self::Destination(d) => {
                super::typed::get_destination(session, d.service.key, d.key)?.observed()
            }
        })
    }
}

fn shown(ctx: &NativeCallContext<'_>, counted: &Counted<'_>) -> Scripted<Dynamic> {
    let (observed, estimates) = with(ctx, |session| {
        Ok((counted.read(session)?, session.estimates()))
    })?;
    let rates = if estimates {
        rates(&observed)
    } else {
        Dynamic::UNIT
    };
    let map: Map = [
        ("counters".into(), counters(&observed)),
        ("rates".into(), rates),
    ]
    .into();
    Ok(Dynamic::from_map(map).into_read_only())
}

fn sample(
    ctx: &NativeCallContext<'_>,
    counted: &Counted<'_>,
    duration: &Dynamic,
) -> Scripted<Dynamic> {
    let duration = with(ctx, |_| Ok(convert::duration("duration", duration)?))?;
    if duration < SHORTEST {
        let mut error = ScriptError::new(
            "invalid",
            format!(
                "a sample of {} says nothing: the kernel refreshes its counters every two seconds",
                humantime::format_duration(duration)
            ),
        );
        error.set_hint("sample for at least 4s".to_owned());
        return Err(error.raise(ctx.call_position()));
    }
    let text = || format!("sample {}", humantime::format_duration(duration));
    let waiting = with(ctx, |session| session.begin_wait(text))?;
    let before = with(ctx, |session| counted.read(session))?.counters();
    match waiting {
        Waiting::Rehearsed => {}
        Waiting::Staged => return Err(super::waits::staged(ctx)),
        Waiting::Passes => with(ctx, |session| session.pass_time(duration))?,
    }
    let after = with(ctx, |session| counted.read(session))?.counters();
    // Whoever zeroed the counters in between left the later ones smaller.
    let difference = |pick: fn(&Counters) -> u64| pick(&after).saturating_sub(pick(&before));
    let observed = Observed::new(
        Counters {
            connections: difference(|c| c.connections),
            packets_in: difference(|c| c.packets_in),
            packets_out: difference(|c| c.packets_out),
            bytes_in: difference(|c| c.bytes_in),
            bytes_out: difference(|c| c.bytes_out),
        },
        crate::model::Rates::default(),
    );
    Ok(counters(&observed))
}

/// Counters and rates.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    use crate::script::values::DestinationValue as Destination;
    use crate::script::values::ServiceValue as Service;

    /// Returns the totals of everything: a map with `counters` and `rates`, which is `()` while the kernel's
    /// estimator is off.
    ///
    /// # Example
    /// ```rhai
    /// stats::get().counters.connections
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_all(ctx: NativeCallContext) -> Scripted<Dynamic> {
        shown(&ctx, &Counted::Everything)
    }

    /// Returns counters and rates of a virtual service.
    ///
    /// # Example
    /// ```rhai
    /// stats::get("tcp://192.0.2.1:80").counters.bytes_in
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_by_id(ctx: NativeCallContext, id: &str) -> Scripted<Dynamic> {
        let svc = with(&ctx, |session| {
            super::super::typed::get_service(session, convert::service_key(id)?)
        })?;
        shown(&ctx, &Counted::Service(&svc))
    }

    /// Returns counters and rates of a virtual service, read again.
    ///
    /// # Example
    /// ```rhai
    /// stats::get(service::get("tcp://192.0.2.1:80")).counters
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_service(ctx: NativeCallContext, svc: Service) -> Scripted<Dynamic> {
        shown(&ctx, &Counted::Service(&svc))
    }

    /// Returns counters and rates of a real server, read again.
    ///
    /// # Example
    /// ```rhai
    /// stats::get(destination::get("tcp://192.0.2.1:80", "10.0.0.2:80")).counters.packets_in
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_destination(ctx: NativeCallContext, d: Destination) -> Scripted<Dynamic> {
        shown(&ctx, &Counted::Destination(&d))
    }

    /// Sets all counters to zero, after the commit; it can't be undone.
    ///
    /// # Example
    /// ```rhai
    /// stats::zero();
    /// ```
    #[rhai_fn(name = "zero", return_raw)]
    pub fn zero_all(ctx: NativeCallContext) -> Scripted<()> {
        with(&ctx, |session| {
            session.zero(None).map(|_staged_or_committed| ())
        })
    }

    /// Sets the counters of a virtual service and its real servers to zero, after the commit.
    ///
    /// # Example
    /// ```rhai
    /// stats::zero("tcp://192.0.2.1:80");
    /// ```
    #[rhai_fn(name = "zero", return_raw)]
    pub fn zero_by_id(ctx: NativeCallContext, id: &str) -> Scripted<()> {
        zero_service_of(&ctx, ServiceName::Text(id))
    }

    /// Sets the counters of a virtual service and its real servers to zero, after the commit.
    ///
    /// # Example
    /// ```rhai
    /// stats::zero(service::get("tcp://192.0.2.1:80"));
    /// ```
    #[rhai_fn(name = "zero", return_raw)]
    pub fn zero_service(ctx: NativeCallContext, svc: Service) -> Scripted<()> {
        zero_service_of(&ctx, ServiceName::Key(svc.key))
    }

    /// Counts for some time, at least 4 s, and returns by how much the counters grew.
    ///
    /// # Example
    /// ```rhai
    /// stats::sample("tcp://192.0.2.1:80", "10s").connections
    /// ```
    #[rhai_fn(name = "sample", return_raw)]
    pub fn sample_by_id(ctx: NativeCallContext, id: &str, duration: Dynamic) -> Scripted<Dynamic> {
        let svc = with(&ctx, |session| {
            super::super::typed::get_service(session, convert::service_key(id)?)
        })?;
        sample(&ctx, &Counted::Service(&svc), &duration)
    }

    /// Counts a virtual service for some time, at least 4 s, and returns by how much its counters grew.
    ///
    /// # Example
    /// ```rhai
    /// stats::sample(service::get("tcp://192.0.2.1:80"), 10.seconds).bytes_in
    /// ```
    #[rhai_fn(name = "sample", return_raw)]
    pub fn sample_service(
        ctx: NativeCallContext,
        svc: Service,
        duration: Dynamic,
    ) -> Scripted<Dynamic> {
        sample(&ctx, &Counted::Service(&svc), &duration)
    }

    /// Counts a real server for some time, at least 4 s, and returns by how much its counters grew.
    ///
    /// # Example
    /// ```rhai
    /// stats::sample(destination::get("tcp://192.0.2.1:80", "10.0.0.2:80"), "10s").connections
    /// ```
    #[rhai_fn(name = "sample", return_raw)]
    pub fn sample_destination(
        ctx: NativeCallContext,
        d: Destination,
        duration: Dynamic,
    ) -> Scripted<Dynamic> {
        sample(&ctx, &Counted::Destination(&d), &duration)
    }
}
