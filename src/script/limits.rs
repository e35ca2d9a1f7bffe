//! How much a script may take.

use std::rc::Rc;

use super::host::Host;
use crate::session::Interrupt;

/// Counts what is allocated. Rhai's own limits on strings, arrays and maps bound no memory and make scripts
/// quadratic; this one costs a counter and bounds it.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Limits of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations of the language.
    pub operations: u64,
    /// Memory beyond what the program itself takes, in MiB.
    pub memory_mib: usize,
}

impl Limits {
    /// What a script may take unless told otherwise: some ten seconds and 256 MiB.
    pub const DEFAULT: Self = Self {
        operations: 50_000_000,
        memory_mib: 256,
    };
}

/// Calls within calls; more than any sane script needs, and safe on a small stack.
pub(super) const CALL_LEVELS: usize = 48;
/// Expressions within expressions, at the top and in functions.
pub(super) const EXPRESSION_DEPTHS: (usize, usize) = (64, 48);
/// The largest number of elements that a single call may add to a text, list or blob.
pub(super) const LARGEST_STEP: i64 = 16 << 20;

/// What the undos of a runbook may take beyond that: the script may have been ended for what it took.
const UNDO_BYTES: usize = 64 << 20;

/// Why a script is ended between two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A signal came.
    Signal(i32),
    /// It takes too much memory, in MiB.
    Memory(usize),
    /// It takes too many operations.
    Operations,
    /// It asked to end, or to leave a block: whatever a `catch` makes of that.
    Leaving,
}

/// Looks between two operations whether a script must end.
pub(super) struct Watch {
    interrupt: Interrupt,
    limits: Limits,
    ceiling: usize,
    host: Rc<Host>,
}

impl Watch {
    pub(super) fn new(limits: Limits, interrupt: Interrupt, host: Rc<Host>) -> Self {
        let ceiling = ALLOCATOR
            .allocated()
            .saturating_add(limits.memory_mib.saturating_mul(1 << 20));
        host.operations.set(0);
        Self {
            interrupt,
            limits,
            ceiling,
            host,
        }
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        if let Some(signal) = self.interrupt.signal() {
            return Some(Stop::Signal(signal));
        }
        if self.host.is_leaving() {
            return Some(Stop::Leaving);
        }
        let operations = self.host.operations.get() + 1;
        self.host.operations.set(operations);
        if self.limits.operations > 0 && operations > self.limits.operations {
            return Some(Stop::Operations);
        }
        let ceiling = if self.host.goes_back.get() {
            self.ceiling.saturating_add(UNDO_BYTES)
        } else {
            self.ceiling
        };
        (ALLOCATOR.allocated() > ceiling).then_some(Stop::Memory(self.limits.memory_mib))
    }
}
