//! What the surroundings say: locale and environment.

/// Which characters a text view may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Everything.
    Unicode,
    /// ASCII alone.
    Ascii,
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
