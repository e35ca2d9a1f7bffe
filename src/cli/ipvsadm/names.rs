//! Names of hosts and ports: the services database and the resolver.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};

use crate::model::Protocol;
use crate::render::NameLookup;

/// One name of a port.
struct Service {
    name: String,
    aliases: Vec<String>,
    port: u16,
    protocol: String,
}

/// The databases of names; read when they are first asked.
#[derive(Default)]
pub(super) struct Names {
    services: OnceCell<Vec<Service>>,
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

    /// Finds the first IPv4 address of a host. No one is asked about what can't be a name.
    pub(super) fn address(&self, host: &[u8]) -> Option<Ipv4Addr> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        if !host.iter().all(fits) || host.iter().all(number) {
            return None;
        }
        let host = std::str::from_utf8(host).ok()?;
        let mut found = (host, 0).to_socket_addrs().ok()?;
        found.find_map(|address| match address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }
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
        let found = hosts.entry(address).or_insert_with(|| {
            // Without a name the resolver answers with the address itself.
            let name = dns_lookup::lookup_addr(&address).ok()?;
            let bare = name.split('%').next().unwrap_or_default();
            bare.parse::<IpAddr>().is_err().then_some(name)
        });
        found.clone()
    }

    fn port(&self, port: u16, protocol: Protocol) -> Option<String> {
        let protocol = word(protocol)?;
        let named = |service: &&Service| service.port == port && service.protocol == protocol;
        let found = self.services().iter().find(named)?;
        Some(found.name.clone())
    }
}
