//! Values of options, and what is said of one that is none.

use std::time::Duration;

use crate::model::SysctlName;

/// What an option stands for that is given without its value: no argument of a program can hold it.
pub(super) const BARE: &str = "\0";

/// Reads a text that may not be empty, as that of a variable that is not set is.
pub(super) fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the value is empty".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads the value of an option that can also stand alone; that is the empty text then.
pub(super) fn filled_or_bare(text: &str) -> Result<String, String> {
    if text == BARE {
        return Ok(String::new());
    }
    filled(text).map_err(|text| format!("{text}: without `=` the option stands for all"))
}

/// Reads a whole number.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        if text.parse::<i128>().is_ok() {
            "the number is out of range".to_owned()
        } else {
            "it is not a whole number".to_owned()
        }
    })
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::model::parse_duration(text).map_err(str::to_owned)
}

/// Reads a time that is longer than nothing.
pub(super) fn confirm_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it is longer than nothing".to_owned()),
        time => Ok(time),
    }
}

/// Reads the name of a kernel parameter of IPVS.
pub(super) fn sysctl_name(text: &str) -> Result<SysctlName, String> {
    SysctlName::new(text).map_err(|error| error.to_string())
}
