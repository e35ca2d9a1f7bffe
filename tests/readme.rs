//! What the README shows is what happens: its commands run here, and its output is compared.

use std::path::Path;
use std::process::Command;

use crate::support::{Finished, ipvsh, ipvsh_ok};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the fenced blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut found = Vec::new();
    for part in text.split(&format!("```{language}\n")).skip(1) {
        found.push(part.split("```").next().unwrap().to_owned());
    }
    found
}

/// Replaces times of day and durations, which are never the same.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| {
        word.len() == 8
            && word.bytes().enumerate().all(|(i, b)| {
                if i % 3 == 2 {
                    b == b':'
                } else {
                    b.is_ascii_digit()
                }
            })
    };
    let lines = text.trim_end().lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let shown = words.iter().enumerate().map(|(place, word)| {
            let is_duration = words.get(place + 1) == Some(&"ms");
            if is_time(word) || is_duration {
                "TIME"
            } else {
                word
            }
        });
        shown.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn run(line: &str, folder: &Path) -> Finished {
    let binary = Path::new(env!("CARGO_BIN_EXE_ipvsh"))
        .parent()
        .unwrap()
        .display();
    let mut command = Command::new("sh");
    // What is written goes to a folder of the test.
    let place = if line.contains("--sim-state=") {
        folder
    } else {
        root()
    };
    command.args(["-c", line]).current_dir(place).env_clear();
    command
        .env("IPVSH_STATE_DIR", folder.join("state"))
        .env("IPVSH_CONFIG", "")
        .env("SUDO_USER", "operator")
        .env("PATH", format!("{binary}:/usr/bin:/bin"))
        .env("LC_ALL", "C");
    command.output().unwrap().into()
}

#[test]
fn the_tour_shows_what_happens() {
    let mut commands = 0;
    let folder = tempfile::tempdir().unwrap();
    for block in blocks("console") {
        for step in block.split("$ ").skip(1) {
            let (line, expected) = step.split_once('\n').unwrap();
            if line.starts_with("cargo ") {
                continue; // the next test runs it
            }
            let finished = run(line, folder.path());
            let mut shown = format!("{}{}", finished.stdout, finished.stderr);
            if finished.status != 0 {
                shown.push_str(&format!("[exit status {}]\n", finished.status));
            }
            assert_eq!(timeless(&shown), timeless(expected), "{line}");
            commands += 1;
        }
    }
    assert!(commands >= 6, "{commands}");
}

#[test]
fn the_first_command_prints_a_plan_commits_it_and_prints_the_table() {
    let printed = ipvsh_ok(root(), &["run", "--sim", "scripts/quickstart.rhai"]);
    let (plan, table) = printed.split_once("committed: 5 changes\n").unwrap();
    assert!(
        plan.ends_with("Plan: 5 to add, 0 to change, 0 to delete.\n"),
        "{plan}"
    );
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    assert_eq!(table["services"][0]["destinations"][1]["weight"], 10);
}

#[test]
fn the_scripts_of_the_readme_and_of_the_folder_run() {
    let folder = tempfile::tempdir().unwrap();
    let web = root().join("scripts/web.json");
    let simulated = format!("--sim={}", web.display());
    for (index, block) in blocks("rhai").iter().enumerate() {
        let path = folder.path().join(format!("{index}.rhai"));
        std::fs::write(&path, block).unwrap();
        let printed = ipvsh_ok(folder.path(), &["run", &simulated, path.to_str().unwrap()]);
        assert!(printed.contains("missing fwmark://99"), "{printed}");
    }
    // Each script of the folder says how to try it; what it says is what is run.
    let mut tried = 0;
    for entry in std::fs::read_dir(root().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".rhai") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.split_once("Try it without root:  ipvsh "));
        let (_, line) = line.unwrap_or_else(|| panic!("{name} does not say how to try it"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let finished = ipvsh(root(), &words);
        // Something is to be done, and something was found.
        let expected = match name.as_str() {
            "onboard.rhai" => 10,
            "audit.rhai" => 1,
            _ => 0,
        };
        assert_eq!(finished.status, expected, "{name}: {finished:?}");
        tried += 1;
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn every_command_and_status_of_the_readme_is_in_the_help() {
    let help = ipvsh_ok(root(), &["--help"]);
    // Lines are wrapped to the terminal.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in [
        "run", "eval", "check", "plan", "apply", "diff", "export", "list", "add", "edit", "delete",
        "ensure", "absent", "schema", "help", "history", "undo", "confirm", "cancel", "recover",
    ] {
        assert!(
            help.contains(&format!("\n  {command}")),
            "{command} is not in --help"
        );
        assert!(readme.contains(command), "{command} is not in the README");
        assert_eq!(ipvsh(root(), &[command, "--help"]).status, 0);
    }
    for status in [
        "0 done",
        "2 usage",
        "3 refused",
        "4 indeterminate",
        "5 conflict",
        "6 no IPVS",
        "7 failed",
        "9 committed",
        "10 changes",
    ] {
        assert!(words.contains(status), "{status} is not in --help: {help}");
    }
}
