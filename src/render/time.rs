//! Times as people read them. Records and JSON have UTC alone; the machine's time zone (TZ, else /etc/localtime) is for people.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use crate::model::parse_duration;

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

/// Returns the time of day, in the zone of the machine; `None` is now.
#[must_use]
pub fn time_of_day(time: Option<SystemTime>) -> String {
    let time = time.and_then(|time| Timestamp::try_from(time).ok());
    time.unwrap_or_else(Timestamp::now)
        .to_zoned_datetime(local())
        .strftime("%H:%M:%S")
        .to_string()
}

/// Reads a time that has passed, as seen from now.
///
/// # Errors
/// The forms that there are, or why it is none of them.
pub fn past_time(text: &str) -> Result<SystemTime, String> {
    past_moment(text, SystemTime::now())
}

/// Reads a time that has passed: `-5m` is five minutes ago, `14:02` and `14:02:30` the last one of the machine's clock, others are as RFC
/// 3339 has them, or `2026-01-02 14:02` of the machine's zone.
///
/// # Errors
/// The forms that there are, or why it is none of them.
fn past_moment(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    const FORMS: &str =
        "a time is -5m (ago), 14:02 (the last one), 2026-01-02 14:02, or 2026-01-02T14:02:00Z";
    if let Some(ago) = text.strip_prefix('-') {
        let ago = parse_duration(ago).map_err(|_| FORMS.to_owned())?;
        return now.checked_sub(ago).ok_or_else(|| FORMS.to_owned());
    }
    let zone = local();
    let here = Timestamp::try_from(now).unwrap_or_else(|_| Timestamp::now());
    let time = if let Ok(exact) = text.parse::<Timestamp>() {
        exact
    } else if let Some(time) = text.parse::<Time>().ok().filter(|_| text.contains(':')) {
        let today = here.to_zoned_datetime(zone.clone()).date();
        let on = |date: Date| zone.to_timestamp(date.to_datetime(time)).ok();
        let last = on(today).filter(|time| *time <= here);
        last.or_else(|| on(today.yesterday().ok()?)).ok_or(FORMS)?
    } else if let Ok(there) = text.parse::<DateTime>() {
        zone.to_timestamp(there).map_err(|_| FORMS.to_owned())?
    } else {
        return Err(FORMS.to_owned());
    };
    if time > here {
        return Err("it has not come yet; recordings are of the past".to_owned());
    }
    SystemTime::try_from(time).map_err(|_| FORMS.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Zone, past_moment, shown_time};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_time_that_has_passed_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let ago = |text: &str| {
            now.duration_since(past_moment(text, now)?)
                .map_err(|_| String::new())
        };
        assert_eq!(ago("-5m"), Ok(Duration::from_secs(300)));
        assert_eq!(ago("2023-11-14T22:13:19Z"), Ok(Duration::from_secs(1)));
        assert_eq!(ago("2023-11-14T22:13:19+00:00"), Ok(Duration::from_secs(1)));
        // Whatever the zone is, the last time of day is less than a day (and the hour of a clock that was changed) ago.
        for text in ["14:02", "00:00:01", "23:59"] {
            assert!(
                ago(text).unwrap() <= Duration::from_secs(25 * 3600),
                "{text}"
            );
        }
        assert!(
            ago("2023-11-14T22:13:21Z")
                .unwrap_err()
                .contains("not come yet")
        );
        for wrong in ["", "-", "5m", "-5", "yesterday", "25:00", "14"] {
            assert!(ago(wrong).unwrap_err().starts_with("a time is"), "{wrong}");
        }
    }

    #[test]
    fn a_recorded_time_is_shown_with_its_zone() {
        let recorded = "2026-01-02T03:04:05Z";
        assert_eq!(shown_time(recorded, Zone::Utc), "2026-01-02 03:04:05 UTC");
        assert_eq!(shown_time("yesterday", Zone::Utc), "yesterday");
    }
}
