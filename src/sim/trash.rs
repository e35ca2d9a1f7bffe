//! The trash that deleted real servers go to, with what they counted, until nothing leads to them any more.
//!
//! Every 60 s the kernel looks through it: the first look that finds nothing leading to a server notes the time, and the first that
//! comes 120 s later removes it (`net/netfilter/ipvs/ip_vs_ctl.c`).

use super::pages::Place;
use super::server::{DestinationIdentity, ServiceIdentity};
use super::state::{State, Trashed};

/// Milliseconds between two looks.
const PASS: u64 = 60_000;
/// Milliseconds for which an unused server stays after the first look.
const PERIOD: u64 = 120_000;

impl State {
    pub(super) fn put_in_trash(&mut self, service: ServiceIdentity, instance: u64, server: Place) {
        let pace = self.pace();
        if let Some(deleted) = self.servers.get_mut(server) {
            deleted.is_available = false;
            if let Some(meter) = &mut deleted.meter {
                meter.catch_up(pace);
            }
        }
        self.trash.push(Trashed {
            service,
            instance,
            server,
            idle_since: None,
        });
        let now = self.moment();
        self.trash_timer.get_or_insert(now.saturating_add(PASS));
        if self.sysctls.knobs.expire_nodest_conn {
            let next_tick = now.saturating_add(self.tick());
            self.sweep_timer.get_or_insert(next_tick);
        }
    }

    /// Takes a server back: its connection counts stay, its counters only in the same service object.
    pub(super) fn take_from_trash(
        &mut self,
        service: &ServiceIdentity,
        instance: u64,
        destination: &DestinationIdentity,
    ) -> Option<Place> {
        if self.trash.is_empty() {
            return None;
        }
        let servers = &self.servers;
        let place = self.trash.iter().rposition(|entry| {
            let of = &entry.service;
            servers
                .get(entry.server)
                .is_some_and(|server| server.identity == *destination)
                && of.protocol == service.protocol
                && of.fwmark == service.fwmark
                && (service.fwmark != 0
                    || (of.address == service.address && of.port == service.port))
        })?;
        let entry = self.trash.remove(place);
        let (pace, now) = (self.pace(), self.moment());
        let revived = self.servers.get_mut(entry.server)?;
        if let Some(meter) = &mut revived.meter {
            // While it was in the trash nothing was copied.
            meter.fall_in_step(now);
            if entry.instance != instance {
                meter.zero(pace);
            }
        }
        Some(entry.server)
    }

    /// Looks through the trash, if that is due.
    pub(super) fn sweep_trash(&mut self, now: u64) {
        let Some(pass) = self.trash_timer.filter(|pass| *pass <= now) else {
            return;
        };
        let mut kept = Vec::new();
        for mut entry in std::mem::take(&mut self.trash) {
            let is_bound = self
                .servers
                .get(entry.server)
                .is_some_and(|server| server.bound > 0);
            let is_held = || {
                let mut services = self.services.iter();
                services.any(|(_, service)| service.chooser.holds(entry.server))
            };
            if is_bound || is_held() {
                kept.push(entry);
            } else if let Some(since) = entry.idle_since {
                if pass < since.saturating_add(PERIOD) {
                    kept.push(entry);
                } else {
                    self.servers.remove(entry.server);
                }
            } else {
                entry.idle_since = Some(pass);
                kept.push(entry);
            }
        }
        self.trash = kept;
        let next = pass.saturating_add(PASS);
        self.trash_timer = (!self.trash.is_empty() && next > pass).then_some(next);
    }
}
