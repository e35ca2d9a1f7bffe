//! The reader: one thread that owns the source, and those who look.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::live::Source;
use super::ring::Ring;
use super::snapshot::{Depth, Snapshot};
use crate::session::Error;

/// What a reading came to.
pub type Reading = Result<Arc<Snapshot>, Arc<Error>>;

/// What somebody wants of the source itself.
type Work = Box<dyn FnOnce(&mut dyn Source) + Send>;

/// One reader of a table, for any number of views.
pub struct Observer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many views want a reading every interval, by depth.
    views: [usize; 2],
    /// Somebody wants a reading now, this deep.
    asked: Option<Depth>,
    /// What is to be done with the source between two readings.
    work: VecDeque<Work>,
    /// Readings that were begun, and that ended.
    begun: u64,
    ended: u64,
    /// What the last one came to, if it failed.
    failure: Option<Arc<Error>>,
    ring: Ring,
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'s, State> {
        match at_most {
            None => self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                let waited = self.changed.wait_timeout(state, time);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl State {
    /// Returns how deep the views look, if there are any.
    const fn wanted(&self) -> Option<Depth> {
        match self.views {
            [0, 0] => None,
            [_, 0] => Some(Depth::Table),
            [_, _] => Some(Depth::Everything),
        }
    }

    fn reading(&self) -> Option<Reading> {
        match &self.failure {
            Some(error) => Some(Err(Arc::clone(error))),
            None => self.ring.newest().map(|newest| Ok(Arc::clone(newest))),
        }
    }
}

impl Observer {
    /// Starts the reader. Its source is made on its own thread, which a network namespace may be entered for; `made` is told what
    /// came of that.
    ///
    /// # Errors
    /// The system's error if there is no thread to be had.
    pub fn start<S: Source, E: Send + 'static>(
        make: impl FnOnce() -> Result<S, E> + Send + 'static,
        interval: Duration,
    ) -> io::Result<Result<Self, E>> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let (tell, told) = std::sync::mpsc::channel();
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("observer".to_owned())
            .spawn(move || match make() {
                Ok(source) => {
                    let _told_or_gone = tell.send(Ok(()));
                    read_on(&own, source, interval);
                }
                Err(error) => {
                    let _told_or_gone = tell.send(Err(error));
                }
            })?;
        match told.recv() {
            Ok(Ok(())) => Ok(Ok(Self {
                shared,
                thread: Some(thread),
            })),
            Ok(Err(error)) => Ok(Err(error)),
            Err(_) => Err(io::Error::other("the reader ended before it began")),
        }
    }

    /// Begins to look: as long as the view is there, the table is read every interval.
    #[must_use]
    pub fn view(&self, depth: Depth) -> View {
        let mut state = self.shared.lock();
        state.views[usize::from(depth == Depth::Everything)] += 1;
        // What is there already may be old.
        let seen = state.begun;
        drop(state);
        self.shared.changed.notify_all();
        View {
            shared: Arc::clone(&self.shared),
            depth,
            seen,
        }
    }

    /// Returns a snapshot that is at most so old: the newest one, or one that is read now, once for all who ask meanwhile.
    ///
    /// # Errors
    /// What stood in the way of reading it.
    pub fn snapshot(&self, depth: Depth, at_most: Duration) -> Reading {
        let mut state = self.shared.lock();
        if let Some(newest) = state.ring.newest() {
            let is_deep = depth == Depth::Table || newest.settings.is_some();
            let age = newest.time.elapsed().unwrap_or(Duration::ZERO);
            if state.failure.is_none() && is_deep && age <= at_most {
                return Ok(Arc::clone(newest));
            }
        }
        // One that is under way may be less deep; the one after it is not.
        let wanted = state.begun + 1;
        state.asked = state.asked.max(Some(depth));
        self.shared.changed.notify_all();
        while state.ended < wanted && !state.is_over {
            state = self.shared.wait(state, None);
        }
        match state.reading() {
            Some(reading) => reading,
            None => unreachable!("BUG: a reading that ended left a snapshot or a failure"),
        }
    }

    /// Has something done with the source itself, on the reader's thread, between two readings; `None` is that the reader ended.
    pub fn with_source<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Source) -> R + Send + 'static,
    ) -> Option<R> {
        self.ask_source(work).recv().ok()
    }

    /// The same, for who does not wait: what came of it is sent. Nothing is, if the reader ended.
    pub fn ask_source<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Source) -> R + Send + 'static,
    ) -> Receiver<R> {
        let (tell, told) = std::sync::mpsc::channel();
        let work = move |source: &mut dyn Source| {
            let _told_or_gone = tell.send(work(source));
        };
        let mut state = self.shared.lock();
        if !state.is_over {
            state.work.push_back(Box::new(work));
        }
        drop(state);
        self.shared.changed.notify_all();
        told
    }

    /// Returns the last snapshots, the oldest first.
    #[must_use]
    pub fn ring(&self) -> Vec<Arc<Snapshot>> {
        self.shared.lock().ring.all()
    }

    /// Returns how often the table was read.
    #[must_use]
    pub fn readings(&self) -> u64 {
        self.shared.lock().begun
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // What panicked there said so.
            let _ended = thread.join();
        }
    }
}

/// Somebody who looks.
pub struct View {
    shared: Arc<Shared>,
    depth: Depth,
    /// The last reading that it saw, or that had begun when it began to look.
    seen: u64,
}

impl View {
    /// Waits for the next reading, for so long at most; `None` is that there was none.
    pub fn next(&mut self, at_most: Duration) -> Option<Reading> {
        let began = Instant::now();
        let mut state = self.shared.lock();
        while state.ended <= self.seen && !state.is_over {
            let left = at_most.checked_sub(began.elapsed())?;
            state = self.shared.wait(state, Some(left));
        }
        if state.ended <= self.seen {
            return None;
        }
        self.seen = state.ended;
        state.reading()
    }

    /// Returns whether nothing more comes: the reader ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.lock().is_over
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.views[usize::from(self.depth == Depth::Everything)] -= 1;
    }
}

/// Tells everybody that nothing more comes, however the reader ends.
struct Ends<'s>(&'s Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        // Who waits for that is told that nobody does it.
        state.work.clear();
        drop(state);
        self.0.changed.notify_all();
    }
}

/// Reads as long as somebody looks, and waits while nobody does.
fn read_on(shared: &Shared, mut source: impl Source, interval: Duration) {
    let _ends = Ends(shared);
    let mut last: Option<Instant> = None;
    loop {
        let mut state = shared.lock();
        let depth = loop {
            if state.is_over {
                return;
            }
            if let Some(work) = state.work.pop_front() {
                drop(state);
                work(&mut source);
                state = shared.lock();
                continue;
            }
            if let Some(depth) = state.asked.take() {
                break state.wanted().map_or(depth, |wanted| wanted.max(depth));
            }
            let left = last.map_or(Duration::ZERO, |last| {
                interval.saturating_sub(last.elapsed())
            });
            match state.wanted() {
                None => state = shared.wait(state, None),
                Some(depth) if left.is_zero() => break depth,
                Some(_) => state = shared.wait(state, Some(left)),
            }
        };
        state.begun += 1;
        drop(state);
        let now = Instant::now();
        let passed = last.replace(now).map_or(Duration::ZERO, |last| now - last);
        let read = source.read(depth, passed);
        let mut state = shared.lock();
        match read {
            Ok(snapshot) => {
                state.failure = None;
                state.ring.add(Arc::new(snapshot));
            }
            Err(error) => state.failure = Some(Arc::new(error)),
        }
        state.ended = state.begun;
        drop(state);
        shared.changed.notify_all();
    }
}
