//! The options of `connections`.

use std::net::IpAddr;

use clap::Args;

use super::format::Printing;
use super::looking_back_args::LookingBack;
use super::option_values::number;
use crate::model::{Network, Port, ServiceKey};
use crate::session::{ConnectionFilter, GroupField};

#[derive(Clone, Debug, Args)]
pub(super) struct ConnectionsArguments {
    /// Those to this virtual service; can be given several times, as every filter
    #[arg(long = "service", value_name = "KEY", value_parser = service)]
    pub(super) services: Vec<ServiceKey>,
    /// Those to this real server: an address, with a port or without
    #[arg(long = "server", value_name = "SERVER", value_parser = server)]
    pub(super) servers: Vec<(IpAddr, Option<Port>)>,
    /// Those of these clients: an address or a network
    #[arg(long = "client", value_name = "CIDR", value_parser = network)]
    pub(super) clients: Vec<Network>,
    /// Those in this state, such as ESTABLISHED; `template` is what keeps a persistent client at its server
    #[arg(long = "state", value_name = "STATE")]
    pub(super) states: Vec<String>,
    /// Those of this protocol: tcp, udp, sctp
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    pub(super) protocols: Vec<String>,
    /// Print how many there are, and none of them
    #[arg(long, conflicts_with_all = ["group_by", "sort", "top"])]
    pub(super) count: bool,
    /// Count those that have something in common: client, client/24, server, service, state, protocol, separated by commas
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = group, conflicts_with = "sort")]
    pub(super) group_by: Vec<GroupField>,
    /// The first N alone: the largest groups, or what comes first when sorted
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(super) top: Option<usize>,
    /// Sort by protocol, client, service, server, state or expires; `-expires` is the other way round
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = sorting)]
    pub(super) sort: Option<Sorting>,
    #[command(flatten)]
    pub(super) back: LookingBack,
    #[command(flatten)]
    pub(super) printing: Printing,
}

/// By what connections are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sorting {
    pub(super) field: SortField,
    pub(super) is_reversed: bool,
}

/// A column to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SortField {
    Protocol,
    Client,
    Service,
    Server,
    State,
    Expires,
}

fn sorting(text: &str) -> Result<Sorting, String> {
    let (is_reversed, name) = match text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, text),
    };
    let field = match name {
        "protocol" => SortField::Protocol,
        "client" => SortField::Client,
        "service" => SortField::Service,
        "server" => SortField::Server,
        "state" => SortField::State,
        "expires" => SortField::Expires,
        _ => {
            return Err(
                "it is protocol, client, service, server, state or expires, with `-` in front for the other way round"
                    .to_owned(),
            );
        }
    };
    Ok(Sorting { field, is_reversed })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match number::<usize>(text)? {
        0 => Err("it is a number from 1".to_owned()),
        number => Ok(number),
    }
}

fn service(text: &str) -> Result<ServiceKey, String> {
    ServiceKey::parse(text).map_err(|error| error.to_string())
}

fn server(text: &str) -> Result<(IpAddr, Option<Port>), String> {
    ConnectionFilter::parse_server(text).map_err(|error| error.to_string())
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).map_err(|error| error.to_string())
}

fn group(text: &str) -> Result<GroupField, String> {
    GroupField::parse(text).map_err(|error| error.to_string())
}
