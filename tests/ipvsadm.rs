//! The drop-in against what was recorded of the original, on both kernels, and in the lab against the original itself.

use std::collections::BTreeSet;

use crate::support::in_lab;
use crate::support::tool::{Table, Tool};

const COMMANDS: &str = include_str!("data/ipvsadm/commands.txt");
const RESTORE: &str = include_str!("data/ipvsadm/restore.txt");
const LISTINGS: &str = include_str!("data/ipvsadm/listings.txt");

/// Takes the words of a line apart as a shell does, as far as the recorded lines need it.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Returns the lines that make the table of a file of records.
fn setup(records: &str) -> String {
    let lines = records
        .lines()
        .filter_map(|line| line.strip_prefix("setup "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Tells whether a recorded line can be tried: outside the lab no name service is asked, and the simulated kernel
/// has every network interface, for it can't know those of the machine that a table is meant for.
fn can_be_tried(tool: &Tool, line: &str) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| line.contains(name));
    let asks = any(&["no.such.invalid", "-r foo"]);
    let interface = any(&["nosuchif"]);
    !(asks && !in_lab() || interface && matches!(tool.table, Table::File(_)))
}

fn check_command(tool: &Tool, before: &BTreeSet<String>, line: &str) -> Result<(), String> {
    let parts: Vec<&str> = line.splitn(3, " =>").map(str::trim).collect();
    let [typed, status, expected] = parts[..] else {
        return Err("the record can't be read".to_owned());
    };
    let words = shell_words(typed);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let finished = tool.ipvsadm(&words);
    let crashed = status == "139";
    let expected_status = if crashed { 2 } else { status.parse().unwrap() };
    if finished.status != expected_status {
        return Err(format!("status {}: {}", finished.status, finished.stderr));
    }
    if !finished.stdout.is_empty() {
        return Err(format!("output: {}", finished.stdout));
    }
    if expected_status != 0 {
        let said = finished
            .stderr
            .strip_suffix('\n')
            .unwrap_or(&finished.stderr);
        let expected = expected.replace("\\n", "\n");
        // The records have no blanks at their ends.
        if said.trim_end_matches(' ') != expected && !crashed {
            return Err(format!("said {said:?}"));
        }
        return if tool.saved() == *before {
            Ok(())
        } else {
            Err("the table changed".to_owned())
        };
    }
    let mut wanted = before.clone();
    for change in expected.split(" ; ").filter(|change| !change.is_empty()) {
        let change = change.strip_suffix('$').unwrap_or(change);
        if let Some(line) = change.strip_prefix("added: ") {
            wanted.insert(line.to_owned());
        } else if let Some(line) = change.strip_prefix("removed: ") {
            wanted.remove(line);
        } else {
            return Err(format!("the record can't be read: {change}"));
        }
    }
    let after = tool.saved();
    if after != wanted || !finished.stderr.is_empty() {
        return Err(format!("{after:?} {}", finished.stderr));
    }
    Ok(())
}

#[test]
fn every_recorded_command_does_what_the_original_did() {
    let setup = setup(COMMANDS);
    for tool in Tool::every() {
        tool.prepare(&setup);
        let before = tool.saved();
        let (mut wrong, mut count) = (Vec::new(), 0);
        let lines = COMMANDS
            .lines()
            .filter(|line| line.contains(" =>") && !line.starts_with("# "));
        for line in lines.filter(|line| can_be_tried(&tool, line)) {
            count += 1;
            if tool.saved() != before {
                tool.prepare(&setup);
            }
            if let Err(text) = check_command(&tool, &before, line) {
                wrong.push(format!("{line}\n    {text}"));
            }
        }
        assert!(count >= 295, "{count} records");
        assert!(
            wrong.is_empty(),
            "{} of {count}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\\\");
    let plain = |part: &str| {
        part.replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\r", "\r")
            .replace("\\x20", " ")
    };
    let first = plain(parts.next().unwrap_or_default());
    parts.fold(first, |text, part| format!("{text}\\{}", plain(part)))
}

#[test]
fn every_recorded_restore_does_what_the_original_did() {
    for tool in Tool::every() {
        let mut count = 0;
        for line in RESTORE
            .lines()
            .filter(|line| !line.starts_with("# What") && !line.starts_with("# STANDARD"))
        {
            let parts: Vec<&str> = line.split(" => ").collect();
            let [input, status, said, table] = parts[..] else {
                panic!("the record can't be read: {line}");
            };
            count += 1;
            tool.prepare("-C\n");
            let finished = tool.run("ipvsadm", &["-R"], unescaped(input).as_bytes());
            assert_eq!(finished.status.to_string(), status, "{line}: {finished:?}");
            assert_eq!(finished.stderr.trim_end_matches('\n'), said, "{line}");
            let table = table.trim();
            let wanted: BTreeSet<String> = table
                .split(" ; ")
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect();
            assert_eq!(tool.saved(), wanted, "{line}");
        }
        assert_eq!(count, 31);
    }
}

#[test]
fn every_recorded_listing_is_shown_as_the_original_showed_it() {
    let setup = setup(LISTINGS);
    for tool in Tool::every() {
        tool.prepare(&setup);
        let mut count = 0;
        for block in LISTINGS.split("\n# ipvsadm ").skip(1) {
            let (arguments, shown) = block.split_once('\n').unwrap();
            let words: Vec<&str> = arguments.split(' ').collect();
            if words.iter().all(|word| !word.contains('n'))
                && !arguments.contains("timeout")
                && !in_lab()
            {
                // Names are asked for.
                continue;
            }
            count += 1;
            let finished = tool.ipvsadm(&words);
            let ours: String = finished
                .stdout
                .lines()
                .map(|line| format!("{line}$\n"))
                .collect();
            let shown = format!("{}\n", shown.trim_end_matches('\n'));
            // Newer kernels have a table that grows.
            let sized = |text: &str| {
                let (first, rest) = text.split_once('\n').unwrap_or_default();
                match first.split_once("(size=") {
                    Some((start, _)) => format!("{start}\n{rest}"),
                    None => text.to_owned(),
                }
            };
            let (ours, shown) = (sized(&ours), sized(&shown));
            if arguments.contains("nosort") {
                let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
                assert_eq!(set(&ours), set(&shown), "{arguments}");
            } else {
                assert_eq!(ours, shown, "{arguments}");
            }
        }
        assert!(count >= 11, "{count}");
    }
}
