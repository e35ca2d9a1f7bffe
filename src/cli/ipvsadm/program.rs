//! From a call to an exit status: what is opened, and which of the files here a command line is for.

use std::process::Command as Process;

use super::compat::{FAILED, refusal_text};
use super::restore;
use super::tool::Tool;
use super::{Call, preview};
use crate::backend::{BackendError, Errno, without_netlink};
use crate::cli::args::Globals;
use crate::cli::failure::Failure;
use crate::cli::open;
use crate::ipvsadm::syntax::{Command, Meaning, Present, Program};
use crate::results::exit;
use crate::session::{Access, Error, Interrupt, Session};
use crate::ui::Streams;

/// Runs one of the three programs, and returns its exit status.
pub(in super::super) fn run(call: &Call, mut streams: Streams<'_>) -> u8 {
    let json = call.globals.json || call.arguments.iter().any(|word| word == b"--json");
    if call.program == Program::Save && !save_arguments_fit(call) {
        streams.complain(b"ipvsadm-save: Script to save the IPVS table to stdout.");
        streams.complain(b"\t-n   : addresses and ports as numbers; of ipvsh: --complete, --json");
        return 1;
    }
    if call.program == Program::Restore
        && let Some(word) = call.arguments.iter().find(|word| is_foreign(word))
    {
        let word = String::from_utf8_lossy(word);
        streams.complain(
            format!("ipvsadm-restore: unknown option {word:?}; nothing was done").as_bytes(),
        );
        streams.complain(b"\tof ipvsh: --atomic, --dry-run, --diff, --exit-code, --json");
        return exit::USAGE;
    }
    let interrupt = Interrupt::default();
    let session = match open(&call.globals, &mut streams, &interrupt) {
        Ok(session) => session,
        Err(error) => {
            // The script clears first, and then restores: it fails twice.
            let times = if call.program == Program::Restore {
                2
            } else {
                1
            };
            for _ in 0..times {
                streams.complain(error.as_bytes());
            }
            return FAILED;
        }
    };
    // The two scripts call `ipvsadm`, which speaks of itself.
    let name = match call.program {
        Program::Ipvsadm => call.name.clone(),
        Program::Save | Program::Restore => b"ipvsadm".to_vec(),
    };
    let mut tool = Tool::new(
        streams,
        session,
        (call.globals.clone(), json),
        name,
        interrupt,
    );
    let words: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    let status = match call.program {
        Program::Ipvsadm => main(&mut tool, &words),
        Program::Save => {
            let words: Vec<&[u8]> = std::iter::once(&b"-S"[..]).chain(saved(&words)).collect();
            main(&mut tool, &words)
        }
        Program::Restore => restore::program(&mut tool, &words),
    };
    tool.end(status)
}

/// Returns whether a word looks like an option of ours and is none. The original's script has no options and takes no notice of
/// any word; next to options that keep the table as it is, that would be a trap.
fn is_foreign(word: &[u8]) -> bool {
    let ours: [&[u8]; 5] = [
        b"--atomic",
        b"--dry-run",
        b"--diff",
        b"--exit-code",
        b"--json",
    ];
    word.starts_with(b"--") && !ours.contains(&word)
}

fn save_arguments_fit(call: &Call) -> bool {
    let known = |word: &[u8]| matches!(word, b"-n" | b"--complete" | b"--json");
    let option = |word: &&Vec<u8>| word.starts_with(b"-");
    call.arguments.iter().filter(option).all(|word| known(word))
}

/// The options among the arguments of `ipvsadm-save`, each once; other arguments are ignored.
fn saved<'a>(words: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut taken: Vec<&[u8]> = Vec::new();
    for word in words.iter().filter(|word| word.starts_with(b"-")) {
        if !taken.contains(word) {
            taken.push(word);
        }
    }
    taken
}

/// Connects to the kernel as the original does before it looks at any argument.
fn open(
    globals: &Globals,
    streams: &mut Streams<'_>,
    interrupt: &Interrupt,
) -> Result<Session, String> {
    let connect = || {
        let mut session = open::open_unguarded(globals, Access::ReadOrWrite, interrupt)?;
        let info = session.info()?;
        Ok::<_, Failure>((session, info))
    };
    let mut found = connect();
    let simulated = globals.sim.is_some() || globals.sim_state.is_some();
    if !simulated && found.as_ref().err().and_then(start_errno).is_some() {
        let loaded = Process::new("/sbin/modprobe")
            .args(["--", "ip_vs"])
            .status();
        if loaded.is_ok_and(|status| status.success()) {
            found = connect();
        }
    }
    match found {
        Ok((session, info)) => {
            if info.version < (1, 1, 4) {
                let (major, minor, patch) = info.version;
                streams.complain(
                    format!(
                        "Warning: IPVS version mismatch: \n  Kernel compiled with IPVS version {major}.{minor}.{patch}\n  ipvsadm v1.31  requires minimum IPVS version 1.1.4\n"
                    )
                    .as_bytes(),
                );
            }
            Ok(session)
        }
        Err(failure) => Err(match start_errno(&failure) {
            Some(errno) => format!(
                "Can't initialize ipvs: {}\nAre you sure that IP Virtual Server is built in the kernel or as module?",
                refusal_text(Command::Help, errno)
            ),
            None => {
                let cause = failure.cause();
                let hint = cause.hint.map(|hint| format!("\nhint: {hint}"));
                format!("{}{}", cause.message, hint.unwrap_or_default())
            }
        }),
    }
}

/// Returns the error number of a kernel that can't be talked to; `None` is a failure before that.
fn start_errno(failure: &Failure) -> Option<Errno> {
    match failure.session_error()? {
        Error::Backend(BackendError::NoIpvs) => Some(without_netlink()),
        Error::Backend(BackendError::NoPermission) => Some(Errno::EPERM),
        Error::Backend(BackendError::Refused { errno, .. }) => Some(*errno),
        Error::Backend(_) => Some(Errno::EINVAL),
        _ => None,
    }
}

/// Does what the words of a command line ask for.
fn main(tool: &mut Tool<'_>, words: &[&[u8]]) -> u8 {
    if words.is_empty() {
        let all = tool.list(None, Present::default());
        return tool.settle(all);
    }
    let line = match tool.read(words, false) {
        Ok(line) => line,
        Err(ending) => return tool.settle(Err(ending)),
    };
    if matches!(line.meaning, Meaning::Change(_) | Meaning::Restore)
        && let Err(status) = tool.read_guards()
    {
        return status;
    }
    match (&line.meaning, preview::Mode::of(line.present)) {
        (Meaning::Restore, None) => restore::table(tool),
        (Meaning::Restore, Some(mode)) => restore::as_one(tool, mode, restore::Start::Table),
        (Meaning::Change(operation), Some(mode)) => {
            preview::one(tool, mode, line.command, operation)
        }
        (Meaning::Change(_), None) if tool.guarded => match tool.make_ready() {
            Ok(()) => {
                let done = tool.perform(&line);
                tool.settle(done)
            }
            Err(status) => status,
        },
        _ => {
            let done = tool.perform(&line);
            tool.settle(done)
        }
    }
}
