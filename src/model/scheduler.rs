//! Schedulers: open names with, for two of them, named flags.

use std::fmt;

use super::Invalid;

/// The name of a scheduler. The set is open: what the kernel has as a module can be named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scheduler(String);

/// Returns whether `text` can be the tail of a kernel module's name.
pub(super) fn is_module_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl Scheduler {
    /// Names of the schedulers in the kernel's tree.
    pub const KNOWN: [&'static str; 14] = [
        "rr", "wrr", "lc", "wlc", "fo", "ovf", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq",
        "twos",
    ];

    /// Reads a name: 1 to 15 letters, digits, `-` or `_`. Whether the kernel has it shows when it is used.
    ///
    /// # Errors
    /// [`Invalid`] for anything else, and for `none`, which the kernel reports for a service without one.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let scheduler = Self(text.to_owned());
        scheduler.check()?;
        Ok(scheduler)
    }

    /// Takes a name as a kernel reported it.
    #[must_use]
    pub fn from_kernel(text: String) -> Self {
        Self(text)
    }

    /// Checks that the name can be given to a service by a user.
    ///
    /// # Errors
    /// As [`Scheduler::new`].
    pub fn check(&self) -> Result<(), Invalid> {
        if self.0 == "none" {
            return Err(Invalid::new(
                "scheduler",
                "none",
                "a service without a scheduler refuses every connection; give it weight 0 servers instead",
            ));
        }
        if is_module_name(&self.0, 15) {
            return Ok(());
        }
        Err(Invalid::new(
            "scheduler",
            &self.0,
            "a name has 1 to 15 letters, digits, - or _, such as wlc",
        ))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Scheduler {
    /// Returns `wlc`, the default of `ipvsadm`.
    fn default() -> Self {
        Self("wlc".to_owned())
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The three flags that a service hands to its scheduler.
///
/// For `sh` and `mh` the first means *fallback* and the second *hash the port too*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchedulerFlags {
    bits: u8,
}

impl SchedulerFlags {
    const PLAIN: [&'static str; 3] = ["flag-1", "flag-2", "flag-3"];

    fn names_for(scheduler: &str) -> [&'static str; 3] {
        match scheduler {
            "sh" => ["sh-fallback", "sh-port", "flag-3"],
            "mh" => ["mh-fallback", "mh-port", "flag-3"],
            _ => Self::PLAIN,
        }
    }

    /// Makes the flags from three bits, the first flag lowest.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self { bits: bits & 7 }
    }

    /// Returns three bits, the first flag lowest.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// Returns the names of the flags that are set, in the words of `scheduler`.
    #[must_use]
    pub fn names(self, scheduler: &Scheduler) -> Vec<&'static str> {
        let names = Self::names_for(scheduler.as_str()).into_iter().enumerate();
        names
            .filter(|(index, _)| self.bits & (1 << index) != 0)
            .map(|(_, name)| name)
            .collect()
    }

    /// Reads names, which must fit `scheduler`. `flag-1` to `flag-3` fit every scheduler.
    ///
    /// # Errors
    /// [`Invalid`] for a name that is unknown or belongs to another scheduler.
    pub fn parse<S: AsRef<str>>(names: &[S], scheduler: &Scheduler) -> Result<Self, Invalid> {
        let own = Self::names_for(scheduler.as_str());
        let mut bits = 0;
        for name in names.iter().map(AsRef::as_ref) {
            let position = |list: [&str; 3]| list.iter().position(|known| *known == name);
            let index = position(own)
                .or_else(|| position(Self::PLAIN))
                .ok_or_else(|| {
                    Invalid::new(
                        "scheduler flag",
                        name,
                        format!("the flags of {scheduler} are {}", own.join(", ")),
                    )
                })?;
            bits |= 1 << index;
        }
        Ok(Self { bits })
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheduler, SchedulerFlags};

    #[test]
    fn flags_speak_the_words_of_their_scheduler() {
        let sh = Scheduler::new("sh").unwrap();
        let flags = SchedulerFlags::parse(&["sh-port", "flag-3"], &sh).unwrap();
        assert_eq!(flags.names(&sh), ["sh-port", "flag-3"]);
        assert_eq!(flags.names(&Scheduler::default()), ["flag-2", "flag-3"]);
        let error = SchedulerFlags::parse(&["mh-port"], &sh).unwrap_err();
        assert!(
            error.to_string().contains("sh-fallback, sh-port"),
            "{error}"
        );
    }

    #[test]
    fn names_that_no_module_can_have_are_refused() {
        for name in ["", "none", "averyveryverylong", "a b", "../x", "ä"] {
            assert!(Scheduler::new(name).is_err(), "{name}");
        }
        assert!(Scheduler::new("mhx").is_ok());
    }
}
