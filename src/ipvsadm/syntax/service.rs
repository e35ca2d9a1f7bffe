//! The options that speak of a virtual service.

use std::net::IpAddr;

use super::grammar::Form;
use super::line_error::{LineError, fail, fail_quoting};
use super::names::{Names, Reading};
use super::values::{endpoint, inet_aton, leading_number, number, text};
use crate::model::{
    AddressFamily, EngineName, Fwmark, Granularity, Persistence, Protocol, Scheduler,
    SchedulerFlags, ServiceConfiguration, ServiceKey,
};

/// Said of an address that can't be, and of a port that would get lost.
pub(super) const WRONG_ADDRESS: &str = "illegal virtual server address[:port] specified";

/// A service as far as the options tell.
pub(super) struct ServiceOptions<'a> {
    family: AddressFamily,
    /// Unknown before its option; TCP for marks.
    pub(super) protocol: Option<Protocol>,
    address: IpAddr,
    pub(super) port: u16,
    mark: Option<Fwmark>,
    granularity: Granularity,
    pub(super) scheduler: Option<&'a [u8]>,
    pub(super) persistent: Option<u32>,
    pub(super) one_packet: bool,
    pub(super) engine: &'a [u8],
    pub(super) flags: Option<&'a [u8]>,
    flag_bits: SchedulerFlags,
    /// The port that got lost behind an IPv4 address in brackets.
    pub(super) lost_port: Option<u32>,
}

impl Default for ServiceOptions<'_> {
    fn default() -> Self {
        Self {
            family: AddressFamily::Inet,
            protocol: None,
            address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            port: 0,
            mark: None,
            granularity: Granularity::full(AddressFamily::Inet),
            scheduler: None,
            persistent: None,
            one_packet: false,
            engine: b"",
            flags: None,
            flag_bits: SchedulerFlags::default(),
            lost_port: None,
        }
    }
}

impl ServiceOptions<'_> {
    /// Takes the option that names the service.
    pub(super) fn address(
        &mut self,
        form: Form,
        value: &[u8],
        reading: &Reading<'_>,
    ) -> Result<(), LineError> {
        let protocol = match form {
            Form::Udp => Protocol::Udp,
            Form::Sctp => Protocol::Sctp,
            _ => Protocol::Tcp,
        };
        self.protocol = Some(protocol);
        if form == Form::Fwmark {
            self.mark = Some(mark(value, reading.signed_marks)?);
            return Ok(());
        }
        let found =
            endpoint(value, self.protocol, reading.names).ok_or_else(|| fail(WRONG_ADDRESS))?;
        self.address = found.address;
        self.port = found.port.unwrap_or_default();
        self.lost_port = found.lost_port;
        if found.address.is_ipv6() {
            self.become_six();
        }
        Ok(())
    }

    fn become_six(&mut self) {
        self.family = AddressFamily::Inet6;
        // What -M said before is lost, as in the original.
        self.granularity = Granularity::full(AddressFamily::Inet6);
    }

    /// Takes `-6`, which stands behind `-f`.
    pub(super) fn six(&mut self) -> Result<(), LineError> {
        if self.mark.is_none() {
            return Err(fail("-6 used before -f\n"));
        }
        self.become_six();
        Ok(())
    }

    /// Takes `-M`, which means what the family known so far makes of it.
    pub(super) fn netmask(&mut self, value: &[u8], names: &Names) -> Result<(), LineError> {
        self.granularity = if self.family == AddressFamily::Inet6 {
            let bits = leading_number(value);
            Granularity::prefix_length(bits).map_err(|_| fail("illegal ipv6 netmask specified"))?
        } else {
            inet_aton(value)
                .or_else(|| names.address(value))
                .map(Granularity::Netmask)
                .ok_or_else(|| fail("illegal virtual server persistent mask specified"))?
        };
        Ok(())
    }

    /// Reads `-b`, in the words of the scheduler.
    pub(super) fn read_flags(&mut self) -> Result<(), LineError> {
        let Some(list) = self.flags.filter(|list| !list.is_empty()) else {
            return Ok(());
        };
        let scheduler = self.scheduler.unwrap_or(b"wlc");
        let pieces = || {
            list.split(|byte| *byte == b',')
                .filter(|piece| !piece.is_empty())
        };
        if pieces().next().is_none() {
            // The original dies of this.
            return Err(fail_quoting("invalid scheduler flag `", list, "'"));
        }
        let mut bits = 0;
        for piece in pieces() {
            let (bit, owner) = match piece {
                b"flag-1" => (1, None),
                b"flag-2" => (2, None),
                b"flag-3" => (4, None),
                b"sh-fallback" => (1, Some(&b"sh"[..])),
                b"sh-port" => (2, Some(&b"sh"[..])),
                b"mh-fallback" => (1, Some(&b"mh"[..])),
                b"mh-port" => (2, Some(&b"mh"[..])),
                _ => return Err(fail_quoting("invalid scheduler flag `", piece, "'")),
            };
            if owner.is_some_and(|owner| owner != scheduler) {
                return Err(fail_quoting("incompatible scheduler flag `", piece, "'"));
            }
            bits |= bit;
        }
        self.flag_bits = SchedulerFlags::from_bits(bits);
        Ok(())
    }

    /// Checks what a service to add or edit can't be.
    pub(super) fn check(&self) -> Result<(), LineError> {
        if self.mark.is_none() && self.port == 0 && self.persistent.is_none() {
            return Err(fail("Zero port specified for non-persistent service"));
        }
        if self.one_packet && self.mark.is_none() && self.protocol != Some(Protocol::Udp) {
            return Err(fail(
                "One-Packet Scheduling is only for UDP virtual services",
            ));
        }
        Ok(())
    }

    pub(super) const fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    pub(super) const fn family(&self) -> AddressFamily {
        self.family
    }

    /// Returns whether address, port and mark are all zero.
    pub(super) fn is_nothing(&self) -> bool {
        self.mark.is_none() && self.port == 0 && self.address.is_unspecified()
    }

    pub(super) fn key(&self) -> Result<ServiceKey, LineError> {
        let family = self.family;
        if let Some(mark) = self.mark {
            return Ok(ServiceKey::Fwmark { family, mark });
        }
        let protocol = self.protocol.ok_or_else(|| fail(WRONG_ADDRESS))?;
        Ok(ServiceKey::Endpoint {
            protocol,
            address: self.address,
            port: self.port,
        })
    }

    pub(super) fn configuration(&self) -> ServiceConfiguration {
        let scheduler = self.scheduler.filter(|name| !name.is_empty());
        let engine = Some(self.engine)
            .filter(|name| !name.is_empty())
            .map(|name| EngineName::from_kernel(text(name)));
        let kept = Persistence {
            timeout_seconds: self.persistent.unwrap_or_default(),
            granularity: self.granularity,
            engine,
        };
        let (persistence, dormant) = if self.persistent.is_some() {
            (Some(kept), None)
        } else {
            let unused = Persistence::unused(self.family);
            (None, Some(kept).filter(|kept| *kept != unused))
        };
        ServiceConfiguration {
            scheduler: scheduler.map_or_else(Scheduler::default, |name| {
                Scheduler::from_kernel(text(name))
            }),
            scheduler_flags: self.flag_bits,
            one_packet: self.one_packet,
            other_flags: 0,
            persistence,
            dormant,
        }
    }
}

fn mark(value: &[u8], signed: bool) -> Result<Fwmark, LineError> {
    let wraps = |number: &i64| signed && (i64::from(i32::MIN)..0).contains(number);
    let number = number(value).map(|number| {
        if wraps(&number) {
            number + (1 << 32)
        } else {
            number
        }
    });
    number
        .and_then(|number| Fwmark::new(number).ok())
        .ok_or_else(|| fail_quoting("invalid fwmark value `", value, "' specified"))
}
