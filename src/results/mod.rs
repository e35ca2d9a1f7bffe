//! The results that other programs read and this one only writes: every JSON that leaves the program and is not a document has
//! its shape here; parts of a record that the journal keeps as they are (`table`, `summary`, `events`) are the journal's.
//!
//! `envelope` is the result of every command that can change something; the other files are named after what they are about.

mod configuration;
mod connections;
mod envelope;
pub mod exit;
mod forecast;
mod history;
mod info;
pub mod metrics;
mod recording;
mod replay;
mod rows;
mod runbook;
mod saved;
mod script;
mod seen;
mod tests;
mod tick;
mod versions;

pub use configuration::{ConfigurationShape, SettingShape, SettingsFileShape};
pub use connections::{
    ConnectionCountShape, ConnectionGroupsShape, ConnectionLineShape, ConnectionsWriter,
};
pub use envelope::{
    CauseShape, ChangeShape, ErrorShape, PlanShape, ResultShape, change_shape, plan_shape,
};
pub use forecast::ForecastShape;
pub use history::{
    ConfirmedShape, DamagedShape, HistoryShape, RecordShape, RecoveredFirstShape, RecoveredShape,
    RecoveryShape, ShownRecordShape, UnconfirmedListShape, UnconfirmedShape, UserShape,
    damaged_shape, record_shape,
};
pub use info::{InfoShape, JournalShape, ManagerShape, PlaceShape, SchedulerShape};
pub use recording::{RecordedFileShape, RecordingShape, ToldShape};
pub use replay::{DifferenceShape, ReplayShape};
pub use rows::{RowShape, RowsShape};
pub use runbook::{RunbookShape, StepShape, WaitShape, runbook_shape};
pub use saved::SavedShape;
pub use script::{DrainedShape, OutcomeShape, RunbookOutcomeShape, ScriptErrorShape};
pub use seen::{ByShape, SeenChangeShape};
pub use tests::{
    CoverageShape, ListedTestsShape, TestEvent, TestFailureShape, TestShape, TestsShape, Verdict,
};
pub use tick::{TickRow, TickShape, TickValue};
pub use versions::VersionsShape;

/// The version of the results.
pub const VERSION: u32 = 1;
