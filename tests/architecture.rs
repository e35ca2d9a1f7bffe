//! Who may import whom, how long a file may be, which words must not stay: the house rules as tests.

use std::path::{Path, PathBuf};

/// Modules in reading order, what each may import from the crate, and which packages it may use.
pub(crate) const MAY_IMPORT: &[(&str, &[&str], &[&str])] = &[
    ("model", &[], &["humantime"]),
    ("config", &[], &["directories", "nix"]),
    (
        "ui",
        &["model"],
        &[
            "anstream",
            "anstyle",
            "ctor",
            "indicatif",
            "nix",
            "ratatui",
            "terminal_size",
        ],
    ),
    ("files", &["ui"], &["nix"]),
    ("manual", &[], &["pulldown_cmark", "roff"]),
    ("wire", &[], &["thiserror"]),
    (
        "backend",
        &["model", "wire", "config"],
        &["ahash", "memchr", "neli", "nix", "libc", "thiserror"],
    ),
    ("sim", &["wire", "backend"], &["ahash"]),
    ("txn", &["model", "backend"], &[]),
    (
        "ipvsadm",
        &["model", "backend", "txn"],
        &["dns_lookup", "shlex"],
    ),
    (
        "document",
        &["model", "txn", "ipvsadm"],
        &[
            "crc32fast",
            "saphyr_parser",
            "serde",
            "serde_json",
            "thiserror",
        ],
    ),
    (
        "journal",
        &["model", "txn", "document", "config", "files"],
        &["crc32fast", "humantime", "serde", "serde_json", "thiserror"],
    ),
    (
        "session",
        &[
            "model", "backend", "sim", "txn", "document", "journal", "config",
        ],
        &["ahash", "signal_hook", "thiserror"],
    ),
    (
        "observe",
        &["model", "backend", "txn", "journal", "session"],
        &["humantime"],
    ),
    (
        "recording",
        &[
            "model", "backend", "txn", "document", "journal", "session", "observe", "files",
        ],
        &["crc32fast", "humantime", "serde", "serde_json", "thiserror"],
    ),
    (
        "results",
        &[
            "model",
            "txn",
            "document",
            "journal",
            "session",
            "observe",
            "recording",
        ],
        &["serde", "serde_json"],
    ),
    (
        "render",
        &[
            "model", "txn", "ipvsadm", "document", "journal", "session", "results", "ui", "config",
        ],
        &["annotate_snippets", "humantime", "jiff", "similar"],
    ),
    (
        "script",
        &[
            "model", "txn", "document", "journal", "session", "results", "render", "files",
        ],
        &[
            "rhai",
            "csv",
            "humantime",
            "nix",
            "serde",
            "serde_json",
            "signal_hook",
            "cap",
            "anstream",
        ],
    ),
    (
        "repl",
        &[
            "model", "backend", "txn", "ipvsadm", "session", "render", "ui", "config", "script",
        ],
        &["rustyline", "nix", "terminal_size", "anstyle", "anstream"],
    ),
    (
        "top",
        &[
            "model", "ui", "config", "journal", "session", "observe", "results", "script",
        ],
        &["ahash", "ratatui"],
    ),
    (
        "cli",
        &[
            "model",
            "backend",
            "txn",
            "ipvsadm",
            "document",
            "journal",
            "session",
            "observe",
            "recording",
            "results",
            "render",
            "script",
            "repl",
            "top",
            "ui",
            "config",
            "files",
            "manual",
        ],
        &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "humantime",
            "signal_hook",
            "nix",
            "serde_json",
            "stacker",
            "toml",
        ],
    ),
];

const PACKAGES: &[&str] = &[
    "ahash",
    "anstream",
    "anstyle",
    "annotate_snippets",
    "cap",
    "clap",
    "clap_complete",
    "clap_mangen",
    "crc32fast",
    "csv",
    "ctor",
    "directories",
    "dns_lookup",
    "humantime",
    "indicatif",
    "jiff",
    "libc",
    "memchr",
    "neli",
    "nix",
    "pulldown_cmark",
    "rhai",
    "roff",
    "rustyline",
    "saphyr_parser",
    "serde",
    "serde_json",
    "shlex",
    "signal_hook",
    "similar",
    "stacker",
    "terminal_size",
    "tempfile",
    "thiserror",
    "toml",
];

/// No file is harder to hold in the head than this.
const LONGEST_FILE: usize = 500;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap();
    let first = relative
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first
        .strip_suffix(".rs")
        .map_or(first.clone(), str::to_owned)
}

/// Returns the code of a file without comments and without its unit tests.
pub(crate) fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap()
        .to_owned();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the names that stand behind `prefix` in a text.
fn names_behind<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).map(move |(place, _)| {
        let rest = &text[place + prefix.len()..];
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

fn complaints(module: &str, text: &str) -> Vec<String> {
    let Some((_, allowed, packages)) = MAY_IMPORT.iter().find(|(name, ..)| *name == module) else {
        return vec![format!("module {module} is not in the import table")];
    };
    let mut wrong = Vec::new();
    for target in names_behind(text, "crate::") {
        let is_module = MAY_IMPORT.iter().any(|(name, ..)| *name == target);
        if is_module && target != module && !allowed.contains(&target) {
            wrong.push(format!("{module} imports {target}"));
        }
        if !is_module {
            wrong.push(format!(
                "{module} imports crate::{target}, which is no module"
            ));
        }
    }
    for package in PACKAGES {
        let in_a_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let path = format!("{package}::");
        let mut places = text.match_indices(&path);
        let used = places.any(|(index, _)| !text[..index].ends_with(in_a_path));
        if used && !packages.contains(package) {
            wrong.push(format!("{module} uses the package {package}"));
        }
    }
    wrong
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), "rs") {
        let module = module_of(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let text = code(&path);
        wrong.extend(
            complaints(&module, &text)
                .into_iter()
                .map(|what| format!("{}: {what}", path.display())),
        );
        if module == "sim"
            && names_behind(&text, "crate::backend::").any(|target| target != "transport")
        {
            wrong.push(format!(
                "{}: sim knows nothing of backend but its transport",
                path.display()
            ));
        }
        let may_unsafe = path.ends_with("backend/socket.rs");
        if text.contains("unsafe ") && !may_unsafe {
            wrong.push(format!("{}: unsafe code", path.display()));
        }
        let may_print = matches!(module.as_str(), "ui");
        if ["io::stdout(", "io::stderr("]
            .iter()
            .any(|door| text.contains(door))
            && !may_print
        {
            wrong.push(format!("{}: a second door to the terminal", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_import_test_sees_what_it_must() {
    assert!(complaints("model", "use crate::txn::Plan;").len() == 1);
    assert!(complaints("txn", "use crate::wire::Request;").len() == 1);
    assert!(complaints("txn", "use serde_json::json;").len() == 1);
    assert!(complaints("nowhere", "").len() == 1);
    assert!(complaints("txn", "use crate::model::Table; use crate::backend::Ipvs;").is_empty());
}

#[test]
fn the_table_lists_the_modules_of_the_crate_in_their_order() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for (module, ..) in MAY_IMPORT {
        assert!(
            text.contains(&format!("mod {module};")),
            "lib.rs has no module {module}"
        );
    }
}

#[test]
fn files_fit_in_the_head_and_say_what_they_are() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src"), "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let own = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        if own.lines().count() > LONGEST_FILE {
            wrong.push(format!("{}: {} lines", path.display(), own.lines().count()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!(
                "{}: does not begin with what it is",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_behind() {
    let markers = ["todo", "FIXME", "XXX", "dbg", "unimplemented"].map(|word| match word {
        "todo" | "dbg" | "unimplemented" => format!("{word}!("),
        other => other.to_owned(),
    });
    let mut wrong = Vec::new();
    for folder in ["src", "scripts", "tests"] {
        for path in ["rs", "rhai"]
            .iter()
            .flat_map(|ending| files(&root().join(folder), ending))
        {
            if path.ends_with("tests/architecture.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for marker in markers
                .iter()
                .filter(|marker| text.contains(marker.as_str()))
            {
                wrong.push(format!("{}: {marker}", path.display()));
            }
            if text.contains("#[ignore") || text.contains("#[should_panic") {
                wrong.push(format!(
                    "{}: a test that is ignored or should panic",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
