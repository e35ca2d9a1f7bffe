//! Taking back what was committed in this session, as a new transaction.

use super::Session;
use super::error::Error;
use super::verbs::{Done, Stage};
use crate::model::{Invalid, ObjectId};
use crate::txn::{Change, Report};

impl Session {
    /// Takes back commits of this session, the latest first; what someone else changed since stands in the way.
    ///
    /// # Errors
    /// [`Error`] names the first object that is not as the commit left it; then nothing is sent.
    pub fn take_back(&mut self, reports: &[Report]) -> Result<Done, Error> {
        self.change(|stage| {
            for change in reports
                .iter()
                .rev()
                .flat_map(|report| report.plan.changes().iter().rev())
            {
                touch(stage, change)?;
                if !is_as_left(stage, change)? {
                    return Err(Invalid::new(
                        "undo",
                        change.object(),
                        "it is no longer as the commit left it: another change stands in the way",
                    )
                    .into());
                }
                for inverse in change.inverse() {
                    stage.perform(&[inverse.operation()])?;
                }
            }
            Ok(())
        })
    }
}

fn touch(stage: &mut Stage<'_>, change: &Change) -> Result<(), Error> {
    let object = change.object();
    if let Some(service) = object.service() {
        stage.rehearsal.touch(stage.live, &[*service])?;
    }
    match object {
        ObjectId::Timeouts => stage.rehearsal.touch_timeouts(stage.live)?,
        ObjectId::Daemon(_) => stage.rehearsal.touch_daemons(stage.live)?,
        ObjectId::Sysctl(name) => {
            stage.rehearsal.touch_sysctl(stage.live, &name)?;
        }
        ObjectId::Service(_) | ObjectId::Destination(..) => {}
    }
    Ok(())
}

/// Tells whether the object of a change is as the change left it.
fn is_as_left(stage: &mut Stage<'_>, change: &Change) -> Result<bool, Error> {
    Ok(match change {
        Change::AddService { key, after } => stage
            .find(key)?
            .is_some_and(|entry| entry.configuration == **after && entry.destinations.is_empty()),
        Change::EditService { key, after, .. } => stage
            .find(key)?
            .is_some_and(|entry| entry.configuration == **after),
        Change::DeleteService { key, .. } => stage.find(key)?.is_none(),
        Change::AddDestination {
            service,
            key,
            after,
        }
        | Change::EditDestination {
            service,
            key,
            after,
            ..
        } => stage.find(service)?.is_some_and(|entry| {
            let found = entry.destinations.get(key);
            found.is_some_and(|found| found.configuration == *after)
        }),
        Change::DeleteDestination { service, key, .. } => stage
            .find(service)?
            .is_some_and(|entry| !entry.destinations.contains_key(key)),
        Change::SetTimeouts { after, .. } => {
            stage.rehearsal.staged_settings()?.timeouts == Some(*after)
        }
        Change::StartDaemon { after } => {
            let daemons = stage
                .rehearsal
                .staged_settings()?
                .daemons
                .unwrap_or_default();
            daemons
                .get(&after.role)
                .is_some_and(|running| after.is_met_by(running))
        }
        Change::StopDaemon { before } => {
            let daemons = stage
                .rehearsal
                .staged_settings()?
                .daemons
                .unwrap_or_default();
            !daemons.contains_key(&before.role)
        }
        Change::SetSysctl { name, after, .. } => {
            stage.rehearsal.touch_sysctl(stage.live, name)?.as_ref() == Some(after)
        }
    })
}
