//! `twos`, power of two choices: two of the free real servers, drawn at random by weight; the one with less load for its weight.
//!
//! Both numbers are drawn from 0 to the sum of the weights, both included, so the first of the list is drawn a little more often than
//! its share. Real kernels draw from their own numbers: here they come from the seed of the simulation.
//! Source: `net/netfilter/ipvs/ip_vs_twos.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Twos;

impl Rule for Twos {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        means: &mut Means<'_>,
    ) -> Option<Place> {
        let free = || {
            candidates
                .newest_first()
                .filter(|(_, server)| server.is_free())
        };
        let sum: i64 = free().map(|(_, server)| server.weight()).sum();
        let bound = u64::try_from(sum).ok()?.checked_add(1)?;
        let mut draw = || {
            let mut left = i64::try_from(means.random.below(bound)).unwrap_or(sum);
            free().find(|(_, server)| {
                left -= server.weight();
                left <= 0
            })
        };
        let (first, second) = (draw()?, draw()?);
        let weighed = |of: &super::super::server::Destination,
                       by: &super::super::server::Destination| {
            by.weight().saturating_mul(candidates.overhead(of))
        };
        // The second wins if its load for its weight is less.
        if weighed(first.1, second.1) > weighed(second.1, first.1) {
            Some(second.0)
        } else {
            Some(first.0)
        }
    }
}
