//! How long tests take, by the machine's clock: that of a simulated kernel tells nothing of it.

use std::time::{Instant, SystemTime};

/// A time that is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Returns a seed that is another one each time.
pub(super) fn any_seed() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // Short enough to be typed again.
    now.map_or(1, |time| time.subsec_nanos() / 10)
}
