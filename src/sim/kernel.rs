//! The simulated kernel as a transport.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::agenda::Happening;
use super::environment::Environment;
use super::load::{Load, LoadCounts};
use super::netlink::Socket;
use super::packet::{Answer, Packet, Verdict};
use super::random::Random;
use super::state::State;
use crate::backend::transport::{Identity, KernelFile, Lock, LockError, Transport, TransportError};
use crate::wire::{DaemonAttributes, Request, ServiceRecord};

/// A kernel in this process: one socket to one network namespace. Clones of a namespace share their table.
pub struct SimulatedKernel {
    state: Rc<RefCell<State>>,
    socket: Socket,
    shared: Option<Rc<Shared>>,
}

/// Where the table of a simulated kernel is kept that several programs share.
pub trait Store {
    /// Returns the table if another program wrote it since it was read or saved here.
    ///
    /// # Errors
    /// What can't be read, and why.
    fn newer(&self) -> Result<Option<Snapshot>, String>;

    /// Waits for the commit lock of the table.
    ///
    /// # Errors
    /// [`LockError`] as [`Transport::lock`] has it.
    fn lock(&self, wait: Duration) -> Result<Lock, LockError>;

    /// Returns the clock that the programs have in common.
    fn boot_time(&self) -> Duration;
}

/// A store, and whether this program holds its lock: then the table is its own until it is saved.
struct Shared {
    store: Box<dyn Store>,
    is_held: Rc<Cell<bool>>,
}

/// The table of a simulated kernel at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot(State);

impl SimulatedKernel {
    /// Makes a kernel with an empty table.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self {
            state: Rc::new(RefCell::new(State::new(environment))),
            socket: Socket::default(),
            shared: None,
        }
    }

    /// Has the table kept in a store from now on: what others put there is seen with the next request, and the commit
    /// lock is that of the store. What is changed here is saved by whoever holds the lock.
    pub fn share(&mut self, store: Box<dyn Store>) {
        self.shared = Some(Rc::new(Shared {
            store,
            is_held: Rc::default(),
        }));
    }

    /// Takes over what another program put into the store.
    fn catch_up(&self) -> Result<(), String> {
        match &self.shared {
            Some(shared) if !shared.is_held.get() => {
                if let Some(Snapshot(newer)) = shared.store.newer()? {
                    self.state.borrow_mut().adopt(newer);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Opens another socket to the same table.
    #[must_use]
    pub fn another_socket(&self) -> Self {
        Self {
            state: Rc::clone(&self.state),
            socket: Socket::default(),
            shared: self.shared.clone(),
        }
    }

    /// Does what a request says without its way through bytes: for a rehearsal, whose requests this program made
    /// itself. The answer is the one that the bytes would get. Requests that only read belong to the other door.
    ///
    /// # Errors
    /// The error number of the refusal.
    pub fn request(&self, request: Request) -> Result<(), i32> {
        super::request::perform(&mut self.state.borrow_mut(), request)
    }

    /// Sends a packet of a client into it.
    pub fn packet(&self, packet: &Packet<'_>) -> Verdict {
        self.state.borrow_mut().receive(packet)
    }

    /// Sends a packet of a real server into it.
    pub fn reply(&self, packet: &Packet<'_>) -> Answer {
        self.state.borrow_mut().answer(packet)
    }

    /// Plans something for a time of its clock; what is planned for the past happens with the next step of the clock.
    pub fn plan(&self, time: Duration, happening: Happening) {
        self.state.borrow_mut().agenda.plan(time, happening);
    }

    /// Has the n-th request of a kind that comes refused. Returns false if no kind is called that.
    pub fn plan_refusal(&self, what: &str, errno: i32, number: u64) -> bool {
        let mut state = self.state.borrow_mut();
        state.refusals.plan(what, errno, number)
    }

    /// Begins a load, which flows as time passes. Returns its number.
    pub fn start_load(&self, load: Load) -> usize {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.crowd.start(load, now)
    }

    /// Returns whether clients are busy in it: then time takes time.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.state.borrow().crowd.next().is_some()
    }

    /// Returns what became of the connections of a load so far.
    #[must_use]
    pub fn load_counts(&self, number: usize) -> Option<LoadCounts> {
        let state = self.state.borrow();
        Some(state.crowd.loads.get(number)?.counts.clone())
    }

    /// Sets where its random numbers begin: those of `twos` and of `drop_entry`.
    pub fn seed(&self, seed: u64) {
        self.state.borrow_mut().random = Random::new(seed);
    }

    /// Counts the entries of its connection table.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.state.borrow().connections.len()
    }

    /// Takes over a service as another kernel reported it; one of the same name is replaced.
    pub fn load_service(&self, record: &ServiceRecord) {
        // A record without a family names nothing.
        let _nameless = self.state.borrow_mut().load(record);
    }

    /// Takes over a sync daemon as another kernel reported it.
    pub fn load_daemon(&self, record: &DaemonAttributes) {
        // A record without a state is neither master nor backup.
        let _roleless = self.state.borrow_mut().load_daemon(record);
    }

    /// Takes over timeouts in seconds: TCP, TCP after FIN, UDP.
    pub fn load_timeouts(&self, seconds: [u32; 3]) {
        self.state.borrow_mut().timeouts = seconds;
    }

    /// Takes over a kernel parameter.
    pub fn load_sysctl(&self, name: &str, value: &str) {
        self.state.borrow_mut().sysctls.load(name, value);
    }

    /// Returns all services with their real servers, as dumps would list them.
    #[must_use]
    pub fn records(&self) -> Vec<ServiceRecord> {
        let state = self.state.borrow();
        let services = state.in_order().map(|service| {
            let destinations = state.newest_first(service);
            ServiceRecord {
                service: state.service_record(service),
                destinations: destinations
                    .map(|server| super::destination::record(&state, server))
                    .collect(),
            }
        });
        services.collect()
    }

    /// Returns the table as it is now, to go back to.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.state.borrow().clone())
    }

    /// Goes back to an earlier moment. The clock does not: what has been due since happens.
    pub fn restore(&self, snapshot: Snapshot) {
        let now = self.state.borrow().now;
        let mut state = snapshot.0;
        state.advance(now);
        *self.state.borrow_mut() = state;
    }
}

impl Transport for SimulatedKernel {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.catch_up()
            .map_err(|text| TransportError::Table { text })?;
        self.socket.execute(&mut self.state.borrow_mut(), datagram);
        Ok(())
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        let mut count = 0;
        while let Some(datagram) = self.socket.receive(&self.state.borrow()) {
            sink(&datagram);
            count += 1;
        }
        Ok(count)
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.catch_up().map_err(io::Error::other)?;
        let state = self.state.borrow();
        let text = match file {
            KernelFile::Connections => {
                state.stream_connections(sink);
                return Ok(());
            }
            KernelFile::ConnectionsSync => {
                state.stream_connections_sync(sink);
                return Ok(());
            }
            KernelFile::Services => state.services_file(),
            KernelFile::Stats => state.stats_file(),
            KernelFile::StatsPerCpu => state.stats_per_cpu_file(),
            // It came with 7.0, and this is no such kernel.
            KernelFile::Status => return Err(io::ErrorKind::NotFound.into()),
            KernelFile::SysctlNames => state.sysctls.names().join("\n"),
            KernelFile::LoadedModules => state.loaded_modules_file(),
            KernelFile::AvailableModules => state.available_modules_file(),
            KernelFile::BuiltinModules => String::new(),
            KernelFile::Sysctl(name) => state
                .sysctls
                .read(name)
                .map_err(io::Error::from_raw_os_error)?,
        };
        sink(text.as_bytes());
        Ok(())
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        self.catch_up().map_err(io::Error::other)?;
        match file {
            KernelFile::Sysctl(name) => {
                let written = self.state.borrow_mut().write_sysctl(name, contents);
                written.map_err(io::Error::from_raw_os_error)
            }
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn identity(&self) -> io::Result<Identity> {
        Ok(Identity::Simulation)
    }

    fn release(&self) -> Option<String> {
        None
    }

    fn boot_time(&self) -> Duration {
        match &self.shared {
            Some(shared) => shared.store.boot_time(),
            None => self.now(),
        }
    }

    fn now(&self) -> Duration {
        self.state.borrow().now
    }

    fn sleep(&mut self, duration: Duration) {
        let mut state = self.state.borrow_mut();
        let then = state.now.saturating_add(duration);
        state.advance(then);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        let Some(shared) = &self.shared else {
            return Ok(Lock::needless());
        };
        let lock = shared.store.lock(wait)?;
        self.catch_up()
            .map_err(|text| LockError::Failed(io::Error::other(text)))?;
        shared.is_held.set(true);
        let is_held = Rc::clone(&shared.is_held);
        Ok(lock.releasing(move || is_held.set(false)))
    }
}
