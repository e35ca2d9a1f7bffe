//! Who gets what share of the connections, as text.

use std::time::Duration;

use super::columns::{Rows, columns};
use super::count;
use crate::session::{DrainForecast, ServiceForecast, Shares, WhatIf};

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
        Some(share) => {
            let lost = shares.lost.filter(|lost| *lost > 0.0);
            let lost = lost.map(|lost| format!(", {:.1} % are refused", lost * 100.0));
            format!(
                "{}: {:.1} % of the clients change servers{}\n",
                shares.scheduler,
                share * 100.0,
                lost.unwrap_or_default()
            )
        }
        None => format!(
            "{}: a client's server depends on what comes before it, so who moves can't be told\n",
            shares.scheduler
        ),
    }
}

/// Writes what a drain has before it.
#[must_use]
pub fn drain_forecast(drain: &DrainForecast) -> String {
    let (open, closing, templates) = (drain.open, drain.closing, drain.templates);
    if open.entries + closing.entries + templates.entries == 0 {
        let server = drain.server;
        return format!("draining {server}: it has no connections and no templates\n");
    }
    let mut text = format!(
        "draining {}: {} open, {} closing, {} of persistent clients\n",
        drain.server,
        counted(open.entries, "connection"),
        closing.entries,
        counted(templates.entries, "template"),
    );
    let time = |time: Option<Duration>| time.map(rounded).unwrap_or_default();
    if drain.average.is_some() {
        text.push_str(&format!(
            "  they are open for {} on average ({} new ones a second): half are gone after {}, nine of ten after {}, all after about {}, later if lengths are heavy-tailed\n",
            time(drain.average),
            drain.new_per_second,
            time(drain.gone_after(0.5)),
            time(drain.gone_after(0.9)),
            time(drain.all_gone_after()),
        ));
    } else if open.entries > 0 {
        text.push_str("  how long they are open can't be told: no new ones come, or the kernel does not estimate\n");
    }
    let left = |seconds: u64| rounded(Duration::from_secs(seconds));
    if open.entries > 0 {
        let silent = left(open.seconds_left);
        text.push_str(&format!(
            "  those that stay silent are forgotten within {silent}\n"
        ));
    }
    if closing.entries > 0 {
        let closed = left(closing.seconds_left);
        text.push_str(&format!(
            "  those that are closing are gone within {closed}\n"
        ));
    }
    if templates.entries > 0 {
        let forgotten = left(templates.seconds_left);
        text.push_str(&format!(
            "  templates are gone within {forgotten} if their clients do not come again\n"
        ));
    }
    text
}

fn counted(number: u64, word: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), word)
}

/// A duration in whole seconds, as people write it.
fn rounded(time: Duration) -> String {
    let seconds = Duration::from_secs_f64(time.as_secs_f64().round());
    humantime::format_duration(seconds).to_string()
}
