//! How every error becomes text and an exit status.

use std::io;

use super::report::{self, TargetWords};
use crate::document::DocumentError;
use crate::model::{is_control, reason, shown};
use crate::render::{Excerpt, Label, excerpt};
use crate::results::{CauseShape, ResultShape, change_shape, exit};
use crate::script::ScriptFailure;
use crate::session::{Error, HistoryError};
use crate::txn::Report;
use crate::ui::Ui;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The session said no.
    Session(Error),
    /// The command line or a file is invalid.
    Usage {
        /// What is wrong.
        text: String,
        /// The way out.
        hint: Option<String>,
    },
    /// A script failed.
    Script(Box<ScriptFailure>),
    /// A result could not be written.
    Output(io::Error),
    /// Signals can't be caught.
    Signals(io::Error),
    /// There is no thread, or no longer one, for the reader of the table.
    NoReader(io::Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Session(error.into())
    }
}

impl Failure {
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::Usage {
            text: text.into(),
            hint: None,
        }
    }

    /// Returns the exit status if nothing was committed before.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Usage { .. } => exit::USAGE,
            Self::Output(_) | Self::Signals(_) | Self::NoReader(_) => exit::FAILED,
            Self::Session(error) => exit::of_error(error, exit::USAGE),
            Self::Script(failure) => failure.status(),
        }
    }

    pub(super) fn session_error(&self) -> Option<&Error> {
        match self {
            Self::Session(error) => Some(error),
            Self::Script(failure) => failure.session_error(),
            Self::Usage { .. } | Self::Output(_) | Self::Signals(_) | Self::NoReader(_) => None,
        }
    }

    /// Returns the report of a commit that did not go through.
    pub(super) fn report(&self) -> Option<&Report> {
        match self.session_error() {
            Some(Error::Commit(report)) => Some(report),
            _ => None,
        }
    }

    /// Says what went wrong, and what to do.
    pub(super) fn tell(&self, words: &TargetWords, ui: &Ui) {
        match self {
            Self::Usage { text, hint } => {
                ui.error(&arguments_shown(text));
                hint.iter().for_each(|hint| ui.hint(hint));
            }
            Self::Output(error) => ui.error(&format!(
                "the result could not be written: {}",
                reason(error)
            )),
            Self::Signals(error) => {
                ui.error(&format!("signals can't be caught: {}", reason(error)))
            }
            Self::NoReader(error) => ui.error(&format!(
                "the thread that reads the table is not there: {}",
                reason(error)
            )),
            Self::Session(Error::Document(error)) => tell_document(error, ui),
            Self::Session(Error::InDocument { place, .. }) => tell_document(place, ui),
            // A no is no error.
            Self::Session(Error::Declined) => ui.aside("Nothing was changed."),
            Self::Session(error) => ui.error(&arguments_shown(&error.to_string())),
            // Nobody reads any more.
            Self::Script(failure) if failure.is_unread() => {}
            Self::Script(failure) => ui.error_text(&failure.render(ui.colours_errors())),
        }
        if let Some(Error::Record(error)) = self.session_error()
            && let HistoryError::Superseded { differences, .. } = error.as_ref()
        {
            report::tell_differences(differences, ui);
        }
        if let Some(report) = self.report() {
            report::tell_outcome(report, words, ui);
        }
        let hint = match self {
            Self::Script(failure) => failure.hint(),
            _ => self.session_error().and_then(Error::hint),
        };
        if let Some(hint) = hint {
            ui.hint(&hint);
        }
    }

    /// Returns the error for programs.
    pub(super) fn cause(&self) -> CauseShape {
        let mut cause = match self {
            Self::Usage { text, hint } => CauseShape {
                kind: "usage".to_owned(),
                message: text.clone(),
                hint: hint.clone(),
                ..CauseShape::default()
            },
            Self::Output(error) | Self::Signals(error) | Self::NoReader(error) => CauseShape {
                kind: "io".to_owned(),
                message: reason(error),
                ..CauseShape::default()
            },
            Self::Script(failure) => CauseShape {
                kind: failure.kind(),
                message: failure.message(),
                object: failure.object(),
                hint: failure.hint(),
                ..CauseShape::default()
            },
            Self::Session(error) => CauseShape {
                kind: error.kind().word().to_owned(),
                message: error.to_string(),
                ..CauseShape::default()
            },
        };
        if let Some(error) = self.session_error() {
            cause.errno = error.errno().map(|errno| errno.to_string());
            cause.object = error.object().map(|object| object.to_string());
            cause.hint = error.hint();
            if let Error::Commit(report) = error {
                cause.differences = report::differences(&report.outcome);
            }
            if let Error::Record(error) = error
                && let HistoryError::Superseded { differences, .. } = error.as_ref()
            {
                cause.differences = differences.iter().map(change_shape).collect();
            }
        }
        cause
    }

    /// Returns the envelope of the failure.
    pub(super) fn envelope(&self) -> ResultShape {
        let mut shape = match self.report() {
            Some(report) => report::envelope(report),
            None => ResultShape::new("failed"),
        };
        shape.cause = Some(self.cause());
        shape
    }
}

/// Writes out what moves the cursor or ends a line in the arguments that a text quotes.
pub(super) fn arguments_shown(text: &str) -> String {
    let arguments = std::env::args_os().skip(1);
    let mut quoted: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .flat_map(|argument| {
            let value = argument.split_once('=').map(|(_, value)| value.to_owned());
            [Some(argument), value]
        })
        .flatten()
        // A mere end of a line forges nothing, and is everywhere.
        .filter(|argument| argument.chars().any(is_control) && argument.trim() != "")
        .collect();
    // The whole before its part.
    quoted.sort_by_key(|argument| std::cmp::Reverse(argument.len()));
    quoted.iter().fold(text.to_owned(), |text, argument| {
        text.replace(argument, &shown(argument))
    })
}

/// Shows the place in a document, if its file can still be read and is not too long to look at.
fn tell_document(error: &DocumentError, ui: &Ui) {
    const LARGEST_SHOWN: u64 = 1 << 20;
    if let DocumentError::Invalid {
        path,
        line,
        column,
        text,
        ..
    } = error
        && *line > 0
        && std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST_SHOWN)
        && let Ok(source) = std::fs::read_to_string(path)
    {
        let label = Label {
            path,
            source: &source,
            line: *line,
            column: (*column).max(1),
            text: "",
        };
        let shown = excerpt(
            &Excerpt {
                title: text,
                labels: vec![label],
            },
            ui.colours_errors(),
        );
        ui.error_text(&shown);
        return;
    }
    ui.error(&error.to_string());
}
