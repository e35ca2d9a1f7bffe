//! What names a service and a real server, and what a real server is.

use std::cmp::Ordering;

use super::meter::Meter;
use super::pages::Place;
use crate::wire::uapi;

/// What names a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServiceIdentity {
    pub(super) family: u16,
    pub(super) protocol: u16,
    pub(super) address: [u8; 16],
    pub(super) port: u16,
    pub(super) fwmark: u32,
}

impl ServiceIdentity {
    /// Where the kernel's static hash tables put it: the table, then the bucket. The kernel mixes in bits of a
    /// kernel address; here they are zero.
    pub(super) fn bucket(&self) -> (u8, u8) {
        if self.fwmark != 0 {
            return (1, self.fwmark.to_le_bytes()[0]);
        }
        let word = |index: usize| {
            u32::from_be_bytes(std::array::from_fn(|byte| self.address[index * 4 + byte]))
        };
        let fold = if self.family == uapi::AF_INET6 {
            word(0) ^ word(1) ^ word(2) ^ word(3)
        } else {
            word(0)
        };
        let port = u32::from(self.port);
        let hash = u32::from(self.protocol) ^ fold ^ (port >> 8) ^ port;
        (0, hash.to_le_bytes()[0])
    }
}

/// What names a real server within its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DestinationIdentity {
    pub(super) family: u16,
    pub(super) address: [u8; 16],
    pub(super) port: u16,
}

impl Ord for DestinationIdentity {
    /// Numbers compare faster than bytes, and large tables compare a lot.
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |one: &Self| (one.family, u128::from_be_bytes(one.address), one.port);
        rank(self).cmp(&rank(other))
    }
}

impl PartialOrd for DestinationIdentity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A real server. It keeps its place in the table for as long as a connection or the trash knows it.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) identity: DestinationIdentity,
    /// Where its service is in the table; of one in the trash, was.
    pub(super) service: Place,
    /// When it was made, in milliseconds.
    pub(super) since: u64,
    pub(super) method: u32,
    pub(super) weight: u32,
    /// The last weight above 0: what `mh` goes by.
    pub(super) last_weight: u32,
    pub(super) upper_threshold: u32,
    pub(super) lower_threshold: u32,
    pub(super) tunnel_type: u8,
    pub(super) tunnel_port: u16,
    pub(super) tunnel_flags: u16,
    /// In its service, not in the trash.
    pub(super) is_available: bool,
    pub(super) is_overloaded: bool,
    pub(super) active: u32,
    pub(super) inactive: u32,
    pub(super) persistent: u32,
    /// Entries of the connection table that lead to it.
    pub(super) bound: u32,
    /// `None` while nothing was counted, which is all of them in most tables.
    pub(super) meter: Option<Box<Meter>>,
}

impl Destination {
    /// The weight as the kernel reads it.
    pub(super) fn weight(&self) -> i64 {
        i64::from(self.weight.cast_signed())
    }

    /// Whether schedulers may choose it.
    pub(super) fn is_free(&self) -> bool {
        self.weight() > 0 && !self.is_overloaded
    }
}
