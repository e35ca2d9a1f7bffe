//! The one seam of the program: everything that reaches a kernel, real or simulated, goes through these doors.

use std::io;
use std::time::Duration;

use thiserror::Error;

pub use super::identity::Identity;
pub use super::lock::{Lock, LockError};

/// A file of the kernel that belongs to IPVS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KernelFile {
    /// `/proc/net/ip_vs`: services and real servers.
    Services,
    /// `/proc/net/ip_vs_stats`: totals.
    Stats,
    /// `/proc/net/ip_vs_stats_percpu`: totals of each processor.
    StatsPerCpu,
    /// `/proc/net/ip_vs_status`: how full the tables of services and connections are (7.0).
    Status,
    /// `/proc/net/ip_vs_conn`: the connection table.
    Connections,
    /// `/proc/net/ip_vs_conn_sync`: the connection table with the origin of each entry.
    ConnectionsSync,
    /// A file in `/proc/sys/net/ipv4/vs`.
    Sysctl(String),
    /// The names of the files in `/proc/sys/net/ipv4/vs`, one a line.
    SysctlNames,
    /// `/proc/modules`: the modules that are loaded.
    LoadedModules,
    /// `modules.dep`: the modules that can be loaded.
    AvailableModules,
    /// `modules.builtin`: the modules that are part of the kernel.
    BuiltinModules,
}

impl KernelFile {
    /// Returns the path, as seen by the thread that owns the network namespace.
    #[must_use]
    pub fn path(&self) -> String {
        let name = match self {
            Self::Services => "ip_vs",
            Self::Stats => "ip_vs_stats",
            Self::StatsPerCpu => "ip_vs_stats_percpu",
            Self::Status => "ip_vs_status",
            Self::Connections => "ip_vs_conn",
            Self::ConnectionsSync => "ip_vs_conn_sync",
            Self::Sysctl(name) => return format!("/proc/sys/net/ipv4/vs/{name}"),
            Self::SysctlNames => return "/proc/sys/net/ipv4/vs".to_owned(),
            Self::LoadedModules => return "/proc/modules".to_owned(),
            Self::AvailableModules => return "/lib/modules/RELEASE/modules.dep".to_owned(),
            Self::BuiltinModules => return "/lib/modules/RELEASE/modules.builtin".to_owned(),
        };
        format!("/proc/thread-self/net/{name}")
    }
}

/// What can go wrong on the way to a kernel and back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The datagram was not taken; nothing of it was executed.
    #[error("the datagram was not sent: {text}")]
    NotSent {
        /// The system's error number.
        errno: i32,
        /// The system's text.
        text: String,
    },
    /// Replies were dropped; what was asked was executed all the same.
    #[error("replies from the kernel were lost")]
    Overrun,
    /// The file behind a simulated table can't be read; nothing was executed.
    #[error("{text}")]
    Table {
        /// The file, and what is wrong with it.
        text: String,
    },
    /// Replies could not be received.
    #[error("the replies could not be received: {text}")]
    NotReceived {
        /// The system's error number.
        errno: i32,
        /// The system's text.
        text: String,
    },
}

/// Bytes in, bytes out, files and time: a kernel as this program sees it.
pub trait Transport {
    /// Hands one datagram to the kernel, which executes its messages before this returns.
    ///
    /// # Errors
    /// [`TransportError::NotSent`]; then nothing was executed.
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError>;

    /// Hands queued reply datagrams to `sink`, one call each, and returns how many; 0 means that none is queued.
    ///
    /// # Errors
    /// [`TransportError::Overrun`] if replies were dropped; those still queued come with the next call.
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError>;

    /// Hands a kernel file over in pieces, as it is read: a table of connections may not fit into memory.
    ///
    /// # Errors
    /// The system's error; some pieces may have been handed over.
    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()>;

    /// Reads a kernel file as a whole.
    ///
    /// # Errors
    /// The system's error.
    fn read_file(&mut self, file: &KernelFile) -> io::Result<Vec<u8>> {
        let mut contents = Vec::new();
        self.stream_file(file, &mut |piece| contents.extend_from_slice(piece))?;
        Ok(contents)
    }

    /// Writes a kernel file.
    ///
    /// # Errors
    /// The system's error; the kernel keeps the old value then.
    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()>;

    /// Returns which table it leads to, until the machine starts anew.
    ///
    /// # Errors
    /// The system's error.
    fn identity(&self) -> io::Result<Identity>;

    /// Returns the release of the kernel; `None` is a simulation.
    fn release(&self) -> Option<String>;

    /// Returns the time since the machine of the kernel started, its sleep included: a clock that nobody sets.
    fn boot_time(&self) -> Duration;

    /// Returns the time since some fixed moment.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn sleep(&mut self, duration: Duration);

    /// Waits for the commit lock of this table.
    ///
    /// # Errors
    /// [`LockError::Held`] if another program held it for all of `wait`.
    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError>;
}
