//! The keys of the maps that verbs take: what is read knows them from here, and so does completion.

use crate::model::ServerNumber;

/// Of a virtual service.
pub const SERVICE: &[&str] = &[
    "scheduler",
    "scheduler_flags",
    "one_packet",
    "persistence",
    "destinations",
];

/// Of a real server; in the `destinations` of a service its `id` as well.
pub const DESTINATION: &[&str] =
    &ServerNumber::names::<2, { 2 + ServerNumber::COUNT }>(["forwarding", "tunnel"]);

/// Of `persistence`.
pub const PERSISTENCE: &[&str] = &[
    "timeout",
    "timeout_seconds",
    "netmask",
    "prefix_length",
    "engine",
];

/// Of `tunnel`.
pub const TUNNEL: &[&str] = &["type", "port", "checksum"];

/// Of `timeouts::set`.
pub const TIMEOUTS: &[&str] = &[
    "tcp",
    "tcp_seconds",
    "tcp_fin",
    "tcp_fin_seconds",
    "udp",
    "udp_seconds",
];

/// Of `daemon::start`.
pub const DAEMON: &[&str] = &[
    "interface",
    "sync_id",
    "sync_maxlen",
    "group",
    "port",
    "ttl",
];

/// Of `wait_until`.
pub const WAIT: &[&str] = &["every", "what"];

/// Of verbs that delete.
pub const DELETE: &[&str] = &["missing"];

/// Of `table::apply`.
pub const APPLY: &[&str] = &["prune"];
