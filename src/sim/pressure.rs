//! What is in force against floods, and the counters of what is dropped ([`super::defence`] sets it).

use super::connection::Connection;

/// An entry that was idle for so long may go, in milliseconds.
const IDLE: u64 = 60_000;

/// What is in force, and the counters of what is dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Pressure {
    /// One packet of so many that would open a connection is dropped; 0: none.
    pub(super) rate: i64,
    counter: i64,
    pub(super) is_secure: bool,
    /// By the packets that an entry has seen.
    spared: [u8; 9],
}

impl Pressure {
    /// Returns whether a packet that would open a connection is dropped.
    pub(super) const fn drops_packet(&mut self) -> bool {
        if self.rate == 0 {
            return false;
        }
        self.counter -= 1;
        if self.counter > 0 {
            return false;
        }
        self.counter = self.rate;
        true
    }

    /// Of idle entries that have seen n packets, one of n goes.
    pub(super) fn drops_idle(&mut self, entry: &Connection, now: u64) -> bool {
        let armed = entry.expires().saturating_sub(entry.timeout);
        let seen = entry.packets_in as usize;
        if now < armed.saturating_add(IDLE) || seen == 0 {
            return false;
        }
        let Some(spared) = self.spared.get_mut(seen) else {
            return false;
        };
        *spared = spared.saturating_sub(1);
        if *spared > 0 {
            return false;
        }
        *spared = u8::try_from(seen).unwrap_or(u8::MAX);
        true
    }
}
