//! The drop-in for `ipvsadm` 1.31, `ipvsadm-save` and `ipvsadm-restore`: same arguments, same order of checks,
//! same table, same output, same status.
//!
//! [`crate::ipvsadm`] reads lines and writes texts; here is the program. `compat` has the original's statuses and what it says to
//! refusals, `tool` does what a line means, `restore` runs many, `preview` shows or commits them as one transaction: what the
//! original can't. Where guards are set, `guarded` commits what lines change; elsewhere they are sent as they are.
//!
//! Knowingly different from the original, because its ways lose something: servers' counters are shown in full
//! instead of their lower half, `-b ,` is an error instead of a crash, a port that stands behind an IPv4 address
//! in brackets is an error where it would silently get lost, negative marks are read back from saved tables,
//! rows of connections are never cut, and input that can't be read or output that can't be written is an error.

mod commit;
mod compat;
mod help;
mod listing;
mod preview;
mod program;
mod restore;
mod tool;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::Parser;

use super::args::{Arguments, Globals};
use crate::ipvsadm::syntax::Program;
use crate::ui::Streams;

/// Returns whether a name is that of one of the three programs.
pub(super) fn is_program(name: &[u8]) -> bool {
    Program::named(name).is_some()
}

/// A call of one of the three programs.
pub(super) struct Call {
    program: Program,
    /// How the program was called, for messages.
    name: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    globals: Globals,
}

/// Finds out whether one of the three programs is meant: by the name of the binary, or by the first word behind
/// the program's own options.
pub(super) fn call(arguments: &[OsString]) -> Option<Call> {
    let bytes = |words: &[OsString]| words.iter().map(|word| word.clone().into_vec()).collect();
    let name = arguments.first()?;
    let base = name.as_bytes().rsplit(|byte| *byte == b'/').next()?;
    if let Some(program) = Program::named(base) {
        return Some(Call {
            program,
            name: name.as_bytes().to_vec(),
            arguments: bytes(&arguments[1..]),
            globals: Globals::plain(),
        });
    }
    // A word may also be the value of an option before it, such as the name of a namespace.
    let places = 1..arguments.len();
    places.into_iter().find_map(|place| {
        let program = Program::named(arguments[place].as_bytes())?;
        Some(Call {
            program,
            name: arguments[place].as_bytes().to_vec(),
            arguments: bytes(&arguments[place + 1..]),
            globals: globals_alone(&arguments[..place])?,
        })
    })
}

/// Reads the program's own options; `None` if they are not complete, or there is a command among them.
fn globals_alone(own: &[OsString]) -> Option<Globals> {
    if own.len() == 1 {
        return Some(Globals::plain());
    }
    let own = Arguments::try_parse_from(own).ok()?;
    own.command.is_none().then_some(own.globals)
}

pub(super) use program::run;

/// Runs `ipvsadm`, `ipvsadm-save` or `ipvsadm-restore` within this process, in the network namespace of the calling
/// thread, and returns the exit status; `None` if the arguments name none of them. They are those of a process: the
/// name of the program, which may be `ipvsh` with options and the word `ipvsadm` behind them.
#[must_use]
pub fn drop_in(arguments: &[OsString], streams: Streams<'_>) -> Option<u8> {
    let call = call(arguments)?;
    Some(run(&call, streams))
}
