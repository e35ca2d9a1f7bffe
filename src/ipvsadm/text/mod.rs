//! Writing texts: listings and save lines to the byte, and changes as commands.

mod bytes;
mod commands;
mod connections;
mod label;
mod layout;
mod order;
mod save;
mod shell;

pub use commands::{change_commands, plan_commands, plan_difference, table_commands};
pub use connections::{connection_rows, connection_titles};
pub use label::{NameLookup, Numeric};
pub use layout::{Layout, Listing, VERSION_LINE, daemons, listing, timeouts};
pub use order::{sort_servers, sort_services};
pub use save::save;
pub use shell::shell_word;
