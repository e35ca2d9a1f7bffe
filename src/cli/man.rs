//! `ipvsh man`: man pages of every command and every page of the manual, made by the program that they are about.

use std::io::Write;
use std::path::Path;

use super::context::Context;
use super::examples::{self, program};
use super::failure::Failure;
use super::help::pages_on_command;
use super::manual_args::ManArguments;
use super::outcome::CommandOutcome;
use crate::files;
use crate::manual::{self, REVISED, TOPICS, man_page, see_also, synopsis, terms, tidy};
use crate::model::{reason, shown};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes all pages: `ipvsh.1`, `ipvsh-COMMAND.1` and `ipvsh-TOPIC.7`.
pub(super) fn man(context: &Context, arguments: &ManArguments) -> Result<CommandOutcome, Failure> {
    let folder = Path::new(&arguments.out);
    let mut pages = commands();
    for topic in TOPICS {
        pages.push((format!("ipvsh-{}.7", topic.name), man_page(topic, VERSION)));
    }
    for (name, page) in &pages {
        let path = folder.join(name);
        files::replace(&path, |out| out.write_all(page.as_bytes())).map_err(|error| {
            Failure::Output(std::io::Error::new(
                error.kind(),
                format!("{}: {}", shown(&path.display().to_string()), reason(&error)),
            ))
        })?;
    }
    context.ui.status(&format!(
        "{} man pages are in {}",
        pages.len(),
        shown(&arguments.out)
    ));
    Ok(CommandOutcome::Shown)
}

/// Returns the pages of the program and of each command, with their names.
fn commands() -> Vec<(String, String)> {
    let mut program = program();
    program.build();
    let mut pages = vec![("ipvsh.1".to_owned(), page(&program, "ipvsh"))];
    let mut waiting: Vec<(String, &clap::Command)> = program
        .get_subcommands()
        .map(|command| (format!("ipvsh-{}", command.get_name()), command))
        .collect();
    while let Some((name, command)) = waiting.pop() {
        if command.is_hide_set() {
            continue;
        }
        waiting.extend(
            command
                .get_subcommands()
                .map(|below| (format!("{name}-{}", below.get_name()), below)),
        );
        pages.push((format!("{name}.1"), page(command, &name)));
    }
    pages.sort();
    pages
}

/// Returns the page of a command; `name` is that of the page, as in `ipvsh-history-show`.
fn page(command: &clap::Command, name: &str) -> String {
    let words = name.replace('-', " ");
    let own = words.strip_prefix("ipvsh ").unwrap_or_default();
    // Where the short help leaves an option out, the page does not.
    let named = command.clone().display_name(name.to_owned());
    let named = named.mut_args(|argument| argument.hide_short_help(false));
    let usage = named.clone().render_usage().to_string();
    let usages: Vec<String> = usage
        .trim_start_matches("Usage: ")
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    let examples: Vec<(String, &str)> = examples::of(own)
        .iter()
        .map(|(line, meaning)| (format!("ipvsh {line}"), *meaning))
        .collect();
    let mut also = vec![("ipvsh".to_owned(), 1)];
    if own.is_empty() {
        also.clear();
    }
    let topics: Vec<&str> = if own.is_empty() {
        TOPICS.iter().map(|topic| topic.name).collect()
    } else {
        pages_on_command(own)
    };
    also.extend(topics.iter().map(|topic| (format!("ipvsh-{topic}"), 7)));
    let man = clap_mangen::Man::new(named)
        .title(name.to_uppercase())
        .section("1")
        .date(REVISED)
        .source(format!("ipvsh {VERSION}"))
        .manual("ipvsh");
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _infallible = man
        .render_title(&mut bytes)
        .and_then(|()| man.render_name_section(&mut bytes))
        .and_then(|()| bytes.write_all(synopsis(&usages).as_bytes()))
        .and_then(|()| man.render_description_section(&mut bytes))
        .and_then(|()| man.render_options_section(&mut bytes));
    if command.has_subcommands() {
        let _infallible = man.render_subcommands_section(&mut bytes);
    }
    if !examples.is_empty() {
        bytes.extend(terms("EXAMPLES", &examples).into_bytes());
    }
    if own.is_empty() {
        let statuses: Vec<(String, &str)> = (0..=u8::MAX)
            .filter_map(|status| {
                let meaning = manual::exit_status(&status.to_string())?;
                Some((status.to_string(), meaning))
            })
            .collect();
        bytes.extend(terms("EXIT STATUS", &statuses).into_bytes());
    }
    bytes.extend(see_also(&also).into_bytes());
    tidy(&String::from_utf8_lossy(&bytes))
}
