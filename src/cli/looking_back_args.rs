//! The options of commands that can look back.

use std::time::SystemTime;

use clap::Args;

use super::option_values::filled;
use crate::render::past_time;

/// The options of commands that can look back.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct LookingBack {
    /// As it was recorded then: -5m, 14:02, or a time of RFC 3339; see `ipvsh help recording`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = moment)]
    pub(super) at: Option<SystemTime>,
    /// The recording to look at, a folder or one of its files [default: ring/ in the state folder]
    #[arg(long, value_name = "PATH", requires = "at", value_parser = filled)]
    pub(super) recording: Option<String>,
}

/// Reads a time that has passed.
pub(super) fn moment(text: &str) -> Result<SystemTime, String> {
    past_time(text)
}
