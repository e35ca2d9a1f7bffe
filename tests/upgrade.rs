//! What earlier versions have written is read by this one. `tests/data/old/VERSION` has what that version wrote: the journal of a simulated
//! table with that table, a plan, documents and settings. A new version adds its folder; none is changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::architecture::root;
use crate::support::{Finished, ipvsh, ipvsh_command, ipvsh_ok};

fn versions() -> Vec<PathBuf> {
    let folder = root().join("tests/data/old");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// Lays out a table and its journal as they were; the records name the file of the table, which lies elsewhere now.
fn lay_out(old: &Path, folder: &Path) {
    let table = folder.join("table.json");
    fs::copy(old.join("table.json"), &table).unwrap();
    let place = fs::canonicalize(&table).unwrap().display().to_string();
    // The folder of the journal is named after the file; a commit makes it.
    ipvsh_ok(folder, &["--sim-state=table.json", "add", "fwmark://99"]);
    let journals = folder.join("state/simulated");
    let journal = fs::read_dir(&journals)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::remove_file(journal.join("00000001.json")).unwrap();
    fs::copy(old.join("table.json"), &table).unwrap();
    for entry in fs::read_dir(old.join("journal")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| {
            let Some((_, record)) = line.split_once("\"record\":") else {
                return line.to_owned();
            };
            let record = record
                .strip_suffix('}')
                .unwrap()
                .replace("/tmp/old/table.json", &place);
            let sum = crc32fast::hash(record.as_bytes());
            format!("{{\"checksum\":\"crc32:{sum:08x}\",\"record\":{record}}}\n")
        });
        let text: String = lines.collect();
        let to = journal.join(path.file_name().unwrap());
        fs::write(&to, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&to, mode).unwrap();
    }
}

#[test]
fn a_journal_of_every_version_is_shown_and_undone() {
    for old in versions() {
        let folder = tempfile::tempdir().unwrap();
        lay_out(&old, folder.path());
        let run = |arguments: &[&str]| {
            let all: Vec<&str> = ["--sim-state=table.json"]
                .iter()
                .chain(arguments)
                .copied()
                .collect();
            ipvsh_ok(folder.path(), &all)
        };
        let history = run(&["history"]);
        for part in [" first", "undo 2", "drain 10.0.0.2: new disk"] {
            assert!(history.contains(part), "{old:?}: {part}: {history}");
        }
        assert!(!history.contains("damaged"), "{old:?}: {history}");
        assert!(
            run(&["history", "show", "2"]).contains("scheduler sh -> rr"),
            "{old:?}"
        );
        assert!(run(&["list"]).contains("quiescent"), "{old:?}");
        // The plan is of this table, and the drain can be undone after it.
        run(&["apply", old.join("plan.json").to_str().unwrap()]);
        run(&["undo"]);
        run(&["undo"]);
        assert!(!run(&["list"]).contains("quiescent"), "{old:?}");
        run(&["undo"]);
        assert!(run(&["list"]).contains("0 services"), "{old:?}");
        run(&["redo"]);
        assert!(
            run(&["plan", old.join("document.json").to_str().unwrap()]).contains("no changes"),
            "{old:?}"
        );
    }
}

#[test]
fn documents_and_settings_of_every_version_are_read() {
    let mut names = Vec::new();
    for old in versions() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| old.join(name).display().to_string();
        for name in ["document.json", "document.yaml", "table.json"] {
            let applied = ipvsh(folder.path(), &["--sim", "apply", &path(name)]);
            assert_eq!(applied.status, 0, "{old:?}: {applied:?}");
            let started = ipvsh_ok(folder.path(), &[&format!("--sim={}", path(name)), "list"]);
            assert!(started.contains("2 services"), "{started}");
        }
        let mut command = ipvsh_command(folder.path(), &["config"]);
        let shown: Finished = command
            .env("IPVSH_CONFIG", path("config.toml"))
            .output()
            .unwrap()
            .into();
        assert_eq!(shown.status, 0, "{shown:?}");
        for value in ["min_weight_percent", "protected", "10s"] {
            assert!(shown.stdout.contains(value), "{value}: {shown:?}");
        }
        names.push(old.file_name().unwrap().to_string_lossy().into_owned());
    }
    // This version has kept what it writes.
    assert!(
        names.iter().any(|name| name == env!("CARGO_PKG_VERSION")),
        "{names:?}"
    );
}
