//! `ipvsh list --watch`: the list as it is, again and again, or a line for each change.

use std::io;
use std::time::Duration;

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::format::Format;
use super::list::{Asked, Seen, place_words, tell_missing};
use super::open;
use super::outcome::CommandOutcome;
use crate::document::json;
use crate::model::{ObjectId, RowKind};
use crate::observe::{Depth, Live, Observer, SeenChange, Snapshot};
use crate::results::SeenChangeShape;
use crate::session::{Access, Interrupt};

/// How long nothing is read until that is looked into: a table of a million servers takes seconds.
const LONG: Duration = Duration::from_secs(3600);

/// Starts the reader of the table that the global options name, on a thread of its own.
pub(super) fn observe(globals: &Globals, interval: Duration) -> Result<Observer, Failure> {
    let globals = globals.clone();
    let make = move || -> Result<Live, Failure> {
        let mut session = open::open(&globals, Access::Read, &Interrupt::default())?;
        // Who looks on is told of each change, and not again and again what is due.
        let _told_elsewhere = session.take_warnings();
        Ok(Live::new(session))
    };
    Observer::start(make, interval).map_err(Failure::NoReader)?
}

/// Shows the table until the reader of the output is gone, or a signal ends the program.
pub(super) fn watch(
    context: &Context,
    globals: &Globals,
    asked: &Asked,
    interval: Duration,
) -> Result<CommandOutcome, Failure> {
    match context.format {
        Format::Table => {}
        Format::Jsonl => changes_alone(asked)?,
        other => {
            return Err(Failure::usage(format!(
                "--watch shows the list again and again, or each change with -o jsonl; `-o {}` has no end that could be waited for",
                other.word()
            )));
        }
    }
    if interval.is_zero() {
        return Err(Failure::usage(
            "--watch reads every so often, and 0 s is all the time; the kernel counts every 2 s",
        ));
    }
    let observer = observe(globals, interval)?;
    let mut view = observer.view(Depth::Table);
    let (mut said_missing, mut fails) = (false, false);
    loop {
        let Some(reading) = view.next(LONG) else {
            if view.is_over() {
                return Err(Failure::NoReader(io::Error::other("it ended by itself")));
            }
            continue;
        };
        let snapshot = match reading {
            Ok(snapshot) => snapshot,
            Err(error) if observer.ring().is_empty() => return Err((*error).clone().into()),
            Err(error) => {
                if !std::mem::replace(&mut fails, true) {
                    context
                        .ui
                        .warning(&format!("{error}; what is shown is from before"));
                }
                continue;
            }
        };
        if std::mem::replace(&mut fails, false) {
            context.ui.status("the table can be read again");
        }
        if !std::mem::replace(&mut said_missing, true) {
            tell_missing(context, &snapshot.missing_words());
        }
        let shown = match context.format {
            Format::Jsonl => tell_changes(context, asked, &snapshot),
            _ => show(context, asked, &snapshot)?,
        };
        match shown {
            Ok(()) => {}
            // Nobody looks any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(CommandOutcome::Shown);
            }
            Err(error) => return Err(Failure::Output(error)),
        }
    }
}

/// Refuses what changes have not: they are of objects, whatever these count.
fn changes_alone(asked: &Asked) -> Result<(), Failure> {
    let is_list = asked.kind == RowKind::Destination
        && asked.filter.is_none()
        && asked.sort.is_empty()
        && asked.columns.is_empty();
    if is_list {
        return Ok(());
    }
    Err(Failure::usage(
        "--watch -o jsonl tells each change of an object; --by, --filter, --sort and --columns are for lists, and OBJECT says which objects",
    ))
}

/// Shows a snapshot as a list: on a terminal in place of the one before, else behind it.
fn show(context: &Context, asked: &Asked, snapshot: &Snapshot) -> Result<io::Result<()>, Failure> {
    let mut text = Vec::new();
    let missing = snapshot.missing_words();
    let seen = Seen {
        whole: &snapshot.table,
        known: snapshot.known,
        missing: &missing,
        time: Some(snapshot.time),
    };
    match asked.write(&mut text, context, &place_words(&snapshot.place), &seen) {
        Ok(_) => {}
        // What was named may come and go.
        Err(failure) if failure.session_error().is_some() && snapshot.number > 1 => {
            context.ui.status("what is to be shown is not there now");
            return Ok(Ok(()));
        }
        Err(failure) => return Err(failure),
    }
    let text = String::from_utf8_lossy(&text);
    Ok(if context.ui.results_are_seen() {
        context.ui.redraw(&text)
    } else {
        context.ui.print(&text)
    })
}

fn tell_changes(context: &Context, asked: &Asked, snapshot: &Snapshot) -> io::Result<()> {
    let is_meant = |seen: &SeenChange| {
        let object = seen.change.object();
        asked.selectors.is_empty()
            || asked.selectors.iter().any(|selector| match &object {
                ObjectId::Service(key) => selector.means_service(key),
                ObjectId::Destination(service, key) => selector.means_server(service, key),
                _ => false,
            })
    };
    let mut meant = snapshot.changes.iter().filter(|seen| is_meant(seen));
    meant.try_for_each(|seen| {
        let shape = SeenChangeShape::new(seen, snapshot.time);
        context.ui.print(&json::compact(&shape))
    })
}
