//! What is typed to look at the table.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::format::Printing;
use super::looking_back_args::LookingBack;
use super::option_values::duration;
use crate::model::RowKind;

/// What a list has a line for, where it is no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// A virtual service
    Service,
    /// An address, once, summed over the services that it is in
    Server,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ListArguments {
    /// A line for each of these, and no tree
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(super) by: Option<By>,
    /// Sort by fields, separated by commas; `-active` is the largest first
    #[arg(
        long,
        value_name = "FIELDS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(super) sort: Vec<String>,
    /// Only lines of which this is true: an expression over the fields, as in 'weight == 0 && active > 0'
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// These fields, separated by commas, in this order; `ipvsh help looking` names all
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// Go on looking, every 2 s or as often as TIME says: on a terminal the list as it is; with `-o jsonl` a line for each change
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "2s", value_parser = duration, conflicts_with = "at")]
    pub(super) watch: Option<Duration>,
    #[command(flatten)]
    pub(super) back: LookingBack,
    #[command(flatten)]
    pub(super) printing: Printing,
    /// Show these only: KEY, KEY/SERVER, SERVER, or a pattern with `*`
    #[arg(value_name = "OBJECT")]
    pub(super) objects: Vec<String>,
}

impl ListArguments {
    /// Returns what the list has a line for.
    pub(super) const fn kind(&self) -> RowKind {
        match self.by {
            None => RowKind::Destination,
            Some(By::Service) => RowKind::Service,
            Some(By::Server) => RowKind::Server,
        }
    }
}
