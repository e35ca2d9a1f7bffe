//! Keeps a copy of every datagram that is sent: the proof of what was asked, and of what was not.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::lock::{Lock, LockError};
use super::transport::{Identity, KernelFile, Transport, TransportError};

/// The datagrams that went through a [`Capture`], oldest first.
pub type CapturedDatagrams = Rc<RefCell<Vec<Vec<u8>>>>;

/// A transport that passes everything on and remembers what was sent.
pub struct Capture {
    inner: Box<dyn Transport>,
    sent: CapturedDatagrams,
}

impl Capture {
    /// Wraps a transport; the second value fills as datagrams are sent.
    #[must_use]
    pub fn new(inner: Box<dyn Transport>) -> (Self, CapturedDatagrams) {
        let sent = CapturedDatagrams::default();
        (
            Self {
                inner,
                sent: Rc::clone(&sent),
            },
            sent,
        )
    }
}

impl Transport for Capture {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.sent.borrow_mut().push(datagram.to_vec());
        self.inner.send(datagram)
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        self.inner.receive(sink)
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.inner.stream_file(file, sink)
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
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
        self.inner.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.inner.sleep(duration);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.inner.lock(wait)
    }
}
