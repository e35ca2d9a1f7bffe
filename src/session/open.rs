//! Opening a session: which table, and what for.

use std::cell::RefCell;
use std::rc::Rc;

use super::error::Error;
use super::rehearsal::schedulers::Unknown;
use super::simulation::filled;
use super::table_file::{FileStore, Saver, Simulated, TableFile};
use super::{Interrupt, Session};
use crate::backend::{
    BackendError, CommitLock, Ipvs, KernelFile, KernelTransport, Transport, enter_namespace,
    host_name,
};
use crate::model::TableSpecification;

/// Which table a session is about.
#[derive(Clone)]
pub enum Target {
    /// The kernel's, in a network namespace by name or path, or in the one this program runs in.
    Kernel {
        /// The namespace.
        namespace: Option<String>,
    },
    /// A simulated one, empty or as a document says.
    Simulation {
        /// What it starts with.
        contents: Option<Box<TableSpecification>>,
        /// What to call it.
        label: Option<String>,
        /// The file that it is kept in, shared with other programs.
        file: Option<Rc<dyn TableFile>>,
    },
}

/// What a session is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looking: the module is not loaded for it.
    Read,
    /// Changing: the kernel loads the module if it has to, and that is said.
    Write,
    /// Either, as the original does it: the kernel loads the module if it has to, and nothing is said.
    ReadOrWrite,
}

/// Which kernel or simulation it is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLabel {
    /// The host's name.
    pub host: String,
    /// The kernel's release; `None` is a simulation.
    pub release: Option<String>,
    /// The network namespace, or the document that the simulation started with.
    pub detail: Option<String>,
}

impl TableLabel {
    /// Returns whether it is a simulation.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        self.release.is_none()
    }
}

impl Session {
    /// Opens a session.
    ///
    /// # Errors
    /// [`Error`] says what is missing: the module, the permission, the namespace, the right to enter it.
    pub fn open(target: Target, access: Access, interrupt: Interrupt) -> Result<Self, Error> {
        let host = host_name();
        match target {
            Target::Simulation {
                contents,
                label: name,
                file,
            } => {
                let label = TableLabel {
                    host,
                    release: None,
                    detail: name,
                };
                let (mut simulated, chosen) = filled(contents.map(|contents| *contents))?;
                let sysctls = Rc::new(RefCell::new(chosen));
                if let Some(file) = &file {
                    simulated.share(Box::new(FileStore {
                        file: Rc::clone(file),
                        sysctls: Rc::clone(&sysctls),
                        lock: RefCell::new(CommitLock::new(file.lock_places())),
                    }));
                }
                let handle = simulated.another_socket();
                let live = Ipvs::open(Box::new(simulated))?;
                let mut session = Self::new(live, label, interrupt);
                session.simulated = Some(Simulated {
                    kernel: handle,
                    client_ports: std::cell::Cell::default(),
                    deadlines: Vec::new(),
                    seed: 1,
                    foreign: super::foreign::Foreign::default(),
                    saver: file.map(|file| Saver {
                        file,
                        sysctls: Rc::clone(&sysctls),
                    }),
                });
                session.sysctls = sysctls;
                session.staging.schedulers.unknown = Unknown::Refused;
                Ok(session)
            }
            Target::Kernel { namespace } => {
                if let Some(name) = &namespace {
                    enter_namespace(name)?;
                }
                let mut transport = KernelTransport::open()?;
                // A small file: that of the services may be long.
                let loaded = access == Access::ReadOrWrite
                    || transport.read_file(&KernelFile::Stats).is_ok();
                if !loaded && access == Access::Read {
                    return Err(BackendError::NoIpvs.into());
                }
                let label = TableLabel {
                    host,
                    release: transport.release(),
                    detail: namespace,
                };
                let mut session = Self::new(Ipvs::open(Box::new(transport))?, label, interrupt);
                if access == Access::ReadOrWrite {
                    session.staging.schedulers.unknown = Unknown::Passed;
                }
                if !loaded {
                    session.warn("the kernel loaded its module ip_vs");
                }
                Ok(session)
            }
        }
    }
}
