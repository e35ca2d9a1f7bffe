//! Undo: a new commit that reverses an earlier one; and redo, which undoes the newest undo.
//!
//! Each undo names in its record what it undoes, so that the records of a table alone tell what can be undone and redone next
//! ([`Stack`]): here, in another program, and after a boot. A runbook counts as one.

use std::collections::BTreeMap;

use super::error::Error;
use super::keeping::{Reason, RecordError, confirm_time};
use super::layers::LayerKind;
use super::{Ended, Outcome, Session};
use crate::journal::{EventKind, JournalError, Record, State};
use crate::model::Invalid;
use crate::txn::{Change, Plan, Report};

/// The number of what is staged: it has none yet.
const STAGED: u64 = u64::MAX;

/// What can be undone and redone, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stack {
    /// Commits and runbooks that stand.
    done: Vec<u64>,
    /// Undos that stand, each with what it undid.
    undone: Vec<(u64, Vec<u64>)>,
    /// Redos, each with what it brought back.
    redone: Vec<(u64, Vec<u64>)>,
    /// A record that can't be read and may be the newest of all.
    damaged: Option<JournalError>,
}

impl Stack {
    /// Takes in a commit that stands; `whole` is the runbook that it belongs to.
    fn add(&mut self, number: u64, whole: Option<u64>, undoes: &[u64]) {
        if undoes.is_empty() {
            // A new commit ends what can be redone.
            self.undone.clear();
            let entry = whole.unwrap_or(number);
            self.done.retain(|known| *known != entry);
            self.done.push(entry);
            return;
        }
        let (mut undone, mut redone) = (Vec::new(), Vec::new());
        for target in undoes {
            if let Some(place) = self.undone.iter().position(|(undo, _)| undo == target) {
                redone.extend(self.undone.remove(place).1);
                continue;
            }
            // To undo a redo is to undo what it brought back.
            match self.redone.iter().find(|(redo, _)| redo == target) {
                Some((_, targets)) => undone.extend(targets),
                None => undone.push(*target),
            }
        }
        if !undone.is_empty() {
            self.done.retain(|known| !undone.contains(known));
            self.undone.push((number, undone));
        }
        if !redone.is_empty() {
            self.done.extend(redone.iter().rev());
            self.redone.push((number, redone));
        }
    }

    /// Returns the newest commit that is not undone.
    fn newest_done(&self) -> Result<u64, RecordError> {
        match (&self.damaged, self.done.last()) {
            (Some(error), _) => Err(error.clone().into()),
            (None, Some(number)) => Ok(*number),
            (None, None) => Err(RecordError::NothingToUndo),
        }
    }

    /// Returns the undo that a commit is undone by.
    fn undo_of(&self, number: u64) -> Option<u64> {
        let by = self.undone.iter().find(|(_, done)| done.contains(&number));
        by.map(|(undo, _)| *undo)
    }

    /// Returns the undo that a redo takes back.
    fn newest_undo(&self) -> Result<u64, RecordError> {
        let undos = self.undone.iter().map(|(number, _)| *number);
        let newest = undos.rev().find(|number| *number != STAGED);
        match (&self.damaged, newest) {
            (Some(error), _) => Err(error.clone().into()),
            (None, newest) => newest.ok_or(RecordError::NothingToRedo),
        }
    }

    /// Returns what an undo undid.
    fn undone_by(&self, number: u64) -> Option<&[u64]> {
        let found = self.undone.iter().find(|(undo, _)| *undo == number);
        found.map(|(_, done)| done.as_slice())
    }
}

impl Session {
    /// Reads what can be undone and redone from the records of this table, with what is staged.
    fn stack(&mut self) -> Result<Stack, Error> {
        let mut stack = Stack::default();
        let mut standing = BTreeMap::new();
        for record in self.history(false)? {
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
            let whole = intent.runbook.filter(|runbook| {
                standing.get(runbook) == Some(&true) && !self.is_own_runbook(*runbook)
            });
            stack.add(intent.number, whole, &intent.undoes);
        }
        if let Some(rehearsal) = &self.rehearsal {
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
        let stack = self.stack()?;
        let number = match number {
            Some(number) => number,
            None => stack.newest_done()?,
        };
        self.undo_one(stack, number)
    }

    fn undo_one(&mut self, stack: Stack, number: u64) -> Result<(Record, Ended), Error> {
        let (mut records, ended) = self.undo_all(stack, &[number])?;
        match records.pop() {
            Some(record) => Ok((record, ended)),
            None => unreachable!("BUG: one number is one record"),
        }
    }

    /// Takes the newest undo back by a new commit, or stages that in the open block.
    ///
    /// # Errors
    /// [`Error`] if there is none, or something that it changed is no longer as it left it; then nothing is sent.
    pub fn redo(&mut self) -> Result<(Record, Ended), Error> {
        let stack = self.stack()?;
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
            let stack = self.stack()?;
            return Ok(self.undo_all(stack, &numbers)?.1);
        }
        self.begin(LayerKind::Transaction)?;
        for report in reports.iter().rev() {
            if let Err(error) = self.stage_plan(&report.plan.reversed()) {
                self.abandon();
                return Err(self.unkept_conflict(error));
            }
        }
        self.end_transaction(Reason::default())
    }

    /// Returns what commits belong to: a runbook is undone as a whole.
    fn wholes(&mut self, numbers: &[u64]) -> Result<Vec<u64>, Error> {
        let mut wholes = Vec::new();
        for number in numbers {
            let runbook = self.recorded(*number)?.intent.runbook;
            let whole = match runbook.filter(|runbook| !self.is_own_runbook(*runbook)) {
                Some(runbook) if self.recorded(runbook)?.state().stands() => runbook,
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
    fn undo_all(&mut self, stack: Stack, numbers: &[u64]) -> Result<(Vec<Record>, Ended), Error> {
        self.begin(LayerKind::Transaction)?;
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
        let ended = self.end_transaction(Reason::labelled(Some(label)))?;
        Ok((records, ended))
    }

    /// Stages in the open block what undoes a commit.
    ///
    /// # Errors
    /// As [`Self::undo`].
    pub fn stage_undo(&mut self, number: Option<u64>) -> Result<Record, Error> {
        let stack = self.stack()?;
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
        let stack = self.stack()?;
        let number = stack.newest_undo()?;
        self.stage_one_undo(&stack, number)
    }

    fn stage_one_undo(&mut self, stack: &Stack, number: u64) -> Result<Record, Error> {
        let record = self.recorded_here(number)?;
        let not_standing = |text: &str| RecordError::NotStanding {
            number,
            text: text.to_owned(),
        };
        match stack.undo_of(number) {
            Some(STAGED) => return Err(not_standing("what is staged undoes it already").into()),
            Some(undo) => {
                let text =
                    format!("commit {undo} undid it, and `ipvsh undo {undo}` brings it back");
                return Err(not_standing(&text).into());
            }
            None => {}
        }
        match record.state() {
            State::Awaiting { .. } => {
                return Err(not_standing(&format!(
                    "it awaits confirmation until {}: `ipvsh cancel {number}` rolls it back",
                    confirm_time(&record)
                ))
                .into());
            }
            State::Unfinished if record.is_runbook() => {
                return Err(not_standing(
                    "it is under way, or was cut off: `ipvsh recover` rolls it back then",
                )
                .into());
            }
            State::Unfinished => return Err(RecordError::CutOff { number }.into()),
            State::Ended(EventKind::Indeterminate) => {
                return Err(not_standing(&format!(
                    "it did not go through, and `ipvsh history show {number}` tells what is left of it"
                ))
                .into());
            }
            State::Ended(kind) if !record.state().stands() => {
                return Err(not_standing(&format!("it is {} already", kind.words())).into());
            }
            State::Ended(_) => {}
        }
        if !record.is_runbook() {
            self.stage_back(&record)?;
            self.note_undo(number);
            return Ok(record);
        }
        let commits = self.kept()?.journal()?.commits_of(number);
        let commits = commits.map_err(RecordError::from)?.into_iter().rev();
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
            Err(not_standing("it changed nothing that stands").into())
        }
    }

    fn note_undo(&mut self, number: u64) {
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.note_undo(number);
        }
    }

    /// Stages what takes one commit back.
    fn stage_back(&mut self, record: &Record) -> Result<(), Error> {
        let number = record.intent.number;
        let back = record.plan().map_err(RecordError::from)?.reversed();
        if back.is_empty() {
            let text = "it zeroed counters, and they are gone".to_owned();
            return Err(RecordError::NotStanding { number, text }.into());
        }
        match self.stage_plan(&back) {
            Ok(_) => Ok(()),
            Err(Error::Commit(report)) if matches!(report.outcome, Outcome::Conflict { .. }) => {
                let Outcome::Conflict { differences } = report.outcome else {
                    unreachable!("BUG: it was a conflict just now")
                };
                Err(self.overtaken(number, differences)?.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Finds the later commits that changed what stands in the way.
    fn overtaken(&mut self, number: u64, differences: Vec<Change>) -> Result<RecordError, Error> {
        const NAMED: usize = 4;
        let mut objects: Vec<_> = differences.iter().map(Change::object).collect();
        objects.sort();
        objects.dedup();
        let mut by = Vec::new();
        for later in self.history(false)?.into_iter().flatten() {
            if later.intent.number <= number || !later.state().stands() || by.len() >= NAMED {
                continue;
            }
            let plan: Plan = later.plan().map_err(RecordError::from)?;
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
        Ok(RecordError::Overtaken {
            number,
            objects,
            by,
            differences,
        })
    }
}

/// What a commit is called that undoes others.
fn undo_label(stack: &Stack, records: &[Record]) -> String {
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

#[cfg(test)]
mod tests {
    use super::Stack;

    #[test]
    fn undo_goes_back_one_after_another_and_redo_comes_forward() {
        let mut stack = Stack::default();
        for number in 1..=3 {
            stack.add(number, None, &[]);
        }
        stack.add(4, None, &[3]);
        stack.add(5, None, &[2]);
        assert_eq!(stack.done, [1]);
        assert_eq!(stack.undone, [(4, vec![3]), (5, vec![2])]);
        assert_eq!(stack.undo_of(3), Some(4));
        // A redo undoes the newest undo.
        stack.add(6, None, &[5]);
        assert_eq!(stack.done, [1, 2]);
        assert_eq!(stack.undone, [(4, vec![3])]);
        // To undo the redo is to undo what it brought back.
        stack.add(7, None, &[6]);
        assert_eq!(stack.done, [1]);
        stack.add(8, None, &[7]);
        stack.add(9, None, &[4]);
        assert_eq!(stack.done, [1, 2, 3]);
        assert_eq!(stack.undone, []);
        // A new commit ends what can be redone.
        stack.add(10, None, &[3]);
        stack.add(11, None, &[]);
        assert_eq!(stack.undone, []);
        assert_eq!(stack.done, [1, 2, 11]);
    }

    #[test]
    fn a_runbook_is_one_and_so_is_what_one_commit_undid() {
        let mut stack = Stack::default();
        stack.add(1, None, &[]);
        for number in 3..=5 {
            stack.add(number, Some(2), &[]);
        }
        assert_eq!(stack.done, [1, 2]);
        stack.add(6, None, &[2]);
        assert_eq!(stack.done, [1]);
        stack.add(7, None, &[6]);
        assert_eq!(stack.done, [1, 2]);
        // Several at once: the newest first.
        stack.add(8, None, &[2, 1]);
        assert_eq!(stack.done, [] as [u64; 0]);
        stack.add(9, None, &[8]);
        assert_eq!(stack.done, [1, 2]);
        assert_eq!(stack.undone_by(8), None);
    }
}
