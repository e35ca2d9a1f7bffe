//! What a table counted and how it changed, kept on disk, so that one can look back.
//!
//! A [`Recorder`] writes each [`Snapshot`](crate::observe::Snapshot) of a reader into files of ten minutes; a [`Recording`] gives
//! them back, one by one or as a [`Playback`], which is a source of snapshots as a kernel is.
//!
//! # Format, version 1
//!
//! Numbers of fixed size are little-endian. A file begins with 32 bytes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | `IPVSHREC` |
//! | 8..10 | the version, 1 |
//! | 10..12 | flags, 0 |
//! | 12..20 | when it begins: milliseconds since 1970, UTC, signed |
//! | 20..28 | the CRC-32 of the machine's boot id, or 0 |
//! | 28..32 | the lower half of the network namespace's cookie, or 0 |
//!
//! Behind it are frames: `length u32`, `crc32 u32`, and `length` bytes that both are about: `kind u8`, `time u32` in milliseconds
//! since the beginning of the file, and a body. (The checksum covers kind and time too: a flipped bit in them would lose a frame, or
//! misplace it, and nobody would know.)
//!
//! | kind | body |
//! | --- | --- |
//! | 1 key | a whole snapshot |
//! | 2 delta | what differs from the snapshot before |
//! | 3 change | `{plan, by}`: the plan document of what changed in the configuration, and for each of its changes who made it |
//! | 4 mark | what happened: a commit, a drain that began or ended |
//! | 5 gap | from here on nothing could be read, and why |
//! | 6 facts | what is set of the table as a whole, where it changed |
//! | 7 connections | a piece of the kernel's file of connections; the last piece is followed by an empty one |
//!
//! Numbers in bodies are LEB128, signed ones zigzag. A key frame has `IPVK`, clock and duration of the reading, the facts and the
//! configuration, each as JSON behind its length, and values; a delta has clock, duration and values. *Values* are those of the network
//! namespace as a whole, the number of connection entries plus one (0 is not known), and then for each object with something to say:
//! how many objects lie between it and the one before, a mask of its numbers, and the difference of each of them. (Bits of masks: active,
//! inactive, connections, packets in and out, bytes in and out, persistent, and the rates of the five counters. A rate differs from what the
//! kernel's estimator makes of the one before and of what was counted, as many times as it ran; the first number of the network namespace says
//! that there are totals.) Objects are counted in
//! the order of the table, a service before its real servers; a key frame tells differences from nothing. Frames of one snapshot are
//! written at once, facts and changes first; what no delta or key frame follows does not count.
//!
//! A key frame begins each file; another follows after a minute, if deltas since have taken as much room as it does: of a table
//! at rest its ten minutes take one. A file whose end is torn ends with its last whole frame. Behind a frame whose checksum is wrong everything up to the next key
//! frame is passed over, and that is said. Kinds that are not known are passed over by their length.

mod bytes;
mod connections;
mod error;
mod facts;
mod folder;
mod frame;
mod index;
mod playback;
mod reader;
mod recorder;
mod state;
mod told;
mod values;

pub use error::RecordingError;
pub use facts::Mark;
pub use folder::{Retention, default_folder};
pub use playback::Playback;
pub use reader::{Moment, Recording};
pub use recorder::{Recorder, Written};
pub use told::Told;
