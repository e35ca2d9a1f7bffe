//! The options of `record`.

use std::time::Duration;

use clap::Args;

use super::format::Printing;
use super::option_values::{confirm_time, filled};

#[derive(Clone, Debug, Args)]
pub(super) struct RecordArguments {
    /// Where to [default: ring/ in the state folder]
    #[arg(long, value_name = "DIR", value_parser = filled)]
    pub(super) dir: Option<String>,
    /// How often the table is read
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = confirm_time)]
    pub(super) interval: Duration,
    /// What is older is deleted
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = confirm_time)]
    pub(super) keep: Duration,
    /// How large all files together may be, as 256MiB; then the oldest is deleted
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub(super) keep_size: u64,
    /// The connection table too, every minute or as often as TIME says: 66 bytes a connection, with the addresses of clients
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "1m", value_parser = confirm_time)]
    pub(super) connections: Option<Duration>,
    /// End after so long
    #[arg(long = "for", value_name = "TIME", value_parser = confirm_time)]
    pub(super) lasts: Option<Duration>,
    /// Record nothing; show what is recorded: files, commits, drains, gaps
    #[arg(long, conflicts_with_all = ["interval", "keep", "keep_size", "connections", "lasts"])]
    pub(super) show: bool,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// Reads a size: bytes, or KiB, MiB, GiB.
fn size(text: &str) -> Result<u64, String> {
    const FORMS: &str = "a size is a number of bytes, or one of KiB, MiB or GiB, as in 256MiB";
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| FORMS.to_owned())?;
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err(FORMS.to_owned()),
    };
    match number.checked_mul(unit) {
        Some(0) => Err("it is larger than nothing".to_owned()),
        Some(size) => Ok(size),
        None => Err("the number is out of range".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("7"), Ok(7));
        assert_eq!(size("2G"), Ok(2 << 30));
        for wrong in ["", "MiB", "-1", "1.5MiB", "5 MB", "0", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
