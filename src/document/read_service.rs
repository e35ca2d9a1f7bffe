//! Virtual services and real servers of the table document, as read.

use serde::de::{Error as _, IgnoredAny, MapAccess};

use super::keys::{Fields, Object, list, parsed, parsed_address, repeated};
use crate::model::{
    AddressFamily, Checksum, DestinationEdit, DestinationKey, DestinationSpecification, EngineName,
    ForwardingMethod, Fwmark, Granularity, Invalid, PersistenceEdit, Protocol, Scheduler,
    ServerNumber, ServiceEdit, ServiceKey, ServiceSpecification, Tunnel,
};

/// Takes a scheduler's name as a kernel has it: whether a user may give it to a service is looked at later.
fn kernel_scheduler(name: &str) -> Result<Scheduler, Invalid> {
    if (1..=15).contains(&name.len()) && !name.contains('\0') {
        return Ok(Scheduler::from_kernel(name.to_owned()));
    }
    Err(Invalid::new("scheduler", name, "a name has 1 to 15 bytes"))
}

#[derive(Default)]
pub(super) struct ServiceFields {
    id: Option<ServiceKey>,
    protocol: Option<Protocol>,
    address: Option<std::net::IpAddr>,
    port: Option<u16>,
    fwmark: Option<Fwmark>,
    family: Option<AddressFamily>,
    edit: ServiceEdit,
    destinations: Option<Vec<DestinationSpecification>>,
}

impl Fields for ServiceFields {
    type Value = ServiceSpecification;
    const WHAT: &'static str = "a virtual service";
    const KNOWN: &'static [&'static str] = &[
        "id",
        "protocol",
        "address",
        "port",
        "fwmark",
        "family",
        "scheduler",
        "scheduler_flags",
        "one_packet",
        "other_flags",
        "persistence",
        "dormant_persistence",
        "destinations",
        "observed",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = Some(parsed(map, ServiceKey::parse)?),
            "protocol" => self.protocol = Some(parsed(map, Protocol::parse)?),
            "address" => self.address = Some(parsed_address(map)?),
            "port" => self.port = Some(map.next_value()?),
            "fwmark" => {
                self.fwmark = Some(Fwmark::new(map.next_value()?).map_err(A::Error::custom)?)
            }
            "family" => self.family = Some(parsed(map, AddressFamily::parse)?),
            // Whether a name can be given to a service is looked at when it is: a kernel's own may be odd.
            "scheduler" => {
                self.edit.scheduler =
                    Some(kernel_scheduler(&map.next_value::<String>()?).map_err(A::Error::custom)?)
            }
            "scheduler_flags" => self.edit.scheduler_flags = Some(map.next_value()?),
            "one_packet" => self.edit.one_packet = Some(map.next_value()?),
            "other_flags" => self.edit.other_flags = Some(map.next_value()?),
            "persistence" => {
                let fields = map.next_value::<Option<Object<PersistenceFields>>>()?;
                self.edit.persistence = Some(fields.map(|fields| fields.0));
            }
            "dormant_persistence" => {
                let fields = map.next_value::<Option<Object<PersistenceFields>>>()?;
                self.edit.dormant = Some(fields.map(|fields| fields.0));
            }
            "destinations" => {
                self.destinations = Some(list::<DestinationFields, A>(map)?);
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<ServiceSpecification, String> {
        let key = self.key()?;
        let servers = self.destinations.iter().flatten();
        if let Some(server) = repeated(servers.map(|server| server.key)) {
            return Err(format!("real server {server} of {key} is listed twice"));
        }
        Ok(ServiceSpecification {
            key,
            edit: self.edit,
            destinations: self.destinations,
        })
    }
}

impl ServiceFields {
    /// The key, from `id`, from the fields that it spells, or from both if they agree.
    fn key(&self) -> Result<ServiceKey, String> {
        let spelled = match (self.fwmark, self.protocol, self.address, self.port) {
            (None, None, None, None) => None,
            (Some(mark), None, None, None) => {
                let by_id = self.id.map(|id| id.family());
                let family = self.family.or(by_id).unwrap_or(AddressFamily::Inet);
                Some(ServiceKey::Fwmark { family, mark })
            }
            (None, Some(protocol), Some(address), Some(port)) => Some(ServiceKey::Endpoint {
                protocol,
                address,
                port,
            }),
            (Some(_), ..) => {
                return Err(
                    "a virtual service has a fwmark or protocol, address and port, not both"
                        .to_owned(),
                );
            }
            _ if self.id.is_some() => return self.agrees_in_part(),
            _ => {
                return Err(
                    "a virtual service needs protocol, address and port, or a fwmark, or an id"
                        .to_owned(),
                );
            }
        };
        match (self.id, spelled) {
            (Some(id), Some(spelled)) if id != spelled => Err(format!(
                "id {id} and the fields, which spell {spelled}, do not agree"
            )),
            (Some(key), _) | (None, Some(key)) => Ok(key),
            (None, None) => Err(
                "a virtual service needs protocol, address and port, or a fwmark, or an id"
                    .to_owned(),
            ),
        }
    }

    fn agrees_in_part(&self) -> Result<ServiceKey, String> {
        let id = self.id.ok_or("a virtual service needs an id")?;
        let ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } = id
        else {
            return Err(format!("id {id} and the fields do not agree"));
        };
        let agrees = self.protocol.is_none_or(|given| given == protocol)
            && self.address.is_none_or(|given| given == address)
            && self.port.is_none_or(|given| given == port);
        if agrees {
            Ok(id)
        } else {
            Err(format!("id {id} and the fields do not agree"))
        }
    }
}

#[derive(Default)]
struct PersistenceFields(PersistenceEdit);

impl Fields for PersistenceFields {
    type Value = PersistenceEdit;
    const WHAT: &'static str = "a persistence";
    const KNOWN: &'static [&'static str] =
        &["timeout_seconds", "netmask", "prefix_length", "engine"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let granularity = match name {
            "timeout_seconds" => {
                self.0.timeout_seconds = Some(map.next_value()?);
                return Ok(());
            }
            "engine" => {
                let engine = map.next_value::<Option<String>>()?;
                self.0.engine = Some(
                    engine
                        .map(|name| EngineName::new(&name))
                        .transpose()
                        .map_err(A::Error::custom)?,
                );
                return Ok(());
            }
            "netmask" => parsed(map, Granularity::netmask)?,
            _ => Granularity::prefix_length(map.next_value()?).map_err(A::Error::custom)?,
        };
        if self.0.granularity.replace(granularity).is_some() {
            return Err(A::Error::custom(
                "a persistence has a netmask (IPv4) or a prefix_length (IPv6), not both",
            ));
        }
        Ok(())
    }

    fn finish(self) -> Result<PersistenceEdit, String> {
        Ok(self.0)
    }
}

#[derive(Default)]
pub(super) struct DestinationFields {
    id: Option<DestinationKey>,
    address: Option<std::net::IpAddr>,
    port: Option<u16>,
    edit: DestinationEdit,
}

impl Fields for DestinationFields {
    type Value = DestinationSpecification;
    const WHAT: &'static str = "a real server";
    const KNOWN: &'static [&'static str] =
        &ServerNumber::names::<6, { 6 + ServerNumber::COUNT }>([
            "id",
            "address",
            "port",
            "observed",
            "forwarding",
            "tunnel",
        ]);

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = Some(parsed(map, DestinationKey::parse)?),
            "address" => self.address = Some(parsed_address(map)?),
            "port" => self.port = Some(map.next_value()?),
            "forwarding" => self.edit.forwarding = Some(parsed(map, ForwardingMethod::parse)?),
            "tunnel" => {
                let fields = map.next_value::<Option<Object<TunnelFields>>>()?;
                self.edit.tunnel = Some(fields.map(|fields| fields.0));
            }
            other => match ServerNumber::named(other) {
                Some(number) => {
                    let value = map.next_value()?;
                    number
                        .set(&mut self.edit, value)
                        .map_err(A::Error::custom)?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            },
        }
        Ok(())
    }

    fn finish(self) -> Result<DestinationSpecification, String> {
        let key = match (self.id, self.address, self.port) {
            (Some(id), address, port) => {
                let agrees = address.is_none_or(|given| given == id.address)
                    && port.is_none_or(|given| given == id.port);
                if !agrees {
                    return Err(format!("id {id} and address and port do not agree"));
                }
                id
            }
            (None, Some(address), Some(port)) => DestinationKey { address, port },
            (None, ..) => return Err("a real server needs address and port, or an id".to_owned()),
        };
        Ok(DestinationSpecification {
            key,
            edit: self.edit,
        })
    }
}

#[derive(Default)]
struct TunnelFields {
    kind: Option<String>,
    port: Option<u16>,
    checksum: Option<Checksum>,
    flags: Option<u16>,
}

impl Fields for TunnelFields {
    type Value = Tunnel;
    const WHAT: &'static str = "a tunnel";
    const KNOWN: &'static [&'static str] = &["type", "port", "checksum", "flags"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "type" => self.kind = Some(map.next_value()?),
            "port" => self.port = Some(map.next_value()?),
            "checksum" => self.checksum = Some(parsed(map, Checksum::parse)?),
            _ => self.flags = Some(map.next_value()?),
        }
        Ok(())
    }

    fn finish(self) -> Result<Tunnel, String> {
        let kind = self
            .kind
            .as_deref()
            .ok_or("a tunnel needs a type: ipip, gue or gre")?;
        let tunnel = Tunnel::from_parts(kind, self.port, self.checksum, self.flags);
        tunnel.map_err(|error| error.to_string())
    }
}
