//! What is shown of a table at one moment, for programs.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::VERSION;

/// A view at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct TickShape {
    version: u32,
    /// When the snapshot was taken, in UTC, RFC 3339.
    pub time: String,
    /// `services`, `servers`, `clients` or `drains`.
    pub view: &'static str,
    /// The lines; rates are in bytes.
    pub rows: Vec<TickRow>,
}

/// A line of it.
#[derive(Clone, Debug)]
pub struct TickRow {
    /// The names of its values, with them.
    pub values: Vec<(&'static str, TickValue)>,
}

/// A value of a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TickValue {
    /// There is none, or it is not known.
    Nothing,
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// A number that can be negative.
    Signed(i64),
    /// A rate or a share.
    Real(f64),
}

impl TickShape {
    /// Makes one.
    #[must_use]
    pub const fn new(time: String, view: &'static str, rows: Vec<TickRow>) -> Self {
        Self {
            version: VERSION,
            time,
            view,
            rows,
        }
    }
}

impl Serialize for TickRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
