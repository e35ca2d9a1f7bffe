//! The lab: all tests of this binary again, in one process in a guest with a real IPVS.

use std::process::Command;

use crate::support::{Finished, in_lab};

/// The fewest cases that make sense in the guest: a run that finds none must not pass.
const FEWEST: usize = 55;

/// Runs all cases in a guest; `kernel` names another one than the installed.
fn all_cases(kernel: Option<(&str, &str)>) {
    // On the newer one, the tests of the build with the C library inside, where there is one.
    let (binary, build) = match (kernel, std::env::var_os("IPVSHTEST_STATIC_TESTS")) {
        (Some(_), Some(binary)) => (binary.into(), "IPVSHTEST_STATIC=1"),
        _ => (std::env::current_exe().unwrap(), ""),
    };
    // Structure, text and terminals need no kernel.
    let skip = "--skip architecture:: --skip readme:: --skip manual:: --skip completion:: --skip terminal:: --skip kernel:: --skip upgrade:: --skip boot::the_units --skip ansible::a_change";
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
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/run");
    let mut lab = Command::new(script);
    lab.arg(&command);
    if let Some((kernel, modules)) = kernel {
        lab.env("LAB_KERNEL", kernel).env("LAB_MODULES", modules);
    }
    let finished: Finished = lab.output().unwrap().into();
    let required = std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
    if finished.status == 77 && !required {
        eprintln!("SKIPPED: {}", finished.stderr);
        return;
    }
    let results = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "));
    let passed = results
        .filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok())
        .next();
    assert!(
        finished.status == 0 && passed.is_some_and(|passed| passed >= FEWEST),
        "the tests failed on the real kernel:\n{}\n{}",
        finished.stdout,
        finished.stderr
    );
    println!("{}", finished.stdout);
}

#[test]
fn every_case_passes_on_a_real_kernel() {
    assert!(!in_lab(), "the guest does not boot guests");
    all_cases(None);
}

#[test]
fn every_case_passes_on_a_newer_kernel_where_there_is_one() {
    let variable = |name: &str| std::env::var(name).ok();
    match (
        variable("IPVSHTEST_NEWER_KERNEL"),
        variable("IPVSHTEST_NEWER_MODULES"),
    ) {
        (Some(kernel), Some(modules)) => all_cases(Some((&kernel, &modules))),
        _ => eprintln!("SKIPPED: no newer kernel; tests/run fetches one where it can"),
    }
}
