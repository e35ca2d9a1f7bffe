//! What is taken down of runbooks: their commits, their waits, and what a rehearsal would commit.

use std::time::Duration;

use super::Session;
use super::runbook::Trail;
use crate::journal::time_text;
use crate::txn::{
    Plan, Remarks, Report, RunbookEnd, RunbookReport, StepEnd, StepReport, WaitReport,
};

impl Session {
    /// Takes down a commit for the open runbook.
    pub(super) fn note_own_commit(&mut self, serial: usize, report: &Report) {
        let Some(running) = self.running.as_mut().filter(|running| !running.goes_back) else {
            return;
        };
        let number = report.recorded.as_ref().map(|recorded| recorded.number);
        running.trail.push(Trail::Commit {
            serial,
            number,
            plan: Box::new(Plan::restored(report.plan.ends(), Remarks::default())),
        });
        let step = running.current();
        step.plans.push(report.plan.without_tables());
        step.commits.extend(number);
    }

    /// Takes down a commit that did not go through and left something: the way back begins with it.
    pub(super) fn note_own_left(&mut self, report: &Report) {
        if let Some(running) = self.running.as_mut().filter(|running| !running.goes_back) {
            running.trail.push(Trail::Commit {
                serial: 0,
                number: report.recorded.as_ref().map(|recorded| recorded.number),
                plan: Box::new(Plan::restored(report.plan.ends(), Remarks::default())),
            });
        }
    }

    /// Takes down a wait for the open runbook.
    pub fn note_own_wait(&mut self, wait: WaitReport) {
        if let Some(running) = self.running.as_mut().filter(|running| !running.goes_back) {
            match running.steps.last_mut() {
                Some(step) => step.waits.push(wait),
                None => running.current().waits.push(wait),
            }
        } else if self.notes_rehearsed && self.running.is_none() {
            let step = self
                .runbooks
                .last_mut()
                .and_then(|report| report.steps.last_mut());
            if let Some(step) = step {
                step.waits.push(wait);
            }
        }
    }

    /// Has the transactions of an outermost rehearsal taken down one by one, as steps of a runbook without a name: all of them
    /// together may come to less than what each of them does.
    pub const fn notes_rehearsed(&mut self, on: bool) {
        self.notes_rehearsed = on;
    }

    /// Takes down a transaction that was rehearsed.
    pub(super) fn note_rehearsed(&mut self, label: Option<&str>, plan: &Plan) {
        if !self.notes_rehearsed || self.depth() > 1 || self.running.is_some() || plan.is_empty() {
            return;
        }
        let plan = self.with_guard_notes(plan.clone());
        let step = StepReport {
            end: StepEnd::Done,
            plans: vec![plan.without_tables()],
            ..StepReport::begun(label.unwrap_or("without a label"))
        };
        match self.runbooks.last_mut() {
            Some(report) if report.name.is_empty() => report.steps.push(step),
            _ => self.runbooks.push(RunbookReport {
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
