//! Copying a virtual service to another key, and moving it there: another address, another port.

use super::error::Error;
use super::{Session, VerbOutcome};
use crate::backend::Operation;
use crate::model::{
    DestinationKey, ForwardingMethod, Granularity, Invalid, Persistence, ServiceConfiguration,
    ServiceEntry, ServiceKey,
};

impl Session {
    /// Adds a virtual service that is like another one, with its real servers.
    ///
    /// # Errors
    /// [`Error`] if the one is not there, or the other one is there already or can't be.
    pub fn copy_service(&mut self, from: ServiceKey, to: ServiceKey) -> Result<VerbOutcome, Error> {
        refuse_same("copy", &from, &to)?;
        self.change(|stage| {
            let entry = stage.get(&from)?;
            stage.rehearsal.fetch(stage.live, &[to])?;
            stage.perform(&additions(&from, &to, &entry))
        })
    }

    /// Moves a virtual service with its real servers to another key: the new one is made before the old one is deleted. Connections
    /// to the old one are cut; who wants to wait for their end copies it first.
    ///
    /// # Errors
    /// As [`Self::copy_service`].
    pub fn move_service(&mut self, from: ServiceKey, to: ServiceKey) -> Result<VerbOutcome, Error> {
        refuse_same("move", &from, &to)?;
        self.change(|stage| {
            let entry = stage.get(&from)?;
            stage.rehearsal.fetch(stage.live, &[to])?;
            let mut operations = additions(&from, &to, &entry);
            operations.push(Operation::DeleteService { key: from });
            stage.perform(&operations)
        })
    }
}

fn refuse_same(verb: &str, from: &ServiceKey, to: &ServiceKey) -> Result<(), Error> {
    if from == to {
        let expected = format!("it is the service itself; {verb} takes another key");
        return Err(Invalid::new("new key", to, expected).into());
    }
    Ok(())
}

fn additions(from: &ServiceKey, to: &ServiceKey, entry: &ServiceEntry) -> Vec<Operation> {
    let mut operations = vec![Operation::AddService {
        key: *to,
        configuration: Box::new(configuration_for(to, &entry.configuration)),
    }];
    // The highest address first, as every new service has its servers.
    let servers = entry.destinations.iter().rev();
    operations.extend(servers.map(|(key, server)| Operation::AddDestination {
        service: *to,
        key: server_key_for(from, to, *key, server.configuration.forwarding),
        configuration: server.configuration,
    }));
    operations
}

/// A mask of clients belongs to an address family: in the other one every client counts for itself.
fn configuration_for(
    to: &ServiceKey,
    configuration: &ServiceConfiguration,
) -> ServiceConfiguration {
    let family = to.family();
    let fitted = |persistence: &Persistence| {
        let mut persistence = persistence.clone();
        if persistence.granularity.family() != family {
            persistence.granularity = Granularity::full(family);
        }
        persistence
    };
    let dormant = configuration.dormant.as_ref().map(fitted);
    ServiceConfiguration {
        persistence: configuration.persistence.as_ref().map(fitted),
        dormant: dormant.filter(|kept| *kept != Persistence::unused(family)),
        ..configuration.clone()
    }
}

/// Methods that do not translate ports deliver to the port of the service: it moves along. Others keep the port of the server.
fn server_key_for(
    from: &ServiceKey,
    to: &ServiceKey,
    key: DestinationKey,
    method: ForwardingMethod,
) -> DestinationKey {
    let translates = method == ForwardingMethod::Masquerading;
    match (from.port(), to.port()) {
        (Some(old), Some(new)) if !translates && key.port == old => {
            DestinationKey { port: new, ..key }
        }
        _ => key,
    }
}
