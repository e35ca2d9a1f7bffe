//! `ipvsh diff`: what leads from one table to another. Either may be a document, the table of now, or one of a recording.

use std::collections::HashMap;
use std::time::SystemTime;

use super::args::{DiffArguments, Globals};
use super::context::Context;
use super::failure::Failure;
use super::list::place_words;
use super::looking_back::{Named, Past, at, local};
use super::open;
use super::outcome::CommandOutcome;
use crate::document::{Detail, DocumentWriter, read_document, read_document_file, write_document};
use crate::model::{ObjectId, Table, TableSpecification};
use crate::observe::{By, SeenChange};
use crate::recording::Told;
use crate::session::{Access, ApplyOptions, BlockKind, Prune, Session, Target};
use crate::txn::{Change, Note, Plan};

/// Shows what leads from the live table, or one document, to a document; or from a time of a recording to now, or to another one.
pub(super) fn diff(
    context: &Context,
    globals: &Globals,
    arguments: &DiffArguments,
) -> Result<CommandOutcome, Failure> {
    let recording = arguments.recording.as_ref();
    let a = Named::parse(&arguments.a)?;
    let b = arguments.b.as_deref().map(Named::parse).transpose()?;
    let to = |name: &str| -> Result<(TableSpecification, String), Failure> {
        Ok((read_document_file(name, globals.max_size)?, name.to_owned()))
    };
    let then = |time: SystemTime| -> Result<Past, Failure> {
        let past = at(globals, recording, time)?;
        past.say(context);
        Ok(past)
    };
    let names_time = matches!(a, Named::Time(_)) || matches!(b, Some(Named::Time(_)));
    if recording.is_some() && !names_time {
        return Err(Failure::usage(
            "--recording says where @TIME is looked up, and neither side is one",
        ));
    }
    match (a, b) {
        (Named::Document(a), None) => {
            let wanted = to(a)?;
            let session = open::open(globals, Access::Read, &context.interrupt)?;
            compare(context, globals, session, wanted)
        }
        (Named::Document(a), Some(Named::Document(b))) => {
            let (contents, wanted) = (to(a)?, to(b)?);
            let session = simulated(context, globals, contents)?;
            compare(context, globals, session, wanted)
        }
        (Named::Document(a), Some(Named::Time(time))) => {
            let (contents, past) = (to(a)?, then(time)?);
            let session = simulated(context, globals, contents)?;
            compare(context, globals, session, specification(&past)?)
        }
        (Named::Time(time), Some(Named::Document(b))) => {
            let (past, wanted) = (then(time)?, to(b)?);
            let session = simulated(context, globals, specification(&past)?)?;
            compare(context, globals, session, wanted)
        }
        (Named::Time(from), Some(Named::Time(until))) => {
            if until < from {
                return Err(Failure::usage(
                    "the second time is earlier than the first; `diff` leads from the first to the second",
                ));
            }
            let (before, after) = (then(from)?, then(until)?);
            let table = after.snapshot.table.clone();
            Ok(since(&before, table, Some(after.snapshot.time))?)
        }
        (Named::Time(from), None) => {
            let before = then(from)?;
            let mut session = open::open(globals, Access::Read, &context.interrupt)?;
            context.warn(&mut session);
            if *session.label() != before.snapshot.place {
                context.ui.warning(&format!(
                    "the recording is of {}, and the table of now is that of {}",
                    place_words(&before.snapshot.place),
                    place_words(session.label())
                ));
            }
            let now = session.live_table()?;
            Ok(since(&before, now, None)?)
        }
    }
}

/// Returns a recorded table as a document has it.
fn specification(past: &Past) -> Result<(TableSpecification, String), Failure> {
    let snapshot = &past.snapshot;
    let name = format!("the recording of {}", local(snapshot.time));
    let document = DocumentWriter {
        table: &snapshot.table,
        detail: Detail::Configuration,
        incomplete: &snapshot.missing_words(),
    };
    let mut text = Vec::new();
    write_document(&mut text, &document).map_err(Failure::Output)?;
    Ok((read_document(&name, &text)?, name))
}

fn simulated(
    context: &Context,
    globals: &Globals,
    (contents, name): (TableSpecification, String),
) -> Result<Session, Failure> {
    let target = Target::Simulation {
        contents: Some(Box::new(contents)),
        label: Some(name.clone()),
        file: None,
    };
    let session = Session::open(target, Access::Read, context.interrupt.clone());
    Ok(session.map_err(open::in_file(&name, globals))?)
}

/// Shows what makes the table of a session what is wanted.
fn compare(
    context: &Context,
    globals: &Globals,
    mut session: Session,
    (wanted, name): (TableSpecification, String),
) -> Result<CommandOutcome, Failure> {
    context.warn(&mut session);
    session.begin(BlockKind::Rehearsal)?;
    let options = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    let applied = session.apply(&wanted, options);
    let (_staged, _kept) = applied.map_err(open::in_file(&name, globals))?;
    let plan = session.end_rehearsal()?;
    context.warn(&mut session);
    if plan.counts().2 > 0 && !globals.json {
        context.ui.status(
            "diff compares whole tables; `plan` and `apply` keep what the document does not name, unless --prune says otherwise",
        );
    }
    Ok(CommandOutcome::planned(plan))
}

/// Shows what changed since a time, and by whom, as far as that was recorded.
fn since(
    before: &Past,
    after: Table,
    until: Option<SystemTime>,
) -> Result<CommandOutcome, Failure> {
    let from = before.snapshot.time;
    let bare = |table: Table| Table {
        sysctl: Default::default(),
        ..table.configuration_only()
    };
    let (before_table, after) = (bare(before.snapshot.table.clone()), bare(after));
    let plan = Plan::between(before_table, after, Vec::new());
    let last = before.recording.end()?;
    let end = until.or(last).unwrap_or(from);
    let seen = before.recording.changes(from, end)?;
    let told = before.recording.told(from, end)?;
    let notes = whom(&plan, &seen, &unseen_words(&told, until.is_none(), end));
    Ok(CommandOutcome::planned(plan.with_notes(notes)))
}

/// Says when a change happened that was not seen.
fn unseen_words(told: &[(SystemTime, Told)], is_now: bool, end: SystemTime) -> String {
    let hole = told.iter().rev().find_map(|(from, told)| match told {
        Told::Gap(_) => Some(format!(
            "nothing could be read for a time from {} on",
            local(*from)
        )),
        Told::Pause(until) | Told::Damage(until) => Some(format!(
            "nothing is recorded from {} to {}",
            local(*from),
            local(*until)
        )),
        Told::Mark(_) => None,
    });
    match (hole, is_now) {
        (None, true) => format!("after {}, the last snapshot", local(end)),
        (None, false) => "nobody saw by whom".to_owned(),
        (Some(hole), true) => format!("{hole}, or after {}, the last snapshot", local(end)),
        (Some(hole), false) => hole,
    }
}

/// Says of each change who made it: what led an object to what it is.
fn whom(plan: &Plan, seen: &[(SystemTime, SeenChange)], unseen: &str) -> Vec<Note> {
    let mut last: HashMap<ObjectId, (&SystemTime, &SeenChange)> = HashMap::new();
    for (time, one) in seen {
        last.insert(one.change.object(), (time, one));
        // Real servers go with their service.
        if let Change::DeleteService {
            key, destinations, ..
        } = &one.change
        {
            for server in destinations.keys() {
                last.insert(ObjectId::Destination(*key, *server), (time, one));
            }
        }
    }
    let note = |change: &Change| {
        let object = change.object();
        // What somebody did to it later, and nobody saw, is not that one's doing.
        let led = last
            .get(&object)
            .filter(|(_, seen)| seen.change.ends().1 == change.ends().1);
        let text = match led {
            Some((time, seen)) => format!("{}, seen {}", by_words(&seen.by), local(**time)),
            None => unseen.to_owned(),
        };
        Note { object, text }
    };
    plan.changes().iter().map(note).collect()
}

fn by_words(by: &By) -> String {
    match by {
        By::Commit { number, who, label } => {
            let label = label.as_ref().map(|label| format!(" \"{label}\""));
            format!("commit {number}{} by {who}", label.unwrap_or_default())
        }
        By::Foreign => "by another program".to_owned(),
        By::Unknown => "by nobody knows whom".to_owned(),
    }
}
