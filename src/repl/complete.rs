//! What could stand where the cursor is: functions, methods, map keys, live ids, schedulers, files.

use std::cell::RefCell;
use std::rc::Rc;

use super::highlight::KEYWORDS;
use super::meta::command_names;
use crate::model::{ForwardingMethod, Scheduler, ServiceKey};
use crate::script::{Entry, Shell, entries, keys, library_modules};

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is shown.
    pub shown: String,
    /// What takes the place of the part.
    pub text: String,
}

/// Finds candidates.
pub struct Completer {
    shell: Rc<RefCell<Shell>>,
    entries: Vec<Entry>,
}

/// What the cursor stands in.
enum Place<'a> {
    /// A text that began behind `before`.
    Text { before: &'a str, part: &'a str },
    /// A key of the map that a verb is given.
    Key { verb: String, part: &'a str },
    /// A method or field, behind a dot.
    Member { part: &'a str },
    /// A word of its own, perhaps with namespaces.
    Word { part: &'a str },
}

impl Completer {
    /// Makes a completer over the shell whose table it looks at.
    #[must_use]
    pub fn new(shell: Rc<RefCell<Shell>>) -> Self {
        Self {
            shell,
            entries: entries(),
        }
    }

    /// Returns where the part that is completed begins, and the candidates for it, sorted.
    #[must_use]
    pub fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<Candidate>) {
        let text = line.get(..cursor).unwrap_or(line);
        if text.starts_with(':') && !text.contains(' ') {
            return (
                0,
                matching(text, command_names().map(|name| format!(":{name}"))),
            );
        }
        match place(text) {
            Place::Text { before, part } => (cursor - part.len(), self.texts(before, part)),
            Place::Key { verb, part } => {
                // Lengths of time are offered in their short spelling.
                let keys = keys_of(&verb).into_iter();
                let keys = keys
                    .filter(|key| !key.ends_with("_seconds"))
                    .map(str::to_owned);
                let found = matching(part, keys);
                let found = found.into_iter().map(|candidate| Candidate {
                    text: format!("{}: ", candidate.shown),
                    ..candidate
                });
                (cursor - part.len(), found.collect())
            }
            Place::Member { part } => {
                let members = self.entries.iter().filter(|entry| entry.name.contains('.'));
                let members = members.filter(|entry| entry.short() != "to_debug");
                (cursor - part.len(), matching(part, members.map(member)))
            }
            Place::Word { part } => (cursor - part.len(), self.words(part)),
        }
    }

    fn words(&self, part: &str) -> Vec<Candidate> {
        let shell = self.shell.borrow();
        let mut all: Vec<String> = KEYWORDS.iter().map(|word| (*word).to_owned()).collect();
        for entry in self
            .entries
            .iter()
            .filter(|entry| !entry.name.contains('.'))
        {
            match entry.name.split_once("::") {
                // Namespaces first, their functions once they are typed.
                Some((space, _)) if !part.contains("::") => {
                    if !library_modules().iter().any(|(name, _)| *name == space) {
                        all.push(format!("{space}::"));
                    }
                }
                _ => all.push(format!("{}(", entry.name)),
            }
        }
        for (alias, functions) in shell.imported() {
            all.push(format!("{alias}::"));
            all.extend(functions.iter().map(|name| format!("{alias}::{name}(")));
        }
        all.extend(shell.variables());
        all.extend(shell.functions().iter().map(|name| format!("{name}(")));
        matching(part, all.into_iter())
    }

    fn texts(&self, before: &str, part: &str) -> Vec<Candidate> {
        let before = before.trim_end();
        if before.ends_with("scheduler:") || before.ends_with("scheduler::get(") {
            return matching(part, self.schedulers().into_iter());
        }
        if before.ends_with("forwarding:") {
            return matching(part, ForwardingMethod::words().map(str::to_owned));
        }
        if before.ends_with("sysctl::get(") || before.ends_with("sysctl::set(") {
            return matching(part, self.sysctls().into_iter());
        }
        if before.ends_with("import") {
            let names = library_modules()
                .iter()
                .map(|(name, _)| format!("std/{name}"));
            return matching(part, names);
        }
        let takes_file = ["read_text(", "read_json(", "write_text(", "write_json("];
        if takes_file.iter().any(|call| before.ends_with(call)) {
            return matching(part, files(part).into_iter());
        }
        if let Some(service) = service_before(before) {
            return matching(part, self.servers(&service).into_iter());
        }
        let call = before.strip_suffix('(').map_or("", last_name);
        let takes_full_names = call.starts_with("destination::") || call.ends_with(".contains");
        if let Some((service, _)) = part
            .rsplit_once('/')
            .filter(|(service, _)| takes_full_names && !service.ends_with([':', '/']))
        {
            let names = self.servers(service).into_iter();
            return matching(part, names.map(|server| format!("{service}/{server}")));
        }
        matching(part, self.services().into_iter())
    }

    fn services(&self) -> Vec<String> {
        let shell = self.shell.borrow();
        let keys = shell
            .try_session()
            .and_then(|mut session| session.service_keys().ok());
        keys.unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn servers(&self, service: &str) -> Vec<String> {
        let Ok(key) = ServiceKey::parse(service) else {
            return Vec::new();
        };
        let shell = self.shell.borrow();
        let entry = shell
            .try_session()
            .and_then(|mut session| session.find_service(&key).ok().flatten());
        let entry = entry.iter();
        entry
            .flat_map(|entry| entry.destinations.keys().map(ToString::to_string))
            .collect()
    }

    fn schedulers(&self) -> Vec<String> {
        let shell = self.shell.borrow();
        let infos = shell
            .try_session()
            .and_then(|mut session| session.schedulers().ok());
        match infos.filter(|infos| !infos.is_empty()) {
            Some(infos) => infos.into_iter().map(|info| info.name).collect(),
            None => Scheduler::KNOWN
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        }
    }

    fn sysctls(&self) -> Vec<String> {
        let shell = self.shell.borrow();
        let all = shell
            .try_session()
            .and_then(|mut session| session.sysctls().ok());
        let names = all.unwrap_or_default().into_keys();
        names.map(|name| name.as_str().to_owned()).collect()
    }
}

fn member(entry: &Entry) -> String {
    let short = entry.short();
    if entry.signature.contains('(') {
        format!("{short}(")
    } else {
        short.to_owned()
    }
}

/// Returns the candidates that begin with a part, sorted, each once.
fn matching(part: &str, all: impl Iterator<Item = String>) -> Vec<Candidate> {
    let mut found: Vec<String> = all.filter(|text| text.starts_with(part)).collect();
    found.sort();
    found.dedup();
    found
        .into_iter()
        .map(|text| Candidate {
            shown: text.trim_end_matches('(').to_owned(),
            text,
        })
        .collect()
}

/// Finds what the end of a text stands in.
fn place(text: &str) -> Place<'_> {
    if let Some(start) = open_text(text) {
        return Place::Text {
            before: &text[..start],
            part: &text[start + 1..],
        };
    }
    let word_start = text
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .map_or(0, |index| {
            index + text[index..].chars().next().map_or(1, char::len_utf8)
        });
    let (head, part) = text.split_at(word_start);
    let before = head.trim_end();
    if before.ends_with('.') && !before.ends_with("..") {
        return Place::Member { part };
    }
    let begins_key = before.ends_with("#{") || before.ends_with(',');
    if let Some(verb) = verb_of_map(before).filter(|_| begins_key) {
        return Place::Key { verb, part };
    }
    Place::Word { part }
}

/// Returns where a text in double quotes or back-ticks begins that is not closed.
fn open_text(text: &str) -> Option<usize> {
    let mut open = None;
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match (open, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some((_, quote)), _) if quote == character => open = None,
            (None, '"' | '`') => open = Some((index, character)),
            _ => {}
        }
    }
    open.map(|(index, _)| index)
}

/// Returns the name that a text ends with, with its namespaces and what it is a method of.
fn last_name(text: &str) -> &str {
    text.rsplit(|c: char| !(c.is_alphanumeric() || "_:.".contains(c)))
        .next()
        .unwrap_or_default()
}

/// Returns whose map is open at the end of a text: a function, a method, or a key that takes a map, `persistence:`.
fn verb_of_map(text: &str) -> Option<String> {
    let mut depth = 0usize;
    let mut in_map = false;
    for (index, character) in text.char_indices().rev() {
        let before = text[..index].trim_end();
        match character {
            '}' | ')' | ']' => depth += 1,
            '{' | '(' | '[' if depth > 0 => depth -= 1,
            '{' if !in_map && before.ends_with('#') => {
                in_map = true;
                let owner = before.trim_end_matches('#').trim_end();
                if owner.ends_with(':') {
                    return Some(last_name(owner).to_owned());
                }
            }
            '[' if in_map && before.ends_with(':') => return Some(last_name(before).to_owned()),
            '(' if in_map => return Some(last_name(before).to_owned()),
            '{' | '(' => return None,
            _ => {}
        }
    }
    None
}

/// Returns the keys of the map that a verb takes. What a method belongs to is not known here.
fn keys_of(verb: &str) -> Vec<&'static str> {
    match verb {
        "timeouts::set" => keys::TIMEOUTS.to_vec(),
        "daemon::start" => keys::DAEMON.to_vec(),
        "persistence:" => keys::PERSISTENCE.to_vec(),
        "tunnel:" => keys::TUNNEL.to_vec(),
        "destinations:" => [&["id"], keys::DESTINATION].concat(),
        verb if verb.ends_with("::delete") || verb.ends_with(".delete") => keys::DELETE.to_vec(),
        verb if verb.starts_with("service::") => keys::SERVICE.to_vec(),
        verb if verb.starts_with("destination::") => keys::DESTINATION.to_vec(),
        verb if verb.ends_with(".add") => keys::DESTINATION.to_vec(),
        verb if verb.ends_with(".edit") => [keys::SERVICE, keys::DESTINATION].concat(),
        verb if verb.ends_with(".ensure") => keys::DESTINATION.to_vec(),
        verb if verb.ends_with("wait_until") => keys::WAIT.to_vec(),
        "table::apply" => keys::APPLY.to_vec(),
        _ => Vec::new(),
    }
}

/// Returns the service that stands before a text as the argument before it.
fn service_before(before: &str) -> Option<String> {
    let rest = before.strip_suffix(',')?.trim_end();
    let rest = rest.strip_suffix('"')?;
    let (call, service) = rest.rsplit_once('"')?;
    (call.trim_end().ends_with('(') && service.contains("://")).then(|| service.to_owned())
}

/// Returns the files that a path can go on with.
fn files(part: &str) -> Vec<String> {
    let (folder, _) = part
        .rsplit_once('/')
        .map_or(("", part), |(folder, name)| (folder, name));
    let place = match folder {
        "" if part.starts_with('/') => "/",
        "" => ".",
        folder => folder,
    };
    let Ok(entries) = std::fs::read_dir(place) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        match part.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}{slash}"),
            None => format!("{name}{slash}"),
        }
    });
    names.collect()
}
