//! Records as other programs and scripts see them.

use serde_json::{Value, json};

use super::record::{Record, State};

impl Record {
    /// Returns everything but the plan, in its serialised shape.
    #[must_use]
    pub fn shape(&self) -> Value {
        let intent = &self.intent;
        let author = &intent.author;
        let events = self.events.iter().map(serde_json::to_value);
        let confirm_by = match self.state() {
            State::Unconfirmed { .. } => self
                .events
                .last()
                .and_then(|event| event.confirm_by_time.clone()),
            _ => None,
        };
        json!({
            "id": intent.number, "time": intent.time, "age_seconds": age(&intent.time), "label": intent.label, "state": self.state_word(),
            "user": {"id": author.id, "name": author.name, "login": author.login, "sudo": author.sudo},
            "command": intent.command, "typed": intent.typed, "script": intent.script, "undoes": intent.undoes.first(), "also_undoes": intent.undoes.get(1..).unwrap_or_default(),
            "confirm_seconds": intent.confirm_seconds, "confirm_by": confirm_by, "table": intent.table,
            "kind": intent.kind, "part_of": intent.runbook, "overridden": intent.overridden, "data": intent.data,
            "summary": intent.summary, "events": events.collect::<Result<Vec<Value>, _>>().unwrap_or_default(),
        })
    }

    /// Returns where the commit stands, as one word.
    #[must_use]
    pub fn state_word(&self) -> String {
        match self.state() {
            State::Unfinished => "unfinished".to_owned(),
            State::Unconfirmed { .. } => "awaiting".to_owned(),
            State::Ended(kind) => match serde_json::to_value(kind) {
                Ok(Value::String(word)) => word,
                _ => String::new(),
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
}

/// Returns how many seconds ago a moment was; 0 if it is to come.
fn age(time: &str) -> u64 {
    let begun = humantime::parse_rfc3339(time).unwrap_or(std::time::UNIX_EPOCH);
    let age = std::time::SystemTime::now().duration_since(begun);
    age.map_or(0, |age| age.as_secs())
}
