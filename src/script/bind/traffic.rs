//! What `sim::` is told: connections, loads, distributions; and how packets of a connection are sent.

use std::net::{IpAddr, SocketAddr};

use rhai::{Array, Dynamic, Map};

use crate::model::{Invalid, Protocol, ServiceKey};
use crate::script::convert;
use crate::session::{
    Answer, Content, Distribution, Error, Load, Packet, Session, Shape, TcpFlags, Verdict,
};

/// Where the clients of a load begin, unless told otherwise.
const CLIENTS_V4: &str = "10.64.0.1";
const CLIENTS_V6: &str = "fd00:64::1";
/// New connections a second that are still a load and no mistake.
const FASTEST: f64 = 1e6;
const MOST_CLIENTS: i64 = 10_000_000;

/// Both ends of a connection, as scripts hold them.
pub(super) struct Ends {
    pub(super) client: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) server: Option<SocketAddr>,
    pub(super) protocol: Protocol,
    pub(super) mark: u32,
}

pub(super) fn endpoint(name: &str, text: &str) -> Result<SocketAddr, Invalid> {
    text.parse().map_err(|_| {
        Invalid::new(
            name,
            text,
            "write an address with a port, such as 10.64.0.1:4000 or [fd00::1]:4000",
        )
    })
}

pub(super) fn text_of(map: &Map, name: &str) -> Result<Option<String>, Invalid> {
    convert::given(map, name)
        .map(|value| convert::text(name, value))
        .transpose()
}

/// Returns where clients of a service connect to; a mark and port 0 leave it open.
pub(super) fn target(key: &ServiceKey, options: &Map) -> Result<SocketAddr, Invalid> {
    if let Some(to) = text_of(options, "to")? {
        return endpoint("to", &to);
    }
    match key {
        ServiceKey::Endpoint { address, port, .. } if *port != 0 => {
            Ok(SocketAddr::new(*address, *port))
        }
        _ => Err(Invalid::new(
            "to",
            key,
            "this service has no address and port of its own: say where clients connect to, as in #{ to: \"192.0.2.1:80\" }",
        )),
    }
}

pub(super) fn protocol_of(key: &ServiceKey, options: &Map) -> Result<Protocol, Invalid> {
    if let Some(name) = text_of(options, "protocol")? {
        return Protocol::parse(&name);
    }
    Ok(match key {
        ServiceKey::Endpoint { protocol, .. } => *protocol,
        ServiceKey::Fwmark { .. } => Protocol::Tcp,
    })
}

pub(super) fn mark_of(key: &ServiceKey) -> u32 {
    match key {
        ServiceKey::Fwmark { mark, .. } => mark.get(),
        ServiceKey::Endpoint { .. } => 0,
    }
}

pub(super) fn ends_of(map: &Map) -> Result<Ends, Invalid> {
    let needed = |name: &str| {
        text_of(map, name)?.ok_or_else(|| {
            Invalid::new(
                "connection",
                name,
                "it is missing; `sim::connect` returns a connection",
            )
        })
    };
    let mark = convert::given(map, "mark")
        .map(|value| convert::int("mark", value))
        .transpose()?;
    Ok(Ends {
        client: endpoint("client", &needed("client")?)?,
        to: endpoint("to", &needed("to")?)?,
        server: text_of(map, "server")?
            .map(|server| endpoint("server", &server))
            .transpose()?,
        protocol: Protocol::parse(&needed("protocol")?)?,
        mark: u32::try_from(mark.unwrap_or_default()).unwrap_or_default(),
    })
}

impl Ends {
    fn content<'a>(&self, flags: &'a str) -> Result<Content<'a>, Invalid> {
        Ok(match self.protocol {
            Protocol::Tcp => {
                if let Some(letter) = flags.chars().find(|letter| !"SAFRPU".contains(*letter)) {
                    return Err(Invalid::new(
                        "flags",
                        letter,
                        "write letters of SYN, ACK, FIN, RST and PSH: S, A, F, R, P",
                    ));
                }
                Content::Tcp(TcpFlags::from_letters(flags))
            }
            Protocol::Sctp => {
                let chunk = flags.parse().map_err(|_| {
                    Invalid::new(
                        "chunk",
                        flags,
                        "write the number of a chunk's type, such as 1 for INIT",
                    )
                })?;
                Content::Sctp(chunk, None)
            }
            // What an engine of persistence reads is the text itself.
            _ => Content::Udp(flags.as_bytes()),
        })
    }

    pub(super) fn send(
        &self,
        session: &Session,
        name: &str,
        flags: &str,
        payload: u32,
    ) -> Result<Verdict, Error> {
        let packet = Packet::new(self.client, self.to, self.content(flags)?, payload);
        let kernel = session.simulation(name)?;
        Ok(kernel.packet(&Packet {
            mark: self.mark,
            ..packet
        }))
    }

    pub(super) fn answer(
        &self,
        session: &Session,
        name: &str,
        flags: &str,
        payload: u32,
    ) -> Result<Answer, Error> {
        let kernel = session.simulation(name)?;
        let source = self.server.unwrap_or(self.to);
        Ok(kernel.reply(&Packet::new(
            source,
            self.client,
            self.content(flags)?,
            payload,
        )))
    }
}

/// A verdict in words: `forwarded`, `refused`, `dropped`, `passed`, `bypassed`.
pub(super) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Forwarded { .. } => "forwarded",
        Verdict::Bypassed => "bypassed",
        Verdict::Passed => "passed",
        Verdict::Refused => "refused",
        Verdict::Dropped => "dropped",
    }
}

pub(super) fn server_of(verdict: &Verdict) -> Dynamic {
    match verdict {
        Verdict::Forwarded { to, .. } => to.to_string().into(),
        _ => Dynamic::UNIT,
    }
}

pub(super) fn verdict_map(verdict: &Verdict) -> Map {
    [
        ("result".into(), word(verdict).into()),
        ("server".into(), server_of(verdict)),
    ]
    .into()
}

/// Reads a number above a bound, whole or not.
fn number(name: &str, value: &Dynamic, above: f64, most: f64) -> Result<f64, Invalid> {
    let given = value
        .as_float()
        .or_else(|_| value.as_int().map(|whole| whole as f64));
    match given {
        Ok(number) if number > above && number <= most => Ok(number),
        _ if most < f64::MAX => {
            let expected = format!("it is a number above {above}, at most {most}");
            Err(convert::wrong(name, value, &expected))
        }
        _ => {
            let expected = format!("it is a number above {above}");
            Err(convert::wrong(name, value, &expected))
        }
    }
}

/// Reads how lengths are spread: a duration, or a map with a name and a mean.
pub(super) fn distribution(value: &Dynamic) -> Result<Distribution, Invalid> {
    let Some(map) = value.clone().try_cast::<Map>() else {
        return Ok(Distribution {
            shape: Shape::Fixed,
            mean: convert::duration("hold", value)?,
        });
    };
    convert::check_keys(
        "a distribution",
        &map,
        &["distribution", "mean", "sigma", "alpha"],
    )?;
    let optional = |name: &str, default: f64, above: f64| match map.get(name) {
        None => Ok(default),
        Some(value) => number(name, value, above, f64::MAX),
    };
    let mean = map.get("mean").ok_or_else(|| {
        Invalid::new(
            "distribution",
            "mean",
            "it is missing: write it as a duration, such as \"30s\"",
        )
    })?;
    let name = text_of(&map, "distribution")?.unwrap_or_else(|| "fixed".to_owned());
    let shape = match name.as_str() {
        "fixed" => Shape::Fixed,
        "exponential" => Shape::Exponential,
        "lognormal" => Shape::Lognormal {
            sigma: optional("sigma", 1.0, 0.0)?,
        },
        "pareto" => Shape::Pareto {
            alpha: optional("alpha", 1.5, 1.0)?,
        },
        other => {
            return Err(Invalid::new(
                "distribution",
                other,
                "there are fixed, exponential, lognormal and pareto",
            ));
        }
    };
    Ok(Distribution {
        shape,
        mean: convert::duration("mean", mean)?,
    })
}

/// Reads the kinds of connections of a load, each with its share.
pub(super) fn holds(options: &Map) -> Result<Vec<(f64, Distribution)>, Invalid> {
    let Some(mix) = options.get("mix") else {
        let default = Dynamic::from("10s");
        let hold = convert::given(options, "hold").unwrap_or(&default);
        return Ok(vec![(1.0, distribution(hold)?)]);
    };
    let kinds = mix.clone().try_cast::<Array>().unwrap_or_default();
    if kinds.is_empty() || options.contains_key("hold") {
        return Err(convert::wrong(
            "mix",
            mix,
            "it is a list of #{ share: 0.9, hold: … }, in place of `hold`",
        ));
    }
    let read = |kind: &Dynamic| {
        let map = kind.clone().try_cast::<Map>().unwrap_or_default();
        convert::check_keys("a kind of connection", &map, &["share", "hold"])?;
        let share = map.get("share").ok_or_else(|| {
            Invalid::new("mix", "share", "each kind has a share above 0, such as 0.9")
        })?;
        let share = number("share", share, 0.0, f64::MAX)?;
        let hold = map.get("hold").ok_or_else(|| {
            Invalid::new(
                "mix",
                "hold",
                "each kind says for how long its connections are held",
            )
        })?;
        Ok((share, distribution(hold)?))
    };
    kinds.iter().map(read).collect()
}

pub(super) fn load_of(key: &ServiceKey, options: &Map, seed: i64) -> Result<Load, Invalid> {
    const KNOWN: &[&str] = &[
        "clients",
        "connections_per_second",
        "duration",
        "hold",
        "mix",
        "seed",
        "first_client",
        "to",
        "protocol",
    ];
    convert::check_keys("a load", options, KNOWN)?;
    let destination = target(key, options)?;
    let whole = |name: &str, default: i64, most: i64| {
        let Some(value) = convert::given(options, name) else {
            return Ok(default);
        };
        match convert::int(name, value)? {
            number if (1..=most).contains(&number) => Ok(number),
            _ => Err(convert::wrong(
                name,
                value,
                &format!("it is a number from 1 to {most}"),
            )),
        }
    };
    let rate = match convert::given(options, "connections_per_second") {
        None => 10.0,
        Some(value) => number("connections_per_second", value, 0.0, FASTEST)?,
    };
    let is_v6 = destination.is_ipv6();
    let first = text_of(options, "first_client")?
        .unwrap_or_else(|| if is_v6 { CLIENTS_V6 } else { CLIENTS_V4 }.to_owned());
    let first_client = first
        .parse::<IpAddr>()
        .ok()
        .filter(|address| address.is_ipv6() == is_v6)
        .ok_or_else(|| {
            let family = if is_v6 { "IPv6" } else { "IPv4" };
            Invalid::new(
                "first_client",
                &first,
                format!("write an {family} address, as the service's"),
            )
        })?;
    let minute = Dynamic::from("1m");
    let duration = convert::given(options, "duration").unwrap_or(&minute);
    let protocol = protocol_of(key, options)?;
    if !matches!(protocol, Protocol::Tcp | Protocol::Udp) {
        return Err(Invalid::new(
            "load",
            key,
            "a load is of TCP or UDP; `sim::connect` opens single connections of SCTP",
        ));
    }
    Ok(Load {
        destination,
        is_udp: protocol == Protocol::Udp,
        mark: mark_of(key),
        first_client,
        clients: u32::try_from(whole("clients", 100, MOST_CLIENTS)?).unwrap_or(u32::MAX),
        rate,
        duration: convert::duration("duration", duration)?,
        holds: holds(options)?,
        seed: u64::try_from(whole("seed", seed, i64::MAX)?).unwrap_or_default(),
    })
}
