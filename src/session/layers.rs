//! Transactions and rehearsals within each other: each one a savepoint in the outermost.

use super::error::Error;
use super::rehearsal::Rehearsal;
use super::savepoint::Savepoint;
use super::{Reason, Session};
use crate::model::Invalid;
use crate::txn::{Note, Plan, Report};

/// What a layer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// To be committed.
    Transaction,
    /// To be looked at and dropped.
    Rehearsal,
}

/// A moment of an open block: what was staged, and which savepoints there were.
#[derive(Clone, Debug)]
pub struct Mark {
    moment: Savepoint,
    savepoints: Vec<(String, Savepoint)>,
}

/// One open block.
#[derive(Debug)]
pub(super) struct Layer {
    kind: LayerKind,
    start: Savepoint,
    savepoints: Vec<(String, Savepoint)>,
}

impl Layer {
    /// Returns the moments that it can go back to.
    pub(super) fn moments(&mut self) -> impl Iterator<Item = &mut Savepoint> {
        let savepoints = self.savepoints.iter_mut().map(|(_, moment)| moment);
        std::iter::once(&mut self.start).chain(savepoints)
    }
}

impl Session {
    /// Opens a transaction or rehearsal; inside another one it is a savepoint.
    ///
    /// # Errors
    /// [`Error`] if no rehearsal could be set up.
    pub fn begin(&mut self, kind: LayerKind) -> Result<(), Error> {
        let rehearsal = match &mut self.rehearsal {
            Some(rehearsal) => rehearsal,
            none => none.insert(Rehearsal::new()?),
        };
        let start = rehearsal.moment();
        self.layers.push(Layer {
            kind,
            start,
            savepoints: Vec::new(),
        });
        Ok(())
    }

    /// Tells whether a transaction or rehearsal is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Returns how many blocks are open within each other.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Tells whether what is staged can't reach the live table: a rehearsal is open.
    #[must_use]
    pub fn is_rehearsing(&self) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.kind == LayerKind::Rehearsal)
    }

    /// Ends the innermost transaction. The outermost is committed; an inner one stays staged and reports what it
    /// staged as a plan.
    ///
    /// # Errors
    /// [`Error`] if the commit did not go through; the transaction is over all the same.
    pub fn end_transaction(&mut self, reason: Reason) -> Result<Ended, Error> {
        if self.layers.len() <= 1 {
            self.layers.clear();
            let mut reason = reason;
            let plan = match self.rehearsal.take() {
                Some(rehearsal) => {
                    reason.undoes = rehearsal.undoes().to_vec();
                    rehearsal.into_plan()?
                }
                None => Plan::default(),
            };
            let report = self.commit(plan, reason)?;
            return Ok(Ended::Committed(Box::new(report)));
        }
        let own_guards = reason.guarding != crate::txn::Guarding::default();
        let plan = if own_guards && !self.is_rehearsing() {
            Err(Invalid::new(
                "guards",
                "an inner transaction",
                "what it changes is committed with the outermost one: give the guards to that",
            )
            .into())
        } else if reason.confirm.is_some() && !self.is_rehearsing() {
            Err(Invalid::new(
                "confirm",
                "an inner transaction",
                "what it changes is committed with the outermost one: give that the time",
            )
            .into())
        } else {
            self.staged_plan()
        };
        let layer = self.layers.pop();
        match plan {
            Err(error) => {
                self.drop_back_to(layer);
                Err(error)
            }
            Ok(plan) => {
                self.note_rehearsed(reason.label.as_deref(), &plan);
                Ok(Ended::Staged(Box::new(plan)))
            }
        }
    }

    /// Commits a plan as it was shown; inside a block its changes are staged instead.
    ///
    /// # Errors
    /// [`Error`] if it does not go through.
    pub fn commit_or_stage(&mut self, plan: Plan, reason: Reason) -> Result<Ended, Error> {
        if !self.is_open() {
            return self
                .commit(plan, reason)
                .map(|report| Ended::Committed(Box::new(report)));
        }
        let _staged = self.stage_plan(&plan)?;
        Ok(Ended::Staged(Box::new(plan)))
    }

    /// Ends the innermost block as if it had never been.
    pub fn abandon(&mut self) {
        let layer = self.layers.pop();
        self.drop_back_to(layer);
    }

    fn drop_back_to(&mut self, layer: Option<Layer>) {
        if let (Some(layer), Some(rehearsal)) = (layer, &mut self.rehearsal) {
            rehearsal.go_back(layer.start);
        }
        if self.layers.is_empty() {
            self.rehearsal = None;
        }
    }

    /// Gives this moment of the innermost block a name; an older one of the same name is forgotten.
    ///
    /// # Errors
    /// [`Error`] if no block is open.
    pub fn savepoint(&mut self, name: &str) -> Result<(), Error> {
        let (Some(layer), Some(rehearsal)) = (self.layers.last_mut(), &self.rehearsal) else {
            return Err(no_block("savepoint", name));
        };
        layer.savepoints.retain(|(known, _)| known != name);
        layer.savepoints.push((name.to_owned(), rehearsal.moment()));
        Ok(())
    }

    /// Takes back what the innermost block staged since a savepoint, which stays; later ones are gone.
    ///
    /// # Errors
    /// [`Error`] if no block is open or it has no such savepoint.
    pub fn rollback_to(&mut self, name: &str) -> Result<(), Error> {
        let (Some(layer), Some(rehearsal)) = (self.layers.last_mut(), &mut self.rehearsal) else {
            return Err(no_block("rollback_to", name));
        };
        let Some(place) = layer.savepoints.iter().position(|(known, _)| known == name) else {
            let known: Vec<&str> = layer
                .savepoints
                .iter()
                .map(|(known, _)| known.as_str())
                .collect();
            let expected = if known.is_empty() {
                "this block has none; `savepoint(\"NAME\")` makes one".to_owned()
            } else {
                format!("this block has {}", known.join(", "))
            };
            return Err(Invalid::new("savepoint", name, expected).into());
        };
        layer.savepoints.truncate(place + 1);
        rehearsal.go_back(layer.savepoints[place].1.clone());
        Ok(())
    }

    /// Marks this moment of the innermost block, if one is open.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        let layer = self.layers.last()?;
        Some(Mark {
            moment: self.rehearsal.as_ref()?.moment(),
            savepoints: layer.savepoints.clone(),
        })
    }

    /// Takes back what the innermost block did since a moment of it.
    pub fn back_to(&mut self, mark: Mark) {
        if let (Some(layer), Some(rehearsal)) = (self.layers.last_mut(), &mut self.rehearsal) {
            layer.savepoints = mark.savepoints;
            rehearsal.go_back(mark.moment);
        }
    }

    /// Ends the innermost rehearsal: returns its plan and takes it back.
    ///
    /// # Errors
    /// [`Error`] if the plan could not be made.
    pub fn end_rehearsal(&mut self) -> Result<Plan, Error> {
        let plan = self.staged_plan();
        self.abandon();
        let plan = plan?;
        // What is committed step by step is checked step by step.
        if self.notes_rehearsed && !self.runbooks.is_empty() {
            return Ok(plan);
        }
        Ok(self.with_guard_notes(plan))
    }

    /// Adds to a rehearsed plan what guards would refuse of it.
    pub(super) fn with_guard_notes(&mut self, plan: Plan) -> Plan {
        let mut guarding = self.guarding.clone();
        if let Some(running) = &self.running {
            guarding = guarding.with(&running.options.guarding);
        }
        let mut notes = Vec::new();
        for breach in plan.rehearsed_breaches(&guarding.guards) {
            if guarding.overridden.contains(&breach.guard) {
                continue;
            }
            let text = format!("the guard {} refuses this: {}", breach.guard, breach.text);
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
        let outermost = self.layers.len() <= 1;
        match (&mut self.rehearsal, self.layers.last()) {
            (Some(rehearsal), Some(layer)) if !outermost => Ok(rehearsal.plan_since(&layer.start)?),
            (Some(rehearsal), _) => Ok(rehearsal.plan()?),
            (None, _) => Ok(Plan::default()),
        }
    }
}

fn no_block(what: &str, name: &str) -> Error {
    Invalid::new(
        what,
        name,
        "it belongs into transaction { } or rehearse { }",
    )
    .into()
}

/// How a transaction ended.
#[derive(Clone, Debug)]
#[must_use = "an inner transaction is only staged"]
pub enum Ended {
    /// It was the outermost and is committed.
    Committed(Box<Report>),
    /// It is part of an outer one now.
    Staged(Box<Plan>),
}
