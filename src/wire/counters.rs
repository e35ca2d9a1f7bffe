//! Counters and rates, the same for services and real servers.

use super::WireError;
use super::attribute::{Attributes, Strictness, Value, nest, put};
use super::uapi as k;

/// The ten counters, in the kernel's order: connections, packets in and out, bytes in and out, then the same as rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterAttributes {
    /// The values; a missing attribute is `None`.
    pub values: [Option<u64>; 10],
}

/// Which counters of a record are read: kernels send them twice, and most readers need them once or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Both sets, as they are.
    Both,
    /// The set of 64 bits if there is one, else the other.
    Widest,
    /// None.
    Nothing,
}

/// The counters of a record on their way.
pub(super) struct Counted<'a> {
    counting: Counting,
    strictness: Strictness,
    narrow: Option<&'a [u8]>,
    wide: Option<&'a [u8]>,
}

impl<'a> Counted<'a> {
    pub(super) const fn new(counting: Counting, strictness: Strictness) -> Self {
        Self {
            counting,
            strictness,
            narrow: None,
            wide: None,
        }
    }

    pub(super) fn take(&mut self, width: Width, bytes: &'a [u8]) {
        match width {
            Width::Mixed => self.narrow = Some(bytes),
            Width::Wide => self.wide = Some(bytes),
        }
    }

    /// Reads what is wanted: the set of 32 bits and that of 64.
    pub(super) fn read(self) -> Result<[Option<Box<CounterAttributes>>; 2], WireError> {
        let (narrow, wide) = match self.counting {
            Counting::Both => (self.narrow, self.wide),
            Counting::Widest => (self.narrow.filter(|_| self.wide.is_none()), self.wide),
            Counting::Nothing => (None, None),
        };
        let read = |bytes: Option<&[u8]>, width| {
            let read = bytes.map(|bytes| CounterAttributes::decode(bytes, width, self.strictness));
            Ok(read.transpose()?.map(Box::new))
        };
        Ok([read(narrow, Width::Mixed)?, read(wide, Width::Wide)?])
    }
}

/// How wide the counters of a record are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// 32 bits, but 64 for the two byte totals.
    Mixed,
    /// 64 bits.
    Wide,
}

impl Width {
    fn is_wide(self, index: usize) -> bool {
        self == Self::Wide || matches!(index, 3 | 4)
    }
}

impl CounterAttributes {
    pub(super) fn decode(
        bytes: &[u8],
        width: Width,
        strictness: Strictness,
    ) -> Result<Self, WireError> {
        let mut counters = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: "counters",
                attribute,
                bytes,
            };
            let index = usize::from(attribute).wrapping_sub(1);
            if let Some(place) = counters.values.get_mut(index) {
                *place = Some(if width.is_wide(index) {
                    value.u64()?
                } else {
                    u64::from(value.u32()?)
                });
            }
        }
        Ok(counters)
    }
}

pub(super) fn encode_counters(
    out: &mut Vec<u8>,
    kind: u16,
    counters: Option<&CounterAttributes>,
    width: Width,
) {
    let Some(counters) = counters else { return };
    nest(out, kind, |out| {
        for (number, (index, value)) in (k::IPVS_STATS_ATTR_CONNS..=k::IPVS_STATS_ATTR_OUTBPS)
            .zip(counters.values.iter().enumerate())
        {
            let Some(value) = *value else { continue };
            if width.is_wide(index) {
                put(out, number, &value.to_ne_bytes());
            } else {
                // The kernel cuts the same way.
                let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX);
                put(out, number, &low.to_ne_bytes());
            }
        }
    });
}
