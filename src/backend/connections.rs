//! Reads `/proc/net/ip_vs_conn`.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{ConnectionEntry, Port};

/// Reads a line of the file; `None` if it is none.
#[must_use]
pub fn connection_entry(line: &str) -> Option<ConnectionEntry<'_>> {
    let mut words = line.split_ascii_whitespace();
    let protocol = words.next()?;
    let mut end = || end(words.next()?, words.next()?);
    let (source, asked, destination) = (end()?, end()?, end()?);
    let state = words.next()?;
    let expires_seconds = words.next()?.parse().ok()?;
    let engine = words.next().and_then(|name| Some((name, words.next()?)));
    Some(ConnectionEntry {
        protocol,
        source,
        asked,
        destination,
        state,
        expires_seconds,
        engine,
    })
}

/// Reads an address as text or as eight hexadecimal digits, and a port of four.
fn end(address: &str, port: &str) -> Option<(IpAddr, Port)> {
    let address = match address.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => Ipv4Addr::from_bits(u32::from_str_radix(address, 16).ok()?).into(),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::connection_entry;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = "TCP 0A090002 9C41 0A090064 0050 0A080002 1F90 ESTABLISHED     896";
        let entry = connection_entry(line).unwrap();
        assert_eq!(entry.source, ("10.9.0.2".parse().unwrap(), 40001));
        assert_eq!(entry.destination.1, 8080);
        assert_eq!(
            (entry.state, entry.expires_seconds, entry.engine),
            ("ESTABLISHED", 896, None)
        );
        let line = "UDP fd00:0009:0000:0000:0000:0000:0000:0002 9C51 fd00:0009:0000:0000:0000:0000:0000:0101 0035 0A080002 0035 UDP 296 sip id@host";
        let entry = connection_entry(line).unwrap();
        assert_eq!(
            entry.asked.0,
            "fd00:9::101".parse::<std::net::IpAddr>().unwrap()
        );
        assert_eq!(entry.engine, Some(("sip", "id@host")));
        assert_eq!(connection_entry("TCP 0A090002 9C41"), None);
        assert_eq!(connection_entry(""), None);
    }
}
