//! What a table counts, as differences from what it counted before.

use std::time::Duration;

use super::bytes::{Bytes, put, put_difference};
use crate::model::{Connections, Counters, DestinationEntry, Observed, Rates, ServiceEntry, Table};

/// How many numbers an object has: open connections, counters, rates.
const COUNT: usize = 13;

/// The numbers of one object, in the order of the bits of masks: what changes most comes first, so that its mask takes a byte.
type Numbers = [u64; COUNT];

/// Where counters and rates begin; there are as many of one as of the other.
const COUNTERS: usize = 2;
const RATES: usize = 8;

/// What the kernel's estimator makes of rates, as far as counters tell: it takes a quarter of what was counted every two seconds, and three of what was.
/// What it does make is mostly this, and takes no room then.
fn expected_rates(before: &Numbers, now: &Numbers, ticks: u64) -> [u64; COUNT - RATES] {
    let mut rates = [0; COUNT - RATES];
    rates.copy_from_slice(&before[RATES..]);
    let counted = |place: usize| now[COUNTERS + place].wrapping_sub(before[COUNTERS + place]);
    if ticks == 0 || (0..rates.len()).all(|place| counted(place) == 0) {
        return rates;
    }
    for (place, rate) in rates.iter_mut().enumerate() {
        let a_second = counted(place) / (2 * ticks);
        for _ in 0..ticks {
            *rate = rate.wrapping_mul(3).wrapping_add(a_second).wrapping_add(2) / 4;
        }
    }
    rates
}

/// Returns how often the estimator ran between two readings, by the clock of the table: an hour of that is enough.
pub(super) fn ticks(before: Duration, now: Duration) -> u64 {
    let passed = now.saturating_sub(before);
    ((passed.as_millis() + 1_000) / 2_000)
        .try_into()
        .map_or(1_800, |ticks: u64| ticks.min(1_800))
}

fn numbers(connections: Connections, observed: &Observed) -> Numbers {
    let (counted, rates) = (observed.counters(), observed.rates());
    [
        connections.active.into(),
        connections.inactive.into(),
        counted.connections,
        counted.packets_in,
        counted.packets_out,
        counted.bytes_in,
        counted.bytes_out,
        connections.persistent.into(),
        rates.connections_per_second,
        rates.packets_in_per_second,
        rates.packets_out_per_second,
        rates.bytes_in_per_second,
        rates.bytes_out_per_second,
    ]
}

fn observed(numbers: &Numbers) -> Observed {
    let [
        _,
        _,
        connections,
        packets_in,
        packets_out,
        bytes_in,
        bytes_out,
        _,
        rates @ ..,
    ] = *numbers;
    Observed::new(
        Counters {
            connections,
            packets_in,
            packets_out,
            bytes_in,
            bytes_out,
        },
        Rates {
            connections_per_second: rates[0],
            packets_in_per_second: rates[1],
            packets_out_per_second: rates[2],
            bytes_in_per_second: rates[3],
            bytes_out_per_second: rates[4],
        },
    )
}

fn connections(numbers: &Numbers) -> Option<Connections> {
    Some(Connections {
        active: numbers[0].try_into().ok()?,
        inactive: numbers[1].try_into().ok()?,
        persistent: numbers[7].try_into().ok()?,
    })
}

/// What counts beside the objects of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Whole {
    /// The totals of the network namespace, if they could be read.
    pub(super) totals: Option<Observed>,
    /// How many entries the table of connections has, where the kernel tells.
    pub(super) connection_entries: Option<u64>,
}

impl Whole {
    /// The first of the numbers that a total has no use for says whether there are any.
    fn numbers(&self) -> Numbers {
        let Some(totals) = &self.totals else {
            return [0; COUNT];
        };
        let mut numbers = numbers(Connections::default(), totals);
        numbers[0] = 1;
        numbers
    }
}

fn mask(before: &Numbers, now: &Numbers) -> u64 {
    let differs = before.iter().zip(now).enumerate();
    differs.fold(0, |mask, (place, (before, now))| {
        mask | u64::from(before != now) << place
    })
}

fn put_numbers(out: &mut Vec<u8>, before: &Numbers, now: &Numbers, ticks: u64) {
    let mut before = *before;
    let rates = expected_rates(&before, now, ticks);
    before[RATES..].copy_from_slice(&rates);
    let mask = mask(&before, now);
    put(out, mask);
    for (place, (before, now)) in before.iter().zip(now).enumerate() {
        if mask >> place & 1 == 1 {
            put_difference(out, *before, *now);
        }
    }
}

/// Changes numbers as a body says.
fn take_numbers(bytes: &mut Bytes<'_>, numbers: &mut Numbers, ticks: u64) -> Option<()> {
    let mask = bytes.number()?;
    if mask >> COUNT != 0 {
        return None;
    }
    let before = *numbers;
    for place in 0..COUNT {
        if place == RATES {
            let rates = expected_rates(&before, numbers, ticks);
            numbers[RATES..].copy_from_slice(&rates);
        }
        if mask >> place & 1 == 1 {
            numbers[place] = bytes.difference(numbers[place])?;
        }
    }
    Some(())
}

/// Writes the objects that have something to say.
struct Objects<'o> {
    out: &'o mut Vec<u8>,
    /// Objects that were passed over since the last one.
    passed: u64,
    ticks: u64,
}

impl Objects<'_> {
    fn put(&mut self, before: &Numbers, now: &Numbers) {
        if before == now {
            self.passed += 1;
            return;
        }
        put(self.out, std::mem::take(&mut self.passed));
        put_numbers(self.out, before, now, self.ticks);
    }
}

/// Appends how values differ from those before; both tables have the same objects, or what is in one alone counts from nothing.
pub(super) fn put_values(
    out: &mut Vec<u8>,
    before: (&Whole, &Table),
    now: (&Whole, &Table),
    ticks: u64,
) {
    put_numbers(out, &before.0.numbers(), &now.0.numbers(), ticks);
    let entries = |whole: &Whole| whole.connection_entries.map_or(0, |count| count + 1);
    put_difference(out, entries(before.0), entries(now.0));
    let mut objects = Objects {
        out,
        passed: 0,
        ticks,
    };
    let nothing = ([0; COUNT], DestinationEntry::default());
    let mut services = before.1.services.iter().peekable();
    for (key, entry) in &now.1.services {
        while services.next_if(|(before, _)| *before < key).is_some() {}
        let earlier: Option<&ServiceEntry> = services
            .next_if(|(before, _)| *before == key)
            .map(|(_, entry)| entry);
        let of_service = |entry: &ServiceEntry| numbers(Connections::default(), &entry.observed);
        objects.put(&earlier.map_or(nothing.0, of_service), &of_service(entry));
        let mut servers = earlier
            .into_iter()
            .flat_map(|earlier| &earlier.destinations)
            .peekable();
        for (key, server) in &entry.destinations {
            while servers.next_if(|(before, _)| *before < key).is_some() {}
            let earlier = servers.next_if(|(before, _)| *before == key);
            let earlier = earlier.map_or(&nothing.1, |(_, server)| server);
            // Most of a large table stands still, and nothing is copied for it.
            if earlier.connections == server.connections && earlier.observed == server.observed {
                objects.passed += 1;
                continue;
            }
            let of_server = |entry: &DestinationEntry| numbers(entry.connections, &entry.observed);
            objects.put(&of_server(earlier), &of_server(server));
        }
    }
}

/// Changes the values of a table as a body says; `None` if that says what can't be.
pub(super) fn take_values(
    bytes: &mut Bytes<'_>,
    whole: &mut Whole,
    table: &mut Table,
    ticks: u64,
) -> Option<()> {
    let mut total = whole.numbers();
    take_numbers(bytes, &mut total, ticks)?;
    whole.totals = (total[0] != 0).then(|| observed(&total));
    let entries = whole.connection_entries.map_or(0, |count| count + 1);
    whole.connection_entries = bytes.difference(entries)?.checked_sub(1);
    if bytes.is_empty() {
        return Some(());
    }
    let mut to_pass = bytes.number()?;
    for entry in table.services.values_mut() {
        if to_pass == 0 {
            let mut service = numbers(Connections::default(), &entry.observed);
            take_numbers(bytes, &mut service, ticks)?;
            entry.observed = observed(&service);
            if bytes.is_empty() {
                return Some(());
            }
            to_pass = bytes.number()?;
        } else {
            to_pass -= 1;
        }
        for server in entry.destinations.values_mut() {
            if to_pass > 0 {
                to_pass -= 1;
                continue;
            }
            let mut these = numbers(server.connections, &server.observed);
            take_numbers(bytes, &mut these, ticks)?;
            server.connections = connections(&these)?;
            server.observed = observed(&these);
            if bytes.is_empty() {
                return Some(());
            }
            to_pass = bytes.number()?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Whole, put_values, take_values};
    use crate::model::{
        Connections, Counters, DestinationEntry, DestinationKey, Observed, Rates, ServiceKey, Table,
    };
    use crate::recording::bytes::Bytes;
    use proptest::prelude::{Strategy, any, proptest};

    /// A table with some of six services and some of four servers each.
    fn table() -> impl Strategy<Value = Table> {
        let number = proptest::collection::vec(any::<(u8, u8, u64)>(), 0..12);
        number.prop_map(|objects| {
            let mut table = Table::default();
            for (service, server, number) in objects {
                let key = ServiceKey::parse(&format!("fwmark://{}", service % 6 + 1)).unwrap();
                let entry = table.services.entry(key).or_default();
                let seen = Observed::new(
                    Counters {
                        bytes_in: number,
                        ..Counters::default()
                    },
                    Rates {
                        bytes_out_per_second: number >> 40,
                        ..Rates::default()
                    },
                );
                if server % 5 == 0 {
                    entry.observed = seen;
                    continue;
                }
                let key = DestinationKey::parse(&format!("10.0.0.{}:80", server % 5)).unwrap();
                let destination = DestinationEntry {
                    observed: seen,
                    connections: Connections {
                        active: u32::try_from(number >> 32).unwrap(),
                        ..Connections::default()
                    },
                    ..DestinationEntry::default()
                };
                entry.destinations.insert(key, destination);
            }
            table
        })
    }

    /// Returns a table with the objects of one and the values of another where both have it.
    fn valued(objects: &Table, values: &Table) -> Table {
        let mut table = objects.configuration_only();
        for (key, entry) in &mut table.services {
            let Some(other) = values.services.get(key) else {
                continue;
            };
            entry.observed = other.observed.clone();
            for (key, server) in &mut entry.destinations {
                if let Some(other) = other.destinations.get(key) {
                    *server = other.clone();
                }
            }
        }
        table
    }

    proptest! {
        #[test]
        fn values_are_read_as_they_were_written(before in table(), now in table(), entries in any::<Option<u32>>(), ticks in 0..4u64) {
            let none = Whole::default();
            let whole = Whole {
                totals: Some(Observed::default()),
                connection_entries: entries.map(u64::from),
            };
            let mut out = Vec::new();
            put_values(&mut out, (&none, &before), (&whole, &now), ticks);
            // Who reads has applied the changes of the configuration already.
            let mut read = (none, valued(&now, &before));
            let mut bytes = Bytes(&out);
            take_values(&mut bytes, &mut read.0, &mut read.1, ticks).unwrap();
            assert!(bytes.is_empty());
            assert_eq!(read, (whole, now));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>(), table in table()) {
            let mut table = table;
            let _read_or_not = take_values(&mut Bytes(&bytes), &mut Whole::default(), &mut table, 1);
        }
    }

    #[test]
    fn a_table_at_rest_takes_two_bytes() {
        let table = Table::default();
        let mut out = Vec::new();
        put_values(
            &mut out,
            (&Whole::default(), &table),
            (&Whole::default(), &table),
            1,
        );
        assert_eq!(out, [0, 0]);
    }
}
