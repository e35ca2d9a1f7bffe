//! What happens to a packet: from a client, and from a real server (`net/netfilter/ipvs/ip_vs_core.c`).
//!
//! A packet that has an entry goes by it; a packet that opens a connection and meets an old entry may be scheduled anew; one without an
//! entry is scheduled ([`super::schedule`]). Then it is counted, the state machine runs, and the timer starts again.

use super::connection::{ASSURED, Flags};
use super::meter::Direction;
use super::packet::{Answer, Kind, Packet, Verdict, address_of, bytes_of};
use super::pages::{NOWHERE, Place};
use super::schedule::key_of;
use super::state::State;
use super::states::{self, StateRules};

/// How long an entry stays that still has others under its control, in milliseconds.
const CONTROLLING: u64 = 60_000;

impl State {
    /// Returns whether packets of a family are looked at.
    fn is_directing(&self, family: u16) -> bool {
        let is_backup = self.sysctls.knobs.backup_only && self.daemons[1].is_some();
        !is_backup && self.services_of(family) > 0
    }

    /// What happens to a packet from a client.
    pub(super) fn receive(&mut self, packet: &Packet<'_>) -> Verdict {
        if !self.is_directing(packet.family()) {
            return Verdict::Passed;
        }
        let mut found = self.connections.find(&key_of(packet));
        if packet.kind == Kind::Error {
            return self.receive_error(packet, found);
        }
        if let Some(place) = found
            && states::opens(&packet.content)
            && self.is_to_be_rescheduled(place)
        {
            if self.retire(place) {
                return Verdict::Dropped;
            }
            found = None;
        }
        if let Some(place) = found.filter(|place| self.is_orphan(*place)) {
            if !self.sysctls.knobs.expire_nodest_conn || self.retire(place) {
                return Verdict::Dropped;
            }
            found = None;
        }
        let place = match found {
            Some(place) => place,
            None => match self.schedule(packet) {
                Ok(place) => place,
                Err(verdict) => return verdict,
            },
        };
        let verdict = self.verdict(place, packet);
        self.count_packet(place, Direction::In, packet.length);
        self.move_on(place, Direction::In, packet);
        if let Some(entry) = self.connections.get_mut(place) {
            entry.packets_in = entry.packets_in.saturating_add(1);
        }
        self.put(place);
        verdict
    }

    /// An ICMP error follows the entry that it is about, and changes nothing of it.
    fn receive_error(&mut self, packet: &Packet<'_>, found: Option<Place>) -> Verdict {
        let place = match found {
            Some(place) => place,
            None if !self.sysctls.knobs.schedule_icmp => return Verdict::Passed,
            None => match self.schedule(packet) {
                Ok(place) => place,
                Err(verdict) => return verdict,
            },
        };
        if self.is_orphan(place) {
            return Verdict::Dropped;
        }
        let verdict = self.verdict(place, packet);
        self.count_packet(place, Direction::In, packet.length);
        if found.is_none() {
            self.put(place);
        }
        verdict
    }

    fn verdict(&self, place: Place, packet: &Packet<'_>) -> Verdict {
        let Some(entry) = self.connections.get(place) else {
            return Verdict::Dropped;
        };
        let Some(server) = self.servers.get(entry.server) else {
            return Verdict::Bypassed;
        };
        let identity = &server.identity;
        // Without address translation the packet keeps its port.
        let port = if entry.is_masquerading() {
            entry.server_port
        } else {
            packet.destination.port()
        };
        Verdict::Forwarded {
            to: address_of(identity.family, identity.address, port),
            method: entry.method.into(),
        }
    }

    /// Returns whether a packet that opens a connection is scheduled anew though it has an entry.
    fn is_to_be_rescheduled(&self, place: Place) -> bool {
        let Some(entry) = self.connections.get(place) else {
            return false;
        };
        let knobs = &self.sysctls.knobs;
        let server = self.servers.get(entry.server);
        if knobs.expire_nodest_conn && server.is_some_and(|server| server.weight == 0) {
            return true;
        }
        knobs.conn_reuse_mode != 0
            && entry.controller == NOWHERE
            && states::is_over(entry, knobs.conn_reuse_mode)
    }

    /// Returns whether the server of an entry is in the trash.
    fn is_orphan(&self, place: Place) -> bool {
        let server = self
            .connections
            .get(place)
            .and_then(|entry| self.servers.get(entry.server));
        server.is_some_and(|server| !server.is_available)
    }

    /// Lets an entry expire with the next tick. Returns whether the packet is dropped, as netfilter still tracks the old
    /// connection.
    fn retire(&mut self, place: Place) -> bool {
        let next_tick = self.moment().saturating_add(self.tick());
        let Some(entry) = self.connections.get(place) else {
            return false;
        };
        let (is_tracked, expires) = (entry.flags.has(Flags::TRACKED), entry.expires());
        if entry.controls == 0 {
            self.connections.arm(place, next_tick.min(expires));
        }
        is_tracked
    }

    fn count_packet(&mut self, place: Place, direction: Direction, bytes: u32) {
        let Some(entry) = self.connections.get(place) else {
            return;
        };
        let server = entry.server;
        let bound = self.servers.get(server);
        if let Some(service) = bound
            .filter(|bound| bound.is_available)
            .map(|bound| bound.service)
        {
            let pace = self.pace();
            self.meter(service, server, |meter| {
                meter.count_packet(direction, bytes, pace);
            });
        }
    }

    /// Runs the state machine over a packet.
    fn move_on(&mut self, place: Place, direction: Direction, packet: &Packet<'_>) {
        let rules = StateRules {
            timeouts: self.timeouts,
            is_secure: self.pressure.is_secure,
        };
        let Some(entry) = self.connections.get_mut(place) else {
            return;
        };
        let next = states::run(entry, direction, &packet.content, &rules);
        entry.state = next.state;
        entry.timeout = next.timeout;
        let (server, controller) = (entry.server, entry.controller);
        if next.has_changed
            && entry.flags.has(Flags::INACTIVE) == next.is_active
            && let Some(server) = self.servers.get_mut(server)
        {
            let (to, from) = if next.is_active {
                (&mut server.active, &mut server.inactive)
            } else {
                (&mut server.inactive, &mut server.active)
            };
            *to += 1;
            *from = from.saturating_sub(1);
            entry.flags.set(Flags::INACTIVE, !next.is_active);
        }
        if next.assures
            && let Some(template) = self.connections.get_mut(controller)
        {
            template.state = ASSURED;
        }
    }

    /// A packet is done with its entry: the timer starts again, or the one packet was it.
    fn put(&mut self, place: Place) {
        let entry = self.connections.get(place);
        if entry.is_some_and(|entry| entry.flags.has(Flags::ONE_PACKET)) {
            self.expire(place, false);
        } else {
            self.rearm(place);
        }
    }

    /// What happens to a packet from a real server.
    pub(super) fn answer(&mut self, packet: &Packet<'_>) -> Answer {
        if !self.is_directing(packet.family()) {
            return Answer::Unchanged;
        }
        let (source, port) = (bytes_of(packet.source), packet.source.port());
        let client = (bytes_of(packet.destination), packet.destination.port());
        let is_v6 = packet.source.is_ipv6();
        let servers = &self.servers;
        let found = self
            .connections
            .find_reply(packet.protocol(), client, |entry| {
                entry.is_v6 == is_v6
                    && if entry.is_masquerading() {
                        let server = servers.get(entry.server);
                        entry.server_port == port
                            && server.is_some_and(|server| server.identity.address == source)
                    } else {
                        (entry.port, entry.address) == (port, source)
                    }
            });
        let Some(place) = found else {
            let tells = self.sysctls.knobs.nat_icmp_send
                && packet.kind == Kind::Plain
                && !states::aborts(&packet.content)
                && self.has_real_service(packet);
            return if tells {
                Answer::Refused
            } else {
                Answer::Unchanged
            };
        };
        let answer = match self.connections.get(place) {
            Some(entry) if entry.is_masquerading() => {
                Answer::Translated(address_of(entry.family(), entry.address, entry.port))
            }
            _ => Answer::Unchanged,
        };
        if packet.kind == Kind::Error && answer == Answer::Unchanged {
            return answer;
        }
        self.count_packet(place, Direction::Out, packet.length);
        if packet.kind == Kind::Plain {
            self.move_on(place, Direction::Out, packet);
            self.put(place);
        }
        answer
    }

    /// The time of an entry has come. `early`: it is removed before that, and takes an unassured template along that has no
    /// other connection.
    pub(super) fn expire(&mut self, place: Place, early: bool) {
        let now = self.moment();
        let Some(entry) = self.connections.get_mut(place) else {
            return;
        };
        if entry.controls > 0 {
            entry.timeout = CONTROLLING;
            self.connections.arm(place, now.saturating_add(CONTROLLING));
            return;
        }
        let Some(entry) = self.connections.remove(place) else {
            return;
        };
        let is_template = entry.is_template();
        if let Some(server) = self.servers.get_mut(entry.server) {
            server.bound = server.bound.saturating_sub(1);
            let count = match (is_template, entry.flags.has(Flags::INACTIVE)) {
                (true, _) => &mut server.persistent,
                (false, true) => &mut server.inactive,
                (false, false) => &mut server.active,
            };
            *count = count.saturating_sub(1);
            server.review_released(self.environment.flavour.overload, is_template);
        }
        if let Some(controller) = self.connections.get_mut(entry.controller) {
            controller.controls = controller.controls.saturating_sub(1);
            let is_kept = controller.is_template() && controller.state == ASSURED;
            if early && controller.controls == 0 && !is_kept {
                self.expire(entry.controller, true);
            }
        }
    }

    /// Removes what leads to deleted servers, and templates that have no connection after that.
    pub(super) fn sweep_orphans(&mut self) {
        let orphans: Vec<Place> = self
            .connections
            .iter()
            .filter(|(_, entry)| {
                let server = self.servers.get(entry.server);
                server.is_some_and(|server| !server.is_available)
            })
            .map(|(place, _)| place)
            .collect();
        for place in orphans {
            self.remove_early(place);
        }
    }

    /// Removes an entry before its time, and its template if that has no other connection.
    pub(super) fn remove_early(&mut self, place: Place) {
        let Some(entry) = self.connections.get(place) else {
            return;
        };
        if entry.controls > 0 {
            return;
        }
        let controller = entry.controller;
        self.expire(place, true);
        let is_idle = |template: &super::connection::Connection| template.controls == 0;
        if self.connections.get(controller).is_some_and(is_idle) {
            self.expire(controller, true);
        }
    }
}
