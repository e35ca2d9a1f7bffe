//! Looks between two operations whether a script must end.

use std::rc::Rc;

use super::backstop;
use super::host::Host;
use super::limits::{Limits, Stop, allocated, measure, take_end};
use crate::session::Interrupt;

/// Lines that may be printed for nobody, and the signal that more of them are taken for: SIGPIPE.
const UNREAD: u64 = 100;
pub(super) const BROKEN_PIPE: i32 = 13;

/// Operations after which a script is watched from outside.
const MANY_OPERATIONS: u64 = 10_000;

/// What the undos of a runbook may take beyond that: the script may have been ended for what it took.
const UNDO_BYTES: usize = 64 << 20;

/// Looks between two operations whether a script must end.
pub(super) struct Watch {
    interrupt: Interrupt,
    limits: Limits,
    ceiling: usize,
    /// What the allocator gives at most.
    hard: usize,
    /// From here on the script is watched from outside.
    much: usize,
    host: Rc<Host>,
}

impl Watch {
    pub(super) fn new(limits: Limits, interrupt: Interrupt, host: Rc<Host>) -> Self {
        // What copies all that a script has, in one step, ends below one and a half times the limit and 64 MiB; small pieces
        // take more of the machine than is counted.
        let whole = limits.memory_mib.saturating_mul(1 << 20);
        let kept = whole.min((whole / 8).saturating_mul(5).saturating_add(32 << 20));
        let ceiling = allocated().saturating_add(kept);
        let hard = allocated()
            .saturating_add(whole.saturating_add(whole / 2))
            .saturating_add(64 << 20);
        host.operations.set(0);
        host.is_watched.set(false);
        measure(interrupt.clone(), ceiling, limits.memory_mib);
        Self {
            interrupt,
            limits,
            ceiling,
            hard,
            much: allocated().saturating_add(1 << 20),
            host,
        }
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        if let Some(signal) = self.interrupt.signal() {
            return Some(Stop::Signal(signal));
        }
        if let Some(stop) = take_end() {
            return Some(stop);
        }
        // Whoever prints on and on for nobody is ended as the system ends others; a line or two more are no matter.
        if self.host.unread.get() > UNREAD {
            return Some(Stop::Signal(BROKEN_PIPE));
        }
        if self.host.is_leaving() {
            return Some(Stop::Leaving);
        }
        let operations = self.host.operations.get() + 1;
        self.host.operations.set(operations);
        backstop::step();
        // A script that does little is over before a thread is worth its while.
        let now = allocated();
        if let Some(recover) = &self.host.last_resort
            && !self.host.is_watched.get()
            && (operations >= MANY_OPERATIONS || now > self.much)
        {
            self.host.is_watched.set(true);
            backstop::watch(self.hard, &self.interrupt, recover);
        }
        if self.limits.operations > 0 && operations > self.limits.operations {
            return Some(Stop::Operations);
        }
        let ceiling = if self.host.is_rolling_back.get() {
            self.ceiling.saturating_add(UNDO_BYTES)
        } else {
            self.ceiling
        };
        (now > ceiling).then_some(Stop::Memory(self.limits.memory_mib))
    }
}
