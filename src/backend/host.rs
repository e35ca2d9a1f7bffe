//! The names of this host, of its kernel, and of the network namespace.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::socket::namespace_cookie;

/// Which network namespace it is, until the machine starts anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceIdentity {
    /// What tells one start of the machine from the next.
    pub boot: String,
    /// Device and inode, as `DEVICE:INODE`; the kernel gives them to another namespace when this one is gone.
    pub file: String,
    /// A number that no other namespace gets; `None` before Linux 5.14.
    pub cookie: Option<u64>,
}

/// Returns which network namespace the calling thread is in.
///
/// # Errors
/// The system's error.
pub fn namespace_identity() -> io::Result<NamespaceIdentity> {
    Ok(NamespaceIdentity {
        boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned(),
        file: file_of(Path::new("/proc/thread-self/ns/net"))?,
        cookie: namespace_cookie(),
    })
}

fn file_of(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

/// Tells whether a network namespace, as `DEVICE:INODE`, is to be seen: a process is in it, or it has a name. One that
/// only a socket or a mount elsewhere keeps is not.
#[must_use]
pub fn namespace_is_seen(file: &str) -> bool {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries("/run/netns").map(|entry| entry.path());
    let processes = entries("/proc").map(|entry| entry.path().join("ns/net"));
    let mut places: Box<dyn Iterator<Item = PathBuf>> = Box::new(named.chain(processes));
    places.any(|path| file_of(&path).is_ok_and(|found| found == file))
}

/// Returns the name of this host and the release of its kernel; what the system does not tell is `?`.
#[must_use]
pub fn host_and_release() -> (String, String) {
    let Ok(names) = nix::sys::utsname::uname() else {
        return ("?".to_owned(), "?".to_owned());
    };
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    (text(names.nodename()), text(names.release()))
}
