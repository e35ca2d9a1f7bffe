//! The arguments of commands that change one object.

use clap::Args;

use super::option_values::{duration, number};
use super::server_numbers::ServerNumbers;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ServiceOptions {
    /// The scheduler [new services: wlc]
    #[arg(short, long, value_name = "NAME")]
    pub(super) scheduler: Option<String>,
    /// Scheduler flags, separated by commas; empty for none
    #[arg(long, value_name = "FLAGS")]
    pub(super) scheduler_flags: Option<String>,
    /// Schedule every packet alone (udp and marks)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(super) one_packet: Option<bool>,
    /// Keep clients with their server for this time (6m, 90s); `false` ends it
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "360s")]
    pub(super) persistence: Option<String>,
    /// The same in seconds, as ipvsadm has it
    #[arg(short = 'p', value_name = "SECONDS", conflicts_with = "persistence", value_parser = number::<u32>)]
    pub(super) persistent: Option<u32>,
    /// Clients of the same network are the same client (IPv4)
    #[arg(long, value_name = "MASK")]
    pub(super) netmask: Option<String>,
    /// Clients of the same network are the same client (IPv6)
    #[arg(long, value_name = "BITS", value_parser = number::<i64>)]
    pub(super) prefix_length: Option<i64>,
    /// The persistence engine, such as sip; empty for none
    #[arg(long, value_name = "NAME")]
    pub(super) engine: Option<String>,
}

const TUNNEL_HELP: &str =
    "ipip, gue:PORT[:CHECKSUM] or gre[:CHECKSUM]; checksum is none, csum or remcsum";

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ServerOptions {
    #[command(flatten)]
    pub(super) numbers: ServerNumbers,
    /// masquerading, direct_routing, tunneling, local or bypass [new servers: direct_routing]
    #[arg(long, value_name = "METHOD")]
    pub(super) forwarding: Option<String>,
    #[arg(long, value_name = "TUNNEL", help = TUNNEL_HELP)]
    pub(super) tunnel: Option<String>,
    /// The real server of the service KEY, as ipvsadm has it; without a port it has that of the service
    #[arg(short = 'r', value_name = "SERVER")]
    pub(super) server: Option<String>,
    /// Forwarding masquerading
    #[arg(short = 'm', conflicts_with_all = ["forwarding", "gatewaying", "ipip"])]
    pub(super) masquerading: bool,
    /// Forwarding direct_routing
    #[arg(short = 'g', conflicts_with_all = ["forwarding", "ipip"])]
    pub(super) gatewaying: bool,
    /// Forwarding tunneling
    #[arg(short = 'i', conflicts_with = "forwarding")]
    pub(super) ipip: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ChangeArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// KEY or KEY/SERVER
    #[arg(value_name = "OBJECT")]
    pub(super) object: String,
    #[command(flatten, next_help_heading = "Of a virtual service")]
    pub(super) service: ServiceOptions,
    #[command(flatten, next_help_heading = "Of a real server")]
    pub(super) server: ServerOptions,
}

/// `edit` without an object, or with one and no options, opens an editor.
#[derive(Clone, Debug, Args)]
pub(super) struct EditArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// KEY, KEY/SERVER, SERVER (in every service that has it), or a pattern with `*`; without one, and without options, the text of
    /// what is meant is opened in the editor on a terminal
    #[arg(value_name = "OBJECT")]
    pub(super) object: Option<String>,
    #[command(flatten, next_help_heading = "Of a virtual service")]
    pub(super) service: ServiceOptions,
    #[command(flatten, next_help_heading = "Of a real server")]
    pub(super) server: ServerOptions,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RemoveArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// Don't ask, on a terminal either
    #[arg(long)]
    pub(super) yes: bool,
    /// KEY, KEY/SERVER, SERVER (in every service that has it), or a pattern with `*`
    #[arg(value_name = "OBJECT")]
    pub(super) object: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct MoveArguments {
    /// Don't ask, on a terminal either
    #[arg(long)]
    pub(super) yes: bool,
    /// Wait for this time at most until the old one has no connections (10m); what is left then is cut
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) drain: Option<std::time::Duration>,
    #[command(flatten)]
    pub(super) keys: RelocateArguments,
}

#[derive(Clone, Debug, Args)]
pub(super) struct RelocateArguments {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run, exit with 10 if something would change
    #[arg(long, requires = "dry_run")]
    pub(super) exit_code: bool,
    /// The virtual service, such as tcp://192.0.2.1:80
    #[arg(value_name = "KEY")]
    pub(super) from: String,
    /// What the other one is called
    #[arg(value_name = "NEWKEY")]
    pub(super) to: String,
}
