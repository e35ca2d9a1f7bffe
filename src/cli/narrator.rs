//! Tells of runbooks, steps and waits while they go on: on standard error, and nothing with `-q`.

use std::cell::RefCell;

use crate::model::shown;
use crate::render::{count, runbook_text, step_changes, time_taken};
use crate::session::{Interrupt, Narrator, WaitView};
use crate::session::{RunbookEnd, RunbookReport, StepEnd, StepReport};
use crate::ui::{Meter, Ui, input_is_terminal};

/// Which reports of runbooks are told; the others are seen otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reports {
    /// All.
    All,
    /// Of those that did not come to their end: the prompt shows the others as values.
    Failed,
    /// None: the JSON result has them.
    None,
}

/// Whoever tells.
pub(super) struct Teller {
    ui: Ui,
    /// Where reports are told.
    reports: Reports,
    /// Whether each step is asked about.
    asks: bool,
    interrupt: Interrupt,
    meter: RefCell<Option<Meter>>,
}

impl Teller {
    pub(super) fn new(ui: Ui, reports: Reports, asks: bool, interrupt: Interrupt) -> Self {
        Self {
            ui,
            interrupt,
            reports,
            asks,
            meter: RefCell::default(),
        }
    }

    fn end_meter(&self) {
        if let Some(meter) = self.meter.take() {
            meter.end();
        }
    }
}

/// Says how far a wait is.
fn wait_text(wait: &WaitView<'_>) -> String {
    let whole = |time: std::time::Duration| {
        let seconds = std::time::Duration::from_secs(time.as_secs());
        humantime::format_duration(seconds).to_string()
    };
    let left = match wait.connections {
        Some((left, _)) => {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            format!(", {}", count(left, "connection"))
        }
        None => String::new(),
    };
    format!(
        "waiting {} of at most {}{left}: {}",
        whole(wait.waited),
        whole(wait.limit),
        shown(wait.what)
    )
}

impl Narrator for Teller {
    fn warns(&self, text: &str) {
        self.end_meter();
        self.ui.warning(text);
    }

    fn waits_for_lock(&self, holder: &str) {
        self.end_meter();
        self.ui.status(&format!(
            "waiting for the commit lock, which is held by {holder}"
        ));
    }

    fn runbook_begins(&self, name: &str) {
        self.ui.status(&format!("runbook {name:?}"));
    }

    fn may_begin(&self, number: usize, name: &str) -> bool {
        if !self.asks {
            return true;
        }
        if !input_is_terminal() {
            self.ui.warning(
                "--step needs a terminal, but standard input is not one: the step is declined",
            );
            return false;
        }
        self.end_meter();
        let interrupt = self.interrupt.clone();
        self.ui
            .ask(&format!("step {number} {name:?}: continue?"), &|| {
                interrupt.signal().is_some()
            })
    }

    fn step_begins(&self, number: usize, name: &str) {
        self.ui.status(&format!("step {number} {}", shown(name)));
    }

    fn step_ended(&self, number: usize, step: &StepReport) {
        self.end_meter();
        let name = shown(&step.name);
        let text = match step.end {
            StepEnd::Done => format!("{} in {}", step_changes(step), time_taken(step.elapsed)),
            StepEnd::Skipped => "skipped: an earlier run did it".to_owned(),
            StepEnd::Left => "left, nothing changed".to_owned(),
            StepEnd::Failed | StepEnd::Open => "failed".to_owned(),
        };
        self.ui.status(&format!("step {number} {name}: {text}"));
    }

    fn waiting(&self, wait: &WaitView<'_>) {
        let by_time = if wait.limit.is_zero() {
            1.0
        } else {
            wait.waited.as_secs_f64() / wait.limit.as_secs_f64()
        };
        let share = match wait.connections {
            Some((left, first)) if first > 0 => {
                #[allow(clippy::cast_precision_loss)] // it is for the eye
                let share = 1.0 - left as f64 / first as f64;
                share
            }
            _ => by_time,
        };
        let mut meter = self.meter.borrow_mut();
        let meter = meter.get_or_insert_with(|| self.ui.meter());
        meter.show(wait.waited, share, &wait_text(wait));
    }

    fn waited(&self, wait: &WaitView<'_>, came: bool) {
        let told = self.meter.borrow().is_some();
        self.end_meter();
        if told {
            let how = if came { "waited" } else { "gave up after" };
            let time = time_taken(wait.waited);
            self.ui
                .status(&format!("{how} {time}: {}", shown(wait.what)));
        }
    }

    fn rolls_back(&self, name: &str, cause: &str) {
        self.end_meter();
        self.ui
            .warning(&format!("runbook {name:?} is rolled back: {cause}"));
    }

    fn runbook_ended(&self, report: &RunbookReport) {
        self.end_meter();
        let is_told = match (self.reports, report.end) {
            (Reports::None, _) | (_, RunbookEnd::Rehearsed) => false,
            (Reports::Failed, end) => end != RunbookEnd::Completed,
            (Reports::All, _) => true,
        };
        if is_told {
            self.ui.status(runbook_text(report).trim_end());
        }
    }
}
