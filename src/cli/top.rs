//! `ipvsh top`: the table as it lives, on a terminal; else as text or JSON.

use std::sync::Arc;
use std::time::Duration;

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::list::place_words;
use super::list_watch::observe;
use super::looking_back::{self, Past};
use super::outcome::CommandOutcome;
use super::top_args::TopArguments;
#[cfg(feature = "tui")]
use super::top_screen;
use crate::config;
use crate::document::json;
use crate::observe::{Depth, Observer, Snapshot};
use crate::render::time_of_day;
use crate::session::ConnectionSource;
use crate::top::{App, Clients, Mask, View};

/// How long nothing is read until that is looked into.
const LONG: Duration = Duration::from_secs(3600);

/// How many snapshots before the one that is looked at are measured: those of a trend, of a large table fewer.
const SAMPLES: usize = 30;
const OBJECTS: usize = 200_000;

/// Shows the table until it is told to end.
pub(super) fn top(
    context: &Context,
    globals: &Globals,
    arguments: &TopArguments,
) -> Result<CommandOutcome, Failure> {
    let past = looking_back::open(context, globals, &arguments.back)?;
    let mut app = App::new(arguments.view(), config::characters(), past.is_some());
    if let Some((column, is_reversed)) = arguments.sort {
        if !app.view().columns().contains(&column) {
            return Err(Failure::usage(format!(
                "the view of {} has no column {}",
                app.view().word(),
                column.word()
            )));
        }
        app.sort_by(column, is_reversed);
    }
    if let Some(filter) = &arguments.filter {
        app.filter_by(filter);
        if let Some(misread) = app.misread() {
            return Err(Failure::usage(misread));
        }
    }
    #[cfg(feature = "tui")]
    if !globals.json && !arguments.once && top_screen::fits() {
        return match past {
            Some(past) => top_screen::past(context, app, past),
            None => {
                context.interrupt.install().map_err(Failure::Signals)?;
                top_screen::live(context, globals, app, arguments.interval)
            }
        };
    }
    match past {
        Some(mut past) => {
            show_past(&mut app, &mut past)?;
            if app.view() == View::Clients {
                take_past_clients(&mut app, &mut past, Mask::default());
            }
            print(context, globals, &mut app)
        }
        None => live(context, globals, arguments, app),
    }
}

/// Prints a table, or a line of JSON for each reading.
fn live(
    context: &Context,
    globals: &Globals,
    arguments: &TopArguments,
    mut app: App,
) -> Result<CommandOutcome, Failure> {
    let is_once = arguments.once || !globals.json;
    let observer = observe(globals, arguments.interval)?;
    let mut view = observer.view(Depth::Everything);
    let mut readings = 0;
    loop {
        let Some(reading) = view.next(LONG) else {
            if view.is_over() {
                let ended = std::io::Error::other("it ended by itself");
                return Err(Failure::NoReader(ended));
            }
            continue;
        };
        let snapshot = reading.map_err(|error| (*error).clone())?;
        app.take(Arc::clone(&snapshot));
        readings += 1;
        // One reading tells no rates.
        if is_once && readings < 2 {
            continue;
        }
        if app.view() == View::Clients {
            let clients = read_clients(&observer, &snapshot, Mask::default());
            app.take_clients(clients, Duration::ZERO);
        }
        if is_once {
            return print(context, globals, &mut app);
        }
        let Some(tick) = app.tick() else {
            continue;
        };
        match context.ui.print(&json::compact(&tick)) {
            Ok(()) => {}
            // Nobody reads any more.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                return Ok(CommandOutcome::Shown);
            }
            Err(error) => return Err(Failure::Output(error)),
        }
    }
}

/// Returns how many connections the servers of a snapshot say that they have.
pub(super) fn estimate(snapshot: &Snapshot) -> u64 {
    let services = snapshot.table.services.values();
    let servers = services.flat_map(|service| service.destinations.values());
    servers.map(|server| server.connections.open()).sum()
}

fn read_clients(observer: &Observer, snapshot: &Snapshot, mask: Mask) -> Clients {
    let count = estimate(snapshot);
    let read = observer.with_source(move |source| Clients::read(source, count, mask));
    match read {
        Some(Ok(clients)) => clients,
        Some(Err(error)) => Clients::refused(error.to_string(), mask),
        None => Clients::refused("the reader of the table ended".to_owned(), mask),
    }
}

/// Takes the clients of a recorded moment, where connections were recorded.
pub(super) fn take_past_clients(app: &mut App, past: &mut Past, mask: Mask) {
    let source: &mut dyn ConnectionSource = past;
    let read = Clients::read(source, 0, mask);
    let clients = read.unwrap_or_else(|error| Clients::refused(error.to_string(), mask));
    app.take_clients(clients, Duration::ZERO);
}

/// Shows the moment of a recording that is looked at, with what was before it.
pub(super) fn show_past(app: &mut App, past: &mut Past) -> Result<(), Failure> {
    let objects = past.snapshot.objects().max(1);
    let count = SAMPLES.min(OBJECTS / objects).max(2);
    let mut moments = vec![past.moment];
    while moments.len() < count
        && let Some(first) = moments.last()
        && let Some(before) = past.recording.previous(*first)?
    {
        moments.push(before);
    }
    let mut snapshots = Vec::new();
    for (place, moment) in moments.iter().rev().enumerate() {
        let mut snapshot = past.recording.snapshot(*moment)?;
        snapshot.number = u64::try_from(place + 1).unwrap_or(u64::MAX);
        snapshots.push(Arc::new(snapshot));
    }
    app.show(snapshots);
    Ok(())
}

/// Prints all lines as text, or as one JSON object.
fn print(context: &Context, globals: &Globals, app: &mut App) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return match app.tick() {
            Some(tick) => context.print_rows(&tick, Some("rows")),
            None => Ok(CommandOutcome::Shown),
        };
    }
    let sheet = app.sheet(0, usize::MAX, context.ui.width());
    let title = app.measured().map(|measured| {
        let snapshot = &measured.snapshot;
        format!(
            "{}  {}",
            place_words(&snapshot.place),
            time_of_day(Some(snapshot.time))
        )
    });
    let written = context.ui.data(|out| {
        if let Some(title) = title {
            writeln!(out, "{title}")?;
        }
        writeln!(out, "{}", sheet.title)?;
        sheet
            .lines
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
    });
    written.map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}
