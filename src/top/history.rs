//! Rates of one's own: differences of counters between snapshots in which they changed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;

use crate::model::{Connections, ObjectId, Observed, Table};
use crate::observe::Snapshot;

/// The rates of connections, packets in and out, bytes in and out, a second; `NaN` is not known.
pub(super) type RatesSeen = [f32; 5];

const NOT_KNOWN: RatesSeen = [f32::NAN; 5];

/// How often the kernel refreshes what it counted: a shorter time tells nothing.
const REFRESH: Duration = Duration::from_secs(2);

/// What does not change for so long does nothing.
const QUIET: Duration = Duration::from_secs(6);

/// How many services and real servers all snapshots hold at most, together, and how many snapshots there are at most.
const OBJECTS: usize = 200_000;
const SNAPSHOTS: usize = 300;

/// Where each object of a table is, in its order: a service before its real servers.
#[derive(Debug, Default)]
struct Layout {
    order: Vec<ObjectId>,
    places: AHashMap<ObjectId, usize>,
}

/// What is known of one object.
#[derive(Clone, Copy, Debug)]
struct Track {
    counters: [u64; 5],
    /// When they changed last, by the clock of the table.
    changed: Duration,
    rates: RatesSeen,
    /// How many active connections it had when it was seen first.
    began: u64,
}

/// A snapshot and the rates until it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The rates of the network namespace.
    pub(super) total: RatesSeen,
    layout: Arc<Layout>,
    rates: Vec<RatesSeen>,
    began: Arc<Vec<u64>>,
}

impl Measured {
    /// Returns where an object is among all of its table.
    pub(super) fn place(&self, object: &ObjectId) -> Option<usize> {
        self.layout.places.get(object).copied()
    }

    /// Returns the rates of the object at a place.
    pub(super) fn rates(&self, place: usize) -> RatesSeen {
        self.rates.get(place).copied().unwrap_or(NOT_KNOWN)
    }

    /// Returns how many active connections the object at a place had when it was seen first.
    pub(super) fn began(&self, place: usize) -> u64 {
        self.began.get(place).copied().unwrap_or(0)
    }
}

/// The last snapshots, measured.
#[derive(Debug, Default)]
pub struct History {
    kept: VecDeque<Measured>,
    tracks: Vec<Track>,
    total: Option<Track>,
    objects: usize,
}

fn counters(observed: &Observed) -> [u64; 5] {
    let seen = observed.counters();
    [
        seen.connections,
        seen.packets_in,
        seen.packets_out,
        seen.bytes_in,
        seen.bytes_out,
    ]
}

/// Visits the objects of a table in its order, with what they counted and their active connections.
fn each(table: &Table, mut visit: impl FnMut(usize, &Observed, u64)) {
    let mut place = 0;
    for entry in table.services.values() {
        let active = |open: &Connections| u64::from(open.active);
        let sum = entry
            .destinations
            .values()
            .map(|one| active(&one.connections))
            .sum();
        visit(place, &entry.observed, sum);
        place += 1;
        for server in entry.destinations.values() {
            visit(place, &server.observed, active(&server.connections));
            place += 1;
        }
    }
}

/// Visits the names of the objects of a table in its order.
fn names(table: &Table) -> impl Iterator<Item = ObjectId> + '_ {
    table.services.iter().flat_map(|(key, entry)| {
        let servers = entry.destinations.keys();
        std::iter::once(ObjectId::Service(*key))
            .chain(servers.map(|server| ObjectId::Destination(*key, *server)))
    })
}

impl Layout {
    fn of(table: &Table) -> Self {
        let order: Vec<ObjectId> = names(table).collect();
        let places = order.iter().cloned().enumerate();
        Self {
            places: places.map(|(place, name)| (name, place)).collect(),
            order,
        }
    }

    fn is_of(&self, table: &Table) -> bool {
        self.order.iter().cloned().eq(names(table))
    }
}

impl Track {
    fn new(observed: &Observed, now: Duration, began: u64) -> Self {
        Self {
            counters: counters(observed),
            changed: now,
            rates: NOT_KNOWN,
            began,
        }
    }

    /// Measures what was counted since, `step` after the snapshot before.
    fn measure(&mut self, observed: &Observed, now: Duration, step: Duration) {
        let seen = counters(observed);
        let passed = now.saturating_sub(self.changed);
        if seen == self.counters {
            // Nothing within a refresh of the kernel is nothing, where nothing else is known.
            if passed > QUIET || self.rates[0].is_nan() && passed >= REFRESH {
                self.rates = [0.0; 5];
            }
            return;
        }
        let fell = seen
            .iter()
            .zip(&self.counters)
            .any(|(now, before)| now < before);
        if fell {
            // They were zeroed, or it is another one of that name.
            self.rates = NOT_KNOWN;
        } else {
            // What was quiet and begins has not counted all the time.
            let time = if passed > QUIET {
                step.max(REFRESH)
            } else {
                passed
            };
            for (place, rate) in self.rates.iter_mut().enumerate() {
                let counted = seen[place] - self.counters[place];
                *rate = a_second(counted, time);
            }
        }
        self.counters = seen;
        self.changed = now;
    }
}

#[allow(clippy::cast_possible_truncation)] // a rate has the digits that are shown
fn a_second(counted: u64, time: Duration) -> f32 {
    (counted as f64 / time.as_secs_f64().max(0.001)) as f32
}

impl History {
    /// Adds the newest snapshot.
    pub fn add(&mut self, snapshot: Arc<Snapshot>) {
        let now = snapshot.clock;
        let before = self.kept.back();
        // A clock that went back is that of another table, or of another start of the machine.
        let step = before.and_then(|before| now.checked_sub(before.snapshot.clock));
        if before.is_some() && step.is_none() {
            self.tracks.clear();
            self.total = None;
        }
        let layout = self.layout(&snapshot.table, now);
        let step = step.unwrap_or(REFRESH);
        let tracks = &mut self.tracks;
        let is_first = tracks.is_empty();
        each(&snapshot.table, |place, observed, active| {
            match tracks.get_mut(place).filter(|_| !is_first) {
                Some(track) => track.measure(observed, now, step),
                None => tracks.push(Track::new(observed, now, active)),
            }
        });
        let none = Observed::default();
        let totals = snapshot.totals.as_ref().unwrap_or(&none);
        match &mut self.total {
            Some(total) => total.measure(totals, now, step),
            total => *total = Some(Track::new(totals, now, 0)),
        }
        let known = snapshot.known.all && snapshot.known.rates;
        let of = |track: &Track| if known { track.rates } else { NOT_KNOWN };
        let measured = Measured {
            total: self.total.as_ref().map_or(NOT_KNOWN, of),
            rates: self.tracks.iter().map(of).collect(),
            began: Arc::new(self.tracks.iter().map(|track| track.began).collect()),
            layout,
            snapshot,
        };
        self.objects += measured.snapshot.objects();
        self.kept.push_back(measured);
        while self.kept.len() > 2 && (self.objects > OBJECTS || self.kept.len() > SNAPSHOTS) {
            if let Some(oldest) = self.kept.pop_front() {
                self.objects -= oldest.snapshot.objects();
            }
        }
    }

    /// Returns the layout of a table, and moves what is known of its objects to where they are now.
    fn layout(&mut self, table: &Table, now: Duration) -> Arc<Layout> {
        if let Some(before) = self.kept.back()
            && before.layout.is_of(table)
        {
            return Arc::clone(&before.layout);
        }
        let layout = Layout::of(table);
        if let Some(before) = self.kept.back()
            && !self.tracks.is_empty()
        {
            let old = std::mem::take(&mut self.tracks);
            each(table, |place, observed, active| {
                let known = layout
                    .order
                    .get(place)
                    .and_then(|name| before.layout.places.get(name))
                    .and_then(|place| old.get(*place));
                let track = known.copied();
                self.tracks
                    .push(track.unwrap_or_else(|| Track::new(observed, now, active)));
            });
        }
        Arc::new(layout)
    }

    /// Returns how many snapshots there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Returns whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns a snapshot, the oldest being 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Measured> {
        self.kept.get(place)
    }

    /// Returns the newest snapshot.
    #[must_use]
    pub fn newest(&self) -> Option<&Measured> {
        self.kept.back()
    }

    /// Returns rates of an object, one for each of the snapshots up to a place, the oldest first; `NaN` where they are not known.
    #[must_use]
    pub fn trend(&self, object: &ObjectId, until: usize, count: usize, which: usize) -> Vec<f32> {
        let end = (until + 1).min(self.kept.len());
        let shown = self.kept.range(end.saturating_sub(count)..end);
        shown
            .map(|one| {
                let place = one.place(object);
                place.map_or(f32::NAN, |place| one.rates(place)[which])
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{QUIET, Track};
    use crate::model::{Counters, Observed, Rates};
    use std::time::Duration;

    fn counted(connections: u64) -> Observed {
        let counters = Counters {
            connections,
            ..Counters::default()
        };
        Observed::new(counters, Rates::default())
    }

    #[test]
    fn rates_are_between_snapshots_in_which_counters_changed() {
        let second = Duration::from_secs(1);
        let mut track = Track::new(&counted(100), second, 0);
        assert!(track.rates[0].is_nan(), "one snapshot tells nothing");
        // The kernel refreshes every two seconds, and this one looks every second.
        let mut told = Vec::new();
        for (time, connections) in [(2, 100), (3, 120), (4, 120), (5, 160), (6, 160)] {
            track.measure(&counted(connections), second * time, second);
            told.push(track.rates[0]);
        }
        assert!(told[0].is_nan());
        assert_eq!(told[1..], [10.0, 10.0, 20.0, 20.0]);
        // Quiet, and then a burst: that did not take all the time.
        track.measure(&counted(160), second * 5 + QUIET + second, second);
        assert_eq!(track.rates[0], 0.0);
        track.measure(&counted(200), second * 60, second);
        assert_eq!(track.rates[0], 20.0);
        // Zeroed: once nothing is known.
        track.measure(&counted(10), second * 61, second);
        assert!(track.rates[0].is_nan());
        track.measure(&counted(30), second * 63, second);
        assert_eq!(track.rates[0], 10.0);
    }
}
