//! The table as it lives: what `ipvsh top` shows, whatever draws it.
//!
//! [`History`] measures rates between snapshots, [`View`] says which lines there are, [`App`] what is shown of them and what a key does. None of
//! it reads a table, a clock or a terminal: snapshots come in, and what is wanted of the outside goes out as a [`Wish`]. No key changes
//! a table.

mod app;
mod cell;
mod choice;
mod clients;
mod details;
#[cfg(feature = "tui")]
mod draw;
mod history;
mod keys;
mod lines;
mod sheet;
mod sight;
mod steps;
mod tick;
mod view;

pub use app::{App, Wish};
pub use choice::What;
pub use clients::{Clients, Mask};
#[cfg(feature = "tui")]
pub use draw::{LEAST_HEIGHT, LEAST_WIDTH, draw};
pub use history::{History, Measured};
pub use sheet::Sheet;
pub use view::{Column, View};
