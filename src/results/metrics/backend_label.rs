//! The labels by which node_exporter tells backends apart.

/// A label of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendLabel {
    /// The address of the service.
    LocalAddress,
    /// The port of the service.
    LocalPort,
    /// The address of the real server.
    RemoteAddress,
    /// The port of the real server.
    RemotePort,
    /// The protocol.
    Proto,
    /// The mark, as eight hexadecimal digits.
    LocalMark,
}

impl BackendLabel {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::LocalAddress,
        Self::LocalPort,
        Self::RemoteAddress,
        Self::RemotePort,
        Self::Proto,
        Self::LocalMark,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LocalAddress => "local_address",
            Self::LocalPort => "local_port",
            Self::RemoteAddress => "remote_address",
            Self::RemotePort => "remote_port",
            Self::Proto => "proto",
            Self::LocalMark => "local_mark",
        }
    }
}
