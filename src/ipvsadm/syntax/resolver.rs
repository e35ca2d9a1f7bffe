//! The machine's resolver, which knows what no file says.
//!
//! Which services it asks, such as DNS, a directory or a cache, is set in `/etc/nsswitch.conf`, and some of them come as
//! modules of the C library. Built with the C library inside, this program must not load them: they fit the machine's own one.
//! There it asks `getent`, the machine's own program for the same answers.

#[cfg(not(target_feature = "crt-static"))]
pub(super) use library::{address_of, names_of};
#[cfg(target_feature = "crt-static")]
pub(super) use program::{address_of, names_of};

#[cfg(not(target_feature = "crt-static"))]
mod library {
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};

    use dns_lookup::{AddrInfoHints, getaddrinfo, lookup_addr};

    /// IPv4 for the resolver; the number is the same on every Linux.
    const AF_INET: i32 = 2;

    /// Returns the first IPv4 address of a host.
    pub(in crate::ipvsadm::syntax) fn address_of(host: &str) -> Option<Ipv4Addr> {
        let hints = AddrInfoHints {
            address: AF_INET,
            ..AddrInfoHints::default()
        };
        let mut found = getaddrinfo(Some(host), None, Some(hints)).ok()?;
        found.find_map(|answer| match answer.ok()?.sockaddr.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    /// Returns the names of those addresses that have one.
    pub(in crate::ipvsadm::syntax) fn names_of(addresses: &[IpAddr]) -> HashMap<IpAddr, String> {
        let named = |address: &IpAddr| Some((*address, name_of(*address)?));
        addresses.iter().filter_map(named).collect()
    }

    fn name_of(address: IpAddr) -> Option<String> {
        // Without a name the resolver answers with the address itself.
        let name = lookup_addr(&address).ok()?;
        let bare = name.split('%').next().unwrap_or_default();
        bare.parse::<IpAddr>().is_err().then_some(name)
    }
}

#[cfg(any(target_feature = "crt-static", test))]
mod program {
    use std::collections::HashMap;
    use std::net::{IpAddr, Ipv4Addr};
    use std::process::{Command, Stdio};

    /// Of the C library, and where it is: the search path is the caller's.
    const GETENT: &str = "/usr/bin/getent";

    /// The status that says that something was not found.
    const NOT_FOUND: i32 = 2;

    /// As many questions fit on a command line by far.
    const AT_ONCE: usize = 500;

    /// Returns the answers, a line for each key that has one, or the status of a failure.
    fn ask(options: &[&str], database: &str, keys: &[String]) -> Result<String, Option<i32>> {
        let answer = Command::new(GETENT)
            .args(options)
            .args(["--", database])
            .args(keys)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|_| None)?;
        match answer.status.code() {
            Some(0 | NOT_FOUND) => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
            other => Err(other),
        }
    }

    /// Returns the first IPv4 address of a host, whether this machine has addresses of that family or not.
    pub(in crate::ipvsadm::syntax) fn address_of(host: &str) -> Option<Ipv4Addr> {
        let host = [host.to_owned()];
        let answer = ask(&["--no-addrconfig"], "ahostsv4", &host)
            .or_else(|_| ask(&[], "ahostsv4", &host)) // older ones have no such option
            .ok()?;
        answer.split_ascii_whitespace().next()?.parse().ok()
    }

    /// Returns the names of those addresses that have one.
    pub(in crate::ipvsadm::syntax) fn names_of(addresses: &[IpAddr]) -> HashMap<IpAddr, String> {
        let mut names = HashMap::new();
        for some in addresses.chunks(AT_ONCE) {
            let keys: Vec<String> = some.iter().map(IpAddr::to_string).collect();
            let answers = ask(&[], "hosts", &keys).unwrap_or_default();
            names.extend(answers.lines().filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let address: IpAddr = words.next()?.parse().ok()?;
                let name = words
                    .next()
                    .filter(|name| name.parse::<IpAddr>().is_err())?;
                Some((address, name.to_owned()))
            }));
        }
        names
    }
}

#[cfg(all(test, not(target_feature = "crt-static")))]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{library, program};

    #[test]
    fn the_machines_program_answers_as_its_library_does() {
        assert_eq!(program::address_of("localhost"), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(library::address_of("localhost"), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(program::address_of(""), None);
        let local = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        assert_eq!(library::names_of(&local).len(), 1);
        assert_eq!(program::names_of(&local), library::names_of(&local));
        assert!(program::names_of(&[]).is_empty());
    }
}
