//! How far a wait is: a bar on a terminal, now and then a line elsewhere.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Ui, Verbosity};

/// Parts of a whole bar.
const WHOLE: u64 = 1000;
/// After this time comes the first line that says how far it is; each further one after twice the time.
const FIRST: Duration = Duration::from_secs(10);
/// Lines come this often at least.
const SELDOM: Duration = Duration::from_secs(300);

/// Shows how far something is.
pub struct Meter {
    ui: Ui,
    bar: Option<ProgressBar>,
    /// When the next line is due, and how long after that the one behind it.
    next: Duration,
    pause: Duration,
}

impl Ui {
    /// Makes a meter; nothing is shown yet.
    #[must_use]
    pub fn meter(&self) -> Meter {
        let watched = self.verbosity == Verbosity::Normal && io::stderr().is_terminal();
        let bar = watched.then(|| {
            let bar = ProgressBar::with_draw_target(Some(WHOLE), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("  [{bar:20}] {wide_msg}");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Meter {
            ui: *self,
            bar,
            next: Duration::ZERO,
            pause: FIRST,
        }
    }
}

impl Meter {
    /// Shows how far it is after some time: a share of the whole, 0 to 1, and words.
    pub fn show(&mut self, elapsed: Duration, share: f64, text: &str) {
        if let Some(bar) = &self.bar {
            // A share of a thousand is a small number.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let position = (share.clamp(0.0, 1.0) * 1000.0) as u64;
            bar.set_position(position);
            bar.set_message(crate::model::shown(text));
        } else if elapsed >= self.next {
            self.ui.status(text);
            self.next = elapsed + self.pause;
            self.pause = (self.pause * 2).min(SELDOM);
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
