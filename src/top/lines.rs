//! The lines of a view: which there are, in which order, and what their cells hold.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cell::Cell;
use super::choice::{Choice, What};
use super::history::RatesSeen;
use super::sight::{AddressLine, Sight, added};
use super::view::{Column, View};
use crate::model::{DestinationRow, Row, ServerRow, ServiceKey, ServiceRow};

/// The lines of a view.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) all: Vec<What>,
    /// Addresses with their sums.
    servers: BTreeMap<IpAddr, AddressLine>,
}

fn is_idle(active: u64, inactive: u64, rates: RatesSeen) -> bool {
    active == 0 && inactive == 0 && rates.iter().all(|rate| rate.is_nan() || *rate == 0.0)
}

impl Lines {
    /// Returns the lines of a choice, in order.
    pub(super) fn of(sight: &Sight<'_>, choice: &Choice<'_>) -> Self {
        match choice.view {
            View::Services => Self::services(sight, choice),
            View::Servers => Self::servers(sight, choice),
            View::Clients => Self::clients(sight, choice),
            View::Drains => Self::drains(sight, choice),
        }
    }

    fn services(sight: &Sight<'_>, choice: &Choice<'_>) -> Self {
        let snapshot = &sight.measured.snapshot;
        let (column, is_reversed) = choice.sort;
        let mut services: Vec<(Cell, ServiceKey, Vec<What>)> = Vec::new();
        let mut place = 0;
        for (key, entry) in &snapshot.table.services {
            let own = place;
            place += 1 + entry.destinations.len();
            let row = ServiceRow {
                key,
                entry,
                known: snapshot.known,
            };
            let is_named = choice.filter.has_words(&key.to_string());
            let receptions = entry.receptions();
            let mut servers: Vec<(Cell, What)> = Vec::new();
            let mut is_busy = !choice.hides_idle;
            for (number, (server, one)) in entry.destinations.iter().enumerate() {
                let here = own + 1 + number;
                let rates = sight.rates(here, &one.observed, choice);
                let open = one.connections;
                if choice.hides_idle && is_idle(open.active.into(), open.inactive.into(), rates) {
                    continue;
                }
                is_busy = true;
                let takes = is_named || choice.filter.has_words(&server.to_string()) || {
                    choice.filter.takes(&Row::Destination(DestinationRow {
                        service: row,
                        key: server,
                        entry: one,
                        receptions: &receptions,
                    }))
                };
                if takes {
                    let at = (here, key, server, one);
                    let sorted_by = sight.of_destination(column, at, &receptions, choice);
                    servers.push((sorted_by, What::Destination(*key, *server)));
                }
            }
            if is_busy && (is_named || !servers.is_empty()) {
                if column != Column::Name || is_reversed {
                    servers.sort_by(|(one, _), (other, _)| one.compared(other, is_reversed));
                }
                let below = if choice.folded.contains(key) {
                    Vec::new()
                } else {
                    servers
                };
                let below = below.into_iter().map(|(_, what)| what).collect();
                // The table is in the order of names already.
                let sorted_by = match column {
                    Column::Name => Cell::Nothing,
                    _ => sight.of_service(column, (own, key, entry), choice),
                };
                services.push((sorted_by, *key, below));
            }
        }
        if column == Column::Name && is_reversed {
            services.reverse();
        }
        services.sort_by(|(one, ..), (other, ..)| one.compared(other, is_reversed));
        let with_servers = services
            .into_iter()
            .flat_map(|(_, key, servers)| std::iter::once(What::Service(key)).chain(servers));
        Self {
            all: with_servers.collect(),
            servers: BTreeMap::new(),
        }
    }

    fn servers(sight: &Sight<'_>, choice: &Choice<'_>) -> Self {
        let snapshot = &sight.measured.snapshot;
        let mut servers: BTreeMap<IpAddr, AddressLine> = BTreeMap::new();
        for row in ServerRow::all(&snapshot.table, snapshot.known) {
            let line = AddressLine {
                rates: [f32::NAN; 5],
                began: 0,
                row,
            };
            servers.insert(line.row.address, line);
        }
        let mut place = 0;
        for entry in snapshot.table.services.values() {
            place += 1;
            for (key, server) in &entry.destinations {
                if let Some(line) = servers.get_mut(&key.address) {
                    let rates = sight.rates(place, &server.observed, choice);
                    line.rates
                        .iter_mut()
                        .zip(rates)
                        .for_each(|(sum, one)| *sum = added(*sum, one));
                    line.began += sight.measured.began(place);
                }
                place += 1;
            }
        }
        let mut sorted: Vec<(Cell, What)> = Vec::new();
        for (address, line) in &servers {
            let open = line.row.connections;
            let is_hidden = choice.hides_idle && is_idle(open[0], open[1], line.rates);
            let is_meant = choice.filter.has_words(&address.to_string())
                || choice.filter.takes(&Row::Server(&line.row));
            if !is_hidden && is_meant {
                let sorted_by = match choice.sort.0 {
                    Column::Name => Cell::Nothing,
                    column => sight.of_server(column, line, choice),
                };
                sorted.push((sorted_by, What::Server(*address)));
            }
        }
        Self {
            all: in_order(sorted, choice),
            servers,
        }
    }

    fn clients(sight: &Sight<'_>, choice: &Choice<'_>) -> Self {
        let groups = sight.clients.groups.iter();
        let sorted = groups.filter_map(|group| {
            let name = group.values.first()?;
            let sorted_by = match choice.sort.0 {
                Column::Name => Cell::Text(name.clone()),
                _ => Cell::Count(group.connections),
            };
            let is_meant = choice.filter.has_words(name);
            is_meant.then(|| (sorted_by, What::Client(name.clone())))
        });
        Self {
            all: in_order(sorted.collect(), choice),
            servers: BTreeMap::new(),
        }
    }

    fn drains(sight: &Sight<'_>, choice: &Choice<'_>) -> Self {
        let sorted = sight.drains().iter().filter_map(|drain| {
            let what = What::Drain(drain.service, drain.server);
            let is_meant =
                choice.filter.has_words(&what.name()) || choice.filter.has_words(&drain.who);
            is_meant.then(|| (sight.of_drain(choice.sort.0, drain), what))
        });
        Self {
            all: in_order(sorted.collect(), choice),
            servers: BTreeMap::new(),
        }
    }

    /// Returns the cells of a line.
    pub(super) fn cells(
        &self,
        what: &What,
        columns: &[Column],
        sight: &Sight<'_>,
        choice: &Choice<'_>,
    ) -> Vec<Cell> {
        let cells =
            |of: &dyn Fn(Column) -> Cell| columns.iter().map(|column| of(*column)).collect();
        let table = &sight.measured.snapshot.table;
        let place = what
            .object()
            .and_then(|object| sight.measured.place(&object));
        match what {
            What::Service(key) => {
                let entry = table.services.get(key);
                entry.zip(place).map_or_else(Vec::new, |(entry, place)| {
                    cells(&|column| sight.of_service(column, (place, key, entry), choice))
                })
            }
            What::Destination(service, key) => {
                let entry = table.services.get(service);
                let server = entry.and_then(|entry| entry.destinations.get(key));
                let Some(((entry, server), place)) = entry.zip(server).zip(place) else {
                    return Vec::new();
                };
                let receptions = entry.receptions();
                let at = (place, service, key, server);
                cells(&|column| sight.of_destination(column, at, &receptions, choice))
            }
            What::Server(address) => match self.servers.get(address) {
                Some(line) => cells(&|column| sight.of_server(column, line, choice)),
                None => Vec::new(),
            },
            What::Client(network) => {
                let mut groups = sight.clients.groups.iter();
                let count = groups
                    .find(|group| group.values.first() == Some(network))
                    .map_or(0, |group| group.connections);
                cells(&|column| match column {
                    Column::Name => Cell::Text(network.clone()),
                    Column::Share => Cell::Share(count as f64 / sight.clients.total.max(1) as f64),
                    _ => Cell::Count(count),
                })
            }
            What::Drain(service, key) => {
                let mut drains = sight.drains().iter();
                let found = drains.find(|one| one.service == *service && one.server == *key);
                found.map_or_else(Vec::new, |drain| {
                    cells(&|column| sight.of_drain(column, drain))
                })
            }
        }
    }
}

/// Sorts lines that are in the order of names.
fn in_order(mut lines: Vec<(Cell, What)>, choice: &Choice<'_>) -> Vec<What> {
    let (column, is_reversed) = choice.sort;
    if column == Column::Name && is_reversed {
        lines.reverse();
    }
    lines.sort_by(|(one, _), (other, _)| one.compared(other, is_reversed));
    lines.into_iter().map(|(_, what)| what).collect()
}
