//! The stack that scripts run on.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

/// Values of a script can lie deep within each other; they are copied and dropped by recursion. Only what is
/// touched of this is taken from the machine; a small machine gives less.
const STACK_BYTES: [usize; 3] = [512 << 20, 128 << 20, 32 << 20];

/// Does work on a large stack, and returns what came of it, on this thread: another one, with a heap of its own, is a third of what a short script takes.
pub(super) fn on_large_stack<T>(work: impl FnOnce() -> T) -> Option<T> {
    let mut work = Some(work);
    for bytes in STACK_BYTES {
        // What makes the stack panics where the machine does not give it: before the work has begun, that is no news.
        let usual = Cell::new(Some(panic::take_hook()));
        panic::set_hook(Box::new(|_| ()));
        let restore = || {
            if let Some(usual) = usual.take() {
                panic::set_hook(usual);
            }
        };
        let ran = panic::catch_unwind(AssertUnwindSafe(|| {
            stacker::grow(bytes, || {
                restore();
                work.take().map(|work| work())
            })
        }));
        restore();
        match ran {
            Ok(Some(done)) => return Some(done),
            Err(_) if work.is_some() => {}
            Ok(None) | Err(_) => return None,
        }
    }
    work.map(|work| work())
}
