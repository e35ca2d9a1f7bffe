//! What is to be done, and what it does to the traffic.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{Action, Change};
use super::diff::{Scope, diff};
use super::footprint::Footprint;
use crate::model::{DestinationKey, ForwardingMethod, ObjectId, ServiceKey, Table, Weight};

/// Something worth knowing about a change before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The object it is about.
    pub object: ObjectId,
    /// The note, a phrase without full stop.
    pub text: String,
}

/// What a plan does to open connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections whose server or service goes away.
    pub cut: u64,
    /// Connections that go on at a server which gets no new ones.
    pub drained: u64,
}

/// How the note on a service without weight begins.
const NO_WEIGHT: &str = "no real server has weight";

/// Changes and actions, ready to be shown and committed.
#[must_use = "a plan does nothing until it is committed"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub(super) before: Table,
    pub(super) after: Table,
    /// Shared with those that keep what was done.
    pub(super) changes: Arc<Vec<Change>>,
    pub(super) actions: Vec<Action>,
    pub(super) notes: Vec<Note>,
    pub(super) waits: Vec<String>,
    /// What the changes do to connections, where the tables that tell it are no longer kept.
    kept_traffic: Option<Traffic>,
}

impl Plan {
    /// Plans the way from one table to another. Only services that are in `before` or `after` are part of it;
    /// timeouts, daemons and kernel parameters that were not read in both stay.
    pub fn between(before: Table, after: Table, actions: Vec<Action>) -> Self {
        let changes = diff(&before, &after, Scope::Everything);
        let notes = notes(&before, &after, &changes);
        // What is gone in the end has no counters.
        let gone = |action: &Action| matches!(action, Action::Zero(Some(key)) if !after.services.contains_key(key));
        let actions = actions.into_iter().filter(|action| !gone(action)).collect();
        Self {
            before,
            after,
            changes: Arc::new(changes),
            actions,
            notes,
            waits: Vec::new(),
            kept_traffic: None,
        }
    }

    /// Adds waits that counted as done while the plan was made, in words.
    pub fn with_waits(mut self, waits: Vec<String>) -> Self {
        self.waits = waits;
        self
    }

    /// Adds notes.
    pub fn with_notes(mut self, notes: Vec<Note>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Returns the waits that counted as done while the plan was made.
    #[must_use]
    pub fn waits(&self) -> &[String] {
        &self.waits
    }

    /// Returns a copy that knows what is to be done and no longer the tables around it.
    pub fn without_tables(&self) -> Self {
        Self {
            changes: Arc::clone(&self.changes),
            actions: self.actions.clone(),
            notes: self.notes.clone(),
            waits: self.waits.clone(),
            kept_traffic: Some(self.traffic()),
            ..Self::default()
        }
    }

    /// Returns which objects are touched.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        Footprint::of(&self.changes)
    }

    /// Returns how a table differs, as far as this plan touches it, from the one that the plan starts from.
    #[must_use]
    pub fn conflicts_with(&self, now: &Table) -> Vec<Change> {
        self.footprint().differences(&self.before, now)
    }

    /// Returns the changes in the order in which they are sent.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns what is done after the changes and can't be undone.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Returns what is worth knowing before it is done.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.actions.is_empty()
    }

    /// Returns the table that the plan starts from, as far as it was read.
    #[must_use]
    pub const fn before(&self) -> &Table {
        &self.before
    }

    /// Returns the table that the plan leads to, as far as it was read.
    #[must_use]
    pub const fn after(&self) -> &Table {
        &self.after
    }

    /// Returns the open connections that a change cuts or drains, as they were when the table was read.
    #[must_use]
    pub fn traffic_of(&self, change: &Change) -> Traffic {
        let open = |service: &ServiceKey, key: &DestinationKey| {
            let entry = self
                .before
                .services
                .get(service)
                .and_then(|entry| entry.destinations.get(key));
            entry.map_or(0, |entry| entry.connections.open())
        };
        match change {
            Change::DeleteDestination { service, key, .. } => Traffic {
                cut: open(service, key),
                drained: 0,
            },
            Change::DeleteService {
                key, destinations, ..
            } => Traffic {
                cut: destinations.keys().map(|server| open(key, server)).sum(),
                drained: 0,
            },
            Change::EditDestination {
                service,
                key,
                before,
                after,
            } if before.weight != Weight::ZERO && after.weight == Weight::ZERO => Traffic {
                cut: 0,
                drained: open(service, key),
            },
            _ => Traffic::default(),
        }
    }

    /// Returns the sum of what all changes cut and drain.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        if let Some(traffic) = self.kept_traffic {
            return traffic;
        }
        let mut sum = Traffic::default();
        for change in self.changes.iter() {
            let one = self.traffic_of(change);
            sum.cut += one.cut;
            sum.drained += one.drained;
        }
        sum
    }

    /// Returns whether the plan takes something away: an object, open connections, or the last weight of a service.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        self.changes.iter().any(|change| change.sign() == '-')
            || self.traffic().cut > 0
            || self
                .notes
                .iter()
                .any(|note| note.text.starts_with(NO_WEIGHT))
    }

    /// Counts additions, edits and deletions.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |sign: char| {
            self.changes
                .iter()
                .filter(|change| change.sign() == sign)
                .count()
        };
        (count('+'), count('~'), count('-'))
    }
}

/// Finds what is worth knowing about changes.
fn notes(before: &Table, after: &Table, changes: &[Change]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut touched = BTreeSet::new();
    let mut last = None;
    let mut used = BTreeSet::new();
    for change in changes {
        match change {
            Change::AddDestination {
                service,
                key,
                after: new,
            } => {
                // Changes of one service follow each other: what is known of the last one serves again.
                if last != Some(*service) {
                    last = Some(*service);
                    used = methods_of(after, service);
                    touched.insert(*service);
                }
                if let Some(other) = used.iter().find(|method| **method != new.forwarding) {
                    notes.push(Note {
                        object: change.object(),
                        text: format!("its siblings use {other}"),
                    });
                }
                note_port(service, key, new.forwarding, &mut notes);
            }
            Change::EditDestination {
                service,
                key,
                after: new,
                ..
            } => note_port(service, key, new.forwarding, &mut notes),
            Change::DeleteDestination { service, .. } => {
                touched.insert(*service);
            }
            Change::EditService {
                before: old,
                after: new,
                ..
            } if old.scheduler != new.scheduler && old.persistence.is_none() => {
                notes.push(Note {
                    object: change.object(),
                    text: "clients without persistence move".to_owned(),
                });
            }
            _ => {}
        }
    }
    for key in &touched {
        if let (Some(old), Some(new)) = (before.services.get(key), after.services.get(key)) {
            let scheduler = new.configuration.scheduler.as_str();
            if matches!(scheduler, "sh" | "dh") && !old.destinations.is_empty() {
                notes.push(Note {
                    object: ObjectId::Service(*key),
                    text: format!(
                        "{scheduler} follows the order of servers, which changes: some clients move"
                    ),
                });
            }
        }
    }
    for (key, new) in &after.services {
        let had_weight = before
            .services
            .get(key)
            .is_none_or(|old| old.weight_sum() > 0);
        if had_weight && !new.destinations.is_empty() && new.weight_sum() == 0 {
            notes.push(Note {
                object: ObjectId::Service(*key),
                text: format!("{NO_WEIGHT}: new connections are refused"),
            });
        }
    }
    notes
}

/// Returns the methods of a service's servers, if they are several.
fn methods_of(table: &Table, service: &ServiceKey) -> BTreeSet<ForwardingMethod> {
    let entry = table.services.get(service);
    let mut methods = entry
        .into_iter()
        .flat_map(|entry| entry.destinations.values())
        .map(|server| server.configuration.forwarding);
    let Some(first) = methods.next() else {
        return BTreeSet::new();
    };
    match methods.find(|method| *method != first) {
        Some(other) => methods.chain([first, other]).collect(),
        None => BTreeSet::new(),
    }
}

/// Direct routing and tunnels don't translate ports.
fn note_port(
    service: &ServiceKey,
    key: &DestinationKey,
    method: ForwardingMethod,
    notes: &mut Vec<Note>,
) {
    let translates = !matches!(
        method,
        ForwardingMethod::DirectRouting | ForwardingMethod::Tunneling
    );
    if let Some(port) = service.port()
        && !translates
        && port != key.port
        && key.port != 0
    {
        notes.push(Note {
            object: ObjectId::Destination(*service, *key),
            text: format!("{method} does not translate ports: packets arrive at port {port}"),
        });
    }
}
