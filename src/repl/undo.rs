//! `:undo` and `:redo`: line by line, by the same new commits as `ipvsh undo` and `redo` make.

use super::prompt::{Prompt, counts};
use crate::session::{Ended, Error, Session};
use crate::txn::Report;

/// What lines committed, the newest last, and what of it was undone.
#[derive(Debug, Default)]
pub(super) struct Lines {
    done: Vec<Vec<Report>>,
    undone: Vec<Undone>,
}

/// A line that was undone.
#[derive(Clone, Debug)]
struct Undone {
    line: Vec<Report>,
    /// The commits that undid it.
    by: Vec<Report>,
}

fn number(report: &Report) -> Option<u64> {
    report.recorded.as_ref().map(|recorded| recorded.number)
}

impl Lines {
    /// Takes in what a line committed.
    pub(super) fn add(&mut self, line: Vec<Report>) {
        /// So many lines can be undone.
        const KEPT: usize = 1_000;
        let undoes: Vec<u64> = line
            .iter()
            .filter_map(|report| report.recorded.as_ref())
            .flat_map(|recorded| recorded.undoes.iter().copied())
            .collect();
        if undoes.is_empty() {
            // A new commit ends what can be redone.
            self.undone.clear();
            self.done.push(line);
            if self.done.len() > KEPT {
                self.done.remove(0);
            }
            return;
        }
        // `history::undo()` and `redo()` in a line: what they undid is no longer there to be undone.
        let is_undone = |line: &Vec<Report>| {
            line.iter()
                .all(|report| number(report).is_some_and(|number| undoes.contains(&number)))
        };
        if let Some(place) = self.undone.iter().rposition(|undone| is_undone(&undone.by)) {
            let undone = self.undone.remove(place);
            self.done.push(undone.line);
        } else if let Some(place) = self.done.iter().rposition(is_undone) {
            let done = self.done.remove(place);
            self.undone.push(Undone {
                line: done,
                by: line,
            });
        }
    }
}

/// Names commits in a sentence.
fn named(reports: &[Report]) -> String {
    let numbers: Vec<u64> = reports.iter().filter_map(number).collect();
    match numbers.as_slice() {
        [] => "what that line did is".to_owned(),
        [one] => format!("commit {one} is"),
        [first, .., last] => format!("commits {first} to {last} are"),
    }
}

impl Prompt {
    /// Undoes the last line that is not undone.
    pub(super) fn undo(&mut self) {
        if let Some(open) = &mut self.open {
            let Some(mark) = open.before.pop() else {
                self.screen
                    .warn("no line of this transaction has staged anything that is still there");
                return;
            };
            self.shell.borrow().session().restore_line(mark);
            let left = counts(&self.staged());
            self.screen.note(&format!(
                "the last line that staged something is dropped; staged: {left}"
            ));
            return;
        }
        let Some(line) = self.lines.done.last().cloned() else {
            self.screen.warn(
                "there is no line to undo here; `history::undo()` undoes the last commit to this table",
            );
            return;
        };
        if line.iter().any(|report| !report.plan.actions().is_empty()) {
            self.screen
                .warn("counters that were zeroed can't be brought back");
        }
        let undone = self.work(":undo", |session| session.undo_reports(&line));
        if let Some(by) = undone {
            self.screen.note(&format!("{} undone", named(&line)));
            self.lines.done.pop();
            self.lines.undone.push(Undone { line, by });
        }
    }

    /// Reverses the newest undo.
    pub(super) fn redo(&mut self) {
        if self.open.is_some() {
            self.screen.warn(
                "a transaction is open, and :redo is about commits; :commit or :rollback ends it",
            );
            return;
        }
        let Some(undone) = self.lines.undone.last().cloned() else {
            self.screen.warn(
                "there is nothing to redo: the last commit here is no undo; `history::redo()` looks at all of this table",
            );
            return;
        };
        let redone = self.work(":redo", |session| session.undo_reports(&undone.by));
        if redone.is_some() {
            self.screen.note(&format!("{} redone", named(&undone.line)));
            self.lines.undone.pop();
            self.lines.done.push(undone.line);
        }
    }

    /// Does what makes one commit, and tells of it; `None` if it was refused.
    fn work(
        &mut self,
        typed: &str,
        work: impl FnOnce(&mut Session) -> Result<Ended, Error>,
    ) -> Option<Vec<Report>> {
        let (before, worked) = {
            let shell = self.shell.borrow();
            let mut session = shell.session();
            session.note_typed(typed);
            (session.committed().count(), work(&mut session))
        };
        self.tell_warnings();
        match worked {
            Ok(_) => Some(self.tell_commits(before)),
            Err(error) => {
                self.screen.error(&format!("error: {error}"));
                if let Error::Commit(report) = &error {
                    self.screen.outcome(report);
                }
                None
            }
        }
    }
}
