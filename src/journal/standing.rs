//! What of a record is told in words: where it stands, who made it, how long ago.

use serde_json::Value;

use super::record::{Record, State};

impl Record {
    /// Returns where the commit stands, as one word.
    #[must_use]
    pub fn state_word(&self) -> String {
        match self.state() {
            State::Unfinished => "unfinished".to_owned(),
            State::Unconfirmed { .. } => "awaiting".to_owned(),
            State::Ended(kind) => match serde_json::to_value(kind) {
                Ok(Value::String(word)) => word,
                _ => unreachable!("BUG: an event has a word"),
            },
        }
    }

    /// Returns who committed, by the name that says most.
    #[must_use]
    pub fn who(&self) -> String {
        let author = &self.intent.author;
        let names = [&author.sudo, &author.login, &author.name];
        let name = names.into_iter().flatten().next();
        name.cloned().unwrap_or_else(|| author.id.to_string())
    }

    /// Returns how many seconds ago it began; 0 if that is to come.
    #[must_use]
    pub fn age_seconds(&self) -> u64 {
        let begun = humantime::parse_rfc3339(&self.intent.time).unwrap_or(std::time::UNIX_EPOCH);
        let age = std::time::SystemTime::now().duration_since(begun);
        age.map_or(0, |age| age.as_secs())
    }
}
