//! What a reader of frames knows: a table that each frame changes.

use std::time::{Duration, SystemTime};

use super::bytes::{Bytes, put, put_text};
use super::facts::{Facts, read_changes};
use super::values::{Whole, put_values, take_values, ticks};
use crate::document::{append_table, read_table};
use crate::model::Table;
use crate::observe::{SeenChange, Snapshot};

/// How the body of a key frame begins: it is looked for behind what is damaged.
pub(super) const KEY_MAGIC: &[u8; 4] = b"IPVK";

/// A table as the frames so far tell it.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) facts: Facts,
    pub(super) whole: Whole,
    pub(super) table: Table,
    clock: Duration,
    took: Duration,
    /// What changed with the frames since the last snapshot, and with the last snapshot.
    pending: Vec<SeenChange>,
    changes: Vec<SeenChange>,
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns what counts in a snapshot beside its objects.
pub(super) fn whole_of(snapshot: &Snapshot) -> Whole {
    Whole {
        totals: snapshot.totals.clone(),
        connection_entries: snapshot
            .settings
            .as_ref()
            .and_then(|settings| settings.connection_entries),
    }
}

fn put_times(out: &mut Vec<u8>, snapshot: &Snapshot) {
    put(out, microseconds(snapshot.clock));
    put(out, microseconds(snapshot.took));
}

/// Appends the body of a key frame.
pub(super) fn put_key(
    out: &mut Vec<u8>,
    snapshot: &Snapshot,
    facts: &Facts,
) -> serde_json::Result<()> {
    out.extend_from_slice(KEY_MAGIC);
    put_times(out, snapshot);
    put_text(out, &serde_json::to_vec(facts)?);
    let mut configuration = Vec::new();
    append_table(&mut configuration, &snapshot.table)?;
    put_text(out, &configuration);
    let nothing = (&Whole::default(), &Table::default());
    put_values(out, nothing, (&whole_of(snapshot), &snapshot.table), 0);
    Ok(())
}

/// Appends the body of a delta.
pub(super) fn put_delta(out: &mut Vec<u8>, before: &Snapshot, snapshot: &Snapshot) {
    put_times(out, snapshot);
    let ticks = ticks(before.clock, snapshot.clock);
    let before = (&whole_of(before), &before.table);
    put_values(out, before, (&whole_of(snapshot), &snapshot.table), ticks);
}

impl State {
    /// Reads a key frame.
    pub(super) fn of_key(body: &[u8]) -> Result<Self, String> {
        let mut bytes = Bytes(body);
        let ends = || "it ends too early".to_owned();
        if bytes.take(KEY_MAGIC.len()) != Some(KEY_MAGIC) {
            return Err("it does not begin as a key frame".to_owned());
        }
        let clock = bytes.number().ok_or_else(ends)?;
        let took = bytes.number().ok_or_else(ends)?;
        let facts = bytes.text().ok_or_else(ends)?;
        let facts: Facts = serde_json::from_slice(facts).map_err(|error| error.to_string())?;
        let configuration = bytes.text().ok_or_else(ends)?;
        let mut table =
            read_table("its table", configuration).map_err(|error| error.to_string())?;
        facts.complete(&mut table);
        let mut whole = Whole::default();
        take_values(&mut bytes, &mut whole, &mut table, 0).ok_or_else(not_of_table)?;
        Ok(Self {
            facts,
            whole,
            table,
            clock: Duration::from_micros(clock),
            took: Duration::from_micros(took),
            pending: Vec::new(),
            changes: Vec::new(),
        })
    }

    /// Takes a frame of changes.
    pub(super) fn change(&mut self, body: &[u8]) -> Result<(), String> {
        for seen in read_changes(body)? {
            seen.change.apply(&mut self.table);
            self.pending.push(seen);
        }
        Ok(())
    }

    /// Takes a frame of facts.
    pub(super) fn facts(&mut self, body: &[u8]) -> Result<(), String> {
        self.facts = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        self.facts.complete(&mut self.table);
        Ok(())
    }

    /// Takes a delta: another snapshot.
    pub(super) fn delta(&mut self, body: &[u8]) -> Result<(), String> {
        let mut bytes = Bytes(body);
        let ends = || "it ends too early".to_owned();
        let clock = Duration::from_micros(bytes.number().ok_or_else(ends)?);
        let ticks = ticks(std::mem::replace(&mut self.clock, clock), clock);
        self.took = Duration::from_micros(bytes.number().ok_or_else(ends)?);
        take_values(&mut bytes, &mut self.whole, &mut self.table, ticks)
            .ok_or_else(not_of_table)?;
        self.changes = std::mem::take(&mut self.pending);
        Ok(())
    }

    /// Says what changed before a key frame.
    pub(super) fn changed(&mut self, changes: Vec<SeenChange>) {
        self.changes = changes;
    }

    /// Returns the snapshot that the frames so far make.
    pub(super) fn snapshot(&self, time: SystemTime, number: u64) -> Snapshot {
        Snapshot {
            number,
            time,
            clock: self.clock,
            took: self.took,
            place: self.facts.place(),
            table: self.table.clone(),
            known: self.facts.known(),
            missing: self.facts.missing(),
            totals: self.whole.totals.clone(),
            settings: self.facts.settings(time, self.whole.connection_entries),
            changes: self.changes.clone(),
        }
    }
}

fn not_of_table() -> String {
    "its values are not those of its table".to_owned()
}
