//! Errors returned by a session.

use thiserror::Error as ThisError;

use super::history::error::HistoryError;
use super::runbook::options::RunbookError;
use crate::backend::{
    BackendError, Errno, Holder, NamespaceError, Operation, Refusal, RefusalKind,
};
use crate::document::DocumentError;
use crate::journal::JournalError;
use crate::model::{Invalid, ObjectId};
use crate::txn::{Cause, Outcome, Report};

/// The family of an error, as scripts and results name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The object is there already.
    Exists,
    /// The object is not there.
    Missing,
    /// The kernel, or its rehearsal, refuses.
    Refused,
    /// The table changed under the plan.
    Conflict,
    /// It is not known, or not good, what the table is now.
    Indeterminate,
    /// The user may not.
    Permission,
    /// There is no IPVS to talk to.
    Unavailable,
    /// A value can't be.
    Invalid,
    /// Another program commits.
    Locked,
    /// A signal came.
    Interrupted,
    /// A file can't be read or written.
    Io,
    /// Who was asked said no.
    Declined,
    /// A guard refuses.
    Guard,
    /// It can't be done on this kind of table.
    Unsupported,
}

impl ErrorKind {
    /// Returns the word used in results and scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Indeterminate => "indeterminate",
            Self::Permission => "permission",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Locked => "locked",
            Self::Interrupted => "interrupted",
            Self::Io => "io",
            Self::Declined => "declined",
            Self::Guard => "guard",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A rehearsal's no to one operation.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What was refused, in words.
    pub operation: String,
    /// The object; `None` is the whole table.
    pub object: Option<ObjectId>,
    /// The answer that the kernel would give.
    pub refusal: Refusal,
}

/// Why a session did not do what was asked.
#[derive(Clone, Debug, ThisError)]
pub enum Error {
    /// A recording can't be read.
    #[error("{0}")]
    Recording(String),
    /// A value can't be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A value can't be, of an object that more is told about than this.
    #[error("{object}: {invalid}")]
    InvalidObject {
        /// The object.
        object: ObjectId,
        /// What is wrong.
        invalid: Box<Invalid>,
    },
    /// An error about an object of a document, with the place where the document names it.
    #[error("{place}")]
    InDocument {
        /// The place.
        place: Box<DocumentError>,
        /// What is wrong.
        error: Box<Error>,
    },
    /// The rehearsal refuses; nothing was sent.
    #[error("cannot {}: {}", .0.operation, .0.refusal.meaning)]
    Refused(Box<Refused>),
    /// The object is not there.
    #[error("there is no {what} {}", name_of(.object))]
    Missing {
        /// The kind of object.
        what: &'static str,
        /// The object.
        object: ObjectId,
    },
    /// Nothing in the table is named so.
    #[error("there is no virtual service and no real server {0}")]
    Unmatched(String),
    /// The file of a simulated table can't be written.
    #[error("{0}")]
    Unsaved(String),
    /// The table can't be reached or read; nothing was sent.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The network namespace can't be entered.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A commit did not go through; the report says how it ended.
    #[error("{}", commit_text(.0))]
    Commit(Box<Report>),
    /// A document can't be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// It can't be done on this kind of table.
    #[error("{0}")]
    Unsupported(String),
    /// Who was asked said no; nothing was sent.
    #[error("not confirmed: nothing was sent")]
    Declined,
    /// The journal stands in the way, or what it is asked about can't be.
    #[error(transparent)]
    Record(Box<HistoryError>),
    /// A runbook or a step can't be.
    #[error(transparent)]
    Runbook(Box<RunbookError>),
    /// There is no record of a commit, and nobody says why.
    #[error("could not write a journal record; nothing was sent")]
    NoRecord,
    /// The rehearsal's own kernel failed, which it never should.
    #[error("the rehearsal failed: {0}")]
    Rehearsal(String),
}

/// Makes an error name the object of the document that it is about.
pub(super) fn about(object: ObjectId) -> impl FnOnce(Invalid) -> Error {
    |invalid| Error::InvalidObject {
        object,
        invalid: Box::new(invalid),
    }
}

/// The name of an object behind what it is.
fn name_of(object: &ObjectId) -> String {
    match object {
        ObjectId::Sysctl(name) => name.to_string(),
        other => other.to_string(),
    }
}

fn commit_text(report: &Report) -> String {
    match &report.outcome {
        Outcome::RolledBack { cause, .. } | Outcome::Indeterminate { cause, .. } => {
            cause.to_string()
        }
        Outcome::Conflict { differences } => {
            let objects: Vec<String> = differences
                .iter()
                .map(|change| change.object().to_string())
                .collect();
            format!(
                "the table changed since it was read: {}",
                objects.join(", ")
            )
        }
        Outcome::Guarded { breaches } => {
            const SHOWN: usize = 8;
            let shown = breaches.iter().take(SHOWN);
            let mut lines: Vec<String> = shown
                .map(|breach| format!("refused by guard {}: {}", breach.guard, breach.text))
                .collect();
            if breaches.len() > SHOWN {
                lines.push(format!("and {} more", breaches.len() - SHOWN));
            }
            lines.join("\n       ")
        }
        Outcome::Locked { waited, by } => format!(
            "the commit lock of this table is held by {}; waited {} s",
            holder_text(by.as_ref()),
            waited.as_secs()
        ),
        Outcome::Committed | Outcome::Unchanged => "done".to_owned(),
    }
}

/// Names who holds the commit lock.
#[must_use]
pub fn holder_text(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || "a process that is not visible from here".to_owned(),
        ToString::to_string,
    )
}

impl From<HistoryError> for Error {
    fn from(error: HistoryError) -> Self {
        Self::Record(Box::new(error))
    }
}

impl From<RunbookError> for Error {
    fn from(error: RunbookError) -> Self {
        Self::Runbook(Box::new(error))
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        HistoryError::from(error).into()
    }
}

impl Error {
    /// Adds the place where a document names the object that the error is about.
    #[must_use]
    pub fn in_document(self, path: &str, text: &[u8]) -> Self {
        let (object, field) = match &self {
            Self::InvalidObject { object, invalid } => (Some(object.clone()), invalid.field()),
            Self::Refused(_) | Self::Missing { .. } => (self.object(), ""),
            _ => return self,
        };
        let place = object.and_then(|object| {
            crate::document::invalid_object(path, text, &object, field, &self.to_string())
        });
        match place {
            Some(place) => Self::InDocument {
                place: Box::new(place),
                error: Box::new(self),
            },
            None => self,
        }
    }

    /// Makes the rehearsal's no to an operation.
    pub(super) fn refused(operation: &Operation, refusal: &Refusal) -> Self {
        Self::Refused(Box::new(Refused {
            operation: operation.to_string(),
            object: operation.object(),
            refusal: refusal.clone(),
        }))
    }

    /// Returns the family of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InDocument { error, .. } => error.kind(),
            Self::Invalid(_)
            | Self::InvalidObject { .. }
            | Self::Document(
                DocumentError::Invalid { .. }
                | DocumentError::Scenario { .. }
                | DocumentError::OtherKind { .. }
                | DocumentError::TooLarge { .. },
            ) => ErrorKind::Invalid,
            Self::Document(DocumentError::File { .. }) => ErrorKind::Io,
            Self::Refused(refused) => refusal_kind(&refused.refusal),
            Self::Declined => ErrorKind::Declined,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Missing { .. } | Self::Unmatched(_) => ErrorKind::Missing,
            Self::Backend(error) => backend_kind(error),
            Self::Namespace(
                NamespaceError::NotAllowed { .. } | NamespaceError::NotReadable { .. },
            ) => ErrorKind::Permission,
            Self::Namespace(_) => ErrorKind::Unavailable,
            Self::Rehearsal(_) => ErrorKind::Unavailable,
            Self::NoRecord | Self::Unsaved(_) | Self::Recording(_) => ErrorKind::Io,
            Self::Record(error) => match error.as_ref() {
                HistoryError::Journal(JournalError::Missing { .. })
                | HistoryError::NotKept
                | HistoryError::Elsewhere { .. }
                | HistoryError::NotStanding { .. }
                | HistoryError::NotDamaged { .. }
                | HistoryError::NothingLeft { .. }
                | HistoryError::NoneAwaiting
                | HistoryError::SeveralAwaiting { .. }
                | HistoryError::NotAwaiting { .. }
                | HistoryError::NothingToUndo
                | HistoryError::NothingToRedo => ErrorKind::Invalid,
                HistoryError::CutOff { .. }
                | HistoryError::RunbookCutOff { .. }
                | HistoryError::Held { .. }
                | HistoryError::Superseded { .. }
                | HistoryError::TooLate { .. } => ErrorKind::Conflict,
                HistoryError::Journal(_)
                | HistoryError::NoFolder
                | HistoryError::Watcher { .. }
                | HistoryError::Unnoted { .. } => ErrorKind::Io,
            },
            Self::Runbook(error) => match error.as_ref() {
                RunbookError::Declined { .. } => ErrorKind::Declined,
                RunbookError::NotInPlace { .. } => ErrorKind::Conflict,
                _ => ErrorKind::Invalid,
            },
            Self::Commit(report) => match &report.outcome {
                Outcome::Guarded { .. } => ErrorKind::Guard,
                Outcome::RolledBack {
                    cause: Cause::Refused { refusal, .. },
                    ..
                } => refusal_kind(refusal),
                Outcome::RolledBack {
                    cause: Cause::Interrupted { .. },
                    ..
                } => ErrorKind::Interrupted,
                Outcome::RolledBack {
                    cause: Cause::Backend(error),
                    ..
                } => backend_kind(error),
                Outcome::RolledBack {
                    cause: Cause::Unsaved { .. },
                    ..
                } => ErrorKind::Io,
                Outcome::RolledBack { .. } => ErrorKind::Refused,
                Outcome::Conflict { .. } => ErrorKind::Conflict,
                Outcome::Locked { .. } => ErrorKind::Locked,
                Outcome::Indeterminate { .. } | Outcome::Committed | Outcome::Unchanged => {
                    ErrorKind::Indeterminate
                }
            },
        }
    }

    /// Returns the kernel's error number, if it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::InDocument { error, .. } => error.errno(),
            Self::Refused(refused) => Some(refused.refusal.errno),
            Self::Commit(report) => match &report.outcome {
                Outcome::RolledBack {
                    cause: Cause::Refused { refusal, .. },
                    ..
                }
                | Outcome::Indeterminate {
                    cause: Cause::Refused { refusal, .. },
                    ..
                } => Some(refusal.errno),
                _ => None,
            },
            Self::Backend(BackendError::Refused { errno, .. }) => Some(*errno),
            Self::Backend(BackendError::NoPermission) => Some(Errno::EPERM),
            _ => None,
        }
    }

    /// Returns the object it is about, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::InDocument { error, .. } => error.object(),
            Self::Refused(refused) => refused.object.clone(),
            Self::Missing { object, .. } | Self::InvalidObject { object, .. } => {
                Some(object.clone())
            }
            Self::Document(DocumentError::Invalid { object, .. }) => object.clone(),
            Self::Record(error) => match error.as_ref() {
                HistoryError::Held { object, .. } => Some(object.clone()),
                HistoryError::Superseded { objects, .. } => objects.first().cloned(),
                _ => None,
            },
            Self::Commit(report) => match &report.outcome {
                Outcome::RolledBack {
                    cause: Cause::Refused { object, .. },
                    ..
                }
                | Outcome::Indeterminate {
                    cause: Cause::Refused { object, .. },
                    ..
                } => object.clone(),
                Outcome::Conflict { differences } => {
                    differences.first().map(crate::txn::Change::object)
                }
                Outcome::Guarded { breaches } => {
                    breaches.first().and_then(|breach| breach.object.clone())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the way out, if there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InDocument { error, .. } => error.hint(),
            Self::Refused(refused) => match (&refused.refusal.hint, refused.refusal.kind) {
                (None, RefusalKind::Missing) => {
                    Some("`ipvsh list` shows what is there".to_owned())
                }
                (hint, _) => hint.clone(),
            },
            Self::Backend(error) => error.hint().map(str::to_owned),
            Self::Namespace(error) => error.hint().map(str::to_owned),
            Self::Document(error) => error.hint(),
            Self::Commit(report) => match &report.outcome {
                Outcome::RolledBack {
                    cause: Cause::Refused { refusal, .. },
                    ..
                }
                | Outcome::Indeterminate {
                    cause: Cause::Refused { refusal, .. },
                    ..
                } => refusal.hint.clone(),
                Outcome::Guarded { breaches } => {
                    let mut names: Vec<&str> =
                        breaches.iter().map(|one| one.guard.word()).collect();
                    names.dedup();
                    let options: Vec<String> = names
                        .iter()
                        .map(|name| format!("--override {name}"))
                        .collect();
                    Some(format!(
                        "nothing was sent; `ipvsh {} …` overrides the guard (in scripts `override: {names:?}`), which the journal records; `ipvsh config` shows where guards are set, `ipvsh help guards` explains them",
                        options.join(" ")
                    ))
                }
                Outcome::Conflict { .. } => Some("check the table and run it again; `ipvsh help conflict` explains it".to_owned()),
                Outcome::Locked { .. } => {
                    Some(
                        "wait until it is released, or raise --lock-wait; `ipvsh help locked` explains it"
                            .to_owned(),
                    )
                }
                _ => None,
            },
            Self::Missing {
                object: ObjectId::Sysctl(_),
                ..
            } => Some("`ipvsh info` shows the kernel's parameters".to_owned()),
            Self::Missing { .. } | Self::Unmatched(_) => {
                Some("`ipvsh list` shows what is there".to_owned())
            }
            Self::Record(error) => error.hint(),
            Self::Runbook(error) => error.hint().map(str::to_owned),
            Self::Invalid(_)
            | Self::InvalidObject { .. }
            | Self::Rehearsal(_)
            | Self::Declined
            | Self::Unsupported(_)
            | Self::NoRecord
            | Self::Recording(_)
            | Self::Unsaved(_) => None,
        }
    }
}

const fn refusal_kind(refusal: &Refusal) -> ErrorKind {
    match refusal.kind {
        RefusalKind::Exists => ErrorKind::Exists,
        RefusalKind::Missing => ErrorKind::Missing,
        RefusalKind::Permission => ErrorKind::Permission,
        RefusalKind::Refused => ErrorKind::Refused,
    }
}

const fn backend_kind(error: &BackendError) -> ErrorKind {
    match error {
        BackendError::NoPermission | BackendError::Unreadable { .. } => ErrorKind::Permission,
        BackendError::NoIpvs
        | BackendError::Transport(_)
        | BackendError::Socket(_)
        | BackendError::Lock(_)
        | BackendError::Table(_)
        | BackendError::Lost { .. }
        | BackendError::Malformed(_)
        | BackendError::Refused { .. }
        | BackendError::File { .. } => ErrorKind::Unavailable,
    }
}
