//! `ipvsh info`: what is to be known of a director before something is changed.

use super::args::Globals;
use super::context::{Context, with_session};
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use super::settings::Settings;
use crate::render::count;
use crate::results::{
    InfoShape, JournalShape, ManagerShape, PlaceShape, SchedulerShape, SettingShape,
};
use crate::session::{Access, Error, Scope, Session, lacks_permission};

/// Shows kernel, module, schedulers, kernel parameters, who else manages the table, guards and journal.
pub(super) fn info(context: &Context, globals: &Globals) -> Result<CommandOutcome, Failure> {
    let settings = Settings::of(globals)?;
    with_session(context, globals, Access::Read, |session| {
        let mut shape = InfoShape::new(place(session), journal(globals, session));
        if let Some(kernel) = unless_forbidden(session.info())? {
            let (major, minor, patch) = kernel.version;
            shape.ipvs = Some(format!("{major}.{minor}.{patch}"));
            shape.connection_table_size = Some(kernel.connection_table_size);
        }
        shape.services = unless_forbidden(session.service_keys())?.map(|keys| keys.len());
        let schedulers = session.schedulers()?;
        shape.schedulers = schedulers
            .into_iter()
            .map(|one| SchedulerShape {
                name: one.name,
                loaded: one.loaded,
            })
            .collect();
        shape.sysctl = session
            .sysctls()?
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect();
        shape.managers = session
            .managers()?
            .into_iter()
            .map(|one| ManagerShape {
                name: one.name.to_owned(),
                pid: one.pid,
                in_this_namespace: one.is_here,
            })
            .collect();
        shape.guards = settings
            .settings
            .iter()
            .filter(|one| one.holds && one.name.starts_with("guards."))
            .map(|one| SettingShape {
                name: one.name.clone(),
                value: one.value.clone(),
                source: one.source.clone(),
                holds: one.holds,
            })
            .collect();
        if globals.json {
            return context.print(&shape);
        }
        context
            .ui
            .data(|out| {
                for (name, value) in lines(&shape) {
                    writeln!(out, "{name:<12}  {value}")?;
                }
                Ok(())
            })
            .map_err(Failure::Output)?;
        Ok(CommandOutcome::Shown)
    })
}

/// Returns nothing for what only who has the privilege may see.
fn unless_forbidden<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if lacks_permission(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn place(session: &Session) -> PlaceShape {
    let label = session.label();
    PlaceShape {
        host: label.host.clone(),
        kernel: label.release.clone(),
        namespace: label.detail.clone().filter(|_| !label.is_simulated()),
        simulated: label.is_simulated(),
    }
}

fn journal(globals: &Globals, session: &mut Session) -> JournalShape {
    let kept = open::keeps_journal(globals);
    let folder = open::state_folder(globals).filter(|_| kept);
    JournalShape {
        folder: folder.map(|folder| folder.join("journal").display().to_string()),
        records: session
            .records(Scope::ThisTable)
            .ok()
            .map(|records| records.len()),
        unconfirmed: session
            .unconfirmed()
            .unwrap_or_default()
            .iter()
            .map(|one| one.record.intent.number)
            .collect(),
    }
}

/// Returns the lines that people read: a name and what is to be said of it. Names of a list stand once.
fn lines(shape: &InfoShape) -> Vec<(&'static str, String)> {
    const HIDDEN: &str = "not to be seen without root";
    let or_hidden = |text: Option<String>| text.unwrap_or_else(|| HIDDEN.to_owned());
    let mut lines = vec![("host", shape.place.host.clone())];
    lines.push((
        "kernel",
        match &shape.place.kernel {
            Some(release) => release.clone(),
            None => "simulated".to_owned(),
        },
    ));
    let namespace = shape.place.namespace.clone();
    lines.push((
        "namespace",
        namespace.unwrap_or_else(|| "that of this program".to_owned()),
    ));
    let buckets = shape.connection_table_size.unwrap_or_default();
    let ipvs = shape.ipvs.as_ref();
    lines.push((
        "IPVS",
        or_hidden(ipvs.map(|version| format!("{version}, {buckets} buckets for connections"))),
    ));
    let services = shape.services;
    lines.push((
        "services",
        or_hidden(services.map(|count| count.to_string())),
    ));
    let named = |loaded: bool| {
        let names: Vec<&str> = shape
            .schedulers
            .iter()
            .filter(|one| one.loaded == loaded)
            .map(|one| one.name.as_str())
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(" ")
        }
    };
    lines.push(("schedulers", format!("loaded: {}", named(true))));
    lines.push(("", format!("can be loaded: {}", named(false))));
    many(&mut lines, "managed by", shape.managers.iter().map(manager));
    let guards = shape.guards.iter();
    many(
        &mut lines,
        "guards",
        guards.map(|one| format!("{} = {}   ({})", one.name, one.value, one.source)),
    );
    let folder = shape.journal.folder.clone();
    let records = shape.journal.records.unwrap_or_default();
    lines.push((
        "journal",
        folder.map_or_else(
            || "none is kept".to_owned(),
            |folder| format!("{folder}, {} of this table", count(records, "record")),
        ),
    ));
    for number in &shape.journal.unconfirmed {
        lines.push((
            "",
            format!("commit {number} rolls back unless you run `ipvsh confirm {number}`"),
        ));
    }
    let sysctl = shape.sysctl.iter();
    many(
        &mut lines,
        "sysctl",
        sysctl.map(|(name, value)| format!("{name} = {value}")),
    );
    lines
}

fn many(
    lines: &mut Vec<(&'static str, String)>,
    name: &'static str,
    values: impl Iterator<Item = String>,
) {
    let begun = lines.len();
    lines.extend(values.map(|value| ("", value)));
    match lines.get_mut(begun) {
        Some(first) => first.0 = name,
        None => lines.push((name, "none".to_owned())),
    }
}

fn manager(one: &ManagerShape) -> String {
    let place = match one.in_this_namespace {
        Some(true) => "in this namespace: what it manages it may change back",
        Some(false) => "in another namespace",
        None => "in which namespace is not to be seen without root",
    };
    format!("{} (process {}), {place}", one.name, one.pid)
}
