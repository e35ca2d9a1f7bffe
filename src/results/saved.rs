//! The answer of `ipvsh save`.

use serde::Serialize;

use super::VERSION;

/// A table that was saved.
#[derive(Clone, Debug, Serialize)]
pub struct SavedShape {
    version: u32,
    /// `saved`, or `unchanged` if the file has this table already.
    pub outcome: &'static str,
    /// The file.
    pub file: String,
    /// Where the file before this one is kept, or null.
    pub previous: Option<String>,
    /// How many virtual services it has.
    pub services: usize,
    /// How many real servers they have.
    pub destinations: usize,
    /// What else the user should know.
    pub warnings: Vec<String>,
}

impl SavedShape {
    /// Makes the answer for a table of some size.
    #[must_use]
    pub const fn new(file: String, (services, destinations): (usize, usize)) -> Self {
        Self {
            version: VERSION,
            outcome: "saved",
            file,
            previous: None,
            services,
            destinations,
            warnings: Vec::new(),
        }
    }
}
