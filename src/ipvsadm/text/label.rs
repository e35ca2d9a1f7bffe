//! How the original names services, servers and numbers.

use std::net::IpAddr;

use super::bytes::Text;
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

/// Appends an address with its port, at most 59 bytes. Without a protocol the port stays a number.
pub(super) fn address_port(
    out: &mut Text<'_>,
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) {
    let start = out.0.len();
    let six = address.is_ipv6();
    if six {
        out.put("[");
    }
    match names.host(address) {
        Some(host) => out.put(&host),
        None => out.address(address),
    }
    out.put(if six { "]:" } else { ":" });
    let name = protocol
        .filter(|_| port != 0)
        .and_then(|protocol| names.port(port, protocol));
    match name {
        Some(name) => out.put(&name),
        None => out.number(u64::from(port)),
    }
    out.0.truncate(start + LONGEST);
}

/// Appends a mark as the original prints it: those above 2147483647 are negative.
pub(super) fn signed_mark(out: &mut Text<'_>, mark: u32) {
    let signed = i32::from_ne_bytes(mark.to_ne_bytes());
    if signed < 0 {
        out.put("-");
    }
    out.number(u64::from(signed.unsigned_abs()));
}

/// Returns the protocol that the ports of a service's servers are named by.
pub(super) const fn protocol_of(key: &ServiceKey) -> Option<Protocol> {
    match key {
        ServiceKey::Endpoint { protocol, .. } => Some(*protocol),
        ServiceKey::Fwmark { .. } => None,
    }
}

/// Appends the first column of a listing for a service.
pub(super) fn service_label(out: &mut Text<'_>, key: &ServiceKey, names: &dyn NameLookup) {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            out.put("FWM  ");
            signed_mark(out, mark.get());
            if *family == AddressFamily::Inet6 {
                out.put(" IPv6");
            }
        }
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => {
            let start = out.0.len();
            out.put(match protocol {
                Protocol::Udp => "UDP  ",
                Protocol::Sctp => "SCTP ",
                // The original knows no more than these three.
                Protocol::Tcp | Protocol::Other(_) => "TCP  ",
            });
            address_port(out, *address, *port, Some(*protocol), names);
            if address.is_ipv4() {
                out.0.truncate(start + 33);
            }
        }
    }
}

/// Appends the first column of a listing for a server.
pub(super) fn server_label(
    out: &mut Text<'_>,
    (address, port): (IpAddr, u16),
    protocol: Option<Protocol>,
    names: &dyn NameLookup,
) {
    const WIDTH: usize = 28;
    out.put("  -> ");
    let start = out.0.len();
    address_port(out, address, port, protocol, names);
    if address.is_ipv4() {
        out.0.truncate(start + WIDTH);
    }
    out.fill(start, WIDTH);
}

/// Appends the names of the flags that are set; the third has none for `sh` and `mh`.
pub(super) fn flag_names(out: &mut Text<'_>, flags: SchedulerFlags, scheduler: &str) {
    let names: &[&str] = match scheduler {
        "sh" => &["sh-fallback", "sh-port"],
        "mh" => &["mh-fallback", "mh-port"],
        _ => &["flag-1", "flag-2", "flag-3"],
    };
    let set = names
        .iter()
        .enumerate()
        .filter(|(index, _)| flags.bits() & (1 << index) != 0);
    for (place, (_, name)) in set.enumerate() {
        if place > 0 {
            out.put(",");
        }
        out.put(name);
    }
}

/// Appends a counter in nine columns: shortened by thousands without rounding, or exactly.
pub(super) fn counter(out: &mut Text<'_>, value: u64, exact: bool) {
    let (shown, unit) = match value {
        _ if exact && value >= 100_000_000 => {
            out.put(" ");
            return out.number(value);
        }
        0..100_000_000 => return out.right(value, 9),
        100_000_000..1_000_000_000 => (value / 1_000, "K"),
        1_000_000_000..100_000_000_000 => (value / 1_000_000, "M"),
        100_000_000_000..100_000_000_000_000 => (value / 1_000_000_000, "G"),
        _ => (value / 1_000_000_000_000, "T"),
    };
    out.right(shown, 8);
    out.put(unit);
}

#[cfg(test)]
mod tests {
    use super::{Text, counter};

    fn shown(value: u64, exact: bool) -> String {
        let mut bytes = Vec::new();
        counter(&mut Text(&mut bytes), value, exact);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn counters_fill_nine_columns() {
        for (value, short, exact) in [
            (0, "        0", "        0"),
            (99_999_999, " 99999999", " 99999999"),
            (100_999_999, "  100999K", " 100999999"),
            (1_999_999_999, "    1999M", " 1999999999"),
            (99_999_999_999, "   99999M", " 99999999999"),
            (100_000_000_000, "     100G", " 100000000000"),
            (99_999_999_999_999, "   99999G", " 99999999999999"),
            (u64::MAX, "18446744T", " 18446744073709551615"),
        ] {
            assert_eq!(shown(value, false), short);
            assert_eq!(shown(value, true), exact);
        }
    }
}
