//! One service on a simulated kernel of its own, to be tried with clients: before a change, and after it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::Error;
use crate::backend::{Errno, Operation, Refusal};
use crate::model::{
    DestinationConfiguration, DestinationKey, Invalid, ListedService, Scheduler,
    ServiceConfiguration, ServiceEntry, ServiceKey, Weight,
};
use crate::sim::{
    Content, Distribution, Environment, Load, Packet, Shape, SimulatedKernel, TcpFlags, Verdict,
};

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
    /// The address of a real server that gets weight 0.
    pub drained: Option<IpAddr>,
    /// A real server that comes, with weight 1 unless the others have one in common.
    pub added: Option<DestinationKey>,
}

/// A service to try, with the newest real server first.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) key: ServiceKey,
    pub(super) configuration: ServiceConfiguration,
    pub(super) servers: Vec<(DestinationKey, DestinationConfiguration)>,
}

impl Trial {
    pub(super) fn of(service: &ListedService) -> Self {
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
    pub(super) fn of_entry(key: ServiceKey, entry: &ServiceEntry) -> Self {
        let servers = entry.destinations.iter();
        Self {
            key,
            configuration: entry.configuration.clone(),
            servers: servers
                .map(|(key, entry)| (*key, entry.configuration))
                .collect(),
        }
    }

    pub(super) fn under(&self, scheduler: &Scheduler) -> Self {
        let mut other = self.clone();
        if *scheduler != self.configuration.scheduler {
            other.configuration.scheduler = scheduler.clone();
            other.configuration.scheduler_flags = Default::default();
        }
        other
    }

    pub(super) fn after(&self, asked: &WhatIf) -> Self {
        let mut other = self.clone();
        if let Some(gone) = asked.dropped {
            other.servers.retain(|(key, _)| key.address != gone);
        }
        let drained = |key: &DestinationKey| Some(key.address) == asked.drained;
        for (_, configuration) in other.servers.iter_mut().filter(|(key, _)| drained(key)) {
            configuration.weight = Weight::ZERO;
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
    pub(super) fn kernel(&self) -> Result<SimulatedKernel, Error> {
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
        perform(&kernel, operations)?;
        Ok(kernel)
    }

    /// Makes a kernel with the service as it was, and has it become this one, as a plan does: what is edited is not what is made anew.
    pub(super) fn kernel_after(&self, before: &Self) -> Result<SimulatedKernel, Error> {
        let kernel = before.kernel()?;
        let service = self.key;
        let mut operations = Vec::new();
        if self.configuration != before.configuration {
            operations.push(Operation::EditService {
                key: service,
                before: Some(Box::new(before.configuration.clone())),
                after: Box::new(self.configuration.clone()),
            });
        }
        for (key, configuration) in self.servers.iter().rev() {
            let (key, configuration) = (*key, *configuration);
            match before.servers.iter().find(|(known, _)| *known == key) {
                None => operations.push(Operation::AddDestination {
                    service,
                    key,
                    configuration,
                }),
                Some((_, known)) if *known != configuration => {
                    operations.push(Operation::EditDestination {
                        service,
                        key,
                        configuration,
                    });
                }
                Some(_) => {}
            }
        }
        let is_gone = |key: &DestinationKey| !self.servers.iter().any(|(other, _)| other == key);
        let gone = before.servers.iter().filter(|(key, _)| is_gone(key));
        operations.extend(gone.map(|(key, _)| Operation::DeleteDestination { service, key: *key }));
        perform(&kernel, operations)?;
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
    pub(super) fn shares(
        &self,
        mut kernel: SimulatedKernel,
        asked: &WhatIf,
    ) -> (BTreeMap<DestinationKey, u64>, u64) {
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
        (servers, counts.refused + counts.unanswered)
    }

    /// Where each client goes, if a client always goes to the same server.
    pub(super) fn homes_in(
        &self,
        kernel: &SimulatedKernel,
        clients: u32,
    ) -> Vec<Option<SocketAddr>> {
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

/// Does to a kernel what a plan does.
fn perform(kernel: &SimulatedKernel, operations: Vec<Operation>) -> Result<(), Error> {
    for operation in operations {
        let request = operation.request();
        let refused = request.and_then(|request| kernel.request(request).err());
        if let Some(errno) = refused {
            let refusal = Refusal::explain(&operation, Errno::from_number(errno), None);
            return Err(Invalid::new("simulation", operation, refusal.meaning).into());
        }
    }
    Ok(())
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
