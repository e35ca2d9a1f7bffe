//! The watcher: a program of its own that rolls a commit back when its time has passed, whatever became of the shell,
//! the terminal and the connection that it was made from.
//!
//! It is this program, started anew before the commit sends anything. It says that it is ready, leaves its terminal and
//! its session, and looks at the record until that is over. A commit whose program died is rolled back at once.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use crate::journal::tell_text;
use crate::session::{Access, Narrator};

/// How often the record is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Ends a watcher: the next change finds the record then. A terminal that goes away does not.
const SIGTERM: i32 = 15;
/// What a watcher prints when it is ready.
const READY: &str = "ready";

/// Starts a watcher and waits until it is ready.
pub(super) fn start(
    number: u64,
    folder: Option<&Path>,
    simulated: Option<&str>,
) -> Result<(), String> {
    // The very program that runs, also where its file was replaced since it started.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("ipvsh");
    if let Some(folder) = folder {
        command.arg("--state-dir").arg(folder);
    }
    if let Some(file) = simulated {
        let file = std::path::absolute(file).map_err(|error| error.to_string())?;
        command.arg("--sim-state").arg(file);
    }
    command
        .arg("watch")
        .arg(number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        // One that fails closes its output.
        let _length = BufReader::new(out)
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
    }
    if line.trim_end() == READY {
        return Ok(());
    }
    let _status = child.wait();
    Err(match line.trim_end() {
        "" => "it ended before it was ready".to_owned(),
        text => text.to_owned(),
    })
}

/// Watches a commit until nothing is left to be done about it.
pub(super) fn watch(
    context: &Context,
    globals: &Globals,
    number: u64,
) -> Result<CommandOutcome, Failure> {
    if !is_own_child() || !open::keeps_journal(globals) {
        return Err(Failure::Usage {
            text: "`watch` is internal: only a commit that awaits confirmation starts it"
                .to_owned(),
            hint: Some("`ipvsh confirm --list` shows what waits to be confirmed".to_owned()),
        });
    }
    // It was started by another name than its own.
    let _named_or_not = std::fs::write("/proc/self/comm", "ipvsh");
    // A leader of a group can't, and need not.
    let _session_of_its_own = nix::unistd::setsid();
    let opened = open::open_unrecovered(globals, Access::Write, &context.interrupt);
    let mut session = match opened {
        Ok(session) => session,
        Err(failure) => {
            context
                .ui
                .line(&failure.cause().message)
                .map_err(Failure::Output)?;
            return Ok(CommandOutcome::Shown);
        }
    };
    context.ui.line(READY).map_err(Failure::Output)?;
    leave_place();
    session.set_narrator(Some(Rc::new(LogTeller { number })));
    session.wait_for_lock();
    let mut next = session.boot_time();
    loop {
        std::thread::sleep(LOOK);
        if context.interrupt.take() == Some(SIGTERM) {
            return Ok(CommandOutcome::Shown);
        }
        match session.is_open_record(number) {
            Ok(true) if session.boot_time() < next => continue,
            Ok(true) => {}
            Ok(false) => return Ok(CommandOutcome::Shown),
            Err(_) => continue,
        }
        match session.watch_once(number) {
            Ok(None) => return Ok(CommandOutcome::Shown),
            Ok(Some(left)) => next = session.boot_time() + left,
            // Another program commits, or the kernel has no memory: there is no one to tell, and the next time it may do.
            Err(_) => {}
        }
    }
}

/// Returns whether this very program started this one.
fn is_own_child() -> bool {
    let program = |process: &str| std::fs::metadata(format!("/proc/{process}/exe"));
    let parent = std::os::unix::process::parent_id().to_string();
    match (program(&parent), program("self")) {
        (Ok(parent), Ok(own)) => (parent.dev(), parent.ino()) == (own.dev(), own.ino()),
        _ => false,
    }
}

/// Tells the system's log, as there is no one else to tell.
struct LogTeller {
    number: u64,
}

impl Narrator for LogTeller {
    fn warns(&self, text: &str) {
        tell_text(text);
    }

    fn waits_for_lock(&self, holder: &str) {
        let number = self.number;
        tell_text(&format!(
            "commit {number} must be rolled back and is waiting for the commit lock, which is held by {holder}"
        ));
    }
}

/// Keeps no folder, and no pipe but the one it was started with, from going away.
fn leave_place() {
    let _stays_where_it_is = std::env::set_current_dir("/");
    if let Ok(nothing) = File::options().write(true).open("/dev/null") {
        let _keeps_the_pipe = nix::unistd::dup2_stdout(nothing);
    }
}
