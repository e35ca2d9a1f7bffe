//! The one error type of bindings: scripts may catch it and read it, not forge it.

use rhai::{Dynamic, EvalAltResult, Position};

use crate::session::{Error, Origin};

/// What a bound function returns.
pub(super) type Scripted<T> = Result<T, Box<EvalAltResult>>;

/// An error that a script can catch.
#[derive(Clone, Debug)]
pub(super) struct ScriptError {
    pub(super) kind: Box<str>,
    pub(super) errno: Option<Box<str>>,
    pub(super) object: Option<Box<str>>,
    pub(super) message: String,
    pub(super) hint: Option<Box<str>>,
    /// Where the change was staged that a commit failed at.
    pub(super) staged: Option<Box<Origin>>,
    /// What the session said.
    pub(super) session: Option<Box<Error>>,
    /// Where it was thrown first.
    pub(super) place: Option<Box<Origin>>,
    /// The two values that were to be equal.
    pub(super) compared: Option<Box<Compared>>,
}

/// Two values that were to be equal, each as a text of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The one that was found.
    pub found: String,
    /// The one that was expected.
    pub expected: String,
}

impl ScriptError {
    /// Makes an error that has nothing to do with the table.
    pub(super) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            errno: None,
            object: None,
            message: message.into(),
            hint: None,
            staged: None,
            session: None,
            place: None,
            compared: None,
        }
    }

    /// Makes an error of what the session said.
    pub(super) fn of(error: Error, staged: Option<Origin>) -> Self {
        let commit = matches!(error, Error::Commit(_));
        Self {
            kind: error.kind().word().into(),
            errno: error.errno().map(|errno| errno.to_string().into()),
            object: error.object().map(|object| object.to_string().into()),
            message: error.to_string(),
            hint: error.hint().map(Into::into),
            staged: staged.filter(|_| commit).map(Box::new),
            session: Some(Box::new(error)),
            place: None,
            compared: None,
        }
    }

    /// Says what the way out is.
    pub(super) fn set_hint(&mut self, hint: impl Into<Box<str>>) {
        self.hint = Some(hint.into());
    }

    /// Remembers where it is thrown, for errors that are caught and thrown again.
    pub(super) fn at(mut self, source: &str, position: Position) -> Self {
        self.place = position.line().map(|line| {
            Box::new(Origin {
                source: source.to_owned(),
                line,
                column: position.position().unwrap_or_default(),
            })
        });
        self
    }

    /// Throws it at a place in the script.
    pub(super) fn raise(self, position: Position) -> Box<EvalAltResult> {
        EvalAltResult::ErrorRuntime(Dynamic::from(self), position).into()
    }
}
