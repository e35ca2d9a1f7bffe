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
