//! The lab: all tests of this binary again, in one process in a guest with a real IPVS.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Finished, in_lab};

/// The fewest cases that make sense in the guest: a run that finds none must not pass.
const FEWEST: usize = 55;

/// Returns the tests that run on a kernel: on the newer one those of the build with the C library inside, where there is one.
fn binary_for(kernel: Option<(&str, &str)>) -> (PathBuf, &'static str) {
    match (kernel, std::env::var_os("IPVSHTEST_STATIC_TESTS")) {
        (Some(_), Some(binary)) => (binary.into(), "IPVSHTEST_STATIC=1"),
        _ => (std::env::current_exe().unwrap(), ""),
    }
}

/// Runs all cases in a guest; `kernel` names another one than the installed.
fn all_cases(kernel: Option<(&str, &str)>) {
    let (binary, build) = binary_for(kernel);
    // Structure, text and terminals need no kernel.
    let skip = "--skip architecture:: --skip readme:: --skip manual:: --skip completion:: --skip terminal:: --skip kernel:: --skip upgrade:: --skip boot::the_units --skip ansible::a_change --skip balance::driven --skip rules:: --skip replay:: --skip proof:: --skip suite:: --skip connections:: --skip list:: --skip observe:: --skip metrics:: --skip recording:: --skip top::";
    // Thousands of random lines on one kernel and hundreds of kills on the other, at the same time; each gets as many of
    // the rest as show whether it differs.
    let has_newer = std::env::var_os("IPVSHTEST_NEWER_KERNEL").is_some();
    let amounts = match (kernel, has_newer) {
        (Some(_), _) => "IPVSHTEST_TWINS=800 IPVSHTEST_KILLS=200",
        (None, true) => "IPVSHTEST_TWINS=3200 IPVSHTEST_KILLS=40",
        (None, false) => "IPVSHTEST_TWINS=3200 IPVSHTEST_KILLS=200",
    };
    // What starts many programs and asks little of the kernel runs on one of them; where there is one, all of it does.
    let elsewhere = match (kernel, has_newer) {
        (Some(_), _) => "--skip drain:: --skip ansible::",
        (None, true) => "--skip guard:: --skip library:: --skip runbook::",
        (None, false) => "",
    };
    let command = format!(
        "uname -r; {build} {amounts} {} --test-threads=1 {skip} {elsewhere}",
        binary.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().display().to_string();
    if booted(kernel, &command, &[("LAB_KEEP", &kept)], FEWEST) && kernel.is_none() {
        // What a director exported there is scraped here.
        crate::dashboard::in_prometheus(folder.path());
    }
}

/// Boots a guest and runs a command in it, which must run that many tests at least, and none that fails. Returns whether there was
/// a guest: where none is required, there need not be one.
fn booted(
    kernel: Option<(&str, &str)>,
    command: &str,
    more: &[(&str, &str)],
    fewest: usize,
) -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/run");
    let mut lab = Command::new(script);
    lab.arg(command).envs(more.iter().copied());
    if let Some((kernel, modules)) = kernel {
        lab.env("LAB_KERNEL", kernel).env("LAB_MODULES", modules);
    }
    let finished: Finished = lab.output().unwrap().into();
    let required = std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
    if finished.status == 77 && !required {
        eprintln!("SKIPPED: {}", finished.stderr);
        return false;
    }
    let results = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "));
    let passed = results
        .filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
        .next();
    assert!(
        finished.status == 0 && passed.is_some_and(|passed| passed >= fewest),
        "the tests failed on the real kernel:\n{}\n{}",
        finished.stdout,
        finished.stderr
    );
    println!("{}", finished.stdout);
    true
}

/// Sends packets through a kernel on virtual time, and through the simulated one: tests/balance.rs.
fn packets(kernel: Option<(&str, &str)>) {
    let (binary, build) = binary_for(kernel);
    let is_long = std::env::var_os("IPVSHTEST_LONG").is_some();
    let count = match (kernel, is_long) {
        (None, false) => 5_000,
        (Some(_), false) => 1_000,
        (None, true) => 50_000,
        (Some(_), true) => 10_000,
    };
    let kept = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("differing-scenarios");
    let command = format!(
        "{build} IPVSHTEST_VIRTUAL_TIME=1 IPVSHTEST_PACKETS={count} {} --test-threads=1 --nocapture balance::driven",
        binary.display()
    );
    let kept = kept.display().to_string();
    let _ran_or_skipped = booted(
        kernel,
        &command,
        &[("LAB_VIRTUAL_TIME", "1"), ("LAB_KEEP", &kept)],
        5,
    );
}

fn on_newer_kernel(run: impl FnOnce(Option<(&str, &str)>)) {
    let variable = |name: &str| std::env::var(name).ok();
    match (
        variable("IPVSHTEST_NEWER_KERNEL"),
        variable("IPVSHTEST_NEWER_MODULES"),
    ) {
        (Some(kernel), Some(modules)) => run(Some((&kernel, &modules))),
        _ => eprintln!("SKIPPED: no newer kernel; tests/run fetches one where it can"),
    }
}

#[test]
fn every_case_passes_on_a_real_kernel() {
    assert!(!in_lab(), "the guest does not boot guests");
    all_cases(None);
}

#[test]
fn every_case_passes_on_a_newer_kernel_where_there_is_one() {
    on_newer_kernel(all_cases);
}

#[test]
fn packets_go_alike_through_a_real_kernel() {
    packets(None);
}

#[test]
fn packets_go_alike_through_a_newer_kernel_where_there_is_one() {
    on_newer_kernel(packets);
}
