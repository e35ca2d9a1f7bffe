//! The native command line. The only place that reads arguments and decides on exit statuses.
//!
//! `args` is what can be typed, `parse` reads it, `run` is what it leads to, `outcome` what that shows, `failure` how every error becomes text and a
//! status.
//! `ipvsadm` is the drop-in for the original, which has a command line and statuses of its own.

mod args;
mod ask;
mod change;
mod change_args;
mod completion;
mod configuration;
mod confirm_watcher;
mod connections;
mod connections_args;
mod context;
mod diff;
mod document;
mod drain;
mod drain_args;
mod editor;
mod examples;
mod export;
mod export_args;
mod failure;
mod format;
mod help;
mod history;
mod info;
mod ipvsadm;
mod journal_args;
mod large_stack;
mod list;
mod list_args;
mod list_watch;
mod live;
mod looking_back;
mod looking_back_args;
mod man;
mod manual_args;
mod narrator;
mod notify;
mod open;
mod option_values;
mod outcome;
mod pager;
mod parse;
mod prompt;
mod record;
mod record_args;
mod report;
mod run;
mod save;
mod script;
mod script_arguments;
mod script_file;
mod server_numbers;
mod settings;
mod settings_file;
mod simulate;
mod simulate_args;
mod spaced;
mod table_file;
mod test;
mod top;
mod top_args;
#[cfg(feature = "tui")]
mod top_screen;
mod undo;

pub use ipvsadm::drop_in;
pub use run::run;
