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

/// Writes rows under their titles. Numbers stand to the right; where the width does not suffice, the widest
/// columns are cut.
#[must_use]
pub fn columns(rows: &Rows, width: Option<usize>) -> String {
    let mut widths: Vec<usize> = rows.titles.iter().map(|title| length(title)).collect();
    let mut numeric = vec![true; widths.len()];
    for row in &rows.cells {
        for (index, cell) in row.iter().enumerate().take(widths.len()) {
            widths[index] = widths[index].max(length(cell));
            numeric[index] &= is_number(cell);
        }
    }
    if let Some(width) = width {
        fit(&mut widths, width);
    }
    let kept = widths.len();
    let mark = |line: String| {
        if kept < rows.titles.len() {
            line + " .."
        } else {
            line
        }
    };
    let mut text = mark(line(&rows.titles, &widths, &numeric));
    for row in &rows.cells {
        text.push('\n');
        text.push_str(&line(row, &widths, &numeric));
    }
    text
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
fn fit(widths: &mut Vec<usize>, width: usize) {
    let total =
        |widths: &[usize]| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    while total(widths) > width {
        let Some(widest) = widths
            .iter_mut()
            .max()
            .filter(|widest| **widest > NARROWEST)
        else {
            break;
        };
        *widest -= 1;
    }
    while widths.len() > 1 && total(widths) > width {
        widths.pop();
    }
}

fn line(cells: &[String], widths: &[usize], numeric: &[bool]) -> String {
    let mut text = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index > 0 {
            text.push_str("  ");
        }
        let cell = cut(cell, *width);
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
    let cell = cell.replace('\n', " ");
    if length(&cell) <= width {
        return cell;
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
        assert_eq!(
            columns(&rows(), Some(20)),
            "NAME          WEIGHT\ntcp://192.0~       5\nb                100"
        );
        // What does not fit at all is left out, and said to be.
        assert_eq!(columns(&rows(), Some(12)), "NAME ..\ntcp://1~\nb");
    }
}
