//! What stands behind a script's name, and may not be passed over.

use super::failure::Failure;
use crate::script::{ArgumentsTaken, Script, arguments_taken};

/// Names of options of ours that must not hide among a script's own arguments, whatever the script takes.
const GLOBAL_NAMES: [&str; 5] = ["--sim", "--sim-state", "--dry-run", "--netns", "--json"];
/// Further ones, which a script may have as options of its own.
const OTHER_NAMES: [&str; 16] = [
    "--label",
    "--guard",
    "--override",
    "--no-journal",
    "--state-dir",
    "--lock-wait",
    "--max-size",
    "--color",
    "--quiet",
    "--step",
    "--from",
    "--junit",
    "--max-operations",
    "--max-memory",
    "--allow-read",
    "--allow-write",
];

/// Returns whether help on a script is asked for; behind `--`, arguments are the script's own business.
pub(super) fn wants_help(arguments: &[String]) -> bool {
    let before = arguments.iter().take_while(|argument| *argument != "--");
    before
        .into_iter()
        .any(|argument| argument == "--help" || argument == "-h")
}

/// Makes a script of a file and its own arguments. Options of ours among these are refused unless they stand behind `--`, and
/// so is everything where the script asks for no arguments: it would be passed over.
pub(super) fn script_of(
    path: &str,
    source: String,
    arguments: &[String],
) -> Result<Script, Failure> {
    let mut script = Script {
        path: path.to_owned(),
        source,
        arguments: Vec::new(),
    };
    if arguments.is_empty() || wants_help(arguments) {
        return Ok(script);
    }
    let taken = arguments_taken(&script);
    script.arguments = own_arguments(arguments, taken)?;
    match script.arguments.first() {
        Some(first) if taken == ArgumentsTaken::None => Err(Failure::Usage {
            text: format!("{path} takes no arguments, and {first} is one"),
            hint: Some(format!(
                "options of ipvsh stand before the script's name; `ipvsh run {path} --help` tells of it"
            )),
        }),
        _ => Ok(script),
    }
}

fn own_arguments(arguments: &[String], taken: ArgumentsTaken) -> Result<Vec<String>, Failure> {
    let mut own = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            own.extend(rest.cloned());
            break;
        }
        let name = argument
            .split_once('=')
            .map_or(argument.as_str(), |(name, _)| name);
        let is_ours = GLOBAL_NAMES.contains(&name)
            || (taken != ArgumentsTaken::Options && OTHER_NAMES.contains(&name));
        if is_ours {
            return Err(Failure::Usage {
                text: format!(
                    "{argument} comes after the script's name, so it would be passed to the script"
                ),
                hint: Some(format!(
                    "write it before the script's name, as in `ipvsh run {argument} FILE`, or behind -- if it is meant for the script"
                )),
            });
        }
        own.push(argument.clone());
    }
    Ok(own)
}
