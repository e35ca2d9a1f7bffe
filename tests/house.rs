//! What `src/lib.rs` says of the house holds: each line of "what never happens" has the test that notices, and circles of files
//! may only get fewer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::architecture::{MAY_IMPORT, code, files, module_of, root};

fn sources() -> Vec<PathBuf> {
    files(&root().join("src"), "rs")
}

fn name_of(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    relative.display().to_string()
}

/// Returns the files in which a pattern stands, as a word of the code.
fn with_word(word: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let has = |text: &str| {
        text.match_indices(word).any(|(place, _)| {
            !text[..place].ends_with(is_part) && !text[place + word.len()..].starts_with(is_part)
        })
    };
    let found = sources().into_iter().filter(|path| has(&code(path)));
    found.map(|path| name_of(&path)).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn unsafe_code_stands_where_it_is_said_to() {
    // The second has an attribute with that word, and no code.
    assert_eq!(
        with_word("unsafe"),
        set(&["backend/socket.rs", "ui/mod.rs"])
    );
    let attribute = code(&root().join("src/ui/mod.rs"));
    assert_eq!(
        attribute.matches("unsafe").count(),
        attribute.matches("ctor(unsafe)").count()
    );
}

#[test]
fn state_that_outlives_a_call_stands_where_it_is_said_to() {
    let mut found = with_word("static");
    found.extend(with_word("thread_local"));
    // A lifetime is no state.
    found.retain(|name| {
        let text = code(&root().join("src").join(name));
        text.lines().any(|line| {
            let line = line.trim_start().trim_start_matches("pub ");
            line.starts_with("static ") || line.starts_with("thread_local!")
        })
    });
    let wanted = [
        "config.rs",
        "script/backstop.rs",
        "script/engine.rs",
        "script/limits.rs",
        "ui/mod.rs",
    ];
    assert_eq!(found, set(&wanted));
}

#[test]
fn clocks_are_read_where_it_is_said() {
    let mut found = with_word("SystemTime::now");
    found.extend(with_word("Timestamp::now"));
    found.extend(with_word("Instant::now"));
    let wanted = [
        "backend/client.rs",
        "backend/lock.rs",
        "backend/socket.rs",
        "cli/record.rs",
        "cli/test/stopwatch.rs",
        "cli/top_screen.rs",
        "journal/event.rs",
        "journal/standing.rs",
        "observe/live.rs",
        "observe/observer.rs",
        "render/time.rs",
        "session/history/recorder.rs",
        "session/runbook/rehearsed.rs",
        "session/runbook/run.rs",
    ];
    let more: Vec<&String> = found
        .iter()
        .filter(|name| !wanted.contains(&name.as_str()))
        .collect();
    assert!(more.is_empty(), "another file reads a clock: {more:?}");
    let gone: Vec<&&str> = wanted
        .iter()
        .filter(|name| !found.contains(**name))
        .collect();
    assert!(
        gone.is_empty(),
        "these read none any more, so the list is shorter: {gone:?}"
    );
}

#[test]
fn the_surroundings_are_looked_at_where_it_is_said() {
    let found = with_word("env");
    let rooms: BTreeSet<String> = found
        .iter()
        .filter(|name| code(&root().join("src").join(name)).contains("env::"))
        .map(|name| name.split(['/', '.']).next().unwrap().to_owned())
        .collect();
    assert_eq!(rooms, set(&["cli", "config", "main", "ui"]));
}

#[test]
fn forms_for_other_programs_stand_where_it_is_said() {
    let mut found = with_word("Serialize");
    found.extend(with_word("Deserialize"));
    let rooms: BTreeSet<&str> = found
        .iter()
        .map(|name| name.split('/').next().unwrap())
        .collect();
    assert_eq!(
        rooms,
        ["document", "journal", "recording", "results"].into(),
        "{found:?}"
    );
}

#[test]
fn every_edge_that_is_allowed_is_there_and_leads_to_an_earlier_room() {
    let mut wrong = Vec::new();
    let sources = sources();
    let rooms: Vec<&str> = MAY_IMPORT.iter().map(|(room, ..)| *room).collect();
    for (place, (room, allowed, packages)) in MAY_IMPORT.iter().enumerate() {
        let texts: Vec<String> = sources
            .iter()
            .filter(|path| module_of(path) == *room)
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for target in *allowed {
            match rooms.iter().position(|other| other == target) {
                Some(before) if before < place => {}
                _ => wrong.push(format!(
                    "{room} may import {target}, which does not stand before it"
                )),
            }
            let path = format!("crate::{target}");
            let is_used = |text: &String| {
                text.match_indices(&path).any(|(at, _)| {
                    !text[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            };
            if !texts.iter().any(is_used) {
                wrong.push(format!("{room} may import {target} and does not"));
            }
        }
        for package in *packages {
            if !texts
                .iter()
                .any(|text| text.contains(&format!("{package}::")))
            {
                wrong.push(format!("{room} may use {package} and does not"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Splits `a::{b, c::{d, e}}` into its paths.
fn paths_of(text: &str) -> Vec<String> {
    let Some((head, rest)) = text.split_once('{') else {
        return vec![text.trim().to_owned()];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (place, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .flat_map(paths_of)
        .map(|path| format!("{}{path}", head.trim()))
        .collect()
}

/// A file as a module: the names on the way to it.
fn module_path(path: &Path) -> Vec<String> {
    let relative = path
        .strip_prefix(root().join("src"))
        .unwrap()
        .with_extension("");
    let names = relative
        .iter()
        .map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

struct Rooms {
    modules: BTreeSet<Vec<String>>,
    /// What a module passes on of others, by the name.
    passed_on: BTreeMap<(Vec<String>, String), Vec<String>>,
}

impl Rooms {
    /// Returns the module in which a path that is used in another ends.
    fn target(&self, from: &[String], path: &str) -> Option<Vec<String>> {
        let mut at = from.to_vec();
        let mut names = path.split("::").map(str::trim).peekable();
        match names.peek().copied()? {
            "crate" => {
                at.clear();
                names.next();
            }
            "self" => {
                names.next();
            }
            "super" => {
                while names.next_if_eq(&"super").is_some() {
                    at.pop();
                }
            }
            first => {
                let mut inner = at.clone();
                inner.push(first.to_owned());
                if !self.modules.contains(&inner) {
                    return None;
                }
            }
        }
        for name in names {
            let mut inner = at.clone();
            inner.push(name.to_owned());
            if self.modules.contains(&inner) {
                at = inner;
                continue;
            }
            if let Some(other) = self.passed_on.get(&(at.clone(), name.to_owned())) {
                at.clone_from(other);
            }
            break;
        }
        Some(at)
    }
}

/// Returns the paths that a file uses: (passed on to others, path).
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    for (place, _) in text.match_indices("use ") {
        let line = text[..place].rsplit('\n').next().unwrap_or_default();
        if !(line.trim().is_empty() || line.trim_start().starts_with("pub")) {
            continue;
        }
        let rest = &text[place + 4..];
        let Some((statement, _)) = rest.split_once(';') else {
            continue;
        };
        let statement = statement.replace('\n', " ");
        found.extend(
            paths_of(&statement)
                .into_iter()
                .map(|path| (!line.trim().is_empty(), path)),
        );
    }
    found
}

/// Returns the circles of files in the rooms: those that import each other, by way of others too.
fn circles() -> Vec<BTreeSet<Vec<String>>> {
    let sources: Vec<(Vec<String>, String)> = sources()
        .iter()
        .map(|path| (module_path(path), code(path)))
        .collect();
    let mut rooms = Rooms {
        modules: sources.iter().map(|(module, _)| module.clone()).collect(),
        passed_on: BTreeMap::new(),
    };
    for (module, text) in &sources {
        for (_, path) in uses(text).into_iter().filter(|(passed_on, _)| *passed_on) {
            let name = path.rsplit("::").next().unwrap().trim().to_owned();
            if let Some(target) = rooms.target(module, &path) {
                rooms.passed_on.insert((module.clone(), name), target);
            }
        }
    }
    let mut edges: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (module, text) in &sources {
        for (passed_on, path) in uses(text) {
            let target = rooms.target(module, &path);
            let target = target.filter(|target| {
                target != module && !target.is_empty() && target.first() == module.first()
            });
            // What a room passes on does not make it depend on that.
            if let Some(target) = target.filter(|_| !passed_on) {
                edges.entry(module).or_default().insert(target);
            }
        }
    }
    let reached = |from: &Vec<String>| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for target in edges.get(&module).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    next.push(target.clone());
                }
            }
        }
        seen
    };
    let all: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = sources
        .iter()
        .map(|(module, _)| (module.clone(), reached(module)))
        .collect();
    let mut found: Vec<BTreeSet<Vec<String>>> = Vec::new();
    for (module, reaches) in &all {
        let circle: BTreeSet<Vec<String>> = reaches
            .iter()
            .filter(|other| all[*other].contains(module))
            .cloned()
            .collect();
        if circle.len() > 1 && !found.contains(&circle) {
            found.push(circle);
        }
    }
    found
}

/// Circles of more than two files that are left, each by the size that it may have. This list only gets shorter.
const CIRCLES: &[(&str, usize)] = &[];

#[test]
fn circles_of_files_only_get_fewer() {
    let mut large: Vec<(String, usize, String)> = circles()
        .into_iter()
        .filter(|circle| circle.len() > 2)
        .map(|circle| {
            let room = circle.first().unwrap()[0].clone();
            let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            (room, circle.len(), names.join(", "))
        })
        .collect();
    large.sort();
    let found: Vec<(&str, usize)> = large
        .iter()
        .map(|(room, size, _)| (room.as_str(), *size))
        .collect();
    assert_eq!(found, CIRCLES, "{large:#?}");
}

#[test]
fn a_session_is_no_bag_of_everything() {
    let text = code(&root().join("src/session/mod.rs"));
    let body = text.split("pub struct Session {").nth(1).unwrap();
    let body = body.split("\n}").next().unwrap();
    let fields = body.lines().filter(|line| line.contains(": ")).count();
    assert!((8..=12).contains(&fields), "{fields} fields:{body}");
}

#[test]
fn json_is_made_by_shapes() {
    let wrong: Vec<String> = with_word("json").into_iter().collect();
    let wrong: Vec<&String> = wrong
        .iter()
        .filter(|name| code(&root().join("src").join(name)).contains("json!"))
        .collect();
    // The schema is such a document itself.
    assert_eq!(wrong, ["document/schema.rs"]);
}

#[test]
fn the_tests_of_the_house_see_what_they_must() {
    assert_eq!(
        paths_of("super::{a::B, c::{D, e::F}, g}"),
        ["super::a::B", "super::c::D", "super::c::e::F", "super::g"]
    );
    let text = "use super::a::B;\npub use c::{D,\n E};\nlet x = 1; // use nothing";
    assert_eq!(
        uses(text),
        [
            (false, "super::a::B".to_owned()),
            (true, "c::D".to_owned()),
            (true, "c::E".to_owned())
        ]
    );
    // There are circles of two, so a circle is seen.
    assert!(!circles().is_empty());
}

/// Words and sentences that were retired, and what is said instead.
const RETIRED: &[(&str, &str)] = &[
    ("led back", "rolled back"),
    ("lead back", "roll back, or undo"),
    ("leads back", "rolls back, or undoes"),
    ("leads it back", "rolls it back"),
    ("goes back by itself", "rolls back automatically"),
    ("is no percentage", "is not a percentage"),
    ("comes twice", "is listed twice, is given twice"),
    ("nothing is to be recovered", "nothing to recover"),
    ("[usually:", "[default:"),
    ("may come often", "can be repeated"),
    (
        "Tell of the script language",
        "Show help for the script language",
    ),
    (
        "equal to the one before (counters aside)",
        "checked by reading the table again",
    ),
    ("Someone else did", "Changed since then"),
    ("the right to commit", "the commit lock"),
    ("taken back", "rolled back, undone, or dropped"),
    ("takes it back", "rolls it back, or undoes it"),
    ("takes back", "rolls back, or undoes"),
    ("the way back", "the rollback"),
    ("cut off", "interrupted"),
    ("in vain", "timed out, gave up"),
    ("take down", "record"),
    ("takes down", "records"),
    ("makes no sense", "invalid"),
];

#[test]
fn retired_words_stay_away() {
    let mut wrong = Vec::new();
    let mut paths = vec![root().join("README.md")];
    for (folder, ending) in [
        ("src", "rs"),
        ("src", "md"),
        ("src", "rhai"),
        ("src", "txt"),
        ("stdlib", "rhai"),
        ("scripts", "rhai"),
        ("scripts", "md"),
    ] {
        paths.extend(files(&root().join(folder), ending));
    }
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        // A sentence goes on behind the end of a line.
        let text = text.replace("\n//! ", " ").replace("\n/// ", " ");
        for (retired, instead) in RETIRED {
            let begins = |place: usize| !text[..place].ends_with(|c: char| c.is_alphanumeric());
            if text.match_indices(retired).any(|(place, _)| begins(place)) {
                wrong.push(format!("{}: \"{retired}\"; say {instead}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
