//! The record of a virtual service.

use super::WireError;
use super::attribute::{Attributes, Strictness, Value, put, put_name, put_some};
use super::counters::{Counted, CounterAttributes, Counting, Width, encode_counters};
use super::destination::DestinationAttributes;
use super::uapi as k;

/// A virtual service as attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the kernel's attributes, see uapi.rs
pub struct ServiceAttributes {
    pub family: Option<u16>,
    pub protocol: Option<u16>,
    pub address: Option<[u8; 16]>,
    pub port: Option<u16>,
    pub fwmark: Option<u32>,
    pub scheduler: Option<Vec<u8>>,
    /// The bits and the mask of those that count.
    pub flags: Option<(u32, u32)>,
    pub timeout: Option<u32>,
    /// Four bytes of an IPv4 mask, or a prefix length in host order.
    pub netmask: Option<[u8; 4]>,
    pub engine: Option<Vec<u8>>,
    pub counters: Option<Box<CounterAttributes>>,
    pub counters64: Option<Box<CounterAttributes>>,
}

impl ServiceAttributes {
    const NAME: &'static str = "service";

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_some(out, k::IPVS_SVC_ATTR_AF, self.family.map(u16::to_ne_bytes));
        put_some(
            out,
            k::IPVS_SVC_ATTR_FWMARK,
            self.fwmark.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_SVC_ATTR_PROTOCOL,
            self.protocol.map(u16::to_ne_bytes),
        );
        put_some(out, k::IPVS_SVC_ATTR_ADDR, self.address);
        put_some(out, k::IPVS_SVC_ATTR_PORT, self.port.map(u16::to_be_bytes));
        put_name(out, k::IPVS_SVC_ATTR_SCHED_NAME, self.scheduler.as_ref());
        put_name(out, k::IPVS_SVC_ATTR_PE_NAME, self.engine.as_ref());
        if let Some((bits, mask)) = self.flags {
            let mut both = [0; 8];
            both[..4].copy_from_slice(&bits.to_ne_bytes());
            both[4..].copy_from_slice(&mask.to_ne_bytes());
            put(out, k::IPVS_SVC_ATTR_FLAGS, &both);
        }
        put_some(
            out,
            k::IPVS_SVC_ATTR_TIMEOUT,
            self.timeout.map(u32::to_ne_bytes),
        );
        put_some(out, k::IPVS_SVC_ATTR_NETMASK, self.netmask);
        encode_counters(
            out,
            k::IPVS_SVC_ATTR_STATS,
            self.counters.as_deref(),
            Width::Mixed,
        );
        encode_counters(
            out,
            k::IPVS_SVC_ATTR_STATS64,
            self.counters64.as_deref(),
            Width::Wide,
        );
    }

    /// Reads the attributes of a service.
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
        let mut service = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: Self::NAME,
                attribute,
                bytes,
            };
            match attribute {
                k::IPVS_SVC_ATTR_AF => service.family = Some(value.u16()?),
                k::IPVS_SVC_ATTR_PROTOCOL => service.protocol = Some(value.u16()?),
                k::IPVS_SVC_ATTR_ADDR => service.address = Some(value.extended("16 at most")?),
                k::IPVS_SVC_ATTR_PORT => service.port = Some(value.u16_network()?),
                k::IPVS_SVC_ATTR_FWMARK => service.fwmark = Some(value.u32()?),
                k::IPVS_SVC_ATTR_SCHED_NAME => service.scheduler = Some(value.name()?),
                k::IPVS_SVC_ATTR_FLAGS => service.flags = Some(split_flags(&value)?),
                k::IPVS_SVC_ATTR_TIMEOUT => service.timeout = Some(value.u32()?),
                k::IPVS_SVC_ATTR_NETMASK => service.netmask = Some(value.raw4()?),
                k::IPVS_SVC_ATTR_PE_NAME => service.engine = Some(value.name()?),
                k::IPVS_SVC_ATTR_STATS => counted.take(Width::Mixed, bytes),
                k::IPVS_SVC_ATTR_STATS64 => counted.take(Width::Wide, bytes),
                _ => {}
            }
        }
        [service.counters, service.counters64] = counted.read()?;
        Ok(service)
    }

    /// Returns what names the service, without its configuration.
    #[must_use]
    pub fn identity(&self) -> Self {
        Self {
            family: self.family,
            protocol: self.protocol,
            address: self.address,
            port: self.port,
            fwmark: self.fwmark,
            ..Self::default()
        }
    }
}

fn split_flags(value: &Value<'_>) -> Result<(u32, u32), WireError> {
    let both: [u8; 8] = value.extended("8 at most")?;
    let half = |start: usize| u32::from_ne_bytes(std::array::from_fn(|index| both[start + index]));
    Ok((half(0), half(4)))
}

/// A virtual service and its real servers as a kernel reported them, real servers in the order of the dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRecord {
    /// The service.
    pub service: ServiceAttributes,
    /// Its real servers, newest first.
    pub destinations: Vec<DestinationAttributes>,
}
