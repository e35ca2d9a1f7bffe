//! The states of connections, one file for each protocol, and how long each lasts.

mod sctp;
mod tcp;

use super::connection::{ASSURED, Connection, Flags};
use super::meter::Direction;
use super::packet::{Content, SCTP, TCP, UDP};

/// Which table of a protocol a packet goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Input,
    Output,
    /// Packets of a client whose replies do not pass the director.
    InputOnly,
}

/// What a packet made of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Transition {
    pub(super) state: u8,
    /// Whether it counts as active from now on.
    pub(super) is_active: bool,
    /// Milliseconds.
    pub(super) timeout: u64,
    /// Whether its template is one of a real client from now on.
    pub(super) assures: bool,
    pub(super) has_changed: bool,
}

/// What the states depend on beside the packet.
#[derive(Clone, Copy)]
pub(super) struct StateRules {
    /// TCP, TCP after FIN, UDP; in seconds.
    pub(super) timeouts: [u32; 3],
    /// `secure_tcp` is in force.
    pub(super) is_secure: bool,
}

/// Runs the state machine of a connection's protocol over a packet.
pub(super) fn run(
    connection: &mut Connection,
    direction: Direction,
    content: &Content<'_>,
    rules: &StateRules,
) -> Transition {
    let table = |connection: &mut Connection| match direction {
        Direction::Out => {
            connection.flags.set(Flags::NO_OUTPUT, false);
            Table::Output
        }
        Direction::In if connection.flags.has(Flags::NO_OUTPUT) => Table::InputOnly,
        Direction::In => Table::Input,
    };
    match content {
        Content::Tcp(flags) => {
            let table = table(connection);
            tcp::next(connection.state, *flags, table, rules)
        }
        Content::Sctp(first, second) => {
            let table = table(connection);
            sctp::next(connection.state, *first, *second, table)
        }
        Content::Udp(_) => Transition {
            state: 0,
            is_active: false,
            timeout: u64::from(rules.timeouts[2]) * 1_000,
            assures: direction == Direction::Out,
            has_changed: false,
        },
    }
}

/// Returns whether a packet opens a connection.
pub(super) fn opens(content: &Content<'_>) -> bool {
    match content {
        Content::Tcp(flags) => flags.syn,
        Content::Sctp(first, _) => *first == sctp::INIT,
        Content::Udp(_) => false,
    }
}

/// Returns whether a packet may make a connection; `is_sloppy`: `sloppy_tcp` or `sloppy_sctp`.
pub(super) fn may_open(content: &Content<'_>, is_sloppy: bool) -> bool {
    match content {
        Content::Tcp(flags) => !flags.rst && (flags.syn || is_sloppy),
        Content::Sctp(first, _) => *first == sctp::INIT || (is_sloppy && *first != sctp::ABORT),
        Content::Udp(_) => true,
    }
}

/// Returns whether a packet ends a connection at once.
pub(super) fn aborts(content: &Content<'_>) -> bool {
    match content {
        Content::Tcp(flags) => flags.rst,
        Content::Sctp(first, _) => *first == sctp::ABORT,
        Content::Udp(_) => false,
    }
}

/// Returns whether a connection is over for a client that opens it again; `mode`: `conn_reuse_mode`.
pub(super) fn is_over(connection: &Connection, mode: i64) -> bool {
    match connection.protocol {
        TCP => {
            tcp::is_over(connection.state)
                || (mode & 2 != 0
                    && tcp::is_finishing(connection.state)
                    && connection.flags.has(Flags::NO_OUTPUT))
        }
        SCTP => sctp::is_over(connection.state),
        _ => false,
    }
}

/// How far a connection is, as the kernel sees it that runs out of memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Not yet a connection.
    Nothing,
    /// Worth something unless it has been idle.
    IfBusy,
    /// Kept.
    Everything,
}

pub(super) fn worth(connection: &Connection) -> Worth {
    match connection.protocol {
        TCP => tcp::worth(connection.state),
        SCTP => sctp::worth(connection.state),
        _ => Worth::IfBusy,
    }
}

/// Returns a state as `/proc/net/ip_vs_conn` names it.
pub(super) fn name(connection: &Connection) -> &'static str {
    if connection.is_template() {
        return if connection.state == ASSURED {
            "ASSURED"
        } else {
            "NONE"
        };
    }
    match connection.protocol {
        TCP => tcp::name(connection.state),
        UDP => "UDP",
        SCTP => sctp::name(connection.state),
        _ => "NONE",
    }
}
