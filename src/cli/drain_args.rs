//! What is typed to drain a real server.

use clap::{Args, ValueEnum};

use super::format::Format;
use crate::model::Selector;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Then {
    /// It stays, at weight 0
    Keep,
    /// It is deleted
    Remove,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Late {
    /// Its weights come back, and the command fails
    Restore,
    /// It stays, at weight 0
    Keep,
    /// It is deleted, and what is left of its connections is cut
    Remove,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Interrupted {
    /// Its weights come back
    Restore,
    /// It stays, at weight 0
    Keep,
}

/// Returns the word of a choice.
pub(super) fn word(choice: impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Clone, Debug, Args)]
pub(super) struct DrainArguments {
    /// With --list, how it is printed; `--json` is `-o json`
    #[arg(
        long,
        short = 'o',
        value_enum,
        value_name = "FORMAT",
        requires = "list"
    )]
    pub(super) format: Option<Format>,
    /// The real server: SERVER or its address (in every service), KEY/SERVER, KEY for all of a service, or a pattern with `*`
    #[arg(required_unless_present = "list", value_name = "OBJECT", value_parser = object)]
    pub(super) server: Option<String>,
    /// List what is drained: since when, by whom, why
    #[arg(long, conflicts_with_all = ["server", "dry_run", "service", "deadline", "then", "late", "interrupted", "reason"])]
    pub(super) list: bool,
    /// Only in this service; can be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) service: Vec<String>,
    /// How long to wait for its connections to end [10m; of a drain that goes on, what is left of its time]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) deadline: Option<String>,
    /// What becomes of it when it is drained [default: keep]
    #[arg(long, value_name = "WHAT")]
    pub(super) then: Option<Then>,
    /// What becomes of it when the deadline has passed [default: restore]
    #[arg(long, value_name = "WHAT")]
    pub(super) late: Option<Late>,
    /// What becomes of it when this is interrupted [default: restore]
    #[arg(long, value_name = "WHAT")]
    pub(super) interrupted: Option<Interrupted>,
    /// Why; the journal keeps it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Show what would change and what stands in the way, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct UndrainArguments {
    /// The real server: SERVER or its address (in every service), KEY/SERVER, KEY for all of a service, or a pattern with `*`
    #[arg(value_name = "OBJECT", value_parser = object)]
    pub(super) server: String,
    /// Only in this service; can be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) service: Vec<String>,
    /// This weight instead of those that the journal knows
    #[arg(long, value_name = "NUMBER", value_parser = super::option_values::number::<u32>)]
    pub(super) weight: Option<u32>,
    /// Why; the journal keeps it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
}

/// Makes sure that a text names something, and writes it as the language does.
fn object(text: &str) -> Result<String, String> {
    Selector::parse(text)
        .map(|selector| selector.to_string())
        .map_err(|error| error.expected)
}

/// Makes sure that a text is a time.
fn time(text: &str) -> Result<String, String> {
    let parsed = crate::model::parse_duration(text);
    parsed.map(|_| text.to_owned()).map_err(str::to_owned)
}
