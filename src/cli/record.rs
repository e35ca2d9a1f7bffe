//! `ipvsh record`: what a table counts and how it changes, on disk.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::format::Format;
use super::list_watch::observe;
use super::looking_back::{folder, local};
use super::notify;
use super::open;
use super::outcome::CommandOutcome;
use super::record_args::RecordArguments;
use crate::journal::{TableIdentity, time_text};
use crate::model::shown;
use crate::observe::{Depth, Observer, Snapshot};
use crate::recording::{Mark, Recorder, Recording, Retention, Told, Written};
use crate::render::count;
use crate::results::{RecordedFileShape, RecordingShape, ToldShape};
use crate::session::Error;

/// How long a signal waits at most until it is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Records the table until a signal comes, or the time is over; or shows what is recorded.
pub(super) fn record(
    context: &Context,
    globals: &Globals,
    arguments: &RecordArguments,
) -> Result<CommandOutcome, Failure> {
    if arguments.show {
        return show(context, globals, arguments);
    }
    if arguments.printing.format.is_some() || globals.json {
        return Err(Failure::usage(
            "recording prints nothing for programs; `record --show -o json` tells what is recorded",
        ));
    }
    let folder = folder(globals, arguments.dir.as_ref(), "--dir")?;
    let table = match &globals.sim {
        Some(file) => TableIdentity::Simulation { file: file.clone() },
        None => open::identity(globals)?,
    };
    let retention = Retention {
        age: arguments.keep,
        size: arguments.keep_size,
    };
    context.interrupt.install().map_err(Failure::Signals)?;
    let observer = observe(globals, arguments.interval)?;
    let recorder = Recorder::begin(&folder, table, arguments.interval, retention)?;
    let place = shown(&folder.display().to_string());
    let begun = format!(
        "recording into {place} every {}",
        humantime::format_duration(arguments.interval)
    );
    context.ui.status(&format!("{begun}; Ctrl-C ends it"));
    notify::ready(&begun);
    let mut work = Work {
        context,
        observer,
        recorder: Arc::new(Mutex::new(recorder)),
        last: 0,
        failing: None,
        connections: None,
        without_connections: None,
    };
    let ended = work.run(arguments);
    let Written {
        snapshots, bytes, ..
    } = work.locked(|recorder| recorder.written());
    context.ui.status(&format!(
        "recorded {} in {bytes} bytes",
        count(usize::try_from(snapshots).unwrap_or(usize::MAX), "snapshot"),
    ));
    ended?;
    Ok(CommandOutcome::Shown)
}

struct Work<'c> {
    context: &'c Context,
    observer: Observer,
    recorder: Arc<Mutex<Recorder>>,
    /// The number of the last snapshot that was written.
    last: u64,
    /// What is wrong, and was said.
    failing: Option<String>,
    /// When connections were written, and why they could not be, once it was said.
    connections: Option<Instant>,
    without_connections: Option<String>,
}

impl Work<'_> {
    fn locked<R>(&self, work: impl FnOnce(&mut Recorder) -> R) -> R {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut recorder)
    }

    fn run(&mut self, arguments: &RecordArguments) -> Result<(), Failure> {
        let began = Instant::now();
        let mut view = self.observer.view(Depth::Everything);
        loop {
            let is_over = arguments
                .lasts
                .is_some_and(|lasts| began.elapsed() >= lasts);
            if is_over || self.context.interrupt.take().is_some() {
                return Ok(());
            }
            let left = arguments
                .lasts
                .map_or(LOOK, |lasts| lasts.saturating_sub(began.elapsed()));
            match view.next(left.min(LOOK)) {
                None if view.is_over() => {
                    let ended = std::io::Error::other("it ended by itself");
                    return Err(Failure::NoReader(ended));
                }
                None => {}
                Some(Ok(newest)) => {
                    if self.last == 0 && !newest.missing.is_empty() {
                        self.context.ui.warning(&format!(
                            "without privilege this recording lacks {}",
                            newest.missing.join(", ")
                        ));
                    }
                    self.add_all(&newest);
                    self.add_connections(arguments);
                }
                // What can't be read from the beginning is no recording.
                Some(Err(error)) if self.last == 0 => return Err((*error).clone().into()),
                Some(Err(error)) => {
                    let text = error.to_string();
                    let noted = self.locked(|recorder| recorder.gap(SystemTime::now(), &text));
                    self.said(noted.err().map_or(text, |error| error.to_string()));
                }
            }
        }
    }

    /// Writes every snapshot that was not written yet.
    fn add_all(&mut self, newest: &Arc<Snapshot>) {
        let mut missed: Vec<Arc<Snapshot>> = Vec::new();
        if newest.number > self.last + 1 {
            missed = self.observer.ring();
            missed.retain(|one| one.number > self.last && one.number < newest.number);
        }
        missed.push(Arc::clone(newest));
        for snapshot in missed {
            match self.locked(|recorder| recorder.add(&snapshot)) {
                Ok(()) => {
                    if self.failing.take().is_some() {
                        self.context.ui.status("it is recorded again");
                    }
                }
                Err(error) => self.said(error.to_string()),
            }
            self.last = snapshot.number;
            if let Some(error) = self.locked(Recorder::take_unpruned) {
                self.context.ui.warning(&format!(
                    "{error}; what is too old or too much stays, and the recording goes on"
                ));
            }
        }
    }

    fn said(&mut self, text: String) {
        if self.failing.as_ref() != Some(&text) {
            self.context
                .ui
                .warning(&format!("{text}; until that is over, nothing is recorded"));
            self.failing = Some(text);
        }
    }

    fn add_connections(&mut self, arguments: &RecordArguments) {
        let Some(every) = arguments.connections else {
            return;
        };
        if self.connections.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        self.connections = Some(Instant::now());
        let recorder = Arc::clone(&self.recorder);
        let done = self.observer.with_source(move |source| {
            let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.connections::<Error>(SystemTime::now(), |sink| source.connection_file(sink))
        });
        match done {
            Some(Err(error)) => {
                let text = error.to_string();
                if self.without_connections.as_ref() != Some(&text) {
                    self.context.ui.warning(&format!(
                        "{text}; until that is over, connections are not recorded"
                    ));
                    self.without_connections = Some(text);
                }
            }
            Some(Ok(())) => self.without_connections = None,
            None => {}
        }
    }
}

/// Shows what is recorded.
fn show(
    context: &Context,
    globals: &Globals,
    arguments: &RecordArguments,
) -> Result<CommandOutcome, Failure> {
    let folder = folder(globals, arguments.dir.as_ref(), "--dir")?;
    let recording = Recording::open(&folder)?;
    let mut shape = RecordingShape::new(folder.display().to_string());
    let (first, last) = (recording.first()?, recording.last()?);
    let from = first.map(|moment| recording.time(moment)).transpose()?;
    let until = last.map(|moment| recording.time(moment)).transpose()?;
    let told = recording.told(
        SystemTime::UNIX_EPOCH,
        until.unwrap_or_else(SystemTime::now),
    )?;
    let files = recording.files()?;
    if context.format == Format::Table {
        return show_text(context, &folder, (from, until), &files, &told);
    }
    shape.from = from.map(time_text);
    shape.until = until.map(time_text);
    shape.files = files
        .into_iter()
        .map(|(path, from, bytes, snapshots)| RecordedFileShape {
            path: path.display().to_string(),
            from: time_text(from),
            bytes,
            snapshots,
        })
        .collect();
    shape.events = told
        .iter()
        .map(|(time, told)| ToldShape::new(*time, told))
        .collect();
    context.print_rows(&shape, Some("events"))
}

fn show_text(
    context: &Context,
    folder: &Path,
    (from, until): (Option<SystemTime>, Option<SystemTime>),
    files: &[(std::path::PathBuf, SystemTime, u64, usize)],
    told: &[(SystemTime, Told)],
) -> Result<CommandOutcome, Failure> {
    let snapshots: usize = files.iter().map(|(.., snapshots)| snapshots).sum();
    let bytes: u64 = files.iter().map(|(_, _, bytes, _)| bytes).sum();
    let written = context.ui.data(|out| {
        writeln!(
            out,
            "{}: {}, {}, {bytes} bytes",
            shown(&folder.display().to_string()),
            count(files.len(), "file"),
            count(snapshots, "snapshot")
        )?;
        if let (Some(from), Some(until)) = (from, until) {
            writeln!(out, "from {} until {}", local(from), local(until))?;
        }
        told.iter()
            .try_for_each(|(time, told)| writeln!(out, "{}  {}", local(*time), told_words(told)))
    });
    written.map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Returns what a recording tells, in words.
pub(super) fn told_words(told: &Told) -> String {
    match told {
        Told::Mark(Mark::Commit { number, who, label }) => {
            let label = label.as_ref().map(|label| format!(" \"{}\"", shown(label)));
            format!(
                "commit {number}{} by {}",
                label.unwrap_or_default(),
                shown(who)
            )
        }
        Told::Mark(Mark::DrainBegan { object, who }) => {
            format!("{} drains {}", shown(who), shown(object))
        }
        Told::Mark(Mark::DrainEnded { object }) => {
            format!("the drain of {} is over", shown(object))
        }
        Told::Gap(why) => format!("nothing could be read: {}", shown(why)),
        Told::Pause(until) => format!("nothing was recorded until {}", local(*until)),
        Told::Damage(until) => format!("the recording is damaged until {}", local(*until)),
    }
}
