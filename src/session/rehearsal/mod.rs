//! What is staged: a rehearsal of the live table, and the open blocks, each a savepoint in it.
//!
//! `kernel` is the heart: a simulated kernel that stands for the live table. `blocks` opens and ends transactions and rehearsals,
//! `stage` runs a verb, `wait` says what waiting means in a block.

pub(super) mod blocks;
mod kernel;
mod savepoint;
pub(super) mod schedulers;
pub(super) mod stage;
pub(super) mod wait;

use std::collections::HashMap;
use std::time::Duration;

use super::error::Error;
use super::origin::Origin;
use crate::model::{Invalid, ObjectId};
use crate::txn::Plan;
pub(super) use kernel::Rehearsal;
use savepoint::Savepoint;
use schedulers::Schedulers;

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// To be committed.
    Transaction,
    /// To be looked at and dropped.
    Rehearsal,
}

/// An open block as it was when a line of the prompt or a test began: what was staged, and which savepoints there were.
#[derive(Clone, Debug)]
pub struct LineSavepoint {
    start: Savepoint,
    savepoints: Vec<(String, Savepoint)>,
}

/// One open block.
#[derive(Debug)]
struct Block {
    kind: BlockKind,
    start: Savepoint,
    savepoints: Vec<(String, Savepoint)>,
}

/// What is staged, and where it was staged.
#[derive(Default)]
pub(super) struct Staging {
    pub(super) rehearsal: Option<Rehearsal>,
    blocks: Vec<Block>,
    /// Where the next changes are staged.
    pub(super) origin: Option<Origin>,
    /// Where each object was staged last.
    pub(super) origins: HashMap<ObjectId, Origin>,
    /// What is known of the kernel's schedulers.
    pub(super) schedulers: Schedulers,
    /// Time that counted as passed in rehearsals.
    pub(super) rehearsed_time: Duration,
}

impl Staging {
    /// Returns a place beside this one where nothing is staged.
    pub(super) fn beside(&self) -> Self {
        Self {
            schedulers: self.schedulers.beside(),
            origin: self.origin.clone(),
            ..Self::default()
        }
    }

    fn begin(&mut self, kind: BlockKind) -> Result<(), Error> {
        let rehearsal = match &mut self.rehearsal {
            Some(rehearsal) => rehearsal,
            none => none.insert(Rehearsal::new()?),
        };
        let start = rehearsal.savepoint();
        self.blocks.push(Block {
            kind,
            start,
            savepoints: Vec::new(),
        });
        Ok(())
    }

    fn is_rehearsing(&self) -> bool {
        let mut kinds = self.blocks.iter().map(|block| block.kind);
        kinds.any(|kind| kind == BlockKind::Rehearsal)
    }

    /// Ends the outermost block and hands over what it staged.
    fn take(&mut self) -> Option<Rehearsal> {
        self.blocks.clear();
        self.rehearsal.take()
    }

    /// Ends the innermost block; what it staged stays staged.
    fn merge(&mut self) {
        self.blocks.pop();
    }

    /// Ends the innermost block as if it had never been.
    fn abandon(&mut self) {
        if let (Some(block), Some(rehearsal)) = (self.blocks.pop(), &mut self.rehearsal) {
            rehearsal.restore(block.start);
        }
        if self.blocks.is_empty() {
            self.rehearsal = None;
        }
    }

    fn add_savepoint(&mut self, name: &str) -> Result<(), Error> {
        let (Some(block), Some(rehearsal)) = (self.blocks.last_mut(), &self.rehearsal) else {
            return Err(no_block("savepoint", name));
        };
        block.savepoints.retain(|(known, _)| known != name);
        let savepoint = (name.to_owned(), rehearsal.savepoint());
        block.savepoints.push(savepoint);
        Ok(())
    }

    fn restore(&mut self, name: &str) -> Result<(), Error> {
        let (Some(block), Some(rehearsal)) = (self.blocks.last_mut(), &mut self.rehearsal) else {
            return Err(no_block("rollback_to", name));
        };
        let names = || block.savepoints.iter().map(|(known, _)| known.as_str());
        let Some(place) = names().position(|known| known == name) else {
            let known: Vec<&str> = names().collect();
            let expected = if known.is_empty() {
                "this block has none; `savepoint(\"NAME\")` makes one".to_owned()
            } else {
                format!("this block has {}", known.join(", "))
            };
            return Err(Invalid::new("savepoint", name, expected).into());
        };
        block.savepoints.truncate(place + 1);
        rehearsal.restore(block.savepoints[place].1.clone());
        Ok(())
    }

    fn line_savepoint(&self) -> Option<LineSavepoint> {
        let block = self.blocks.last()?;
        Some(LineSavepoint {
            start: self.rehearsal.as_ref()?.savepoint(),
            savepoints: block.savepoints.clone(),
        })
    }

    fn restore_line(&mut self, line: LineSavepoint) {
        if let (Some(block), Some(rehearsal)) = (self.blocks.last_mut(), &mut self.rehearsal) {
            block.savepoints = line.savepoints;
            rehearsal.restore(line.start);
        }
    }

    /// Returns what the innermost block has staged so far.
    fn plan(&mut self) -> Result<Plan, Error> {
        let outermost = self.blocks.len() <= 1;
        match (&mut self.rehearsal, self.blocks.last()) {
            (Some(rehearsal), Some(block)) if !outermost => Ok(rehearsal.plan_since(&block.start)?),
            (Some(rehearsal), _) => Ok(rehearsal.plan()?),
            (None, _) => Ok(Plan::default()),
        }
    }

    /// Has an open block that has staged nothing read again what it fetches: time passed since it was read.
    fn read_afresh(&mut self) -> Result<(), Error> {
        let Some(rehearsal) = &mut self.rehearsal else {
            return Ok(());
        };
        if !rehearsal.plan()?.is_empty() {
            return Ok(());
        }
        rehearsal.start_anew()?;
        let now = rehearsal.savepoint();
        let savepoints = self.blocks.iter_mut().flat_map(|block| {
            let named = block.savepoints.iter_mut().map(|(_, savepoint)| savepoint);
            std::iter::once(&mut block.start).chain(named)
        });
        for savepoint in savepoints {
            // One that holds something staged keeps it: a commit that goes by what it had read is a conflict.
            if !savepoint.holds_changes() {
                savepoint.clone_from(&now);
            }
        }
        Ok(())
    }

    /// Remembers where objects were staged.
    fn remember_origins(&mut self, changed: &[ObjectId]) {
        if let Some(origin) = &self.origin {
            let entries = changed
                .iter()
                .map(|object| (object.clone(), Origin::clone(origin)));
            self.origins.extend(entries);
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
