//! A simulated table that is kept in a file, and that programs share as they share a kernel.
//!
//! The commit lock of the table spans reading the file, the journal, and writing the file. What others wrote is seen with the
//! next request. A commit has happened when it is in the file.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::simulation::filled;
use crate::backend::{CommitLock, Ipvs, Lock, LockError, LockPlaces};
use crate::model::{SysctlName, Table, TableSpecification};
use crate::sim::{SimulatedKernel, Snapshot, Store};

/// The file of a simulated table.
pub trait TableFile {
    /// Returns what is in the file if it was written since it was read or saved here; a file that is gone is an empty table.
    ///
    /// # Errors
    /// What can't be read, and why.
    fn newer(&self) -> Result<Option<TableSpecification>, String>;

    /// Has the next look take what is in the file for newer.
    fn forget(&self);

    /// Writes the table: whoever reads the file sees this or what was there before.
    ///
    /// # Errors
    /// What can't be written, and why.
    fn save(&self, table: &Table) -> Result<(), String>;

    /// Gives back what [`Self::save`] holds of the lock: the file that took the place of the one that was locked.
    fn release(&self);

    /// Returns whether the file is there.
    fn is_there(&self) -> bool;

    /// Returns where its commit lock is.
    fn lock_places(&self) -> LockPlaces;
}

/// The names of kernel parameters that are part of what is saved.
pub(super) type ChosenSysctls = Rc<RefCell<BTreeSet<SysctlName>>>;

/// The store of a simulated kernel over a file.
pub(super) struct FileStore {
    pub(super) file: Rc<dyn TableFile>,
    pub(super) sysctls: ChosenSysctls,
    pub(super) lock: RefCell<CommitLock>,
}

impl Store for FileStore {
    fn boot_time(&self) -> Duration {
        crate::backend::boot_time()
    }

    fn newer(&self) -> Result<Option<Snapshot>, String> {
        let Some(contents) = self.file.newer()? else {
            return Ok(None);
        };
        let (kernel, sysctls) = filled(Some(contents)).map_err(|error| error.to_string())?;
        self.sysctls.borrow_mut().extend(sysctls);
        Ok(Some(kernel.snapshot()))
    }

    fn lock(&self, wait: Duration) -> Result<Lock, LockError> {
        let file = Rc::clone(&self.file);
        let lock = self.lock.borrow_mut().take(wait)?;
        Ok(lock.releasing(move || file.release()))
    }
}

/// The simulated kernel that a session is bound to.
pub(super) struct Simulated {
    /// Another socket to it: packets can be sent into it, and its clock moved.
    pub(super) kernel: SimulatedKernel,
    /// What writes its table to its file, if it has one.
    pub(super) saver: Option<Saver>,
    /// The port that the next client without one gets, less 1024.
    pub(super) client_ports: std::cell::Cell<u16>,
    /// What rolls back unless it is confirmed.
    pub(super) deadlines: Vec<super::deadlines::Deadline>,
    /// Where random numbers begin that name no seed of their own.
    pub(super) seed: u64,
    /// Another writer.
    pub(super) foreign: super::foreign::Foreign,
}

/// The file of a session's table, and what is saved to it.
#[derive(Clone)]
pub(super) struct Saver {
    pub(super) file: Rc<dyn TableFile>,
    pub(super) sysctls: ChosenSysctls,
}

impl Saver {
    /// Writes the table to its file. The lock is the caller's. Where it can't be written, the table is again what the
    /// file says.
    pub(super) fn save(&self, kernel: &mut Ipvs) -> Result<(), String> {
        let saved = self.write(kernel);
        if saved.is_err() {
            self.file.forget();
        }
        saved
    }

    fn write(&self, kernel: &mut Ipvs) -> Result<(), String> {
        let mut table = kernel.table().map_err(|error| error.to_string())?;
        for name in self.sysctls.borrow().iter() {
            if let Some(value) = kernel.sysctl(name).map_err(|error| error.to_string())? {
                table.sysctl.insert(name.clone(), value);
            }
        }
        self.file.save(&table)
    }
}
