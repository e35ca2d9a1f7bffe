//! The one error type of bindings: scripts may catch it and read it, not forge it.

use rhai::{Dynamic, EvalAltResult, Position};

use crate::session::{Error, Origin};

/// What a bound function returns.
pub(super) type Scripted<T> = Result<T, Box<EvalAltResult>>;

/// An error that a script can catch.
#[derive(Clone, Debug)]
pub(super) struct ScriptError {
    pub(super) kind: String,
    pub(super) errno: Option<String>,
    pub(super) object: Option<String>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Where the change was staged that a commit failed at.
    pub(super) staged: Option<Origin>,
    /// What the session said.
    pub(super) session: Option<Error>,
}

impl ScriptError {
    /// Makes an error that has nothing to do with the table.
    pub(super) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            errno: None,
            object: None,
            message: message.into(),
            hint: None,
            staged: None,
            session: None,
        }
    }

    /// Makes an error of what the session said.
    pub(super) fn of(error: Error, staged: Option<Origin>) -> Self {
        let commit = matches!(error, Error::Commit(_));
        Self {
            kind: error.kind().word().to_owned(),
            errno: error.errno().map(|errno| errno.to_string()),
            object: error.object().map(|object| object.to_string()),
            message: error.to_string(),
            hint: error.hint(),
            staged: staged.filter(|_| commit),
            session: Some(error),
        }
    }

    /// Throws it at a place in the script.
    pub(super) fn raise(self, position: Position) -> Box<EvalAltResult> {
        EvalAltResult::ErrorRuntime(Dynamic::from(self), position).into()
    }
}
