//! Taking over the table that another program made of a shared one: by what differs, so that connections go on.

use super::destination;
use super::server::{DestinationIdentity, ServiceIdentity};
use super::service::Ruling;
use super::state::{Service, State};
use crate::wire::{DestinationAttributes, ServiceAttributes};

/// What is configured of a service.
fn of_service(attributes: ServiceAttributes) -> ServiceAttributes {
    ServiceAttributes {
        counters: None,
        counters64: None,
        ..attributes
    }
}

/// What is configured of a real server.
fn of_server(attributes: DestinationAttributes) -> DestinationAttributes {
    DestinationAttributes {
        active: None,
        inactive: None,
        persistent: None,
        counters: None,
        counters64: None,
        ..attributes
    }
}

impl State {
    /// Makes the table what another one is. Entries of the connection table, counters and schedulers go on as after the changes that lead
    /// there; what the other one knows of traffic is not looked at.
    pub(super) fn adopt(&mut self, other: State) {
        let is_quiet = self.agenda.next().is_none() && self.crowd.next().is_none();
        if self.connections.len() == 0 && is_quiet {
            let now = self.now;
            *self = other;
            self.advance(now);
            return;
        }
        let gone: Vec<ServiceIdentity> = self
            .in_order()
            .map(|service| service.identity)
            .filter(|identity| !other.names.contains_key(identity))
            .collect();
        for identity in gone {
            self.drop_service(&identity);
        }
        for service in other.in_order() {
            // What the other table holds was taken by the same rules.
            let _taken = self.adopt_service(&other, service);
        }
        self.timeouts = other.timeouts;
        self.daemons = other.daemons;
        self.sysctls = other.sysctls;
        self.environment = other.environment;
    }

    fn adopt_service(&mut self, other: &State, service: &Service) -> Ruling<()> {
        let wanted = other.service_record(service);
        match self.service(&service.identity) {
            None => self.new_service(Ok(wanted.clone()))?,
            Some(own) if of_service(self.service_record(own)) == of_service(wanted.clone()) => {}
            Some(_) => self.set_service(Ok(wanted.clone()))?,
        }
        let named = Ok(wanted);
        let own = self.service(&service.identity);
        let own: Vec<DestinationIdentity> =
            own.map_or_else(Vec::new, |own| own.destinations.keys().copied().collect());
        for identity in own {
            if !service.destinations.contains_key(&identity) {
                let server = DestinationAttributes {
                    family: Some(identity.family),
                    address: Some(identity.address),
                    port: Some(identity.port),
                    ..DestinationAttributes::default()
                };
                self.delete_destination(&named, Ok(server))?;
            }
        }
        for place in &service.oldest_first {
            let Some(server) = other.servers.get(*place) else {
                continue;
            };
            let wanted = destination::record(other, server);
            let own = self.service(&service.identity);
            let own = own.and_then(|own| own.destinations.get(&server.identity));
            match own.and_then(|own| self.servers.get(*own)) {
                None => self.new_destination(&named, Ok(wanted))?,
                Some(own)
                    if of_server(destination::record(self, own)) == of_server(wanted.clone()) => {}
                Some(_) => self.set_destination(&named, Ok(wanted))?,
            }
        }
        Ok(())
    }
}
