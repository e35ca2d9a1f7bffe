//! Rows of text in columns, fitted to a width.

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The titles of the columns.
    pub titles: Vec<String>,
    /// The cells of each row, as many as there are titles.
    pub cells: Vec<Vec<String>>,
}

/// No column gets narrower than this to fit.
const NARROWEST: usize = 8;

/// Columns whose cells name something: they stay whole, as half a name is none.
const IDS: [&str; 7] = [
    "NO",
    "NAME",
    "ID",
    "SERVICE",
    "SERVER",
    "REAL SERVER",
    "KEY",
];

/// Writes rows under their titles. Numbers stand to the right. Where the width does not suffice, the widest columns are cut,
/// then columns are left out from the right; names stay whole.
#[must_use]
pub fn columns(rows: &Rows, width: Option<usize>) -> String {
    let cells: Vec<Vec<String>> = rows
        .cells
        .iter()
        .map(|row| row.iter().map(|cell| shown_cell(cell)).collect())
        .collect();
    let mut widths: Vec<usize> = rows.titles.iter().map(|title| length(title)).collect();
    let mut numeric = vec![true; widths.len()];
    for row in &cells {
        for (index, cell) in row.iter().enumerate().take(widths.len()) {
            widths[index] = widths[index].max(length(cell));
            numeric[index] &= is_number(cell);
        }
    }
    let mut kept: Vec<usize> = (0..widths.len()).collect();
    if let Some(width) = width {
        let is_id: Vec<bool> = rows
            .titles
            .iter()
            .map(|title| IDS.contains(&title.as_str()))
            .collect();
        fit(&mut widths, &mut kept, &is_id, width);
    }
    let mark = |line: String| {
        if kept.len() < rows.titles.len() {
            line + " .."
        } else {
            line
        }
    };
    let mut text = mark(line(&rows.titles, &kept, &widths, &numeric));
    for row in &cells {
        text.push('\n');
        text.push_str(&line(row, &kept, &widths, &numeric));
    }
    text
}

/// Writes out what forges a line or moves the cursor; a new line within a cell is a blank.
fn shown_cell(cell: &str) -> String {
    let mut shown = String::with_capacity(cell.len());
    for character in cell.chars() {
        match character {
            '\n' => shown.push(' '),
            control if crate::model::is_control(control) => shown.extend(control.escape_default()),
            plain => shown.push(plain),
        }
    }
    shown
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty()
        && cell
            .chars()
            .all(|c| c.is_ascii_digit() || " .%-\u{2013}".contains(c))
}

/// Takes from the widest columns until all fit; what does not fit even so is left out, from the right.
fn fit(widths: &mut [usize], kept: &mut Vec<usize>, is_id: &[bool], width: usize) {
    /// What a line that lacks columns ends with.
    const MARK: usize = 3;
    let all = kept.len();
    let total = |widths: &[usize], kept: &[usize]| {
        let mark = if kept.len() < all { MARK } else { 0 };
        let cells = kept.iter().map(|index| widths[*index]).sum::<usize>();
        cells + 2 * kept.len().saturating_sub(1) + mark
    };
    while total(widths, kept) > width {
        let widest = kept
            .iter()
            .copied()
            .filter(|index| !is_id[*index] && widths[*index] > NARROWEST)
            .max_by_key(|index| widths[*index]);
        match widest {
            Some(widest) => widths[widest] -= 1,
            None => break,
        }
    }
    while kept.len() > 1 && total(widths, kept) > width {
        match kept.iter().rposition(|index| !is_id[*index]) {
            Some(place) => kept.remove(place),
            None => break,
        };
    }
}

fn line(cells: &[String], kept: &[usize], widths: &[usize], numeric: &[bool]) -> String {
    let mut text = String::new();
    for (place, index) in kept.iter().copied().enumerate() {
        let Some(cell) = cells.get(index) else {
            continue;
        };
        if place > 0 {
            text.push_str("  ");
        }
        let width = widths[index];
        let cell = cut(cell, width);
        if numeric[index] {
            text.push_str(&format!("{cell:>width$}"));
        } else {
            text.push_str(&format!("{cell:<width$}"));
        }
    }
    text.trim_end().to_owned()
}

/// Cuts a cell that is too long; `~` says so.
fn cut(cell: &str, width: usize) -> String {
    if length(cell) <= width {
        return cell.to_owned();
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}~")
}

#[cfg(test)]
mod tests {
    use super::{Rows, columns};

    fn rows() -> Rows {
        let text = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        Rows {
            titles: text(["NAME", "WEIGHT"]),
            cells: vec![text(["tcp://192.0.2.1:80", "5"]), text(["b", "100"])],
        }
    }

    #[test]
    fn numbers_stand_to_the_right_and_long_cells_are_cut() {
        assert_eq!(
            columns(&rows(), None),
            "NAME                WEIGHT\ntcp://192.0.2.1:80       5\nb                      100"
        );
        // A name stays whole; what does not fit beside it is left out, and said to be.
        assert_eq!(columns(&rows(), Some(20)), "NAME ..\ntcp://192.0.2.1:80\nb");
        // Other columns are cut first.
        let mut told = rows();
        told.titles[1] = "WHAT".to_owned();
        told.cells[0][1] = "a long story".to_owned();
        assert_eq!(
            columns(&told, Some(30)),
            "NAME                WHAT\ntcp://192.0.2.1:80  a long st~\nb                   100"
        );
        // What others wrote forges nothing.
        told.cells[0][1] = "a\nb\u{1b}[2J\u{202e}".to_owned();
        assert!(columns(&told, None).contains("a b\\u{1b}[2J\\u{202e}"));
    }
}
