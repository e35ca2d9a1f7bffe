//! Live connections through a real IPVS: what the drop-in lists is what the original lists, read at the same moment.
//!
//! A client and two servers, each in a network namespace of its own around the director's: one server behind
//! address translation, one on the client's network for direct routing and tunnels.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};

use crate::support::net::{
    Net, answers_tcp, answers_udp, echoes_tcp, still_talks, talks_tcp, talks_udp, within,
};
use crate::support::tool::Tool;
use crate::support::{Finished, ipvsh, only_in_lab, system};

/// Shows the same with both programs until nothing changed between two looks of the original.
fn same(ours: &Tool, theirs: &Tool, arguments: &[&str]) -> Finished {
    for _ in 0..60 {
        let before = theirs.ipvsadm(arguments);
        let shown = ours.ipvsadm(arguments);
        let after = theirs.ipvsadm(arguments);
        if before.stdout == after.stdout {
            assert_eq!(shown.stdout, before.stdout, "{arguments:?}");
            assert_eq!(
                (shown.status, &shown.stderr),
                (before.status, &before.stderr)
            );
            return shown;
        }
    }
    panic!("{arguments:?} never stood still");
}

/// The name of the director's namespace.
const DIRECTOR: &str = "director";

const TABLE: &str = "\
-A -t 10.9.0.100:80 -s rr
-a -t 10.9.0.100:80 -r 10.8.0.2:8080 -m
-A -t 10.9.0.100:81 -s rr
-a -t 10.9.0.100:81 -r 10.9.0.3:81 -g
-A -t 10.9.0.100:82 -s rr
-a -t 10.9.0.100:82 -r 10.9.0.3:82 -i
-A -t 10.9.0.100:443 -s rr -p 600 -M 255.255.255.0
-a -t 10.9.0.100:443 -r 10.8.0.2:8080 -m
-A -u 10.9.0.100:53 -s rr
-a -u 10.9.0.100:53 -r 10.8.0.2:53 -m
-A -u 10.9.0.100:5060 -s rr -p 600 --pe sip -o
-a -u 10.9.0.100:5060 -r 10.8.0.2:5060 -m
-A -t [fd00:9::100]:80 -s rr
-a -t [fd00:9::100]:80 -r [fd00:8::2]:8080 -m
";

const INVITE: &str = "INVITE sip:a@10.9.0.100 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.0.2\r\nCall-ID: abcdef123456@10.9.0.2\r\nCSeq: 1 INVITE\r\n\r\n";

/// `ipvsh connections` has what the original lists, in its own words, and tells it apart.
fn shown_by_the_command(original: &str) {
    let shown = |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let all = [&["--netns", DIRECTOR, "connections"][..], arguments].concat();
        let ran = ipvsh(folder.path(), &all);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stdout
    };
    // Two lines of titles.
    let entries = original.lines().count() - 2;
    assert_eq!(shown(&["--count"]).trim_end(), entries.to_string());
    let table = shown(&[]);
    assert_eq!(table.lines().count(), entries + 1, "{table}");
    assert!(table.starts_with("PROTOCOL  CLIENT"), "{table}");
    let lines = shown(&["-o", "jsonl"]);
    let read = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let read: Vec<serde_json::Value> = read.collect();
    assert_eq!(read.len(), entries);
    for (client, state, template) in [
        ("10.9.0.0", "template", true),
        ("10.9.0.2:", "ESTABLISHED", false),
        ("10.9.0.2:", "UDP", false),
    ] {
        let is_it = |one: &&serde_json::Value| {
            one["client"].as_str().unwrap().starts_with(client)
                && one["state"] == state
                && one["template"] == template
        };
        assert!(
            read.iter().any(|one| is_it(&one)),
            "{client} {state}: {lines}"
        );
    }
    assert!(
        lines.contains("\"engine\":{\"name\":\"sip\",\"data\":\"abcdef123456@10.9.0.2\"}"),
        "{lines}"
    );
    let document: serde_json::Value = serde_json::from_str(&shown(&["--json"])).unwrap();
    assert_eq!(document["connections"].as_array().unwrap().len(), entries);
    let groups: serde_json::Value =
        serde_json::from_str(&shown(&["--group-by", "service,state", "-o", "json"])).unwrap();
    let counted = groups["groups"].as_array().unwrap().iter();
    let sum: u64 = counted
        .map(|group| group["connections"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, entries as u64);
    let one = shown(&[
        "--server",
        "10.9.0.3",
        "--state",
        "established",
        "--sort",
        "-service",
        "--top",
        "1",
    ]);
    assert!(
        one.lines()
            .nth(1)
            .is_some_and(|line| line.contains("tcp://10.9.0.100:82")),
        "{one}"
    );
    assert_eq!(shown(&["--client", "10.10.0.0/16"]), "");
}

#[test]
fn live_connections_are_listed_as_the_original_lists_them() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    let (ours, theirs) = net.tools();
    ours.prepare(TABLE);
    answers_tcp(&net.inner, "0.0.0.0:8080");
    answers_tcp(&net.outer, "0.0.0.0:81");
    answers_tcp(&net.outer, "0.0.0.0:82");
    answers_udp(&net.inner, "0.0.0.0:53");
    answers_udp(&net.inner, "0.0.0.0:5060");
    let mut held = Vec::new();
    for address in [
        "10.9.0.100:80",
        "10.9.0.100:80",
        "10.9.0.100:81",
        "10.9.0.100:82",
        "10.9.0.100:443",
    ] {
        held.push(talks_tcp(&net.client, address));
    }
    // One that is over.
    drop(talks_tcp(&net.client, "10.9.0.100:80"));
    talks_udp(&net.client, "10.9.0.100:53", "question");
    talks_udp(&net.client, "10.9.0.100:5060", INVITE);
    // The rates and the copies of the counters are made every two seconds.
    thread::sleep(Duration::from_millis(2_500));
    let connections = same(&ours, &theirs, &["-Lnc"]);
    for part in [
        "ESTABLISHED 10.9.0.2:",
        "10.9.0.0:0         10.9.0.100:443",
        "UDP  ",
        "10.9.0.3:81",
        "10.9.0.3:82",
    ] {
        assert!(
            connections.stdout.contains(part),
            "{part}: {}",
            connections.stdout
        );
    }
    shown_by_the_command(&connections.stdout);
    let engines = same(&ours, &theirs, &["-Lnc", "--persistent-conn"]);
    assert!(
        engines
            .stdout
            .contains("sip                abcdef123456@10.9.0.2"),
        "{}",
        engines.stdout
    );
    let stats = same(&ours, &theirs, &["-Ln", "--stats"]);
    assert!(
        stats
            .stdout
            .contains("TCP  10.9.0.100:80                       3 "),
        "{}",
        stats.stdout
    );
    for arguments in [
        &["-Ln"][..],
        &["-Lc"],
        &["-Ln", "--rate"],
        &["-Ln", "--stats", "--exact"],
        &["-Ln", "--rate", "--exact"],
        &["-Ln", "--persistent-conn"],
        &["-Ln", "--thresholds"],
        &["-Ln", "--tun-info"],
        &["-Ln", "-t", "10.9.0.100:80", "--stats"],
        &["-L", "--nosort", "-n"],
        &["-L"],
        &["-S"],
    ] {
        same(&ours, &theirs, arguments);
    }
    // Server and service without traffic for IPv6 are listed too; a connection is refused and its entry stays.
    let refused = within(&net.client, || {
        TcpStream::connect("[fd00:9::100]:80").is_err()
    });
    assert!(refused.join().unwrap(), "nothing listens there");
    let listed = same(&ours, &theirs, &["-Lnc"]);
    assert!(listed.stdout.contains("[fd00:9::2]:"), "{}", listed.stdout);
    // The same as data.
    let json = ours.ipvsadm(&["-Lc", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let rows = json["connections"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["engine"]["name"] == "sip"),
        "{json}"
    );
    assert!(
        rows.iter()
            .any(|row| row["virtual"] == "10.9.0.100:82" && row["state"] == "ESTABLISHED"),
        "{json}"
    );
    // Deleting and clearing leave connections to themselves, as ever.
    assert_eq!(ours.ipvsadm(&["-C"]).status, 0);
    let left = same(&ours, &theirs, &["-Lnc"]);
    assert!(left.stdout.contains("ESTABLISHED"), "{}", left.stdout);
    drop(held);
}

#[test]
fn sync_daemons_are_started_listed_saved_and_stopped_alike() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    let (ours, theirs) = net.tools();
    const OTHER: [&str; 10] = [
        "--syncid",
        "7",
        "--mcast-group",
        "224.0.0.99",
        "--mcast-port",
        "9000",
        "--mcast-ttl",
        "3",
        "--sync-maxlen",
        "1000",
    ];
    const SIX: [&str; 4] = ["--mcast-group", "ff02::1234", "--mcast-port", "65535"];
    // A name that a shell would need quotes for; `-R` knows none.
    system(
        "ip -n director link add 'a#b' type dummy && ip -n director link set 'a#b' up && ip -n director addr add 10.7.0.1/24 dev 'a#b'",
    );
    assert_eq!(
        ours.ipvsadm(&["--start-daemon", "master", "--mcast-interface", "a#b"])
            .status,
        0
    );
    let saved = ours.run("ipvsadm-save", &["--complete"], b"");
    let restored = ours.run("ipvsadm", &["-R", "--atomic"], saved.stdout.as_bytes());
    assert!(
        restored.status == 0 && restored.stdout.contains("no changes"),
        "{restored:?}"
    );
    assert_eq!(ours.ipvsadm(&["--stop-daemon", "master"]).status, 0);
    for (tool, state, options) in [
        (&ours, "master", &[][..]),
        (&theirs, "master", &[]),
        (&ours, "backup", &OTHER),
        (&theirs, "backup", &OTHER),
        (&ours, "master", &SIX),
        (&theirs, "master", &SIX),
    ] {
        let started = tool.ipvsadm(
            &[
                &["--start-daemon", state, "--mcast-interface", "br0"],
                options,
            ]
            .concat(),
        );
        assert_eq!(
            (started.status, started.stderr.as_str()),
            (0, ""),
            "{state} {options:?}"
        );
        let listed = same(&ours, &theirs, &["-L", "--daemon"]);
        assert!(listed.stdout.starts_with(state), "{}", listed.stdout);
        let again = (
            ours.ipvsadm(&["--start-daemon", state]),
            theirs.ipvsadm(&["--start-daemon", state]),
        );
        assert_eq!(
            (again.0.status, &again.0.stderr),
            (again.1.status, &again.1.stderr)
        );
        // Saved completely and restored on top of itself: nothing changes, and it goes on running.
        let saved = ours.run("ipvsadm-save", &["--complete"], b"");
        assert!(
            saved
                .stdout
                .contains(&format!("--start-daemon {state} --mcast-interface br0")),
            "{saved:?}"
        );
        let restored = ours.run("ipvsadm-restore", &["--atomic"], saved.stdout.as_bytes());
        assert_eq!(restored.status, 0, "{restored:?}");
        assert!(restored.stdout.contains("no changes"), "{restored:?}");
        let stopped = tool.ipvsadm(&["--stop-daemon", state, "--syncid", "9"]);
        assert_eq!((stopped.status, stopped.stderr.as_str()), (0, ""));
        same(&ours, &theirs, &["-L", "--daemon"]);
    }
}

#[test]
fn a_server_over_its_threshold_counts_for_nothing() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    let (ours, _theirs) = net.tools();
    ours.prepare(
        "-A -t 10.9.0.100:80 -s rr\n\
         -a -t 10.9.0.100:80 -r 10.8.0.2:8080 -m -x 1\n\
         -a -t 10.9.0.100:80 -r 10.8.0.2:8081 -m\n",
    );
    answers_tcp(&net.inner, "0.0.0.0:8080");
    answers_tcp(&net.inner, "0.0.0.0:8081");
    let held: Vec<TcpStream> = (0..4)
        .map(|_| talks_tcp(&net.client, "10.9.0.100:80"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let all = ["--netns", DIRECTOR, "--no-journal"]
            .iter()
            .chain(arguments)
            .copied()
            .collect::<Vec<_>>();
        ipvsh(folder.path(), &all)
    };
    // One connection went to the first, all others to the second.
    let listed = run(&["list"]);
    let line = |server: &str| {
        let found = listed.stdout.lines().find(|line| line.contains(server));
        found.unwrap_or_else(|| panic!("{server}: {listed:?}"))
    };
    assert!(line("10.8.0.2:8080").ends_with("overloaded"), "{listed:?}");
    assert!(line("10.8.0.2:8081").contains("100 %"), "{listed:?}");
    let second = "tcp://10.9.0.100:80/10.8.0.2:8081";
    let refused = run(&["--guard", "last_server", "edit", second, "--weight", "0"]);
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("those that remain are over their thresholds"),
        "{refused:?}"
    );
    let told = run(&[
        "eval",
        "import \"std/drain\" as drain; for o in drain::obstacles([destination::get(\"tcp://10.9.0.100:80\", \"10.8.0.2:8081\")]) { print(o.text) }",
    ]);
    assert!(
        told.stdout.contains("all others are over their thresholds"),
        "{told:?}"
    );
    drop(held);
}

#[test]
fn a_move_that_drains_loses_no_connection() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    let (ours, _theirs) = net.tools();
    // Address translation with thresholds and persistence, and a tunnel, whose port has to follow.
    ours.prepare(
        "-A -t 10.9.0.100:80 -s rr -p 2\n\
         -a -t 10.9.0.100:80 -r 10.8.0.2:8080 -m -w 3 -x 50 -y 5\n\
         -A -t 10.9.0.100:82 -s wlc\n\
         -a -t 10.9.0.100:82 -r 10.9.0.3:82 -i\n",
    );
    echoes_tcp(&net.inner, "0.0.0.0:8080");
    echoes_tcp(&net.outer, "0.0.0.0:82");
    echoes_tcp(&net.outer, "0.0.0.0:83");
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let all = ["--netns", DIRECTOR].iter().chain(arguments).copied();
        ipvsh(folder.path(), &all.collect::<Vec<_>>())
    };
    for (old, new, address, moved) in [
        (
            "tcp://10.9.0.100:80",
            "tcp://10.9.0.100:8000",
            "10.9.0.100:80",
            "10.9.0.100:8000",
        ),
        (
            "tcp://10.9.0.100:82",
            "tcp://10.9.0.100:83",
            "10.9.0.100:82",
            "10.9.0.100:83",
        ),
    ] {
        let mut held = talks_tcp(&net.client, address);
        let before = run(&["export", "--config", old]);
        let mut moving = crate::support::ipvsh_command(
            folder.path(),
            &["--netns", DIRECTOR, "move", "--drain", "60s", old, new],
        );
        let moving = moving
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while !run(&["list", old]).stdout.contains("quiescent") {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{old} is not quiescent"
            );
        }
        // Who is connected stays connected, and who comes anew is served under the new key.
        assert!(still_talks(&mut held), "{old}");
        let mut late = talks_tcp(&net.client, moved);
        thread::sleep(Duration::from_millis(500));
        assert!(still_talks(&mut held), "{old}");
        // It ends by a reset, which IPVS forgets in ten seconds, and an orderly end in two minutes.
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&held, sockopt::Linger, &linger).unwrap();
        drop(held);
        let ended: Finished = moving.wait_with_output().unwrap().into();
        assert_eq!(ended.status, 0, "{ended:?}");
        assert!(!ended.stderr.contains("are cut"), "{ended:?}");
        assert!(still_talks(&mut late), "{new}");
        assert_eq!(run(&["list", old]).status, 3);
        // It is the same but for its key.
        let after = run(&["export", "--config", new]);
        let without_ports = |text: &str| {
            let text = text.replace(moved, "KEY").replace(address, "KEY");
            let text = text.replace("10.9.0.3:83", "10.9.0.3:82");
            let lines = text.lines().filter(|line| !line.contains("\"port\""));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(without_ports(&after.stdout), without_ports(&before.stdout));
    }
}
