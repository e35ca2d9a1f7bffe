//! The last resort against a function of the language that neither ends nor looks whether it must.
//!
//! Functions ask for memory and look at signals themselves ([`super::limits`]). Should one not, the allocator gives no more than
//! a script can need, and the program ends with status 1; and a signal that has been waiting for a second ends the program from a
//! thread that watches. Neither happens while a table is changed. What was committed is in the journal: a runbook that was open
//! is rolled back by the program that takes this one's place.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use super::limits::set_allocation_limit;
use crate::session::Interrupt;

/// How often the thread looks, and at how many looks a signal has waited for long.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 4;
/// SIGABRT: what an allocation that is refused ends with.
const ABORT: i32 = 6;

/// Steps of the language; they stand still while a function runs.
static STEPS: AtomicU64 = AtomicU64::new(0);
/// Those who work on a table, or are not in a script.
static AWAY: AtomicUsize = AtomicUsize::new(0);
/// What may be allocated while a script runs; 0 is no limit.
static CEILING: AtomicUsize = AtomicUsize::new(0);

/// While this lives, nothing is interrupted.
pub(super) struct Away(());

/// Says that a table is worked on.
pub(super) fn away() -> Away {
    AWAY.fetch_add(1, Ordering::SeqCst);
    set_allocation_limit(usize::MAX);
    Away(())
}

impl Drop for Away {
    fn drop(&mut self) {
        if AWAY.fetch_sub(1, Ordering::SeqCst) == 1 {
            limit();
        }
    }
}

fn limit() {
    match CEILING.load(Ordering::SeqCst) {
        0 => set_allocation_limit(usize::MAX),
        ceiling => set_allocation_limit(ceiling),
    }
}

/// Notes that the language goes on.
pub(super) fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

/// Watches scripts from now on: at most so much may be allocated, and a signal ends the program. `recover` is the command line
/// that takes its place then; it is empty where there is no journal.
pub(super) fn watch(ceiling: usize, interrupt: &Interrupt, recover: &[OsString]) {
    CEILING.store(ceiling, Ordering::SeqCst);
    if AWAY.load(Ordering::SeqCst) == 0 {
        limit();
    }
    attend(interrupt, recover);
}

/// Has a thread look from now on whether a signal waits for long.
pub(super) fn attend(interrupt: &Interrupt, recover: &[OsString]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let (interrupt, recover) = (interrupt.clone(), recover.to_vec());
        // Where it can't be, the other has to do.
        let armed = Arc::new(AtomicBool::new(true));
        let _armed_or_not = signal_hook::flag::register_conditional_shutdown(ABORT, 1, armed);
        let _started_or_not = std::thread::Builder::new()
            .name("backstop".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || look(&interrupt, &recover));
    });
}

/// Ends the watch over a script: what comes now is the program's own.
pub(super) fn rest() {
    CEILING.store(0, Ordering::SeqCst);
    limit();
}

fn look(interrupt: &Interrupt, recover: &[OsString]) {
    let (mut last, mut stood) = (0, 0);
    loop {
        std::thread::sleep(LOOK);
        let steps = STEPS.load(Ordering::Relaxed);
        // Who only reads a table for a script leaves nothing behind.
        let is_script = match AWAY.load(Ordering::SeqCst) {
            0 => CEILING.load(Ordering::SeqCst) > 0,
            _ => !interrupt.is_held(),
        };
        let Some(signal) = interrupt.signal().filter(|_| is_script && steps == last) else {
            (last, stood) = (steps, 0);
            continue;
        };
        stood += 1;
        if stood < LOOKS {
            continue;
        }
        if !recover.is_empty() && AWAY.load(Ordering::SeqCst) == 0 {
            let _not_replaced = Command::new("/proc/self/exe")
                .arg0("ipvsh")
                .args(recover)
                .arg("--after-signal")
                .arg(signal.to_string())
                .exec();
        }
        let _not_ended = signal_hook::low_level::emulate_default_handler(signal);
    }
}
