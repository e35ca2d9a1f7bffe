//! What is in force right now, for completions: ids, schedulers, commits, namespaces. What can't be read is nothing.

use super::args::Globals;
use super::open;
use super::script_file::is_script;
use crate::model::{ServiceKey, Weight};
use crate::script::{Script, describe_options};
use crate::session::{Access, Interrupt, Scope, Session};
use crate::txn::GuardName;

/// Nobody reads more of them.
pub(super) const MOST: usize = 200;

/// One thing that can be typed, and what it is.
pub(super) struct Found {
    pub(super) value: String,
    pub(super) help: Option<String>,
}

impl From<String> for Found {
    fn from(value: String) -> Self {
        Self { value, help: None }
    }
}

fn session(globals: &Globals) -> Option<Session> {
    // Who asks what there is to type does not ask for a script to be run.
    if globals.sim.as_ref().is_some_and(|file| is_script(file)) {
        return None;
    }
    open::open(globals, Access::Read, &Interrupt::default()).ok()
}

fn keys(globals: &Globals) -> Vec<ServiceKey> {
    let keys = session(globals).and_then(|mut session| session.service_keys().ok());
    let mut keys = keys.unwrap_or_default();
    keys.sort();
    keys
}

/// The keys of virtual services.
pub(super) fn services(globals: &Globals, _current: &str) -> Vec<Found> {
    keys(globals)
        .iter()
        .map(|key| key.to_string().into())
        .collect()
}

/// The keys of virtual services; behind one and a slash, its real servers.
pub(super) fn objects(globals: &Globals, current: &str) -> Vec<Found> {
    let service = current
        .rsplit_once('/')
        .and_then(|(key, _)| ServiceKey::parse(key).ok());
    let Some(key) = service else {
        return services(globals, current);
    };
    let found = session(globals).and_then(|mut session| session.find_service(&key).ok().flatten());
    let servers = found.iter().flat_map(|entry| entry.destinations.keys());
    servers
        .map(|server| format!("{key}/{server}").into())
        .collect()
}

/// Real servers, wherever they are.
pub(super) fn servers(globals: &Globals, current: &str) -> Vec<Found> {
    if current.contains("://") {
        return objects(globals, current);
    }
    of_servers(globals, |_| true)
}

/// Real servers at weight 0.
pub(super) fn drained(globals: &Globals, _current: &str) -> Vec<Found> {
    of_servers(globals, |weight| weight.get() == 0)
}

fn of_servers(globals: &Globals, counts: impl Fn(Weight) -> bool) -> Vec<Found> {
    let keys = session(globals).and_then(|mut session| session.server_keys(counts).ok());
    let ids = keys.unwrap_or_default().into_iter();
    ids.map(|key| key.to_string().into()).collect()
}

/// Schedulers that the kernel has or can load.
pub(super) fn schedulers(globals: &Globals, _current: &str) -> Vec<Found> {
    let schedulers = session(globals).and_then(|mut session| session.schedulers().ok());
    schedulers
        .unwrap_or_default()
        .into_iter()
        .map(|one| one.name.into())
        .collect()
}

/// Numbers of commits that stand, the newest first, with what they are.
pub(super) fn commits(globals: &Globals, current: &str) -> Vec<Found> {
    records(globals, current)
}

/// Numbers of records, the newest first, with what they are.
pub(super) fn records(globals: &Globals, _current: &str) -> Vec<Found> {
    let records = session(globals).and_then(|mut session| session.records(Scope::ThisTable).ok());
    records
        .unwrap_or_default()
        .into_iter()
        .flatten()
        .rev()
        .map(|record| Found {
            value: record.intent.number.to_string(),
            help: record
                .intent
                .label
                .clone()
                .or_else(|| Some(record.intent.command.join(" "))),
        })
        .collect()
}

/// Numbers of commits that roll back unless they are confirmed.
pub(super) fn unconfirmed(globals: &Globals, _current: &str) -> Vec<Found> {
    let waiting = session(globals).and_then(|mut session| session.unconfirmed().ok());
    waiting
        .unwrap_or_default()
        .iter()
        .map(|one| Found {
            value: one.record.intent.number.to_string(),
            help: Some(format!("until {}", one.until)),
        })
        .collect()
}

/// Network namespaces that have a name.
pub(super) fn namespaces(_globals: &Globals, _current: &str) -> Vec<Found> {
    let named = std::fs::read_dir("/run/netns")
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = named
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.into_iter().map(Found::from).collect()
}

/// Names of guards.
pub(super) fn guards(_globals: &Globals, _current: &str) -> Vec<Found> {
    GuardName::ALL
        .iter()
        .map(|name| name.word().to_owned().into())
        .collect()
}

/// The options that a script asks for. Nothing of it is run.
pub(super) fn script_options(path: &str) -> Vec<Found> {
    let script = std::fs::read_to_string(path).ok().map(|source| Script {
        path: path.to_owned(),
        source,
        arguments: Vec::new(),
    });
    let described = script.and_then(|script| describe_options(&script).ok());
    described
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("  --"))
        .map(|line| {
            let (name, help) = line.split_once(' ').unwrap_or((line, ""));
            Found {
                value: format!("--{name}"),
                help: Some(help.trim().to_owned()),
            }
        })
        .collect()
}
