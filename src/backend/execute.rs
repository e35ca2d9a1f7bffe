//! Many requests in one datagram, and the fate of each.

use std::time::Duration;

use super::client::{Broken, Ipvs};
use super::error::BackendError;
use super::transport::{KernelFile, TransportError};
use super::{Errno, Operation, Refusal};
use crate::wire::{Request, uapi};

/// Requests in one datagram: nearly all of the gain, with room for every refusal in the receive buffer.
pub(super) const REQUESTS_PER_DATAGRAM: usize = 128;
/// Never fewer than this, however slow the kernel.
const FEWEST_REQUESTS: usize = 8;
/// A datagram that takes longer makes the next one half as large: others want the kernel's lock too.
const LONG: Duration = Duration::from_millis(50);

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The kernel did it.
    Done,
    /// The kernel refused it.
    Refused(Box<Refusal>),
    /// It was sent, and its answer was lost.
    Unknown,
    /// It was not sent.
    NotSent,
}

/// What became of a list of operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// One fate for each operation, in their order.
    pub fates: Vec<Fate>,
    /// Why the sending ended early, if the way to the kernel failed.
    pub failure: Option<BackendError>,
}

impl Execution {
    /// Returns whether every operation was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failure.is_none() && self.fates.iter().all(|fate| *fate == Fate::Done)
    }
}

impl Ipvs {
    /// Sends operations in order, many to a datagram. Sending ends behind the datagram in which one was refused
    /// or its answer lost, and where `proceed`, asked before each datagram, says no.
    pub fn execute(
        &mut self,
        operations: &[Operation],
        proceed: &mut dyn FnMut() -> bool,
    ) -> Execution {
        let mut execution = Execution {
            fates: vec![Fate::NotSent; operations.len()],
            failure: None,
        };
        let mut start = 0;
        while start < operations.len() {
            if !proceed() {
                break;
            }
            let end = if let Operation::SetSysctl { name, value } = &operations[start] {
                execution.fates[start] =
                    self.write_sysctl(&operations[start], name.as_str(), value);
                start + 1
            } else {
                let end = end_of_batch(operations, start, self.batch);
                let fates = &mut execution.fates[start..end];
                if let Err(error) = self.send_batch(&operations[start..end], fates) {
                    execution.failure = Some(error);
                    break;
                }
                end
            };
            if execution.fates[start..end]
                .iter()
                .any(|fate| *fate != Fate::Done)
            {
                break;
            }
            start = end;
        }
        execution
    }

    /// Sends one datagram with a request of our own at its end: its answer says that all others were answered.
    fn send_batch(
        &mut self,
        operations: &[Operation],
        fates: &mut [Fate],
    ) -> Result<(), BackendError> {
        let count = u32::try_from(operations.len()).unwrap_or(u32::MAX / 2);
        let first = self.next_sequences(count + 1);
        let barrier = first + count;
        self.outgoing.clear();
        for (sequence, operation) in (first..).zip(operations) {
            if let Some(request) = operation.request() {
                request.encode(&mut self.outgoing, self.family, 0, sequence);
            }
        }
        Request::GetInfo.encode(&mut self.outgoing, self.family, 0, barrier);
        let begun = self.transport.now();
        let mut refusals = Vec::new();
        let mut blind = false;
        let ended = self.converse(first, barrier, &mut |message| {
            if message.kind == uapi::NLMSG_ERROR && message.sequence == barrier {
                // Even the barrier was refused: so was everything before it, each by its own answer.
                blind = false;
            } else if message.kind == uapi::NLMSG_ERROR {
                let answer = message.acknowledgement()?;
                if answer.errno != 0 {
                    refusals.push((message.sequence - first, answer));
                }
            }
            Ok(())
        });
        if self.transport.now().saturating_sub(begun) > LONG {
            self.batch = (self.batch / 2).max(FEWEST_REQUESTS);
        }
        match ended {
            Ok(()) => {}
            Err(Broken::Lost) => blind = true,
            Err(Broken::Failed(BackendError::Transport(
                error @ TransportError::NotSent { .. },
            ))) => {
                return Err(error.into());
            }
            Err(Broken::Failed(error)) => {
                fates.fill(Fate::Unknown);
                return Err(error);
            }
        }
        fates.fill(if blind { Fate::Unknown } else { Fate::Done });
        for (index, answer) in refusals {
            let index = index as usize;
            if let (Some(fate), Some(operation)) = (fates.get_mut(index), operations.get(index)) {
                let errno = Errno::from_number(answer.errno);
                *fate = Fate::Refused(Box::new(Refusal::explain(operation, errno, answer.text)));
            }
        }
        Ok(())
    }

    fn write_sysctl(&mut self, operation: &Operation, name: &str, value: &str) -> Fate {
        let file = KernelFile::Sysctl(name.to_owned());
        match self.transport.write_file(&file, value.as_bytes()) {
            Ok(()) => Fate::Done,
            Err(error) => {
                let errno = Errno::from_number(error.raw_os_error().unwrap_or(libc::EIO));
                Fate::Refused(Box::new(Refusal::explain(operation, errno, None)))
            }
        }
    }
}

fn end_of_batch(operations: &[Operation], start: usize, most: usize) -> usize {
    let length = operations[start..]
        .iter()
        .take(most)
        .take_while(|operation| !matches!(operation, Operation::SetSysctl { .. }))
        .count();
    start + length
}
