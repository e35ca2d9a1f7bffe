//! `lblc`, locality-based least connections: a map from destination addresses to real servers, for caches behind a firewall mark.
//!
//! An address that is in the map goes to its real server as long as that is there, has a weight, and has not more active
//! connections than its weight while another has less than half of its own; the overload flag is not looked at. Else the choice is
//! that of `wlc`, and remembered. Each minute what has not been used for `lblc_expiration` goes (every 30th time), or, above 16384
//! entries, what has not been used for 6 minutes; newer kernels remember no more than 24576.
//! Source: `net/netfilter/ipvs/ip_vs_lblc.c`.

use std::collections::BTreeMap;

use super::{Candidates, Flow, Means, Place, Rule};

/// Milliseconds between two looks at the map.
const SWEEP: u64 = 60_000;
/// Every so many looks are for all that is too old.
const FULL_SWEEP: u32 = 30;
/// Entries above which unused ones go sooner.
const MANY: usize = 16_384;
/// Milliseconds after which they do.
const UNUSED: u64 = 6 * 60_000;

#[derive(Clone, Debug)]
struct Entry {
    server: Place,
    used: u64,
}

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Lblc {
    map: BTreeMap<[u8; 16], Entry>,
    sweeps: Sweeps,
}

/// When maps are looked at for what is old.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweeps {
    next: Option<u64>,
    count: u32,
}

/// What a look at a map removes.
pub(super) enum Old {
    /// What was not used since.
    Unused(u64),
    /// So many of what was not used since.
    Some(usize, u64),
}

impl Sweeps {
    /// Returns what the looks that are due remove, the earliest first.
    pub(super) fn all_due(&mut self, now: u64, size: usize, lifetime: u64) -> Vec<Old> {
        let mut all = Vec::new();
        let mut due = *self.next.get_or_insert(now.saturating_add(SWEEP));
        // Of a long pause the last looks do the work of all.
        let round = SWEEP * u64::from(FULL_SWEEP);
        due += now.saturating_sub(due) / round.saturating_mul(2) * round;
        while due <= now {
            self.count += 1;
            let old = if self.count.is_multiple_of(FULL_SWEEP) {
                due.checked_sub(lifetime).map(Old::Unused)
            } else {
                let goal = size.saturating_sub(MANY) * 4 / 3;
                let since = due.checked_sub(UNUSED).filter(|_| goal > 0);
                since.map(|since| Old::Some(goal.min(MANY / 2), since))
            };
            all.extend(old);
            due = due.saturating_add(SWEEP);
        }
        self.next = Some(due);
        all
    }
}

impl Old {
    /// Removes what is old; entries tell when they were used.
    pub(super) fn remove<T>(self, map: &mut BTreeMap<[u8; 16], T>, used: impl Fn(&T) -> u64) {
        let (mut goal, since) = match self {
            Self::Unused(since) => (usize::MAX, since),
            Self::Some(goal, since) => (goal, since),
        };
        map.retain(|_, entry| {
            let goes = goal > 0 && used(entry) <= since;
            goal -= usize::from(goes);
            !goes
        });
    }
}

impl Rule for Lblc {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        means: &mut Means<'_>,
    ) -> Option<Place> {
        let lifetime = means.lifetimes.lblc;
        for old in self.sweeps.all_due(means.now, self.map.len(), lifetime) {
            old.remove(&mut self.map, |entry| entry.used);
        }
        if let Some(entry) = self.map.get_mut(&flow.address) {
            entry.used = means.now;
            let server = candidates.get(entry.server);
            if server.is_some_and(|server| {
                server.is_available && server.weight() > 0 && !candidates.is_outdone(server)
            }) {
                return Some(entry.server);
            }
        }
        let server = candidates.least_loaded(|server| candidates.overhead(server))?;
        let is_known = self.map.contains_key(&flow.address);
        if is_known || self.map.len() < means.lifetimes.largest_map {
            let used = means.now;
            self.map.insert(flow.address, Entry { server, used });
        }
        Some(server)
    }

    fn holds(&self, place: Place) -> bool {
        self.map.values().any(|entry| entry.server == place)
    }
}
