//! Lists in pages, which a table and its savepoints share until one of them changes a page: a savepoint of a million connections
//! copies none of them.

use std::rc::Rc;

const PAGE: usize = 128;

/// Where something is in a [`Slots`].
pub(super) type Place = u32;

/// No place.
pub(super) const NOWHERE: Place = u32::MAX;

/// A list that grows at its end.
#[derive(Clone, Debug)]
pub(super) struct Pages<T> {
    pages: Vec<Rc<Vec<T>>>,
    length: usize,
}

impl<T: Clone> Pages<T> {
    pub(super) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            length: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Rc::make_mut(self.pages.get_mut(index / PAGE)?).get_mut(index % PAGE)
    }

    pub(super) fn push(&mut self, value: T) {
        if self.length.is_multiple_of(PAGE) {
            // The first page grows as it must: most tables are small.
            let room = if self.length == 0 { 0 } else { PAGE };
            self.pages.push(Rc::new(Vec::with_capacity(room)));
        }
        if let Some(page) = self.pages.last_mut() {
            Rc::make_mut(page).push(value);
            self.length += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flat_map(|page| page.iter())
    }
}

#[derive(Clone, Debug)]
enum Slot<T> {
    /// The next one that is free.
    Free(Place),
    Taken(T),
}

/// Values that keep their place until they are removed.
#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    pages: Pages<Slot<T>>,
    free: Place,
    count: usize,
}

impl<T: Clone> Slots<T> {
    pub(super) const fn new() -> Self {
        Self {
            pages: Pages::new(),
            free: NOWHERE,
            count: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        match self.pages.get(place as usize)? {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        match self.pages.get_mut(place as usize)? {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Returns where the value is now: [`NOWHERE`] if there is no room, which four thousand million are not.
    pub(super) fn insert(&mut self, value: T) -> Place {
        let free = self.free;
        if let Some(slot) = self.pages.get_mut(free as usize)
            && let Slot::Free(next) = *slot
        {
            *slot = Slot::Taken(value);
            self.free = next;
            self.count += 1;
            return free;
        }
        let place = Place::try_from(self.pages.len()).unwrap_or(NOWHERE);
        if place != NOWHERE {
            self.pages.push(Slot::Taken(value));
            self.count += 1;
        }
        place
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<T> {
        let slot = self.pages.get_mut(place as usize)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        let taken = std::mem::replace(slot, Slot::Free(self.free));
        self.free = place;
        self.count -= 1;
        match taken {
            Slot::Taken(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Returns the values and where they are.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        (0..)
            .zip(self.pages.iter())
            .filter_map(|(place, slot)| match slot {
                Slot::Taken(value) => Some((place, value)),
                Slot::Free(_) => None,
            })
    }
}
