//! The clock of a simulation: it stands still until somebody waits, and then goes from event to event. An hour takes as long as what
//! happens in it.
//!
//! At one time, entries expire first, then deleted servers lose theirs, the trash is looked through, the defence against floods does its
//! work, what is planned happens, and clients do something.

use std::time::Duration;

use super::agenda::Happening;
use super::state::State;

/// Something that is due at a time, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Expiry(u64),
    Sweep(u64),
    Trash(u64),
    Pressure(u64),
}

impl Event {
    const fn time(self) -> u64 {
        match self {
            Self::Expiry(time) | Self::Sweep(time) | Self::Trash(time) | Self::Pressure(time) => {
                time
            }
        }
    }
}

impl State {
    fn next_event(&self) -> Option<Event> {
        let events = [
            self.connections.next_expiry().map(Event::Expiry),
            self.sweep_timer.map(Event::Sweep),
            self.trash_timer.map(Event::Trash),
            self.next_pressure().map(Event::Pressure),
        ];
        events
            .into_iter()
            .flatten()
            .min_by_key(|event| event.time())
    }

    /// Moves the clock on to a time: all that is due until then happens, in its order.
    pub(super) fn advance(&mut self, to: Duration) {
        loop {
            let event = self.next_event();
            let timed = event.map(|event| Duration::from_millis(event.time()));
            let planned = self.agenda.next();
            let crowd = self.crowd.next();
            if let Some(time) = crowd.filter(|time| {
                timed.is_none_or(|timed| *time < timed)
                    && planned.is_none_or(|planned| *time < planned)
            }) {
                if time > to {
                    break;
                }
                self.now = self.now.max(time);
                self.serve_crowd();
                continue;
            }
            if let Some(time) = planned.filter(|time| timed.is_none_or(|timed| *time < timed)) {
                if time > to {
                    break;
                }
                self.now = self.now.max(time);
                self.happen();
                continue;
            }
            let (Some(event), Some(time)) = (event, timed.filter(|time| *time <= to)) else {
                break;
            };
            self.now = self.now.max(time);
            match event {
                Event::Expiry(time) => {
                    while let Some(place) = self.connections.due(time) {
                        self.expire(place, false);
                    }
                }
                Event::Sweep(_) => {
                    self.sweep_timer = None;
                    self.sweep_orphans();
                }
                Event::Trash(time) => self.sweep_trash(time),
                Event::Pressure(time) => self.press(time),
            }
        }
        self.now = self.now.max(to);
    }

    /// Lets the next planned thing happen.
    fn happen(&mut self) {
        let Some(happening) = self.agenda.take() else {
            return;
        };
        match happening {
            Happening::Packet(planned) => {
                // Nobody asks what becomes of it: the table shows it.
                let _verdict = self.receive(&planned.packet());
            }
            Happening::Reply(planned) => {
                let _answer = self.answer(&planned.packet());
            }
            Happening::Request(request) => {
                let _refusal = super::request::perform(self, *request);
            }
            Happening::ServerDown(address) => {
                self.crowd.down.insert(address);
            }
            Happening::ServerUp(address) => {
                self.crowd.down.remove(&address);
            }
        }
    }
}
