//! The simulated kernel beside a real one, packet by packet: the same random tables, packets and changes, and the same servers, states and
//! counts. The real one runs on virtual time (`tests/lab/vtime.c`), so that minutes of timers take no time.

use ipvsh::document::read_scenarios;
use ipvsh::session::replay;
use ipvsh::sim::Flavour;

use crate::support::director::Director;
use crate::support::scenes::{SCHEDULERS, Scene};
use crate::support::simulation::Simulation;
use crate::support::{Random, in_lab};

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
