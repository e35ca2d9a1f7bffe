//! Reading a selection of the table, as cheaply as its size allows.

use std::collections::{BTreeMap, BTreeSet};

use super::client::Ipvs;
use super::dump::MANY_SERVICES;
use super::error::BackendError;
use super::proc::ProcReading;
use super::{KernelFile, convert};
use crate::model::{ListedService, ServiceEntry, ServiceKey, SysctlName, Table};
use crate::wire::{Counting, ServiceRecord};

/// A service as a kernel reported it, to be loaded into another one.
pub type FetchedService = (ServiceKey, ServiceRecord);

/// How much of a service is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The service alone.
    Record,
    /// With its servers; method and weight of each are enough.
    Brief,
    /// With everything.
    Exact,
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Services by name.
    pub services: BTreeMap<ServiceKey, Depth>,
    /// Whether to read the timeouts.
    pub timeouts: bool,
    /// Whether to read the sync daemons.
    pub daemons: bool,
    /// Kernel parameters by name.
    pub sysctl: BTreeSet<SysctlName>,
}

impl Selection {
    /// Asks for a service at least this deep.
    pub fn want(&mut self, key: ServiceKey, depth: Depth) {
        let place = self.services.entry(key).or_insert(depth);
        *place = (*place).max(depth);
    }
}

/// What is read of what was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Open connections alone; totals and rates are zero.
    Connections,
    /// Totals and rates too.
    Everything,
}

impl Ipvs {
    /// Reads the whole table: services with their servers, timeouts and daemons.
    ///
    /// # Errors
    /// [`BackendError`] if it can't be read.
    pub fn table(&mut self) -> Result<Table, BackendError> {
        let services = self.fetch_all()?;
        Ok(Table {
            services: services.iter().map(model_entry).collect(),
            timeouts: Some(self.timeouts()?),
            daemons: Some(self.daemons()?),
            sysctl: BTreeMap::new(),
        })
    }

    /// Reads all services, or one, in the kernel's order; one that is not there is missing from the answer. What is
    /// not wanted of counters is zero.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn listed(
        &mut self,
        key: Option<&ServiceKey>,
        counted: Counted,
    ) -> Result<Vec<ListedService>, BackendError> {
        let counting = if counted == Counted::Everything {
            Counting::Widest
        } else {
            Counting::Nothing
        };
        let mut services = match key {
            Some(key) => self.fetch_services(std::slice::from_ref(key), counting)?,
            None => self.settled_services(counting)?,
        };
        let mut listed = Vec::with_capacity(services.len());
        for (key, record) in &mut services {
            let servers = self.fetch_destinations(key, counting)?;
            let entry = convert::service_entry(key, &record.service);
            let read = |server| convert::destination_entry(key, server);
            listed.push(ListedService {
                key: *key,
                configuration: entry.configuration,
                observed: entry.observed,
                destinations: servers.iter().filter_map(read).collect(),
            });
        }
        Ok(listed)
    }

    /// Returns the keys of all services, sorted.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn service_keys(&mut self) -> Result<Vec<ServiceKey>, BackendError> {
        let services = self.dump_services(Counting::Nothing)?;
        let mut keys: Vec<ServiceKey> = services.into_iter().map(|(key, _)| key).collect();
        keys.sort();
        Ok(keys)
    }

    /// Reads the configuration of what is selected; services that are not there are missing from the answer.
    ///
    /// Up to 64 services are asked for one by one. Above, one dump has all services and `/proc/net/ip_vs` the
    /// servers of those for which method and weight are enough.
    ///
    /// # Errors
    /// [`BackendError`] if it can't be read.
    pub fn read(&mut self, selection: &Selection) -> Result<Table, BackendError> {
        let keys: Vec<ServiceKey> = selection.services.keys().copied().collect();
        let mut table = Table::default();
        if !keys.is_empty() {
            let services = self.fetch_services(&keys, Counting::Nothing)?;
            let mut brief = self.brief_servers(selection, &services)?;
            for (key, mut record) in services {
                let depth = selection
                    .services
                    .get(&key)
                    .copied()
                    .unwrap_or(Depth::Exact);
                let from_proc = match (&mut brief, depth) {
                    (Some(reading), Depth::Brief) => reading.take_servers(&key),
                    _ => None,
                };
                let entry = match (depth, from_proc) {
                    (Depth::Record, _) => model_entry(&(key, record)).1,
                    (Depth::Brief, Some(servers)) => {
                        let mut entry = model_entry(&(key, record)).1;
                        entry.destinations = servers;
                        entry
                    }
                    (Depth::Brief | Depth::Exact, _) => {
                        record.destinations = self.fetch_destinations(&key, Counting::Nothing)?;
                        model_entry(&(key, record)).1
                    }
                };
                table.services.insert(key, entry);
            }
        }
        if selection.timeouts {
            table.timeouts = Some(self.timeouts()?);
        }
        if selection.daemons {
            table.daemons = Some(self.daemons()?);
        }
        for name in &selection.sysctl {
            if let Some(value) = self.sysctl(name)? {
                table.sysctl.insert(name.clone(), value);
            }
        }
        Ok(table)
    }

    fn brief_servers(
        &mut self,
        selection: &Selection,
        found: &[(ServiceKey, ServiceRecord)],
    ) -> Result<Option<ProcReading>, BackendError> {
        let brief = selection
            .services
            .values()
            .filter(|depth| **depth == Depth::Brief)
            .count();
        if brief <= MANY_SERVICES || found.is_empty() {
            return Ok(None);
        }
        let contents = self.file(&KernelFile::Services)?;
        Ok(Some(ProcReading::parse(&contents)))
    }
}

/// Turns records into model values; what is of an unknown family is left out.
#[must_use]
pub fn model_entries(records: &[ServiceRecord]) -> BTreeMap<ServiceKey, ServiceEntry> {
    let entries = records.iter().filter_map(|record| {
        let key = convert::service_key(&record.service)?;
        Some((key, entry_of(&key, record)))
    });
    entries.collect()
}

/// Turns a fetched record into model values.
#[must_use]
pub fn model_entry((key, record): &FetchedService) -> (ServiceKey, ServiceEntry) {
    (*key, entry_of(key, record))
}

fn entry_of(key: &ServiceKey, record: &ServiceRecord) -> ServiceEntry {
    let mut entry = convert::service_entry(key, &record.service);
    entry.destinations = record
        .destinations
        .iter()
        .filter_map(|destination| convert::destination_entry(key, destination))
        .collect();
    entry
}
