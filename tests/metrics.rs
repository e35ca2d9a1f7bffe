//! Metrics: what the formats demand, which series there are, and what the options do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use ipvsh::backend::KernelInfo;
use ipvsh::model::{
    Connections, Counters, DestinationEntry, DestinationKey, Known, Observed, Rates, Scheduler,
    ServiceEntry, ServiceKey, SysctlName, Table, Timeouts, Weight,
};
use ipvsh::observe::{JournalView, Settings, Snapshot};
use ipvsh::results::metrics::{
    Exposition, MetricNames, MetricsOptions, ObjectLabels, write_metrics,
};
use ipvsh::session::TableLabel;

use crate::support::{Finished, Random, ipvsh};

fn observed(random: &mut Random) -> Observed {
    let mut number = || u64::try_from(random.below(1 << 20)).unwrap() << random.below(44);
    let counters = Counters {
        connections: number(),
        packets_in: number(),
        packets_out: number(),
        bytes_in: number(),
        bytes_out: number(),
    };
    Observed::new(counters, Rates::default())
}

/// Makes a table of anything that a kernel may have, and labels of anything that people may write.
fn random_snapshot(random: &mut Random) -> (Snapshot, ObjectLabels) {
    let mut table = Table::default();
    let mut documents = String::new();
    for place in 0..random.below(8) {
        let key = match random.below(4) {
            0 => format!("fwmark://{}", place + 1),
            1 => format!("fwmark6://{}", place + 1),
            2 => format!("udp://[2001:db8::{place}]:53"),
            _ => format!("{}://192.0.2.{place}:80", random.pick(&["tcp", "sctp"])),
        };
        let mut service = ServiceEntry {
            observed: observed(random),
            ..ServiceEntry::default()
        };
        let scheduler = random.pick(&["rr", "wlc", "mh", "a-b_c.9"]);
        service.configuration.scheduler = Scheduler::from_kernel(scheduler.to_owned());
        let mut servers = Vec::new();
        for place in 0..random.below(5) {
            let server = if key.contains('[') || key.starts_with("fwmark6") {
                format!("[fd00::{place}]:80")
            } else {
                format!("10.0.0.{place}:8080")
            };
            let mut entry = DestinationEntry {
                observed: observed(random),
                connections: Connections {
                    active: u32::try_from(random.below(1 << 31)).unwrap(),
                    inactive: u32::MAX,
                    persistent: u32::try_from(random.below(100)).unwrap(),
                },
                ..DestinationEntry::default()
            };
            let weight = random.pick(&[0, 0, 1, 10, i64::from(i32::MAX)]);
            entry.configuration.weight = Weight::new(weight).unwrap();
            entry.configuration.thresholds.upper = u32::try_from(random.below(2) * 50).unwrap();
            service
                .destinations
                .insert(DestinationKey::parse(&server).unwrap(), entry);
            servers.push(format!(
                r#"{{"id": "{server}", "labels": {{"rack": {}}}}}"#,
                hostile(random)
            ));
        }
        documents.push_str(&format!(
            r#"{{"id": "{key}", "labels": {{"name": {}, {}: "x", "service": "y"}}, "destinations": [{}]}},"#,
            hostile(random),
            hostile(random),
            servers.join(",")
        ));
        table
            .services
            .insert(ServiceKey::parse(&key).unwrap(), service);
    }
    table.timeouts = Some(Timeouts::KERNEL_DEFAULT);
    let document = format!(
        r#"{{"version": 1, "services": [{}]}}"#,
        documents.trim_end_matches(',')
    );
    let labels = ipvsh::document::read_labels("labels.json", document.as_bytes()).unwrap();
    let mut journal = JournalView::default();
    journal.outcomes.insert("committed".to_owned(), 12);
    journal.last = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
    journal.unconfirmed.push((3, Duration::from_secs(9)));
    let sysctls = BTreeMap::from([
        (SysctlName::new("conntrack").unwrap(), "1".to_owned()),
        (
            SysctlName::new("sync_threshold").unwrap(),
            "3\t50".to_owned(),
        ),
    ]);
    let all = random.below(4) > 0;
    let snapshot = Snapshot {
        number: 1,
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        clock: Duration::from_secs(5),
        took: Duration::from_micros(1234),
        place: TableLabel {
            host: "here".to_owned(),
            release: None,
            detail: None,
        },
        table,
        known: Known { all, rates: all },
        missing: Vec::new(),
        totals: Some(observed(random)),
        settings: Some(Settings {
            kernel: Some(KernelInfo {
                version: (1, 2, 1),
                connection_table_size: 4096,
            }),
            sysctls,
            connection_entries: None,
            journal: Some(journal),
        }),
        changes: Vec::new(),
    };
    (snapshot, ObjectLabels::of(&labels))
}

/// Returns a JSON text that a writer of metrics may stumble over.
fn hostile(random: &mut Random) -> String {
    let text = random.pick(&[
        "web",
        "a\"b",
        "back\\slash",
        "two\nlines",
        "{le=\"1\"} 5",
        "# EOF",
        "\u{fc}ber",
        "",
        "9lives",
        "__name__",
        "a b",
        "\\n\"",
    ]);
    serde_json::to_string(text).unwrap()
}

fn text(snapshot: &Snapshot, options: &MetricsOptions, exposition: Exposition) -> (String, u64) {
    let mut out = Vec::new();
    let written = write_metrics(&mut out, Some(snapshot), options, exposition).unwrap();
    (String::from_utf8(out).unwrap(), written.series)
}

/// Has the strict parser of prometheus_client read texts, and tell how many samples each has.
const PARSE: &str = r"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
for text in sys.stdin.buffer.read().decode().split('\x1e')[:-1]:
    samples = [sample for family in read(text) for sample in family.samples]
    print(len(samples), len(set((s.name, tuple(sorted(s.labels.items()))) for s in samples)))
";

pub(crate) fn through(program: &mut Command, input: &[u8]) -> Finished {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let finished = child.wait_with_output().unwrap().into();
    let _gone = writer.join().unwrap();
    finished
}

#[test]
fn the_open_text_of_any_table_passes_the_strict_parser() {
    let mut random = Random::new(7);
    let (mut texts, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        let (snapshot, object_labels) = random_snapshot(&mut random);
        let options = MetricsOptions {
            names: vec![MetricNames::Ipvsh, MetricNames::Node],
            object_labels,
            constant: vec![("site".to_owned(), "ber\"1".to_owned())],
            pending: Some(("table \"x\".json".to_owned(), 3)),
            connection_entries: Some(7),
            ..MetricsOptions::default()
        };
        let (text, series) = text(&snapshot, &options, Exposition::OpenMetrics);
        assert!(text.ends_with("\n# EOF\n"));
        texts.extend_from_slice(text.as_bytes());
        texts.push(b'\x1e');
        counts.push(format!("{series} {series}"));
    }
    let parsed = through(Command::new("/usr/bin/python3").args(["-c", PARSE]), &texts);
    assert_eq!(parsed.status, 0, "{}", parsed.stderr);
    // It found every series, and no two that are one.
    let lines: Vec<&str> = parsed.stdout.lines().collect();
    assert_eq!(lines, counts);
}

#[test]
fn promtool_has_nothing_to_say_of_the_text_nor_of_the_rules() {
    let mut random = Random::new(11);
    for names in [MetricNames::Ipvsh, MetricNames::Node, MetricNames::Ipvsh] {
        let (snapshot, object_labels) = random_snapshot(&mut random);
        let options = MetricsOptions {
            names: vec![names],
            object_labels,
            ..MetricsOptions::default()
        };
        let (text, _) = text(&snapshot, &options, Exposition::Prometheus);
        let checked = through(
            Command::new("promtool").args(["check", "metrics"]),
            text.as_bytes(),
        );
        assert_eq!(
            (
                checked.status,
                checked.stdout.as_str(),
                checked.stderr.as_str()
            ),
            (0, "", ""),
            "{text}"
        );
    }
    let rules = through(
        Command::new("promtool")
            .args(["check", "rules"])
            .arg(rules_file()),
        b"",
    );
    assert!(
        rules.stdout.contains("SUCCESS: 11 rules found"),
        "{rules:?}"
    );
}

pub(crate) fn rules_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/metrics/prometheus-rules.yml")
}

/// Returns the names of families, and how many series each has.
fn families(text: &str) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        *found.entry(name).or_default() += 1;
    }
    found
}

/// A table of 30 services with 10 servers, with which limits can be tried.
fn many() -> Snapshot {
    let (mut snapshot, _) = random_snapshot(&mut Random::new(1));
    snapshot.known = Known {
        all: true,
        rates: true,
    };
    snapshot.table.services.clear();
    for mark in 1..=30 {
        let mut service = ServiceEntry::default();
        for server in 1..=10 {
            let key = DestinationKey::parse(&format!("10.0.0.{server}:80")).unwrap();
            service
                .destinations
                .insert(key, DestinationEntry::default());
        }
        let key = ServiceKey::parse(&format!("fwmark://{mark}")).unwrap();
        snapshot.table.services.insert(key, service);
    }
    snapshot
}

#[test]
fn over_the_limit_whole_families_of_servers_go_and_that_is_a_metric() {
    let snapshot = many();
    let at = |limit: u64| {
        let options = MetricsOptions {
            series_limit: Some(limit).filter(|limit| *limit > 0),
            ..MetricsOptions::default()
        };
        text(&snapshot, &options, Exposition::Prometheus).0
    };
    let all = at(0);
    let whole = families(&all);
    assert_eq!(whole["ipvs_server_bytes_total"], 600);
    assert!(!whole.contains_key("ipvsh_series_dropped"));
    let order = [
        &["ipvs_server_bytes_total", "ipvs_server_packets_total"][..],
        &["ipvs_server_info"],
        &["ipvs_server_quiescent"],
        &["ipvs_server_open_connections"],
        &["ipvs_server_connections_total"],
        &["ipvs_server_weight", "ipvs_server_weight_share"],
    ];
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut left: usize = whole.values().sum();
    for step in order {
        let text = at(u64::try_from(left).unwrap() - 1);
        gone.extend(step);
        left -= step.iter().map(|name| whole[name]).sum::<usize>();
        let now = families(&text);
        for (name, count) in &whole {
            let wanted = (!gone.contains(name)).then_some(count);
            assert_eq!(now.get(name), wanted, "{name} at {left}");
        }
        for name in &gone {
            let told = format!(
                "ipvsh_series_dropped{{family=\"{name}\"}} {}\n",
                whole[name]
            );
            assert!(text.contains(&told), "{told}: {text}");
        }
    }
    // Services and totals stay, however few there may be.
    let least = at(1);
    assert!(families(&least).contains_key("ipvs_service_weight"));
    assert!(!families(&least).contains_key("ipvs_server_weight"));
}

#[test]
fn what_is_not_known_is_no_zero() {
    let mut snapshot = many();
    snapshot.known = Known {
        all: false,
        rates: true,
    };
    let (told, _) = text(
        &snapshot,
        &MetricsOptions::default(),
        Exposition::Prometheus,
    );
    let found = families(&told);
    for name in [
        "ipvs_server_bytes_total",
        "ipvs_server_connections_total",
        "ipvs_service_connections_total",
        "ipvs_server_connections_limit",
    ] {
        assert!(!found.contains_key(name), "{name}");
    }
    assert!(!told.contains("state=\"persistent\""));
    assert_eq!(found["ipvs_server_weight"], 300);
    // All weights are 0 nowhere; where they are, nobody has a share of them.
    for service in snapshot.table.services.values_mut() {
        for server in service.destinations.values_mut() {
            server.configuration.weight = Weight::ZERO;
        }
    }
    let (told, _) = text(
        &snapshot,
        &MetricsOptions::default(),
        Exposition::Prometheus,
    );
    assert!(!told.contains("ipvs_server_weight_share"));
    assert!(told.contains("ipvs_service_weight{service=\"fwmark://1\"} 0\n"));
}

#[test]
fn options_of_metrics_do_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let document = r#"{"version": 1, "services": [{"id": "tcp://192.0.2.1:80", "scheduler": "wlc",
        "labels": {"name": "the \"web\"", "team-x": "shop", "address": "Hill St"},
        "destinations": [{"id": "10.0.0.2:80", "labels": {"name": "w2"}}, {"id": "10.0.0.3:80", "weight": 0}]},
        {"id": "fwmark://268439552", "scheduler": "rr", "destinations": [{"id": "10.0.0.2:80", "weight": 4}]}]}"#;
    std::fs::write(path.join("t.json"), document).unwrap();
    std::fs::write(path.join("other.json"), r#"{"version": 1}"#).unwrap();
    let run = |arguments: &[&str]| {
        ipvsh(
            path,
            &[&["--sim=t.json", "export", "-o", "prometheus"], arguments].concat(),
        )
    };
    let ok = |arguments: &[&str]| {
        let ran = run(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout
    };
    let node = ok(&["--names", "node"]);
    assert!(node.contains(
        "node_ipvs_backend_weight{local_address=\"\",local_port=\"0\",remote_address=\"10.0.0.2\",remote_port=\"80\",proto=\"FWM\",local_mark=\"10001000\"} 4\n"
    ), "{node}");
    assert_eq!(families(&node).len(), 8, "{node}");
    let summed = ok(&["--names", "node", "--backend-labels", "remote_address"]);
    assert!(
        summed.contains("node_ipvs_backend_weight{remote_address=\"10.0.0.2\"} 5\n"),
        "{summed}"
    );
    let labelled = ok(&["--labels", "t.json", "--constant-label", "site=ber1"]);
    assert!(labelled.contains(
        "scheduler=\"wlc\",label_address=\"Hill St\",name=\"the \\\"web\\\"\",team_x=\"shop\",site=\"ber1\"} 1\n"
    ), "{labelled}");
    assert!(labelled.contains("forwarding=\"direct_routing\",name=\"w2\",site=\"ber1\"} 1\n"));
    let few = ok(&[
        "--no-servers",
        "--connections",
        "--expect",
        "other.json",
        "fwmark://*",
    ]);
    assert!(!few.contains("ipvs_server"), "{few}");
    assert!(!few.contains("tcp://"), "{few}");
    assert!(few.contains("ipvs_connection_table_entries 0\n"), "{few}");
    // Two services go, and their servers with them.
    assert!(
        few.contains("ipvsh_pending_changes{document=\"other.json\"} 2\n"),
        "{few}"
    );
    // A file is written whole, and warned of where it would do harm.
    let told = run(&["--names", "node", "--out", "n.prom"]);
    assert!(
        told.stderr.contains("--no-collector.ipvs"),
        "{}",
        told.stderr
    );
    assert!(ok(&["--names", "node", "--collector-off", "--out", "n.prom"]).is_empty());
    assert_eq!(std::fs::read_to_string(path.join("n.prom")).unwrap(), node);
    let cut = run(&["--series-limit", "30"]);
    assert!(
        cut.stderr
            .contains("series are left out, as there may be 30"),
        "{}",
        cut.stderr
    );
}

#[test]
fn options_of_metrics_that_contradict_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("t.json"), r#"{"version": 1}"#).unwrap();
    for (arguments, wanted) in [
        (
            &["export", "--names", "node"][..],
            "--names is about metrics",
        ),
        (
            &["export", "-o", "yaml", "--no-servers"],
            "--no-servers is about metrics",
        ),
        (
            &["export", "-o", "prometheus", "--config"],
            "are about documents",
        ),
        (
            &["export", "-o", "openmetrics", "--json"],
            "one of them is too many",
        ),
        (
            &["export", "-o", "prometheus", "--constant-label", "9=x"],
            "write KEY=VALUE",
        ),
        (
            &["export", "-o", "prometheus", "--labels", "none.json"],
            "none.json",
        ),
        (
            &[
                "export",
                "-o",
                "prometheus",
                "--constant-label",
                "service=x",
            ],
            "series have a label service of their own",
        ),
        (
            &[
                "export",
                "-o",
                "prometheus",
                "--constant-label",
                "a=x",
                "--constant-label",
                "a=y",
            ],
            "is given twice",
        ),
        (
            &["export", "-o", "prometheus", "--backend-labels", "remote"],
            "there are local_address",
        ),
    ] {
        let refused = ipvsh(path, &[&["--sim=t.json"], arguments].concat());
        assert_eq!(refused.status, 2, "{arguments:?}");
        assert!(
            refused.stderr.contains(wanted),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
}

#[test]
fn a_table_that_cannot_be_read_is_told_where_the_metrics_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("m.prom"), "ipvs_up 1\n").unwrap();
    let ran = ipvsh(
        path,
        &[
            "--netns",
            "no-such-one",
            "export",
            "-o",
            "prometheus",
            "--out",
            "m.prom",
        ],
    );
    assert_eq!(ran.status, 6, "{}", ran.stderr);
    let text = std::fs::read_to_string(path.join("m.prom")).unwrap();
    assert!(text.contains("\nipvs_up 0\n"), "{text}");
    assert_eq!(families(&text).len(), 2, "{text}");
    // What else is wrong says nothing of the table, and leaves the file as it was.
    for arguments in [
        &["fwmark://9"][..],
        &["--expect", "none.json"],
        &["--labels", "none.json"],
    ] {
        let all = [
            &["--sim", "export", "-o", "prometheus", "--out", "m.prom"],
            arguments,
        ]
        .concat();
        assert_ne!(ipvsh(path, &all).status, 0, "{arguments:?}");
        let now = std::fs::read_to_string(path.join("m.prom")).unwrap();
        assert_eq!(now, text, "{arguments:?}");
    }
}
