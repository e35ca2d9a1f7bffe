//! The conversation with a kernel: requests out, replies in, nothing lost unnoticed.

use std::fmt;
use std::time::{Duration, Instant};

use super::error::BackendError;
use super::lock::{Holder, Lock, LockError};
use super::transport::{Identity, KernelFile, Transport, TransportError};
use super::{Errno, convert};
use crate::model::{DaemonRole, SyncDaemon, SysctlName, Timeouts};
use crate::wire::{
    Counting, Message, Messages, Record, Request, decode_family_id, encode_family_lookup, uapi,
};

/// How often a reading is tried again after replies were lost.
pub(super) const ATTEMPTS: u32 = 3;

/// What a kernel says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelInfo {
    /// The version of IPVS: major, minor, patch.
    pub version: (u32, u32, u32),
    /// Buckets of the connection table; newer kernels say 0 before the first service.
    pub connection_table_size: u32,
}

/// Why a conversation ended before the last answer.
pub(super) enum Broken {
    /// Replies are missing.
    Lost,
    /// The way to the kernel failed.
    Failed(BackendError),
}

impl Broken {
    /// Keeps what is worth another attempt as `last`, and returns what is not.
    pub(super) fn unless_passing(
        self,
        last: &mut Option<BackendError>,
    ) -> Result<(), BackendError> {
        match self {
            Self::Lost => Ok(()),
            Self::Failed(error @ BackendError::Transport(TransportError::NotSent { .. })) => {
                *last = Some(error);
                Ok(())
            }
            Self::Failed(error) => Err(error),
        }
    }
}

impl From<TransportError> for Broken {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Overrun => Self::Lost,
            other => Self::Failed(other.into()),
        }
    }
}

/// How to wait for the commit lock.
pub struct LockWait<'a> {
    /// How long at most.
    pub longest: Duration,
    /// Asked now and then: the number of a signal that ends the wait, if one came.
    pub signal: &'a dyn Fn() -> Option<i32>,
    /// Told once who is waited for; `None` can't be seen from here.
    pub told: &'a dyn Fn(Option<&Holder>),
}

impl LockWait<'static> {
    /// Does not wait.
    pub const NONE: Self = Self {
        longest: Duration::ZERO,
        signal: &|| None,
        told: &|_| {},
    };
}

/// Why the commit lock was not had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLocked {
    /// Another program held it all the time.
    Held {
        /// How long it was waited for.
        waited: Duration,
        /// Who held it; `None` can't be seen from here.
        by: Option<Holder>,
    },
    /// A signal ended the wait.
    Interrupted(i32),
    /// It can't be taken at all.
    Failed(BackendError),
}

/// A client of one kernel's IPVS, over one socket.
pub struct Ipvs {
    pub(super) transport: Box<dyn Transport>,
    pub(super) family: u16,
    pub(super) sequence: u32,
    pub(super) outgoing: Vec<u8>,
    pub(super) batch: usize,
    /// Datagrams that the last conversation brought.
    pub(super) parts: usize,
}

impl Ipvs {
    /// Finds the family; a kernel that has the module but did not load it does so now.
    ///
    /// # Errors
    /// [`BackendError::NoIpvs`] or a failure of the transport.
    pub fn open(transport: Box<dyn Transport>) -> Result<Self, BackendError> {
        let mut ipvs = Self {
            transport,
            family: 0,
            sequence: 0,
            outgoing: Vec::new(),
            batch: super::execute::REQUESTS_PER_DATAGRAM,
            parts: 0,
        };
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let sequence = ipvs.next_sequences(1);
            ipvs.outgoing.clear();
            encode_family_lookup(&mut ipvs.outgoing, sequence);
            let mut found = Err(BackendError::NoIpvs);
            match ipvs.converse(sequence, sequence, &mut |message| {
                found = match message.kind {
                    uapi::NLMSG_ERROR => match message.acknowledgement()?.errno {
                        libc::ENOENT => Err(BackendError::NoIpvs),
                        number => Err(BackendError::Refused {
                            what: "the family IPVS".to_owned(),
                            errno: Errno::from_number(number),
                        }),
                    },
                    _ => Ok(decode_family_id(message)?),
                };
                Ok(())
            }) {
                Ok(()) => {
                    ipvs.family = found?;
                    return Ok(ipvs);
                }
                Err(broken) => broken.unless_passing(&mut last)?,
            }
        }
        Err(last.unwrap_or_else(|| lost("the family IPVS")))
    }

    pub(super) fn next_sequences(&mut self, count: u32) -> u32 {
        // Zero is what replies without a request carry.
        if self.sequence > u32::MAX - count - 1 {
            self.sequence = 0;
        }
        let first = self.sequence + 1;
        self.sequence += count;
        first
    }

    /// Sends what is in `outgoing` and hands the replies to `keep` until the last request is answered.
    pub(super) fn converse(
        &mut self,
        first: u32,
        last: u32,
        keep: &mut dyn FnMut(&Message<'_>) -> Result<(), BackendError>,
    ) -> Result<(), Broken> {
        self.transport.send(&self.outgoing)?;
        self.collect(first, last, keep)
    }

    fn collect(
        &mut self,
        first: u32,
        last: u32,
        keep: &mut dyn FnMut(&Message<'_>) -> Result<(), BackendError>,
    ) -> Result<(), Broken> {
        let mut ended = false;
        let mut damaged = false;
        self.parts = 0;
        loop {
            let received = self.transport.receive(&mut |datagram| {
                for message in Messages::new(datagram) {
                    let Ok(message) = message else {
                        damaged = true;
                        break;
                    };
                    // What an earlier, broken conversation left behind answers nothing here.
                    if !(first..=last).contains(&message.sequence) {
                        continue;
                    }
                    let answers_last =
                        message.sequence == last && message.flags & uapi::NLM_F_MULTI == 0;
                    ended |= answers_last
                        || (message.sequence == last
                            && matches!(message.kind, uapi::NLMSG_DONE | uapi::NLMSG_ERROR));
                    if message.kind != uapi::NLMSG_DONE && keep(&message).is_err() {
                        damaged = true;
                    }
                }
            });
            match received {
                Ok(0) => return Err(Broken::Lost),
                Ok(count) => self.parts += count,
                Err(TransportError::Overrun) => {
                    // The kernel queues nothing new until all is taken.
                    while !matches!(self.transport.receive(&mut |_| ()), Ok(0) | Err(_)) {}
                    return Err(Broken::Lost);
                }
                Err(other) => return Err(Broken::Failed(other.into())),
            }
            if ended {
                return if damaged { Err(Broken::Lost) } else { Ok(()) };
            }
        }
    }

    /// Runs one dump and returns its records; empties what a lost attempt collected.
    pub(super) fn dump(
        &mut self,
        request: &Request,
        counting: Counting,
        what: &dyn fmt::Display,
    ) -> Result<Vec<Record>, BackendError> {
        let mut records = Vec::new();
        let mut last = None;
        for _ in 0..ATTEMPTS {
            records.clear();
            let sequence = self.next_sequences(1);
            self.outgoing.clear();
            request.encode(&mut self.outgoing, self.family, 0, sequence);
            let mut refused = None;
            let ended = self.converse(sequence, sequence, &mut |message| {
                if message.kind == uapi::NLMSG_ERROR {
                    refused = Some(Errno::from_number(message.acknowledgement()?.errno));
                } else {
                    records.push(Record::decode(message, counting)?);
                }
                Ok(())
            });
            match (ended, refused) {
                (Ok(()), None) => return Ok(records),
                (Ok(()), Some(Errno::EBUSY)) => {}
                (Ok(()), Some(errno)) => {
                    return Err(refused_reading(&what.to_string(), errno));
                }
                (Err(broken), _) => broken.unless_passing(&mut last)?,
            }
        }
        Err(last.unwrap_or_else(|| lost(&what.to_string())))
    }

    /// Asks for one record.
    fn get(&mut self, request: &Request, what: &str) -> Result<Record, BackendError> {
        self.dump(request, Counting::Widest, &what)?
            .pop()
            .ok_or_else(|| lost(what))
    }

    /// Asks the kernel for its version and the size of its connection table.
    ///
    /// # Errors
    /// [`BackendError`] if it can't be read.
    pub fn info(&mut self) -> Result<KernelInfo, BackendError> {
        let Record::Info(info) = self.get(&Request::GetInfo, "the kernel's version")? else {
            return Err(lost("the kernel's version"));
        };
        let version = info.version.unwrap_or_default();
        Ok(KernelInfo {
            version: (version >> 16 & 0xff, version >> 8 & 0xff, version & 0xff),
            connection_table_size: info.connection_table_size.unwrap_or_default(),
        })
    }

    /// Reads the connection timeouts.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn timeouts(&mut self) -> Result<Timeouts, BackendError> {
        let Record::Config(config) = self.get(&Request::GetConfig, "the timeouts")? else {
            return Err(lost("the timeouts"));
        };
        Ok(convert::timeouts_of(&config))
    }

    /// Reads the running sync daemons.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn daemons(
        &mut self,
    ) -> Result<std::collections::BTreeMap<DaemonRole, SyncDaemon>, BackendError> {
        let records = self.fetch_daemons()?;
        let daemons = records.iter().filter_map(convert::daemon_of);
        Ok(daemons.map(|daemon| (daemon.role, daemon)).collect())
    }

    /// Fetches the records of the sync daemons as they are.
    ///
    /// # Errors
    /// [`BackendError`] if they can't be read.
    pub fn fetch_daemons(&mut self) -> Result<Vec<crate::wire::DaemonAttributes>, BackendError> {
        let records = self.dump(
            &Request::DumpDaemons,
            Counting::Nothing,
            &"the sync daemons",
        )?;
        let daemons = records.into_iter().filter_map(|record| match record {
            Record::Daemon(daemon) => Some(daemon),
            _ => None,
        });
        Ok(daemons.collect())
    }

    /// Reads a kernel file as text.
    ///
    /// # Errors
    /// [`BackendError::File`] if it can't be read.
    pub fn file(&mut self, file: &KernelFile) -> Result<Vec<u8>, BackendError> {
        self.transport
            .read_file(file)
            .map_err(|error| BackendError::File {
                path: file.path(),
                text: error.to_string(),
            })
    }

    /// Reads a kernel parameter; `None` if this kernel has none of that name.
    ///
    /// # Errors
    /// [`BackendError::File`] if it is there and can't be read.
    pub fn sysctl(&mut self, name: &SysctlName) -> Result<Option<String>, BackendError> {
        let file = KernelFile::Sysctl(name.as_str().to_owned());
        match self.transport.read_file(&file) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Ok(Some(text.split_whitespace().collect::<Vec<_>>().join(" ")))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(BackendError::Unreadable { path: file.path() })
            }
            Err(error) => Err(BackendError::File {
                path: file.path(),
                text: error.to_string(),
            }),
        }
    }

    /// Waits for the commit lock as a [`LockWait`] says.
    ///
    /// # Errors
    /// [`NotLocked`] says what came between.
    pub fn lock(&mut self, wait: &LockWait<'_>) -> Result<Lock, NotLocked> {
        /// How long a signal may go unseen.
        const STEP: Duration = Duration::from_millis(100);
        // Other programs take real time, also where that of the table is virtual.
        let begun = Instant::now();
        let mut is_told = false;
        loop {
            let waited = begun.elapsed();
            let left = wait.longest.saturating_sub(waited);
            let by = match self.transport.lock(left.min(STEP)) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(by)) => by,
                Err(LockError::Failed(error)) => {
                    let missing = error.kind() == std::io::ErrorKind::PermissionDenied;
                    return Err(NotLocked::Failed(if missing {
                        BackendError::NoPermission
                    } else {
                        BackendError::Lock(error.to_string())
                    }));
                }
            };
            if let Some(signal) = (wait.signal)() {
                return Err(NotLocked::Interrupted(signal));
            }
            let waited = begun.elapsed();
            if waited >= wait.longest {
                return Err(NotLocked::Held { waited, by });
            }
            if !is_told {
                is_told = true;
                (wait.told)(by.as_ref());
            }
        }
    }

    /// Hands a file of the kernel over in pieces.
    ///
    /// # Errors
    /// [`BackendError::File`] if it can't be read, or not to its end.
    pub fn stream_file(
        &mut self,
        file: &KernelFile,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), BackendError> {
        self.transport
            .stream_file(file, sink)
            .map_err(|error| BackendError::File {
                path: file.path(),
                text: error.to_string(),
            })
    }

    /// Returns which table it is.
    ///
    /// # Errors
    /// [`BackendError::File`] if the system does not tell.
    pub fn identity(&self) -> Result<Identity, BackendError> {
        self.transport
            .identity()
            .map_err(|error| BackendError::File {
                path: "/proc/thread-self/ns/net".to_owned(),
                text: error.to_string(),
            })
    }

    /// Returns the release of the kernel; `None` is a simulation.
    #[must_use]
    pub fn release(&self) -> Option<String> {
        self.transport.release()
    }

    /// Returns the time since the machine of the kernel started.
    #[must_use]
    pub fn boot_time(&self) -> Duration {
        self.transport.boot_time()
    }

    /// Lets time pass.
    pub fn sleep(&mut self, duration: Duration) {
        self.transport.sleep(duration);
    }

    /// Returns the transport's clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.transport.now()
    }
}

pub(super) fn lost(what: &str) -> BackendError {
    BackendError::Lost {
        what: what.to_owned(),
        attempts: ATTEMPTS,
    }
}

pub(super) fn refused_reading(what: &str, errno: Errno) -> BackendError {
    match errno {
        Errno::EPERM => BackendError::NoPermission,
        errno => BackendError::Refused {
            what: what.to_owned(),
            errno,
        },
    }
}
