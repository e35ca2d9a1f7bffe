//! Families of the table as a whole, and of its kernel.

use super::exposition::Family;
use super::journal::seconds;
use super::own::{Prepared, bytes, counter, directions, gauge, packets};
use crate::model::{Observed, Timeouts};

/// Returns all of them.
pub(super) fn families<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let mut all = totals(prepared);
    all.extend(connection_table(prepared));
    all.extend(settings(prepared));
    all.extend(reading(prepared));
    all
}

fn totals<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let totals = || prepared.snapshot.totals.as_ref().map(Observed::counters);
    vec![
        counter(
            "ipvs_connections_total",
            "Connections of the network namespace, those of deleted services included.",
            move |sink| {
                if let Some(totals) = totals() {
                    sink.add(&[], totals.connections);
                }
            },
        ),
        counter(
            "ipvs_packets_total",
            "Packets of the network namespace, those of deleted services included.",
            move |sink| {
                if let Some(totals) = totals() {
                    directions(sink, &[], packets(&totals));
                }
            },
        ),
        counter(
            "ipvs_bytes_total",
            "Bytes of the network namespace at the IP layer, those of deleted services included.",
            move |sink| {
                if let Some(totals) = totals() {
                    directions(sink, &[], bytes(&totals));
                }
            },
        ),
    ]
}

fn connection_table<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let settings = prepared.snapshot.settings.as_ref();
    let sysctl = move |wanted: &str| -> Option<u64> {
        let (_, value) = settings?
            .sysctls
            .iter()
            .find(|(name, _)| name.as_str() == wanted)?;
        value.trim().parse().ok()
    };
    vec![
        gauge(
            "ipvs_connection_table_buckets",
            "Buckets of the table of connections.",
            move |sink| {
                if let Some(kernel) = settings.and_then(|settings| settings.kernel) {
                    sink.add(&[], kernel.connection_table_size);
                }
            },
        ),
        gauge(
            "ipvs_connection_table_entries",
            "Entries of the table of connections, where the kernel tells (7.0) or they were counted (--connections).",
            move |sink| {
                let told = settings.and_then(|settings| settings.connection_entries);
                if let Some(number) = prepared.options.connection_entries.or(told) {
                    sink.add(&[], number);
                }
            },
        ),
        gauge(
            "ipvs_connection_table_max",
            "How many entries the table of connections may have (conn_max, 7.0).",
            move |sink| {
                if let Some(number) = sysctl("conn_max") {
                    sink.add(&[], number);
                }
            },
        ),
    ]
}

fn settings<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let snapshot = prepared.snapshot;
    let settings = snapshot.settings.as_ref();
    vec![
        gauge(
            "ipvs_timeout_seconds",
            "How long a connection is kept without traffic.",
            move |sink| {
                for (kind, seconds) in snapshot.table.timeouts.iter().flat_map(timeouts) {
                    sink.add(&[("kind", kind)], seconds);
                }
            },
        ),
        gauge(
            "ipvs_sync_daemon",
            "A sync daemon that runs; always 1.",
            move |sink| {
                for daemon in snapshot.table.daemons.iter().flat_map(|all| all.values()) {
                    let id = daemon.sync_id.to_string();
                    let labels = [
                        ("state", daemon.role.word()),
                        ("interface", daemon.interface.as_str()),
                        ("sync_id", &id),
                    ];
                    sink.add(&labels, 1u32);
                }
            },
        ),
        gauge(
            "ipvs_sysctl",
            "Kernel parameters of IPVS (/proc/sys/net/ipv4/vs) that are one number.",
            move |sink| {
                for (name, value) in settings.iter().flat_map(|settings| &settings.sysctls) {
                    if let Ok(number) = value.trim().parse::<i64>() {
                        sink.add(&[("name", name.as_str())], number as f64);
                    }
                }
            },
        ),
    ]
}

/// When the table was read, and what that is worth.
fn reading<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let snapshot = prepared.snapshot;
    vec![
        gauge(
            "ipvs_estimation_enabled",
            "Whether the kernel's estimator runs (run_estimation); without it counters and rates stand still.",
            move |sink| sink.add(&[], snapshot.known.rates),
        ),
        gauge(
            "ipvsh_snapshot_timestamp_seconds",
            "When the table was read.",
            move |sink| sink.add(&[], seconds(snapshot.time)),
        ),
        gauge(
            "ipvsh_snapshot_duration_seconds",
            "How long it took to read the table.",
            move |sink| sink.add(&[], snapshot.took.as_secs_f64()),
        ),
        gauge(
            "ipvsh_pending_changes",
            "How many changes would make the table what a document says (--expect).",
            move |sink| {
                if let Some((document, number)) = &prepared.options.pending {
                    sink.add(&[("document", document)], *number);
                }
            },
        ),
    ]
}

const fn timeouts(timeouts: &Timeouts) -> [(&'static str, u32); 3] {
    [
        ("tcp", timeouts.tcp_seconds),
        ("tcp_fin", timeouts.tcp_fin_seconds),
        ("udp", timeouts.udp_seconds),
    ]
}
