//! Reading services and real servers as the kernel lists them.

use std::fmt;

use super::client::{ATTEMPTS, Ipvs, lost, refused_reading};
use super::error::BackendError;
use super::{Errno, convert};
use crate::model::ServiceKey;
use crate::wire::{Counting, Record, Request, ServiceRecord, uapi};

/// Requests for single records in one datagram: their replies must fit the receive buffer.
const GETS_PER_DATAGRAM: usize = 96;
/// From this many services on, one dump of all is cheaper than asking for each.
pub(super) const MANY_SERVICES: usize = 64;

impl Ipvs {
    /// Fetches the records of services as they are; a key without a service is missing from the answer.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn fetch(
        &mut self,
        keys: &[ServiceKey],
    ) -> Result<Vec<(ServiceKey, ServiceRecord)>, BackendError> {
        let mut found = self.fetch_services(keys, Counting::Widest)?;
        for (key, record) in &mut found {
            record.destinations = self.fetch_destinations(key, Counting::Widest)?;
        }
        Ok(found)
    }

    /// Fetches the records of all services as they are.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn fetch_all(&mut self) -> Result<Vec<(ServiceKey, ServiceRecord)>, BackendError> {
        let mut found = self.settled_services(Counting::Widest)?;
        for (key, record) in &mut found {
            record.destinations = self.fetch_destinations(key, Counting::Widest)?;
        }
        Ok(found)
    }

    /// Fetches service records without their real servers.
    pub(super) fn fetch_services(
        &mut self,
        keys: &[ServiceKey],
        counting: Counting,
    ) -> Result<Vec<(ServiceKey, ServiceRecord)>, BackendError> {
        if keys.len() > MANY_SERVICES {
            let wanted: ahash::AHashSet<&ServiceKey> = keys.iter().collect();
            let mut all = self.dump_services(counting)?;
            all.retain(|(key, _)| wanted.contains(key));
            return Ok(all);
        }
        let mut found = Vec::with_capacity(keys.len());
        for part in keys.chunks(GETS_PER_DATAGRAM) {
            self.get_services(part, &mut found)?;
        }
        Ok(found)
    }

    fn get_services(
        &mut self,
        keys: &[ServiceKey],
        found: &mut Vec<(ServiceKey, ServiceRecord)>,
    ) -> Result<(), BackendError> {
        const WHAT: &str = "virtual services";
        let before = found.len();
        let mut last = None;
        for _ in 0..ATTEMPTS {
            found.truncate(before);
            let first = self.next_sequences(u32::try_from(keys.len()).unwrap_or(u32::MAX / 2));
            self.outgoing.clear();
            for (sequence, key) in (first..).zip(keys) {
                let request = Request::GetService(convert::service_identity(key));
                request.encode(&mut self.outgoing, self.family, 0, sequence);
            }
            let mut answered = 0;
            let mut refused = None;
            let ended = self.converse(first, self.sequence, &mut |message| {
                answered += 1;
                if message.kind == uapi::NLMSG_ERROR {
                    let errno = Errno::from_number(message.acknowledgement()?.errno);
                    if errno != Errno::ESRCH {
                        refused = Some(errno);
                    }
                } else if let Record::Service(service) = Record::decode(message, Counting::Widest)?
                    && let Some(key) = convert::service_key(&service)
                {
                    found.push((
                        key,
                        ServiceRecord {
                            service: *service,
                            destinations: Vec::new(),
                        },
                    ));
                }
                Ok(())
            });
            match ended {
                Ok(()) if answered < keys.len() => {}
                Ok(()) => return refused.map_or(Ok(()), |errno| Err(refused_reading(WHAT, errno))),
                Err(broken) => broken.unless_passing(&mut last)?,
            }
        }
        Err(last.unwrap_or_else(|| lost(WHAT)))
    }

    /// Dumps all services. A dump of several parts can miss some without a word, if the kernel rebuilds its table
    /// between two of them (7.x does so by itself) or others write: then it counts when a second one agrees. Of a
    /// table that never stands still the last look is as good as any.
    pub(super) fn settled_services(
        &mut self,
        counting: Counting,
    ) -> Result<Vec<(ServiceKey, ServiceRecord)>, BackendError> {
        // The last part says that it is the last.
        const WHOLE: usize = 2;
        let mut found = self.dump_services(counting)?;
        for _ in 0..ATTEMPTS {
            if self.parts <= WHOLE {
                break;
            }
            let before: ahash::AHashSet<ServiceKey> = found.iter().map(|(key, _)| *key).collect();
            found = self.dump_services(counting)?;
            let agrees =
                found.len() == before.len() && found.iter().all(|(key, _)| before.contains(key));
            if agrees {
                break;
            }
        }
        Ok(found)
    }

    /// Dumps all services, each key once: dumps can repeat entries.
    pub(super) fn dump_services(
        &mut self,
        counting: Counting,
    ) -> Result<Vec<(ServiceKey, ServiceRecord)>, BackendError> {
        let records = self.dump(&Request::DumpServices, counting, &"virtual services")?;
        let mut seen = ahash::AHashSet::with_capacity(records.len());
        let mut services = Vec::with_capacity(records.len());
        for record in records {
            let Record::Service(service) = record else {
                continue;
            };
            let Some(key) = convert::service_key(&service) else {
                continue;
            };
            if seen.insert(key) {
                services.push((
                    key,
                    ServiceRecord {
                        service: *service,
                        destinations: Vec::new(),
                    },
                ));
            }
        }
        Ok(services)
    }

    /// Dumps the real servers of a service, as they are.
    pub(super) fn fetch_destinations(
        &mut self,
        service: &ServiceKey,
        counting: Counting,
    ) -> Result<Vec<crate::wire::DestinationAttributes>, BackendError> {
        let request = Request::DumpDestinations(convert::service_identity(service));
        let records = self.dump(&request, counting, &ServersOf(service))?;
        let mut seen = ahash::AHashSet::with_capacity(records.len());
        let mut destinations = Vec::with_capacity(records.len());
        for record in records {
            let Record::Destination(destination) = record else {
                continue;
            };
            if seen.insert((destination.family, destination.address, destination.port)) {
                destinations.push(*destination);
            }
        }
        Ok(destinations)
    }
}

/// What a dump of real servers reads.
struct ServersOf<'a>(&'a ServiceKey);

impl fmt::Display for ServersOf<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the real servers of {}", self.0)
    }
}
