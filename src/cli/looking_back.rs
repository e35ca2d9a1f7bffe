//! What a table was when it was recorded: `--at TIME`, and `@TIME` in place of a document.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::looking_back_args::{LookingBack, moment};
use super::open::{identity, state_folder};
use crate::journal::time_text;
use crate::model::{ConnectionEntry, shown};
use crate::observe::Snapshot;
use crate::recording::{Moment, Recording, default_folder};
use crate::render::{Zone, shown_time};
use crate::session::{ConnectionSource, Error};

/// A time of a recording.
pub(super) struct Past {
    pub(super) recording: Recording,
    /// Which moment of it is looked at, and what it was.
    pub(super) moment: Moment,
    pub(super) snapshot: Snapshot,
    /// What was asked for.
    wanted: SystemTime,
}

/// Returns where the recording of the table is that the global options name.
pub(super) fn folder(
    globals: &Globals,
    named: Option<&String>,
    option: &str,
) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.into());
    }
    if globals.sim.is_some() {
        return Err(Failure::Usage {
            text: "a simulated table that ends with the program is not recorded".to_owned(),
            hint: Some(format!(
                "{option} PATH names a recording; --sim-state FILE has one of its own"
            )),
        });
    }
    let Some(state) = state_folder(globals) else {
        return Err(Failure::usage(
            "there is no state folder to keep a recording in; --state-dir or IPVSH_STATE_DIR names one",
        ));
    };
    Ok(default_folder(&state, &identity(globals)?))
}

/// Opens a recording where it was at a time.
pub(super) fn at(
    globals: &Globals,
    recording: Option<&String>,
    time: SystemTime,
) -> Result<Past, Failure> {
    let path = folder(globals, recording, "--recording")?;
    let mut recording = Recording::open(&path)?;
    let moment = recording.at(time)?;
    let snapshot = recording.snapshot(moment)?;
    Ok(Past {
        recording,
        moment,
        snapshot,
        wanted: time,
    })
}

/// Opens what is asked for, if that is the past, and says what time it is from.
pub(super) fn open(
    context: &Context,
    globals: &Globals,
    asked: &LookingBack,
) -> Result<Option<Past>, Failure> {
    let Some(time) = asked.at else {
        return Ok(None);
    };
    let past = at(globals, asked.recording.as_ref(), time)?;
    past.say(context);
    Ok(Some(past))
}

/// A snapshot that is so much older than what was asked for is worth a word.
const OLD: Duration = Duration::from_secs(60);

impl Past {
    /// Goes to another moment: what is asked for is that.
    pub(super) fn go_to(&mut self, moment: Moment) -> Result<(), Failure> {
        self.snapshot = self.recording.snapshot(moment)?;
        self.moment = moment;
        self.wanted = self.snapshot.time;
        // Connections are recorded just behind a snapshot.
        if let Some(next) = self.recording.next(moment)? {
            self.wanted = self.recording.time(next)?;
        }
        Ok(())
    }

    /// Returns when the connections were recorded that belong to it.
    pub(super) fn connections_time(&self) -> Result<SystemTime, Failure> {
        let time = self.recording.connections_time(self.wanted)?;
        Ok(time)
    }

    /// Says what time it is from, and when nothing is from nearer to what was asked for.
    pub(super) fn say(&self, context: &Context) {
        let wanted = self.wanted;
        let time = local(self.snapshot.time);
        context.ui.status(&format!("as recorded at {time}"));
        if wanted
            .duration_since(self.snapshot.time)
            .is_ok_and(|age| age > OLD)
        {
            context.ui.warning(&format!(
                "nothing was recorded from then until {}, which was asked for",
                local(wanted)
            ));
        }
    }
}

/// Returns a time as people read it.
pub(super) fn local(time: SystemTime) -> String {
    shown_time(&time_text(time), Zone::Local)
}

impl ConnectionSource for Past {
    fn read_connections(
        &mut self,
        sink: &mut dyn FnMut(&[ConnectionEntry<'_>]),
    ) -> Result<(usize, usize), Error> {
        let read = self.recording.connections(self.wanted, sink);
        let (_, lines, unread) = read?;
        Ok((lines, unread))
    }
}

/// A document or a time that has passed, as a command line names it.
pub(super) enum Named<'n> {
    Document(&'n str),
    Time(SystemTime),
}

impl<'n> Named<'n> {
    /// Reads `@TIME`; anything else is the path of a document, one that begins with `@` as `./@…`.
    pub(super) fn parse(text: &'n str) -> Result<Self, Failure> {
        let Some(time) = text.strip_prefix('@') else {
            return Ok(Self::Document(text));
        };
        let time = moment(time).map_err(|reason| {
            Failure::usage(format!(
                "`{}` is no time of a recording: {reason}",
                shown(text)
            ))
        })?;
        Ok(Self::Time(time))
    }
}
