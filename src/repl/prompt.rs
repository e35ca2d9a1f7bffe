//! What the prompt does with an input. No terminal is needed: a [`Screen`] shows and asks.

use std::cell::RefCell;
use std::rc::Rc;

use super::counterpart::{Counterpart, counterpart};
use super::undo::Lines;
use crate::ipvsadm::syntax::{Typed, typed};
use crate::render::{columns, plan_text};
use crate::script::{Evaluated, ScriptFailure, Shell, ValueText, entries, help};
use crate::session::{LineSavepoint, Session};
use crate::txn::{Guarding, Plan, Report};

/// Where the prompt shows things, and whom it asks.
pub trait Screen {
    /// Shows a result, page by page if it is long.
    fn show(&self, text: &str);
    /// Says what is going on.
    fn note(&self, text: &str);
    /// Says what the user should know.
    fn warn(&self, text: &str);
    /// Says what went wrong, in a text that begins with its own heading.
    fn error(&self, text: &str);
    /// Asks a question that is answered by yes or no.
    fn ask(&self, question: &str) -> bool;
    /// Returns the width in characters.
    fn width(&self) -> usize;
    /// Returns whether errors are shown with colours.
    fn colours(&self) -> bool;
    /// Says how the commit of a report ended that did not go through.
    fn outcome(&self, report: &Report);
}

/// What comes after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next input.
    Continue,
    /// The prompt ends with this status.
    End(u8),
}

/// Before which changes the prompt asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Those that take something away.
    Risky,
    /// None.
    Never,
}

/// An open transaction of the prompt.
pub(super) struct Open {
    pub(super) label: Option<String>,
    /// The moments before each line that staged something.
    pub(super) before: Vec<LineSavepoint>,
}

/// A prompt over a shell.
pub struct Prompt {
    pub(super) shell: Rc<RefCell<Shell>>,
    pub(super) screen: Rc<dyn Screen>,
    pub(super) place: String,
    pub(super) open: Option<Open>,
    pub(super) ask: Rc<RefCell<Ask>>,
    pub(super) json: bool,
    pub(super) numbers: bool,
    number: usize,
    /// What lines committed.
    pub(super) lines: Lines,
    /// Whether something was committed that no one has asked for yet.
    pub(super) has_committed: bool,
    /// A signal that came while an input was worked on.
    signal: Option<i32>,
    /// What holds again when the next input is over, for which guards are overridden.
    pub(super) guarding: Option<Guarding>,
}

impl Prompt {
    /// Makes a prompt; `asks` tells whether changes that take something away are asked about.
    #[must_use]
    pub fn new(shell: Rc<RefCell<Shell>>, screen: Rc<dyn Screen>, asks: bool) -> Self {
        let place = place_of(&shell.borrow().session());
        let ask = Rc::new(RefCell::new(if asks { Ask::Risky } else { Ask::Never }));
        let (asked, shown) = (Rc::clone(&ask), Rc::clone(&screen));
        let question = move |plan: &Plan| -> bool {
            if *asked.borrow() == Ask::Never || !plan.takes_away() {
                return true;
            }
            shown.show(&plan_text(plan, "Nothing was sent yet."));
            shown.ask("commit this?")
        };
        shell
            .borrow()
            .session()
            .set_question(Some(Rc::new(question)));
        Self {
            shell,
            screen,
            place,
            open: None,
            ask,
            json: false,
            numbers: false,
            number: 0,
            lines: Lines::default(),
            has_committed: false,
            signal: None,
            guarding: None,
        }
    }

    /// Returns the text that stands before the next input: where it is, and what is open.
    pub fn text(&mut self) -> String {
        self.number += 1;
        let number = if self.numbers {
            format!("{} ", self.number)
        } else {
            String::new()
        };
        let Some(open) = &self.open else {
            return format!("{number}{}> ", self.place);
        };
        let staged = self.shell.borrow().session().staged_plan();
        let what = match staged {
            Ok(plan) if plan.is_empty() => "no changes".to_owned(),
            Ok(plan) => counts(&plan),
            Err(_) => "?".to_owned(),
        };
        match &open.label {
            Some(label) => format!("{number}{} [{label}: {what}]> ", self.place),
            None => format!("{number}{} [{what}]> ", self.place),
        }
    }

    /// Does what an input asks for.
    pub fn step(&mut self, input: &str) -> Next {
        let overridden = self.guarding.clone();
        let next = self.input(input.trim());
        // What was overridden was so for one input.
        if let Some(before) = overridden {
            self.shell.borrow().session().set_guarding(before);
            self.guarding = None;
        }
        self.settle(next)
    }

    /// Runs the text of a start file.
    pub fn start(&mut self, text: &str) -> Next {
        let next = self.evaluate(text, false);
        self.settle(next)
    }

    /// Ends the prompt if that was asked for, by a line or by a signal. Ctrl-C ends what runs and keeps the prompt.
    fn settle(&mut self, next: Next) -> Next {
        self.note_signal();
        match (next, self.signal.take()) {
            (Next::End(status), _) => self.end(status),
            (Next::Continue, Some(signal)) if signal != 2 => {
                self.end(u8::try_from(128 + signal).unwrap_or(1))
            }
            (Next::Continue, _) => Next::Continue,
        }
    }

    /// Notes the signal that ended what ran, so that what follows can run.
    pub(super) fn note_signal(&mut self) {
        let came = self.shell.borrow().session().interrupt().take();
        self.signal = came.or(self.signal);
    }

    fn input(&mut self, input: &str) -> Next {
        if input.is_empty() {
            return Next::Continue;
        }
        if let Some(command) = input.strip_prefix(':') {
            return self.command(command);
        }
        match input {
            "exit" | "quit" => return Next::End(0),
            "help" => {
                self.help("");
                return Next::Continue;
            }
            _ => {}
        }
        if let Some(name) = help_wanted(input) {
            self.help(name);
            return Next::Continue;
        }
        if let Some(part) = name_asked(input) {
            self.matches(part);
            return Next::Continue;
        }
        if let Some(line) = typed(input) {
            return self.ipvsadm(&line);
        }
        self.evaluate(input, self.json)
    }

    /// Ends the prompt: says what is dropped.
    pub fn end(&mut self, status: u8) -> Next {
        if self.open.take().is_some() {
            let shell = self.shell.borrow();
            let plan = shell.session().staged_plan().unwrap_or_default();
            while shell.session().is_open() {
                shell.session().abandon();
            }
            if plan.is_empty() {
                self.screen.note("the open transaction had no changes");
            } else {
                self.screen
                    .warn("the open transaction is dropped; nothing of it was sent:");
                self.screen.show(&plan_text(&plan, "Nothing was changed."));
            }
        }
        Next::End(status)
    }

    /// Returns whether something was committed since the last call.
    #[must_use]
    pub fn take_committed(&mut self) -> bool {
        std::mem::take(&mut self.has_committed)
    }

    /// Returns whether a transaction is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn help(&self, name: &str) {
        match help(name) {
            Ok(text) => self.screen.show(&text),
            Err(text) => self.screen.warn(&text),
        }
    }

    fn matches(&self, part: &str) {
        let all = entries();
        let mut lines: Vec<String> = all
            .iter()
            .filter(|entry| {
                entry.name.starts_with(part)
                    || (!part.contains([':', '.']) && entry.short().starts_with(part))
            })
            .map(|entry| format!("{}\n    {}", entry.signature, entry.summary()))
            .collect();
        lines.dedup();
        if lines.is_empty() {
            self.screen.warn(&format!("nothing begins with {part}"));
        } else {
            self.screen.show(&lines.join("\n"));
        }
    }

    fn ipvsadm(&mut self, typed: &Typed) -> Next {
        if let Some(rest) = &typed.rest {
            self.screen
                .note(&format!("{rest} is for a shell and is left out"));
        }
        match counterpart(typed) {
            Counterpart::Listing(code) => {
                self.screen.note(&format!("here that is {code}"));
                match code.strip_prefix(':') {
                    Some(command) => self.command(command),
                    None => self.evaluate(&code, self.json),
                }
            }
            Counterpart::Change(code) => {
                self.screen.note(&format!("here that is {code}"));
                self.screen.note("it was not run; enter it to run it");
                Next::Continue
            }
            Counterpart::None(text) => {
                self.screen.warn(&text);
                Next::Continue
            }
        }
    }

    /// Evaluates code and shows its value.
    pub(super) fn evaluate(&mut self, code: &str, json: bool) -> Next {
        let shell = Rc::clone(&self.shell);
        let (before, mark) = {
            let shell = shell.borrow();
            let session = shell.session();
            (session.committed().count(), session.line_savepoint())
        };
        let staged_before = self.staged();
        if self.open.is_some() {
            shell.borrow().session().note_typed_too(code);
        } else {
            shell.borrow().session().note_typed(code);
        }
        let result = shell.borrow_mut().evaluate(code);
        self.tell_warnings();
        self.note_signal();
        let staged = self.staged();
        let has_staged = !is_same(&staged, &staged_before);
        let next = match result {
            Ok(Evaluated { value, exit }) => {
                self.show_value(&value, json);
                if has_staged && let (Some(open), Some(mark)) = (&mut self.open, mark) {
                    open.before.push(mark);
                    self.screen.note(&format!(
                        "staged, not sent: {}; :diff shows it, :commit sends it",
                        counts(&staged)
                    ));
                }
                exit.map_or(Next::Continue, Next::End)
            }
            Err(failure) => {
                self.tell_failure(&failure);
                // A line that failed leaves nothing of itself in the open transaction, savepoints neither.
                if let Some(mark) = mark {
                    shell.borrow().session().restore_line(mark);
                }
                if has_staged {
                    self.screen.note("what this line had staged is dropped");
                }
                Next::Continue
            }
        };
        let line = self.tell_commits(before);
        if !line.is_empty() {
            self.lines.add(line);
        }
        next
    }

    pub(super) fn staged(&self) -> Plan {
        match self.open {
            Some(_) => self
                .shell
                .borrow()
                .session()
                .staged_plan()
                .unwrap_or_default(),
            None => Plan::default(),
        }
    }

    fn show_value(&self, value: &ValueText, json: bool) {
        let text = match value.rows().filter(|_| !json) {
            Some(rows) => Ok(columns(&rows, Some(self.screen.width()))),
            None if json => value.json(),
            None => value.text(),
        };
        match text {
            Ok(text) if text.is_empty() => {}
            Ok(text) => self.screen.show(&text),
            Err(error) => self.screen.error(&format!("error: {error}")),
        }
    }

    pub(super) fn tell_warnings(&self) {
        for warning in self.shell.borrow().session().take_warnings() {
            self.screen.warn(&warning);
        }
    }

    fn tell_failure(&self, failure: &ScriptFailure) {
        if let ScriptFailure::Interrupted { .. } = failure {
            self.screen.note("interrupted");
            return;
        }
        self.screen.error(&failure.render(self.screen.colours()));
        if let Some(crate::session::Error::Commit(report)) = failure.session_error() {
            self.screen.outcome(report);
        }
        if let Some(hint) = failure.hint() {
            self.screen.note(&format!("hint: {hint}"));
        }
    }
}

/// Returns whether two plans say the same.
fn is_same(one: &Plan, other: &Plan) -> bool {
    one.changes() == other.changes() && one.actions() == other.actions()
}

const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '.')
}

/// Returns the name that `help NAME` asks about.
pub(super) fn help_wanted(input: &str) -> Option<&str> {
    let name = input.strip_prefix("help ")?.trim();
    name.chars().all(|c| is_name(c) || c == ' ').then_some(name)
}

/// Returns the beginning of a name that `NAME?` asks about.
pub(super) fn name_asked(input: &str) -> Option<&str> {
    let part = input.trim_end().strip_suffix('?')?;
    part.chars().all(is_name).then_some(part)
}

/// Returns a plan in signs and numbers: `+1 ~2 -3`.
pub(super) fn counts(plan: &Plan) -> String {
    if plan.is_empty() {
        return "no changes".to_owned();
    }
    let (add, change, delete) = plan.counts();
    let parts = [
        ('+', add),
        ('~', change),
        ('-', delete),
        ('!', plan.actions().len()),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(sign, number)| format!("{sign}{number}"))
        .collect();
    parts.join(" ")
}

/// Returns where the prompt is: host and kernel, or the simulation.
fn place_of(session: &Session) -> String {
    let place = session.label();
    match (&place.release, &place.detail) {
        (Some(_), None) => format!("{} kernel", place.host),
        (Some(_), Some(namespace)) => format!("{}/{namespace} kernel", place.host),
        (None, None) => "sim".to_owned(),
        (None, Some(document)) => {
            let name = std::path::Path::new(document).file_name();
            let name = name.map_or_else(
                || document.clone(),
                |name| name.to_string_lossy().into_owned(),
            );
            format!("sim {name}")
        }
    }
}
