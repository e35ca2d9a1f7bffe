//! A settings file, read with the place of each value, so that an error names it.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::args::ColourChoice;
use super::failure::Failure;
use crate::model::{Invalid, parse_duration, shown, suggestion};
use crate::txn::{Guards, ServicePattern};

/// What may stand in a file beside `[guards]`.
const NAMES: [&str; 6] = ["guards", "state_dir", "color", "lock_wait", "ask", "editor"];

/// What a file sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileSettings {
    pub(super) guards: Guards,
    /// Where the journal is kept.
    pub(super) state_dir: Option<String>,
    /// When to use colours.
    pub(super) color: Option<ColourChoice>,
    /// How long a commit waits for another one.
    pub(super) lock_wait: Option<Duration>,
    /// Whether to ask on a terminal before something is taken away.
    pub(super) ask: Option<bool>,
    /// What `ipvsh edit` opens.
    pub(super) editor: Option<String>,
}

const FIELDS: [&str; 4] = [
    "last_server",
    "min_weight_percent",
    "max_objects",
    "protected",
];

/// What is wrong, and where it stands.
type Wrong = (Range<usize>, String);

/// Reads a settings file.
///
/// # Errors
/// [`Failure::Usage`] names the file, the line and the field.
pub(super) fn settings_of(path: &Path, text: &str) -> Result<FileSettings, Failure> {
    read(text).map_err(|(place, words)| {
        let before = &text[..place.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].chars().count() + 1;
        Failure::Usage {
            text: format!("{}:{line}:{column}: {words}", path.display()),
            hint: Some(format!(
                "a file may have {}, a table [guards] {}; nothing is done without it, and IPVSH_CONFIG names another file",
                NAMES.join(", "),
                FIELDS.join(", ")
            )),
        }
    })
}

fn read(text: &str) -> Result<FileSettings, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or_default();
        (place, format!("this is no TOML: {}", error.message()))
    })?;
    let mut settings = FileSettings::default();
    for (name, value) in table.get_ref() {
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        if name.get_ref() == "guards" && !is_table {
            return Err((value.span(), "`guards` is a table: [guards]".to_owned()));
        }
        match value.get_ref() {
            DeValue::Table(fields) if name.get_ref() == "guards" => {
                for (name, value) in fields {
                    field(&mut settings.guards, text, name, value)?;
                }
            }
            _ => general(&mut settings, text, name, value)?,
        }
    }
    Ok(settings)
}

/// Says what a value should be.
fn wrong_value(
    text: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    expected: &str,
) -> Wrong {
    let written = text.get(value.span()).unwrap_or_default();
    let invalid = Invalid::new(name.get_ref().as_ref(), written, expected);
    (value.span(), invalid.to_string())
}

fn general(
    settings: &mut FileSettings,
    text: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Wrong> {
    let is = |expected: &str| wrong_value(text, name, value, expected);
    match (name.get_ref().as_ref(), value.get_ref()) {
        ("state_dir", DeValue::String(path)) if path.starts_with('/') => {
            settings.state_dir = Some(path.to_string());
        }
        ("state_dir", _) => return Err(is("it is a folder in quotes, from the root on")),
        ("color", DeValue::String(when)) if ColourChoice::named(when).is_some() => {
            settings.color = ColourChoice::named(when);
        }
        ("color", _) => return Err(is("it is \"auto\", \"always\" or \"never\"")),
        ("lock_wait", DeValue::String(time)) => {
            settings.lock_wait = Some(parse_duration(time).map_err(is)?);
        }
        ("lock_wait", _) => return Err(is("it is a time in quotes, such as \"30s\"")),
        ("ask", DeValue::Boolean(on)) => settings.ask = Some(*on),
        ("ask", _) => return Err(is("it is true or false")),
        ("editor", DeValue::String(command)) if !command.trim().is_empty() => {
            settings.editor = Some(command.to_string());
        }
        ("editor", _) => return Err(is("it is a command in quotes, such as \"vim\"")),
        (other, _) => return Err((name.span(), unknown(other, &NAMES))),
    }
    Ok(())
}

fn field(
    guards: &mut Guards,
    text: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Wrong> {
    let is = |expected: &str| wrong_value(text, name, value, expected);
    match (name.get_ref().as_ref(), value.get_ref()) {
        ("last_server", DeValue::Boolean(on)) => guards.last_server = *on,
        ("last_server", _) => return Err(is("it is true or false")),
        ("min_weight_percent", DeValue::Integer(number)) => {
            guards
                .add(&format!("min_weight_percent={number}"))
                .map_err(|_| is("it is a whole number from 1 to 100"))?;
        }
        ("min_weight_percent", _) => return Err(is("it is a whole number from 1 to 100")),
        ("max_objects", DeValue::Integer(number)) => {
            guards
                .add(&format!("max_objects={number}"))
                .map_err(|_| is("it is a number of objects, from 0 to 4294967295"))?;
        }
        ("max_objects", _) => return Err(is("it is a number of objects, such as 20")),
        ("protected", DeValue::Array(patterns)) => {
            for pattern in patterns.iter() {
                let DeValue::String(text) = pattern.get_ref() else {
                    let words = "`protected` is a list of texts, such as [\"tcp://192.0.2.1:*\"]";
                    return Err((pattern.span(), words.to_owned()));
                };
                let pattern = ServicePattern::new(text)
                    .map_err(|error| (pattern.span(), format!("protected: {error}")))?;
                guards.protected.push(pattern);
            }
        }
        ("protected", _) => {
            return Err(is("it is a list of texts, such as [\"tcp://192.0.2.1:*\"]"));
        }
        (other, _) => return Err((name.span(), unknown(other, &FIELDS))),
    }
    Ok(())
}

fn unknown(name: &str, known: &[&str]) -> String {
    let name = shown(name);
    match suggestion(&name, known.iter().copied()) {
        Some(near) => format!("unknown field `{name}`: did you mean `{near}`?"),
        None => format!("unknown field `{name}`. Known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn every_error_has_its_place_and_names_the_field() {
        for (text, place, words) in [
            (
                "[guards]\nmin_weight_percent = \"50\"\n",
                30,
                "invalid min_weight_percent `\"50\"`: it is a whole number from 1 to 100",
            ),
            (
                "[guards]\nmin_weight_percent = 500\n",
                30,
                "invalid min_weight_percent `500`: it is a whole number from 1 to 100",
            ),
            (
                "[guards]\nlast_server = 1\n",
                23,
                "invalid last_server `1`: it is true or false",
            ),
            (
                "[guards]\nmax_objects = -1\n",
                23,
                "invalid max_objects `-1`: it is a number of objects, from 0 to 4294967295",
            ),
            (
                "[guard]\n",
                1,
                "unknown field `guard`: did you mean `guards`?",
            ),
            ("guards = 1\n", 9, "`guards` is a table: [guards]"),
            ("ask = 1\n", 6, "invalid ask `1`: it is true or false"),
            (
                "state_dir = \"var\"\n",
                12,
                "invalid state_dir `\"var\"`: it is a folder in quotes, from the root on",
            ),
            (
                "colour = \"never\"\n",
                0,
                "unknown field `colour`: did you mean `color`?",
            ),
            (
                "color = \"blue\"\n",
                8,
                "invalid color `\"blue\"`: it is \"auto\", \"always\" or \"never\"",
            ),
            (
                "lock_wait = 30\n",
                12,
                "invalid lock_wait `30`: it is a time in quotes, such as \"30s\"",
            ),
            (
                "editor = \"\"\n",
                9,
                "invalid editor `\"\"`: it is a command in quotes, such as \"vim\"",
            ),
            (
                "[guards]\nprotect = []\n",
                9,
                "unknown field `protect`: did you mean `protected`?",
            ),
        ] {
            let (found, said) = read(text).unwrap_err();
            assert_eq!((found.start, said.as_str()), (place, words), "{text}");
        }
        let (place, words) =
            read("[guards]\nprotected = [\"tcp://192.0.2.1:80\", \"x\"]").unwrap_err();
        assert_eq!(place.start, 44);
        assert!(
            words.starts_with("protected: invalid service key `x`"),
            "{words}"
        );
        let (_, words) = read("a b\n").unwrap_err();
        assert!(words.starts_with("this is no TOML: "), "{words}");
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let text = "[guards]\nlast_server = true\nmin_weight_percent = 50\nmax_objects = 20\nprotected = [\"tcp://192.0.2.1:80\"]\n";
        let guards = read(text).unwrap().guards;
        assert!(guards.last_server);
        assert_eq!(guards.min_weight_percent, Some(50));
        assert_eq!(guards.max_objects, Some(20));
        assert_eq!(guards.protected.len(), 1);
        assert_eq!(read("# nothing\n").unwrap(), super::FileSettings::default());
        let text = "state_dir = \"/srv/ipvsh\"\ncolor = \"never\"\nlock_wait = \"1m\"\nask = false\neditor = \"vim -n\"\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.state_dir.as_deref(), Some("/srv/ipvsh"));
        assert_eq!(settings.color, Some(super::ColourChoice::Never));
        assert_eq!(settings.lock_wait, Some(super::Duration::from_secs(60)));
        assert_eq!(settings.ask, Some(false));
        assert_eq!(settings.editor.as_deref(), Some("vim -n"));
    }
}
