//! Lines as text: columns that fit where they are shown.

use super::cell::Cell;
use super::view::{Column, View};
use crate::config::Characters;

/// How far columns are apart.
const GAP: usize = 2;

/// Columns and lines of a view as text.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// The columns that are shown.
    pub columns: Vec<Column>,
    /// What stands above them, in one line.
    pub title: String,
    /// Where the title of the column begins and ends by which lines are sorted.
    pub sorted: Option<(usize, usize)>,
    /// The lines.
    pub lines: Vec<String>,
}

fn width_of(text: &str) -> usize {
    text.chars().count()
}

impl Sheet {
    /// Lays out lines, each with what stands before its name; columns that don't fit into a width are left out.
    pub(super) fn of(
        view: View,
        rows: &[(&str, Vec<Cell>)],
        sort: (Column, bool),
        (is_bytes, characters, width): (bool, Characters, Option<usize>),
    ) -> Self {
        let columns = view.columns();
        let texts: Vec<Vec<String>> = rows
            .iter()
            .map(|(lead, cells)| {
                let text = |(place, cell): (usize, &Cell)| match place {
                    0 => format!("{lead}{}", cell.text(characters)),
                    _ => cell.text(characters),
                };
                cells.iter().enumerate().map(text).collect()
            })
            .collect();
        let titles: Vec<String> = columns
            .iter()
            .map(|column| {
                let title = column.title(is_bytes).to_owned();
                match sort {
                    (by, is_reversed) if by == *column => {
                        format!("{title}{}", if is_reversed { '-' } else { '+' })
                    }
                    _ => title,
                }
            })
            .collect();
        let mut widths: Vec<usize> = titles.iter().map(|title| width_of(title)).collect();
        let mut is_number = vec![true; columns.len()];
        for ((_, cells), texts) in rows.iter().zip(&texts) {
            for (place, (cell, text)) in cells.iter().zip(texts).enumerate() {
                widths[place] = widths[place].max(width_of(text));
                is_number[place] &= cell.is_number();
            }
        }
        is_number[0] = false;
        let kept = fitting(columns, &widths, width.unwrap_or(usize::MAX));
        let line = |texts: &[String]| -> String {
            let mut line = String::new();
            for (number, place) in kept.iter().enumerate() {
                let text = texts.get(*place).map_or("", String::as_str);
                let width = widths[*place];
                if number > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                if is_number[*place] {
                    line.push_str(&format!("{text:>width$}"));
                } else {
                    line.push_str(&format!("{text:<width$}"));
                }
            }
            line.truncate(line.trim_end().len());
            line
        };
        let sorted = kept.iter().position(|place| columns[*place] == sort.0);
        let sorted = sorted.map(|number| {
            let before: usize = kept[..number]
                .iter()
                .map(|place| widths[*place] + GAP)
                .sum();
            let place = kept[number];
            let length = width_of(&titles[place]);
            let begin = before
                + if is_number[place] {
                    widths[place] - length
                } else {
                    0
                };
            (begin, begin + length)
        });
        Self {
            columns: kept.iter().map(|place| columns[*place]).collect(),
            title: line(&titles),
            sorted,
            lines: texts.iter().map(|texts| line(texts)).collect(),
        }
    }
}

/// Returns the columns that fit, those that are most dispensable left out first.
fn fitting(columns: &[Column], widths: &[usize], width: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    loop {
        let length: usize = kept.iter().map(|place| widths[*place] + GAP).sum();
        if length.saturating_sub(GAP) <= width {
            return kept;
        }
        let most = kept
            .iter()
            .enumerate()
            .max_by_key(|(number, place)| (columns[**place].dispensable(), *number));
        match most {
            Some((number, place)) if columns[*place].dispensable() > 0 => kept.remove(number),
            _ => return kept,
        };
    }
}
