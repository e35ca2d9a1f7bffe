//! Lines of one kind under their titles: services, or addresses that serve.

use std::io::{self, Write};

use super::cells::{GAP, MARK, Widths, cell, title, whole_ids};
use crate::config::Characters;
use crate::model::{FieldValue, NamedField, RowKind};
use crate::ui::style;

/// Lines of one kind.
#[derive(Clone, Copy, Debug)]
pub struct FieldRows<'r> {
    /// What kind they are of.
    pub kind: RowKind,
    /// The columns.
    pub fields: &'r [NamedField],
    /// The values of each line.
    pub values: &'r [Vec<FieldValue>],
}

/// Writes lines under their titles. Columns that don't fit are left out from the right, and names are never cut.
///
/// # Errors
/// The writer's error.
pub fn field_rows(
    out: &mut dyn Write,
    rows: &FieldRows<'_>,
    characters: Characters,
    width: Option<usize>,
) -> io::Result<()> {
    let titles: Vec<&str> = rows
        .fields
        .iter()
        .map(|field| title(field, rows.kind))
        .collect();
    let room = room_for_lists(rows, &titles, characters, width);
    let cells = |values: &[FieldValue]| -> Vec<String> {
        let of = |value: &FieldValue| match value {
            FieldValue::Services(keys) => whole_ids(keys, room),
            other => cell(other, characters),
        };
        values.iter().map(of).collect()
    };
    let mut widths = Widths::of(&titles);
    for values in rows.values {
        widths.add(&cells(values), values);
    }
    widths.fit(rows.fields, 0, width);
    let head: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    write!(out, "{}", style::FAINT)?;
    widths.write(out, &head)?;
    if widths.kept.len() < titles.len() {
        out.write_all(MARK.as_bytes())?;
    }
    writeln!(out, "{}", style::FAINT.render_reset())?;
    rows.values.iter().try_for_each(|values| {
        widths.write(out, &cells(values))?;
        writeln!(out)
    })
}

/// Returns how much room lists of services have beside all other columns.
fn room_for_lists(
    rows: &FieldRows<'_>,
    titles: &[&str],
    characters: Characters,
    width: Option<usize>,
) -> usize {
    let Some(width) = width else {
        return usize::MAX;
    };
    let mut widths = Widths::of(titles);
    for values in rows.values {
        let of = |value: &FieldValue| match value {
            FieldValue::Services(_) => String::new(),
            other => cell(other, characters),
        };
        let cells: Vec<String> = values.iter().map(of).collect();
        widths.add(&cells, values);
    }
    let lists = rows
        .fields
        .iter()
        .filter(|field| field.field.name == "services");
    let lists = lists.count();
    let others = widths.length(0) - lists * "SERVICES".len();
    width.saturating_sub(others.max(GAP)) / lists.max(1)
}
