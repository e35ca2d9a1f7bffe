//! The simulated kernel beside a real one, packet by packet: the same random tables, packets and changes, and the same servers, states and
//! counts. The real one runs on virtual time (`tests/lab/vtime.c`), so that minutes of timers take no time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ipvsh::backend::Operation;
use ipvsh::document::read_scenarios;
use ipvsh::model::{
    DestinationConfiguration, DestinationKey, Scheduler, ServiceConfiguration, ServiceKey, Weight,
};
use ipvsh::script::{RunEnvironment, Script, run};
use ipvsh::session::{Access, Interrupt, Session, Target, WhatIf, replay};
use ipvsh::sim::{Distribution, Flavour, Load, Shape};

use crate::support::director::{Director, Layout};
use crate::support::scenes::{SCHEDULERS, Scene};
use crate::support::simulation::Simulation;
use crate::support::{Random, in_lab, ipvsh_command, system};

/// Packets of random scenarios, unless IPVSHTEST_PACKETS says otherwise.
const PACKETS: usize = 5_000;
/// Events of one scenario.
const STEPS: usize = 150;
/// Connections through each scheduler.
const CONNECTIONS: usize = 2_100;

fn on_virtual_time() -> bool {
    let so = in_lab() && std::env::var_os("IPVSHTEST_VIRTUAL_TIME").is_some();
    if !so {
        println!("this case runs on a real kernel with virtual time only: see tests/kernel.rs");
    }
    so
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    match std::env::var("IPVSHTEST_SEED") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_secs()
                % 1_000_000
        }
    }
}

fn release() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    text.trim().to_owned()
}

/// Plays a scenario that was just recorded. Returns what differs.
fn differs(line: &str) -> Option<String> {
    let scenario = read_scenarios("recorded", line.as_bytes())
        .unwrap()
        .remove(0);
    let difference = replay(&scenario).unwrap()?;
    Some(format!(
        "{}: event {} at {} ms\n  {}\n  the kernel: {}\n  simulated:  {}",
        scenario.name,
        difference.event,
        difference.milliseconds,
        difference.text,
        difference.expected,
        difference.got
    ))
}

/// Keeps a scenario that differs, for a look at it.
fn keep(line: &str) {
    if let Some(folder) = std::env::var_os("IPVSHTEST_LAB_DIR") {
        let path = std::path::Path::new(&folder).join("kept/differing.jsonl");
        let mut text = std::fs::read_to_string(&path).unwrap_or_default();
        text.push_str(line);
        text.push('\n');
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn driven_random_tables_balance_alike() {
    if !on_virtual_time() {
        return;
    }
    let (seed, wanted, release) = (seed(), number("IPVSHTEST_PACKETS", PACKETS), release());
    let (mut packets, mut scenarios) = (0, 0);
    let mut wrong = Vec::new();
    while packets < wanted {
        let mut scene = Scene::draw(seed, scenarios);
        let mut director = Director::make(scene.layout());
        let line = scene.play(&mut director, &release, STEPS);
        packets += scene.packets;
        scenarios += 1;
        if let Some(difference) = differs(&line) {
            keep(&line);
            println!("{difference}");
            wrong.push(difference);
        }
    }
    println!(
        "balance: seed {seed}: {packets} packets in {scenarios} scenarios on {release}, {} differ",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "IPVSHTEST_SEED={seed} plays them again:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn driven_schedulers_choose_alike() {
    if !on_virtual_time() {
        return;
    }
    let (seed, release) = (seed(), release());
    let mut wrong = Vec::new();
    let mut connections = 0;
    let plain = SCHEDULERS.iter().map(|scheduler| (*scheduler, &[][..]));
    let flagged = [
        ("sh", &["port", "fallback"][..]),
        ("mh", &["port", "fallback"][..]),
    ];
    for (place, (scheduler, flags)) in plain.chain(flagged).enumerate() {
        let mut scene = Scene::bulk(seed + place as u64, scheduler, flags);
        let mut director = Director::make(scene.layout());
        let line = scene.play(&mut director, &release, CONNECTIONS);
        assert!(scene.packets >= 2_000, "{scheduler}");
        connections += scene.packets;
        if let Some(difference) = differs(&line) {
            keep(&line);
            wrong.push(difference);
        }
    }
    println!(
        "balance: seed {seed}: {connections} connections through every scheduler on {release}, {} scenarios differ",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "IPVSHTEST_SEED={seed} plays them again:\n{}",
        wrong.join("\n")
    );
}

/// The lookups of 100,000 clients, and what the real kernel does with 5,000 of them.
#[test]
fn driven_lookups_are_a_sample_of_all() {
    const CLIENTS: u32 = 100_000;
    const BLOCK: u32 = 100;
    if !on_virtual_time() {
        return;
    }
    let (seed, release) = (seed(), release());
    for (place, scheduler) in ["sh", "mh"].into_iter().enumerate() {
        let mut scene = Scene::bulk(seed + place as u64, scheduler, &[]);
        let mut director = Director::make(scene.layout());
        let services = scene.set_up(&mut director);
        let simulation = Simulation::of(Flavour::of_release(&release), &services);
        let to = scene.to();
        let all: Vec<String> = (0..CLIENTS)
            .map(|number| simulation.tcp(&scene.client(number).to_string(), &to.to_string(), "S"))
            .collect();
        let mut random = Random::new(seed + 1);
        let mut driven = 0;
        while driven < 5_000 {
            let first =
                u32::try_from(random.below(usize::try_from(CLIENTS - BLOCK).unwrap())).unwrap();
            for number in first..first + BLOCK {
                let went = director.packet(scene.client(number), to, "S", 0);
                assert_eq!(
                    went,
                    all[usize::try_from(number).unwrap()],
                    "{scheduler}, seed {seed}, client {number}"
                );
                driven += 1;
            }
        }
        println!(
            "balance: seed {seed}: {driven} of {CLIENTS} lookups of {scheduler} on {release} are the same"
        );
    }
}

/// A service that routes directly, on a real kernel.
fn direct(scheduler: &str, weights: &[u16]) -> (Director, String) {
    let servers: Vec<IpAddr> = (0..weights.len())
        .map(|number| format!("10.0.0.{}", number + 1).parse().unwrap())
        .collect();
    let mut director = Director::make(Layout {
        protocol: "tcp",
        is_v6: false,
        mark: 0,
        virtuals: vec![VIRTUAL.parse().unwrap()],
        servers: servers.clone(),
        sysctl: BTreeMap::new(),
        is_silent: true,
    });
    let key = ServiceKey::parse(&format!("tcp://{VIRTUAL}:80")).unwrap();
    let done = director.act(Operation::AddService {
        key,
        configuration: Box::new(ServiceConfiguration {
            scheduler: Scheduler::new(scheduler).unwrap(),
            ..ServiceConfiguration::default()
        }),
    });
    assert_eq!(done, serde_json::Value::Null);
    // The kernel lists the newest first, and so does a document.
    let pairs = servers.iter().zip(weights);
    for (server, weight) in pairs.clone().rev() {
        let done = director.act(Operation::AddDestination {
            service: key,
            key: DestinationKey::parse(&format!("{server}:80")).unwrap(),
            configuration: DestinationConfiguration {
                weight: Weight::new((*weight).into()).unwrap(),
                ..DestinationConfiguration::default()
            },
        });
        assert_eq!(done, serde_json::Value::Null);
    }
    let servers: Vec<serde_json::Value> = pairs
        .map(|(server, weight)| serde_json::json!({ "id": format!("{server}:80"), "weight": weight }))
        .collect();
    let document = serde_json::json!({ "version": 1, "services": [
        { "id": key.to_string(), "scheduler": scheduler, "destinations": servers } ] });
    (director, document.to_string())
}

/// The same table on a simulated kernel.
fn simulated(document: &str) -> Session {
    let contents = ipvsh::document::read_document("table", document.as_bytes()).unwrap();
    let target = Target::Simulation {
        contents: Some(Box::new(contents)),
        label: None,
        file: None,
    };
    Session::open(target, Access::Write, Interrupt::default()).unwrap()
}

const VIRTUAL: &str = "192.0.2.1";

fn load(rate: f64, seconds: u64, hold: Distribution) -> Load {
    Load {
        destination: SocketAddr::new(VIRTUAL.parse().unwrap(), 80),
        is_udp: false,
        mark: 0,
        first_client: "10.64.0.1".parse().unwrap(),
        clients: 1_000,
        rate,
        duration: Duration::from_secs(seconds),
        holds: vec![(1.0, hold)],
        seed: 1,
    }
}

/// `ipvsh simulate` tells what the same load through a real kernel comes to: ten servers of unequal weight.
#[test]
fn driven_shares_are_what_is_simulated() {
    const CONNECTIONS: u32 = 3_000;
    if !on_virtual_time() {
        return;
    }
    let weights = [1, 2, 3, 4, 5, 5, 6, 7, 8, 9];
    for scheduler in ["rr", "wlc", "sh", "mh"] {
        let (mut director, document) = direct(scheduler, &weights);
        let hold = Distribution {
            shape: Shape::Exponential,
            mean: Duration::from_secs(10),
        };
        director.begin();
        let mut driven: BTreeMap<String, u32> = BTreeMap::new();
        for arrival in load(1_000.0, 3, hold).arrivals() {
            director.wait_until(u64::try_from(arrival.at.as_millis()).unwrap());
            let to = SocketAddr::new(VIRTUAL.parse().unwrap(), 80);
            let server = director.packet(arrival.client, to, "S", 0);
            *driven.entry(server).or_default() += 1;
            director.packet(arrival.client, to, "A", 0);
        }
        let asked = WhatIf {
            clients: 1_000,
            connections: CONNECTIONS,
            seed: 1,
            compare: Vec::new(),
            dropped: None,
            drained: None,
            added: None,
        };
        let told = simulated(&document)
            .what_if(&asked, &[], None)
            .unwrap()
            .remove(0);
        let all: u32 = driven.values().sum();
        assert!((2_800..3_200).contains(&all), "{all}");
        let mut largest: f64 = 0.0;
        for (server, connections) in &told.shares[0].servers {
            let share = told.shares[0].share_of(*connections);
            let seen = f64::from(driven.get(&server.to_string()).copied().unwrap_or_default());
            largest = largest.max((share - seen / f64::from(all)).abs());
        }
        println!(
            "balance: {scheduler}: {all} connections over ten servers on {}: shares differ by {:.3} % at most",
            release(),
            largest * 100.0
        );
        assert!(
            largest < 0.01,
            "{scheduler}: {driven:?}, {:?}",
            told.shares[0]
        );
    }
}

/// A drain of up to an hour against load with heavy tails ends at the same minute on a real kernel as on the simulated one.
#[test]
fn driven_drains_take_as_long_as_simulated() {
    const BEGINS: u64 = 600;
    if !on_virtual_time() {
        return;
    }
    let (mut director, document) = direct("rr", &[1, 1, 1]);
    let hold = Distribution {
        shape: Shape::Pareto { alpha: 1.5 },
        mean: Duration::from_secs(60),
    };
    let load = load(1.0, 1_200, hold);
    let session = simulated(&document);
    session.simulation("load").unwrap().start_load(load.clone());
    let mut session = session;
    session.pass_time(Duration::from_secs(BEGINS)).unwrap();
    let script = Script {
        path: "drain".to_owned(),
        source:
            "import \"std/drain\" as drain;\ndrain::server(\"10.0.0.2\", #{ deadline: \"1h\" });"
                .to_owned(),
        arguments: Vec::new(),
    };
    let environment = RunEnvironment::closed(Rc::new(|_| Ok(())));
    let (session, ran) = run(&script, session, &environment);
    assert!(ran.is_ok(), "{ran:?}");
    let simulated = session.now().as_secs_f64() - BEGINS as f64;
    // What each client sends, by millisecond.
    let mut sent: Vec<(u64, SocketAddr, &str)> = Vec::new();
    for arrival in load.arrivals() {
        let at = u64::try_from(arrival.at.as_millis()).unwrap();
        let ends = at + u64::try_from(arrival.hold.as_millis()).unwrap();
        sent.extend([(at, arrival.client, "S"), (at, arrival.client, "A")]);
        let talks = (1..)
            .map(|number| at + number * 30_000)
            .take_while(|time| *time < ends);
        sent.extend(talks.map(|time| (time, arrival.client, "PA")));
        sent.extend([(ends, arrival.client, "FA"), (ends, arrival.client, "A")]);
    }
    sent.sort_by_key(|(time, ..)| *time);
    let home = tempfile::tempdir().unwrap();
    let mut drain = None;
    director.begin();
    let mut ended = None;
    for (time, client, flags) in sent {
        if time >= BEGINS * 1_000 && drain.is_none() {
            director.wait_until(BEGINS * 1_000);
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ipvsh"));
            program
                .args(["--state-dir"])
                .arg(home.path())
                .args(["drain", "10.0.0.2", "--deadline", "1h"])
                .env("IPVSH_CONFIG", "");
            drain = Some(program.spawn().unwrap());
        }
        if let Some(drain) = &mut drain
            && drain.try_wait().unwrap().is_some()
        {
            ended = Some(director.now());
            break;
        }
        director.wait_until(time);
        let to = SocketAddr::new(VIRTUAL.parse().unwrap(), 80);
        director.packet(client, to, flags, 0);
    }
    let mut drain = drain.unwrap();
    while drain.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(drain.wait().unwrap().success());
    let driven = ended.unwrap_or_else(|| director.now()) as f64 / 1e3 - BEGINS as f64;
    println!(
        "balance: a drain of {simulated:.0} s takes {driven:.0} s on {}",
        release()
    );
    assert!(simulated > 300.0, "long enough to tell: {simulated}");
    assert!(
        (driven / simulated - 1.0).abs() < 0.05,
        "{driven} s, simulated {simulated} s"
    );
}

/// What it takes to look at 100,000 connections of a real kernel, beside reading its file: printed, not demanded.
#[test]
fn a_hundred_thousand_connections_are_grouped_beside_cat() {
    const CONNECTIONS: u32 = 100_000;
    const TIMES: usize = 5;
    if !in_lab() || std::env::var_os("IPVSHTEST_BENCH").is_none() {
        println!("this is measured on a real kernel when asked for: see tests/bench/connections");
        return;
    }
    let (director, _) = direct("rr", &[1; 10]);
    let to = SocketAddr::new(VIRTUAL.parse().unwrap(), 80);
    for number in 0..CONNECTIONS {
        let client = Ipv4Addr::from_bits(0x0a40_0000 + number / 16);
        let port = 1024 + u16::try_from(number % 16).unwrap();
        director.packet((client, port).into(), to, "S", 0);
        director.packet((client, port).into(), to, "A", 0);
    }
    let program = ipvsh_command(Path::new("/"), &[]);
    let ipvsh = program.get_program().to_str().unwrap();
    let commands = [
        "cat /proc/net/ip_vs_conn".to_owned(),
        format!("{ipvsh} connections --group-by client/24 --top 10"),
        format!("{ipvsh} connections --count"),
        format!("{ipvsh} ipvsadm -Lnc"),
        "ipvsadm -Lnc".to_owned(),
    ];
    let counted = system(&format!("{ipvsh} connections --count 2>/dev/null"));
    assert_eq!(counted.trim(), CONNECTIONS.to_string());
    let mut shortest = [f64::INFINITY; 5];
    for _ in 0..TIMES {
        for (command, shortest) in commands.iter().zip(&mut shortest) {
            let began = std::time::Instant::now();
            system(&format!("{command} > /dev/null 2>&1"));
            *shortest = shortest.min(began.elapsed().as_secs_f64());
        }
    }
    for (command, seconds) in commands.iter().zip(shortest) {
        println!(
            "{CONNECTIONS} connections: {:.0} ms, {:.2} times cat: {command}",
            seconds * 1e3,
            seconds / shortest[0]
        );
    }
}
