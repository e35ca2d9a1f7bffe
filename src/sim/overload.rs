//! Thresholds: when a real server gets no new connections.
//!
//! Kernels before August 2026 set the flag with a connection or template that finds the upper threshold reached, and clear it with
//! one that goes below the lower. Newer ones look when a threshold is crossed, and when it is edited
//! (`net/netfilter/ipvs/ip_vs_conn.c`, `ip_vs_ctl.c`).

use super::environment::OverloadRule;
use super::server::Destination;

impl Destination {
    fn total(&self) -> u64 {
        u64::from(self.active) + u64::from(self.inactive)
    }

    /// The lower threshold; without one, three quarters of the upper.
    fn low_mark(&self) -> u64 {
        let (upper, lower) = (self.upper_threshold, self.lower_threshold);
        u64::from(if lower == 0 { upper - upper / 4 } else { lower })
    }

    /// After a connection or template was bound, and counted.
    pub(super) fn review_bound(&mut self, rule: OverloadRule, is_template: bool) {
        let upper = u64::from(self.upper_threshold);
        match rule {
            OverloadRule::Level if upper != 0 && self.total() >= upper => self.is_overloaded = true,
            OverloadRule::Crossing if !is_template && self.total() == upper => {
                self.evaluate(Crossed::Upwards);
            }
            _ => {}
        }
    }

    /// After a connection or template was released, and no longer counts.
    pub(super) fn review_released(&mut self, rule: OverloadRule, is_template: bool) {
        let (upper, lower) = (
            u64::from(self.upper_threshold),
            u64::from(self.lower_threshold),
        );
        match rule {
            OverloadRule::Level => {
                let is_free = match (lower, upper) {
                    (0, 0) => true,
                    (0, upper) => self.total() * 4 < upper * 3,
                    (lower, _) => self.total() < lower,
                };
                self.is_overloaded &= !is_free;
            }
            OverloadRule::Crossing if !is_template && self.total() + 1 == self.low_mark() => {
                self.evaluate(Crossed::Downwards);
            }
            OverloadRule::Crossing => {}
        }
    }

    /// After the thresholds were set; before, they were `upper` and `lower`.
    pub(super) fn review_edited(&mut self, rule: OverloadRule, upper: u32, lower: u32) {
        match rule {
            OverloadRule::Level if self.upper_threshold == 0 || self.upper_threshold > upper => {
                self.is_overloaded = false;
            }
            OverloadRule::Crossing
                if (self.upper_threshold, self.lower_threshold) != (upper, lower) =>
            {
                self.evaluate(Crossed::Neither);
            }
            _ => {}
        }
    }

    fn evaluate(&mut self, crossed: Crossed) {
        let (upper, low_mark) = (u64::from(self.upper_threshold), self.low_mark());
        let sets_at = if crossed == Crossed::Upwards {
            low_mark
        } else {
            upper
        };
        let keeps_at = if crossed == Crossed::Downwards {
            upper
        } else {
            low_mark
        };
        if upper == 0 {
            self.is_overloaded = false;
        } else if self.total() >= sets_at {
            self.is_overloaded = true;
        } else if self.total() < keeps_at {
            self.is_overloaded = false;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crossed {
    Upwards,
    Downwards,
    Neither,
}
