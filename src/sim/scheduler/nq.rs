//! `nq`, never queue: the first free real server without active connections, however small its weight; if all have some, as `sed`.
//!
//! Source: `net/netfilter/ipvs/ip_vs_nq.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Nq;

impl Rule for Nq {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let idle = candidates
            .newest_first()
            .find(|(_, server)| server.is_free() && server.active == 0);
        match idle {
            Some((place, _)) => Some(place),
            None => candidates.least_loaded(|server| i64::from(server.active) + 1),
        }
    }
}
