//! Metrics of a real kernel: what node_exporter tells of the same one at the same moment, and what a real Prometheus makes of our alert
//! rules and of every panel of the dashboard.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::metrics::{rules_file, through};
use crate::support::net::{Net, answers_tcp, answers_udp, talks_tcp, within};
use crate::support::prometheus::{Prometheus, Target, get};
use crate::support::{Finished, ipvsh, ipvsh_command, only_in_lab};

/// Reads samples of names that begin so.
fn samples(text: &str, beginning: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            // Labels come in another order there.
            let name = match name.split_once('{') {
                None => name.to_owned(),
                Some((name, labels)) => {
                    let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
                    labels.sort_unstable();
                    format!("{name} {}", labels.join(" "))
                }
            };
            (name, value.parse().unwrap())
        })
        .collect()
}

const FARM: &str = r#"{"version": 1, "services": [
    {"id": "tcp://10.9.0.100:80", "scheduler": "wrr", "labels": {"name": "web"}, "destinations": [
        {"id": "10.8.0.2:8080", "forwarding": "masquerading", "weight": 1},
        {"id": "10.8.0.2:8081", "forwarding": "masquerading", "weight": 0}]},
    {"id": "tcp://10.9.0.100:81", "scheduler": "wlc", "destinations": [
        {"id": "10.9.0.3:81", "weight": 1}, {"id": "10.9.0.4:81", "weight": 0}]},
    {"id": "udp://10.9.0.100:53", "scheduler": "rr", "destinations": [
        {"id": "10.8.0.2:53", "forwarding": "masquerading"}]},
    {"id": "udp://10.9.0.100:54", "scheduler": "rr", "destinations": [
        {"id": "10.8.0.2:54", "forwarding": "masquerading"}]},
    {"id": "tcp://[fd00:9::100]:80", "scheduler": "rr", "destinations": [{"id": "[fd00:8::2]:8080", "forwarding": "masquerading", "weight": 3}]},
    {"id": "sctp://10.9.0.100:9", "scheduler": "rr", "destinations": [{"id": "10.8.0.2:9", "forwarding": "masquerading", "weight": 5}]},
    {"id": "fwmark://268439552", "scheduler": "rr"},
    {"id": "fwmark://7", "scheduler": "rr", "destinations": [{"id": "10.8.0.2:80", "forwarding": "tunneling", "weight": 10}]},
    {"id": "fwmark6://7", "scheduler": "rr", "destinations": [{"id": "10.8.0.2:80", "forwarding": "tunneling", "weight": 20}]}
]}"#;

/// Ends a program that would not end, even one that was stopped.
struct Stopped(std::process::Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _may_be_over = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A director with a bit of everything that rules are about. What it exports is kept for a Prometheus outside.
#[test]
fn node_exporter_tells_the_same_of_the_same_kernel() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = |arguments: &[&str]| -> Finished {
        let ran = ipvsh(path, &[&["--netns", "director"], arguments].concat());
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
        ran
    };
    std::fs::write(path.join("farm.json"), FARM).unwrap();
    std::fs::write(path.join("none.json"), r#"{"version": 1}"#).unwrap();
    run(&["apply", "farm.json"]);
    answers_tcp(&net.inner, "0.0.0.0:8080");
    answers_udp(&net.inner, "0.0.0.0:53");
    answers_udp(&net.inner, "0.0.0.0:54");
    let mut held = Vec::new();
    let mut connect = |number: usize| {
        for _ in 0..number {
            held.push(talks_tcp(&net.client, "10.9.0.100:80"));
        }
    };
    connect(5);
    // More connections than an old kernel's table has buckets.
    within(&net.client, || {
        for port in 20_000..24_200u16 {
            let socket = std::net::UdpSocket::bind(("0.0.0.0", port)).unwrap();
            socket.send_to(b"x", "10.9.0.100:54").unwrap();
        }
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"x", "10.9.0.100:53").unwrap();
    })
    .join()
    .unwrap();
    // The kernel copies its counters every two seconds.
    std::thread::sleep(Duration::from_secs(5));
    let export = |file: &str| {
        run(&[
            "export",
            "-o",
            "prometheus",
            "--connections",
            "--expect",
            "none.json",
            "--labels",
            "farm.json",
            "--out",
            file,
        ]);
    };
    export("metrics-1.prom");
    beside(&net, path);

    let hanging = hanging_drain(path);
    std::fs::write(
        path.join("more.json"),
        r#"{"version": 1, "services": [{"id": "fwmark://8", "scheduler": "rr"}]}"#,
    )
    .unwrap();
    run(&["apply", "more.json", "--confirm", "120s"]);
    connect(95);
    std::thread::sleep(Duration::from_secs(5));
    run(&["edit", "tcp://10.9.0.100:80/10.8.0.2:8081", "--weight", "9"]);
    run(&["eval", "sysctl::set(\"run_estimation\", 0)"]);
    export("metrics-2.prom");
    drop(hanging);
    run(&["cancel"]);
    let second = std::fs::read_to_string(path.join("metrics-2.prom")).unwrap();
    for told in [
        "ipvsh_open_records 1\n",
        "ipvsh_unconfirmed_commits 1\n",
        "ipvsh_drain_connections{service=\"udp://10.9.0.100:53\",server=\"10.8.0.2:53\"} 1\n",
        "ipvs_service_weight{service=\"fwmark://268439552\"} 0\n",
        "ipvs_server_connections_total{service=\"tcp://10.9.0.100:80\",server=\"10.8.0.2:8080\"} 100\n",
        "port=\"80\",family=\"inet\",scheduler=\"wrr\",name=\"web\"} 1\n",
    ] {
        assert!(second.contains(told), "{told}: {second}");
    }
    let kept = Path::new(&std::env::var_os("IPVSHTEST_LAB_DIR").unwrap()).join("kept");
    for name in ["metrics-1.prom", "metrics-2.prom"] {
        std::fs::copy(path.join(name), kept.join(name)).unwrap();
    }
}

/// Begins a drain whose program hangs until its deadline has passed.
fn hanging_drain(path: &Path) -> Stopped {
    let server = "udp://10.9.0.100:53/10.8.0.2:53";
    let drain = [
        "--netns",
        "director",
        "drain",
        server,
        "--deadline",
        "2s",
        "--override",
        "last_server",
    ];
    let mut command = ipvsh_command(path, &drain);
    command.stderr(Stdio::null()).stdout(Stdio::null());
    let child = Stopped(command.spawn().unwrap());
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.0.id()).unwrap());
    let list = ["--netns", "director", "list", "udp://10.9.0.100:53"];
    let mut tries = 0;
    while !ipvsh(path, &list).stdout.contains("quiescent") {
        tries += 1;
        assert!(tries < 100, "the drain does not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
    child
}

/// Compares with node_exporter, which reads the namespace that it is started in.
fn beside(net: &Net, path: &Path) {
    let address = "127.0.0.1:9101";
    let director = net.director.try_clone().unwrap();
    let (asked, told) = std::sync::mpsc::channel();
    let (folder, looks) = (path.to_owned(), 3);
    within(&director, move || {
        let exporter = Command::new("prometheus-node-exporter")
            .args(["--collector.disable-defaults", "--collector.ipvs"])
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the package prometheus-node-exporter is needed; tests/run installs it");
        let _exporter = Stopped(exporter);
        let began = std::time::Instant::now();
        let mut theirs = get(address.parse().unwrap(), "/metrics");
        while theirs.is_err() && began.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(200));
            theirs = get(address.parse().unwrap(), "/metrics");
        }
        theirs.unwrap();
        for _ in 0..looks {
            let before = get(address.parse().unwrap(), "/metrics").unwrap();
            let ours = ipvsh(
                &folder,
                &[
                    "--netns",
                    "director",
                    "export",
                    "-o",
                    "prometheus",
                    "--names",
                    "node",
                ],
            );
            let after = get(address.parse().unwrap(), "/metrics").unwrap();
            asked.send((before, ours, after)).unwrap();
        }
    })
    .join()
    .unwrap();
    // What stood still between two looks of theirs is compared.
    let still = told
        .into_iter()
        .find(|(before, _, after)| samples(before, "node_ipvs") == samples(after, "node_ipvs"));
    let (theirs, ours, _) = still.expect("the counters never stood still");
    assert_eq!(ours.status, 0, "{}", ours.stderr);
    let (theirs, mut ours) = (
        samples(&theirs, "node_ipvs"),
        samples(&ours.stdout, "node_ipvs"),
    );
    let backend = |name: &str, labels: &str| {
        let mut labels: Vec<&str> = labels.split(' ').collect();
        labels.sort_unstable();
        format!("node_ipvs_backend_{name} {}", labels.join(" "))
    };
    // Its quirk 1: what is behind a service of SCTP counts for the service before it, whichever that is.
    let sctp = backend(
        "weight",
        "local_address=\"10.9.0.100\" local_mark=\"\" local_port=\"9\" proto=\"SCTP\" remote_address=\"10.8.0.2\" remote_port=\"9\"",
    );
    assert_eq!(ours.get(&sctp), Some(&5.0), "{ours:?}");
    assert!(!theirs.contains_key(&sctp));
    let of_sctp = "remote_port=\"9\"";
    assert_eq!(
        theirs.keys().filter(|name| name.ends_with(of_sctp)).count(),
        3,
        "{theirs:?}"
    );
    let mut theirs = theirs;
    theirs.retain(|name, _| !name.ends_with(of_sctp));
    ours.retain(|name, _| !name.ends_with(of_sctp));
    // Its quirk 2, which ours shares: the two families of a mark have the same labels, and are one.
    let mark = backend(
        "weight",
        "local_address=\"\" local_mark=\"00000007\" local_port=\"0\" proto=\"FWM\" remote_address=\"10.8.0.2\" remote_port=\"80\"",
    );
    assert_eq!(ours.get(&mark), Some(&30.0), "{ours:?}");
    assert_eq!(ours, theirs);
    let made = ours["node_ipvs_connections_total"];
    assert!(made > 4_000.0, "{made}");
}

/// Has a real Prometheus scrape what a director exported, and evaluates every expression of rules and dashboard.
pub(crate) fn in_prometheus(kept: &Path) {
    let text = |name: &str| std::fs::read_to_string(kept.join(name)).unwrap();
    let (first, mut second) = (text("metrics-1.prom"), text("metrics-2.prom"));
    // The commit has a few seconds left, whenever this is looked at.
    let name = "ipvsh_confirm_deadline_timestamp_seconds";
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let lines = second.lines().map(|line| match line.strip_prefix(name) {
        Some(_) => format!("{name} {}\n", now.as_secs() + 5),
        None => format!("{line}\n"),
    });
    second = lines.collect();
    let checked = through(
        Command::new("promtool").args(["check", "metrics"]),
        first.as_bytes(),
    );
    assert_eq!(
        (checked.status, checked.stderr.as_str()),
        (0, ""),
        "{first}"
    );
    // One whose table can't be read, and one whose metrics nobody writes any more.
    let time = samples(&first, "ipvsh_snapshot_timestamp_seconds")
        .into_values()
        .next()
        .unwrap();
    let old = format!(
        "ipvs_up 1\nipvsh_snapshot_timestamp_seconds {}\n",
        time - 1_000.0
    );
    let targets = vec![
        Target {
            name: "lb1",
            texts: vec![first, second],
        },
        Target {
            name: "lb2",
            texts: vec!["ipvs_up 0\n".to_owned()],
        },
        Target {
            name: "lb3",
            texts: vec![old],
        },
    ];
    let prometheus = Prometheus::over(targets, &rules_file());
    assert_eq!(prometheus.scrape_errors(), ["", "", ""]);
    let rules = prometheus.rules();
    assert_eq!(rules.len(), 11);
    for (name, expression, health) in &rules {
        assert_eq!(health, "ok", "{name}");
        assert!(
            !prometheus.query(expression).is_empty(),
            "{name} gives nothing: {expression}"
        );
    }
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/metrics/grafana-dashboard.json");
    let dashboard: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap().to_owned();
            expressions.push((title, target["expr"].as_str().unwrap()));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        let name = annotation["name"].as_str().unwrap().to_owned();
        expressions.push((name, annotation["expr"].as_str().unwrap()));
    }
    assert!(expressions.len() > 20);
    for (title, expression) in expressions {
        let filled = expression
            .replace("$__rate_interval", "5m")
            .replace("$instance", ".*")
            .replace("$service", ".*");
        assert!(!filled.contains('$'), "{title}: {expression}");
        let found = prometheus.query(&filled);
        assert!(!found.is_empty(), "{title} shows nothing: {filled}");
    }
}
