//! Views and their columns.

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Virtual services, with their real servers.
    #[default]
    Services,
    /// Addresses that serve, each once, summed over the services that they are in.
    Servers,
    /// Who asks, by network, from the connection table.
    Clients,
    /// Real servers that are drained.
    Drains,
}

impl View {
    /// All of them, in the order of Tab.
    pub const ALL: [Self; 4] = [Self::Services, Self::Servers, Self::Clients, Self::Drains];

    /// Returns its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Servers => "servers",
            Self::Clients => "clients",
            Self::Drains => "drains",
        }
    }

    /// Returns the one that is so many further.
    pub(super) fn after(self, steps: usize) -> Self {
        let place = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        Self::ALL[(place + steps) % Self::ALL.len()]
    }

    /// Returns its columns.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Services => &[
                Column::Name,
                Column::Scheduler,
                Column::Weight,
                Column::Share,
                Column::Active,
                Column::Inactive,
                Column::Persistent,
                Column::Connections,
                Column::In,
                Column::Out,
                Column::PacketsIn,
                Column::PacketsOut,
                Column::Delta,
                Column::Trend,
            ],
            Self::Servers => &[
                Column::Name,
                Column::Services,
                Column::Weight,
                Column::Active,
                Column::Inactive,
                Column::Persistent,
                Column::Connections,
                Column::In,
                Column::Out,
                Column::PacketsIn,
                Column::PacketsOut,
                Column::Delta,
                Column::Trend,
            ],
            Self::Clients => &[Column::Name, Column::Entries, Column::Share],
            Self::Drains => &[
                Column::Name,
                Column::Active,
                Column::Inactive,
                Column::Since,
                Column::Left,
                Column::Before,
                Column::Who,
                Column::Reason,
            ],
        }
    }

    /// Returns by what it is sorted at first.
    pub(super) const fn usual_sort(self) -> (Column, bool) {
        match self {
            Self::Services | Self::Servers | Self::Drains => (Column::Name, false),
            Self::Clients => (Column::Entries, true),
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// What it is.
    Name,
    /// The scheduler of a service.
    Scheduler,
    /// In how many services an address is.
    Services,
    /// The weight, or the sum of weights.
    Weight,
    /// The part of its service, or of all.
    Share,
    /// Open connections.
    Active,
    /// Connections that are ending.
    Inactive,
    /// Templates of persistent clients.
    Persistent,
    /// New connections a second.
    Connections,
    /// Bits or bytes from clients a second.
    In,
    /// Bits or bytes to clients a second.
    Out,
    /// Packets from clients a second.
    PacketsIn,
    /// Packets to clients a second.
    PacketsOut,
    /// Active connections more or less than at the beginning.
    Delta,
    /// New connections a second over the last samples.
    Trend,
    /// Entries of the connection table.
    Entries,
    /// How long it is drained.
    Since,
    /// How long that may go on.
    Left,
    /// The weight before.
    Before,
    /// Who drains.
    Who,
    /// Why.
    Reason,
}

impl Column {
    /// Returns what stands above it.
    #[must_use]
    pub const fn title(self, is_bytes: bool) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Scheduler => "SCHED",
            Self::Services => "SERVICES",
            Self::Weight => "WEIGHT",
            Self::Share => "SHARE",
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Persistent => "PERSIST",
            Self::Connections => "CONN/S",
            Self::In if is_bytes => "IN B/S",
            Self::In => "IN BIT/S",
            Self::Out if is_bytes => "OUT B/S",
            Self::Out => "OUT BIT/S",
            Self::PacketsIn => "IN PKT/S",
            Self::PacketsOut => "OUT PKT/S",
            Self::Delta => "+-ACTIVE",
            Self::Trend => "TREND",
            Self::Entries => "CONNECTIONS",
            Self::Since => "SINCE",
            Self::Left => "LEFT",
            Self::Before => "BEFORE",
            Self::Who => "WHO",
            Self::Reason => "REASON",
        }
    }

    /// Returns its name for programs and for `--sort`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Scheduler => "scheduler",
            Self::Services => "services",
            Self::Weight => "weight",
            Self::Share => "share",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Persistent => "persistent",
            Self::Connections => "connections_per_second",
            Self::In => "bytes_in_per_second",
            Self::Out => "bytes_out_per_second",
            Self::PacketsIn => "packets_in_per_second",
            Self::PacketsOut => "packets_out_per_second",
            Self::Delta => "active_change",
            Self::Trend => "trend",
            Self::Entries => "connections",
            Self::Since => "drained_seconds",
            Self::Left => "left_seconds",
            Self::Before => "weight_before",
            Self::Who => "who",
            Self::Reason => "reason",
        }
    }

    /// Returns how early it is left out where there is no room; 0 is never.
    pub(super) const fn dispensable(self) -> u8 {
        match self {
            Self::PacketsIn | Self::PacketsOut => 12,
            Self::Trend => 11,
            Self::Persistent => 10,
            Self::Share => 9,
            Self::Delta => 8,
            Self::Reason => 7,
            Self::Out => 6,
            Self::In => 5,
            Self::Scheduler | Self::Services | Self::Before | Self::Who => 4,
            Self::Inactive | Self::Since => 3,
            Self::Weight | Self::Left => 2,
            Self::Connections => 1,
            Self::Name | Self::Active | Self::Entries => 0,
        }
    }

    /// Returns which of the five rates it shows.
    pub(super) const fn rate(self) -> Option<usize> {
        match self {
            Self::Connections => Some(0),
            Self::PacketsIn => Some(1),
            Self::PacketsOut => Some(2),
            Self::In => Some(3),
            Self::Out => Some(4),
            _ => None,
        }
    }
}
