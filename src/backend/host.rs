//! The names of this host and of its kernel.

/// Returns the name of this host and the release of its kernel; what the system does not tell is `?`.
#[must_use]
pub fn host_and_release() -> (String, String) {
    let Ok(names) = nix::sys::utsname::uname() else {
        return ("?".to_owned(), "?".to_owned());
    };
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    (text(names.nodename()), text(names.release()))
}
