//! Opening a session: which table, and what for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::error::{Error, about};
use super::schedulers::Unknown;
use super::shared::{FileStore, Saver, TableFile};
use super::{Interrupt, Session};
use crate::backend::{
    BackendError, CommitLock, Errno, Fate, Ipvs, KernelFile, KernelTransport, Operation, Refusal,
    Transport, enter_namespace, host_and_release,
};
use crate::model::{Invalid, ObjectId, ServiceKey, SysctlName, TableSpecification, Trust};
use crate::sim::{Environment, Names, SimulatedKernel};

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
pub enum Purpose {
    /// Looking: the module is not loaded for it.
    Reading,
    /// Changing: the kernel loads the module if it has to, and that is said.
    Changing,
    /// Either, as the original does it: the kernel loads the module if it has to, and nothing is said.
    Either,
}

/// Which kernel or simulation it is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host's name.
    pub host: String,
    /// The kernel's release; `None` is a simulation.
    pub release: Option<String>,
    /// The network namespace, or the document that the simulation started with.
    pub detail: Option<String>,
}

impl Place {
    /// Tells whether it is a simulation.
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
    pub fn open(target: Target, purpose: Purpose, interrupt: Interrupt) -> Result<Self, Error> {
        let (host, release) = host_and_release();
        match target {
            Target::Simulation {
                contents,
                label,
                file,
            } => {
                let place = Place {
                    host,
                    release: None,
                    detail: label,
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
                let live = Ipvs::open(Box::new(simulated))?;
                let mut session = Self::new(live, place, interrupt);
                session.saver = file.map(|file| Saver {
                    file,
                    sysctls: Rc::clone(&sysctls),
                });
                session.sysctls = sysctls;
                session.schedulers.unknown = Unknown::Refused;
                Ok(session)
            }
            Target::Kernel { namespace } => {
                if let Some(name) = &namespace {
                    enter_namespace(name)?;
                }
                let mut transport = KernelTransport::open()?;
                // A small file: that of the services may be long.
                let loaded =
                    purpose == Purpose::Either || transport.read_file(&KernelFile::Stats).is_ok();
                if !loaded && purpose == Purpose::Reading {
                    return Err(BackendError::NoIpvs.into());
                }
                let place = Place {
                    host,
                    release: Some(release),
                    detail: namespace,
                };
                let mut session = Self::new(Ipvs::open(Box::new(transport))?, place, interrupt);
                if purpose == Purpose::Either {
                    session.schedulers.unknown = Unknown::Passed;
                }
                if !loaded {
                    session.warn("the kernel loaded its module ip_vs");
                }
                Ok(session)
            }
        }
    }
}

/// Makes a simulated kernel with the table of a document, and names the kernel parameters that the document sets. Values
/// that only a kernel can make are taken as recorded. What is done of the document makes place for the table.
///
/// # Errors
/// [`Error`] if a simulated kernel can't be what the document says.
pub(super) fn filled(
    contents: Option<TableSpecification>,
) -> Result<(SimulatedKernel, BTreeSet<SysctlName>), Error> {
    let simulated = SimulatedKernel::new(environment_for(contents.as_ref()));
    let mut chosen = BTreeSet::new();
    let Some(contents) = contents else {
        return Ok((simulated, chosen));
    };
    let mut live = Ipvs::open(Box::new(simulated.another_socket()))?;
    let mut make = |operation: &Operation| make(&simulated, &mut live, operation);
    for service in contents.services {
        let key: ServiceKey = service.key;
        let configuration = Box::new(
            service
                .edit
                .apply(&key, None, Trust::Recorded)
                .map_err(about(ObjectId::Service(key)))?,
        );
        make(&Operation::AddService { key, configuration })?;
        for server in service.destinations.into_iter().flatten().rev() {
            make(&Operation::AddDestination {
                service: key,
                key: server.key,
                configuration: server
                    .edit
                    .apply(&key, &server.key, None, Trust::Recorded)
                    .map_err(about(ObjectId::Destination(key, server.key)))?,
            })?;
        }
    }
    for daemon in contents.daemons.into_iter().flat_map(BTreeMap::into_values) {
        make(&Operation::StartDaemon(daemon))?;
    }
    for (name, value) in contents.sysctl {
        chosen.insert(name.clone());
        make(&Operation::SetSysctl { name, value })?;
    }
    if let Some(edit) = &contents.timeouts {
        let timeouts = edit
            .apply(live.timeouts()?)
            .map_err(about(ObjectId::Timeouts))?;
        self::make(&simulated, &mut live, &Operation::SetTimeouts(timeouts))?;
    }
    Ok((simulated, chosen))
}

/// Does one operation of a document to the simulated table that it describes.
fn make(simulated: &SimulatedKernel, live: &mut Ipvs, operation: &Operation) -> Result<(), Error> {
    let refusal = if let Some(request) = operation.request() {
        let answer = simulated.request(request);
        let explain = |number| Refusal::explain(operation, Errno::from_number(number), None);
        answer.err().map(explain)
    } else {
        let one = std::slice::from_ref(operation);
        let mut fates = live.execute(one, &mut || true).fates.into_iter();
        fates.next().and_then(|fate| match fate {
            Fate::Refused(refusal) => Some(*refusal),
            _ => None,
        })
    };
    // The simulation can't be what the document says: nothing ran.
    refusal.map_or(Ok(()), |refusal| {
        let invalid = Invalid::new("document", operation, refusal.meaning);
        Err(match operation.object() {
            Some(object) => about(object)(invalid),
            None => invalid.into(),
        })
    })
}

/// Returns a kernel that also has the modules that a document names.
fn environment_for(contents: Option<&TableSpecification>) -> Environment {
    let mut environment = Environment::stock();
    let services = contents.into_iter().flat_map(|contents| &contents.services);
    for service in services {
        let edit = &service.edit;
        if let (Names::Only(known), Some(scheduler)) =
            (&mut environment.schedulers, &edit.scheduler)
        {
            known.insert(scheduler.as_str().to_owned(), ());
        }
        let persistence = [&edit.persistence, &edit.dormant];
        let engines = persistence.into_iter().flatten().flatten();
        for engine in engines.filter_map(|edit| edit.engine.as_ref()?.as_ref()) {
            if let Names::Only(known) = &mut environment.engines {
                known.insert(engine.as_str().to_owned(), ());
            }
        }
    }
    environment
}
