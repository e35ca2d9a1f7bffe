//! Scripts, on every kernel: each file of tests/data/scripts runs and prints what its `//=>` comments say;
//! `//=!` is the error that ends it.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use ipvsh::script::{Limits, Ran, Script, ScriptFailure, run};
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
    let (session, result) = run(&script, session, limits, output);
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
