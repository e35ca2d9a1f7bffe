//! What can be seen beside services and their servers: schedulers, kernel parameters, daemons, totals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Session;
use super::error::Error;
use super::rehearsal::schedulers::modules;
use crate::backend::{BackendError, Identity, KernelFile, Manager, ProcReading, managers};
use crate::model::{
    Counters, DestinationKey, Observed, Rates, Scheduler, SchedulerFlags, ServiceKey, SyncDaemon,
    SysctlName, Weight,
};

/// A scheduler that a kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerInfo {
    /// Its name.
    pub name: String,
    /// The flags that it understands by name.
    pub flags: Vec<&'static str>,
    /// Whether its module is loaded, or part of the kernel.
    pub loaded: bool,
    /// The kernel module that brings it.
    pub kernel_module: String,
}

impl Session {
    /// Returns the schedulers that the kernel has or can load, sorted by name.
    ///
    /// # Errors
    /// [`Error`] if not even the loaded modules can be read.
    pub fn schedulers(&mut self) -> Result<Vec<SchedulerInfo>, Error> {
        self.reads += 1;
        let mut loaded = modules(&self.live.file(&KernelFile::LoadedModules)?);
        // A kernel without a folder of modules has those it was built with.
        let mut read = |file| self.live.file(&file).map(|bytes| modules(&bytes));
        loaded.extend(read(KernelFile::BuiltinModules).unwrap_or_default());
        let mut all = read(KernelFile::AvailableModules).unwrap_or_default();
        all.extend(loaded.iter().cloned());
        let infos = all.into_iter().map(|name| SchedulerInfo {
            flags: named_flags(&name),
            loaded: loaded.contains(&name),
            kernel_module: format!("ip_vs_{name}"),
            name,
        });
        Ok(infos.collect())
    }

    /// Returns the keys of all services, without reading their servers.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn service_keys(&mut self) -> Result<Vec<ServiceKey>, Error> {
        if self.staging.rehearsal.is_some() {
            return Ok(self.table()?.services.into_keys().collect());
        }
        Ok(self.live.service_keys()?)
    }

    /// Returns the real servers of all services, each once, that have a weight which counts. The kernel is asked once, for
    /// `/proc/net/ip_vs`, not for each service.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn server_keys(
        &mut self,
        counts: impl Fn(Weight) -> bool,
    ) -> Result<BTreeSet<DestinationKey>, Error> {
        let contents = self.live.file(&KernelFile::Services)?;
        let mut keys = BTreeSet::new();
        ProcReading::each_server(&contents, |key, entry| {
            if counts(entry.configuration.weight) && !keys.contains(key) {
                keys.insert(*key);
            }
        });
        Ok(keys)
    }

    /// Reads every kernel parameter of IPVS.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn sysctls(&mut self) -> Result<BTreeMap<SysctlName, String>, Error> {
        let names = self.live.file(&KernelFile::SysctlNames)?;
        let text = String::from_utf8_lossy(&names).into_owned();
        let mut all = BTreeMap::new();
        for name in text.lines().filter_map(|line| SysctlName::new(line).ok()) {
            match self.sysctl(&name) {
                Ok(Some(value)) => {
                    all.insert(name, value);
                }
                // Some can be written and not read.
                Ok(None) | Err(Error::Backend(BackendError::Unreadable { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Reads the sync daemons that run.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn daemons(&mut self) -> Result<Vec<SyncDaemon>, Error> {
        self.reads += 1;
        let running = match &mut self.staging.rehearsal {
            Some(rehearsal) => {
                rehearsal.fetch_daemons(&mut self.live)?;
                rehearsal.staged_settings()?.daemons.unwrap_or_default()
            }
            None => self.live.daemons()?,
        };
        Ok(running.into_values().collect())
    }

    /// Returns the programs of this machine that change tables of IPVS by themselves; none of them knows a simulated one.
    ///
    /// # Errors
    /// [`Error`] if the network namespace can't be told.
    pub fn managers(&self) -> Result<Vec<Manager>, Error> {
        Ok(match self.live.identity()? {
            Identity::Namespace(namespace) => managers(&namespace.file),
            Identity::Simulation => Vec::new(),
        })
    }

    /// Reads the totals of everything, those of deleted services included.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn totals(&mut self) -> Result<Observed, Error> {
        self.reads += 1;
        let contents = self.live.file(&KernelFile::Stats)?;
        let text = String::from_utf8_lossy(&contents);
        let rows: Vec<[u64; 5]> = text.lines().filter_map(numbers).collect();
        let [c, packets_in, packets_out, bytes_in, bytes_out] =
            rows.first().copied().unwrap_or_default();
        let rates = rows.get(1).copied().unwrap_or_default();
        Ok(Observed::new(
            Counters {
                connections: c,
                packets_in,
                packets_out,
                bytes_in,
                bytes_out,
            },
            Rates {
                connections_per_second: rates[0],
                packets_in_per_second: rates[1],
                packets_out_per_second: rates[2],
                bytes_in_per_second: rates[3],
                bytes_out_per_second: rates[4],
            },
        ))
    }

    /// Says that time passes for who looks: the clock of a simulated kernel, which stands still by itself, goes as far.
    ///
    /// # Errors
    /// [`Error`] if what was due meanwhile could not be done.
    pub fn pass(&mut self, time: Duration) -> Result<(), Error> {
        if self.label.is_simulated() {
            self.live.sleep(time);
            self.meet_deadlines()?;
        }
        Ok(())
    }

    /// Returns how many entries the table of connections has, where the kernel tells that by itself; `None` before 7.0.
    pub fn connection_entries(&mut self) -> Option<u64> {
        let contents = self.live.file(&KernelFile::Status).ok()?;
        let text = String::from_utf8_lossy(&contents);
        let line = text.lines().find_map(|line| line.strip_prefix("Conns:"))?;
        line.trim().parse().ok()
    }

    /// Returns whether the kernel's estimator runs; without it all rates stand still.
    pub fn estimates(&mut self) -> bool {
        let name = SysctlName::new("run_estimation");
        let value = name.ok().and_then(|name| self.sysctl(&name).ok().flatten());
        value.is_none_or(|value| value != "0")
    }
}

/// Reads a line of five hexadecimal numbers.
fn numbers(line: &str) -> Option<[u64; 5]> {
    let words = line.split_whitespace();
    let read: Option<Vec<u64>> = words
        .map(|word| u64::from_str_radix(word, 16).ok())
        .collect();
    read?.try_into().ok()
}

/// Flags with a name of their own; the others are `flag-1` to `flag-3`.
fn named_flags(scheduler: &str) -> Vec<&'static str> {
    let all = SchedulerFlags::from_bits(7).names(&Scheduler::from_kernel(scheduler.to_owned()));
    all.into_iter()
        .filter(|flag| !flag.starts_with("flag-"))
        .collect()
}
