//! An IPVS kernel without a kernel: bytes in, bytes out, the same files, the same errno in the same order.
//!
//! It keeps raw attribute values and follows the kernel's own rules, check by check; it shares no rule with
//! `model` or `txn`, or it would agree with their mistakes. It stands for the live table in every rehearsal
//! ([`Environment::rehearsal`] lets pass what only the real kernel can know), is the table of `--sim`
//! ([`Environment::stock`]), and is compared with real kernels operation by operation in the tests.
//! It balances as the kernel does: packets come in ([`SimulatedKernel::packet`]), schedulers choose, connections live and expire, all on a
//! clock of its own that stands still until somebody waits. Timers are exact, where a kernel's are up to an eighth late.
//!
//! `traffic` says what happens to a packet, `schedule` what if it has no entry, `scheduler` who is chosen, `states` what becomes of a
//! connection, `clock` what is due when; `connections`, `wheel` and `pages` keep a million of them so that a savepoint copies none.
//!
//! Start with [`SimulatedKernel`].

mod adopt;
mod agenda;
mod call_id;
mod clients;
mod clock;
mod connection;
mod connections;
mod daemon;
mod defence;
mod destination;
mod distribution;
mod environment;
pub mod fault;
mod kernel;
mod load;
mod meter;
mod netlink;
mod overload;
mod packet;
mod pages;
mod policy;
mod pressure;
mod proc_files;
mod random;
mod refusals;
mod request;
mod schedule;
mod scheduler;
mod server;
mod service;
mod state;
mod states;
mod sysctl;
mod traffic;
mod trash;
mod wheel;

pub use agenda::{Happening, PlannedContent, PlannedPacket};
pub use distribution::{Distribution, Shape};
pub use environment::{Environment, Flavour, Names, OverloadRule};
pub use kernel::{SimulatedKernel, Snapshot, Store};
pub use load::{Arrival, Load, LoadCounts};
pub use packet::{Answer, Content, Kind, Packet, TcpFlags, Verdict};
pub use refusals::refusable;
