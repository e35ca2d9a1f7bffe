//! Another writer, as a script plays it in a simulated table.
//!
//! What it does is rehearsed on the table as it stands for others: without what the script's open blocks have staged. What comes of that
//! is a list of requests. They are sent by a handle of their own at a moment of the next commit, so that nothing of the script runs inside a
//! commit, or at a time of the simulation's clock.

use std::time::Duration;

use crate::backend::{Execution, Fate, Ipvs, Operation};
use crate::model::Invalid;
use crate::sim::{Happening, SimulatedKernel};
use crate::txn::{Action, Change, Plan};

use super::rehearsal::{BlockKind, Staging};
use super::{Error, Session};

/// When the requests of another writer reach the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignMoment {
    /// Before a commit reads again what it touches: it finds out, if that is what was changed.
    BeforeReading,
    /// When it has read again and before it sends: only a refusal, or the look at what it sent, tells of it.
    BeforeSending,
    /// When so much time has passed on the simulation's clock.
    After(Duration),
}

/// The other writer of a simulated table.
#[derive(Default)]
pub(super) struct Foreign {
    /// What the session had staged, while the writer rehearses.
    own: Option<Box<Staging>>,
    before_reading: Vec<Operation>,
    before_sending: Vec<Operation>,
}

/// Requests on their way, and a handle of their own.
pub(super) struct ForeignRequests {
    kernel: Ipvs,
    operations: Vec<Operation>,
    refused: Vec<String>,
}

impl ForeignRequests {
    fn new(kernel: &SimulatedKernel, operations: Vec<Operation>) -> Result<Self, Error> {
        Ok(Self {
            kernel: Ipvs::open(Box::new(kernel.another_socket()))?,
            operations,
            refused: Vec::new(),
        })
    }

    /// Sends what was not sent yet.
    pub(super) fn send(&mut self) {
        let operations = std::mem::take(&mut self.operations);
        let Execution { fates, failure } = self.kernel.execute(&operations, &mut || true);
        let refused = operations
            .iter()
            .zip(&fates)
            .filter_map(|(operation, fate)| {
                let Fate::Refused(refusal) = fate else {
                    return None;
                };
                Some(format!("{operation}: {}", refusal.meaning))
            });
        self.refused.extend(refused);
        self.refused.extend(failure.map(|error| error.to_string()));
    }
}

impl Session {
    /// Begins the rehearsal of another writer.
    ///
    /// # Errors
    /// [`Error`] on a kernel's table, in a rehearsal, or if none could be set up.
    pub fn begin_foreign(&mut self) -> Result<(), Error> {
        self.simulation("sim::foreign")?;
        let fresh = self.staging.beside();
        let own = std::mem::replace(&mut self.staging, fresh);
        let begun = self.begin(BlockKind::Rehearsal);
        if let Some(simulated) = &mut self.simulated {
            simulated.foreign.own = Some(Box::new(own));
        }
        if begun.is_err() {
            self.abandon_foreign();
        }
        begun
    }

    /// Drops what another writer rehearsed.
    pub fn abandon_foreign(&mut self) {
        let own = self.simulated.as_mut().and_then(|it| it.foreign.own.take());
        if let Some(own) = own {
            self.staging = *own;
        }
    }

    /// Ends the rehearsal of another writer: its requests are sent at their moment. Returns what they are.
    ///
    /// # Errors
    /// [`Error`] if the plan could not be made.
    pub fn end_foreign(&mut self, moment: ForeignMoment) -> Result<Plan, Error> {
        let plan = self.staged_plan();
        self.abandon_foreign();
        let plan = plan?;
        let changes = plan.changes().iter().map(Change::operation);
        let actions = plan.actions().iter().map(Action::operation);
        let operations: Vec<Operation> = changes.chain(actions).collect();
        if let Some(simulated) = &mut self.simulated {
            let foreign = &mut simulated.foreign;
            let waiting = match moment {
                ForeignMoment::After(time) => {
                    let at = self.live.now().saturating_add(time);
                    for operation in &operations {
                        let request = operation.request().ok_or_else(|| {
                            Invalid::new(
                                "sim::foreign",
                                operation,
                                "at a time of the clock only virtual services, real servers, timeouts and daemons are changed",
                            )
                        })?;
                        let request = Happening::Request(Box::new(request));
                        simulated.kernel.plan(at, request);
                    }
                    return Ok(plan);
                }
                ForeignMoment::BeforeReading => &mut foreign.before_reading,
                ForeignMoment::BeforeSending => &mut foreign.before_sending,
            };
            waiting.extend(operations);
        }
        Ok(plan)
    }

    /// Lets another writer change the table before a commit reads it again, as another program would: under the lock, and into the
    /// table's file.
    pub(super) fn foreign_before_reading(&mut self) -> Result<(), Error> {
        let Some(simulated) = &mut self.simulated else {
            return Ok(());
        };
        let operations = std::mem::take(&mut simulated.foreign.before_reading);
        if operations.is_empty() {
            return Ok(());
        }
        let mut requests = ForeignRequests::new(&simulated.kernel, operations)?;
        let saver = simulated.saver.clone();
        let lock = self.lock()?;
        requests.send();
        if let Some(saver) = saver
            && let Err(text) = saver.save(&mut requests.kernel)
        {
            self.warn(format!(
                "what the foreign writer changed is not saved: {text}"
            ));
        }
        drop(lock);
        self.foreign_over(Some(requests));
        Ok(())
    }

    /// Takes what another writer sends before a commit does.
    pub(super) fn foreign_before_sending(&mut self) -> Result<Option<ForeignRequests>, Error> {
        let Some(simulated) = &mut self.simulated else {
            return Ok(None);
        };
        let operations = std::mem::take(&mut simulated.foreign.before_sending);
        if operations.is_empty() {
            return Ok(None);
        }
        ForeignRequests::new(&simulated.kernel, operations).map(Some)
    }

    /// Tells what was refused of another writer's requests; those that were not sent wait for the next commit.
    pub(super) fn foreign_over(&mut self, requests: Option<ForeignRequests>) {
        let Some(requests) = requests else {
            return;
        };
        for text in requests.refused {
            self.warn(format!("the foreign writer was refused to {text}"));
        }
        if let Some(simulated) = &mut self.simulated {
            simulated.foreign.before_sending.extend(requests.operations);
        }
    }
}
