//! Timers: levels of 64 slots, each level 64 times as coarse as the one below. Nothing expires early or
//! late: what lies in a coarse slot is dealt out to finer ones before its time. (Real kernels are up to an eighth of the delay late.)

use super::pages::{NOWHERE, Place, Slots};

/// Enough for every time of 64 bits.
const LEVELS: usize = 11;
const SLOTS: usize = 64;
const BITS: u32 = 6;

/// When something is due, and where it waits for that.
#[derive(Clone, Debug)]
pub(super) struct Timer {
    /// In milliseconds.
    pub(super) due: u64,
    /// When the wheel looks at it: at most `due`, as that is put off without touching the wheel.
    armed: u64,
    earlier: Place,
    later: Place,
    is_armed: bool,
}

impl Timer {
    pub(super) const fn new() -> Self {
        Self {
            due: 0,
            armed: 0,
            earlier: NOWHERE,
            later: NOWHERE,
            is_armed: false,
        }
    }
}

/// What has a timer.
pub(super) trait Timed: Clone {
    fn timer_mut(&mut self) -> &mut Timer;
}

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
    fn link<T: Timed>(&mut self, entries: &mut Slots<T>, place: Place) {
        let Some(timer) = entries.get_mut(place).map(Timed::timer_mut) else {
            return;
        };
        if self.ends.is_empty() {
            self.ends = vec![EMPTY; LEVELS * SLOTS];
        }
        timer.armed = timer.armed.max(self.now);
        timer.is_armed = true;
        let spot = self.spot(timer.armed);
        let Some(ends) = self.ends.get_mut(spot.index()) else {
            return;
        };
        timer.earlier = ends.last;
        timer.later = NOWHERE;
        let before = std::mem::replace(&mut ends.last, place);
        if before == NOWHERE {
            ends.first = place;
            self.taken[spot.level] |= 1 << spot.slot;
        } else if let Some(before) = entries.get_mut(before) {
            before.timer_mut().later = place;
        }
    }

    /// Takes an entry out of its slot.
    pub(super) fn unlink<T: Timed>(&mut self, entries: &mut Slots<T>, place: Place) {
        let Some(timer) = entries.get_mut(place).map(Timed::timer_mut) else {
            return;
        };
        if !timer.is_armed {
            return;
        }
        timer.is_armed = false;
        let (earlier, later, armed) = (timer.earlier, timer.later, timer.armed);
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
            before.timer_mut().later = later;
        }
        if let Some(behind) = entries.get_mut(later) {
            behind.timer_mut().earlier = earlier;
        }
    }

    /// Sets when an entry is due. A time that is put off costs nothing until the old one comes.
    pub(super) fn arm<T: Timed>(&mut self, entries: &mut Slots<T>, place: Place, due: u64) {
        let Some(timer) = entries.get_mut(place).map(Timed::timer_mut) else {
            return;
        };
        timer.due = due;
        if timer.is_armed {
            if timer.armed <= due {
                return;
            }
            self.unlink(entries, place);
        }
        if let Some(entry) = entries.get_mut(place) {
            entry.timer_mut().armed = due;
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

    /// Moves on to a time and takes the first entry that is due then out of the wheel. There must be nothing before.
    pub(super) fn due<T: Timed>(&mut self, entries: &mut Slots<T>, now: u64) -> Option<Place> {
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
            let timer = entries.get_mut(place)?.timer_mut();
            if timer.due <= now {
                return Some(place);
            }
            // It was put off.
            timer.armed = timer.due;
            self.link(entries, place);
        }
        self.now = self.now.max(now);
        None
    }

    /// Puts all of a coarse slot into finer ones as its time begins.
    fn deal_out<T: Timed>(&mut self, entries: &mut Slots<T>, spot: Spot, begins: u64) {
        self.now = self.now.max(begins);
        self.taken[spot.level] &= !(1 << spot.slot);
        let Some(ends) = self.ends.get_mut(spot.index()) else {
            return;
        };
        let mut place = std::mem::replace(ends, EMPTY).first;
        while let Some(timer) = entries.get_mut(place).map(Timed::timer_mut) {
            let later = timer.later;
            // What was put off meanwhile goes to its new time at once.
            timer.armed = timer.due;
            self.link(entries, place);
            place = later;
        }
    }
}
