//! Scripts against simulated traffic: what `sim::` lets happen, and what runbooks and commits make of it.

use std::rc::Rc;

use ipvsh::script::{RunEnvironment, Script, run as run_script};
use ipvsh::session::{Access, Interrupt, Session, Target};

use crate::support::{Finished, ipvsh};

const TABLE: &str = r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "scheduler": "wlc", "destinations": [
    { "id": "10.0.0.2:80", "forwarding": "masquerading", "weight": 10 },
    { "id": "10.0.0.3:80", "forwarding": "masquerading", "weight": 10 } ] } ] }"#;

/// Runs a script on a simulated table.
fn run(script: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("table.json"), TABLE).unwrap();
    std::fs::write(folder.path().join("script.rhai"), script).unwrap();
    ipvsh(folder.path(), &["--sim=table.json", "run", "script.rhai"])
}

#[track_caller]
fn prints(script: &str, wanted: &str) {
    let ran = run(script);
    assert_eq!(
        (ran.stdout.as_str(), ran.status),
        (wanted, 0),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_connection_lives_as_its_packets_say() {
    prints(
        r#"
        let first = sim::connect("10.64.0.1:4000", "tcp://192.0.2.1:80");
        print(`${first.result} ${first.server} ${first.client} ${first.to} ${first.protocol}`);
        let open = || destination::get("tcp://192.0.2.1:80", "10.0.0.2:80");
        print(open.call().active_connections);
        print(sim::packet(first, "PA").result);
        print(sim::reply(first, "PA"));
        sim::close(first);
        print(`${open.call().active_connections} ${open.call().inactive_connections}`);
        sim::advance("2m");
        print(open.call().inactive_connections);
        let second = sim::connect("10.64.0.2", "tcp://192.0.2.1:80");
        sim::reset(second);
        sim::advance("10s");
        print(stats::get("tcp://192.0.2.1:80").counters.connections);
        "#,
        "forwarded 10.0.0.2:80 10.64.0.1:4000 192.0.2.1:80 tcp\n1\nforwarded\n192.0.2.1:80\n0 1\n0\n2\n",
    );
}

/// 20 connections a second for 10 minutes are 12,000, give or take 3 times their root; what ended, ended in time.
#[test]
fn a_load_flows_while_time_passes() {
    let script = r#"
        let load = sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 20, duration: "10m", hold: "30s", seed: SEED });
        print(sim::results(load).opened);
        sim::advance("10m");
        let busy = sim::results(load);
        sim::advance("1m");
        let over = sim::results(load);
        print(`${busy.opened} ${busy.live} ${over.closed} ${over.live} ${over.cut} ${over.refused} ${over.unanswered}`);
        print(over.by_server);
    "#;
    let first = run(&script.replace("SEED", "7"));
    assert_eq!(first.status, 0, "{}", first.stderr);
    let mut lines = first.stdout.lines();
    assert_eq!(lines.next(), Some("0"));
    let numbers: Vec<u64> = lines
        .next()
        .unwrap()
        .split(' ')
        .map(|word| word.parse().unwrap())
        .collect();
    let [opened, live, closed, rest @ ..] = numbers.as_slice() else {
        panic!("{numbers:?}")
    };
    assert!((11_670..12_330).contains(opened), "{opened}");
    // 20 a second for 30 s.
    assert!((520..680).contains(live), "{live}");
    assert_eq!((closed, rest), (opened, &[0, 0, 0, 0][..]));
    let by_server = lines.next().unwrap();
    assert!(
        by_server.contains("10.0.0.2:80") && by_server.contains("10.0.0.3:80"),
        "{by_server}"
    );
    assert_eq!(run(&script.replace("SEED", "7")).stdout, first.stdout);
    assert_ne!(run(&script.replace("SEED", "8")).stdout, first.stdout);
}

/// A server that goes down answers nothing: its clients are cut off and come again, new ones that reach it give up in the end.
#[test]
fn servers_go_down_and_come_up_at_their_time() {
    let ran = run(r#"
        let load = sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 5, duration: "20m", hold: "2m" });
        sim::server_down("10.0.0.2", #{ after: "5m" });
        sim::server_up("10.0.0.2", #{ after: "10m" });
        sim::advance("5m");
        let before = sim::results(load);
        sim::advance("5m");
        let down = sim::results(load);
        sim::advance("20m");
        let after = sim::results(load);
        assert(before.cut == 0 && before.unanswered == 0);
        assert(down.cut > 100 && down.unanswered > 100);
        assert(down.by_server["10.0.0.2:80"] == before.by_server["10.0.0.2:80"]);
        assert(after.by_server["10.0.0.2:80"] > down.by_server["10.0.0.2:80"]);
        assert(after.live == 0);
    "#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

/// A drain of an hour meets the closing times of a heavy-tailed load, and ends when the longest connection does.
#[test]
fn a_drain_meets_real_closing_times() {
    let ran = run(r#"
        import "std/drain" as drain;
        let load = sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 10, duration: "3h", seed: 3,
            hold: #{ distribution: "lognormal", mean: "1m", sigma: 1.0 } });
        sim::advance("30m");
        let before = sim::results(load);
        let begun = now();
        drain::server("10.0.0.2", #{ deadline: "2h" });
        let took = now() - begun;
        assert(took > duration("10m") && took < duration("2h"));
        let d = destination::get("tcp://192.0.2.1:80", "10.0.0.2:80");
        assert(d.weight == 0 && d.active_connections == 0 && d.inactive_connections == 0);
        assert(sim::results(load).cut == 0, "nobody lost a connection");
    "#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("waiting"), "{}", ran.stderr);
}

/// A refusal that is planned comes with its request, and the transaction is rolled back.
#[test]
fn a_planned_refusal_rolls_a_commit_back() {
    let ran = run(r#"
        sim::fail("destination.edit", "ENOMEM", #{ nth: 2 });
        try {
            transaction {
                destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 1 });
                destination::edit("tcp://192.0.2.1:80", "10.0.0.3:80", #{ weight: 1 });
            };
            print("committed");
        } catch (e) {
            print(`${e.kind}: ${e.message}`);
        }
        print(service::get("tcp://192.0.2.1:80").destinations.map(|d| d.weight));
        destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 1 });
        print(destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").weight);
    "#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let wanted = "refused: the kernel refused change 2 of 2: edit real server 10.0.0.3:80 of tcp://192.0.2.1:80\n       ENOMEM: the kernel is out of memory\n[10, 10]\n1\n";
    assert_eq!(ran.stdout, wanted);
}

#[test]
fn another_writer_makes_a_commit_a_conflict() {
    // It sees the table as others do, and comes once, with the next commit that changes something.
    prints(
        r#"
        let svc = "tcp://192.0.2.1:80";
        transaction {
            destination::edit(svc, "10.0.0.2:80", #{ weight: 0 });
            sim::foreign(|| {
                assert(destination::get(svc, "10.0.0.2:80").weight == 10, "what is staged is not seen");
                destination::edit(svc, "10.0.0.3:80", #{ weight: 4 });
            });
        };
        print(destination::list(svc).map(|d| d.weight).sum());
        sim::foreign(|| destination::edit(svc, "10.0.0.2:80", #{ weight: 7 }));
        transaction {};
        print(destination::get(svc, "10.0.0.2:80").weight);
        try {
            destination::edit(svc, "10.0.0.2:80", #{ weight: 5 });
        } catch (e) {
            print(e.kind);
        }
        print(destination::get(svc, "10.0.0.2:80").weight);
        destination::edit(svc, "10.0.0.2:80", #{ weight: 5 });
        print(destination::get(svc, "10.0.0.2:80").weight);
        "#,
        "4\n0\nconflict\n7\n5\n",
    );
    // One that comes when all is read again: what it changes is overwritten, and what it removes is a refusal; nobody else brings
    // that back.
    prints(
        r#"
        let svc = "tcp://192.0.2.1:80";
        let server = "10.0.0.2:80";
        sim::foreign(|| destination::edit(svc, server, #{ weight: 7 }), #{ late: true });
        destination::edit(svc, server, #{ weight: 5 });
        print(destination::get(svc, server).weight);
        sim::foreign(|| service::delete(svc), #{ late: true });
        try {
            transaction { service::add("fwmark://3"); destination::edit(svc, server, #{ weight: 1 }); };
        } catch (e) {
            print(e.kind);
        }
        print(service::list().len());
        "#,
        "5\nindeterminate\n0\n",
    );
    // What the kernel refuses to it is told, and the commit goes on.
    let ran = run(r#"
        let svc = "tcp://192.0.2.1:80";
        sim::foreign(|| destination::delete(svc, "10.0.0.3:80"));
        sim::foreign(|| destination::edit(svc, "10.0.0.3:80", #{ weight: 3 }));
        destination::edit(svc, "10.0.0.2:80", #{ weight: 5 });
    "#);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains(
            "warning: the foreign writer was refused to edit real server 10.0.0.3:80 of tcp://192.0.2.1:80: "
        ),
        "{}",
        ran.stderr
    );
    // Programs that share a file see it too.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("table.json"), TABLE).unwrap();
    let script = r#"
        sim::foreign(|| service::add("fwmark://9"));
        try { service::add("fwmark://9"); } catch (e) { print(e.kind); }
    "#;
    let ran = ipvsh(folder.path(), &["--sim-state=table.json", "eval", script]);
    assert_eq!(ran.stdout, "conflict\n", "{}", ran.stderr);
    let listed = ipvsh(folder.path(), &["--sim-state=table.json", "list"]);
    assert!(listed.stdout.contains("fwmark://9"), "{}", listed.stdout);
}

/// A commit that nobody confirms is rolled back at its time of the simulation, and is no commit of the run any more.
#[test]
fn what_is_not_confirmed_in_time_does_not_count() {
    let script = r#"transaction #{ confirm: "1m" } { service::add("fwmark://1"); };
        service::add("fwmark://2");
        sleep("2m");
        print(service::list().map(|s| s.id));"#;
    for table in ["--sim", "--sim-state=kept.json"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("script.rhai"), script).unwrap();
        let ran = ipvsh(folder.path(), &[table, "run", "script.rhai"]);
        assert_eq!(ran.stdout, "[\"fwmark://2\"]\n", "{}", ran.stderr);
        let last = ran.stderr.lines().last().unwrap();
        assert!(
            last.contains("1 change") && !last.contains("2 c"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let rows = [
        (
            r#"sim::connect("10.64.0.1", "fwmark://7")"#,
            "say where clients connect to",
        ),
        (
            r#"sim::connect("host", "tcp://192.0.2.1:80")"#,
            "write an address with a port",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ clients: 0 })"#,
            "it is a number from 1 to 10000000",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ connections_per_second: -1 })"#,
            "it is a number above 0, at most 1000000",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ hold: #{ distribution: "zipf", mean: "1s" } })"#,
            "there are fixed, exponential, lognormal and pareto",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ hold: #{ distribution: "pareto", mean: "1s", alpha: 1 } })"#,
            "it is a number above 1",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ holds: "1s" })"#,
            "did you mean `hold`",
        ),
        (
            r#"sim::load("tcp://192.0.2.1:80", #{ first_client: "fd00::1" })"#,
            "write an IPv4 address",
        ),
        ("sim::results(3)", "there is no load of that number"),
        (
            r#"sim::fail("server.edit", "ENOENT")"#,
            "known: service.add",
        ),
        (
            r#"sim::fail("destination.edit", "ENOPE")"#,
            "it is no name of an error of the kernel",
        ),
        (r#"sim::server_down("10.0.0.2:80")"#, "without a port"),
        (
            r#"sim::packet(#{}, "S")"#,
            "`sim::connect` returns a connection",
        ),
        (
            r#"rehearse { sim::advance("1s"); }"#,
            "in a rehearsal or a plan nothing does",
        ),
    ];
    for (code, words) in rows {
        let ran = run(code);
        assert_ne!(ran.status, 0, "{code}");
        assert!(ran.stderr.contains(words), "{code}: {}", ran.stderr);
    }
}

/// Ten servers of unequal weight: shares go by weight, where the scheduler does.
#[test]
fn shares_are_those_of_the_schedulers() {
    let folder = tempfile::tempdir().unwrap();
    let weights = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5];
    let servers: Vec<serde_json::Value> = (1..)
        .zip(weights)
        .map(|(host, weight)| serde_json::json!({ "id": format!("10.0.0.{host}:80"), "weight": weight }))
        .collect();
    let table = serde_json::json!({ "version": 1, "services": [{ "id": "tcp://192.0.2.1:80", "scheduler": "wlc", "destinations": servers }] });
    std::fs::write(folder.path().join("table.json"), table.to_string()).unwrap();
    let simulated = |more: &[&str]| {
        let mut arguments = vec![
            "simulate",
            "table.json",
            "--json",
            "--clients",
            "20000",
            "--connections",
            "50000",
        ];
        arguments.extend(more);
        let ran = ipvsh(folder.path(), &arguments);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()
    };
    let answer = simulated(&["--compare", "rr,sh,mh,wrr"]);
    let schedulers = answer["services"][0]["schedulers"].as_array().unwrap();
    assert_eq!(schedulers.len(), 5);
    for one in schedulers {
        let name = one["scheduler"].as_str().unwrap();
        let servers = one["destinations"].as_array().unwrap();
        for (server, weight) in servers.iter().zip(weights) {
            let share = server["share"].as_f64().unwrap();
            let fair = if name == "rr" {
                0.1
            } else {
                f64::from(weight) / 30.0
            };
            // 256 buckets of sh can't be dealt evenly: 30 take turns, so one has 8 or 9 of them.
            let off = if name == "sh" { 0.015 } else { 0.01 };
            assert!((share - fair).abs() < off, "{name} {server}: {fair}");
        }
        assert_eq!(
            (one["refused"].as_u64(), one["clients_moved"].as_f64()),
            (Some(0), None)
        );
    }
    // One of weight 5 of 30 goes: with mh its clients move, and few others.
    let answer = simulated(&["--compare", "mh", "--drop", "10.0.0.10"]);
    let schedulers = answer["services"][0]["schedulers"].as_array().unwrap();
    assert_eq!(
        schedulers[0]["clients_moved"].as_f64(),
        None,
        "wlc has no homes"
    );
    let moved = schedulers[1]["clients_moved"].as_f64().unwrap();
    assert!((0.166..0.25).contains(&moved), "{moved}");
    // One that is drained keeps its clients with mh, and refuses them; others take them with the fallback flag, or with wlc.
    let drained = simulated(&["--compare", "mh", "--drain", "10.0.0.10"]);
    let mh = &drained["services"][0]["schedulers"][1];
    assert_eq!(mh["clients_moved"].as_f64(), Some(0.0));
    let refused = mh["clients_refused"].as_f64().unwrap();
    assert!((0.13..0.21).contains(&refused), "{refused}");
    assert!(mh["refused"].as_u64().unwrap() > 1_000, "{mh}");
    assert_eq!(drained["services"][0]["schedulers"][0]["refused"], 0);
    assert_eq!(drained["drain"]["open"], 0);
    assert_eq!(simulated(&[])["drain"], serde_json::Value::Null);
    assert_eq!(simulated(&["--seed", "2"]), simulated(&["--seed", "2"]));
    assert_ne!(simulated(&["--seed", "2"]), simulated(&["--seed", "3"]));
    for (arguments, words) in [
        (
            &["simulate", "table.json", "--drop", "10.0.0.99"][..],
            "no real server 10.0.0.99",
        ),
        (
            &["simulate", "table.json", "--drain", "10.0.0.99"],
            "no real server 10.0.0.99",
        ),
        (&["simulate", "table.json", "--compare", "nosuch"], "nosuch"),
        (
            &["simulate", "table.json", "--service", "tcp://192.0.2.9:80"],
            "there is no virtual service tcp://192.0.2.9:80",
        ),
        (
            &["simulate", "table.json", "--clients", "0"],
            "it is a number from 1 to 10000000",
        ),
        (
            &["simulate", "table.json", "--replay", "x"],
            "cannot be used with",
        ),
    ] {
        let ran = ipvsh(folder.path(), arguments);
        assert!(
            ran.status != 0 && ran.stderr.contains(words),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
}

/// Runs lines of the language in a session.
fn in_session(session: Session, source: &str) -> Session {
    let script = Script {
        path: "proof".to_owned(),
        source: source.to_owned(),
        arguments: Vec::new(),
    };
    let environment = RunEnvironment::closed(Rc::new(|_| Ok(())));
    let (session, ran) = run_script(&script, session, &environment);
    assert!(ran.is_ok(), "{ran:?}");
    session
}

/// What the rates and the connection table of now tell of a drain is what then happens.
#[test]
fn how_long_a_drain_takes_can_be_told() {
    let contents = ipvsh::document::read_document("table", TABLE.as_bytes()).unwrap();
    let target = Target::Simulation {
        contents: Some(Box::new(contents)),
        label: None,
        file: None,
    };
    let session = Session::open(target, Access::Write, Interrupt::default()).unwrap();
    let mut session = in_session(
        session,
        r#"sim::load("tcp://192.0.2.1:80", #{ connections_per_second: 40, duration: "3h",
            hold: #{ distribution: "exponential", mean: "30s" } });
        sim::advance("10m");"#,
    );
    let server = "10.0.0.2".parse().unwrap();
    let before = session.drain_forecast(server, &[]).unwrap();
    let average = before.average.unwrap().as_secs_f64();
    assert!((25.0..36.0).contains(&average), "{before:?}");
    assert!((450..750).contains(&before.open.entries), "{before:?}");
    assert!(
        before.closing.entries > 0 && before.closing.seconds_left <= 120,
        "{before:?}"
    );
    assert!(
        (840..=900).contains(&before.open.seconds_left),
        "{before:?}"
    );
    let mut session = in_session(
        session,
        r#"destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 0 });"#,
    );
    for share in [0.5, 0.9] {
        let passed = session.now();
        let wanted = before.gone_after(share).unwrap();
        let half = before.gone_after(0.5).unwrap();
        let wait = if share > 0.5 {
            wanted.checked_sub(half).unwrap()
        } else {
            wanted
        };
        session.pass_time(wait).unwrap();
        assert!(session.now() > passed);
        let now = session.drain_forecast(server, &[]).unwrap().open.entries as f64;
        let left = now / before.open.entries as f64;
        assert!((left - (1.0 - share)).abs() < 0.06, "{left} of {share}");
    }
    // The last one goes when one of so many does, give or take.
    let started = session.now();
    while session.drain_forecast(server, &[]).unwrap().open.entries > 0 {
        session
            .pass_time(std::time::Duration::from_secs(1))
            .unwrap();
    }
    let took = (session.now() - started + before.gone_after(0.9).unwrap()).as_secs_f64();
    let told = before.all_gone_after().unwrap().as_secs_f64();
    assert!(
        (0.6..1.8).contains(&(took / told)),
        "{took} s, {told} s were told"
    );
    // Of one service alone, and of one that does not have it.
    let key = |text: &str| ipvsh::model::ServiceKey::parse(text).unwrap();
    let other = session
        .drain_forecast(server, &[key("fwmark://9")])
        .unwrap();
    assert_eq!((other.open.entries, other.average), (0, None));
}

/// A plan tells which share of clients changes servers, as it is sent: an edit to weight 0 moves nobody with mh.
#[test]
fn a_plan_tells_which_clients_move() {
    let folder = tempfile::tempdir().unwrap();
    let table = |scheduler: &str, more: &str| {
        format!(
            r#"{{ "version": 1, "services": [ {{ "id": "tcp://192.0.2.1:80", "scheduler": "{scheduler}"{more}, "destinations": [
            {{ "id": "10.0.0.1:80", "weight": 10 }}, {{ "id": "10.0.0.2:80", "weight": 10 }}, {{ "id": "10.0.0.3:80", "weight": 10 }}, {{ "id": "10.0.0.4:80", "weight": 10 }} ] }} ] }}"#
        )
    };
    let shares = |scheduler: &str, more: &str, line: &[&str]| {
        std::fs::write(folder.path().join("table.json"), table(scheduler, more)).unwrap();
        let all = [&["--sim=table.json", "--json"][..], line].concat();
        let ran = ipvsh(folder.path(), &all);
        let result: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let of = |name: &str| result["plan"]["summary"][name]["tcp://192.0.2.1:80"].as_f64();
        (of("clients_moved"), of("clients_refused"))
    };
    let server = "tcp://192.0.2.1:80/10.0.0.1:80";
    let weight = ["edit", server, "--weight", "0"];
    let (moved, refused) = shares("mh", "", &weight);
    assert_eq!(moved, Some(0.0));
    assert!((0.20..0.30).contains(&refused.unwrap()), "{refused:?}");
    // Those of the server that goes, and a few others.
    let (moved, refused) = shares("mh", "", &["delete", server]);
    assert_eq!(refused, Some(0.0));
    assert!((0.20..0.40).contains(&moved.unwrap()), "{moved:?}");
    // The hash goes by the number of servers: about a third of the others moves too.
    let (moved, _) = shares("sh", "", &["delete", server]);
    assert!(moved.unwrap() > 0.4, "{moved:?}");
    // Of SCTP nothing is simulated, and nothing is told.
    let sctp = table("mh", "").replace("tcp://", "sctp://");
    std::fs::write(folder.path().join("sctp.json"), sctp).unwrap();
    let ran = ipvsh(
        folder.path(),
        &["--sim=sctp.json", "delete", "10.0.0.1", "--dry-run"],
    );
    assert!(!ran.stdout.contains('%'), "{}", ran.stdout);
    // Where it depends on what came before, or clients are kept, nothing is told.
    assert_eq!(shares("wlc", "", &weight), (None, None));
    assert_eq!(
        shares(
            "mh",
            r#", "persistence": { "timeout_seconds": 300 }"#,
            &weight
        ),
        (None, None)
    );
    assert_eq!(
        shares(
            "mh",
            "",
            &["edit", "tcp://192.0.2.1:80", "--scheduler", "rr"]
        ),
        (None, None)
    );
    std::fs::write(folder.path().join("table.json"), table("mh", "")).unwrap();
    let shown = ipvsh(
        folder.path(),
        &[&["--sim=table.json"][..], &weight].concat(),
    );
    assert!(
        shown
            .stdout
            .contains(" % of the clients of tcp://192.0.2.1:80 are refused. Committed"),
        "{}",
        shown.stdout
    );
}

/// A drain of up to an hour against load with heavy tails: each stage is shown, and Ctrl-C puts the weight back.
#[test]
fn a_drain_of_an_hour_shows_its_stages_and_a_signal_restores() {
    let script = |rate: u32| {
        format!(
            r#"import "std/drain" as drain;
            let load = sim::load("tcp://192.0.2.1:80", #{{ connections_per_second: {rate}, duration: "3h",
                hold: #{{ distribution: "pareto", mean: "1m", alpha: 1.5 }} }});
            sim::advance("1m");
            drain::server("10.0.0.2", #{{ deadline: "1h" }});
            print(`${{sim::results(load).cut}} cut, weight ${{destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").weight}}`);"#
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("table.json"), TABLE).unwrap();
    std::fs::write(path("script.rhai"), script(2)).unwrap();
    let ran = ipvsh(
        folder.path(),
        &["--sim-state=table.json", "run", "script.rhai"],
    );
    assert_eq!(ran.stdout, "0 cut, weight 0\n", "{}", ran.stderr);
    for stage in [
        "step 1 quiesce: ~1 in ",
        "waiting 0s of at most 1h, ",
        "until 10.0.0.2 has no connections",
        "runbook \"drain 10.0.0.2\" (1): done in ",
    ] {
        assert!(ran.stderr.contains(stage), "{stage}: {}", ran.stderr);
    }
    // So much load takes time, and a signal comes while it waits.
    std::fs::write(path("table.json"), TABLE).unwrap();
    std::fs::write(path("script.rhai"), script(2_000)).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    program
        .args([
            "--sim-state=table.json",
            "--state-dir=state",
            "run",
            "script.rhai",
        ])
        .current_dir(folder.path())
        .env("IPVSH_CONFIG", "")
        .stderr(std::fs::File::create(path("told")).unwrap());
    let mut running = program.spawn().unwrap();
    let begun = std::time::Instant::now();
    while !std::fs::read_to_string(path("told"))
        .unwrap()
        .contains("waiting 0s")
    {
        assert!(begun.elapsed().as_secs() < 100 && running.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let process = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
    let status = running.wait().unwrap();
    let told = std::fs::read_to_string(path("told")).unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    let table = std::fs::read_to_string(path("table.json")).unwrap();
    assert_eq!(
        table.matches("\"weight\": 10").count(),
        2,
        "{told}: {table}"
    );
}
