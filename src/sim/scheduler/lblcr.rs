//! `lblcr`, locality-based least connections with replication: as `lblc`, but an address has a set of real servers.
//!
//! Of the set the least loaded for its weight is taken. If that has more active connections than its weight while another of the service
//! has less than half of its own, the choice is that of `wlc`, and joins the set, in front. A set of more than one that has not
//! changed for `lblcr_expiration` loses its most loaded.
//! Source: `net/netfilter/ipvs/ip_vs_lblcr.c`.

use std::collections::BTreeMap;

use super::lblc::Sweeps;
use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
struct Entry {
    /// The newest in front.
    set: Vec<Place>,
    changed: u64,
    used: u64,
}

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Lblcr {
    map: BTreeMap<[u8; 16], Entry>,
    sweeps: Sweeps,
}

impl Entry {
    /// The least loaded for its weight: the first must be free, the others there and not overloaded.
    fn least(&self, candidates: &Candidates<'_>) -> Option<Place> {
        let mut rest = self
            .set
            .iter()
            .filter_map(|place| Some((*place, candidates.get(*place)?)))
            .filter(|(_, server)| !server.is_overloaded);
        let (mut least, first) =
            rest.find(|(_, server)| server.weight() > 0 && server.is_available)?;
        let (mut load, mut weight) = (candidates.overhead(first), first.weight());
        for (place, server) in rest {
            let its = candidates.overhead(server);
            if server.is_available
                && load.saturating_mul(server.weight()) > its.saturating_mul(weight)
            {
                (least, load, weight) = (place, its, server.weight());
            }
        }
        Some(least)
    }

    /// The most loaded for its weight, of those that have one.
    fn most(&self, candidates: &Candidates<'_>) -> Option<Place> {
        let mut rest = self
            .set
            .iter()
            .filter_map(|place| Some((*place, candidates.get(*place)?)))
            .filter(|(_, server)| server.weight() > 0);
        let (mut most, first) = rest.next()?;
        let (mut load, mut weight) = (candidates.overhead(first), first.weight());
        for (place, server) in rest {
            let its = candidates.overhead(server);
            if load.saturating_mul(server.weight()) < its.saturating_mul(weight) {
                (most, load, weight) = (place, its, server.weight());
            }
        }
        Some(most)
    }
}

impl Rule for Lblcr {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        means: &mut Means<'_>,
    ) -> Option<Place> {
        let lifetime = means.lifetimes.lblcr;
        for old in self.sweeps.all_due(means.now, self.map.len(), lifetime) {
            old.remove(&mut self.map, |entry| entry.used);
        }
        let choose = || candidates.least_loaded(|server| candidates.overhead(server));
        let Some(entry) = self.map.get_mut(&flow.address) else {
            let chosen = choose()?;
            if self.map.len() < means.lifetimes.largest_map {
                let entry = Entry {
                    set: vec![chosen],
                    changed: means.now,
                    used: means.now,
                };
                self.map.insert(flow.address, entry);
            }
            return Some(chosen);
        };
        entry.used = means.now;
        let least = entry.least(candidates);
        let lasts = entry.changed.saturating_add(means.lifetimes.lblcr);
        if entry.set.len() > 1
            && means.now > lasts
            && let Some(most) = entry.most(candidates)
        {
            entry.set.retain(|place| *place != most);
            entry.changed = means.now;
        }
        let good = least.filter(|place| {
            let server = candidates.get(*place);
            server.is_some_and(|server| !candidates.is_outdone(server))
        });
        if good.is_some() {
            return good;
        }
        let chosen = choose()?;
        if !entry.set.contains(&chosen) {
            entry.set.insert(0, chosen);
            entry.changed = means.now;
        }
        Some(chosen)
    }

    fn holds(&self, place: Place) -> bool {
        self.map.values().any(|entry| entry.set.contains(&place))
    }
}
