//! How metrics are made of a snapshot.

use std::collections::BTreeMap;

use super::backend_label::BackendLabel;
use crate::document::Labels;
use crate::model::ObjectId;

/// Which names are exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricNames {
    /// Ours.
    Ipvsh,
    /// The eight of node_exporter's collector `ipvs`.
    Node,
}

/// Labels by which people find objects again: what documents call them, under names that metrics may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectLabels(BTreeMap<ObjectId, Vec<(String, String)>>);

impl ObjectLabels {
    /// Takes the labels of a document. A character that no name of a label may have becomes `_`; a name that is taken gets a `label_`
    /// before it.
    #[must_use]
    pub fn of(labels: &Labels) -> Self {
        let renamed = |labels: &BTreeMap<String, String>| {
            let mut found: BTreeMap<String, String> = BTreeMap::new();
            for (name, value) in labels {
                // Of two that become one name the first stays.
                found
                    .entry(label_name(name))
                    .or_insert_with(|| value.clone());
            }
            found.into_iter().collect()
        };
        let objects = labels.iter();
        Self(
            objects
                .map(|(object, labels)| (object.clone(), renamed(labels)))
                .collect(),
        )
    }

    pub(super) fn of_object(&self, object: &ObjectId) -> &[(String, String)] {
        self.0.get(object).map_or(&[], Vec::as_slice)
    }
}

/// Names that the families of objects have by themselves, and those that Prometheus gives.
const TAKEN: [&str; 15] = [
    "service",
    "server",
    "protocol",
    "address",
    "port",
    "fwmark",
    "family",
    "scheduler",
    "flags",
    "persistent",
    "forwarding",
    "tunnel",
    "instance",
    "job",
    "le",
];

/// Names that families have besides, and node_exporter's.
const TAKEN_ELSEWHERE: [&str; 9] = [
    "direction",
    "state",
    "bound",
    "kind",
    "interface",
    "sync_id",
    "outcome",
    "document",
    "version",
];

/// Returns whether a series may have a label of that name by itself.
#[must_use]
pub fn is_taken(name: &str) -> bool {
    let backend = BackendLabel::ALL.iter().any(|label| label.name() == name);
    // The name of a kernel parameter, and what documents call an object most of the time.
    backend || name == "name" || TAKEN.contains(&name) || TAKEN_ELSEWHERE.contains(&name)
}

/// Returns a name that a label may have.
fn label_name(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = text
        .chars()
        .map(|c| if is_part(c) { c } else { '_' })
        .collect();
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || name.starts_with("__") || TAKEN.contains(&name.as_str()) {
        format!("label_{name}")
    } else {
        name
    }
}

/// How metrics are made of a snapshot.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// Which names.
    pub names: Vec<MetricNames>,
    /// The labels of backends in node_exporter's families, in their order.
    pub backend_labels: Vec<BackendLabel>,
    /// How many series there are at most; `None` is any number.
    pub series_limit: Option<u64>,
    /// Labels of every series.
    pub constant: Vec<(String, String)>,
    /// Whether there are series of real servers.
    pub has_servers: bool,
    /// What documents call objects.
    pub object_labels: ObjectLabels,
    /// How many changes would lead to a document, and its name.
    pub pending: Option<(String, u64)>,
    /// How many entries the table of connections has, where that was counted.
    pub connection_entries: Option<u64>,
}

/// How many series there are at most, unless told otherwise.
pub const SERIES_LIMIT: u64 = 20_000;

impl Default for MetricsOptions {
    fn default() -> Self {
        Self {
            names: vec![MetricNames::Ipvsh],
            backend_labels: BackendLabel::ALL.to_vec(),
            series_limit: Some(SERIES_LIMIT),
            constant: Vec::new(),
            has_servers: true,
            object_labels: ObjectLabels::default(),
            pending: None,
            connection_entries: None,
        }
    }
}
