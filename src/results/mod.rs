//! The results that other programs read and this one only writes: every JSON that leaves the program and is not a document has
//! its shape here.
//!
//! `envelope` is the result of every command that can change something; the other files are named after what they are about.

mod connections;
mod envelope;
mod runbook;

pub use crate::document::VERSION;
pub use connections::write_connections;
pub use envelope::{
    CauseShape, ChangeShape, ErrorShape, PlanShape, ResultShape, change_shape, plan_shape,
};
pub use runbook::{RunbookShape, StepShape, WaitShape, runbook_shape};
