//! The last snapshots.

use std::collections::VecDeque;
use std::sync::Arc;

use super::snapshot::Snapshot;

/// How many services and real servers all snapshots of a ring hold at most, together: about 60 MB.
const OBJECTS: usize = 200_000;

/// How many snapshots are kept however small they are: ten minutes at an interval of 2 s.
const SNAPSHOTS: usize = 300;

/// The last snapshots: of a large table fewer, and always two, which rates are made of.
#[derive(Debug, Default)]
pub(super) struct Ring {
    kept: VecDeque<Arc<Snapshot>>,
    objects: usize,
}

impl Ring {
    /// Adds the newest one.
    pub(super) fn add(&mut self, snapshot: Arc<Snapshot>) {
        self.objects += snapshot.objects();
        self.kept.push_back(snapshot);
        while self.kept.len() > 2 && (self.objects > OBJECTS || self.kept.len() > SNAPSHOTS) {
            if let Some(oldest) = self.kept.pop_front() {
                self.objects -= oldest.objects();
            }
        }
    }

    /// Returns what is kept, the oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Snapshot>> {
        self.kept.iter().map(Arc::clone).collect()
    }

    /// Returns the newest one.
    pub(super) fn newest(&self) -> Option<&Arc<Snapshot>> {
        self.kept.back()
    }
}
