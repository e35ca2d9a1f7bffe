//! The outcome of a transaction as scripts see it.

use std::rc::Rc;

use rhai::Dynamic;
use rhai::plugin::export_module;

use super::plan::plain;
use crate::document::json;
use crate::render::runbook_text;
use crate::results::{OutcomeShape, RunbookOutcomeShape, runbook_shape};
use crate::session::Ended;
use crate::session::{RunbookEnd, RunbookReport};
use crate::txn::{Outcome, Plan, Recorded};

/// How a transaction ended.
#[derive(Clone, Debug)]
pub(in crate::script) struct OutcomeValue {
    kind: &'static str,
    label: Option<String>,
    plan: Plan,
    value: Dynamic,
    seconds: f64,
    reason: Option<String>,
    recorded: Option<Recorded>,
    /// Of a runbook, what became of it.
    runbook: Option<Rc<RunbookReport>>,
}

impl OutcomeValue {
    pub(in crate::script) fn new(ended: Ended, label: Option<String>, value: Dynamic) -> Self {
        match ended {
            Ended::Committed(report) => Self {
                kind: report.outcome.word(),
                label,
                seconds: report.elapsed.as_secs_f64(),
                recorded: report.recorded,
                plan: report.plan,
                value,
                reason: None,
                runbook: None,
            },
            Ended::Staged(plan) if plan.is_empty() => Self {
                kind: Outcome::Unchanged.word(),
                label,
                plan: *plan,
                value,
                seconds: 0.0,
                reason: None,
                recorded: None,
                runbook: None,
            },
            Ended::Staged(plan) => Self {
                kind: "staged",
                label,
                plan: *plan,
                value,
                seconds: 0.0,
                reason: None,
                recorded: None,
                runbook: None,
            },
        }
    }

    /// Makes the outcome of a block that was left by `rollback`.
    pub(in crate::script) fn rolled_back(reason: String, label: Option<String>) -> Self {
        Self {
            kind: "rolled_back",
            label,
            plan: Plan::default(),
            value: Dynamic::UNIT,
            seconds: 0.0,
            reason: Some(reason),
            recorded: None,
            runbook: None,
        }
    }

    /// Makes the outcome of a step that an earlier run did.
    pub(in crate::script) fn skipped(label: String) -> Self {
        Self {
            kind: "skipped",
            ..Self::rolled_back("an earlier run did it".to_owned(), Some(label))
        }
    }

    /// Makes the outcome of a runbook.
    pub(in crate::script) fn of_runbook(report: RunbookReport, value: Dynamic) -> Self {
        let kind = match report.end {
            RunbookEnd::Completed if report.changes().next().is_none() => "unchanged",
            RunbookEnd::Rehearsed => "staged",
            end => end.word(),
        };
        Self {
            kind,
            label: Some(report.name.clone()),
            plan: Plan::default(),
            value,
            seconds: report.elapsed.as_secs_f64(),
            reason: report.cause.clone(),
            recorded: report.number.map(|number| Recorded {
                number,
                label: Some(report.name.clone()),
                undoes: Vec::new(),
                confirm_by: None,
            }),
            runbook: Some(Rc::new(report)),
        }
    }

    pub(super) fn text(&self) -> String {
        if let Some(report) = &self.runbook {
            return runbook_text(report).trim_end().to_owned();
        }
        let label = self
            .label
            .as_ref()
            .map(|label| format!(" \"{}\"", crate::model::shown(label)))
            .unwrap_or_default();
        match &self.reason {
            Some(reason) => format!(
                "Outcome{label}: {}: {}",
                self.kind,
                crate::model::shown(reason)
            ),
            None => {
                let number = match &self.recorded {
                    Some(Recorded { number, .. }) => format!(" as {number}"),
                    None => String::new(),
                };
                plain(
                    &self.plan,
                    &format!("Outcome{label}: {}{number}.", self.kind),
                )
            }
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        if let Some(report) = &self.runbook {
            return json::value(&RunbookOutcomeShape {
                runbook: runbook_shape(report),
                value: super::json_or_end(&self.value),
            });
        }
        json::value(&OutcomeShape::new(
            (self.kind, self.label.as_deref(), self.reason.as_deref()),
            self.recorded.as_ref(),
            self.seconds,
            &self.plan,
            super::json_or_end(&self.value),
        ))
    }
}

/// Fields of an outcome.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(super) mod fields {
    use super::OutcomeValue as Outcome;
    use crate::document::json;

    /// Returns why the block was left, for one that `rollback` left, or `()`.
    #[rhai_fn(get = "reason", pure)]
    pub fn reason(outcome: &mut Outcome) -> Dynamic {
        outcome.reason.clone().map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns `committed`, `unchanged`, `rolled_back`, or `staged` inside another transaction.
    #[rhai_fn(get = "kind", pure)]
    pub fn kind(outcome: &mut Outcome) -> String {
        outcome.kind.to_owned()
    }

    /// Returns the number of the commit in the journal, for `history::undo` and `ipvsh undo`, or `()`.
    #[rhai_fn(get = "id", pure)]
    pub fn id(outcome: &mut Outcome) -> Dynamic {
        let number = outcome.recorded.as_ref().map(|recorded| recorded.number);
        let number = number.and_then(|number| i64::try_from(number).ok());
        number.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns until when the commit must be confirmed, in UTC, RFC 3339, or `()` if it stays without that.
    #[rhai_fn(get = "confirm_by", pure)]
    pub fn confirm_by(outcome: &mut Outcome) -> Dynamic {
        let recorded = outcome.recorded.as_ref();
        let until = recorded.and_then(|recorded| recorded.confirm_by.clone());
        until.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns the label of the transaction, or `()`.
    #[rhai_fn(get = "label", pure)]
    pub fn label(outcome: &mut Outcome) -> Dynamic {
        outcome.label.clone().map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns the steps of a runbook: maps with `name`, `outcome`, `seconds`, `commits`, `plan`, `waits`, `cause` and
    /// `undo`; `()` if it is none.
    #[rhai_fn(get = "steps", pure)]
    pub fn steps(outcome: &mut Outcome) -> Dynamic {
        let Some(report) = &outcome.runbook else {
            return Dynamic::UNIT;
        };
        let steps = json::value(&super::runbook_shape(report).steps);
        crate::script::values::dynamic_of(&steps).into_read_only()
    }

    /// Returns the changes that were made, as those of a plan; of a runbook, those of all steps in order.
    #[rhai_fn(get = "changes", pure)]
    pub fn changes(outcome: &mut Outcome) -> Dynamic {
        if let Some(report) = &outcome.runbook {
            let none = crate::txn::Traffic::default();
            let changes = report
                .changes()
                .map(|one| crate::script::values::plan::change(one, none));
            return Dynamic::from_array(changes.collect()).into_read_only();
        }
        crate::script::values::plan::changes(&outcome.plan)
    }

    /// Returns the value of the block.
    #[rhai_fn(get = "value", pure)]
    pub fn value(outcome: &mut Outcome) -> Dynamic {
        outcome.value.clone()
    }

    /// Returns how long the commit took.
    #[rhai_fn(get = "seconds", pure)]
    pub fn seconds(outcome: &mut Outcome) -> f64 {
        outcome.seconds
    }

    /// Returns the outcome as it is shown to people.
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(outcome: &mut Outcome) -> String {
        outcome.text()
    }
}
