//! `ipvsh test`: what it runs, what it says, and that the library and every script are tested by it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::architecture::root;
use crate::support::{Finished, ipvsh};

/// Writes a file of tests and runs it.
fn tested(text: &str, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.test.rhai"), text).unwrap();
    let all = [&["test", "it.test.rhai"][..], arguments].concat();
    ipvsh(folder.path(), &all)
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// The verdicts by name.
fn verdicts(result: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tests = result["tests"].as_array().unwrap().iter();
    tests
        .map(|test| (text(&test["name"]), text(&test["verdict"])))
        .collect()
}

#[track_caller]
fn verdicts_are(text: &str, arguments: &[&str], wanted: &[(&str, &str)]) -> Value {
    let finished = tested(text, &[arguments, &["--json"]].concat());
    let result = json(&finished);
    let wanted: Vec<(String, String)> = wanted
        .iter()
        .map(|(name, verdict)| ((*name).to_owned(), (*verdict).to_owned()))
        .collect();
    assert_eq!(verdicts(&result), wanted, "{result:#}");
    let all_passed = wanted.iter().all(|(_, verdict)| verdict == "passed");
    assert_eq!(finished.status, i32::from(!all_passed));
    result
}

#[test]
fn five_verdicts_whatever_the_tests_do() {
    let begun = Instant::now();
    let result = verdicts_are(
        r#"
        fn test_loops() { let n = 0; loop { n += 1; } }
        fn test_pads() { let text = "x"; text.pad(8589934592, "x"); }
        fn deeper(n) { deeper(n + 1) + 1 }
        fn test_overflows() { deeper(0) }
        fn test_fails() { assert_eq(1 + 1, 3); }
        fn test_passes() { service::add("fwmark://1"); assert_eq(service::list().len(), 1); }
        "#,
        &["--timeout", "3s"],
        &[
            ("test_loops", "timeout"),
            ("test_pads", "failed"),
            ("test_overflows", "failed"),
            ("test_fails", "failed"),
            ("test_passes", "passed"),
        ],
    );
    // A hang would be the fault: ten times the figure.
    assert!(begun.elapsed() < Duration::from_secs(150));
    let failure = |test: usize| &result["tests"][test]["failures"][0];
    assert_eq!(failure(0)["line"], 2, "it is said where it was");
    assert_eq!(failure(0)["kind"], "timeout");
    assert_eq!(failure(1)["kind"], "script");
    assert_eq!(failure(2)["line"], 4, "the function that calls itself");
    assert_eq!(failure(3)["kind"], "assertion");
    assert_eq!(
        (&failure(3)["found"], &failure(3)["expected"]),
        (&"2".into(), &"3".into())
    );
}

#[test]
fn fixtures_rows_and_what_stands_at_the_top() {
    verdicts_are(
        r#"
        import "std/select" as select;
        service::add("tcp://192.0.2.1:80");
        fn setup() { assert_eq(select::by_scheduler("wlc").len(), 1, "the top ran once"); #{ number: 7 } }
        fn teardown(it) { assert_eq(it.number, 7); if service::has("fwmark://9") { throw "left over"; } }
        fn test_takes_it(it) { assert_eq(it.number, 7); }
        fn test_takes_nothing() { assert_eq(service::list().len(), 1, "nothing of another test is here"); service::add("fwmark://8"); }
        fn rows_doubled() { [[1, 2], [2, 4], [3, 7]] }
        fn test_doubled(row) { assert_eq(row[0] * 2, row[1]); }
        fn rows_named() { #{ small: 1, large: 100 } }
        fn test_named(it, row) { assert(row < 50 && it.number == 7); }
        fn test_leaves_something() { service::add("fwmark://9"); }
        fn test_fails_and_leaves() { service::add("fwmark://9"); assert(false); }
        fn test_exits() { exit(0); }
        fn test_leaves_a_block_open() { transaction { service::add("fwmark://9"); throw "out of it"; } }
        "#,
        &[],
        &[
            ("test_takes_it", "passed"),
            ("test_takes_nothing", "passed"),
            ("test_doubled[1]", "passed"),
            ("test_doubled[2]", "passed"),
            ("test_doubled[3]", "failed"),
            ("test_named[large]", "failed"),
            ("test_named[small]", "passed"),
            ("test_leaves_something", "failed"),
            ("test_fails_and_leaves", "failed"),
            ("test_exits", "failed"),
            ("test_leaves_a_block_open", "failed"),
        ],
    );
    // Both failures of a test are told, in the order in which they came; so is what it printed.
    let finished = tested(
        r#"
        fn teardown() { throw "from teardown"; }
        fn test_twice() { print("printed before"); warn("warned before"); throw "from the test"; }
        "#,
        &[],
    );
    let place = |text: &str| {
        finished
            .stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {}", finished.stdout))
    };
    assert!(
        place("printed before") < place("warning: warned before")
            && place("warning: warned before") < place("error: from the test")
            && place("error: from the test") < place("in teardown():")
            && place("in teardown():") < place("error: from teardown")
            && place("error: from teardown") < place("1 test run: 0 passed, 1 failed"),
        "{}",
        finished.stdout
    );
    let last = finished.stdout.lines().rev().nth(1).unwrap();
    assert!(
        last.contains("FAIL [") && last.ends_with("it.test.rhai test_twice"),
        "failures stand last: {last}"
    );
    // A teardown runs after a time-out too, and not after a setup that failed.
    let finished = tested(
        r#"
        fn setup() { if test::seed() == 1 { throw "no setup"; } }
        fn teardown() { print("torn down"); }
        fn test_loops() { loop {} }
        "#,
        &["--timeout", "200ms", "--seed", "2"],
    );
    assert!(finished.stdout.contains("torn down"), "{finished:?}");
    assert!(finished.stdout.contains("TIMEOUT ["), "{finished:?}");
    let finished = tested(
        "fn setup() { throw \"no setup\"; }\nfn teardown() { print(\"torn down\"); }\nfn test_it() {}",
        &[],
    );
    assert!(
        finished.stdout.contains("no setup") && !finished.stdout.contains("torn down"),
        "{finished:?}"
    );
}

#[test]
fn what_is_no_test_is_said() {
    for (text, words) in [
        ("fn test_it(a) {}", "test_it takes more than there is"),
        (
            "fn setup(a) {} fn test_it() {}",
            "setup() takes no parameters",
        ),
        (
            "fn teardown(a, b) {} fn test_it() {}",
            "teardown takes what setup() returned",
        ),
        (
            "fn rows_it() { [] } fn test_other() {}",
            "there is no such test",
        ),
        (
            "fn rows_it(a) { [] } fn test_it(a) {}",
            "rows_it() takes no parameters",
        ),
        (
            "fn rows_it() { [1] } fn test_it() {}",
            "test_it takes no row",
        ),
        (
            "fn rows_it() { [] } fn test_it(row) {}",
            "rows_it() returns no row",
        ),
        (
            "fn rows_it() { 5 } fn test_it(row) {}",
            "returns a list of rows",
        ),
        (
            "fn rows_it() { throw \"no rows\" } fn test_it(row) {}",
            "in its rows:",
        ),
        (
            "fn test_it() { nosuch(); }",
            "there is no function `nosuch`",
        ),
        ("fn test_it() {", "error"),
        (
            "throw \"at the top\"; fn test_it() {}",
            "in what stands at the top of the file:",
        ),
    ] {
        let finished = tested(text, &[]);
        assert_eq!(finished.status, 1, "{text}: {finished:?}");
        assert!(
            finished.stdout.contains(words),
            "{text}: {}",
            finished.stdout
        );
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("alone.rhai"), "").unwrap();
    std::fs::write(folder.path().join("none.test.rhai"), "fn helper() {}").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (arguments, words) in [
        (&["nosuch"][..], "can't read nosuch"),
        (&["alone.rhai"], "there is no alone.test.rhai beside it"),
        (&["empty"], "there are no tests in empty"),
        (&["none.test.rhai"], "no file has a test"),
        (
            &["--sim-state=x.json", "none.test.rhai"],
            "--sim=FILE says what is in each",
        ),
        (&["--jobs", "0", "none.test.rhai"], "at least one file"),
    ] {
        let finished = ipvsh(folder.path(), &[&["test"][..], arguments].concat());
        assert_eq!(finished.status, 2, "{finished:?}");
        assert!(finished.stderr.contains(words), "{finished:?}");
    }
    // Outside of tests there is nothing that runs scripts.
    for code in [
        "test::run(\"x\")",
        "test::seed()",
        "test::file(\"x\")",
        "test::warnings(|| 1)",
    ] {
        let finished = ipvsh(folder.path(), &["--sim", "--json", "eval", code]);
        assert_eq!(
            json(&finished)["cause"]["kind"],
            "unsupported",
            "{finished:?}"
        );
    }
}

#[test]
fn a_process_that_ends_ends_one_test() {
    let folder = tempfile::tempdir().unwrap();
    let text = "fn test_before() {}\nfn test_looping() { loop {} }\nfn test_behind() {}\n";
    std::fs::write(folder.path().join("it.test.rhai"), text).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    program
        .args(["test", "it.test.rhai", "--json", "--timeout", "100s"])
        .current_dir(folder.path())
        .env("IPVSH_CONFIG", "")
        .stdout(Stdio::piped());
    let running = program.spawn().unwrap();
    let worker = child_of(running.id());
    // It is in the loop when it has taken some of the processor's time.
    until(|| ticks_of(worker) > 50);
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(worker),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let finished: Finished = running.wait_with_output().unwrap().into();
    let result = json(&finished);
    assert_eq!(
        verdicts(&result),
        [
            ("test_before", "passed"),
            ("test_looping", "crashed"),
            ("test_behind", "passed")
        ]
        .map(|(name, verdict)| (name.to_owned(), verdict.to_owned())),
        "{result:#}"
    );
    assert_eq!(
        result["tests"][1]["failures"][0]["message"],
        "its process ended with it: SIGKILL"
    );
}

#[test]
fn a_signal_ends_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = "fn test_looping() { loop {} }\nfn test_behind() {}\n";
    std::fs::write(folder.path().join("it.test.rhai"), text).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    program
        .args(["test", "it.test.rhai", "--timeout", "100s"])
        .current_dir(folder.path())
        .env("IPVSH_CONFIG", "")
        .stdout(Stdio::piped());
    let running = program.spawn().unwrap();
    let worker = child_of(running.id());
    until(|| ticks_of(worker) > 20);
    let parent = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
    nix::sys::signal::kill(parent, nix::sys::signal::Signal::SIGINT).unwrap();
    let finished: Finished = running.wait_with_output().unwrap().into();
    assert_eq!(finished.status, 130, "{finished:?}");
    assert!(finished.stdout.contains("Interrupted ["), "{finished:?}");
    assert!(
        !Path::new(&format!("/proc/{worker}")).exists(),
        "no process is left"
    );
}

/// Waits until something holds.
#[track_caller]
fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(100), "it never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the process that another one started.
fn child_of(parent: u32) -> i32 {
    let found = std::cell::Cell::new(None);
    until(|| {
        let path = format!("/proc/{parent}/task/{parent}/children");
        let mut children = std::fs::read_to_string(path).unwrap_or_default();
        // Threads start processes too.
        for thread in std::fs::read_dir(format!("/proc/{parent}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            children +=
                &std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        }
        found.set(
            children
                .split_whitespace()
                .next()
                .and_then(|number| number.parse().ok()),
        );
        found.get().is_some()
    });
    found.get().unwrap()
}

/// Returns the processor's time that a process took, in ticks.
fn ticks_of(process: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default().to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields
        .get(11)
        .and_then(|ticks| ticks.parse().ok())
        .unwrap_or_default()
}

#[test]
fn tests_are_chosen_listed_and_written_for_other_programs() {
    let text = "fn test_one() {}\nfn rows_two() { [1, 2] }\nfn test_two(row) { print(`row <${row}>`); assert(row < 2); }\n";
    let listed = tested(text, &["--list"]);
    assert_eq!(
        listed.stdout,
        "it.test.rhai::test_one\nit.test.rhai::test_two[1]\nit.test.rhai::test_two[2]\n"
    );
    let listed = json(&tested(text, &["--list", "--json"]));
    assert_eq!(listed["tests"]["it.test.rhai"].as_array().unwrap().len(), 3);
    verdicts_are(
        text,
        &["--filter", "test_two[2]"],
        &[("test_two[2]", "failed")],
    );
    verdicts_are(
        text,
        &["--filter", "one", "--filter", "[1]"],
        &[("test_one", "passed"), ("test_two[1]", "passed")],
    );
    assert_eq!(tested(text, &["--filter", "nosuch"]).status, 2);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.test.rhai"), text).unwrap();
    let quiet = ipvsh(
        folder.path(),
        &["-q", "test", ".", "--junit", "result.xml", "--seed", "5"],
    );
    assert_eq!(quiet.status, 1);
    assert!(!quiet.stdout.contains("PASS"), "{}", quiet.stdout);
    let xml = std::fs::read_to_string(folder.path().join("result.xml")).unwrap();
    for part in [
        "<testsuites name=\"ipvsh\" tests=\"3\" failures=\"1\"",
        "<testsuite name=\"./it.test.rhai\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\"",
        "<property name=\"seed\" value=\"5\"/>",
        "<testcase classname=\"./it.test.rhai\" name=\"test_one\" time=\"0.0",
        "<failure type=\"assertion\" message=\"what is asserted does not hold\">error: ",
        "<system-out>row &lt;2&gt;&#10;</system-out>",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn a_seed_repeats_a_run() {
    let text = r#"
        fn test_it() {
            service::add("tcp://192.0.2.1:80", #{ destinations: ["10.0.0.2:80", "10.0.0.3:80"] });
            let load = sim::load("tcp://192.0.2.1:80", #{ clients: 50, duration: "1m" });
            sim::advance("1m");
            throw `${test::seed()} ${sim::results(load).by_server}`;
        }"#;
    let message = |seed: &[&str]| {
        let result = json(&tested(text, &[&["--json"], seed].concat()));
        let failure = &result["tests"][0]["failures"][0]["message"];
        failure.as_str().unwrap().to_owned()
    };
    assert_eq!(message(&["--seed", "5"]), message(&["--seed", "5"]));
    let words = |text: String| {
        text.split_once(' ')
            .map(|(_, rest)| rest.to_owned())
            .unwrap()
    };
    assert_ne!(
        words(message(&["--seed", "5"])),
        words(message(&["--seed", "6"]))
    );
    assert_ne!(
        message(&[]),
        message(&[]),
        "without a seed each run has its own"
    );
}

#[test]
fn a_change_runs_the_tests_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.test.rhai");
    std::fs::write(&file, "fn test_first() {}").unwrap();
    let shown = folder.path().join("shown");
    let mut program = Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    program
        .args(["test", "it.test.rhai", "--watch"])
        .current_dir(folder.path())
        .env("IPVSH_CONFIG", "")
        .stderr(Stdio::null())
        .stdout(std::fs::File::create(&shown).unwrap());
    let mut running = program.spawn().unwrap();
    let has = |text: &str| std::fs::read_to_string(&shown).unwrap().contains(text);
    until(|| has("test_first") && has("Summary"));
    std::fs::write(&file, "fn test_second() {}").unwrap();
    until(|| has("test_second"));
    let process = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(130));
}

/// Every module of the library and every script has tests beside it, which run at least nine of ten of its lines.
#[test]
fn the_library_and_the_scripts_are_tested_by_it() {
    let finished = ipvsh(
        root(),
        &["test", "scripts", "stdlib", "--coverage", "--json"],
    );
    let result = json(&finished);
    assert_eq!(result["outcome"], "passed", "{result:#}");
    let mut covered = Vec::new();
    for script in result["coverage"].as_array().unwrap() {
        let name = script["script"].as_str().unwrap();
        let (lines, run) = (
            script["lines"].as_u64().unwrap(),
            script["run"].as_u64().unwrap(),
        );
        assert!(run * 10 >= lines * 9, "{script:#}");
        covered.push(name.to_owned());
        // Every function of the library has a line that ran.
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        let not_run = script["not_run"].as_array().unwrap();
        for (place, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with("fn "))
        {
            assert!(
                !not_run.contains(&Value::from(place + 2)),
                "{name}: {line} is not run"
            );
        }
    }
    for folder in ["scripts", "stdlib"] {
        for file in crate::architecture::files(&root().join(folder), "rhai") {
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            if name.ends_with(".test.rhai") {
                continue;
            }
            assert!(covered.contains(&name), "{name} has no tests");
            let tests = name.replace(".rhai", ".test.rhai");
            assert!(root().join(&tests).is_file(), "{tests} is not there");
        }
    }
}

/// Mistakes that somebody could make: the file, what stands there, and what stands there then.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("stdlib/audit.rhai", "if up < number {", "if up <= number {"),
    (
        "stdlib/audit.rhai",
        "d.is_quiescent && d.open_connections == 0",
        "d.is_quiescent",
    ),
    (
        "stdlib/audit.rhai",
        "if methods.len() > 1 {",
        "if methods.len() > 2 {",
    ),
    ("stdlib/drain.rhai", "moving.edit(#{ weight: 0 });", ""),
    (
        "stdlib/drain.rhai",
        "now.open_connections == 0 && now.persistent_connections == 0",
        "true",
    ),
    (
        "stdlib/drain.rhai",
        "if passed == () { then } else { late }",
        "then",
    ),
    (
        "stdlib/drain.rhai",
        "if templates_stay {",
        "if !templates_stay {",
    ),
    ("stdlib/drain.rhai", "d.delete();", ""),
    (
        "stdlib/drain.rhai",
        "weight: change.before.weight",
        "weight: change.before.weight + 1",
    ),
    (
        "stdlib/expect.rhai",
        "found.weight == expected",
        "found.weight >= expected",
    ),
    (
        "stdlib/expect.rhai",
        "assert(caught.kind == kind,",
        "assert(true,",
    ),
    (
        "stdlib/relocate.rhai",
        "destination::list(old).edit(#{ weight: 0 });",
        "",
    ),
    ("stdlib/relocate.rhai", "service::delete(old);", ""),
    ("stdlib/rollout.rhai", "100 - percent", "percent"),
    (
        "stdlib/rollout.rhai",
        "if !check.call(percent)",
        "if check.call(percent)",
    ),
    ("stdlib/select.rhai", "d.share >= least", "d.share > least"),
    (
        "scripts/audit.rhai",
        "exit(if findings.is_empty() { 0 } else { 1 });",
        "exit(0);",
    ),
    (
        "scripts/blue-green.rhai",
        "require(found[id] == given[id],",
        "require(true,",
    ),
    (
        "scripts/canary.rhai",
        "weight: 0, forwarding: sibling.forwarding",
        "weight: 1, forwarding: sibling.forwarding",
    ),
    (
        "scripts/canary.rhai",
        "canary.active_connections <= most * fair",
        "true",
    ),
    (
        "scripts/maintenance.rhai",
        "was.edit(#{ weight: was.weight });",
        "was.edit(#{ weight: 1 });",
    ),
    (
        "scripts/maintenance.rhai",
        "require(!others.is_empty(),",
        "require(true,",
    ),
    ("scripts/onboard.rhai", "if !o.yes { exit(10); }", ""),
    (
        "scripts/onboard.rhai",
        "} else if known.weight == 0 {",
        "} else if known.weight < 0 {",
    ),
    ("scripts/quickstart.rhai", "weight: 10 }", "weight: 9 }"),
];

/// A verb removed, a weight changed, a condition negated: the tests of the file notice each.
#[test]
fn mistakes_in_the_library_and_in_scripts_are_noticed() {
    let (mut noticed, mut unnoticed) = (0, Vec::new());
    for (file, right, wrong) in MISTAKES {
        let folder = tempfile::tempdir().unwrap();
        let from = root().join(file);
        let home = from.parent().unwrap();
        for entry in std::fs::read_dir(home).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let name = from.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&from).unwrap();
        assert!(text.contains(right), "{file} has no {right}");
        std::fs::write(folder.path().join(name), text.replace(right, wrong)).unwrap();
        let finished = ipvsh(folder.path(), &["test", name, "--seed", "1"]);
        if finished.status == 1 {
            noticed += 1;
        } else {
            unnoticed.push(format!("{file}: {wrong:?} for {right:?}"));
        }
    }
    assert!(unnoticed.is_empty(), "nobody notices {unnoticed:#?}");
    assert!(noticed >= 20, "{noticed}");
}

/// The tests that the manual shows pass.
#[test]
fn the_tests_of_the_manual_pass() {
    let mut passed = 0;
    for page in crate::readme::pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```rhai test\n").skip(1) {
            let code = block.split("```").next().unwrap();
            let name = code.lines().next().unwrap().trim_start_matches("// ");
            assert!(name.ends_with(".test.rhai"), "{name}");
            let folder = tempfile::tempdir().unwrap();
            for entry in std::fs::read_dir(root().join("scripts")).unwrap() {
                let path = entry.unwrap().path();
                std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
            std::fs::write(folder.path().join(name), code).unwrap();
            let finished = ipvsh(folder.path(), &["test", name]);
            assert_eq!(finished.status, 0, "{}: {finished:?}", page.display());
            passed += 1;
        }
    }
    assert!(passed > 0);
}

/// What ends before it has done what it was to do has not passed.
#[test]
fn what_did_not_run_to_its_end_has_not_passed() {
    for top in ["exit(0);", "if service::list().is_empty() { return; }"] {
        let text = format!("{top}\nfn test_it() {{ throw \"never thrown\"; }}");
        let finished = tested(&text, &[]);
        assert_eq!(finished.status, 1, "{finished:?}");
        assert!(
            finished.stdout.contains("the test did not run"),
            "{finished:?}"
        );
    }
    let busy = r#"
        fn setup() { service::add("tcp://192.0.2.1:80", #{ destinations: ["10.0.0.2:80"] }); }
        fn test_it() { sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 2000, duration: "10h" }); sim::advance("10h"); }"#;
    verdicts_are(busy, &["--timeout", "500ms"], &[("test_it", "timeout")]);
    let in_setup = r#"
        fn setup() {
            service::add("tcp://192.0.2.1:80", #{ destinations: ["10.0.0.2:80"] });
            sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 2000, duration: "10h" });
            sim::advance("10h");
        }
        fn test_it() {}"#;
    verdicts_are(in_setup, &["--timeout", "500ms"], &[("test_it", "timeout")]);
}

#[test]
fn rows_are_chosen_by_their_names_and_odd_names_do_no_harm() {
    let text = "fn rows_x() { #{ web: 1, dns: 2 } }\nfn test_x(row) {}\nfn rows_y() { [1, 2] }\nfn test_y(row) {}\nfn test_z() {}\n";
    verdicts_are(text, &["--filter", "web"], &[("test_x[web]", "passed")]);
    verdicts_are(text, &["--filter", "[2]"], &[("test_y[2]", "passed")]);
    assert_eq!(tested(text, &["--filter", "test_x[nope]"]).status, 2);
    // A row's name may have any characters, also where the process is replaced behind it.
    let text = "fn rows_x() { #{ \"a\\x00b\\n\": 1 } }\nfn test_x(row) {}\nfn teardown() { if !service::list().is_empty() { loop {} } }\nfn test_hangs() { service::add(\"fwmark://1\"); }\nfn test_behind() {}\n";
    let finished = tested(text, &["--timeout", "300ms", "--json"]);
    let result = json(&finished);
    let ends: Vec<String> = verdicts(&result)
        .into_iter()
        .map(|(_, verdict)| verdict)
        .collect();
    assert_eq!(ends, ["passed", "timeout", "passed"], "{result:#}");
}

#[test]
fn each_file_runs_once_and_what_fails_every_test_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("it.rhai"), "let x = 1;\nprint(x);\n").unwrap();
    let tests = "fn test_it() { assert_eq(test::run(\"it.rhai\").output, \"1\\n\"); }";
    std::fs::write(inner.join("it.test.rhai"), tests).unwrap();
    let listed = |paths: &[&str]| {
        let ran = ipvsh(folder.path(), &[&["test", "--list"][..], paths].concat());
        assert_eq!(ran.status, 0, "{paths:?}: {ran:?}");
        ran.stdout.lines().count()
    };
    assert_eq!(listed(&["inner", "inner"]), 1);
    assert_eq!(
        listed(&["inner/it.test.rhai", "./inner", "inner/it.rhai"]),
        1
    );
    let covered = ipvsh(
        &inner,
        &[
            "test",
            "it.rhai",
            "--coverage",
            "--json",
            "--jobs",
            "100000",
        ],
    );
    let rows = json(&covered)["coverage"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["script"], &rows[0]["run"]),
        (&"it.rhai".into(), &2.into())
    );
    for (arguments, words) in [
        (&["--sim=nothere.json"][..], "nothere.json"),
        (&["--guard", "bogus"], "bogus"),
    ] {
        let ran = ipvsh(folder.path(), &[arguments, &["test", "inner"]].concat());
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    // A file that is none of tests hides none of the others.
    std::fs::write(inner.join("broken.test.rhai"), [0xff, 0xfe]).unwrap();
    let ran = ipvsh(folder.path(), &["test", "inner", "--list"]);
    assert_eq!((ran.status, ran.stdout.lines().count()), (1, 1), "{ran:?}");
    assert!(ran.stderr.contains("it is not UTF-8 text"), "{ran:?}");
}
