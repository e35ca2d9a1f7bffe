//! Under what a script runs.

use std::io;
use std::rc::Rc;

use super::coverage::SharedCoverage;
use super::limits::Limits;
use super::permission::Permissions;

/// Where `print` goes.
pub type Output = Rc<dyn Fn(&str) -> io::Result<()>>;

/// What a script may take and touch, and where its output goes.
#[derive(Clone)]
pub struct RunEnvironment {
    /// Operations and memory.
    pub limits: Limits,
    /// Files.
    pub permissions: Permissions,
    /// Where `print` goes.
    pub output: Output,
    /// Given where the program is the script's alone, and may be ended with it where nothing else helps: the command line that
    /// recovers what the script leaves; empty without a journal.
    pub last_resort: Option<Vec<std::ffi::OsString>>,
    /// Where it is noted which lines are run, if it is asked for.
    pub coverage: Option<SharedCoverage>,
}

impl RunEnvironment {
    /// Makes an environment with the usual limits and without any file.
    #[must_use]
    pub fn closed(output: Output) -> Self {
        Self {
            limits: Limits::DEFAULT,
            permissions: Permissions::default(),
            output,
            last_resort: None,
            coverage: None,
        }
    }
}
