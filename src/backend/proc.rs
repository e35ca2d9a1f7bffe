//! Reads `/proc/net/ip_vs`: every server's method, weight and connections in one go, and without privilege.
//!
//! It lacks engines, flags, thresholds, tunnels and counters, prints timeouts in ticks of unknown length, hides
//! the family of a mark, and prints bypass as masquerading.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ahash::AHashMap;

use crate::model::{
    AddressFamily, Connections, DestinationConfiguration, DestinationEntry, DestinationKey,
    ForwardingMethod, Fwmark, Persistence, Protocol, Scheduler, ServiceConfiguration, ServiceEntry,
    ServiceKey, Table, Weight,
};

/// Names a service as far as the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ProcKey {
    Endpoint(ServiceKey),
    /// A mark; its family is not told.
    Mark(u32),
}

#[derive(Clone, Debug)]
struct ProcService {
    configuration: ServiceConfiguration,
    /// In the order of the file.
    destinations: Vec<(DestinationKey, DestinationEntry)>,
}

/// The contents of `/proc/net/ip_vs`.
#[derive(Clone, Debug, Default)]
pub struct ProcReading {
    services: AHashMap<ProcKey, Vec<ProcService>>,
}

impl ProcReading {
    /// Reads the file; lines that make no sense are skipped.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Self {
        let mut services: Vec<(ProcKey, ProcService)> = Vec::new();
        let mut known = false;
        // Two lines of titles and the one for servers.
        for line in Lines(contents).skip(3) {
            if let Some(server) = line.strip_prefix(b"  -> ") {
                let last = services.last_mut().filter(|_| known);
                if let (Some((_, service)), Some(server)) = (last, server_line(server)) {
                    service.destinations.push(server);
                }
            } else {
                let mut service = service_line(line);
                // Services of large tables are often alike: room for as many servers as the last one had.
                if let (Some((_, service)), Some((_, last))) = (&mut service, services.last()) {
                    service.destinations.reserve(last.destinations.len());
                }
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

    /// Shows each real server of each service in the file, and keeps none.
    pub fn each_server(contents: &[u8], mut see: impl FnMut(&DestinationKey, &DestinationEntry)) {
        let lines = Lines(contents).skip(3);
        let servers = lines.filter_map(|line| server_line(line.strip_prefix(b"  -> ")?));
        for (key, entry) in servers {
            see(&key, &entry);
        }
    }

    /// Takes the servers of a service out, unless the file is ambiguous about it.
    pub fn take_servers(
        &mut self,
        key: &ServiceKey,
    ) -> Option<BTreeMap<DestinationKey, DestinationEntry>> {
        let proc_key = match key {
            ServiceKey::Endpoint { .. } => ProcKey::Endpoint(*key),
            ServiceKey::Fwmark { mark, .. } => ProcKey::Mark(mark.get()),
        };
        match self.services.get_mut(&proc_key)?.as_mut_slice() {
            [only] => Some(std::mem::take(&mut only.destinations).into_iter().collect()),
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
                let mut servers = service.destinations.iter();
                let six = servers.any(|(key, _)| key.address.is_ipv6());
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
                    destinations: service.destinations.into_iter().collect(),
                    ..ServiceEntry::default()
                };
                table.services.insert(key, entry);
            }
        }
        table
    }
}

/// The lines of a file, one after the other.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        Some(line)
    }
}

/// The words of a line, one after the other.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let [b' ', rest @ ..] = self.0 {
            self.0 = rest;
        }
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|byte| *byte == b' ');
        let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        Some(word)
    }
}

fn text(word: &[u8]) -> Option<&str> {
    std::str::from_utf8(word).ok()
}

/// The value of each byte as a digit; what is none is larger than any.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let (decimal, letter) = (b'0' + value, value.wrapping_sub(10));
        if value < 10 {
            digits[decimal as usize] = value;
        } else {
            digits[(b'A' + letter) as usize] = value;
            digits[(b'a' + letter) as usize] = value;
        }
        value += 1;
    }
    digits
};

/// Reads a whole number of digits of base 10 or 16.
fn number(word: &[u8], base: u8) -> Option<u32> {
    let mut sum = 0u64;
    // More digits than that are no number of 32 bits, whatever they are.
    for byte in word.get(..word.len().min(11))? {
        let digit = DIGITS[usize::from(*byte)];
        if digit >= base {
            return None;
        }
        sum = sum * u64::from(base) + u64::from(digit);
    }
    let fits = !word.is_empty() && word.len() <= 11;
    u32::try_from(sum).ok().filter(|_| fits)
}

fn service_line(line: &[u8]) -> Option<(ProcKey, ProcService)> {
    let mut words = Words(line);
    let protocol = text(words.next()?)?;
    let name = words.next()?;
    let key = if protocol == "FWM" {
        ProcKey::Mark(number(name, 16)?)
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
    let scheduler = String::from_utf8_lossy(words.next()?).into_owned();
    let flags: Vec<&[u8]> = words.collect();
    let has = |flag: &str| flags.contains(&flag.as_bytes());
    let configuration = ServiceConfiguration {
        scheduler: Scheduler::from_kernel(scheduler),
        one_packet: has("ops"),
        persistence: has("persistent").then(|| Persistence::unused(AddressFamily::Inet)),
        ..ServiceConfiguration::default()
    };
    Some((
        key,
        ProcService {
            configuration,
            destinations: Vec::new(),
        },
    ))
}

fn server_line(line: &[u8]) -> Option<(DestinationKey, DestinationEntry)> {
    let mut words = Words(line);
    let (address, port) = endpoint(words.next()?)?;
    let forwarding = match words.next()? {
        b"Masq" => ForwardingMethod::Masquerading,
        b"Local" => ForwardingMethod::Local,
        b"Tunnel" => ForwardingMethod::Tunneling,
        b"Route" => ForwardingMethod::DirectRouting,
        _ => return None,
    };
    let mut next = || number(words.next()?, 10);
    let weight = Weight::from_kernel(next()?);
    let connections = Connections {
        active: next()?,
        inactive: next()?,
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
fn endpoint(word: &[u8]) -> Option<(IpAddr, u16)> {
    let colon = word.iter().rposition(|byte| *byte == b':')?;
    let (address, port) = (word.get(..colon)?, word.get(colon + 1..)?);
    let address = match address.strip_prefix(b"[") {
        Some(inner) => text(inner.strip_suffix(b"]")?)?
            .parse::<Ipv6Addr>()
            .ok()?
            .into(),
        None => Ipv4Addr::from(number(address, 16)?).into(),
    };
    Some((address, u16::try_from(number(port, 16)?).ok()?))
}
