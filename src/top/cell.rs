//! What a cell holds, in order and as text.

use std::cmp::Ordering;

use crate::config::Characters;
use crate::model::shown;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// There is nothing, or it is not known yet.
    Nothing,
    /// It can't be known without privilege.
    Unknown,
    /// A text.
    Text(String),
    /// A number.
    Count(u64),
    /// Something a second.
    Rate(f64),
    /// A part, 0 to 1.
    Share(f64),
    /// More or less than before.
    Delta(i64),
    /// A time in seconds.
    Seconds(u64),
    /// Rates over time.
    Trend(Vec<f32>),
}

impl Cell {
    /// Makes a rate of what may not be known.
    pub(super) fn rate(rate: f32) -> Self {
        if rate.is_nan() {
            Self::Nothing
        } else {
            Self::Rate(rate.into())
        }
    }

    /// Puts two cells of a column in order; what is not there is last, whichever way it goes.
    #[must_use]
    pub(super) fn compared(&self, other: &Self, is_reversed: bool) -> Ordering {
        let is_there = |cell: &Self| !matches!(cell, Self::Nothing | Self::Unknown);
        match (is_there(self), is_there(other)) {
            (true, true) if is_reversed => other.order(self),
            (true, true) => self.order(other),
            (one, another) => another.cmp(&one),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Count(a), Self::Count(b)) | (Self::Seconds(a), Self::Seconds(b)) => a.cmp(b),
            (Self::Rate(a), Self::Rate(b)) | (Self::Share(a), Self::Share(b)) => a.total_cmp(b),
            (Self::Delta(a), Self::Delta(b)) => a.cmp(b),
            (Self::Trend(a), Self::Trend(b)) => {
                let last = |trend: &[f32]| trend.last().copied().unwrap_or(0.0);
                last(a).total_cmp(&last(b))
            }
            _ => Ordering::Equal,
        }
    }

    /// Returns whether it stands to the right of its column.
    #[must_use]
    pub(super) const fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Trend(_))
    }

    /// Writes it for people.
    #[must_use]
    pub(super) fn text(&self, characters: Characters) -> String {
        match self {
            Self::Nothing => dash(characters).to_owned(),
            Self::Unknown => "?".to_owned(),
            Self::Text(text) => shown(text),
            Self::Count(number) => number.to_string(),
            Self::Rate(rate) => scaled(*rate),
            Self::Share(share) if *share > 0.0 => format!("{:.0} %", share * 100.0),
            Self::Share(_) => dash(characters).to_owned(),
            Self::Delta(0) => "0".to_owned(),
            Self::Delta(delta) => format!("{delta:+}"),
            Self::Seconds(seconds) => duration(*seconds),
            Self::Trend(rates) => sparkline(rates, characters),
        }
    }
}

const fn dash(characters: Characters) -> &'static str {
    match characters {
        Characters::Unicode => "\u{2013}",
        Characters::Ascii => "-",
    }
}

/// Writes a time by its two largest units.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Writes a number with three digits and a letter for thousands, millions and so on.
pub(super) fn scaled(number: f64) -> String {
    const LETTERS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
    let (mut number, mut place) = (number, 0);
    // What would be rounded to 1000 has the next letter.
    while number >= 999.5 && place + 1 < LETTERS.len() {
        number /= 1_000.0;
        place += 1;
    }
    let letter = LETTERS[place];
    if number == 0.0 {
        "0".to_owned()
    } else if number < 9.95 {
        format!("{number:.1}{letter}")
    } else {
        format!("{number:.0}{letter}")
    }
}

/// Draws rates in eighths of a line's height; a blank is not known.
pub(super) fn sparkline(rates: &[f32], characters: Characters) -> String {
    const BLOCKS: [char; 8] = [
        '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}',
        '\u{2588}',
    ];
    const PLAIN: [char; 8] = ['_', '.', '.', '-', '-', '=', '=', '#'];
    let blocks = match characters {
        Characters::Unicode => BLOCKS,
        Characters::Ascii => PLAIN,
    };
    let known = rates.iter().filter(|rate| !rate.is_nan());
    let highest = known.fold(0.0f32, |highest, rate| highest.max(*rate));
    let block = |rate: &f32| {
        if rate.is_nan() {
            return ' ';
        }
        let part = if highest > 0.0 {
            rate / highest * 8.0
        } else {
            0.0
        };
        let level = (1..8u8)
            .take_while(|level| part > f32::from(*level))
            .count();
        blocks[level]
    };
    rates.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::{duration, scaled, sparkline};
    use crate::config::Characters;

    #[test]
    fn numbers_have_three_digits() {
        for (number, text) in [
            (0.0, "0"),
            (0.04, "0.0"),
            (2.5, "2.5"),
            (9.96, "10"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (12_345.0, "12k"),
            (2_500_000.0, "2.5M"),
            (1e21, "1000000P"),
        ] {
            assert_eq!(scaled(number), text, "{number}");
        }
        assert_eq!(duration(59), "59s");
        assert_eq!(duration(3_600), "1h00m");
        assert_eq!(duration(200_000), "2d07h");
    }

    #[test]
    fn a_sparkline_has_its_highest_at_the_top() {
        let rates = [0.0, 1.0, 4.0, 8.0, f32::NAN];
        assert_eq!(sparkline(&rates, Characters::Unicode), "▁▁▄█ ");
        assert_eq!(sparkline(&rates, Characters::Ascii), "__-# ");
        assert_eq!(sparkline(&[0.0, 0.0], Characters::Unicode), "▁▁");
    }
}
