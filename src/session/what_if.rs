//! What a table does with clients: who gets what share, under its own scheduler and others, and which clients change servers when the
//! table changes. Each question is asked of a simulated kernel of its own; the table of the session is not touched.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Error, Session};
use crate::backend::{Counted, Errno, Operation, Refusal};
use crate::model::{
    DestinationConfiguration, DestinationKey, Invalid, ListedService, ObjectId, Scheduler,
    ServiceConfiguration, ServiceEntry, ServiceKey, Weight,
};
use crate::sim::{
    Content, Distribution, Environment, Load, Packet, Shape, SimulatedKernel, TcpFlags, Verdict,
};
use crate::txn::{Change, Plan};

/// New connections a second, and how long each is held on average.
const RATE: f64 = 1_000.0;
const HOLD: Duration = Duration::from_secs(10);
/// Where clients of services without an address of their own connect to.
const ANY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ANY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// What is asked.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// How many clients there are.
    pub clients: u32,
    /// How many connections they open.
    pub connections: u32,
    /// Where random numbers begin.
    pub seed: u64,
    /// Schedulers beside the service's own.
    pub compare: Vec<Scheduler>,
    /// The address of a real server that goes.
    pub dropped: Option<IpAddr>,
    /// A real server that comes, with weight 1 unless the others have one in common.
    pub added: Option<DestinationKey>,
}

/// What a service does under one scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// The scheduler.
    pub scheduler: Scheduler,
    /// Connections by real server, those with none among them.
    pub servers: BTreeMap<DestinationKey, u64>,
    /// Connections that nobody got.
    pub refused: u64,
    /// The share of clients that change servers with the table; `None` if a client has no server of its own, as that depends on
    /// what comes before it.
    pub moved: Option<f64>,
}

impl Shares {
    /// Returns a number of connections as a share of all, from 0 to 1.
    #[must_use]
    pub fn share_of(&self, connections: u64) -> f64 {
        let all = self.servers.values().sum::<u64>() + self.refused;
        if all == 0 {
            0.0
        } else {
            connections as f64 / all as f64
        }
    }
}

/// What becomes of a service's clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceForecast {
    /// The service.
    pub key: ServiceKey,
    /// Weights of its real servers, those that come and go among them.
    pub weights: Vec<(DestinationKey, Weight)>,
    /// Under its own scheduler, then under the others.
    pub shares: Vec<Shares>,
}

/// A service to try, with the newest real server first.
#[derive(Clone)]
struct Trial {
    key: ServiceKey,
    configuration: ServiceConfiguration,
    servers: Vec<(DestinationKey, DestinationConfiguration)>,
}

impl Trial {
    fn of(service: &ListedService) -> Self {
        let servers = service.destinations.iter();
        Self {
            key: service.key,
            configuration: service.configuration.clone(),
            servers: servers
                .map(|(key, entry)| (*key, entry.configuration))
                .collect(),
        }
    }

    /// Makes one of a service as a plan has it, whose servers have no order.
    fn of_entry(key: ServiceKey, entry: &ServiceEntry) -> Self {
        let servers = entry.destinations.iter();
        Self {
            key,
            configuration: entry.configuration.clone(),
            servers: servers
                .map(|(key, entry)| (*key, entry.configuration))
                .collect(),
        }
    }

    fn under(&self, scheduler: &Scheduler) -> Self {
        let mut other = self.clone();
        if *scheduler != self.configuration.scheduler {
            other.configuration.scheduler = scheduler.clone();
            other.configuration.scheduler_flags = Default::default();
        }
        other
    }

    fn after(&self, asked: &WhatIf) -> Self {
        let mut other = self.clone();
        if let Some(gone) = asked.dropped {
            other.servers.retain(|(key, _)| key.address != gone);
        }
        let new = asked.added.filter(|new| {
            let mut servers = other.servers.iter();
            servers.all(|(key, _)| key != new)
        });
        if let Some(new) = new {
            // As the others are, if they are alike.
            let first = self
                .servers
                .first()
                .map(|(_, configuration)| *configuration);
            let mut configuration = first.unwrap_or_default();
            let alike = |(_, other): &(DestinationKey, DestinationConfiguration)| {
                other.weight == configuration.weight
            };
            if !self.servers.iter().all(alike) {
                configuration.weight = DestinationConfiguration::default().weight;
            }
            other.servers.insert(0, (new, configuration));
        }
        other
    }

    /// Makes a kernel with this service alone.
    fn kernel(&self) -> Result<SimulatedKernel, Error> {
        let kernel = SimulatedKernel::new(Environment::stock());
        let mut operations = vec![Operation::AddService {
            key: self.key,
            configuration: Box::new(self.configuration.clone()),
        }];
        operations.extend(self.servers.iter().rev().map(|(key, configuration)| {
            Operation::AddDestination {
                service: self.key,
                key: *key,
                configuration: *configuration,
            }
        }));
        for operation in operations {
            let request = operation.request();
            let refused = request.and_then(|request| kernel.request(request).err());
            if let Some(errno) = refused {
                let refusal = Refusal::explain(&operation, Errno::from_number(errno), None);
                return Err(Invalid::new("simulation", operation, refusal.meaning).into());
            }
        }
        Ok(kernel)
    }

    fn target(&self) -> (SocketAddr, u32) {
        match self.key {
            ServiceKey::Endpoint { address, port, .. } => {
                let port = if port == 0 { 80 } else { port };
                (SocketAddr::new(address, port), 0)
            }
            ServiceKey::Fwmark { family, mark } => {
                let any = match family {
                    crate::model::AddressFamily::Inet => IpAddr::V4(ANY_V4),
                    crate::model::AddressFamily::Inet6 => IpAddr::V6(ANY_V6),
                };
                (SocketAddr::new(any, 80), mark.get())
            }
        }
    }

    fn is_udp(&self) -> bool {
        matches!(
            self.key,
            ServiceKey::Endpoint {
                protocol: crate::model::Protocol::Udp,
                ..
            }
        )
    }

    /// Opens connections, and counts who got them.
    fn shares(&self, asked: &WhatIf) -> Result<(BTreeMap<DestinationKey, u64>, u64), Error> {
        let mut kernel = self.kernel()?;
        let (destination, mark) = self.target();
        let duration = Duration::from_secs_f64(f64::from(asked.connections) / RATE);
        let load = kernel.start_load(Load {
            destination,
            is_udp: self.is_udp(),
            mark,
            first_client: first_client(destination),
            clients: asked.clients,
            rate: RATE,
            duration,
            holds: vec![(
                1.0,
                Distribution {
                    shape: Shape::Exponential,
                    mean: HOLD,
                },
            )],
            seed: asked.seed,
        });
        crate::backend::Transport::sleep(&mut kernel, duration);
        let counts = kernel.load_counts(load).unwrap_or_default();
        let mut servers: BTreeMap<DestinationKey, u64> =
            self.servers.iter().map(|(key, _)| (*key, 0)).collect();
        for (server, count) in &counts.by_server {
            let mut keys = self.servers.iter().map(|(key, _)| *key);
            // A real server of port 0 gets what the packet's is, and without address translation every one does.
            let is_exact = |key: &DestinationKey| {
                key.address == server.ip() && [0, server.port()].contains(&key.port)
            };
            let key = keys
                .clone()
                .find(is_exact)
                .or_else(|| keys.find(|key| key.address == server.ip()));
            if let Some(key) = key {
                *servers.entry(key).or_default() += count;
            }
        }
        Ok((servers, counts.refused + counts.unanswered))
    }

    /// Where each client goes, if a client always goes to the same server.
    fn homes(&self, clients: u32) -> Result<Vec<Option<SocketAddr>>, Error> {
        Ok(self.homes_in(&self.kernel()?, clients))
    }

    fn homes_in(&self, kernel: &SimulatedKernel, clients: u32) -> Vec<Option<SocketAddr>> {
        let (destination, mark) = self.target();
        let content = if self.is_udp() {
            Content::Udp(&[])
        } else {
            Content::Tcp(TcpFlags::from_letters("S"))
        };
        let home = |number: u32| {
            let client = SocketAddr::new(nth(first_client(destination), number), 1_024);
            let packet = Packet::new(client, destination, content, 0);
            match kernel.packet(&Packet { mark, ..packet }) {
                Verdict::Forwarded { to, .. } => Some(to),
                _ => None,
            }
        };
        (0..clients).map(home).collect()
    }
}

fn first_client(destination: SocketAddr) -> IpAddr {
    if destination.is_ipv6() {
        Ipv6Addr::new(0xfd00, 0x64, 0, 0, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::new(10, 64, 0, 1).into()
    }
}

fn nth(first: IpAddr, number: u32) -> IpAddr {
    match first {
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(number)).into(),
        IpAddr::V6(first) => {
            Ipv6Addr::from_bits(first.to_bits().wrapping_add(number.into())).into()
        }
    }
}

impl Session {
    /// Tells what services do with clients. `to` has another table, whose services of the same name are those after the change.
    ///
    /// # Errors
    /// [`Error`] if the table can't be read, or simulated.
    pub fn what_if(
        &mut self,
        asked: &WhatIf,
        wanted: &[ServiceKey],
        to: Option<&mut Self>,
    ) -> Result<Vec<ServiceForecast>, Error> {
        let to = to
            .map(|other| other.live.listed(None, Counted::Connections))
            .transpose()?;
        let listed = self.live.listed(None, Counted::Connections)?;
        let mut chosen: Vec<&ListedService> = listed
            .iter()
            .filter(|service| wanted.is_empty() || wanted.contains(&service.key))
            .collect();
        let unknown = wanted
            .iter()
            .find(|key| !listed.iter().any(|service| service.key == **key));
        if let Some(key) = unknown {
            return Err(Error::Missing {
                what: "virtual service",
                object: ObjectId::Service(*key),
            });
        }
        let is_there = |gone: IpAddr| {
            let mut servers = chosen.iter().flat_map(|service| &service.destinations);
            servers.any(|(key, _)| key.address == gone)
        };
        if let Some(gone) = asked.dropped.filter(|gone| !is_there(*gone)) {
            return Err(Error::Unmatched(gone.to_string()));
        }
        chosen.sort_by_key(|service| service.key);
        let is_sctp = |key: &ServiceKey| {
            let sctp = crate::model::Protocol::Sctp;
            matches!(key, ServiceKey::Endpoint { protocol, .. } if *protocol == sctp)
        };
        // Its clients are those of TCP and UDP.
        if let Some(key) = wanted.iter().find(|key| is_sctp(key)) {
            let text = "shares are simulated of TCP, UDP and marks";
            return Err(Invalid::new("service", key, text).into());
        }
        for service in chosen.iter().filter(|service| is_sctp(&service.key)) {
            self.warn(format!(
                "{} is left out: shares are simulated of TCP, UDP and marks",
                service.key
            ));
        }
        chosen.retain(|service| !is_sctp(&service.key));
        let mut forecasts = Vec::new();
        for service in chosen {
            let now = Trial::of(service);
            // What a document does not name stays.
            let other = to.iter().flatten().find(|other| other.key == service.key);
            let then = other.map_or_else(|| now.clone(), Trial::of);
            forecasts.push(forecast(&now, &then, asked)?);
        }
        Ok(forecasts)
    }
}

fn forecast(now: &Trial, then: &Trial, asked: &WhatIf) -> Result<ServiceForecast, Error> {
    let own = now.configuration.scheduler.clone();
    let others = asked.compare.iter().filter(|other| **other != own).cloned();
    let schedulers: Vec<Scheduler> = std::iter::once(own.clone()).chain(others).collect();
    let mut shares = Vec::new();
    for scheduler in schedulers {
        let is_own = scheduler == own;
        let before = now.under(&scheduler);
        let after = if is_own {
            then.clone()
        } else {
            then.under(&scheduler)
        };
        let after = after.after(asked);
        let (servers, refused) = after.shares(asked)?;
        let moved = if has_homes(&before.configuration) && has_homes(&after.configuration) {
            let (old, new) = (before.homes(asked.clients)?, after.homes(asked.clients)?);
            let moves = old.iter().zip(&new).filter(|(old, new)| old != new).count();
            Some(moves as f64 / f64::from(asked.clients.max(1)))
        } else {
            None
        };
        shares.push(Shares {
            scheduler: after.configuration.scheduler.clone(),
            servers,
            refused,
            moved,
        });
    }
    let mut weights: Vec<(DestinationKey, Weight)> = then
        .after(asked)
        .servers
        .iter()
        .chain(&now.servers)
        .map(|(key, configuration)| (*key, configuration.weight))
        .collect();
    weights.sort_by_key(|(key, _)| *key);
    weights.dedup_by_key(|(key, _)| *key);
    Ok(ServiceForecast {
        key: now.key,
        weights,
        shares,
    })
}

/// Clients by whom it is told how many change servers.
const SAMPLE: u32 = 1_000;
/// Services of a plan that it is told of at most: of more it takes longer than a plan may.
const MOST_SERVICES: usize = 16;

fn has_homes(configuration: &ServiceConfiguration) -> bool {
    matches!(configuration.scheduler.as_str(), "sh" | "mh" | "dh")
}

/// What a plan does to the clients of a service that has a server for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClientsMoved {
    /// The service.
    pub key: ServiceKey,
    /// The share of clients that change servers, from 0 to 1.
    pub moved: f64,
    /// The share of those that are refused: their server has no weight, and the scheduler chooses no other.
    pub refused: f64,
}

/// Returns the share of clients that change servers with a plan, by service, where that can be told: of services whose scheduler goes by
/// addresses before and after it and that keep no clients. A plan of many such services tells of none.
#[must_use]
pub fn clients_moved(plan: &Plan) -> Vec<ClientsMoved> {
    let (before, after) = (plan.before(), plan.after());
    let mut trials = Vec::new();
    for (key, now) in &before.services {
        let Some(then) = after.services.get(key) else {
            continue;
        };
        let keeps = |entry: &ServiceEntry| entry.configuration.persistence.is_some();
        let is_known = has_homes(&now.configuration) && has_homes(&then.configuration);
        let is_same = now.configuration == then.configuration
            && now.destinations.len() == then.destinations.len()
            && now.destinations.iter().all(|(key, entry)| {
                let other = then.destinations.get(key);
                other.is_some_and(|other| other.configuration == entry.configuration)
            });
        if !is_known || is_same || keeps(now) || keeps(then) {
            continue;
        }
        trials.push(Trial::of_entry(*key, now));
        if trials.len() > MOST_SERVICES {
            return Vec::new();
        }
    }
    let shares = trials.into_iter().filter_map(|trial| {
        let key = trial.key;
        let kernel = trial.kernel().ok()?;
        let start = kernel.snapshot();
        let old = trial.homes_in(&kernel, SAMPLE);
        // Without the connections of these, and with the plan as it is sent: what is edited is not what is made anew.
        kernel.restore(start);
        let mine = |change: &&Change| change.object().service() == Some(&key);
        for change in plan.changes().iter().filter(mine) {
            kernel.request(change.operation().request()?).ok()?;
        }
        let new = trial.homes_in(&kernel, SAMPLE);
        // Who had no server can't leave one.
        let had = old.iter().zip(&new).filter(|(old, _)| old.is_some());
        let (mut all, mut moved, mut refused) = (0.0_f64, 0.0, 0.0);
        for (old, new) in had {
            all += 1.0;
            match new {
                None => refused += 1.0,
                Some(_) if old != new => moved += 1.0,
                Some(_) => {}
            }
        }
        let all = all.max(1.0);
        Some(ClientsMoved {
            key,
            moved: moved / all,
            refused: refused / all,
        })
    });
    shares.collect()
}
