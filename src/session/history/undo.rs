//! Undo: a new commit that reverses an earlier one; and redo, which undoes the newest undo.
//!
//! Each undo names in its record what it undoes, so that the records of a table alone tell what can be undone and redone next
//! ([`UndoStack`]): here, in another program, and after a boot. A runbook counts as one.

use std::collections::BTreeMap;

use super::Scope;
use super::error::HistoryError;
use super::recorder::confirm_time;
use super::undo_stack::{STAGED, UndoStack};
use crate::journal::{EventKind, Record, State};
use crate::model::Invalid;
use crate::session::{BlockKind, CommitTerms, Ended, Error, Session};
use crate::txn::{Change, Outcome, Plan, Report};

impl Session {
    /// Reads what can be undone and redone from the records of this table, with what is staged.
    fn undo_stack(&mut self) -> Result<UndoStack, Error> {
        let mut stack = UndoStack::default();
        let mut standing = BTreeMap::new();
        for record in self.records(Scope::ThisTable)? {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    stack.damaged = Some(error);
                    continue;
                }
            };
            if record.is_runbook() {
                standing.insert(record.intent.number, record.state().stands());
                continue;
            }
            if !record.state().stands() {
                continue;
            }
            stack.damaged = None;
            let intent = &record.intent;
            let whole = intent.part_of().filter(|runbook| {
                standing.get(runbook) == Some(&true) && !self.runbooks.is_own(*runbook)
            });
            stack.add(intent.number, whole, intent.undoes());
        }
        if let Some(rehearsal) = &self.staging.rehearsal {
            for staged in rehearsal.undoes() {
                stack.add(STAGED, None, &[*staged]);
            }
        }
        Ok(stack)
    }

    /// Undoes a commit by a new one, or stages that in the open block. Without a number it is the newest that is not undone.
    ///
    /// # Errors
    /// [`Error`] if it does not stand, or something that it changed is no longer as it left it; then nothing is sent.
    pub fn undo(&mut self, number: Option<u64>) -> Result<(Record, Ended), Error> {
        let stack = self.undo_stack()?;
        let number = match number {
            Some(number) => number,
            None => stack.newest_done()?,
        };
        self.undo_one(stack, number)
    }

    fn undo_one(&mut self, stack: UndoStack, number: u64) -> Result<(Record, Ended), Error> {
        let (mut records, ended) = self.undo_all(stack, &[number])?;
        match records.pop() {
            Some(record) => Ok((record, ended)),
            None => unreachable!("BUG: one number is one record"),
        }
    }

    /// Reverses the newest undo by a new commit, or stages that in the open block.
    ///
    /// # Errors
    /// [`Error`] if there is none, or something that it changed is no longer as it left it; then nothing is sent.
    pub fn redo(&mut self) -> Result<(Record, Ended), Error> {
        let stack = self.undo_stack()?;
        let number = stack.newest_undo()?;
        self.undo_one(stack, number)
    }

    /// Undoes what an input at the prompt committed, the latest first, by one new commit.
    ///
    /// # Errors
    /// As [`Self::undo`].
    pub fn undo_reports(&mut self, reports: &[Report]) -> Result<Ended, Error> {
        let recorded = reports.iter().rev().map(|report| report.recorded.as_ref());
        let numbers: Option<Vec<u64>> = recorded
            .map(|recorded| recorded.map(|recorded| recorded.number))
            .collect();
        if let Some(numbers) = numbers {
            let numbers = self.wholes(&numbers)?;
            let stack = self.undo_stack()?;
            return Ok(self.undo_all(stack, &numbers)?.1);
        }
        self.begin(BlockKind::Transaction)?;
        for report in reports.iter().rev() {
            if let Err(error) = self.stage_plan(&report.plan.reversed()) {
                self.abandon();
                return Err(self.unkept_conflict(error));
            }
        }
        self.end_transaction(CommitTerms::default())
    }

    /// Returns what commits belong to: a runbook is undone as a whole.
    fn wholes(&mut self, numbers: &[u64]) -> Result<Vec<u64>, Error> {
        let mut wholes = Vec::new();
        for number in numbers {
            let runbook = self.record(*number)?.intent.part_of();
            let whole = match runbook.filter(|runbook| !self.runbooks.is_own(*runbook)) {
                Some(runbook) if self.record(runbook)?.state().stands() => runbook,
                _ => *number,
            };
            if !wholes.contains(&whole) {
                wholes.push(whole);
            }
        }
        Ok(wholes)
    }

    /// Says which object is no longer as a commit left it that no journal knows.
    fn unkept_conflict(&self, error: Error) -> Error {
        match &error {
            Error::Commit(report) => match &report.outcome {
                Outcome::Conflict { differences } => match differences.first() {
                    Some(change) => Invalid::new(
                        "undo",
                        change.object(),
                        "it is no longer as the commit left it: another change stands in the way",
                    )
                    .into(),
                    None => error,
                },
                _ => error,
            },
            _ => error,
        }
    }

    /// Undoes commits in this order, by one new commit.
    fn undo_all(
        &mut self,
        stack: UndoStack,
        numbers: &[u64],
    ) -> Result<(Vec<Record>, Ended), Error> {
        self.begin(BlockKind::Transaction)?;
        let mut records = Vec::new();
        let mut staged = stack.clone();
        for number in numbers {
            match self.stage_one_undo(&staged, *number) {
                Ok(record) => {
                    records.push(record);
                    staged.add(STAGED, None, &[*number]);
                }
                Err(error) => {
                    self.abandon();
                    return Err(error);
                }
            }
        }
        let label = undo_label(&stack, &records);
        let ended = self.end_transaction(CommitTerms::labelled(Some(label)))?;
        Ok((records, ended))
    }

    /// Stages in the open block what undoes a commit.
    ///
    /// # Errors
    /// As [`Self::undo`].
    pub fn stage_undo(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let stack = self.undo_stack()?;
        let number = match number {
            Some(number) => number,
            None => stack.newest_done()?,
        };
        self.stage_one_undo(&stack, number)
    }

    /// Stages in the open block what undoes the newest undo.
    ///
    /// # Errors
    /// As [`Self::redo`].
    pub fn stage_redo(&mut self) -> Result<Record, Error> {
        let stack = self.undo_stack()?;
        let number = stack.newest_undo()?;
        self.stage_one_undo(&stack, number)
    }

    fn stage_one_undo(&mut self, stack: &UndoStack, number: u64) -> Result<Record, Error> {
        let record = self.history.record_here(number)?;
        let not_standing = |text: &str| HistoryError::NotStanding {
            number,
            text: text.to_owned(),
        };
        match stack.undo_of(number) {
            Some(STAGED) => return Err(not_standing("a staged change already undoes it").into()),
            Some(undo) => {
                let text =
                    format!("commit {undo} already undid it; `ipvsh undo {undo}` reapplies it");
                return Err(not_standing(&text).into());
            }
            None => {}
        }
        match record.state() {
            State::Unconfirmed { .. } => {
                return Err(not_standing(&format!(
                    "it awaits confirmation until {}: `ipvsh cancel {number}` rolls it back",
                    confirm_time(&record)
                ))
                .into());
            }
            State::Unfinished if record.is_runbook() => {
                return Err(not_standing(
                    "it is still running or was interrupted: if it was interrupted, `ipvsh recover` rolls it back",
                )
                .into());
            }
            State::Unfinished => return Err(HistoryError::CutOff { number }.into()),
            State::Ended(EventKind::Indeterminate) => {
                return Err(not_standing(&format!(
                    "it failed; `ipvsh history show {number}` shows its residue"
                ))
                .into());
            }
            State::Ended(kind) if !record.state().stands() => {
                return Err(not_standing(&format!("it is already {}", kind.words())).into());
            }
            State::Ended(_) => {}
        }
        if !record.is_runbook() {
            self.stage_back(&record)?;
            self.note_undo(number);
            return Ok(record);
        }
        let commits = self.history.journal()?.commits_of(number);
        let commits = commits.map_err(HistoryError::from)?.into_iter().rev();
        let mut any = false;
        // One that was undone for itself is left out.
        let standing = |commit: &Record| {
            commit.state().stands() && stack.undo_of(commit.intent.number).is_none()
        };
        for commit in commits.filter(standing) {
            self.stage_back(&commit)?;
            any = true;
        }
        if any {
            self.note_undo(number);
            Ok(record)
        } else {
            Err(not_standing("none of its changes are still in effect").into())
        }
    }

    fn note_undo(&mut self, number: u64) {
        if let Some(rehearsal) = &mut self.staging.rehearsal {
            rehearsal.note_undo(number);
        }
    }

    /// Stages what takes one commit back.
    fn stage_back(&mut self, record: &Record) -> Result<(), Error> {
        let number = record.intent.number;
        let back = record.plan().map_err(HistoryError::from)?.reversed();
        if back.is_empty() {
            let text = "it only zeroed counters, which can't be restored".to_owned();
            return Err(HistoryError::NotStanding { number, text }.into());
        }
        match self.stage_plan(&back) {
            Ok(_) => Ok(()),
            Err(Error::Commit(report)) if matches!(report.outcome, Outcome::Conflict { .. }) => {
                let Outcome::Conflict { differences } = report.outcome else {
                    unreachable!("BUG: it was a conflict just now")
                };
                Err(self.superseded(number, differences)?.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the later commits that changed what stands in the way.
    fn superseded(&mut self, number: u64, differences: Vec<Change>) -> Result<HistoryError, Error> {
        const NAMED: usize = 4;
        let mut objects: Vec<_> = differences.iter().map(Change::object).collect();
        objects.sort();
        objects.dedup();
        let mut by = Vec::new();
        let stack = self.undo_stack()?;
        for later in self.records(Scope::ThisTable)?.into_iter().flatten() {
            if later.intent.number <= number || !later.state().stands() {
                continue;
            }
            // What was undone since is no longer in the way, and its undo neither.
            let later_number = later.intent.number;
            let whole = later.intent.part_of();
            if !stack.is_done(later_number) && !whole.is_some_and(|whole| stack.is_done(whole)) {
                continue;
            }
            let plan: Plan = later.plan().map_err(HistoryError::from)?;
            let meets = |change: &Change| {
                let object = change.object();
                objects
                    .iter()
                    .any(|wanted| *wanted == object || wanted.service() == object.service())
            };
            if plan.changes().iter().any(meets) {
                let label = later.intent.label.as_ref();
                by.push(format!(
                    "commit {} by {}{}",
                    later.intent.number,
                    later.who(),
                    label.map(|label| format!(" {label:?}")).unwrap_or_default(),
                ));
            }
        }
        by.reverse();
        by.truncate(NAMED);
        Ok(HistoryError::Superseded {
            number,
            objects,
            by,
            differences,
        })
    }
}

/// What a commit is called that undoes others.
fn undo_label(stack: &UndoStack, records: &[Record]) -> String {
    let (Some(newest), Some(oldest)) = (records.first(), records.last()) else {
        return "undo".to_owned();
    };
    let number = newest.intent.number;
    match (stack.undone_by(number), records.len()) {
        (Some([only]), 1) => format!("redo {only}"),
        (Some(_), 1) => format!("redo what {number} undid"),
        (None, 1) => match &newest.intent.label {
            Some(label) => format!("undo {number}: {label}"),
            None => format!("undo {number}"),
        },
        _ => format!("undo {} to {number}", oldest.intent.number),
    }
}
