//! How much a script may take.

use std::cell::RefCell;

use rhai::{Dynamic, EvalAltResult, Position};

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

/// The number of the signal by which a test is told that its time is up: SIGALRM.
pub(super) const TIME_IS_UP: i32 = 14;

/// Calls within calls; more than any sane script needs, and safe on a small stack.
pub(super) const CALL_LEVELS: usize = 48;
/// Expressions within expressions, at the top and in functions.
pub(super) const EXPRESSION_DEPTHS: (usize, usize) = (64, 48);
/// The largest number of elements that a single call may add to a text, list or blob.
pub(super) const LARGEST_STEP: i64 = 16 << 20;

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

/// Takes what the script that runs measures by, so that another one can run within it.
pub(super) fn suspend() -> Measure {
    Measure(METER.take())
}

/// What a script measures by.
pub(super) struct Measure(Option<Meter>);

impl Measure {
    /// Has the script measure by it again.
    pub(super) fn resume(self) {
        METER.set(self.0);
    }
}

/// Returns how many bytes are allocated now.
pub(super) fn allocated() -> usize {
    ALLOCATOR.allocated()
}

/// Has functions ask from now on whether they may go on: up to so many bytes in all.
pub(super) fn measure(interrupt: Interrupt, ceiling: usize, memory_mib: usize) {
    METER.set(Some(Meter {
        interrupt,
        ceiling,
        memory_mib,
        steps: 0,
        over: None,
    }));
}

/// Returns why a function wants the script to end, if one does.
pub(super) fn take_end() -> Option<Stop> {
    METER.with_borrow_mut(|meter| meter.as_mut()?.over.take())
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
