//! Reading lines: what was typed, and what it means.
//!
//! `grammar` takes the words of a line as libpopt does; `lower` makes of them a [`Line`], with `service` and `server` for the
//! options of these, `values` for numbers and addresses, `names` and `resolver` for what has a name, and `matrix` for what goes with
//! what. `typed` tells lines of it from others. `line_error` has the texts of the original.

mod grammar;
mod line_error;
mod lower;
mod matrix;
mod names;
mod resolver;
mod server;
mod service;
mod typed;
mod values;

pub(crate) use grammar::{Command, Field, Manner};
pub(crate) use line_error::LineError;
pub(crate) use lower::{Line, Meaning, Present, read};
pub(crate) use names::{Names, Reading};
pub(crate) use typed::{Program, Typed, typed};
