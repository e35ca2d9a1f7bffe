//! Whoever tells people what goes on while it goes on.

use std::time::Duration;

use super::runbook::report::{RunbookReport, StepReport};

/// A wait that goes on.
#[derive(Clone, Copy, Debug)]
pub struct WaitView<'a> {
    /// What is waited for, in words.
    pub what: &'a str,
    /// How long already.
    pub waited: Duration,
    /// How long at most.
    pub limit: Duration,
    /// Connections that are still there, and those at the beginning, where these are waited for.
    pub connections: Option<(u64, u64)>,
}

/// Tells of runbooks, steps and waits. Nothing it does can stop them, but for saying no to a step.
pub trait Narrator {
    /// A script has something to say.
    fn warns(&self, text: &str);

    /// Another program holds the commit lock, and is waited for.
    fn waits_for_lock(&self, holder: &str) {
        let _unused = holder;
    }

    /// A runbook begins.
    fn runbook_begins(&self, name: &str) {
        let _unused = name;
    }

    /// Asks whether a step may begin.
    fn may_begin(&self, number: usize, name: &str) -> bool {
        let _unused = (number, name);
        true
    }

    /// A step begins.
    fn step_begins(&self, number: usize, name: &str) {
        let _unused = (number, name);
    }

    /// A step ended.
    fn step_ended(&self, number: usize, step: &StepReport) {
        let _unused = (number, step);
    }

    /// A wait goes on: called when it begins, and then now and then.
    fn waiting(&self, wait: &WaitView<'_>) {
        let _unused = wait;
    }

    /// A wait is over, and whether it came to what it was for.
    fn waited(&self, wait: &WaitView<'_>, came: bool) {
        let _unused = (wait, came);
    }

    /// A runbook is rolled back.
    fn rolls_back(&self, name: &str, cause: &str) {
        let _unused = (name, cause);
    }

    /// A runbook ended.
    fn runbook_ended(&self, report: &RunbookReport) {
        let _unused = report;
    }
}
