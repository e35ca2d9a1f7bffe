//! Reads `/proc/net/ip_vs`: every server's method, weight and connections in one go, and without privilege.
//!
//! It lacks engines, flags, thresholds, tunnels and counters, prints timeouts in ticks of unknown length, hides
//! the family of a mark, and prints bypass as masquerading.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::{
    AddressFamily, Connections, DestinationConfiguration, DestinationEntry, DestinationKey,
    ForwardingMethod, Fwmark, Persistence, Protocol, Scheduler, ServiceConfiguration, ServiceEntry,
    ServiceKey, Table, Weight,
};

/// Names a service as far as the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ProcKey {
    Endpoint(ServiceKey),
    /// A mark; its family is not told.
    Mark(u32),
}

#[derive(Clone, Debug)]
struct ProcService {
    configuration: ServiceConfiguration,
    destinations: BTreeMap<DestinationKey, DestinationEntry>,
}

/// The contents of `/proc/net/ip_vs`.
#[derive(Clone, Debug, Default)]
pub struct ProcReading {
    services: BTreeMap<ProcKey, Vec<ProcService>>,
}

impl ProcReading {
    /// Reads the file; lines that make no sense are skipped.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Self {
        let text = String::from_utf8_lossy(contents);
        let mut services: Vec<(ProcKey, ProcService)> = Vec::new();
        let mut known = false;
        // Two lines of titles and the one for servers.
        for line in text.lines().skip(3) {
            if let Some(server) = line.strip_prefix("  -> ") {
                let last = services.last_mut().filter(|_| known);
                if let (Some((_, service)), Some((key, entry))) = (last, server_line(server)) {
                    service.destinations.insert(key, entry);
                }
            } else {
                let service = service_line(line);
                known = service.is_some();
                services.extend(service);
            }
        }
        let mut reading = Self::default();
        for (key, service) in services {
            reading.services.entry(key).or_default().push(service);
        }
        reading
    }

    /// Returns the servers of a service, unless the file is ambiguous about it.
    #[must_use]
    pub fn servers(&self, key: &ServiceKey) -> Option<BTreeMap<DestinationKey, DestinationEntry>> {
        let proc_key = match key {
            ServiceKey::Endpoint { .. } => ProcKey::Endpoint(*key),
            ServiceKey::Fwmark { mark, .. } => ProcKey::Mark(mark.get()),
        };
        match self.services.get(&proc_key)?.as_slice() {
            [only] => Some(only.destinations.clone()),
            _ => None,
        }
    }

    /// Returns the table as far as the file tells it, for users without privilege. Marks are taken for IPv4
    /// unless a server says otherwise, and persistence timeouts are 0.
    #[must_use]
    pub fn into_table(self) -> Table {
        let mut table = Table::default();
        for (proc_key, services) in self.services {
            for service in services {
                let six = service.destinations.keys().any(|key| key.address.is_ipv6());
                let key = match proc_key {
                    ProcKey::Endpoint(key) => key,
                    ProcKey::Mark(number) => {
                        let Some(mark) = Fwmark::from_kernel(number) else {
                            continue;
                        };
                        let family = if six {
                            AddressFamily::Inet6
                        } else {
                            AddressFamily::Inet
                        };
                        ServiceKey::Fwmark { family, mark }
                    }
                };
                let mut configuration = service.configuration;
                if configuration.persistence.is_some() {
                    configuration.persistence = Some(Persistence::unused(key.family()));
                }
                let entry = ServiceEntry {
                    configuration,
                    destinations: service.destinations,
                    ..ServiceEntry::default()
                };
                table.services.insert(key, entry);
            }
        }
        table
    }
}

fn service_line(line: &str) -> Option<(ProcKey, ProcService)> {
    let mut words = line.split_whitespace();
    let protocol = words.next()?;
    let name = words.next()?;
    let key = if protocol == "FWM" {
        ProcKey::Mark(u32::from_str_radix(name, 16).ok()?)
    } else {
        let protocol = match protocol {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            "IP" => Protocol::from_number(0),
            "ICMP" => Protocol::from_number(1),
            "ICMPv6" => Protocol::from_number(58),
            other => Protocol::from_number(other.strip_prefix("IP_")?.parse().ok()?),
        };
        let (address, port) = endpoint(name)?;
        ProcKey::Endpoint(ServiceKey::Endpoint {
            protocol,
            address,
            port,
        })
    };
    let scheduler = Scheduler::from_kernel(words.next()?.to_owned());
    let flags: Vec<&str> = words.collect();
    let configuration = ServiceConfiguration {
        scheduler,
        one_packet: flags.contains(&"ops"),
        persistence: flags
            .contains(&"persistent")
            .then(|| Persistence::unused(AddressFamily::Inet)),
        ..ServiceConfiguration::default()
    };
    Some((
        key,
        ProcService {
            configuration,
            destinations: BTreeMap::new(),
        },
    ))
}

fn server_line(line: &str) -> Option<(DestinationKey, DestinationEntry)> {
    let mut words = line.split_ascii_whitespace();
    let (address, port) = endpoint(words.next()?)?;
    let forwarding = match words.next()? {
        "Masq" => ForwardingMethod::Masquerading,
        "Local" => ForwardingMethod::Local,
        "Tunnel" => ForwardingMethod::Tunneling,
        "Route" => ForwardingMethod::DirectRouting,
        _ => return None,
    };
    let mut number = || words.next()?.parse::<u32>().ok();
    let weight = Weight::from_kernel(number()?);
    let connections = Connections {
        active: number()?,
        inactive: number()?,
        persistent: 0,
    };
    let configuration = DestinationConfiguration {
        forwarding,
        weight,
        ..DestinationConfiguration::default()
    };
    let key = DestinationKey { address, port };
    Some((
        key,
        DestinationEntry {
            configuration,
            connections,
            ..DestinationEntry::default()
        },
    ))
}

/// Reads `0A000001:01BB` or `[fd00:0000:…:0001]:01BB`.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.rsplit_once(':')?;
    let address = match address.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into(),
        None => Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}
