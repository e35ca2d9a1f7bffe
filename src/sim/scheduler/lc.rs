//! `lc`, least connections: the free real server with the least load, whatever its weight; the first of equals.
//!
//! The load counts an active connection 257 times (256 times before August 2026) as much as an inactive one.
//! Source: `net/netfilter/ipvs/ip_vs_lc.c`, `include/net/ip_vs.h`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Lc;

impl Rule for Lc {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let free = candidates
            .newest_first()
            .filter(|(_, server)| server.is_free());
        let least = free.min_by_key(|(_, server)| candidates.overhead(server));
        least.map(|(place, _)| place)
    }
}
