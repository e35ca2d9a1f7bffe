//! The only test binary. Every file beside this one is a module of it; a test makes sure that none is forgotten.
//!
//! Tests that talk to a table run on every kernel there is: always the simulated one, and in the lab
//! (`tests/lab/run`) the real one too, each in a network namespace of its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod support;

mod ansible;
mod architecture;
mod asked;
mod balance;
mod boot;
mod cli;
mod completion;
mod connections;
mod crash;
mod dashboard;
mod differential;
mod document;
mod drain;
mod editor;
mod faults;
mod fuzz;
mod guard;
mod habits;
mod hostile;
mod house;
mod info;
mod ipvsadm;
mod journal;
mod kernel;
mod library;
mod list;
mod looking_back;
mod manual;
mod metrics;
mod observe;
mod proof;
mod readme;
mod recording;
mod relocate;
mod repl;
mod replay;
mod rules;
mod runbook;
mod save;
mod script;
mod sharing;
mod simulator;
mod suite;
mod terminal;
mod top;
mod traffic;
mod transaction;
mod twins;
mod upgrade;
mod wire;
mod witness;
mod words;

#[test]
fn no_test_file_is_forgotten() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|name| *name != "main") {
            assert!(
                listed.contains(&format!("\nmod {module};\n")),
                "tests/{name} has no mod line in tests/main.rs"
            );
        }
    }
}
