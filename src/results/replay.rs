//! The answer of `ipvsh simulate --replay`.

use serde::Serialize;

use super::VERSION;
use crate::document::Scenario;
use crate::session::Difference;

/// How scenarios went.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayShape {
    version: u32,
    /// How many went as they were recorded.
    pub agree: usize,
    /// How many were played.
    pub scenarios: usize,
    /// The first difference of each that did not.
    pub differences: Vec<DifferenceShape>,
}

impl ReplayShape {
    /// Makes the answer before anything was played.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            version: VERSION,
            agree: 0,
            scenarios: 0,
            differences: Vec::new(),
        }
    }
}

impl Default for ReplayShape {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a simulated kernel did something else than the recorded one.
#[derive(Clone, Debug, Serialize)]
pub struct DifferenceShape {
    /// The file.
    pub file: String,
    /// The name of the scenario.
    pub scenario: String,
    /// The release of the recorded kernel.
    pub kernel: String,
    /// The number of the event, from 1.
    pub event: usize,
    /// Its time since the table was set.
    pub milliseconds: u64,
    /// The event as it is written, without its result.
    pub text: String,
    /// What the recorded kernel did.
    pub expected: String,
    /// What the simulated one did.
    pub got: String,
}

impl DifferenceShape {
    /// Puts together where a difference is and what it is.
    #[must_use]
    pub fn new(file: &str, scenario: &Scenario, difference: Difference) -> Self {
        Self {
            file: file.to_owned(),
            scenario: scenario.name.clone(),
            kernel: scenario.kernel.clone(),
            event: difference.event,
            milliseconds: difference.milliseconds,
            text: difference.text,
            expected: difference.expected,
            got: difference.got,
        }
    }
}
