//! What a selector means in the table as it is.

use std::rc::Rc;

use super::Session;
use super::error::Error;
use crate::model::{DestinationKey, ObjectId, Selector, ServiceEntry, ServiceKey, Table};

/// A service, and those of its real servers that are meant.
pub type Servers = (ServiceKey, Rc<ServiceEntry>, Vec<DestinationKey>);

impl Session {
    /// Returns the objects that a selector means. What is named exactly is returned whether it is there or not.
    ///
    /// # Errors
    /// [`Error::Unmatched`] if nothing is meant, or another if the table can't be read.
    pub fn select(&mut self, selector: &Selector) -> Result<Vec<ObjectId>, Error> {
        if let Some(object) = selector.exact() {
            return Ok(vec![object]);
        }
        let found = selector.objects(&self.table()?);
        if found.is_empty() {
            return Err(Error::Unmatched(selector.to_string()));
        }
        Ok(found)
    }

    /// Returns the real servers that a selector means, by service, each with its service as a whole; of a service that is
    /// meant, all of its real servers.
    ///
    /// # Errors
    /// [`Error`] if nothing is meant, or the table can't be read.
    pub fn select_servers(&mut self, selector: &Selector) -> Result<Vec<Servers>, Error> {
        let exact = selector.exact();
        let services: Vec<(ServiceKey, Rc<ServiceEntry>)> =
            match exact.as_ref().and_then(ObjectId::service) {
                Some(key) => {
                    let entry = self.find_service(key)?.ok_or(Error::Missing {
                        what: "virtual service",
                        object: ObjectId::Service(*key),
                    })?;
                    vec![(*key, entry)]
                }
                None => {
                    let services = self.table()?.services.into_iter();
                    services.map(|(key, entry)| (key, Rc::new(entry))).collect()
                }
            };
        let mut found = Vec::new();
        for (key, entry) in services {
            let servers: Vec<DestinationKey> = entry
                .destinations
                .keys()
                .filter(|server| selector.means_server(&key, server))
                .copied()
                .collect();
            if !servers.is_empty() || selector.means_service(&key) {
                found.push((key, entry, servers));
            }
        }
        match (found.is_empty(), exact) {
            (false, _) => Ok(found),
            (true, None) => Err(Error::Unmatched(selector.to_string())),
            (true, Some(object)) => Err(Error::Missing {
                what: "real server",
                object,
            }),
        }
    }

    /// Returns the part of the table that selectors mean; all of it without any.
    ///
    /// # Errors
    /// [`Error`] if one means nothing, or the table can't be read.
    pub fn selected(&mut self, selectors: &[Selector]) -> Result<Table, Error> {
        let whole = self.services_with(selectors)?;
        if selectors.is_empty() {
            return Ok(whole);
        }
        merged(&whole, selectors)
    }

    /// Returns the services in which selectors mean something, with all of their servers, and perhaps others; all without any. What
    /// a server gets depends on its siblings.
    ///
    /// # Errors
    /// [`Error`] if a service that is named is not there, or the table can't be read.
    pub fn services_with(&mut self, selectors: &[Selector]) -> Result<Table, Error> {
        if selectors.is_empty() {
            return self.table();
        }
        // A service that is named is read alone: a table may be large.
        let services = selectors.iter().map(|selector| match selector.exact() {
            Some(object) => object.service().copied(),
            None => None,
        });
        let Some(keys) = services.collect::<Option<Vec<_>>>() else {
            return self.table();
        };
        let mut table = Table::default();
        for key in keys {
            let entry = self.find_service(&key)?;
            let entry = entry.ok_or(Error::Missing {
                what: "virtual service",
                object: ObjectId::Service(key),
            })?;
            table.services.insert(key, Rc::unwrap_or_clone(entry));
        }
        Ok(table)
    }

    /// Returns the part of a table that was read elsewhere.
    ///
    /// # Errors
    /// [`Error`] if a selector means nothing in it.
    pub fn part_of(table: &Table, selectors: &[Selector]) -> Result<Table, Error> {
        if selectors.is_empty() {
            return Ok(table.clone());
        }
        merged(table, selectors)
    }
}

/// Returns what selectors mean of a table, together.
fn merged(table: &Table, selectors: &[Selector]) -> Result<Table, Error> {
    let mut all = Table::default();
    for selector in selectors {
        let part = selector.part_of(table);
        if part.services.is_empty() {
            return Err(match selector.exact() {
                Some(object) => Error::Missing {
                    what: match object {
                        ObjectId::Service(_) => "virtual service",
                        _ => "real server",
                    },
                    object,
                },
                None => Error::Unmatched(selector.to_string()),
            });
        }
        for (key, entry) in part.services {
            all.services
                .entry(key)
                .and_modify(|known| known.destinations.extend(entry.destinations.clone()))
                .or_insert(entry);
        }
    }
    Ok(all)
}
