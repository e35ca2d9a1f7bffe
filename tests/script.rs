//! Scripts, on every kernel: each file of tests/data/scripts runs and prints what its `//=>` comments say;
//! `//=!` is the error that ends it.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use ipvsh::script::{
    Allowed, Limits, Permissions, Ran, RunEnvironment, Script, ScriptFailure, check,
    describe_options, run,
};
use ipvsh::session::Session;

use crate::support::Place;

/// Runs a script and returns what it printed, and how it ended.
fn run_in(
    session: Session,
    path: &str,
    source: &str,
    limits: Limits,
) -> (Session, Vec<String>, Result<Ran, ScriptFailure>) {
    let printed: Rc<RefCell<Vec<String>>> = Rc::default();
    let sink = Rc::clone(&printed);
    let output = Rc::new(move |text: &str| {
        sink.borrow_mut().push(text.to_owned());
        Ok(())
    });
    let arguments = vec!["one".to_owned(), "--two".to_owned()];
    let script = Script {
        path: path.to_owned(),
        source: source.to_owned(),
        arguments,
    };
    let surroundings = RunEnvironment {
        last_resort: None,
        coverage: None,
        limits,
        ..RunEnvironment::closed(output)
    };
    let (session, result) = run(&script, session, &surroundings);
    let printed = printed.borrow().clone();
    (session, printed, result)
}

fn expectations<'a>(source: &'a str, mark: &'a str) -> Vec<&'a str> {
    source
        .lines()
        .filter_map(|line| line.split_once(mark).map(|(_, text)| text.trim()))
        .collect()
}

#[test]
fn scripts_do_what_their_comments_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/scripts");
    let mut ran = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        for place in Place::every() {
            let (_, printed, result) = run_in(place.session(), &name, &source, Limits::DEFAULT);
            let lines: Vec<&str> = printed.iter().flat_map(|text| text.lines()).collect();
            let errors = expectations(&source, "//=!");
            match (&result, errors.as_slice()) {
                (Ok(_), []) => {}
                (Err(failure), [expected]) => assert!(
                    failure.render(false).contains(expected),
                    "{name} on the {}: {}",
                    place.name(),
                    failure.render(false)
                ),
                (Err(failure), _) => {
                    panic!("{name} on the {}: {}", place.name(), failure.render(false))
                }
                (Ok(_), errors) => panic!("{name} did not fail with {errors:?}"),
            }
            let expected = expectations(&source, "//=>");
            let expected: Vec<&str> = expected
                .into_iter()
                .filter(|line| !line.is_empty())
                .collect();
            let lines: Vec<&str> = lines
                .into_iter()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            assert_eq!(lines, expected, "{name} on the {}", place.name());
            ran += 1;
        }
    }
    assert!(ran >= 4, "{ran}");
}

#[test]
fn runaway_scripts_end_within_bounds_and_leave_no_trace() {
    let small = Limits {
        operations: 4_000_000,
        // One process runs many tests at once, and all of their memory counts.
        memory_mib: 128,
    };
    for (source, expected) in [
        ("while true {}", "more operations than it may"),
        (
            "loop { try { let x = 1; } catch {} }",
            "more operations than it may",
        ),
        (
            "let a = []; for i in 0..100000000 { a.push(#{ i: i }); }",
            "more than 128 MiB of memory",
        ),
        (
            "let s = \"x\"; while true { s += s; }",
            "more than 128 MiB of memory",
        ),
        ("f(1);", "calls within calls go too deep"),
        ("\"x\".pad(4000000000, 'x');", "too many"),
        ("[].pad(4000000000, 0);", "too many"),
        ("blob(4000000000);", "too many"),
    ] {
        let place = Place::simulated();
        let source = format!(
            "fn f(n) {{ f(n + 1) }} transaction {{ service::add(\"fwmark://1\"); {source} }}"
        );
        let (session, _, result) = run_in(place.session(), "runaway", &source, small);
        let shown = result.unwrap_err().render(false);
        assert!(shown.contains(expected), "{source}: {shown}");
        assert!(!session.is_open());
        assert!(place.table().services.is_empty(), "{source}");
    }
}

#[test]
fn a_signal_ends_a_script_and_drops_what_is_open() {
    let place = Place::simulated();
    let session = place.session();
    let interrupt = session.interrupt().clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        interrupt.raise(2);
    });
    let source = "transaction { service::add(\"fwmark://1\"); while true { try { 1 } catch { } } }";
    let limits = Limits {
        operations: u64::MAX,
        ..Limits::DEFAULT
    };
    let (_, _, result) = run_in(session, "endless", source, limits);
    stopper.join().unwrap();
    assert!(
        matches!(result, Err(ScriptFailure::Interrupted { signal: 2 })),
        "{result:?}"
    );
    assert!(place.table().services.is_empty());
}

#[test]
fn an_uncaught_error_shows_file_line_column_source_and_the_calls() {
    let place = Place::simulated();
    let source = "#!/usr/bin/env ipvsh\nfn quiesce(svc) {\n    service::edit(svc, #{ scheduler: \"rr\" });\n}\n\nquiesce(\"tcp://192.0.2.9:80\");\n";
    let (_, _, result) = run_in(place.session(), "drain.rhai", source, Limits::DEFAULT);
    let failure = result.unwrap_err();
    let expected = "\
error: there is no virtual service tcp://192.0.2.9:80
 --> drain.rhai:3:14
  |
3 |     service::edit(svc, #{ scheduler: \"rr\" });
  |              ^^^^
...
6 | quiesce(\"tcp://192.0.2.9:80\");
  | ------- `quiesce` is called here";
    assert_eq!(failure.render(false), expected);
    assert_eq!(failure.kind(), "missing");
}

/// Demands what the check says of a script that lies in a folder.
#[track_caller]
fn complaint(source: &str, expected: &[&str]) {
    let script = Script {
        path: "x.rhai".to_owned(),
        source: source.to_owned(),
        arguments: Vec::new(),
    };
    let failure = check(&script, &Permissions::default()).expect_err(source);
    let shown = failure.render(false);
    for part in expected {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
}

#[test]
fn traps_are_found_before_a_script_runs() {
    // The most natural line, in each of its forms.
    for line in [
        "let svc = service::get(\"fwmark://1\"); svc.destinations.filter(|d| d.weight * 3 > svc.weight_sum);",
        "const SVC = service::get(\"fwmark://1\"); for n in 0..3 { print(SVC.destinations.filter(|d| d.weight > SVC.weight_sum)); }",
        "let d = destination::list()[0]; d.wait_until(|now| now.weight < d.weight, \"1m\");",
        "let l = [[1]]; l[0].filter(|n| n < l.len());",
        "let l = service::list(); let heavy = |s| s.weight_sum > l.len(); l.filter(heavy);",
    ] {
        complaint(line, &["is used inside the closure while", "^"]);
    }
    complaint(
        "let svc = service::get(\"fwmark://1\");\nprint(\"${svc.id}\");",
        &["x.rhai:2:7", "back-ticks"],
    );
    complaint(
        "fn edit(m) { 1 }\nservice::get(\"fwmark://1\").edit(#{});",
        &["x.rhai:1:4", "take the place of the method `edit`"],
    );
    for (hiding, hidden) in [
        ("fn sleep(text) { }", "the function `sleep`"),
        ("fn wait_until(check) { }", "the method `wait_until`"),
        ("fn Service.edit(fields) { }", "the method `edit`"),
        ("fn group_by(list, key) { }", "the function `group_by`"),
        (
            "import \"std/select\" as service;",
            "the language's own `service::`",
        ),
    ] {
        complaint(hiding, &["take the place of ", hidden, "x.rhai:1:"]);
    }
    complaint("let step = 1;", &["`step` is a word of the language"]);
    complaint(
        "let transaction = 1;",
        &["is a word of the language", "x.rhai:1"],
    );
    complaint(
        "let x = 1; print(transaction + 1);",
        &["`transaction`", "x.rhai:1"],
    );
    complaint("rehearse \"label\" { }", &["rehearse { … }"]);
    complaint(
        "service::get(\"fwmark://1\").dleete();",
        &["there is no method `dleete`: did you mean `delete`?"],
    );
    complaint("import \"std/exect\" as e;", &["did you mean std/expect?"]);
    complaint(
        "import \"std/expect\" as e; e::wieght(1, 2, 3);",
        &["did you mean `e::weight`?"],
    );
    complaint(
        "import \"std/expect\" as e; e::weight(1);",
        &["`e::weight` takes 3 arguments, not 1"],
    );
    complaint(
        "import \"/etc/passwd\" as e;",
        &["can't import /etc/passwd"],
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.rhai"), "1").unwrap();
    let outside = format!("import \"{}/x\" as e;", folder.path().display());
    complaint(
        &outside,
        &["outside the folder of the script", "--allow-read"],
    );
}

#[test]
fn what_is_fine_has_no_complaint() {
    for line in [
        "let svc = 1; destination::list(\"fwmark://1\").filter(|d| d.weight > svc);",
        "let names = []; for s in service::list() { names.push(`${s.id}`); } print(\"$ {x}\");",
        "let tools = #{ twice: |x| x * 2 }; print(tools.twice(2));",
        "import \"std/select\" as select; select::by_address(\"10.0.0.2\").edit(#{ weight: 0 });",
        "fn Destination.heavier() { this.edit(#{ weight: this.weight + 1 }) } destination::list()[0].heavier();",
        "let step_size = 1; let f = |a, b| a + b; f.call(1, step_size);",
        "fn edit() { 1 } fn weight(a, b, c, d) { a } fn ports() { 2 } edit() + ports() + weight(1, 2, 3, 4);",
        "let n = 1; let f = |x| x > n; [1].filter(f); fn g(n) { n.filter(|x| x > 1) } g([1]);",
    ] {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: line.to_owned(),
            arguments: Vec::new(),
        };
        if let Err(failure) = check(&script, &Permissions::default()) {
            panic!("{}", failure.render(false));
        }
    }
}

#[test]
fn an_error_in_a_module_shows_file_line_source_and_the_calls_that_led_there() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("lib/tools.rhai");
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(
        &module,
        "fn weigh(svc, n) {\n    destination::edit(svc, \"10.0.0.2:80\", #{ weight: n });\n}\n\
         fn broken() {\n    let list = [1];\n    list[7]\n}\n\
         fn schedule(svc, name) {\n    service::edit(svc, #{ scheduler: name });\n}\n",
    )
    .unwrap();
    let main = folder.path().join("main.rhai");
    let run_main = |place: &Place, call: &str| {
        let source = format!(
            "import \"lib/tools\" as tools;\nlet svc = service::ensure(\"tcp://192.0.2.1:80\", #{{}});\n\
             fn outer(svc) {{\n    {call}\n}}\ntransaction {{\n    outer(svc);\n}}\n"
        );
        std::fs::write(&main, &source).unwrap();
        let (_, _, result) = run_in(
            place.session(),
            main.to_str().unwrap(),
            &source,
            Limits::DEFAULT,
        );
        let shown = result.unwrap_err().render(false);
        println!("{shown}");
        shown
    };
    // An import inside a function: modules are not seen from outside.
    let import = "import \"lib/tools\" as tools; ";
    for place in Place::every() {
        // A Rhai error.
        let shown = run_main(&place, &format!("{import}tools::broken()"));
        for part in [
            "lib/tools.rhai:6:",
            "list[7]",
            "main.rhai:",
            "`broken` is called here",
            "`outer` is called here",
            "^",
        ] {
            assert!(
                shown.contains(part),
                "{part} on the {}\n{shown}",
                place.name()
            );
        }
        // A refusal at the verb.
        let shown = run_main(&place, &format!("{import}tools::weigh(svc, 3)"));
        for part in [
            "lib/tools.rhai:2:",
            "there is no real server",
            "destination::edit",
            "`weigh` is called here",
        ] {
            assert!(
                shown.contains(part),
                "{part} on the {}\n{shown}",
                place.name()
            );
        }
        // A refusal at commit points at the verb that staged the change, in the module.
        let shown = run_main(&place, &format!("{import}tools::schedule(svc, \"nosuch\")"));
        for part in [
            "ENOENT",
            "lib/tools.rhai:9:",
            "staged here",
            "committed here",
            "main.rhai:6:",
        ] {
            assert!(
                shown.contains(part),
                "{part} on the {}\n{shown}",
                place.name()
            );
        }
    }
}

#[test]
fn files_are_touched_only_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("in");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("a.txt"), "hello").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "no").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret.txt"), inside.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("../made.txt", inside.join("dangling.txt")).unwrap();
    let source = |call: &str| call.replace("IN", inside.to_str().unwrap());
    let attempt = |call: &str, rehearsed: bool| {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: source(call),
            arguments: Vec::new(),
        };
        let only = Allowed::In(vec![inside.clone()]);
        let surroundings = RunEnvironment {
            last_resort: None,
            coverage: None,
            permissions: Permissions {
                read: only.clone(),
                write: only,
                at_prompt: false,
            },
            ..RunEnvironment::closed(Rc::new(|_: &str| Ok(())))
        };
        let mut session = Place::simulated().session();
        if rehearsed {
            session.begin(ipvsh::session::BlockKind::Rehearsal).unwrap();
        }
        let (_, result) = run(&script, session, &surroundings);
        result
            .map(|ran| ran.value.text().unwrap())
            .map_err(|failure| failure.kind())
    };
    assert_eq!(
        attempt("read_text(\"IN/a.txt\")", false).as_deref(),
        Ok("hello")
    );
    for refused in [
        "read_text(\"IN/../secret.txt\")",
        "read_text(\"IN/link.txt\")",
        "read_text(\"/etc/passwd\")",
        "write_text(\"IN/../new.txt\", \"x\")",
        "write_text(\"IN/link.txt\", \"x\")",
        "write_text(\"IN/dangling.txt\", \"x\")",
    ] {
        assert_eq!(
            attempt(refused, false),
            Err("permission".to_owned()),
            "{refused}"
        );
    }
    assert_eq!(
        attempt("write_json(\"IN/b.json\", [1])", true).as_deref(),
        Ok("")
    );
    assert!(
        !inside.join("b.json").exists(),
        "a rehearsal leaves no trace"
    );
    assert_eq!(
        attempt(
            "write_json(\"IN/b.json\", [1]); read_json(\"IN/b.json\")[0]",
            false
        )
        .as_deref(),
        Ok("1")
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("secret.txt")).unwrap(),
        "no"
    );
    // What is no file might never end.
    assert_eq!(
        attempt("read_text(\"IN\")", false),
        Err("io".to_owned()),
        "a folder"
    );
}

#[test]
fn a_file_keeps_its_mode_and_nothing_else_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.txt");
    let write = |text: &str| {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: format!("write_text({path:?}, {text:?});"),
            arguments: Vec::new(),
        };
        let surroundings = RunEnvironment {
            last_resort: None,
            coverage: None,
            permissions: Permissions {
                // The file alone, which is not there at first.
                write: Allowed::In(vec![path.clone()]),
                ..Permissions::default()
            },
            ..RunEnvironment::closed(Rc::new(|_: &str| Ok(())))
        };
        let (_, result) = run(&script, Place::simulated().session(), &surroundings);
        if let Err(failure) = result {
            panic!("{}", failure.render(false));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    };
    write("one");
    let mode = |mode: u32| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&path, mode(0o640)).unwrap();
    write("two");
    let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(found, 0o640);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn nothing_overrides_that_a_script_ends_or_leaves_a_block() {
    let small = Limits {
        operations: 100_000,
        ..Limits::DEFAULT
    };
    for (source, status, services, failure) in [
        (
            "try { [1].map(|x| exit(3)); } catch { } service::add(\"fwmark://9\"); print(\"ran\");",
            3,
            0,
            None,
        ),
        (
            "transaction { service::add(\"fwmark://1\"); try { [1].map(|x| rollback(\"no\")); } catch { } service::add(\"fwmark://2\"); print(\"ran\"); } service::add(\"fwmark://3\");",
            0,
            1,
            None,
        ),
        (
            "loop { try { [1].map(|x| { loop { } }); } catch { } }",
            0,
            0,
            Some("more operations than it may"),
        ),
    ] {
        let place = Place::simulated();
        let (_, printed, result) = run_in(place.session(), "leave", source, small);
        assert_eq!(printed, Vec::<String>::new(), "{source}");
        match (result, failure) {
            (Ok(ran), None) => assert_eq!(ran.status, status, "{source}"),
            (Err(found), Some(expected)) => {
                assert!(found.render(false).contains(expected), "{source}");
            }
            (result, _) => panic!("{source}: {result:?}"),
        }
        assert_eq!(place.table().services.len(), services, "{source}");
    }
}

#[test]
fn what_would_mislead_is_refused() {
    for (source, expected) in [
        ("exit(\"text\");", "exit"),
        ("savepoint(\"x\");", "savepoint"),
        ("rollback(\"x\");", "rollback"),
        (
            "parse_json(\"18446744073709551615\");",
            "18446744073709551615",
        ),
        ("parse_csv(\"a,a\\n1,2\");", "a"),
        (
            "transaction { service::add(\"fwmark://1\"); stats::sample(\"1s\"); }",
            "sample",
        ),
    ] {
        let place = Place::simulated();
        let (_, _, result) = run_in(place.session(), "x", source, Limits::DEFAULT);
        let shown = result.expect_err(source).render(false);
        assert!(shown.contains(expected) && shown.contains("^"), "{shown}");
        assert!(place.table().services.is_empty(), "{source}");
    }
    let source = "let rows = parse_csv(\"server,weight\\n10.0.0.2,3\"); print(rows[0].weight + 1);";
    let (_, printed, _) = run_in(Place::simulated().session(), "x", source, Limits::DEFAULT);
    assert_eq!(printed, ["4"]);
}

#[test]
fn a_script_describes_its_own_options() {
    let source = "#!/usr/bin/env ipvsh\n// Drains a server.\n// Try it with --sim.\n\nlet o = options(#{ server: (), deadline: \"10m\", yes: false, tag: [] , count: 3 });\nprint(`${o.server} ${o.deadline} ${o.yes} ${o.tag} ${o.count}`);";
    let with = |arguments: &[&str]| {
        let script = Script {
            path: "drain.rhai".to_owned(),
            source: source.to_owned(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        };
        let printed: Rc<RefCell<Vec<String>>> = Rc::default();
        let sink = Rc::clone(&printed);
        let output = Rc::new(move |text: &str| {
            sink.borrow_mut().push(text.to_owned());
            Ok(())
        });
        let (_, result) = run(
            &script,
            Place::simulated().session(),
            &RunEnvironment::closed(output),
        );
        match result {
            Ok(_) => printed.borrow().join("\n"),
            Err(failure) => format!(
                "{}: {} ({})",
                failure.kind(),
                failure.message(),
                failure.hint().unwrap_or_default()
            ),
        }
    };
    assert_eq!(with(&["--server", "10.0.0.2"]), "10.0.0.2 10m false [] 3");
    assert_eq!(
        with(&[
            "--server=a",
            "--yes",
            "--tag",
            "x",
            "--tag=y",
            "--count",
            "7",
            "--deadline",
            "5m"
        ]),
        "a 5m true [\"x\", \"y\"] 7"
    );
    assert_eq!(with(&["--server", "a", "--no-yes"]), "a 10m false [] 3");
    let usage =
        "(usage: drain.rhai --server SERVER [--count 3] [--deadline 10m] [--tag TAG]... [--yes])";
    for (arguments, expected) in [
        (&[][..], "--server is missing"),
        (&["--server"], "--server needs a value"),
        (
            &["--sever", "x"],
            "there is no option --sever: did you mean --server?",
        ),
        (
            &["--server", "x", "--count", "many"],
            "--count is a whole number, not many",
        ),
        (
            &["--server", "x", "--server", "y"],
            "--server is given twice",
        ),
        (&["x"], "unexpected argument x"),
        (
            &["--server", "x", "--no-yes=true"],
            "--no-yes takes no value: it turns --yes off",
        ),
    ] {
        let said = with(arguments);
        assert!(
            said.starts_with("usage: ") && said.contains(expected) && said.ends_with(usage),
            "{said}"
        );
    }
    let script = Script {
        path: "drain.rhai".to_owned(),
        source: source.to_owned(),
        arguments: Vec::new(),
    };
    let help = describe_options(&script).unwrap();
    assert!(
        help.starts_with(
            "Drains a server.\nTry it with --sim.\n\nusage: drain.rhai --server SERVER"
        ),
        "{help}"
    );
    assert!(
        help.contains("--deadline           10m unless given"),
        "{help}"
    );
}

#[test]
fn a_script_is_described_without_running_it() {
    for (source, expected) in [
        (
            "// Says hello.\nlet who = \"x\"; let o = options(#{ who: who, yes: false }); print(1);",
            "Says hello.\n\nusage: drain.rhai [--who WHO] [--yes]",
        ),
        (
            "// Reads.\nfor a in args() { print(a); }",
            "Reads.\n\nusage: drain.rhai ARGUMENTS...",
        ),
        (
            "service::add(\"fwmark://1\");",
            "The script takes no arguments.",
        ),
    ] {
        let script = Script {
            path: "drain.rhai".to_owned(),
            source: source.to_owned(),
            arguments: Vec::new(),
        };
        let help = describe_options(&script).unwrap();
        assert!(help.contains(expected), "{help}");
    }
}
