//! All or nothing on top of a kernel that offers neither.
//!
//! A [`Plan`] is the difference of two tables, ordered so that traffic suffers least, plus actions that leave no
//! difference. [`Plan::commit`] consumes it: what it touches is read again (a difference is a conflict and
//! nothing is sent), the requests go out in batches, a refusal rolls back, and what is claimed was read.
//! Plans come from rehearsals, which `session` composes; nothing here knows bytes, errno or the simulated kernel.
//!
//! Start with [`Change`] and [`Outcome`].

mod before_after;
mod change;
mod commit;
mod diff;
mod footprint;
mod guard;
mod outcome;
mod plan;

mod rollback;
mod weights;

pub use before_after::{BeforeAfter, PlanNotes};
pub use change::{Action, Change, ObjectEnd};
pub use commit::{CommitError, CommitOptions, Recorder, Unrecorded};
pub use footprint::{Footprint, ServiceFootprint};
pub use guard::{Breach, GuardName, Guarding, Guards, ServicePattern};
pub use outcome::{Cause, Outcome, Recorded, Report, TablePlace};
pub use plan::{Note, Plan, Traffic};
