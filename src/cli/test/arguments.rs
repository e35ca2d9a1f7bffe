//! The options of `test`.

use std::time::Duration;

use clap::Args;

use crate::cli::args::Bounds;
use crate::cli::format::Printing;
use crate::cli::option_values::{duration, filled, number};

#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct TestArguments {
    #[command(flatten)]
    pub(in crate::cli) printing: Printing,
    #[command(flatten)]
    pub(super) bounds: Bounds,
    /// Run the tests whose `FILE::NAME` has this text in it; can be given several times
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub(super) filter: Vec<String>,
    /// List the tests, and run none
    #[arg(long, conflicts_with_all = ["junit", "coverage", "watch"])]
    pub(super) list: bool,
    /// How many files are run at once, each in a process of its own; as many as there are processors unless given
    #[arg(long, value_name = "N", value_parser = jobs)]
    pub(super) jobs: Option<usize>,
    /// The time that each test has, of the machine's clock
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub(super) timeout: Duration,
    /// Where random numbers begin; another one each time unless given
    #[arg(long, value_name = "S", value_parser = number::<u32>)]
    pub(super) seed: Option<u32>,
    /// Run the tests again whenever one of their files or scripts changes
    #[arg(long, conflicts_with_all = ["junit"])]
    pub(super) watch: bool,
    /// Write what became of the tests to a file, as JUnit
    #[arg(long, value_name = "FILE", value_parser = filled)]
    pub(super) junit: Option<String>,
    /// Show which lines of the scripts were run
    #[arg(long)]
    pub(super) coverage: bool,
    /// Run one file in this process, and tell of it in lines
    #[arg(long, hide = true)]
    pub(in crate::cli) worker: bool,
    /// Files `NAME.test.rhai`, scripts `NAME.rhai` that have one beside them, and folders, in which all such files are found
    #[arg(required = true, value_name = "PATH", value_parser = filled)]
    pub(super) paths: Vec<String>,
}

fn jobs(text: &str) -> Result<usize, String> {
    match number::<usize>(text)? {
        0 => Err("at least one file is run at a time".to_owned()),
        number => Ok(number),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(24 * 3_600);
    match duration(text)? {
        time if time > LONGEST => Err("it is a day at most".to_owned()),
        time => Ok(time),
    }
}
