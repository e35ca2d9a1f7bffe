//! What the surroundings say: locale, environment, folders.

/// Which characters a text view may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Everything.
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// Returns the folder for what lasts but matters to no one else, such as the history of the prompt.
#[must_use]
pub fn state_folder() -> Option<std::path::PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "ipvsh")?;
    Some(
        folders
            .state_dir()
            .unwrap_or_else(|| folders.data_dir())
            .to_owned(),
    )
}

/// Returns the folder for settings.
#[must_use]
pub fn settings_folder() -> Option<std::path::PathBuf> {
    Some(
        directories::ProjectDirs::from("", "", "ipvsh")?
            .config_dir()
            .to_owned(),
    )
}

/// Tells whether whoever started this program had a signal ignored, as `nohup` and shells in the background do.
#[must_use]
pub fn ignores_signal(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.is_some_and(|mask| mask.checked_shr(number.unsigned_abs() - 1).unwrap_or(0) & 1 == 1)
}

/// Reads from the locale whether the terminal shows more than ASCII.
#[must_use]
pub fn characters() -> Characters {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable)
        .unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Characters::Unicode
    } else {
        Characters::Ascii
    }
}
