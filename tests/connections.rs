//! The connection table: filtered, counted and grouped as it is read.

use crate::support::{Finished, ipvsh};

/// Five connections of a persistent service, one of which is over, and one of UDP.
const TRAFFIC: &str = r#"
service::add("tcp://192.0.2.1:80", #{ scheduler: "rr", persistence: "5m", destinations: ["10.0.0.2:80", "10.0.0.3:80"] });
service::add("udp://192.0.2.1:53", #{ scheduler: "rr", destinations: ["10.0.0.2:53"] });
service::add("tcp://[2001:db8::1]:80", #{ scheduler: "rr", destinations: ["[fd00::2]:80"] });
for n in 0..4 { sim::connect(`10.64.${n / 2}.${n + 1}:4000`, "tcp://192.0.2.1:80"); }
sim::close(sim::connect("10.65.0.9:4000", "tcp://192.0.2.1:80"));
sim::connect("10.65.0.9:5000", "udp://192.0.2.1:53");
sim::connect("[2001:db8:5::7]:4000", "tcp://[2001:db8::1]:80");
"#;

fn eval(code: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.rhai"), format!("{TRAFFIC}{code}")).unwrap();
    ipvsh(folder.path(), &["--sim", "run", "it.rhai"])
}

#[track_caller]
fn prints(code: &str, wanted: &str) {
    let ran = eval(code);
    assert_eq!(
        (ran.stdout.trim_end(), ran.status),
        (wanted, 0),
        "{}",
        ran.stderr
    );
}

#[test]
fn filters_take_what_is_meant() {
    for (filter, wanted) in [
        ("", "12"),
        ("#{}", "12"),
        (r#"#{ state: "template" }"#, "5"),
        (r#"#{ state: "established" }"#, "5"),
        (r#"#{ state: ["ESTABLISHED", "UDP"] }"#, "6"),
        (r#"#{ protocol: "udp" }"#, "1"),
        (r#"#{ protocol: "TCP", state: "FIN_WAIT" }"#, "1"),
        (r#"#{ server: "10.0.0.2:53" }"#, "1"),
        (r#"#{ server: "fd00::2" }"#, "1"),
        (r#"#{ server: "[fd00::2]:80" }"#, "1"),
        (r#"#{ server: "10.0.0.9" }"#, "0"),
        (r#"#{ client: "10.64.0.0/24", state: "ESTABLISHED" }"#, "2"),
        (
            r#"#{ client: ["10.64.0.0/16", "2001:db8:5::/48"], state: "ESTABLISHED" }"#,
            "5",
        ),
        (r#"#{ client: "10.65.0.9" }"#, "3"),
        (r#"#{ service: "tcp://192.0.2.1:80" }"#, "10"),
        (
            r#"#{ service: ["udp://192.0.2.1:53", "tcp://[2001:db8::1]:80"] }"#,
            "2",
        ),
        (r#"#{ service: "tcp://192.0.2.1:81" }"#, "0"),
    ] {
        prints(&format!("print(connections::count({filter}));"), wanted);
        prints(
            &format!("print(connections::list({filter}).len());"),
            wanted,
        );
    }
    for (code, words) in [
        (
            r#"connections::count(#{ service: "fwmark://7" })"#,
            "tells no mark",
        ),
        (
            r#"connections::count(#{ servce: "x" })"#,
            "did you mean `service`?",
        ),
        (
            r#"connections::count(#{ client: "10.0.0.0/33" })"#,
            "0 to 32 bits long",
        ),
        (
            r#"connections::count(#{ client: "web" })"#,
            "write an address",
        ),
        (r#"connections::count(#{ server: "web" })"#, "web"),
        (r#"connections::count(#{ state: 5 })"#, "state"),
        (r#"connections::group([])"#, "name at least one"),
        (
            r#"connections::group(["clients"])"#,
            "it is client, client/24",
        ),
        (
            r#"connections::group(["client/129"])"#,
            "0 to 128 bits long",
        ),
    ] {
        let ran = eval(code);
        // The services are there.
        assert_eq!(ran.status, 7, "{code}: {ran:?}");
        assert!(ran.stderr.contains(words), "{code}: {}", ran.stderr);
    }
}

#[test]
fn connections_are_told_with_what_they_are() {
    prints(
        r#"let one = connections::list(#{ client: "10.65.0.9", state: "FIN_WAIT" })[0];
        print([one.protocol, one.client, one.service, one.template, `${one.expires}`]);
        let kept = connections::list(#{ client: "10.64.0.1", state: "template" })[0];
        print([kept.client, kept.service, kept.template, `${kept.expires}`]);
        let six = connections::list(#{ service: "tcp://[2001:db8::1]:80" })[0];
        print([six.client, six.service, six.server]);"#,
        "[\"tcp\", \"10.65.0.9:4000\", \"tcp://192.0.2.1:80\", false, \"2m\"]\n\
         [\"10.64.0.1\", \"tcp://192.0.2.1:80\", true, \"5m\"]\n\
         [\"[2001:db8:5::7]:4000\", \"tcp://[2001:db8::1]:80\", \"[fd00::2]:80\"]",
    );
}

#[test]
fn groups_have_something_in_common() {
    prints(
        r#"for group in connections::group(["client/24"], #{ state: "ESTABLISHED" }) { print(`${group.client} ${group.connections}`); }
        for group in connections::group(["protocol", "state"]) { print(`${group.protocol} ${group.state} ${group.connections}`); }
        print(connections::group(["client"]).map(|group| group.connections).sum() == connections::count());
        print(connections::group(["server"], #{ protocol: "sctp" }));"#,
        "10.64.0.0/24 2\n10.64.1.0/24 2\n2001:db8:5::/64 1\n\
         tcp ESTABLISHED 5\ntcp template 5\ntcp FIN_WAIT 1\nudp UDP 1\ntrue\n[]",
    );
}

#[test]
fn the_command_says_what_it_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let ran = |arguments: &[&str]| {
        ipvsh(
            folder.path(),
            &[&["--sim", "connections"][..], arguments].concat(),
        )
    };
    let none = ran(&[]);
    assert_eq!((none.stdout.as_str(), none.status), ("", 0));
    assert!(
        none.stderr.contains("there are no connections"),
        "{}",
        none.stderr
    );
    assert_eq!(ran(&["--count"]).stdout, "0\n");
    assert_eq!(ran(&["-o", "jsonl"]).stdout, "");
    let json: serde_json::Value = serde_json::from_str(&ran(&["-o", "json"]).stdout).unwrap();
    assert_eq!(json["connections"], serde_json::json!([]));
    let json: serde_json::Value =
        serde_json::from_str(&ran(&["--group-by", "client/24,state", "-o", "json"]).stdout)
            .unwrap();
    assert_eq!(
        (&json["connections"], &json["groups"]),
        (&0.into(), &serde_json::json!([]))
    );
    let head = "protocol,client,service,server,state,template,expires_seconds,engine\n";
    assert_eq!(ran(&["-o", "csv"]).stdout, head);
    for (arguments, words) in [
        (&["--top", "3"][..], "says how many, and not of what"),
        (&["--service", "fwmark://7"], "tells no mark"),
        (&["--service", "web"], "web"),
        (&["--client", "10.0.0.0/40"], "0 to 32 bits long"),
        (&["--sort", "age"], "it is protocol, client"),
        (&["--group-by", "age"], "it is client, client/24"),
        (
            &["--group-by", "client", "--sort", "state"],
            "cannot be used with",
        ),
        (&["--top", "0", "--sort", "state"], "it is a number from 1"),
    ] {
        let refused = ran(arguments);
        assert_eq!(refused.status, 2, "{arguments:?}: {refused:?}");
        assert!(
            refused.stderr.contains(words),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
}
