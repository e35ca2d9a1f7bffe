//! What the prompt says of commits.

use super::prompt::Prompt;
use crate::txn::{Report, TablePlace};

/// Commits of one line that are told one by one.
const SHOWN_COMMITS: usize = 5;

impl Prompt {
    /// Says what an input committed, and returns it.
    pub(super) fn tell_commits(&mut self, committed_before: usize) -> Vec<Report> {
        let fresh: Vec<Report> = {
            let shell = self.shell.borrow();
            let mut session = shell.session();
            // They were told when they ended.
            let _told = session.take_runbooks();
            let committed = session.committed();
            let fresh = committed.since(committed_before).to_vec();
            let all = committed.count() - committed_before;
            if fresh.len() < all {
                self.screen.warn(&format!(
                    "this line committed {all} times; the last {} of them are kept, and :undo undoes no others",
                    fresh.len()
                ));
            }
            fresh
        };
        if fresh.len() > SHOWN_COMMITS {
            self.tell_many(&fresh);
        } else {
            for report in &fresh {
                self.tell_commit(report);
            }
        }
        fresh
    }

    /// Tells of many commits in one line.
    fn tell_many(&mut self, reports: &[Report]) {
        self.has_committed = true;
        let changes = reports
            .iter()
            .map(|report| report.plan.changes().len())
            .sum();
        let changes = crate::render::count(changes, "change");
        let numbers: Vec<u64> = reports
            .iter()
            .filter_map(|report| Some(report.recorded.as_ref()?.number))
            .collect();
        let place = match (numbers.first(), numbers.last()) {
            (Some(first), Some(last)) => format!(" as {first} to {last}"),
            _ => String::new(),
        };
        self.screen
            .note(&format!("{} commits{place}, {changes}", reports.len()));
    }

    pub(super) fn tell_commit(&mut self, report: &Report) {
        self.has_committed = true;
        let number = report.plan.changes().len();
        let changes = crate::render::count(number, "change");
        let time = report.elapsed.as_millis();
        let Some(recorded) = &report.recorded else {
            let place = match report.place {
                TablePlace::Memory => " in the simulation, not saved",
                TablePlace::Lasting => "",
            };
            self.screen
                .note(&format!("committed{place}, {changes}, {time} ms"));
            return;
        };
        let number = recorded.number;
        self.screen
            .note(&format!("committed as {number}, {changes}, {time} ms"));
        if let Some(until) = &recorded.confirm_by {
            self.screen.note(&format!(
                "it rolls back automatically at {until} unless you run `confirm()` here or `ipvsh confirm {number}`"
            ));
        }
    }
}
