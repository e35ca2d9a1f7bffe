//! The table document, as written.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::VERSION;
use crate::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, Granularity, Observed, Persistence,
    Receptions, ServerNumber, ServiceEntry, ServiceKey, SyncDaemon, Table, Timeouts, Tunnel,
};

/// Whether what was observed is written beside the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Observed,
    /// Configuration alone, in an order that suits version control.
    Configuration,
}

/// Writes a table as a document.
#[derive(Clone, Copy, Debug)]
pub struct DocumentWriter<'a> {
    /// The table.
    pub table: &'a Table,
    /// How much of it.
    pub detail: Detail,
    /// What could not be read, in words; empty if all could.
    pub incomplete: &'a [&'a str],
}

/// Writes a document, indented, with a newline at its end.
///
/// # Errors
/// The writer's error.
pub fn write_document(out: &mut dyn Write, document: &DocumentWriter<'_>) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

impl Serialize for DocumentWriter<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        if !self.incomplete.is_empty() {
            map.serialize_entry("incomplete", self.incomplete)?;
        }
        map.serialize_entry(
            "services",
            &Services {
                table: self.table,
                detail: self.detail,
                known: Known::of(self.incomplete),
            },
        )?;
        if let Some(timeouts) = &self.table.timeouts {
            map.serialize_entry("timeouts", &timeouts_shape(timeouts))?;
        }
        if let Some(daemons) = &self.table.daemons {
            let shapes: Vec<DaemonShape<'_>> = daemons.values().map(daemon_shape).collect();
            map.serialize_entry("daemons", &shapes)?;
        }
        if !self.table.sysctl.is_empty() {
            let values: std::collections::BTreeMap<&str, &str> = self
                .table
                .sysctl
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            map.serialize_entry("sysctl", &values)?;
        }
        map.end()
    }
}

/// Whether all of the table could be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    All,
    /// What any user may read: the rest is null, as it is not known.
    Part,
}

impl Known {
    const fn of(incomplete: &[&str]) -> Self {
        if incomplete.is_empty() {
            Self::All
        } else {
            Self::Part
        }
    }

    /// Returns a value that only the whole tells.
    fn value<T>(self, value: T) -> Option<T> {
        (self == Self::All).then_some(value)
    }
}

struct Services<'a> {
    table: &'a Table,
    detail: Detail,
    known: Known,
}

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.table.services.len()))?;
        for (key, entry) in &self.table.services {
            list.serialize_element(&shape(key, entry, self.detail, self.known))?;
        }
        list.end()
    }
}

#[derive(Serialize)]
pub(crate) struct TimeoutsShape {
    tcp_seconds: u32,
    tcp_fin_seconds: u32,
    udp_seconds: u32,
}

pub(crate) const fn timeouts_shape(timeouts: &Timeouts) -> TimeoutsShape {
    TimeoutsShape {
        tcp_seconds: timeouts.tcp_seconds,
        tcp_fin_seconds: timeouts.tcp_fin_seconds,
        udp_seconds: timeouts.udp_seconds,
    }
}

/// A document that sets timeouts or kernel parameters and nothing else.
#[derive(Serialize)]
struct SettingsShape<'a> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<TimeoutsShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sysctl: Option<BTreeMap<&'a str, &'a str>>,
}

/// Returns a document that sets timeouts or a kernel parameter, as one line.
#[must_use]
pub fn settings_line(timeouts: Option<&Timeouts>, sysctl: Option<(&str, &str)>) -> String {
    super::json::compact(&SettingsShape {
        version: super::VERSION,
        timeouts: timeouts.map(timeouts_shape),
        sysctl: sysctl.map(|one| [one].into()),
    })
}

#[derive(Serialize)]
pub(crate) struct DaemonShape<'a> {
    state: &'static str,
    interface: &'a str,
    sync_id: u32,
    sync_maxlen: Option<u16>,
    group: String,
    port: u16,
    ttl: u8,
}

pub(crate) fn daemon_shape(daemon: &SyncDaemon) -> DaemonShape<'_> {
    DaemonShape {
        state: daemon.role.word(),
        interface: &daemon.interface,
        sync_id: daemon.sync_id,
        sync_maxlen: daemon.sync_maxlen,
        group: daemon.group.to_string(),
        port: daemon.port,
        ttl: daemon.ttl,
    }
}

/// A virtual service of the document.
#[derive(Serialize)]
pub struct ServiceShape<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fwmark: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    scheduler: &'a str,
    scheduler_flags: Option<Vec<&'static str>>,
    one_packet: bool,
    other_flags: Option<u32>,
    persistence: Option<PersistenceShape<'a>>,
    dormant_persistence: Option<PersistenceShape<'a>>,
    destinations: Vec<DestinationShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<ObservedShape>,
}

#[derive(Serialize)]
pub(crate) struct PersistenceShape<'a> {
    timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    netmask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_length: Option<u32>,
    engine: Option<&'a str>,
}

pub(crate) fn persistence_shape(persistence: &Persistence) -> PersistenceShape<'_> {
    let (netmask, prefix_length) = match persistence.granularity {
        Granularity::Netmask(mask) => (Some(mask.to_string()), None),
        Granularity::PrefixLength(bits) => (None, Some(bits)),
    };
    PersistenceShape {
        timeout_seconds: Some(persistence.timeout_seconds),
        netmask,
        prefix_length,
        engine: persistence
            .engine
            .as_ref()
            .map(crate::model::EngineName::as_str),
    }
}

/// Returns a persistence as far as it is known.
fn known_persistence(persistence: &Persistence, known: Known) -> PersistenceShape<'_> {
    match known {
        Known::All => persistence_shape(persistence),
        Known::Part => PersistenceShape {
            timeout_seconds: None,
            netmask: None,
            prefix_length: None,
            engine: None,
        },
    }
}

/// Returns a service as it stands in the document.
#[must_use]
pub fn service_shape<'a>(
    key: &ServiceKey,
    entry: &'a ServiceEntry,
    detail: Detail,
) -> ServiceShape<'a> {
    shape(key, entry, detail, Known::All)
}

fn shape<'a>(
    key: &ServiceKey,
    entry: &'a ServiceEntry,
    detail: Detail,
    known: Known,
) -> ServiceShape<'a> {
    let configuration = &entry.configuration;
    let receptions = entry.receptions();
    let persistence = |persistence: &'a Persistence| known_persistence(persistence, known);
    let mut shape = ServiceShape {
        id: key.to_string(),
        protocol: None,
        address: None,
        port: None,
        fwmark: None,
        family: None,
        scheduler: configuration.scheduler.as_str(),
        scheduler_flags: known.value(
            configuration
                .scheduler_flags
                .names(&configuration.scheduler),
        ),
        one_packet: configuration.one_packet,
        other_flags: known.value(configuration.other_flags),
        persistence: configuration.persistence.as_ref().map(persistence),
        dormant_persistence: configuration.dormant.as_ref().map(persistence),
        destinations: entry
            .destinations
            .iter()
            .map(|(key, entry)| destination_shape(key, entry, detail, &receptions, known))
            .collect(),
        observed: (detail == Detail::Observed).then(|| observed_shape(&entry.observed, known)),
    };
    match key {
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            shape.protocol = Some(protocol.to_string());
            shape.address = Some(address.to_string());
            shape.port = Some(*port);
        }
        ServiceKey::Fwmark { family, mark } => {
            shape.fwmark = Some(mark.get());
            shape.family = Some(family.word());
        }
    }
    shape
}

struct DestinationShape {
    key: DestinationKey,
    configuration: DestinationConfiguration,
    /// What is known of it.
    known: Known,
    observed: Option<ServerObservedShape>,
}

impl Serialize for DestinationShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let configuration = &self.configuration;
        let fields = 5 + ServerNumber::ALL.len() + usize::from(self.observed.is_some());
        let mut shape = serializer.serialize_struct("DestinationShape", fields)?;
        shape.serialize_field("id", &self.key.to_string())?;
        shape.serialize_field("address", &self.key.address.to_string())?;
        shape.serialize_field("port", &self.key.port)?;
        shape.serialize_field("forwarding", &configuration.forwarding.to_string())?;
        let tunnel = configuration
            .has_tunnel()
            .then(|| tunnel_shape(configuration.tunnel));
        shape.serialize_field(
            "tunnel",
            &tunnel.and_then(|tunnel| self.known.value(tunnel)),
        )?;
        for number in ServerNumber::ALL {
            let value = number.of(configuration);
            if number.is_public {
                shape.serialize_field(number.name, &value)?;
            } else {
                shape.serialize_field(number.name, &self.known.value(value))?;
            }
        }
        if let Some(observed) = &self.observed {
            shape.serialize_field("observed", observed)?;
        }
        shape.end()
    }
}

#[derive(Serialize)]
pub(crate) struct TunnelShape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u16>,
}

pub(crate) fn tunnel_shape(tunnel: Tunnel) -> TunnelShape {
    let shape = |kind: &str, port, checksum, flags| TunnelShape {
        kind: kind.to_owned(),
        port,
        checksum,
        flags,
    };
    match tunnel {
        Tunnel::Ipip => shape("ipip", None, None, None),
        Tunnel::Gue { port, checksum } => {
            shape("gue", Some(port.get()), Some(checksum.word()), None)
        }
        Tunnel::Gre { checksum } => shape("gre", None, Some(checksum.word()), None),
        Tunnel::Other { kind, port, flags } => {
            shape(&format!("type-{kind}"), Some(port), None, Some(flags))
        }
    }
}

fn destination_shape(
    key: &DestinationKey,
    entry: &DestinationEntry,
    detail: Detail,
    receptions: &Receptions<'_>,
    known: Known,
) -> DestinationShape {
    DestinationShape {
        key: *key,
        configuration: entry.configuration,
        known,
        observed: (detail == Detail::Observed).then(|| {
            let reception = receptions.of(key);
            ServerObservedShape {
                overloaded: known.value(reception.overloaded).flatten(),
                // Without weight there is nothing, whatever else is not known.
                receives: reception
                    .receives
                    .filter(|receives| known == Known::All || !receives),
                active_connections: entry.connections.active,
                inactive_connections: entry.connections.inactive,
                persistent_connections: known.value(entry.connections.persistent),
                observed: observed_shape(&entry.observed, known),
            }
        }),
    }
}

/// Returns one real server of a service as the document has it, with what was observed; `None` if it is not there.
#[must_use]
pub fn server_shape(
    service: &ServiceEntry,
    key: &DestinationKey,
) -> Option<impl Serialize + use<>> {
    let entry = service.destinations.get(key)?;
    Some(destination_shape(
        key,
        entry,
        Detail::Observed,
        &service.receptions(),
        Known::All,
    ))
}

#[derive(Serialize)]
struct ServerObservedShape {
    /// Over its upper threshold; null between the two, where it depends on what was before.
    overloaded: Option<bool>,
    /// Gets new connections, as weight, thresholds and scheduler have it; null where that is not known.
    receives: Option<bool>,
    active_connections: u32,
    inactive_connections: u32,
    persistent_connections: Option<u32>,
    #[serde(flatten)]
    observed: ObservedShape,
}

#[derive(Serialize)]
struct ObservedShape {
    counters: Option<CountersShape>,
    rates: Option<RatesShape>,
}

#[derive(Serialize)]
struct CountersShape {
    connections: u64,
    packets_in: u64,
    packets_out: u64,
    bytes_in: u64,
    bytes_out: u64,
}

#[derive(Serialize)]
struct RatesShape {
    connections_per_second: u64,
    packets_in_per_second: u64,
    packets_out_per_second: u64,
    bytes_in_per_second: u64,
    bytes_out_per_second: u64,
}

fn observed_shape(observed: &Observed, known: Known) -> ObservedShape {
    let (counters, rates) = (observed.counters(), observed.rates());
    ObservedShape {
        counters: known.value(CountersShape {
            connections: counters.connections,
            packets_in: counters.packets_in,
            packets_out: counters.packets_out,
            bytes_in: counters.bytes_in,
            bytes_out: counters.bytes_out,
        }),
        rates: known.value(RatesShape {
            connections_per_second: rates.connections_per_second,
            packets_in_per_second: rates.packets_in_per_second,
            packets_out_per_second: rates.packets_out_per_second,
            bytes_in_per_second: rates.bytes_in_per_second,
            bytes_out_per_second: rates.bytes_out_per_second,
        }),
    }
}
