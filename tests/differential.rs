//! The simulated kernel against the real one: random requests, the same errno for each, the same table after all.

use std::collections::BTreeMap;

use ipvsh::backend::{KernelFile, Transport};
use ipvsh::wire::{
    ConfigAttributes, DaemonAttributes, DestinationAttributes, Messages, Request,
    ServiceAttributes, decode_family_id, encode_family_lookup, uapi,
};

use crate::support::{Place, Random, only_in_lab};

/// Requests in all, unless IPVSHTEST_DIFFERENTIAL says otherwise.
const REQUESTS: usize = 100_000;
const REQUESTS_PER_SEED: usize = 2_500;
const REQUESTS_PER_DATAGRAM: usize = 50;

fn v4(a: u8, b: u8, c: u8, d: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[a, b, c, d]);
    address
}

fn v6(text: &str) -> [u8; 16] {
    text.parse::<std::net::Ipv6Addr>().unwrap().octets()
}

fn service_identity(random: &mut Random) -> ServiceAttributes {
    let family = if random.chance(3) {
        uapi::AF_INET6
    } else {
        uapi::AF_INET
    };
    let mut service = ServiceAttributes {
        family: Some(family),
        ..ServiceAttributes::default()
    };
    if random.chance(4) {
        service.fwmark = Some(random.pick(&[1, 2, 0x8000_0001, 0]));
    } else {
        service.protocol = Some(random.pick(&[6, 6, 6, 17, 132, 47, 300]));
        service.port = Some(random.pick(&[80, 80, 443, 0]));
        service.address = Some(if family == uapi::AF_INET6 {
            random.pick(&[v6("2001:db8::1"), v6("::"), v6("fe80::1")])
        } else {
            random.pick(&[
                v4(192, 0, 2, 1),
                v4(192, 0, 2, 2),
                v4(0, 0, 0, 0),
                v4(224, 0, 0, 1),
            ])
        });
    }
    if random.chance(60) {
        service.family = random.pick(&[None, Some(0), Some(7)]);
    }
    if random.chance(60) {
        service.port = None;
    }
    if random.chance(80) {
        service.address = None;
    }
    service
}

fn service_full(random: &mut Random) -> ServiceAttributes {
    let mut service = service_identity(random);
    let schedulers = [
        "rr", "wrr", "lc", "wlc", "fo", "ovf", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq",
        "none",
    ];
    let mut scheduler = random.pick(&schedulers).as_bytes().to_vec();
    if random.chance(100) {
        scheduler = b"".to_vec();
    }
    if random.chance(2000) {
        // Each of these costs the kernel a search for a module.
        scheduler = b"nosuch".to_vec();
    }
    if random.chance(300) {
        scheduler = b"sixteen_bytes_xx".to_vec();
    }
    service.scheduler = Some(scheduler);
    service.flags = Some((
        random.pick(&[0, 1, 4, 5, 8, 0x10, 0x38, 0xffff_ffff, 0x100]),
        random.pick(&[u32::MAX, u32::MAX, 0, 1, 0x39]),
    ));
    service.timeout = Some(random.pick(&[0, 1, 300, 360, 2_678_400, 42_949_673, u32::MAX]));
    service.netmask = Some(random.pick(&[
        [255; 4],
        [255, 255, 255, 0],
        128u32.to_ne_bytes(),
        64u32.to_ne_bytes(),
        129u32.to_ne_bytes(),
        [0; 4],
    ]));
    if random.chance(6) {
        service.engine = Some(random.pick(&[b"".to_vec(), b"sip".to_vec()]));
    }
    if random.chance(40) {
        match random.below(4) {
            0 => service.scheduler = None,
            1 => service.flags = None,
            2 => service.timeout = None,
            _ => service.netmask = None,
        }
    }
    service
}

fn destination(random: &mut Random) -> DestinationAttributes {
    let six = random.chance(3);
    let address = if six {
        random.pick(&[
            v6("fd00::1"),
            v6("fd00::2"),
            v6("fd00::3"),
            v6("::1"),
            v6("ff02::1"),
            v6("::"),
            v6("fe80::9"),
            v6("::ffff:10.0.0.1"),
            v6("::10.0.0.1"),
        ])
    } else {
        random.pick(&[
            v4(10, 0, 0, 1),
            v4(10, 0, 0, 2),
            v4(10, 0, 0, 3),
            v4(10, 0, 0, 4),
            v4(127, 0, 0, 1),
            v4(0, 0, 0, 0),
            v4(0, 1, 2, 3),
            v4(224, 0, 0, 1),
            v4(239, 255, 255, 255),
            v4(255, 255, 255, 255),
            v4(240, 0, 0, 1),
        ])
    };
    let mut destination = DestinationAttributes {
        address: Some(address),
        port: Some(random.pick(&[80, 80, 8080, 0])),
        method: Some(random.pick(&[0, 0, 1, 2, 2, 3, 3, 4, 5, 7, 0x102])),
        weight: Some(random.pick(&[0, 1, 1, 5, 100, 0x7fff_ffff, 0x8000_0000, u32::MAX])),
        upper_threshold: Some(random.pick(&[0, 0, 0, 10, 100, 0x7fff_ffff, 0x8000_0000])),
        lower_threshold: Some(random.pick(&[0, 0, 0, 5, 10, 11, u32::MAX])),
        family: Some(if six { uapi::AF_INET6 } else { uapi::AF_INET }),
        tunnel_type: Some(random.pick(&[0, 0, 0, 1, 2, 3, 255])),
        tunnel_port: Some(random.pick(&[0, 6080, 65535])),
        tunnel_flags: Some(random.pick(&[0, 1, 2, 3, 0xffff])),
        ..DestinationAttributes::default()
    };
    if random.chance(20) {
        destination.family = random.pick(&[None, Some(0), Some(9)]);
    }
    if random.chance(20) {
        match random.below(9) {
            0 => destination.address = None,
            1 => destination.port = None,
            2 => destination.method = None,
            3 => destination.weight = None,
            4 => destination.upper_threshold = None,
            5 => destination.lower_threshold = None,
            6 => destination.tunnel_type = None,
            7 => destination.tunnel_port = None,
            _ => destination.tunnel_flags = None,
        }
    }
    destination
}

fn daemon(random: &mut Random) -> DaemonAttributes {
    let mut daemon = DaemonAttributes {
        state: Some(random.pick(&[1, 2, 2, 2, 0, 3])),
        interface: Some(random.pick(&[b"nope0".to_vec(), b"lo".to_vec()])),
        sync_id: Some(random.pick(&[0, 7, 300])),
        ..DaemonAttributes::default()
    };
    // Starting a master, or a second daemon, depends on routes and on threads that end when they like.
    if daemon.interface.as_deref() == Some(b"lo") {
        daemon.state = Some(random.pick(&[0, 3]));
    }
    if random.chance(3) {
        daemon.group = Some(random.pick(&[[224, 0, 0, 81], [10, 0, 0, 1]]));
    }
    if random.chance(4) {
        daemon.group6 = Some(random.pick(&[v6("ff02::81"), v6("fd00::1")]));
    }
    if random.chance(8) {
        match random.below(3) {
            0 => daemon.state = None,
            1 => daemon.interface = None,
            _ => daemon.sync_id = None,
        }
    }
    daemon
}

fn request(random: &mut Random) -> Request {
    match random.below(100) {
        0..=17 => Request::NewService(service_full(random)),
        18..=29 => Request::SetService(service_full(random)),
        30..=35 => Request::DeleteService(service_identity(random)),
        36..=65 => Request::NewDestination(service_identity(random), destination(random)),
        66..=80 => Request::SetDestination(service_identity(random), destination(random)),
        81..=90 => Request::DeleteDestination(service_identity(random), destination(random)),
        91..=92 => Request::Zero(Some(service_identity(random))),
        93 => {
            if random.chance(3) {
                Request::Flush
            } else {
                Request::Zero(None)
            }
        }
        94..=95 => Request::SetConfig(ConfigAttributes {
            tcp: random.pick(&[
                None,
                Some(0),
                Some(900),
                Some(21_474_836),
                Some(21_474_837),
                Some(u32::MAX),
            ]),
            tcp_fin: random.pick(&[None, Some(0), Some(120)]),
            udp: random.pick(&[None, Some(300), Some(0x8000_0000)]),
        }),
        96 => Request::NewDaemon(daemon(random)),
        97 => Request::DeleteDaemon(daemon(random)),
        _ => Request::GetService(service_identity(random)),
    }
}

/// One kernel, asked with raw bytes.
struct Asked {
    transport: Box<dyn Transport>,
    family: u16,
    sequence: u32,
}

impl Asked {
    fn new(place: &Place) -> Self {
        let mut asked = Self {
            transport: place.transport(),
            family: 0,
            sequence: 1,
        };
        let mut lookup = Vec::new();
        encode_family_lookup(&mut lookup, 1);
        asked.transport.send(&lookup).unwrap();
        let mut family = 0;
        asked
            .transport
            .receive(&mut |datagram| {
                family =
                    decode_family_id(&Messages::new(datagram).next().unwrap().unwrap()).unwrap()
            })
            .unwrap();
        asked.family = family;
        asked
    }

    /// Returns the errno of each request; a daemon's lost acknowledgement counts as done.
    fn ask(&mut self, requests: &[Request]) -> Vec<i32> {
        let first = self.sequence + 1;
        let mut datagram = Vec::new();
        for request in requests {
            self.sequence += 1;
            request.encode(&mut datagram, self.family, uapi::NLM_F_ACK, self.sequence);
        }
        self.transport.send(&datagram).unwrap();
        let mut answers = BTreeMap::new();
        while self
            .transport
            .receive(&mut |datagram| {
                for message in Messages::new(datagram) {
                    let message = message.unwrap();
                    if message.kind == uapi::NLMSG_ERROR {
                        answers.insert(message.sequence, message.acknowledgement().unwrap().errno);
                    }
                }
            })
            .unwrap()
            > 0
        {}
        (first..=self.sequence)
            .map(|sequence| answers.get(&sequence).copied().unwrap_or_default())
            .collect()
    }
}

/// Returns the services of `/proc/net/ip_vs` with their servers, in an order of their own.
fn proc_services(place: &Place) -> Vec<String> {
    let contents = place.transport().read_file(&KernelFile::Services).unwrap();
    let text = String::from_utf8(contents).unwrap();
    let mut services: Vec<String> = Vec::new();
    for line in text.lines().skip(3) {
        match services.last_mut() {
            Some(service) if line.starts_with("  -> ") => service.push_str(&format!("\n{line}")),
            _ => services.push(line.to_owned()),
        }
    }
    services.sort();
    services.push(text.lines().take(3).collect());
    services
}

fn same_state(simulated: &Place, real: &Place) -> Result<(), String> {
    let records = |place: &Place| {
        let mut records = place.client().fetch_all().unwrap();
        records.sort_by_key(|(key, _)| *key);
        records
    };
    let (ours, theirs) = (records(simulated), records(real));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if ours != theirs {
            return Err(format!("simulated {ours:?}\nreal      {theirs:?}"));
        }
    }
    if ours.len() != theirs.len() {
        return Err(format!(
            "{} services simulated, {} real",
            ours.len(),
            theirs.len()
        ));
    }
    let (ours, theirs) = (proc_services(simulated), proc_services(real));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if ours != theirs {
            return Err(format!(
                "/proc/net/ip_vs\nsimulated {ours:?}\nreal      {theirs:?}"
            ));
        }
    }
    if ours.len() != theirs.len() {
        return Err("/proc/net/ip_vs has another number of services".to_owned());
    }
    let rest = |place: &Place| {
        let mut client = place.client();
        (
            client.timeouts().unwrap(),
            client.daemons().unwrap(),
            client.info().unwrap(),
        )
    };
    if rest(simulated) != rest(real) {
        return Err(format!(
            "simulated {:?}\nreal {:?}",
            rest(simulated),
            rest(real)
        ));
    }
    Ok(())
}

#[test]
fn a_record_gets_the_answer_that_its_bytes_get() {
    for seed in 1..=10 {
        let by_bytes = Place::simulated();
        let Place::Simulated(records) = Place::simulated() else {
            unreachable!("it is simulated");
        };
        let mut asked = Asked::new(&by_bytes);
        let mut random = Random::new(seed);
        for _ in 0..REQUESTS_PER_SEED {
            let request = request(&mut random);
            if matches!(request, Request::GetService(_)) || request.is_dump() {
                continue;
            }
            let [bytes] = asked.ask(std::slice::from_ref(&request))[..] else {
                panic!("one request has one answer");
            };
            let record = records.request(request.clone()).err().unwrap_or_default();
            assert_eq!(bytes, record, "seed {seed}: {request:?}");
        }
        let by_records = Place::Simulated(records);
        if let Err(difference) = same_state(&by_bytes, &by_records) {
            panic!("seed {seed}: {difference}");
        }
    }
}

#[test]
fn random_requests_get_the_same_answers_from_both_kernels() {
    if !only_in_lab() {
        return;
    }
    let requests = std::env::var("IPVSHTEST_DIFFERENTIAL")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(REQUESTS);
    let seeds = requests / REQUESTS_PER_SEED;
    println!("{requests} requests, seeds 1 to {seeds}");
    for seed in 1..=seeds {
        let (simulated, real) = (Place::simulated(), Place::real());
        let (mut ours, mut theirs) = (Asked::new(&simulated), Asked::new(&real));
        let mut random = Random::new(seed as u64);
        for round in 0..REQUESTS_PER_SEED / REQUESTS_PER_DATAGRAM {
            let requests: Vec<Request> = (0..REQUESTS_PER_DATAGRAM)
                .map(|_| request(&mut random))
                .collect();
            let (simulated_errnos, real_errnos) = (ours.ask(&requests), theirs.ask(&requests));
            for ((request, ours), theirs) in
                requests.iter().zip(&simulated_errnos).zip(&real_errnos)
            {
                assert_eq!(
                    ours, theirs,
                    "seed {seed}, round {round}: simulated {ours}, real {theirs} for {request:?}"
                );
            }
            if round % 5 == 4
                && let Err(difference) = same_state(&simulated, &real)
            {
                panic!("seed {seed}, round {round}: {difference}");
            }
        }
    }
}
