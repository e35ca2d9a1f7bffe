//! The options that speak of a real server.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use super::grammar::{Field, Form};
use super::line_error::{LineError, fail};
use super::matrix;
use super::names::Names;
use super::service::ServiceOptions;
use super::values::{endpoint, number_within};
use crate::model::{
    AddressFamily, Checksum, DestinationConfiguration, DestinationKey, ForwardingMethod, Protocol,
    Tunnel, Weight,
};

/// Said of an address that can't be, and of a port that would get lost.
pub(super) const WRONG_ADDRESS: &str = "illegal real server address[:port] specified";

const MOST: i64 = i32::MAX as i64;

/// The kind of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipip,
    Gue,
    Gre,
}

/// A real server as far as the options tell.
pub(super) struct ServerOptions {
    address: IpAddr,
    port: u16,
    /// As far as its fields are numbers and methods.
    configuration: DestinationConfiguration,
    kind: Kind,
    tunnel_port: Option<NonZeroU16>,
    checksum: Checksum,
    /// The port that got lost behind an IPv4 address in brackets.
    pub(super) lost_port: Option<u32>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 0,
            configuration: DestinationConfiguration::default(),
            kind: Kind::Ipip,
            tunnel_port: None,
            checksum: Checksum::None,
            lost_port: None,
        }
    }
}

impl ServerOptions {
    /// Takes `-r`; without a port the server has the one of the service, as far as that is known by now.
    pub(super) fn address(
        &mut self,
        value: &[u8],
        protocol: Option<Protocol>,
        service_port: u16,
        names: &Names,
    ) -> Result<(), LineError> {
        let found = endpoint(value, protocol, names).ok_or_else(|| fail(WRONG_ADDRESS))?;
        self.address = found.address;
        self.port = found.port.unwrap_or(service_port);
        self.lost_port = found.lost_port;
        Ok(())
    }

    /// Takes any other option of a server.
    pub(super) fn take(&mut self, field: Field, form: Form, value: &[u8]) -> Result<(), LineError> {
        let within =
            |least, most, wrong: &str| number_within(value, least, most).ok_or_else(|| fail(wrong));
        match field {
            Field::ForwardingMethod => {
                self.configuration.forwarding = match form {
                    Form::Tunneling => ForwardingMethod::Tunneling,
                    Form::Masquerading => ForwardingMethod::Masquerading,
                    _ => ForwardingMethod::DirectRouting,
                };
            }
            Field::Weight => {
                let weight = within(0, MOST, "illegal weight specified")?;
                self.configuration.weight = Weight::from_kernel(weight);
            }
            Field::UpperThreshold => {
                self.configuration.thresholds.upper =
                    within(0, MOST, "illegal u_threshold specified")?;
            }
            Field::LowerThreshold => {
                self.configuration.thresholds.lower =
                    within(0, MOST, "illegal l_threshold specified")?;
            }
            Field::TunType => {
                self.kind = match value {
                    b"ipip" => Kind::Ipip,
                    b"gue" => Kind::Gue,
                    b"gre" => Kind::Gre,
                    _ => return Err(fail("illegal tunnel type specified")),
                };
            }
            Field::TunPort => {
                let port = within(1, 65535, "illegal tunnel port specified")?;
                self.tunnel_port = u16::try_from(port).ok().and_then(NonZeroU16::new);
            }
            Field::TunNocsum => self.checksum = Checksum::None,
            Field::TunCsum => self.checksum = Checksum::Csum,
            Field::TunRemcsum => self.checksum = Checksum::Remcsum,
            _ => {}
        }
        Ok(())
    }

    /// Checks what a server to add or edit can't be. Without address translation it has the port of its service,
    /// whatever was written.
    pub(super) fn check(
        &mut self,
        service: &ServiceOptions<'_>,
        present: u64,
    ) -> Result<(), LineError> {
        const TUNNEL: [Field; 5] = [
            Field::TunType,
            Field::TunPort,
            Field::TunNocsum,
            Field::TunCsum,
            Field::TunRemcsum,
        ];
        if self.configuration.forwarding != ForwardingMethod::Masquerading && !service.is_marked() {
            self.port = service.port;
            self.lost_port = None;
        }
        let tunnels = self.configuration.forwarding == ForwardingMethod::Tunneling;
        if AddressFamily::of(self.address) != service.family() && !tunnels {
            return Err(fail(
                "Different address family is allowed only for tunneling servers",
            ));
        }
        let tunnel_option = TUNNEL
            .into_iter()
            .any(|field| present & (1 << field as u8) != 0);
        if !tunnel_option {
            return Ok(());
        }
        if !tunnels {
            return Err(fail("Tunnel options conflict with forward method"));
        }
        let kind = match self.kind {
            Kind::Ipip => "ipip",
            Kind::Gue => "gue",
            Kind::Gre => "gre",
        };
        matrix::check_tunnel(kind, present)
    }

    pub(super) const fn key(&self) -> DestinationKey {
        DestinationKey {
            address: self.address,
            port: self.port,
        }
    }

    pub(super) fn configuration(&self) -> DestinationConfiguration {
        let checksum = self.checksum;
        let tunnel = match (self.kind, self.tunnel_port) {
            (Kind::Gue, Some(port)) => Tunnel::Gue { port, checksum },
            (Kind::Gre, _) => Tunnel::Gre { checksum },
            (Kind::Ipip | Kind::Gue, _) => Tunnel::Ipip,
        };
        DestinationConfiguration {
            tunnel,
            ..self.configuration
        }
    }
}
