//! Draining real servers, and undoing that: the functions of `std/drain` with the words of the command line.

use serde_json::{Map, Value};

use super::args::Globals;
use super::context::Context;
use super::drain_args::{DrainArguments, UndrainArguments, word};
use super::failure::Failure;
use super::outcome::CommandOutcome;
use super::script::{Shown, built_in};
use crate::model::ServiceKey;
use crate::render::{Rows, columns};
use crate::results::DrainedShape;

/// What runs for `ipvsh drain`.
const DRAIN: &str = "import \"std/drain\" as drain;\nlet given = parse_json(args()[0]);\ndrain::server(given.server, given.options);\n";
/// What runs for `ipvsh drain --list`.
const LIST: &str = "import \"std/drain\" as drain;\ndrain::drained()\n";
/// What runs for `ipvsh undrain`.
const UNDRAIN: &str = "import \"std/drain\" as drain;\nlet given = parse_json(args()[0]);\ndrain::restore(given.server, given.options);\n";

/// Returns services as the language names them.
fn services(keys: &[String]) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for key in keys {
        found.push(ServiceKey::parse(key)?.to_string());
    }
    Ok(found)
}

/// Drains a real server, or lists what is drained.
pub(super) fn drain(
    context: &Context,
    globals: &Globals,
    arguments: &DrainArguments,
) -> Result<CommandOutcome, Failure> {
    let Some(server) = &arguments.server else {
        let ending = built_in(context, globals, ("drain", LIST, &Value::Null), Shown::Look)?;
        return list(context, globals, ending);
    };
    let mut options = Map::new();
    let mut give = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            options.insert(name.to_owned(), value.into());
        }
    };
    give("deadline", arguments.deadline.clone());
    give("then", arguments.then.map(word));
    give("late", arguments.late.map(word));
    give("interrupted", arguments.interrupted.map(word));
    give("reason", arguments.reason.clone());
    options.insert("services".to_owned(), services(&arguments.service)?.into());
    let given = arguments_of(server, options);
    let shown = if arguments.dry_run {
        Shown::Plan
    } else {
        Shown::Nothing
    };
    built_in(context, globals, ("drain", DRAIN, &given), shown)
}

/// Returns what a script of the library is given.
fn arguments_of(server: &str, options: Map<String, Value>) -> Value {
    let options = Value::Object(options);
    Value::Object(Map::from_iter([
        ("server".to_owned(), server.into()),
        ("options".to_owned(), options),
    ]))
}

/// Shows what is drained as a table, unless JSON is wanted.
fn list(
    context: &Context,
    globals: &Globals,
    ending: CommandOutcome,
) -> Result<CommandOutcome, Failure> {
    let CommandOutcome::ScriptDone {
        value: Some(value), ..
    } = &ending
    else {
        return Ok(ending);
    };
    let found: Value = value
        .json()
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    if globals.json {
        return context.print_rows(&DrainedShape::new(found), Some("drained"));
    }
    /// The columns.
    const FIELDS: [&str; 7] = [
        "server",
        "service",
        "state",
        "connections",
        "since",
        "by",
        "reason",
    ];
    let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        context.ui.status("nothing is drained");
        return Ok(CommandOutcome::Shown);
    }
    let cell = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = Rows {
        titles: FIELDS.map(str::to_ascii_uppercase).into(),
        cells: rows
            .iter()
            .map(|row| FIELDS.map(|field| cell(&row[field])).into())
            .collect(),
    };
    let text = columns(&rows, context.ui.width());
    context.ui.line(text.trim_end()).map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Gives a real server its weights back.
pub(super) fn undrain(
    context: &Context,
    globals: &Globals,
    arguments: &UndrainArguments,
) -> Result<CommandOutcome, Failure> {
    let mut options = Map::new();
    options.insert("services".to_owned(), services(&arguments.service)?.into());
    if let Some(weight) = arguments.weight {
        options.insert("weight".to_owned(), weight.into());
    }
    if let Some(reason) = &arguments.reason {
        options.insert("reason".to_owned(), reason.clone().into());
    }
    let given = arguments_of(&arguments.server, options);
    let shown = if arguments.dry_run {
        Shown::Plan
    } else {
        Shown::Commit
    };
    built_in(context, globals, ("undrain", UNDRAIN, &given), shown)
}
