//! The lab: all tests of this binary again, in one process in a guest with a real IPVS.

use std::process::Command;

use crate::support::{Finished, in_lab};

/// The fewest cases that make sense in the guest: a run that finds none must not pass.
const FEWEST: usize = 20;

#[test]
fn every_case_passes_on_a_real_kernel() {
    if in_lab() {
        return; // this is the guest
    }
    let binary = std::env::current_exe().unwrap();
    // Structure and text need no kernel.
    let command = format!(
        "{} --test-threads=1 --skip architecture:: --skip readme::",
        binary.display()
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/run");
    let finished: Finished = Command::new(script).arg(&command).output().unwrap().into();
    let required = std::env::var_os("IPVSH_LAB").is_some_and(|value| value == "require");
    if finished.status == 77 && !required {
        eprintln!("SKIPPED: {}", finished.stderr);
        return;
    }
    let passed = finished.stdout.lines().find_map(|line| {
        line.strip_prefix("test result: ok. ")?
            .split(' ')
            .next()?
            .parse::<usize>()
            .ok()
    });
    assert!(
        finished.status == 0 && passed.is_some_and(|passed| passed >= FEWEST),
        "the tests failed on the real kernel:\n{}\n{}",
        finished.stdout,
        finished.stderr
    );
    println!("{}", finished.stdout);
}
