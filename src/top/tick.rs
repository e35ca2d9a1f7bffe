//! What is shown, for programs.

use super::app::App;
use super::cell::Cell;
use super::choice::What;
use super::view::Column;
use crate::journal::time_text;
use crate::results::{TickRow, TickShape, TickValue};

fn value(cell: Cell) -> TickValue {
    match cell {
        Cell::Nothing | Cell::Unknown | Cell::Trend(_) => TickValue::Nothing,
        Cell::Text(text) => TickValue::Text(text),
        Cell::Count(number) | Cell::Seconds(number) => TickValue::Number(number),
        Cell::Rate(number) | Cell::Share(number) => TickValue::Real(rounded(number)),
        Cell::Delta(number) => TickValue::Signed(number),
    }
}

/// Rounds to what was measured: six digits behind the point are more than a counter tells.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

impl App {
    /// Returns all lines of the view, with rates in bytes, whatever is shown to people; nothing before the first snapshot.
    #[must_use]
    pub fn tick(&mut self) -> Option<TickShape> {
        self.is_bytes = true;
        let time = time_text(self.measured()?.snapshot.time);
        let columns = self.view().columns();
        let rows = self.all_cells().into_iter().map(|(what, cells)| {
            let mut values = Vec::new();
            match &what {
                What::Service(key) => values.push(("service", TickValue::Text(key.to_string()))),
                What::Destination(service, key) => {
                    values.push(("service", TickValue::Text(service.to_string())));
                    values.push(("server", TickValue::Text(key.to_string())));
                }
                _ => {}
            }
            for (column, cell) in columns.iter().zip(cells) {
                let is_told = match column {
                    Column::Trend => false,
                    Column::Name => values.is_empty(),
                    Column::Scheduler => !what.is_below(),
                    Column::Share => !matches!(what, What::Service(_)),
                    _ => true,
                };
                if is_told {
                    values.push((column.word(), value(cell)));
                }
            }
            TickRow { values }
        });
        Some(TickShape::new(time, self.view().word(), rows.collect()))
    }
}
