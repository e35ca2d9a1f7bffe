//! Help: what the documentation at each binding says, and that of the built-in library.
//!
//! `reference.md` beside this file is made of the bindings by a test, which keeps it true; the program carries it
//! and looks names up in it.

use crate::model::suggestion;

/// The reference page, in Markdown.
pub const REFERENCE: &str = include_str!("reference.md");

/// One function or field, with everything that is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it is written, such as `service::edit(svc, fields) -> Service`.
    pub signature: String,
    /// Its name, such as `service::edit` or `Service.id`.
    pub name: String,
    /// What is said of it, in Markdown.
    pub text: String,
}

impl Entry {
    /// Returns the first sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let plain = self
            .text
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .replace('\n', " ");
        match plain.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => plain,
        }
    }

    /// Returns the last part of the name: `edit` of `service::edit`.
    #[must_use]
    pub fn short(&self) -> &str {
        self.name.rsplit([':', '.']).next().unwrap_or(&self.name)
    }
}

/// Returns the name in a signature: what stands before the parenthesis.
fn name_of(signature: &str) -> String {
    signature
        .split(['(', ' '])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Returns all functions and fields, in the order of the reference.
#[must_use]
pub fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for part in REFERENCE.split("\n### ").skip(1) {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let text = text.split("\n## ").next().unwrap_or_default();
        let signature = heading.trim().trim_matches('`').to_owned();
        entries.push(Entry {
            name: name_of(&signature),
            signature,
            text: text.trim().to_owned(),
        });
    }
    for (module, source) in super::library_modules() {
        entries.extend(library_entries(module, source));
    }
    entries
}

/// Reads the documentation of a module of the built-in library.
#[must_use]
pub fn library_entries(module: &str, source: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(signature) = line.strip_prefix("fn ") {
            let signature = signature.trim_end_matches([' ', '{']);
            let signature = format!("{module}::{signature}");
            entries.push(Entry {
                name: name_of(&signature),
                signature,
                text: comment.join("\n").trim().to_owned(),
            });
            comment.clear();
        } else {
            comment.clear();
        }
    }
    entries
}

/// Returns what there is to say of a name: a function, a method, a namespace, a field; or what speaks of a word.
///
/// # Errors
/// A sentence with the nearest name, for a word that nothing speaks of.
pub fn help(name: &str) -> Result<String, String> {
    let entries = entries();
    let name = name.trim().trim_end_matches("()").trim_end_matches("::");
    let named = crate::model::shown(name);
    if name.is_empty() {
        return Ok(overview(&entries));
    }
    let space = format!("{name}::");
    let kind = format!("{name}.");
    let group: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.name.starts_with(&space) || entry.name.starts_with(&kind))
        .collect();
    if !group.is_empty() {
        return Ok(list(&group));
    }
    let exact: Vec<&Entry> = entries.iter().filter(|entry| entry.name == name).collect();
    let found = if exact.is_empty() {
        let short = name.rsplit([':', '.']).next().unwrap_or(name);
        entries
            .iter()
            .filter(|entry| entry.short() == short && (short == name || name.contains('.')))
            .collect()
    } else {
        exact
    };
    if !found.is_empty() {
        let texts: Vec<String> = found
            .iter()
            .map(|entry| format!("{}\n\n{}", entry.signature, indented(&entry.text)))
            .collect();
        return Ok(texts.join("\n\n"));
    }
    let names = entries
        .iter()
        .flat_map(|entry| [entry.name.as_str(), entry.short()]);
    if let Some(near) = suggestion(name, names) {
        return Err(format!(
            "there is no help on `{named}`: did you mean `{near}`?"
        ));
    }
    let word = name.to_lowercase();
    let told: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.text.to_lowercase().contains(&word))
        .collect();
    if told.is_empty() {
        return Err(format!(
            "there is no help on `{named}`; `help` alone lists what there is"
        ));
    }
    Ok(format!(
        "Nothing is called `{named}`; these speak of it:\n\n{}",
        list(&told)
    ))
}

/// Returns a documentation for people: paragraphs are broken anew, examples stay as they are.
fn indented(text: &str) -> String {
    let text = text.replace("# Example\n", "");
    let mut parts = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            let code = part.strip_prefix("rhai\n").unwrap_or(part);
            let lines: Vec<String> = code.lines().map(|line| format!("    {line}")).collect();
            parts.push(lines.join("\n"));
        } else {
            let paragraphs = part.trim().split("\n\n").filter(|part| !part.is_empty());
            parts.extend(paragraphs.map(wrapped));
        }
    }
    parts.join("\n\n")
}

/// Indents a text and breaks it where it gets too long to read.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 90;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + word.chars().count() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

fn list(group: &[&Entry]) -> String {
    let mut lines = Vec::new();
    let mut last = "";
    for entry in group {
        // Forms of one function say the same of it.
        if entry.name == last {
            continue;
        }
        last = &entry.name;
        lines.push(format!(
            "{}\n{}",
            entry.signature,
            wrapped(&entry.summary())
        ));
    }
    lines.join("\n")
}

fn overview(entries: &[Entry]) -> String {
    let mut spaces: Vec<(&str, Vec<&str>)> = Vec::new();
    for entry in entries {
        let space = match entry.name.rsplit_once("::") {
            Some((space, _)) => space,
            None => entry.name.split_once('.').map_or("", |(space, _)| space),
        };
        match spaces.iter_mut().find(|(known, _)| *known == space) {
            Some((_, names)) => {
                if !names.contains(&entry.short()) {
                    names.push(entry.short());
                }
            }
            None => spaces.push((space, vec![entry.short()])),
        }
    }
    let library: Vec<&str> = super::library_modules()
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let mut text = String::new();
    for (space, names) in spaces {
        let title = if space.is_empty() {
            "functions".to_owned()
        } else if library.contains(&space) {
            format!("import \"std/{space}\" as {space}")
        } else {
            space.to_owned()
        };
        text.push_str(&format!("{title}\n{}\n", wrapped(&names.join(" "))));
    }
    text.push_str("\n`help service` tells of a namespace, `help service::edit` or `help edit` of a function, `help Service` of a value.");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{REFERENCE, entries, help};
    use crate::script::engine::builtin_engine;

    /// What the page says before the functions.
    const HEAD: &str = include_str!("reference_head.md");

    /// A type's name in the words of the language.
    fn word(kind: &str) -> String {
        let kind = kind
            .trim()
            .trim_start_matches("&mut ")
            .trim_start_matches('&');
        let kind = match kind.rsplit_once("::").map_or(kind, |(_, last)| last) {
            "str" | "String" | "ImmutableString" => "text",
            "i64" | "f64" | "INT" | "FLOAT" => "number",
            "bool" => "bool",
            "Map" => "map",
            "Array" => "array",
            "FnPtr" => "closure",
            "Dynamic" => "value",
            "()" => "",
            "DurationValue" => "Duration",
            "ScriptError" => "Error",
            "OutcomeValue" => "Outcome",
            "PlanValue" => "Plan",
            "ServiceValue" => "Service",
            "DestinationValue" => "Destination",
            other => other,
        };
        kind.to_owned()
    }

    fn returned(kind: &str) -> String {
        let inner = kind
            .trim()
            .trim_start_matches("Scripted<")
            .trim_start_matches("Made<")
            .trim_start_matches("Result<");
        let inner = inner.split([',', '>']).next().unwrap_or_default();
        word(inner)
    }

    struct Function {
        signature: String,
        text: String,
    }

    fn function(space: &str, value: &serde_json::Value) -> Option<(String, Function)> {
        let name = value["name"].as_str()?;
        let lines = value["docComments"].as_array()?;
        let text: Vec<String> = lines
            .iter()
            .filter_map(|line| line.as_str())
            .flat_map(|line| line.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| {
                let line = line.trim_start().trim_start_matches("///");
                line.strip_prefix(' ').unwrap_or(line).to_owned()
            })
            .collect();
        let parameters: Vec<(String, String)> = value["params"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap_or("_").to_owned();
                (
                    name,
                    parameter["type"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        let returns = returned(value["returnType"].as_str().unwrap_or("()"));
        let arrow = if returns.is_empty() {
            String::new()
        } else {
            format!(" -> {returns}")
        };
        let method = parameters
            .first()
            .is_some_and(|(_, kind)| kind.starts_with("&mut"));
        if let Some(field) = name.strip_prefix("get$") {
            let owner = word(&parameters.first()?.1);
            let signature = format!("{owner}.{field}{arrow}");
            return Some((
                format!("{owner} fields"),
                Function {
                    signature,
                    text: text.join("\n"),
                },
            ));
        }
        let is_plain = name.starts_with(|c: char| c.is_alphabetic());
        if !is_plain || name.starts_with("set$") || name == "to_debug" {
            return None;
        }
        let shown = |parameters: &[(String, String)]| {
            let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
            names.join(", ")
        };
        let (group, signature) = if method {
            let owner = word(&parameters[0].1);
            (
                format!("Methods of {owner}"),
                format!("{owner}.{name}({}){arrow}", shown(&parameters[1..])),
            )
        } else if space.is_empty() {
            (
                "Functions".to_owned(),
                format!("{name}({}){arrow}", shown(&parameters)),
            )
        } else {
            (
                space.to_owned(),
                format!("{space}::{name}({}){arrow}", shown(&parameters)),
            )
        };
        Some((
            group,
            Function {
                signature,
                text: text.join("\n"),
            },
        ))
    }

    fn page() -> String {
        let json = builtin_engine().gen_fn_metadata_to_json(false).unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&json).unwrap();
        let spaces = metadata["modules"].as_object().unwrap();
        let all = spaces.iter().map(|(name, module)| (name.as_str(), module));
        let mut groups: BTreeMap<(u8, String), Vec<Function>> = BTreeMap::new();
        for (space, module) in all.chain([("", &metadata)]) {
            for value in module["functions"].as_array().into_iter().flatten() {
                let Some((group, function)) = function(space, value) else {
                    continue;
                };
                if function.text.is_empty() {
                    continue;
                }
                let rank = match group.as_str() {
                    "Functions" => 1,
                    group if group.starts_with("Methods") => 2,
                    group if group.ends_with("fields") => 3,
                    _ => 0,
                };
                groups.entry((rank, group)).or_default().push(function);
            }
        }
        let mut page = HEAD.to_owned();
        for ((_, group), mut functions) in groups {
            // Of the same words for an id and for a snapshot, those that say more.
            functions.sort_by_key(|one| {
                (
                    one.signature.clone(),
                    std::cmp::Reverse(one.text.find("# Example")),
                    one.text.clone(),
                )
            });
            functions.dedup_by(|a, b| a.signature == b.signature);
            page.push_str(&format!("\n## {group}\n"));
            for function in functions {
                page.push_str(&format!(
                    "\n### `{}`\n\n{}\n",
                    function.signature,
                    function.text.replace("# Example\n", "").trim()
                ));
            }
        }
        page
    }

    #[test]
    fn the_reference_is_what_the_bindings_say() {
        if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
            std::fs::write("src/script/reference.md", page()).unwrap();
            return;
        }
        // The pages are long: where they differ is for a diff to show.
        assert!(
            REFERENCE == page(),
            "run the tests once with IPVSHTEST_REGENERATE=1 and look at what changed"
        );
    }

    #[test]
    fn no_field_of_a_document_is_a_reserved_word() {
        fn names(value: &serde_json::Value, out: &mut Vec<String>) {
            if let Some(properties) = value["properties"].as_object() {
                out.extend(properties.keys().cloned());
            }
            let inner = value.as_object().into_iter().flat_map(|map| map.values());
            inner.for_each(|value| names(value, out));
        }
        let mut all = Vec::new();
        names(&crate::document::schema(), &mut all);
        assert!(all.len() > 40, "{all:?}");
        let mut engine = builtin_engine();
        engine.set_strict_variables(false);
        for name in all {
            let compiled = engine.compile(format!("document.{name}"));
            assert!(compiled.is_ok(), "`{name}` can't be read in a script");
        }
    }

    #[test]
    fn help_finds_functions_methods_namespaces_and_near_names() {
        assert!(entries().len() > 150);
        let found = |name: &str| help(name).unwrap_or_else(|error| panic!("{error}"));
        assert!(found("service").contains("service::edit("));
        assert!(found("service::edit").contains("Edits a virtual service"));
        assert!(found("Destination").contains("Destination.weight"));
        assert!(found("wait_until").contains("10m"));
        assert!(found("rollout::shift").contains("steps of percent"));
        assert!(found("rollout").contains("rollout::shift"));
        assert!(found("").contains("import \"std/audit\" as audit"));
        assert!(
            help("servce::edit")
                .unwrap_err()
                .contains("did you mean `service::edit`?")
        );
        assert!(help("xyzzy").unwrap_err().contains("`help` alone"));
    }
}
