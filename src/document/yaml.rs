//! YAML, another way to write a document.
//!
//! What is read is turned into the JSON that it means, with one token on each line: the reader of documents has to know of JSON alone, and
//! a line of that text is a place in the YAML. Anchors and aliases are replaced by what they stand for; merge keys are no part of YAML 1.2.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::iter::Peekable;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::error::DocumentError;
use super::file_kind::FileKind;

/// How many tokens aliases may add: a few lines can stand for more than fits in memory.
const MOST_COPIED: usize = 1_000_000;

/// The JSON that a text in YAML means.
pub(super) struct Converted {
    pub(super) json: Vec<u8>,
    /// Where the token of each line stands in the YAML, as line and column from 1.
    places: Vec<(usize, usize)>,
}

impl Converted {
    /// Returns the place in the YAML of what stands on a line of the JSON.
    pub(super) fn place(&self, line: usize) -> (usize, usize) {
        // The first line is empty: each token begins a line of its own.
        let found = line.checked_sub(2).and_then(|token| self.places.get(token));
        found.or(self.places.last()).copied().unwrap_or((1, 1))
    }
}

/// Why a text is no YAML, or none that can be a document.
struct NoYaml {
    line: usize,
    column: usize,
    words: String,
}

impl NoYaml {
    fn at((line, column): (usize, usize), words: impl Into<String>) -> Self {
        Self {
            line,
            column,
            words: words.into(),
        }
    }
}

/// Returns whether a text is YAML: by the name of its file, or by how it begins. JSON is YAML too, and read as what it is.
pub(super) fn is_yaml(path: &str, bytes: &[u8]) -> bool {
    let begun = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_named = path.ends_with(".yaml") || path.ends_with(".yml");
    begun != Some(&b'{') && (is_named || FileKind::of(bytes) == Some(FileKind::Yaml))
}

/// Returns the JSON that a text in YAML means.
pub(super) fn converted(path: &str, bytes: &[u8]) -> Result<Converted, DocumentError> {
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::Invalid {
        path: path.to_owned(),
        line: 0,
        column: 0,
        text: format!("this is no text: byte {} is no UTF-8", error.valid_up_to()),
        object: None,
    })?;
    from_yaml(text).map_err(|wrong| DocumentError::Invalid {
        path: path.to_owned(),
        line: wrong.line,
        column: wrong.column,
        text: wrong.words,
        object: None,
    })
}

/// What is open while the text is read.
enum Open {
    List { is_empty: bool },
    Object { is_empty: bool, named: bool },
}

#[derive(Default)]
struct Conversion {
    json: Vec<u8>,
    places: Vec<(usize, usize)>,
    open: Vec<Open>,
    /// Where what an anchor names begins, while it is open.
    begun: Vec<(usize, usize, usize)>,
    /// What anchors name: ranges of bytes and of places.
    anchors: HashMap<usize, (Range<usize>, Range<usize>)>,
    copied: usize,
    documents: usize,
}

/// Turns YAML into JSON.
fn from_yaml(text: &str) -> Result<Converted, NoYaml> {
    let mut conversion = Conversion::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let place = (error.marker().line(), error.marker().col() + 1);
            NoYaml::at(place, format!("this is no YAML: {}", error.info()))
        })?;
        conversion.take(event, span)?;
    }
    Ok(Converted {
        json: conversion.json,
        places: conversion.places,
    })
}

fn place_of(span: Span) -> (usize, usize) {
    (span.start.line(), span.start.col() + 1)
}

impl Conversion {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), NoYaml> {
        let place = place_of(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(NoYaml::at(
                        place,
                        "a second document begins here; a file holds one",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let begun = self.begins(place)?;
                if self.wants_name() {
                    self.token(place, text_token(&text).as_bytes());
                    self.json.push(b':');
                    if let Some(Open::Object { named, .. }) = self.open.last_mut() {
                        *named = true;
                    }
                    return Ok(());
                }
                let token = scalar(&text, style, tag.as_deref(), place)?;
                self.token(place, token.as_bytes());
                self.ended(anchor, begun);
            }
            Event::SequenceStart(anchor, _) => {
                self.opens(place, anchor, b"[", Open::List { is_empty: true })?;
            }
            Event::MappingStart(anchor, _) => {
                let open = Open::Object {
                    is_empty: true,
                    named: false,
                };
                self.opens(place, anchor, b"{", open)?;
            }
            Event::SequenceEnd => self.closes(place, b"]"),
            Event::MappingEnd => self.closes(place, b"}"),
            Event::Alias(anchor) => self.copies(anchor, place)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn wants_name(&self) -> bool {
        matches!(self.open.last(), Some(Open::Object { named: false, .. }))
    }

    /// Separates what comes from what was before; returns where it begins.
    fn begins(&mut self, place: (usize, usize)) -> Result<(usize, usize), NoYaml> {
        match self.open.last_mut() {
            None if !self.json.is_empty() => {
                return Err(NoYaml::at(
                    place,
                    "a second document begins here; a file holds one",
                ));
            }
            Some(Open::List { is_empty }) => {
                if !std::mem::take(is_empty) {
                    self.json.push(b',');
                }
            }
            Some(Open::Object { is_empty, named }) if !*named => {
                if !std::mem::take(is_empty) {
                    self.json.push(b',');
                }
            }
            None | Some(Open::Object { .. }) => {}
        }
        Ok((self.json.len(), self.places.len()))
    }

    /// Notes that a value is whole.
    fn ended(&mut self, anchor: usize, (bytes, places): (usize, usize)) {
        if let Some(Open::Object { named, .. }) = self.open.last_mut() {
            *named = false;
        }
        // Zero is none.
        if anchor > 0 {
            let whole = (bytes..self.json.len(), places..self.places.len());
            self.anchors.insert(anchor, whole);
        }
    }

    fn token(&mut self, place: (usize, usize), token: &[u8]) {
        self.json.push(b'\n');
        self.json.extend_from_slice(token);
        self.places.push(place);
    }

    fn opens(
        &mut self,
        place: (usize, usize),
        anchor: usize,
        bracket: &[u8],
        open: Open,
    ) -> Result<(), NoYaml> {
        let (bytes, places) = self.begins(place)?;
        if self.wants_name() {
            return Err(NoYaml::at(place, "the name of a field is a text"));
        }
        self.token(place, bracket);
        self.open.push(open);
        self.begun.push((anchor, bytes, places));
        Ok(())
    }

    fn closes(&mut self, place: (usize, usize), bracket: &[u8]) {
        self.open.pop();
        self.token(place, bracket);
        if let Some((anchor, bytes, places)) = self.begun.pop() {
            self.ended(anchor, (bytes, places));
        }
    }

    fn copies(&mut self, anchor: usize, place: (usize, usize)) -> Result<(), NoYaml> {
        let begun = self.begins(place)?;
        if self.wants_name() {
            return Err(NoYaml::at(place, "the name of a field is a text"));
        }
        let Some((bytes, places)) = self.anchors.get(&anchor).cloned() else {
            return Err(NoYaml::at(place, "this alias stands within what it names"));
        };
        self.copied += places.len();
        if self.copied > MOST_COPIED {
            let words = format!("aliases stand for more than {MOST_COPIED} values");
            return Err(NoYaml::at(place, words));
        }
        self.json.extend_from_within(bytes);
        self.places.extend_from_within(places);
        self.ended(0, begun);
        Ok(())
    }
}

fn text_token(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a scalar as JSON: what stands without quotes is what YAML 1.2 takes it for.
fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: (usize, usize),
) -> Result<String, NoYaml> {
    let plain = match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            return Err(NoYaml::at(place, "a tag of its own has no meaning here"));
        }
        Some(tag) => tag.suffix != "str",
        None => style == ScalarStyle::Plain,
    };
    if !plain {
        return Ok(text_token(text));
    }
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => "null".to_owned(),
        "true" | "True" | "TRUE" => "true".to_owned(),
        "false" | "False" | "FALSE" => "false".to_owned(),
        _ => number(text).unwrap_or_else(|| text_token(text)),
    })
}

/// Returns a number as JSON writes it; `None` for what is none.
fn number(text: &str) -> Option<String> {
    let based = |digits: &str, base| i128::from_str_radix(digits, base).ok();
    let whole = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => based(digits, 16),
        (None, Some(digits)) => based(digits, 8),
        (None, None) => text.parse().ok(),
    };
    if let Some(whole) = whole {
        return Some(whole.to_string());
    }
    // What is no whole number is wrong wherever it stands, and said to be so.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && serde_json::from_str::<serde_json::Number>(text).is_ok();
    is_number.then(|| text.to_owned())
}

type Events<'t> = Peekable<Parser<'t, StrInput<'t>>>;

/// How much of a document is written as YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YamlForm {
    /// Everything.
    Whole,
    /// For people who write in it: without what says the same as the id, and without what is as a new object would have it.
    Brief,
}

/// Returns whether a field of an object with an id goes without saying.
fn goes_without_saying(name: &str, value: &Event<'_>) -> bool {
    if ["protocol", "address", "port", "fwmark", "family"].contains(&name) {
        return true;
    }
    match value {
        Event::Scalar(text, ..) => match name {
            "other_flags" | "upper_threshold" | "lower_threshold" => text == "0",
            "one_packet" => text == "false",
            _ => text == "null",
        },
        _ => false,
    }
}

/// Writes JSON as YAML, in blocks.
///
/// # Errors
/// The writer's error.
pub fn write_yaml(out: &mut dyn Write, json: &str, form: YamlForm) -> io::Result<()> {
    let mut events = Parser::new_from_str(json).peekable();
    while let Some(event) = next(&mut events)? {
        if matches!(event, Event::DocumentStart(_)) {
            let first = next(&mut events)?.unwrap_or(Event::Nothing);
            return node(out, &mut events, first, (Place::Alone, form), 0);
        }
    }
    Ok(())
}

fn next<'t>(events: &mut Events<'t>) -> io::Result<Option<Event<'t>>> {
    match events.next() {
        None => Ok(None),
        Some(Ok((event, _))) => Ok(Some(event)),
        Some(Err(error)) => Err(io::Error::other(error.to_string())),
    }
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    BehindName,
    BehindDash,
}

fn is_named(event: &Event<'_>, wanted: &str) -> bool {
    matches!(event, Event::Scalar(name, ..) if name == wanted)
}

fn node<'t>(
    out: &mut dyn Write,
    events: &mut Events<'t>,
    event: Event<'t>,
    (place, form): (Place, YamlForm),
    indent: usize,
) -> io::Result<()> {
    let space = if place == Place::BehindName { " " } else { "" };
    match event {
        Event::Scalar(text, style, ..) => {
            let text = written(&text, style);
            writeln!(out, "{space}{text}")
        }
        Event::SequenceStart(..) => {
            let mut event = next(events)?.unwrap_or(Event::SequenceEnd);
            if event == Event::SequenceEnd {
                return writeln!(out, "{space}[]");
            }
            if place != Place::Alone {
                writeln!(out)?;
            }
            while event != Event::SequenceEnd {
                write!(out, "{:indent$}- ", "")?;
                node(out, events, event, (Place::BehindDash, form), indent + 2)?;
                event = next(events)?.unwrap_or(Event::SequenceEnd);
            }
            Ok(())
        }
        Event::MappingStart(..) => {
            let mut event = next(events)?.unwrap_or(Event::MappingEnd);
            if event == Event::MappingEnd {
                return writeln!(out, "{space}{{}}");
            }
            if place == Place::BehindName {
                writeln!(out)?;
            }
            let mut is_first = true;
            let is_brief = form == YamlForm::Brief && is_named(&event, "id");
            while let Event::Scalar(name, ..) = event {
                let value = next(events)?.unwrap_or(Event::Nothing);
                let no_flags = name == "scheduler_flags"
                    && matches!(events.peek(), Some(Ok((Event::SequenceEnd, _))));
                if is_brief && (no_flags || goes_without_saying(&name, &value)) {
                    if no_flags {
                        next(events)?;
                    }
                    event = next(events)?.unwrap_or(Event::MappingEnd);
                    continue;
                }
                // The first stands behind the dash.
                if !(std::mem::take(&mut is_first) && place == Place::BehindDash) {
                    write!(out, "{:indent$}", "")?;
                }
                write!(out, "{}:", written(&name, ScalarStyle::DoubleQuoted))?;
                node(out, events, value, (Place::BehindName, form), indent + 2)?;
                event = next(events)?.unwrap_or(Event::MappingEnd);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Returns a scalar as it is written: a text without quotes where it can't be taken for anything else.
fn written(text: &str, style: ScalarStyle) -> Cow<'_, str> {
    if style == ScalarStyle::Plain {
        return Cow::Borrowed(text);
    }
    const WORDS: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "y"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/:-[]".contains(c);
    // An address and a port, or a key: nothing that is a number.
    let is_word = text.contains("://") || text.matches('.').count() > 2 || {
        let named = text.starts_with(|c: char| c.is_ascii_alphabetic());
        named && !WORDS.contains(&text.to_ascii_lowercase().as_str()) && text != "n" && text != "N"
    };
    if begins && is_word && text.chars().all(is_plain) && !text.ends_with(':') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text_token(text))
}

#[cfg(test)]
mod tests {
    use super::{from_yaml, write_yaml};

    fn value(text: &str) -> Result<serde_json::Value, (usize, usize, String)> {
        match from_yaml(text) {
            Ok(converted) => Ok(serde_json::from_slice(&converted.json).unwrap()),
            Err(error) => Err((error.line, error.column, error.words)),
        }
    }

    #[test]
    fn yaml_means_what_json_says() {
        for (yaml, json) in [
            ("a: 1\nb: [x, 'y', \"z\"]\n", r#"{"a":1,"b":["x","y","z"]}"#),
            (
                "- 007\n- 0x1f\n- 0o17\n- +3\n- -4\n- 1.5\n- 1e3\n",
                "[7,31,15,3,-4,1.5,1e3]",
            ),
            (
                "[~, null, '', yes, true, False]",
                r#"[null,null,"",  "yes",true,false]"#,
            ),
            (
                "id: tcp://[2001:db8::1]:80\nat: 10.0.0.1:80\n",
                r#"{"id":"tcp://[2001:db8::1]:80","at":"10.0.0.1:80"}"#,
            ),
            (
                "a: &x {w: 1}\nb: *x\nc: [*x, *x]\n",
                r#"{"a":{"w":1},"b":{"w":1},"c":[{"w":1},{"w":1}]}"#,
            ),
            ("a: !!str 5\nb: !!int \"6\"\n", r#"{"a":"5","b":6}"#),
            ("a: |\n  two\n  lines\n", r#"{"a":"two\nlines\n"}"#),
            ("# only\na:\n", r#"{"a":null}"#),
            (
                r#"{"a": {"b": [1, {}]}, "c": []}"#,
                r#"{"a":{"b":[1,{}]},"c":[]}"#,
            ),
        ] {
            let wanted: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(value(yaml).unwrap(), wanted, "{yaml}");
        }
    }

    #[test]
    fn what_is_no_document_is_said_with_its_place() {
        for (yaml, line, words) in [
            ("a: [1\n", 2, "this is no YAML"),
            ("a: 1\n---\nb: 2\n", 2, "a second document"),
            ("a: !own 1\n", 1, "a tag of its own"),
            ("? [x]\n: 1\n", 1, "the name of a field is a text"),
            ("a: &x [*x]\n", 1, "this alias stands within"),
            ("a: *none\n", 1, "this is no YAML"),
        ] {
            let (found, _, said) = value(yaml).unwrap_err();
            assert!(said.contains(words), "{yaml}: {said}");
            assert_eq!(found, line, "{yaml}: {said}");
        }
        // A few lines that would fill any memory.
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..10 {
            let before = format!("*a{},", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(
            value(&bomb)
                .unwrap_err()
                .2
                .contains("aliases stand for more")
        );
    }

    #[test]
    fn a_line_of_the_json_is_a_place_in_the_yaml() {
        let converted = from_yaml("services:\n  - id: fwmark://1\n    weight: ten\n")
            .unwrap_or_else(|_| unreachable!());
        let json = String::from_utf8(converted.json.clone()).unwrap();
        let line = json.lines().position(|line| line == "\"ten\"").unwrap() + 1;
        assert_eq!(converted.place(line), (3, 13));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let json = r#"{"version":1,"a":[],"o":{},"n":null,"t":true,"l":[[1,2],[],[{"x":"y"}]],"services":[{"id":"tcp://[2001:db8::1]:80","w":"10","no":"no","s":"3 50","e":"","at":"10.0.0.1:80","v":"1.5","c":"a: b","q":"it's \"so\"\n"}]}"#;
        let mut yaml = Vec::new();
        write_yaml(&mut yaml, json, super::YamlForm::Whole).unwrap();
        let yaml = String::from_utf8(yaml).unwrap();
        let wanted: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(value(&yaml).unwrap(), wanted, "{yaml}");
        assert!(yaml.starts_with("version: 1\na: []\n"), "{yaml}");
        assert!(
            yaml.contains(
                "services:\n  - id: tcp://[2001:db8::1]:80\n    w: \"10\"\n    \"no\": \"no\"\n"
            ),
            "{yaml}"
        );
    }
}
