//! The record of a real server.

use super::WireError;
use super::attribute::{Attributes, Strictness, Value, put_some};
use super::counters::{Counted, CounterAttributes, Counting, Width, encode_counters};
use super::uapi as k;

/// A real server as attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the kernel's attributes, see uapi.rs
pub struct DestinationAttributes {
    pub address: Option<[u8; 16]>,
    pub port: Option<u16>,
    pub method: Option<u32>,
    pub weight: Option<u32>,
    pub upper_threshold: Option<u32>,
    pub lower_threshold: Option<u32>,
    pub active: Option<u32>,
    pub inactive: Option<u32>,
    pub persistent: Option<u32>,
    pub counters: Option<Box<CounterAttributes>>,
    pub family: Option<u16>,
    pub counters64: Option<Box<CounterAttributes>>,
    pub tunnel_type: Option<u8>,
    pub tunnel_port: Option<u16>,
    pub tunnel_flags: Option<u16>,
}

impl DestinationAttributes {
    const NAME: &'static str = "destination";

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_some(out, k::IPVS_DEST_ATTR_ADDR, self.address);
        put_some(out, k::IPVS_DEST_ATTR_PORT, self.port.map(u16::to_be_bytes));
        put_some(
            out,
            k::IPVS_DEST_ATTR_FWD_METHOD,
            self.method.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_WEIGHT,
            self.weight.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_TUN_TYPE,
            self.tunnel_type.map(u8::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_TUN_PORT,
            self.tunnel_port.map(u16::to_be_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_TUN_FLAGS,
            self.tunnel_flags.map(u16::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_U_THRESH,
            self.upper_threshold.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_L_THRESH,
            self.lower_threshold.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_ACTIVE_CONNS,
            self.active.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_INACT_CONNS,
            self.inactive.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_PERSIST_CONNS,
            self.persistent.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DEST_ATTR_ADDR_FAMILY,
            self.family.map(u16::to_ne_bytes),
        );
        encode_counters(
            out,
            k::IPVS_DEST_ATTR_STATS,
            self.counters.as_deref(),
            Width::Mixed,
        );
        encode_counters(
            out,
            k::IPVS_DEST_ATTR_STATS64,
            self.counters64.as_deref(),
            Width::Wide,
        );
    }

    /// Reads the attributes of a real server.
    ///
    /// # Errors
    /// [`WireError`] for a value of the wrong width or, strictly, bytes that are no attribute.
    pub fn decode(bytes: &[u8], strictness: Strictness) -> Result<Self, WireError> {
        Self::decode_counting(bytes, strictness, Counting::Both)
    }

    /// Reads the attributes, and of the counters as much as is wanted.
    pub(super) fn decode_counting(
        bytes: &[u8],
        strictness: Strictness,
        counting: Counting,
    ) -> Result<Self, WireError> {
        let mut counted = Counted::new(counting, strictness);
        let mut destination = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: Self::NAME,
                attribute,
                bytes,
            };
            match attribute {
                k::IPVS_DEST_ATTR_ADDR => destination.address = Some(value.extended("16 at most")?),
                k::IPVS_DEST_ATTR_PORT => destination.port = Some(value.u16_network()?),
                k::IPVS_DEST_ATTR_FWD_METHOD => destination.method = Some(value.u32()?),
                k::IPVS_DEST_ATTR_WEIGHT => destination.weight = Some(value.u32()?),
                k::IPVS_DEST_ATTR_U_THRESH => destination.upper_threshold = Some(value.u32()?),
                k::IPVS_DEST_ATTR_L_THRESH => destination.lower_threshold = Some(value.u32()?),
                k::IPVS_DEST_ATTR_ACTIVE_CONNS => destination.active = Some(value.u32()?),
                k::IPVS_DEST_ATTR_INACT_CONNS => destination.inactive = Some(value.u32()?),
                k::IPVS_DEST_ATTR_PERSIST_CONNS => destination.persistent = Some(value.u32()?),
                k::IPVS_DEST_ATTR_STATS => counted.take(Width::Mixed, bytes),
                k::IPVS_DEST_ATTR_ADDR_FAMILY => destination.family = Some(value.u16()?),
                k::IPVS_DEST_ATTR_STATS64 => counted.take(Width::Wide, bytes),
                k::IPVS_DEST_ATTR_TUN_TYPE => destination.tunnel_type = Some(value.u8()?),
                k::IPVS_DEST_ATTR_TUN_PORT => destination.tunnel_port = Some(value.u16_network()?),
                k::IPVS_DEST_ATTR_TUN_FLAGS => destination.tunnel_flags = Some(value.u16()?),
                _ => {}
            }
        }
        [destination.counters, destination.counters64] = counted.read()?;
        Ok(destination)
    }
}
