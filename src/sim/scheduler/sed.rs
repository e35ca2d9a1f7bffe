//! `sed`, shortest expected delay: the free real server for which (active connections + 1) / weight is the least; the first of equals.
//!
//! Source: `net/netfilter/ipvs/ip_vs_sed.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Sed;

impl Rule for Sed {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        candidates.least_loaded(|server| i64::from(server.active) + 1)
    }
}
