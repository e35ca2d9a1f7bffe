//! What can be undone and redone next, from the records of a table alone.

use super::error::HistoryError;
use crate::journal::JournalError;

/// The number of what is staged: it has none yet.
pub(in crate::session) const STAGED: u64 = u64::MAX;

/// What can be undone and redone, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct UndoStack {
    /// Commits and runbooks that stand.
    done: Vec<u64>,
    /// Undos that stand, each with what it undid.
    undone: Vec<(u64, Vec<u64>)>,
    /// Redos, each with what it brought back.
    redone: Vec<(u64, Vec<u64>)>,
    /// A record that can't be read and may be the newest of all.
    pub(in crate::session) damaged: Option<JournalError>,
}

impl UndoStack {
    /// Takes in a commit that stands; `whole` is the runbook that it belongs to.
    pub(in crate::session) fn add(&mut self, number: u64, whole: Option<u64>, undoes: &[u64]) {
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
    pub(in crate::session) fn newest_done(&self) -> Result<u64, HistoryError> {
        match (&self.damaged, self.done.last()) {
            (Some(error), _) => Err(error.clone().into()),
            (None, Some(number)) => Ok(*number),
            (None, None) => Err(HistoryError::NothingToUndo),
        }
    }

    /// Returns whether a commit or runbook stands and is not undone.
    pub(in crate::session) fn is_done(&self, number: u64) -> bool {
        self.done.contains(&number)
    }

    /// Returns the undo that a commit is undone by.
    pub(in crate::session) fn undo_of(&self, number: u64) -> Option<u64> {
        let by = self.undone.iter().find(|(_, done)| done.contains(&number));
        by.map(|(undo, _)| *undo)
    }

    /// Returns the undo that a redo reverses.
    pub(in crate::session) fn newest_undo(&self) -> Result<u64, HistoryError> {
        let undos = self.undone.iter().map(|(number, _)| *number);
        let newest = undos.rev().find(|number| *number != STAGED);
        match (&self.damaged, newest) {
            (Some(error), _) => Err(error.clone().into()),
            (None, newest) => newest.ok_or(HistoryError::NothingToRedo),
        }
    }

    /// Returns what an undo undid.
    pub(in crate::session) fn undone_by(&self, number: u64) -> Option<&[u64]> {
        let found = self.undone.iter().find(|(undo, _)| *undo == number);
        found.map(|(_, done)| done.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::UndoStack;

    #[test]
    fn undo_goes_back_one_after_another_and_redo_comes_forward() {
        let mut stack = UndoStack::default();
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
        let mut stack = UndoStack::default();
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
