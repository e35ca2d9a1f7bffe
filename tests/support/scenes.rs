//! Random scenarios: a table, packets and changes, each with what a real kernel makes of it.
//!
//! Events keep clear of running timers, which are late in a real kernel: a burst that is over before the first one ends, and looks
//! at times when no timer is near its end.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipvsh::backend::Operation;
use ipvsh::model::{
    ConnectionThresholds, DestinationConfiguration, ForwardingMethod, Scheduler,
    ServiceConfiguration, ServiceKey, Trust, Weight,
};
use serde_json::{Value, json};

use super::Random;
use super::director::{Director, Layout};

pub(crate) const SCHEDULERS: [&str; 13] = [
    "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh", "sh", "mh", "lblc", "lblcr",
];
/// Milliseconds between two events.
const STEP: u64 = 30;
const KINDS: [&str; 7] = ["plain", "thr", "udp", "pers", "ops", "fwm", "sctp"];

/// One scenario on its way.
pub(crate) struct Scene {
    random: Random,
    name: String,
    kind: &'static str,
    protocol: &'static str,
    is_v6: bool,
    mark: u32,
    scheduler: &'static str,
    flags: Vec<String>,
    persistence: Value,
    key: ServiceKey,
    port: u16,
    virtuals: Vec<IpAddr>,
    pool: Vec<IpAddr>,
    sysctl: BTreeMap<&'static str, i64>,
    /// The connections of deleted servers may go at once, of whatever method they are.
    is_silent: bool,
    /// Where the next server's address comes from.
    given: usize,
    servers: Vec<SocketAddr>,
    flows: Vec<Flow>,
    events: Vec<Value>,
    pub(crate) packets: usize,
}

#[derive(Clone)]
struct Flow {
    client: SocketAddr,
    to: SocketAddr,
    server: Option<SocketAddr>,
}

/// An address of a family, from numbers of its own.
fn address(is_v6: bool, kind: u8, number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    if is_v6 {
        // Clients, servers, virtual addresses.
        let second = match kind {
            64 => 0x64,
            77 => 1,
            _ => 2,
        };
        Ipv6Addr::new(0xfd00, second, 0, 0, 0, 0, high.into(), low.into()).into()
    } else {
        Ipv4Addr::new(10, kind, high, low).into()
    }
}

impl Scene {
    /// Draws a service; its table is made when it is played.
    pub(crate) fn draw(seed: u64, number: usize) -> Self {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64 + 1));
        let kind = KINDS[number % KINDS.len()];
        let scheduler = SCHEDULERS[number % SCHEDULERS.len()];
        let is_v6 = random.chance(3);
        let protocol = match kind {
            "udp" | "ops" => "udp",
            "sctp" => "sctp",
            _ => "tcp",
        };
        let mark = if kind == "fwm" {
            1 + u32::try_from(random.below(99)).unwrap()
        } else {
            0
        };
        let port = if kind == "pers" && random.chance(3) {
            0
        } else {
            80
        };
        let count = if mark == 0 { 1 } else { 5 };
        let virtuals: Vec<IpAddr> = (1..=count)
            .map(|number| address(is_v6, 77, number))
            .collect();
        let key = match (mark, is_v6) {
            (0, _) => format!("{protocol}://{}", SocketAddr::new(virtuals[0], port)),
            (mark, false) => format!("fwmark://{mark}"),
            (mark, true) => format!("fwmark6://{mark}"),
        };
        let flags = match scheduler {
            "sh" | "mh" => [(scheduler, "port"), (scheduler, "fallback")]
                .iter()
                .filter(|_| random.chance(2))
                .map(|(scheduler, what)| format!("{scheduler}-{what}"))
                .collect(),
            _ => Vec::new(),
        };
        let persistence = if kind == "pers" || (mark != 0 && random.chance(2)) {
            let granularity = if is_v6 {
                ("prefix_length", json!(random.pick(&[64, 112, 120, 128])))
            } else {
                (
                    "netmask",
                    json!(random.pick(&["255.255.255.255", "255.255.255.0", "255.255.0.0"])),
                )
            };
            json!({ "timeout_seconds": random.pick(&[360, 3600]), granularity.0: granularity.1 })
        } else {
            Value::Null
        };
        let mut sysctl = BTreeMap::new();
        let is_silent = random.chance(2);
        if is_silent && random.chance(2) {
            sysctl.insert("expire_nodest_conn", i64::from(random.chance(2)));
            sysctl.insert("conn_reuse_mode", i64::try_from(random.below(4)).unwrap());
        }
        if random.chance(3) {
            sysctl.insert("expire_quiescent_template", 1);
        }
        if random.chance(6) {
            sysctl.insert(
                if protocol == "sctp" {
                    "sloppy_sctp"
                } else {
                    "sloppy_tcp"
                },
                1,
            );
        }
        Self {
            name: format!("{scheduler}-{kind}-{seed}-{number}"),
            kind,
            protocol,
            is_v6,
            mark,
            scheduler,
            flags,
            persistence,
            key: ServiceKey::parse(&key).unwrap(),
            port,
            virtuals,
            pool: (1..=30)
                .map(|number| address(is_v6, 1, 0x100 * (number % 4) + number))
                .collect(),
            sysctl,
            is_silent,
            given: 0,
            servers: Vec::new(),
            flows: Vec::new(),
            events: Vec::new(),
            packets: 0,
            random,
        }
    }

    /// Many connections through one scheduler, with changes between.
    pub(crate) fn bulk(seed: u64, scheduler: &'static str, flags: &[&str]) -> Self {
        let mut scene = Self::draw(seed, SCHEDULERS.len() * KINDS.len());
        // What goes by the destination address needs several.
        let is_marked = matches!(scheduler, "dh" | "lblc" | "lblcr");
        scene.name = format!("{scheduler}-bulk{}-{seed}", flags.concat());
        (scene.kind, scene.protocol, scene.scheduler) = ("bulk", "tcp", scheduler);
        scene.flags = flags
            .iter()
            .map(|flag| format!("{scheduler}-{flag}"))
            .collect();
        (scene.persistence, scene.port, scene.sysctl) = (Value::Null, 80, BTreeMap::new());
        scene.mark = if is_marked { 7 } else { 0 };
        let count = if is_marked { 7 } else { 1 };
        scene.virtuals = (1..=count)
            .map(|number| address(scene.is_v6, 77, number))
            .collect();
        let key = match (is_marked, scene.is_v6) {
            (false, _) => format!("tcp://{}", SocketAddr::new(scene.virtuals[0], 80)),
            (true, false) => "fwmark://7".to_owned(),
            (true, true) => "fwmark6://7".to_owned(),
        };
        scene.key = ServiceKey::parse(&key).unwrap();
        scene
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            protocol: self.protocol,
            is_v6: self.is_v6,
            mark: self.mark,
            virtuals: self.virtuals.clone(),
            servers: self.pool.clone(),
            sysctl: self.sysctl.clone(),
            is_silent: self.is_silent,
        }
    }

    fn service(&self) -> Value {
        let mut service = match &self.key {
            ServiceKey::Fwmark { mark, .. } => {
                json!({ "fwmark": mark.get(), "family": if self.is_v6 { "inet6" } else { "inet" } })
            }
            ServiceKey::Endpoint { .. } => {
                json!({ "protocol": self.protocol, "address": self.virtuals[0].to_string(), "port": self.port })
            }
        };
        service["scheduler"] = self.scheduler.into();
        service["scheduler_flags"] = self.flags.clone().into();
        service["one_packet"] = (self.kind == "ops").into();
        service["persistence"] = self.persistence.clone();
        service
    }

    /// The service as a kernel is told; the way there is that of a document.
    fn configuration(&self) -> ServiceConfiguration {
        let text = json!({ "version": 1, "services": [self.service()] }).to_string();
        let document = ipvsh::document::read_document("scene", text.as_bytes()).unwrap();
        document.services[0]
            .edit
            .apply(&self.key, None, Trust::Recorded)
            .unwrap()
    }

    fn draw_server(&mut self) -> (SocketAddr, DestinationConfiguration) {
        self.given += 1;
        let ip = self.pool[self.given % self.pool.len()];
        let is_bulk = self.kind == "bulk";
        let methods = [
            ForwardingMethod::Masquerading,
            ForwardingMethod::DirectRouting,
            ForwardingMethod::Tunneling,
        ];
        // Only address translation can change a port.
        let forwarding = if is_bulk || self.random.chance(2) {
            methods[0]
        } else {
            self.random.pick(&methods)
        };
        let port = match (self.kind, forwarding) {
            ("fwm", _) => self.random.pick(&[0, 80, 8080]),
            (_, ForwardingMethod::Masquerading) if !is_bulk => self.random.pick(&[80, 80, 8080]),
            _ => 80,
        };
        // Without address translation the packet keeps its port.
        let port =
            if forwarding == ForwardingMethod::Masquerading || self.port == 80 && self.mark == 0 {
                port
            } else {
                0
            };
        (
            SocketAddr::new(ip, port),
            self.draw_configuration(forwarding),
        )
    }

    fn draw_configuration(&mut self, forwarding: ForwardingMethod) -> DestinationConfiguration {
        let weights: &[i64] = if self.kind == "bulk" {
            &[1, 2, 3, 5]
        } else {
            &[0, 1, 1, 1, 2, 3, 5, 10, 100]
        };
        let mut configuration = DestinationConfiguration {
            forwarding,
            weight: Weight::new(self.random.pick(weights)).unwrap(),
            ..DestinationConfiguration::default()
        };
        if self.kind == "thr" {
            let upper = self.random.pick(&[0, 1, 3, 5, 20]);
            let lower = if upper == 0 {
                0
            } else {
                self.random.below(upper + 1)
            };
            configuration.thresholds = ConnectionThresholds {
                upper: u32::try_from(upper).unwrap(),
                lower: u32::try_from(lower).unwrap(),
            };
        }
        configuration
    }

    fn add(&mut self, director: &mut Director, time: Option<u64>) -> Option<Value> {
        let (server, configuration) = self.draw_server();
        if self.servers.contains(&server) {
            return None;
        }
        self.servers.push(server);
        let result = director.act(Operation::AddDestination {
            service: self.key,
            key: ipvsh::model::DestinationKey {
                address: server.ip(),
                port: server.port(),
            },
            configuration,
        });
        let value = server_value(server, &configuration);
        if let Some(time) = time {
            self.events
                .push(json!([time, "add", self.key.to_string(), value, result]));
        } else {
            assert_eq!(result, Value::Null);
        }
        Some(value)
    }

    /// Makes its table. Returns that as the services of a document.
    pub(crate) fn set_up(&mut self, director: &mut Director) -> Value {
        let configuration = Box::new(self.configuration());
        let made = director.act(Operation::AddService {
            key: self.key,
            configuration,
        });
        assert_eq!(made, Value::Null);
        let count = if self.kind == "bulk" {
            10
        } else {
            2 + self.random.below(7)
        };
        let mut service = self.service();
        let servers: Vec<Value> = (0..count)
            .filter_map(|_| self.add(director, None))
            .collect();
        service["destinations"] = servers.into();
        json!([service])
    }

    /// Where its clients go.
    pub(crate) fn to(&self) -> SocketAddr {
        SocketAddr::new(self.virtuals[0], 80)
    }

    /// One of its clients.
    pub(crate) fn client(&self, number: u32) -> SocketAddr {
        let ip = match address(self.is_v6, 64, 0) {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() + number).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() + u128::from(number)).into(),
        };
        SocketAddr::new(ip, 1024)
    }

    /// Plays it. Returns the scenario as a line, with what the kernel did.
    pub(crate) fn play(&mut self, director: &mut Director, release: &str, steps: usize) -> String {
        let services = self.set_up(director);
        director.begin();
        if self.kind == "bulk" {
            self.play_bulk(director, steps);
        } else {
            self.play_mixed(director, steps);
        }
        let mut line = json!({
            "name": self.name,
            "kernel": release,
            "protocol": self.protocol,
            "sysctl": self.sysctl,
            "table": { "version": 1, "services": services },
            "events": self.events,
        });
        if self.mark != 0 {
            line["mark"] = self.mark.into();
        }
        line.to_string()
    }

    fn play_bulk(&mut self, director: &mut Director, steps: usize) {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let rounds = 3 * self.virtuals.len();
        let mut time = 0;
        for round in 0..rounds {
            let to = SocketAddr::new(self.virtuals[round % self.virtuals.len()], 80);
            let base = u16::try_from(self.random.below(200) * 256).unwrap();
            let first = address(self.is_v6, 64, base);
            let (n, port) = (
                steps / rounds,
                u16::try_from(1024 + self.random.below(9000)).unwrap(),
            );
            director.wait_until(time);
            let picks: String = (0..n)
                .map(|index| {
                    let offset = u16::try_from(index).unwrap();
                    let client = match first {
                        IpAddr::V4(first) => {
                            Ipv4Addr::from_bits(first.to_bits() + u32::from(offset)).into()
                        }
                        IpAddr::V6(first) => {
                            Ipv6Addr::from_bits(first.to_bits() + u128::from(offset)).into()
                        }
                    };
                    let went = director.packet(SocketAddr::new(client, port + offset), to, "S", 0);
                    let server = went.parse::<SocketAddr>().ok();
                    let place = server.and_then(|server| {
                        self.servers
                            .iter()
                            .position(|other| other.ip() == server.ip())
                    });
                    place.map_or('-', |place| char::from(DIGITS[place]))
                })
                .collect();
            self.packets += n;
            self.events.push(json!([
                time,
                "bulk",
                self.key.to_string(),
                first.to_string(),
                n,
                port,
                to.to_string(),
                picks
            ]));
            time = director.now() + STEP;
            director.wait_until(time);
            match round % 3 {
                0 => self.edit(director, time),
                1 => self.delete(director, time),
                _ => self.look(director, time, false),
            }
            time += STEP;
        }
    }

    fn play_mixed(&mut self, director: &mut Director, steps: usize) {
        // Before the first timer ends: 4 s of SCTP, 10 s of TCP.
        let steps = if self.protocol == "sctp" {
            steps.min(100)
        } else {
            steps.min(200)
        };
        let mut time = 0;
        for _ in 0..steps {
            director.wait_until(time);
            self.step(director, time);
            time += STEP;
        }
        for (wait, more) in [(30_000, 20), (110_000, 0), (190_000, 0)] {
            director.wait_until(wait);
            self.look(director, wait, true);
            time = wait + STEP;
            for _ in 0..more {
                director.wait_until(time);
                self.step(director, time);
                time += STEP;
            }
        }
    }

    fn step(&mut self, director: &mut Director, time: u64) {
        match self.random.below(100) {
            0..=44 => self.open(director, time),
            45..=69 if !self.flows.is_empty() => self.go_on(director, time),
            70..=79 if !self.flows.is_empty() => self.reply(director, time),
            80..=86 => self.edit(director, time),
            87..=89 => {
                self.add(director, Some(time));
            }
            90..=91 if self.servers.len() > 1 => self.delete(director, time),
            92 if self.kind != "bulk" => self.replace(director, time),
            93 => self.tune(director, time),
            94..=96 => {
                let all = self.random.chance(2);
                self.look(director, time, all);
            }
            _ => self.open(director, time),
        }
    }

    fn send(&mut self, director: &Director, time: u64, flow: Flow, flags: &str, payload: usize) {
        let went = director.packet(flow.client, flow.to, flags, payload);
        self.packets += 1;
        self.events.push(json!([
            time,
            "pkt",
            flow.client.to_string(),
            flow.to.to_string(),
            flags,
            payload,
            went
        ]));
        let server = went.parse().ok();
        match self
            .flows
            .iter_mut()
            .find(|other| (other.client, other.to) == (flow.client, flow.to))
        {
            Some(known) => known.server = server.or(known.server),
            None => self.flows.push(Flow { server, ..flow }),
        }
    }

    /// A packet of a new client, or of an old one that begins again.
    fn open(&mut self, director: &Director, time: u64) {
        let flow = if !self.flows.is_empty() && self.random.chance(4) {
            self.random.pick(&self.flows)
        } else {
            let network = u16::try_from(self.random.below(12)).unwrap();
            let host = u16::try_from(1 + self.random.below(250)).unwrap();
            let client = address(self.is_v6, 64, network * 256 + host);
            let port = u16::try_from(1024 + self.random.below(60_000)).unwrap();
            let to = self.random.pick(&self.virtuals);
            let to_port = if self.port == 80 && self.mark == 0 {
                80
            } else {
                self.random.pick(&[80, 443, 5000])
            };
            Flow {
                client: SocketAddr::new(client, port),
                to: SocketAddr::new(to, to_port),
                server: None,
            }
        };
        let (flags, payload) = match self.protocol {
            "tcp" => (
                self.random
                    .pick(&["S", "S", "S", "S", "S", "SA", "A", "SF"]),
                0,
            ),
            "udp" => ("", self.random.below(400)),
            _ => (self.random.pick(&["1", "1", "1", "1", "0", "10"]), 16),
        };
        self.send(director, time, flow, flags, payload);
    }

    fn flags(&mut self) -> &'static str {
        match self.protocol {
            "tcp" => self.random.pick(&[
                "A", "A", "A", "PA", "FA", "FA", "F", "RA", "R", "S", "SA", "P",
            ]),
            "udp" => "",
            _ => self.random.pick(&[
                "0", "1", "2", "3", "6", "7", "8", "9", "10", "10", "11", "11", "14",
            ]),
        }
    }

    fn go_on(&mut self, director: &Director, time: u64) {
        let flow = self.random.pick(&self.flows);
        let flags = self.flags();
        let payload = self.random.below(200);
        self.send(director, time, flow, flags, payload);
    }

    fn reply(&mut self, director: &Director, time: u64) {
        let flow = self.random.pick(&self.flows);
        let Some(server) = flow.server else {
            return self.go_on(director, time);
        };
        // Direct routing and tunnels: the server has the virtual address, and the port is none of its own.
        let from = if self.random.chance(3) {
            flow.to
        } else {
            server
        };
        let flags = self.flags();
        let payload = self.random.below(200);
        let seen = director.reply(from, flow.client, flags, payload);
        self.packets += 1;
        self.events.push(json!([
            time,
            "reply",
            from.to_string(),
            flow.client.to_string(),
            flags,
            payload,
            seen
        ]));
    }

    fn edit(&mut self, director: &mut Director, time: u64) {
        let server = self.random.pick(&self.servers);
        let methods = [
            ForwardingMethod::Masquerading,
            ForwardingMethod::DirectRouting,
        ];
        let forwarding =
            if self.kind != "bulk" && server.port() == 80 && self.mark == 0 && self.port == 80 {
                self.random.pick(&methods)
            } else {
                methods[0]
            };
        let configuration = self.draw_configuration(forwarding);
        let result = director.act(Operation::EditDestination {
            service: self.key,
            key: ipvsh::model::DestinationKey {
                address: server.ip(),
                port: server.port(),
            },
            configuration,
        });
        self.events.push(json!([
            time,
            "edit",
            self.key.to_string(),
            server_value(server, &configuration),
            result
        ]));
    }

    fn delete(&mut self, director: &mut Director, time: u64) {
        let place = self.random.below(self.servers.len());
        let server = self.servers[place];
        // In a bulk a server keeps its number.
        if self.kind != "bulk" {
            self.servers.remove(place);
        }
        let result = director.act(Operation::DeleteDestination {
            service: self.key,
            key: ipvsh::model::DestinationKey {
                address: server.ip(),
                port: server.port(),
            },
        });
        let value = json!({ "address": server.ip().to_string(), "port": server.port() });
        self.events
            .push(json!([time, "del", self.key.to_string(), value, result]));
    }

    /// Another scheduler, or the same anew.
    fn replace(&mut self, director: &mut Director, time: u64) {
        self.scheduler = self.random.pick(&SCHEDULERS);
        self.flags = Vec::new();
        let after: Box<ServiceConfiguration> = Box::new(self.configuration());
        assert_eq!(
            after.scheduler,
            Scheduler::from_kernel(self.scheduler.to_owned())
        );
        let result = director.act(Operation::EditService {
            key: self.key,
            before: None,
            after,
        });
        self.events
            .push(json!([time, "svc-edit", self.service(), result]));
    }

    fn tune(&mut self, director: &mut Director, time: u64) {
        let names = [
            "expire_quiescent_template",
            "conn_reuse_mode",
            "expire_nodest_conn",
        ];
        let name = self
            .random
            .pick(&names[..if self.is_silent { 3 } else { 2 }]);
        let most = if name == "conn_reuse_mode" { 4 } else { 2 };
        let value = i64::try_from(self.random.below(most)).unwrap();
        let result = director.act(Operation::SetSysctl {
            name: ipvsh::model::SysctlName::new(name).unwrap(),
            value: value.to_string(),
        });
        self.events
            .push(json!([time, "sysctl", name, value, result]));
    }

    fn look(&mut self, director: &mut Director, time: u64, all: bool) {
        let seen = director.look(all);
        let wanted = if all {
            ["dests", "conns"]
        } else {
            ["dests", "count"]
        };
        self.events.push(json!([time, "mark", wanted, seen]));
    }
}

fn server_value(server: SocketAddr, configuration: &DestinationConfiguration) -> Value {
    json!({
        "address": server.ip().to_string(),
        "port": server.port(),
        "forwarding": configuration.forwarding.to_string(),
        "weight": configuration.weight.get(),
        "upper_threshold": configuration.thresholds.upper,
        "lower_threshold": configuration.thresholds.lower,
    })
}
