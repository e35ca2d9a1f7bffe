//! Values of fields as a person likes to read them, in columns that fit where they are shown.

use std::io::{self, Write};

use crate::config::Characters;
use crate::model::{FieldValue, NamedField, RowKind};

/// What a line ends with where columns were left out.
pub(super) const MARK: &str = " ..";

/// How far columns are apart.
pub(super) const GAP: usize = 2;

/// Returns what stands for something that is not there.
pub(super) const fn nothing(characters: Characters) -> &'static str {
    match characters {
        Characters::Unicode => "\u{2013}",
        Characters::Ascii => "-",
    }
}

/// Writes a value for people: `?` is not known, a dash is not there.
pub(super) fn cell(value: &FieldValue, characters: Characters) -> String {
    match value {
        FieldValue::Unknown => "?".to_owned(),
        FieldValue::Nothing => nothing(characters).to_owned(),
        FieldValue::Share(share) if *share > 0.0 => format!("{:.0} %", share * 100.0),
        FieldValue::Share(_) => nothing(characters).to_owned(),
        FieldValue::Truth(true) => "yes".to_owned(),
        FieldValue::Truth(false) => "no".to_owned(),
        FieldValue::Texts(texts) if texts.is_empty() => nothing(characters).to_owned(),
        FieldValue::Texts(texts) => texts.join(", "),
        FieldValue::Services(keys) => whole_ids(keys, usize::MAX),
        other => other.to_string(),
    }
}

/// Returns ids that fit into a width, none of them cut, and how many more there are; the first is always there.
pub(super) fn whole_ids(ids: &[impl ToString], width: usize) -> String {
    let mut text = String::new();
    for (place, id) in ids.iter().enumerate() {
        let id = id.to_string();
        let left = ids.len() - place;
        let rest = match left - 1 {
            0 => 0,
            more => format!(" +{more}").len(),
        };
        let separator = if place == 0 { "" } else { ", " };
        if place > 0 && text.len() + separator.len() + id.len() + rest > width {
            text.push_str(&format!(" +{left}"));
            break;
        }
        text.push_str(separator);
        text.push_str(&id);
    }
    text
}

/// Returns what stands above a column.
pub(super) fn title(field: &NamedField, kind: RowKind) -> &'static str {
    match (field.field.name, kind) {
        ("id", _) if field.is_of_service => "SERVICE",
        ("id", RowKind::Destination) => "REAL SERVER",
        ("id", RowKind::Service) => "SERVICE",
        ("id", RowKind::Server) => "SERVER",
        _ => field.field.title,
    }
}

/// Returns whether a column names something: half a name is none.
pub(super) fn is_id(field: &NamedField) -> bool {
    ["id", "service", "address"].contains(&field.field.name)
}

/// Columns that are shown, and how wide they are.
#[derive(Clone, Debug)]
pub(super) struct Widths {
    /// The width of each column, shown or not.
    pub(super) all: Vec<usize>,
    /// The columns that are shown.
    pub(super) kept: Vec<usize>,
    /// Which of them are numbers.
    pub(super) is_number: Vec<bool>,
}

impl Widths {
    /// Begins with the widths of the titles.
    pub(super) fn of(titles: &[&str]) -> Self {
        Self {
            all: titles.iter().map(|title| title.chars().count()).collect(),
            kept: (0..titles.len()).collect(),
            is_number: vec![true; titles.len()],
        }
    }

    /// Makes room for a row.
    pub(super) fn add(&mut self, cells: &[String], values: &[FieldValue]) {
        for (index, (cell, value)) in cells.iter().zip(values).enumerate() {
            self.all[index] = self.all[index].max(cell.chars().count());
            self.is_number[index] &= matches!(
                value,
                FieldValue::Number(_)
                    | FieldValue::Share(_)
                    | FieldValue::Unknown
                    | FieldValue::Nothing
            );
        }
    }

    /// Returns how long a line is that begins with `indent` blanks.
    pub(super) fn length(&self, indent: usize) -> usize {
        let cells: usize = self.kept.iter().map(|index| self.all[*index]).sum();
        let gaps = GAP * self.kept.len().saturating_sub(1);
        let is_short = self.kept.len() < self.all.len();
        indent + cells + gaps + if is_short { MARK.len() } else { 0 }
    }

    /// Leaves columns out from the right until a line fits; those that name something stay.
    pub(super) fn fit(&mut self, fields: &[NamedField], indent: usize, width: Option<usize>) {
        let width = width.unwrap_or(usize::MAX);
        while self.length(indent) > width {
            let last = self.kept.iter().rposition(|index| !is_id(&fields[*index]));
            match last {
                Some(place) => self.kept.remove(place),
                None => break,
            };
        }
    }

    /// Writes a line of cells, numbers to the right, without its end.
    pub(super) fn write(&self, out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
        for (place, index) in self.kept.iter().enumerate() {
            let (cell, width) = (cells[*index].as_str(), self.all[*index]);
            if place > 0 {
                write!(out, "{:GAP$}", "")?;
            }
            if self.is_number[*index] {
                write!(out, "{cell:>width$}")?;
            } else if place + 1 == self.kept.len() {
                write!(out, "{cell}")?;
            } else {
                write!(out, "{cell:<width$}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::whole_ids;

    #[test]
    fn ids_are_shown_whole_or_counted() {
        let ids = ["tcp://192.0.2.1:80", "tcp://192.0.2.2:80", "fwmark://7"];
        let all = "tcp://192.0.2.1:80, tcp://192.0.2.2:80, fwmark://7";
        assert_eq!(whole_ids(&ids, usize::MAX), all);
        assert_eq!(whole_ids(&ids, all.len()), all);
        assert_eq!(
            whole_ids(&ids, all.len() - 1),
            "tcp://192.0.2.1:80, tcp://192.0.2.2:80 +1"
        );
        assert_eq!(whole_ids(&ids, 3), "tcp://192.0.2.1:80 +2");
    }
}
