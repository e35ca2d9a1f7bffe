//! One entry of the connection table, as the kernel's file tells it.

use std::net::IpAddr;

use super::Port;

/// A connection, or a persistence template: one with source port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEntry<'a> {
    /// `TCP`, `UDP`, `SCTP`, or `IP` for the template of a mark.
    pub protocol: &'a str,
    /// Who asks.
    pub source: (IpAddr, Port),
    /// What is asked for; for the template of a mark its bits are the mark.
    pub asked: (IpAddr, Port),
    /// Who answers.
    pub destination: (IpAddr, Port),
    /// Its state, such as `ESTABLISHED`.
    pub state: &'a str,
    /// The seconds that it has left without traffic.
    pub expires_seconds: u64,
    /// The name and the data of the persistence engine that made it.
    pub engine: Option<(&'a str, &'a str)>,
}

impl ConnectionEntry<'_> {
    /// Returns the mark whose template it is, if it is one.
    #[must_use]
    pub fn mark(&self) -> Option<u32> {
        match self.asked.0 {
            IpAddr::V4(bits) if self.protocol == "IP" => Some(bits.to_bits()),
            _ => None,
        }
    }
}
