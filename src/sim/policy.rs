//! The kernel's check of attributes by number and width, before any rule looks at their meaning.

use crate::wire::{Attributes, Strictness, uapi as k};

/// What an attribute must look like.
#[derive(Clone, Copy)]
enum Shape {
    U8,
    U16,
    U32,
    /// At most so many bytes.
    Binary(usize),
    /// At least so many bytes.
    AtLeast(usize),
    /// A text of at most so many bytes and a zero byte.
    Text(usize),
    Nested,
    /// The kernel has no opinion.
    Free,
}

/// What the check says, as the kernel would: short or long values are ERANGE, an unfinished text is EINVAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) i32);

/// The text of the extended acknowledgement that comes with a violation.
pub(super) const VIOLATION_TEXT: &str = "Attribute failed policy validation";

impl Shape {
    fn check(self, payload: &[u8]) -> Result<(), Violation> {
        let length = payload.len();
        let fits = match self {
            Self::U8 => length >= 1,
            Self::U16 => length >= 2,
            Self::U32 => length >= 4,
            Self::Binary(most) => length <= most,
            Self::AtLeast(least) => length >= least,
            Self::Free => true,
            Self::Nested => length == 0 || length >= k::NLA_HDRLEN,
            Self::Text(most) => {
                let within = payload.get(..length.min(most + 1)).unwrap_or_default();
                if !within.contains(&0) {
                    return Err(Violation(libc_errno::EINVAL));
                }
                true
            }
        };
        if fits {
            Ok(())
        } else {
            Err(Violation(libc_errno::ERANGE))
        }
    }
}

/// Error numbers of Linux, which are the same on every architecture that IPVS runs on.
pub(super) mod libc_errno {
    pub(in crate::sim) const ENOENT: i32 = 2;
    pub(in crate::sim) const ESRCH: i32 = 3;
    pub(in crate::sim) const EBUSY: i32 = 16;
    pub(in crate::sim) const EEXIST: i32 = 17;
    pub(in crate::sim) const ENODEV: i32 = 19;
    pub(in crate::sim) const EINVAL: i32 = 22;
    pub(in crate::sim) const ERANGE: i32 = 34;
    pub(in crate::sim) const EOPNOTSUPP: i32 = 95;
    pub(in crate::sim) const EAFNOSUPPORT: i32 = 97;
}

/// By attribute number, from 1.
const TOP: &[Shape] = &[
    Shape::Nested, // IPVS_CMD_ATTR_SERVICE
    Shape::Nested, // IPVS_CMD_ATTR_DEST
    Shape::Nested, // IPVS_CMD_ATTR_DAEMON
    Shape::U32,    // IPVS_CMD_ATTR_TIMEOUT_TCP
    Shape::U32,    // IPVS_CMD_ATTR_TIMEOUT_TCP_FIN
    Shape::U32,    // IPVS_CMD_ATTR_TIMEOUT_UDP
];

/// By attribute number, from 1.
const SERVICE: &[Shape] = &[
    Shape::U16,        // IPVS_SVC_ATTR_AF
    Shape::U16,        // IPVS_SVC_ATTR_PROTOCOL
    Shape::Binary(16), // IPVS_SVC_ATTR_ADDR
    Shape::U16,        // IPVS_SVC_ATTR_PORT
    Shape::U32,        // IPVS_SVC_ATTR_FWMARK
    Shape::Text(15),   // IPVS_SVC_ATTR_SCHED_NAME
    Shape::Binary(8),  // IPVS_SVC_ATTR_FLAGS
    Shape::U32,        // IPVS_SVC_ATTR_TIMEOUT
    Shape::U32,        // IPVS_SVC_ATTR_NETMASK
    Shape::Nested,     // IPVS_SVC_ATTR_STATS
    Shape::Text(16),   // IPVS_SVC_ATTR_PE_NAME
];

/// By attribute number, from 1.
const DESTINATION: &[Shape] = &[
    Shape::Binary(16), // IPVS_DEST_ATTR_ADDR
    Shape::U16,        // IPVS_DEST_ATTR_PORT
    Shape::U32,        // IPVS_DEST_ATTR_FWD_METHOD
    Shape::U32,        // IPVS_DEST_ATTR_WEIGHT
    Shape::U32,        // IPVS_DEST_ATTR_U_THRESH
    Shape::U32,        // IPVS_DEST_ATTR_L_THRESH
    Shape::U32,        // IPVS_DEST_ATTR_ACTIVE_CONNS
    Shape::U32,        // IPVS_DEST_ATTR_INACT_CONNS
    Shape::U32,        // IPVS_DEST_ATTR_PERSIST_CONNS
    Shape::Nested,     // IPVS_DEST_ATTR_STATS
    Shape::U16,        // IPVS_DEST_ATTR_ADDR_FAMILY
    Shape::Free,       // free
    Shape::U8,         // IPVS_DEST_ATTR_TUN_TYPE
    Shape::U16,        // IPVS_DEST_ATTR_TUN_PORT
    Shape::U16,        // IPVS_DEST_ATTR_TUN_FLAGS
];

/// By attribute number, from 1.
const DAEMON: &[Shape] = &[
    Shape::U32,         // IPVS_DAEMON_ATTR_STATE
    Shape::Text(15),    // IPVS_DAEMON_ATTR_MCAST_IFN
    Shape::U32,         // IPVS_DAEMON_ATTR_SYNC_ID
    Shape::U16,         // IPVS_DAEMON_ATTR_SYNC_MAXLEN
    Shape::U32,         // IPVS_DAEMON_ATTR_MCAST_GROUP
    Shape::AtLeast(16), // IPVS_DAEMON_ATTR_MCAST_GROUP6
    Shape::U16,         // IPVS_DAEMON_ATTR_MCAST_PORT
    Shape::U8,          // IPVS_DAEMON_ATTR_MCAST_TTL
];

fn check(policy: &[Shape], bytes: &[u8]) -> Result<(), Violation> {
    for (number, payload) in Attributes::new(bytes, Strictness::AsTheKernel).flatten() {
        if let Some(shape) = policy.get(usize::from(number).wrapping_sub(1)) {
            shape.check(payload)?;
        }
    }
    Ok(())
}

pub(super) fn check_top(bytes: &[u8]) -> Result<(), Violation> {
    check(TOP, bytes)
}

pub(super) fn check_service(bytes: &[u8]) -> Result<(), Violation> {
    check(SERVICE, bytes)
}

pub(super) fn check_destination(bytes: &[u8]) -> Result<(), Violation> {
    check(DESTINATION, bytes)
}

pub(super) fn check_daemon(bytes: &[u8]) -> Result<(), Violation> {
    check(DAEMON, bytes)
}
