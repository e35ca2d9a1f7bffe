//! Who asks: the connection table by networks of clients, read on demand.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::session::{
    ConnectionFilter, ConnectionGroup, ConnectionSource, Error, GroupField, TEMPLATE,
};

/// How often it is read at most.
const EVERY: Duration = Duration::from_secs(5);

/// From here on it is not read: the kernel would walk its table for seconds, again and again.
const MOST: u64 = 2_000_000;

/// How many networks are kept of what was read.
const KEPT: usize = 10_000;

/// By how many bits of their addresses clients are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// /24 and /64.
    #[default]
    Network,
    /// /16 and /48.
    Site,
    /// Each by itself.
    Client,
}

impl Mask {
    /// Returns the next one.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Network => Self::Site,
            Self::Site => Self::Client,
            Self::Client => Self::Network,
        }
    }

    const fn field(self) -> GroupField {
        match self {
            Self::Network => GroupField::Client(24, 64),
            Self::Site => GroupField::Client(16, 48),
            Self::Client => GroupField::Client(32, 128),
        }
    }

    /// Returns what it is called.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Network => "/24 and /64",
            Self::Site => "/16 and /48",
            Self::Client => "each address",
        }
    }
}

/// What was read of the connection table.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// By networks, the largest first.
    pub(super) groups: Vec<ConnectionGroup>,
    /// All connections that were counted.
    pub(super) total: u64,
    /// Why there is nothing.
    pub(super) refused: Option<String>,
    /// By which mask.
    pub(super) mask: Mask,
}

impl Clients {
    /// Reads them, if the servers say that they are not too many.
    ///
    /// # Errors
    /// [`Error`] if the table of connections can't be read.
    pub fn read(
        source: &mut (impl ConnectionSource + ?Sized),
        estimate: u64,
        mask: Mask,
    ) -> Result<Self, Error> {
        if estimate > MOST {
            return Ok(Self {
                refused: Some(format!(
                    "there are some {estimate} connections, and above {MOST} the kernel's table is not walked again and again: `ipvsh connections --group-by client/24` does it once"
                )),
                mask,
                ..Self::default()
            });
        }
        let by = [mask.field(), GroupField::State];
        let (found, _) = source.connection_groups(&ConnectionFilter::default(), &by)?;
        let mut networks: BTreeMap<String, u64> = BTreeMap::new();
        for group in found {
            let mut values = group.values.into_iter();
            // What keeps a persistent client is no connection.
            if let (Some(network), Some(state)) = (values.next(), values.next())
                && state != TEMPLATE
            {
                *networks.entry(network).or_default() += group.connections;
            }
        }
        let total = networks.values().sum();
        let of = |(network, connections)| ConnectionGroup {
            values: vec![network],
            connections,
        };
        let mut groups: Vec<ConnectionGroup> = networks.into_iter().map(of).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.connections));
        groups.truncate(KEPT);
        Ok(Self {
            groups,
            total,
            refused: None,
            mask,
        })
    }

    /// Makes what is shown where they can't be read.
    #[must_use]
    pub fn refused(why: String, mask: Mask) -> Self {
        Self {
            refused: Some(why),
            mask,
            ..Self::default()
        }
    }

    /// Returns whether it is time to read them again.
    pub(super) fn is_due(age: Option<Duration>) -> bool {
        age.is_none_or(|age| age >= EVERY)
    }
}
