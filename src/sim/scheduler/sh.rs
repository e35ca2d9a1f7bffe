//! `sh`, source hashing: 256 buckets are filled with the real servers in the order of the list, each as often as its weight, and the
//! client's address picks one.
//!
//! A real server of weight 0 still has one bucket. With `sh-port` (flag 2) the client's port is added to its address. If the real server is
//! not free the connection is refused; with `sh-fallback` (flag 1) all buckets are tried, from twice the bucket on.
//! Source: `net/netfilter/ipvs/ip_vs_sh.c`.

use std::rc::Rc;

use super::hash::{BUCKETS, bucket, fold};
use super::{Candidates, Flow, Means, Place, Rule};
use crate::wire::uapi as k;

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Sh {
    /// Made when it is needed, out of date after each change.
    buckets: Option<Rc<[Place]>>,
}

fn fill(candidates: &Candidates<'_>) -> Rc<[Place]> {
    let round = candidates.newest_first().flat_map(|(place, server)| {
        let count = usize::try_from(server.weight()).unwrap_or_default();
        std::iter::repeat_n(place, count.clamp(1, BUCKETS))
    });
    let round: Vec<Place> = round.take(BUCKETS).collect();
    round.iter().copied().cycle().take(BUCKETS).collect()
}

impl Rule for Sh {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let buckets = self.buckets.get_or_insert_with(|| fill(candidates));
        let port = if candidates.flags & k::IP_VS_SVC_F_SCHED2 != 0 {
            flow.client_port
        } else {
            0
        };
        let value = fold(candidates.family, flow.client).wrapping_add(port.into());
        let is_free = |place: &Place| {
            candidates
                .get(*place)
                .is_some_and(|server| server.is_free())
        };
        let first = bucket(value);
        let place = *buckets.get(first)?;
        if is_free(&place) {
            return Some(place);
        }
        if candidates.flags & k::IP_VS_SVC_F_SCHED1 == 0 {
            return None;
        }
        (0..BUCKETS)
            .filter_map(|offset| buckets.get(((offset + first) % BUCKETS + first) % BUCKETS))
            .copied()
            .find(is_free)
    }

    fn added(&mut self, _candidates: &Candidates<'_>) {
        self.buckets = None;
    }

    fn removed(&mut self, _index: usize, _candidates: &Candidates<'_>) {
        self.buckets = None;
    }

    fn edited(&mut self, _candidates: &Candidates<'_>) {
        self.buckets = None;
    }
}
