//! `dh`, destination hashing: 256 buckets share the real servers in turn, and the destination address of the packet picks one.
//!
//! Weights count only as 0 or not. There is no second choice: if the real server is not free, the connection is refused. All packets to
//! one virtual address go to one real server, so it is of use with firewall marks alone.
//! Source: `net/netfilter/ipvs/ip_vs_dh.c`.

use super::hash::{bucket, fold};
use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Dh;

impl Rule for Dh {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let list = candidates.oldest_first;
        let turn = bucket(fold(candidates.family, flow.address)) % list.len().max(1);
        let place = *list.get(list.len().checked_sub(1 + turn)?)?;
        let server = candidates.get(place)?;
        (server.is_available && server.is_free()).then_some(place)
    }
}
