//! What a key does.

use super::app::{App, Wish};
use super::choice::What;
use super::details::Details;
use super::view::{Column, View};
use crate::ui::Key;

impl App {
    /// Does what a key says; what is wanted of the outside is returned.
    pub fn press(&mut self, key: Key) -> Option<Wish> {
        if key == Key::Interrupt {
            return Some(Wish::Quit);
        }
        if key == Key::Suspend {
            return Some(Wish::Suspend);
        }
        if self.typing.is_some() {
            self.typed(key);
            return None;
        }
        if self.helps {
            self.helps = false;
            return None;
        }
        self.message = None;
        match key {
            Key::Char('q') => return Some(Wish::Quit),
            Key::Escape if self.details.is_some() => self.details = None,
            Key::Escape => self.filter_by(""),
            Key::Enter if self.details.is_some() => self.details = None,
            Key::Enter => return self.open(),
            Key::Char('?') => self.helps = true,
            Key::Char('/') => self.typing = Some((self.filter.clone(), self.filter.clone())),
            Key::Char('d') => self.tell_drain(),
            Key::Char('p' | '[' | ']' | '{' | '}') => return self.step(key),
            _ => return self.turn(key),
        }
        None
    }

    fn typed(&mut self, key: Key) {
        let Some((text, before)) = &mut self.typing else {
            return;
        };
        match key {
            Key::Char(letter) => text.push(letter),
            Key::Backspace => {
                text.pop();
            }
            Key::Enter => {
                self.typing = None;
                self.message.clone_from(&self.misread);
                return;
            }
            Key::Escape => {
                let before = std::mem::take(before);
                self.typing = None;
                self.filter_by(&before);
                return;
            }
            _ => return,
        }
        let text = text.clone();
        self.filter_by(&text);
    }

    /// Keys that change what is shown of a snapshot.
    fn turn(&mut self, key: Key) -> Option<Wish> {
        let place = self.place();
        match key {
            Key::Tab => return self.go_to(self.view.after(1)),
            Key::BackTab => return self.go_to(self.view.after(3)),
            Key::Char('z') => self.hides_idle = !self.hides_idle,
            Key::Char('u') => self.is_bytes = !self.is_bytes,
            Key::Char('k') => {
                self.is_kernels = !self.is_kernels;
                let text = if self.is_kernels {
                    "rates are the kernel's smoothed means"
                } else {
                    "rates are differences of counters"
                };
                self.message = Some(text.to_owned());
            }
            Key::Char('r') => self.sorts[place].1 = !self.sorts[place].1,
            Key::Char('<') => self.sort_beside(-1),
            Key::Char('>') => self.sort_beside(1),
            Key::Char(digit @ '1'..='9') => {
                let number = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or(0);
                if let Some(column) = self.view.columns().get(number) {
                    self.choose(*column);
                }
            }
            Key::Char('m') if self.view == View::Clients => {
                let mask = self.clients.mask.next();
                self.message = Some(format!("clients are put together by {}", mask.word()));
                return Some(Wish::Clients(mask));
            }
            Key::Char(' ') => self.fold(),
            _ => {
                self.move_selection(key);
                return None;
            }
        }
        self.arrange();
        None
    }

    fn go_to(&mut self, view: View) -> Option<Wish> {
        self.view = view;
        self.details = None;
        self.read_filter();
        self.arrange();
        None
    }

    /// Sorts by a column; by the same one again the other way round. Numbers begin with the largest.
    fn choose(&mut self, column: Column) {
        let place = self.place();
        self.sorts[place] = match self.sorts[place] {
            (before, is_reversed) if before == column => (column, !is_reversed),
            _ => (
                column,
                column != Column::Name && column != Column::Scheduler,
            ),
        };
    }

    fn sort_beside(&mut self, step: isize) {
        let columns = self.view.columns();
        let now = columns.iter().position(|column| *column == self.sort().0);
        let next = now.and_then(|now| now.checked_add_signed(step));
        if let Some(column) = next.and_then(|next| columns.get(next)) {
            self.choose(*column);
        }
    }

    fn fold(&mut self) {
        let service = match self.selected() {
            Some(What::Service(key) | What::Destination(key, _)) => *key,
            _ => return,
        };
        if !self.folded.remove(&service) {
            self.folded.insert(service);
            let place = self.place();
            self.selected[place] = Some(What::Service(service));
        }
    }

    fn move_selection(&mut self, key: Key) {
        let (count, now, page) = (
            self.lines.all.len(),
            self.selected_place(),
            self.height.max(2) - 1,
        );
        let next = match key {
            Key::Up => now.saturating_sub(1),
            Key::Down => now + 1,
            Key::PageUp => now.saturating_sub(page),
            Key::PageDown => now + page,
            Key::Home => 0,
            Key::End => count,
            _ => return,
        };
        let place = self.place();
        self.selected[place] = self
            .lines
            .all
            .get(next.min(count.saturating_sub(1)))
            .cloned();
        self.follow();
        if let Some(details) = &mut self.details
            && let Some(what) = self.selected[place].clone()
        {
            details.show(what);
        }
    }

    fn open(&mut self) -> Option<Wish> {
        let what = self.selected()?.clone();
        let wish = what.object().map(Wish::Commits);
        self.details = Some(Details::new(what));
        wish
    }

    /// Says how the selected server would be drained: to be copied, as nothing here changes a table.
    fn tell_drain(&mut self) {
        let text = match self.selected() {
            Some(What::Destination(service, key)) => {
                format!("ipvsh drain {key} --service {service}")
            }
            Some(What::Server(address)) => format!("ipvsh drain {address}"),
            Some(What::Drain(service, key)) => format!("ipvsh undrain {key} --service {service}"),
            _ => "select a real server: `d` shows the command that drains it".to_owned(),
        };
        self.message = Some(text);
    }
}
