//! A simulated kernel with the table of a document.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Error, about};
use crate::backend::{Errno, Fate, Ipvs, Operation, Refusal};
use crate::model::{Invalid, ObjectId, ServiceKey, SysctlName, TableSpecification, Trust};
use crate::sim::{Environment, Names, SimulatedKernel};

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
