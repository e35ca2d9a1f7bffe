//! What a kernel showed beside what the simulated one shows.

use crate::document::ObservedServer;
use crate::model::{ListedService, Observed};

/// What a template has left, at most, while it waits for its connections.
const CONTROLLING_SECONDS: u64 = 60;

/// Returns both, of many packets the part that differs.
pub(super) fn differing(expected: &str, got: &str) -> (String, String) {
    let is_bulk = expected.len() == got.len() && expected.len() > 50;
    if !is_bulk {
        return (expected.to_owned(), got.to_owned());
    }
    let wrong = |(left, right): &(char, char)| !is_same_pick(*left, *right);
    let place = expected
        .chars()
        .zip(got.chars())
        .position(|pair| wrong(&pair));
    let place = place.unwrap_or_default();
    let part = |text: &str| -> String { text.chars().skip(place).take(20).collect() };
    (
        format!("from packet {} on {}", place + 1, part(expected)),
        part(got),
    )
}

/// A pick of a bulk: what was neither forwarded nor answered was refused.
fn is_same_pick(expected: char, got: char) -> bool {
    expected == got || (expected == '!' && got == '-')
}

/// Whether a packet had the fate that was recorded. What the host got may look dropped, as it answers when it likes.
pub(super) fn is_same_fate(expected: &str, got: &str) -> bool {
    let is_bulk = || {
        let is_pick = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '!');
        expected.len() == got.len()
            && expected.chars().all(is_pick)
            && expected
                .chars()
                .zip(got.chars())
                .all(|(expected, got)| is_same_pick(expected, got))
    };
    let is_silent = expected == "drop" && matches!(got, "pass" | "lost" | "none");
    expected == got || is_silent || is_bulk()
}

/// Counters, without the rates: those depend on when the kernel looks.
pub(super) fn counters_text(values: &[u64]) -> String {
    let counters: Vec<String> = values.iter().take(5).map(u64::to_string).collect();
    format!("[{}]", counters.join(","))
}

/// The counters of a service or server.
pub(super) fn values_of(observed: &Observed) -> [u64; 5] {
    let counters = observed.counters();
    [
        counters.connections,
        counters.packets_in,
        counters.packets_out,
        counters.bytes_in,
        counters.bytes_out,
    ]
}

/// A server as a scenario shows it.
pub(super) fn server_text(server: &ObservedServer) -> String {
    match server {
        ObservedServer::Plain(key, weight, active, inactive, persistent) => {
            format!("{key} {weight} {active} {inactive} {persistent}")
        }
        ObservedServer::Counted(key, weight, active, inactive, persistent, values) => {
            let counters = counters_text(values);
            format!("{key} {weight} {active} {inactive} {persistent} {counters}")
        }
    }
}

/// The servers of a service, in the same form.
pub(super) fn servers_of(service: &ListedService, counted: bool) -> Vec<String> {
    let texts = service.destinations.iter().map(|(key, entry)| {
        let open = entry.connections;
        let (weight, active) = (entry.configuration.weight.get(), open.active);
        let (inactive, persistent) = (open.inactive, open.persistent);
        let text = format!("{key} {weight} {active} {inactive} {persistent}");
        if counted {
            format!("{text} {}", counters_text(&values_of(&entry.observed)))
        } else {
            text
        }
    });
    texts.collect()
}

/// Returns the first that differs of two lists of servers.
pub(super) fn differing_lists(name: &str, wanted: &[String], got: &[String]) -> (String, String) {
    let place = wanted
        .iter()
        .zip(got)
        .position(|(wanted, got)| wanted != got);
    let place = place.unwrap_or(wanted.len().min(got.len()));
    let text = |list: &[String]| match list.get(place) {
        Some(text) => format!("{name}, server {}: {text}", place + 1),
        None => format!("{name}: no server {}", place + 1),
    };
    (text(wanted), text(got))
}

/// Compares connection tables: seconds may differ by one, and those of templates that wait for their connections by
/// more, as each of their rounds of 60 s is late by up to 5 s in a real kernel.
pub(super) fn connections_differ(wanted: &[String], got: &[String]) -> Option<(String, String)> {
    let split = |line: &String| -> (String, u64) {
        let (ends, seconds) = line.rsplit_once(' ').unwrap_or((line, ""));
        (ends.to_owned(), seconds.parse().unwrap_or(u64::MAX))
    };
    let sorted = |lines: &[String]| {
        let mut split: Vec<(String, u64)> = lines.iter().map(split).collect();
        split.sort();
        split
    };
    let (wanted, got) = (sorted(wanted), sorted(got));
    let text = |line: Option<&(String, u64)>| match line {
        Some((ends, seconds)) => format!("{ends} {seconds}"),
        None => "no further connection".to_owned(),
    };
    for place in 0..wanted.len().max(got.len()) {
        let pair = (wanted.get(place), got.get(place));
        let is_same = matches!(pair, (Some((left, a)), Some((right, b))) if left == right && (a.abs_diff(*b) <= 1
            || (is_template(left) && *a <= CONTROLLING_SECONDS && *b <= CONTROLLING_SECONDS)));
        if !is_same {
            return Some((text(pair.0), text(pair.1)));
        }
    }
    None
}

fn is_template(ends: &str) -> bool {
    ends.ends_with(" NONE") || ends.ends_with(" ASSURED")
}
