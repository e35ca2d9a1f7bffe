//! Where the commits of a table stand, and what they left drained.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use crate::journal::{Journal, JournalError, Record, State, TableIdentity};
use crate::model::{DestinationKey, ObjectId, ServiceKey, parse_duration};
use crate::txn::Change;

/// Where the commits of a table stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalView {
    /// How many records ended in each state, by its word.
    pub outcomes: BTreeMap<String, u64>,
    /// When the newest record began.
    pub last: Option<SystemTime>,
    /// Records whose program is gone or under way.
    pub unfinished: u64,
    /// Commits that roll back unless they are confirmed, and how long they have, the oldest first.
    pub unconfirmed: Vec<(u64, Duration)>,
    /// Real servers that a drain left at weight 0, as far as the journal tells.
    pub drains: Vec<DrainView>,
}

/// A real server that a drain left at weight 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainView {
    /// Its service.
    pub service: ServiceKey,
    /// The real server.
    pub server: DestinationKey,
    /// When the drain began.
    pub since: Option<SystemTime>,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// Who drains.
    pub who: String,
    /// Why; empty if that was not said.
    pub reason: String,
    /// The weight that it had.
    pub weight: u32,
    /// Whether the drain still waits.
    pub is_under_way: bool,
}

/// Reads a journal again and again: what has ended is read once.
#[derive(Debug, Default)]
pub(super) struct JournalReader {
    ended: BTreeMap<u64, Told>,
}

/// What of a record is told here.
#[derive(Clone, Debug)]
struct Told {
    /// The word of its state, once it ended.
    ended: Option<String>,
    time: Option<SystemTime>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// A runbook that drains.
    Drain {
        who: String,
        reason: String,
        deadline: Option<Duration>,
    },
    OtherRunbook,
    /// A commit: the runbook that it is part of, and what it touched; of real servers that it set to weight 0, the weight before.
    Commit {
        part_of: Option<u64>,
        stands: bool,
        touched: Vec<(ObjectId, Option<u32>)>,
    },
}

impl Told {
    fn of(record: &Record, is_open: bool) -> Self {
        let state = record.state();
        Self {
            ended: match state {
                State::Ended(_) if !is_open => Some(record.state_word()),
                _ => None,
            },
            time: humantime::parse_rfc3339(&record.intent.time).ok(),
            what: match record.intent.runbook() {
                Some(runbook) => runbook_of(record, &runbook.data),
                None => What::Commit {
                    part_of: record.intent.part_of(),
                    stands: state.stands(),
                    touched: match record.plan() {
                        Ok(plan) => plan.changes().iter().map(touched).collect(),
                        Err(_) => Vec::new(),
                    },
                },
            },
        }
    }
}

/// Reads what `std/drain` keeps with its runbook; what others keep there is their business.
fn runbook_of(record: &Record, data: &crate::journal::Data) -> What {
    let text = |name: &str| data.get(name)?.as_str().map(str::to_owned);
    let fields = ["drain", "reason", "deadline", "then", "late"];
    if fields.iter().any(|name| text(name).is_none()) {
        return What::OtherRunbook;
    }
    What::Drain {
        who: record.who(),
        reason: text("reason").unwrap_or_default(),
        deadline: text("deadline").and_then(|text| parse_duration(&text).ok()),
    }
}

fn touched(change: &Change) -> (ObjectId, Option<u32>) {
    let quiesced = match change {
        Change::EditDestination { before, after, .. } => {
            let (before, after) = (before.weight.get(), after.weight.get());
            (after == 0 && before > 0).then_some(before)
        }
        _ => None,
    };
    (change.object(), quiesced)
}

impl JournalReader {
    /// Looks at the journal of a table.
    pub(super) fn view(
        &mut self,
        journal: &Journal,
        table: &TableIdentity,
        boot_time: Duration,
    ) -> Result<JournalView, JournalError> {
        let mut view = JournalView::default();
        let mut all = BTreeMap::new();
        for number in journal.numbers_after(0)? {
            if self.ended.contains_key(&number) {
                continue;
            }
            // One that is being written or is damaged is told by others.
            let Ok(record) = journal.record(number) else {
                continue;
            };
            if !record.intent.table.is_same(table) {
                continue;
            }
            let told = Told::of(&record, journal.is_open(number));
            if told.ended.is_some() {
                self.ended.insert(number, told);
                continue;
            }
            match record.state() {
                State::Unconfirmed { until } => {
                    let left = Duration::from_secs(until).saturating_sub(boot_time);
                    view.unconfirmed.push((number, left));
                }
                _ => view.unfinished += 1,
            }
            all.insert(number, told);
        }
        for (number, told) in &self.ended {
            if let Some(word) = &told.ended {
                *view.outcomes.entry(word.clone()).or_default() += 1;
            }
            all.insert(*number, told.clone());
        }
        view.last = all.values().filter_map(|told| told.time).max();
        view.drains = drains(&all);
        Ok(view)
    }
}

/// Returns what drains left at weight 0; what a later commit did to one ends that.
fn drains(all: &BTreeMap<u64, Told>) -> Vec<DrainView> {
    let mut found: BTreeMap<(ServiceKey, DestinationKey), DrainView> = BTreeMap::new();
    for told in all.values() {
        let What::Commit {
            part_of,
            stands: true,
            touched,
        } = &told.what
        else {
            continue;
        };
        let book = part_of.and_then(|number| all.get(&number));
        for (object, quiesced) in touched {
            if let ObjectId::Service(key) = object {
                found.retain(|(service, _), _| service != key);
            }
            let ObjectId::Destination(service, server) = object else {
                continue;
            };
            found.remove(&(*service, *server));
            let (Some(weight), Some(book)) = (quiesced, book) else {
                continue;
            };
            if let What::Drain {
                who,
                reason,
                deadline,
            } = &book.what
            {
                let drain = DrainView {
                    service: *service,
                    server: *server,
                    since: book.time,
                    deadline: *deadline,
                    who: who.clone(),
                    reason: reason.clone(),
                    weight: *weight,
                    is_under_way: book.ended.is_none(),
                };
                found.insert((*service, *server), drain);
            }
        }
    }
    found.into_values().collect()
}

/// The commits that may have made what is seen to have changed: those that had not ended when the table was about to be read for the
/// look before. (What ends while a table is read may be in it or not; the journal is looked at on both sides of that.)
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// What had ended before the table was read for the last look; nothing is known before the first one.
    settled: Option<Settled>,
    /// The same of the look that goes on, if it could be told.
    next: Option<Settled>,
}

/// Records that have ended.
#[derive(Clone, Debug, Default)]
struct Settled {
    /// All up to this one.
    up_to: u64,
    /// And these, of later ones.
    others: BTreeSet<u64>,
}

impl Suspects {
    /// Notes what has ended before a table is read; without a journal that is nothing.
    pub(super) fn prepare(&mut self, journal: Option<&Journal>) -> Result<(), JournalError> {
        self.next = None;
        let mut next = self.settled.clone().unwrap_or_default();
        if let Some(journal) = journal {
            let mut all_ended = true;
            for number in journal.numbers_after(next.up_to)? {
                let has_ended = next.others.contains(&number) || !journal.is_open(number);
                all_ended &= has_ended;
                if all_ended {
                    next.up_to = number;
                    next.others.remove(&number);
                } else if has_ended {
                    next.others.insert(number);
                }
            }
        }
        self.next = Some(next);
        Ok(())
    }

    /// Returns the commits that may have changed something since the look before; `None` is that there was none, or that it can't be
    /// told.
    pub(super) fn since_before(
        &mut self,
        journal: Option<&Journal>,
        table: &TableIdentity,
    ) -> Result<Option<Vec<Record>>, JournalError> {
        let before = self.settled.clone();
        // What could not be told leaves more under suspicion.
        if let Some(next) = self.next.take() {
            self.settled = Some(next);
        }
        let Some(settled) = before else {
            return Ok(None);
        };
        let mut found = Vec::new();
        let Some(journal) = journal else {
            return Ok(Some(found));
        };
        for number in journal.numbers_after(settled.up_to)? {
            if !settled.others.contains(&number)
                && let Ok(record) = journal.record(number)
                && record.intent.table.is_same(table)
            {
                found.push(record);
            }
        }
        Ok(Some(found))
    }
}
