//! What an earlier run of a runbook did and what of it is still in place: a later run can begin behind that.

use super::ResumePoint;
use super::options::RunbookError;
use crate::journal::{EventKind, TableIdentity};
use crate::session::history::state_text;
use crate::session::{Error, Scope, Session};
use crate::txn::Change;

impl Session {
    /// Finds the last run of a runbook, and makes sure that what it did before a step is in place.
    pub(super) fn find_resume_point(
        &mut self,
        name: &str,
        from: String,
    ) -> Result<ResumePoint, Error> {
        let missing = |from: String, text: &str| -> Error {
            let text = text.to_owned();
            RunbookError::NotInPlace { from, text }.into()
        };
        if self.history.log.is_none() {
            return Err(missing(
                from,
                "there is no journal here to prove what was done before",
            ));
        }
        let here: TableIdentity = self.history.table()?;
        let records = self.records(Scope::ThisTable)?.into_iter().rev().flatten();
        let mut runs = records.filter(|record| {
            let has_steps = record
                .events
                .iter()
                .any(|event| event.kind == EventKind::StepDone);
            record.is_runbook()
                && has_steps
                && record.state().stands()
                && record.intent.label.as_deref() == Some(name)
                && record.intent.table.is_same(&here)
        });
        let Some(run) = runs.next() else {
            return Err(missing(
                from,
                &format!("the journal has no earlier run of {name:?} that is still in effect"),
            ));
        };
        let number = run.intent.number;
        let mut steps = Vec::new();
        let mut commits = Vec::new();
        for event in run.events {
            if event.step.as_ref() == Some(&from) {
                break;
            }
            if event.kind == EventKind::StepDone {
                commits.extend(event.commits.clone());
                steps.extend(event.step.map(|step| (step, event.commits)));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for commit in commits.into_iter().rev() {
            let record = self.record(commit)?;
            if !record.state().stands() {
                return Err(missing(
                    from,
                    &format!("commit {commit} of run {number} is {}", state_text(&record)),
                ));
            }
            let plan = record.plan()?;
            let changed = plan.superseded(&mut self.live)?;
            let changed = changed
                .iter()
                .map(Change::object)
                .find(|object| !seen.contains(object));
            if let Some(object) = changed {
                return Err(missing(
                    from,
                    &format!("{object} is no longer as commit {commit} of run {number} left it"),
                ));
            }
            seen.extend(plan.changes().iter().map(Change::object));
        }
        Ok(ResumePoint {
            from,
            run: number,
            steps,
        })
    }
}
