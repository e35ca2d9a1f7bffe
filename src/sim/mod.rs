//! An IPVS kernel without a kernel: bytes in, bytes out, the same files, the same errno in the same order.
//!
//! It keeps raw attribute values and follows the kernel's own rules, check by check; it shares no rule with
//! `model` or `txn`, or it would agree with their mistakes. It stands for the live table in every rehearsal
//! ([`Environment::rehearsal`] lets pass what only the real kernel can know), is the table of `--sim`
//! ([`Environment::stock`]), and is compared with real kernels operation by operation in the tests.
//! Not yet: connections and the schedulers' choices.
//!
//! Start with [`SimulatedKernel`].

mod daemon;
mod destination;
mod environment;
pub mod fault;
mod kernel;
mod netlink;
mod policy;
mod proc_files;
mod request;
mod service;
mod state;
mod sysctl;

pub use environment::{Environment, Flavour, Names};
pub use kernel::{SimulatedKernel, Snapshot, Store};
