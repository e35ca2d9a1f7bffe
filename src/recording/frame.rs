//! The head of a file, and frames: what is around a body.

use std::time::{Duration, SystemTime};

/// How a file begins.
const MAGIC: &[u8; 8] = b"IPVSHREC";

/// The version that is written and read.
pub(super) const VERSION: u16 = 1;

/// How long the head of a file is.
pub(super) const HEAD: usize = 32;

/// How long that is which stands before the body of a frame: length, checksum, kind, time.
pub(super) const FRAME_HEAD: usize = 13;

/// The longest body: the configuration of some million objects. What says it is longer is damaged.
pub(super) const LONGEST: u32 = 1 << 29;

/// When a file begins at the latest: in the year 9900, in milliseconds.
const LATEST: i64 = 250_246_000_000_000;

/// The head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) start: SystemTime,
    pub(super) boot: u64,
    pub(super) cookie: u32,
}

/// Why the head of a file can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHead {
    Foreign,
    /// It was begun, and not whole yet.
    Short,
    Version(u16),
}

/// Returns milliseconds since 1970.
pub(super) fn milliseconds(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |time| -time),
    }
}

/// Returns the time of so many milliseconds since 1970; what no clock tells is 1970.
pub(super) fn time_at(milliseconds: i64) -> SystemTime {
    let distance = Duration::from_millis(milliseconds.unsigned_abs());
    let time = if milliseconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Head {
    pub(super) fn bytes(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&milliseconds(self.start).to_le_bytes());
        bytes[20..28].copy_from_slice(&self.boot.to_le_bytes());
        bytes[28..].copy_from_slice(&self.cookie.to_le_bytes());
        bytes
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoHead> {
        let Some(head) = bytes.first_chunk::<HEAD>() else {
            return Err(
                if MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
                    NoHead::Short
                } else {
                    NoHead::Foreign
                },
            );
        };
        let at = |from: usize| -> [u8; 8] {
            let mut eight = [0; 8];
            eight.copy_from_slice(&head[from..from + 8]);
            eight
        };
        if &at(0) != MAGIC {
            return Err(NoHead::Foreign);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version != VERSION {
            return Err(NoHead::Version(version));
        }
        let start = i64::from_le_bytes(at(12));
        // No clock told that.
        if !(0..LATEST).contains(&start) {
            return Err(NoHead::Foreign);
        }
        Ok(Self {
            start: time_at(start),
            boot: u64::from_le_bytes(at(20)),
            cookie: u32::from_le_bytes([head[28], head[29], head[30], head[31]]),
        })
    }
}

/// What a frame tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Delta,
    Change,
    Mark,
    Gap,
    Facts,
    Connections,
    /// One of a later version.
    Other,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Delta => 2,
            Self::Change => 3,
            Self::Mark => 4,
            Self::Gap => 5,
            Self::Facts => 6,
            Self::Connections => 7,
            Self::Other => 0,
        }
    }

    pub(super) const fn of(number: u8) -> Self {
        match number {
            1 => Self::Key,
            2 => Self::Delta,
            3 => Self::Change,
            4 => Self::Mark,
            5 => Self::Gap,
            6 => Self::Facts,
            7 => Self::Connections,
            _ => Self::Other,
        }
    }
}

/// Appends a frame, whose body `write` appends.
pub(super) fn append(out: &mut Vec<u8>, kind: Kind, time: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(kind.number());
    out.extend_from_slice(&time.to_le_bytes());
    write(out);
    let covered = &out[start + 8..];
    let length = u32::try_from(covered.len()).unwrap_or(u32::MAX);
    let sum = crc32fast::hash(covered);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Head, NoHead, milliseconds, time_at};

    #[test]
    fn a_head_is_read_as_it_was_written() {
        for start in [0, 1_700_000_000_123] {
            let head = Head {
                start: time_at(start),
                boot: u64::MAX - 3,
                cookie: 7,
            };
            assert_eq!(milliseconds(head.start), start);
            let bytes = head.bytes();
            assert_eq!(Head::read(&bytes), Ok(head));
            assert_eq!(Head::read(&bytes[..31]), Err(NoHead::Short));
            assert_eq!(Head::read(&[]), Err(NoHead::Short));
            assert_eq!(Head::read(b"IPVSHRED"), Err(NoHead::Foreign));
            let mut other = bytes;
            other[8] = 2;
            assert_eq!(Head::read(&other), Err(NoHead::Version(2)));
        }
        for start in [-1, i64::MIN, i64::MAX] {
            let start = time_at(start);
            let head = Head {
                start,
                boot: 0,
                cookie: 0,
            };
            assert_eq!(Head::read(&head.bytes()), Err(NoHead::Foreign));
        }
    }
}
