//! `fo`, weighted failover: the free real server with the highest weight; the first of equals.
//!
//! Source: `net/netfilter/ipvs/ip_vs_fo.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Fo;

impl Rule for Fo {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let free = candidates
            .newest_first()
            .filter(|(_, server)| server.is_free());
        let highest = free.min_by_key(|(_, server)| std::cmp::Reverse(server.weight()));
        highest.map(|(place, _)| place)
    }
}
