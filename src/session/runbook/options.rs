//! What a runbook is called, on what terms it runs, and why it can't.

use thiserror::Error as ThisError;

use crate::journal::{Data, OnFailure};
use crate::txn::Guarding;

/// What a runbook is called, and on what terms it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunbookOptions {
    /// Its name.
    pub name: String,
    /// What becomes of its commits if it is interrupted or its program is killed.
    pub interrupted: OnFailure,
    /// What becomes of its commits if it fails.
    pub failed: OnFailure,
    /// What its commits are checked against, and which guards are overridden.
    pub guarding: Guarding,
    /// What whoever made it wants to find again in the journal.
    pub data: Data,
}

/// Why a runbook or a step can't be.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[allow(missing_docs)] // the fields are what the texts name
pub enum RunbookError {
    #[error("runbook {name:?} is still open: runbooks can't be nested")]
    Nested { name: String },
    #[error(
        "runbook {name:?} is inside a transaction, which is committed as one; its steps are committed one by one"
    )]
    InTransaction { name: String },
    #[error("step {step:?} must be inside a runbook")]
    NoRunbook { step: String },
    #[error("step {step:?} is inside a transaction or another step; steps can't be nested")]
    InStep { step: String },
    #[error("{what} needs a name")]
    NoName { what: &'static str },
    #[error("the step {step:?} was declined")]
    Declined { step: String },
    #[error("can't start from step {from:?}: {text}")]
    NotInPlace { from: String, text: String },
    #[error("runbook {name:?} has no step {from:?} to start from")]
    NoSuchStep { name: String, from: String },
    #[error("the script makes a change outside the steps of a runbook, where --step can't ask")]
    OutsideOfSteps,
    #[error(
        "a commit inside a runbook can't have its own confirmation timeout: the runbook is rolled back as a whole"
    )]
    Confirm,
}

impl RunbookError {
    /// Returns the way out.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotInPlace { .. } => {
                Some("run it from the beginning; `ipvsh history` lists earlier runs")
            }
            Self::NoRunbook { .. } => Some("write runbook \"NAME\" { step \"NAME\" { … } }"),
            Self::OutsideOfSteps => {
                Some("`--dry-run` shows what a script would change; without --step it does that")
            }
            Self::InTransaction { .. } => Some("put the transaction into a step of the runbook"),
            _ => None,
        }
    }
}
