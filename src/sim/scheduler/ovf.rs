//! `ovf`, overflow: the free real server with the highest weight that has not more active connections than its weight; the
//! first of equals. One more than the weight gets in: as many as the weight are not yet too many.
//!
//! Source: `net/netfilter/ipvs/ip_vs_ovf.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Ovf;

impl Rule for Ovf {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let open = candidates
            .newest_first()
            .filter(|(_, server)| server.is_free() && i64::from(server.active) <= server.weight());
        let highest = open.min_by_key(|(_, server)| std::cmp::Reverse(server.weight()));
        highest.map(|(place, _)| place)
    }
}
