//! Text for people: tables, plans, commands, errors with carets. Pure functions from values to text.

mod columns;
mod excerpt;
mod fields;
mod history;
pub mod ipvsadm;
mod junit;
mod list;
mod native;
mod plan;
mod runbook;

pub use columns::{Rows, columns};
pub use excerpt::{Excerpt, Label, excerpt};
pub use history::{history_changes, history_rows, history_state, history_what};
pub use ipvsadm::{NameLookup, change_commands, plan_commands};
pub use junit::junit;
pub use list::{Heading, list};
pub use native::change_line;
pub use plan::{Kept, PlanView, change_summary, plan};
pub use runbook::{runbook_plan, runbook_text, step_changes, time_taken};

/// Returns a text as one word of a shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:,/@%+=-[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(crate::model::is_control) {
        let written = text.chars().map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if crate::model::is_control(c) => {
                let bytes = c.to_string().into_bytes().into_iter();
                bytes.map(|byte| format!("\\x{byte:02x}")).collect()
            }
            c => c.to_string(),
        });
        return format!("$'{}'", written.collect::<String>());
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Returns the time of day, UTC.
#[must_use]
pub fn time_of_day() -> String {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    now.get(11..19).unwrap_or_default().to_owned()
}

/// Returns a number with its word, in the plural where it belongs.
#[must_use]
pub fn count(number: usize, word: &str) -> String {
    if number == 1 {
        format!("1 {word}")
    } else {
        format!("{number} {word}s")
    }
}
