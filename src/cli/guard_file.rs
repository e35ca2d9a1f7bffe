//! The guards of a settings file, read with the place of each value, so that an error names it.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::failure::Failure;
use crate::model::{Invalid, shown, suggestion};
use crate::txn::{Guards, ServicePattern};

const FIELDS: [&str; 4] = [
    "last_server",
    "min_weight_percent",
    "max_objects",
    "protected",
];

/// What is wrong, and where it stands.
type Wrong = (Range<usize>, String);

/// Reads the guards of a settings file.
///
/// # Errors
/// [`Failure::Usage`] names the file, the line and the field.
pub(super) fn guards_of(path: &Path, text: &str) -> Result<Guards, Failure> {
    read(text).map_err(|(place, words)| {
        let before = &text[..place.start.min(text.len())];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].chars().count() + 1;
        Failure::Usage {
            text: format!("{}:{line}:{column}: {words}", path.display()),
            hint: Some(format!(
                "a table [guards] may have {}; nothing is done without it, and IPVSH_CONFIG names another file",
                FIELDS.join(", ")
            )),
        }
    })
}

fn read(text: &str) -> Result<Guards, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or_default();
        (place, format!("this is no TOML: {}", error.message()))
    })?;
    let mut guards = Guards::default();
    for (name, value) in table.get_ref() {
        if name.get_ref() != "guards" {
            return Err((name.span(), unknown(name.get_ref(), &["guards"])));
        }
        let DeValue::Table(fields) = value.get_ref() else {
            return Err((value.span(), "`guards` is a table: [guards]".to_owned()));
        };
        for (name, value) in fields {
            field(&mut guards, text, name, value)?;
        }
    }
    Ok(guards)
}

fn field(
    guards: &mut Guards,
    text: &str,
    name: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Wrong> {
    let written = text.get(value.span()).unwrap_or_default();
    let is = |expected: &str| {
        let invalid = Invalid::new(name.get_ref().as_ref(), written, expected);
        (value.span(), invalid.to_string())
    };
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
        let guards = read(text).unwrap();
        assert!(guards.last_server);
        assert_eq!(guards.min_weight_percent, Some(50));
        assert_eq!(guards.max_objects, Some(20));
        assert_eq!(guards.protected.len(), 1);
        assert_eq!(read("# nothing\n").unwrap(), super::Guards::default());
    }
}
