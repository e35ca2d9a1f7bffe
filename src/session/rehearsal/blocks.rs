//! Transactions and rehearsals within each other: each one a savepoint in the outermost.

use super::{BlockKind, LineSavepoint};
use crate::model::Invalid;
use crate::session::{CommitTerms, Error, Session};
use crate::txn::{Note, Plan, Report};

/// How a transaction ended.
#[derive(Clone, Debug)]
#[must_use = "an inner transaction is only staged"]
pub enum Ended {
    /// It was the outermost and is committed.
    Committed(Box<Report>),
    /// It is part of an outer one now.
    Staged(Box<Plan>),
}

impl Session {
    /// Opens a transaction or rehearsal; inside another one it is a savepoint.
    ///
    /// # Errors
    /// [`Error`] if no rehearsal could be set up.
    pub fn begin(&mut self, kind: BlockKind) -> Result<(), Error> {
        self.staging.begin(kind)
    }

    /// Returns whether a transaction or rehearsal is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.depth() > 0
    }

    /// Returns how many blocks are open within each other.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.staging.blocks.len()
    }

    /// Returns whether what is staged can't reach the live table: a rehearsal is open.
    #[must_use]
    pub fn is_rehearsing(&self) -> bool {
        self.staging.is_rehearsing()
    }

    /// Ends the innermost transaction. The outermost is committed; an inner one stays staged and reports what it
    /// staged as a plan.
    ///
    /// # Errors
    /// [`Error`] if the commit did not go through; the transaction is over all the same.
    pub fn end_transaction(&mut self, terms: CommitTerms) -> Result<Ended, Error> {
        if self.depth() <= 1 {
            let mut terms = terms;
            let plan = match self.staging.take() {
                Some(rehearsal) => {
                    terms.undoes = rehearsal.undoes().to_vec();
                    rehearsal.into_plan()?
                }
                None => Plan::default(),
            };
            let report = self.commit(plan, terms)?;
            return Ok(Ended::Committed(Box::new(report)));
        }
        let plan = match self.refuse_inner_terms(&terms) {
            Ok(()) => self.staged_plan(),
            Err(error) => Err(error),
        };
        match plan {
            Err(error) => {
                self.abandon();
                Err(error)
            }
            Ok(plan) => {
                self.staging.merge();
                self.report_rehearsed(terms.label.as_deref(), &plan);
                Ok(Ended::Staged(Box::new(plan)))
            }
        }
    }

    /// Refuses what an inner transaction can't have: it is committed with the outermost one.
    fn refuse_inner_terms(&self, terms: &CommitTerms) -> Result<(), Error> {
        let (what, instead) = if terms.guarding != crate::txn::Guarding::default() {
            ("guards", "set the guards there")
        } else if terms.confirm.is_some() {
            ("confirm", "set the time there")
        } else {
            return Ok(());
        };
        if self.is_rehearsing() {
            return Ok(());
        }
        Err(Invalid::new(
            what,
            "an inner transaction",
            format!("its changes are committed with the outermost transaction: {instead}"),
        )
        .into())
    }

    /// Commits a plan as it was shown; inside a block its changes are staged instead.
    ///
    /// # Errors
    /// [`Error`] if it does not go through.
    pub fn commit_or_stage(&mut self, plan: Plan, terms: CommitTerms) -> Result<Ended, Error> {
        if !self.is_open() {
            return self
                .commit(plan, terms)
                .map(|report| Ended::Committed(Box::new(report)));
        }
        let _staged = self.stage_plan(&plan)?;
        Ok(Ended::Staged(Box::new(plan)))
    }

    /// Ends the innermost block as if it had never been.
    pub fn abandon(&mut self) {
        self.staging.abandon();
    }

    /// Gives this moment of the innermost block a name; an older one of the same name is forgotten.
    ///
    /// # Errors
    /// [`Error`] if no block is open.
    pub fn savepoint(&mut self, name: &str) -> Result<(), Error> {
        self.staging.add_savepoint(name)
    }

    /// Drops what the innermost block staged since a savepoint, which stays; later ones are gone.
    ///
    /// # Errors
    /// [`Error`] if no block is open or it has no such savepoint.
    pub fn rollback_to(&mut self, name: &str) -> Result<(), Error> {
        self.staging.restore(name)
    }

    /// Returns the innermost block as it is now, if one is open.
    #[must_use]
    pub fn line_savepoint(&self) -> Option<LineSavepoint> {
        self.staging.line_savepoint()
    }

    /// Makes the innermost block what it was.
    pub fn restore_line(&mut self, line: LineSavepoint) {
        self.staging.restore_line(line);
    }

    /// Ends the innermost rehearsal: returns its plan and drops it.
    ///
    /// # Errors
    /// [`Error`] if the plan could not be made.
    pub fn end_rehearsal(&mut self) -> Result<Plan, Error> {
        let plan = self.staged_plan();
        self.abandon();
        let plan = plan?;
        // What is committed step by step is checked step by step.
        if self.has_reported_rehearsed() {
            return Ok(plan);
        }
        Ok(self.with_guard_notes(plan))
    }

    /// Adds to a rehearsed plan what guards would refuse of it.
    pub(in crate::session) fn with_guard_notes(&mut self, plan: Plan) -> Plan {
        let mut guarding = self.terms.guarding.clone();
        if let Some(options) = self.runbooks.options() {
            guarding = guarding.with(&options.guarding);
        }
        let mut notes = Vec::new();
        for breach in plan.rehearsed_breaches(&guarding.guards) {
            if guarding.overridden.contains(&breach.guard) {
                continue;
            }
            let text = format!("refused by guard {}: {}", breach.guard, breach.text);
            match breach.object {
                Some(object) => notes.push(Note { object, text }),
                None => self.warn(text),
            }
        }
        plan.with_notes(notes)
    }

    /// Returns what the innermost block has staged so far.
    ///
    /// # Errors
    /// [`Error`] if the plan could not be made.
    pub fn staged_plan(&mut self) -> Result<Plan, Error> {
        self.staging.plan()
    }
}
