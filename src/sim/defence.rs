//! What the kernel does each second against floods: `drop_entry`, `drop_packet`, `secure_tcp`.
//!
//! 0 is off and 3 always; 1 and 2 depend on memory, of which a simulated kernel always has enough: 2 becomes 1, which does nothing.
//! Where the kernel looks at random buckets, the numbers come from the seed of the simulation
//! (`net/netfilter/ipvs/ip_vs_ctl.c`, `ip_vs_conn.c`).

use super::pages::Place;
use super::state::State;
use super::states::{self, Worth};

/// Milliseconds between two looks.
const PERIOD: u64 = 1_000;
/// Buckets of the kernel's table, and how many are looked at in a second.
const BUCKETS: u64 = 4096;
const LOOKS: u64 = BUCKETS / 32;
const MODES: [&str; 3] = ["drop_entry", "drop_packet", "secure_tcp"];

impl State {
    /// Returns when the kernel looks again, if there is something to do.
    pub(super) fn next_pressure(&self) -> Option<u64> {
        let knobs = &self.sysctls.knobs;
        let modes = [knobs.drop_entry, knobs.drop_packet, knobs.secure_tcp];
        let drops = knobs.drop_entry == 3 && self.connections.len() > 0;
        let changes = modes.contains(&2)
            || (self.pressure.rate, self.pressure.is_secure) != self.pressure_wanted();
        let last = self.moment() / PERIOD;
        (drops || changes).then(|| (last + 1).saturating_mul(PERIOD))
    }

    /// The rate of dropped packets, and whether TCP is to be secure.
    fn pressure_wanted(&self) -> (i64, bool) {
        let knobs = &self.sysctls.knobs;
        let rate = if knobs.drop_packet == 3 {
            knobs.am_droprate
        } else {
            0
        };
        (rate, knobs.secure_tcp == 3)
    }

    /// What is done each second.
    pub(super) fn press(&mut self, now: u64) {
        for mode in MODES {
            if self.sysctls.number(mode) == Some(2) {
                self.sysctls.load(mode, "1");
            }
        }
        (self.pressure.rate, self.pressure.is_secure) = self.pressure_wanted();
        if self.sysctls.knobs.drop_entry == 3 {
            self.drop_entries(now);
        }
    }

    /// Looks at random buckets, and drops what is not worth keeping.
    fn drop_entries(&mut self, now: u64) {
        let looks = (0..LOOKS).map(|_| self.random.below(BUCKETS));
        let chosen: std::collections::BTreeSet<u64> = looks.collect();
        let seen: Vec<Place> = self
            .connections
            .iter()
            .filter(|(place, _)| chosen.contains(&(u64::from(*place) % BUCKETS)))
            .map(|(place, _)| place)
            .collect();
        for place in seen {
            let Some(entry) = self.connections.get(place) else {
                continue;
            };
            if entry.controls > 0 {
                continue;
            }
            let goes = if entry.is_template() {
                entry.state == 0
            } else {
                match states::worth(entry) {
                    Worth::Nothing => true,
                    Worth::IfBusy => self.pressure.drops_idle(entry, now),
                    Worth::Everything => false,
                }
            };
            if goes {
                self.remove_early(place);
            }
        }
    }
}
