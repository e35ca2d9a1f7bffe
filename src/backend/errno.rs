//! Error numbers of the kernel, by name.

use std::fmt;

/// An error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Self = Self(libc::EPERM);
    /// No such scheduler, engine or real server; for the family, no IPVS.
    pub const ENOENT: Self = Self(libc::ENOENT);
    /// No such service or daemon.
    pub const ESRCH: Self = Self(libc::ESRCH);
    /// A dump is running on this socket.
    pub const EBUSY: Self = Self(libc::EBUSY);
    /// Already there.
    pub const EEXIST: Self = Self(libc::EEXIST);
    /// No such network interface.
    pub const ENODEV: Self = Self(libc::ENODEV);
    /// Not valid.
    pub const EINVAL: Self = Self(libc::EINVAL);
    /// Out of range.
    pub const ERANGE: Self = Self(libc::ERANGE);
    /// Not supported by this kernel.
    pub const EOPNOTSUPP: Self = Self(libc::EOPNOTSUPP);
    /// The address family is not supported.
    pub const EAFNOSUPPORT: Self = Self(libc::EAFNOSUPPORT);
    /// No access.
    pub const EACCES: Self = Self(libc::EACCES);
    /// No memory.
    pub const ENOMEM: Self = Self(libc::ENOMEM);
    /// The option, or what answers to it, is not there.
    pub const ENOPROTOOPT: Self = Self(libc::ENOPROTOOPT);
    /// Too long.
    pub const EMSGSIZE: Self = Self(libc::EMSGSIZE);
    /// No route.
    pub const ENETUNREACH: Self = Self(libc::ENETUNREACH);

    const NAMES: [(Self, &'static str); 16] = [
        (Self::EPERM, "EPERM"),
        (Self::ENOENT, "ENOENT"),
        (Self::ESRCH, "ESRCH"),
        (Self::EBUSY, "EBUSY"),
        (Self::EEXIST, "EEXIST"),
        (Self::ENODEV, "ENODEV"),
        (Self::EINVAL, "EINVAL"),
        (Self::ERANGE, "ERANGE"),
        (Self::EOPNOTSUPP, "EOPNOTSUPP"),
        (Self::EAFNOSUPPORT, "EAFNOSUPPORT"),
        (Self::EACCES, "EACCES"),
        (Self::ENOMEM, "ENOMEM"),
        (Self::ENETUNREACH, "ENETUNREACH"),
        (Self::ENOPROTOOPT, "ENOPROTOOPT"),
        (Self::EMSGSIZE, "EMSGSIZE"),
        (Self(libc::EFAULT), "EFAULT"),
    ];

    /// Returns the error of a name, such as `ENOENT`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(errno, _)| *errno)
    }

    /// Takes a positive error number.
    #[must_use]
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Returns the words of the C library, such as `No such device`.
    #[must_use]
    pub fn text(self) -> String {
        crate::model::reason(&std::io::Error::from_raw_os_error(self.0))
    }

    /// Returns the name, such as `ENOENT`; numbers without one here are shown as `errno N`.
    #[must_use]
    pub fn name(self) -> String {
        let known = Self::NAMES.iter().find(|(errno, _)| *errno == self);
        known.map_or_else(
            || format!("errno {}", self.0),
            |(_, name)| (*name).to_owned(),
        )
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())
    }
}
