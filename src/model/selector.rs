//! Naming one object, or many at once.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::{DestinationKey, Invalid, ObjectId, ServiceEntry, ServiceKey, Table};

/// What a command is to work on: `KEY`, `KEY/SERVER`, a real server wherever it is (`10.0.0.2:8080` or `10.0.0.2`), or with
/// `*` for any text all services (`tcp://192.0.2.*:80`) or real servers (`tcp://*/10.0.0.2:*`) that are named so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// One virtual service.
    Service(ServiceKey),
    /// One real server of one service.
    Destination(ServiceKey, DestinationKey),
    /// A real server in every service, with one port or with any.
    Server(IpAddr, Option<u16>),
    /// The services that a pattern fits.
    Services(Pattern),
    /// The real servers that a pattern fits, of services that another fits.
    Destinations(Pattern, Pattern),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`Invalid`] says which forms there are.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (service, server) = match text.split_once("://") {
            Some((_, rest)) => match rest.split_once('/') {
                Some((_, server)) => (Some(&text[..text.len() - server.len() - 1]), Some(server)),
                None => (Some(text), None),
            },
            None => (None, Some(text)),
        };
        if text.contains('*') {
            let pattern = |part: Option<&str>| Pattern::new(part.unwrap_or("*"));
            return match (service, server) {
                (Some(_), None) => Ok(Self::Services(pattern(service)?)),
                // Everything is every service.
                (None, Some("*")) => Ok(Self::Services(pattern(None)?)),
                _ => Ok(Self::Destinations(pattern(service)?, pattern(server)?)),
            };
        }
        if service.is_some() {
            return Ok(match ObjectId::parse(text)? {
                ObjectId::Destination(service, key) => Self::Destination(service, key),
                other => match other.service() {
                    Some(key) => Self::Service(*key),
                    None => return Err(no_selector(text)),
                },
            });
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse() {
            return Ok(Self::Server(address, None));
        }
        match DestinationKey::parse(text) {
            Ok(key) => Ok(Self::Server(key.address, Some(key.port))),
            Err(_) => Err(no_selector(text)),
        }
    }

    /// Returns the one object that is named, whether it is there or not; `None` may be many.
    #[must_use]
    pub const fn exact(&self) -> Option<ObjectId> {
        match self {
            Self::Service(key) => Some(ObjectId::Service(*key)),
            Self::Destination(service, key) => Some(ObjectId::Destination(*service, *key)),
            Self::Server(..) | Self::Services(_) | Self::Destinations(..) => None,
        }
    }

    /// Returns what is meant of a table: services, or real servers.
    #[must_use]
    pub fn objects(&self, table: &Table) -> Vec<ObjectId> {
        let mut found = Vec::new();
        for (key, entry) in &table.services {
            if self.means_service(key) {
                found.push(ObjectId::Service(*key));
            }
            let servers = entry.destinations.keys();
            found.extend(
                servers
                    .filter(|server| self.means_destination(key, server))
                    .map(|server| ObjectId::Destination(*key, *server)),
            );
        }
        found
    }

    /// Returns the part of a table that is meant: services with all their real servers, or with those that are meant.
    #[must_use]
    pub fn part_of(&self, table: &Table) -> Table {
        let mut part = Table::default();
        for (key, entry) in &table.services {
            if self.means_service(key) {
                part.services.insert(*key, entry.clone());
                continue;
            }
            let meant = |(server, _): &(&DestinationKey, _)| self.means_destination(key, server);
            let destinations: BTreeMap<_, _> = entry
                .destinations
                .iter()
                .filter(meant)
                .map(|(server, found)| (*server, found.clone()))
                .collect();
            if !destinations.is_empty() {
                let part_of_it = ServiceEntry {
                    configuration: entry.configuration.clone(),
                    destinations,
                    observed: entry.observed.clone(),
                };
                part.services.insert(*key, part_of_it);
            }
        }
        part
    }

    /// Returns `true` if a service is meant as a whole.
    #[must_use]
    pub fn means_service(&self, key: &ServiceKey) -> bool {
        match self {
            Self::Service(wanted) => wanted == key,
            Self::Services(pattern) => pattern.matches(&key.to_string()),
            _ => false,
        }
    }

    /// Returns `true` if a real server is meant, by itself or with its service.
    #[must_use]
    pub fn means_server(&self, service: &ServiceKey, key: &DestinationKey) -> bool {
        self.means_service(service) || self.means_destination(service, key)
    }

    fn means_destination(&self, service: &ServiceKey, key: &DestinationKey) -> bool {
        match self {
            Self::Destination(wanted, server) => wanted == service && server == key,
            Self::Server(address, port) => {
                key.address == *address && port.is_none_or(|port| key.port == port)
            }
            Self::Destinations(services, servers) => {
                servers.matches(&key.to_string()) && services.matches(&service.to_string())
            }
            Self::Service(_) | Self::Services(_) => false,
        }
    }
}

fn no_selector(text: &str) -> Invalid {
    Invalid::new(
        "object",
        text,
        "write a service (tcp://192.0.2.1:80), a real server of it (tcp://192.0.2.1:80/10.0.0.2:8080), a real server wherever it is (10.0.0.2:8080 or 10.0.0.2), or either with * for any text",
    )
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(key) => key.fmt(out),
            Self::Destination(service, key) => write!(out, "{service}/{key}"),
            Self::Server(address, None) => address.fmt(out),
            Self::Server(IpAddr::V6(address), Some(port)) => write!(out, "[{address}]:{port}"),
            Self::Server(address, Some(port)) => write!(out, "{address}:{port}"),
            Self::Services(pattern) => pattern.fmt(out),
            Self::Destinations(services, servers) if services.0 == "*" => servers.fmt(out),
            Self::Destinations(services, servers) => write!(out, "{services}/{servers}"),
        }
    }
}

/// A text with `*` for any text, in lower case as ids are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Invalid`] if it has a character that no id has: it would never fit.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.to_ascii_lowercase();
        let is_part = |c: char| c.is_ascii_hexdigit() || "tcpudsfwmark:/.[]*".contains(c);
        match text.chars().find(|c| !is_part(*c)) {
            Some(wrong) => Err(Invalid::new(
                "pattern",
                text.clone(),
                format!("no service or real server has {wrong:?} in its id"),
            )),
            None => Ok(Self(text)),
        }
    }

    /// Returns whether a text fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(place) => rest = &rest[place + part.len()..],
                None => return false,
            }
        }
        true
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;

    #[test]
    fn every_form_is_read_and_printed_again() {
        for text in [
            "tcp://192.0.2.1:80",
            "tcp://192.0.2.1:80/10.0.0.2:8080",
            "10.0.0.2",
            "10.0.0.2:8080",
            "fd00::2",
            "[fd00::2]:80",
            "tcp://192.0.2.*:80",
            "tcp://*/10.0.0.2:*",
            "fwmark*://*",
            "10.0.0.*",
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "web", "10.0.0.2x", "tcp://192.0.2.1", "tcp://1*x", "80"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
