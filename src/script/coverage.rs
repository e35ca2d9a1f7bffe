//! Which lines of scripts were run: lines on which a statement or an expression begins, by the names that errors use.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::{AST, ASTNode, Engine, Position, Stmt};

/// The lines of one script or module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesRun {
    /// Those that can be run.
    pub lines: BTreeSet<usize>,
    /// Those that were.
    pub run: BTreeSet<usize>,
}

/// The lines of all scripts and modules, by name.
pub type Coverage = BTreeMap<String, LinesRun>;

/// A coverage that engines add to.
pub type SharedCoverage = Rc<RefCell<Coverage>>;

/// Notes which lines of a script can be run.
pub(super) fn note_lines(coverage: &SharedCoverage, name: &str, ast: &AST) {
    let mut coverage = coverage.borrow_mut();
    let lines = &mut coverage.entry(name.to_owned()).or_default().lines;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(statement)) = path.last()
            && !matches!(statement, Stmt::Noop(_) | Stmt::Block(_))
            && let Some(line) = statement.position().line()
        {
            lines.insert(line);
        }
        true
    });
}

/// Where a script is: what ends it between two operations does not say.
#[derive(Debug, Default)]
pub(super) struct Whereabouts {
    source: RefCell<String>,
    position: Cell<Position>,
}

impl Whereabouts {
    fn note(&self, source: Option<&str>, position: Position) {
        if position.is_none() {
            return;
        }
        self.position.set(position);
        let source = source.unwrap_or_default();
        if *self.source.borrow() != source {
            source.clone_into(&mut self.source.borrow_mut());
        }
    }

    /// Returns the script or module, and the place in it.
    pub(super) fn now(&self) -> (String, Position) {
        (self.source.borrow().clone(), self.position.get())
    }
}

/// Has an engine note where it is and the lines that it runs, as far as that is asked for, from now on and for good.
#[allow(deprecated)] // the interface is volatile, and the version of rhai pinned
pub(super) fn watch_lines(
    engine: &mut Engine,
    coverage: Option<&SharedCoverage>,
    place: Option<&Rc<Whereabouts>>,
) {
    use rhai::debugger::DebuggerCommand;
    let (coverage, place) = (coverage.cloned(), place.cloned());
    engine.register_debugger(
        |_, debugger| debugger,
        move |_, _, node, source, position| {
            // The end of a function is no place where something is.
            if matches!(node, ASTNode::Stmt(Stmt::Noop(_))) {
                return Ok(DebuggerCommand::StepInto);
            }
            if let Some(place) = &place {
                place.note(source, position);
            }
            if let Some(coverage) = &coverage {
                mark(coverage, source, position);
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
}

fn mark(coverage: &SharedCoverage, source: Option<&str>, position: Position) {
    let mut coverage = coverage.borrow_mut();
    if let (Some(source), Some(line)) = (source, position.line())
        && let Some(known) = coverage.get_mut(source)
        && known.lines.contains(&line)
    {
        known.run.insert(line);
    }
}
