//! The kernel behind [`Transport`]: one netlink socket, the files of `/proc`, the clock, the lock.
//!
//! Unsafe code stands here because no safe wrapper offers `recvmmsg(2)` and the buffer options; each block
//! says why it is sound.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;

use super::error::BackendError;
use super::host::{boot_time, namespace_identity, release};
use super::lock::{CommitLock, Lock, LockError};
use super::transport::{Identity, KernelFile, Transport, TransportError};

/// Reply datagrams taken by one system call.
const SLOTS: usize = 32;
/// The kernel makes dump datagrams as large as the largest buffer it saw, and clears that much for each: a table is
/// a few large dumps and very many small ones.
const SLOT_BYTES: usize = 8 * 1024;
/// Room for the unread replies of a batch: some 900 bytes are charged for each.
const RECEIVE_BUFFER: libc::c_int = 1 << 20;

/// The running kernel, in the network namespace of the calling thread.
pub struct KernelTransport {
    socket: NlSocket,
    slots: Vec<u8>,
    start: Instant,
    commit_lock: CommitLock,
}

impl KernelTransport {
    /// Opens a socket in the network namespace of the calling thread, which must stay in it.
    ///
    /// # Errors
    /// [`BackendError::Socket`] if the system gives none.
    pub fn open() -> Result<Self, BackendError> {
        let wrong = |error: io::Error| BackendError::Socket(error.to_string());
        let socket = NlSocket::connect(NlFamily::Generic, None, Groups::empty()).map_err(wrong)?;
        let fd = socket.as_raw_fd();
        socket.enable_ext_ack(true).map_err(wrong)?;
        // Refusals come back without a copy of the request: smaller, and more of them fit the buffer.
        set_option(fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1).map_err(wrong)?;
        // Without the right to exceed the system's limit the default has to do; batches fit it.
        if set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER).is_err() {
            set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER).map_err(wrong)?;
        }
        Ok(Self {
            socket,
            slots: vec![0; SLOTS * SLOT_BYTES],
            start: Instant::now(),
            commit_lock: CommitLock::of_namespace(),
        })
    }
}

fn set_option(
    fd: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the length describe `value`, which lives through the call; the kernel only reads it.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Returns the number that the kernel gives to the network namespace of the calling thread and to no other one until
/// the machine starts anew; `None` before Linux 5.14, which has none.
pub(super) fn namespace_cookie() -> Option<u64> {
    let socket = std::os::unix::net::UnixDatagram::unbound().ok()?;
    let mut cookie = 0u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).ok()?;
    // SAFETY: the pointers lead to `cookie` and to its length, which both outlive the call; the kernel writes at most
    // that many bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    (result == 0 && usize::try_from(length) == Ok(size_of::<u64>())).then_some(cookie)
}

/// What one slot received.
struct Received {
    length: usize,
    truncated: bool,
}

/// Takes up to [`SLOTS`] queued datagrams without waiting.
fn receive_many(fd: RawFd, slots: &mut [u8]) -> io::Result<Vec<Received>> {
    let mut vectors: Vec<libc::iovec> = slots
        .chunks_exact_mut(SLOT_BYTES)
        .map(|slot| libc::iovec {
            iov_base: slot.as_mut_ptr().cast(),
            iov_len: slot.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = vectors
        .iter_mut()
        .map(|vector| {
            // SAFETY: `mmsghdr` is a plain C structure of integers and pointers, for which zero is valid.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header
        })
        .collect();
    let count = libc::c_uint::try_from(headers.len()).map_err(io::Error::other)?;
    loop {
        // SAFETY: each header points at its own vector, each vector at its own slot; all outlive the call, and
        // the kernel writes at most `iov_len` bytes to each.
        let taken = unsafe {
            libc::recvmmsg(
                fd,
                headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(taken) = usize::try_from(taken) else {
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock => return Ok(Vec::new()),
                _ => return Err(error),
            }
        };
        let received = headers.iter().take(taken).map(|header| Received {
            length: header.msg_len as usize,
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        });
        return Ok(received.collect());
    }
}

impl Transport for KernelTransport {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        loop {
            match self.socket.send(datagram, Msg::empty()) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(TransportError::NotSent {
                        errno: error.raw_os_error().unwrap_or_default(),
                        text: error.to_string(),
                    });
                }
            }
        }
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        let received =
            receive_many(self.socket.as_raw_fd(), &mut self.slots).map_err(|error| match error
                .raw_os_error()
            {
                Some(libc::ENOBUFS) => TransportError::Overrun,
                number => TransportError::NotReceived {
                    errno: number.unwrap_or_default(),
                    text: error.to_string(),
                },
            })?;
        let mut whole = true;
        for (slot, datagram) in self.slots.chunks_exact(SLOT_BYTES).zip(&received) {
            whole &= !datagram.truncated;
            sink(slot.get(..datagram.length).unwrap_or_default());
        }
        if whole {
            Ok(received.len())
        } else {
            Err(TransportError::Overrun)
        }
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        /// The kernel hands out such files a few kilobytes at a time, whatever is asked for.
        const PIECE: usize = 64 * 1024;
        let path = match file {
            KernelFile::SysctlNames => {
                sink(&directory(&file.path())?);
                return Ok(());
            }
            KernelFile::AvailableModules | KernelFile::BuiltinModules => {
                let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
                file.path().replace("RELEASE", release.trim())
            }
            _ => file.path(),
        };
        let mut opened = File::open(path)?;
        let mut buffer = vec![0; PIECE];
        loop {
            let mut filled = 0;
            while filled < PIECE {
                match opened.read(&mut buffer[filled..]) {
                    Ok(0) => {
                        sink(&buffer[..filled]);
                        return Ok(());
                    }
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            sink(&buffer);
        }
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .open(file.path())?
            .write_all(contents)
    }

    fn identity(&self) -> io::Result<Identity> {
        namespace_identity().map(Identity::Namespace)
    }

    fn release(&self) -> Option<String> {
        Some(release())
    }

    fn boot_time(&self) -> Duration {
        boot_time()
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.commit_lock.take(wait)
    }
}

/// Lists a directory as a file: one name a line, sorted.
fn directory(path: &str) -> io::Result<Vec<u8>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join("\n").into_bytes())
}
