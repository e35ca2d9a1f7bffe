//! The options of `top`.

use std::time::Duration;

use clap::Args;

use super::looking_back_args::LookingBack;
use super::option_values::confirm_time;
use crate::top::{Column, View};

#[derive(Clone, Debug, Args)]
pub(super) struct TopArguments {
    /// Begin with addresses that serve, each once, summed over the services that they are in
    #[arg(long, conflicts_with_all = ["clients", "drains"])]
    pub(super) servers: bool,
    /// Begin with the networks of clients
    #[arg(long, conflicts_with = "drains")]
    pub(super) clients: bool,
    /// Begin with what is drained
    #[arg(long)]
    pub(super) drains: bool,
    /// How often the table is read
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = confirm_time)]
    pub(super) interval: Duration,
    /// Sort by a column: name, active, connections_per_second and so on; `-active` is the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true, value_parser = sorting)]
    pub(super) sort: Option<(Column, bool)>,
    /// Only lines of which this is true, as in 'weight == 0', or whose name has this in it
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// Print one table and end; rates take two readings
    #[arg(long)]
    pub(super) once: bool,
    #[command(flatten)]
    pub(super) back: LookingBack,
}

impl TopArguments {
    /// Returns what to begin with.
    pub(super) const fn view(&self) -> View {
        if self.servers {
            View::Servers
        } else if self.clients {
            View::Clients
        } else if self.drains {
            View::Drains
        } else {
            View::Services
        }
    }
}

/// Reads by which column to sort.
fn sorting(text: &str) -> Result<(Column, bool), String> {
    let (name, is_reversed) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let columns = || View::ALL.iter().flat_map(|view| view.columns());
    let found = columns().find(|column| column.word() == name);
    found.map(|column| (*column, is_reversed)).ok_or_else(|| {
        let mut names: Vec<&str> = columns().map(|column| column.word()).collect();
        names.sort_unstable();
        names.dedup();
        format!(
            "there is no column of that name; there are {}",
            names.join(", ")
        )
    })
}
