//! How the original names services, servers and numbers.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::{AddressFamily, Protocol, SchedulerFlags, ServiceKey};

/// Names for addresses and ports; what has none is shown as a number.
pub trait NameLookup {
    /// Returns the name of a host.
    fn host(&self, address: IpAddr) -> Option<String>;
    /// Returns the name of a port.
    fn port(&self, port: u16, protocol: Protocol) -> Option<String>;
}

/// No names: everything is shown as numbers.
#[derive(Clone, Copy, Debug)]
pub struct Numeric;

impl NameLookup for Numeric {
    fn host(&self, _: IpAddr) -> Option<String> {
        None
    }

    fn port(&self, _: u16, _: Protocol) -> Option<String> {
        None
    }
}

/// The longest text of an address with its port.
const LONGEST: usize = 59;

/// Cuts a text to so many bytes.
pub(super) fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        // Names of hosts are ASCII; should one not be, no character is torn.
        let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
    }
}

/// Returns an address with its port, at most 59 bytes. Without a protocol the port stays a number.
pub(super) fn address_port(
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(LONGEST + 8);
    let host = names.host(address);
    // Writing to a text does not fail.
    let _infallible = match (&host, address.is_ipv6()) {
        (Some(host), true) => write!(text, "[{host}]:"),
        (Some(host), false) => write!(text, "{host}:"),
        (None, true) => write!(text, "[{address}]:"),
        (None, false) => write!(text, "{address}:"),
    };
    let name = protocol
        .filter(|_| port != 0)
        .and_then(|protocol| names.port(port, protocol));
    let _infallible = match name {
        Some(name) => write!(text, "{name}"),
        None => write!(text, "{port}"),
    };
    cut(&mut text, LONGEST);
    text
}

/// Returns a mark as the original prints it: those above 2147483647 are negative.
pub(super) fn signed_mark(mark: u32) -> i32 {
    i32::from_ne_bytes(mark.to_ne_bytes())
}

/// Returns the protocol that the ports of a service's servers are named by.
pub(super) const fn protocol_of(key: &ServiceKey) -> Option<Protocol> {
    match key {
        ServiceKey::Endpoint { protocol, .. } => Some(*protocol),
        ServiceKey::Fwmark { .. } => None,
    }
}

/// Returns the first column of a listing for a service.
pub(super) fn service_label(key: &ServiceKey, names: &dyn NameLookup) -> String {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            let six = if *family == AddressFamily::Inet6 {
                " IPv6"
            } else {
                ""
            };
            format!("FWM  {}{six}", signed_mark(mark.get()))
        }
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            let mut label = format!(
                "{:<4} {}",
                protocol_label(*protocol),
                address_port(*address, *port, Some(*protocol), names)
            );
            if address.is_ipv4() {
                cut(&mut label, 33);
            }
            label
        }
    }
}

const fn protocol_label(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
        // The original knows no more than these three.
        Protocol::Tcp | Protocol::Other(_) => "TCP",
    }
}

/// Returns the first column of a listing for a server.
pub(super) fn server_label(
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) -> String {
    let mut label = address_port(address, port, protocol, names);
    if address.is_ipv4() {
        cut(&mut label, 28);
    }
    label
}

/// Returns the names of the flags that are set, joined; the third has none for `sh` and `mh`.
pub(super) fn flag_names(flags: SchedulerFlags, scheduler: &str) -> Cow<'static, str> {
    let names: &[&str] = match scheduler {
        "sh" => &["sh-fallback", "sh-port"],
        "mh" => &["mh-fallback", "mh-port"],
        _ => &["flag-1", "flag-2", "flag-3"],
    };
    let set: Vec<&str> = names
        .iter()
        .enumerate()
        .filter(|(index, _)| flags.bits() & (1 << index) != 0)
        .map(|(_, name)| *name)
        .collect();
    match set.as_slice() {
        [] => Cow::Borrowed(""),
        several => Cow::Owned(several.join(",")),
    }
}

/// Returns a counter in nine columns: shortened by thousands without rounding, or exactly.
pub(super) fn number(value: u64, exact: bool) -> String {
    if exact {
        return if value < 100_000_000 {
            format!("{value:>9}")
        } else {
            format!(" {value}")
        };
    }
    match value {
        0..100_000_000 => format!("{value:>9}"),
        100_000_000..1_000_000_000 => format!("{:>8}K", value / 1_000),
        1_000_000_000..100_000_000_000 => format!("{:>8}M", value / 1_000_000),
        100_000_000_000..100_000_000_000_000 => format!("{:>8}G", value / 1_000_000_000),
        _ => format!("{:>8}T", value / 1_000_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn counters_fill_nine_columns() {
        for (value, short, exact) in [
            (99_999_999, " 99999999", " 99999999"),
            (100_999_999, "  100999K", " 100999999"),
            (1_999_999_999, "    1999M", " 1999999999"),
            (99_999_999_999, "   99999M", " 99999999999"),
            (100_000_000_000, "     100G", " 100000000000"),
            (99_999_999_999_999, "   99999G", " 99999999999999"),
            (u64::MAX, "18446744T", " 18446744073709551615"),
        ] {
            assert_eq!(number(value, false), short);
            assert_eq!(number(value, true), exact);
        }
    }
}
