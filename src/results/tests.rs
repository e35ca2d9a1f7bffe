//! What `ipvsh test` tells: the result for programs, and the lines by which the process of a file tells the one that started it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::VERSION;

/// How a run of tests went.
#[derive(Clone, Debug, Serialize)]
pub struct TestsShape {
    version: u32,
    /// `passed` or `failed`.
    pub outcome: &'static str,
    /// Where random numbers began; `--seed` takes it.
    pub seed: u64,
    /// How many tests passed.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// How long all of them took.
    pub seconds: f64,
    /// Each test, by file, in the order of the file.
    pub tests: Vec<TestShape>,
    /// The lines that were run, if it was asked for.
    pub coverage: Option<Vec<CoverageShape>>,
}

impl TestsShape {
    /// Makes the result of tests that are over.
    #[must_use]
    pub fn new(
        seed: u64,
        seconds: f64,
        tests: Vec<TestShape>,
        coverage: Option<Vec<CoverageShape>>,
    ) -> Self {
        let passed = tests.iter().filter(|test| test.passed()).count();
        let failed = tests.len() - passed;
        Self {
            version: VERSION,
            outcome: if failed == 0 { "passed" } else { "failed" },
            seed,
            passed,
            failed,
            seconds,
            tests,
            coverage,
        }
    }
}

/// The tests that there are.
#[derive(Clone, Debug, Serialize)]
pub struct ListedTestsShape {
    version: u32,
    /// The names of tests by their files.
    pub tests: BTreeMap<String, Vec<String>>,
}

impl ListedTestsShape {
    /// Makes the list.
    #[must_use]
    pub const fn new(tests: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            version: VERSION,
            tests,
        }
    }
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It came to its end without an error.
    Passed,
    /// It did not.
    Failed,
    /// Its time was up.
    Timeout,
    /// Its process ended with it.
    Crashed,
}

/// One test, or one of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestShape {
    /// The file.
    pub file: String,
    /// Its name; that of a row has the row's number or key.
    pub name: String,
    /// The line of the file where it begins, or null.
    pub line: Option<usize>,
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
    /// Why it did not pass, in the order in which things failed.
    pub failures: Vec<TestFailureShape>,
    /// What it printed and was warned of.
    pub output: String,
}

impl TestShape {
    /// Returns whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }
}

/// Why a test did not pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TestFailureShape {
    /// `top`, `rows`, `setup`, `test` or `teardown`; `process` if its process ended.
    pub phase: String,
    /// The kind of error.
    pub kind: String,
    /// The error in words.
    pub message: String,
    /// The way out, or null.
    pub hint: Option<String>,
    /// The script or module where it happened, or null.
    pub source: Option<String>,
    /// The line there, or null.
    pub line: Option<usize>,
    /// The column there, or null.
    pub column: Option<usize>,
    /// The value that was found, as text, where two were compared.
    pub found: Option<String>,
    /// The value that was expected.
    pub expected: Option<String>,
    /// The error with its place in the source, as people are shown it.
    pub text: String,
}

/// The lines of one script or module.
#[derive(Clone, Debug, Serialize)]
pub struct CoverageShape {
    /// Its name.
    pub script: String,
    /// How many lines can be run.
    pub lines: usize,
    /// How many were.
    pub run: usize,
    /// The lines that were not.
    pub not_run: Vec<usize>,
}

/// What the process of a file tells, a line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestEvent {
    /// A test, or the look at its rows, begins.
    Begins(String),
    /// There is nothing more to run of it.
    Over(String),
    /// It ended.
    Ended(Box<TestShape>),
    /// There is one, and it is not run.
    Listed(String),
    /// The file is none of tests.
    Unreadable(Box<TestFailureShape>),
    /// Lines of a script that can be run, and those that were.
    Lines {
        /// The script or module.
        script: String,
        /// Those that can be.
        lines: BTreeSet<usize>,
        /// Those that were.
        run: BTreeSet<usize>,
    },
}
