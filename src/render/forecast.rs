//! Who gets what share of the connections, as text.

use super::columns::{Rows, columns};
use crate::session::{ServiceForecast, Shares, WhatIf};

/// Cells of a bar that is full.
const BAR: usize = 10;

/// Writes what a table does with clients; `changes` tells whether anything of the table was to change.
#[must_use]
pub fn forecast(asked: &WhatIf, forecasts: &[ServiceForecast], changes: bool) -> String {
    let texts = forecasts.iter().map(|forecast| {
        let mut text = format!(
            "{}: some {} connections of {} clients, seed {}\n",
            forecast.key, asked.connections, asked.clients, asked.seed
        );
        if forecast.weights.is_empty() {
            text.push_str("no real server: every connection is refused\n");
            return text;
        }
        text.push_str(columns(&rows(forecast), None).trim_end());
        text.push('\n');
        for shares in forecast.shares.iter().filter(|_| changes) {
            text.push_str(&moved(shares));
        }
        text
    });
    texts.collect::<Vec<String>>().join("\n")
}

fn rows(forecast: &ServiceForecast) -> Rows {
    let mut titles = vec!["SERVER".to_owned(), "WEIGHT".to_owned()];
    let schedulers = forecast.shares.iter();
    titles.extend(schedulers.map(|shares| shares.scheduler.to_string().to_uppercase()));
    let server_cells = forecast.weights.iter().map(|(key, weight)| {
        let mut cells = vec![key.to_string(), weight.get().to_string()];
        cells.extend(forecast.shares.iter().map(|shares| {
            match shares.servers.get(key) {
                Some(connections) => cell(shares.share_of(*connections)),
                // It is not there any more.
                None => "-".to_owned(),
            }
        }));
        cells
    });
    let mut cells: Vec<Vec<String>> = server_cells.collect();
    if forecast.shares.iter().any(|shares| shares.refused > 0) {
        let mut row = vec!["refused".to_owned(), String::new()];
        row.extend(
            forecast
                .shares
                .iter()
                .map(|shares| cell(shares.share_of(shares.refused))),
        );
        cells.push(row);
    }
    Rows { titles, cells }
}

/// A share in percent, and as a bar.
fn cell(share: f64) -> String {
    let filled = (0..BAR).filter(|place| share * BAR as f64 > *place as f64 + 0.5);
    format!("{:5.1} % {}", share * 100.0, "█".repeat(filled.count()))
        .trim_end()
        .to_owned()
}

fn moved(shares: &Shares) -> String {
    match shares.moved {
        Some(share) => format!(
            "{}: {:.1} % of the clients change servers\n",
            shares.scheduler,
            share * 100.0
        ),
        None => format!(
            "{}: a client's server depends on what comes before it, so who moves can't be told\n",
            shares.scheduler
        ),
    }
}
