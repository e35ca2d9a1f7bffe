//! Which table a record is about.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder of the journal of kernels' tables.
pub(super) const KERNELS: &str = "journal";
/// The folder with a journal for each simulated table.
pub(super) const SIMULATED: &str = "simulated";

/// Names one table for as long as it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TableIdentity {
    /// The kernel's, in one network namespace.
    Kernel {
        /// What tells one start of the machine from the next.
        boot: String,
        /// Device and inode of the namespace.
        namespace: String,
        /// What the kernel gives to no other namespace; null where it has none.
        cookie: Option<u64>,
        /// What the user called the namespace, or null.
        name: Option<String>,
    },
    /// A simulated one, kept in a file.
    Simulation {
        /// The file, as an absolute path.
        file: String,
    },
}

impl TableIdentity {
    /// Returns whether both name the same table, whatever it is called.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Kernel {
                    boot,
                    namespace,
                    cookie,
                    ..
                },
                Self::Kernel {
                    boot: other_boot,
                    namespace: other_namespace,
                    cookie: other_cookie,
                    ..
                },
            ) => boot == other_boot && namespace == other_namespace && cookie == other_cookie,
            (Self::Simulation { file }, Self::Simulation { file: other }) => file == other,
            _ => false,
        }
    }

    /// Returns whether this table is gone for good, as seen from `here`: the machine was started anew since, or its
    /// namespace has given its place to this one.
    #[must_use]
    pub fn is_gone(&self, here: &Self) -> bool {
        match (self, here) {
            (
                Self::Kernel {
                    boot,
                    namespace,
                    cookie,
                    ..
                },
                Self::Kernel {
                    boot: boot_here,
                    namespace: namespace_here,
                    cookie: cookie_here,
                    ..
                },
            ) => boot != boot_here || (namespace == namespace_here && cookie != cookie_here),
            _ => false,
        }
    }

    /// Names it for someone who works on another one: a namespace that was made anew has the name of the one that is gone.
    #[must_use]
    pub fn seen_from(&self, here: &Self) -> String {
        match (self, here) {
            (
                Self::Kernel {
                    name: Some(name), ..
                },
                Self::Kernel {
                    name: Some(here), ..
                },
            ) if name == here => {
                format!(
                    "an earlier namespace {name}, which is gone; the one of that name was made anew"
                )
            }
            _ => self.to_string(),
        }
    }

    /// Returns the folder of its journal within the state folder. Numbers are given within one.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        const LONGEST: usize = 40;
        match self {
            Self::Kernel { .. } => KERNELS.into(),
            Self::Simulation { file } => {
                let name = file.rsplit('/').next().unwrap_or_default();
                let is_plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
                let name: String = name.chars().filter(is_plain).take(LONGEST).collect();
                let sum = crc32fast::hash(file.as_bytes());
                Path::new(SIMULATED).join(format!("{name}-{sum:08x}"))
            }
        }
    }

    /// Returns what its records are counted under: a name outlives the machine's start and the namespace.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Kernel {
                name: Some(name), ..
            } => format!("namespace {name:?}"),
            Self::Kernel { namespace, .. } => format!("namespace {namespace}"),
            Self::Simulation { file } => format!("simulation {file:?}"),
        }
    }

    /// Returns whether it is a simulation.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        matches!(self, Self::Simulation { .. })
    }
}

impl fmt::Display for TableIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel {
                name: Some(name), ..
            } => write!(out, "namespace {name}"),
            Self::Kernel { namespace, .. } => write!(out, "namespace {namespace}"),
            Self::Simulation { file } => write!(out, "simulation {file}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TableIdentity;

    fn kernel(boot: &str, namespace: &str, cookie: Option<u64>) -> TableIdentity {
        TableIdentity::Kernel {
            boot: boot.to_owned(),
            namespace: namespace.to_owned(),
            cookie,
            name: None,
        }
    }

    #[test]
    fn a_namespace_is_known_by_its_cookie_and_the_boot() {
        let here = kernel("b1", "4:100", Some(7));
        assert!(kernel("b1", "4:100", Some(7)).is_same(&here));
        // Another one that got the inode of one that is gone.
        let reused = kernel("b1", "4:100", Some(3));
        assert!(!reused.is_same(&here) && reused.is_gone(&here));
        // Another one that may still be there.
        let other = kernel("b1", "4:101", Some(3));
        assert!(!other.is_same(&here) && !other.is_gone(&here));
        let earlier = kernel("b0", "4:100", Some(7));
        assert!(!earlier.is_same(&here) && earlier.is_gone(&here));
        let simulation = TableIdentity::Simulation {
            file: "/x".to_owned(),
        };
        assert!(!simulation.is_gone(&here) && !here.is_same(&simulation));
    }
}
