//! Durations as people write them.

use std::time::Duration;

/// How a duration is written, for every message about one.
pub const DURATION_FORM: &str = "write a duration such as 90s, 10m or 1h30m";

/// Reads a duration such as `90s`, `10m` or `1h30m`.
///
/// # Errors
/// [`DURATION_FORM`].
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    /// Longer texts are none.
    const LONGEST: usize = 200;
    let text = text.trim();
    if text.len() > LONGEST {
        return Err(DURATION_FORM);
    }
    humantime::parse_duration(text).map_err(|_| DURATION_FORM)
}
