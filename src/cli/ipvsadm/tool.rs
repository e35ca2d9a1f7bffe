//! One run of the program: does what a line means, and says how it ended.

use super::compat::{DONE, Ending, NOT_LISTED, REFUSED, refusal_text};
use super::help;
use crate::backend::{BackendError, Counted, Errno, Fate, Operation};
use crate::cli::args::Globals;
use crate::ipvsadm::syntax::{Command, Line, Manner, Meaning, Names, Reading, read};
use crate::ipvsadm::text::VERSION_LINE;
use crate::model::reason;
use crate::results::exit;
use crate::results::{CauseShape, ResultShape};
use crate::session::{BlockKind, Error, Interrupt, Session};
use crate::ui::{Streams, Ui};

/// The status of a program whose reader went away, as a shell shows it.
const READER_GONE: u8 = 128 + 13;

/// Where the program writes: in the end, and when it grows large.
pub(super) struct Output<'c> {
    pub(super) streams: Streams<'c>,
    /// What is to be written to standard output.
    pub(super) bytes: Vec<u8>,
    unwritten: Option<std::io::Error>,
}

impl Output<'_> {
    /// Writes what there is to write, if it is much, or if `now`.
    pub(super) fn flush(&mut self, now: bool) {
        const MUCH: usize = 1 << 16;
        if self.bytes.is_empty() || !(now || self.bytes.len() > MUCH) {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        if self.unwritten.is_none() {
            let output = &mut self.streams.output;
            let written = output.write_all(&bytes).and_then(|()| output.flush());
            self.unwritten = written.err();
        }
    }
}

/// One run of the program.
pub(super) struct Tool<'c> {
    pub(super) output: Output<'c>,
    pub(super) globals: Globals,
    /// How the program was called.
    name: Vec<u8>,
    pub(super) names: Names,
    pub(super) session: Session,
    posix: bool,
    pub(super) json: bool,
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

impl<'c> Tool<'c> {
    /// Makes it; `name` is how the program was called.
    pub(super) fn new(
        streams: Streams<'c>,
        session: Session,
        (globals, json): (Globals, bool),
        name: Vec<u8>,
        interrupt: Interrupt,
    ) -> Self {
        let posix = ["POSIXLY_CORRECT", "POSIX_ME_HARDER"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        Self {
            output: Output {
                streams,
                bytes: Vec::new(),
                unwritten: None,
            },
            globals,
            name,
            names: Names::default(),
            session,
            posix,
            json,
            committed: false,
            failures: Vec::new(),
            envelope: None,
            guarded: false,
            interrupt,
        }
    }
}

impl Tool<'_> {
    /// Reads a line; options of ours are known on the command line alone.
    pub(super) fn read(&self, words: &[&[u8]], inner: bool) -> Result<Line, Ending> {
        let line = read(
            words,
            &Reading {
                names: &self.names,
                manner: Manner {
                    posix: self.posix,
                    ours: !inner,
                },
                signed_marks: inner,
            },
        );
        Ok(line?)
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
                        .listed(Some(key), Counted::Connections)
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
                self.output.bytes.extend_from_slice(text.as_bytes());
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
            self.output.streams.complain(&text);
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
        self.output.bytes.extend_from_slice(line.as_bytes());
        self.output.bytes.push(b'\n');
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
        self.output.flush(true);
        let written = self.output.streams.view(write);
        if self.output.unwritten.is_none() {
            self.output.unwritten = written.err();
        }
    }

    /// Ends the program: writes what is left, and the file of a simulated table.
    pub(super) fn end(mut self, status: u8) -> u8 {
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
        self.output.flush(true);
        if let Err(failure) = crate::cli::open::write_back(&mut self.session) {
            failure.tell(
                &crate::cli::report::TargetWords::of(&self.globals),
                &Ui::default(),
            );
            return NOT_LISTED;
        }
        match &self.output.unwritten {
            None => status,
            Some(error) if error.kind() == std::io::ErrorKind::BrokenPipe => READER_GONE,
            Some(error) => {
                let done = if self.committed {
                    "committed, but "
                } else {
                    ""
                };
                let text = format!("{done}the output could not be written: {}", reason(error));
                self.output.streams.complain(text.as_bytes());
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
