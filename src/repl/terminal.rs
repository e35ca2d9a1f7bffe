//! The loop around the line editor.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustyline::completion::{Completer as EditorCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Event, EventHandler, Helper};

use super::complete::Completer;
use super::highlight::highlight;
use super::pager::{Asked, SingleKey, Turn};
use super::prompt::{Next, Prompt, Screen, help_wanted, name_asked};
use crate::script::{Completeness, Shell, completeness};
use crate::txn::Report;
use crate::ui::{Ui, style};

/// Lines that the history keeps.
const HISTORY: usize = 10_000;

/// What a prompt needs from outside.
pub struct Setup {
    /// The door to the terminal.
    pub ui: Ui,
    /// Whether changes that take something away are asked about.
    pub asks: bool,
    /// The file of the history; `None` keeps none.
    pub history: Option<PathBuf>,
    /// A script to begin with.
    pub start: Option<PathBuf>,
    /// Says how a commit that did not go through ended.
    pub outcome: Rc<dyn Fn(&Report)>,
    /// Called after each line that committed something.
    pub committed: Rc<dyn Fn(&Shell)>,
    /// Ends the program at once with a status: a signal came while a line was waited for.
    pub leave: fn(u8),
}

type Line = Editor<Help, FileHistory>;

/// What helps while one types.
struct Help {
    completer: Completer,
    hinter: HistoryHinter,
    coloured: bool,
    asked: Arc<Asked>,
}

impl Helper for Help {}

impl EditorCompleter for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.completer.complete(line, cursor);
        let pairs = found.into_iter().map(|candidate| Pair {
            display: candidate.shown,
            replacement: candidate.text,
        });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Help {
    type Hint = String;

    fn hint(&self, line: &str, cursor: usize, context: &Context<'_>) -> Option<String> {
        if line.trim().is_empty() || self.asked.answer.load(Ordering::SeqCst) {
            return None;
        }
        self.hinter.hint(line, cursor, context)
    }
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> std::borrow::Cow<'l, str> {
        if self.coloured {
            highlight(line).into()
        } else {
            line.into()
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _: bool,
    ) -> std::borrow::Cow<'b, str> {
        if self.coloured {
            let colour = if prompt.contains(" kernel") {
                style::CARE
            } else {
                style::GOOD
            };
            format!("{colour}{prompt}{colour:#}").into()
        } else {
            prompt.into()
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> std::borrow::Cow<'h, str> {
        if self.coloured {
            format!("{}{hint}{:#}", style::FAINT, style::FAINT).into()
        } else {
            hint.into()
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.coloured && kind != CmdKind::MoveCursor
    }
}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let is_code = !self.asked.answer.load(Ordering::SeqCst)
            && !input.starts_with(':')
            && name_asked(input).is_none()
            && help_wanted(input).is_none();
        Ok(match completeness(input) {
            Completeness::Incomplete if is_code => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}

/// The terminal as a screen.
struct Terminal {
    ui: Ui,
    /// Whether a line or an answer is waited for.
    waiting: Arc<AtomicBool>,
    editor: Rc<RefCell<Line>>,
    asked: Arc<Asked>,
    /// What was typed at a pager and is for the prompt.
    typed: RefCell<String>,
    outcome: Rc<dyn Fn(&Report)>,
}

impl Terminal {
    fn height(&self) -> usize {
        terminal_size::terminal_size()
            .map_or(24, |(_, height)| usize::from(height.0))
            .max(5)
    }

    /// Reads an answer; what ends the input is none.
    fn answer(&self, question: &str) -> Option<String> {
        let mut editor = self.editor.try_borrow_mut().ok()?;
        self.waiting.store(true, Ordering::SeqCst);
        self.asked.answer.store(true, Ordering::SeqCst);
        let answer = editor.readline(question);
        self.asked.answer.store(false, Ordering::SeqCst);
        self.waiting.store(false, Ordering::SeqCst);
        answer.ok()
    }

    /// Waits for a key. What is none of the pager's stops it, and is the beginning of the next line of the prompt.
    fn turn(&self, question: &str) -> Turn {
        self.asked.key.store(true, Ordering::SeqCst);
        let line = self.answer(question);
        self.asked.key.store(false, Ordering::SeqCst);
        match line.map(|line| self.asked.turn(line)) {
            Some(Turn::Typed(text)) => {
                self.typed.borrow_mut().push_str(&text);
                Turn::Stop
            }
            Some(turn) => turn,
            None => Turn::Stop,
        }
    }
}

impl Screen for Terminal {
    fn show(&self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let page = self.height() - 1;
        let mut rest = lines.as_slice();
        let mut step = if self.ui.results_are_seen() && rest.len() > page {
            page
        } else {
            rest.len()
        };
        while !rest.is_empty() {
            let (now, later) = rest.split_at(step.min(rest.len()));
            if self.ui.line(&now.join("\n")).is_err() {
                return;
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
            let question = format!(
                "-- {} more lines: Enter shows more, a all, q no more -- ",
                rest.len()
            );
            match self.turn(&question) {
                Turn::All => step = rest.len(),
                Turn::Page => step = page,
                Turn::Stop | Turn::Typed(_) => return,
            }
        }
    }

    fn note(&self, text: &str) {
        self.ui.status(text);
    }

    fn warn(&self, text: &str) {
        self.ui.warning(text);
    }

    fn error(&self, text: &str) {
        self.ui.error_text(text);
    }

    fn ask(&self, question: &str) -> bool {
        let answer = self.answer(&format!("{question} [y/N] "));
        let answer = answer.map(|answer| answer.trim().to_lowercase());
        matches!(answer.as_deref(), Some("y" | "yes"))
    }

    fn width(&self) -> usize {
        self.ui.width().unwrap_or(80)
    }

    fn colours(&self) -> bool {
        self.ui.colours_errors()
    }

    fn outcome(&self, report: &Report) {
        (self.outcome)(report);
    }
}

fn editor(
    shell: &Rc<RefCell<Shell>>,
    setup: &Setup,
    asked: &Arc<Asked>,
) -> rustyline::Result<Line> {
    let coloured = setup.ui.colours_results();
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(HISTORY)?
        .color_mode(if coloured {
            ColorMode::Enabled
        } else {
            ColorMode::Disabled
        })
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Help {
        completer: Completer::new(Rc::clone(shell)),
        hinter: HistoryHinter::new(),
        coloured,
        asked: Arc::clone(asked),
    }));
    let single = SingleKey(Arc::clone(asked));
    editor.bind_sequence(Event::Any, EventHandler::Conditional(Box::new(single)));
    Ok(editor)
}

/// Runs the prompt until it ends, and returns its exit status.
pub fn run(shell: &Rc<RefCell<Shell>>, setup: &Setup) -> u8 {
    let asked = Arc::new(Asked::default());
    let editor = match editor(shell, setup, &asked) {
        Ok(editor) => Rc::new(RefCell::new(editor)),
        Err(error) => {
            setup
                .ui
                .error(&format!("the line editor can't start: {error}"));
            return 1;
        }
    };
    let history = setup
        .history
        .as_deref()
        .filter(|path| prepare(path, &setup.ui));
    let waiting = Arc::new(AtomicBool::new(false));
    let open = Arc::new(AtomicBool::new(false));
    watch_signals(shell, setup, &waiting, &open);
    if let Some(path) = history {
        // A history that is not there yet is empty.
        let _none_yet = editor.borrow_mut().load_history(path);
    }
    let screen = Rc::new(Terminal {
        ui: setup.ui,
        waiting: Arc::clone(&waiting),
        editor: Rc::clone(&editor),
        asked,
        typed: RefCell::default(),
        outcome: Rc::clone(&setup.outcome),
    });
    let mut prompt = Prompt::new(
        Rc::clone(shell),
        Rc::clone(&screen) as Rc<dyn Screen>,
        setup.asks,
    );
    if let Some(status) = start(&mut prompt, shell, setup) {
        return status;
    }
    loop {
        let text = prompt.text();
        open.store(prompt.is_open(), Ordering::SeqCst);
        waiting.store(true, Ordering::SeqCst);
        let typed = screen.typed.take();
        let line = editor
            .borrow_mut()
            .readline_with_initial(&text, (&typed, ""));
        waiting.store(false, Ordering::SeqCst);
        let line = match line {
            Ok(line) => line,
            // Ctrl-C drops what was typed.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => {
                return match prompt.end(0) {
                    Next::End(status) => status,
                    Next::Continue => 0,
                };
            }
            Err(error) => {
                setup
                    .ui
                    .error(&format!("the terminal can't be used: {error}"));
                prompt.end(1);
                return 1;
            }
        };
        if !line.trim().is_empty() {
            let mut editor = editor.borrow_mut();
            let added = editor.add_history_entry(&line).unwrap_or_default();
            if let (true, Some(path)) = (added, history)
                && let Err(error) = editor.append_history(path)
            {
                setup.ui.warning(&format!(
                    "the history {} can't be written: {error}",
                    path.display()
                ));
            }
        }
        let next = prompt.step(&line);
        if prompt.take_committed() {
            (setup.committed)(&shell.borrow());
        }
        if let Next::End(status) = next {
            return status;
        }
        if let Some(error) = shell.borrow().take_output_failure() {
            setup
                .ui
                .error(&format!("the output could not be written: {error}"));
            return 1;
        }
    }
}

/// Ends the program on SIGHUP and SIGTERM while it waits for a line: the terminal is put back as it was. Whatever
/// runs is not torn apart: a line looks at signals itself, and what is only staged was never sent.
fn watch_signals(
    shell: &Rc<RefCell<Shell>>,
    setup: &Setup,
    waiting: &Arc<AtomicBool>,
    open: &Arc<AtomicBool>,
) {
    let settings = nix::sys::termios::tcgetattr(std::io::stdin()).ok();
    // The settings are shared with no one: this thread owns them.
    let settings = settings.map(nix::libc::termios::from);
    let (waiting, open) = (Arc::clone(waiting), Arc::clone(open));
    let (ui, leave) = (setup.ui, setup.leave);
    let told = move |signal: i32| {
        if !waiting.load(Ordering::SeqCst) {
            return;
        }
        if let Some(settings) = settings {
            let now = nix::sys::termios::SetArg::TCSANOW;
            let _best_effort =
                nix::sys::termios::tcsetattr(std::io::stdin(), now, &settings.into());
        }
        if open.load(Ordering::SeqCst) {
            ui.warning("the open transaction is dropped; nothing of it was sent");
        }
        leave(u8::try_from(128 + signal).unwrap_or(1));
    };
    let interrupt = shell.borrow().session().interrupt().clone();
    if let Err(error) = interrupt.watch(told) {
        setup.ui.warning(&format!(
            "signals are noticed at the next line only: {error}"
        ));
    }
}

/// Runs the start file; a status means that it ended the prompt.
fn start(prompt: &mut Prompt, shell: &Rc<RefCell<Shell>>, setup: &Setup) -> Option<u8> {
    let path = setup.start.as_deref().filter(|path| path.is_file())?;
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let next = prompt.start(&text);
            if prompt.take_committed() {
                (setup.committed)(&shell.borrow());
            }
            match next {
                Next::End(status) => Some(status),
                Next::Continue => None,
            }
        }
        Err(error) => {
            setup.ui.warning(&format!(
                "the start file {} can't be read: {error}",
                path.display()
            ));
            None
        }
    }
}

/// Makes the folder of the history, and the file itself, which no one else may read. Tells whether there is one.
fn prepare(path: &std::path::Path, ui: &Ui) -> bool {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let made = path.parent().map_or(Ok(()), |folder| {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
    });
    let made = made.and_then(|()| {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map(|_| ())
    });
    if let Err(error) = &made {
        ui.warning(&format!(
            "there will be no history: {}: {error}",
            path.display()
        ));
    }
    made.is_ok()
}
