//! Fields as they are asked for: by name, and to sort by.

use std::cmp::Ordering;

use super::field::Field;
use super::field_value::FieldValue;
use super::row::{Row, RowKind};
use super::{Invalid, suggestion};

/// What a field of a real server's service is called: this, and the field's name.
const SERVICE: &str = "service.";

/// A field of one kind of line: its own, or one of its service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedField {
    /// The field.
    pub field: &'static Field,
    /// Whether it is the field of the service of a real server.
    pub is_of_service: bool,
}

impl NamedField {
    /// Finds a field of lines of a kind by its name.
    ///
    /// # Errors
    /// [`Invalid`] names what there is.
    pub fn parse(text: &str, kind: RowKind) -> Result<Self, Invalid> {
        let own = Field::of(kind).find(|field| field.is_named(text));
        if let Some(field) = own {
            return Ok(Self {
                field,
                is_of_service: false,
            });
        }
        if kind == RowKind::Destination {
            let name = text.strip_prefix(SERVICE).unwrap_or(text);
            let found = Field::of(RowKind::Service).find(|field| field.is_named(name));
            if let Some(field) = found {
                return Ok(Self {
                    field,
                    is_of_service: true,
                });
            }
        }
        let names = Self::names(kind);
        let mut known: Vec<&str> = names.iter().map(String::as_str).collect();
        known.extend(Field::of(kind).filter_map(|field| field.short));
        let longer = names.iter().find(|name| {
            let rest = name.strip_prefix(text);
            rest.is_some_and(|rest| rest.starts_with('_'))
        });
        let near = suggestion(text, known).or(longer.map(String::as_str));
        let told = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        Err(Invalid::new("field", text, told))
    }

    /// Returns the names of the fields of lines of a kind.
    #[must_use]
    pub fn names(kind: RowKind) -> Vec<String> {
        let mut names: Vec<String> = Field::of(kind).map(|field| field.name.to_owned()).collect();
        if kind == RowKind::Destination {
            let of_service = Field::of(RowKind::Service).map(|field| match field.name {
                name if Field::of(kind).any(|own| own.is_named(name)) => format!("{SERVICE}{name}"),
                name => name.to_owned(),
            });
            names.extend(of_service.filter(|name| name != "service.id"));
        }
        names
    }

    /// Returns its name, as in the table document.
    #[must_use]
    pub fn name(&self) -> String {
        if self.is_of_service {
            format!("{SERVICE}{}", self.field.name)
        } else {
            self.field.name.to_owned()
        }
    }

    /// Returns what it holds in a line; of a line of another kind it is nothing.
    #[must_use]
    pub fn value(&self, row: &Row<'_>) -> FieldValue {
        let field = self.field;
        let value = match row {
            Row::Destination(row) if self.is_of_service => {
                field.of_service.map(|of| of(&row.service))
            }
            Row::Destination(row) => field.of_destination.map(|of| of(row)),
            Row::Service(row) => field.of_service.map(|of| of(row)),
            Row::Server(row) => field.of_server.map(|of| of(row)),
        };
        value.unwrap_or(FieldValue::Nothing)
    }
}

/// By what a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SortKey {
    /// The field.
    pub field: NamedField,
    /// The largest first.
    pub is_reversed: bool,
}

impl SortKey {
    /// Reads one: a field, or `-` and a field for the other way round.
    ///
    /// # Errors
    /// [`Invalid`] names what there is.
    pub fn parse(text: &str, kind: RowKind) -> Result<Self, Invalid> {
        let (name, is_reversed) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        Ok(Self {
            field: NamedField::parse(name, kind)?,
            is_reversed,
        })
    }

    /// Puts two lines in order by several fields, the first one first.
    #[must_use]
    pub fn compared(keys: &[Self], one: &Row<'_>, other: &Row<'_>) -> Ordering {
        keys.iter().fold(Ordering::Equal, |order, key| {
            order.then_with(|| {
                let (a, b) = (key.field.value(one), key.field.value(other));
                a.compared(&b, key.is_reversed)
            })
        })
    }
}
