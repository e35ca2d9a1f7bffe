//! What the reference has on a name or a word, for those who show more than the language.

use super::reference::entries;

/// Returns the full names of everything that a name can mean: a namespace with its colons (`history::`), a value, functions, fields.
#[must_use]
pub fn named(name: &str) -> Vec<String> {
    let entries = entries();
    let name = name.trim_end_matches("()");
    let mut found = Vec::new();
    for group in [format!("{name}::"), format!("{name}.")] {
        if entries.iter().any(|entry| entry.name.starts_with(&group)) {
            found.push(group.trim_end_matches('.').to_owned());
        }
    }
    for entry in &entries {
        if (entry.name == name || entry.short() == name) && !found.contains(&entry.name) {
            found.push(entry.name.clone());
        }
    }
    found
}

/// Returns the functions and fields that speak of a word, with what each is, in one sentence.
#[must_use]
pub fn search(word: &str) -> Vec<(String, String)> {
    let word = word.to_lowercase();
    let mut found: Vec<(String, String)> = entries()
        .iter()
        .filter(|entry| {
            entry.name.to_lowercase().contains(&word) || entry.text.to_lowercase().contains(&word)
        })
        .map(|entry| (entry.name.clone(), entry.summary()))
        .collect();
    // Forms of one function say the same of it.
    found.dedup();
    found
}
