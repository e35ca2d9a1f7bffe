//! Values as tables.

use rhai::{Array, Dynamic, Map};

use super::{DestinationList, DestinationValue, ServiceList, ServiceValue, plain_text};
use crate::render::Rows;

const SERVICE_TITLES: [&str; 6] = [
    "SERVICE",
    "SCHEDULER",
    "SERVERS",
    "WEIGHT",
    "ACTIVE",
    "INACTIVE",
];
const SERVER_TITLES: [&str; 7] = [
    "REAL SERVER",
    "SERVICE",
    "METHOD",
    "WEIGHT",
    "SHARE",
    "ACTIVE",
    "INACTIVE",
];

/// Returns a value as a table, if it is a snapshot, a list of them, or a list of maps.
pub(super) fn of(value: &Dynamic) -> Option<Rows> {
    if let Some(list) = value.read_lock::<ServiceList>() {
        return Some(table(
            &SERVICE_TITLES,
            list.iter().map(service_row).collect(),
        ));
    }
    if let Some(list) = value.read_lock::<DestinationList>() {
        return Some(table(&SERVER_TITLES, list.iter().map(server_row).collect()));
    }
    if let Some(service) = value.read_lock::<ServiceValue>() {
        return Some(table(&SERVICE_TITLES, vec![service_row(&service)]));
    }
    if let Some(server) = value.read_lock::<DestinationValue>() {
        return Some(table(&SERVER_TITLES, vec![server_row(&server)]));
    }
    maps(&*value.read_lock::<Array>()?)
}

fn table(titles: &[&str], cells: Vec<Vec<String>>) -> Rows {
    Rows {
        titles: titles.iter().map(|title| (*title).to_owned()).collect(),
        cells,
    }
}

fn service_row(service: &ServiceValue) -> Vec<String> {
    let entry = &service.entry;
    let connections = entry.destinations.values().map(|entry| entry.connections);
    let (active, inactive) = connections.fold((0u64, 0u64), |(active, inactive), one| {
        (
            active + u64::from(one.active),
            inactive + u64::from(one.inactive),
        )
    });
    vec![
        service.key.to_string(),
        entry.configuration.scheduler.to_string(),
        entry.destinations.len().to_string(),
        entry.weight_sum().to_string(),
        active.to_string(),
        inactive.to_string(),
    ]
}

fn server_row(server: &DestinationValue) -> Vec<String> {
    let entry = server.entry();
    let weight = entry.configuration.weight;
    let reception = server.service.entry.reception(&server.key);
    let share = match (reception.share, reception.remark) {
        (_, Some(remark @ ("overloaded" | "standby"))) => remark.to_owned(),
        (Some(share), _) if share > 0.0 => format!("{:.0} %", share * 100.0),
        _ => "-".to_owned(),
    };
    vec![
        server.key.to_string(),
        server.service.key.to_string(),
        entry.configuration.forwarding.to_string(),
        weight.to_string(),
        share,
        entry.connections.active.to_string(),
        entry.connections.inactive.to_string(),
    ]
}

/// Lists of maps that have the same keys.
fn maps(list: &Array) -> Option<Rows> {
    let first = list.first()?.read_lock::<Map>()?.clone();
    let mut cells = Vec::new();
    for element in list {
        let map = element.read_lock::<Map>()?;
        if !map.keys().eq(first.keys()) {
            return None;
        }
        cells.push(map.values().map(plain_text).collect());
    }
    Some(Rows {
        titles: first.keys().map(|key| key.to_uppercase()).collect(),
        cells,
    })
}
