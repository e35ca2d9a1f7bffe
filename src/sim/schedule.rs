//! A packet without an entry: the service it is for, the real server that is chosen, and the entry that is made
//! (`net/netfilter/ipvs/ip_vs_core.c`).

use std::rc::Rc;

use super::call_id;
use super::connection::{Connection, ConnectionKey, Flags, INVALID_PORT};
use super::meter::Meter;
use super::packet::{Content, Kind, Packet, SCTP, TCP, UDP, Verdict, bytes_of};
use super::pages::{NOWHERE, Place};
use super::scheduler::{Flow, Lifetimes, Means};
use super::server::ServiceIdentity;
use super::service::own_bytes;
use super::state::{Service, State};
use super::states;
use crate::wire::uapi as k;

const FTP: u16 = 21;
const FTP_DATA: u16 = 20;
/// Ports from here on may be those of a passive FTP transfer.
const UNPRIVILEGED: u16 = 1024;
/// More entries than this are more than a simulation has memory for, some 1.3 GB: as a kernel without memory it drops the packet.
const MOST_ENTRIES: u64 = 10_000_000;
/// lblc and lblcr of newer kernels remember no more.
const LARGEST_MAP: usize = 24_576;

/// The key of a packet of a client.
pub(super) fn key_of(packet: &Packet<'_>) -> ConnectionKey {
    ConnectionKey {
        family: packet.family(),
        protocol: packet.protocol(),
        client: bytes_of(packet.source),
        client_port: packet.source.port(),
        address: bytes_of(packet.destination),
        port: packet.destination.port(),
    }
}

/// The client's network, as the service's netmask or prefix has it.
fn masked(family: u16, client: [u8; 16], netmask: [u8; 4]) -> [u8; 16] {
    if family == k::AF_INET6 {
        let bits = u32::from_ne_bytes(netmask);
        let mask = u128::MAX
            .checked_shl(128_u32.saturating_sub(bits))
            .unwrap_or(0);
        return (u128::from_be_bytes(client) & mask).to_be_bytes();
    }
    std::array::from_fn(|index| client[index] & netmask.get(index).copied().unwrap_or_default())
}

/// What a service says of its connections.
#[derive(Clone, Copy)]
struct Terms {
    identity: ServiceIdentity,
    flags: u32,
    /// In ticks.
    timeout: u32,
    netmask: [u8; 4],
    engine: Engine,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    None,
    Sip,
    /// What it would find in a packet is not known here.
    Unknown,
}

impl Terms {
    fn of(service: &Service) -> Self {
        Self {
            identity: service.identity,
            flags: service.flags,
            timeout: service.timeout,
            netmask: service.netmask,
            engine: match service.engine.as_slice() {
                b"" => Engine::None,
                b"sip" => Engine::Sip,
                _ => Engine::Unknown,
            },
        }
    }
}

impl State {
    /// Finds the service that a packet is for: by mark, by address and port, FTP's data, the port 0 of an address.
    pub(super) fn service_for(&self, packet: &Packet<'_>) -> Option<Place> {
        let family = packet.family();
        let find = |port: u16, fwmark: u32| {
            let identity = if fwmark == 0 {
                ServiceIdentity {
                    family,
                    protocol: packet.protocol().into(),
                    address: bytes_of(packet.destination),
                    port,
                    fwmark,
                }
            } else {
                ServiceIdentity {
                    family,
                    protocol: TCP.into(),
                    address: [0; 16],
                    port: 0,
                    fwmark,
                }
            };
            self.names.get(&identity).copied()
        };
        let port = packet.destination.port();
        let marked = (packet.mark != 0).then(|| find(0, packet.mark)).flatten();
        let is_ftp_data = packet.protocol() == TCP && (port == FTP_DATA || port >= UNPRIVILEGED);
        marked
            .or_else(|| find(port, 0))
            .or_else(|| is_ftp_data.then(|| find(FTP, 0)).flatten())
            .or_else(|| find(0, 0))
    }

    /// Makes an entry for a packet that has none.
    ///
    /// # Errors
    /// The verdict, if none is made.
    pub(super) fn schedule(&mut self, packet: &Packet<'_>) -> Result<Place, Verdict> {
        let is_sloppy = match packet.protocol() {
            TCP => self.sysctls.knobs.sloppy_tcp,
            SCTP => self.sysctls.knobs.sloppy_sctp,
            _ => false,
        };
        let is_error = packet.kind == Kind::Error;
        if !is_error && !states::may_open(&packet.content, is_sloppy) {
            return Err(Verdict::Passed);
        }
        let place = self.service_for(packet).ok_or(Verdict::Passed)?;
        if self.pressure.drops_packet() {
            return Err(Verdict::Dropped);
        }
        if packet.source.port() == FTP_DATA {
            return Err(Verdict::Passed);
        }
        let service = self.services.get(place).ok_or(Verdict::Passed)?;
        let service = Terms::of(service);
        let is_persistent = service.flags & k::IP_VS_SVC_F_PERSISTENT != 0;
        let made = if is_persistent {
            self.schedule_persistent(place, &service, packet)?
        } else {
            self.schedule_plain(place, &service, packet)?
        };
        made.ok_or(()).or_else(|()| self.leave(&service, packet))
    }

    fn schedule_plain(
        &mut self,
        place: Place,
        service: &Terms,
        packet: &Packet<'_>,
    ) -> Result<Option<Place>, Verdict> {
        let identity = &service.identity;
        if identity.fwmark == 0 && identity.port != packet.destination.port() {
            // A port 0 without persistence.
            return Ok(None);
        }
        let Some(server) = self.choose(place, packet) else {
            return Ok(None);
        };
        let its_port = self.servers.get(server).map(|server| server.identity.port);
        let port = its_port.filter(|port| *port != 0);
        let made = Connection::new(
            &key_of(packet),
            server,
            port.unwrap_or_else(|| packet.destination.port()),
        );
        self.connect(place, service, made, NOWHERE).map(Some)
    }

    fn schedule_persistent(
        &mut self,
        place: Place,
        service: &Terms,
        packet: &Packet<'_>,
    ) -> Result<Option<Place>, Verdict> {
        let identity = &service.identity;
        let port = packet.destination.port();
        let is_its_port = identity.fwmark == 0 && identity.port == port;
        let keeps_port = is_its_port && identity.port != FTP;
        let mut key = key_of(packet);
        key.client = masked(key.family, key.client, service.netmask);
        key.client_port = 0;
        key.port = if keeps_port { port } else { 0 };
        if identity.fwmark != 0 {
            key.protocol = 0;
            key.address = [0; 16];
            key.address[..4].copy_from_slice(&identity.fwmark.to_be_bytes());
        }
        let engine_data: Option<Rc<[u8]>> = match (service.engine, packet.content) {
            (Engine::None, _) => None,
            (Engine::Sip, Content::Udp(message)) => {
                Some(call_id::find(message).ok_or(Verdict::Dropped)?.into())
            }
            (Engine::Sip | Engine::Unknown, _) => return Err(Verdict::Dropped),
        };
        let found = self.connections.find_template(&key, engine_data.as_deref());
        let valid = found.filter(|template| self.is_valid(*template));
        let (template, server) = match valid {
            Some(template) => {
                let server = self.connections.get(template).map(|entry| entry.server);
                (template, server.unwrap_or(NOWHERE))
            }
            None => {
                let Some(server) = self.choose(place, packet) else {
                    return Ok(None);
                };
                let its_port = self
                    .servers
                    .get(server)
                    .map_or(0, |server| server.identity.port);
                let server_port = if keeps_port { its_port } else { 0 };
                let mut template = Connection::new(&key, server, server_port);
                template.engine_data = engine_data;
                template.flags.set(Flags::TEMPLATE, true);
                template.timeout = self.ticks_to_milliseconds(service.timeout);
                (self.enter(template)?, server)
            }
        };
        let its_port = self
            .servers
            .get(server)
            .map_or(0, |server| server.identity.port);
        let server_port = if is_its_port && its_port != 0 {
            its_port
        } else {
            port
        };
        let made = Connection::new(&key_of(packet), server, server_port);
        let made = self.connect(place, service, made, template);
        self.rearm(template);
        made.map(Some)
    }

    fn ticks_to_milliseconds(&self, ticks: u32) -> u64 {
        u64::from(ticks) * 1_000 / u64::from(self.environment.ticks_per_second)
    }

    /// Returns whether a template still leads somewhere; one that does not is marked, and never found again.
    fn is_valid(&mut self, place: Place) -> bool {
        let keeps_key = self.environment.flavour.keeps_invalid_key;
        let is_quiescent = self.sysctls.knobs.expire_quiescent_template;
        let Some(template) = self.connections.get_mut(place) else {
            return false;
        };
        let server = self.servers.get(template.server);
        let is_valid = server
            .is_some_and(|server| server.is_available && !(is_quiescent && server.weight == 0));
        if !is_valid {
            template.flags.set(Flags::INVALID, true);
            template.server_port = INVALID_PORT;
            if !keeps_key {
                template.port = INVALID_PORT;
            }
        }
        is_valid
    }

    /// Asks the scheduler.
    fn choose(&mut self, place: Place, packet: &Packet<'_>) -> Option<Place> {
        let knobs = &self.sysctls.knobs;
        let mut means = Means {
            now: self.moment(),
            random: &mut self.random,
            lifetimes: Lifetimes {
                lblc: knobs.lblc_expiration.saturating_mul(1_000),
                lblcr: knobs.lblcr_expiration.saturating_mul(1_000),
                largest_map: if self.environment.flavour.refuses_large_thresholds {
                    LARGEST_MAP
                } else {
                    usize::MAX
                },
            },
        };
        let flow = Flow {
            client: bytes_of(packet.source),
            client_port: packet.source.port(),
            address: bytes_of(packet.destination),
        };
        let service = Rc::make_mut(self.services.get_mut(place)?);
        let (list, identity) = (&service.oldest_first, &service.identity);
        let candidates = Service::candidates(
            list,
            &self.servers,
            identity,
            service.flags,
            &self.environment,
        );
        service.chooser.choose(&candidates, &flow, &mut means)
    }

    /// Puts in a connection, and counts it.
    fn connect(
        &mut self,
        service: Place,
        its: &Terms,
        mut made: Connection,
        template: Place,
    ) -> Result<Place, Verdict> {
        let is_one_packet = its.flags & k::IP_VS_SVC_F_ONEPACKET != 0 && made.protocol == UDP;
        made.flags.set(Flags::ONE_PACKET, is_one_packet);
        made.controller = template;
        let server = made.server;
        let place = self.enter(made)?;
        if let Some(template) = self.connections.get_mut(template) {
            template.controls += 1;
        }
        let pace = self.pace();
        self.meter(service, server, |meter| meter.count_connection(pace));
        Ok(place)
    }

    /// Puts an entry into the table and binds it to its server.
    fn enter(&mut self, mut made: Connection) -> Result<Place, Verdict> {
        let live = u64::try_from(self.connections.len()).unwrap_or(u64::MAX);
        let most = self.sysctls.knobs.conn_max.unwrap_or(u64::MAX);
        if live >= most.min(MOST_ENTRIES) {
            return Err(Verdict::Dropped);
        }
        made.flags.set(Flags::TRACKED, self.sysctls.knobs.conntrack);
        let is_template = made.is_template();
        if let Some(server) = self.servers.get_mut(made.server) {
            let method = server.method & k::IP_VS_CONN_F_FWD_MASK;
            made.method = u8::try_from(method).unwrap_or_default();
            made.flags.set(Flags::INACTIVE, true);
            made.flags
                .set(Flags::NO_OUTPUT, method != k::IP_VS_CONN_F_MASQ);
            server.bound += 1;
            if is_template {
                server.persistent += 1;
            } else {
                server.inactive += 1;
            }
            server.review_bound(self.environment.flavour.overload, is_template);
        }
        let place = self.connections.insert(made);
        // Its timer is set when the packet is done with it.
        if place == NOWHERE {
            Err(Verdict::Dropped)
        } else {
            Ok(place)
        }
    }

    /// Sets the timer of an entry to its timeout from now.
    pub(super) fn rearm(&mut self, place: Place) {
        if let Some(entry) = self.connections.get(place) {
            let expires = self.moment().saturating_add(entry.timeout);
            self.connections.arm(place, expires);
        }
    }

    /// Nobody was found for a packet: it bypasses the servers, passes, or is refused.
    fn leave(&mut self, service: &Terms, packet: &Packet<'_>) -> Result<Place, Verdict> {
        let identity = &service.identity;
        let is_unicast = match packet.destination {
            std::net::SocketAddr::V4(to) => {
                let to = to.ip();
                !(to.is_multicast() || to.is_broadcast() || to.is_loopback() || to.is_unspecified())
            }
            std::net::SocketAddr::V6(to) => !(to.ip().is_multicast() || to.ip().is_unspecified()),
        };
        if identity.fwmark != 0 && self.sysctls.knobs.cache_bypass && is_unicast {
            let mut bypass = Connection::new(&key_of(packet), NOWHERE, 0);
            bypass.method = u8::try_from(k::IP_VS_CONN_F_BYPASS).unwrap_or_default();
            let is_one_packet =
                service.flags & k::IP_VS_SVC_F_ONEPACKET != 0 && packet.protocol() == UDP;
            bypass.flags.set(Flags::ONE_PACKET, is_one_packet);
            return self.enter(bypass);
        }
        if identity.port == FTP && packet.destination.port() != FTP {
            return Err(Verdict::Passed);
        }
        Err(if packet.kind == Kind::Error {
            Verdict::Dropped
        } else {
            Verdict::Refused
        })
    }

    /// Counts something of a service, its server, and all.
    pub(super) fn meter(&mut self, service: Place, server: Place, count: impl Fn(&mut Meter)) {
        let pace = self.pace();
        let by_object = self.environment.flavour.copies_by_object;
        let fresh = |since: u64| Box::new(Meter::new(if by_object { since } else { 0 }, pace));
        count(&mut self.totals);
        if let Some(server) = self.servers.get_mut(server) {
            let since = server.since;
            count(server.meter.get_or_insert_with(|| fresh(since)));
        }
        if let Some(service) = self.services.get_mut(service) {
            let service = Rc::make_mut(service);
            let since = service.since;
            count(service.meter.get_or_insert_with(|| fresh(since)));
        }
    }

    /// Returns the real service that a packet comes from, if there is one that masquerades.
    pub(super) fn has_real_service(&self, packet: &Packet<'_>) -> bool {
        let (family, source) = (
            packet.family(),
            own_bytes(packet.family(), bytes_of(packet.source)),
        );
        self.in_order().any(|service| {
            let identity = &service.identity;
            (identity.fwmark != 0 || identity.protocol == u16::from(packet.protocol()))
                && self.newest_first(service).any(|server| {
                    server.method == k::IP_VS_CONN_F_MASQ
                        && server.identity.family == family
                        && server.identity.address == source
                        && server.identity.port == packet.source.port()
                })
        })
    }
}
