//! Signals, noted and looked at when it is safe.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::config;

/// SIGHUP, SIGINT, SIGTERM: their numbers are the same on every Linux.
const SIGNALS: [i32; 3] = [1, 2, 15];

/// A flag that holds the number of the signal that came.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    flag: Arc<AtomicUsize>,
    /// Whether a signal ends the program at once.
    ends: Arc<AtomicBool>,
    /// Whether something would be torn apart by that.
    held: Arc<AtomicBool>,
}

impl Interrupt {
    /// Catches SIGHUP, SIGINT and SIGTERM from now on. Until then they end the program, which is right while it
    /// only reads its input. What was ignored when the program started stays ignored.
    ///
    /// # Errors
    /// The system's error.
    pub fn install(&self) -> io::Result<()> {
        for signal in SIGNALS {
            if config::ignores_signal(signal) {
                continue;
            }
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&self.ends))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&self.flag), number)?;
        }
        Ok(())
    }

    /// Has signals end the program at once, as long as it has sent nothing: planning for a large table takes its time.
    /// [`Self::hold`] ends that.
    pub fn end_at_once(&self) {
        self.ends.store(true, Ordering::SeqCst);
        // One that came before is not lost.
        if let Some(signal) = self.signal() {
            let _not_ended = signal_hook::low_level::emulate_default_handler(signal);
        }
    }

    /// Has signals noted alone: from here on something would be torn apart.
    pub fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
        self.ends.store(false, Ordering::SeqCst);
    }

    /// Says that what would have been torn apart is whole.
    pub fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
    }

    /// Returns whether something would be torn apart if the program ended now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }

    /// Has a file that grows over the limit of its user be an error like a full disk, instead of the end of the program in
    /// the middle of a commit.
    ///
    /// # Errors
    /// The system's error.
    pub fn survive_file_limit() -> io::Result<()> {
        /// SIGXFSZ.
        const FILE_LIMIT: i32 = 25;
        signal_hook::flag::register(FILE_LIMIT, Arc::default())?;
        Ok(())
    }

    /// Has a thread called back with the number of each signal that asks the program to end: SIGHUP and SIGTERM.
    ///
    /// # Errors
    /// The system's error.
    pub fn watch(&self, mut told: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
        let wanted = [1, 15]
            .into_iter()
            .filter(|signal| !config::ignores_signal(*signal));
        let mut signals = signal_hook::iterator::Signals::new(wanted)?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(&mut told))?;
        Ok(())
    }

    /// Returns the number of the signal that came, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self.flag.load(Ordering::Relaxed) {
            0 => None,
            number => i32::try_from(number).ok(),
        }
    }

    /// Forgets the signal that came, and returns its number.
    pub fn take(&self) -> Option<i32> {
        match self.flag.swap(0, Ordering::Relaxed) {
            0 => None,
            number => i32::try_from(number).ok(),
        }
    }

    /// Acts as if a signal came.
    pub fn raise(&self, signal: i32) {
        self.flag.store(
            usize::try_from(signal).unwrap_or_default(),
            Ordering::Relaxed,
        );
    }
}
