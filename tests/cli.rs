//! The command line as a user meets it: statuses, what goes where, wrong input.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Finished, ipvsh, ipvsh_command, ipvsh_ok, state_of};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn write(folder: &Path, name: &str, contents: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), contents).unwrap();
}

const WEB: &str = r#"{ "version": 1, "services": [
  { "id": "tcp://192.0.2.1:80", "scheduler": "wlc", "comment": "the shop", "x-owner": "web",
    "destinations": [ { "id": "10.0.0.2:8080", "weight": 10, "forwarding": "masquerading" },
                      { "id": "10.0.0.3:8080", "weight": 10, "forwarding": "masquerading" } ] },
  { "fwmark": 7, "scheduler": "rr" } ] }"#;

fn with_web() -> tempfile::TempDir {
    let folder = folder();
    write(folder.path(), "web.json", WEB);
    folder
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn one_change_at_a_time() {
    let folder = folder();
    let path = folder.path();
    let on = |arguments: &[&str]| ipvsh(path, &[&["--sim-state=table.json"], arguments].concat());
    let ok = |arguments: &[&str]| {
        let finished = on(arguments);
        assert_eq!(finished.status, 0, "{arguments:?}: {finished:?}");
        finished.stdout
    };
    ok(&[
        "add",
        "tcp://192.0.2.1:80",
        "--scheduler",
        "sh",
        "--scheduler-flags",
        "sh-port",
        "--persistence",
        "5m",
    ]);
    ok(&[
        "add",
        "tcp://192.0.2.1:80/10.0.0.2:8080",
        "--weight",
        "10",
        "--forwarding",
        "masquerading",
    ]);
    ok(&[
        "add",
        "tcp://192.0.2.1:80/10.0.0.3:80",
        "--forwarding=tunneling",
        "--tunnel",
        "gue:6080:csum",
    ]);
    let dry = ok(&[
        "edit",
        "--dry-run",
        "tcp://192.0.2.1:80/10.0.0.2:8080",
        "--weight",
        "0",
    ]);
    assert_eq!(
        dry,
        "~ tcp://192.0.2.1:80\n  ~ 10.0.0.2:8080   weight 10 -> 0\nPlan: 0 to add, 1 to change, 0 to delete. Nothing was changed.\n"
    );
    ok(&[
        "edit",
        "tcp://192.0.2.1:80/10.0.0.2:8080",
        "--weight",
        "0",
        "--upper-threshold",
        "9",
    ]);
    let exported = json(&ok(&["export", "--config"]));
    let server = &exported["services"][0]["destinations"][0];
    assert_eq!(
        (
            &server["weight"],
            &server["upper_threshold"],
            &server["forwarding"]
        ),
        (&0.into(), &9.into(), &"masquerading".into())
    );
    assert_eq!(
        exported["services"][0]["persistence"]["timeout_seconds"],
        300
    );
    assert_eq!(
        exported["services"][0]["destinations"][1]["tunnel"],
        serde_json::json!({"type": "gue", "port": 6080, "checksum": "csum"})
    );
    assert!(ok(&["ensure", "tcp://192.0.2.1:80", "--scheduler", "sh"]).contains("no changes"));
    ok(&[
        "ensure",
        "fwmark6://3",
        "--persistence",
        "--prefix-length",
        "64",
    ]);
    let exists = on(&["add", "fwmark6://3"]);
    assert_eq!(exists.status, 3, "{exists:?}");
    assert_eq!(
        exists.stderr,
        "error: cannot add virtual service fwmark6://3: it already exists\nhint: use `edit` to change it, or `ensure` to add or change it\n"
    );
    assert!(ok(&["absent", "tcp://192.0.2.1:80/10.0.0.99:80"]).contains("no changes"));
    let missing = on(&["delete", "tcp://192.0.2.1:80/10.0.0.99:80"]);
    assert_eq!(
        (missing.status, missing.stderr.as_str()),
        (
            3,
            "error: cannot delete real server 10.0.0.99:80 of tcp://192.0.2.1:80: it has no such real server\nhint: `ipvsh list` shows what is there\n"
        )
    );
    ok(&["delete", "tcp://192.0.2.1:80"]);
    assert_eq!(
        json(&ok(&["export"]))["services"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn apply_merges_and_prunes_only_when_told() {
    let folder = with_web();
    let path = folder.path();
    write(
        path,
        "part.json",
        r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "destinations": [ { "id": "10.0.0.3:8080", "weight": 4 } ] } ] }"#,
    );
    let merged = ipvsh_ok(path, &["plan", "part.json", "--sim=web.json"]);
    assert_eq!(
        merged,
        "\
~ tcp://192.0.2.1:80
  ~ 10.0.0.3:8080   weight 10 -> 4
  kept, not in part.json: tcp://192.0.2.1:80/10.0.0.2:8080   (--prune=servers would delete them)
Plan: 0 to add, 1 to change, 0 to delete. Nothing was changed.
"
    );
    let servers = ipvsh_ok(
        path,
        &["plan", "--sim=web.json", "--prune=servers", "part.json"],
    );
    assert!(
        servers.contains("- 10.0.0.2:8080   was weight 10, masquerading")
            && !servers.contains("fwmark"),
        "{servers}"
    );
    let services = ipvsh_ok(
        path,
        &[
            "apply",
            "--dry-run",
            "--sim=web.json",
            "--prune=services",
            "part.json",
        ],
    );
    assert!(
        services.contains("- fwmark://7   with 0 real servers"),
        "{services}"
    );
    let kept = ipvsh_ok(
        path,
        &[
            "plan",
            "--sim=web.json",
            "--keep",
            "weight",
            "part.json",
            "--exit-code",
        ],
    );
    assert!(kept.contains("no changes"), "{kept}");
    write(path, "empty.json", r#"{ "version": 1 }"#);
    let empty = ipvsh(
        path,
        &["apply", "--sim=web.json", "--prune=services", "empty.json"],
    );
    assert_eq!(empty.status, 2, "{empty:?}");
    assert!(
        empty.stderr.contains("an empty document never prunes"),
        "{empty:?}"
    );
    // The document that a simulation starts from stays as it is.
    assert_eq!(std::fs::read_to_string(path.join("web.json")).unwrap(), WEB);
}

#[test]
fn results_are_one_json_document_on_success_and_on_failure() {
    let folder = with_web();
    let path = folder.path();
    let applied = json(&ipvsh_ok(path, &["--json", "--sim", "apply", "web.json"]));
    assert_eq!(
        (
            &applied["outcome"],
            &applied["changed"],
            &applied["version"]
        ),
        (&"committed".into(), &true.into(), &1.into())
    );
    assert_eq!(applied["plan"]["summary"]["add"], 4);
    assert_eq!(
        applied["plan"]["changes"][0]["object"],
        "tcp://192.0.2.1:80"
    );
    let planned = json(&ipvsh_ok(
        path,
        &["--json", "--sim=web.json", "plan", "web.json"],
    ));
    assert_eq!(
        (&planned["outcome"], &planned["changed"]),
        (&"planned".into(), &false.into())
    );
    let refused = ipvsh(path, &["--json", "--sim=web.json", "add", "fwmark://7"]);
    assert_eq!(refused.status, 3);
    let refused = json(&refused.stdout);
    assert_eq!(
        (
            &refused["outcome"],
            &refused["cause"]["kind"],
            &refused["cause"]["errno"]
        ),
        (&"failed".into(), &"exists".into(), &"EEXIST".into())
    );
    let rolled_back = ipvsh(
        path,
        &[
            "--json",
            "--sim",
            "eval",
            "transaction { service::add(\"fwmark://1\", #{persistence: #{timeout: \"5m\", engine: \"sipx\"}}) }",
        ],
    );
    assert_eq!(rolled_back.status, 3, "{rolled_back:?}");
    let rolled_back = json(&rolled_back.stdout);
    assert_eq!(
        (
            &rolled_back["outcome"],
            &rolled_back["changed"],
            &rolled_back["cause"]["errno"]
        ),
        (&"rolled_back".into(), &false.into(), &"ENOENT".into())
    );
    let value = json(&ipvsh_ok(
        path,
        &[
            "--json",
            "--sim=web.json",
            "eval",
            "print(\"aside\"); service::list()",
        ],
    ));
    assert_eq!(value[0]["id"], "tcp://192.0.2.1:80");
    let script = ipvsh(path, &["--json", "--sim", "run", "missing.rhai"]);
    assert_eq!(
        (script.status, json(&script.stdout)["cause"]["kind"].clone()),
        (2, "usage".into())
    );
}

#[test]
fn wrong_documents_are_named_with_their_place() {
    let folder = folder();
    let path = folder.path();
    for (document, expected) in [
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "wieght": 1 } ] }"#,
            "unknown field `wieght` of a virtual service",
        ),
        (
            "{ \"version\": 1,\n  \"services\": [ { \"id\": \"tcp://192.0.2.1:80\", \"destinations\": [ { \"id\": \"10.0.0.1:80\", \"wieght\": 1 } ] } ] }",
            "did you mean `weight`?",
        ),
        (r#"{ "services": [] }"#, "the document has no `version`"),
        (
            r#"{ "version": 2 }"#,
            "the document has version 2; this program reads 1",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80" }, { "protocol": "tcp", "address": "192.0.2.1", "port": 80 } ] }"#,
            "tcp://192.0.2.1:80 is listed twice",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "port": 81 } ] }"#,
            "do not agree",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "destinations": [ { "id": "10.0.0.1:80" }, { "id": "10.0.0.1:80" } ] } ] }"#,
            "10.0.0.1:80 of tcp://192.0.2.1:80 is listed twice",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "destinations": [ { "id": "10.0.0.1:80", "weight": -1 } ] } ] }"#,
            "it is a whole number from 0 to 2147483647",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "scheduler": "none" } ] }"#,
            "refuses every connection",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "destinations": [ { "id": "10.0.0.1:80", "forwarding": "method-6" } ] } ] }"#,
            "it can be kept, not created",
        ),
        (
            r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "persistence": { "prefix_length": 64 } } ] }"#,
            "an IPv4 service has a netmask",
        ),
        (
            r#"{ "version": 1, "incomplete": ["x"], "services": [] }"#,
            "exported without privilege",
        ),
        (r#"{ "version": 1, "version": 1 }"#, "is given twice"),
        ("[]", "a document is an object"),
        ("", "the document is empty"),
    ] {
        write(path, "wrong.json", document);
        let finished = ipvsh(path, &["--sim", "apply", "wrong.json"]);
        assert_eq!(finished.status, 2, "{document}: {finished:?}");
        assert!(
            finished.stderr.contains(expected),
            "{document}: {}",
            finished.stderr
        );
    }
    write(
        path,
        "wrong.json",
        "{ \"version\": 1,\n  \"services\": [ { \"id\": \"tcp://192.0.2.1:80\",\n    \"sheduler\": \"rr\" } ] }",
    );
    let shown = ipvsh(path, &["--sim", "apply", "wrong.json"]).stderr;
    assert!(
        shown.contains("wrong.json:3:") && shown.contains("3 |     \"sheduler\": \"rr\" } ] }"),
        "{shown}"
    );
    let mut garbage = vec![0u8; 4096];
    garbage
        .iter_mut()
        .enumerate()
        .for_each(|(index, byte)| *byte = (index * 37).to_le_bytes()[0]);
    write(path, "garbage.json", &garbage);
    write(path, "garbage.rhai", &garbage);
    for arguments in [
        ["apply", "garbage.json"],
        ["run", "garbage.rhai"],
        ["check", "garbage.rhai"],
        ["plan", "garbage.json"],
    ] {
        let finished = ipvsh(path, &[&["--sim"], arguments.as_slice()].concat());
        assert_eq!(finished.status, 2, "{arguments:?}: {finished:?}");
    }
    let huge = std::fs::File::create(path.join("huge.json")).unwrap();
    huge.set_len(2 << 30).unwrap();
    let finished = ipvsh(path, &["--sim", "apply", "huge.json"]);
    assert_eq!(
        (finished.status, finished.stderr.as_str()),
        (
            2,
            "error: huge.json is larger than 1073741824 bytes\nhint: --max-size allows more\n"
        )
    );
    let missing = ipvsh(path, &["--sim", "apply", "nowhere.json"]);
    assert_eq!(missing.status, 2, "{missing:?}");
}

#[test]
fn statuses_tell_what_happened() {
    let folder = with_web();
    let path = folder.path();
    let status = |arguments: &[&str]| ipvsh(path, arguments).status;
    assert_eq!(status(&["--sim", "eval", "exit(42)"]), 42);
    assert_eq!(status(&["--sim", "eval", "throw \"x\""]), 1);
    assert_eq!(status(&["--sim", "eval", "let x = ;"]), 2);
    assert_eq!(status(&["--sim", "eval", "nosuch()"]), 2);
    assert_eq!(
        status(&["--sim=web.json", "eval", "service::add(\"fwmark://7\")"]),
        3
    );
    assert_eq!(
        status(&[
            "--sim=web.json",
            "eval",
            "service::delete(\"fwmark://7\"); throw 1"
        ]),
        7
    );
    assert_eq!(
        status(&["--sim=web.json", "plan", "web.json", "--exit-code"]),
        0
    );
    assert_eq!(status(&["--sim", "plan", "web.json", "--exit-code"]), 10);
    assert_eq!(status(&["--sim", "diff", "web.json", "--exit-code"]), 10);
    assert_eq!(status(&["diff", "web.json", "web.json", "--exit-code"]), 0);
    assert_eq!(status(&["list", "--sim", "fwmark://1"]), 3);
    assert_eq!(status(&["--netns", "no-such-namespace", "list"]), 6);
    assert_eq!(status(&["--sim", "frobnicate"]), 2);
    assert_eq!(status(&["--sim", "--netns", "x", "list"]), 2);
    assert_eq!(status(&["--sim", "edit", "fwmark://7"]), 2);
    assert_eq!(status(&["--sim", "add", "fwmark://7", "--weight", "3"]), 2);
    assert_eq!(status(&["--sim", "add", "http://x"]), 2);
    assert_eq!(status(&["--help"]), 0);
    write(path, "state.json", WEB);
    let failing = "service::delete(\"fwmark://7\"); throw 1";
    let kept = ipvsh(path, &["--sim-state=state.json", "eval", failing]);
    assert!(
        kept.stderr.contains("1 earlier commit of this run stands")
            && kept
                .stderr
                .contains("\n  ipvsh --sim-state=state.json undo 1\n"),
        "{kept:?}"
    );
    write(path, "state.json", WEB);
    let arguments = [
        "--json",
        "--no-journal",
        "--sim-state=state.json",
        "eval",
        failing,
    ];
    let standing = ipvsh(path, &arguments);
    assert!(
        standing
            .stderr
            .contains("1 earlier commit of this run stands")
            && standing
                .stderr
                .contains("ipvsh --sim-state=state.json add fwmark://7 --scheduler rr"),
        "{standing:?}"
    );
    let result = json(&standing.stdout);
    assert_eq!(
        (
            &result["changed"],
            &result["commits"][0]["summary"]["delete"]
        ),
        (&true.into(), &1.into())
    );
    let suggestion = ipvsh(path, &["--sim", "lst"]);
    assert!(
        suggestion.stderr.contains("did you mean `list`?"),
        "{suggestion:?}"
    );
    let nowhere = ipvsh(path, &["--netns", "no-such-namespace", "list"]);
    assert!(
        nowhere
            .stderr
            .contains("/run/netns/no-such-namespace does not exist")
            && nowhere.stderr.contains("ip netns list"),
        "{nowhere:?}"
    );
}

#[test]
fn output_that_can_not_be_written_is_said() {
    let folder = with_web();
    let into = |arguments: &[&str], target: &str| -> Finished {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(target)
            .unwrap();
        let mut command = ipvsh_command(folder.path(), arguments);
        command
            .stdout(Stdio::from(file))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap()
            .into()
    };
    let full = into(&["--sim=web.json", "list"], "/dev/full");
    assert_eq!(full.status, 1, "{full:?}");
    assert!(
        full.stderr
            .contains("could not be written: No space left on device"),
        "{full:?}"
    );
    let committed = into(&["--sim", "apply", "web.json"], "/dev/full");
    assert_eq!(committed.status, 9, "{committed:?}");
    assert!(
        committed
            .stderr
            .contains("committed, but the result could not be written"),
        "{committed:?}"
    );
    let printed = into(
        &[
            "--sim",
            "eval",
            "print(\"x\"); service::add(\"fwmark://1\"); ()",
        ],
        "/dev/full",
    );
    assert_eq!(printed.status, 9, "{printed:?}");
    assert_eq!(
        into(&["--sim", "eval", "print(\"x\");"], "/dev/full").status,
        1
    );
    // A reader that goes away ends it as it ends any program, and nothing is said: a million lines are not made for nobody.
    let mut child = ipvsh_command(
        folder.path(),
        &[
            "--sim=web.json",
            "eval",
            "for n in 0..1000000 { print(\"a line that fills the pipe\"); }",
        ],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    drop(child.stdout.take());
    let finished: Finished = child.wait_with_output().unwrap().into();
    assert_eq!((finished.status, finished.stderr.as_str()), (141, ""));
}

#[test]
fn a_scripts_arguments_are_its_own() {
    let folder = folder();
    let path = folder.path();
    write(path, "args.rhai", "#!/usr/bin/env ipvsh\nprint(args());\n");
    assert_eq!(
        ipvsh_ok(path, &["run", "--sim", "args.rhai", "a", "--quick", "-n"]),
        "[\"a\", \"--quick\", \"-n\"]\n"
    );
    assert_eq!(ipvsh_ok(path, &["--sim", "args.rhai", "a"]), "[\"a\"]\n");
    let refused = ipvsh(path, &["run", "args.rhai", "--sim"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("--sim comes after the script's name"),
        "{refused:?}"
    );
    assert_eq!(
        ipvsh_ok(path, &["run", "--sim", "args.rhai", "--", "--sim"]),
        "[\"--sim\"]\n"
    );
    let mut child = ipvsh_command(path, &["--sim"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"print(6 * 7);")
        .unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"42\n");
}

#[test]
fn a_list_is_pleasant_to_read() {
    let folder = with_web();
    let text = ipvsh_ok(folder.path(), &["--sim=web.json", "list"]);
    let mut lines = text.lines();
    let heading = lines.next().unwrap();
    assert!(
        heading.starts_with("simulated | web.json | 2 services, 2 real servers | "),
        "{heading}"
    );
    let rest: Vec<&str> = lines.collect();
    assert_eq!(
        rest.join("\n"),
        "
tcp://192.0.2.1:80   wlc   active 0   inactive 0   0 conn/s
  REAL SERVER    METHOD        WEIGHT  SHARE  ACTIVE  INACTIVE  CONN/S
  10.0.0.2:8080  masquerading      10   50 %       0         0       0
  10.0.0.3:8080  masquerading      10   50 %       0         0       0

fwmark://7   rr   ! no real servers: connections refused"
    );
    let off = r#"{ "version": 1, "services": [ { "id": "fwmark://1", "destinations": ["#.to_owned()
        + r#"{ "id": "10.0.0.1:0", "weight": 0 } ] } ], "sysctl": { "run_estimation": 0 } }"#;
    write(folder.path(), "off.json", off);
    let text = ipvsh_ok(folder.path(), &["--sim=off.json", "list", "fwmark://1"]);
    assert!(
        text.contains("       0      -       0         0       -  quiescent"),
        "rates without estimation are no zeros: {text}"
    );
}

#[test]
fn a_plan_of_a_script_changes_nothing_and_shows_everything() {
    let folder = with_web();
    let path = folder.path();
    write(
        path,
        "change.rhai",
        "transaction { service::delete(\"fwmark://7\"); }\nlet p = rehearse { service::add(\"fwmark://8\"); };\np.commit();\nsleep(\"1h\");\nprint(service::has(\"fwmark://8\"));\n",
    );
    let plan = ipvsh_ok(path, &["plan", "--sim=web.json", "change.rhai"]);
    assert_eq!(
        plan,
        "true\n- fwmark://7   with 0 real servers\n+ fwmark://8   wlc\n  waits: sleep 1h (counted as done)\nPlan: 1 to add, 0 to change, 1 to delete. Nothing was changed.\n"
    );
    assert_eq!(
        ipvsh_ok(path, &["run", "--sim=web.json", "--dry-run", "change.rhai"]),
        plan
    );
}

#[test]
fn the_schema_is_json_and_the_document_fits_it() {
    let folder = with_web();
    let schema = json(&ipvsh_ok(folder.path(), &["schema"]));
    let document = json(&ipvsh_ok(folder.path(), &["--sim=web.json", "export"]));
    // Every field that is written is in the schema.
    let known = |definition: &serde_json::Value, object: &serde_json::Value| {
        for field in object.as_object().unwrap().keys() {
            assert!(
                definition["properties"].get(field).is_some(),
                "{field} is not in the schema"
            );
        }
    };
    known(&schema, &document);
    known(&schema["$defs"]["service"], &document["services"][0]);
    known(
        &schema["$defs"]["destination"],
        &document["services"][0]["destinations"][0],
    );
    known(&schema["$defs"]["timeouts"], &document["timeouts"]);
}

/// Makes a program such as `env` start `ipvsh`; what it is told stands before.
fn started_by(program: &[&str], folder: &Path, arguments: &[&str]) -> Command {
    let plain = ipvsh_command(folder, arguments);
    let mut command = Command::new(program[0]);
    command
        .args(&program[1..])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", folder)
        .env("IPVSH_STATE_DIR", state_of(folder))
        .stdin(Stdio::null());
    command
}

#[test]
fn a_machine_that_gives_no_large_stack_runs_scripts_without_a_word() {
    let folder = folder();
    // What the address space allows, in KiB: the second stack that is asked for, the third, none beside the program itself.
    for limit in ["400000", "120000", "45000"] {
        let shell = ["sh", "-c", "ulimit -v $0; exec \"$@\"", limit];
        let code = "let a = []; for i in 0..100 { a = [a]; } print(a.len()); throw \"on purpose\"";
        let mut command = started_by(&shell, folder.path(), &["eval", "--sim", code]);
        let finished: Finished = command.output().unwrap().into();
        assert_eq!(finished.status, 1, "{limit}: {finished:?}");
        assert_eq!(finished.stdout, "1\n", "{limit}");
        assert!(
            finished.stderr.starts_with("error: on purpose"),
            "{limit}: {finished:?}"
        );
        assert!(
            !finished.stderr.contains("panicked"),
            "{limit}: {finished:?}"
        );
    }
}

/// Starts a script that says "ready" and sends it signals.
fn signalled(command: &mut Command, signals: &[&str]) -> Finished {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line, "ready\n");
    for signal in signals {
        crate::support::system(&format!("kill -{signal} {}", child.id()));
    }
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_static_build_has_the_c_library_inside() {
    let is_static = cfg!(target_feature = "crt-static");
    assert!(is_static || std::env::var_os("IPVSHTEST_STATIC").is_none());
    let program = ipvsh_command(folder().path(), &[]);
    let bytes = std::fs::read(program.get_program()).unwrap();
    // What is not static names who loads its libraries.
    let needs_loader = bytes
        .windows(7)
        .take(4096)
        .any(|window| window == b"/ld-lin");
    assert_eq!(needs_loader, !is_static);
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let folder = folder();
    let code = "print(\"ready\"); while true { }";
    let arguments = ["--sim", "eval", "--max-operations", "100000000000", code];
    let mut command = started_by(&["env", "--ignore-signal=HUP"], folder.path(), &arguments);
    let finished = signalled(&mut command, &["HUP", "TERM"]);
    assert_eq!(finished.status, 143, "{finished:?}");
}

#[test]
fn signals_end_a_script_with_a_status_of_their_own() {
    let folder = folder();
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let code = "print(\"ready\"); transaction { service::add(\"fwmark://1\"); while true { try { 1 } catch { } } }";
        let arguments = ["--sim", "eval", "--max-operations", "100000000000", code];
        let finished = signalled(
            &mut started_by(
                &["env", "--default-signal=INT,TERM,HUP"],
                folder.path(),
                &arguments,
            ),
            &[signal],
        );
        assert_eq!(finished.status, status, "{finished:?}");
        assert!(
            finished.stderr.contains("interrupted by signal"),
            "{finished:?}"
        );
    }
    // While it only reads its input there is nothing to guard: it ends at once.
    let arguments = ["--sim", "apply", "-"];
    let mut child = started_by(&["env", "--default-signal=INT"], folder.path(), &arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    crate::support::system(&format!("sleep 0.3; kill -INT {}", child.id()));
    let ended = child.wait().unwrap();
    drop(input);
    assert!(!ended.success());
}

#[test]
fn lines_for_a_shell_hold_no_surprises() {
    let folder = folder();
    write(
        folder.path(),
        "evil.json",
        r#"{ "version": 1, "daemons": [ { "state": "master", "interface": "$(id>x)" } ] }"#,
    );
    let plan = ipvsh_ok(
        folder.path(),
        &["--sim", "plan", "evil.json", "--format", "ipvsadm"],
    );
    assert!(plan.contains("--mcast-interface '$(id>x)' "), "{plan}");
    assert_eq!(ipvsh::ipvsadm::text::shell_word("it's"), "'it'\\''s'");
    assert_eq!(ipvsh::ipvsadm::text::shell_word(""), "''");
    assert_eq!(
        ipvsh::ipvsadm::text::shell_word("tcp://[2001:db8::1]:80"),
        "tcp://[2001:db8::1]:80"
    );
}

#[test]
fn a_script_that_writes_to_its_own_output_loses_nothing() {
    let folder = folder();
    let log = folder.path().join("log");
    let source = r#"print("first"); write_text("/proc/self/fd/1", "middle\n"); print("last");"#;
    for (append, expected) in [
        (true, "old\nfirst\nmiddle\nlast\n"),
        (false, "first\nmiddle\nlast\n"),
    ] {
        std::fs::write(&log, "old\n").unwrap();
        let output = std::fs::OpenOptions::new()
            .append(append)
            .write(true)
            .truncate(!append)
            .open(&log)
            .unwrap();
        write(folder.path(), "w.rhai", source);
        let status = ipvsh_command(folder.path(), &["run", "--sim", "--allow-write", "w.rhai"])
            .stdout(output)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
    }
}

#[test]
fn thousands_of_commits_are_counted_and_the_last_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let code = "service::add(\"fwmark://1\"); destination::add(\"fwmark://1\", \"10.0.0.1:80\");\
        for n in 0..2100 { destination::edit(\"fwmark://1\", \"10.0.0.1:80\", #{ weight: n + 2 }); }\
        throw \"enough\"";
    let failed = ipvsh(folder.path(), &["--sim", "--json", "eval", code]);
    assert_eq!(failed.status, 7, "{}", failed.stderr);
    assert!(
        failed
            .stderr
            .contains("2102 earlier commits of this run stand"),
        "{}",
        failed.stderr
    );
    assert!(
        failed
            .stderr
            .contains("the first 1000 of these are too old"),
        "{}",
        failed.stderr
    );
    let result: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(result["commits"].as_array().unwrap().len(), 1102);
    assert_eq!(result["changed"], true);
    assert!(
        result["warnings"][0]
            .as_str()
            .unwrap()
            .contains("the first 1000")
    );
}

#[test]
fn a_value_behind_a_space_is_refused_with_the_right_form() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.json",
        r#"{"version":1,"services":[{"id":"fwmark://1"}]}"#,
    );
    write(
        "b.json",
        r#"{"version":1,"services":[{"id":"fwmark://2"}]}"#,
    );
    write("c.rhai", "print(args());");
    write("plain", "print(args());");
    for (line, right) in [
        ("list --sim a.json", "--sim=a.json"),
        ("--sim a.json list", "--sim=a.json"),
        ("--sim a.json", "--sim=a.json"),
        ("export --sim a.json --config", "--sim=a.json"),
        ("apply --sim a.json b.json", "--sim=a.json"),
        ("--sim a.json apply b.json", "--sim=a.json"),
        ("plan b.json --sim a.json", "--sim=a.json"),
        ("diff --sim a.json b.json", "--sim=a.json"),
        ("run --sim a.json c.rhai", "--sim=a.json"),
        ("eval --sim a.json 1+1", "--sim=a.json"),
        (
            "run --sim --allow-read a.json c.rhai",
            "--allow-read=a.json",
        ),
        ("eval --sim --allow-write a.json 1", "--allow-write=a.json"),
        ("apply --sim --prune servers a.json", "--prune=servers"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let finished = ipvsh(folder.path(), &words);
        assert_eq!(finished.status, 2, "{line}: {finished:?}");
        assert!(
            finished
                .stderr
                .contains(&format!("stands behind `=`: {right} ")),
            "{line}: {finished:?}"
        );
        assert_eq!(finished.stdout, "", "{line}");
    }
    for line in [
        "plan --sim a.json",
        "apply --sim b.json",
        "run --sim c.rhai",
        "run --sim plain",
        "run --sim plain a.json",
        "run --sim c.rhai a.json",
        "c.rhai --sim a.json b.json",
        "diff a.json b.json --sim",
        "check --allow-read c.rhai",
        "list --sim",
        "run --sim -- c.rhai",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let finished = ipvsh(folder.path(), &words);
        assert!(
            !finished.stderr.contains("stands behind"),
            "{line}: {finished:?}"
        );
        let is_script_of_its_own = line.starts_with("c.rhai");
        assert!(
            finished.status == 0 || is_script_of_its_own,
            "{line}: {finished:?}"
        );
    }
}

#[test]
fn colours_go_by_the_variables_that_everyone_knows() {
    let shown = |variable: &str, color: &str| {
        let web = concat!("--sim=", env!("CARGO_MANIFEST_DIR"), "/scripts/web.json");
        let folder = tempfile::tempdir().unwrap();
        let mut command = ipvsh_command(folder.path(), &[web, "--color", color, "list"]);
        if !variable.is_empty() {
            command.env(variable, "1");
        }
        let finished: Finished = command.output().unwrap().into();
        assert_eq!(finished.status, 0, "{finished:?}");
        finished.stdout.contains('\u{1b}')
    };
    assert!(!shown("", "auto"));
    assert!(shown("CLICOLOR_FORCE", "auto"));
    assert!(!shown("CLICOLOR_FORCE", "never"));
    assert!(!shown("NO_COLOR", "auto"));
    assert!(shown("NO_COLOR", "always"));
}

#[test]
fn a_text_that_doubles_ends_at_the_limit_and_what_was_committed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for code in [
        "let s = \"ab\"; loop { s += s; }",
        "let s = \"ab\"; loop { s = s + s; }",
        "let s = \"ab\"; loop { s = `${s}${s}`; }",
        "let s = \"ab\"; loop { s.append(s); }",
    ] {
        let code = format!("service::ensure(\"fwmark://9\", #{{}}); {code}");
        let arguments = [
            "--sim-state=table.json",
            "--json",
            "eval",
            "--max-memory=64",
            &code,
        ];
        let finished = ipvsh(folder.path(), &arguments);
        let result: serde_json::Value = serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{code}: {error}: {finished:?}"));
        assert_eq!(result["cause"]["kind"], "limit", "{code}: {result}");
        assert!([1, 7].contains(&finished.status), "{code}: {finished:?}");
    }
}

#[test]
fn sentences_name_the_object_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let web = crate::architecture::root().join("scripts/web.json");
    let shop = crate::architecture::root().join("scripts/shop.json");
    let (web, shop) = (
        format!("--sim={}", web.display()),
        format!("--sim={}", shop.display()),
    );
    std::fs::write(folder.path().join("x.rhai"), "print(1)").unwrap();
    std::fs::write(folder.path().join("list"), "").unwrap();
    std::fs::write(
        folder.path().join("empty.json"),
        "{\"version\":1,\"services\":[]}",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("of"),
        "%YAML 1.2\n---\nversion: 1\nservices: []\n",
    )
    .unwrap();
    for (arguments, status, part) in [
        (
            vec!["--sim-state=no/x.json", "add", "fwmark://1"],
            6,
            "no/x.json: No such file or directory",
        ),
        (
            vec![&web, "drain", "fwmark://7"],
            1,
            "no real server to drain: fwmark://7",
        ),
        (
            vec!["history", "show", "abc"],
            2,
            "it is not a whole number",
        ),
        (
            vec!["run", "x.rhai", "--json"],
            2,
            "`ipvsh run --json FILE`",
        ),
        (
            vec![&web, "delete", "fwmark://8"],
            3,
            "`ipvsh list` shows what is there",
        ),
        (
            vec![&web, "edit", "10.0.0.*", "--scheduler", "rr"],
            2,
            "error: 10.0.0.* is a real server",
        ),
        (vec!["help", "8"], 2, "there is no exit status 8"),
        (
            vec![&web, "apply", "--prune=services", "empty.json"],
            2,
            "`ipvsh delete '*'`",
        ),
        (
            vec![&web, "ipvsadm", "-A", "-f", "9", "--exit-code"],
            2,
            "the 'diff' option for the 'exit-code' option",
        ),
        (
            vec![
                "--sim-state=c.json",
                "apply",
                "--confirm",
                "1s",
                "--no-journal",
                "of",
            ],
            2,
            "needs the journal",
        ),
        (vec!["--sim", "list"], 0, ""),
        (vec!["--sim", "plan", "of"], 0, ""),
    ] {
        let finished = ipvsh(folder.path(), &arguments);
        assert_eq!(finished.status, status, "{arguments:?}: {finished:?}");
        assert!(
            finished.stderr.contains(part),
            "{arguments:?}: {finished:?}"
        );
    }
    // A part of a service is shown with what its server really gets.
    let part = ipvsh_ok(folder.path(), &[&shop, "list", "10.0.0.3"]);
    assert!(part.contains("1 of 2 real servers"), "{part}");
    assert!(!part.contains("no real server has weight"), "{part}");
    assert!(part.contains("50 %") && !part.contains("100 %"), "{part}");
}
