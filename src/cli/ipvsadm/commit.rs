//! Changes where guards are set: what the lines change is committed as anything else is, under the commit lock,
//! checked against the guards, kept in the journal. Without guards lines are sent as they are.

use std::collections::BTreeMap;

use super::compat::{Ending, Uncommitted, refusal_text};
use super::preview::{keys_of, refused};
use super::tool::{Tool, fate_of};
use crate::backend::{Errno, Fate, Operation};
use crate::cli::failure::Failure;
use crate::cli::settings::complete;
use crate::cli::{open, report};
use crate::ipvsadm::syntax::Command;
use crate::results::ResultShape;
use crate::session::{BlockKind, CommitTerms, Ended, Error};
use crate::txn::{Cause, Outcome};
use crate::ui::Ui;

impl Tool<'_> {
    /// Finds out what guards changes. An invalid configuration stands in their way.
    pub(super) fn read_guards(&mut self) -> Result<(), u8> {
        let read = open::guard(&self.globals, &mut self.session);
        read.map_err(|failure| self.tell(&failure))?;
        self.guarded = !self.session.guarding().guards.is_empty();
        Ok(())
    }

    /// Makes ready for commits: they must not be torn apart by signals, they are kept in the journal, and what that has
    /// left to do comes first.
    pub(super) fn make_ready(&mut self) -> Result<(), u8> {
        complete(&mut self.globals);
        open::set_lock_wait(&self.globals, &mut self.session);
        let installed = self.interrupt.install().map_err(Failure::Signals);
        installed
            .and_then(|()| open::keep(&self.globals, &mut self.session))
            .and_then(|()| open::recover(&self.globals, &mut self.session))
            .map_err(|failure| self.tell(&failure))
    }

    /// Makes changes, and returns how each ended; one more where they failed together. Behind a refused one the others
    /// are made all the same.
    pub(super) fn change(
        &mut self,
        commands: &[Command],
        operations: &[Operation],
    ) -> Vec<Result<(), Ending>> {
        if self.guarded {
            return self.commit(commands, operations);
        }
        let (fates, failure) = self.session.execute_each(operations);
        let all = commands.iter().enumerate().map(|(index, command)| {
            let fate = fates.get(index).unwrap_or(&Fate::NotSent);
            fate_of(*command, fate, failure.as_ref())
        });
        all.collect()
    }

    /// Commits changes, those apart that are refused. What only the kernel can refuse comes out when it is sent: then the
    /// others are committed without it.
    fn commit(
        &mut self,
        commands: &[Command],
        operations: &[Operation],
    ) -> Vec<Result<(), Ending>> {
        let mut by_kernel = BTreeMap::new();
        loop {
            let mut endings = Vec::with_capacity(operations.len() + 1);
            let error = match self.commit_without(&by_kernel, commands, operations, &mut endings) {
                Ok(()) => return endings,
                Err(error) => error,
            };
            if let Error::Commit(report) = &error
                && let Outcome::RolledBack { cause, .. } = &report.outcome
                && let Cause::Refused {
                    object, refusal, ..
                } = cause
                && let Some(refused) = (0..operations.len()).rev().find(|place| {
                    endings.get(*place).is_some_and(Result::is_ok)
                        && operations[*place].object() == *object
                })
            {
                by_kernel.insert(refused, refusal.errno);
                continue;
            }
            let failed = Uncommitted::Failed(Failure::Session(error));
            endings.push(Err(Ending::Uncommitted(Box::new(failed))));
            return endings;
        }
    }

    /// Commits changes but those that the kernel is known to refuse, and notes how each of them ended.
    fn commit_without(
        &mut self,
        by_kernel: &BTreeMap<usize, Errno>,
        commands: &[Command],
        operations: &[Operation],
        endings: &mut Vec<Result<(), Ending>>,
    ) -> Result<(), Error> {
        self.session.begin(BlockKind::Transaction)?;
        let staged = self.stage_each(by_kernel, commands, operations, endings);
        if let Err(error) = staged {
            self.session.abandon();
            return Err(error);
        }
        match self.session.end_transaction(CommitTerms::default())? {
            Ended::Committed(report) => {
                self.committed |= !report.plan.is_empty();
                if !report.failed_actions.is_empty() {
                    let failed = Box::new(Uncommitted::ActionsFailed);
                    endings.push(Err(Ending::Uncommitted(failed)));
                }
            }
            Ended::Staged(_) => {}
        }
        Ok(())
    }

    fn stage_each(
        &mut self,
        by_kernel: &BTreeMap<usize, Errno>,
        commands: &[Command],
        operations: &[Operation],
        endings: &mut Vec<Result<(), Ending>>,
    ) -> Result<(), Error> {
        self.session.expect_services(&keys_of(operations.iter()))?;
        for (place, (command, operation)) in commands.iter().zip(operations).enumerate() {
            if let Some(errno) = by_kernel.get(&place) {
                endings.push(Err(Ending::Refused(refusal_text(*command, *errno).into())));
                continue;
            }
            match self.session.stage(operation) {
                Ok(()) => endings.push(Ok(())),
                Err(error @ (Error::Refused(_) | Error::Missing { .. })) => {
                    endings.push(Err(refused(*command, &error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that a commit did not go through, or not all of it.
    pub(super) fn tell_uncommitted(&mut self, why: &Uncommitted) {
        self.say_warnings();
        match why {
            Uncommitted::Failed(failure) => {
                let words = report::TargetWords::of(&self.globals);
                let committed = self.session.committed();
                report::tell_standing(committed, &words, &Ui::default());
                self.tell(failure);
            }
            Uncommitted::ActionsFailed => {
                self.envelope = Some(ResultShape::new("committed"));
            }
        }
        if let Some(shape) = &mut self.envelope {
            report::add_commits(shape, self.session.committed());
        }
    }

    /// Says what went wrong with what the original does not know, and returns the status.
    pub(super) fn tell(&mut self, failure: &Failure) -> u8 {
        self.say_warnings();
        failure.tell(&report::TargetWords::of(&self.globals), &Ui::default());
        if self.json {
            self.envelope = Some(failure.envelope());
        }
        failure.status()
    }

    /// Says what commits have to say beside their outcome.
    pub(super) fn say_warnings(&mut self) {
        for warning in self.session.take_warnings() {
            self.warn(&warning);
        }
    }

    /// Says what the user should know.
    pub(super) fn warn(&mut self, text: &str) {
        self.output
            .streams
            .complain(format!("warning: {text}").as_bytes());
    }
}
