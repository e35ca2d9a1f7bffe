//! `sim::`: what happens in a simulated kernel. Nothing of it exists on a kernel's table.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rhai::plugin::export_module;
use rhai::{Dynamic, FnPtr, Map, NativeCallContext};

use super::traffic::{
    Ends, endpoint, ends_of, load_of, mark_of, protocol_of, target, text_of, verdict_map,
};
use super::waits::heed_signal;
use crate::model::{Invalid, Protocol};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::{host, with};
use crate::session::{Answer, ForeignMoment, Happening, Verdict};

fn connected(
    ctx: &NativeCallContext<'_>,
    client: &str,
    service: &str,
    options: &Map,
) -> Scripted<Map> {
    with(ctx, |session| {
        convert::check_keys("a connection", options, &["to", "protocol", "payload"])?;
        let key = convert::service_key(service)?;
        let client = match client.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, session.next_client_port()),
            Err(_) => endpoint("client", client)?,
        };
        let mut ends = Ends {
            client,
            to: target(&key, options)?,
            server: None,
            protocol: protocol_of(&key, options)?,
            mark: mark_of(&key),
        };
        let text = text_of(options, "payload")?.unwrap_or_default();
        let name = "sim::connect";
        let (opens, answers, confirms) = match ends.protocol {
            Protocol::Tcp => ("S", "SA", Some("A")),
            Protocol::Sctp => ("1", "2", Some("10")),
            _ => (text.as_str(), "", None),
        };
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let verdict = ends.send(session, name, opens, length)?;
        if let Verdict::Forwarded { to, .. } = verdict {
            ends.server = Some(to);
            // Behind address translation the answer passes the director; of other methods nobody there sees it.
            let _seen = ends.answer(session, name, answers, 0)?;
            if let Some(confirms) = confirms {
                let _sent = ends.send(session, name, confirms, 0)?;
            }
        }
        let mut map = verdict_map(&verdict);
        map.insert("client".into(), ends.client.to_string().into());
        map.insert("to".into(), ends.to.to_string().into());
        map.insert("protocol".into(), ends.protocol.to_string().into());
        map.insert("mark".into(), i64::from(ends.mark).into());
        Ok(map)
    })
}

fn begin_load(ctx: &NativeCallContext<'_>, service: &str, options: &Map) -> Scripted<i64> {
    with(ctx, |session| {
        let load = load_of(&convert::service_key(service)?, options, session.seed())?;
        let number = session.simulation("sim::load")?.start_load(load);
        Ok(i64::try_from(number).unwrap_or(i64::MAX) + 1)
    })
}

/// Plans that a server goes down or comes up.
fn turn(
    ctx: &NativeCallContext<'_>,
    name: &str,
    server: &str,
    options: &Map,
    happening: fn(IpAddr) -> Happening,
) -> Scripted<()> {
    with(ctx, |session| {
        convert::check_keys("what happens to a server", options, &["after"])?;
        let address: IpAddr = server.parse().map_err(|_| {
            Invalid::new(
                "server",
                server,
                "write the address of a real server, without a port",
            )
        })?;
        let after = convert::given(options, "after")
            .map(|value| convert::duration("after", value))
            .transpose()?;
        let at = session.now().saturating_add(after.unwrap_or_default());
        let kernel = session.simulation(name)?;
        kernel.plan(at, happening(address));
        if after.is_none() {
            session.pass_time(Duration::ZERO)?;
        }
        Ok(())
    })
}

/// Rehearses what another writer does; its requests wait for the next commit.
fn other_writer(ctx: &NativeCallContext<'_>, writer: &FnPtr, options: &Map) -> Scripted<()> {
    let moment = with(ctx, |session| {
        convert::check_keys("another writer", options, &["late", "after"])?;
        let late = convert::given(options, "late").map(|value| convert::flag("late", value));
        let after = convert::given(options, "after").map(|value| convert::duration("after", value));
        let moment = match (late.transpose()?, after.transpose()?) {
            (Some(true), None) => ForeignMoment::BeforeSending,
            (_, None) => ForeignMoment::BeforeReading,
            (Some(true), Some(_)) => {
                let text = "one comes at a time of the clock or with the next commit, not both";
                return Err(Invalid::new("another writer", "late and after", text).into());
            }
            (_, Some(after)) => ForeignMoment::After(after),
        };
        session.begin_foreign()?;
        Ok(moment)
    })?;
    if let Err(error) = writer.call_within_context::<Dynamic>(ctx, ()) {
        host(ctx)?.session().abandon_foreign();
        return Err(error);
    }
    with(ctx, |session| {
        let plan = session.end_foreign(moment)?;
        if plan.is_empty() {
            let text = "it changes nothing, and another writer is one who does";
            return Err(Invalid::new("sim::foreign", "the function", text).into());
        }
        Ok(())
    })
}

/// What happens in a simulated kernel.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Opens a connection of a client: TCP with SYN, the server's answer and ACK; of UDP it is one datagram. Returns the connection: a map with
    /// `result` (`forwarded`, `refused`, `dropped`, `passed`, `bypassed`), `server` (or `()`), `client`, `to`, `protocol` and `mark`. A
    /// client without a port gets one.
    ///
    /// # Example
    /// ```rhai
    /// let connection = sim::connect("10.64.0.1", "tcp://192.0.2.1:80");
    /// print(connection.server);
    /// ```
    #[rhai_fn(name = "connect", return_raw)]
    pub fn connect(ctx: NativeCallContext, client: &str, service: &str) -> Scripted<Map> {
        connected(&ctx, client, service, &Map::new())
    }

    /// Opens a connection with options: `to`, where the client connects to, for services of a mark or of port 0; `protocol`; `payload`, the
    /// text of a datagram.
    ///
    /// # Example
    /// ```rhai
    /// service::add("fwmark://7", #{ scheduler: "rr", destinations: ["10.0.0.9:0"] });
    /// sim::connect("10.64.0.1:4000", "fwmark://7", #{ to: "192.0.2.9:443" }).result
    /// ```
    #[rhai_fn(name = "connect", return_raw)]
    pub fn connect_with(
        ctx: NativeCallContext,
        client: &str,
        service: &str,
        options: Map,
    ) -> Scripted<Map> {
        connected(&ctx, client, service, &options)
    }

    /// Sends a packet of a connection's client. `flags` are letters of TCP (`S`, `A`, `F`, `R`, `P`), the number of a chunk's type of SCTP, the text of
    /// a datagram. Returns a map with `result` and `server`.
    ///
    /// # Example
    /// ```rhai
    /// let connection = sim::connect("10.64.0.1", "tcp://192.0.2.1:80");
    /// sim::packet(connection, "PA").result
    /// ```
    #[rhai_fn(name = "packet", return_raw)]
    pub fn packet(ctx: NativeCallContext, connection: Map, flags: &str) -> Scripted<Map> {
        with(&ctx, |session| {
            let ends = ends_of(&connection)?;
            Ok(verdict_map(&ends.send(session, "sim::packet", flags, 0)?))
        })
    }

    /// Sends a packet of a connection's real server. Returns the source that the client sees, or `()` if the packet passed as it was.
    ///
    /// # Example
    /// ```rhai
    /// let connection = sim::connect("10.64.0.1", "tcp://192.0.2.1:80");
    /// sim::reply(connection, "PA")
    /// ```
    #[rhai_fn(name = "reply", return_raw)]
    pub fn reply(ctx: NativeCallContext, connection: Map, flags: &str) -> Scripted<Dynamic> {
        with(&ctx, |session| {
            let ends = ends_of(&connection)?;
            Ok(match ends.answer(session, "sim::reply", flags, 0)? {
                Answer::Translated(source) => source.to_string().into(),
                Answer::Unchanged | Answer::Refused => Dynamic::UNIT,
            })
        })
    }

    /// Closes a TCP connection as its client does: FIN, the server's FIN, ACK. Returns a map with `result` and `server`.
    ///
    /// # Example
    /// ```rhai
    /// let connection = sim::connect("10.64.0.1", "tcp://192.0.2.1:80");
    /// sim::close(connection);
    /// ```
    #[rhai_fn(name = "close", return_raw)]
    pub fn close(ctx: NativeCallContext, connection: Map) -> Scripted<Map> {
        with(&ctx, |session| {
            let ends = ends_of(&connection)?;
            let (fin, ack) = match ends.protocol {
                Protocol::Sctp => ("7", "14"),
                _ => ("FA", "A"),
            };
            let verdict = ends.send(session, "sim::close", fin, 0)?;
            let _seen = ends.answer(
                session,
                "sim::close",
                if fin == "7" { "8" } else { "FA" },
                0,
            )?;
            let _sent = ends.send(session, "sim::close", ack, 0)?;
            Ok(verdict_map(&verdict))
        })
    }

    /// Ends a TCP connection with RST, as a client that crashed does. Returns a map with `result` and `server`.
    ///
    /// # Example
    /// ```rhai
    /// let connection = sim::connect("10.64.0.1", "tcp://192.0.2.1:80");
    /// sim::reset(connection);
    /// ```
    #[rhai_fn(name = "reset", return_raw)]
    pub fn reset(ctx: NativeCallContext, connection: Map) -> Scripted<Map> {
        with(&ctx, |session| {
            let ends = ends_of(&connection)?;
            let flags = if ends.protocol == Protocol::Sctp {
                "6"
            } else {
                "RA"
            };
            Ok(verdict_map(&ends.send(session, "sim::reset", flags, 0)?))
        })
    }

    /// Begins a load that flows while time passes: 100 clients, 10 connections a second for a minute, each held for 10 s. Returns its number.
    ///
    /// # Example
    /// ```rhai
    /// let load = sim::load("tcp://192.0.2.1:80");
    /// sim::advance("1m");
    /// print(sim::results(load).opened);
    /// ```
    #[rhai_fn(name = "load", return_raw)]
    pub fn load(ctx: NativeCallContext, service: &str) -> Scripted<i64> {
        begin_load(&ctx, service, &Map::new())
    }

    /// Begins a load with options: `clients`, `connections_per_second` (at random times), `duration`, `hold` (a duration, or
    /// `#{ distribution: "pareto", mean: "30s", alpha: 1.5 }`; `fixed`, `exponential`, `lognormal` with `sigma`), `mix` (a list of
    /// `#{ share: 0.9, hold: … }` in place of `hold`), `seed`, `first_client`, and `to` and `protocol` as `sim::connect` has them.
    ///
    /// # Example
    /// ```rhai
    /// sim::load("tcp://192.0.2.1:80", #{
    ///     clients: 500, connections_per_second: 20, duration: "10m", seed: 7,
    ///     mix: [#{ share: 0.9, hold: "2s" }, #{ share: 0.1, hold: #{ distribution: "pareto", mean: "5m" } }],
    /// });
    /// sim::advance("1m");
    /// ```
    #[rhai_fn(name = "load", return_raw)]
    pub fn load_with(ctx: NativeCallContext, service: &str, options: Map) -> Scripted<i64> {
        begin_load(&ctx, service, &options)
    }

    /// Returns what became of the connections of a load: `opened`, `closed`, `refused`, `unanswered` (given up, as nobody answered), `cut` (lost
    /// while they were open; the client opens another one), `live`, and `by_server`, how many were opened on each.
    ///
    /// # Example
    /// ```rhai
    /// let load = sim::load("tcp://192.0.2.1:80", #{ duration: "10s" });
    /// sim::advance("5m");
    /// assert(sim::results(load).cut == 0);
    /// ```
    #[rhai_fn(name = "results", return_raw)]
    pub fn results(ctx: NativeCallContext, load: i64) -> Scripted<Map> {
        with(&ctx, |session| {
            let number = usize::try_from(load)
                .ok()
                .and_then(|load| load.checked_sub(1));
            let kernel = session.simulation("sim::results")?;
            let counts = number
                .and_then(|number| kernel.load_counts(number))
                .ok_or_else(|| {
                    Invalid::new(
                        "load",
                        load,
                        "there is no load of that number: `sim::load` returns it",
                    )
                })?;
            let whole = |count: u64| Dynamic::from(i64::try_from(count).unwrap_or(i64::MAX));
            let by_server = counts.by_server.iter();
            let by_server: Map = by_server
                .map(|(server, count)| (server.to_string().into(), whole(*count)))
                .collect();
            Ok([
                ("opened".into(), whole(counts.opened)),
                ("closed".into(), whole(counts.closed)),
                ("refused".into(), whole(counts.refused)),
                ("unanswered".into(), whole(counts.unanswered)),
                ("cut".into(), whole(counts.cut)),
                ("live".into(), whole(counts.live)),
                ("by_server".into(), by_server.into()),
            ]
            .into())
        })
    }

    /// Lets the clock of the simulation go on: load flows, connections expire, servers go down and come up.
    ///
    /// # Example
    /// ```rhai
    /// sim::advance("5m");
    /// ```
    #[rhai_fn(name = "advance", return_raw)]
    pub fn advance(ctx: NativeCallContext, duration: Dynamic) -> Scripted<()> {
        with(&ctx, |session| {
            let duration = convert::duration("duration", &duration)?;
            session.simulation("sim::advance")?;
            session.pass_time(duration)
        })?;
        heed_signal(&ctx)
    }

    /// Lets a real server answer nothing from now on, whatever its port. Takes its address.
    ///
    /// # Example
    /// ```rhai
    /// sim::server_down("10.0.0.2");
    /// ```
    #[rhai_fn(name = "server_down", return_raw)]
    pub fn server_down(ctx: NativeCallContext, server: &str) -> Scripted<()> {
        turn(
            &ctx,
            "sim::server_down",
            server,
            &Map::new(),
            Happening::ServerDown,
        )
    }

    /// Lets a real server answer nothing after a while: `#{ after: "5m" }`.
    ///
    /// # Example
    /// ```rhai
    /// sim::server_down("10.0.0.2", #{ after: "5m" });
    /// sim::advance("10m");
    /// ```
    #[rhai_fn(name = "server_down", return_raw)]
    pub fn server_down_after(ctx: NativeCallContext, server: &str, options: Map) -> Scripted<()> {
        turn(
            &ctx,
            "sim::server_down",
            server,
            &options,
            Happening::ServerDown,
        )
    }

    /// Lets a real server answer again.
    ///
    /// # Example
    /// ```rhai
    /// sim::server_down("10.0.0.2");
    /// sim::server_up("10.0.0.2");
    /// ```
    #[rhai_fn(name = "server_up", return_raw)]
    pub fn server_up(ctx: NativeCallContext, server: &str) -> Scripted<()> {
        turn(
            &ctx,
            "sim::server_up",
            server,
            &Map::new(),
            Happening::ServerUp,
        )
    }

    /// Lets a real server answer again after a while: `#{ after: "5m" }`.
    ///
    /// # Example
    /// ```rhai
    /// sim::server_down("10.0.0.2");
    /// sim::server_up("10.0.0.2", #{ after: "1m" });
    /// ```
    #[rhai_fn(name = "server_up", return_raw)]
    pub fn server_up_after(ctx: NativeCallContext, server: &str, options: Map) -> Scripted<()> {
        turn(
            &ctx,
            "sim::server_up",
            server,
            &options,
            Happening::ServerUp,
        )
    }

    /// Has the next request of a kind refused by the kernel, with an errno by its name: `service.add`, `service.edit`, `service.delete`,
    /// `destination.add`, `destination.edit`, `destination.delete`, `daemon.start`, `daemon.stop`, `timeouts.set`, `zero`, `sysctl.set`.
    ///
    /// # Example
    /// ```rhai
    /// sim::fail("destination.edit", "ENOENT");
    /// try { destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 5 }); } catch (e) { print(e.message); }
    /// ```
    #[rhai_fn(name = "fail", return_raw)]
    pub fn fail(ctx: NativeCallContext, what: &str, errno: &str) -> Scripted<()> {
        with(&ctx, |session| session.plan_refusal(what, errno, 1))
    }

    /// Has the n-th request of a kind refused: `#{ nth: 3 }`.
    ///
    /// # Example
    /// ```rhai
    /// sim::fail("destination.add", "ENOMEM", #{ nth: 2 });
    /// try {
    ///     transaction {
    ///         destination::add("tcp://192.0.2.1:80", "10.0.0.8:80");
    ///         destination::add("tcp://192.0.2.1:80", "10.0.0.9:80");
    ///     };
    /// } catch (e) { print(e.message); }
    /// assert(service::get("tcp://192.0.2.1:80").destinations.len() == 2);
    /// ```
    #[rhai_fn(name = "fail", return_raw)]
    pub fn fail_nth(ctx: NativeCallContext, what: &str, errno: &str, options: Map) -> Scripted<()> {
        with(&ctx, |session| {
            convert::check_keys("a failure", &options, &["nth"])?;
            let number = convert::given(&options, "nth")
                .map(|value| {
                    let number = convert::int("nth", value)?;
                    u64::try_from(number)
                        .ok()
                        .filter(|number| *number > 0)
                        .ok_or_else(|| convert::wrong("nth", value, "it is a number from 1"))
                })
                .transpose()?;
            session.plan_refusal(what, errno, number.unwrap_or(1))
        })
    }

    /// Plays another program that writes to the table: what the function does is rehearsed on the table as others see it, and sent when
    /// the next commit begins, before that reads again what it touches. Where both touch the same, the commit is a conflict.
    ///
    /// # Example
    /// ```rhai
    /// sim::foreign(|| destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 7 }));
    /// try { destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 5 }); } catch (e) { print(e.kind); }
    /// ```
    #[rhai_fn(name = "foreign", return_raw)]
    pub fn foreign(ctx: NativeCallContext, writer: FnPtr) -> Scripted<()> {
        other_writer(&ctx, &writer, &Map::new())
    }

    /// Plays another writer who comes late with `#{ late: true }`: when the next commit has read again and before it sends. A refusal rolls
    /// the commit back, but for what the other one changed; what is not refused is overwritten. With `#{ after: "5m" }` it comes at that time,
    /// while something waits; what is refused to it then is not told.
    ///
    /// # Example
    /// ```rhai
    /// sim::foreign(|| destination::delete("tcp://192.0.2.1:80", "10.0.0.2:80"), #{ late: true });
    /// try { destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 5 }); } catch (e) { print(e.kind); }
    /// ```
    #[rhai_fn(name = "foreign", return_raw)]
    pub fn foreign_with(ctx: NativeCallContext, writer: FnPtr, options: Map) -> Scripted<()> {
        other_writer(&ctx, &writer, &options)
    }

    /// Sets where the random numbers of the simulation begin: those of the scheduler `twos` and of `drop_entry`.
    ///
    /// # Example
    /// ```rhai
    /// sim::seed(7);
    /// ```
    #[rhai_fn(name = "seed", return_raw)]
    pub fn seed(ctx: NativeCallContext, seed: i64) -> Scripted<()> {
        with(&ctx, |session| {
            session.simulation("sim::seed")?.seed(seed.cast_unsigned());
            Ok(())
        })
    }
}
