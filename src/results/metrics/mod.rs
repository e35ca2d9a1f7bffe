//! A snapshot as metrics: for Prometheus, and for what else reads its formats.
//!
//! `exposition` writes the two formats, `own` has our names, `node` the eight of node_exporter. All series come from one snapshot,
//! so that there is no registry: a family is a name, a sentence, and a function that goes through the snapshot.
//!
//! Too many series are a harm of their own. Over the limit whole families of real servers go, never single objects, in the order of
//! `exposition::Weight`; those of services and totals stay, and what is missing is a metric itself.

mod backend_label;
mod exposition;
mod journal;
mod node;
mod options;
mod own;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use backend_label::BackendLabel;
pub use exposition::Exposition;
use exposition::{Counting, Family, Sink, Weight, Writing};
pub use options::{MetricNames, MetricsOptions, ObjectLabels, SERIES_LIMIT, is_taken};

use crate::observe::Snapshot;

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
    let prepared = snapshot.map(|snapshot| own::Prepared::new(snapshot, options));
    let mut families = all_families(prepared.as_ref(), options);
    let dropped = drop_too_many(&mut families, options);
    if options.names.contains(&MetricNames::Ipvsh) {
        families.push(own::dropped(dropped.clone()));
    }
    families.sort_by_key(|family| family.name);
    let mut writing = Writing::new(out, exposition, &options.constant);
    for family in &families {
        writing.family(family)?;
    }
    Ok(MetricsWritten {
        series: writing.end()?,
        dropped,
    })
}

fn all_families<'s>(
    prepared: Option<&'s own::Prepared<'s>>,
    options: &'s MetricsOptions,
) -> Vec<Family<'s>> {
    let has = |names| options.names.contains(&names);
    let mut families: Vec<Family<'_>> = Vec::new();
    if let Some(prepared) = prepared.filter(|_| has(MetricNames::Node)) {
        families.extend(node::families(prepared.snapshot, options));
    }
    if !has(MetricNames::Ipvsh) {
        return families;
    }
    families.push(own::up(prepared.is_some()));
    families.push(own::build());
    if let Some(prepared) = prepared {
        families.extend(own::of_services(prepared));
        families.extend(table::families(prepared));
        families.extend(journal::families(prepared));
        if options.has_servers {
            families.extend(own::of_servers(prepared));
        }
    }
    families
}

/// Leaves families out until the rest is within the limit, and returns which, and how many series each had.
fn drop_too_many(families: &mut Vec<Family<'_>>, options: &MetricsOptions) -> Vec<(String, u64)> {
    let Some(limit) = options.series_limit else {
        return Vec::new();
    };
    let number = |family: &Family<'_>| {
        let mut counting = Counting::default();
        (family.samples)(&mut Sink::Count(&mut counting));
        counting.series
    };
    let counts: Vec<u64> = families.iter().map(number).collect();
    let mut sum: u64 = counts.iter().sum();
    let mut named: BTreeMap<&str, u64> = BTreeMap::new();
    for weight in Weight::FIRST_TO_GO {
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
    families.retain(|family| !named.contains_key(family.name));
    let named = named.into_iter();
    named
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}
