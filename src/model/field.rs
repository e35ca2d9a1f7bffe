//! The fields of what a list shows: one list of names for sorting, filtering and columns, in scripts too.
//!
//! The names are those of the table document: `weight`, `counters.bytes_in`, `rates.connections_per_second`. Some have a short
//! form. A real server has the fields of its service beside its own, as `service.scheduler`, or `scheduler` where it has none of
//! that name itself. A test in the script room holds that values of scripts have the same names and values.

use std::fmt;

use super::field_value::FieldValue;
use super::row::{DestinationRow, RowKind, ServerRow, ServiceRow};
use super::{Granularity, Observed, ServiceKey, Tunnel};

type OfDestination = fn(&DestinationRow<'_>) -> FieldValue;
type OfService = fn(&ServiceRow<'_>) -> FieldValue;
type OfServer = fn(&ServerRow) -> FieldValue;

/// A field of what a list shows.
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name: a path through the table document.
    pub name: &'static str,
    /// A shorter one.
    pub short: Option<&'static str>,
    /// What stands above its column.
    pub title: &'static str,
    pub(super) of_destination: Option<OfDestination>,
    pub(super) of_service: Option<OfService>,
    pub(super) of_server: Option<OfServer>,
}

impl fmt::Debug for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Field({})", self.name)
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn field(
    name: &'static str,
    title: &'static str,
    of_destination: Option<OfDestination>,
    of_service: Option<OfService>,
    of_server: Option<OfServer>,
) -> Field {
    Field {
        name,
        short: None,
        title,
        of_destination,
        of_service,
        of_server,
    }
}

const fn short(short: &'static str, field: Field) -> Field {
    Field {
        short: Some(short),
        ..field
    }
}

/// A field of what was counted. A function pointer can't capture which number is meant, so that each needs functions of its own.
macro_rules! counted {
    ($group:ident, $leaf:ident, $title:literal) => {
        short(
            stringify!($leaf),
            field(
                concat!(stringify!($group), ".", stringify!($leaf)),
                $title,
                Some(|row| {
                    let of = |seen: &Observed| seen.$group().$leaf;
                    $group(&row.entry.observed, row.service.known, of)
                }),
                Some(|row| $group(&row.entry.observed, row.known, |seen| seen.$group().$leaf)),
                Some(|row| $group(&row.observed, row.known, |seen| seen.$group().$leaf)),
            ),
        )
    };
}

fn counters(observed: &Observed, known: super::Known, of: fn(&Observed) -> u64) -> FieldValue {
    FieldValue::Number(of(observed)).if_known(known.all)
}

fn rates(observed: &Observed, known: super::Known, of: fn(&Observed) -> u64) -> FieldValue {
    if known.all && !known.rates {
        return FieldValue::Nothing;
    }
    FieldValue::Number(of(observed)).if_known(known.all)
}

fn tunnel(row: &DestinationRow<'_>, of: fn(Tunnel) -> FieldValue) -> FieldValue {
    let configuration = &row.entry.configuration;
    if !configuration.has_tunnel() {
        return FieldValue::Nothing;
    }
    of(configuration.tunnel).if_known(row.service.known.all)
}

fn persistence(row: &ServiceRow<'_>, of: fn(&super::Persistence) -> FieldValue) -> FieldValue {
    match &row.entry.configuration.persistence {
        None => FieldValue::Nothing,
        Some(persistence) => of(persistence).if_known(row.known.all),
    }
}

impl Field {
    /// All of them, in the order in which they are told.
    pub const ALL: &'static [Self] = &[
        field(
            "id",
            "ID",
            Some(|row| FieldValue::Destination(*row.key)),
            Some(|row| FieldValue::Service(*row.key)),
            Some(|row| FieldValue::Address(row.address)),
        ),
        field(
            "service",
            "SERVICE",
            Some(|row| FieldValue::Service(*row.service.key)),
            None,
            None,
        ),
        field(
            "protocol",
            "PROTOCOL",
            None,
            Some(|row| match row.key {
                ServiceKey::Endpoint { protocol, .. } => FieldValue::Text(protocol.to_string()),
                ServiceKey::Fwmark { .. } => FieldValue::Nothing,
            }),
            None,
        ),
        field(
            "address",
            "ADDRESS",
            Some(|row| FieldValue::Address(row.key.address)),
            Some(|row| match row.key {
                ServiceKey::Endpoint { address, .. } => FieldValue::Address(*address),
                ServiceKey::Fwmark { .. } => FieldValue::Nothing,
            }),
            Some(|row| FieldValue::Address(row.address)),
        ),
        field(
            "port",
            "PORT",
            Some(|row| FieldValue::Number(row.key.port.into())),
            Some(|row| FieldValue::or_nothing(row.key.port())),
            None,
        ),
        field(
            "fwmark",
            "FWMARK",
            None,
            Some(|row| match row.key {
                ServiceKey::Fwmark { mark, .. } => FieldValue::Number(mark.get().into()),
                ServiceKey::Endpoint { .. } => FieldValue::Nothing,
            }),
            None,
        ),
        field(
            "family",
            "FAMILY",
            Some(|row| FieldValue::Text(row.key.family().word().to_owned())),
            // Of a mark the kernel tells it only to who has the privilege.
            Some(|row| {
                FieldValue::Text(row.key.family().word().to_owned())
                    .if_known(row.known.all || row.key.port().is_some())
            }),
            None,
        ),
        field(
            "scheduler",
            "SCHEDULER",
            None,
            Some(|row| FieldValue::Text(row.entry.configuration.scheduler.to_string())),
            None,
        ),
        field(
            "scheduler_flags",
            "FLAGS",
            None,
            Some(|row| {
                let configuration = &row.entry.configuration;
                let names = configuration
                    .scheduler_flags
                    .names(&configuration.scheduler);
                FieldValue::Texts(names.into_iter().map(str::to_owned).collect())
                    .if_known(row.known.all)
            }),
            None,
        ),
        field(
            "one_packet",
            "ONE PACKET",
            None,
            Some(|row| FieldValue::Truth(row.entry.configuration.one_packet)),
            None,
        ),
        field(
            "persistence.timeout_seconds",
            "PERSISTENCE",
            None,
            Some(|row| persistence(row, |one| FieldValue::Number(one.timeout_seconds.into()))),
            None,
        ),
        field(
            "persistence.netmask",
            "NETMASK",
            None,
            Some(|row| {
                persistence(row, |one| match one.granularity {
                    Granularity::Netmask(mask) => FieldValue::Text(mask.to_string()),
                    Granularity::PrefixLength(_) => FieldValue::Nothing,
                })
            }),
            None,
        ),
        field(
            "persistence.prefix_length",
            "PREFIX",
            None,
            Some(|row| {
                persistence(row, |one| match one.granularity {
                    Granularity::PrefixLength(bits) => FieldValue::Number(bits.into()),
                    Granularity::Netmask(_) => FieldValue::Nothing,
                })
            }),
            None,
        ),
        field(
            "persistence.engine",
            "ENGINE",
            None,
            Some(|row| {
                persistence(row, |one| match &one.engine {
                    Some(engine) => FieldValue::Text(engine.as_str().to_owned()),
                    None => FieldValue::Nothing,
                })
            }),
            None,
        ),
        field(
            "forwarding",
            "METHOD",
            Some(|row| FieldValue::Text(row.entry.configuration.forwarding.to_string())),
            None,
            None,
        ),
        field(
            "tunnel.type",
            "TUNNEL",
            Some(|row| {
                tunnel(row, |tunnel| {
                    FieldValue::Text(match tunnel {
                        Tunnel::Ipip => "ipip".to_owned(),
                        Tunnel::Gue { .. } => "gue".to_owned(),
                        Tunnel::Gre { .. } => "gre".to_owned(),
                        Tunnel::Other { kind, .. } => format!("type-{kind}"),
                    })
                })
            }),
            None,
            None,
        ),
        field(
            "tunnel.port",
            "TUNNEL PORT",
            Some(|row| {
                tunnel(row, |tunnel| match tunnel {
                    Tunnel::Gue { port, .. } => FieldValue::Number(port.get().into()),
                    Tunnel::Other { port, .. } => FieldValue::Number(port.into()),
                    Tunnel::Ipip | Tunnel::Gre { .. } => FieldValue::Nothing,
                })
            }),
            None,
            None,
        ),
        field(
            "tunnel.checksum",
            "CHECKSUM",
            Some(|row| {
                tunnel(row, |tunnel| match tunnel {
                    Tunnel::Gue { checksum, .. } | Tunnel::Gre { checksum } => {
                        FieldValue::Text(checksum.word().to_owned())
                    }
                    Tunnel::Ipip | Tunnel::Other { .. } => FieldValue::Nothing,
                })
            }),
            None,
            None,
        ),
        field(
            "weight",
            "WEIGHT",
            Some(|row| FieldValue::Number(row.entry.configuration.weight.get().into())),
            None,
            None,
        ),
        field(
            "weight_sum",
            "WEIGHTS",
            None,
            Some(|row| FieldValue::Number(row.entry.weight_sum())),
            Some(|row| FieldValue::Number(row.weight_sum)),
        ),
        field(
            "share",
            "SHARE",
            Some(|row| {
                let share = row.receptions.of(row.key).share;
                // Without weight there is nothing, whatever else is not known.
                let is_known = row.service.known.all || share == Some(0.0);
                share
                    .map_or(FieldValue::Nothing, FieldValue::Share)
                    .if_known(is_known)
            }),
            None,
            None,
        ),
        field(
            "receives",
            "RECEIVES",
            Some(|row| {
                let receives = row.receptions.of(row.key).receives;
                let is_known = row.service.known.all || receives == Some(false);
                receives
                    .map_or(FieldValue::Nothing, FieldValue::Truth)
                    .if_known(is_known)
            }),
            None,
            None,
        ),
        field(
            "overloaded",
            "OVERLOADED",
            Some(|row| {
                let overloaded = row.entry.overloaded();
                overloaded
                    .map_or(FieldValue::Nothing, FieldValue::Truth)
                    .if_known(row.service.known.all)
            }),
            None,
            None,
        ),
        field(
            "upper_threshold",
            "UPPER",
            Some(|row| {
                let upper = row.entry.configuration.thresholds.upper;
                FieldValue::Number(upper.into()).if_known(row.service.known.all)
            }),
            None,
            None,
        ),
        field(
            "lower_threshold",
            "LOWER",
            Some(|row| {
                let lower = row.entry.configuration.thresholds.lower;
                FieldValue::Number(lower.into()).if_known(row.service.known.all)
            }),
            None,
            None,
        ),
        field(
            "destinations",
            "SERVERS",
            None,
            Some(|row| {
                let number = row.entry.destinations.len();
                FieldValue::Number(u64::try_from(number).unwrap_or(u64::MAX))
            }),
            Some(|row| FieldValue::Number(row.destinations)),
        ),
        field(
            "quiescent",
            "QUIESCENT",
            None,
            Some(|row| {
                let number = row.entry.quiescent().count();
                FieldValue::Number(u64::try_from(number).unwrap_or(u64::MAX))
            }),
            Some(|row| FieldValue::Number(row.quiescent)),
        ),
        short(
            "active",
            field(
                "active_connections",
                "ACTIVE",
                Some(|row| FieldValue::Number(row.entry.connections.active.into())),
                Some(|row| FieldValue::Number(row.sum(|one| one.connections.active.into()))),
                Some(|row| FieldValue::Number(row.connections[0])),
            ),
        ),
        short(
            "inactive",
            field(
                "inactive_connections",
                "INACTIVE",
                Some(|row| FieldValue::Number(row.entry.connections.inactive.into())),
                Some(|row| FieldValue::Number(row.sum(|one| one.connections.inactive.into()))),
                Some(|row| FieldValue::Number(row.connections[1])),
            ),
        ),
        short(
            "persistent",
            field(
                "persistent_connections",
                "PERSISTENT",
                Some(|row| {
                    FieldValue::Number(row.entry.connections.persistent.into())
                        .if_known(row.service.known.all)
                }),
                Some(|row| {
                    FieldValue::Number(row.sum(|one| one.connections.persistent.into()))
                        .if_known(row.known.all)
                }),
                Some(|row| FieldValue::Number(row.connections[2]).if_known(row.known.all)),
            ),
        ),
        counted!(rates, connections_per_second, "CONN/S"),
        counted!(rates, packets_in_per_second, "PKT IN/S"),
        counted!(rates, packets_out_per_second, "PKT OUT/S"),
        counted!(rates, bytes_in_per_second, "BYTES IN/S"),
        counted!(rates, bytes_out_per_second, "BYTES OUT/S"),
        counted!(counters, connections, "CONNECTIONS"),
        counted!(counters, packets_in, "PKT IN"),
        counted!(counters, packets_out, "PKT OUT"),
        counted!(counters, bytes_in, "BYTES IN"),
        counted!(counters, bytes_out, "BYTES OUT"),
        field(
            "services",
            "SERVICES",
            None,
            None,
            Some(|row| FieldValue::Services(row.services.clone())),
        ),
    ];

    pub(super) const fn is_of(&self, kind: RowKind) -> bool {
        match kind {
            RowKind::Destination => self.of_destination.is_some(),
            RowKind::Service => self.of_service.is_some(),
            RowKind::Server => self.of_server.is_some(),
        }
    }

    /// Returns the fields that lines of a kind have by themselves.
    pub fn of(kind: RowKind) -> impl Iterator<Item = &'static Self> {
        Self::ALL.iter().filter(move |field| field.is_of(kind))
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.short == Some(name)
    }
}
