//! Opening a session: which table, and what for.

use std::collections::BTreeMap;

use super::error::Error;
use super::{Interrupt, Session};
use crate::backend::{
    BackendError, Errno, Fate, Ipvs, KernelFile, KernelTransport, Operation, Refusal, Transport,
    enter_namespace, host_and_release,
};
use crate::model::{Invalid, ServiceKey, TableSpecification, Trust};
use crate::sim::{Environment, Names, SimulatedKernel};

/// Which table a session is about.
#[derive(Clone, Debug)]
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
            Target::Simulation { contents, label } => {
                let place = Place {
                    host,
                    release: None,
                    detail: label,
                };
                let simulated = SimulatedKernel::new(environment_for(contents.as_deref()));
                let live = Ipvs::open(Box::new(simulated.another_socket()))?;
                let mut session = Self::new(live, place, interrupt);
                if let Some(contents) = contents {
                    session.fill(&simulated, *contents)?;
                }
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
                if !loaded {
                    session.warn("the kernel loaded its module ip_vs");
                }
                Ok(session)
            }
        }
    }

    /// Fills a simulated table; values that only a kernel can make are taken as recorded. What is done of the
    /// document makes place for the table.
    fn fill(
        &mut self,
        simulated: &SimulatedKernel,
        contents: TableSpecification,
    ) -> Result<(), Error> {
        for service in contents.services {
            let key: ServiceKey = service.key;
            let configuration = Box::new(service.edit.apply(&key, None, Trust::Recorded)?);
            self.make(simulated, &Operation::AddService { key, configuration })?;
            for server in service.destinations.into_iter().flatten().rev() {
                let operation = Operation::AddDestination {
                    service: key,
                    key: server.key,
                    configuration: server
                        .edit
                        .apply(&key, &server.key, None, Trust::Recorded)?,
                };
                self.make(simulated, &operation)?;
            }
        }
        if let Some(edit) = &contents.timeouts {
            let timeouts = edit.apply(self.live.timeouts()?)?;
            self.make(simulated, &Operation::SetTimeouts(timeouts))?;
        }
        for daemon in contents.daemons.into_iter().flat_map(BTreeMap::into_values) {
            self.make(simulated, &Operation::StartDaemon(daemon))?;
        }
        for (name, value) in contents.sysctl {
            self.sysctls.insert(name.clone());
            self.make(simulated, &Operation::SetSysctl { name, value })?;
        }
        Ok(())
    }

    /// Does one operation of a document to the simulated table that it describes.
    fn make(&mut self, simulated: &SimulatedKernel, operation: &Operation) -> Result<(), Error> {
        let refusal = if let Some(request) = operation.request() {
            let answer = simulated.request(request);
            let explain = |number| Refusal::explain(operation, Errno::from_number(number), None);
            answer.err().map(explain)
        } else {
            let one = std::slice::from_ref(operation);
            let mut fates = self.live.execute(one, &mut || true).fates.into_iter();
            fates.next().and_then(|fate| match fate {
                Fate::Refused(refusal) => Some(*refusal),
                _ => None,
            })
        };
        // The simulation can't be what the document says: nothing ran.
        refusal.map_or(Ok(()), |refusal| {
            Err(Invalid::new("document", operation, refusal.meaning).into())
        })
    }
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
