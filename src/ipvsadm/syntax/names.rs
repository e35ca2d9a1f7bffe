//! Names of hosts and ports: the services database and the resolver.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::grammar::Manner;
use super::resolver;
use crate::ipvsadm::text::NameLookup;
use crate::model::Protocol;

/// How a line is read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'n> {
    pub(crate) names: &'n Names,
    pub(crate) manner: Manner,
    /// Marks may be negative, as the original prints those above 2147483647.
    pub(crate) signed_marks: bool,
}

/// One name of a port.
struct Service {
    name: String,
    aliases: Vec<String>,
    port: u16,
    protocol: String,
}

/// The databases of names; read when they are first asked.
#[derive(Default)]
pub(crate) struct Names {
    services: OnceCell<Vec<Service>>,
    hosts_file: OnceCell<Vec<(Ipv4Addr, Vec<String>)>>,
    addresses: RefCell<HashMap<String, Option<Ipv4Addr>>>,
    hosts: RefCell<HashMap<IpAddr, Option<String>>>,
}

const fn word(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Tcp => Some("tcp"),
        Protocol::Udp => Some("udp"),
        Protocol::Sctp => Some("sctp"),
        Protocol::Other(_) => None,
    }
}

impl Names {
    fn services(&self) -> &[Service] {
        self.services.get_or_init(|| {
            let text = std::fs::read("/etc/services").unwrap_or_default();
            String::from_utf8_lossy(&text)
                .lines()
                .filter_map(service)
                .collect()
        })
    }

    /// Finds the port of a name or alias; upper and lower case differ.
    pub(super) fn port(&self, name: &[u8], protocol: Protocol) -> Option<u16> {
        let name = std::str::from_utf8(name).ok()?;
        let protocol = word(protocol)?;
        let named = |service: &&Service| {
            service.protocol == protocol
                && (service.name == name || service.aliases.iter().any(|alias| alias == name))
        };
        self.services()
            .iter()
            .find(named)
            .map(|service| service.port)
    }

    /// Looks up at once what will be asked about soon.
    pub(crate) fn expect(&self, addresses: impl Iterator<Item = IpAddr>) {
        let mut hosts = self.hosts.borrow_mut();
        let mut unknown: Vec<IpAddr> = addresses
            .filter(|address| !hosts.contains_key(address))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        let mut names = resolver::names_of(&unknown);
        hosts.extend(
            unknown
                .into_iter()
                .map(|address| (address, names.remove(&address))),
        );
    }

    fn hosts_file(&self) -> &[(Ipv4Addr, Vec<String>)] {
        self.hosts_file.get_or_init(|| {
            let text = std::fs::read("/etc/hosts").unwrap_or_default();
            String::from_utf8_lossy(&text)
                .lines()
                .filter_map(hosts_line)
                .collect()
        })
    }

    /// Finds the first IPv4 address of a host: that of the hosts file, in its order, else what the resolver says.
    /// The resolver is not asked about what can't be a name of it.
    pub(super) fn address(&self, host: &[u8]) -> Option<Ipv4Addr> {
        let host = std::str::from_utf8(host).ok()?;
        let named = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(host));
        let listed = self.hosts_file().iter().find(|(_, names)| named(names));
        if let Some((address, _)) = listed {
            return Some(*address);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        if !host.bytes().all(fits) || host.bytes().all(number) {
            return None;
        }
        let mut addresses = self.addresses.borrow_mut();
        *addresses
            .entry(host.to_owned())
            .or_insert_with(|| resolver::address_of(host))
    }
}

/// Reads a line of the hosts file. Of IPv6 addresses only those that stand for one of IPv4 count.
fn hosts_line(line: &str) -> Option<(Ipv4Addr, Vec<String>)> {
    let mut words = line.split('#').next()?.split_ascii_whitespace();
    let address = match words.next()?.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => address,
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address.to_ipv4_mapped()?,
    };
    Some((address, words.map(str::to_owned).collect()))
}

fn service(line: &str) -> Option<Service> {
    let line = line.split('#').next()?;
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?.to_owned();
    let (port, protocol) = words.next()?.split_once('/')?;
    Some(Service {
        name,
        port: port.parse().ok()?,
        protocol: protocol.to_owned(),
        aliases: words.map(str::to_owned).collect(),
    })
}

impl NameLookup for Names {
    fn host(&self, address: IpAddr) -> Option<String> {
        let mut hosts = self.hosts.borrow_mut();
        let found = hosts
            .entry(address)
            .or_insert_with(|| resolver::names_of(&[address]).remove(&address));
        found.clone()
    }

    fn port(&self, port: u16, protocol: Protocol) -> Option<String> {
        let protocol = word(protocol)?;
        let named = |service: &&Service| service.port == port && service.protocol == protocol;
        let found = self.services().iter().find(named)?;
        Some(found.name.clone())
    }
}
