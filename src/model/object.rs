//! One name for anything that can be changed.

use std::fmt;

use super::{DaemonRole, DestinationKey, Invalid, ServiceKey, SysctlName};

/// Names one object of the table, the same in errors, results, scripts and on the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectId {
    /// A virtual service.
    Service(ServiceKey),
    /// A real server of a virtual service.
    Destination(ServiceKey, DestinationKey),
    /// The connection timeouts.
    Timeouts,
    /// A sync daemon.
    Daemon(DaemonRole),
    /// A kernel parameter of IPVS.
    Sysctl(SysctlName),
}

impl ObjectId {
    /// Reads `KEY` or `KEY/SERVER`.
    ///
    /// # Errors
    /// [`Invalid`] names the part that can't be read.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let server = text
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/'));
        match server {
            None => ServiceKey::parse(text).map(Self::Service),
            Some((_, server)) => {
                let service = &text[..text.len() - server.len() - 1];
                Ok(Self::Destination(
                    ServiceKey::parse(service)?,
                    DestinationKey::parse(server)?,
                ))
            }
        }
    }

    /// Returns the service it is or belongs to.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceKey> {
        match self {
            Self::Service(key) | Self::Destination(key, _) => Some(key),
            Self::Timeouts | Self::Daemon(_) | Self::Sysctl(_) => None,
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(key) => key.fmt(out),
            Self::Destination(service, key) => write!(out, "{service}/{key}"),
            Self::Timeouts => out.write_str("timeouts"),
            Self::Daemon(role) => write!(out, "daemon {}", role.word()),
            Self::Sysctl(name) => write!(out, "sysctl {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectId;

    #[test]
    fn one_string_names_a_service_or_a_server() {
        for text in [
            "tcp://192.0.2.1:80",
            "tcp://192.0.2.1:80/10.0.0.2:8080",
            "udp://[2001:db8::1]:53/[fd00::2]:53",
            "fwmark6://7/[fd00::2]:0",
        ] {
            assert_eq!(ObjectId::parse(text).unwrap().to_string(), text);
        }
        assert!(ObjectId::parse("tcp://192.0.2.1:80/").is_err());
    }
}
