//! Which table it is.

/// Which table a transport leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// That of a network namespace of the kernel.
    Namespace(NamespaceIdentity),
    /// A simulated one.
    Simulation,
}

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
