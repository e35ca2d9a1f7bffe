//! The connection table: entries by client address and port, and by the time at which they expire.
//!
//! One index serves both directions, as in the kernel: what is looked up is the client's end. Its buckets grow one by one
//! (linear hashing), so no insertion waits for all of them, and the newest of a bucket comes first.

use ahash::RandomState;

use super::connection::{Connection, ConnectionKey, Flags};
use super::pages::{NOWHERE, Pages, Place, Slots};
use super::wheel::Wheel;

/// Buckets of an index that has never been used.
const FIRST_BUCKETS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Connections {
    entries: Slots<Connection>,
    buckets: Pages<Place>,
    /// Entries in the index: those of one packet are not.
    indexed: usize,
    wheel: Wheel,
}

/// The client's end of a connection, and what its bucket goes by beside that.
struct End<'a> {
    protocol: u8,
    client: [u8; 16],
    port: u16,
    engine_data: Option<&'a [u8]>,
}

impl End<'_> {
    fn hash(&self) -> u64 {
        // The seeds are fixed: what a simulation does, it does again.
        let state = RandomState::with_seeds(1, 2, 3, 4);
        let ends = (
            u128::from_ne_bytes(self.client),
            u32::from(self.port) << 8 | u32::from(self.protocol),
        );
        match self.engine_data {
            None => state.hash_one(ends),
            Some(data) => state.hash_one((ends, data)),
        }
    }
}

impl Connections {
    pub(super) const fn new() -> Self {
        Self {
            entries: Slots::new(),
            buckets: Pages::new(),
            indexed: 0,
            wheel: Wheel::new(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, place: Place) -> Option<&Connection> {
        self.entries.get(place)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Connection> {
        self.entries.get_mut(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &Connection)> {
        self.entries.iter()
    }

    /// The bucket of a hash: a power of two of them, and those of the next that are already split off.
    fn bucket(&self, end: &End<'_>) -> usize {
        let count = self.buckets.len().max(1);
        let full = (count + 1).next_power_of_two() / 2;
        let hash = usize::try_from(end.hash() >> 16).unwrap_or_default();
        let wide = hash & (full * 2 - 1);
        if wide < count {
            wide
        } else {
            hash & (full - 1)
        }
    }

    fn end_of(entry: &Connection) -> End<'_> {
        End {
            protocol: entry.protocol,
            client: entry.client,
            port: entry.client_port,
            engine_data: entry.engine_data.as_deref(),
        }
    }

    fn search(&self, end: &End<'_>, fits: impl Fn(&Connection) -> bool) -> Option<Place> {
        let mut place = *self.buckets.get(self.bucket(end))?;
        while let Some(entry) = self.entries.get(place) {
            if entry.client_port == end.port
                && entry.client == end.client
                && entry.protocol == end.protocol
                && fits(entry)
            {
                return Some(place);
            }
            place = entry.next;
        }
        None
    }

    /// Finds the connection that a packet of a client belongs to.
    pub(super) fn find(&self, key: &ConnectionKey) -> Option<Place> {
        let end = End {
            protocol: key.protocol,
            client: key.client,
            port: key.client_port,
            engine_data: None,
        };
        let is_v6 = key.family == crate::wire::uapi::AF_INET6;
        self.search(&end, |entry| {
            entry.address == key.address
                && entry.port == key.port
                && entry.is_v6 == is_v6
                && !entry.is_template()
        })
    }

    /// Finds the template of a client.
    pub(super) fn find_template(
        &self,
        key: &ConnectionKey,
        engine_data: Option<&[u8]>,
    ) -> Option<Place> {
        let end = End {
            protocol: key.protocol,
            client: key.client,
            port: key.client_port,
            engine_data,
        };
        let is_v6 = key.family == crate::wire::uapi::AF_INET6;
        self.search(&end, |entry| {
            entry.address == key.address
                && entry.port == key.port
                && entry.is_v6 == is_v6
                && entry.is_template()
                && !entry.flags.has(Flags::INVALID)
                && entry.engine_data.as_deref() == engine_data
        })
    }

    /// Finds the connection that a packet to a client belongs to. `sent_by` tells whether an entry expects its source.
    pub(super) fn find_reply(
        &self,
        protocol: u8,
        (client, port): ([u8; 16], u16),
        sent_by: impl Fn(&Connection) -> bool,
    ) -> Option<Place> {
        let end = End {
            protocol,
            client,
            port,
            engine_data: None,
        };
        self.search(&end, |entry| !entry.is_template() && sent_by(entry))
    }

    /// Puts in an entry. One of a single packet can't be found.
    pub(super) fn insert(&mut self, entry: Connection) -> Place {
        let is_found = !entry.flags.has(Flags::ONE_PACKET);
        let place = self.entries.insert(entry);
        if is_found && place != NOWHERE {
            if self.buckets.len() == 0 {
                (0..FIRST_BUCKETS).for_each(|_| self.buckets.push(NOWHERE));
            }
            self.indexed += 1;
            self.link(place);
            if self.indexed > self.buckets.len() {
                self.split();
            }
        }
        place
    }

    /// Puts an entry at the front of its bucket.
    fn link(&mut self, place: Place) {
        let Some(entry) = self.entries.get(place) else {
            return;
        };
        let bucket = self.bucket(&Self::end_of(entry));
        if let Some(first) = self.buckets.get_mut(bucket)
            && let Some(entry) = self.entries.get_mut(place)
        {
            entry.next = std::mem::replace(first, place);
        }
    }

    /// Adds a bucket and shares out that from which it is split.
    fn split(&mut self) {
        let new = self.buckets.len();
        let full = (new + 1).next_power_of_two() / 2;
        let old = new - full;
        self.buckets.push(NOWHERE);
        let mut chain = Vec::new();
        let mut place = match self.buckets.get_mut(old) {
            Some(first) => std::mem::replace(first, NOWHERE),
            None => NOWHERE,
        };
        while let Some(entry) = self.entries.get(place) {
            chain.push(place);
            place = entry.next;
        }
        // The newest is put in last: it is in front again.
        for place in chain.into_iter().rev() {
            self.link(place);
        }
    }

    /// Takes an entry out. Its timer no longer runs.
    pub(super) fn remove(&mut self, place: Place) -> Option<Connection> {
        self.wheel.unlink(&mut self.entries, place);
        let entry = self.entries.get(place)?;
        if !entry.flags.has(Flags::ONE_PACKET) {
            let (bucket, next) = (self.bucket(&Self::end_of(entry)), entry.next);
            self.unlink(bucket, place, next);
            self.indexed -= 1;
        }
        self.entries.remove(place)
    }

    fn unlink(&mut self, bucket: usize, place: Place, next: Place) {
        let Some(first) = self.buckets.get_mut(bucket) else {
            return;
        };
        if *first == place {
            *first = next;
            return;
        }
        let mut before = *first;
        while let Some(entry) = self.entries.get(before) {
            if entry.next == place {
                break;
            }
            before = entry.next;
        }
        if let Some(entry) = self.entries.get_mut(before) {
            entry.next = next;
        }
    }

    /// Sets when an entry expires.
    pub(super) fn arm(&mut self, place: Place, expires: u64) {
        self.wheel.arm(&mut self.entries, place, expires);
    }

    /// Returns when the timers are to be looked at next.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.wheel.next()
    }

    /// Returns an entry whose time has come; its timer no longer runs.
    pub(super) fn due(&mut self, now: u64) -> Option<Place> {
        self.wheel.due(&mut self.entries, now)
    }
}
