//! What is recorded, for programs.

use std::time::SystemTime;

use serde::Serialize;

use super::VERSION;
use crate::journal::time_text;
use crate::recording::{Mark, Told};

/// A recording.
#[derive(Clone, Debug, Serialize)]
pub struct RecordingShape {
    version: u32,
    /// Where it is.
    pub folder: String,
    /// When its first and last snapshots were taken, in UTC, RFC 3339; null if there is none.
    pub from: Option<String>,
    /// The last one.
    pub until: Option<String>,
    /// Its files, the oldest first.
    pub files: Vec<RecordedFileShape>,
    /// What it tells beside snapshots, in order.
    pub events: Vec<ToldShape>,
}

/// A file of a recording.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedFileShape {
    /// Where it is.
    pub path: String,
    /// When it begins, in UTC, RFC 3339.
    pub from: String,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// How many snapshots it has.
    pub snapshots: usize,
}

/// Something that a recording tells.
#[derive(Clone, Debug, Serialize)]
pub struct ToldShape {
    /// When, in UTC, RFC 3339.
    pub time: String,
    /// `commit`, `drain_began`, `drain_ended`, `gap` (nothing could be read), `pause` (nobody recorded), `damage`.
    pub event: &'static str,
    /// Until when, of a pause and of damage.
    pub until: Option<String>,
    /// The number of the commit.
    pub commit: Option<u64>,
    /// Who committed or drains.
    pub who: Option<String>,
    /// What the commit is called, or why nothing could be read.
    pub text: Option<String>,
    /// The real server that is drained.
    pub object: Option<String>,
}

impl RecordingShape {
    /// Makes one without files.
    #[must_use]
    pub const fn new(folder: String) -> Self {
        Self {
            version: VERSION,
            folder,
            from: None,
            until: None,
            files: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl ToldShape {
    /// Makes the shape of what was told of a time.
    #[must_use]
    pub fn new(time: SystemTime, told: &Told) -> Self {
        let mut shape = Self {
            time: time_text(time),
            event: "",
            until: None,
            commit: None,
            who: None,
            text: None,
            object: None,
        };
        match told {
            Told::Mark(Mark::Commit { number, who, label }) => {
                shape.event = "commit";
                shape.commit = Some(*number);
                shape.who = Some(who.clone());
                shape.text.clone_from(label);
            }
            Told::Mark(Mark::DrainBegan { object, who }) => {
                shape.event = "drain_began";
                shape.object = Some(object.clone());
                shape.who = Some(who.clone());
            }
            Told::Mark(Mark::DrainEnded { object }) => {
                shape.event = "drain_ended";
                shape.object = Some(object.clone());
            }
            Told::Gap(why) => {
                shape.event = "gap";
                shape.text = Some(why.clone());
            }
            Told::Pause(until) => {
                shape.event = "pause";
                shape.until = Some(time_text(*until));
            }
            Told::Damage(until) => {
                shape.event = "damage";
                shape.until = Some(time_text(*until));
            }
        }
        shape
    }
}
