//! What the journal says of the table's commits, as metrics.

use std::time::{SystemTime, UNIX_EPOCH};

use super::exposition::{Family, Sink};
use super::own::{Prepared, counter, gauge};
use crate::observe::JournalView;

/// Returns a time as seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds: a fraction has no room for more.
    since.as_millis() as f64 / 1000.0
}

pub(super) fn families<'s>(prepared: &'s Prepared<'s>) -> Vec<Family<'s>> {
    let settings = prepared.snapshot.settings.as_ref();
    let Some(journal) = settings.and_then(|settings| settings.journal.as_ref()) else {
        return Vec::new();
    };
    let time = prepared.snapshot.time;
    vec![
        counter(
            "ipvsh_commits_total",
            "Records of the journal that is kept here, by how they ended.",
            move |sink| {
                for (outcome, number) in &journal.outcomes {
                    sink.add(&[("outcome", outcome)], *number);
                }
            },
        ),
        gauge(
            "ipvsh_last_commit_timestamp_seconds",
            "When the newest commit began.",
            move |sink| {
                if let Some(last) = journal.last {
                    sink.add(&[], seconds(last));
                }
            },
        ),
        gauge(
            "ipvsh_open_records",
            "Records whose program is under way or gone; one that stays waits for `ipvsh recover`.",
            move |sink| sink.add(&[], journal.unfinished),
        ),
        gauge(
            "ipvsh_unconfirmed_commits",
            "Commits that roll back unless they are confirmed.",
            move |sink| sink.add(&[], journal.unconfirmed.len() as u64),
        ),
        gauge(
            "ipvsh_confirm_deadline_timestamp_seconds",
            "When the first of the commits rolls back that are not confirmed.",
            move |sink| {
                let first = journal.unconfirmed.iter().map(|(_, left)| *left).min();
                if let Some(left) = first {
                    sink.add(&[], seconds(time + left));
                }
            },
        ),
        drains(
            "ipvsh_drain_start_timestamp_seconds",
            "When a drain began whose real server is still at weight 0.",
            journal,
            |drain| drain.since.map(seconds),
        ),
        drains(
            "ipvsh_drain_deadline_timestamp_seconds",
            "When the time of a drain that goes on has passed.",
            journal,
            |drain| {
                let deadline = drain.since? + drain.deadline?;
                drain.is_under_way.then(|| seconds(deadline))
            },
        ),
        gauge(
            "ipvsh_drain_connections",
            "Connections and templates that a drain still waits for, or left behind.",
            move |sink| {
                for drain in &journal.drains {
                    let service = prepared.snapshot.table.services.get(&drain.service);
                    let server = service.and_then(|one| one.destinations.get(&drain.server));
                    let Some(server) = server else {
                        continue;
                    };
                    let open = server.connections;
                    let number = open.open() + u64::from(open.persistent);
                    let (service, server) = (drain.service.to_string(), drain.server.to_string());
                    sink.add(&[("service", &service), ("server", &server)], number);
                }
            },
        ),
    ]
}

fn drains<'s>(
    name: &'static str,
    help: &'static str,
    journal: &'s JournalView,
    value: fn(&crate::observe::DrainView) -> Option<f64>,
) -> Family<'s> {
    gauge(name, help, move |sink: &mut Sink<'_, '_>| {
        for drain in &journal.drains {
            if let Some(value) = value(drain) {
                let (service, server) = (drain.service.to_string(), drain.server.to_string());
                sink.add(&[("service", &service), ("server", &server)], value);
            }
        }
    })
}
