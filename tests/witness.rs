//! The original `ipvsadm` as the witness, on a real kernel: what it shows of our changes, and what we see of its.

use std::path::Path;

use crate::support::{Finished, Place, ipvsh, ipvsh_ok, only_in_lab, sorted, system};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The table as the original saves it, and its thresholds, sorted: its order depends on the boot.
fn seen() -> (Vec<String>, Vec<String>) {
    (
        sorted(&system("ipvsadm -Sn")),
        sorted(&system("ipvsadm -Ln --thresholds")),
    )
}

/// `/proc/net/ip_vs` as a set of lines, connection columns apart.
fn proc_lines() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/ip_vs").unwrap();
    let lines = text.lines().map(|line| match line.strip_prefix("  -> ") {
        Some(server) => server
            .split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" "),
        None => line.to_owned(),
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

fn every_kind(folder: &Path) {
    let script = root().join("tests/data/scripts/every-kind.rhai");
    ipvsh_ok(folder, &["run", script.to_str().unwrap()]);
}

#[test]
fn ipvsadm_shows_what_a_script_created() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    every_kind(folder.path());
    let (saved, thresholds) = seen();
    let expected = "\
-A --sctp-service 192.0.2.1:36412 -s sh -b sh-fallback,sh-port
-A -f 7 -6 -s wlc -p 3600 -M 64 --pe sip
-A -f 7 -s mh -b mh-port
-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0
-A -u [2001:db8::1]:53 -s rr -o
-a --sctp-service 192.0.2.1:36412 -r 10.0.0.7:36412 -g -w 1
-a -f 7 -6 -r 10.0.0.9:0 -i -w 1 --tun-type ipip
-a -f 7 -6 -r [fd00::3]:0 -g -w 1
-a -f 7 -r 10.0.0.8:0 -m -w 1
-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 3
-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 1
-a -t 192.0.2.1:80 -r 10.0.0.3:80 -i -w 1 --tun-type ipip
-a -t 192.0.2.1:80 -r 10.0.0.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 192.0.2.1:80 -r 10.0.0.5:80 -i -w 0 --tun-type gre --tun-csum
-a -u [2001:db8::1]:53 -r [fd00::1]:53 -g -w 1
-a -u [2001:db8::1]:53 -r [fd00::2]:53 -g -w 1
";
    // The original has no words for bypass and local: it calls them -g.
    let saved: Vec<String> = saved
        .into_iter()
        .filter(|line| !line.contains("10.0.0.6:80") && !line.contains("127.0.0.1:80"))
        .collect();
    assert_eq!(saved, sorted(expected));
    assert!(
        thresholds.iter().any(|line| line.contains("10.0.0.2:8080")
            && line.contains("100")
            && line.contains("80")),
        "{thresholds:?}"
    );
    assert_eq!(
        system("ipvsadm -L --timeout"),
        "Timeout (tcp tcpfin udp): 600 120 60\n"
    );
}

#[test]
fn export_and_apply_bring_back_the_same_table() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    let path = folder.path();
    every_kind(path);
    // What only the original leaves behind: an engine without persistence, a netmask without persistence.
    system(
        "ipvsadm -A -u 192.0.2.9:5060 -s rr --pe sip; ipvsadm -A -t 192.0.2.9:81 -s rr -M 255.255.0.0; ipvsadm -A -t 192.0.2.9:0 -s rr -p",
    );
    let before = seen();
    let exported = ipvsh_ok(path, &["export"]);
    std::fs::write(path.join("table.json"), &exported).unwrap();
    let nothing = ipvsh_ok(path, &["apply", "table.json"]);
    assert!(
        nothing.contains("no changes") && nothing.contains("Nothing was sent"),
        "{nothing}"
    );
    system("ipvsadm -C; ipvsadm --set 900 120 300");
    ipvsh_ok(path, &["apply", "table.json"]);
    assert_eq!(seen(), before);
    let again = ipvsh_ok(path, &["export", "--config"]);
    std::fs::write(path.join("again.json"), &again).unwrap();
    assert!(ipvsh_ok(path, &["diff", "table.json", "again.json"]).contains("no changes"));
    assert!(ipvsh_ok(path, &["diff", "again.json", "table.json"]).contains("no changes"));
    let strip = |text: &str| {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        for service in value["services"].as_array_mut().unwrap() {
            service.as_object_mut().unwrap().remove("observed");
            for server in service["destinations"].as_array_mut().unwrap() {
                server.as_object_mut().unwrap().remove("observed");
            }
        }
        value
    };
    assert_eq!(strip(&exported), strip(&again));
}

#[test]
fn a_transaction_whose_last_change_the_kernel_refuses_leaves_the_same_lines() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    every_kind(folder.path());
    let before = proc_lines();
    let script = "transaction {\n    for n in 1..500 { service::add(`fwmark://${n + 1000}`, #{ scheduler: \"rr\" }); }\n    destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.1:80\", #{ weight: 9 });\n    service::edit(\"sctp://192.0.2.1:36412\", #{ scheduler: \"mhx\" });\n}\n";
    std::fs::write(folder.path().join("big.rhai"), script).unwrap();
    let finished = ipvsh(folder.path(), &["run", "big.rhai"]);
    assert_eq!(finished.status, 3, "{finished:?}");
    for part in [
        "the kernel refused change 501 of 501: edit virtual service sctp://192.0.2.1:36412",
        "ENOENT: it has no scheduler \"mhx\"",
        "big.rhai:4:14",
        "staged here",
        "checked by reading the table again",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
    assert_eq!(proc_lines(), before);
}

#[test]
fn a_change_by_ipvsadm_between_rehearsal_and_commit_is_a_conflict() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    every_kind(folder.path());
    // The script waits between plan and commit; ipvsadm works in that time.
    let script = "let plan = rehearse { destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.1:80\", #{ weight: 9 }); };\nprint(\"ready\");\nsleep(\"1500ms\");\nplan.commit();\n";
    std::fs::write(folder.path().join("slow.rhai"), script).unwrap();
    let mut command = crate::support::ipvsh_command(folder.path(), &["run", "slow.rhai"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line, "ready\n");
    system("ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 4");
    let before = proc_lines();
    let finished: Finished = child.wait_with_output().unwrap().into();
    assert_eq!(finished.status, 5, "{finished:?}");
    assert!(
        finished.stderr.contains("tcp://192.0.2.1:80/10.0.0.1:80")
            && finished.stderr.contains("weight 3 -> 4"),
        "{finished:?}"
    );
    assert_eq!(proc_lines(), before);
}

#[test]
fn a_plan_as_commands_of_ipvsadm_gives_the_same_table() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    let path = folder.path();
    let document = r#"{ "version": 1, "timeouts": { "tcp_seconds": 700 }, "services": [
        { "id": "tcp://192.0.2.1:80", "scheduler": "wrr", "persistence": { "timeout_seconds": 90, "netmask": "255.255.0.0" }, "destinations": [
            { "id": "10.0.0.1:8080", "forwarding": "masquerading", "weight": 7, "upper_threshold": 9, "lower_threshold": 3 },
            { "id": "10.0.0.2:80", "forwarding": "tunneling", "tunnel": { "type": "gue", "port": 6080 } } ] },
        { "id": "udp://[2001:db8::1]:53", "scheduler": "mh", "scheduler_flags": ["mh-fallback"], "one_packet": true, "destinations": [ { "id": "[fd00::1]:53" } ] },
        { "id": "fwmark6://9", "scheduler": "rr" } ] }"#;
    std::fs::write(path.join("table.json"), document).unwrap();
    system(
        "ipvsadm -A -t 192.0.2.1:80 -s rr; ipvsadm -a -t 192.0.2.1:80 -r 10.0.0.2:80 -i; ipvsadm -a -t 192.0.2.1:80 -r 10.0.0.3:80; ipvsadm -A -f 3 -s rr",
    );
    let start = system("ipvsadm -Sn");
    let text = ipvsh(
        path,
        &["plan", "table.json", "--prune=services", "--exit-code"],
    );
    assert_eq!(text.status, 10, "{text:?}");
    let commands = ipvsh_ok(
        path,
        &[
            "plan",
            "--prune=services",
            "--format",
            "ipvsadm",
            "table.json",
        ],
    );
    std::fs::write(path.join("plan.sh"), format!("set -e\n{commands}")).unwrap();
    system(&format!("sh {}", path.join("plan.sh").display()));
    let by_commands = seen();
    system("ipvsadm -C; ipvsadm --set 900 120 300");
    std::fs::write(path.join("start"), start).unwrap();
    system(&format!("ipvsadm -R <{}", path.join("start").display()));
    ipvsh_ok(path, &["apply", "--prune=services", "table.json"]);
    assert_eq!(seen(), by_commands);
    let equal = ipvsh(
        path,
        &["plan", "table.json", "--prune=services", "--exit-code"],
    );
    assert_eq!(equal.status, 0, "{equal:?}");
    assert!(equal.stdout.contains("no changes"), "{equal:?}");
}

#[test]
fn another_namespace_by_name_and_by_path() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    system("ip netns add blue; ip netns exec blue ip link set lo up");
    ipvsh_ok(
        folder.path(),
        &["--netns", "blue", "add", "tcp://192.0.2.1:80"],
    );
    assert_eq!(system("ipvsadm -Sn"), "");
    assert_eq!(
        system("ip netns exec blue ipvsadm -Sn"),
        "-A -t 192.0.2.1:80 -s wlc\n"
    );
    assert!(
        ipvsh_ok(folder.path(), &["--netns", "/run/netns/blue", "list"])
            .contains("/run/netns/blue")
    );
    ipvsh_ok(folder.path(), &["add", "tcp://192.0.2.2:80"]);
    assert_eq!(system("ip netns exec blue ipvsadm -Sn | wc -l").trim(), "1");
    let no_namespace = ipvsh(folder.path(), &["--netns", "/etc/hostname", "list"]);
    assert_eq!(no_namespace.status, 6, "{no_namespace:?}");
    assert!(
        no_namespace
            .stderr
            .contains("/etc/hostname is not a network namespace"),
        "{no_namespace:?}"
    );
    system("ip netns delete blue");
}

#[test]
fn users_without_privilege_see_what_proc_tells() {
    if !only_in_lab() {
        return;
    }
    let _place = Place::real();
    let folder = folder();
    every_kind(folder.path());
    let as_nobody = |arguments: &str| -> Finished {
        let line = format!(
            "setpriv --reuid=65534 --regid=65534 --clear-groups {} {arguments}",
            env!("CARGO_BIN_EXE_ipvsh")
        );
        std::process::Command::new("sh")
            .args(["-c", &line])
            .output()
            .unwrap()
            .into()
    };
    let list = as_nobody("list");
    assert_eq!(list.status, 0, "{list:?}");
    assert!(
        list.stdout.contains("10.0.0.2:8080   masquerading")
            || list.stdout.contains("10.0.0.2:8080"),
        "{list:?}"
    );
    assert!(
        list.stderr
            .contains("without privilege this list lacks persistence timeouts"),
        "{list:?}"
    );
    // The rates are not known to nobody, and that is no zero.
    let titles = list.stdout.lines().find(|line| line.contains("CONN/S"));
    let place = titles.unwrap().find("CONN/S").unwrap() + "CONN/S".len();
    let server = list
        .stdout
        .lines()
        .find(|line| line.contains("10.0.0.2:8080"));
    assert_eq!(server.unwrap().get(place - 1..place), Some("?"), "{list:?}");
    let export = as_nobody("export");
    // What is not known is null, not a number that looks like one.
    let document: serde_json::Value = serde_json::from_str(&export.stdout).unwrap();
    assert!(document["incomplete"].is_array(), "{export:?}");
    let services = document["services"].as_array().unwrap();
    let mut persistent = 0;
    for service in services {
        assert!(service["scheduler_flags"].is_null(), "{service}");
        assert!(service["observed"]["counters"].is_null(), "{service}");
        if let Some(persistence) = service["persistence"].as_object() {
            persistent += 1;
            assert!(persistence["timeout_seconds"].is_null(), "{service}");
        }
        for server in service["destinations"].as_array().unwrap() {
            assert!(server["upper_threshold"].is_null(), "{server}");
            assert!(server["weight"].is_u64(), "{server}");
            let observed = &server["observed"];
            assert!(observed["persistent_connections"].is_null(), "{server}");
            assert!(observed["active_connections"].is_u64(), "{server}");
            assert_ne!(observed["receives"], true, "{server}");
        }
    }
    assert!(persistent > 0, "{export:?}");
    assert!(!list.stdout.contains("persistent 0"), "{list:?}");
    let change = as_nobody("add tcp://192.0.2.77:80");
    assert_eq!(change.status, 6, "{change:?}");
    assert!(
        change.stderr.contains("CAP_NET_ADMIN") && change.stderr.contains("hint: run it as root"),
        "{change:?}"
    );
    let entering = as_nobody("--netns /proc/1/ns/net list");
    assert_eq!(entering.status, 6, "{entering:?}");
    assert!(
        entering
            .stderr
            .contains("no permission to open network namespace /proc/1/ns/net\n"),
        "{entering:?}"
    );
}
