//! The forms that are read and written: the table document and the plan, and their schema.
//!
//! Serialised shapes are types of their own; the model knows nothing of them. The document's version is 1:
//! fields may be added to it, renaming one makes a new version.
//!
//! `table` writes, `read` reads, `complaint` says what is wrong with a text and where, `plan_document` has the form of a plan, `scenario` that of
//! what a kernel did with packets. What is
//! only written is in [`crate::results`].

mod compact;
mod complaint;
mod error;
mod file_kind;
pub mod json;
mod keys;
mod labels;
mod plan_document;
mod read;
mod read_service;
mod scan;
mod scenario;
mod schema;
mod table;
mod yaml;

pub use complaint::invalid_object;
pub use error::DocumentError;
pub use file_kind::FileKind;
pub use labels::{Labels, read_labels};
pub use plan_document::{
    PlanLayout, append_plan, append_table, checksum, is_plan, read_plan, read_table, write_plan,
};
pub use read::{DEFAULT_MAX_SIZE, read_document, read_document_file, read_file};
pub use scenario::{
    Observation, ObservedServer, Recorded, Scenario, ScenarioAction, ScenarioEvent, ScenarioPacket,
    read_scenarios,
};
pub use schema::schema;
pub use table::{
    Detail, DocumentWriter, server_shape, service_shape, settings_line, write_document,
};
pub(crate) use table::{daemon_shape, persistence_shape, timeouts_shape, tunnel_shape};
pub use yaml::{YamlForm, write_yaml};

/// The version of documents and plans.
pub const VERSION: u32 = 1;
