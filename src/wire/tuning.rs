//! Records of what belongs to the table as a whole: sync daemons, timeouts, the kernel's own word.

use super::WireError;
use super::attribute::{Attributes, Strictness, Value, put_name, put_some};
use super::uapi as k;

/// A sync daemon as attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the kernel's attributes, see uapi.rs
pub struct DaemonAttributes {
    pub state: Option<u32>,
    pub interface: Option<Vec<u8>>,
    pub sync_id: Option<u32>,
    pub sync_maxlen: Option<u16>,
    pub group: Option<[u8; 4]>,
    pub group6: Option<[u8; 16]>,
    pub port: Option<u16>,
    pub ttl: Option<u8>,
}

impl DaemonAttributes {
    const NAME: &'static str = "daemon";

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_some(
            out,
            k::IPVS_DAEMON_ATTR_STATE,
            self.state.map(u32::to_ne_bytes),
        );
        put_name(out, k::IPVS_DAEMON_ATTR_MCAST_IFN, self.interface.as_ref());
        put_some(
            out,
            k::IPVS_DAEMON_ATTR_SYNC_ID,
            self.sync_id.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DAEMON_ATTR_SYNC_MAXLEN,
            self.sync_maxlen.map(u16::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DAEMON_ATTR_MCAST_PORT,
            self.port.map(u16::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_DAEMON_ATTR_MCAST_TTL,
            self.ttl.map(u8::to_ne_bytes),
        );
        put_some(out, k::IPVS_DAEMON_ATTR_MCAST_GROUP6, self.group6);
        put_some(out, k::IPVS_DAEMON_ATTR_MCAST_GROUP, self.group);
    }

    /// Reads the attributes of a sync daemon.
    ///
    /// # Errors
    /// [`WireError`] for a value of the wrong width or, strictly, bytes that are no attribute.
    pub fn decode(bytes: &[u8], strictness: Strictness) -> Result<Self, WireError> {
        let mut daemon = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: Self::NAME,
                attribute,
                bytes,
            };
            match attribute {
                k::IPVS_DAEMON_ATTR_STATE => daemon.state = Some(value.u32()?),
                k::IPVS_DAEMON_ATTR_MCAST_IFN => daemon.interface = Some(value.name()?),
                k::IPVS_DAEMON_ATTR_SYNC_ID => daemon.sync_id = Some(value.u32()?),
                k::IPVS_DAEMON_ATTR_SYNC_MAXLEN => daemon.sync_maxlen = Some(value.u16()?),
                k::IPVS_DAEMON_ATTR_MCAST_GROUP => daemon.group = Some(value.raw4()?),
                k::IPVS_DAEMON_ATTR_MCAST_GROUP6 => {
                    // Longer ones are accepted like longer integers.
                    let bytes = bytes.get(..16).unwrap_or(bytes);
                    let value = Value {
                        record: Self::NAME,
                        attribute,
                        bytes,
                    };
                    daemon.group6 = Some(value.extended("16")?);
                }
                k::IPVS_DAEMON_ATTR_MCAST_PORT => daemon.port = Some(value.u16()?),
                k::IPVS_DAEMON_ATTR_MCAST_TTL => daemon.ttl = Some(value.u8()?),
                _ => {}
            }
        }
        Ok(daemon)
    }
}

/// The timeouts as attributes, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the kernel's attributes, see uapi.rs
pub struct ConfigAttributes {
    pub tcp: Option<u32>,
    pub tcp_fin: Option<u32>,
    pub udp: Option<u32>,
}

impl ConfigAttributes {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_some(
            out,
            k::IPVS_CMD_ATTR_TIMEOUT_TCP,
            self.tcp.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
            self.tcp_fin.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_CMD_ATTR_TIMEOUT_UDP,
            self.udp.map(u32::to_ne_bytes),
        );
    }

    pub(super) fn decode(bytes: &[u8], strictness: Strictness) -> Result<Self, WireError> {
        let mut config = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: "configuration",
                attribute,
                bytes,
            };
            match attribute {
                k::IPVS_CMD_ATTR_TIMEOUT_TCP => config.tcp = Some(value.u32()?),
                k::IPVS_CMD_ATTR_TIMEOUT_TCP_FIN => config.tcp_fin = Some(value.u32()?),
                k::IPVS_CMD_ATTR_TIMEOUT_UDP => config.udp = Some(value.u32()?),
                _ => {}
            }
        }
        Ok(config)
    }
}

/// What the kernel says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InfoAttributes {
    /// The version of IPVS, a byte for each part: 0x00010201 is 1.2.1.
    pub version: Option<u32>,
    /// The buckets of the connection table.
    pub connection_table_size: Option<u32>,
}

impl InfoAttributes {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_some(
            out,
            k::IPVS_INFO_ATTR_VERSION,
            self.version.map(u32::to_ne_bytes),
        );
        put_some(
            out,
            k::IPVS_INFO_ATTR_CONN_TAB_SIZE,
            self.connection_table_size.map(u32::to_ne_bytes),
        );
    }

    pub(super) fn decode(bytes: &[u8], strictness: Strictness) -> Result<Self, WireError> {
        let mut info = Self::default();
        for attribute in Attributes::new(bytes, strictness) {
            let (attribute, bytes) = attribute?;
            let value = Value {
                record: "information",
                attribute,
                bytes,
            };
            match attribute {
                k::IPVS_INFO_ATTR_VERSION => info.version = Some(value.u32()?),
                k::IPVS_INFO_ATTR_CONN_TAB_SIZE => info.connection_table_size = Some(value.u32()?),
                _ => {}
            }
        }
        Ok(info)
    }
}
