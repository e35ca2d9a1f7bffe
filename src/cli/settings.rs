//! The settings that hold for every command: configuration files, environment and options, and where each value comes from.
//!
//! `/etc/ipvsh/config.toml` is read, then `config.toml` in the user's settings folder; or the file that IPVSH_CONFIG names,
//! alone. Guards of several sources together are as strict as the strictest: nothing loosens one but to override it by name.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{ColourChoice, Globals};
use super::failure::Failure;
use super::settings_file::{FileSettings, settings_of};
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
    /// What the files set beside guards; the last one that sets a value holds.
    pub(super) general: FileSettings,
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
                let found = settings_of(&path, &text)?;
                let source = path.display().to_string();
                settings.add(&found.guards, &source);
                settings.add_general(found, &source);
            }
        }
        settings.add_environment();
        settings.add_options(globals);
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

    /// Adds a value that is not a guard: it holds instead of those that were added before.
    fn replace(&mut self, name: &str, value: String, source: &str) {
        for setting in &mut self.settings {
            setting.holds &= setting.name != name;
        }
        self.settings.push(Setting {
            name: name.to_owned(),
            value,
            source: source.to_owned(),
            holds: true,
        });
    }

    fn add_general(&mut self, found: FileSettings, source: &str) {
        let general = &mut self.general;
        let mut added = Vec::new();
        if let Some(folder) = found.state_dir {
            added.push(("state_dir", format!("{folder:?}")));
            general.state_dir = Some(folder);
        }
        if let Some(when) = found.color {
            added.push(("color", format!("{:?}", when.word())));
            general.color = Some(when);
        }
        if let Some(time) = found.lock_wait {
            added.push(("lock_wait", duration_text(time)));
            general.lock_wait = Some(time);
        }
        if let Some(on) = found.ask {
            added.push(("ask", on.to_string()));
            general.ask = Some(on);
        }
        if let Some(command) = found.editor {
            added.push(("editor", format!("{command:?}")));
            general.editor = Some(command);
        }
        for (name, value) in added {
            self.replace(name, value, source);
        }
    }

    /// Adds what the environment says: of the journal's folder it has the last word, of the editor the first.
    fn add_environment(&mut self) {
        if let Some(folder) = named_state_folder() {
            self.replace("state_dir", format!("{folder:?}"), "IPVSH_STATE_DIR");
        }
        if self.general.editor.is_none()
            && let Some((name, command)) = named_editor()
        {
            self.replace("editor", format!("{command:?}"), name);
        }
    }

    fn add_options(&mut self, globals: &Globals) {
        if let Some(folder) = &globals.state_dir {
            self.replace("state_dir", format!("{folder:?}"), "--state-dir");
        }
        if let Some(when) = globals.color {
            self.replace("color", format!("{:?}", when.word()), "--color");
        }
        if let Some(time) = globals.lock_wait {
            self.replace("lock_wait", duration_text(time), "--lock-wait");
        }
        // What is set nowhere.
        for (name, value) in [
            ("state_dir", state_default()),
            ("color", format!("{:?}", ColourChoice::Auto.word())),
            (
                "lock_wait",
                duration_text(crate::session::DEFAULT_LOCK_WAIT),
            ),
            ("ask", "true".to_owned()),
            ("editor", format!("{DEFAULT_EDITOR:?}")),
        ] {
            if self.settings.iter().all(|setting| setting.name != name) {
                self.replace(name, value, "default");
            }
        }
    }

    /// Finds out which guards hold.
    fn mark(&mut self) {
        let held = values(&self.guarding.guards);
        for setting in &mut self.settings {
            let Some(name) = setting.name.strip_prefix("guards.") else {
                continue;
            };
            setting.holds = held
                .iter()
                .any(|(held, value)| *held == name && *value == setting.value);
        }
    }
}

/// What opens a text where nothing else is set.
const DEFAULT_EDITOR: &str = "vi";

/// Returns the editor that the environment names, and the variable.
fn named_editor() -> Option<(&'static str, String)> {
    ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let command = std::env::var(name).ok()?;
        (!command.trim().is_empty()).then_some((name, command))
    })
}

fn named_state_folder() -> Option<String> {
    let folder = std::env::var_os("IPVSH_STATE_DIR").filter(|folder| !folder.is_empty())?;
    Some(folder.to_string_lossy().into_owned())
}

fn state_default() -> String {
    let folder = config::lasting_folder();
    folder.map_or_else(
        || "none: there is no home".to_owned(),
        |folder| format!("{:?}", folder.display().to_string()),
    )
}

fn duration_text(time: Duration) -> String {
    format!("\"{}\"", humantime::format_duration(time))
}

/// What holds of a command that is not asked of the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Habits {
    /// Whether to ask before something is taken away.
    pub(super) asks: bool,
    /// The command that opens a text.
    pub(super) editor: String,
    /// Each value with where it is set, before the options were filled in.
    pub(super) settings: Vec<Setting>,
}

/// Fills in what is set in files where no option says anything. What can't be read is said by whoever opens a session, and passed over
/// here: help is given without it.
pub(super) fn complete(globals: &mut Globals) -> Habits {
    let Settings {
        general, settings, ..
    } = Settings::of(globals).unwrap_or_default();
    if globals.state_dir.is_none() && named_state_folder().is_none() && !globals.no_journal {
        globals.state_dir = general.state_dir;
    }
    globals.color = globals.color.or(general.color);
    globals.lock_wait = globals.lock_wait.or(general.lock_wait);
    let editor = general
        .editor
        .or_else(|| named_editor().map(|(_, command)| command));
    Habits {
        asks: general.ask.unwrap_or(true),
        editor: editor.unwrap_or_else(|| DEFAULT_EDITOR.to_owned()),
        settings,
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
