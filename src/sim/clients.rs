//! What simulated clients do when their time has come, packet by packet; see [`super::load`].

use std::net::SocketAddr;

use super::load::{ANSWER, LoadCounts, REQUEST, Stage, TALK, TRIES};
use super::packet::{Content, Packet, TcpFlags, Verdict};
use super::pages::Place;
use super::state::State;
use crate::wire::uapi as k;

/// A connection as a packet needs it.
#[derive(Clone, Copy)]
struct Talk {
    client: SocketAddr,
    destination: SocketAddr,
    is_udp: bool,
    mark: u32,
    load: usize,
}

impl State {
    /// Lets clients do what is due.
    pub(super) fn serve_crowd(&mut self) {
        while let Some(place) = self.crowd.arrival(self.now) {
            self.open_flow(place);
        }
        let now = self.moment();
        while let Some(place) = self.crowd.due(now) {
            match self.crowd.get(place).map(|flow| (flow.stage, flow.ends)) {
                Some((Stage::Opening(_), _)) => self.open_flow(place),
                Some((Stage::Open, ends)) if ends <= now => self.close_flow(place),
                Some((Stage::Open, _)) => self.talk_on(place),
                None => {}
            }
        }
    }

    fn talk_of(&self, place: Place) -> Option<Talk> {
        let flow = self.crowd.get(place)?;
        let load = &self.crowd.loads.get(flow.load)?.load;
        Some(Talk {
            client: flow.client,
            destination: load.destination,
            is_udp: load.is_udp,
            mark: load.mark,
            load: flow.load,
        })
    }

    /// Sends a packet of a client. Returns the real server that it reached, and whether that answers through the director.
    fn say(
        &mut self,
        talk: Talk,
        flags: &str,
        payload: u32,
    ) -> Result<(SocketAddr, bool), Verdict> {
        let content = if talk.is_udp {
            Content::Udp(&[])
        } else {
            Content::Tcp(TcpFlags::from_letters(flags))
        };
        let packet = Packet {
            mark: talk.mark,
            ..Packet::new(talk.client, talk.destination, content, payload)
        };
        match self.receive(&packet) {
            Verdict::Forwarded { to, method } => Ok((to, method == k::IP_VS_CONN_F_MASQ)),
            other => Err(other),
        }
    }

    /// Sends a packet of a real server. Its verdict says nothing that the client would not see.
    fn hear(&mut self, talk: Talk, server: SocketAddr, flags: &str, payload: u32) {
        let content = if talk.is_udp {
            Content::Udp(&[])
        } else {
            Content::Tcp(TcpFlags::from_letters(flags))
        };
        let _answer = self.answer(&Packet::new(server, talk.client, content, payload));
    }

    fn is_up(&self, server: SocketAddr) -> bool {
        !self.crowd.down.contains(&server.ip())
    }

    fn open_flow(&mut self, place: Place) {
        let Some(talk) = self.talk_of(place) else {
            return;
        };
        let payload = if talk.is_udp { REQUEST } else { 0 };
        match self.say(talk, "S", payload) {
            Ok((server, through)) if self.is_up(server) => {
                if through {
                    self.hear(talk, server, "SA", if talk.is_udp { ANSWER } else { 0 });
                }
                if !talk.is_udp {
                    let _sent = self.say(talk, "A", 0);
                }
                if let Some(running) = self.crowd.loads.get_mut(talk.load) {
                    running.counts.opened += 1;
                    *running.counts.by_server.entry(server).or_default() += 1;
                }
                if let Some(flow) = self.crowd.get_mut(place) {
                    flow.stage = Stage::Open;
                }
                self.wait_to_talk(place);
            }
            Err(Verdict::Refused) => self.crowd.end(place, |counts| counts.refused += 1),
            Ok(_) | Err(_) => self.try_again(place),
        }
    }

    /// Nobody answered: after 1, 2, 4, 8 and 16 s another try, and 32 s later none.
    fn try_again(&mut self, place: Place) {
        let now = self.moment();
        let Some(flow) = self.crowd.get_mut(place) else {
            return;
        };
        let tries = match flow.stage {
            Stage::Opening(tries) => tries + 1,
            Stage::Open => 1,
        };
        if tries >= TRIES {
            return self.crowd.end(place, |counts| counts.unanswered += 1);
        }
        flow.stage = Stage::Opening(tries);
        self.crowd.arm(place, now.saturating_add(500 << tries));
    }

    fn wait_to_talk(&mut self, place: Place) {
        let talks = self.moment().saturating_add(TALK);
        if let Some(ends) = self.crowd.get(place).map(|flow| flow.ends) {
            self.crowd.arm(place, talks.min(ends));
        }
    }

    fn talk_on(&mut self, place: Place) {
        let Some(talk) = self.talk_of(place) else {
            return;
        };
        match self.say(talk, "PA", REQUEST) {
            Ok((server, through)) if self.is_up(server) => {
                if through {
                    self.hear(talk, server, "PA", ANSWER);
                }
                self.wait_to_talk(place);
            }
            _ => self.cut_off(place),
        }
    }

    /// A client lost its connection, and opens a new one for the rest of its time.
    fn cut_off(&mut self, place: Place) {
        let Some(load) = self.crowd.get(place).map(|flow| flow.load) else {
            return;
        };
        if let Some(running) = self.crowd.loads.get_mut(load) {
            running.counts.cut += 1;
        }
        if let Some(flow) = self.crowd.get_mut(place) {
            flow.stage = Stage::Opening(0);
        }
        self.open_flow(place);
    }

    fn close_flow(&mut self, place: Place) {
        let Some(talk) = self.talk_of(place) else {
            return;
        };
        let closed = |counts: &mut LoadCounts| counts.closed += 1;
        let cut = |counts: &mut LoadCounts| counts.cut += 1;
        if talk.is_udp {
            return self.crowd.end(place, closed);
        }
        match self.say(talk, "FA", 0) {
            Ok((server, through)) if self.is_up(server) => {
                if through {
                    self.hear(talk, server, "FA", 0);
                }
                let _sent = self.say(talk, "A", 0);
                self.crowd.end(place, closed);
            }
            _ => self.crowd.end(place, cut),
        }
    }
}
