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
mod coverage;
mod definitions;
mod engine;
mod environment;
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
mod row_filter;
mod runbooks;
mod runner;
mod shell;
mod suite;
mod values;
mod watch;

pub use check::check;
pub use coverage::{Coverage, LinesRun, SharedCoverage};
pub use definitions::DEFINITIONS;
pub use environment::{Output, RunEnvironment};
pub use error::Compared;
pub use failure::{Frame, ScriptFailure, SourceTexts};
pub use limits::Limits;
pub use lookup::{named, search};
pub use modules::library_modules;
pub use options::{ArgumentsTaken, arguments_taken, describe_options};
pub use permission::{Allowed, Permissions};
pub use reference::{Entry, REFERENCE, entries, help, library_entries};
pub use rhai_errors::NAMESPACES;
pub use row_filter::RowFilter;
pub use runner::{Ran, Script, run};
pub use shell::{Completeness, Evaluated, Shell, completeness};
pub use suite::{
    Phase, Suite, TEST_ENDING, TestCase, TestFailure, TestFunction, TestRun, check_suite,
    coverable_lines,
};
pub use values::{TooLarge, ValueText};
