//! SCTP: `net/netfilter/ipvs/ip_vs_proto_sctp.c`.

use super::{Table, Transition, Worth};

const NAMES: [&str; 14] = [
    "NONE",
    "INIT1",
    "INIT",
    "C-SENT",
    "C-REPLIED",
    "C-WAIT",
    "COOKIE",
    "C-ECHOED",
    "ESTABLISHED",
    "S-SENT",
    "S-RECEIVED",
    "S-ACK-SENT",
    "REJECTED",
    "CLOSED",
];
const INIT1: u8 = 1;
const INIT_SEEN: u8 = 2;
const ESTABLISHED: u8 = 8;
const REJECTED: u8 = 12;
const CLOSED: u8 = 13;

/// Types of chunks.
pub(super) const INIT: u8 = 1;
pub(super) const ABORT: u8 = 6;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;

/// The next state by the present one, a hexadecimal digit each, in the order of [`NAMES`]. Rows: what the chunk says, in the order of
/// [`row`]. Columns: input, output, input only.
const NEXT: [[&str; 3]; 10] = [
    ["8123456789abcd", "8123456789abcd", "8123486789abcd"],
    ["1223456789ab22", "55555555855555", "1222226789ab22"],
    ["5553466789abcd", "3333456789abcd", "7777776789abcd"],
    ["4224456789abcd", "7777777789abcd", "8888886789abcd"],
    ["8123456889abcd", "8888888889abcd", "8128858889abcd"],
    ["a1234567a9abcd", "9999999999abcd", "a1234567a9abcd"],
    ["d22345678dadcd", "bbbbb5678bbbcd", "d2234567ddadcd"],
    ["ddd3456789adcd", "d123456789abcd", "ddddd56789ddcd"],
    ["d123456d89abcd", "ddddd56789abcd", "d123456789abcd"],
    ["dddddcdddddddd", "dcdddddddddddd", "dddddcdddddddd"],
];

const fn row(chunk: u8) -> usize {
    match chunk {
        1 => 1,
        2 => 2,
        10 => 3,
        11 => 4,
        7 => 5,
        8 => 6,
        14 => 7,
        9 => 8,
        6 => 9,
        _ => 0,
    }
}

pub(super) fn next(now: u8, first: u8, second: Option<u8>, table: Table) -> Transition {
    let is_bundled = matches!(first, COOKIE_ECHO | COOKIE_ACK) && second == Some(ABORT);
    let row = row(if is_bundled { ABORT } else { first });
    let column = match table {
        Table::Input => 0,
        Table::Output => 1,
        Table::InputOnly => 2,
    };
    let digit = NEXT[row][column].as_bytes().get(usize::from(now));
    let next = match digit {
        Some(digit @ b'0'..=b'9') => digit - b'0',
        Some(digit @ b'a'..=b'd') => digit - b'a' + 10,
        _ => CLOSED,
    };
    let seconds = match next {
        0 => 2,
        INIT1 | REJECTED => 4,
        ESTABLISHED => 900,
        _ => 61,
    };
    Transition {
        state: next,
        is_active: next == ESTABLISHED,
        timeout: seconds * 1_000,
        assures: next == ESTABLISHED && now != ESTABLISHED,
        has_changed: next != now,
    }
}

pub(super) const fn is_over(state: u8) -> bool {
    state == CLOSED
}

pub(super) const fn worth(state: u8) -> Worth {
    match state {
        INIT1 | INIT_SEEN => Worth::Nothing,
        ESTABLISHED => Worth::IfBusy,
        _ => Worth::Everything,
    }
}

pub(super) fn name(state: u8) -> &'static str {
    NAMES.get(usize::from(state)).copied().unwrap_or("NONE")
}
