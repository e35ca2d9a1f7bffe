//! The last commits of an object, for who looks at it.

use crate::journal::Record;
use crate::model::ObjectId;
use crate::session::{Error, Scope, Session};

/// A commit that touched an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its number in the journal.
    pub number: u64,
    /// When it began, in UTC, RFC 3339.
    pub time: String,
    /// Who committed.
    pub who: String,
    /// What it is called.
    pub label: Option<String>,
    /// What became of it, in a word.
    pub state: String,
}

/// Returns the last commits that touched an object, the newest first. Without a journal there are none.
pub(super) fn last_commits(
    session: &mut Session,
    object: &ObjectId,
    most: usize,
) -> Result<Vec<Made>, Error> {
    if matches!(session.look_at_journal(), Ok((None, _)) | Err(_)) {
        return Ok(Vec::new());
    }
    let records = session.records(Scope::ThisTable)?;
    // What can't be read is told by `history`.
    let readable = records.into_iter().rev().filter_map(Result::ok);
    let touches = |record: &Record| {
        record.plan().is_ok_and(|plan| {
            let mut changes = plan.changes().iter();
            changes.any(|change| {
                let touched = change.object();
                // A real server goes with its service.
                touched == *object
                    || change.sign() == '-'
                        && matches!(touched, ObjectId::Service(_))
                        && touched.service() == object.service()
            })
        })
    };
    let made = readable.filter(|record| !record.is_runbook() && touches(record));
    Ok(made
        .take(most)
        .map(|record| Made {
            number: record.intent.number,
            time: record.intent.time.clone(),
            who: record.who(),
            label: record.intent.label.clone(),
            state: record.state_word(),
        })
        .collect())
}
