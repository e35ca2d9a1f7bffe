//! The interface before netlink, as far as it tells why there is no IPVS.

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::Errno;

/// Returns the error number that the interface before netlink answers with where netlink knows no IPVS: without
/// privilege there is no socket to ask through, else the option is unknown.
#[must_use]
pub fn without_netlink() -> Errno {
    let raw = socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Raw,
    );
    match raw {
        Ok(_) => Errno::ENOPROTOOPT,
        Err(errno) => Errno::from_number(errno as i32),
    }
}
