//! One reader of a table for all who look at it.
//!
//! An [`Observer`] has a thread of its own, which owns the way to the table: it reads when somebody looks, once for all of them, and
//! not at all while nobody does. Each reading is a [`Snapshot`]: the table, what it counted, the time, what could not be read, and
//! what changed since the one before with who did that, as far as the journal tells. The last ones are kept in a ring, for rates of
//! one's own and for looking back.
//!
//! A [`Source`] is where snapshots come from: [`Live`] is a session with a kernel or a simulated one. A simulated kernel's clock
//! goes as far as the reader's: its connections open, end and expire between two snapshots.
//!
//! Nothing here is text for people or has a serialised form: views are in `render`, `results` and `cli`.

mod changes;
mod journal_view;
mod live;
mod made;
mod observer;
mod ring;
mod snapshot;

pub use changes::{By, SeenChange};
pub use journal_view::{DrainView, JournalView};
pub use live::{Live, Source, look};
pub use made::Made;
pub use observer::{Observer, Reading, View};
pub use snapshot::{Depth, Settings, Snapshot};
