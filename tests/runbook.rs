//! Runbooks: what is left of one that fails, is interrupted, or is killed: nothing.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::{Finished, ipvsh, ipvsh_command, only_in_lab};

/// Five steps; what the fourth does is given.
fn five(fourth: &str) -> String {
    format!(
        r#"let web = "{WEB}";
let done = runbook "five" {{
    step "first" {{ destination::edit(web, "10.0.0.1:80", #{{ weight: 5 }}); }} undo {{ print("undo of first"); }}
    sleep("10ms");
    step "second" {{
        service::add("fwmark://9", #{{ scheduler: "rr", destinations: [#{{ id: "10.0.0.9:0" }}] }});
        destination::edit(web, "10.0.0.1:80", #{{ weight: 0 }});
    }}
    wait_until(|| service::has("fwmark://9"), "1m");
    step "third" {{ destination::delete(web, "10.0.0.2:80"); }}
    step "fourth" {{
        timeouts::set(#{{ udp: "77s" }});
        {fourth}
    }} undo {{ print("undo of fourth"); }}
    step "fifth" {{ destination::add(web, "10.0.0.3:80"); }}
}};
print(done.kind);
"#
    )
}

/// A fourth step that never ends by itself.
const ENDLESS: &str = "print(\"ready\"); let n = 0; while true { n += 1; }";

/// Returns everything that is configured.
fn table(shop: &Shop) -> String {
    shop.ok(&["--no-journal", "export", "--config"])
}

fn write(shop: &Shop, name: &str, text: &str) {
    fs::write(shop.path().join(name), text).unwrap();
}

/// Returns the runbooks of the last run of a command with `--json`.
fn runbooks(finished: &Finished) -> Value {
    let result: Value = serde_json::from_str(&finished.stdout).unwrap();
    result["runbooks"].clone()
}

fn names_and_outcomes(runbook: &Value) -> Vec<(String, String)> {
    let steps = runbook["steps"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    steps
        .map(|step| (text(&step["name"]), text(&step["outcome"])))
        .collect()
}

/// Returns the state of each commit and runbook in the journal.
fn states(shop: &Shop) -> Vec<String> {
    let history = shop.json(&["history"]);
    let commits = history["commits"].as_array().unwrap().iter();
    commits
        .map(|commit| {
            let label = commit["label"].as_str().unwrap_or_default();
            format!("{label} {}", commit["state"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn a_runbook_commits_step_by_step() {
    for shop in Shop::every() {
        write(&shop, "five.rhai", &five(""));
        let done = shop.runs(&["--json", "run", "--junit", "five.xml", "five.rhai"]);
        assert_eq!(done.status, 0, "{done:?}");
        let books = runbooks(&done);
        assert_eq!(books[0]["outcome"], "committed");
        let steps = &books[0]["steps"];
        assert_eq!(steps.as_array().unwrap().len(), 5);
        assert_eq!(steps[1]["plans"][0]["summary"]["add"], 2);
        assert_eq!(steps[1]["waits"][0]["came"], true);
        assert_eq!(shop.weight(ONE), 0);
        assert_eq!(
            states(&shop),
            [
                "five committed",
                "five: first committed",
                "five: second committed",
                "five: third committed",
                "five: fourth committed",
                "five: fifth committed"
            ]
        );
        let xml = fs::read_to_string(shop.path().join("five.xml")).unwrap();
        assert!(
            xml.contains(
                "<testsuite name=\"five\" tests=\"5\" failures=\"0\" errors=\"0\" skipped=\"0\""
            ),
            "{xml}"
        );
        let shown = shop.ok(&["history", "show", "1"]);
        for part in [
            "runbook 1   committed\n",
            "step begun \"first\"",
            "five: fifth",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let shown = shop.json(&["history", "show", "1"]);
        assert_eq!(shown["commits"][4]["part_of"], 1);
        // What was done as a whole is taken back as a whole, and that too.
        let after = table(&shop);
        shop.ok(&["undo"]);
        assert_eq!(shop.weight(ONE), 1);
        assert!(!table(&shop).contains("fwmark"));
        shop.ok(&["redo"]);
        assert_eq!(table(&shop), after);
        shop.ok(&["undo", "1"]);
        assert_eq!(shop.weight(TWO), 1);
    }
}

#[test]
fn a_runbook_that_fails_leaves_the_table_as_it_was() {
    for shop in Shop::every() {
        let before = table(&shop);
        for (fourth, status, kind) in [
            ("throw \"no luck\";", 1, "script"),
            ("require(false, \"no luck\");", 1, "requirement"),
            (
                "destination::add(web, \"10.0.0.1:80\"); // no luck",
                3,
                "exists",
            ),
        ] {
            write(&shop, "five.rhai", &five(fourth));
            let failed = shop.runs(&["--json", "run", "--junit", "five.xml", "five.rhai"]);
            assert_eq!(failed.status, status, "{failed:?}");
            assert_eq!(table(&shop), before, "{failed:?}");
            let result: Value = serde_json::from_str(&failed.stdout).unwrap();
            assert_eq!(result["cause"]["kind"], kind);
            assert_eq!(result["changed"], false);
            let books = runbooks(&failed);
            assert_eq!(books[0]["outcome"], "rolled_back");
            let expected = [
                ("first", "done"),
                ("second", "done"),
                ("third", "done"),
                ("fourth", "failed"),
            ];
            let expected = expected.map(|(name, end)| (name.to_owned(), end.to_owned()));
            assert_eq!(names_and_outcomes(&books[0]), expected);
            assert_eq!(books[0]["steps"][0]["undo"], "done");
            assert_eq!(books[0]["steps"][3]["undo"], "done");
            // The latest first.
            let undos = failed.stderr.find("undo of fourth").unwrap();
            assert!(
                undos < failed.stderr.find("undo of first").unwrap(),
                "{failed:?}"
            );
            let xml = fs::read_to_string(shop.path().join("five.xml")).unwrap();
            assert!(
                xml.contains("tests=\"5\" failures=\"1\" errors=\"0\"")
                    && xml.contains("<failure message="),
                "{xml}"
            );
        }
        assert_eq!(
            states(&shop)[..4],
            [
                "five rolled_back",
                "five: first taken_back",
                "five: second taken_back",
                "five: third taken_back"
            ]
        );
        // For people: what happened in each step, and what the table is now.
        let failed = shop.runs(&["run", "five.rhai"]);
        for part in [
            "step 3 third: -1 in",
            "not completed, rolled back in",
            "1  first   undone   ~1",
            "4  fourth  failed",
            "The table is as it was before (counters aside).",
        ] {
            assert!(failed.stderr.contains(part), "{part}: {}", failed.stderr);
        }
        let quiet = shop.runs(&["-q", "run", "five.rhai"]);
        assert!(!quiet.stderr.contains("step"), "{quiet:?}");
    }
}

/// Starts a script that says `ready` when it is where it stays, and waits until it is there.
fn started(shop: &Shop, script: &str) -> Child {
    let mut command = ipvsh_command(
        shop.path(),
        &shop.arguments(&["run", "--max-operations", "0", script]),
    );
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn a_signal_leads_back() {
    for shop in Shop::every() {
        let before = table(&shop);
        write(&shop, "five.rhai", &five(ENDLESS));
        for (signal, status, words) in [
            (Signal::SIGINT, 130, "interrupted (Ctrl-C)"),
            (Signal::SIGTERM, 143, "asked to end (SIGTERM)"),
            (Signal::SIGHUP, 129, "the terminal went away (SIGHUP)"),
        ] {
            let child = started(&shop, "five.rhai");
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
            let ended: Finished = child.wait_with_output().unwrap().into();
            assert_eq!(ended.status, status, "{ended:?}");
            assert!(ended.stderr.contains(words), "{ended:?}");
            assert!(ended.stdout.contains("undo of first"), "{ended:?}");
            assert_eq!(table(&shop), before, "{ended:?}");
        }
    }
}

/// Starts a command in a terminal of its own.
fn in_terminal(shop: &Shop, arguments: &[&str]) -> (fs::File, Child) {
    let pty = nix::pty::openpty(None, None).unwrap();
    // A copy that no program inherits: else the terminal never goes away.
    let master = fs::File::from(pty.master).try_clone().unwrap();
    let slave = fs::File::from(pty.slave);
    let end = || Stdio::from(slave.try_clone().unwrap());
    let child = Command::new("setsid")
        .args(["--ctty", "--wait"])
        .args(["env", "--default-signal", env!("CARGO_BIN_EXE_ipvsh")])
        .args(shop.arguments(arguments))
        .env("IPVSH_STATE_DIR", crate::support::state_of(shop.path()))
        .env("IPVSH_CONFIG", "")
        .current_dir(shop.path())
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    (master, child)
}

/// Reads from a terminal until a text was shown.
fn until(master: &mut fs::File, text: &str) {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        let mut wanted = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut wanted, PollTimeout::from(60_000u16)).unwrap();
        assert!(
            ready > 0,
            "{text:?} did not appear: {}",
            String::from_utf8_lossy(&shown)
        );
        let mut bytes = [0; 1024];
        let Ok(length) = master.read(&mut bytes) else {
            panic!(
                "{text:?} did not appear: {}",
                String::from_utf8_lossy(&shown)
            );
        };
        shown.extend(&bytes[..length]);
    }
}

#[test]
fn a_terminal_that_goes_away_leads_back() {
    for shop in Shop::every() {
        let before = table(&shop);
        write(&shop, "five.rhai", &five(ENDLESS));
        let (mut master, mut child) =
            in_terminal(&shop, &["run", "--max-operations", "0", "five.rhai"]);
        until(&mut master, "ready");
        drop(master);
        let begun = std::time::Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed().as_secs() < 60 => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                None => {
                    child.kill().unwrap();
                    panic!("it runs on without its terminal");
                }
            }
        };
        assert_eq!(status.code(), Some(129));
        assert_eq!(table(&shop), before);
        assert_eq!(states(&shop)[0], "five rolled_back");
    }
}

#[test]
fn a_runbook_that_was_killed_is_led_back_by_who_comes_next() {
    for shop in Shop::every() {
        let before = table(&shop);
        write(&shop, "five.rhai", &five(ENDLESS));
        for next in [
            &["recover"][..],
            &["edit", TWO, "--weight", "1"],
            &["recover", "--forward"],
        ] {
            let mut child = started(&shop, "five.rhai");
            // While it runs it is no one else's business. A simulated table is in its program alone until then.
            let looked = shop.runs(&["list"]);
            assert!(!looked.stderr.contains("interrupted"), "{looked:?}");
            if !shop.is_simulated() {
                shop.ok(&["edit", WEB, "--scheduler", "wrr"]);
                shop.ok(&["edit", WEB, "--scheduler", "wlc"]);
            }
            assert_eq!(shop.weight(ONE), 0);
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(9));
            let looked = shop.runs(&["list"]);
            assert!(
                looked.stderr.contains(
                    "\"five\" was interrupted and has not been rolled back: run `ipvsh recover` to do so"
                ),
                "{looked:?}"
            );
            let recovered = shop.runs(next);
            assert_eq!(recovered.status, 0, "{recovered:?}");
            let said = format!("{}{}", recovered.stdout, recovered.stderr);
            if next.contains(&"--forward") {
                assert!(said.contains("what it did is kept"), "{said}");
                assert_eq!(shop.weight(ONE), 0);
                let history = shop.json(&["history"]);
                let commits = history["commits"].as_array().unwrap();
                let book = commits.iter().rfind(|commit| commit["kind"] == "runbook");
                shop.ok(&["undo", &book.unwrap()["id"].to_string()]);
            } else {
                assert!(said.contains("is rolled back; the script's own undo blocks could not be run for: first, fourth"), "{said}");
            }
            assert_eq!(table(&shop), before, "{next:?}");
        }
        assert!(shop.ok(&["recover"]).is_empty());
    }
}

#[test]
fn what_others_changed_since_is_left_to_them() {
    if !only_in_lab() {
        return;
    }
    let shop = Shop::real();
    let fourth = "print(\"ready\"); let n = 0; while n < 100000000 { n += 1; }";
    write(&shop, "five.rhai", &five(fourth));
    let child = started(&shop, "five.rhai");
    shop.ok(&["edit", ONE, "--weight", "9"]);
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let ended: Finished = child.wait_with_output().unwrap().into();
    assert_eq!(ended.status, 4, "{ended:?}");
    assert!(
        ended.stderr.contains("Not all of it could be rolled back.")
            && ended
                .stderr
                .contains("edit tcp://192.0.2.1:80/10.0.0.1:80 --weight 1"),
        "{}",
        ended.stderr
    );
    // The one is left as it was changed, the others are back.
    assert_eq!((shop.weight(ONE), shop.weight(TWO)), (9, 1));
    assert!(!table(&shop).contains("fwmark"));
    assert_eq!(states(&shop)[0], "five indeterminate");
}

#[test]
fn what_is_to_be_kept_stands_and_a_later_run_goes_on_from_there() {
    for shop in Shop::every() {
        let book = |third: &str| {
            format!(
                r#"runbook "go on" #{{ failed: "keep" }} {{
    step "one" {{ destination::edit("{WEB}", "10.0.0.1:80", #{{ weight: 5 }}); }}
    step "nothing" {{ }}
    step "two" {{ {third} destination::edit("{WEB}", "10.0.0.2:80", #{{ weight: 5 }}); }}
}};
"#
            )
        };
        write(&shop, "go.rhai", &book("throw \"not yet\";"));
        let refused = |arguments: &[&str], part: &str| {
            let refused = shop.runs(arguments);
            assert_eq!(refused.status, 5, "{refused:?}");
            assert!(refused.stderr.contains(part), "{refused:?}");
        };
        refused(
            &["run", "--from", "two", "go.rhai"],
            "can't start from step \"two\": the journal has no earlier run of \"go on\" that is still in effect",
        );
        let failed = shop.runs(&["run", "go.rhai"]);
        assert_eq!(failed.status, 7, "{failed:?}");
        assert!(
            failed
                .stderr
                .contains("What it did was kept, as requested."),
            "{failed:?}"
        );
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (5, 1));
        write(&shop, "go.rhai", &book(""));
        // Not as it was left: the proof fails, and nothing is done.
        shop.ok(&["edit", ONE, "--weight", "6"]);
        refused(
            &["run", "--from", "two", "go.rhai"],
            "is no longer as commit",
        );
        shop.ok(&["edit", ONE, "--weight", "5"]);
        refused(
            &["run", "--from", "nothing at all", "go.rhai"],
            "step \"two\" comes first",
        );
        let done = shop.runs(&["run", "--from", "two", "go.rhai"]);
        assert_eq!(done.status, 0, "{done:?}");
        assert!(
            done.stderr
                .contains("step 1 one: skipped: an earlier run did it"),
            "{done:?}"
        );
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (5, 5));
    }
}

#[test]
fn a_plan_shows_every_step_and_returns_at_once() {
    let shop = Shop::simulated();
    let text = five("sleep(\"10h\");").replace("timeouts::set(#{ udp: \"77s\" });", "");
    write(&shop, "five.rhai", &text);
    let shown = shop.ok(&["plan", "five.rhai"]);
    for part in [
        "runbook \"five\": 5 steps\n",
        "step 1 first\n~ tcp://192.0.2.1:80\n  ~ 10.0.0.1:80   weight 1 -> 5\n",
        "then: sleep 10ms\n",
        "  ~ 10.0.0.1:80   weight 5 -> 0\n",
        "then: wait until a condition holds, at most 1m\n",
        "step 3 third\n~ tcp://192.0.2.1:80   ! no real server has weight: new connections are refused\n  - 10.0.0.2:80   was weight 1",
        "all together:\n",
        "  ~ 10.0.0.1:80   weight 1 -> 0\n",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    assert!(!shop.path().join("state/journal").exists());
    let json: Value = serde_json::from_str(&shop.ok(&["--json", "plan", "five.rhai"])).unwrap();
    assert_eq!(json["runbooks"][0]["outcome"], "planned");
    assert_eq!(
        json["runbooks"][0]["steps"][4]["plans"][0]["summary"]["add"],
        1
    );
    assert_eq!(json["plan"]["summary"]["add"], 3);
    // One that fails in a rehearsal leaves nothing of itself.
    write(
        &shop,
        "five.rhai",
        &format!("try {{ {} }} catch {{ }}", five("throw 1;")),
    );
    assert!(
        shop.ok(&["plan", "five.rhai"])
            .contains("Plan: no changes.")
    );
}

#[test]
fn a_run_that_begins_later_changes_nothing_before_that() {
    let shop = Shop::simulated();
    let book = |between: &str, third: &str| {
        format!(
            r#"runbook "later" #{{ failed: "keep" }} {{
    step "one" {{ destination::edit("{WEB}", "10.0.0.1:80", #{{ weight: 5 }}); }}
    {between}
    step "two" {{ destination::edit("{WEB}", "10.0.0.2:80", #{{ weight: 5 }}); }}
    step "three" {{ {third} service::add("fwmark://3"); }}
}};
"#
        )
    };
    write(&shop, "later.rhai", &book("", "throw \"not yet\";"));
    assert_eq!(shop.runs(&["run", "later.rhai"]).status, 7);
    // What stands between the steps would be done again.
    let edit = format!("destination::edit(\"{WEB}\", \"10.0.0.1:80\", #{{ weight: 6 }});");
    write(&shop, "later.rhai", &book(&edit, ""));
    let refused = shop.runs(&["run", "--from", "three", "later.rhai"]);
    assert!(
        refused.status == 5
            && refused
                .stderr
                .contains("makes a change between earlier steps"),
        "{refused:?}"
    );
    write(&shop, "verb.rhai", &edit);
    let refused = shop.runs(&["run", "--from", "three", "verb.rhai"]);
    assert!(
        refused.status == 5
            && refused
                .stderr
                .contains("makes a change before the first runbook"),
        "{refused:?}"
    );
    write(&shop, "none.rhai", "print(1);");
    let refused = shop.runs(&["run", "--from", "three", "none.rhai"]);
    assert!(
        refused.status == 2 && refused.stderr.contains("began no runbook"),
        "{refused:?}"
    );
    assert_eq!(shop.weight(ONE), 5);
    // It goes on more than once.
    write(&shop, "later.rhai", &book("", "throw \"not yet\";"));
    for _ in 0..2 {
        let again = shop.runs(&["run", "--from", "three", "later.rhai"]);
        assert!(
            again.status == 1 && again.stderr.contains("not yet"),
            "{again:?}"
        );
    }
    write(&shop, "later.rhai", &book("", ""));
    shop.ok(&["run", "--from", "three", "later.rhai"]);
    assert!(table(&shop).contains("fwmark://3"));
}

#[test]
fn undos_run_whatever_ended_the_script() {
    let folder = tempfile::tempdir().unwrap();
    let code = "runbook \"r\" { step \"a\" { service::add(\"fwmark://1\"); } undo { print(\"a\"); } step \"b\" { } undo { print(\"b\"); exit(9); } let n = 0; while true { n += 1; } };";
    let ended = ipvsh(
        folder.path(),
        &["eval", "--sim", "--max-operations", "5000", code],
    );
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (1, "b\na\n"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("The table is as it was before"),
        "{ended:?}"
    );
}

#[test]
fn a_signal_during_the_way_back_is_not_lost() {
    let shop = Shop::simulated();
    let before = table(&shop);
    write(
        &shop,
        "back.rhai",
        &format!(
            r#"try {{
    runbook "back" {{
        step "one" {{ destination::edit("{WEB}", "10.0.0.1:80", #{{ weight: 5 }}); }} undo {{ print("last"); }}
        step "two" {{ }} undo {{ print("ready"); let n = 0; while true {{ n += 1; }} }}
        throw "no";
    }};
}} catch {{ }}
service::add("fwmark://1");
"#
        ),
    );
    let child = started(&shop, "back.rhai");
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let ended: Finished = child.wait_with_output().unwrap().into();
    assert_eq!(ended.status, 143, "{ended:?}");
    // The undo that ran is ended, the next one runs, and nothing comes after.
    assert!(ended.stdout.contains("last"), "{ended:?}");
    assert_eq!(table(&shop), before);
}

/// Runs code on a simulated table and returns what it prints, or the error.
fn eval(code: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let finished = ipvsh(folder.path(), &["-q", "eval", "--sim", code]);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    let lines = said
        .lines()
        .filter(|line| !line.starts_with("warning: runbook"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn steps_stand_where_they_belong() {
    for (code, part) in [
        ("step \"a\" { }", "step \"a\" must be inside a runbook"),
        (
            "runbook \"r\" { runbook \"s\" { } }",
            "runbook \"r\" is still open",
        ),
        (
            "transaction { runbook \"r\" { } }",
            "runbook \"r\" is inside a transaction",
        ),
        (
            "runbook \"r\" { transaction { step \"a\" { } } }",
            "step \"a\" is inside a transaction",
        ),
        (
            "runbook \"r\" { step \"a\" { step \"b\" { } } }",
            "step \"b\" is inside a transaction or another step",
        ),
        ("runbook \"\" { }", "a runbook needs a name"),
        (
            "runbook { }",
            "`runbook` has a name: runbook \"label\" { … }",
        ),
        ("runbook \"r\" { step { } }", "`step` has a name"),
        (
            "runbook \"r\" #{ faild: \"keep\" } { }",
            "did you mean `failed`?",
        ),
        (
            "runbook \"r\" #{ failed: \"kep\" } { }",
            "it is \"restore\" or \"keep\"",
        ),
        (
            "runbook \"r\" { step \"a\" { } undo 5 }",
            "`undo` is followed by a block",
        ),
        ("let step = 1;", "`step` is a word of the language"),
        (
            "runbook \"r\" { transaction #{ confirm: \"9s\" } { service::add(\"fwmark://1\"); } }",
            "a commit inside a runbook can't have its own confirmation timeout",
        ),
        (
            "runbook \"r\" { step \"a\" { service::add(\"fwmark://1\"); sleep(\"1s\"); } }",
            "can't wait here",
        ),
    ] {
        let said = eval(code);
        assert!(said.contains(part), "{code}:\n{said}");
    }
}

#[test]
fn blocks_are_left_as_the_language_says() {
    let add = |number: u8| format!("service::add(\"fwmark://{number}\");");
    let (one, two) = (add(1), add(2));
    let marks = "print(service::list().map(|s| s.id).to_string())";
    for (code, printed) in [
        // In loops and in functions.
        (format!("fn add_one(n) {{ step `s${{n}}` {{ service::add(`fwmark://${{n}}`); }} }} runbook \"r\" {{ for n in 1..3 {{ add_one(n); }} }}; {marks}"), "[\"fwmark://1\", \"fwmark://2\"]\n"),
        // A step that leaves itself changes nothing, and the runbook goes on.
        (format!("runbook \"r\" {{ let o = step \"a\" {{ {one} rollback(\"no\"); }}; step \"b\" {{ {two} print(o.kind); }} }}; {marks}"), "rolled_back\n[\"fwmark://2\"]\n"),
        // A runbook that leaves itself is rolled back without an error.
        (format!("let o = runbook \"r\" {{ step \"a\" {{ {one} }} rollback(\"no\"); }}; print(`${{o.kind}} ${{o.reason}}`); {marks}"), "rolled_back no\n[]\n"),
        // `return` leaves it with what was done so far.
        (format!("fn first() {{ runbook \"r\" {{ step \"a\" {{ {one} return 7; }} }}; 8 }} print(first()); {marks}"), "7\n[\"fwmark://1\"]\n"),
        // An error that is caught.
        (format!("try {{ runbook \"r\" {{ step \"a\" {{ {one} }} throw \"x\"; }}; }} catch (e) {{ print(e); }} {marks}"), "x\n[]\n"),
        // What is committed between steps belongs to it too, and undos may change the table.
        (format!("try {{ runbook \"r\" {{ step \"a\" {{ }} undo {{ {two} }} {one} throw \"x\"; }}; }} catch (e) {{ print(e); }} {marks}"), "x\n[\"fwmark://2\"]\n"),
        // The undo sees what the step saw.
        ("let n = 1; try { runbook \"r\" { step \"a\" { n += 1; } undo { print(n); } throw \"x\"; }; } catch { }".to_owned(), "2\n"),
        // An undo that fails is said, and does not keep the others from running.
        (format!("try {{ runbook \"r\" {{ step \"a\" {{ {one} }} undo {{ print(\"a\"); }} step \"b\" {{ }} undo {{ throw \"y\"; }} throw \"x\"; }}; }} catch (e) {{ print(e); }} {marks}"), "a\nx\n[]\n"),
        ("let o = runbook \"r\" { 5 }; print(`${o.kind} ${o.value} ${o.steps.len()}`);".to_owned(), "unchanged 5 0\n"),
    ] {
        assert_eq!(eval(&code), printed, "{code}");
    }
    let folder = tempfile::tempdir().unwrap();
    let left = ipvsh(
        folder.path(),
        &[
            "eval",
            "--sim",
            &format!(
                "runbook \"r\" {{ step \"a\" {{ {one} }} undo {{ print(\"back\"); }} exit(4); }}"
            ),
        ],
    );
    assert_eq!(
        (left.status, left.stdout.as_str()),
        (4, "back\n"),
        "{left:?}"
    );
}

#[test]
fn each_step_can_be_asked_about() {
    let shop = Shop::simulated();
    write(&shop, "five.rhai", &five(""));
    let before = table(&shop);
    let declined = shop.runs(&["run", "--step", "five.rhai"]);
    assert_eq!(declined.status, 1, "{declined:?}");
    assert!(
        declined.stderr.contains("the step \"first\" was declined"),
        "{declined:?}"
    );
    assert_eq!(table(&shop), before);
    // Yes, and then no: what the first one did is taken back.
    for (answers, status) in [(["y\n", "n\n"], 1), (["y\n", "\n"], 1)] {
        let (mut master, mut child) = in_terminal(&shop, &["run", "--step", "five.rhai"]);
        for (number, answer) in answers.into_iter().enumerate() {
            let name = ["first", "second"][number];
            until(&mut master, &format!("{name:?}: continue? [y/N] "));
            master.write_all(answer.as_bytes()).unwrap();
        }
        until(&mut master, "1  first  undone   ~1");
        assert_eq!(child.wait().unwrap().code(), Some(status));
        assert_eq!(table(&shop), before);
    }
    // A signal is an answer too.
    let (mut master, mut child) = in_terminal(&shop, &["run", "--step", "five.rhai"]);
    until(&mut master, "\"first\": continue? [y/N] ");
    master.write_all(b"y\n").unwrap();
    until(&mut master, "\"second\": continue? [y/N] ");
    master.write_all(b"\x03").unwrap();
    until(&mut master, "1  first  undone   ~1");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(table(&shop), before);
}
