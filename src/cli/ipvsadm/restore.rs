//! Many lines: `ipvsadm -R` and `ipvsadm-restore`.
//!
//! Changes are collected and sent many to a datagram. What stands behind a refused one is done all the same, as
//! the original does it; what ends the run ends it before anything behind it was sent.

use std::io::{self, Read};

use super::compat::{DONE, Ending, FAILED};
use super::preview::{self, Mode};
use super::tool::Tool;
use crate::backend::Operation;
use crate::ipvsadm::syntax::Command;
use crate::ipvsadm::syntax::{Line, Meaning, Present};
use crate::model::reason;
use crate::results::exit;

/// Changes that are collected before they are sent.
const MOST_PENDING: usize = 1024;
/// A longer word counts as several.
const LONGEST_WORD: usize = 4096;
/// What is read at once.
const CHUNK: usize = 1 << 16;

/// Takes the words of a line apart; the word `ipvsadm` is dropped wherever it stands.
pub(super) fn words<'a>(line: &'a [u8], words: &mut Vec<&'a [u8]>) {
    words.clear();
    for word in line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        for piece in word.chunks(LONGEST_WORD) {
            // As a text of C, a word ends at its first NUL.
            let end = piece.iter().position(|byte| *byte == 0);
            let piece = end.map_or(piece, |end| &piece[..end]);
            if piece != b"ipvsadm" {
                words.push(piece);
            }
        }
    }
}

/// Returns whether the last line, which no line feed ends, is taken: two blanks at its end lose it.
fn last_line_counts(line: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    line.iter().rev().take_while(|byte| blank(byte)).count() < 2
}

/// Changes that wait to be sent, with the commands that they came from.
#[derive(Default)]
struct Pending {
    commands: Vec<Command>,
    operations: Vec<Operation>,
    /// Lines that make no sense, each with the number of changes before it: where guards look at all changes together, they
    /// are told when these are made.
    misfits: Vec<(usize, Ending)>,
}

impl Pending {
    fn push(&mut self, command: Command, operation: Operation) {
        self.commands.push(command);
        self.operations.push(operation);
    }
}

/// A run of lines.
struct Run<'t, 'c> {
    tool: &'t mut Tool<'c>,
    pending: Pending,
    /// The status of the line that was executed last.
    status: u8,
}

impl Run<'_, '_> {
    /// Sends what waits; an error ends the run.
    fn send(&mut self) -> Result<(), u8> {
        let pending = std::mem::take(&mut self.pending);
        let mut endings = Vec::new();
        if !pending.operations.is_empty() {
            endings = self.tool.change(&pending.commands, &pending.operations);
        }
        let mut misfits = pending.misfits.into_iter().peekable();
        for (place, ended) in endings.into_iter().enumerate() {
            while let Some((_, misfit)) = misfits.next_if(|(before, _)| *before <= place) {
                self.ended(Err(misfit))?;
            }
            self.ended(ended)?;
        }
        misfits.try_for_each(|(_, misfit)| self.ended(Err(misfit)))
    }

    /// Executes one line; a status ends the run.
    fn line(&mut self, words: &[&[u8]]) -> Result<(), u8> {
        if words.is_empty() {
            return Ok(());
        }
        let line = match self.tool.read(words, true) {
            Ok(Line {
                command,
                meaning: Meaning::Change(operation),
                lost_port: None,
                ..
            }) => {
                self.pending.push(command, operation);
                if self.pending.operations.len() >= MOST_PENDING && !self.tool.guarded {
                    self.send()?;
                }
                return Ok(());
            }
            Err(misfit) if self.tool.guarded && misfit.goes_on() => {
                let before = self.pending.operations.len();
                self.pending.misfits.push((before, misfit));
                return Ok(());
            }
            line => line,
        };
        // What came before comes first, in the table and among the messages.
        self.send()?;
        let ended = match line {
            Ok(line) => {
                let done = self.tool.perform(&line);
                if done.is_ok() && matches!(line.meaning, Meaning::Help | Meaning::Version) {
                    return Err(DONE);
                }
                done
            }
            Err(ending) => Err(ending),
        };
        self.tool.output.flush(self.tool.output.streams.watched);
        self.ended(ended)
    }

    /// Notes how a line ended; a status ends the run.
    fn ended(&mut self, ended: Result<(), Ending>) -> Result<(), u8> {
        let Err(ending) = ended else {
            self.status = DONE;
            return Ok(());
        };
        let stands = self.tool.committed;
        self.tool.complain(&ending, None);
        self.status = match ending.status() {
            // Not knowing weighs more than what stands.
            exit::INDETERMINATE => exit::INDETERMINATE,
            _ if stands && matches!(ending, Ending::Uncommitted(_)) => exit::COMMITS_STAND,
            status => status,
        };
        if ending.goes_on() {
            Ok(())
        } else {
            Err(self.status)
        }
    }

    fn lines(&mut self, input: &mut dyn Read) -> Result<(), u8> {
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            let begun = buffer.len();
            let read = match read_some(input, &mut buffer) {
                Ok(read) => read,
                Err(error) => {
                    self.send()?;
                    let text = format!("the lines can't be read: {}", reason(&error)).into_bytes();
                    let ending = Ending::Broken {
                        text,
                        status: FAILED,
                        kind: "io",
                    };
                    self.tool.complain(&ending, None);
                    return Err(FAILED);
                }
            };
            let end = if read == 0 {
                buffer.len()
            } else {
                let feed = buffer[begun..].iter().rposition(|byte| *byte == b'\n');
                feed.map_or(0, |feed| begun + feed + 1)
            };
            let (whole, rest) = buffer.split_at(end);
            self.chunk(whole)?;
            // Whoever writes the lines may wait for what they do. Guards look at all of it.
            if read == 0 || !self.tool.guarded {
                self.send()?;
            }
            if read == 0 {
                return Ok(());
            }
            buffer = rest.to_vec();
        }
    }

    fn chunk(&mut self, text: &[u8]) -> Result<(), u8> {
        let mut taken = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let ended = line.strip_suffix(b"\n");
            if ended.is_none() && !last_line_counts(line) {
                continue;
            }
            words(ended.unwrap_or(line), &mut taken);
            self.line(&taken)?;
        }
        Ok(())
    }
}

/// Reads what is there without waiting for more; 0 is the end.
fn read_some(input: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let begun = buffer.len();
    buffer.resize(begun + CHUNK, 0);
    let read = loop {
        match input.read(&mut buffer[begun..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    buffer.truncate(begun + read.as_ref().unwrap_or(&0));
    read
}

/// Executes lines until they end or one ends the run, and returns the status.
fn run(tool: &mut Tool<'_>, start: Start, input: &mut dyn Read) -> u8 {
    let mut run = Run {
        tool,
        pending: Pending::default(),
        status: DONE,
    };
    if run.tool.guarded && start == Start::Nothing {
        run.pending.push(Command::Clear, Operation::Flush);
    }
    let ended = run.lines(input);
    let status = run.status;
    ended.err().unwrap_or(status)
}

/// Runs `ipvsadm-restore`: clears the table, then executes the lines that do not begin with `#`.
pub(super) fn program(tool: &mut Tool<'_>, words: &[&[u8]]) -> u8 {
    let mut present = Present::default();
    for word in words {
        present.insert_ours(word);
    }
    if let Err(status) = tool.read_guards() {
        return status;
    }
    if let Some(mode) = Mode::of(present) {
        return as_one(tool, mode, Start::Nothing);
    }
    let text = match all_lines(tool) {
        Ok(text) => text,
        Err(error) => return unreadable(tool, &error),
    };
    if tool.guarded {
        return match tool.make_ready() {
            Ok(()) => run(tool, Start::Nothing, &mut text.as_slice()),
            Err(status) => status,
        };
    }
    let clear = Line {
        command: Command::Clear,
        meaning: Meaning::Change(Operation::Flush),
        present: Present::default(),
        lost_port: None,
    };
    let cleared = tool.perform(&clear);
    tool.settle(cleared);
    run(tool, Start::Table, &mut text.as_slice())
}

/// Runs `ipvsadm -R`.
pub(super) fn table(tool: &mut Tool<'_>) -> u8 {
    let Some(input) = tool.output.streams.input.take() else {
        return FAILED;
    };
    if !tool.guarded {
        return run(tool, Start::Table, input);
    }
    // Guards look at all of it; and while it is read, signals end the program as they end any other.
    let mut text = Vec::new();
    if let Err(error) = input.read_to_end(&mut text) {
        return unreadable(tool, &error);
    }
    match tool.make_ready() {
        Ok(()) => run(tool, Start::Table, &mut text.as_slice()),
        Err(status) => status,
    }
}

fn unreadable(tool: &mut Tool<'_>, error: &io::Error) -> u8 {
    let text = format!(
        "the lines can't be read: {}; nothing was changed",
        reason(error)
    );
    tool.complain(
        &Ending::Broken {
            text: text.into_bytes(),
            status: FAILED,
            kind: "io",
        },
        None,
    );
    FAILED
}

/// Reads standard input, without the lines that begin with `#`; the last line is ended.
fn all_lines(tool: &mut Tool<'_>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(input) = tool.output.streams.input.take() {
        input.read_to_end(&mut text)?;
    }
    let mut kept = Vec::with_capacity(text.len() + 1);
    for line in text.split(|byte| *byte == b'\n') {
        // A line that is left out leaves its number.
        if !line.starts_with(b"#") {
            kept.extend_from_slice(line);
        }
        kept.push(b'\n');
    }
    Ok(kept)
}

/// What lines that are one transaction start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The table as it is: what no line names stays.
    Table,
    /// Nothing: what no line names goes.
    Nothing,
}

/// Runs lines as one transaction, or shows what they would change.
pub(super) fn as_one(tool: &mut Tool<'_>, mode: Mode, start: Start) -> u8 {
    let text = match all_lines(tool) {
        Ok(text) => text,
        Err(error) => return unreadable(tool, &error),
    };
    preview::many(tool, mode, start, &text)
}
