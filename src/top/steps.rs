//! Looking back: a frozen view, and steps through the snapshots that are kept or recorded.

use super::app::{App, MINUTE, Wish};
use crate::ui::Key;

impl App {
    /// Freezes, goes on, or goes to another snapshot.
    pub(super) fn step(&mut self, key: Key) -> Option<Wish> {
        if self.is_recording {
            return match key {
                Key::Char('[') => Some(Wish::Step(-1)),
                Key::Char(']') => Some(Wish::Step(1)),
                Key::Char('{') => Some(Wish::Jump {
                    time: MINUTE,
                    is_back: true,
                }),
                Key::Char('}') => Some(Wish::Jump {
                    time: MINUTE,
                    is_back: false,
                }),
                _ => {
                    self.say("a recording stands still; [ and ] step through it".to_owned());
                    None
                }
            };
        }
        let newest = self.history.newest()?.snapshot.number;
        let at = self.at();
        let target = match key {
            Key::Char('p') if self.is_frozen() => None,
            Key::Char('p') => Some(at),
            Key::Char('[') => Some(at.saturating_sub(1)),
            Key::Char(']') => Some(at + 1),
            Key::Char('{') => Some(self.minute_away(at, true)),
            _ => Some(self.minute_away(at, false)),
        };
        if key == Key::Char('[') && at == 0 {
            self.say(
                "this is the oldest snapshot that is kept; `ipvsh record` keeps more".to_owned(),
            );
        }
        let number = target.map(|target| {
            let found = self.history.get(target).or_else(|| self.history.newest());
            found.map_or(newest, |one| one.snapshot.number)
        });
        self.freeze(number);
        None
    }

    /// Returns the place of the snapshot a minute away.
    fn minute_away(&self, at: usize, is_back: bool) -> usize {
        let Some(here) = self.history.get(at) else {
            return at;
        };
        let clock = here.snapshot.clock;
        let time = |place: usize| self.history.get(place).map(|one| one.snapshot.clock);
        if is_back {
            let wanted = clock.saturating_sub(MINUTE);
            let places = (0..=at).rev();
            places
                .take_while(|place| time(*place).is_some_and(|time| time >= wanted))
                .last()
                .unwrap_or(at)
        } else {
            let wanted = clock + MINUTE;
            let places = at..self.history.len();
            places
                .take_while(|place| time(*place).is_some_and(|time| time <= wanted))
                .last()
                .unwrap_or(at)
        }
    }
}
