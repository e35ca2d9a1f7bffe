//! A typed client for one kernel's virtual server table, over any [`Transport`].
//!
//! [`Ipvs`] reads tables and executes [`Operation`]s in batches; `convert` is the only place where raw numbers
//! gain meaning. It decides nothing: what to change, in which order, and what to do after a refusal is `txn`'s.
//! [`KernelTransport`] is the kernel; `sim` has the other one.

mod capture;
mod client;
mod connections;
mod convert;
mod dump;
mod errno;
mod error;
mod execute;
mod host;
mod identity;
mod lock;
mod managers;
mod namespace;
mod operation;
mod proc;
mod read;
mod refusal;
mod socket;
mod sockopt;
pub mod transport;

pub use capture::{Capture, CapturedDatagrams};
pub use client::{Ipvs, KernelInfo, LockWait, NotLocked};
pub use connections::{ConnectionLines, connection_entry};
pub use errno::Errno;
pub use error::BackendError;
pub use execute::{Execution, Fate};
pub use host::{boot_time, host_name, namespace_identity, namespace_is_seen};
pub use identity::NamespaceIdentity;
pub use lock::{CommitLock, Holder, Lock, LockError, LockPlaces, MayCommit};
pub use managers::{Manager, managers};
pub use namespace::{NamespaceError, enter_namespace};
pub use operation::Operation;
pub use proc::ProcReading;
pub use read::{Counted, Depth, FetchedService, Selection, model_entries, model_entry};
pub use refusal::{Refusal, RefusalKind};
pub use socket::KernelTransport;
pub use sockopt::without_netlink;
pub use transport::{Identity, KernelFile, Transport, TransportError};
