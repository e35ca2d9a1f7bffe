//! What the kernel answers with.

use super::attribute::{Attributes, Strictness, nest};
use super::counters::Counting;
use super::destination::DestinationAttributes;
use super::service::ServiceAttributes;
use super::tuning::{ConfigAttributes, DaemonAttributes, InfoAttributes};
use super::uapi as k;
use super::{Message, WireError};

/// A record that the kernel answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A virtual service.
    Service(Box<ServiceAttributes>),
    /// A real server.
    Destination(Box<DestinationAttributes>),
    /// A sync daemon.
    Daemon(DaemonAttributes),
    /// The timeouts.
    Config(ConfigAttributes),
    /// The kernel itself.
    Info(InfoAttributes),
}

impl Record {
    /// Reads the record of a reply, with the counters that are wanted.
    ///
    /// # Errors
    /// [`WireError`] if the command answers nothing we ask or its record can't be read.
    pub fn decode(message: &Message<'_>, counting: Counting) -> Result<Self, WireError> {
        const STRICT: Strictness = Strictness::Strict;
        let body = message.attributes();
        let nested = |number: u16, record: &'static str| {
            let found = Attributes::new(body, STRICT).last(number)?;
            found.ok_or(WireError::Missing { record })
        };
        Ok(match message.command()? {
            k::IPVS_CMD_NEW_SERVICE => {
                let bytes = nested(k::IPVS_CMD_ATTR_SERVICE, "service")?;
                let service = ServiceAttributes::decode_counting(bytes, STRICT, counting)?;
                Self::Service(Box::new(service))
            }
            k::IPVS_CMD_NEW_DEST => {
                let bytes = nested(k::IPVS_CMD_ATTR_DEST, "destination")?;
                let destination = DestinationAttributes::decode_counting(bytes, STRICT, counting)?;
                Self::Destination(Box::new(destination))
            }
            k::IPVS_CMD_NEW_DAEMON => {
                let bytes = nested(k::IPVS_CMD_ATTR_DAEMON, "daemon")?;
                Self::Daemon(DaemonAttributes::decode(bytes, STRICT)?)
            }
            k::IPVS_CMD_SET_CONFIG => Self::Config(ConfigAttributes::decode(body, STRICT)?),
            k::IPVS_CMD_SET_INFO => Self::Info(InfoAttributes::decode(body, STRICT)?),
            command => return Err(WireError::Command { command }),
        })
    }

    /// Appends the record as a reply of `family`.
    pub fn encode(&self, out: &mut Vec<u8>, family: u16, flags: u16, sequence: u32) {
        let start = super::put_header(out, family, flags, sequence);
        let command = match self {
            Self::Service(_) => k::IPVS_CMD_NEW_SERVICE,
            Self::Destination(_) => k::IPVS_CMD_NEW_DEST,
            Self::Daemon(_) => k::IPVS_CMD_NEW_DAEMON,
            Self::Config(_) => k::IPVS_CMD_SET_CONFIG,
            Self::Info(_) => k::IPVS_CMD_SET_INFO,
        };
        out.extend_from_slice(&[command, k::IPVS_GENL_VERSION, 0, 0]);
        match self {
            Self::Service(service) => {
                nest(out, k::IPVS_CMD_ATTR_SERVICE, |out| service.encode(out))
            }
            Self::Destination(destination) => {
                nest(out, k::IPVS_CMD_ATTR_DEST, |out| destination.encode(out))
            }
            Self::Daemon(daemon) => nest(out, k::IPVS_CMD_ATTR_DAEMON, |out| daemon.encode(out)),
            Self::Config(config) => config.encode(out),
            Self::Info(info) => info.encode(out),
        }
        super::finish(out, start);
    }
}
