//! A script's own options: `options(#{server: (), deadline: "10m", yes: false})`.
//!
//! The map is the whole description: the names, and by the defaults whether an option must be given and what it
//! takes. The same description feeds `ipvsh run FILE --help`.

use rhai::{ASTNode, Array, Dynamic, Expr, Map, OptimizationLevel, Stmt};

use super::engine::builtin_engine;
use super::error::ScriptError;
use super::failure::ScriptFailure;
use super::runner::Script;
use super::values::DurationValue;
use crate::model::{parse_duration, suggestion};

/// What an option takes, by its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Required,
    Flag,
    Whole,
    Fraction,
    Length,
    List,
    Text,
    WorkedOut,
}

/// Stands for a default that is worked out when the script runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkedOut;

fn kind(default: &Dynamic) -> Kind {
    match default.type_name() {
        "()" => Kind::Required,
        "bool" => Kind::Flag,
        "i64" => Kind::Whole,
        "f64" => Kind::Fraction,
        "array" => Kind::List,
        _ if default.clone().try_cast::<DurationValue>().is_some() => Kind::Length,
        _ if default.clone().try_cast::<WorkedOut>().is_some() => Kind::WorkedOut,
        _ => Kind::Text,
    }
}

/// Returns an option as it is typed.
fn typed(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// Returns the usage line of a script.
pub(super) fn usage(script: &str, known: &Map) -> String {
    let mut words = vec![format!("usage: {script}")];
    let describe = |name: &str, default: &Dynamic| {
        let option = typed(name);
        let value = name.to_uppercase();
        match kind(default) {
            Kind::Required => format!("{option} {value}"),
            Kind::Flag => format!("[{option}]"),
            Kind::List => format!("[{option} {value}]..."),
            Kind::WorkedOut => format!("[{option} {value}]"),
            _ => format!("[{option} {}]", super::values::plain_text(default)),
        }
    };
    let (required, optional): (Vec<_>, Vec<_>) = known
        .iter()
        .partition(|(_, default)| kind(default) == Kind::Required);
    words.extend(
        required
            .iter()
            .map(|(name, default)| describe(name, default)),
    );
    words.extend(
        optional
            .iter()
            .map(|(name, default)| describe(name, default)),
    );
    words.join(" ")
}

fn wrong(script: &str, known: &Map, message: String) -> ScriptError {
    let mut error = ScriptError::new("usage", message);
    error.set_hint(usage(script, known));
    error
}

/// Reads arguments by the description of a script.
pub(super) fn read(script: &str, known: &Map, arguments: &[String]) -> Result<Map, ScriptError> {
    let mut values = known.clone();
    let mut given: Vec<String> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(body) = argument.strip_prefix("--") else {
            return Err(wrong(
                script,
                known,
                format!("unexpected argument {argument}: options begin with --"),
            ));
        };
        let (name, inline) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        let (key, negated) = key_of(known, name).ok_or_else(|| unknown(script, known, name))?;
        let default = known.get(key.as_str()).cloned().unwrap_or_default();
        if negated && inline.is_some() {
            return Err(wrong(
                script,
                known,
                format!("--{name} takes no value: it turns {} off", typed(&key)),
            ));
        }
        let value = match (kind(&default), inline) {
            (Kind::Flag, None) => Some((!negated).to_string()),
            (_, Some(value)) => Some(value),
            (_, None) => rest.next().cloned(),
        };
        let value =
            value.ok_or_else(|| wrong(script, known, format!("{argument} needs a value")))?;
        let value = parsed(&default, &value).map_err(|expected| {
            wrong(
                script,
                known,
                format!("{} is {expected}, not {value}", typed(&key)),
            )
        })?;
        let is_list = kind(&default) == Kind::List;
        match values.get_mut(key.as_str()) {
            Some(place) if is_list && given.contains(&key) => {
                if let Some(mut list) = place.write_lock::<Array>() {
                    list.push(value);
                }
            }
            Some(place) if is_list => *place = vec![value].into(),
            Some(_) if given.contains(&key) => {
                return Err(wrong(
                    script,
                    known,
                    format!("{} is given twice", typed(&key)),
                ));
            }
            Some(place) => *place = value,
            None => {}
        }
        given.push(key);
    }
    let missing = known
        .iter()
        .find(|(name, default)| default.is_unit() && !given.iter().any(|key| key == name.as_str()));
    match missing {
        Some((name, _)) => Err(wrong(script, known, format!("{} is missing", typed(name)))),
        None => Ok(values),
    }
}

/// Finds the key of an option as typed; `--no-x` turns a flag off.
fn key_of(known: &Map, name: &str) -> Option<(String, bool)> {
    let key = name.replace('-', "_");
    if known.contains_key(key.as_str()) {
        return Some((key, false));
    }
    let key = key.strip_prefix("no_")?;
    let is_flag = known
        .get(key)
        .is_some_and(|default| kind(default) == Kind::Flag);
    is_flag.then(|| (key.to_owned(), true))
}

fn unknown(script: &str, known: &Map, name: &str) -> ScriptError {
    let options: Vec<String> = known.keys().map(|key| typed(key)).collect();
    let given = format!("--{name}");
    let near = suggestion(&given, options.iter().map(String::as_str));
    let message = match near {
        Some(near) => format!("there is no option {given}: did you mean {near}?"),
        None => format!("there is no option {given}"),
    };
    wrong(script, known, message)
}

/// Reads a value as the default's kind asks, or returns what was expected.
fn parsed(default: &Dynamic, text: &str) -> Result<Dynamic, &'static str> {
    Ok(match kind(default) {
        Kind::Flag => text.parse::<bool>().map_err(|_| "true or false")?.into(),
        Kind::Whole => text.parse::<i64>().map_err(|_| "a whole number")?.into(),
        Kind::Fraction => text.parse::<f64>().map_err(|_| "a number")?.into(),
        Kind::Length => {
            let length = parse_duration(text);
            Dynamic::from(DurationValue(
                length.map_err(|_| "a duration such as 90s, 10m or 1h30m")?,
            ))
        }
        Kind::Required | Kind::List | Kind::Text | Kind::WorkedOut => text.into(),
    })
}

/// Describes a script for `--help`: what its first comment says, and its options, if they can be read.
pub(super) fn help(
    script: &str,
    comment: &str,
    known: Option<&Map>,
    reads_arguments: bool,
) -> String {
    let mut text = comment.trim_end().to_owned();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let Some(known) = known else {
        text.push_str(&if reads_arguments {
            format!(
                "usage: {script} ARGUMENTS...\n\nThe script reads its arguments itself; `ipvsh run {script} -- --help` hands --help to it.\n"
            )
        } else {
            format!("usage: {script}\n\nThe script takes no arguments.\n")
        });
        return text;
    };
    text.push_str(&usage(script, known));
    text.push_str("\n\n");
    for (name, default) in known {
        let takes = match kind(default) {
            Kind::Required => "required".to_owned(),
            Kind::Flag => format!("true or false, {default} unless given"),
            Kind::List => "may come several times".to_owned(),
            Kind::WorkedOut => "worked out by the script unless given".to_owned(),
            Kind::Whole => format!("a whole number, {default} unless given"),
            Kind::Fraction => format!("a number, {default} unless given"),
            Kind::Length | Kind::Text => {
                format!("{} unless given", super::values::plain_text(default))
            }
        };
        text.push_str(&format!("  {:<20} {takes}\n", typed(name)));
    }
    text
}

/// Describes a script without running it: its first comment, and its options as far as the map that it gives to
/// `options` can be read.
///
/// # Errors
/// [`ScriptFailure::Compile`] if it is no script.
pub fn describe_options(script: &Script) -> Result<String, ScriptFailure> {
    let mut engine = builtin_engine();
    engine.set_optimization_level(OptimizationLevel::Simple);
    let ast = engine
        .compile(script.compilable())
        .map_err(|error| ScriptFailure::of_parse(script, &error))?;
    let mut known = None;
    let mut reads_arguments = false;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let call = match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) => {
                call
            }
            _ => return true,
        };
        match call.name.as_str() {
            "options" => known = call.args.first().and_then(described),
            "args" => reads_arguments = true,
            _ => {}
        }
        reads_arguments |= call.name == "options" && known.is_none();
        known.is_none()
    });
    let comment = first_comment(&script.source);
    let options = known.as_ref();
    Ok(help(&script.path, &comment, options, reads_arguments))
}

/// What a script does with the arguments behind its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentsTaken {
    /// Nothing: it never asks for them.
    None,
    /// It has options, and an argument that is none of them is an error.
    Options,
    /// It reads them by itself, or something that it imports may.
    All,
}

/// Finds out what a script does with its arguments. One that can't be compiled takes all: why is said elsewhere.
#[must_use]
pub fn arguments_taken(script: &Script) -> ArgumentsTaken {
    let Ok(ast) = builtin_engine().compile(script.compilable()) else {
        return ArgumentsTaken::All;
    };
    let mut taken = ArgumentsTaken::None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) => {
                match call.name.as_str() {
                    "options" if taken == ArgumentsTaken::None => taken = ArgumentsTaken::Options,
                    "args" | "eval" => taken = ArgumentsTaken::All,
                    _ => {}
                }
            }
            // The built-in library takes no arguments; a file of the user may.
            Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                let named = import.0.get_literal_value(None);
                let named = named.and_then(|name| name.into_string().ok());
                if !named.is_some_and(|name| name.starts_with("std/")) {
                    taken = ArgumentsTaken::All;
                }
            }
            _ => {}
        }
        true
    });
    taken
}

/// Reads the map that describes options; what has to be worked out is known by name alone.
fn described(argument: &Expr) -> Option<Map> {
    match argument {
        Expr::DynamicConstant(value, _) => value.read_lock::<Map>().map(|map| map.clone()),
        Expr::Map(fields, _) => {
            let fields = fields.0.iter();
            let read = fields.map(|(name, value)| {
                let value = value.get_literal_value(None);
                let value = value.unwrap_or_else(|| Dynamic::from(WorkedOut));
                (name.name.as_str().into(), value)
            });
            Some(read.collect())
        }
        _ => None,
    }
}

/// Returns the comment that a script begins with, without its strokes.
fn first_comment(source: &str) -> String {
    let lines = source.lines().skip_while(|line| line.starts_with("#!"));
    let comment = lines.map_while(|line| line.strip_prefix("//"));
    let lines: Vec<&str> = comment
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    lines.join("\n")
}
