//! `wrr`, weighted round robin: rounds over the list, each with a bar that a weight must reach; the bar falls with each round.
//!
//! The bar begins at the largest weight (less the step, plus 1) and falls by the greatest common divisor of the weights; below 1 it begins
//! anew. After any change of a real server the next walk begins at the front of the list, with the bar cut to what is possible,
//! not set back: sequences are not smooth across edits. With weights 4, 3, 2 of A, B, C: A B C A A B A B C.
//! Source: `net/netfilter/ipvs/ip_vs_wrr.c`.

use super::{Candidates, Flow, Means, Place, Rule};

#[derive(Clone, Debug)]
pub(in crate::sim) struct Wrr {
    /// The last choice, as a place in the list with the newest first.
    last: Option<usize>,
    bar: i64,
    /// The largest weight, and what the weights above 0 have in common; 0 if there are none.
    largest: i64,
    common: i64,
}

const fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Wrr {
    pub(in crate::sim) fn new(candidates: &Candidates<'_>) -> Self {
        let mut made = Self {
            last: None,
            bar: 0,
            largest: 0,
            common: 0,
        };
        made.measure(candidates);
        made.bar = made.highest_bar();
        made
    }

    /// By how much the bar falls.
    const fn step(&self) -> i64 {
        if self.common > 0 { self.common } else { 1 }
    }

    const fn highest_bar(&self) -> i64 {
        self.largest - (self.step() - 1)
    }

    fn measure(&mut self, candidates: &Candidates<'_>) {
        (self.largest, self.common) = (0, 0);
        for (_, server) in candidates.newest_first() {
            self.take_in(server.weight());
        }
    }

    fn take_in(&mut self, weight: i64) {
        if weight > 0 {
            self.largest = self.largest.max(weight);
            self.common = greatest_common_divisor(self.common, weight);
        }
    }

    /// Begins at the front of the list, with the bar cut to what is possible.
    fn begin_again(&mut self) {
        self.last = None;
        let (highest, step) = (self.highest_bar(), self.step());
        if self.bar > highest || self.bar == 0 {
            self.bar = highest;
        } else if step > 1 {
            self.bar = self.bar / step * step + 1;
        }
    }
}

impl Rule for Wrr {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        _flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        if self.highest_bar() == 0 {
            return None;
        }
        let started = self.last;
        let list = candidates.oldest_first;
        let mut from = started.map_or(0, |last| last + 1);
        let mut stop = None;
        let (mut is_last_round, mut restarted) = (false, false);
        loop {
            for index in from..list.len() {
                let place = *list.get(list.len() - 1 - index)?;
                let server = candidates.get(place)?;
                if !server.is_overloaded && server.weight() >= self.bar {
                    self.last = Some(index);
                    return Some(place);
                }
                if stop == Some(index) {
                    self.last = stop;
                    return None;
                }
            }
            self.bar -= self.step();
            if self.bar <= 0 {
                self.bar = self.highest_bar();
                if is_last_round || started.is_none() {
                    self.last = None;
                    return None;
                }
                restarted = true;
            }
            is_last_round = self.bar <= self.step();
            if is_last_round && restarted && started.is_some() {
                // Behind the last choice all were looked at for any weight; now those up to it.
                stop = started;
            }
            from = 0;
        }
    }

    fn added(&mut self, candidates: &Candidates<'_>) {
        // Only a weight that goes makes the others count anew.
        let added = candidates.oldest_first.last();
        if let Some(server) = added.and_then(|place| candidates.get(*place)) {
            self.take_in(server.weight());
        }
        self.begin_again();
    }

    fn removed(&mut self, _index: usize, candidates: &Candidates<'_>) {
        self.measure(candidates);
        self.begin_again();
    }

    fn edited(&mut self, candidates: &Candidates<'_>) {
        self.measure(candidates);
        self.begin_again();
    }
}
