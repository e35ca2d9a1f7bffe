//! A script that did not come to its end, and how it is shown.

use rhai::{Dynamic, EvalAltResult, ParseError, Position};

use super::error::ScriptError;
use super::limits::Stop;
use super::runner::Script;
use crate::render::{Excerpt, Label, excerpt};
use crate::session::Error;

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The script's name.
    pub path: String,
    /// The line, from 1; 0 if it is not known.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What happened there.
    pub text: String,
}

/// Why a script did not come to its end.
#[derive(Clone, Debug)]
pub enum ScriptFailure {
    /// It can't be compiled; nothing ran.
    Compile {
        /// What is wrong.
        message: String,
        /// Where.
        frame: Frame,
        /// The script's text.
        source: String,
    },
    /// A signal came.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// It failed.
    Run {
        /// The kind of error.
        kind: String,
        /// What is wrong.
        message: String,
        /// Where, and the calls that led there, the innermost first.
        frames: Vec<Frame>,
        /// The script's text.
        source: String,
        /// What the session said, if it was that.
        session: Option<Box<Error>>,
    },
}

impl ScriptFailure {
    pub(super) fn compile(script: &Script, message: String, position: Position) -> Self {
        Self::Compile {
            message,
            frame: frame_at(&script.path, position, String::new()),
            source: script.source.clone(),
        }
    }

    pub(super) fn of_parse(script: &Script, error: &ParseError) -> Self {
        Self::compile(script, error.err_type().to_string(), error.position())
    }

    /// Takes an uncaught error apart.
    pub(super) fn of_run(script: &Script, error: EvalAltResult) -> Self {
        let mut calls = Vec::new();
        let mut path = script.path.clone();
        let mut inner = error;
        loop {
            inner = match inner {
                EvalAltResult::ErrorInFunctionCall(name, source, cause, position) => {
                    calls.push(frame_at(
                        &path,
                        position,
                        format!("`{name}` is called here"),
                    ));
                    if !source.is_empty() {
                        path = source;
                    }
                    *cause
                }
                EvalAltResult::ErrorInModule(name, cause, position) => {
                    calls.push(frame_at(&path, position, format!("in module {name}")));
                    *cause
                }
                other => break Self::innermost(script, &path, other, calls),
            };
        }
    }

    fn innermost(script: &Script, path: &str, mut error: EvalAltResult, calls: Vec<Frame>) -> Self {
        let position = error.take_position();
        let (mut session, mut staged) = (None, None);
        let (kind, message, place) = match error {
            EvalAltResult::ErrorTerminated(token, _) => match token.try_cast::<Stop>() {
                Some(Stop::Signal(signal)) => return Self::Interrupted { signal },
                Some(Stop::Memory(mib)) => (
                    "limit".to_owned(),
                    format!(
                        "the script takes more than {mib} MiB of memory; --max-memory allows more"
                    ),
                    String::new(),
                ),
                None => (
                    "limit".to_owned(),
                    "the script was ended".to_owned(),
                    String::new(),
                ),
            },
            EvalAltResult::ErrorTooManyOperations(_) => (
                "limit".to_owned(),
                "the script takes more operations than it may; --max-operations allows more"
                    .to_owned(),
                String::new(),
            ),
            EvalAltResult::ErrorStackOverflow(_) => (
                "limit".to_owned(),
                "calls within calls go too deep: does a function call itself without end?"
                    .to_owned(),
                String::new(),
            ),
            EvalAltResult::ErrorRuntime(value, _) => thrown(&value, &mut session, &mut staged),
            other => ("script".to_owned(), other.to_string(), String::new()),
        };
        let mut frames = vec![frame_at(path, position, place)];
        if let Some(staged) = staged {
            // The verb that staged the change says more than the block that committed it.
            frames[0].text = "committed here".to_owned();
            frames.insert(0, staged);
        }
        frames.extend(calls.into_iter().rev());
        Self::Run {
            kind,
            message,
            frames,
            source: script.source.clone(),
            session,
        }
    }

    /// Returns what the session said, if it was that.
    #[must_use]
    pub fn session_error(&self) -> Option<&Error> {
        match self {
            Self::Run { session, .. } => session.as_deref(),
            Self::Compile { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Compile { .. } => "compile".to_owned(),
            Self::Interrupted { .. } => "interrupted".to_owned(),
            Self::Run { kind, .. } => kind.clone(),
        }
    }

    /// Returns the error in words, with its place.
    #[must_use]
    pub fn message(&self) -> String {
        let placed = |message: &str, frame: Option<&Frame>| match frame {
            Some(frame) if frame.line > 0 => {
                format!("{}:{}:{}: {message}", frame.path, frame.line, frame.column)
            }
            _ => message.to_owned(),
        };
        match self {
            Self::Compile { message, frame, .. } => placed(message, Some(frame)),
            Self::Run {
                message, frames, ..
            } => placed(message, frames.first()),
            Self::Interrupted { signal } => format!("interrupted by signal {signal}"),
        }
    }

    /// Renders the error with its source and a caret.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let (message, frames, source) = match self {
            Self::Compile {
                message,
                frame,
                source,
            } => (message, std::slice::from_ref(frame), source),
            Self::Run {
                message,
                frames,
                source,
                ..
            } => (message, frames.as_slice(), source),
            Self::Interrupted { .. } => return format!("error: {}", self.message()),
        };
        let main = match self {
            Self::Compile { frame, .. } => frame.path.clone(),
            _ => frames
                .last()
                .map(|frame| frame.path.clone())
                .unwrap_or_default(),
        };
        let shown = frames
            .iter()
            .filter(|frame| frame.line > 0 && frame.path == main);
        let labels = shown.map(|frame| Label {
            path: &frame.path,
            source,
            line: frame.line,
            column: frame.column.max(1),
            text: &frame.text,
        });
        excerpt(
            &Excerpt {
                title: message,
                labels: labels.collect(),
            },
            coloured,
        )
    }
}

fn thrown(
    value: &Dynamic,
    session: &mut Option<Box<Error>>,
    staged: &mut Option<Frame>,
) -> (String, String, String) {
    if let Some(error) = value.read_lock::<ScriptError>() {
        *session = error.session.clone().map(Box::new);
        if let Some(origin) = &error.staged {
            *staged = Some(Frame {
                path: origin.source.clone(),
                line: origin.line,
                column: origin.column,
                text: "staged here".to_owned(),
            });
        }
        return (error.kind.clone(), error.message.clone(), String::new());
    }
    let text = match value.clone().into_string() {
        Ok(text) => text,
        Err(_) => super::values::json_text(value),
    };
    ("script".to_owned(), text, "thrown here".to_owned())
}

fn frame_at(path: &str, position: Position, text: String) -> Frame {
    Frame {
        path: path.to_owned(),
        line: position.line().unwrap_or_default(),
        column: position.position().unwrap_or_default(),
        text,
    }
}
