//! Draining: with live connections through a real IPVS, and its words on the simulated kernel.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::net::{Net, answers_tcp, talks_tcp};
use crate::support::shop::{Shop, WEB};
use crate::support::{Finished, ipvsh, ipvsh_command, ipvsh_ok, only_in_lab};

const VIP: &str = "10.9.0.100:80";
const SERVICE: &str = "tcp://10.9.0.100:80";
const FIRST: &str = "10.8.0.2:8080";
const SECOND: &str = "10.8.0.2:8081";

/// A director with a service, two real servers of weight 4, and a client with four connections, two to each.
struct Farm {
    net: Net,
    folder: tempfile::TempDir,
    held: Vec<TcpStream>,
}

impl Farm {
    fn with(persistence: Option<&str>) -> Self {
        let farm = Self {
            net: Net::make(),
            folder: tempfile::tempdir().unwrap(),
            held: Vec::new(),
        };
        answers_tcp(&farm.net.inner, FIRST);
        answers_tcp(&farm.net.inner, SECOND);
        let mut add = vec!["--no-journal", "add", SERVICE, "--scheduler", "rr"];
        add.extend(persistence.iter().flat_map(|time| ["--persistence", *time]));
        farm.ok(&add);
        for server in [FIRST, SECOND] {
            let id = format!("{SERVICE}/{server}");
            farm.ok(&[
                "--no-journal",
                "add",
                &id,
                "--weight",
                "4",
                "--forwarding",
                "masquerading",
            ]);
        }
        farm
    }

    fn arguments<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all = vec!["--netns", "director"];
        all.extend(arguments);
        all
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        ipvsh_ok(self.folder.path(), &Self::arguments(arguments))
    }

    fn runs(&self, arguments: &[&str]) -> Finished {
        ipvsh(self.folder.path(), &Self::arguments(arguments))
    }

    /// Starts a command and waits until the first server has weight 0.
    fn starts(&self, arguments: &[&str]) -> Child {
        let child = ipvsh_command(self.folder.path(), &Self::arguments(arguments))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while self.server(FIRST)["weight"] != 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "{arguments:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        child
    }

    /// Starts a command and waits until it waits.
    fn starts_again(&self, arguments: &[&str]) -> Child {
        let mut child = ipvsh_command(self.folder.path(), &Self::arguments(arguments))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("waiting 0s") {
            let mut byte = [0];
            assert_eq!(errors.read(&mut byte).unwrap(), 1);
            said.extend(byte);
        }
        child.stderr = Some(errors);
        child
    }

    /// Returns what the table says of a server; null if it is not there.
    fn server(&self, id: &str) -> Value {
        let table: Value = serde_json::from_str(&self.ok(&["export"])).unwrap();
        let servers = table["services"][0]["destinations"].as_array().unwrap();
        let found = servers.iter().find(|server| server["id"] == id);
        found.cloned().unwrap_or_default()
    }

    fn active(&self, id: &str) -> u64 {
        self.server(id)["observed"]["active_connections"]
            .as_u64()
            .unwrap()
    }

    fn connects(&mut self, number: usize) {
        for _ in 0..number {
            self.held.push(talks_tcp(&self.net.client, VIP));
        }
    }

    /// Ends all connections at once, so that the director forgets them soon.
    fn closes(&mut self) {
        for stream in self.held.drain(..) {
            let linger = nix::libc::linger {
                l_onoff: 1,
                l_linger: 0,
            };
            setsockopt(&stream, sockopt::Linger, &linger).unwrap();
        }
    }

    fn listed(&self) -> Value {
        let list: Value = serde_json::from_str(&self.ok(&["--json", "drain", "--list"])).unwrap();
        list["drained"].clone()
    }
}

fn interrupt(child: &Child) {
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
}

fn ends(child: Child) -> Finished {
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_drain_waits_while_connections_live_and_ends_when_they_close() {
    if !only_in_lab() {
        return;
    }
    let mut farm = Farm::with(None);
    farm.connects(4);
    assert_eq!((farm.active(FIRST), farm.active(SECOND)), (2, 2));
    let drain = [
        "drain",
        FIRST,
        "--deadline",
        "2m",
        "--then",
        "remove",
        "--reason",
        "new disk",
    ];
    let mut child = farm.starts(&drain);
    let list = farm.listed();
    assert_eq!(list[0]["server"], FIRST);
    assert_eq!(list[0]["service"], SERVICE);
    assert_eq!(list[0]["connections"], 2);
    assert_eq!(list[0]["reason"], "new disk");
    assert_eq!(list[0]["state"], "draining");
    assert_eq!(list[0]["weight"], 4);
    let shown = farm.ok(&["drain", "--list"]);
    assert!(
        shown.contains("draining") && shown.contains("new disk"),
        "{shown}"
    );
    // New ones go elsewhere.
    farm.connects(2);
    assert_eq!((farm.active(FIRST), farm.active(SECOND)), (2, 4));
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        child.try_wait().unwrap().is_none(),
        "it waits while they live"
    );
    farm.closes();
    let ended = ends(child);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("2 connections: until 10.8.0.2:8080 has no connections")
            && ended.stderr.contains("2  remove   done     -1"),
        "{ended:?}"
    );
    assert_eq!(farm.server(FIRST), Value::Null);
    assert_eq!(farm.listed(), Value::Array(Vec::new()));
}

#[test]
fn a_drain_that_is_interrupted_restores_or_stays_and_goes_on_later() {
    if !only_in_lab() {
        return;
    }
    let mut farm = Farm::with(None);
    farm.connects(2);
    let drain = ["drain", FIRST, "--deadline", "2m"];
    let child = farm.starts(&drain);
    interrupt(&child);
    let ended = ends(child);
    assert_eq!(ended.status, 130, "{ended:?}");
    assert_eq!(farm.server(FIRST)["weight"], 4);
    // Killed: the next one restores.
    let mut child = farm.starts(&drain);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(farm.server(FIRST)["weight"], 0);
    let said = farm.ok(&["recover"]);
    assert!(
        said.contains("runbook") && said.contains("is rolled back"),
        "{said}"
    );
    assert_eq!(farm.server(FIRST)["weight"], 4);
    // Left as it is, if that was asked for; then it goes on, on the same terms.
    let mut keep = drain.to_vec();
    keep.extend([
        "--interrupted",
        "keep",
        "--then",
        "remove",
        "--reason",
        "new disk",
    ]);
    let child = farm.starts(&keep);
    interrupt(&child);
    let ended = ends(child);
    // Something of it stands.
    assert_eq!(ended.status, 7, "{ended:?}");
    assert_eq!(farm.server(FIRST)["weight"], 0);
    assert_eq!(farm.listed()[0]["state"], "drained");
    // Too late: the weights come back, and that is a failure.
    let late = farm.runs(&["drain", FIRST, "--deadline", "1s"]);
    assert_eq!(late.status, 7, "{late:?}");
    assert_eq!(farm.server(FIRST)["weight"], 4);
    let child = farm.starts(&keep);
    interrupt(&child);
    assert_eq!(ends(child).status, 7);
    // Someone else gives it weight while it is waited for: it is not removed.
    let child = farm.starts_again(&["drain", FIRST]);
    farm.ok(&["undrain", FIRST]);
    let ended = ends(child);
    assert!(
        ended.status != 0 && ended.stderr.contains("has weight 4 again"),
        "{ended:?}"
    );
    assert_eq!(farm.server(FIRST)["weight"], 4);
    let child = farm.starts(&keep);
    interrupt(&child);
    assert_eq!(ends(child).status, 7);
    farm.closes();
    let done = farm.runs(&["drain", FIRST]);
    assert_eq!(done.status, 0, "{done:?}");
    assert!(
        done.stderr.contains("drained already since")
            && done.stderr.contains("drain 10.8.0.2:8080: new disk"),
        "{done:?}"
    );
    assert_eq!(
        farm.server(FIRST),
        Value::Null,
        "as it was asked for in the first place"
    );
}

#[test]
fn a_drain_keeps_its_deadline() {
    if !only_in_lab() {
        return;
    }
    let mut farm = Farm::with(None);
    farm.connects(2);
    let begun = Instant::now();
    let late = farm.runs(&[
        "drain",
        "10.8.0.2",
        "--service",
        SERVICE,
        "--deadline",
        "3s",
    ]);
    assert_eq!(late.status, 1, "{late:?}");
    assert!(begun.elapsed() > Duration::from_secs(3));
    assert!(
        late.stderr.contains(
            "timed out after 3s waiting until 10.8.0.2 has no connections; 2 connections open"
        ),
        "{late:?}"
    );
    assert_eq!(
        (
            farm.server(FIRST)["weight"].clone(),
            farm.server(SECOND)["weight"].clone()
        ),
        (4.into(), 4.into())
    );
    let late = farm.runs(&["drain", FIRST, "--deadline", "1s", "--late", "keep"]);
    assert_eq!(late.status, 0, "{late:?}");
    assert_eq!(farm.server(FIRST)["weight"], 0);
    let back = farm.runs(&["undrain", FIRST, "--reason", "not now"]);
    assert_eq!(back.status, 0, "{back:?}");
    assert_eq!(farm.server(FIRST)["weight"], 4);
    let late = farm.runs(&["drain", FIRST, "--deadline", "1s", "--late", "remove"]);
    assert_eq!(late.status, 0, "{late:?}");
    assert!(late.stderr.contains("as asked: remove"), "{late:?}");
    assert_eq!(farm.server(FIRST), Value::Null);
}

#[test]
fn with_persistence_a_drain_warns_and_is_right() {
    if !only_in_lab() {
        return;
    }
    let mut farm = Farm::with(Some("5m"));
    farm.connects(1);
    let (own, other) = if farm.active(FIRST) == 1 {
        (FIRST, SECOND)
    } else {
        (SECOND, FIRST)
    };
    let late = farm.runs(&["drain", own, "--deadline", "1s", "--late", "keep"]);
    assert_eq!(late.status, 0, "{late:?}");
    assert!(
        late.stderr
            .contains("clients that came within the last 300 s (persistence) keep coming"),
        "{late:?}"
    );
    // It is right: the same client comes back to it, at weight 0.
    farm.connects(1);
    assert_eq!((farm.active(own), farm.active(other)), (2, 0));
    // With the parameter that it names, the next connection goes elsewhere.
    farm.ok(&["eval", "sysctl::set(\"expire_quiescent_template\", \"1\");"]);
    let late = farm.runs(&["drain", own, "--deadline", "1s", "--late", "keep"]);
    assert!(!late.stderr.contains("keep coming"), "{late:?}");
    farm.connects(1);
    assert_eq!((farm.active(own), farm.active(other)), (2, 1));
}

#[test]
fn what_stands_in_the_way_is_said_before() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("t.json"),
        r#"{ "version": 1, "services": [
        { "id": "udp://192.0.2.1:53", "destinations": [ { "id": "10.0.0.2:53" }, { "id": "10.0.0.3:53" } ] },
        { "id": "udp://192.0.2.1:54", "one_packet": true, "destinations": [ { "id": "10.0.0.2:54" }, { "id": "10.0.0.3:54" } ] },
        { "id": "tcp://192.0.2.1:80", "scheduler": "sh", "destinations": [ { "id": "10.0.0.2:80" } ] },
        { "id": "tcp://192.0.2.1:81", "scheduler": "sh", "scheduler_flags": ["sh-fallback"], "destinations": [ { "id": "10.0.0.2:81" }, { "id": "10.0.0.3:81", "upper_threshold": 10 } ] },
        { "id": "tcp://192.0.2.1:82", "persistence": { "timeout_seconds": 60 }, "destinations": [ { "id": "10.0.0.2:82" }, { "id": "10.0.0.3:82" } ] }
        ], "sysctl": { "conn_reuse_mode": "0" } }"#,
    )
    .unwrap();
    let said = ipvsh(folder.path(), &["--sim=t.json", "drain", "10.0.0.2"]).stderr;
    for part in [
        "udp://192.0.2.1:53/10.0.0.2:53: UDP closes no connections: an entry lasts 300 s",
        "udp://192.0.2.1:54/10.0.0.2:54: one-packet scheduling keeps no connections",
        "tcp://192.0.2.1:80/10.0.0.2:80: sh refuses clients that belong to a server of weight 0",
        "tcp://192.0.2.1:80/10.0.0.2:80: no other has weight",
        "tcp://192.0.2.1:81/10.0.0.2:81: conn_reuse_mode is 0",
        "tcp://192.0.2.1:81/10.0.0.2:81: all others have thresholds and take 10 more connections",
        "tcp://192.0.2.1:82/10.0.0.2:82: clients that came within the last 60 s",
    ] {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    for wrong in [
        "192.0.2.1:81/10.0.0.2:81: sh refuses",
        "192.0.2.1:82/10.0.0.2:82: no other",
        "udp://192.0.2.1:53/10.0.0.2:53: conn_reuse",
    ] {
        assert!(!said.contains(wrong), "{wrong}:\n{said}");
    }
}

#[test]
fn the_journal_knows_what_is_drained() {
    for shop in Shop::every() {
        assert!(shop.ok(&["drain", "--list"]).is_empty());
        let plan = shop.ok(&["drain", "10.0.0.1", "--then", "remove", "--dry-run"]);
        assert!(
            plan.contains("step 1 quiesce\n")
                && plan.contains("weight 1 -> 0")
                && plan.contains("step 2 remove\n"),
            "{plan}"
        );
        shop.ok(&[
            "drain",
            "10.0.0.1",
            "--service",
            WEB,
            "--reason",
            "new disk",
        ]);
        let list = shop.json(&["drain", "--list"]);
        let one = &list["drained"][0];
        assert_eq!(
            (&one["server"], &one["service"]),
            (&"10.0.0.1:80".into(), &WEB.into())
        );
        assert_eq!(
            (&one["reason"], &one["weight"]),
            (&"new disk".into(), &1.into())
        );
        assert!(one["by"].is_string() && one["since"].as_str().unwrap().ends_with('Z'));
        // A dry run and a wrong name change nothing.
        shop.ok(&["undrain", "10.0.0.1", "--dry-run"]);
        let refused = shop.runs(&["undrain", "10.0.0.2"]);
        assert!(
            refused.status == 1 && refused.stderr.contains("there is nothing to restore"),
            "{refused:?}"
        );
        let refused = shop.runs(&["drain", "10.0.0.9"]);
        assert!(
            refused.status == 3
                && refused.stderr.starts_with(
                    "error: there is no virtual service and no real server 10.0.0.9\n"
                ),
            "{refused:?}"
        );
        shop.ok(&["undrain", "10.0.0.1"]);
        assert_eq!(shop.weight("tcp://192.0.2.1:80/10.0.0.1:80"), 1);
        assert_eq!(
            shop.json(&["drain", "--list"])["drained"],
            Value::Array(Vec::new())
        );
        // What other runbooks keep in the journal does no harm, and a look changes nothing.
        shop.ok(&["eval", "runbook \"other\" #{ data: #{ drain: true } } { step \"a\" { service::add(\"fwmark://5\"); } };"]);
        assert_eq!(
            shop.json(&["drain", "--list"])["drained"],
            Value::Array(Vec::new())
        );
        // What came after a drain ends it, whoever did it here.
        shop.ok(&["drain", "10.0.0.1", "--reason", "old disk"]);
        shop.ok(&["edit", "tcp://192.0.2.1:80/10.0.0.1:80", "--weight", "5"]);
        shop.ok(&["edit", "tcp://192.0.2.1:80/10.0.0.1:80", "--weight", "0"]);
        assert_eq!(
            shop.json(&["drain", "--list"])["drained"],
            Value::Array(Vec::new())
        );
        // One that the journal knows nothing of.
        shop.ok(&["edit", "tcp://192.0.2.1:80/10.0.0.2:80", "--weight", "0"]);
        let refused = shop.runs(&["undrain", "10.0.0.2"]);
        assert!(
            refused.status == 1
                && refused
                    .stderr
                    .contains("no drain in the journal says which weight"),
            "{refused:?}"
        );
        shop.ok(&["undrain", "10.0.0.2", "--weight", "3"]);
        assert_eq!(shop.weight("tcp://192.0.2.1:80/10.0.0.2:80"), 3);
    }
}
