//! Scripts that take what they can: each function of the language is tried with large values, from the list of functions and not
//! from one made by hand. What is measured is the machine's memory, and how long a signal takes.
//!
//! All of them with all values is what `tests/run long` does; otherwise each function meets one kind of value.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{in_lab, ipvsh_command};

/// Values that are small to hold and large to copy, print or go through.
const VALUES: [(&str, &str); 6] = [
    ("text", "let v = \"x\"; v.pad(8000000, 'y');"),
    (
        "references",
        "let t = \"x\"; t.pad(1000000, 'y'); let v = []; v.pad(20000, t);",
    ),
    ("blob", "let v = blob(8000000, 120);"),
    (
        "nested",
        "let v = [1, 2, 3]; for n in 0..9 { v = [v, v, v]; }",
    ),
    (
        "map",
        "let t = \"x\"; t.pad(1000000, 'y'); let v = #{}; for n in 0..5000 { v[`k${n}`] = t; }",
    ),
    ("number", "let v = 9223372036854775807;"),
];

/// What stands for the further arguments.
const OTHERS: [&str; 4] = ["v", "1000000000", "\"y\"", "|a, b| a"];

/// Memory that a script is given, in MiB, and what the machine may see of it.
const MEMORY: usize = 64;
const PEAK: usize = MEMORY + MEMORY / 2 + 64;

fn peak_of(child: &Child) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| {
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<usize>()
            .ok()
    })
    .unwrap_or_default()
        / 1024
}

/// Runs a script, ends it by a signal after a while, and returns the most memory it had and how long the signal took.
fn run(folder: &std::path::Path, code: &str, patience: Duration) -> (usize, Option<Duration>) {
    let memory = MEMORY.to_string();
    let mut child = ipvsh_command(folder, &["--sim", "eval", "--max-memory", &memory, code])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let (mut peak, mut told) = (0, None);
    loop {
        peak = peak.max(peak_of(&child));
        if child.try_wait().unwrap().is_some() {
            return (peak, told.map(|told: Instant| told.elapsed()));
        }
        if told.is_none() && begun.elapsed() > patience {
            let process = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).unwrap();
            told = Some(Instant::now());
        }
        // Ten times what is promised: here more runs than this.
        if told.is_some_and(|told| told.elapsed() > Duration::from_secs(20)) {
            child.kill().unwrap();
            child.wait().unwrap();
            return (peak, Some(Duration::from_secs(20)));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn no_function_takes_more_than_a_script_may_nor_outlasts_a_signal() {
    if in_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let is_long = std::env::var_os("IPVSHTEST_LONG").is_some();
    let listed = include_str!("../src/script/functions.txt");
    // These wait, end, or read what a terminal types: on purpose.
    let waits = ["sleep", "wait_until", "exit", "rollback"];
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (place, line) in listed.lines().enumerate() {
        let Some((name, count)) = line.split_once(' ') else {
            continue;
        };
        let count: usize = count.parse().unwrap();
        let is_plain = name
            .chars()
            .all(|c| c.is_alphanumeric() || "_:".contains(c));
        if !is_plain || count == 0 || waits.contains(&name) {
            continue;
        }
        for (index, (kind, value)) in VALUES.iter().enumerate() {
            for (turn, other) in OTHERS.iter().enumerate() {
                let chosen =
                    (place + index) % VALUES.len() == 0 && (place + turn) % OTHERS.len() == 0;
                let only = count > 1 || turn == 0;
                if !(chosen || (is_long && only)) {
                    continue;
                }
                let mut arguments = vec!["v"];
                arguments.resize(count, other);
                let code = format!(
                    "{value} let r = {name}({}); print(r);",
                    arguments.join(", ")
                );
                let (peak, signal) = run(folder.path(), &code, Duration::from_secs(3));
                tried += 1;
                if peak > PEAK {
                    wrong.push(format!("{name} of {kind} with {other}: {peak} MiB"));
                }
                if signal.is_some_and(|took| took > Duration::from_secs(10)) {
                    wrong.push(format!(
                        "{name} of {kind} with {other}: a signal took {signal:?}"
                    ));
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(wrong.is_empty(), "of {tried}:\n{}", wrong.join("\n"));
}
