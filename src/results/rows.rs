//! Lines of a list, for programs: the fields that were asked for under the names by which they were asked for.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::VERSION;
use crate::model::{FieldValue, RowKind};

/// Lines of one kind.
#[derive(Clone, Copy, Debug)]
pub struct RowsShape<'r> {
    /// What kind they are of.
    pub kind: RowKind,
    /// The names of the fields.
    pub names: &'r [String],
    /// The values of each line.
    pub values: &'r [Vec<FieldValue>],
    /// What could not be read, in words; empty if all could.
    pub incomplete: &'r [&'r str],
}

impl RowsShape<'_> {
    /// Returns the name of the list of lines.
    #[must_use]
    pub const fn list_name(kind: RowKind) -> &'static str {
        match kind {
            RowKind::Destination => "destinations",
            RowKind::Service => "services",
            RowKind::Server => "servers",
        }
    }
}

struct Lines<'r>(&'r RowsShape<'r>);

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct RowShape<'r> {
    /// The names of the fields.
    pub names: &'r [String],
    /// Their values.
    pub values: &'r [FieldValue],
}

struct Value<'r>(&'r FieldValue);

impl Serialize for RowsShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        if !self.incomplete.is_empty() {
            map.serialize_entry("incomplete", self.incomplete)?;
        }
        map.serialize_entry(Self::list_name(self.kind), &Lines(self))?;
        map.end()
    }
}

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.values.len()))?;
        for values in self.0.values {
            list.serialize_element(&RowShape {
                names: self.0.names,
                values,
            })?;
        }
        list.end()
    }
}

impl Serialize for RowShape<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for (name, value) in self.names.iter().zip(self.values) {
            map.serialize_entry(name, &Value(value))?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            FieldValue::Unknown | FieldValue::Nothing => serializer.serialize_none(),
            FieldValue::Truth(value) => serializer.serialize_bool(*value),
            FieldValue::Number(value) => serializer.serialize_u64(*value),
            FieldValue::Share(value) => serializer.serialize_f64(*value),
            FieldValue::Text(value) => serializer.serialize_str(value),
            FieldValue::Texts(values) => serializer.collect_seq(values),
            FieldValue::Service(key) => serializer.collect_str(key),
            FieldValue::Services(keys) => {
                serializer.collect_seq(keys.iter().map(ToString::to_string))
            }
            FieldValue::Destination(key) => serializer.collect_str(key),
            FieldValue::Address(address) => serializer.collect_str(address),
        }
    }
}
