//! Commit: check, send, verify, or roll back.

use std::time::Duration;

use super::change::Change;
use super::footprint::Footprint;
use super::guard::{Breach, Guarding};
use super::outcome::{Cause, Outcome, Report, TablePlace};
use super::plan::Plan;
use super::rollback;
use crate::backend::{
    BackendError, Execution, Fate, Ipvs, LockWait, NotLocked, Operation, Selection,
};
use crate::model::Table;

/// What a commit may do and when it must stop.
pub struct CommitOptions<'a> {
    /// How to wait while another program commits to the same table. Its signal is asked between datagrams too.
    pub lock: LockWait<'a>,
    /// What it is checked against before anything is sent.
    pub guarding: &'a Guarding,
}

/// Keeps a record of a commit while the commit lock is held.
pub trait Recorder {
    /// Records what is about to be sent; called once, when the conflict check has passed and before the first
    /// request. What it records must last if this program ends at any moment from here on. `footprint` is what the plan
    /// touches, `overridden` what guards would have refused, had they not been overridden.
    ///
    /// # Errors
    /// The recorder says no, and knows why: nothing is sent.
    fn begin(
        &mut self,
        plan: &Plan,
        footprint: &Footprint,
        overridden: &[Breach],
    ) -> Result<(), Unrecorded> {
        let _unused = (plan, footprint, overridden);
        Ok(())
    }

    /// Records how it ended; called once if `begin` passed, and while the lock is held. Where a table is kept in a
    /// file it is saved here, and what can't be saved has not happened.
    fn end(&mut self, report: &mut Report, kernel: &mut Ipvs) {
        let _unused = (report, kernel);
    }
}

/// Keeps no record.
impl Recorder for () {}

/// A recorder said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded;

/// Why a commit ended before it began; nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The table could not be read.
    Backend(BackendError),
    /// There is no record of it, and without one nothing is sent.
    Unrecorded,
}

impl From<BackendError> for CommitError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

impl Plan {
    /// Makes the table what the plan says, or leaves it as it was.
    ///
    /// What the plan touches is read first and must be as it was planned from; then all requests are sent;
    /// then it is read again. A refusal, a lost answer or a signal rolls back.
    ///
    /// # Errors
    /// [`CommitError`] if the table could not be read before anything was sent, or the recorder said no: nothing has
    /// changed.
    pub fn commit(
        self,
        kernel: &mut Ipvs,
        options: &CommitOptions<'_>,
        recorder: &mut dyn Recorder,
    ) -> Result<Report, CommitError> {
        let begun = kernel.now();
        if self.is_empty() {
            return Ok(self.ended(kernel, begun, Outcome::Unchanged));
        }
        let lock = match kernel.lock(&options.lock) {
            Ok(lock) => lock,
            Err(NotLocked::Failed(error)) => return Err(error.into()),
            Err(NotLocked::Held { waited, by }) => {
                return Ok(self.ended(kernel, begun, Outcome::Locked { waited, by }));
            }
            Err(NotLocked::Interrupted(signal)) => {
                let cause = Cause::Interrupted { signal };
                return Ok(self.ended(kernel, begun, Outcome::RolledBack { cause, undone: 0 }));
            }
        };
        let footprint = self.footprint();
        let selection = footprint.selection();
        let differences = differences_now(kernel, &footprint, &selection, &self.before)?;
        if !differences.is_empty() {
            drop(lock);
            return Ok(self.ended(kernel, begun, Outcome::Conflict { differences }));
        }
        let guarding = options.guarding;
        let breaches = self.breaches(&guarding.guards, kernel)?;
        let (overridden, breaches): (Vec<Breach>, Vec<Breach>) = breaches
            .into_iter()
            .partition(|breach| guarding.overridden.contains(&breach.guard));
        if !breaches.is_empty() {
            drop(lock);
            return Ok(self.ended(kernel, begun, Outcome::Guarded { breaches }));
        }
        if recorder.begin(&self, &footprint, &overridden).is_err() {
            return Err(CommitError::Unrecorded);
        }
        let operations: Vec<Operation> = self.changes.iter().map(Change::operation).collect();
        let mut signal = None;
        let execution = kernel.execute(&operations, &mut || {
            signal = (options.lock.signal)();
            signal.is_none()
        });
        let outcome = if execution.is_complete() {
            verified(kernel, &footprint, &selection, &self)
        } else {
            let cause = cause_of(&execution, &operations, signal);
            rollback::roll_back(kernel, &footprint, &self, &execution, cause)
        };
        let mut report = self.ended(kernel, begun, outcome);
        if report.outcome == Outcome::Committed {
            act(kernel, &mut report);
        }
        report.elapsed = kernel.now().saturating_sub(begun);
        recorder.end(&mut report, kernel);
        drop(lock);
        Ok(report)
    }

    fn ended(self, kernel: &Ipvs, begun: Duration, outcome: Outcome) -> Report {
        let elapsed = kernel.now().saturating_sub(begun);
        Report {
            plan: self,
            outcome,
            failed_actions: Vec::new(),
            elapsed,
            recorded: None,
            place: TablePlace::default(),
        }
    }
}

/// Reads what is touched and compares it with `expected`. Dumps can miss entries while others write, so a
/// difference counts only when a second look shows it too.
fn differences_now(
    kernel: &mut Ipvs,
    footprint: &Footprint,
    selection: &Selection,
    expected: &Table,
) -> Result<Vec<Change>, BackendError> {
    let differences = footprint.differences(expected, &kernel.read(selection)?);
    if differences.is_empty() {
        return Ok(differences);
    }
    Ok(footprint.differences(expected, &kernel.read(selection)?))
}

fn verified(
    kernel: &mut Ipvs,
    footprint: &Footprint,
    selection: &Selection,
    plan: &Plan,
) -> Outcome {
    match differences_now(kernel, footprint, selection, &plan.after) {
        Ok(differences) if differences.is_empty() => Outcome::Committed,
        Ok(differences) => {
            let (residue, unread) = rollback::residue(kernel, footprint, plan);
            Outcome::Indeterminate {
                cause: Cause::Unverified { differences },
                residue,
                unread,
            }
        }
        Err(error) => {
            let residue = plan
                .changes
                .iter()
                .rev()
                .flat_map(Change::inverse)
                .collect();
            Outcome::Indeterminate {
                cause: Cause::Backend(error.clone()),
                residue,
                unread: Some(error),
            }
        }
    }
}

fn cause_of(execution: &Execution, operations: &[Operation], signal: Option<i32>) -> Cause {
    let total = operations.len();
    for (index, (fate, operation)) in execution.fates.iter().zip(operations).enumerate() {
        if let Fate::Refused(refusal) = fate {
            return Cause::Refused {
                number: index + 1,
                total,
                operation: operation.to_string(),
                object: operation.object(),
                refusal: crate::backend::Refusal::clone(refusal),
            };
        }
    }
    match (&execution.failure, signal) {
        (Some(error), _) => Cause::Backend(error.clone()),
        (None, Some(signal)) => Cause::Interrupted { signal },
        (None, None) => Cause::Lost,
    }
}

/// Runs the actions, which can't be undone; what fails is reported beside the committed changes.
fn act(kernel: &mut Ipvs, report: &mut Report) {
    for action in report.plan.actions.clone() {
        let execution = kernel.execute(&[action.operation()], &mut || true);
        let failure = match (execution.fates.first(), execution.failure) {
            (_, Some(error)) => error.to_string(),
            (Some(Fate::Done), None) => continue,
            (Some(Fate::Refused(refusal)), None) => {
                format!("{}: {}", refusal.errno, refusal.meaning)
            }
            _ => "the kernel's reply was lost".to_owned(),
        };
        report.failed_actions.push((action, failure));
    }
}
