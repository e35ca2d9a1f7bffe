//! An entry of the connection table: a connection, or the template of a persistent client.

use std::rc::Rc;

use super::pages::{NOWHERE, Place};
use super::wheel::{Timed, Timer};
use crate::wire::uapi as k;

/// What names an entry when a packet of a client is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionKey {
    pub(super) family: u16,
    /// 0 in the template of a firewall mark.
    pub(super) protocol: u8,
    pub(super) client: [u8; 16],
    pub(super) client_port: u16,
    pub(super) address: [u8; 16],
    pub(super) port: u16,
}

/// An entry. A million of them fit into memory: no field is wider than it must be.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: [u8; 16],
    pub(super) address: [u8; 16],
    pub(super) client_port: u16,
    pub(super) port: u16,
    pub(super) server_port: u16,
    pub(super) protocol: u8,
    pub(super) is_v6: bool,
    /// As the states of its protocol are numbered; of a template: whether it is assured.
    pub(super) state: u8,
    /// The forwarding method is copied from the real server: a later edit leaves it.
    pub(super) method: u8,
    pub(super) flags: Flags,
    /// [`NOWHERE`]: a bypass.
    pub(super) server: Place,
    /// The template that it came from.
    pub(super) controller: Place,
    /// Connections that came from this template.
    pub(super) controls: u32,
    pub(super) packets_in: u32,
    /// In milliseconds, as are all times here.
    pub(super) timeout: u64,
    pub(super) timer: Timer,
    /// Others of its bucket.
    pub(super) next: Place,
    /// What an engine of persistence found in the packet.
    pub(super) engine_data: Option<Rc<[u8]>>,
}

/// What is true of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const TEMPLATE: Self = Self(1);
    /// Counted as inactive.
    pub(super) const INACTIVE: Self = Self(2);
    /// No reply has passed the director, and none is expected.
    pub(super) const NO_OUTPUT: Self = Self(4);
    pub(super) const ONE_PACKET: Self = Self(8);
    /// Netfilter tracks the connection as well.
    pub(super) const TRACKED: Self = Self(16);
    /// A template that no packet finds any more.
    pub(super) const INVALID: Self = Self(32);

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn set(&mut self, other: Self, on: bool) {
        if on {
            self.0 |= other.0;
        } else {
            self.0 &= !other.0;
        }
    }
}

/// The port that a template shows which is no longer valid.
pub(super) const INVALID_PORT: u16 = 0xffff;
/// The state of a template that had a connection which came into being.
pub(super) const ASSURED: u8 = 1;

impl Timed for Connection {
    fn timer_mut(&mut self) -> &mut Timer {
        &mut self.timer
    }
}

impl Connection {
    /// When it expires unless a packet comes, in milliseconds.
    pub(super) const fn expires(&self) -> u64 {
        self.timer.due
    }

    pub(super) fn new(key: &ConnectionKey, server: Place, server_port: u16) -> Self {
        Self {
            client: key.client,
            address: key.address,
            client_port: key.client_port,
            port: key.port,
            server_port,
            protocol: key.protocol,
            is_v6: key.family == k::AF_INET6,
            state: 0,
            method: 0,
            flags: Flags::default(),
            server,
            controller: NOWHERE,
            controls: 0,
            packets_in: 0,
            timeout: 3_000,
            timer: Timer::new(),
            next: NOWHERE,
            engine_data: None,
        }
    }

    pub(super) const fn family(&self) -> u16 {
        if self.is_v6 { k::AF_INET6 } else { k::AF_INET }
    }

    pub(super) const fn is_template(&self) -> bool {
        self.flags.has(Flags::TEMPLATE)
    }

    pub(super) fn is_masquerading(&self) -> bool {
        u32::from(self.method) == k::IP_VS_CONN_F_MASQ
    }
}
