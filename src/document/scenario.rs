//! Scenarios: what a kernel did with packets, one JSON object a line, to be played again on a simulated kernel.
//!
//! A scenario names the kernel, the table, and events with their results; `ipvsh help scenarios` has the shape.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::complaint::words;
use super::error::DocumentError;
use super::keys::Object;
use super::read::read_document;
use super::read_service::{DestinationFields, ServiceFields};
use crate::model::{
    DestinationSpecification, Protocol, ServiceKey, ServiceSpecification, SysctlName, TimeoutsEdit,
};

/// What a kernel did with a table and packets.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// The release of the kernel.
    pub kernel: String,
    /// The protocol of all packets.
    pub protocol: Protocol,
    /// The mark of all packets; 0 is none.
    pub mark: u32,
    /// Kernel parameters that were set first.
    pub sysctl: Vec<(SysctlName, String)>,
    /// The timeouts of the table.
    pub timeouts: Option<TimeoutsEdit>,
    /// The services of the table. Real servers were added in the order in which they are listed.
    pub services: Vec<ServiceSpecification>,
    /// What happened, in the order of time.
    pub events: Vec<ScenarioEvent>,
}

/// Something that happened, and what came of it.
#[derive(Clone, Debug)]
pub struct ScenarioEvent {
    /// Milliseconds since the table was set.
    pub milliseconds: u64,
    /// The event as it is written, without its result.
    pub text: String,
    /// What was done.
    pub action: ScenarioAction,
    /// What the kernel made of it.
    pub recorded: Recorded,
}

/// A packet of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioPacket {
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it went to.
    pub destination: SocketAddr,
    /// TCP: letters; SCTP: the number of the first chunk's type; UDP: nothing.
    pub flags: String,
    /// Bytes behind the header of the protocol.
    pub payload: u32,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum ScenarioAction {
    /// A packet of a client.
    Packet(ScenarioPacket),
    /// A packet of a real server.
    Reply(ScenarioPacket),
    /// Packets that open connections, from one address and port after the other.
    Bulk {
        /// The service, whose servers the result counts.
        service: ServiceKey,
        /// The first client.
        first: IpAddr,
        /// How many.
        count: u32,
        /// The first port; it begins again after 50000.
        port: u16,
        /// Where they went to.
        destination: SocketAddr,
    },
    /// A real server was added.
    AddServer(ServiceKey, DestinationSpecification),
    /// A real server was edited.
    EditServer(ServiceKey, DestinationSpecification),
    /// A real server was deleted.
    DeleteServer(ServiceKey, DestinationSpecification),
    /// A service was added with its servers.
    AddService(ServiceSpecification),
    /// All of a service but its key was replaced.
    EditService(ServiceSpecification),
    /// A service was deleted.
    DeleteService(ServiceKey),
    /// A kernel parameter was set.
    Sysctl(SysctlName, String),
    /// Counters were zeroed.
    Zero(Option<ServiceKey>),
    /// The table was looked at.
    Look,
}

/// What the kernel made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Where a packet went, or a word for what became of it; for many, a character each.
    Packet(String),
    /// The name of the error; `None` is success.
    Refusal(Option<String>),
    /// What the table showed.
    Table(Box<Observation>),
}

/// What a table showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Servers by service, the newest first.
    pub dests: Option<BTreeMap<String, Vec<ObservedServer>>>,
    /// Counters and rates by service.
    pub services: Option<BTreeMap<String, Vec<u64>>>,
    /// The connection table: protocol, client, virtual address, server, state, seconds.
    pub conns: Option<Vec<String>>,
    /// How many entries it had.
    pub count: Option<u64>,
}

/// What a table showed of a real server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ObservedServer {
    /// Its key, weight, active and inactive connections, templates.
    Plain(String, i64, u64, u64, u64),
    /// The same, and its counters and rates.
    Counted(String, i64, u64, u64, u64, Vec<u64>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    name: String,
    kernel: String,
    protocol: String,
    #[serde(default)]
    mark: u32,
    #[serde(default)]
    sysctl: BTreeMap<String, i64>,
    #[serde(borrow)]
    table: &'a RawValue,
    #[serde(borrow)]
    events: Vec<Vec<&'a RawValue>>,
}

/// Reads the scenarios of a file, one a line.
///
/// # Errors
/// [`DocumentError`] names the line, and the event in it.
pub fn read_scenarios(path: &str, bytes: &[u8]) -> Result<Vec<Scenario>, DocumentError> {
    let wrong = |line: usize, text: String| DocumentError::Scenario {
        path: path.to_owned(),
        line,
        text,
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        wrong(
            0,
            format!(
                "a scenario is text, and byte {} is none",
                error.valid_up_to()
            ),
        )
    })?;
    let lines = text.lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let scenarios: Vec<Scenario> = filled
        .map(|(index, line)| scenario(line).map_err(|text| wrong(index + 1, text)))
        .collect::<Result<_, _>>()?;
    if scenarios.is_empty() {
        return Err(wrong(0, "the file has no scenario".to_owned()));
    }
    Ok(scenarios)
}

fn scenario(text: &str) -> Result<Scenario, String> {
    let line: Line<'_> = serde_json::from_str(text)
        .map_err(|error| format!("this is no scenario: {}", words(text.as_bytes(), &error)))?;
    let named = |what: String| format!("scenario {}: {what}", line.name);
    let table = read_document("table", line.table.get().as_bytes())
        .map_err(|error| named(format!("its table: {}", error.without_place())))?;
    let sysctl = line.sysctl.iter().map(|(name, value)| {
        let name = SysctlName::new(name).map_err(|error| named(error.to_string()))?;
        Ok((name, value.to_string()))
    });
    let protocol = Protocol::parse(&line.protocol).map_err(|error| named(error.to_string()))?;
    let mut events: Vec<ScenarioEvent> = Vec::with_capacity(line.events.len());
    for (index, fields) in line.events.iter().enumerate() {
        let event = event(fields).map_err(|what| named(format!("event {}: {what}", index + 1)))?;
        let last = events.last().map_or(0, |event| event.milliseconds);
        if event.milliseconds < last {
            return Err(named(format!(
                "event {}: its time {} ms is before that of the event in front of it, {last} ms",
                index + 1,
                event.milliseconds
            )));
        }
        events.push(event);
    }
    Ok(Scenario {
        sysctl: sysctl.collect::<Result<_, String>>()?,
        name: line.name,
        kernel: line.kernel,
        protocol,
        mark: line.mark,
        timeouts: table.timeouts,
        services: table.services,
        events,
    })
}

/// Reads the key of a service; scenarios also write `fwmark://5?inet6`.
fn key(text: &str) -> Result<ServiceKey, String> {
    let six = text
        .strip_prefix("fwmark://")
        .and_then(|rest| rest.strip_suffix("?inet6"));
    let text = six.map_or_else(|| text.to_owned(), |mark| format!("fwmark6://{mark}"));
    ServiceKey::parse(&text).map_err(|error| error.to_string())
}

/// Gives services the names that they have here.
fn named<T>(by_name: Option<BTreeMap<String, T>>) -> Result<Option<BTreeMap<String, T>>, String> {
    let rename = |(name, value): (String, T)| Ok((key(&name)?.to_string(), value));
    by_name
        .map(|by_name| by_name.into_iter().map(rename).collect())
        .transpose()
}

/// The fields of an event, one after the other.
struct Taker<'a> {
    fields: &'a [&'a RawValue],
    taken: usize,
}

impl<'a> Taker<'a> {
    fn raw(&mut self, what: &str) -> Result<&'a str, String> {
        let field = self.fields.get(self.taken);
        self.taken += 1;
        field
            .map(|field| field.get())
            .ok_or_else(|| format!("its {what} is missing"))
    }

    fn take<T: Deserialize<'a>>(&mut self, what: &str) -> Result<T, String> {
        let text = self.raw(what)?;
        serde_json::from_str(text)
            .map_err(|error| format!("its {what}: {}", words(text.as_bytes(), &error)))
    }

    fn parsed<T, E: std::fmt::Display>(
        &mut self,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        let text: String = self.take(what)?;
        parse(&text).map_err(|error| format!("its {what} {text:?}: {error}"))
    }

    fn endpoint(&mut self, what: &str) -> Result<SocketAddr, String> {
        self.parsed(what, str::parse::<SocketAddr>)
    }

    fn service(&mut self) -> Result<ServiceKey, String> {
        self.parsed("service", key)
    }

    fn server(&mut self) -> Result<DestinationSpecification, String> {
        Ok(self.take::<Object<DestinationFields>>("real server")?.0)
    }

    fn packet(&mut self, ends: [&str; 2]) -> Result<ScenarioPacket, String> {
        Ok(ScenarioPacket {
            source: self.endpoint(ends[0])?,
            destination: self.endpoint(ends[1])?,
            flags: self.take("flags")?,
            payload: self.take("length")?,
        })
    }
}

fn event(fields: &[&RawValue]) -> Result<ScenarioEvent, String> {
    let mut taker = Taker { fields, taken: 0 };
    let milliseconds = taker.take("time in milliseconds")?;
    let kind: String = taker.take("kind")?;
    let action = match kind.as_str() {
        "pkt" => ScenarioAction::Packet(taker.packet(["client", "virtual address"])?),
        "reply" => ScenarioAction::Reply(taker.packet(["server", "client"])?),
        "bulk" => ScenarioAction::Bulk {
            service: taker.service()?,
            first: taker.parsed("first client", str::parse)?,
            count: taker.take("count")?,
            port: taker.take("first port")?,
            destination: taker.endpoint("virtual address")?,
        },
        "add" => ScenarioAction::AddServer(taker.service()?, taker.server()?),
        "edit" => ScenarioAction::EditServer(taker.service()?, taker.server()?),
        "del" => ScenarioAction::DeleteServer(taker.service()?, taker.server()?),
        "svc-add" => ScenarioAction::AddService(taker.take::<Object<ServiceFields>>("service")?.0),
        "svc-edit" => {
            ScenarioAction::EditService(taker.take::<Object<ServiceFields>>("service")?.0)
        }
        "svc-del" => ScenarioAction::DeleteService(taker.service()?),
        "sysctl" => {
            let name = taker.parsed("parameter", SysctlName::new)?;
            let value: i64 = taker.take("value")?;
            ScenarioAction::Sysctl(name, value.to_string())
        }
        "zero" => {
            let named: Option<String> = taker.take("service")?;
            ScenarioAction::Zero(named.as_deref().map(key).transpose()?)
        }
        "mark" => {
            let _wanted: Vec<String> = taker.take("list of what is looked at")?;
            ScenarioAction::Look
        }
        other => {
            return Err(format!(
                "{other:?} is no kind of event; there are pkt, reply, bulk, add, edit, del, svc-add, svc-edit, svc-del, sysctl, zero and mark"
            ));
        }
    };
    let written: Vec<&str> = fields
        .iter()
        .take(taker.taken)
        .map(|field| field.get())
        .collect();
    let recorded = match action {
        ScenarioAction::Packet(_) | ScenarioAction::Reply(_) | ScenarioAction::Bulk { .. } => {
            Recorded::Packet(taker.take("result")?)
        }
        ScenarioAction::Look => {
            let seen: Observation = taker.take("result")?;
            Recorded::Table(Box::new(Observation {
                dests: named(seen.dests)?,
                services: named(seen.services)?,
                ..seen
            }))
        }
        _ => Recorded::Refusal(taker.take("result")?),
    };
    if taker.taken < fields.len() {
        return Err(format!(
            "it has {} fields where {} are known",
            fields.len(),
            taker.taken
        ));
    }
    Ok(ScenarioEvent {
        milliseconds,
        text: format!("[{}]", written.join(",")),
        action,
        recorded,
    })
}
