//! Errors about texts that users write: the words are ours, the place is the beginning of the value, the object is named. What a
//! library says of itself reaches nobody.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Finished, ipvsh};

/// Words and marks of libraries and of the program's inside.
const FOREIGN: &[&str] = &[
    "i64",
    "u32",
    "u16",
    "invalid type:",
    "invalid value:",
    "EOF",
    "expected a sequence",
    "expected ident",
    "expected value",
    "invalid digit",
    "not registered",
    "Data type incorrect",
    "Indexer",
    "Expecting",
    "Undefined",
    "array",
    "TOML parse",
    "CSV error",
    "os error",
    "\u{1f}",
];

fn own_words(what: &str, finished: &Finished) {
    let found = FOREIGN.iter().find(|word| finished.stderr.contains(**word));
    assert_eq!(found, None, "{what}: {}", finished.stderr);
    assert!(
        finished.stderr.starts_with("error: "),
        "{what}: {finished:?}"
    );
}

/// Returns line and column of the place under an error.
fn place(finished: &Finished) -> Option<(usize, usize)> {
    let line = finished
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("--> "))?;
    let mut parts = line.rsplit(':');
    let column = parts.next()?.parse().ok()?;
    Some((parts.next()?.parse().ok()?, column))
}

/// A document in which every field of the schema has a value that it may have.
fn full() -> Value {
    json!({
        "version": 1,
        "services": [{
            "id": "tcp://192.0.2.1:80",
            "scheduler": "sh",
            "scheduler_flags": ["sh-port"],
            "one_packet": false,
            "other_flags": 0,
            "persistence": {"timeout_seconds": 300, "netmask": "255.255.255.0", "engine": null},
            "destinations": [{
                "id": "10.0.0.1:80",
                "forwarding": "tunneling",
                "tunnel": {"type": "gue", "port": 5555, "checksum": "none"},
                "weight": 1,
                "upper_threshold": 9,
                "lower_threshold": 1
            }]
        }, {
            "protocol": "udp",
            "address": "2001:db8::1",
            "port": 53,
            "persistence": {"prefix_length": 64}
        }, {
            "fwmark": 7,
            "family": "inet6",
            "dormant_persistence": null
        }],
        "timeouts": {"tcp_seconds": 900, "tcp_fin_seconds": 120, "udp_seconds": 300},
        "daemons": [{
            "state": "master", "interface": "eth0", "sync_id": 1, "sync_maxlen": 1400,
            "group": "224.0.0.81", "port": 8848, "ttl": 1
        }],
        "sysctl": {"conntrack": "1"}
    })
}

/// Returns the paths of all values within a value.
fn paths(value: &Value, before: &str, found: &mut Vec<String>) {
    let mut below = |name: String, value: &Value| {
        let path = format!("{before}/{name}");
        found.push(path.clone());
        paths(value, &path, found);
    };
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(name, value)| below(name.clone(), value)),
        Value::Array(list) => {
            let items = list.iter().enumerate();
            items.for_each(|(number, value)| below(number.to_string(), value));
        }
        _ => {}
    }
}

/// The object that a path leads through, as errors name it.
fn object_of(path: &str) -> Option<&'static str> {
    if path.starts_with("/services/0/destinations/0/") && path != "/services/0/destinations/0/id" {
        Some("tcp://192.0.2.1:80/10.0.0.1:80: ")
    } else if path.starts_with("/services/0/") && path != "/services/0/id" {
        Some("tcp://192.0.2.1:80: ")
    } else {
        None
    }
}

fn check_document(
    folder: &Path,
    what: &str,
    text: &str,
    wanted: Option<(usize, usize)>,
) -> Finished {
    fs::write(folder.join("d.json"), text).unwrap();
    let finished = ipvsh(folder, &["--sim", "apply", "d.json"]);
    assert!(matches!(finished.status, 2 | 3), "{what}: {finished:?}");
    own_words(what, &finished);
    if let Some(wanted) = wanted {
        assert_eq!(
            place(&finished),
            Some(wanted),
            "{what}: {}\n{text}",
            finished.stderr
        );
    }
    finished
}

#[test]
fn every_field_of_a_document_says_what_it_takes_where_its_value_begins() {
    let folder = tempfile::tempdir().unwrap();
    let full = full();
    let mut all = Vec::new();
    paths(&full, "", &mut all);
    assert!(all.len() > 40, "{all:?}");
    fs::write(folder.path().join("d.json"), full.to_string()).unwrap();
    let taken = ipvsh(folder.path(), &["--sim", "apply", "--dry-run", "d.json"]);
    assert_eq!(taken.status, 0, "the document itself: {taken:?}");
    const MARK: &str = "MARKED";
    for path in &all {
        let right = full.pointer(path).unwrap();
        for wrong in [
            json!(null),
            json!(true),
            json!(-7),
            json!(1.5),
            json!("?"),
            json!([7]),
            json!({"a": 7}),
        ] {
            let same = std::mem::discriminant(right) == std::mem::discriminant(&wrong);
            let number_as_text =
                path.starts_with("/sysctl/") && wrong != json!([7]) && wrong != json!({"a": 7});
            // Another value of the same type, and what null may stand for, are looked at elsewhere.
            if same && !matches!(wrong, Value::Number(_)) || number_as_text || wrong.is_null() {
                continue;
            }
            let mut document = full.clone();
            *document.pointer_mut(path).unwrap() = json!(MARK);
            let text = serde_json::to_string_pretty(&document).unwrap();
            let at = text.find(&format!("\"{MARK}\"")).unwrap();
            let line = text[..at].matches('\n').count() + 1;
            let column = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
            let text = text.replace(&format!("\"{MARK}\""), &wrong.to_string());
            let what = format!("{path} = {wrong}");
            // What stands for nothing may be something: that has fields of its own.
            if right.is_null() && (wrong.is_string() || wrong.is_object()) {
                continue;
            }
            let finished = check_document(folder.path(), &what, &text, Some((line, column)));
            if let Some(object) = object_of(path) {
                assert!(
                    finished.stderr.contains(object),
                    "{what}: {}",
                    finished.stderr
                );
            }
            let field = path
                .rsplit('/')
                .find(|part| part.parse::<u32>().is_err())
                .unwrap();
            let near = [
                field,
                field.rsplit('_').next().unwrap(),
                &field.replace('_', " "),
            ]
            .iter()
            .any(|name| finished.stderr.lines().next().unwrap().contains(name));
            let first = finished.stderr.lines().next().unwrap();
            let other_words = [
                "real server",
                "virtual service",
                "sync daemon",
                "service key",
            ];
            assert!(
                near || other_words.iter().any(|words| first.contains(words)),
                "{what}: {first}"
            );
        }
    }
}

#[test]
fn a_document_that_is_cut_or_has_a_slip_says_so_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_string_pretty(&full()).unwrap();
    for end in 0..text.len() {
        if end % 17 == 0 && text.is_char_boundary(end) {
            check_document(folder.path(), &format!("cut at {end}"), &text[..end], None);
        }
    }
    for (text, wanted, words) in [
        ("", (1, 1), "the document is empty"),
        (" \n ", (1, 1), "the document is empty"),
        (
            "{\"version\": 1, \"services\": [",
            (1, 28),
            "the document ends before the list that begins here",
        ),
        (
            "{\"version\": 1,\n",
            (1, 1),
            "the document ends before the object that begins here",
        ),
        (
            "{\"versi",
            (1, 2),
            "the document ends before the text that begins here",
        ),
        (
            "{version: 1}",
            (1, 2),
            "the name of a field stands in double quotes",
        ),
        ("{\"version\": 1,}", (1, 15), "there is a comma before this"),
        (
            "{\"version\": 1 \"services\": []}",
            (1, 15),
            "a comma belongs here",
        ),
        ("{\"version\": tru}", (1, 13), "`tru` is no value of JSON"),
        (
            "{\"version\": 1} x",
            (1, 16),
            "the document has ended before this",
        ),
        ("{\"version\" 1}", (1, 12), "a colon belongs here"),
        (
            "{\"version\": 1, \"sysctl\": {\"conntrack\": 1, \"conntrack\": 0}}",
            (1, 43),
            "is given twice",
        ),
        (
            "{\"version\": 1, \"version\": 1}",
            (1, 16),
            "is given twice",
        ),
        (
            "{\"version\": 1, \"sysctl\": {\"nosuch\": 1}}",
            (1, 37),
            "there is no kernel parameter nosuch",
        ),
        (
            "{\"version\": 1, \"sysctl\": {\"conntrack\": \"a\"}}",
            (1, 40),
            "out of the range",
        ),
        (
            "{\"version\": 1, \"services\": [\n{\"id\": \"tcp://192.0.2.1:80\", \"destinations\": [{\"id\": \"10.0.0.1:80\",\n \"upper_threshold\": 1, \"lower_threshold\": 5}]}]}",
            (3, 43),
            "tcp://192.0.2.1:80/10.0.0.1:80: invalid lower_threshold `5`",
        ),
        (
            "{\"version\": 1, \"services\": [{\"id\": \"tcp://192.0.2.1:80\", \"persistence\": {\"timeout\": 5}}]}",
            (1, 74),
            "did you mean `timeout_seconds`?",
        ),
    ] {
        let finished = check_document(folder.path(), text, text, Some(wanted));
        assert!(
            finished.stderr.contains(words),
            "{text}: {}",
            finished.stderr
        );
    }
    // The table that a simulation begins with is a document too, and what can't be in it has its place.
    fs::write(
        folder.path().join("d.json"),
        "{\"version\": 1, \"sysctl\": {\"drop_entry\": \"A\"}}",
    )
    .unwrap();
    let finished = ipvsh(folder.path(), &["--sim=d.json", "list"]);
    assert_eq!(
        (finished.status, place(&finished)),
        (2, Some((1, 41))),
        "{finished:?}"
    );
    // A byte order mark is no part of it.
    fs::write(folder.path().join("d.json"), "\u{feff}{\"version\": 1}").unwrap();
    assert_eq!(
        ipvsh(folder.path(), &["--sim", "apply", "d.json"]).status,
        0
    );
}

#[test]
fn a_file_of_another_kind_is_recognised_and_its_command_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| ipvsh(folder.path(), arguments);
    let kinds = [
        (
            "script",
            "service::list().len();\n",
            "`ipvsh run FILE` takes it",
        ),
        (
            "document",
            "{\"version\": 1}\n",
            "`ipvsh apply FILE` takes it",
        ),
        (
            "lines of ipvsadm",
            "-A -t 192.0.2.1:80 -s rr\n",
            "`ipvsh ipvsadm -R < FILE` takes them",
        ),
        (
            "keepalived",
            "virtual_server 192.0.2.1 80 {\n  lb_algo rr\n}\n",
            "configuration of keepalived",
        ),
        ("YAML", "version: 1\nservices: []\n", "this is YAML"),
        ("TOML", "[guards]\nlast_server = true\n", "this is TOML"),
    ];
    for (kind, text, words) in kinds {
        fs::write(folder.path().join("f"), text).unwrap();
        let words = words.replace("FILE", "f");
        let mut commands: Vec<&[&str]> = Vec::new();
        // A document may be YAML.
        if kind != "document" && kind != "YAML" {
            commands.extend([
                &["--sim", "apply", "f"][..],
                &["--sim", "plan", "f"],
                &["--sim", "diff", "f"],
                &["--sim=f", "list"],
            ]);
        }
        if kind != "script" {
            commands.extend([&["--sim", "run", "f"][..], &["check", "f"]]);
        }
        for command in commands {
            let refused = run(command);
            assert_eq!(refused.status, 2, "{kind} {command:?}: {refused:?}");
            assert!(
                refused.stderr.contains(&words),
                "{kind} {command:?}: {refused:?}"
            );
        }
    }
    // A plan is applied, and nothing else.
    fs::write(
        folder.path().join("d.json"),
        "{\"version\": 1, \"services\": [{\"id\": \"tcp://192.0.2.1:80\"}]}",
    )
    .unwrap();
    assert_eq!(
        run(&["--sim", "plan", "d.json", "--out", "p.json"]).status,
        0
    );
    for command in [
        &["--sim", "plan", "p.json"][..],
        &["--sim", "diff", "p.json"],
        &["--sim=p.json", "list"],
        &["--sim", "run", "p.json"],
    ] {
        let refused = run(command);
        assert_eq!(refused.status, 2, "{command:?}: {refused:?}");
        assert!(
            refused
                .stderr
                .contains("this is a plan; `ipvsh apply p.json` takes it"),
            "{refused:?}"
        );
    }
    // What both ends of a plan are is part of it.
    let plan = fs::read_to_string(folder.path().join("p.json")).unwrap();
    for end in ["before", "after"] {
        let mut shorter: Value = serde_json::from_str(&plan).unwrap();
        shorter.as_object_mut().unwrap().remove(end).unwrap();
        fs::write(folder.path().join("p.json"), shorter.to_string()).unwrap();
        let refused = run(&["--sim", "apply", "p.json"]);
        assert_eq!(refused.status, 2, "{refused:?}");
        assert!(
            refused.stderr.contains(&format!("a plan has `{end}`")),
            "{refused:?}"
        );
    }
}

#[test]
fn errors_of_scripts_are_in_the_words_of_the_language() {
    let folder = tempfile::tempdir().unwrap();
    for (code, words) in [
        ("nosuch::x()", "there is no namespace `nosuch`"),
        ("servise::list()", "did you mean `service`?"),
        (
            "let s = service::list(); s.nosuch",
            "a list of virtual services has no `nosuch`",
        ),
        ("().c", "there is no `c` of ()"),
        ("let x; x[0]", "there is no item of ()"),
        (
            "service::list()[\"x\"]",
            "is indexed by a number, as in `list[0]`, not by a text",
        ),
        (
            "[1,2][5]",
            "there is no item 5: the list has 2, from 0 to 1",
        ),
        ("[][0]", "there is no item 0: the list is empty"),
        ("\"a\"[9]", "there is no character 9"),
        ("[1][\"x\"]", "a number or a text belongs into the brackets"),
        (
            "let m = #{}; let i = 0; m[i]",
            "a text belongs here, not a number",
        ),
        ("if 5 {}", "true or false belongs here, not a number"),
        ("for i in 5 {}", "a list belongs here, not a number"),
        ("import 5", "a text belongs here, not a number"),
        ("call(\"x\")", "a closure belongs here, not a text"),
        ("1/0", "1 / 0 divides by zero"),
        (
            "9223372036854775807 + 1",
            "is larger than a whole number can be",
        ),
        (
            "service::get(5)",
            "`service::get` is called with a number; it is `service::get(id)`",
        ),
        ("let const = 5", "the name of a variable belongs here"),
        ("while", "the script ends in the middle"),
        ("\"abc", "the text that begins here has no end"),
        ("1 = 2", "can't be assigned to"),
        ("print(1", "a `)` is missing here"),
        ("}", "`}` belongs nowhere here"),
        ("break", "stand inside a loop"),
        ("return 5 6", "a `;` is missing here"),
        ("#{a:1,a:2}", "`a` is given twice in this map"),
        ("let x = #{\"a\" 1}", "a `:` is missing here"),
        ("fn f(a,a){}", "two parameters named `a`"),
        ("@", "`@` means nothing here"),
        ("1 === 2", "did you mean `==`?"),
        (
            "if true { fn f() {} }",
            "functions are defined at the outermost level",
        ),
        ("fn {}", "the name of the function is missing"),
        (
            "eval(\"1\")",
            "`eval` is a word that the language keeps for itself",
        ),
        ("0xzz", "is no number"),
        ("\"\\q\"", "is no escape"),
        (
            "parse_csv(\"a,b\\n1\")",
            "line 2 has 1 cells, and the first has 2",
        ),
        (
            "transaction \"x\" #{label: \"y\"} { 1 }",
            "has two labels, \"x\" and \"y\"",
        ),
        ("parse_json(\"{\")", "this is no JSON"),
        (
            "destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.1:80\", 5)",
            "`destination::edit` is called with",
        ),
        (
            "table::apply(#{version: 1, services: [#{id: \"tcp://192.0.2.1:80\", destinations: [#{id: \"10.0.0.1:80\", weight: \"5\"}]}]})",
            "tcp://192.0.2.1:80/10.0.0.1:80: invalid weight `\"5\"`",
        ),
    ] {
        let finished = ipvsh(folder.path(), &["--sim", "eval", code]);
        assert!(matches!(finished.status, 1..=3), "{code}: {finished:?}");
        own_words(code, &finished);
        assert!(
            finished.stderr.contains(words),
            "{code}: {}",
            finished.stderr
        );
    }
}

#[test]
fn words_of_the_command_line_forge_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let forged = "x\nerror: FORGED\u{9b}2J\u{202e}";
    for arguments in [
        vec![forged.to_owned()],
        vec!["list".to_owned(), format!("--{forged}")],
        vec!["list".to_owned(), forged.to_owned()],
        vec![format!("--lock-wait={forged}"), "list".to_owned()],
        vec![
            "--lock-wait".to_owned(),
            forged.to_owned(),
            "list".to_owned(),
        ],
        vec![
            "edit".to_owned(),
            "tcp://192.0.2.1:80".to_owned(),
            "--weight".to_owned(),
            forged.to_owned(),
        ],
        vec![
            "drain".to_owned(),
            format!("--late={forged}"),
            "10.0.0.2".to_owned(),
        ],
        vec!["apply".to_owned(), forged.to_owned()],
        vec!["run".to_owned(), forged.to_owned()],
        vec!["--netns".to_owned(), forged.to_owned(), "list".to_owned()],
        vec![format!("--sim={forged}"), "list".to_owned()],
        vec!["help".to_owned(), forged.to_owned()],
        vec!["history".to_owned(), "show".to_owned(), forged.to_owned()],
        vec![
            "--override".to_owned(),
            forged.to_owned(),
            "list".to_owned(),
        ],
        vec![
            "ipvsadm".to_owned(),
            "-A".to_owned(),
            "-t".to_owned(),
            forged.to_owned(),
        ],
    ] {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let finished = ipvsh(folder.path(), &words);
        assert_ne!(finished.status, 0, "{words:?}: {finished:?}");
        for line in finished.stderr.lines() {
            assert!(
                !line.starts_with("error: FORGED"),
                "{words:?}: {}",
                finished.stderr
            );
            let raw = line
                .chars()
                .find(|c| matches!(c, '\u{80}'..='\u{9f}' | '\u{202e}'));
            assert_eq!(raw, None, "{words:?}: {line}");
        }
    }
}

#[test]
fn what_is_listed_twice_is_shown_where_it_is_listed_again() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, place) in [
        (
            "services.json",
            "{\"version\":1,\"services\":[\n{\"id\":\"fwmark://7\"},\n{\"id\":\"fwmark://8\"},\n  {\"id\":\"fwmark://7\"}]}",
            "services.json:4:3",
        ),
        (
            "servers.json",
            "{\"version\":1,\"services\":[{\"id\":\"fwmark://7\",\"destinations\":[\n{\"id\":\"10.0.0.1:0\"},\n{\"id\":\"10.0.0.2:0\"},\n {\"id\":\"10.0.0.1:0\"}]}]}",
            "servers.json:4:2",
        ),
        (
            "services.yaml",
            "version: 1\nservices:\n  - id: fwmark://7\n  - id: fwmark://7\n",
            "services.yaml:4:5",
        ),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
        let finished = ipvsh(folder.path(), &["--sim", "plan", name]);
        assert_eq!(finished.status, 2, "{finished:?}");
        assert!(finished.stderr.contains("is listed twice"), "{finished:?}");
        assert!(finished.stderr.contains(place), "{finished:?}");
    }
}
