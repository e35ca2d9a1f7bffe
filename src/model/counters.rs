//! What only the kernel can tell: counters, rates and open connections.

/// Totals since the last zeroing, of a virtual service or a real server.
///
/// The kernel refreshes the copies it reports every two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections scheduled; persistence templates are not counted.
    pub connections: u64,
    /// Packets from clients.
    pub packets_in: u64,
    /// Packets to clients; only masquerading sees them.
    pub packets_out: u64,
    /// Bytes from clients, at the IP layer.
    pub bytes_in: u64,
    /// Bytes to clients, at the IP layer; only masquerading sees them.
    pub bytes_out: u64,
}

/// Rates as the kernel's estimator smooths them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// New connections per second.
    pub connections_per_second: u64,
    /// Packets from clients per second.
    pub packets_in_per_second: u64,
    /// Packets to clients per second.
    pub packets_out_per_second: u64,
    /// Bytes from clients per second.
    pub bytes_in_per_second: u64,
    /// Bytes to clients per second.
    pub bytes_out_per_second: u64,
}

/// Counters and rates together. Most servers of a large table never counted anything, and take no room for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed(Option<Box<(Counters, Rates)>>);

impl Observed {
    /// Puts totals and rates together.
    #[must_use]
    pub fn new(counters: Counters, rates: Rates) -> Self {
        let something = counters != Counters::default() || rates != Rates::default();
        Self(something.then(|| Box::new((counters, rates))))
    }

    /// Returns the totals.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0
            .as_deref()
            .map_or_else(Counters::default, |both| both.0)
    }

    /// Returns the rates.
    #[must_use]
    pub fn rates(&self) -> Rates {
        self.0.as_deref().map_or_else(Rates::default, |both| both.1)
    }
}

/// Open connections of a real server, live at the moment of reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Connections in an active state (TCP established or opening, SCTP established).
    pub active: u32,
    /// All other connections that still have an entry.
    pub inactive: u32,
    /// Persistence templates.
    pub persistent: u32,
}

impl Connections {
    /// Returns active plus inactive connections.
    #[must_use]
    pub const fn open(self) -> u64 {
        self.active as u64 + self.inactive as u64
    }
}
