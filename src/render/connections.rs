//! Connections as a table, as groups, and for spreadsheets.

use std::io::{self, Write};

use super::columns::{Rows, columns};
use super::count;
use crate::session::ConnectionGroup;
use crate::ui::style;

const TITLES: [&str; 6] = [
    "PROTOCOL", "CLIENT", "SERVICE", "SERVER", "STATE", "EXPIRES",
];

/// Columns that go first where a line has no room for all: who talks to whom stays.
const LEAVE: [usize; 4] = [0, 5, 4, 2];

const GAP: usize = 2;

/// What titles end with where columns were left out.
const MARK: &str = " ..";

/// How wide the columns of a table of connections are, whose end is not known when it begins.
#[derive(Clone, Debug)]
pub struct ConnectionColumns {
    widths: [usize; 6],
    kept: Vec<usize>,
}

impl ConnectionColumns {
    /// Fits columns to rows, and leaves out what does not fit into a width.
    #[must_use]
    pub fn fitted(rows: &[[String; 6]], width: Option<usize>) -> Self {
        let mut widths = TITLES.map(str::len);
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut kept: Vec<usize> = (0..TITLES.len()).collect();
        let length = |kept: &[usize]| {
            let cells: usize = kept.iter().map(|column| widths[*column] + GAP).sum();
            let mark = if kept.len() < TITLES.len() {
                MARK.len()
            } else {
                0
            };
            cells.saturating_sub(GAP) + mark
        };
        let most = width.unwrap_or(usize::MAX);
        for column in LEAVE {
            if length(&kept) <= most {
                break;
            }
            kept.retain(|kept| *kept != column);
        }
        Self { widths, kept }
    }

    /// Writes the titles.
    ///
    /// # Errors
    /// The writer's error.
    pub fn write_titles(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = if self.kept.len() < TITLES.len() {
            MARK
        } else {
            ""
        };
        let line = self.line(&TITLES.map(str::to_owned));
        writeln!(
            out,
            "{}{line}{mark}{}",
            style::FAINT,
            style::FAINT.render_reset()
        )
    }

    /// Writes a row.
    ///
    /// # Errors
    /// The writer's error.
    pub fn write(&self, out: &mut dyn Write, cells: &[String; 6]) -> io::Result<()> {
        writeln!(out, "{}", self.line(cells))
    }

    fn line(&self, cells: &[String; 6]) -> String {
        let mut line = String::new();
        for (place, column) in self.kept.iter().enumerate() {
            if place > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let cell = &cells[*column];
            line.push_str(cell);
            let blanks = self.widths[*column].saturating_sub(cell.chars().count());
            line.push_str(&" ".repeat(blanks));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Writes groups as a table, and what they are of.
///
/// # Errors
/// The writer's error.
pub fn connection_groups(
    out: &mut dyn Write,
    titles: &[&str],
    groups: &[ConnectionGroup],
    (all, connections): (usize, u64),
) -> io::Result<()> {
    let mut named: Vec<String> = titles.iter().map(|title| title.to_uppercase()).collect();
    named.extend(["CONNECTIONS".to_owned(), "SHARE".to_owned()]);
    let whole = connections.max(1) as f64;
    let cells = groups.iter().map(|group| {
        let mut cells = group.values.clone();
        cells.push(group.connections.to_string());
        cells.push(format!("{:.1} %", group.connections as f64 / whole * 100.0));
        cells
    });
    let rows = Rows {
        titles: named,
        cells: cells.collect(),
    };
    for line in columns(&rows, None).lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    let connections = count(
        usize::try_from(connections).unwrap_or(usize::MAX),
        "connection",
    );
    if groups.len() < all {
        writeln!(out, "{} of {all} groups of {connections}", groups.len())
    } else {
        writeln!(out, "{} of {connections}", count(all, "group"))
    }
}

/// Writes a line of values separated by commas (RFC 4180).
///
/// # Errors
/// The writer's error.
pub fn csv_line(out: &mut dyn Write, values: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut line = String::new();
    for (place, value) in values.into_iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        if value.contains(['"', ',', '\n', '\r']) {
            line.push('"');
            line.push_str(&value.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(&value);
        }
    }
    writeln!(out, "{line}")
}
