//! A script that did not come to its end, and how it is shown.

use std::collections::BTreeMap;

use rhai::{Dynamic, EvalAltResult, ParseError, Position};

use super::error::{Compared, ScriptError};
use super::limits::{Stop, TIME_IS_UP};
use super::rhai_errors;
use super::runner::Script;
use crate::document::FileKind;
use crate::render::{Excerpt, Label, excerpt};
use crate::results::exit;
use crate::session::{Error, Origin};

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The script's or module's name.
    pub path: String,
    /// The line, from 1; 0 if it is not known.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What happened there.
    pub text: String,
}

/// The texts of scripts by their names.
pub type SourceTexts = BTreeMap<String, String>;

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
        kind: Box<str>,
        /// What is wrong.
        message: String,
        /// The object it is about, if it is one.
        object: Option<Box<str>>,
        /// The way out, if there is one to name.
        hint: Option<Box<str>>,
        /// Where, and the calls that led there, the innermost first.
        frames: Vec<Frame>,
        /// The texts of the script and of what it imported.
        sources: Box<SourceTexts>,
        /// What the session said, if it was that.
        session: Option<Box<Error>>,
        /// The two values that were to be equal.
        compared: Option<Box<Compared>>,
    },
}

/// The innermost error, taken apart.
#[derive(Default)]
struct Innermost {
    kind: String,
    message: String,
    object: Option<Box<str>>,
    hint: Option<Box<str>>,
    /// What happened at its place.
    note: String,
    /// Where it was thrown first, if it was caught and thrown again.
    place: Option<Box<Origin>>,
    /// Where the change was staged that a commit failed at.
    staged: Option<Box<Origin>>,
    session: Option<Box<Error>>,
    compared: Option<Box<Compared>>,
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
        let position = error.position();
        let source = script.source.as_bytes();
        match FileKind::of(source).filter(|kind| *kind != FileKind::Script) {
            Some(kind) if !matches!(script.path.as_str(), "prompt" | "eval") => {
                let path = &script.path;
                let message = format!("{path}: {}", kind.way_out(path));
                Self::compile(script, message, Position::NONE)
            }
            _ => Self::compile(script, rhai_errors::parse_error(error), position),
        }
    }

    /// Takes an uncaught error apart.
    pub(super) fn of_run(path: &str, sources: SourceTexts, error: EvalAltResult) -> Self {
        let mut calls = Vec::new();
        let mut path = path.to_owned();
        let mut inner = error;
        loop {
            inner = match inner {
                EvalAltResult::ErrorInFunctionCall(name, source, cause, position) => {
                    let text = if name.starts_with("anon$") {
                        "a closure is called here".to_owned()
                    } else {
                        format!("`{name}` is called here")
                    };
                    calls.push(frame_at(&path, position, text));
                    if !source.is_empty() {
                        path = source;
                    }
                    *cause
                }
                EvalAltResult::ErrorInModule(name, cause, position) => {
                    calls.push(frame_at(
                        &path,
                        position,
                        format!("{name} is imported here"),
                    ));
                    path = name;
                    *cause
                }
                other => break Self::innermost(&path, sources, other, calls),
            };
        }
    }

    fn innermost(
        path: &str,
        sources: SourceTexts,
        mut error: EvalAltResult,
        calls: Vec<Frame>,
    ) -> Self {
        let position = error.take_position();
        if let EvalAltResult::ErrorTerminated(token, _) = &error
            && let Some(Stop::Signal(signal)) = token.clone().try_cast::<Stop>()
            && signal != TIME_IS_UP
        {
            return Self::Interrupted { signal };
        }
        let inner = take_apart(error);
        let mut frames = vec![frame_at(path, position, inner.note)];
        let same =
            |place: &Origin| (place.source.as_str(), Some(place.line)) == (path, position.line());
        if let Some(place) = inner.place.filter(|place| !same(place)) {
            frames[0].text = "thrown again here".to_owned();
            frames.insert(0, origin_frame(&place, ""));
        }
        if let Some(staged) = &inner.staged {
            // The verb that staged the change says more than the block that committed it.
            frames[0].text = "committed here".to_owned();
            frames.insert(0, origin_frame(staged, "staged here"));
        }
        frames.extend(calls.into_iter().rev());
        Self::Run {
            kind: inner.kind.into(),
            message: inner.message,
            object: inner.object,
            hint: inner.hint,
            frames,
            sources: Box::new(sources),
            session: inner.session,
            compared: inner.compared,
        }
    }

    /// Returns the failure without its places in the source, for a script that is part of the program.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        if let Self::Run {
            frames, message, ..
        } = &mut self
        {
            frames.clear();
            let plain = message.strip_prefix("drain: ").map(str::to_owned);
            if let Some(plain) = plain {
                *message = plain;
            }
        }
        self
    }

    /// Returns what the session said, if it was that.
    #[must_use]
    pub fn session_error(&self) -> Option<&Error> {
        match self {
            Self::Run { session, .. } => session.as_deref(),
            Self::Compile { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Returns the exit status of a program that ends with it, if nothing was committed before.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Compile { .. } => exit::USAGE,
            Self::Interrupted { signal } => exit::after_signal(*signal),
            Self::Run {
                session: Some(error),
                ..
            } => exit::of_error(error, exit::FAILED),
            Self::Run { kind, .. } if kind.as_ref() == "usage" => exit::USAGE,
            Self::Run { .. } => exit::FAILED,
        }
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Compile { .. } => "compile".to_owned(),
            Self::Interrupted { .. } => "interrupted".to_owned(),
            Self::Run { kind, .. } => kind.to_string(),
        }
    }

    /// Returns the object it is about, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<String> {
        match self {
            Self::Run { object, .. } => object.as_deref().map(str::to_owned),
            Self::Compile { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Returns `true` if the script was ended because nobody read what it printed.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Interrupted { signal } if *signal == super::watch::BROKEN_PIPE)
    }

    /// Returns the way out, if there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Run { hint, .. } => hint.as_deref().map(str::to_owned),
            Self::Compile { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Returns the first place that is known of it, in a script or module.
    #[must_use]
    pub fn frame(&self) -> Option<&Frame> {
        let frame = match self {
            Self::Compile { frame, .. } => Some(frame),
            Self::Interrupted { .. } => None,
            Self::Run { frames, .. } => frames.first(),
        };
        frame.filter(|frame| frame.line > 0)
    }

    /// Returns it as an error that a script can read.
    pub(super) fn as_error(&self) -> ScriptError {
        let session = self.session_error();
        let place = self.frame().map(|frame| Origin {
            source: frame.path.clone(),
            line: frame.line,
            column: frame.column,
        });
        ScriptError {
            errno: session.and_then(|error| error.errno().map(|errno| errno.to_string().into())),
            object: self.object().map(Into::into),
            hint: self.hint().map(Into::into),
            session: session.cloned().map(Box::new),
            place: place.map(Box::new),
            ..ScriptError::new(&self.kind(), self.plain_message())
        }
    }

    /// Returns the two values that were to be equal, if it is about that.
    #[must_use]
    pub fn compared(&self) -> Option<&Compared> {
        match self {
            Self::Run { compared, .. } => compared.as_deref(),
            Self::Compile { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// Returns the error in words.
    #[must_use]
    pub fn plain_message(&self) -> String {
        match self {
            Self::Compile { message, .. } | Self::Run { message, .. } => message.clone(),
            Self::Interrupted { .. } => self.message(),
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
        /// Calls beyond this are counted, not shown: endless recursion has many.
        const SHOWN: usize = 8;
        let single;
        let (message, frames, sources) = match self {
            Self::Compile {
                message,
                frame,
                source,
            } => {
                single = [(frame.path.clone(), source.clone())].into();
                (message, std::slice::from_ref(frame), &single)
            }
            Self::Run {
                message,
                frames,
                sources,
                ..
            } => (message, frames.as_slice(), sources.as_ref()),
            Self::Interrupted { .. } => return format!("error: {}", self.message()),
        };
        let shown = frames
            .iter()
            .filter(|frame| frame.line > 0)
            .filter_map(|frame| Some((frame, sources.get(&frame.path)?)));
        let labels = shown.take(SHOWN).map(|(frame, source)| Label {
            path: &frame.path,
            source,
            line: frame.line,
            column: frame.column.max(1),
            text: &frame.text,
        });
        let text = excerpt(
            &Excerpt {
                title: message,
                labels: labels.collect(),
            },
            coloured,
        );
        match frames.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => format!("{text}\n(and {more} more calls)"),
            _ => text,
        }
    }
}

fn take_apart(error: EvalAltResult) -> Innermost {
    let limit = |message: String| Innermost {
        kind: "limit".to_owned(),
        message,
        ..Innermost::default()
    };
    match error {
        EvalAltResult::ErrorTerminated(token, _) => limit(match token.try_cast::<Stop>() {
            Some(Stop::Operations) => {
                "the script takes more operations than it may; --max-operations allows more"
                    .to_owned()
            }
            Some(Stop::Signal(TIME_IS_UP)) => {
                return Innermost {
                    kind: "timeout".to_owned(),
                    message: "its time was up; --timeout allows more".to_owned(),
                    note: "it was here".to_owned(),
                    ..Innermost::default()
                };
            }
            Some(Stop::Memory(mib)) => {
                format!("the script takes more than {mib} MiB of memory; --max-memory allows more")
            }
            _ => "the script was ended".to_owned(),
        }),
        EvalAltResult::ErrorStackOverflow(_) => limit(
            "calls within calls go too deep: does a function call itself without end?".to_owned(),
        ),
        EvalAltResult::ErrorRuntime(value, _) => thrown(&value),
        other => Innermost {
            kind: "script".to_owned(),
            message: rhai_errors::run_error(&other),
            ..Innermost::default()
        },
    }
}

fn thrown(value: &Dynamic) -> Innermost {
    if let Some(error) = value.read_lock::<ScriptError>() {
        return Innermost {
            kind: error.kind.to_string(),
            message: error.message.clone(),
            object: error.object.clone(),
            hint: error.hint.clone(),
            place: error.place.clone(),
            staged: error.staged.clone(),
            session: error.session.clone(),
            compared: error.compared.clone(),
            note: String::new(),
        };
    }
    Innermost {
        kind: "script".to_owned(),
        message: super::values::plain_text(value),
        note: "thrown here".to_owned(),
        ..Innermost::default()
    }
}

fn origin_frame(origin: &Origin, text: &str) -> Frame {
    Frame {
        path: origin.source.clone(),
        line: origin.line,
        column: origin.column,
        text: text.to_owned(),
    }
}

fn frame_at(path: &str, position: Position, text: String) -> Frame {
    Frame {
        path: path.to_owned(),
        line: position.line().unwrap_or_default(),
        column: position.position().unwrap_or_default(),
        text,
    }
}
