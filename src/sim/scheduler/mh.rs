//! `mh`, Maglev hashing: a table of 4093 slots in which each real server has a share by its weight, and the client's address picks one. A
//! real server that goes leaves most slots of the others as they are.
//!
//! Each real server has an order of all slots of its own (an offset and a skip, hashes of its address and port). They take turns by the
//! list, each taking its next slot that is free, as often in its turn as its weight divided by what the weights have in common.
//! Weight 0 does not give slots back: the last weight above 0 counts; one that was added with 0 has none. With `mh-port` (flag 2) the client's
//! port is added to its address. If the real server is not free the connection is refused; with `mh-fallback` (flag 1) other slots are
//! tried. The hash is SipHash-1-3 of 64-bit kernels; those of 32 bits have another table.
//! Source: `net/netfilter/ipvs/ip_vs_mh.c`, `lib/siphash.c`.

use std::rc::Rc;

use super::hash::fold;
use super::{Candidates, Flow, Means, Place, Rule};
use crate::sim::pages::NOWHERE;
use crate::wire::uapi as k;

/// Slots: a prime, as the kernel is configured by default (index 12).
pub(in crate::sim) const SLOTS: u32 = 4093;
const INDEX: u32 = 12;
const OFFSET_KEY: u64 = 2_654_435_761;
const SKIP_KEY: u64 = 2_654_446_892;

/// The low half of SipHash-1-3 of four bytes, with one number for both halves of the key.
fn hash(value: u32, key: u64) -> u32 {
    let mut state = [
        0x736f_6d65_7073_6575 ^ key,
        0x646f_7261_6e64_6f6d ^ key,
        0x6c79_6765_6e65_7261 ^ key,
        0x7465_6462_7974_6573 ^ key,
    ];
    let round = |[mut a, mut b, mut c, mut d]: [u64; 4]| {
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        [a, b, c, d]
    };
    let block = (4 << 56) | u64::from(value);
    state[3] ^= block;
    state = round(state);
    state[0] ^= block;
    state[2] ^= 0xff;
    state = round(round(round(state)));
    let [a, b, c, d, ..] = (state[0] ^ state[1] ^ state[2] ^ state[3]).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Mh {
    /// Made when it is needed, out of date after each change.
    slots: Option<Rc<[Place]>>,
}

/// A real server that takes its slots.
struct Taker {
    place: Place,
    turns: u32,
    next: u32,
    skip: u32,
}

fn takers(candidates: &Candidates<'_>) -> Vec<Taker> {
    let weights = || {
        candidates
            .newest_first()
            .map(|(_, server)| server.last_weight)
    };
    let common = weights()
        .filter(|weight| *weight > 0)
        .fold(0, |mut a: u32, mut b| {
            while b != 0 {
                (a, b) = (b, a % b);
            }
            a
        });
    if common == 0 {
        return Vec::new();
    }
    let largest = weights().max().unwrap_or(0) / common;
    // So that the largest weight does not take more than its share of rounds.
    let shift = (u32::BITS - largest.leading_zeros()).saturating_sub(INDEX / 2);
    let taker = |(place, server): (Place, &crate::sim::server::Destination)| {
        let weight = server.last_weight;
        if weight == 0 {
            return None;
        }
        let address = fold(candidates.family, server.identity.address);
        let value = address.wrapping_add(server.identity.port.into());
        Some(Taker {
            place,
            turns: ((weight / common) >> shift).max(1),
            next: hash(value, OFFSET_KEY) % SLOTS,
            skip: hash(value, SKIP_KEY) % (SLOTS - 1) + 1,
        })
    };
    candidates.newest_first().filter_map(taker).collect()
}

fn fill(candidates: &Candidates<'_>) -> Rc<[Place]> {
    let mut slots = vec![NOWHERE; SLOTS as usize];
    let mut takers = takers(candidates);
    let mut left = if takers.is_empty() { 0 } else { SLOTS };
    while left > 0 {
        for taker in &mut takers {
            for _ in 0..taker.turns.min(left) {
                while slots[taker.next as usize] != NOWHERE {
                    taker.next = (taker.next + taker.skip) % SLOTS;
                }
                slots[taker.next as usize] = taker.place;
                left -= 1;
            }
        }
    }
    slots.into()
}

impl Mh {
    /// With more real servers than slots the kernel leaves its table as it was.
    fn change(&mut self, candidates: &Candidates<'_>) {
        let most = SLOTS as usize;
        if candidates.oldest_first.len() <= most {
            self.slots = None;
        } else if self.slots.is_none() {
            let oldest_first = candidates.oldest_first.get(..most).unwrap_or_default();
            self.slots = Some(fill(&Candidates {
                oldest_first,
                ..*candidates
            }));
        }
    }
}

impl Rule for Mh {
    fn choose(
        &mut self,
        candidates: &Candidates<'_>,
        flow: &Flow,
        _means: &mut Means<'_>,
    ) -> Option<Place> {
        let slots = self.slots.get_or_insert_with(|| fill(candidates));
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
        let slot = |value: u32| {
            slots
                .get((hash(value, OFFSET_KEY) % SLOTS) as usize)
                .copied()
        };
        let place = slot(value)?;
        if is_free(&place) {
            return Some(place);
        }
        if place == NOWHERE || candidates.flags & k::IP_VS_SVC_F_SCHED1 == 0 {
            return None;
        }
        let first = hash(value, OFFSET_KEY) % SLOTS;
        (0..SLOTS)
            .filter_map(|offset| slot(((offset + first) % SLOTS).wrapping_add(value)))
            .find(is_free)
    }

    fn added(&mut self, candidates: &Candidates<'_>) {
        self.change(candidates);
    }

    fn removed(&mut self, _index: usize, candidates: &Candidates<'_>) {
        self.change(candidates);
    }

    fn edited(&mut self, candidates: &Candidates<'_>) {
        self.change(candidates);
    }
}

#[cfg(test)]
mod tests {
    use super::{OFFSET_KEY, SKIP_KEY, SLOTS, hash};

    /// Answers of the kernel's own function.
    #[test]
    fn the_hash_is_the_kernels() {
        let known = [
            (0x0a00_0001, 0x0308_0ce4, 0x48f9_d0c1, 3711, 966),
            (0x0a00_9c41, 0xf458_b244, 0x8886_1111, 2940, 2846),
            (0xfd03_0002, 0x56e1_1e83, 0xe63e_449c, 3013, 661),
        ];
        for (value, first, second, offset, skip) in known {
            let (a, b) = (hash(value, OFFSET_KEY), hash(value, SKIP_KEY));
            assert_eq!((a, b), (first, second), "{value:#x}");
            assert_eq!((a % SLOTS, b % (SLOTS - 1) + 1), (offset, skip));
        }
    }
}
