//! The timers of the connection table: levels of 64 slots, each level 64 times as coarse as the one below. Nothing expires early or
//! late: what lies in a coarse slot is dealt out to finer ones before its time. (Real kernels are up to an eighth of the delay late.)

use super::connection::{Connection, Flags};
use super::pages::{NOWHERE, Place, Slots};

/// Enough for every time of 64 bits.
const LEVELS: usize = 11;
const SLOTS: usize = 64;
const BITS: u32 = 6;

/// A list of entries in a slot.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: Place,
    last: Place,
}

const EMPTY: Ends = Ends {
    first: NOWHERE,
    last: NOWHERE,
};

/// Where in the wheel a time is.
#[derive(Clone, Copy)]
struct Spot {
    level: usize,
    slot: usize,
}

impl Spot {
    const fn index(self) -> usize {
        self.level * SLOTS + self.slot
    }
}

/// The timers, in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    /// What is before it has expired.
    now: u64,
    /// Made when the first timer is set: most simulated kernels have none.
    ends: Vec<Ends>,
    taken: [u64; LEVELS],
}

impl Wheel {
    pub(super) const fn new() -> Self {
        Self {
            now: 0,
            ends: Vec::new(),
            taken: [0; LEVELS],
        }
    }

    /// The level is that of the highest digit in which a time differs from now, so it stays until that slot is reached.
    fn spot(&self, time: u64) -> Spot {
        let differing = (time ^ self.now) | 1;
        let level = (differing.ilog2() / BITS) as usize;
        let level = level.min(LEVELS - 1);
        let digit = (time >> (BITS * u32::try_from(level).unwrap_or_default())) & 63;
        Spot {
            level,
            slot: usize::try_from(digit).unwrap_or_default(),
        }
    }

    /// Puts an entry at the end of the slot of its `armed`, which must not be before now.
    fn link(&mut self, entries: &mut Slots<Connection>, place: Place) {
        let Some(entry) = entries.get_mut(place) else {
            return;
        };
        if self.ends.is_empty() {
            self.ends = vec![EMPTY; LEVELS * SLOTS];
        }
        entry.armed = entry.armed.max(self.now);
        entry.flags.set(Flags::ARMED, true);
        let spot = self.spot(entry.armed);
        let Some(ends) = self.ends.get_mut(spot.index()) else {
            return;
        };
        entry.earlier = ends.last;
        entry.later = NOWHERE;
        let before = std::mem::replace(&mut ends.last, place);
        if before == NOWHERE {
            ends.first = place;
            self.taken[spot.level] |= 1 << spot.slot;
        } else if let Some(before) = entries.get_mut(before) {
            before.later = place;
        }
    }

    /// Takes an entry out of its slot.
    pub(super) fn unlink(&mut self, entries: &mut Slots<Connection>, place: Place) {
        let Some(entry) = entries.get_mut(place) else {
            return;
        };
        if !entry.flags.has(Flags::ARMED) {
            return;
        }
        entry.flags.set(Flags::ARMED, false);
        let (earlier, later, armed) = (entry.earlier, entry.later, entry.armed);
        let spot = self.spot(armed);
        let Some(ends) = self.ends.get_mut(spot.index()) else {
            return;
        };
        if earlier == NOWHERE {
            ends.first = later;
        }
        if later == NOWHERE {
            ends.last = earlier;
        }
        if ends.first == NOWHERE {
            self.taken[spot.level] &= !(1 << spot.slot);
        }
        if let Some(before) = entries.get_mut(earlier) {
            before.later = later;
        }
        if let Some(behind) = entries.get_mut(later) {
            behind.earlier = earlier;
        }
    }

    /// Sets when an entry expires. A time that is put off costs nothing until the old one comes.
    pub(super) fn arm(&mut self, entries: &mut Slots<Connection>, place: Place, expires: u64) {
        let Some(entry) = entries.get_mut(place) else {
            return;
        };
        entry.expires = expires;
        if entry.flags.has(Flags::ARMED) {
            if entry.armed <= expires {
                return;
            }
            self.unlink(entries, place);
        }
        if let Some(entry) = entries.get_mut(place) {
            entry.armed = expires;
        }
        self.link(entries, place);
    }

    /// Returns when something is to be done next: no timer is before.
    pub(super) fn next(&self) -> Option<u64> {
        let level = self.taken.iter().position(|slots| *slots != 0)?;
        let slot = self.taken[level].trailing_zeros();
        let shift = BITS * u32::try_from(level).unwrap_or_default();
        let above = shift + BITS;
        let base = if above >= u64::BITS {
            0
        } else {
            (self.now >> above) << above
        };
        Some(base | (u64::from(slot) << shift))
    }

    /// Moves on to a time and takes the first entry that expires then out of the wheel. There must be nothing before.
    pub(super) fn due(&mut self, entries: &mut Slots<Connection>, now: u64) -> Option<Place> {
        while let Some(next) = self.next().filter(|next| *next <= now) {
            let level = self.taken.iter().position(|slots| *slots != 0)?;
            let slot = self.taken[level].trailing_zeros() as usize;
            if level > 0 {
                self.deal_out(entries, Spot { level, slot }, next);
                continue;
            }
            self.now = self.now.max(next);
            let place = self.ends.get(slot)?.first;
            self.unlink(entries, place);
            let entry = entries.get_mut(place)?;
            if entry.expires <= now {
                return Some(place);
            }
            // It was put off.
            entry.armed = entry.expires;
            self.link(entries, place);
        }
        self.now = self.now.max(now);
        None
    }

    /// Puts all of a coarse slot into finer ones as its time begins.
    fn deal_out(&mut self, entries: &mut Slots<Connection>, spot: Spot, begins: u64) {
        self.now = self.now.max(begins);
        self.taken[spot.level] &= !(1 << spot.slot);
        let Some(ends) = self.ends.get_mut(spot.index()) else {
            return;
        };
        let mut place = std::mem::replace(ends, EMPTY).first;
        while let Some(entry) = entries.get_mut(place) {
            let later = entry.later;
            // What was put off meanwhile goes to its new time at once.
            entry.armed = entry.expires;
            self.link(entries, place);
            place = later;
        }
    }
}
