//! A snapshot as metrics: for Prometheus, and for what else reads its formats.
//!
//! `exposition` writes the two formats, `own` has our names, `node` the eight of node_exporter. All series come from one snapshot,
//! so that there is no registry: a family is a name, a sentence, and a function that goes through the snapshot.
//!
//! Too many series are a harm of their own. Over the limit whole families of real servers go, never single objects, in the order of
//! [`own::Weight`]; those of services and totals stay, and what is missing is a metric itself.

mod exposition;
mod journal;
mod node;
mod own;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use exposition::Exposition;
use exposition::{Counting, Family, Sink, Writing};
pub use node::BackendLabel;

use crate::document::Labels;
use crate::model::ObjectId;
use crate::observe::Snapshot;

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

    fn of_object(&self, object: &ObjectId) -> &[(String, String)] {
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

/// What was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsWritten {
    /// How many series were written.
    pub series: u64,
    /// The families that were left out, and how many series each had.
    pub dropped: Vec<(String, u64)>,
}

/// Writes the metrics of a snapshot; of a table that could not be read that it could not.
///
/// # Errors
/// The writer's error.
pub fn write_metrics(
    out: &mut dyn Write,
    snapshot: Option<&Snapshot>,
    options: &MetricsOptions,
    exposition: Exposition,
) -> io::Result<MetricsWritten> {
    let has = |names| options.names.contains(&names);
    let prepared = snapshot.map(|snapshot| own::Prepared::new(snapshot, options));
    let dropped;
    let mut families: Vec<Family<'_>> = Vec::new();
    if let Some(snapshot) = snapshot.filter(|_| has(MetricNames::Node)) {
        families.extend(node::families(snapshot, options));
    }
    if has(MetricNames::Ipvsh) {
        families.push(own::up(snapshot.is_some()));
        families.push(own::build());
        if let Some(prepared) = &prepared {
            families.extend(own::of_services(prepared));
            families.extend(own::of_table(prepared));
            families.extend(journal::families(prepared));
            if options.has_servers {
                families.extend(own::of_servers(prepared));
            }
        }
    }
    let mut written = MetricsWritten::default();
    drop_too_many(&mut families, options, &mut written);
    dropped = written.dropped.clone();
    if has(MetricNames::Ipvsh) {
        families.push(own::dropped(&dropped));
    }
    families.sort_by_key(|family| family.name);
    let mut writing = Writing::new(out, exposition, &options.constant);
    for family in &families {
        writing.family(family)?;
    }
    written.series = writing.end()?;
    Ok(written)
}

/// Leaves families out until the rest is within the limit.
fn drop_too_many(
    families: &mut Vec<Family<'_>>,
    options: &MetricsOptions,
    written: &mut MetricsWritten,
) {
    let Some(limit) = options.series_limit else {
        return;
    };
    let number = |family: &Family<'_>| {
        let mut counting = Counting::default();
        (family.samples)(&mut Sink::Count(&mut counting));
        counting.series
    };
    let counts: Vec<u64> = families.iter().map(number).collect();
    let mut sum: u64 = counts.iter().sum();
    let mut named: BTreeMap<&str, u64> = BTreeMap::new();
    for weight in own::Weight::FIRST_TO_GO {
        if sum <= limit {
            break;
        }
        for (family, count) in families.iter().zip(&counts) {
            if family.weight == Some(weight) {
                sum -= count;
                named.insert(family.name, *count);
            }
        }
    }
    written.dropped = named
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    families.retain(|family| !named.contains_key(family.name));
}
