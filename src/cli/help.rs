//! `ipvsh help`: one door to the manual, the commands, the script language, error kinds and exit statuses.

use super::context::Context;
use super::examples::program;
use super::failure::Failure;
use super::manual_args::HelpArguments;
use super::outcome::CommandOutcome;
use super::pager;
use crate::manual::{self, TOPICS};
use crate::model::{shown, suggestion};
use crate::script::{DEFINITIONS, REFERENCE, help as help_on, named as named_in_scripts};

/// No line of prose is easy to read that is longer.
const WIDEST: usize = 100;

/// Prints what there is to say of a name; without one, what there is.
pub(super) fn help(
    context: &Context,
    arguments: &HelpArguments,
) -> Result<CommandOutcome, Failure> {
    let width = context.ui.width().unwrap_or(WIDEST).min(WIDEST);
    let name = arguments.name.join(" ");
    let text = if arguments.reference {
        REFERENCE.trim_end().to_owned()
    } else if arguments.definitions {
        DEFINITIONS.trim_end().to_owned()
    } else if !arguments.keyword.is_empty() {
        found(&arguments.keyword.join(" "))?
    } else if name.is_empty() {
        overview()
    } else {
        explained(&name, width)?
    };
    let printed = if arguments.reference || arguments.definitions {
        context.ui.line(&text)
    } else {
        pager::print(&context.ui, &text)
    };
    printed.map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Returns the commands with what each does, in one line.
fn commands() -> Vec<(String, String)> {
    let program = program();
    let shown = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    shown
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            (command.get_name().to_owned(), about.unwrap_or_default())
        })
        .collect()
}

/// Returns the help of a command, or of one below it such as `history show`.
fn command_help(name: &str) -> Option<String> {
    let mut program = program();
    program.build();
    let mut command = &mut program;
    for word in name.split(' ') {
        command = command.find_subcommand_mut(word)?;
    }
    if command.is_hide_set() {
        return None;
    }
    Some(command.render_long_help().to_string())
}

/// Returns the page of the manual on a name: a topic, a kind of error, an exit status. None of these is named as a command is.
fn page(name: &str, width: usize) -> Option<String> {
    if let Some(topic) = manual::topic(name) {
        return Some(manual::text(topic.page, width));
    }
    if let Some(section) = manual::error_kind(name) {
        let page = format!("# Error kind {name}\n\n{}", section.body);
        return Some(manual::text(&page, width));
    }
    let meaning = manual::exit_status(name)?;
    let page =
        format!("# Exit status {name}\n\n{meaning}.\n\nAll exit statuses: `ipvsh help formats`.");
    Some(manual::text(&page, width))
}

/// Returns what there is to say of a name: of the command, of the page, or of what the script language has; and how to ask for what
/// else has that name.
fn explained(name: &str, width: usize) -> Result<String, Failure> {
    let command = command_help(name);
    let is_command = command.is_some();
    let Some(text) = command.or_else(|| page(name, width)) else {
        return of_the_language(name);
    };
    let mut text = text.trim_end().to_owned();
    let also: Vec<String> = named_in_scripts(name)
        .iter()
        .map(|full| format!("`ipvsh help {full}`"))
        .collect();
    if !also.is_empty() {
        text.push_str(&format!("\n\nIn the script language: {}", also.join(", ")));
    }
    if is_command {
        let topics: Vec<String> = pages_on_command(name)
            .iter()
            .map(|topic| format!("`ipvsh help {topic}`"))
            .collect();
        if !topics.is_empty() {
            text.push_str(&format!("\n\nIn the manual: {}", topics.join(", ")));
        }
    }
    Ok(text)
}

/// Returns the pages that show a command, those that do so most often first.
pub(super) fn pages_on_command(name: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    let typed = [
        format!("ipvsh {name}"),
        format!("`{name}`"),
        format!("`{name} "),
    ];
    let shows = |page: &str| typed.iter().map(|typed| page.matches(typed).count()).sum();
    let mut pages: Vec<(usize, &str)> = TOPICS
        .iter()
        .map(|topic| (shows(topic.page), topic.name))
        .filter(|(count, name)| *count > 0 && *name != "commands")
        .collect();
    pages.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    pages.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// Returns what the script language has of that name, or what is near it.
fn of_the_language(name: &str) -> Result<String, Failure> {
    if name.parse::<i64>().is_ok() {
        return Err(Failure::Usage {
            text: format!("there is no exit status {name}"),
            hint: Some("`ipvsh help formats` lists them".to_owned()),
        });
    }
    if named_in_scripts(name).is_empty()
        && let Ok(speaking) = found(name)
    {
        return Ok(format!(
            "Nothing is called `{}`; these speak of it.\n\n{speaking}",
            shown(name)
        ));
    }
    let told = help_on(name).map_err(|text| {
        let commands = commands();
        let known = commands
            .iter()
            .map(|(command, _)| command.as_str())
            .chain(TOPICS.iter().map(|topic| topic.name));
        // A full name of the language is near one of the language.
        match suggestion(name, known).filter(|_| !name.contains([':', '.'])) {
            Some(near) => format!(
                "there is no help on `{}`: did you mean `{near}`?",
                shown(name)
            ),
            None => text,
        }
    });
    told.map_err(|text| Failure::Usage {
        text,
        hint: Some("`ipvsh help` lists what there is, `ipvsh help -k WORD` searches".to_owned()),
    })
}

/// Returns what speaks of a word.
fn found(word: &str) -> Result<String, Failure> {
    if word.trim().is_empty() {
        return Err(Failure::usage(
            "`ipvsh help -k WORD` searches for a word; it is empty",
        ));
    }
    let mut parts = Vec::new();
    let lower = word.to_lowercase();
    let commands: Vec<String> = commands()
        .iter()
        .filter(|(name, about)| format!("{name} {about}").to_lowercase().contains(&lower))
        .map(|(name, about)| entry(name, about))
        .collect();
    if !commands.is_empty() {
        parts.push(format!(
            "Commands (ipvsh help COMMAND):\n{}",
            commands.join("\n")
        ));
    }
    let pages: Vec<String> = manual::search(word)
        .iter()
        .map(|(section, line)| {
            let place = format!("{}: {}", section.topic, section.heading);
            format!("  {place}\n{}", entry("", &plain(line)))
        })
        .collect();
    if !pages.is_empty() {
        parts.push(format!("Topics (ipvsh help TOPIC):\n{}", pages.join("\n")));
    }
    let functions: Vec<String> = crate::script::search(word)
        .iter()
        .map(|(name, summary)| entry(name, summary))
        .collect();
    if !functions.is_empty() {
        parts.push(format!(
            "Script language (ipvsh help NAME):\n{}",
            functions.join("\n")
        ));
    }
    if parts.is_empty() {
        return Err(Failure::Usage {
            text: format!("nothing in the manual speaks of `{}`", shown(word)),
            hint: Some("`ipvsh help` lists what there is".to_owned()),
        });
    }
    Ok(parts.join("\n\n"))
}

/// Returns a line of a page without its marks.
fn plain(line: &str) -> String {
    const UNBROKEN: usize = 10_000;
    let row = line
        .strip_prefix("| ")
        .map(|row| row.trim_end_matches(" |").replace(" | ", ": "));
    let line = row.as_deref().unwrap_or(line);
    manual::text(line, UNBROKEN).trim().to_owned()
}

/// Returns one line of a list: a name and what it is.
fn entry(name: &str, meaning: &str) -> String {
    let mut shown: String = meaning.chars().take(WIDEST).collect();
    if shown.len() < meaning.len() {
        shown.push('…');
    }
    format!("  {name:<16}  {}", shown.replace('`', ""))
}

/// Returns what there is help on.
fn overview() -> String {
    let topics: Vec<String> = TOPICS
        .iter()
        .map(|topic| entry(topic.name, topic.summary()))
        .collect();
    let commands: Vec<String> = commands()
        .iter()
        .map(|(name, about)| entry(name, about))
        .collect();
    let language = help_on("").unwrap_or_default();
    format!(
        "\
Topics of the manual (`ipvsh help TOPIC`):
{}

Commands (`ipvsh help COMMAND`, or `ipvsh COMMAND --help`):
{}

Error kinds and exit statuses: `ipvsh help conflict`, `ipvsh help 7`. To search: `ipvsh help -k WORD`.

The script language:

{language}",
        topics.join("\n"),
        commands.join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::{command_help, commands};
    use crate::manual::{TOPICS, error_kind, exit_status};

    #[test]
    fn no_command_is_named_as_a_page_is() {
        for (name, about) in commands() {
            assert!(command_help(&name).is_some() && !about.is_empty(), "{name}");
            assert!(TOPICS.iter().all(|topic| topic.name != name), "{name}");
            assert!(
                error_kind(&name).is_none() && exit_status(&name).is_none(),
                "{name}"
            );
        }
    }

    #[test]
    fn every_kind_of_error_is_explained() {
        // What the page of formats lists.
        let formats = crate::manual::topic("formats").unwrap();
        let kinds = formats
            .sections()
            .find(|section| section.heading == "Error kinds")
            .unwrap();
        let mut explained = 0;
        let (_, listed) = kinds.body.split_once("Error kinds are").unwrap();
        for kind in listed.split('`').skip(1).step_by(2) {
            if kind != "error" {
                assert!(error_kind(kind).is_some(), "{kind}");
                explained += 1;
            }
        }
        assert_eq!(explained, 22);
    }
}
