//! What belongs to the table as a whole: timeouts, sync daemons, kernel parameters.

use super::Session;
use super::error::Error;
use super::rehearsal::stage::{Stage, VerbOutcome};
use crate::backend::Operation;
use crate::model::{DaemonRole, Invalid, ObjectId, SyncDaemon, SysctlName, Timeouts, TimeoutsEdit};

impl Session {
    /// Reads the connection timeouts.
    ///
    /// # Errors
    /// [`Error`] if they can't be read.
    pub fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let Some(rehearsal) = &mut self.staging.rehearsal else {
            return Ok(self.live.timeouts()?);
        };
        rehearsal.fetch_timeouts(&mut self.live)?;
        let timeouts = rehearsal.staged_settings()?.timeouts;
        timeouts.ok_or_else(|| Error::Rehearsal("it has no timeouts".to_owned()))
    }

    /// Sets connection timeouts: what is not named stays.
    ///
    /// # Errors
    /// [`Error`] if a timeout can't be.
    pub fn set_timeouts(&mut self, edit: &TimeoutsEdit) -> Result<VerbOutcome, Error> {
        let wanted = edit.apply(self.timeouts()?)?;
        self.change(|stage| {
            stage.rehearsal.fetch_timeouts(stage.live)?;
            stage.perform(&[Operation::SetTimeouts(wanted)])
        })
    }

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// [`Error`] if one of its role runs already, or it can't be.
    pub fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<VerbOutcome, Error> {
        daemon.check()?;
        self.change(|stage| {
            stage.rehearsal.fetch_daemons(stage.live)?;
            stage.perform(&[Operation::StartDaemon(daemon.clone())])
        })
    }

    /// Stops a sync daemon.
    ///
    /// # Errors
    /// [`Error`] if none of its role runs.
    pub fn stop_daemon(&mut self, role: DaemonRole) -> Result<VerbOutcome, Error> {
        self.change(|stage| {
            stage.rehearsal.fetch_daemons(stage.live)?;
            stage.perform(&[Operation::StopDaemon(role)])
        })
    }

    /// Sets a kernel parameter.
    ///
    /// # Errors
    /// [`Error`] if the kernel has none of that name, or the value can't be.
    pub fn set_sysctl(&mut self, name: &SysctlName, value: &str) -> Result<VerbOutcome, Error> {
        check_sysctl_value(name, value)?;
        self.change(|stage| {
            known_sysctl(stage, name)?;
            stage.perform(&[Operation::SetSysctl {
                name: name.clone(),
                value: value.to_owned(),
            }])
        })
    }
}

/// Reads a kernel parameter that must be there.
pub(super) fn known_sysctl(stage: &mut Stage<'_>, name: &SysctlName) -> Result<String, Error> {
    let value = stage.rehearsal.fetch_sysctl(stage.live, name)?;
    value.ok_or_else(|| Error::Missing {
        what: "kernel parameter",
        object: ObjectId::Sysctl(name.clone()),
    })
}

/// Refuses what can't be one line of a kernel file.
pub(super) fn check_sysctl_value(name: &SysctlName, value: &str) -> Result<(), Invalid> {
    if value.is_empty() || value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Invalid::new(
            format!("value of sysctl {name}"),
            value,
            "it is one line of text",
        ));
    }
    Ok(())
}
