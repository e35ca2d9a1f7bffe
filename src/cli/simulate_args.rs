//! The options of `simulate`.

use std::net::IpAddr;

use clap::Args;

use super::format::Printing;
use super::option_values::{filled, number};
use crate::model::{DestinationKey, Scheduler, ServiceKey};

#[derive(Clone, Debug, Args)]
pub(super) struct SimulateArguments {
    #[command(flatten)]
    pub(super) printing: Printing,
    /// Play scenarios, which a kernel recorded, on a simulated kernel, and show where the two part
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = filled)]
    pub(super) replay: Vec<String>,
    /// The table: a document, or `live`, the one that ipvsh works on
    #[arg(value_name = "FILE|live", value_parser = filled, required_unless_present_any = ["replay", "from"], conflicts_with_all = ["replay", "from"])]
    pub(super) table: Option<String>,
    /// The same, beside `--to`
    #[arg(long, value_name = "FILE|live", value_parser = filled, conflicts_with = "replay")]
    pub(super) from: Option<String>,
    /// What a document makes of it: the shares after that, and how many clients change servers
    #[arg(long, value_name = "FILE", value_parser = filled, conflicts_with = "replay")]
    pub(super) to: Option<String>,
    /// This virtual service alone; can be given several times
    #[arg(long = "service", value_name = "KEY", value_parser = service, conflicts_with = "replay")]
    pub(super) services: Vec<ServiceKey>,
    /// How many clients there are
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = at_least_one)]
    pub(super) clients: u32,
    /// How many connections they open, 1,000 a second, each held for 10 s on average
    #[arg(long, value_name = "M", default_value_t = 10_000, value_parser = at_least_one)]
    pub(super) connections: u32,
    /// Where the random numbers begin
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = number::<u64>)]
    pub(super) seed: u64,
    /// Other schedulers to compare with, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = scheduler, conflicts_with = "replay")]
    pub(super) compare: Vec<Scheduler>,
    /// A real server that goes, by its address
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with = "replay")]
    pub(super) drop: Option<IpAddr>,
    /// A real server that gets weight 0, by its address
    #[arg(long, value_name = "ADDRESS", value_parser = address, conflicts_with_all = ["replay", "drop"])]
    pub(super) drain: Option<IpAddr>,
    /// A real server that comes, with its port
    #[arg(long, value_name = "SERVER", value_parser = server, conflicts_with = "replay")]
    pub(super) add: Option<DestinationKey>,
}

/// Clients and connections that a simulation has memory and time for.
const MOST: u32 = 10_000_000;

fn at_least_one(text: &str) -> Result<u32, String> {
    match number::<u32>(text)? {
        number if (1..=MOST).contains(&number) => Ok(number),
        _ => Err(format!("it is a number from 1 to {MOST}")),
    }
}

fn service(text: &str) -> Result<ServiceKey, String> {
    ServiceKey::parse(text).map_err(|error| error.to_string())
}

fn server(text: &str) -> Result<DestinationKey, String> {
    DestinationKey::parse(text).map_err(|error| error.to_string())
}

fn scheduler(text: &str) -> Result<Scheduler, String> {
    Scheduler::new(text).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| "write the address of a real server, without a port".to_owned())
}
