//! `wlc`, weighted least connections: the free real server with the least load for its weight; the first of equals.
//!
//! The load counts an active connection 257 times (256 times before August 2026) as much as an inactive one.
//! Source: `net/netfilter/ipvs/ip_vs_wlc.c`, `include/net/ip_vs.h`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Wlc;

impl Rule for Wlc {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        candidates.least_loaded(|server| candidates.overhead(server))
    }
}
