//! Reading the table: inside a block as the rehearsal holds it, else the live one.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Session;
use super::error::Error;
use crate::backend::{KernelFile, ProcReading};
use crate::model::{ObjectId, ServiceEntry, ServiceKey, SysctlName, Table};

impl Session {
    /// Reads the whole table: the rehearsal's inside a transaction, else the live one.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn table(&mut self) -> Result<Table, Error> {
        self.reads += 1;
        match &mut self.staging.rehearsal {
            Some(rehearsal) => Ok(rehearsal.table(&mut self.live)?),
            None => Ok(self.live.table()?),
        }
    }

    /// Reads the whole live table, whatever is open.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn live_table(&mut self) -> Result<Table, Error> {
        Ok(self.live.table()?)
    }

    /// Reads one service; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn find_service(&mut self, key: &ServiceKey) -> Result<Option<Rc<ServiceEntry>>, Error> {
        self.reads += 1;
        if let Some(rehearsal) = &mut self.staging.rehearsal {
            return Ok(rehearsal.service(&mut self.live, key)?);
        }
        let found = self.live.fetch(&[*key])?;
        Ok(found
            .first()
            .map(|fetched| Rc::new(crate::backend::model_entry(fetched).1)))
    }

    /// Reads a kernel parameter; `None` if the kernel has none of that name.
    ///
    /// # Errors
    /// [`Error`] if it is there and can't be read.
    pub fn sysctl(&mut self, name: &SysctlName) -> Result<Option<String>, Error> {
        self.reads += 1;
        match &mut self.staging.rehearsal {
            Some(rehearsal) => Ok(rehearsal.fetch_sysctl(&mut self.live, name)?),
            None => Ok(self.live.sysctl(name)?),
        }
    }

    /// Reads the kernel parameters that a document has: those that are named, and those that were set in this session or in the document
    /// that a simulation began with. The kernel does not tell which ones somebody has set.
    ///
    /// # Errors
    /// [`Error`] if one can't be read, or one that is named is not there.
    pub fn documented_sysctls(
        &mut self,
        named: &[SysctlName],
    ) -> Result<BTreeMap<SysctlName, String>, Error> {
        let mut values = BTreeMap::new();
        let chosen = self.sysctls.borrow().clone();
        for name in chosen {
            if let Some(value) = self.sysctl(&name)? {
                values.insert(name, value);
            }
        }
        for name in named {
            let value = self.sysctl(name)?.ok_or_else(|| Error::Missing {
                what: "kernel parameter",
                object: ObjectId::Sysctl(name.clone()),
            })?;
            values.insert(name.clone(), value);
        }
        Ok(values)
    }

    /// Reads what users without privilege may read, as a table and a list of what is missing from it.
    ///
    /// # Errors
    /// [`Error`] if even that can't be read.
    pub fn table_without_privilege(&mut self) -> Result<(Table, Vec<&'static str>), Error> {
        let reading = ProcReading::parse(&self.live.file(&KernelFile::Services)?);
        let missing = vec![
            "persistence timeouts and engines",
            "scheduler flags",
            "thresholds and tunnels",
            "counters and rates",
            "the family of marks",
            "timeouts and sync daemons",
        ];
        Ok((reading.into_table(), missing))
    }

    /// Returns the kernel's version of IPVS.
    ///
    /// # Errors
    /// [`Error`] if it can't be read.
    pub fn info(&mut self) -> Result<crate::backend::KernelInfo, Error> {
        Ok(self.live.info()?)
    }
}
