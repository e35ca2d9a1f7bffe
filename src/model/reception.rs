//! What new connections a real server can get: its weight is not all that counts.
//!
//! The rules are those of the kernel's schedulers (`net/netfilter/ipvs/ip_vs_*.c`); clients that are held by persistence are
//! sent by their templates instead, whatever stands here.

use super::{DestinationEntry, DestinationKey, ServiceEntry, Weight};

/// What a real server can get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reception {
    /// Whether it is over its upper threshold; `None` between the two thresholds, where it depends on what was before.
    pub overloaded: Option<bool>,
    /// Whether it gets new connections; `None` where that is not known of the scheduler.
    pub receives: Option<bool>,
    /// Its share of them, 0 to 1, in the long run and with clients that are alike; `None` where that is not known.
    pub share: Option<f64>,
    /// Why it gets none, or that it may get none, in a word or two.
    pub remark: Option<&'static str>,
}

impl DestinationEntry {
    /// Returns `true` if it is over its upper threshold: at that many connections it is, and stays so until there are fewer than
    /// the lower one (or three quarters of the upper one without a lower).
    #[must_use]
    pub fn overloaded(&self) -> Option<bool> {
        let thresholds = self.configuration.thresholds;
        let (upper, lower) = (u64::from(thresholds.upper), u64::from(thresholds.lower));
        if upper == 0 {
            return Some(false);
        }
        let again = if lower > 0 {
            lower
        } else {
            (upper * 3).div_ceil(4)
        };
        match self.connections.open() {
            open if open >= upper => Some(true),
            open if open < again => Some(false),
            _ => None,
        }
    }

    fn is_available(&self) -> bool {
        self.configuration.weight != Weight::ZERO && self.overloaded() != Some(true)
    }
}

/// What the real servers of a service have together: looked at once, as there may be many.
#[derive(Clone, Debug)]
pub struct Receptions<'s> {
    service: &'s ServiceEntry,
    /// Those that can get something: how many, and their weights.
    available: (f64, f64),
    /// All: their weights, and the parts that `sh` gives them.
    all: (f64, f64),
    /// The one that gets everything, with a scheduler of that kind.
    first: Option<DestinationKey>,
}

fn weight(entry: &DestinationEntry) -> f64 {
    f64::from(entry.configuration.weight.get())
}

impl ServiceEntry {
    /// Looks at what its real servers can get.
    #[must_use]
    pub fn receptions(&self) -> Receptions<'_> {
        let mut looked = Receptions {
            service: self,
            available: (0.0, 0.0),
            all: (0.0, 0.0),
            first: None,
        };
        let overflows = self.configuration.scheduler.as_str() == "ovf";
        let mut heaviest = 0.0;
        for (key, entry) in &self.destinations {
            let own = weight(entry);
            looked.all.0 += own;
            looked.all.1 += own.max(1.0);
            if !entry.is_available() {
                continue;
            }
            looked.available.0 += 1.0;
            looked.available.1 += own;
            let fits = !overflows || f64::from(entry.connections.active) <= own;
            // Of equal ones the kernel's list tells; here it is the first.
            if fits && own > heaviest {
                heaviest = own;
                looked.first = Some(*key);
            }
        }
        looked
    }

    /// Returns what one of its real servers can get.
    #[must_use]
    pub fn reception(&self, key: &DestinationKey) -> Reception {
        self.receptions().of(key)
    }
}

impl Receptions<'_> {
    /// Returns what a real server can get.
    #[must_use]
    pub fn of(&self, key: &DestinationKey) -> Reception {
        let Some(entry) = self.service.destinations.get(key) else {
            return Reception {
                overloaded: None,
                receives: None,
                share: None,
                remark: None,
            };
        };
        let overloaded = entry.overloaded();
        let (receives, share) = self.part(key, entry);
        let remark = if entry.configuration.weight == Weight::ZERO {
            Some("quiescent")
        } else if overloaded == Some(true) {
            Some("overloaded")
        } else if receives == Some(false) {
            Some("standby")
        } else if overloaded.is_none() {
            Some("overloaded?")
        } else {
            None
        };
        Reception {
            overloaded,
            receives,
            share,
            remark,
        }
    }

    /// Returns whether a real server gets new connections, and its share of them.
    fn part(&self, key: &DestinationKey, entry: &DestinationEntry) -> (Option<bool>, Option<f64>) {
        let scheduler = self.service.configuration.scheduler.as_str();
        let own = weight(entry);
        let (parts, of) = match scheduler {
            "rr" | "lc" => (1.0, self.available.0),
            "wrr" | "wlc" | "twos" | "sed" | "nq" => (own, self.available.1),
            "fo" | "ovf" => {
                let is_first = self.first.as_ref() == Some(key);
                return (Some(is_first), Some(f64::from(u8::from(is_first))));
            }
            // A client belongs to one of them; where that one is not available it is refused, unless there is a fallback.
            "dh" => {
                #[allow(clippy::cast_precision_loss)] // a share is for the eye
                let count = self.service.destinations.len() as f64;
                (1.0, count)
            }
            "sh" => (own.max(1.0), self.all.1),
            "mh" => (own, self.all.0),
            // Which one depends on the clients.
            "lblc" | "lblcr" => return (Some(entry.is_available()), None),
            _ => return (None, None),
        };
        if entry.is_available() && of > 0.0 {
            (Some(true), Some(parts / of))
        } else {
            (Some(false), Some(0.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{DestinationEntry, DestinationKey, Scheduler, ServiceEntry, Weight};

    fn service(scheduler: &str, servers: &[(&str, i64, u32, u32)]) -> ServiceEntry {
        let mut service = ServiceEntry::default();
        service.configuration.scheduler = Scheduler::new(scheduler).unwrap();
        for (key, weight, upper, active) in servers {
            let mut entry = DestinationEntry::default();
            entry.configuration.weight = Weight::new(*weight).unwrap();
            entry.configuration.thresholds.upper = *upper;
            entry.connections.active = *active;
            service
                .destinations
                .insert(DestinationKey::parse(key).unwrap(), entry);
        }
        service
    }

    fn shares(service: &ServiceEntry) -> Vec<(Option<f64>, Option<&'static str>)> {
        let keys = service.destinations.keys();
        keys.map(|key| {
            let found = service.reception(key);
            (found.share, found.remark)
        })
        .collect()
    }

    #[test]
    fn a_weight_that_does_not_count_has_no_share_and_a_mark() {
        let (a, b, c) = ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80");
        // At its upper threshold a server gets nothing, and the others have all of it.
        let wlc = service("wlc", &[(a, 3, 10, 10), (b, 1, 0, 0), (c, 0, 0, 0)]);
        assert_eq!(
            shares(&wlc),
            [
                (Some(0.0), Some("overloaded")),
                (Some(1.0), None),
                (Some(0.0), Some("quiescent"))
            ]
        );
        // Between the thresholds it depends on what was before.
        let between = service("rr", &[(a, 1, 10, 8), (b, 1, 0, 0)]);
        assert_eq!(shares(&between)[0], (Some(0.5), Some("overloaded?")));
        let below = service("rr", &[(a, 1, 10, 7), (b, 1, 0, 0)]);
        assert_eq!(shares(&below)[0], (Some(0.5), None));
        // One gets all, whatever the weights of the others are.
        let fo = service("fo", &[(a, 1, 0, 0), (b, 5, 0, 0)]);
        assert_eq!(
            shares(&fo),
            [(Some(0.0), Some("standby")), (Some(1.0), None)]
        );
        // With sh the part of one that is not available is refused, and nobody else gets it.
        let sh = service("sh", &[(a, 1, 0, 0), (b, 0, 0, 0)]);
        assert_eq!(
            shares(&sh),
            [(Some(0.5), None), (Some(0.0), Some("quiescent"))]
        );
        let unknown = service("xyz", &[(a, 1, 0, 0)]);
        assert_eq!(shares(&unknown), [(None, None)]);
    }
}
