//! Our names: services and real servers under the ids of documents, in base units.

use super::exposition::{Family, Kind, Sink, Weight};
use super::options::{MetricsOptions, ObjectLabels};
use crate::model::{
    Counters, DestinationEntry, DestinationKey, ObjectId, ServiceEntry, ServiceKey,
    Weight as ServerWeight,
};
use crate::observe::Snapshot;

/// A snapshot with the ids of its objects as texts.
pub(super) struct Prepared<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) options: &'s MetricsOptions,
    pub(super) services: Vec<PreparedService<'s>>,
}

pub(super) struct PreparedService<'s> {
    pub(super) id: String,
    key: &'s ServiceKey,
    entry: &'s ServiceEntry,
    servers: Vec<(String, &'s DestinationKey, &'s DestinationEntry)>,
}

impl<'s> Prepared<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, options: &'s MetricsOptions) -> Self {
        let services = snapshot.table.services.iter();
        let services = services.map(|(key, entry)| PreparedService {
            id: key.to_string(),
            key,
            entry,
            servers: entry
                .destinations
                .iter()
                .map(|(key, server)| (key.to_string(), key, server))
                .collect(),
        });
        Self {
            snapshot,
            options,
            services: services.collect(),
        }
    }

    /// Returns whether all of the table was read, and not only what everybody may see.
    const fn knows_all(&self) -> bool {
        self.snapshot.known.all
    }
}

pub(super) fn gauge<'s>(
    name: &'static str,
    help: &'static str,
    samples: impl Fn(&mut Sink<'_, '_>) + 's,
) -> Family<'s> {
    Family {
        name,
        kind: Kind::Gauge,
        help,
        weight: None,
        samples: Box::new(samples),
    }
}

pub(super) fn counter<'s>(
    name: &'static str,
    help: &'static str,
    samples: impl Fn(&mut Sink<'_, '_>) + 's,
) -> Family<'s> {
    Family {
        kind: Kind::Counter,
        ..gauge(name, help, samples)
    }
}

fn weighing<'s>(weight: Weight, family: Family<'s>) -> Family<'s> {
    Family {
        weight: Some(weight),
        ..family
    }
}

/// Whether the table could be read.
pub(super) fn up(is_up: bool) -> Family<'static> {
    gauge(
        "ipvs_up",
        "Whether the table could be read: 1, or 0, and then nothing of it is here.",
        move |sink| sink.add(&[], is_up),
    )
}

pub(super) fn build() -> Family<'static> {
    gauge("ipvsh_build_info", "The version of ipvsh.", |sink| {
        sink.add(&[("version", env!("CARGO_PKG_VERSION"))], 1u32)
    })
}

pub(super) fn dropped(dropped: Vec<(String, u64)>) -> Family<'static> {
    gauge(
        "ipvsh_series_dropped",
        "How many series a family would have that was left out because there would be too many (--series-limit).",
        move |sink| {
            for (family, count) in &dropped {
                sink.add(&[("family", family)], *count);
            }
        },
    )
}

/// Adds what documents say of an object to its labels; a name that stands already is kept apart.
fn with_labels<'l>(labels: &mut Vec<(&'l str, &'l str)>, all: &'l ObjectLabels, object: &ObjectId) {
    for (name, value) in all.of_object(object) {
        labels.push((name, value));
    }
    // An empty label is none.
    labels.retain(|(_, value)| !value.is_empty());
}

fn service_info(prepared: &Prepared<'_>, sink: &mut Sink<'_, '_>) {
    for service in &prepared.services {
        let configuration = &service.entry.configuration;
        let (mut protocol, mut address, mut port, mut mark) = Default::default();
        match service.key {
            ServiceKey::Endpoint {
                protocol: own,
                address: at,
                port: number,
            } => {
                (protocol, address, port) = (own.to_string(), at.to_string(), number.to_string());
            }
            ServiceKey::Fwmark { mark: own, .. } => mark = own.get().to_string(),
        }
        let mut flags = configuration
            .scheduler_flags
            .names(&configuration.scheduler);
        if configuration.one_packet {
            flags.push("one-packet");
        }
        let flags = flags.join(",");
        let persistent = if configuration.persistence.is_some() {
            "true"
        } else {
            ""
        };
        let mut labels = vec![
            ("service", service.id.as_str()),
            ("protocol", &protocol),
            ("address", &address),
            ("port", &port),
            ("fwmark", &mark),
            ("family", service.key.family().word()),
            ("scheduler", configuration.scheduler.as_str()),
            ("flags", &flags),
            ("persistent", persistent),
        ];
        let object = ObjectId::Service(*service.key);
        with_labels(&mut labels, &prepared.options.object_labels, &object);
        sink.add(&labels, 1u32);
    }
}

fn server_info(prepared: &Prepared<'_>, sink: &mut Sink<'_, '_>) {
    for service in &prepared.services {
        for (id, key, server) in &service.servers {
            let configuration = &server.configuration;
            let address = key.address.to_string();
            let port = key.port.to_string();
            let forwarding = configuration.forwarding.to_string();
            let tunnel = if configuration.has_tunnel() && prepared.knows_all() {
                configuration.tunnel.to_string()
            } else {
                String::new()
            };
            let mut labels = vec![
                ("service", service.id.as_str()),
                ("server", id.as_str()),
                ("address", &address),
                ("port", &port),
                ("forwarding", &forwarding),
                ("tunnel", &tunnel),
            ];
            let object = ObjectId::Destination(*service.key, **key);
            with_labels(&mut labels, &prepared.options.object_labels, &object);
            sink.add(&labels, 1u32);
        }
    }
}

/// Adds both directions of what was counted.
pub(super) fn directions(sink: &mut Sink<'_, '_>, labels: &[(&str, &str)], both: (u64, u64)) {
    let mut all = labels.to_vec();
    for (direction, number) in [("in", both.0), ("out", both.1)] {
        all.push(("direction", direction));
        sink.add(&all, number);
        all.pop();
    }
}

pub(super) const fn packets(counters: &Counters) -> (u64, u64) {
    (counters.packets_in, counters.packets_out)
}

pub(super) const fn bytes(counters: &Counters) -> (u64, u64) {
    (counters.bytes_in, counters.bytes_out)
}

/// Goes through the services.
fn each_service<'s>(
    prepared: &'s Prepared<'s>,
    add: impl Fn(&PreparedService<'s>, &[(&str, &str)], &mut Sink<'_, '_>) + 's,
) -> impl Fn(&mut Sink<'_, '_>) + 's {
    move |sink| {
        for service in &prepared.services {
            add(service, &[("service", &service.id)], sink);
        }
    }
}

/// Goes through the real servers.
fn each_server<'s>(
    prepared: &'s Prepared<'s>,
    add: impl Fn(&PreparedService<'s>, &DestinationEntry, &[(&str, &str)], &mut Sink<'_, '_>) + 's,
) -> impl Fn(&mut Sink<'_, '_>) + 's {
    move |sink| {
        for service in &prepared.services {
            for (id, _, server) in &service.servers {
                let labels = [("service", service.id.as_str()), ("server", id.as_str())];
                add(service, server, &labels, sink);
            }
        }
    }
}

pub(super) fn of_services<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let mut families = vec![
        gauge(
            "ipvs_service_info",
            "A virtual service, what it is configured with, and what documents call it; always 1.",
            |sink| service_info(prepared, sink),
        ),
        gauge(
            "ipvs_service_servers",
            "How many real servers a virtual service has, with weight and without.",
            each_service(prepared, |service, labels, sink| {
                let quiescent = service.entry.quiescent().count() as u64;
                let weighted = service.entry.destinations.len() as u64 - quiescent;
                let mut labels = labels.to_vec();
                for (state, number) in [("weighted", weighted), ("quiescent", quiescent)] {
                    labels.push(("state", state));
                    sink.add(&labels, number);
                    labels.pop();
                }
            }),
        ),
        gauge(
            "ipvs_service_weight",
            "The sum of the weights of a virtual service's real servers; at 0 it refuses new connections.",
            each_service(prepared, |service, labels, sink| {
                sink.add(labels, service.entry.weight_sum());
            }),
        ),
    ];
    if !prepared.knows_all() {
        return families;
    }
    let counted = |name, help, of: fn(&Counters) -> (u64, u64)| {
        counter(
            name,
            help,
            each_service(prepared, move |service, labels, sink| {
                directions(sink, labels, of(&service.entry.observed.counters()));
            }),
        )
    };
    families.extend([
        gauge(
            "ipvs_service_persistence_seconds",
            "How long a client stays with its real server; only of persistent services.",
            each_service(prepared, |service, labels, sink| {
                if let Some(persistence) = &service.entry.configuration.persistence {
                    sink.add(labels, persistence.timeout_seconds);
                }
            }),
        ),
        counter(
            "ipvs_service_connections_total",
            "Connections that a virtual service scheduled.",
            each_service(prepared, |service, labels, sink| {
                sink.add(labels, service.entry.observed.counters().connections);
            }),
        ),
        counted(
            "ipvs_service_packets_total",
            "Packets of a virtual service, from clients (in) and to them (out: only masquerading sees them).",
            packets,
        ),
        counted(
            "ipvs_service_bytes_total",
            "Bytes of a virtual service at the IP layer, from clients (in) and to them (out: only masquerading sees them).",
            bytes,
        ),
    ]);
    families
}

pub(super) fn of_servers<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let knows_all = prepared.knows_all();
    let mut families = vec![
        weighing(
            Weight::Info,
            gauge(
                "ipvs_server_info",
                "A real server, how it is forwarded to, and what documents call it; always 1.",
                |sink| server_info(prepared, sink),
            ),
        ),
        weighing(
            Weight::Weights,
            gauge(
                "ipvs_server_weight",
                "The weight of a real server; 0 takes no new connections.",
                each_server(prepared, |_, server, labels, sink| {
                    sink.add(labels, server.configuration.weight.get());
                }),
            ),
        ),
        weighing(
            Weight::Weights,
            gauge(
                "ipvs_server_weight_share",
                "The part of its service's weights that a real server has, 0 to 1; absent where all weights are 0.",
                each_server(prepared, |service, server, labels, sink| {
                    let sum = service.entry.weight_sum();
                    if sum > 0 {
                        let own = f64::from(server.configuration.weight.get());
                        sink.add(labels, own / sum as f64);
                    }
                }),
            ),
        ),
        weighing(
            Weight::Limits,
            gauge(
                "ipvs_server_quiescent",
                "Whether a real server has weight 0.",
                each_server(prepared, |_, server, labels, sink| {
                    sink.add(labels, server.configuration.weight == ServerWeight::ZERO);
                }),
            ),
        ),
        weighing(
            Weight::OpenConnections,
            gauge(
                "ipvs_server_open_connections",
                "Connections that a real server has now: active, inactive, and templates of persistent clients.",
                each_server(prepared, move |_, server, labels, sink| {
                    let open = server.connections;
                    let mut labels = labels.to_vec();
                    for (state, number, is_known) in [
                        ("active", open.active, true),
                        ("inactive", open.inactive, true),
                        ("persistent", open.persistent, knows_all),
                    ] {
                        if is_known {
                            labels.push(("state", state));
                            sink.add(&labels, number);
                            labels.pop();
                        }
                    }
                }),
            ),
        ),
    ];
    if knows_all {
        families.extend(counted_of_servers(prepared));
    }
    families
}

fn counted_of_servers<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let counted = |name, help, of: fn(&Counters) -> (u64, u64)| {
        let family = counter(
            name,
            help,
            each_server(prepared, move |_, server, labels, sink| {
                directions(sink, labels, of(&server.observed.counters()));
            }),
        );
        weighing(Weight::Traffic, family)
    };
    vec![
        weighing(
            Weight::Limits,
            gauge(
                "ipvs_server_connections_limit",
                "The thresholds of a real server, where they are set: above the upper one it takes no new connections until it is below the lower one.",
                each_server(prepared, |_, server, labels, sink| {
                    let thresholds = server.configuration.thresholds;
                    let mut labels = labels.to_vec();
                    for (bound, number) in
                        [("upper", thresholds.upper), ("lower", thresholds.lower)]
                    {
                        if number > 0 {
                            labels.push(("bound", bound));
                            sink.add(&labels, number);
                            labels.pop();
                        }
                    }
                }),
            ),
        ),
        weighing(
            Weight::Connections,
            counter(
                "ipvs_server_connections_total",
                "Connections that were scheduled to a real server. One that is added again soon after it was deleted goes on from its old number.",
                each_server(prepared, |_, server, labels, sink| {
                    sink.add(labels, server.observed.counters().connections);
                }),
            ),
        ),
        counted(
            "ipvs_server_packets_total",
            "Packets of a real server, from clients (in) and to them (out: only masquerading sees them).",
            packets,
        ),
        counted(
            "ipvs_server_bytes_total",
            "Bytes of a real server at the IP layer, from clients (in) and to them (out: only masquerading sees them).",
            bytes,
        ),
    ]
}
