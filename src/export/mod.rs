//! The shapes that other programs read and write: the table document, results, and their schema.
//!
//! Serialised shapes are types of their own; the model knows nothing of them. The document's version is 1:
//! fields may be added to it, renaming one makes a new version.
//!
//! `document` writes, `import` reads, `complaint` says what is wrong with a text and where, `result` has the envelope of every command that can change something.

mod brief;
mod complaint;
mod connections;
mod document;
mod error;
mod file_kind;
mod import;
mod import_service;
mod keys;
mod plan_document;
mod result;
mod runbook;
mod scan;
mod schema;

pub use complaint::invalid_object;
pub use connections::write_connections;
pub use document::{Detail, DocumentWriter, server_shape, service_shape, write_document};
pub use error::DocumentError;
pub use file_kind::FileKind;
pub use import::{DEFAULT_MAX_SIZE, read_document, read_document_file, read_file};
pub use plan_document::{PlanLayout, append_plan, checksum, is_plan, read_plan, write_plan};
pub use result::{
    CauseShape, ChangeShape, ErrorShape, PlanShape, ResultShape, change_shape, plan_shape,
};
pub use runbook::{RunbookShape, StepShape, WaitShape, runbook_shape};
pub use schema::schema;

/// The version of the document and of the result envelope.
pub const VERSION: u32 = 1;
