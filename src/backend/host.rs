//! This machine: its names, its clock, and the network namespace.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::NamespaceIdentity;
use super::socket::namespace_cookie;

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

pub(super) fn file_of(path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

/// Returns whether a network namespace, as `DEVICE:INODE`, is to be seen: a process is in it, or it has a name. One that
/// only a socket or a mount elsewhere keeps is not.
#[must_use]
pub fn namespace_is_seen(file: &str) -> bool {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries("/run/netns").map(|entry| entry.path());
    let processes = entries("/proc").map(|entry| entry.path().join("ns/net"));
    let mut places: Box<dyn Iterator<Item = PathBuf>> = Box::new(named.chain(processes));
    places.any(|path| file_of(&path).is_ok_and(|found| found == file))
}

fn name_or_question(pick: impl Fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr) -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| "?".to_owned(),
        |names| pick(&names).to_string_lossy().into_owned(),
    )
}

/// Returns the name of this host; `?` if the system does not tell.
#[must_use]
pub fn host_name() -> String {
    name_or_question(|names| names.nodename())
}

/// Returns the release of this machine's kernel; `?` if the system does not tell.
pub(super) fn release() -> String {
    name_or_question(|names| names.release())
}

/// Returns the time since this machine started, its sleep included: a clock that nobody sets.
#[must_use]
pub fn boot_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .unwrap_or_default()
}
