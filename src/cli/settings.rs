//! The settings that hold for every command: configuration files and options, and where each value comes from.
//!
//! `/etc/ipvsh/config.toml` is read, then `config.toml` in the user's settings folder; or the file that IPVSH_CONFIG names,
//! alone. Guards of several sources together are as strict as the strictest: nothing loosens one but to override it by name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::Globals;
use super::failure::Failure;
use super::guard_file::guards_of;
use crate::config;
use crate::model::{reason, suggestion};
use crate::txn::{GuardName, Guarding, Guards};

/// The largest configuration file.
const LARGEST: u64 = 1 << 20;

/// A value, and where it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The name, such as `guards.last_server`.
    pub(super) name: String,
    /// The value, as it is written in a configuration file.
    pub(super) value: String,
    /// The file or the option.
    pub(super) source: String,
    /// Whether it is what holds: a stricter one may stand elsewhere.
    pub(super) holds: bool,
}

/// What is set, and by which sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// What every commit is checked against.
    pub(super) guarding: Guarding,
    /// Each value that is set somewhere.
    pub(super) settings: Vec<Setting>,
    /// The files that are looked at, and whether each is there.
    pub(super) files: Vec<(PathBuf, bool)>,
}

/// Refuses environment variables that look like ours and are none: what they were to set would be passed over.
fn check_variables() -> Result<(), Failure> {
    const OURS: [&str; 2] = ["IPVSH_CONFIG", "IPVSH_STATE_DIR"];
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("IPVSH_")) else {
            continue;
        };
        if !OURS.contains(&name) {
            let near = suggestion(name, OURS);
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(Failure::Usage {
                text: format!("the environment variable {name} means nothing here{near}"),
                hint: Some(format!("{} are read; `unset {name}`", OURS.join(" and "))),
            });
        }
    }
    Ok(())
}

/// Returns the configuration files, the most general first.
fn files() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("IPVSH_CONFIG") {
        return Some(PathBuf::from(named))
            .filter(|path| !path.as_os_str().is_empty())
            .into_iter()
            .collect();
    }
    let own = config::settings_folder().map(|folder| folder.join("config.toml"));
    [Some(PathBuf::from("/etc/ipvsh/config.toml")), own]
        .into_iter()
        .flatten()
        .collect()
}

impl Settings {
    /// Reads the configuration files and the options.
    pub(super) fn of(globals: &Globals) -> Result<Self, Failure> {
        check_variables()?;
        let mut settings = Self::default();
        let is_named = std::env::var_os("IPVSH_CONFIG").is_some();
        for path in files() {
            let text = read(&path, is_named)?;
            settings.files.push((path.clone(), text.is_some()));
            if let Some(text) = text {
                let guards = guards_of(&path, &text)?;
                settings.add(&guards, &path.display().to_string());
            }
        }
        for text in &globals.guard {
            let mut guards = Guards::default();
            guards.add(text)?;
            settings.add(&guards, &format!("--guard {text}"));
        }
        for name in &globals.overridden {
            settings.guarding.overridden.insert(GuardName::parse(name)?);
        }
        settings.mark();
        Ok(settings)
    }

    fn add(&mut self, guards: &Guards, source: &str) {
        for (name, value) in values(guards) {
            self.settings.push(Setting {
                name: format!("guards.{name}"),
                value,
                source: source.to_owned(),
                holds: true,
            });
        }
        self.guarding.guards.tighten(guards);
    }

    /// Finds out which values hold.
    fn mark(&mut self) {
        let held = values(&self.guarding.guards);
        for setting in &mut self.settings {
            let name = setting.name.trim_start_matches("guards.");
            setting.holds = held
                .iter()
                .any(|(held, value)| *held == name && *value == setting.value);
        }
    }
}

/// Returns guards by name, each as it is written in a configuration file; a list is one value for each.
fn values(guards: &Guards) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if guards.last_server {
        found.push((GuardName::LastServer.word(), "true".to_owned()));
    }
    if let Some(percent) = guards.min_weight_percent {
        found.push((GuardName::MinWeightPercent.word(), percent.to_string()));
    }
    if let Some(number) = guards.max_objects {
        found.push((GuardName::MaxObjects.word(), number.to_string()));
    }
    for pattern in &guards.protected {
        found.push((GuardName::Protected.word(), format!("\"{pattern}\"")));
    }
    found
}

/// Reads a file; `None` if it is not there and need not be.
fn read(path: &Path, is_named: bool) -> Result<Option<String>, Failure> {
    let failed = |text: String| {
        Failure::Usage {
        text: format!("the configuration {} can't be read: {text}", path.display()),
        hint: Some("nothing is done without it, as guards may stand in it; IPVSH_CONFIG names another file, or none if it is empty".to_owned()),
    }
    };
    match std::fs::metadata(path) {
        Ok(file) if file.len() > LARGEST => {
            Err(failed(format!("it is larger than {LARGEST} bytes")))
        }
        Ok(_) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(failed(reason(&error))),
        },
        // Where there is no folder there is no file either.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                && !is_named =>
        {
            Ok(None)
        }
        Err(error) => Err(failed(reason(&error))),
    }
}
