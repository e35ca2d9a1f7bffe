//! `ipvsh help`: one door to everything that is written down.

use std::process::Command;

use crate::support::shop::Shop;
use crate::support::{Finished, ipvsh};

fn help(words: &[&str]) -> Finished {
    let mut arguments = vec!["help"];
    arguments.extend(words);
    ipvsh(crate::architecture::root(), &arguments)
}

fn told(words: &[&str]) -> String {
    let finished = help(words);
    assert_eq!(finished.status, 0, "{words:?}: {finished:?}");
    finished.stdout
}

#[test]
fn without_a_name_it_lists_what_there_is() {
    let all = told(&[]);
    for named in ["troubleshooting", "undrain", "destination", "help -k WORD"] {
        assert!(all.contains(named), "{named}: {all}");
    }
    // What is listed can be asked for.
    let mut asked = 0;
    for line in all
        .lines()
        .take_while(|line| !line.starts_with("Error kinds"))
    {
        if let Some(entry) = line.strip_prefix("  ") {
            let name = entry.split_whitespace().next().unwrap();
            assert!(told(&[name]).len() > 100, "{name}");
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked}");
}

#[test]
fn topics_commands_functions_kinds_and_statuses_are_explained() {
    for (words, part) in [
        (vec!["guards"], "GUARDS"),
        (vec!["drain"], "Usage: ipvsh drain"),
        (vec!["history", "show"], "Usage: ipvsh history show"),
        (vec!["service::edit"], "service::edit("),
        (vec!["conflict"], "Nothing was sent"),
        (vec!["7"], "earlier commits of this run stand"),
        (vec!["history::"], "history::list"),
    ] {
        let text = told(&words);
        assert!(text.contains(part), "{words:?}: {text}");
    }
    // The command comes first, and what else has its name, or shows it, is named.
    let undo = told(&["undo"]);
    assert!(undo.contains("Usage: ipvsh undo"), "{undo}");
    assert!(undo.contains("`ipvsh help history::undo`"), "{undo}");
    assert!(undo.contains("`ipvsh help journal`"), "{undo}");
}

#[test]
fn a_word_is_searched_for_everywhere() {
    let found = told(&["-k", "undo"]);
    for part in ["  undo  ", "journal: Undo and redo", "history::undo"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    let none = help(&["-k", "xyzzy"]);
    assert_eq!(none.status, 2);
    assert!(
        none.stderr
            .contains("nothing in the manual speaks of `xyzzy`")
    );
    assert_eq!(help(&["-k", ""]).status, 2);
    assert!(told(&["-k", "all", "or", "nothing"]).contains("promise"));
    // What is no name is searched for.
    assert!(
        told(&["last_server"]).contains("guards: Guards"),
        "{}",
        told(&["last_server"])
    );
    assert!(!found.contains("](") && !found.contains("| "), "{found}");
}

#[test]
fn what_is_not_there_is_said_with_what_is_near() {
    for (name, near) in [
        ("drian", "drain"),
        ("runboks", "runbooks"),
        ("servce::edit", "service::edit"),
    ] {
        let finished = help(&[name]);
        assert_eq!(finished.status, 2, "{finished:?}");
        assert!(finished.stderr.contains(near), "{finished:?}");
        assert!(finished.stderr.contains("help -k WORD"), "{finished:?}");
    }
}

#[test]
fn lines_are_as_wide_as_the_terminal_and_go_through_its_pager() {
    let shop = Shop::simulated();
    let program = env!("CARGO_BIN_EXE_ipvsh");
    let on_terminal = |environment: &str| {
        let line = format!("{environment} COLUMNS=60 {program} help guards");
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]);
        command.env("IPVSH_CONFIG", "").current_dir(shop.path());
        let finished: Finished = command.output().unwrap().into();
        assert_eq!(finished.status, 0, "{finished:?}");
        finished.stdout.replace('\r', "")
    };
    let paged = on_terminal("PAGER='sed s/^/paged:/'");
    assert!(paged.starts_with("paged:GUARDS"), "{paged}");
    for none in ["PAGER=", "PAGER=cat", "PAGER=no-such-pager-here"] {
        let plain = on_terminal(none);
        assert!(plain.contains("GUARDS\n"), "{none}: {plain}");
        let prose = plain.lines().filter(|line| !line.starts_with("     "));
        for line in prose {
            let fits = line.chars().count() <= 60 || line.contains("not found");
            assert!(fits, "{none}: {line}");
        }
    }
    // Elsewhere there is none.
    assert!(told(&["guards"]).starts_with("GUARDS\n"));
}

#[test]
fn every_command_and_topic_has_a_man_page_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let finished = ipvsh(folder.path(), &["man", "--out", out]);
    assert_eq!(finished.status, 0, "{finished:?}");
    let pages = crate::architecture::files(folder.path(), "1");
    let topics = crate::architecture::files(folder.path(), "7");
    assert!(pages.len() > 30, "{pages:?}");
    assert_eq!(topics.len() + 1, crate::readme::pages().len());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("ipvsh-undo.1").contains("ipvsh\\-undo \\- Undo the newest commit"));
    assert!(read("ipvsh-history-show.1").contains("Its number"));
    // What the short help leaves out is there, and so are examples, statuses and other pages.
    assert!(read("ipvsh-undo.1").contains("Print results as one JSON document"));
    assert!(read("ipvsh-drain.1").contains(".SH EXAMPLES"));
    assert!(read("ipvsh-drain.1").contains("ipvsh\\-draining\\fR(7)"));
    assert!(read("ipvsh.1").contains(".SH \"EXIT STATUS\""));
    assert!(read("ipvsh-guards.7").contains("last_server = true          #"));
    assert!(!folder.path().join("ipvsh-watch.1").exists());
    let all: Vec<_> = pages.iter().chain(&topics).collect();
    match Command::new("mandoc")
        .args(["-T", "lint"])
        .args(&all)
        .output()
    {
        Ok(lint) => {
            let found = String::from_utf8_lossy(&lint.stdout);
            assert_eq!(found, "", "{found}");
        }
        Err(error) => {
            let required =
                std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
            assert!(!required, "mandoc: {error}");
            eprintln!("without mandoc the man pages are not checked: {error}");
        }
    }
    // What can't be written is an error, and says which.
    let nowhere = ipvsh(folder.path(), &["man", "--out", "nowhere"]);
    assert_eq!(nowhere.status, 1, "{nowhere:?}");
    assert!(nowhere.stderr.contains("nowhere/ipvsh"), "{nowhere:?}");
}

#[test]
fn the_examples_of_every_command_run() {
    let help = told(&[]);
    let (_, commands) = help.split_once("\nCommands (").unwrap();
    let mut tried = 0;
    for line in commands.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        let long = told(&[name]);
        // The drop-in has the options of the original.
        let short = if name.starts_with("ipvsadm") {
            String::new()
        } else {
            ipvsh(crate::architecture::root(), &[name, "-h"]).stdout
        };
        assert!(
            short.len() < long.len() && !short.contains("--max-size"),
            "{short}"
        );
        let (_, examples) = long
            .split_once("Examples:\n")
            .unwrap_or_else(|| panic!("{name} has no examples"));
        let shop = Shop::simulated();
        let scripts = crate::architecture::root().join("scripts");
        std::os::unix::fs::symlink(scripts, shop.path().join("scripts")).unwrap();
        shop.ok(&["apply", "--prune=services", "scripts/shop.json"]);
        shop.ok(&["edit", "tcp://192.0.2.1:80/10.0.0.2:80", "--weight", "4"]);
        let before: &[&str] = match name {
            "undrain" => &["drain", "10.0.0.2"],
            "redo" => &["undo"],
            "ipvsadm-restore" => {
                std::fs::write(shop.path().join("rules"), "-A -t 192.0.2.1:80 -s wlc\n").unwrap();
                &["list"]
            }
            "confirm" | "cancel" => &["apply", "--confirm", "5m", "scripts/web.json"],
            _ => &["list"],
        };
        shop.ok(before);
        for line in examples
            .lines()
            .filter_map(|line| line.strip_prefix("  ipvsh "))
        {
            let program = env!("CARGO_BIN_EXE_ipvsh");
            // What names a simulation of its own runs on that.
            let table = if line.contains("--sim") || name == "test" {
                ""
            } else {
                "--sim-state=table.json"
            };
            let typed = format!("{program} {table} {line}");
            let mut command = Command::new("sh");
            command
                .args(["-c", &typed])
                .current_dir(shop.path())
                .env("IPVSH_STATE_DIR", crate::support::state_of(shop.path()))
                .env("IPVSH_CONFIG", "");
            let finished: Finished = command.output().unwrap().into();
            assert_eq!(finished.status, 0, "{line}: {finished:?}");
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn what_errors_and_pages_send_readers_to_is_there() {
    let mut sent = std::collections::BTreeSet::new();
    let root = crate::architecture::root();
    for (folder, ending) in [("src", "rs"), ("src/manual", "md"), ("stdlib", "rhai")] {
        for path in crate::architecture::files(&root.join(folder), ending) {
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("`ipvsh help ").skip(1) {
                let name = part.split('`').next().unwrap();
                // Placeholders are no names.
                if !name.contains(|letter: char| letter.is_uppercase() || letter == '{') {
                    sent.insert(name.to_owned());
                }
            }
        }
    }
    for name in &sent {
        let words: Vec<&str> = name.split(' ').collect();
        assert!(told(&words).len() > 100, "{name}");
        assert!(!told(&words).starts_with("Nothing is called"), "{name}");
    }
    for name in ["guards", "conflict", "permission", "documents"] {
        assert!(sent.contains(name), "{name}: {sent:?}");
    }
}
