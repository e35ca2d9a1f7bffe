//! Time: `sleep`, `now`, `wait_until`.

use rhai::plugin::export_module;
use rhai::{Dynamic, FnPtr, Map, NativeCallContext};

use super::waits::{answer, pass, refreshed, rehearsed, staged, until, wait};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{DestinationList, DestinationValue, DurationValue};
use crate::session::Waiting;

/// Time.
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

    /// Waits; with staged changes that is an error, and a rehearsal counts it as done and lists it.
    ///
    /// # Example
    /// ```rhai
    /// sleep("10ms");
    /// ```
    #[rhai_fn(name = "sleep", return_raw)]
    pub fn sleep(ctx: NativeCallContext, duration: Dynamic) -> Scripted<()> {
        let duration = with(&ctx, |_| Ok(convert::duration("duration", &duration)?))?;
        let text = || format!("sleep {}", DurationValue(duration));
        match with(&ctx, |session| session.begin_wait(text))? {
            Waiting::Rehearsed => rehearsed(&ctx, text(), duration),
            Waiting::Staged => Err(staged(&ctx)),
            Waiting::Passes => pass(&ctx, duration),
        }
    }

    /// Refuses a number without a unit.
    ///
    /// # Example
    /// ```rhai
    /// try { sleep(5); } catch (e) { print(e.message); }
    /// ```
    #[rhai_fn(name = "sleep", return_raw)]
    pub fn sleep_number(ctx: NativeCallContext, number: i64) -> Scripted<()> {
        sleep(ctx, number.into())
    }

    /// Refuses a number without a unit.
    ///
    /// # Example
    /// ```rhai
    /// try { sleep(0.5); } catch (e) { print(e.message); }
    /// ```
    #[rhai_fn(name = "sleep", return_raw)]
    pub fn sleep_fraction(ctx: NativeCallContext, number: f64) -> Scripted<()> {
        sleep(ctx, number.into())
    }

    /// Reads a duration such as `"90s"` or `"1h30m"`.
    ///
    /// # Example
    /// ```rhai
    /// duration("1h30m") == 90.minutes
    /// ```
    #[rhai_fn(name = "duration", return_raw)]
    pub fn duration(ctx: NativeCallContext, value: Dynamic) -> Scripted<DurationValue> {
        with(&ctx, |_| {
            Ok(DurationValue(convert::duration("duration", &value)?))
        })
    }

    /// Returns the time since some fixed moment; the simulated kernel's own time on a simulated kernel.
    ///
    /// # Example
    /// ```rhai
    /// let begun = now(); sleep("5s"); print(now() - begun);
    /// ```
    #[rhai_fn(name = "now", return_raw)]
    pub fn now(ctx: NativeCallContext) -> Scripted<DurationValue> {
        with(&ctx, |session| Ok(DurationValue(session.now())))
    }

    /// Returns the same as `now()`: Rhai's own `timestamp` is real time, which a simulated kernel has none of.
    ///
    /// # Example
    /// ```rhai
    /// timestamp() - now() == 0.seconds
    /// ```
    #[rhai_fn(name = "timestamp", return_raw)]
    pub fn timestamp(ctx: NativeCallContext) -> Scripted<DurationValue> {
        now(ctx)
    }

    /// Waits until a condition, which must read the table, holds; throws `timeout` after the given time.
    ///
    /// # Example
    /// ```rhai
    /// wait_until(|| service::has("tcp://192.0.2.1:80"), "10m");
    /// ```
    #[rhai_fn(name = "wait_until", return_raw)]
    pub fn wait_until(ctx: NativeCallContext, condition: FnPtr, deadline: Dynamic) -> Scripted<()> {
        wait_until_with(ctx, condition, deadline, Map::new())
    }

    /// Waits until a condition holds; `#{every: "5s"}` says how often it is looked at (every second otherwise),
    /// and `what: "the shop is there"` what is waited for, in words.
    ///
    /// # Example
    /// ```rhai
    /// wait_until(|| service::has("tcp://192.0.2.1:80"), "10m", #{ every: "5s" });
    /// ```
    #[rhai_fn(name = "wait_until", return_raw)]
    pub fn wait_until_with(
        ctx: NativeCallContext,
        condition: FnPtr,
        deadline: Dynamic,
        options: Map,
    ) -> Scripted<()> {
        let wait = wait(
            &ctx,
            ("until a condition holds".to_owned(), None),
            &deadline,
            Some(&options),
        )?;
        until(&ctx, &wait, || answer(&ctx, &condition, Vec::new()))?;
        Ok(())
    }

    /// Waits until a condition on this real server, read again each time, holds; returns what was read last.
    ///
    /// # Example
    /// ```rhai
    /// let d = destination::get("tcp://192.0.2.1:80", "10.0.0.2:80");
    /// d.wait_until(|now| now.open_connections == 0, "10m");
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn destination_wait_until(
        ctx: NativeCallContext,
        d: &mut Destination,
        condition: FnPtr,
        deadline: Dynamic,
    ) -> Scripted<Destination> {
        destination_wait_until_with(ctx, d, condition, deadline, Map::new())
    }

    /// Waits until a condition on this real server holds, looking as often as `#{every: "5s"}` says.
    ///
    /// # Example
    /// ```rhai
    /// let d = destination::get("tcp://192.0.2.1:80", "10.0.0.2:80");
    /// d.wait_until(|now| now.open_connections == 0, "10m", #{ every: "5s" });
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn destination_wait_until_with(
        ctx: NativeCallContext,
        d: &mut Destination,
        condition: FnPtr,
        deadline: Dynamic,
        options: Map,
    ) -> Scripted<Destination> {
        let name = d.to_string();
        let what = (format!("until {name} is as asked"), Some(name));
        let wait = wait(&ctx, what, &deadline, Some(&options))?;
        let (service, key) = (d.service.key, d.key);
        let mut last = d.clone();
        until(&ctx, &wait, || {
            last = with(&ctx, |session| {
                super::super::typed::get_destination(session, service, key)
            })?;
            wait.connections.set(Some(last.connections()));
            answer(&ctx, &condition, vec![Dynamic::from(last.clone())])
        })?;
        Ok(last)
    }

    /// Waits until a condition on this virtual service, read again each time, holds; returns what was read last.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").wait_until(|now| now.active_connections == 0, "10m");
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn service_wait_until(
        ctx: NativeCallContext,
        svc: &mut Service,
        condition: FnPtr,
        deadline: Dynamic,
    ) -> Scripted<Service> {
        service_wait_until_with(ctx, svc, condition, deadline, Map::new())
    }

    /// Waits until a condition on this virtual service holds, looking as often as `#{every: "5s"}` says.
    ///
    /// # Example
    /// ```rhai
    /// let svc = service::get("tcp://192.0.2.1:80");
    /// svc.wait_until(|now| now.active_connections == 0, "10m", #{ every: "5s" });
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn service_wait_until_with(
        ctx: NativeCallContext,
        svc: &mut Service,
        condition: FnPtr,
        deadline: Dynamic,
        options: Map,
    ) -> Scripted<Service> {
        let name = svc.key.to_string();
        let what = (format!("until {name} is as asked"), Some(name));
        let wait = wait(&ctx, what, &deadline, Some(&options))?;
        let key = svc.key;
        let mut last = svc.clone();
        until(&ctx, &wait, || {
            last = with(&ctx, |session| {
                super::super::typed::get_service(session, key)
            })?;
            let open = last
                .destinations()
                .iter()
                .map(DestinationValue::connections)
                .sum();
            wait.connections.set(Some(open));
            answer(&ctx, &condition, vec![Dynamic::from(last.clone())])
        })?;
        Ok(last)
    }

    /// Waits until a condition holds for each of these real servers at the same look, with one deadline for all.
    ///
    /// # Example
    /// ```rhai
    /// destination::list().wait_until(|d| d.open_connections == 0, "10m");
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn list_wait_until(
        ctx: NativeCallContext,
        list: &mut DestinationList,
        condition: FnPtr,
        deadline: Dynamic,
    ) -> Scripted<DestinationList> {
        list_wait_until_with(ctx, list, condition, deadline, Map::new())
    }

    /// Waits until a condition holds for each of these real servers, looking as often as `#{every: "5s"}` says.
    ///
    /// # Example
    /// ```rhai
    /// destination::list().wait_until(|d| d.open_connections == 0, "10m", #{ every: "5s" });
    /// ```
    #[rhai_fn(name = "wait_until", pure, return_raw)]
    pub fn list_wait_until_with(
        ctx: NativeCallContext,
        list: &mut DestinationList,
        condition: FnPtr,
        deadline: Dynamic,
        options: Map,
    ) -> Scripted<DestinationList> {
        let what = (
            format!("until {} real servers are as asked", list.iter().count()),
            None,
        );
        let wait = wait(&ctx, what, &deadline, Some(&options))?;
        let mut last = list.clone();
        until(&ctx, &wait, || {
            last = with(&ctx, |session| refreshed(session, &last))?;
            let open = last.iter().map(DestinationValue::connections).sum();
            wait.connections.set(Some(open));
            for d in last.iter() {
                if !answer(&ctx, &condition, vec![Dynamic::from(d.clone())])? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        Ok(last)
    }
}
