//! Where the commits of a table stand.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::journal::{Journal, JournalError, Record, State, TableIdentity};

/// Where the commits of a table stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalView {
    /// How many records ended in each state, by its word; `unfinished` and `awaiting` are not ended.
    pub outcomes: BTreeMap<String, u64>,
    /// When the newest record began.
    pub last: Option<SystemTime>,
    /// Records whose program is gone or under way.
    pub unfinished: u64,
    /// Commits that roll back unless they are confirmed, and how long they have, the newest last.
    pub unconfirmed: Vec<(u64, Duration)>,
}

/// Reads a journal again and again: what has ended is read once.
#[derive(Debug, Default)]
pub(super) struct JournalReader {
    /// Every record that ended: its state's word, and when it began.
    ended: BTreeMap<u64, (String, Option<SystemTime>)>,
}

fn begun(record: &Record) -> Option<SystemTime> {
    humantime::parse_rfc3339(&record.intent.time).ok()
}

impl JournalReader {
    /// Looks at the journal of a table.
    pub(super) fn view(
        &mut self,
        journal: &Journal,
        table: &TableIdentity,
        boot_time: Duration,
    ) -> Result<JournalView, JournalError> {
        let numbers = journal.numbers_after(0)?;
        // What is no longer kept was counted, and stays counted.
        let mut view = JournalView::default();
        let mut open = Vec::new();
        for number in numbers {
            if self.ended.contains_key(&number) {
                continue;
            }
            let Ok(record) = journal.record(number) else {
                continue;
            };
            if !record.intent.table.is_same(table) {
                continue;
            }
            match record.state() {
                State::Ended(_) if !journal.is_open(number) => {
                    self.ended
                        .insert(number, (record.state_word(), begun(&record)));
                }
                _ => open.push(record),
            }
        }
        for (word, time) in self.ended.values() {
            *view.outcomes.entry(word.clone()).or_default() += 1;
            view.last = view.last.max(*time);
        }
        for record in open {
            view.last = view.last.max(begun(&record));
            match record.state() {
                State::Unconfirmed { until } => {
                    let left = Duration::from_secs(until).saturating_sub(boot_time);
                    view.unconfirmed.push((record.intent.number, left));
                }
                _ => view.unfinished += 1,
            }
        }
        Ok(view)
    }
}

/// The commits that may have made what is seen to have changed.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// All up to this one had ended at the look before.
    ended_up_to: Option<u64>,
}

impl Suspects {
    /// Returns the commits that may have changed something since the call before; none with the first one.
    pub(super) fn since_before(
        &mut self,
        journal: &Journal,
        table: &TableIdentity,
    ) -> Result<Vec<Record>, JournalError> {
        let first = self.ended_up_to;
        let mut found = Vec::new();
        let mut ended_up_to = first.unwrap_or(0);
        let mut all_ended = true;
        for number in journal.numbers_after(ended_up_to)? {
            let is_open = journal.is_open(number);
            all_ended &= !is_open;
            if all_ended {
                ended_up_to = number;
            }
            // At the first look nothing is known to have changed.
            if first.is_none() {
                continue;
            }
            if let Ok(record) = journal.record(number)
                && record.intent.table.is_same(table)
            {
                found.push(record);
            }
        }
        self.ended_up_to = Some(ended_up_to);
        Ok(found)
    }
}
