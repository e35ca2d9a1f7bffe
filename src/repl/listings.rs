//! `:list` and the listings beside it: what the table is, what it counts, and the connections that are open.

use super::prompt::Prompt;
use crate::model::{Known, Observed, Selector, ServiceEntry, ServiceKey, ServicePart, Table};
use crate::render::{Heading, Rows, columns, usual_columns};
use crate::session::{ConnectionSource, Error, Session};

/// What a listing shows of each service and each of its real servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// As `ipvsh list` shows it.
    Table,
    /// What was counted.
    Stats,
    /// The rates of the kernel's estimator.
    Rates,
    /// Weights, thresholds, and connections by kind.
    Thresholds,
}

const STATS: [&str; 7] = [
    "SERVICE",
    "REAL SERVER",
    "CONNECTIONS",
    "PACKETS IN",
    "PACKETS OUT",
    "BYTES IN",
    "BYTES OUT",
];
const RATES: [&str; 7] = [
    "SERVICE",
    "REAL SERVER",
    "CONN/S",
    "PACKETS IN/S",
    "PACKETS OUT/S",
    "BYTES IN/S",
    "BYTES OUT/S",
];
const THRESHOLDS: [&str; 8] = [
    "SERVICE",
    "REAL SERVER",
    "WEIGHT",
    "UPPER",
    "LOWER",
    "ACTIVE",
    "INACTIVE",
    "PERSISTENT",
];
const CONNECTIONS: [&str; 6] = [
    "PROTOCOL",
    "SOURCE",
    "SERVICE",
    "REAL SERVER",
    "STATE",
    "EXPIRES",
];

impl Prompt {
    /// Shows the table, or what selectors name of it.
    pub(super) fn list(&self, shown: Shown, keys: &str) {
        let (table, whole) = match self.selected(keys) {
            Ok(tables) => tables,
            Err(error) => return self.screen.error(&format!("error: {error}")),
        };
        let rows = match shown {
            Shown::Table => return self.show_table(&table, &whole),
            Shown::Stats => rows(&table, &STATS, |entry| numbers_of(entry, counters)),
            Shown::Rates => rows(&table, &RATES, |entry| numbers_of(entry, rates)),
            Shown::Thresholds => rows(&table, &THRESHOLDS, thresholds),
        };
        if shown == Shown::Rates && !self.shell.borrow().session().estimates() {
            self.screen
                .warn("the kernel's estimator is off (run_estimation is 0), so rates stand still");
        }
        if rows.cells.is_empty() {
            return self.screen.note("there is no virtual service");
        }
        let text = columns(&rows, Some(self.screen.width()));
        self.screen.show(text.trim_end());
    }

    /// Returns what is meant, and the services that it is in, whole.
    fn selected(&self, keys: &str) -> Result<(Table, Table), Error> {
        let selectors = keys.split_whitespace().map(Selector::parse);
        let selectors = selectors.collect::<Result<Vec<_>, _>>()?;
        let whole = self.shell.borrow().session().services_with(&selectors)?;
        Ok((Session::part_of(&whole, &selectors)?, whole))
    }

    fn show_table(&self, table: &Table, whole: &Table) {
        let heading = Heading {
            place: self.place.clone(),
            time: crate::render::time_of_day(None),
            characters: crate::config::characters(),
            width: Some(self.screen.width()),
        };
        let known = Known {
            all: true,
            rates: self.shell.borrow().session().estimates(),
        };
        let parts = ServicePart::all(table, whole, known);
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _infallible = crate::render::list(&mut bytes, &heading, &parts, &usual_columns());
        self.screen.show(String::from_utf8_lossy(&bytes).trim_end());
    }

    /// Shows the connection table.
    pub(super) fn connections(&self) {
        let end = |(address, port)| std::net::SocketAddr::new(address, port).to_string();
        let mut cells: Vec<Vec<String>> = Vec::new();
        let read = self
            .shell
            .borrow()
            .session()
            .read_connections(&mut |entries| {
                cells.extend(entries.iter().map(|entry| {
                    vec![
                        entry.protocol.to_ascii_lowercase(),
                        end(entry.source),
                        match entry.mark() {
                            Some(mark) => format!("fwmark://{mark}"),
                            None => end(entry.asked),
                        },
                        end(entry.destination),
                        entry.state.to_owned(),
                        format!("{} s", entry.expires_seconds),
                    ]
                }));
            });
        match read {
            Ok((_, 0)) => {}
            Ok((_, unread)) => self.screen.warn(&format!(
                "{unread} lines of the kernel's file of connections can't be read"
            )),
            Err(error) => return self.screen.error(&format!("error: {error}")),
        }
        if cells.is_empty() {
            return self.screen.note("there are no connections");
        }
        cells.sort();
        let rows = Rows {
            titles: CONNECTIONS.map(str::to_owned).into(),
            cells,
        };
        let text = columns(&rows, Some(self.screen.width()));
        self.screen.show(text.trim_end());
    }
}

/// A service, and one of its real servers or none.
type Entry<'a> = (&'a ServiceEntry, Option<&'a crate::model::DestinationEntry>);

/// Makes a row for each service and each of its real servers.
fn rows<const N: usize>(
    table: &Table,
    titles: &[&str; N],
    cells_of: impl Fn(Entry<'_>) -> Vec<String>,
) -> Rows {
    let mut cells = Vec::new();
    let mut add = |key: &ServiceKey, server: Option<String>, entry: Entry<'_>| {
        let mut row = vec![key.to_string(), server.unwrap_or_default()];
        row.extend(cells_of(entry));
        cells.push(row);
    };
    for (key, service) in &table.services {
        add(key, None, (service, None));
        for (server, entry) in &service.destinations {
            add(key, Some(server.to_string()), (service, Some(entry)));
        }
    }
    Rows {
        titles: titles.iter().map(|title| (*title).to_owned()).collect(),
        cells,
    }
}

fn numbers_of((service, server): Entry<'_>, numbers: fn(&Observed) -> [u64; 5]) -> Vec<String> {
    let observed = server.map_or(&service.observed, |server| &server.observed);
    numbers(observed).map(|number| number.to_string()).into()
}

fn counters(observed: &Observed) -> [u64; 5] {
    let counters = observed.counters();
    [
        counters.connections,
        counters.packets_in,
        counters.packets_out,
        counters.bytes_in,
        counters.bytes_out,
    ]
}

fn rates(observed: &Observed) -> [u64; 5] {
    let rates = observed.rates();
    [
        rates.connections_per_second,
        rates.packets_in_per_second,
        rates.packets_out_per_second,
        rates.bytes_in_per_second,
        rates.bytes_out_per_second,
    ]
}

fn thresholds((service, server): Entry<'_>) -> Vec<String> {
    let limit = |value: u32| match value {
        0 => "-".to_owned(),
        value => value.to_string(),
    };
    let sum = |pick: fn(&crate::model::Connections) -> u32| {
        let servers = service.destinations.values();
        let sum: u64 = servers
            .map(|server| u64::from(pick(&server.connections)))
            .sum();
        sum.to_string()
    };
    match server {
        Some(server) => {
            let configuration = &server.configuration;
            vec![
                configuration.weight.to_string(),
                limit(configuration.thresholds.upper),
                limit(configuration.thresholds.lower),
                server.connections.active.to_string(),
                server.connections.inactive.to_string(),
                server.connections.persistent.to_string(),
            ]
        }
        None => vec![
            service.weight_sum().to_string(),
            String::new(),
            String::new(),
            sum(|connections| connections.active),
            sum(|connections| connections.inactive),
            sum(|connections| connections.persistent),
        ],
    }
}
