//! What is counted, what of it is shown, and the rates.
//!
//! Every 2 s a copy of the counters is made, which is what the kernel shows, and from the difference to the copy before the rates.
//! The arithmetic is the kernel's (`net/netfilter/ipvs/ip_vs_est.c`), integers with a floor: for connections and packets
//! `e += ((difference << 9) - e) >> 2`, shown as `(e + 511) >> 10`; for bytes with shifts of 4 and 5. The period is 2.000 s here;
//! real kernels up to 6.1 with 100 ticks a second take 2.08 s. It begins with the network namespace up to 6.1, and with each
//! object since 6.2.

use crate::wire::CounterAttributes;

/// Milliseconds between two copies.
const PERIOD: u64 = 2_000;
const COUNTERS: usize = 5;
/// Shifts of connections, packets in and out, bytes in and out.
const SHIFTS: [u32; COUNTERS] = [9, 9, 9, 4, 4];
/// After so many copies without traffic every rate of 64 bits has come down to 0.
const LONGEST_DECAY: u64 = 200;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From a client.
    In,
    /// From a real server.
    Out,
}

/// When copies are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// In milliseconds.
    pub(super) now: u64,
    /// Whether they are made at all: `run_estimation`.
    pub(super) is_running: bool,
}

/// The counters of a service, a real server, or all.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// Connections, packets in and out, bytes in and out.
    counted: [u64; COUNTERS],
    /// The copy.
    copied: [u64; COUNTERS],
    /// What was shown when they were zeroed.
    zero: [u64; COUNTERS],
    estimates: [i64; COUNTERS],
    next_copy: u64,
}

impl Meter {
    /// Makes one whose copies are in step with `phase`, a time in milliseconds.
    pub(super) fn new(phase: u64, pace: Pace) -> Self {
        let mut meter = Self {
            next_copy: phase,
            ..Self::default()
        };
        meter.fall_in_step(pace.now);
        meter
    }

    /// Takes over what another kernel shows.
    pub(super) fn shown(attributes: &CounterAttributes, phase: u64, pace: Pace) -> Self {
        let mut meter = Self::new(phase, pace);
        let values = attributes.values.map(Option::unwrap_or_default);
        for (index, shift) in SHIFTS.iter().enumerate() {
            meter.counted[index] = values[index];
            meter.copied[index] = values[index];
            let rate = i64::try_from(values[index + COUNTERS]).unwrap_or(i64::MAX >> 10);
            meter.estimates[index] = rate.saturating_mul(2 << shift);
        }
        meter
    }

    /// Counts a connection that the scheduler, or a template, made.
    pub(super) fn count_connection(&mut self, pace: Pace) {
        self.catch_up(pace);
        self.counted[0] += 1;
    }

    pub(super) fn count_packet(&mut self, direction: Direction, bytes: u32, pace: Pace) {
        self.catch_up(pace);
        let place = if direction == Direction::In { 1 } else { 2 };
        self.counted[place] += 1;
        self.counted[place + 2] += u64::from(bytes);
    }

    /// Makes the copies that are due.
    pub(super) fn catch_up(&mut self, pace: Pace) {
        if !pace.is_running || pace.now < self.next_copy {
            return;
        }
        let due = (pace.now - self.next_copy) / PERIOD + 1;
        for _ in 0..due.min(LONGEST_DECAY) {
            self.copy();
        }
        self.next_copy = self.next_copy.saturating_add(due.saturating_mul(PERIOD));
    }

    fn copy(&mut self) {
        for (index, shift) in SHIFTS.iter().enumerate() {
            let difference = self.counted[index].wrapping_sub(self.copied[index]);
            self.copied[index] = self.counted[index];
            let rate = (difference << shift).cast_signed();
            let estimate = &mut self.estimates[index];
            *estimate += (rate - *estimate) >> 2;
        }
    }

    /// Lets the next copy be one that has not been missed: those of a pause are not made up for.
    pub(super) fn fall_in_step(&mut self, now: u64) {
        if now >= self.next_copy {
            let missed = (now - self.next_copy) / PERIOD + 1;
            self.next_copy = self.next_copy.saturating_add(missed.saturating_mul(PERIOD));
        }
    }

    /// Zeroes what is shown: what was counted since the last copy comes with the next.
    pub(super) fn zero(&mut self, pace: Pace) {
        self.catch_up(pace);
        self.zero = self.copied;
        self.estimates = [0; COUNTERS];
    }

    /// Returns what was counted since the beginning, copied or not.
    pub(super) const fn live(&self) -> [u64; COUNTERS] {
        self.counted
    }

    /// Returns what is shown at a time.
    pub(super) fn attributes(&self, pace: Pace) -> CounterAttributes {
        let mut then = self.clone();
        then.catch_up(pace);
        let mut values = [Some(0); 2 * COUNTERS];
        for (index, shift) in SHIFTS.iter().enumerate() {
            values[index] = Some(then.copied[index].wrapping_sub(then.zero[index]));
            let rate = (then.estimates[index] + (1 << shift) - 1) >> (shift + 1);
            values[index + COUNTERS] = Some(rate.cast_unsigned());
        }
        CounterAttributes { values }
    }
}
