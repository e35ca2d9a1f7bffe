//! `rr`, round robin: the next free real server behind the last one that was chosen, whatever its weight.
//!
//! The walk begins behind the last choice, goes on from the start of the list, and ends with the last choice itself; before the first
//! choice it is one walk over the list. A new real server is in front, so it is seen when the walk comes round. If the last choice
//! is deleted, the one in front of it takes its place; if there is none, the next walk is over the whole list.
//! Source: `net/netfilter/ipvs/ip_vs_rr.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Rr {
    /// The last choice, as a place in the list with the oldest first: what is added does not move it.
    last: Option<usize>,
}

impl Rule for Rr {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let list = candidates.oldest_first;
        let from = self.last.unwrap_or(list.len());
        let behind = (0..from).rev();
        let wrapped = (from..list.len()).rev();
        let chosen = behind.chain(wrapped).find(|index| {
            let server = list.get(*index).and_then(|place| candidates.get(*place));
            server.is_some_and(|server| server.is_free())
        })?;
        self.last = Some(chosen);
        list.get(chosen).copied()
    }

    fn removed(&mut self, index: usize, candidates: &Candidates<'_>) {
        let Some(last) = self.last else { return };
        self.last = match last {
            last if last > index => Some(last - 1),
            // The one in front of it has moved to its place, if there was one.
            last if last == index && index >= candidates.oldest_first.len() => None,
            last => Some(last),
        };
    }
}
