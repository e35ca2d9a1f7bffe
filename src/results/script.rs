//! What a script's own values are for other programs: errors, outcomes, and what is drained.

use serde::Serialize;
use serde_json::Value;

use super::VERSION;
use super::envelope::{PlanShape, plan_shape};
use super::runbook::RunbookShape;
use crate::txn::{Plan, Recorded};

/// An error that a script caught.
#[derive(Clone, Debug, Serialize)]
pub struct ScriptErrorShape<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// The kernel's error by name, or null.
    pub errno: Option<&'a str>,
    /// The object it is about, or null.
    pub object: Option<&'a str>,
    /// The error in words.
    pub message: &'a str,
    /// The way out, or null.
    pub hint: Option<&'a str>,
}

/// How a transaction of a script ended.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeShape<'a> {
    id: Option<u64>,
    confirm_by: Option<&'a str>,
    kind: &'a str,
    label: Option<&'a str>,
    reason: Option<&'a str>,
    seconds: f64,
    value: Value,
    plan: PlanShape,
}

impl<'a> OutcomeShape<'a> {
    /// Makes it of a transaction: how it ended, what it is called, and why it was left; what it changed and what it returned.
    #[must_use]
    pub fn new(
        (kind, label, reason): (&'a str, Option<&'a str>, Option<&'a str>),
        recorded: Option<&'a Recorded>,
        seconds: f64,
        plan: &Plan,
        value: Value,
    ) -> Self {
        Self {
            id: recorded.map(|recorded| recorded.number),
            confirm_by: recorded.and_then(|recorded| recorded.confirm_by.as_deref()),
            kind,
            label,
            reason,
            seconds,
            value,
            plan: plan_shape(plan),
        }
    }
}

/// How a runbook of a script ended, with what its block returned.
#[derive(Clone, Debug, Serialize)]
pub struct RunbookOutcomeShape {
    /// What became of it.
    #[serde(flatten)]
    pub runbook: RunbookShape,
    /// What its block returned.
    pub value: Value,
}

/// The answer of `ipvsh drain` without a server: what is drained.
#[derive(Clone, Debug, Serialize)]
pub struct DrainedShape {
    version: u32,
    drained: Value,
}

impl DrainedShape {
    /// Makes it of the rows that the drain script returns.
    #[must_use]
    pub const fn new(drained: Value) -> Self {
        Self {
            version: VERSION,
            drained,
        }
    }
}
