//! What real kernels did is what the simulated one does: scenarios, played again.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Finished, ipvsh};

fn recordings() -> Vec<PathBuf> {
    let folder = crate::architecture::root().join("tests/data/traffic");
    crate::architecture::files(&folder, "jsonl")
}

fn played(files: &[String], more: &[&str]) -> Finished {
    let mut arguments = vec!["simulate", "--replay"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(more);
    ipvsh(crate::architecture::root(), &arguments)
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// The first scenario of that name.
fn scenario(name: &str) -> String {
    let texts = recordings()
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let begin = format!("{{\"name\":\"{name}\"");
    lines
        .into_iter()
        .find(|line| line.starts_with(&begin))
        .unwrap()
}

fn written(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    std::fs::write(&file, text).unwrap();
    let name = file.display().to_string();
    (folder, name)
}

#[test]
fn the_simulated_kernel_does_what_real_ones_did() {
    let all = played(&names(&recordings()), &[]);
    assert_eq!(
        (all.stdout.as_str(), all.stderr.as_str(), all.status),
        ("139 of 139 scenarios agree\n", "", 0)
    );
}

#[test]
fn what_differs_is_told_with_its_event() {
    // The second client goes to the other server.
    let changed =
        scenario("rule-reuse-persistent").replacen(r#""10.1.0.3:80"]"#, r#""10.1.0.1:80"]"#, 1);
    let (_folder, file) = written(&format!("{}\n\n{changed}\n", scenario("rule-refused")));
    let told = played(std::slice::from_ref(&file), &[]);
    assert_eq!(told.status, 1, "{}", told.stderr);
    let wanted = format!(
        "{file}: scenario rule-reuse-persistent (kernel 6.1.176), event 1 at 0 ms\n  event     [0,\"pkt\",\"10.64.0.1:2000\",\"10.0.0.1:80\",\"S\",0]\n  expected  10.1.0.1:80\n  got       10.1.0.3:80\n1 of 2 scenarios agree\n"
    );
    assert_eq!(told.stdout, wanted);
    let told = played(&[file], &["--json"]);
    let value: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(
        (
            value["agree"].as_u64(),
            value["scenarios"].as_u64(),
            told.status
        ),
        (Some(1), Some(2), 1)
    );
    let first = &value["differences"][0];
    assert_eq!(
        (first["event"].as_u64(), first["got"].as_str()),
        (Some(1), Some("10.1.0.3:80"))
    );
}

/// Each kind of result is compared: one that is changed by hand is a difference, and the last thing compared.
#[test]
fn each_kind_of_result_is_compared() {
    let rows = [
        (
            "rule-tcp-life-masq",
            "SYN_RECV 59",
            "SYN_RECV 57",
            "SYN_RECV 57",
        ),
        (
            "rule-tcp-life-masq",
            "SYN_RECV 59",
            "ESTABLISHED 59",
            "ESTABLISHED 59",
        ),
        (
            "rule-tcp-life-masq",
            "\"SA\",0,\"10.0.0.1:80\"]",
            "\"SA\",0,\"none\"]",
            "none",
        ),
        (
            "rule-tcp-life-masq",
            "[\"10.1.0.2:80\",1,1,0,0]",
            "[\"10.1.0.2:80\",1,0,1,0]",
            "10.1.0.2:80 1 0 1 0",
        ),
        (
            "rule-tcp-life-masq",
            "\"count\":1}",
            "\"count\":2}",
            "2 entries",
        ),
        (
            "rule-stats",
            "[1,2,1,180,40,",
            "[1,2,1,181,40,",
            "[1,2,1,181,40]",
        ),
        (
            "rule-stats",
            "[2,3,1,220,40,",
            "[2,3,1,220,41,",
            "[2,3,1,220,41]",
        ),
        ("rule-reuse-persistent", "NONE 99\"", "NONE 90\"", "NONE 90"),
        ("rule-delete-nodest0", ",null]", ",\"ENOENT\"]", "ENOENT"),
        ("rule-refused", "\"refused\"]", "\"drop\"]", "drop"),
        ("rule-strict-tcp", "\"pass\"]", "\"refused\"]", "refused"),
        (
            "sh-bulk-0-0-7",
            "\"76421764",
            "\"76421765",
            "from packet 8 on 5",
        ),
    ];
    for (name, from, to, told) in rows {
        let whole = scenario(name);
        assert!(whole.contains(from), "{name} has no {from}");
        let (_folder, file) = written(&whole.replacen(from, to, 1));
        let shown = played(&[file], &[]);
        assert_eq!(
            shown.status, 1,
            "{name} with {to}: {}{}",
            shown.stdout, shown.stderr
        );
        let expected = shown
            .stdout
            .lines()
            .find(|line| line.starts_with("  expected"))
            .unwrap();
        assert!(expected.contains(told), "{name}: {expected}");
    }
}

#[test]
fn what_is_no_scenario_is_an_error_at_its_line() {
    let good = scenario("rule-refused");
    let rows = [
        (String::new(), "the file has no scenario"),
        ("nonsense".to_owned(), ":1: this is no scenario: "),
        (
            format!("{good}\n{{\"version\":1}}"),
            ":2: this is no scenario: ",
        ),
        (
            good.replace("\"pkt\"", "\"packet\""),
            "event 1: \"packet\" is no kind of event; there are pkt",
        ),
        (
            good.replace(",\"refused\"]", "]"),
            "event 1: its result is missing",
        ),
        (
            good.replace("\"S\",0,", "\"S\",-1,"),
            "event 1: its length: ",
        ),
        (
            good.replace("10.64.0.1:2000", "10.64.0.1"),
            "event 1: its client \"10.64.0.1\": ",
        ),
        (
            good.replace("\"scheduler\":\"rr\"", "\"scheduler\":7"),
            "its table: ",
        ),
        (
            good.replace("\"refused\"]", "\"refused\",7]"),
            "event 1: it has 8 fields where 7 are known",
        ),
    ];
    for (text, words) in rows {
        let (_folder, file) = written(&text);
        let told = played(&[file], &[]);
        assert_eq!((told.status, told.stdout.as_str()), (2, ""), "{words}");
        assert!(told.stderr.contains(words), "{words}: {}", told.stderr);
        assert!(!told.stderr.contains('\u{1f}'), "{}", told.stderr);
    }
    let missing = played(&["nowhere.jsonl".to_owned()], &[]);
    assert_eq!(missing.status, 2);
    assert!(
        missing.stderr.contains("nowhere.jsonl"),
        "{}",
        missing.stderr
    );
}
