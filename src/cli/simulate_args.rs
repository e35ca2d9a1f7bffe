//! The options of `simulate`.

use clap::Args;

use super::option_values::filled;

#[derive(Clone, Debug, Args)]
pub(super) struct SimulateArguments {
    /// Play scenarios, which a kernel recorded, on a simulated kernel, and show where the two part
    #[arg(long, required = true, value_name = "FILE", num_args = 1.., value_parser = filled)]
    pub(super) replay: Vec<String>,
}
