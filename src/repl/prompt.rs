//! What the prompt does with an input. No terminal is needed: a [`Screen`] shows and asks.

use std::cell::RefCell;
use std::rc::Rc;

use super::words::{Words, is_ipvsadm, words};
use crate::render::{PlanView, columns, plan as render_plan};
use crate::script::{Evaluated, ScriptFailure, Shell, ValueText, entries, help};
use crate::session::Session;
use crate::txn::{Plan, Report};

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
    /// Tells whether errors are shown with colours.
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
    /// What the last line that committed anything committed.
    pub(super) last: Vec<Report>,
}

/// Savepoints of the prompt itself; no script can name them.
pub(super) const BEFORE_LINE: &str = "\u{0}before the last line";

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
            last: Vec::new(),
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
        let input = input.trim();
        if input.is_empty() {
            return Next::Continue;
        }
        if let Some(command) = input.strip_prefix(':') {
            return self.command(command);
        }
        match input {
            "exit" | "quit" => return self.end(0),
            "help" => {
                self.help("");
                return Next::Continue;
            }
            _ => {}
        }
        if let Some(name) = input
            .strip_prefix("help ")
            .filter(|rest| !rest.starts_with(['=', '(']))
        {
            self.help(name);
            return Next::Continue;
        }
        if let Some(part) = input
            .strip_suffix('?')
            .filter(|part| part.chars().all(is_name))
        {
            self.matches(part);
            return Next::Continue;
        }
        if is_ipvsadm(input) {
            return self.ipvsadm(input);
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

    /// Returns what was committed by the last input that committed anything.
    #[must_use]
    pub fn has_committed(&self) -> bool {
        !self.last.is_empty()
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

    fn ipvsadm(&mut self, input: &str) -> Next {
        match words(input) {
            Words::Listing(code) => {
                self.screen.note(&format!("here that is {code}"));
                self.evaluate(&code, self.json)
            }
            Words::Change(code) => {
                self.screen.note(&format!("here that is {code}"));
                self.screen.note("it was not run; enter it to run it");
                Next::Continue
            }
            Words::Unknown(text) => {
                self.screen.warn(&text);
                Next::Continue
            }
        }
    }

    /// Evaluates code and shows its value.
    pub(super) fn evaluate(&mut self, code: &str, json: bool) -> Next {
        let shell = Rc::clone(&self.shell);
        let before = {
            let shell = shell.borrow();
            let mut session = shell.session();
            if self.open.is_some() {
                // The transaction is open: a savepoint can be made.
                let _open = session.savepoint(BEFORE_LINE);
            }
            session.committed().len()
        };
        let staged_before = self.staged();
        let result = shell.borrow_mut().evaluate(code);
        self.tell_warnings();
        let next = match result {
            Ok(Evaluated { value, exit }) => {
                self.show_value(&value, json);
                exit.map_or(Next::Continue, Next::End)
            }
            Err(failure) => {
                let next = self.tell_failure(&failure);
                self.drop_failed_line(&staged_before);
                next
            }
        };
        let interrupted = shell.borrow().session().interrupt().take();
        self.tell_changes(before, &staged_before);
        match (next, interrupted) {
            (Next::End(status), _) => self.end(status),
            // Ctrl-C ends what runs and keeps the prompt; other signals end it.
            (Next::Continue, Some(signal)) if signal != 2 => {
                let status = u8::try_from(128 + signal).unwrap_or(1);
                self.end(status)
            }
            (next, _) => next,
        }
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
        if json {
            self.screen.show(&value.json());
            return;
        }
        let text = match value.rows() {
            Some(rows) => columns(&rows, Some(self.screen.width())),
            None => value.text(),
        };
        if !text.is_empty() {
            self.screen.show(&text);
        }
    }

    /// A line that failed leaves nothing of itself in the open transaction.
    fn drop_failed_line(&self, staged_before: &Plan) {
        if self.open.is_none() || self.staged().changes() == staged_before.changes() {
            return;
        }
        let back = self.shell.borrow().session().rollback_to(BEFORE_LINE);
        match back {
            Ok(()) => self.screen.note("what this line had staged is dropped"),
            Err(error) => self.screen.error(&format!("error: {error}")),
        }
    }

    pub(super) fn tell_warnings(&self) {
        for warning in self.shell.borrow().session().take_warnings() {
            self.screen.warn(&warning);
        }
    }

    fn tell_failure(&self, failure: &ScriptFailure) -> Next {
        if let ScriptFailure::Interrupted { .. } = failure {
            self.screen.note("interrupted");
            return Next::Continue;
        }
        self.screen.error(&failure.render(self.screen.colours()));
        if let Some(crate::session::Error::Commit(report)) = failure.session_error() {
            self.screen.outcome(report);
        }
        if let Some(hint) = failure.hint() {
            self.screen.note(&format!("hint: {hint}"));
        }
        Next::Continue
    }

    /// Says what an input committed or staged.
    pub(super) fn tell_changes(&mut self, committed_before: usize, staged_before: &Plan) {
        let fresh: Vec<Report> = {
            let shell = self.shell.borrow();
            let session = shell.session();
            session
                .committed()
                .get(committed_before..)
                .unwrap_or_default()
                .to_vec()
        };
        for report in &fresh {
            self.tell_commit(report);
        }
        if !fresh.is_empty() {
            self.last = fresh;
        }
        let staged = self.staged();
        if staged.changes() != staged_before.changes() {
            self.screen.note(&format!(
                "staged, not sent: {}; :diff shows it, :commit sends it",
                counts(&staged)
            ));
        }
    }

    pub(super) fn tell_commit(&self, report: &Report) {
        let number = report.plan.changes().len();
        let changes = crate::render::count(number, "change");
        self.screen.note(&format!(
            "committed, {changes}, {} ms",
            report.elapsed.as_millis()
        ));
    }
}

const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '.')
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

pub(super) fn plan_text(plan: &Plan, ending: &str) -> String {
    let mut bytes = Vec::new();
    let view = PlanView {
        plan,
        kept: None,
        ending,
    };
    // Writing to memory does not fail.
    let _infallible = render_plan(&mut bytes, &view);
    String::from_utf8_lossy(&bytes).trim_end().to_owned()
}

/// Returns where the prompt is: host and kernel, or the simulation.
fn place_of(session: &Session) -> String {
    let place = session.place();
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
