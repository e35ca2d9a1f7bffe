//! The answer of `ipvsh config`.

use serde::Serialize;

use super::VERSION;

/// What is set, and where.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigurationShape {
    version: u32,
    files: Vec<SettingsFileShape>,
    settings: Vec<SettingShape>,
    overridden: Vec<String>,
    state_folder: Option<String>,
}

impl ConfigurationShape {
    /// Makes it of files, settings, the guards that are overridden, and the state folder.
    #[must_use]
    pub const fn new(
        files: Vec<SettingsFileShape>,
        settings: Vec<SettingShape>,
        overridden: Vec<String>,
        state_folder: Option<String>,
    ) -> Self {
        Self {
            version: VERSION,
            files,
            settings,
            overridden,
            state_folder,
        }
    }
}

/// A file that settings are read from.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsFileShape {
    /// Its path.
    pub path: String,
    /// Whether it is there.
    pub found: bool,
}

/// One setting.
#[derive(Clone, Debug, Serialize)]
pub struct SettingShape {
    /// Its name.
    pub name: String,
    /// Its value, as it is written.
    pub value: String,
    /// The file or option that it comes from.
    pub source: String,
    /// Whether it is in force; false where a stricter one is.
    pub holds: bool,
}
