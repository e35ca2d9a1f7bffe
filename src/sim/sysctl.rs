//! The files of `/proc/sys/net/ipv4/vs`.

use std::collections::BTreeMap;

use super::environment::Environment;
use super::policy::libc_errno as errno;

/// What a parameter takes.
#[derive(Clone, Copy, Debug)]
enum Range {
    Any,
    /// From, to.
    Within(i64, i64),
    /// 1, 2, 4, …
    PowerOfTwo,
    /// Two numbers from 0, the first smaller than the second unless that is 0.
    Threshold,
}

const PARAMETERS: &[(&str, &str, Range)] = &[
    ("am_droprate", "10", Range::Any),
    ("amemthresh", "1024", Range::Any),
    ("backup_only", "0", Range::Any),
    ("cache_bypass", "0", Range::Any),
    ("conn_reuse_mode", "1", Range::Any),
    ("conntrack", "0", Range::Any),
    ("drop_entry", "0", Range::Within(0, 3)),
    ("drop_packet", "0", Range::Within(0, 3)),
    ("expire_nodest_conn", "0", Range::Any),
    ("expire_quiescent_template", "0", Range::Any),
    ("ignore_tunneled", "0", Range::Any),
    ("nat_icmp_send", "0", Range::Any),
    ("pmtu_disc", "1", Range::Any),
    ("run_estimation", "1", Range::Any),
    ("schedule_icmp", "0", Range::Any),
    ("secure_tcp", "0", Range::Within(0, 3)),
    ("sloppy_sctp", "0", Range::Any),
    ("sloppy_tcp", "0", Range::Any),
    ("snat_reroute", "1", Range::Any),
    ("sync_persist_mode", "0", Range::Any),
    ("sync_ports", "1", Range::PowerOfTwo),
    ("sync_qlen_max", "1024", Range::Any),
    ("sync_refresh_period", "0", Range::Any),
    ("sync_retries", "0", Range::Within(0, 3)),
    ("sync_sock_size", "0", Range::Any),
    ("sync_threshold", "3\t50", Range::Threshold),
    ("sync_version", "1", Range::Within(0, 1)),
];

/// What 7.x has beside them.
const NEWER_PARAMETERS: &[(&str, &str, Range)] = &[
    ("conn_lfactor", "-4", Range::Within(-8, 8)),
    ("conn_max", "1073741824", Range::Within(0, 1 << 30)),
    ("svc_lfactor", "-3", Range::Within(-8, 8)),
];

/// What modules of schedulers bring with them, in seconds.
const EXPIRATIONS: &[(&str, &str)] = &[("lblc", "lblc_expiration"), ("lblcr", "lblcr_expiration")];
const DAY: &str = "86400";

/// What packets are treated by: the parameters as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Knobs {
    pub(super) am_droprate: i64,
    pub(super) backup_only: bool,
    pub(super) cache_bypass: bool,
    pub(super) conn_max: Option<u64>,
    pub(super) conn_reuse_mode: i64,
    pub(super) conntrack: bool,
    pub(super) drop_entry: i64,
    pub(super) drop_packet: i64,
    pub(super) expire_nodest_conn: bool,
    pub(super) expire_quiescent_template: bool,
    /// Seconds.
    pub(super) lblc_expiration: u64,
    /// Seconds.
    pub(super) lblcr_expiration: u64,
    pub(super) nat_icmp_send: bool,
    pub(super) run_estimation: bool,
    pub(super) schedule_icmp: bool,
    pub(super) secure_tcp: i64,
    pub(super) sloppy_sctp: bool,
    pub(super) sloppy_tcp: bool,
}

/// The parameters of one network namespace.
#[derive(Clone, Debug)]
pub(super) struct Sysctls {
    values: BTreeMap<String, String>,
    /// What the values say.
    pub(super) knobs: Knobs,
}

fn knobs(values: &BTreeMap<String, String>) -> Knobs {
    let number = |name: &str| values.get(name).and_then(|text| text.parse::<i64>().ok());
    let or_zero = |name: &str| number(name).unwrap_or_default();
    let is_on = |name: &str| or_zero(name) != 0;
    let natural = |name: &str| number(name).and_then(|number| u64::try_from(number).ok());
    Knobs {
        am_droprate: or_zero("am_droprate"),
        backup_only: is_on("backup_only"),
        cache_bypass: is_on("cache_bypass"),
        conn_max: natural("conn_max"),
        conn_reuse_mode: or_zero("conn_reuse_mode"),
        conntrack: is_on("conntrack"),
        drop_entry: or_zero("drop_entry"),
        drop_packet: or_zero("drop_packet"),
        expire_nodest_conn: is_on("expire_nodest_conn"),
        expire_quiescent_template: is_on("expire_quiescent_template"),
        lblc_expiration: natural("lblc_expiration").unwrap_or(86_400),
        lblcr_expiration: natural("lblcr_expiration").unwrap_or(86_400),
        nat_icmp_send: is_on("nat_icmp_send"),
        run_estimation: number("run_estimation") != Some(0),
        schedule_icmp: is_on("schedule_icmp"),
        secure_tcp: or_zero("secure_tcp"),
        sloppy_sctp: is_on("sloppy_sctp"),
        sloppy_tcp: is_on("sloppy_tcp"),
    }
}

impl Sysctls {
    pub(super) fn new(environment: &Environment) -> Self {
        let newer = if environment.flavour.growing_connection_table {
            NEWER_PARAMETERS
        } else {
            &[]
        };
        let values = PARAMETERS
            .iter()
            .chain(newer)
            .map(|(name, value, _)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            knobs: knobs(&values),
            values,
        }
    }

    /// The module of a scheduler is loaded: it may bring a parameter of its own.
    pub(super) fn load_scheduler(&mut self, name: &[u8]) {
        for (scheduler, parameter) in EXPIRATIONS {
            if scheduler.as_bytes() == name && !self.values.contains_key(*parameter) {
                self.load(parameter, DAY);
            }
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<String, i32> {
        self.values
            .get(name)
            .map(|value| format!("{value}\n"))
            .ok_or(errno::ENOENT)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.values.keys().map(String::as_str).collect()
    }

    /// Takes over a value as another kernel reported it.
    pub(super) fn load(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
        self.knobs = knobs(&self.values);
    }

    /// Returns a value as a number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.values.get(name)?.parse().ok()
    }

    pub(super) fn write(&mut self, name: &str, contents: &[u8]) -> Result<(), i32> {
        let place = self.values.get_mut(name).ok_or(errno::ENOENT)?;
        let range = PARAMETERS
            .iter()
            .chain(NEWER_PARAMETERS)
            .find(|(known, ..)| *known == name)
            .map(|(.., range)| *range);
        let text = std::str::from_utf8(contents)
            .map_err(|_| errno::EINVAL)?
            .trim();
        let Some(range) = range else {
            text.clone_into(place);
            self.knobs = knobs(&self.values);
            return Ok(());
        };
        let numbers: Vec<i64> = text
            .split_whitespace()
            .map(|word| {
                c_number(word)
                    .filter(|number| i32::try_from(*number).is_ok())
                    .ok_or(errno::EINVAL)
            })
            .collect::<Result<_, _>>()?;
        *place = check(range, &numbers, place)?;
        self.knobs = knobs(&self.values);
        Ok(())
    }
}

/// Reads a number with the prefixes of C, as the kernel does.
fn c_number(word: &str) -> Option<i64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = i64::from_str_radix(digits, base).ok().filter(|_| plain)?;
    Some(if negative { -number } else { number })
}

/// Returns the value that is kept.
fn check(range: Range, numbers: &[i64], old: &str) -> Result<String, i32> {
    let first = *numbers.first().ok_or(errno::EINVAL)?;
    match range {
        Range::Any => {}
        Range::Within(from, to) if (from..=to).contains(&first) => {}
        Range::PowerOfTwo if first > 0 && first & (first - 1) == 0 => {}
        Range::Threshold => {
            let kept = old
                .split_whitespace()
                .nth(1)
                .and_then(|word| word.parse().ok())
                .unwrap_or_default();
            let second = numbers.get(1).copied().unwrap_or(kept);
            if first < 0 || second < 0 || (second != 0 && first >= second) {
                return Err(errno::EINVAL);
            }
            return Ok(format!("{first}\t{second}"));
        }
        Range::Within(..) | Range::PowerOfTwo => return Err(errno::EINVAL),
    }
    Ok(first.to_string())
}
