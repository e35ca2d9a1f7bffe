//! What can be asked of the kernel: one variant for each IPVS command.

use super::attribute::{Attributes, Strictness, nest, put};
use super::uapi as k;
use super::{ConfigAttributes, DaemonAttributes, DestinationAttributes, ServiceAttributes};
use super::{Message, WireError, finish, put_header};

/// A request of the IPVS family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the kernel's commands, see uapi.rs
pub enum Request {
    NewService(ServiceAttributes),
    SetService(ServiceAttributes),
    DeleteService(ServiceAttributes),
    GetService(ServiceAttributes),
    DumpServices,
    NewDestination(ServiceAttributes, DestinationAttributes),
    SetDestination(ServiceAttributes, DestinationAttributes),
    DeleteDestination(ServiceAttributes, DestinationAttributes),
    DumpDestinations(ServiceAttributes),
    NewDaemon(DaemonAttributes),
    DeleteDaemon(DaemonAttributes),
    DumpDaemons,
    SetConfig(ConfigAttributes),
    GetConfig,
    GetInfo,
    Zero(Option<ServiceAttributes>),
    Flush,
}

impl Request {
    /// Returns the command's number.
    #[must_use]
    pub const fn command(&self) -> u8 {
        match self {
            Self::NewService(_) => k::IPVS_CMD_NEW_SERVICE,
            Self::SetService(_) => k::IPVS_CMD_SET_SERVICE,
            Self::DeleteService(_) => k::IPVS_CMD_DEL_SERVICE,
            Self::GetService(_) | Self::DumpServices => k::IPVS_CMD_GET_SERVICE,
            Self::NewDestination(..) => k::IPVS_CMD_NEW_DEST,
            Self::SetDestination(..) => k::IPVS_CMD_SET_DEST,
            Self::DeleteDestination(..) => k::IPVS_CMD_DEL_DEST,
            Self::DumpDestinations(_) => k::IPVS_CMD_GET_DEST,
            Self::NewDaemon(_) => k::IPVS_CMD_NEW_DAEMON,
            Self::DeleteDaemon(_) => k::IPVS_CMD_DEL_DAEMON,
            Self::DumpDaemons => k::IPVS_CMD_GET_DAEMON,
            Self::SetConfig(_) => k::IPVS_CMD_SET_CONFIG,
            Self::GetConfig => k::IPVS_CMD_GET_CONFIG,
            Self::GetInfo => k::IPVS_CMD_GET_INFO,
            Self::Zero(_) => k::IPVS_CMD_ZERO,
            Self::Flush => k::IPVS_CMD_FLUSH,
        }
    }

    /// Returns whether the kernel answers with a list of records that ends with a message of its own.
    #[must_use]
    pub const fn is_dump(&self) -> bool {
        matches!(
            self,
            Self::DumpServices | Self::DumpDestinations(_) | Self::DumpDaemons
        )
    }

    /// Appends the request as one message. A dump sets its flag itself; `flags` come on top.
    pub fn encode(&self, out: &mut Vec<u8>, family: u16, flags: u16, sequence: u32) {
        let dump = if self.is_dump() { k::NLM_F_DUMP } else { 0 };
        let start = put_header(out, family, k::NLM_F_REQUEST | dump | flags, sequence);
        out.extend_from_slice(&[self.command(), k::IPVS_GENL_VERSION, 0, 0]);
        match self {
            Self::NewService(service)
            | Self::SetService(service)
            | Self::DeleteService(service)
            | Self::GetService(service)
            | Self::DumpDestinations(service)
            | Self::Zero(Some(service)) => {
                nest(out, k::IPVS_CMD_ATTR_SERVICE, |out| service.encode(out))
            }
            Self::NewDestination(service, destination)
            | Self::SetDestination(service, destination)
            | Self::DeleteDestination(service, destination) => {
                nest(out, k::IPVS_CMD_ATTR_SERVICE, |out| service.encode(out));
                nest(out, k::IPVS_CMD_ATTR_DEST, |out| destination.encode(out));
            }
            Self::NewDaemon(daemon) | Self::DeleteDaemon(daemon) => {
                nest(out, k::IPVS_CMD_ATTR_DAEMON, |out| daemon.encode(out));
            }
            Self::SetConfig(config) => config.encode(out),
            Self::DumpServices
            | Self::DumpDaemons
            | Self::GetConfig
            | Self::GetInfo
            | Self::Zero(None)
            | Self::Flush => {}
        }
        finish(out, start);
    }

    /// Reads a request back, as a kernel or a reader of captures does.
    ///
    /// # Errors
    /// [`WireError`] for an unknown command, a missing record, or a record that can't be read.
    pub fn decode(message: &Message<'_>) -> Result<Self, WireError> {
        let body = message.attributes();
        let part = |number: u16| Attributes::new(body, Strictness::Strict).last(number);
        let some_service = || -> Result<Option<ServiceAttributes>, WireError> {
            let bytes = part(k::IPVS_CMD_ATTR_SERVICE)?;
            bytes
                .map(|bytes| ServiceAttributes::decode(bytes, Strictness::Strict))
                .transpose()
        };
        let service = || some_service()?.ok_or(WireError::Missing { record: "service" });
        let destination = || {
            let bytes = part(k::IPVS_CMD_ATTR_DEST)?.ok_or(WireError::Missing {
                record: "destination",
            })?;
            DestinationAttributes::decode(bytes, Strictness::Strict)
        };
        let daemon = || {
            let bytes =
                part(k::IPVS_CMD_ATTR_DAEMON)?.ok_or(WireError::Missing { record: "daemon" })?;
            DaemonAttributes::decode(bytes, Strictness::Strict)
        };
        let dump = message.flags & k::NLM_F_DUMP == k::NLM_F_DUMP;
        Ok(match message.command()? {
            k::IPVS_CMD_NEW_SERVICE => Self::NewService(service()?),
            k::IPVS_CMD_SET_SERVICE => Self::SetService(service()?),
            k::IPVS_CMD_DEL_SERVICE => Self::DeleteService(service()?),
            k::IPVS_CMD_GET_SERVICE if dump => Self::DumpServices,
            k::IPVS_CMD_GET_SERVICE => Self::GetService(service()?),
            k::IPVS_CMD_NEW_DEST => Self::NewDestination(service()?, destination()?),
            k::IPVS_CMD_SET_DEST => Self::SetDestination(service()?, destination()?),
            k::IPVS_CMD_DEL_DEST => Self::DeleteDestination(service()?, destination()?),
            k::IPVS_CMD_GET_DEST => Self::DumpDestinations(service()?),
            k::IPVS_CMD_NEW_DAEMON => Self::NewDaemon(daemon()?),
            k::IPVS_CMD_DEL_DAEMON => Self::DeleteDaemon(daemon()?),
            k::IPVS_CMD_GET_DAEMON => Self::DumpDaemons,
            k::IPVS_CMD_SET_CONFIG => {
                Self::SetConfig(ConfigAttributes::decode(body, Strictness::Strict)?)
            }
            k::IPVS_CMD_GET_CONFIG => Self::GetConfig,
            k::IPVS_CMD_GET_INFO => Self::GetInfo,
            k::IPVS_CMD_ZERO => Self::Zero(some_service()?),
            k::IPVS_CMD_FLUSH => Self::Flush,
            command => return Err(WireError::Command { command }),
        })
    }
}

/// Appends the request for the number of the family `IPVS`; the kernel loads the module if it can.
pub fn encode_family_lookup(out: &mut Vec<u8>, sequence: u32) {
    let start = put_header(out, k::GENL_ID_CTRL, k::NLM_F_REQUEST, sequence);
    out.extend_from_slice(&[k::CTRL_CMD_GETFAMILY, 2, 0, 0]);
    let mut name = k::IPVS_GENL_NAME.as_bytes().to_vec();
    name.push(0);
    put(out, k::CTRL_ATTR_FAMILY_NAME, &name);
    finish(out, start);
}

/// Reads the number of the family from the controller's answer.
///
/// # Errors
/// [`WireError`] if it is not there.
pub fn decode_family_id(message: &Message<'_>) -> Result<u16, WireError> {
    let bytes =
        Attributes::new(message.attributes(), Strictness::Strict).last(k::CTRL_ATTR_FAMILY_ID)?;
    match bytes {
        Some([low, high, ..]) => Ok(u16::from_ne_bytes([*low, *high])),
        _ => Err(WireError::Missing {
            record: "family number",
        }),
    }
}
