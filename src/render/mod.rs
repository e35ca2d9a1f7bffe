//! Text for people: tables, plans, commands, errors with carets. Functions from values to text; the time of day above a list is the only thing read here.

mod cells;
mod columns;
mod connections;
mod difference;
mod excerpt;
mod field_rows;
mod fields;
mod forecast;
mod history;
mod junit;
mod list;
mod native;
mod plan;
mod runbook;
mod test_report;
mod time;

pub use columns::{Rows, columns};
pub use connections::{ConnectionColumns, connection_groups, csv_line};
pub use difference::difference;
pub use excerpt::{Excerpt, Label, excerpt};
pub use field_rows::{FieldRows, field_rows};
pub use forecast::{drain_forecast, forecast};
pub use history::{history_changes, history_rows, history_state, history_what};
pub use junit::{junit, test_junit};
pub use list::{Heading, list, usual_columns};
pub use native::change_line;
pub use plan::{Kept, PlanView, change_summary, plan, plan_text};
pub use runbook::{runbook_plan, runbook_text, step_changes, time_taken};
pub use test_report::{CoverageRows, TestsText, coverage_table};
pub use time::{Zone, past_time, shown_time, time_of_day};

/// Returns a number with its word, in the plural where it belongs.
#[must_use]
pub fn count(number: usize, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}
