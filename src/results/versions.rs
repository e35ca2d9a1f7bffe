//! The answer of `ipvsh --version --json`: of the program, and of what it writes and other programs, or its next version, read.

use serde::Serialize;

/// Versions. A number grows when what an older program wrote, or reads, is not understood any more.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VersionsShape {
    /// The program.
    pub program: &'static str,
    /// Table documents, plans and the files of simulated tables.
    pub document: u32,
    /// Records of the journal.
    pub journal: u32,
    /// Results of commands.
    pub results: u32,
}

impl VersionsShape {
    /// The versions of this program.
    pub const THIS: Self = Self {
        program: env!("CARGO_PKG_VERSION"),
        document: crate::document::VERSION,
        journal: crate::journal::VERSION,
        results: super::VERSION,
    };
}
