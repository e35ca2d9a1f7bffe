//! `ipvsh man`: man pages of every command and every page of the manual, made by the program that they are about.

use std::path::Path;

use super::args::ManArguments;
use super::context::Context;
use super::examples::program;
use super::failure::Failure;
use super::outcome::CommandOutcome;
use crate::files;
use crate::manual::{REVISED, TOPICS, man_page, tidy};
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

fn page(command: &clap::Command, name: &str) -> String {
    let named = command.clone().display_name(name.to_owned());
    let man = clap_mangen::Man::new(named)
        .title(name.to_uppercase())
        .section("1")
        .date(REVISED)
        .source(format!("ipvsh {VERSION}"))
        .manual("ipvsh");
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _infallible = man.render(&mut bytes);
    tidy(&String::from_utf8_lossy(&bytes))
}
