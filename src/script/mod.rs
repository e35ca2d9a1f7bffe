//! The Rhai host: the only place that knows the script language.
//!
//! Bindings are thin: convert, call `session`, convert back. Values handed to scripts are snapshots; only verbs
//! change the world. Every failure is a `ScriptError`, which a script can catch and whose uncaught form
//! shows file, line, column and caret. Limits and signals end a script between two operations.
//!
//! `runner` runs a script, `engine` builds the sandbox, `blocks` has `transaction` and `rehearse`.

mod backstop;
mod bind;
mod blocks;
mod check;
mod convert;
mod convert_daemon;
mod definitions;
mod engine;
mod error;
mod failure;
mod host;
pub mod keys;
mod limits;
mod lints;
mod lookup;
mod modules;
mod options;
mod permission;
mod reference;
mod rhai_errors;
mod runbooks;
mod runner;
mod shell;
mod values;
mod watch;

pub use check::check;
pub use definitions::DEFINITIONS;
pub use failure::{Frame, ScriptFailure, SourceTexts};
pub use host::Output;
pub use limits::Limits;
pub use lookup::{named, search};
pub use modules::library_modules;
pub use options::{ArgumentsTaken, arguments_taken, describe_options};
pub use permission::{Allowed, Permissions};
pub use reference::{Entry, REFERENCE, entries, help, library_entries};
pub use rhai_errors::NAMESPACES;
pub use runner::{Ran, RunEnvironment, Script, run};
pub use shell::{Completeness, Evaluated, Shell, completeness};
pub use values::{TooLarge, ValueText};
