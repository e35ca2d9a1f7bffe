//! Lengths of time: `5.minutes`, `"90s"` where a verb asks for one.

use std::fmt;
use std::time::Duration;

use rhai::plugin::export_module;
use rhai::{Dynamic, EvalAltResult};

/// A length of time as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::script) struct DurationValue(pub(in crate::script) Duration);

impl fmt::Display for DurationValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(out)
    }
}

type Made<T> = Result<T, Box<EvalAltResult>>;

/// Makes a length of so many units.
fn of(number: f64, unit_seconds: f64) -> Made<DurationValue> {
    Duration::try_from_secs_f64(number * unit_seconds)
        .map(DurationValue)
        .map_err(|_| format!("{number} is no length of time: it is at least 0").into())
}

#[allow(clippy::cast_precision_loss)] // lengths of time need no more than 2^53 of anything
fn float(number: i64) -> f64 {
    number as f64
}

/// Lengths of time.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(super) mod fields {
    use super::DurationValue as Duration;
    use super::Made;

    /// Returns so many milliseconds.
    ///
    /// # Example
    /// ```rhai
    /// sleep(10.milliseconds);
    /// ```
    #[rhai_fn(get = "milliseconds", pure, return_raw)]
    pub fn milliseconds(number: &mut i64) -> Made<Duration> {
        super::of(super::float(*number), 0.001)
    }

    /// Returns so many seconds.
    ///
    /// # Example
    /// ```rhai
    /// sleep(1.seconds);
    /// ```
    #[rhai_fn(get = "seconds", pure, return_raw)]
    pub fn seconds(number: &mut i64) -> Made<Duration> {
        super::of(super::float(*number), 1.0)
    }

    /// Returns so many minutes.
    ///
    /// # Example
    /// ```rhai
    /// assert(5.minutes > 90.seconds, "minutes are longer");
    /// ```
    #[rhai_fn(get = "minutes", pure, return_raw)]
    pub fn minutes(number: &mut i64) -> Made<Duration> {
        super::of(super::float(*number), 60.0)
    }

    /// Returns so many hours.
    ///
    /// # Example
    /// ```rhai
    /// print(2.hours);
    /// ```
    #[rhai_fn(get = "hours", pure, return_raw)]
    pub fn hours(number: &mut i64) -> Made<Duration> {
        super::of(super::float(*number), 3600.0)
    }

    /// Returns so many days.
    ///
    /// # Example
    /// ```rhai
    /// print(1.days);
    /// ```
    #[rhai_fn(get = "days", pure, return_raw)]
    pub fn days(number: &mut i64) -> Made<Duration> {
        super::of(super::float(*number), 86400.0)
    }

    /// Returns the length in seconds, with fractions.
    ///
    /// # Example
    /// ```rhai
    /// assert_eq((2.minutes).total_seconds, 120.0, "two minutes");
    /// ```
    #[rhai_fn(get = "total_seconds", pure)]
    pub fn total_seconds(duration: &mut Duration) -> f64 {
        duration.0.as_secs_f64()
    }

    /// Returns the length in words, such as `1h 30m`.
    ///
    /// # Example
    /// ```rhai
    /// (90.minutes).to_string()
    /// ```
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(duration: &mut Duration) -> String {
        duration.to_string()
    }

    /// Adds two lengths.
    ///
    /// # Example
    /// ```rhai
    /// 1.hours + 30.minutes
    /// ```
    #[rhai_fn(name = "+")]
    pub fn add(a: Duration, b: Duration) -> Duration {
        super::DurationValue(a.0.saturating_add(b.0))
    }

    /// Takes a length from another; what would be negative is 0.
    ///
    /// # Example
    /// ```rhai
    /// 1.hours - 30.minutes
    /// ```
    #[rhai_fn(name = "-")]
    pub fn subtract(a: Duration, b: Duration) -> Duration {
        super::DurationValue(a.0.saturating_sub(b.0))
    }

    /// Takes a length so many times.
    ///
    /// # Example
    /// ```rhai
    /// 10.seconds * 6
    /// ```
    #[rhai_fn(name = "*", return_raw)]
    pub fn multiply(a: Duration, times: i64) -> Made<Duration> {
        super::of(a.0.as_secs_f64(), super::float(times))
    }

    /// Returns whether two lengths are equal.
    #[rhai_fn(name = "==")]
    pub fn equal(a: Duration, b: Duration) -> bool {
        a == b
    }

    /// Returns whether two lengths differ.
    #[rhai_fn(name = "!=")]
    pub fn differ(a: Duration, b: Duration) -> bool {
        a != b
    }

    /// Returns whether a length is longer than another.
    #[rhai_fn(name = ">")]
    pub fn longer(a: Duration, b: Duration) -> bool {
        a > b
    }

    /// Returns whether a length is at least another.
    #[rhai_fn(name = ">=")]
    pub fn at_least(a: Duration, b: Duration) -> bool {
        a >= b
    }

    /// Returns whether a length is shorter than another.
    #[rhai_fn(name = "<")]
    pub fn shorter(a: Duration, b: Duration) -> bool {
        a < b
    }

    /// Returns whether a length is at most another.
    #[rhai_fn(name = "<=")]
    pub fn at_most(a: Duration, b: Duration) -> bool {
        a <= b
    }
}

/// Refuses to put values of different kinds in order, which Rhai answers with a silent `false`.
pub(in crate::script) fn refuse_comparisons(engine: &mut rhai::Engine) {
    use rhai::ImmutableString as Text;
    pair::<Text, i64>(engine);
    pair::<Text, f64>(engine);
    pair::<Text, bool>(engine);
    pair::<Text, DurationValue>(engine);
    pair::<Text, ()>(engine);
    pair::<DurationValue, i64>(engine);
    pair::<DurationValue, f64>(engine);
    pair::<DurationValue, ()>(engine);
    pair::<i64, ()>(engine);
    pair::<f64, ()>(engine);
    pair::<i64, bool>(engine);
}

fn pair<A: Clone + 'static, B: Clone + 'static>(engine: &mut rhai::Engine) {
    for operator in [">", ">=", "<", "<="] {
        engine.register_fn(operator, move |a: A, b: B| {
            incomparable(operator, &Dynamic::from(a), &Dynamic::from(b))
        });
        engine.register_fn(operator, move |b: B, a: A| {
            incomparable(operator, &Dynamic::from(b), &Dynamic::from(a))
        });
    }
}

fn incomparable(operator: &str, a: &Dynamic, b: &Dynamic) -> Made<bool> {
    let word = |value: &Dynamic| {
        if value.is_unit() {
            return "(), which nothing is (a misspelt property gives it too)".to_owned();
        }
        let kind = match value.type_name() {
            "string" => "text",
            "i64" | "f64" => "number",
            "bool" => "truth value",
            _ => "length of time",
        };
        format!("the {kind} {}", super::short(value))
    };
    let numeric = |value: &Dynamic| value.is_string();
    let hint = if numeric(a) || numeric(b) {
        "; `parse_int(text)` makes a number of a text"
    } else {
        ""
    };
    Err(format!(
        "`{operator}` can't compare {} with {}{hint}",
        word(a),
        word(b)
    )
    .into())
}
