//! What a rehearsal reports: its transactions as steps of a runbook without a name.

use std::time::Duration;

use super::report::{RunbookEnd, RunbookReport, StepEnd, StepReport, WaitReport};
use crate::journal::time_text;
use crate::session::Session;
use crate::txn::Plan;

impl Session {
    /// Adds a wait to the report of the open runbook.
    pub fn report_wait(&mut self, wait: WaitReport) {
        self.runbooks.add_wait(wait);
    }

    /// Has the transactions of an outermost rehearsal reported one by one, as steps of a runbook without a name: all of them
    /// together may come to less than what each of them does.
    pub const fn report_each_rehearsed(&mut self) {
        self.runbooks.reports_rehearsed = true;
    }

    /// Returns whether what was rehearsed is reported one by one.
    pub(in crate::session) fn has_reported_rehearsed(&self) -> bool {
        self.runbooks.reports_rehearsed && !self.runbooks.reports.is_empty()
    }

    /// Reports a transaction that was rehearsed.
    pub(in crate::session) fn report_rehearsed(&mut self, label: Option<&str>, plan: &Plan) {
        let is_wanted = self.runbooks.reports_rehearsed && !self.runbooks.is_open();
        if !is_wanted || self.depth() > 1 || plan.is_empty() {
            return;
        }
        let plan = self.with_guard_notes(plan.clone());
        let step = StepReport {
            end: StepEnd::Done,
            plans: vec![plan.without_tables()],
            ..StepReport::begun(label.unwrap_or("without a label"))
        };
        match self.runbooks.reports.last_mut() {
            Some(report) if report.name.is_empty() => report.steps.push(step),
            _ => self.runbooks.reports.push(RunbookReport {
                name: String::new(),
                number: None,
                end: RunbookEnd::Rehearsed,
                cause: None,
                time: time_text(std::time::SystemTime::now()),
                elapsed: Duration::ZERO,
                steps: vec![step],
                left: Vec::new(),
                complaints: Vec::new(),
            }),
        }
    }
}
