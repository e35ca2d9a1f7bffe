//! Simulated load: clients that open connections at a rate, hold them and close them, and real servers that answer or don't. It is data on the
//! clock of the simulation, and flows while something waits.
//!
//! A TCP client sends SYN and, when the server answers, ACK; then a segment every 30 s, answered by the server, until it closes with FIN.
//! A UDP client sends a datagram every 30 s. A client whose SYN is not answered tries again after 1, 2, 4, 8 and 16 s, and gives up
//! after 32 s more; one that was refused gives up at once. A client whose packets no longer reach a server, or are no longer answered,
//! lost its connection: it opens a new one for what is left of its time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::distribution::Distribution;
use super::pages::{Place, Slots};
use super::random::Random;
use super::wheel::{Timed, Timer, Wheel};

/// Milliseconds between two segments of a connection that is open.
pub(super) const TALK: u64 = 30_000;
/// Bytes of a request, and of the answer to it.
pub(super) const REQUEST: u32 = 200;
pub(super) const ANSWER: u32 = 1_000;
/// How often a SYN is sent in all.
pub(super) const TRIES: u8 = 6;
/// Ports from which clients open connections.
const FIRST_PORT: u16 = 1_024;
const PORTS: u64 = 64_000;

/// Load to one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Where clients connect to.
    pub destination: SocketAddr,
    /// Datagrams in place of TCP.
    pub is_udp: bool,
    /// The mark of all packets; 0 is none.
    pub mark: u32,
    /// The address of the first client; others follow.
    pub first_client: IpAddr,
    /// How many clients there are, at least one.
    pub clients: u32,
    /// New connections a second, at random times.
    pub rate: f64,
    /// For how long connections are opened.
    pub duration: Duration,
    /// For how long they are held: each kind with its share.
    pub holds: Vec<(f64, Distribution)>,
    /// Where its random numbers begin.
    pub seed: u64,
}

/// A connection that a load opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, since the load began.
    pub at: Duration,
    /// By whom.
    pub client: SocketAddr,
    /// How long it is held.
    pub hold: Duration,
}

impl Load {
    /// Returns the connections that it opens, in their order: for whoever plays it elsewhere.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> {
        let mut running = Running::new(self.clone(), Duration::ZERO);
        std::iter::from_fn(move || {
            let next = running.next?;
            running.plan(next);
            let (client, hold) = running.draw();
            Some(Arrival {
                at: Duration::from_nanos(next),
                client,
                hold: Duration::from_millis(hold),
            })
        })
    }
}

/// What became of the connections of a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// Opened: a real server answered.
    pub opened: u64,
    /// Opened, by real server.
    pub by_server: BTreeMap<SocketAddr, u64>,
    /// Closed by the client when its time was over.
    pub closed: u64,
    /// Refused at once.
    pub refused: u64,
    /// Given up, as nobody answered.
    pub unanswered: u64,
    /// Lost while it was open.
    pub cut: u64,
    /// Still open, or being opened.
    pub live: u64,
}

/// A load on its way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) load: Load,
    pub(super) counts: LoadCounts,
    random: Random,
    opened: u64,
    /// When the next connection is opened, in nanoseconds; `None`: no more.
    next: Option<u64>,
    until: u64,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has sent so many SYN.
    Opening(u8),
    Open,
}

/// A connection as its client sees it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    timer: Timer,
    pub(super) load: usize,
    pub(super) client: SocketAddr,
    pub(super) stage: Stage,
    /// When the client closes it, in milliseconds.
    pub(super) ends: u64,
}

impl Timed for Flow {
    fn timer_mut(&mut self) -> &mut Timer {
        &mut self.timer
    }
}

/// All loads, and the clients that are busy.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    pub(super) loads: Vec<Running>,
    flows: Slots<Flow>,
    wheel: Wheel,
    /// Addresses of real servers that answer nothing.
    pub(super) down: std::collections::BTreeSet<IpAddr>,
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

impl Running {
    fn new(load: Load, now: Duration) -> Self {
        let mut running = Self {
            random: Random::new(load.seed),
            counts: LoadCounts::default(),
            opened: 0,
            next: None,
            until: nanoseconds(now.saturating_add(load.duration)),
            load,
        };
        running.plan(nanoseconds(now));
        running
    }

    /// Draws when the next connection is opened: arrivals without memory.
    fn plan(&mut self, from: u64) {
        let between = Distribution {
            shape: super::distribution::Shape::Exponential,
            mean: Duration::try_from_secs_f64(1e3 / self.load.rate).unwrap_or(Duration::MAX),
        };
        // A thousandth of what is drawn in milliseconds, so that a thousand of them fit in one.
        let drawn = between.draw(&mut self.random).saturating_mul(1_000).max(1);
        let next = from.saturating_add(drawn);
        self.next = Some(next).filter(|next| *next < self.until);
    }

    /// Draws a client, and for how long it stays.
    fn draw(&mut self) -> (SocketAddr, u64) {
        let serial = self.opened;
        self.opened += 1;
        let number = self.random.below(u64::from(self.load.clients).max(1));
        let ip = match self.load.first_client {
            IpAddr::V4(first) => {
                let number = u32::try_from(number).unwrap_or_default();
                IpAddr::V4(std::net::Ipv4Addr::from_bits(
                    first.to_bits().wrapping_add(number),
                ))
            }
            IpAddr::V6(first) => {
                let bits = first.to_bits().wrapping_add(number.into());
                IpAddr::V6(std::net::Ipv6Addr::from_bits(bits))
            }
        };
        let port = FIRST_PORT + u16::try_from(serial % PORTS).unwrap_or_default();
        let whole: f64 = self.load.holds.iter().map(|(share, _)| share).sum();
        let bits = u32::try_from(self.random.next() >> 32).unwrap_or_default();
        let mut left = f64::from(bits) / f64::from(u32::MAX) * whole;
        let chosen = self.load.holds.iter().find(|(share, _)| {
            left -= share;
            left <= 0.0
        });
        let chosen = chosen.or(self.load.holds.last()).map(|(_, hold)| *hold);
        let hold = chosen.map_or(0, |hold| hold.draw(&mut self.random));
        (SocketAddr::new(ip, port), hold)
    }
}

impl Crowd {
    pub(super) const fn new() -> Self {
        Self {
            loads: Vec::new(),
            flows: Slots::new(),
            wheel: Wheel::new(),
            down: std::collections::BTreeSet::new(),
        }
    }

    /// Begins a load. Returns its number.
    pub(super) fn start(&mut self, load: Load, now: Duration) -> usize {
        self.loads.push(Running::new(load, now));
        self.loads.len() - 1
    }

    /// Returns when a client does something next.
    pub(super) fn next(&self) -> Option<Duration> {
        let arrivals = self.loads.iter().filter_map(|running| running.next);
        let arrival = arrivals.min().map(Duration::from_nanos);
        let timer = self.wheel.next().map(Duration::from_millis);
        match (arrival, timer) {
            (Some(arrival), Some(timer)) => Some(arrival.min(timer)),
            (arrival, timer) => arrival.or(timer),
        }
    }

    /// Returns a client that opens a connection now.
    pub(super) fn arrival(&mut self, now: Duration) -> Option<Place> {
        let now = nanoseconds(now);
        let due = |running: &&mut Running| running.next.is_some_and(|next| next <= now);
        let (number, running) = (0..)
            .zip(&mut self.loads)
            .find(|(_, running)| due(running))?;
        running.plan(running.next?);
        let (client, hold) = running.draw();
        running.counts.live += 1;
        let flow = Flow {
            timer: Timer::new(),
            load: number,
            client,
            stage: Stage::Opening(0),
            ends: (now / 1_000_000).saturating_add(hold),
        };
        Some(self.flows.insert(flow))
    }

    /// Returns a client that is to go on now.
    pub(super) fn due(&mut self, now: u64) -> Option<Place> {
        self.wheel.due(&mut self.flows, now)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Flow> {
        self.flows.get(place)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Flow> {
        self.flows.get_mut(place)
    }

    pub(super) fn arm(&mut self, place: Place, time: u64) {
        self.wheel.arm(&mut self.flows, place, time);
    }

    /// A client is done.
    pub(super) fn end(&mut self, place: Place, count: impl FnOnce(&mut LoadCounts)) {
        if let Some(flow) = self.flows.remove(place)
            && let Some(running) = self.loads.get_mut(flow.load)
        {
            running.counts.live = running.counts.live.saturating_sub(1);
            count(&mut running.counts);
        }
    }
}
