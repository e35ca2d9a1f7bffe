//! A transport that fails where it is told to, for tests of everything that must survive it.

use std::io;
use std::time::Duration;

use crate::backend::transport::{Identity, KernelFile, Lock, LockError, Transport, TransportError};
use crate::wire::{Messages, finish, put_header, uapi as k};

/// What goes wrong. Messages, datagrams and replies are counted from 0, from the moment the fault is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The n-th message that changes something is refused with EINVAL and not executed.
    RefuseChange(usize),
    /// Every message that changes something is refused from the n-th on.
    RefuseFrom(usize),
    /// The n-th message that changes something is not executed, and no one says so.
    SwallowChange(usize),
    /// The n-th datagram vanishes on its way to the kernel.
    DropDatagram(usize),
    /// The n-th datagram is not taken by the system.
    RefuseDatagram(usize),
    /// The n-th datagram arrives without its second half.
    TruncateDatagram(usize),
    /// The n-th datagram takes a second.
    DelayDatagram(usize),
    /// The n-th reply vanishes.
    DropReply(usize),
    /// The n-th reply loses its second half.
    TruncateReply(usize),
    /// The n-th reply comes behind the replies to the next datagram.
    DelayReply(usize),
    /// Before the n-th reply the system says that replies were lost, and they are.
    Overrun(usize),
    /// The n-th write of a kernel file is refused.
    RefuseWrite(usize),
}

/// A transport with faults planted in it.
pub struct Faulty {
    inner: Box<dyn Transport>,
    faults: Vec<Fault>,
    changes: usize,
    datagrams: usize,
    replies: usize,
    writes: usize,
    late: Vec<Vec<u8>>,
    forged: Vec<Vec<u8>>,
    extra_time: Duration,
}

impl Faulty {
    /// Wraps a transport.
    #[must_use]
    pub fn new(inner: Box<dyn Transport>, faults: &[Fault]) -> Self {
        Self {
            inner,
            faults: faults.to_vec(),
            changes: 0,
            datagrams: 0,
            replies: 0,
            writes: 0,
            late: Vec::new(),
            forged: Vec::new(),
            extra_time: Duration::ZERO,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn refuses(&self, number: usize) -> bool {
        self.faults.iter().any(|fault| match fault {
            Fault::RefuseChange(at) => *at == number,
            Fault::RefuseFrom(from) => *from <= number,
            _ => false,
        })
    }

    /// Takes out the messages that shall be refused and forges their refusals.
    fn sift(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(datagram.len());
        for message in Messages::new(datagram).flatten() {
            let family = message.kind >= k::NLMSG_MIN_TYPE && message.kind != k::GENL_ID_CTRL;
            let reads = matches!(
                message.command(),
                Ok(k::IPVS_CMD_GET_SERVICE
                    | k::IPVS_CMD_GET_DEST
                    | k::IPVS_CMD_GET_DAEMON
                    | k::IPVS_CMD_GET_CONFIG
                    | k::IPVS_CMD_GET_INFO)
            );
            if family && !reads {
                let number = self.changes;
                self.changes += 1;
                if self.has(Fault::SwallowChange(number)) {
                    continue;
                }
                if self.refuses(number) {
                    let mut reply = Vec::new();
                    let start = put_header(
                        &mut reply,
                        k::NLMSG_ERROR,
                        k::NLM_F_CAPPED,
                        message.sequence,
                    );
                    reply.extend_from_slice(&(-22i32).to_ne_bytes());
                    reply.extend_from_slice(&message.bytes[..k::NLMSG_HDRLEN]);
                    finish(&mut reply, start);
                    self.forged.push(reply);
                    continue;
                }
            }
            kept.extend_from_slice(message.bytes);
            kept.resize(kept.len().next_multiple_of(4), 0);
        }
        kept
    }
}

impl Transport for Faulty {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        let number = self.datagrams;
        self.datagrams += 1;
        if self.has(Fault::RefuseDatagram(number)) {
            return Err(TransportError::NotSent {
                errno: 105,
                text: "planted fault".to_owned(),
            });
        }
        if self.has(Fault::DropDatagram(number)) {
            return Ok(());
        }
        if self.has(Fault::DelayDatagram(number)) {
            self.extra_time += Duration::from_secs(1);
        }
        let mut sifted = self.sift(datagram);
        if self.has(Fault::TruncateDatagram(number)) {
            sifted.truncate(sifted.len() / 2);
        }
        self.inner.send(&sifted)
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        // Forged refusals come first: the real answers end with the barrier's.
        let mut arrived: Vec<Vec<u8>> = std::mem::take(&mut self.forged);
        self.inner
            .receive(&mut |datagram| arrived.push(datagram.to_vec()))?;
        let late = std::mem::take(&mut self.late);
        let mut count = 0;
        let mut overrun = false;
        for mut reply in arrived {
            let number = self.replies;
            self.replies += 1;
            if overrun || self.has(Fault::Overrun(number)) {
                overrun = true;
            } else if self.has(Fault::DelayReply(number)) {
                self.late.push(reply);
            } else if !self.has(Fault::DropReply(number)) {
                if self.has(Fault::TruncateReply(number)) {
                    reply.truncate(reply.len() / 2);
                }
                sink(&reply);
                count += 1;
            }
        }
        if overrun {
            return Err(TransportError::Overrun);
        }
        if count > 0 {
            for reply in late {
                sink(&reply);
                count += 1;
            }
        } else {
            self.late.extend(late);
        }
        Ok(count)
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.inner.stream_file(file, sink)
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        let number = self.writes;
        self.writes += 1;
        if self.has(Fault::RefuseWrite(number)) {
            return Err(io::Error::from_raw_os_error(22));
        }
        self.inner.write_file(file, contents)
    }

    fn identity(&self) -> io::Result<Identity> {
        self.inner.identity()
    }

    fn release(&self) -> Option<String> {
        self.inner.release()
    }

    fn boot_time(&self) -> Duration {
        self.inner.boot_time()
    }

    fn now(&self) -> Duration {
        self.inner.now() + self.extra_time
    }

    fn sleep(&mut self, duration: Duration) {
        self.inner.sleep(duration);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.inner.lock(wait)
    }
}
