//! A simulated kernel that stands for the live table.
//!
//! What is touched is fetched when it is first touched and loaded as raw records; changes happen to the
//! simulation and fail as they would in the kernel. The plan is the difference between what was fetched and
//! what the simulation holds in the end.

use std::collections::BTreeSet;
use std::rc::Rc;

use ahash::AHashMap;

use super::savepoint::{Savepoint, State};
use crate::backend::{
    BackendError, Errno, Fate, FetchedService, Ipvs, Operation, Refusal, model_entries, model_entry,
};
use crate::model::{
    DestinationEntry, ObjectId, ServiceConfiguration, ServiceEntry, ServiceKey, SysctlName, Table,
};
use crate::session::Error;
use crate::sim::{Environment, SimulatedKernel};
use crate::txn::{Action, Plan};

/// A simulated kernel that stands for the live table.
pub(in crate::session) struct Rehearsal {
    simulated: SimulatedKernel,
    kernel: Ipvs,
    state: State,
    /// Services as they stand, as far as they were read one by one.
    entries: AHashMap<ServiceKey, Rc<ServiceEntry>>,
    /// Whether a server was ever deleted here.
    deleted: bool,
}

impl Rehearsal {
    pub(in crate::session) fn new() -> Result<Self, BackendError> {
        let simulated = SimulatedKernel::new(Environment::rehearsal());
        let kernel = Ipvs::open(Box::new(simulated.another_socket()))?;
        Ok(Self {
            simulated,
            kernel,
            state: State::default(),
            entries: AHashMap::new(),
            deleted: false,
        })
    }

    /// Forgets what was fetched and what was staged.
    pub(in crate::session) fn start_anew(&mut self) -> Result<(), BackendError> {
        *self = Self {
            deleted: self.deleted,
            ..Self::new()?
        };
        Ok(())
    }

    /// Fetches services that were not fetched yet.
    pub(in crate::session) fn fetch(
        &mut self,
        live: &mut Ipvs,
        keys: &[ServiceKey],
    ) -> Result<(), BackendError> {
        if self.state.whole {
            return Ok(());
        }
        let new: Vec<ServiceKey> = keys
            .iter()
            .filter(|key| !self.state.fetched.contains(key))
            .copied()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        for fetched in live.fetch(&new)? {
            self.load(&fetched);
        }
        self.state.fetched.extend(new);
        Ok(())
    }

    /// Fetches all services that were not fetched yet.
    pub(in crate::session) fn fetch_all(&mut self, live: &mut Ipvs) -> Result<(), BackendError> {
        if !self.state.whole {
            for fetched in live.fetch_all()? {
                if !self.state.fetched.contains(&fetched.0) {
                    self.load(&fetched);
                }
            }
            self.state.whole = true;
        }
        Ok(())
    }

    fn load(&mut self, fetched: &FetchedService) {
        self.simulated.load_service(&fetched.1);
        let (key, entry) = model_entry(fetched);
        self.known().services.insert(key, entry);
    }

    fn known(&mut self) -> &mut Table {
        Rc::make_mut(&mut self.state.before)
    }

    pub(in crate::session) fn fetch_timeouts(
        &mut self,
        live: &mut Ipvs,
    ) -> Result<(), BackendError> {
        if self.state.before.timeouts.is_none() {
            let timeouts = live.timeouts()?;
            self.simulated.load_timeouts([
                timeouts.tcp_seconds,
                timeouts.tcp_fin_seconds,
                timeouts.udp_seconds,
            ]);
            self.known().timeouts = Some(timeouts);
        }
        Ok(())
    }

    pub(in crate::session) fn fetch_daemons(
        &mut self,
        live: &mut Ipvs,
    ) -> Result<(), BackendError> {
        if self.state.before.daemons.is_none() {
            for record in live.fetch_daemons()? {
                self.simulated.load_daemon(&record);
            }
            let running = self.kernel.daemons()?;
            self.known().daemons = Some(running);
        }
        Ok(())
    }

    /// Fetches a kernel parameter; `None` if the kernel has none of that name.
    pub(in crate::session) fn fetch_sysctl(
        &mut self,
        live: &mut Ipvs,
        name: &SysctlName,
    ) -> Result<Option<String>, BackendError> {
        if self.state.before.sysctl.contains_key(name) {
            return self.kernel.sysctl(name);
        }
        let value = live.sysctl(name)?;
        if let Some(value) = &value {
            self.simulated.load_sysctl(name.as_str(), value);
            self.known().sysctl.insert(name.clone(), value.clone());
        }
        Ok(value)
    }

    /// Reads one service as it stands in the rehearsal.
    pub(in crate::session) fn service(
        &mut self,
        live: &mut Ipvs,
        key: &ServiceKey,
    ) -> Result<Option<Rc<ServiceEntry>>, BackendError> {
        self.fetch(live, &[*key])?;
        if let Some(entry) = self.entries.get(key) {
            return Ok(Some(Rc::clone(entry)));
        }
        let found = self.kernel.fetch(&[*key])?;
        let entry = found.first().map(|fetched| Rc::new(model_entry(fetched).1));
        if let Some(entry) = &entry {
            self.entries.insert(*key, Rc::clone(entry));
        }
        Ok(entry)
    }

    /// Keeps what was read of services in step with an operation that was done, or forgets it. Without this a
    /// script that edits each server of a service reads all of them for each.
    fn follow(&mut self, operation: &Operation) {
        let (service, key) = match operation.object() {
            Some(ObjectId::Destination(service, key)) => (service, key),
            Some(ObjectId::Service(service)) => {
                self.note_change(service);
                return self.follow_service(service, operation);
            }
            None => return self.entries.clear(),
            Some(_) => return,
        };
        self.note_change(service);
        let deleted = self.deleted;
        self.deleted |= matches!(operation, Operation::DeleteDestination { .. });
        let Some(entry) = self.entries.get_mut(&service) else {
            return;
        };
        let servers = &mut Rc::make_mut(entry).destinations;
        match operation {
            Operation::EditDestination { configuration, .. } => {
                if let Some(server) = servers.get_mut(&key) {
                    server.configuration = *configuration;
                }
            }
            Operation::AddDestination { configuration, .. } if !deleted => {
                let configuration = *configuration;
                let server = DestinationEntry {
                    configuration,
                    ..DestinationEntry::default()
                };
                servers.insert(key, server);
            }
            Operation::DeleteDestination { .. } => {
                servers.remove(&key);
            }
            _ => {
                self.entries.remove(&service);
            }
        }
    }

    fn note_change(&mut self, service: ServiceKey) {
        // Operations on one service follow each other.
        let state = &mut self.state;
        if state.log.last() != Some(&service) {
            state.changed.insert(service);
        }
        // The log has each of them: what comes behind a savepoint must be seen behind it.
        state.log.push(service);
    }

    fn follow_service(&mut self, service: ServiceKey, operation: &Operation) {
        match operation {
            Operation::AddService { configuration, .. } => {
                let entry = ServiceEntry {
                    configuration: ServiceConfiguration::clone(configuration),
                    ..ServiceEntry::default()
                };
                self.entries.insert(service, Rc::new(entry));
            }
            Operation::EditService { before, after, .. } => match self.entries.get_mut(&service) {
                Some(entry) if before.as_deref() == Some(&entry.configuration) => {
                    Rc::make_mut(entry).configuration.clone_from(after);
                }
                _ => {
                    self.entries.remove(&service);
                }
            },
            _ => {
                self.entries.remove(&service);
                // A deleted server that comes back brings its connections along.
                self.deleted |= matches!(operation, Operation::DeleteService { .. });
            }
        }
    }

    /// Reads the whole table as it stands in the rehearsal.
    pub(in crate::session) fn table(&mut self, live: &mut Ipvs) -> Result<Table, BackendError> {
        self.fetch_all(live)?;
        self.fetch_timeouts(live)?;
        self.fetch_daemons(live)?;
        self.staged_table()
    }

    /// Reads what the rehearsal holds: everything that was fetched, with what was staged.
    pub(in crate::session) fn staged_table(&mut self) -> Result<Table, BackendError> {
        let mut table = self.staged_settings()?;
        table.services = model_entries(&self.simulated.records());
        Ok(table)
    }

    /// Reads what the rehearsal holds beside services.
    pub(in crate::session) fn staged_settings(&mut self) -> Result<Table, BackendError> {
        let mut table = Table {
            timeouts: self
                .state
                .before
                .timeouts
                .map(|_| self.kernel.timeouts())
                .transpose()?,
            ..Table::default()
        };
        if self.state.before.daemons.is_some() {
            let mut daemons = self.kernel.daemons()?;
            for (role, daemon) in &mut daemons {
                if let Some(wanted) = self.state.wanted_daemons.get(role) {
                    daemon.clone_from(wanted);
                }
            }
            table.daemons = Some(daemons);
        }
        for name in self.state.before.sysctl.keys() {
            if let Some(value) = self.kernel.sysctl(name)? {
                table.sysctl.insert(name.clone(), value);
            }
        }
        Ok(table)
    }

    /// Executes operations; the first refusal ends it and leaves the rehearsal as it was before all of them.
    pub(in crate::session) fn perform(&mut self, operations: &[Operation]) -> Result<(), Error> {
        let before = (operations.len() > 1).then(|| self.savepoint());
        for operation in operations {
            let failure = match self.refusal(operation) {
                Ok(None) => continue,
                Ok(Some(refusal)) => Error::refused(operation, &refusal),
                Err(error) => error,
            };
            if let Some(before) = before {
                self.restore(before);
            }
            return Err(failure);
        }
        for operation in operations {
            self.follow(operation);
            match operation {
                Operation::StartDaemon(daemon) => {
                    self.state
                        .wanted_daemons
                        .insert(daemon.role, daemon.clone());
                }
                Operation::StopDaemon(role) => {
                    self.state.wanted_daemons.remove(role);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Does one operation, or returns why the simulated kernel refuses it.
    fn refusal(&mut self, operation: &Operation) -> Result<Option<Refusal>, Error> {
        if let Some(request) = operation.request() {
            let refused = self.simulated.request(request).err();
            return Ok(
                refused.map(|number| Refusal::explain(operation, Errno::from_number(number), None))
            );
        }
        let execution = self
            .kernel
            .execute(std::slice::from_ref(operation), &mut || true);
        match execution.fates.into_iter().next() {
            Some(Fate::Done) => Ok(None),
            Some(Fate::Refused(refusal)) => Ok(Some(*refusal)),
            _ => Err(Error::Rehearsal(
                "its own simulated kernel did not answer".to_owned(),
            )),
        }
    }

    pub(in crate::session) fn note_wait(&mut self, text: String) {
        self.state.waits.push(text);
    }

    /// Notes that what is staged undoes a commit.
    pub(in crate::session) fn note_undo(&mut self, number: u64) {
        self.state.undoes.push(number);
    }

    /// Returns the commits that are undone by what is staged.
    pub(in crate::session) fn undoes(&self) -> &[u64] {
        &self.state.undoes
    }

    pub(in crate::session) fn stage_action(&mut self, action: Action) {
        self.state.actions.push(action);
    }

    /// Returns the way from the live table to the rehearsed one, and ends the rehearsal.
    pub(in crate::session) fn into_plan(mut self) -> Result<Plan, BackendError> {
        let mut entries = std::mem::take(&mut self.entries);
        self.plan_of(|key| entries.remove(key).map(Rc::unwrap_or_clone))
    }

    /// Returns the way from the live table to the rehearsed one.
    pub(in crate::session) fn plan(&mut self) -> Result<Plan, BackendError> {
        let entries = std::mem::take(&mut self.entries);
        let plan = self.plan_of(|key| entries.get(key).map(|entry| ServiceEntry::clone(entry)));
        self.entries = entries;
        plan
    }

    /// Makes a plan, which is about changed services alone. `followed` knows those that were followed.
    fn plan_of(
        &mut self,
        mut followed: impl FnMut(&ServiceKey) -> Option<ServiceEntry>,
    ) -> Result<Plan, BackendError> {
        let mut after = self.staged_settings()?;
        let mut unread = Vec::new();
        let mut keys = Vec::from_iter(self.state.changed.iter().copied());
        keys.sort_unstable();
        let entries = keys.into_iter().filter_map(|key| {
            let entry = followed(&key);
            if entry.is_none() {
                unread.push(key);
            }
            Some((key, entry?))
        });
        after.services = entries.collect();
        let read = self.kernel.fetch(&unread)?;
        after.services.extend(read.iter().map(model_entry));
        debug_assert!(
            self.is_as_simulated(&after),
            "BUG: what was followed is not what the simulated kernel holds"
        );
        let known = &self.state.before;
        let changed = self.state.changed.iter();
        let before = Table {
            services: changed
                .filter_map(|key| Some((*key, known.services.get(key)?.clone())))
                .collect(),
            ..known.without_services()
        };
        let plan = Plan::between(before, after, self.state.actions.clone());
        Ok(plan.with_waits(self.state.waits.clone()))
    }

    /// Compares what was followed with the simulated kernel, which is the judge: every test does so.
    fn is_as_simulated(&self, after: &Table) -> bool {
        let mut simulated = Table {
            services: model_entries(&self.simulated.records()),
            ..Table::default()
        };
        let changed = &self.state.changed;
        simulated.services.retain(|key, _| changed.contains(key));
        simulated.configuration_only().services == after.configuration_only().services
    }

    /// Returns the way from an earlier savepoint to now.
    pub(in crate::session) fn plan_since(
        &mut self,
        savepoint: &Savepoint,
    ) -> Result<Plan, BackendError> {
        let then = SimulatedKernel::new(Environment::rehearsal());
        then.restore(savepoint.simulated.clone());
        let mut kernel = Ipvs::open(Box::new(then.another_socket()))?;
        let log = self.state.log.get(savepoint.state.log.len()..);
        let changed: BTreeSet<ServiceKey> = log.unwrap_or_default().iter().copied().collect();
        let known = &self.state.before;
        let mut before = known.without_services();
        // What was fetched only later was then as it was fetched.
        let (then_known, later): (Vec<ServiceKey>, Vec<ServiceKey>) = changed
            .iter()
            .partition(|key| savepoint.state.whole || savepoint.state.fetched.contains(key));
        let services = &mut before.services;
        services.extend(kernel.fetch(&then_known)?.iter().map(model_entry));
        let later = later.into_iter();
        services.extend(later.filter_map(|key| Some((key, known.services.get(&key)?.clone()))));
        if savepoint.state.before.timeouts.is_some() {
            before.timeouts = Some(kernel.timeouts()?);
        }
        if savepoint.state.before.daemons.is_some() {
            before.daemons = Some(kernel.daemons()?);
        }
        for name in savepoint.state.before.sysctl.keys() {
            if let Some(value) = kernel.sysctl(name)? {
                before.sysctl.insert(name.clone(), value);
            }
        }
        let mut after = self.staged_settings()?;
        let changed: Vec<ServiceKey> = changed.into_iter().collect();
        after
            .services
            .extend(self.kernel.fetch(&changed)?.iter().map(model_entry));
        let actions = self
            .state
            .actions
            .get(savepoint.state.actions.len()..)
            .unwrap_or_default();
        let waits = self
            .state
            .waits
            .get(savepoint.state.waits.len()..)
            .unwrap_or_default();
        Ok(Plan::between(before, after, actions.to_vec()).with_waits(waits.to_vec()))
    }

    pub(in crate::session) fn savepoint(&self) -> Savepoint {
        Savepoint {
            simulated: self.simulated.snapshot(),
            state: self.state.clone(),
        }
    }

    /// Restores a savepoint. What was fetched since is forgotten and fetched again when it is touched.
    pub(in crate::session) fn restore(&mut self, savepoint: Savepoint) {
        self.entries.clear();
        self.simulated.restore(savepoint.simulated);
        self.state = savepoint.state;
    }
}
