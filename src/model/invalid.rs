//! The one way in which a value that a user wrote can be wrong.

use std::fmt;

/// A value that can't be taken: what it was meant to be, the value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What the value was meant to be, such as `weight` or `service key`.
    pub what: String,
    /// The value as it was written.
    pub value: String,
    /// What would have been right, as the end of a sentence.
    pub expected: String,
}

impl Invalid {
    /// Makes the error from its three parts.
    pub fn new(
        what: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            value: crate::model::shown(&value.to_string()),
            expected: expected.into(),
        }
    }

    /// Returns the field of a document that has the value.
    #[must_use]
    pub fn field(&self) -> &str {
        match self.what.as_str() {
            "persistence timeout" => "timeout_seconds",
            "persistence engine" => "engine",
            "scheduler flag" => "scheduler_flags",
            "tunnel type" => "type",
            "tunnel port" | "port of a service" => "port",
            "sync daemon state" => "state",
            what => what,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "invalid {} `{}`: {}",
            self.what, self.value, self.expected
        )
    }
}

impl std::error::Error for Invalid {}

/// Returns what the system says of an error, in its words alone: the number says nothing more.
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return "it is not UTF-8 text".to_owned();
    }
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Returns a text as it can be shown within a sentence, whoever wrote it: what moves the cursor, ends the line or turns the
/// direction is written out, and of a long one only the beginning is left.
#[must_use]
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == LONGEST {
            shown.push_str("..");
            break;
        }
        if is_control(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns `true` for what a terminal takes for more than a character: C0, C1, and what turns the direction of text.
#[must_use]
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'
        )
}

/// Returns the known word that is nearest to `word`, if one is near enough to be what was meant.
#[must_use]
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What stands before the last `::` or is a dash is no slip that is made.
    let own = |word: &'_ str| -> String {
        let word = word.rsplit("::").next().unwrap_or(word);
        word.trim_start_matches('-').to_owned()
    };
    /// What is longer is no slip in a word.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    let wanted = own(word);
    let limit = match wanted.chars().count() {
        0..=1 => 0,
        2..=5 => 1,
        length => length / 3,
    };
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &own(candidate)), candidate))
        .filter(|(steps, _)| *steps <= limit)
        .min_by_key(|(steps, candidate)| (*steps, distance(word, candidate)))
        .map(|(_, candidate)| candidate)
}

/// Counts the letters to insert, delete, replace or swap with a neighbour to get from one word to another.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["weight", "forwarding", "tunnel"];
        assert_eq!(suggestion("wieght", words), Some("weight"));
        assert_eq!(suggestion("tunel", words), Some("tunnel"));
        assert_eq!(suggestion("colour", words), None);
    }
}
