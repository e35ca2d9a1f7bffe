//! The eight names of node_exporter's collector `ipvs`, for dashboards that have them: same names, sentences, labels and values.
//!
//! Two things differ, where that one is wrong: a service of SCTP has its own series with `proto="SCTP"`, where it counts their
//! servers under the service before it; and an address that it can't read costs it all of its series. Backends that agree in their
//! labels are summed here too, as equal series can't stand beside each other. Source: collector/ipvs_linux.go of node_exporter.

use std::collections::BTreeMap;

use super::backend_label::BackendLabel;
use super::exposition::{Family, Kind, Sink};
use super::options::MetricsOptions;
use crate::model::{Protocol, ServiceKey};
use crate::observe::Snapshot;

/// The values of the labels of a backend, in the order of the labels that are wanted.
type Backends = BTreeMap<Vec<String>, [u64; 3]>;

fn backends(snapshot: &Snapshot, wanted: &[BackendLabel]) -> Backends {
    let mut found = Backends::new();
    for (service, entry) in &snapshot.table.services {
        let (proto, address, port, mark) = match service {
            ServiceKey::Endpoint {
                protocol,
                address,
                port,
            } => {
                let proto = match protocol {
                    Protocol::Tcp => "TCP".to_owned(),
                    Protocol::Udp => "UDP".to_owned(),
                    other => other.to_string().to_ascii_uppercase(),
                };
                (proto, address.to_string(), port.to_string(), String::new())
            }
            ServiceKey::Fwmark { mark, .. } => (
                "FWM".to_owned(),
                String::new(),
                "0".to_owned(),
                format!("{:08X}", mark.get()),
            ),
        };
        for (key, server) in &entry.destinations {
            let values = wanted.iter().map(|label| match label {
                BackendLabel::LocalAddress => address.clone(),
                BackendLabel::LocalPort => port.clone(),
                BackendLabel::RemoteAddress => key.address.to_string(),
                BackendLabel::RemotePort => key.port.to_string(),
                BackendLabel::Proto => proto.clone(),
                BackendLabel::LocalMark => mark.clone(),
            });
            let sums = found.entry(values.collect()).or_default();
            let open = server.connections;
            let weight = server.configuration.weight.get();
            for (sum, number) in sums.iter_mut().zip([open.active, open.inactive, weight]) {
                *sum += u64::from(number);
            }
        }
    }
    found
}

pub(super) fn families<'s>(snapshot: &'s Snapshot, options: &'s MetricsOptions) -> Vec<Family<'s>> {
    let wanted: Vec<BackendLabel> = BackendLabel::ALL
        .into_iter()
        .filter(|label| options.backend_labels.contains(label))
        .collect();
    let backends = std::rc::Rc::new(backends(snapshot, &wanted));
    let names: Vec<&'static str> = wanted.iter().map(|label| label.name()).collect();
    let of_backends = |name, help, place: usize| Family {
        name,
        kind: Kind::Gauge,
        help,
        weight: None,
        samples: Box::new({
            let (backends, names) = (std::rc::Rc::clone(&backends), names.clone());
            move |sink: &mut Sink<'_, '_>| {
                for (values, sums) in backends.iter() {
                    let labels: Vec<(&str, &str)> = names
                        .iter()
                        .copied()
                        .zip(values.iter().map(String::as_str))
                        .collect();
                    sink.add(&labels, sums[place]);
                }
            }
        }),
    };
    let totals = snapshot
        .totals
        .as_ref()
        .map(crate::model::Observed::counters);
    let of_totals = |name, help, number: fn(&crate::model::Counters) -> u64| Family {
        name,
        kind: Kind::Counter,
        help,
        weight: None,
        samples: Box::new(move |sink: &mut Sink<'_, '_>| {
            if let Some(totals) = &totals {
                sink.add(&[], number(totals));
            }
        }),
    };
    vec![
        of_totals(
            "node_ipvs_connections_total",
            "The total number of connections made.",
            |totals| totals.connections,
        ),
        of_totals(
            "node_ipvs_incoming_packets_total",
            "The total number of incoming packets.",
            |totals| totals.packets_in,
        ),
        of_totals(
            "node_ipvs_outgoing_packets_total",
            "The total number of outgoing packets.",
            |totals| totals.packets_out,
        ),
        of_totals(
            "node_ipvs_incoming_bytes_total",
            "The total amount of incoming data.",
            |totals| totals.bytes_in,
        ),
        of_totals(
            "node_ipvs_outgoing_bytes_total",
            "The total amount of outgoing data.",
            |totals| totals.bytes_out,
        ),
        of_backends(
            "node_ipvs_backend_connections_active",
            "The current active connections by local and remote address.",
            0,
        ),
        of_backends(
            "node_ipvs_backend_connections_inactive",
            "The current inactive connections by local and remote address.",
            1,
        ),
        of_backends(
            "node_ipvs_backend_weight",
            "The current backend weight by local and remote address.",
            2,
        ),
    ]
}
