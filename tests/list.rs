//! `ipvsh list`: sorted, filtered, by column, by server, in every form; one list of names for all of it.

use crate::support::{Finished, ipvsh};

/// Two services that share an address, with connections of different ages, and one without servers.
const TABLE: &str = r#"
service::add("tcp://192.0.2.1:80", #{ scheduler: "rr", persistence: "5m", destinations: [
    #{ id: "10.0.0.2:8080", weight: 3 }, #{ id: "10.0.0.3:8080", weight: 1 }, #{ id: "10.0.0.11:8080", weight: 0 },
] });
service::add("tcp://192.0.2.1:443", #{ scheduler: "wlc", destinations: [
    #{ id: "10.0.0.2:8443", forwarding: "tunneling", tunnel: #{ type: "gue", port: 5555 }, upper_threshold: 20 },
    #{ id: "10.0.0.2:9443" },
] });
service::add("fwmark6://7", #{ scheduler: "mh" });
for n in 0..5 { sim::connect(`10.64.0.${n + 1}:4000`, "tcp://192.0.2.1:80"); }
for n in 0..4 { sim::connect(`10.65.0.${n + 1}:4000`, "tcp://192.0.2.1:443"); }
"#;

struct Farm {
    folder: tempfile::TempDir,
}

impl Farm {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("farm.rhai"), TABLE).unwrap();
        Self { folder }
    }

    fn lists(&self, arguments: &[&str]) -> Finished {
        let mut all = vec!["--sim=farm.rhai", "list"];
        all.extend(arguments);
        ipvsh(self.folder.path(), &all)
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let listed = self.lists(arguments);
        assert_eq!(listed.status, 0, "{arguments:?}: {}", listed.stderr);
        listed.stdout
    }

    /// Returns the first column of a list for spreadsheets, without its title.
    #[track_caller]
    fn first_column(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["-o", "csv"];
        all.extend(arguments);
        let text = self.ok(&all);
        let cells = text.lines().skip(1);
        cells
            .filter_map(|line| line.split(',').next().map(str::to_owned))
            .collect()
    }
}

#[test]
fn where_a_server_is_and_how_busy_takes_one_line() {
    let farm = Farm::new();
    let text = farm.ok(&["--by", "server", "--sort", "-active"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    let words: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(
        words[..3],
        ["10.0.0.2", "tcp://192.0.2.1:80,", "tcp://192.0.2.1:443"],
        "{text}"
    );
    // Weights 3, 1 and 1; the address is there once with the connections of all its ports.
    assert_eq!(words[3], "5", "{text}");
    assert!(words[4].parse::<u32>().unwrap() >= 6, "{text}");
    assert_eq!(
        farm.first_column(&["--by", "server"]),
        ["10.0.0.2", "10.0.0.3", "10.0.0.11"]
    );
}

#[test]
fn lists_are_sorted_by_any_field_either_way() {
    let farm = Farm::new();
    let sorted = |by: &str| farm.first_column(&["--sort", by, "--columns", "id,weight"]);
    assert_eq!(
        sorted("-weight")[..2],
        ["10.0.0.2:8080".to_owned(), "10.0.0.3:8080".to_owned()]
    );
    assert_eq!(sorted("weight")[0], "10.0.0.11:8080");
    // Addresses are in the order of numbers, not of letters.
    assert_eq!(sorted("-address")[0], "10.0.0.11:8080");
    // Equal ones are put in order by the next field.
    assert_eq!(
        sorted("scheduler,-port")[..2],
        ["10.0.0.2:8080".to_owned(), "10.0.0.3:8080".to_owned()]
    );
    assert_eq!(
        sorted("-scheduler,-port")[..2],
        ["10.0.0.2:9443".to_owned(), "10.0.0.2:8443".to_owned()]
    );
    // What is not there comes last, whichever way.
    assert_eq!(sorted("tunnel.port")[0], "10.0.0.2:8443");
    assert_eq!(sorted("-tunnel.port")[0], "10.0.0.2:8443");
    // A tree is sorted at both levels.
    let tree = farm.ok(&["--sort", "-active"]);
    let places = ["tcp://192.0.2.1:80 ", "tcp://192.0.2.1:443 ", "fwmark6://7"]
        .map(|name| tree.find(name).unwrap());
    assert!(places.is_sorted(), "{tree}");
}

#[test]
fn filters_take_lines_and_objects_services() {
    let farm = Farm::new();
    let taken = |filter: &str| farm.first_column(&["--filter", filter]);
    assert_eq!(taken("weight == 0"), ["10.0.0.11:8080"]);
    assert_eq!(
        taken("active > 0 && service.scheduler == \"wlc\" && tunnel == ()"),
        ["10.0.0.2:9443"]
    );
    assert_eq!(taken("upper_threshold > 0"), ["10.0.0.2:8443"]);
    assert!(taken("weight > 100").is_empty());
    assert_eq!(
        farm.first_column(&["--by", "service", "--filter", "destinations == 0"]),
        ["fwmark6://7"]
    );
    // A filter and objects narrow the document too, which stays one.
    let text = farm.ok(&["--json", "--filter", "weight == 3", "tcp://192.0.2.*"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["services"].as_array().unwrap().len(), 1);
    assert_eq!(document["services"][0]["destinations"][0]["weight"], 3);
    // Nothing is not silence.
    let none = farm.lists(&["--filter", "weight > 100"]);
    assert!(
        none.stderr
            .contains("the filter takes none of 5 real servers"),
        "{}",
        none.stderr
    );
    let wrong = farm.lists(&["--filter", "wieght > 100"]);
    assert_eq!(wrong.status, 2);
    assert!(
        wrong
            .stderr
            .contains("there is no field `wieght`; did you mean `weight`?"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_narrow_terminal_loses_columns_and_no_ids() {
    let farm = Farm::new();
    let shown = |width: &str, arguments: &[&str]| {
        let mut command = crate::support::ipvsh_command(
            farm.folder.path(),
            &[&["--sim=farm.rhai", "list"], arguments].concat(),
        );
        let ran = command.env("COLUMNS", width).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    for width in [60usize, 44] {
        for arguments in [
            &[][..],
            &["--by", "server"],
            &["--by", "service"],
            &[
                "--columns",
                "service,id,scheduler,forwarding,share,upper_threshold",
            ],
        ] {
            let text = shown(&width.to_string(), arguments);
            let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
            // Two whole ids may be wider than the narrowest of terminals.
            let fits = longest <= width || arguments.contains(&"--columns");
            assert!(fits, "{width} {arguments:?}: {text}");
            let name = if arguments.contains(&"service") {
                "tcp://192.0.2.1:443"
            } else {
                "10.0.0.11"
            };
            assert!(text.contains(name), "{width} {arguments:?}: {text}");
            assert!(
                text.contains(" ..") || arguments.is_empty() || width == 60,
                "{text}"
            );
        }
    }
}

#[test]
fn every_form_says_the_same() {
    let farm = Farm::new();
    let columns = [
        "--columns",
        "service,id,weight,active,forwarding",
        "--sort",
        "id",
    ];
    let of = |format: &str| farm.ok(&[&["-o", format], &columns[..]].concat());
    let json: serde_json::Value = serde_json::from_str(&of("json")).unwrap();
    let rows = json["destinations"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    let lines: Vec<serde_json::Value> = of("jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, rows);
    let csv = of("csv");
    let mut cells = csv.lines();
    assert_eq!(cells.next(), Some("service,id,weight,active,forwarding"));
    for (line, row) in cells.zip(rows) {
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let wanted: Vec<String> = ["service", "id", "weight", "active", "forwarding"]
            .map(|name| text(&row[name]))
            .to_vec();
        assert_eq!(line, wanted.join(","));
    }
    let yaml = of("yaml");
    assert_eq!(yaml.matches("- service: ").count(), 5, "{yaml}");
    // Two words for one thing contradict each other when they differ.
    let both = farm.lists(&["--json", "-o", "csv"]);
    assert_eq!(both.status, 2);
    assert!(
        both.stderr.contains("--json is `-o json`"),
        "{}",
        both.stderr
    );
    assert_eq!(farm.ok(&["--json"]), farm.ok(&["-o", "json"]));
}

#[test]
fn fields_have_the_same_names_and_values_in_lists_and_scripts() {
    let farm = Farm::new();
    for (by, kind) in [("service", "services"), ("destination", "destinations")] {
        let mut arguments = vec!["-o", "json", "--columns"];
        let names = if by == "service" {
            arguments.insert(0, "service");
            arguments.insert(0, "--by");
            "id,protocol,address,port,fwmark,family,scheduler,scheduler_flags,one_packet,persistence.timeout_seconds,persistence.netmask,persistence.engine,weight_sum,quiescent,active,inactive,persistent,active_connections,counters.connections,counters.bytes_out,rates.packets_in_per_second"
        } else {
            "id,service.id,address,port,family,forwarding,tunnel.type,tunnel.port,weight,share,receives,overloaded,upper_threshold,lower_threshold,active,inactive,persistent,persistent_connections,counters.packets_in,rates.bytes_in_per_second,service.scheduler,service.active,service.counters.connections"
        };
        arguments.push(names);
        let listed: serde_json::Value = serde_json::from_str(&farm.ok(&arguments)).unwrap();
        let code = names
            .split(',')
            .map(|name| format!("\"{name}\": x.{}", name.replace('.', "?.")))
            .collect::<Vec<_>>()
            .join(", ");
        let code = format!("{by}::list().map(|x| #{{ {code} }})");
        let told = ipvsh(
            farm.folder.path(),
            &["--sim=farm.rhai", "--json", "eval", &code],
        );
        assert_eq!(told.status, 0, "{}", told.stderr);
        let in_script: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(listed[kind], in_script, "{by}");
    }
}

#[test]
fn what_commands_show_has_the_same_forms() {
    let farm = Farm::new();
    std::fs::write(
        farm.folder.path().join("farm.test.rhai"),
        "/// It holds.\nfn test_it() { assert(true); }\n",
    )
    .unwrap();
    std::fs::write(farm.folder.path().join("none.json"), r#"{"version": 1}"#).unwrap();
    let run = |arguments: &[&str]| {
        // What the journal keeps is kept of a table in a file.
        let kept = ["history", "drain"].contains(&arguments[0]);
        let table = if kept {
            "--sim-state=kept.json"
        } else {
            "--sim=farm.rhai"
        };
        ipvsh(farm.folder.path(), &[&[table], arguments].concat())
    };
    assert_eq!(
        ipvsh(
            farm.folder.path(),
            &["--sim-state=kept.json", "add", "fwmark://7"]
        )
        .status,
        0
    );
    for (arguments, csv) in [
        (&["info"][..], "field,value\n"),
        (&["config"], "field,value\n"),
        (&["check", "farm.rhai"], "field,value\n"),
        (&["simulate", "none.json"], "field,value\n"),
        (&["test", "--list", "farm.test.rhai"], ""),
        (&["history"], ""),
        (&["drain", "--list"], ""),
        (
            &["connections"],
            "protocol,client,service,server,state,template,",
        ),
        (&["connections", "--count"], "connections\n"),
        (
            &["connections", "--group-by", "server"],
            "server,connections\n",
        ),
        (&["list"], "id,service,"),
        (&["list", "--by", "server"], "id,address,"),
        (&["diff", "none.json"], ""),
    ] {
        for format in ["json", "jsonl", "yaml", "csv"] {
            let told = run(&[arguments, &["-o", format]].concat());
            assert_eq!(told.status, 0, "{arguments:?} {format}: {}", told.stderr);
            let text = told.stdout;
            match format {
                "json" => {
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                    assert!(value.is_object(), "{arguments:?}");
                }
                "jsonl" => {
                    for line in text.lines() {
                        let value: serde_json::Value = serde_json::from_str(line).unwrap();
                        assert!(value.is_object(), "{arguments:?}: {line}");
                    }
                }
                "yaml" => assert!(text.contains("version: 1"), "{arguments:?}: {text}"),
                _ => assert!(text.starts_with(csv), "{arguments:?}: {text}"),
            }
        }
    }
    // A failure is one document in every form but that of spreadsheets.
    let failed = |format: &str| {
        let told = run(&["list", "fwmark://9", "-o", format]);
        assert_eq!(told.status, 3);
        assert!(told.stderr.contains("fwmark://9"), "{}", told.stderr);
        told.stdout
    };
    assert!(failed("json").contains("\"outcome\": \"failed\""));
    assert!(failed("yaml").contains("outcome: failed"));
    assert_eq!(failed("jsonl").lines().count(), 1);
    assert_eq!(failed("csv"), "");
}

/// A program that would go on for ever.
struct Watching(std::process::Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _may_be_over = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn watching_tells_each_change_and_who_made_it() {
    use std::io::{BufRead, BufReader};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = |arguments: &[&str]| {
        let all = [&["--sim-state=a.json"], arguments].concat();
        let ran = ipvsh(path, &all);
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
    };
    run(&["add", "tcp://192.0.2.1:80"]);
    let watch = |objects: &[&str]| {
        let all = [
            &["--sim-state=a.json", "list", "--watch=50ms", "-o", "jsonl"],
            objects,
        ]
        .concat();
        let mut command = crate::support::ipvsh_command(path, &all);
        command.stdout(std::process::Stdio::piped());
        Watching(command.spawn().unwrap())
    };
    let (mut all, mut some) = (watch(&[]), watch(&["fwmark://*"]));
    let mut lines = BufReader::new(all.0.stdout.take().unwrap()).lines();
    let mut fewer = BufReader::new(some.0.stdout.take().unwrap()).lines();
    // Each waits until it has looked once; what it found then is no change.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    run(&["add", "tcp://192.0.2.1:80/10.0.0.2:80", "--label", "two"]);
    let told = next();
    assert_eq!(told["object"], "tcp://192.0.2.1:80/10.0.0.2:80");
    assert_eq!((&told["verb"], &told["sign"]), (&"add".into(), &"+".into()));
    assert_eq!(told["by"]["commit"], 2);
    assert_eq!(told["by"]["label"], "two");
    assert!(!told["by"]["who"].as_str().unwrap().is_empty());

    // Somebody else writes the file.
    let text = std::fs::read_to_string(path.join("a.json")).unwrap();
    let changed = text.replace("\"weight\": 1", "\"weight\": 7");
    assert_ne!(text, changed);
    std::fs::write(path.join("b.json"), changed).unwrap();
    std::fs::rename(path.join("b.json"), path.join("a.json")).unwrap();
    let told = next();
    assert_eq!(told["fields"]["weight"], serde_json::json!([1, 7]));
    assert_eq!(told["by"], "foreign");

    run(&["delete", "tcp://192.0.2.1:80/10.0.0.2:80"]);
    let told = next();
    assert_eq!(
        (&told["verb"], &told["by"]["commit"]),
        (&"delete".into(), &3.into())
    );
    run(&["add", "fwmark://7"]);
    assert_eq!(next()["object"], "fwmark://7");
    run(&["delete", "tcp://192.0.2.1:80"]);
    let told = next();
    assert_eq!(
        (&told["object"], &told["by"]["commit"]),
        (&"tcp://192.0.2.1:80".into(), &5.into())
    );
    let told: serde_json::Value = serde_json::from_str(&fewer.next().unwrap().unwrap()).unwrap();
    assert_eq!(told["object"], "fwmark://7");
}

#[test]
fn the_first_commit_of_a_table_is_told_as_what_it_is() {
    use std::io::{BufRead, BufReader};

    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::ipvsh_command(
        folder.path(),
        &["--sim-state=a.json", "list", "--watch=50ms", "-o", "jsonl"],
    );
    command.stdout(std::process::Stdio::piped());
    let mut watching = Watching(command.spawn().unwrap());
    let mut lines = BufReader::new(watching.0.stdout.take().unwrap()).lines();
    // It looks where there is no journal yet.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ran = ipvsh(folder.path(), &["--sim-state=a.json", "add", "fwmark6://7"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let told: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(
        (&told["object"], &told["by"]["commit"]),
        (&"fwmark6://7".into(), &1.into())
    );
}

#[test]
fn a_script_makes_the_table_of_every_front_end() {
    let farm = Farm::new();
    let run = |arguments: &[&str]| ipvsh(farm.folder.path(), arguments);
    let original = run(&["--sim=farm.rhai", "ipvsadm", "-Ln"]);
    assert!(
        original.stdout.contains("TCP  192.0.2.1:443 wlc"),
        "{original:?}"
    );
    // It has the stack that scripts have.
    let deep = "fn down(n) { if n == 0 { 0 } else { 1 + down(n - 1) } }\nservice::add(\"fwmark://1\"); down(40);\n";
    std::fs::write(farm.folder.path().join("deep.rhai"), deep).unwrap();
    let original = run(&["--sim=deep.rhai", "ipvsadm", "-Ln"]);
    assert!(original.stdout.contains("FWM  1 wlc"), "{original:?}");
    for (text, told) in [
        ("exit(3);", "ended with status 3"),
        ("nonsense(", "made.rhai"),
    ] {
        std::fs::write(farm.folder.path().join("made.rhai"), text).unwrap();
        let failed = run(&["--sim=made.rhai", "list"]);
        assert_eq!(failed.status, 2, "{failed:?}");
        assert!(failed.stderr.contains(told), "{failed:?}");
    }
}

#[test]
fn watching_shows_the_list_again_and_ends_with_its_reader() {
    let farm = Farm::new();
    let mut command = crate::support::ipvsh_command(
        farm.folder.path(),
        &["--sim=farm.rhai", "list", "--watch=50ms", "fwmark6://7"],
    );
    command.stdout(std::process::Stdio::piped());
    let mut program = Watching(command.spawn().unwrap());
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(program.0.stdout.take().unwrap()));
    let shown = lines
        .by_ref()
        .filter(|line| line.as_ref().unwrap().contains("fwmark6://7"));
    assert_eq!(shown.take(3).count(), 3);
    drop(lines);
    assert!(program.0.wait().unwrap().success());
    for (arguments, told) in [
        (
            &["--watch", "-o", "csv"][..],
            "has no end that could be waited for",
        ),
        (&["--watch=0s"], "0 s is all the time"),
        (&["--watch", "5s"], "--watch=5s"),
        (
            &["--by", "server", "--sort", "-weight"],
            "did you mean `weight_sum`?",
        ),
        (&["--columns", "actve"], "did you mean `active`?"),
        (
            &["--watch", "-o", "jsonl", "--by", "server"],
            "tells each change of an object",
        ),
        (
            &["--watch", "-o", "jsonl", "--sort", "id"],
            "tells each change of an object",
        ),
    ] {
        let refused = farm.lists(arguments);
        assert_eq!(refused.status, 2, "{arguments:?}");
        assert!(
            refused.stderr.contains(told),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
    // What is not there is said once, and is no list.
    let missing = farm.lists(&["--watch", "fwmark://9"]);
    assert_eq!(missing.status, 3);
}
