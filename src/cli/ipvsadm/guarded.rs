//! Changes where guards are set: what the lines change is committed as anything else is, under the right to commit,
//! checked against the guards, kept in the journal. Without guards lines are sent as they are.

use super::compat::{Ending, refusal_text};
use super::grammar::Command;
use super::preview::{keys_of, refused};
use super::tool::{Tool, fate_of};
use crate::backend::{Fate, Operation};
use crate::cli::exit;
use crate::cli::failure::Failure;
use crate::cli::{report, target};
use crate::session::{Ended, Error, LayerKind, Reason};
use crate::txn::{Cause, Outcome};
use crate::ui::Ui;

impl Tool<'_> {
    /// Finds out what guards changes. A configuration that makes no sense stands in their way.
    pub(super) fn read_guards(&mut self) -> Result<(), u8> {
        let read = target::guard(&self.globals, &mut self.session);
        read.map_err(|failure| self.tell(&failure))?;
        self.guarded = !self.session.guarding().guards.is_empty();
        Ok(())
    }

    /// Makes ready for commits: they must not be torn apart by signals, they are kept in the journal, and what that has
    /// left to do comes first.
    pub(super) fn make_ready(&mut self) -> Result<(), u8> {
        let installed = self.interrupt.install().map_err(Failure::Signals);
        installed
            .and_then(|()| target::keep(&self.globals, &mut self.session))
            .and_then(|()| target::settle(&self.globals, &mut self.session))
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

    /// Commits changes, those apart that would be refused.
    fn commit(
        &mut self,
        commands: &[Command],
        operations: &[Operation],
    ) -> Vec<Result<(), Ending>> {
        let mut endings = Vec::with_capacity(operations.len() + 1);
        let keys = keys_of(operations.iter());
        let begun = self.session.begin(LayerKind::Transaction);
        let mut reached = begun.and_then(|()| self.session.expect_services(&keys));
        for (command, operation) in commands.iter().zip(operations) {
            if reached.is_err() {
                break;
            }
            match self.session.stage(operation) {
                Ok(()) => endings.push(Ok(())),
                Err(error @ (Error::Refused(_) | Error::Missing { .. })) => {
                    endings.push(Err(refused(*command, &error)));
                }
                Err(error) => reached = Err(error),
            }
        }
        if reached.is_err() {
            self.session.abandon();
        }
        let ended = reached.and_then(|()| self.session.end_transaction(Reason::default()));
        match ended {
            Ok(Ended::Committed(report)) => {
                self.committed |= !report.plan.is_empty();
                if !report.failed_actions.is_empty() {
                    let status = exit::COMMITS_STAND;
                    endings.push(Err(Ending::Told { status }));
                }
            }
            Ok(Ended::Staged(_)) => {}
            Err(error) => endings.push(Err(self.uncommitted(commands, error))),
        }
        endings
    }

    /// Says why changes were not committed: of one that the kernel refuses as the original does.
    fn uncommitted(&mut self, commands: &[Command], error: Error) -> Ending {
        if let ([command], Error::Commit(report)) = (commands, &error)
            && let Outcome::RolledBack { cause, .. } = &report.outcome
            && let Cause::Refused { refusal, .. } = cause
        {
            return Ending::Refused(refusal_text(*command, refusal.errno).into());
        }
        let status = self.tell(&Failure::Session(error));
        Ending::Told { status }
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
        self.streams.complain(format!("warning: {text}").as_bytes());
    }
}
