//! Long texts on a terminal, through the user's pager.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::ui::Ui;

/// Prints a text. On a terminal it goes through `PAGER`, or `less` where there is one; `PAGER=cat`, or an empty one, is none.
///
/// # Errors
/// The system's, if standard output can't be written.
pub(super) fn print(ui: &Ui, text: &str) -> std::io::Result<()> {
    if ui.results_are_seen() && paged(text) {
        return Ok(());
    }
    ui.line(text)
}

/// Hands a text to the pager; `false` if there is none, or it failed.
fn paged(text: &str) -> bool {
    let named = std::env::var("PAGER").ok();
    let pager = named.as_deref().unwrap_or("less");
    if pager.trim().is_empty() || pager == "cat" {
        return false;
    }
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped());
    if named.is_none() {
        // Without one, nothing is said of it.
        command.stderr(Stdio::null());
    }
    if std::env::var_os("LESS").is_none() {
        // A text that fits the screen is just printed; colours pass.
        command.env("LESS", "FRX");
    }
    let Ok(mut pager) = command.spawn() else {
        return false;
    };
    if let Some(mut input) = pager.stdin.take() {
        // Who has read enough leaves.
        let _unread = writeln!(input, "{text}");
    }
    pager.wait().is_ok_and(|status| status.success())
}
