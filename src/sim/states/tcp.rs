//! TCP: `net/netfilter/ipvs/ip_vs_proto_tcp.c`.

use super::{StateRules, Table, Transition, Worth};
use crate::sim::packet::TcpFlags;

const NAMES: [&str; 11] = [
    "NONE",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "SYNACK",
];
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const SYN_RECV: u8 = 3;
const FIN_WAIT: u8 = 4;
const TIME_WAIT: u8 = 5;
const CLOSE: u8 = 6;
const SYNACK: u8 = 10;

/// Seconds; those of ESTABLISHED and FIN_WAIT can be set.
const TIMEOUTS: [u32; 11] = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120];

/// The next state by the present one, a letter pair each, in the order of [`NAMES`]. Rows: SYN, FIN, ACK, RST.
type Rows = [&'static str; 4];

const INPUT: Rows = [
    "SR ES ES SR SR SR SR SR SR SR SR",
    "CL CW SS TW TW TW CL CW LA LI TW",
    "ES ES SS ES FW TW CL CW CL LI ES",
    "CL CL CL SR CL CL CL CL LA LI SR",
];
const OUTPUT: Rows = [
    "SS ES SS SR SS SS SS SS SS LI SR",
    "TW FW SS TW FW TW CL TW LA LI TW",
    "ES ES SS ES FW TW CL CW LA ES ES",
    "CL CL SS CL CL TW CL CL CL CL CL",
];
const INPUT_ONLY: Rows = [
    "SR ES ES SR SR SR SR SR SR SR SR",
    "CL FW SS TW FW TW CL CW LA LI TW",
    "ES ES SS ES FW TW CL CW CL LI ES",
    "CL CL CL SR CL CL CL CL LA LI CL",
];
/// The same under `secure_tcp`.
const SECURE_INPUT: Rows = [
    "SR ES ES SR SR SR SR SR SR SR SA",
    "CL CW SS TW TW TW CL CW LA LI SA",
    "ES ES SS SR FW TW CL CW CL LI SA",
    "CL CL CL SR CL CL CL CL LA LI CL",
];
const SECURE_OUTPUT: Rows = [
    "SS ES SS SA SS SS SS SS SS LI SA",
    "TW FW SS TW FW TW CL TW LA LI TW",
    "ES ES SS ES FW TW CL CW LA ES ES",
    "CL CL SS CL CL TW CL CL CL CL CL",
];
const SECURE_INPUT_ONLY: Rows = [
    "SA ES ES SR SA SA SA SA SA SA SA",
    "CL FW SS TW FW TW CL CW LA LI TW",
    "ES ES SS ES FW TW CL CW CL LI ES",
    "CL CL CL SR CL CL CL CL LA LI CL",
];

fn state(letters: &[u8]) -> u8 {
    match letters {
        b"ES" => ESTABLISHED,
        b"SS" => SYN_SENT,
        b"SR" => SYN_RECV,
        b"FW" => FIN_WAIT,
        b"TW" => TIME_WAIT,
        b"CL" => CLOSE,
        b"CW" => 7,
        b"LA" => 8,
        b"LI" => 9,
        b"SA" => SYNACK,
        _ => 0,
    }
}

const fn is_active(state: u8) -> bool {
    matches!(state, ESTABLISHED | SYN_SENT | SYN_RECV | SYNACK)
}

pub(super) fn next(now: u8, flags: TcpFlags, table: Table, rules: &StateRules) -> Transition {
    let rows = match (table, rules.is_secure) {
        (Table::Input, false) => INPUT,
        (Table::Output, false) => OUTPUT,
        (Table::InputOnly, false) => INPUT_ONLY,
        (Table::Input, true) => SECURE_INPUT,
        (Table::Output, true) => SECURE_OUTPUT,
        (Table::InputOnly, true) => SECURE_INPUT_ONLY,
    };
    // RST before SYN before FIN before ACK; without any of them the connection is over.
    let row = match flags {
        flags if flags.rst => Some(3),
        flags if flags.syn => Some(0),
        flags if flags.fin => Some(1),
        flags if flags.ack => Some(2),
        _ => None,
    };
    let at = usize::from(now) * 3;
    let next = row.map_or(CLOSE, |row| {
        rows[row].as_bytes().get(at..at + 2).map_or(CLOSE, state)
    });
    let seconds = match next {
        ESTABLISHED => rules.timeouts[0],
        FIN_WAIT => rules.timeouts[1],
        other => TIMEOUTS.get(usize::from(other)).copied().unwrap_or(2),
    };
    Transition {
        state: next,
        is_active: is_active(next),
        timeout: u64::from(seconds) * 1_000,
        assures: next == ESTABLISHED && now != ESTABLISHED,
        has_changed: next != now,
    }
}

pub(super) const fn is_over(state: u8) -> bool {
    matches!(state, TIME_WAIT | CLOSE)
}

pub(super) const fn is_finishing(state: u8) -> bool {
    state == FIN_WAIT
}

pub(super) const fn worth(state: u8) -> Worth {
    match state {
        SYN_RECV | SYNACK => Worth::Nothing,
        ESTABLISHED => Worth::IfBusy,
        _ => Worth::Everything,
    }
}

pub(super) fn name(state: u8) -> &'static str {
    NAMES.get(usize::from(state)).copied().unwrap_or("NONE")
}
