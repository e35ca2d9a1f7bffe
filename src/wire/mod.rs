//! Bytes and attribute records of the kernel's generic netlink family `IPVS`.
//!
//! The only place that knows command and attribute numbers, widths and byte order. It attaches no meaning:
//! an address is sixteen bytes, a method a number; `backend::convert` says what they are. Records hold every
//! attribute as an `Option`, encode and decode side by side. Unknown attributes are skipped, truncated ones
//! are a [`WireError`], nothing panics.
//!
//! Start with [`Request`] for what is sent and [`Message`] for what comes back.

mod attribute;
mod counters;
mod destination;
mod error;
mod message;
mod reply;
mod request;
mod service;
mod tuning;
pub mod uapi;

pub use attribute::{Attributes, Strictness};
pub use counters::{CounterAttributes, Counting};
pub use destination::DestinationAttributes;
pub use error::WireError;
pub use message::{Acknowledgement, Message, Messages, finish, put_header, take_u32};
pub use reply::Record;
pub use request::{Request, decode_family_id, encode_family_lookup};
pub use service::{ServiceAttributes, ServiceRecord};
pub use tuning::{ConfigAttributes, DaemonAttributes, InfoAttributes};
