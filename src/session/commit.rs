//! Sending a plan: on which terms, under which lock, recorded by whom.

use std::time::Duration;

use super::Session;
use super::error::{Error, holder_text};
use super::foreign::ForeignRequests;
use super::history::recorder::{CommitRecorder, CommitTerms};
use super::runbook::options::RunbookError;
use crate::backend::{Lock, LockWait, NotLocked};
use crate::model::{Invalid, ObjectId};
use crate::txn::{
    Breach, Cause, CommitError, CommitOptions, Guarding, Outcome, Plan, Report, TablePlace,
};

impl Session {
    /// Commits a plan as it was shown.
    ///
    /// # Errors
    /// [`Error::Commit`] if the outcome is not success, or another one if nothing was sent.
    pub fn commit(&mut self, plan: Plan, terms: CommitTerms) -> Result<Report, Error> {
        if terms.confirm.is_some() && self.runbooks.is_open() {
            return Err(RunbookError::Confirm.into());
        }
        if !plan.is_empty() {
            self.runbooks.refuse_before_first_step()?;
        }
        self.interrupt.hold();
        let committed = self.commit_whole(plan, terms);
        if !self.runbooks.is_open() {
            self.interrupt.let_go();
        }
        committed
    }

    fn commit_whole(&mut self, plan: Plan, terms: CommitTerms) -> Result<Report, Error> {
        let mut guarding = self.terms.guarding.with(&terms.guarding);
        if let Some(options) = self.runbooks.options() {
            guarding = guarding.with(&options.guarding);
        }
        if let Some(question) = self.terms.question.clone().filter(|_| !plan.is_empty()) {
            // What will be refused is not asked about.
            if self.refused(&plan, &guarding)?.is_empty() && !question(&plan) {
                return Err(Error::Declined);
            }
        }
        let mut foreign = None;
        if !plan.is_empty() {
            self.foreign_before_reading()?;
            foreign = self.foreign_before_sending()?;
        }
        let interrupt = self.interrupt.clone();
        let narrator = self.narrator.clone();
        let options = CommitOptions {
            lock: LockWait {
                longest: self.terms.lock_wait,
                signal: &|| interrupt.signal(),
                told: &|holder| {
                    if let Some(narrator) = &narrator {
                        narrator.waits_for_lock(&holder_text(holder));
                    }
                },
            },
            guarding: &guarding,
        };
        let runbook = self.runbooks.record_of_commit();
        if self.history.log.is_none() && terms.confirm.is_some() {
            self.confirm_unkept()?;
        }
        // What was chosen is part of what is saved.
        let chosen = plan
            .changes()
            .iter()
            .filter_map(|change| match change.object() {
                ObjectId::Sysctl(name) => Some(name),
                _ => None,
            });
        self.sysctls.borrow_mut().extend(chosen);
        let confirm = terms.confirm;
        let file = self.simulated.as_ref();
        let mut foreign_sends = || foreign.iter_mut().for_each(ForeignRequests::send);
        let mut recorder = CommitRecorder::new(
            self.history.log.as_mut(),
            file.and_then(|simulated| simulated.saver.as_ref()),
            terms,
            runbook,
            self.staging.origin.as_ref(),
        )
        .behind(&mut foreign_sends);
        let committed = plan.commit(&mut self.live, &options, &mut recorder);
        let (recorded, failure) = recorder.ended();
        self.foreign_over(foreign);
        let mut report = match (committed, failure) {
            (Err(CommitError::Unrecorded), Some(error)) => return Err(error.into()),
            (Err(CommitError::Backend(error)), _) => return Err(error.into()),
            (Err(CommitError::Unrecorded), None) => return Err(Error::NoRecord),
            (Ok(report), failure) => {
                if let Some(error) = failure {
                    self.warnings.push(error.to_string());
                    self.history.is_unnoted = true;
                }
                report
            }
        };
        report.recorded = recorded;
        if !self.is_kept() {
            report.place = TablePlace::Memory;
        }
        for (action, failure) in &report.failed_actions {
            self.warnings.push(format!(
                "after the commit the kernel refused to {action}: {failure}"
            ));
        }
        if !report.outcome.is_success() {
            if matches!(report.outcome, Outcome::Indeterminate { .. }) {
                // Its residue is rolled back with the runbook.
                self.runbooks.add_residue(&report);
            }
            return Err(Error::Commit(Box::new(report)));
        }
        if !report.plan.is_empty() {
            let serial = self.history.commits.push(report.without_tables());
            if let Some(time) = confirm {
                self.set_deadline(time, serial, &report);
            }
            self.runbooks.add_commit(serial, &report);
        }
        Ok(report)
    }

    /// Returns what guards refuse of a plan, as the table is now.
    fn refused(&mut self, plan: &Plan, guarding: &Guarding) -> Result<Vec<Breach>, Error> {
        let mut breaches = plan.breaches(&guarding.guards, &mut self.live)?;
        breaches.retain(|breach| !guarding.overridden.contains(&breach.guard));
        Ok(breaches)
    }

    /// Looks whether guards would refuse a plan.
    ///
    /// # Errors
    /// [`Error`] as a commit would have it.
    pub fn check_guards(&mut self, plan: &Plan) -> Result<(), Error> {
        let guarding = self.terms.guarding.clone();
        let breaches = self.refused(plan, &guarding)?;
        if breaches.is_empty() {
            return Ok(());
        }
        Err(never_begun(plan.clone(), Outcome::Guarded { breaches }))
    }

    /// Refuses a commit that rolls back automatically where nothing would do that. A simulated table without a file has deadlines of
    /// its own.
    fn confirm_unkept(&self) -> Result<(), Error> {
        if self.is_kept() {
            return Err(Invalid::new(
                "confirm",
                "--no-journal",
                "a commit that rolls back automatically needs the journal",
            )
            .into());
        }
        Ok(())
    }

    /// Takes the commit lock, waiting for it as a commit does.
    pub(super) fn lock(&mut self) -> Result<Lock, Error> {
        self.interrupt.hold();
        let interrupt = self.interrupt.clone();
        let narrator = self.narrator.clone();
        let wait = LockWait {
            longest: self.terms.lock_wait,
            signal: &|| interrupt.signal(),
            told: &|holder| {
                if let Some(narrator) = &narrator {
                    narrator.waits_for_lock(&holder_text(holder));
                }
            },
        };
        let outcome = match self.live.lock(&wait) {
            Ok(lock) => return Ok(lock),
            Err(NotLocked::Failed(error)) => return Err(error.into()),
            Err(NotLocked::Held { waited, by }) => Outcome::Locked { waited, by },
            Err(NotLocked::Interrupted(signal)) => Outcome::RolledBack {
                cause: Cause::Interrupted { signal },
                undone: 0,
            },
        };
        Err(never_begun(Plan::default(), outcome))
    }

    /// Has the commit lock waited for however long it takes: what rolls back is not given up because of time.
    pub fn wait_for_lock(&mut self) {
        self.terms.lock_wait = Duration::MAX;
    }
}

/// Makes the error of a commit that never began.
pub(super) fn never_begun(plan: Plan, outcome: Outcome) -> Error {
    Error::Commit(Box::new(Report {
        plan,
        outcome,
        failed_actions: Vec::new(),
        elapsed: Duration::ZERO,
        recorded: None,
        place: TablePlace::default(),
    }))
}
