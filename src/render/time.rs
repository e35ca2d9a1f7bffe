//! Times as people read them. Records and JSON have UTC alone; the machine's time zone (TZ, else /etc/localtime) is for people.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// In which zone a time is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// That of the machine.
    Local,
    /// UTC.
    Utc,
}

/// Returns a time of a record, as `2026-01-02 04:04:05 CET`; what is no time stays as it is.
#[must_use]
pub fn shown_time(recorded: &str, zone: Zone) -> String {
    let Ok(time) = recorded.parse::<Timestamp>() else {
        return recorded.to_owned();
    };
    let zone = match zone {
        Zone::Local => local(),
        Zone::Utc => TimeZone::UTC,
    };
    time.to_zoned_datetime(zone)
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

/// Returns the zone of the machine; UTC where it has none, or one that is not known.
fn local() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// Returns the time of day, in the zone of the machine.
#[must_use]
pub fn time_of_day() -> String {
    Timestamp::now()
        .to_zoned_datetime(local())
        .strftime("%H:%M:%S")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::{Zone, shown_time};

    #[test]
    fn a_recorded_time_is_shown_with_its_zone() {
        let recorded = "2026-01-02T03:04:05Z";
        assert_eq!(shown_time(recorded, Zone::Utc), "2026-01-02 03:04:05 UTC");
        assert_eq!(shown_time("yesterday", Zone::Utc), "yesterday");
    }
}
