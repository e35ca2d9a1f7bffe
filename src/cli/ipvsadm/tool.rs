//! Does what lines mean.

use std::process::Command as Process;

use super::compat::{DONE, Ending, FAILED, NOT_LISTED, REFUSED, refusal_text};
use super::grammar::{Command, Manner};
use super::lower::{Line, Meaning, Present, lower};
use super::names::{Names, Reading};
use super::{Call, Program, help, preview, restore};
use crate::backend::{BackendError, Errno, Fate, Operation, without_netlink};
use crate::cli::args::Globals;
use crate::cli::exit;
use crate::cli::target;
use crate::model::reason;
use crate::render::ipvsadm::VERSION_LINE;
use crate::results::{CauseShape, ResultShape};
use crate::session::{Access, BlockKind, Error, Interrupt, Session};
use crate::ui::{Streams, Ui};

/// The status of a program whose reader went away, as a shell shows it.
const READER_GONE: u8 = 128 + 13;

/// One run of the program.
pub(super) struct Tool<'c> {
    pub(super) streams: Streams<'c>,
    pub(super) globals: Globals,
    /// How the program was called.
    name: Vec<u8>,
    pub(super) names: Names,
    pub(super) session: Session,
    posix: bool,
    pub(super) json: bool,
    /// What is to be written to standard output; written in the end, and when it grows large.
    pub(super) out: Vec<u8>,
    unwritten: Option<std::io::Error>,
    /// Whether a transaction was committed: then output that is lost does not mean that nothing was done.
    pub(super) committed: bool,
    /// What went wrong on the way, for programs.
    failures: Vec<CauseShape>,
    /// The result of a commit that did not go through, for programs.
    pub(super) envelope: Option<ResultShape>,
    /// Whether guards are set: then what lines change is committed.
    pub(super) guarded: bool,
    pub(super) interrupt: Interrupt,
}

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
    let posix = ["POSIXLY_CORRECT", "POSIX_ME_HARDER"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    let mut tool = Tool {
        streams,
        globals: call.globals.clone(),
        // The two scripts call `ipvsadm`, which speaks of itself.
        name: match call.program {
            Program::Ipvsadm => call.name.clone(),
            Program::Save | Program::Restore => b"ipvsadm".to_vec(),
        },
        names: Names::default(),
        session,
        posix,
        json,
        out: Vec::new(),
        unwritten: None,
        committed: false,
        failures: Vec::new(),
        envelope: None,
        guarded: false,
        interrupt,
    };
    let words: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    let status = match call.program {
        Program::Ipvsadm => tool.main(&words),
        Program::Save => {
            let words: Vec<&[u8]> = std::iter::once(&b"-S"[..]).chain(saved(&words)).collect();
            tool.main(&words)
        }
        Program::Restore => restore::program(&mut tool, &words),
    };
    tool.end(status)
}

/// Tells whether a word looks like an option of ours and is none. The original's script has no options and takes no notice of
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
        let mut session = target::open_unguarded(globals, Access::ReadOrWrite, interrupt)?;
        let info = session.info()?;
        Ok::<_, crate::cli::failure::Failure>((session, info))
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
fn start_errno(failure: &crate::cli::failure::Failure) -> Option<Errno> {
    match failure.session_error()? {
        Error::Backend(BackendError::NoIpvs) => Some(without_netlink()),
        Error::Backend(BackendError::NoPermission) => Some(Errno::EPERM),
        Error::Backend(BackendError::Refused { errno, .. }) => Some(*errno),
        Error::Backend(_) => Some(Errno::EINVAL),
        _ => None,
    }
}

/// Returns the kernel's error number behind an error.
pub(super) fn errno_of(error: &Error) -> Errno {
    match error {
        Error::Missing { .. } => Errno::ESRCH,
        Error::Refused(refused) => refused.refusal.errno,
        Error::Backend(BackendError::NoPermission) => Errno::EPERM,
        Error::Backend(BackendError::Refused { errno, .. }) => *errno,
        // What carries no number counts as this.
        _ => Errno::EINVAL,
    }
}

impl Tool<'_> {
    /// Reads a line; options of ours are known on the command line alone.
    pub(super) fn read(&self, words: &[&[u8]], inner: bool) -> Result<Line, Ending> {
        lower(
            words,
            &Reading {
                names: &self.names,
                manner: Manner {
                    posix: self.posix,
                    ours: !inner,
                },
                signed_marks: inner,
            },
        )
    }

    fn main(&mut self, words: &[&[u8]]) -> u8 {
        if words.is_empty() {
            let all = self.list(None, Present::default());
            return self.settle(all);
        }
        let line = match self.read(words, false) {
            Ok(line) => line,
            Err(ending) => return self.settle(Err(ending)),
        };
        if matches!(line.meaning, Meaning::Change(_) | Meaning::Restore)
            && let Err(status) = self.read_guards()
        {
            return status;
        }
        match (&line.meaning, preview::Mode::of(line.present)) {
            (Meaning::Restore, None) => restore::table(self),
            (Meaning::Restore, Some(mode)) => restore::as_one(self, mode, restore::Start::Table),
            (Meaning::Change(operation), Some(mode)) => {
                preview::one(self, mode, line.command, operation)
            }
            (Meaning::Change(_), None) if self.guarded => match self.make_ready() {
                Ok(()) => {
                    let done = self.perform(&line);
                    self.settle(done)
                }
                Err(status) => status,
            },
            _ => {
                let done = self.perform(&line);
                self.settle(done)
            }
        }
    }

    /// Does what a line means, `-R` apart.
    pub(super) fn perform(&mut self, line: &Line) -> Result<(), Ending> {
        match &line.meaning {
            Meaning::Change(operation) => {
                if let Some(text) = line.lost_port {
                    self.refuse_lost_port(line.command, operation, text)?;
                }
                let one = std::slice::from_ref(operation);
                let endings = self.change(&[line.command], one);
                endings.into_iter().collect()
            }
            Meaning::List(key) => {
                if let (Some(key), Some(text)) = (key, line.lost_port)
                    && self
                        .session
                        .listed(Some(key), false)
                        .is_ok_and(|found| !found.is_empty())
                {
                    return Err(Ending::Usage(text.into()));
                }
                self.list(*key, line.present)
            }
            Meaning::ListConnections => self.list_connections(line.present),
            Meaning::ListTimeouts => self.list_timeouts(line.present),
            Meaning::ListDaemons => self.list_daemons(line.present),
            Meaning::Save => self.save(line.present),
            // Within a list of lines there is no other list.
            Meaning::Restore => Err(Ending::Hint),
            Meaning::Help => {
                let text = help::text(&String::from_utf8_lossy(&self.name));
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Meaning::Version => {
                self.print(VERSION_LINE);
                Ok(())
            }
        }
    }

    /// A port that was written and lost must not lead to another object than the one that was meant. What the
    /// kernel would refuse anyway is refused as the original says it.
    fn refuse_lost_port(
        &mut self,
        command: Command,
        operation: &Operation,
        text: &str,
    ) -> Result<(), Ending> {
        let staged = self
            .session
            .begin(BlockKind::Rehearsal)
            .and_then(|()| self.session.stage(operation));
        self.session.abandon();
        match staged {
            Ok(()) => Err(Ending::Usage(text.into())),
            Err(error) => Err(Ending::Refused(
                refusal_text(command, errno_of(&error)).into(),
            )),
        }
    }

    /// Says how a line ended, and returns its status.
    pub(super) fn settle(&mut self, ended: Result<(), Ending>) -> u8 {
        match ended {
            Ok(()) => DONE,
            Err(ending) => {
                self.complain(&ending, None);
                ending.status()
            }
        }
    }

    /// Says why a line did not go through.
    pub(super) fn complain(&mut self, ending: &Ending, line: Option<usize>) {
        if let Ending::Uncommitted(why) = ending {
            return self.tell_uncommitted(why);
        }
        let text = ending.text(&self.name);
        if !text.is_empty() {
            self.streams.complain(&text);
        }
        if self.json {
            let mut message = String::from_utf8_lossy(&text).trim_end().to_owned();
            if let Some(line) = line {
                message = format!("line {line}: {message}");
            }
            self.failures.push(CauseShape {
                kind: ending.kind().to_owned(),
                message,
                ..CauseShape::default()
            });
        }
    }

    /// Takes a line for standard output.
    pub(super) fn print(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.push(b'\n');
    }

    /// Takes a result for programs.
    pub(super) fn print_json(&mut self, shape: &ResultShape) {
        let text = crate::document::json::pretty(shape);
        self.print(&text);
    }

    /// Writes a view of ours, with colours where they belong.
    pub(super) fn view(
        &mut self,
        write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
    ) {
        self.flush(true);
        let written = self.streams.view(write);
        if self.unwritten.is_none() {
            self.unwritten = written.err();
        }
    }

    /// Writes what there is to write, if it is much, or if `now`.
    pub(super) fn flush(&mut self, now: bool) {
        const MUCH: usize = 1 << 16;
        if self.out.is_empty() || !(now || self.out.len() > MUCH) {
            return;
        }
        let bytes = std::mem::take(&mut self.out);
        if self.unwritten.is_none() {
            let output = &mut self.streams.output;
            let written = output.write_all(&bytes).and_then(|()| output.flush());
            self.unwritten = written.err();
        }
    }

    /// Ends the program: writes what is left, and the file of a simulated table.
    fn end(mut self, status: u8) -> u8 {
        self.say_warnings();
        if self.json && (self.envelope.is_some() || !self.failures.is_empty()) {
            let mut failures = std::mem::take(&mut self.failures);
            let told = self.envelope.take();
            let mut shape = told.unwrap_or_else(|| ResultShape::new("failed"));
            let of_one = shape.cause.is_none() && failures.len() == 1;
            if !of_one {
                let messages = failures.iter().map(|failure| failure.message.clone());
                shape.warnings.extend(messages);
            }
            shape.cause = shape.cause.or_else(|| failures.pop());
            self.print_json(&shape);
        }
        self.flush(true);
        if let Err(failure) = target::write_back(&mut self.session) {
            failure.tell(
                &crate::cli::report::TargetWords::of(&self.globals),
                &Ui::default(),
            );
            return NOT_LISTED;
        }
        match &self.unwritten {
            None => status,
            Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => READER_GONE,
            Some(error) => {
                let done = if self.committed {
                    "committed, but "
                } else {
                    ""
                };
                let text = format!("{done}the output could not be written: {}", reason(error));
                self.streams.complain(text.as_bytes());
                match status {
                    DONE if self.committed => exit::NOT_WRITTEN,
                    DONE => NOT_LISTED,
                    status => status,
                }
            }
        }
    }
}

/// Turns a request's fate into the ending of its line.
pub(super) fn fate_of(
    command: Command,
    fate: &Fate,
    failure: Option<&BackendError>,
) -> Result<(), Ending> {
    let broken = |what: &str, kind| {
        let why = failure.map_or_else(String::new, |failure| format!(": {failure}"));
        Err(Ending::Broken {
            text: format!("{what}{why}").into_bytes(),
            status: REFUSED,
            kind,
        })
    };
    match fate {
        Fate::Done => Ok(()),
        Fate::Refused(refusal) => Err(Ending::Refused(refusal_text(command, refusal.errno).into())),
        Fate::Unknown => broken(
            "the kernel's answer was lost: the change may have been made",
            "indeterminate",
        ),
        Fate::NotSent => broken(
            "the change was not made: it could not be sent",
            "unavailable",
        ),
    }
}
