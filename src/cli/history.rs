//! What was committed, and what can still be done about it.

use std::rc::Rc;

use super::args::Globals;
use super::context::{Context, with_session};
use super::failure::Failure;
use super::journal_args::{
    CancelArguments, ConfirmArguments, HistoryArguments, HistoryCommand, RecoverArguments,
};
use super::narrator::{Reports, Teller};
use super::outcome::CommandOutcome;
use super::{open, report};
use crate::backend::enter_namespace;
use crate::journal::{Journal, JournalError, Limits, Record, TableIdentity};
use crate::model::shown;
use crate::render::{
    PlanView, Rows, Zone, columns, history_changes, history_rows, history_state, history_what,
    plan as render_plan, shown_time,
};
use crate::results::exit;
use crate::results::{
    ConfirmedShape, HistoryShape, RecoveryShape, ShownRecordShape, UnconfirmedListShape,
};
use crate::session::{Access, Direction, HistoryError, Recovered, Scope, Session, Unconfirmed};

/// Shows what was committed. That needs no kernel.
pub(super) fn history(
    context: &Context,
    globals: &Globals,
    arguments: &HistoryArguments,
) -> Result<CommandOutcome, Failure> {
    if !open::keeps_journal(globals) {
        return Err(HistoryError::NotKept.into());
    }
    if let Some(name) = &globals.netns {
        enter_namespace(name)?;
    }
    let here = open::identity(globals)?;
    let folder = open::state_folder(globals).ok_or(HistoryError::NoFolder)?;
    let journal = Journal::look(&folder, &here)?;
    let zone = if arguments.utc {
        Zone::Utc
    } else {
        Zone::Local
    };
    match arguments.what {
        None => {
            let journals = if arguments.all {
                Journal::look_all(&folder)?
            } else {
                journal.into_iter().collect()
            };
            let mut records = Vec::new();
            for journal in &journals {
                records.extend(journal.records()?);
            }
            let forgotten = journals.iter().find_map(|journal| journal.forgotten(&here));
            let shown = Shown {
                here: &here,
                scope: if arguments.all {
                    Scope::AllTables
                } else {
                    Scope::ThisTable
                },
                forgotten,
                zone,
            };
            list(context, globals, &records, &shown)
        }
        Some(HistoryCommand::Show { number }) => {
            let journal = journal.ok_or(JournalError::Missing { number })?;
            let record = journal.record(number)?;
            if record.is_runbook() {
                let commits = journal.commits_of(number)?;
                return show_runbook(context, globals, (&record, &commits), zone);
            }
            show(context, globals, &record, zone)
        }
    }
}

/// What a list of commits is about.
struct Shown<'a> {
    here: &'a TableIdentity,
    /// Whether other tables are part of it.
    scope: Scope,
    /// The highest number of this table that is no longer kept.
    forgotten: Option<u64>,
    zone: Zone,
}

fn list(
    context: &Context,
    globals: &Globals,
    records: &[Result<Record, JournalError>],
    wanted: &Shown<'_>,
) -> Result<CommandOutcome, Failure> {
    let &Shown {
        here,
        scope,
        forgotten,
        zone,
    } = wanted;
    let mut shown = Vec::new();
    for record in records {
        match record {
            Ok(record) if scope == Scope::AllTables || record.intent.table.is_same(here) => {
                shown.push(record)
            }
            Ok(_) => {}
            Err(error) => context.ui.warning(&error.to_string()),
        }
    }
    if globals.json {
        let damaged: Vec<String> = records
            .iter()
            .filter_map(|record| record.as_ref().err().map(ToString::to_string))
            .collect();
        return context.print_rows(
            &HistoryShape::new(&shown, damaged, forgotten),
            Some("commits"),
        );
    }
    if shown.is_empty() {
        if forgotten.is_none() {
            context.ui.status("nothing was committed to this table yet");
        }
    } else {
        let rows = history_rows(&shown, scope, zone);
        context
            .ui
            .line(&columns(&rows, context.ui.width()))
            .map_err(Failure::Output)?;
    }
    if let Some(number) = forgotten {
        let records = Limits::DEFAULT.records;
        context.ui.status(&format!(
            "commits up to {number} are no longer kept: the journal keeps the last {records} of a table"
        ));
    }
    Ok(CommandOutcome::Shown)
}

fn show(
    context: &Context,
    globals: &Globals,
    record: &Record,
    zone: Zone,
) -> Result<CommandOutcome, Failure> {
    let plan = record.plan()?;
    if globals.json {
        return context.print(&ShownRecordShape::commit(record, &plan));
    }
    let head = head(record, zone);
    let view = PlanView {
        plan: &plan,
        kept: None,
        ending: "",
    };
    context
        .ui
        .data(|out| {
            writeln!(out, "{head}\n")?;
            render_plan(out, &view)
        })
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Shows a runbook: what happened to it, and its commits.
fn show_runbook(
    context: &Context,
    globals: &Globals,
    (record, commits): (&Record, &[Record]),
    zone: Zone,
) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return context.print(&ShownRecordShape::runbook(record, commits));
    }
    let commits: Vec<&Record> = commits.iter().collect();
    let rows = columns(
        &history_rows(&commits, Scope::ThisTable, zone),
        context.ui.width(),
    );
    let head = head(record, zone);
    context
        .ui
        .data(|out| writeln!(out, "{head}\n\n{}", rows.trim_end()))
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Returns who, when and why, and what happened since, as lines.
fn head(record: &Record, zone: Zone) -> String {
    let intent = &record.intent;
    let author = &intent.author;
    let mut lines = vec![format!(
        "{} {}   {}",
        if record.is_runbook() {
            "runbook"
        } else {
            "commit"
        },
        intent.number,
        history_state(record)
    )];
    // What others wrote forges no line.
    let mut line = |name: &str, text: String| lines.push(format!("{name:<9}{}", shown(&text)));
    line("time", shown_time(&intent.time, zone));
    let mut by = author.name.clone().unwrap_or_else(|| author.id.to_string());
    if let Some(login) = author.login.as_ref().filter(|login| **login != by) {
        by = format!("{by}, logged in as {login}");
    }
    if let Some(sudo) = &author.sudo {
        by = format!("{by}, by sudo of {sudo}");
    }
    line("by", by);
    if let Some(label) = &intent.label {
        line("label", label.clone());
    }
    line(
        "command",
        format!("ipvsh {}", intent.command.join(" "))
            .trim_end()
            .to_owned(),
    );
    if let Some(typed) = &intent.typed {
        line("typed", typed.clone());
    }
    if let Some(script) = &intent.script {
        line("script", script.clone());
    }
    for undone in intent.undoes() {
        line("undoes", format!("commit {undone}"));
    }
    if let Some(runbook) = intent.part_of() {
        line("runbook", runbook.to_string());
    }
    let overridden = intent.commit().map(|commit| &commit.overridden);
    for breach in overridden.into_iter().flatten() {
        line("overrode", breach.clone());
    }
    if let Some(runbook) = intent.runbook()
        && !runbook.data.is_null()
    {
        line("data", runbook.data.to_string());
    }
    line("table", intent.table.to_string());
    for event in &record.events {
        let mut text = format!("{}   {}", shown_time(&event.time, zone), event.kind.words());
        if let Some(step) = &event.step {
            text = format!("{text} {step:?}");
        }
        if let Some(user) = &event.user {
            text = format!("{text} by {user}");
        }
        if let Some(until) = &event.confirm_by_time {
            text = format!("{text}, to be confirmed until {}", shown_time(until, zone));
        }
        if let Some(cause) = &event.cause {
            text = format!("{text}: {}", cause.replace('\n', " "));
        }
        line("then", text);
        for left in &event.left {
            line("", format!("left: {left}"));
        }
    }
    lines.join("\n")
}

/// Keeps a commit that awaits confirmation, or lists those that do.
pub(super) fn confirm(
    context: &Context,
    globals: &Globals,
    arguments: &ConfirmArguments,
) -> Result<CommandOutcome, Failure> {
    if arguments.list {
        return with_session(context, globals, Access::Read, |session| {
            list_unconfirmed(context, globals, &session.unconfirmed()?)
        });
    }
    with_session(context, globals, Access::Write, |session| {
        let number = session.confirm(arguments.number)?;
        if globals.json {
            return context.print(&ConfirmedShape::new(number));
        }
        context
            .ui
            .status(&format!("commit {number} is confirmed: it stays"));
        Ok(CommandOutcome::Shown)
    })
}

fn list_unconfirmed(
    context: &Context,
    globals: &Globals,
    found: &[Unconfirmed],
) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return context.print(&UnconfirmedListShape::new(found));
    }
    if found.is_empty() {
        context.ui.status("no commit awaits confirmation");
        return Ok(CommandOutcome::Shown);
    }
    let cells = found.iter().map(|found| {
        vec![
            found.record.intent.number.to_string(),
            shown_time(&found.until, Zone::Local),
            format!("{} s", found.seconds_left),
            found.record.who(),
            history_changes(&found.record),
            history_what(&found.record),
        ]
    });
    let titles = ["NO", "UNTIL", "LEFT", "BY", "CHANGES", "WHAT"];
    let rows = Rows {
        titles: titles.into_iter().map(str::to_owned).collect(),
        cells: cells.collect(),
    };
    context
        .ui
        .line(&columns(&rows, context.ui.width()))
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Rolls a commit back that awaits confirmation.
pub(super) fn cancel(
    context: &Context,
    globals: &Globals,
    arguments: &CancelArguments,
) -> Result<CommandOutcome, Failure> {
    with_session(context, globals, Access::Write, |session| {
        wait_for_lock(context, session);
        let recovered = session.cancel(arguments.number)?;
        tell_recovered(context, globals, &[recovered])
    })
}

/// Rolls back or completes what was interrupted.
pub(super) fn recover(
    context: &Context,
    globals: &Globals,
    arguments: &RecoverArguments,
) -> Result<CommandOutcome, Failure> {
    let mut session = open::open_unrecovered(globals, Access::Write, &context.interrupt)?;
    context.warn(&mut session);
    if let Some(number) = arguments.discard {
        wait_for_lock(context, &mut session);
        let path = session.discard(number)?;
        context.ui.status(&format!(
            "record {number} is set aside as {}; nothing was done about what it may have changed",
            path.display()
        ));
        return Ok(CommandOutcome::Shown);
    }
    wait_for_lock(context, &mut session);
    let direction = if arguments.forward {
        Direction::Forward
    } else {
        Direction::Back
    };
    let mut recovered = session.recover(direction)?;
    if let Some(number) = arguments.number {
        if !session.recovered().contains(&number) {
            recovered.push(session.recover_residue(number, direction)?);
        }
        return tell_recovered(context, globals, &recovered);
    }
    if let Some(signal) = arguments.after_signal {
        for recovered in &recovered {
            context.ui.warning(&recovered.sentence());
        }
        return Ok(CommandOutcome::Prompted {
            status: exit::after_signal(i32::from(signal)),
        });
    }
    recovered.extend(session.close_vanished()?);
    tell_recovered(context, globals, &recovered)
}

/// What rolls back waits for the commit lock as long as it takes, and says whom it waits for.
pub(super) fn wait_for_lock(context: &Context, session: &mut Session) {
    let teller = Teller::new(context.ui, Reports::None, false, context.interrupt.clone());
    session.set_narrator(Some(Rc::new(teller)));
    session.wait_for_lock();
}

/// Says what was done about open records.
pub(super) fn tell_recovered(
    context: &Context,
    globals: &Globals,
    recovered: &[Recovered],
) -> Result<CommandOutcome, Failure> {
    let is_whole = recovered
        .iter()
        .all(|recovered| recovered.residue.is_empty());
    if globals.json {
        context.print(&RecoveryShape::new(recovered))?;
    } else if recovered.is_empty() {
        context.ui.status("nothing to recover");
    }
    let words = report::TargetWords::of(globals);
    for recovered in recovered.iter().filter(|_| !globals.json) {
        context
            .ui
            .line(&recovered.sentence())
            .map_err(Failure::Output)?;
        if !recovered.residue.is_empty() {
            report::tell_left(&recovered.residue, &words, &context.ui);
        }
    }
    if is_whole {
        Ok(CommandOutcome::Shown)
    } else {
        Ok(CommandOutcome::Residue)
    }
}
