//! How much a script may take.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, Position};

use super::backstop;
use super::host::Host;
use crate::session::Interrupt;

/// Counts what is allocated. Rhai's own limits on strings, arrays and maps bound no memory and make scripts
/// quadratic; this one costs a counter and bounds it.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Lets no more be allocated than so much; where there is more already, there is no limit.
pub(super) fn set_allocation_limit(bytes: usize) {
    if ALLOCATOR.set_limit(bytes).is_err() {
        let _no_limit = ALLOCATOR.set_limit(usize::MAX);
    }
}

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

/// Lines that may be printed for nobody, and the signal that more of them are taken for: SIGPIPE.
const UNREAD: u64 = 100;
pub(super) const BROKEN_PIPE: i32 = 13;

/// Operations after which a script is watched from outside.
const MANY_OPERATIONS: u64 = 10_000;

/// What the undos of a runbook may take beyond that: the script may have been ended for what it took.
const UNDO_BYTES: usize = 64 << 20;

/// What functions ask before they take memory, and on their way.
struct Meter {
    interrupt: Interrupt,
    /// What may be allocated in all.
    ceiling: usize,
    memory_mib: usize,
    /// Steps since the last look.
    steps: u32,
    /// Why the script is to end with its next operation.
    over: Option<Stop>,
}

thread_local! {
    /// That of the script that runs, or ran last. There is one allocator too.
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Asks whether so many bytes more may be taken, and whether a signal came.
pub(super) fn afford(bytes: usize) -> Result<(), Stop> {
    METER.with_borrow(|meter| {
        let Some(meter) = meter else {
            return Ok(());
        };
        if let Some(signal) = meter.interrupt.signal() {
            return Err(Stop::Signal(signal));
        }
        if ALLOCATOR.allocated().saturating_add(bytes) > meter.ceiling {
            return Err(Stop::Memory(meter.memory_mib));
        }
        Ok(())
    })
}

/// Looks now and then whether the script must end: for each element of what may be many.
pub(super) fn tick() -> Result<(), Stop> {
    const ROUND: u32 = 256;
    let is_time = METER.with_borrow_mut(|meter| {
        meter.as_mut().is_some_and(|meter| {
            meter.steps = (meter.steps + 1) % ROUND;
            meter.steps == 0
        })
    });
    if is_time { afford(0) } else { Ok(()) }
}

/// Ends the script with its next operation, where an error would be swallowed.
pub(super) fn end(stop: Stop) {
    METER.with_borrow_mut(|meter| {
        if let Some(meter) = meter {
            meter.over = Some(stop);
        }
    });
}

impl From<Stop> for Box<EvalAltResult> {
    fn from(stop: Stop) -> Self {
        EvalAltResult::ErrorTerminated(Dynamic::from(stop), Position::NONE).into()
    }
}

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
        let ceiling = ALLOCATOR.allocated().saturating_add(kept);
        let hard = ALLOCATOR
            .allocated()
            .saturating_add(whole.saturating_add(whole / 2))
            .saturating_add(64 << 20);
        host.operations.set(0);
        host.is_watched.set(false);
        METER.set(Some(Meter {
            interrupt: interrupt.clone(),
            ceiling,
            memory_mib: limits.memory_mib,
            steps: 0,
            over: None,
        }));
        Self {
            interrupt,
            limits,
            ceiling,
            hard,
            much: ALLOCATOR.allocated().saturating_add(1 << 20),
            host,
        }
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        if let Some(signal) = self.interrupt.signal() {
            return Some(Stop::Signal(signal));
        }
        if let Some(stop) = METER.with_borrow_mut(|meter| meter.as_mut()?.over.take()) {
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
        let allocated = ALLOCATOR.allocated();
        if let Some(recover) = &self.host.last_resort
            && !self.host.is_watched.get()
            && (operations >= MANY_OPERATIONS || allocated > self.much)
        {
            self.host.is_watched.set(true);
            backstop::watch(self.hard, &self.interrupt, recover);
        }
        if self.limits.operations > 0 && operations > self.limits.operations {
            return Some(Stop::Operations);
        }
        let ceiling = if self.host.goes_back.get() {
            self.ceiling.saturating_add(UNDO_BYTES)
        } else {
            self.ceiling
        };
        (allocated > ceiling).then_some(Stop::Memory(self.limits.memory_mib))
    }
}
