//! How much is kept: the oldest commits of each table go when it has too many, so that none pushes out another.
//!
//! The file `kept` says of each number which table it is about, and what of a table is gone. It is made from the records, and
//! can be made again from them but for what is gone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::error::JournalError;
use super::runbook::is_runbook;
use super::store::{Journal, Name};
use super::table_identity::TableIdentity;
use super::trust::open_plain;
use crate::files;

/// The file.
const KEPT: &str = "kept";
/// How often all records are counted and weighed, in commits.
const ROUND: u64 = 64;

/// What is known of the records of a journal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    /// The table of each number, by its key.
    tables: BTreeMap<u64, String>,
    /// The highest number of each table that was forgotten.
    forgotten: BTreeMap<String, u64>,
}

impl Kept {
    /// Reads lines `NUMBER TABLE` and `forgotten NUMBER TABLE`; what is neither is left out.
    fn parse(text: &str) -> Self {
        let mut kept = Self::default();
        for line in text.lines() {
            let Some((first, rest)) = line.split_once(' ') else {
                continue;
            };
            if let Ok(number) = first.parse() {
                kept.tables.insert(number, rest.to_owned());
            } else if let Some((number, table)) = rest.split_once(' ')
                && first == "forgotten"
                && let Ok(number) = number.parse()
            {
                kept.forgotten.insert(table.to_owned(), number);
            }
        }
        kept
    }

    fn text(&self) -> String {
        let forgotten = self
            .forgotten
            .iter()
            .map(|(table, number)| format!("forgotten {number} {table}\n"));
        let tables = self
            .tables
            .iter()
            .map(|(number, table)| format!("{number} {table}\n"));
        forgotten.chain(tables).collect()
    }
}

impl Journal {
    fn kept(&self) -> Kept {
        Kept::parse(&fs::read_to_string(self.folder.join(KEPT)).unwrap_or_default())
    }

    /// Returns the highest number of a table that is no longer kept, if any is not.
    #[must_use]
    pub fn forgotten(&self, table: &TableIdentity) -> Option<u64> {
        self.kept().forgotten.get(&table.key()).copied()
    }

    /// Says why there is no record of a number.
    pub(super) fn missing(&self, number: u64) -> JournalError {
        let kept = self.kept();
        let is_forgotten = kept.forgotten.values().any(|last| number <= *last) && number > 0;
        if is_forgotten {
            let records = self.limits.records;
            JournalError::Forgotten { number, records }
        } else {
            JournalError::Missing { number }
        }
    }

    /// Forgets the oldest commits of a table that are over. A failure only means that more is kept. What came after a
    /// runbook that is open is needed to lead that back.
    pub(super) fn forget_old(&self, table: &TableIdentity, newest: u64, is_large: bool) {
        let records = u64::try_from(self.limits.records).unwrap_or(u64::MAX);
        // There can't be too many of any table, and looking at each takes longer than all the rest.
        if newest <= records && !is_large {
            return;
        }
        let small = self.limits.records < usize::try_from(ROUND).unwrap_or(usize::MAX);
        if !is_large && !small && !newest.is_multiple_of(ROUND) {
            return;
        }
        let open = self.names(true).unwrap_or_default().into_iter();
        let mut runbooks = open.filter(|name| is_runbook(&self.path(*name)));
        let needed = runbooks.next().map_or(u64::MAX, |name| name.number);
        let Ok(names) = self.names(false) else {
            return;
        };
        let mut kept = self.kept();
        let known = std::mem::take(&mut kept.tables);
        let mut by_table: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for name in &names {
            let key = known
                .get(&name.number)
                .cloned()
                .or_else(|| table_of(&self.path(*name)))
                .unwrap_or_else(|| table.key());
            by_table.entry(key.clone()).or_default().push(name.number);
            kept.tables.insert(name.number, key);
        }
        by_table.entry(table.key()).or_default().push(newest);
        let size = |number: u64| {
            let path = self.path(Name {
                number,
                open: false,
            });
            fs::metadata(path).map_or(0, |file| file.len())
        };
        let mut bytes: BTreeMap<String, u64> = by_table
            .iter()
            .map(|(key, numbers)| {
                (
                    key.clone(),
                    numbers.iter().map(|number| size(*number)).sum(),
                )
            })
            .collect();
        while let Some(key) = self.too_much(&by_table, &bytes) {
            let Some(numbers) = by_table.get_mut(&key) else {
                break;
            };
            let number = numbers.first().copied().unwrap_or(u64::MAX);
            if number >= needed {
                break;
            }
            let length = size(number);
            let path = self.path(Name {
                number,
                open: false,
            });
            if fs::remove_file(path).is_err() {
                break;
            }
            numbers.remove(0);
            kept.tables.remove(&number);
            if let Some(bytes) = bytes.get_mut(&key) {
                *bytes = bytes.saturating_sub(length);
            }
            kept.forgotten.insert(key, number);
        }
        let text = kept.text();
        // Without it the records are looked at again.
        let _kept_or_not = files::replace(&self.folder.join(KEPT), |file| {
            file.write_all(text.as_bytes())
        });
    }

    /// Returns the table that has too many records, or the most of what is too large altogether.
    fn too_much(
        &self,
        by_table: &BTreeMap<String, Vec<u64>>,
        bytes: &BTreeMap<String, u64>,
    ) -> Option<String> {
        let many = by_table
            .iter()
            .find(|(_, numbers)| numbers.len() > self.limits.records);
        if let Some((key, _)) = many {
            return Some(key.clone());
        }
        let all: u64 = bytes.values().sum();
        let largest = bytes.iter().max_by_key(|(_, bytes)| **bytes)?;
        (all > self.limits.bytes && *largest.1 > 0).then(|| largest.0.clone())
    }
}

/// Reads which table a record is about. It stands before the plan, which may be long.
fn table_of(path: &Path) -> Option<String> {
    const ENOUGH: u64 = 1 << 16;
    let mut head = Vec::new();
    let file = open_plain(fs::OpenOptions::new().read(true), path).ok()?;
    let _length = file.take(ENOUGH).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let (_, table) = head.split_once(",\"table\":")?;
    let mut values = serde_json::Deserializer::from_str(table).into_iter::<TableIdentity>();
    Some(values.next()?.ok()?.key())
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn what_is_kept_is_read_back_and_other_lines_are_left_out() {
        let text = "forgotten 4 kernel a b\n7 kernel a b\n9 x\n";
        let kept = Kept::parse(text);
        assert_eq!(kept.text(), text);
        assert_eq!(Kept::parse("\nx\nforgotten y z\n 1\n"), Kept::default());
    }
}
