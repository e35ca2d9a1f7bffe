//! In which form a result is printed: `-o`, the same words in every command that prints.
//!
//! `json` is the result as it is documented, `yaml` the same; `jsonl` and `csv` have a line for each row of a result that has
//! rows, and the result as a whole where it has none.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::document::{YamlForm, json, write_yaml};
use crate::render::csv_line;

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// For programs: one document
    Json,
    /// A JSON object a line
    Jsonl,
    /// The document of `json` in YAML
    Yaml,
    /// For spreadsheets
    Csv,
}

/// The option of commands that print.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Printing {
    /// How the result is printed; `--json` is `-o json`
    #[arg(long, short = 'o', value_enum, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
}

impl Format {
    /// Returns its name.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Yaml => "yaml",
            Self::Csv => "csv",
        }
    }

    /// Writes a result for programs. What `rows` names is the list of its rows.
    ///
    /// # Errors
    /// The writer's error.
    pub(super) fn write(
        self,
        out: &mut dyn Write,
        shape: &impl json::Shape,
        rows: Option<&str>,
    ) -> io::Result<()> {
        match self {
            Self::Table | Self::Json => writeln!(out, "{}", json::pretty(shape)),
            Self::Yaml => write_yaml(out, &json::compact(shape), YamlForm::Whole),
            Self::Jsonl => {
                let value = json::value(shape);
                match rows_of(&value, rows) {
                    Some(rows) => rows
                        .iter()
                        .try_for_each(|row| writeln!(out, "{}", json::compact(row))),
                    None => writeln!(out, "{}", json::compact(&value)),
                }
            }
            Self::Csv => {
                let value = json::value(shape);
                match rows_of(&value, rows) {
                    Some(rows) => write_rows(out, rows),
                    None => write_fields(out, &value),
                }
            }
        }
    }
}

fn rows_of<'v>(value: &'v Value, rows: Option<&str>) -> Option<&'v Vec<Value>> {
    value.get(rows?)?.as_array()
}

/// Writes rows under the names of their fields, in the order in which they come up.
fn write_rows(out: &mut dyn Write, rows: &[Value]) -> io::Result<()> {
    let mut names: Vec<String> = Vec::new();
    let mut cells: Vec<Vec<(String, String)>> = Vec::with_capacity(rows.len());
    for row in rows {
        let mut fields = Vec::new();
        flatten("", row, &mut fields);
        for (name, _) in &fields {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        cells.push(fields);
    }
    if names.is_empty() {
        return Ok(());
    }
    csv_line(out, names.iter().cloned())?;
    cells.into_iter().try_for_each(|fields| {
        let of = |name: &String| {
            let found = fields.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, text)| text.clone())
        };
        csv_line(out, names.iter().map(of))
    })
}

/// Writes a result without rows: a line for each of its fields.
fn write_fields(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut fields = Vec::new();
    flatten("", value, &mut fields);
    csv_line(out, ["field".to_owned(), "value".to_owned()])?;
    fields
        .into_iter()
        .try_for_each(|(name, text)| csv_line(out, [name, text]))
}

/// Names what lies within a value by its path; a list is one text.
fn flatten(path: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(&path, member, fields);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            fields.push((path.to_owned(), json::compact(value)));
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            fields.push((path.to_owned(), texts.join(" ")));
        }
        other => fields.push((path.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Format;
    use serde_json::json;

    fn written(format: Format, rows: Option<&str>) -> String {
        let value = json!({
            "version": 1,
            "rows": [{"a": 1, "b": {"c": "x,y"}, "d": [1, 2]}, {"a": null, "e": true}],
        });
        let mut out = Vec::new();
        format.write(&mut out, &value, rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_result_has_a_line_for_each_of_its_rows() {
        assert_eq!(
            written(Format::Csv, Some("rows")),
            "a,b.c,d,e\n1,\"x,y\",1 2,\n,,,true\n"
        );
        assert_eq!(
            written(Format::Jsonl, Some("rows")),
            "{\"a\":1,\"b\":{\"c\":\"x,y\"},\"d\":[1,2]}\n{\"a\":null,\"e\":true}\n"
        );
        assert!(written(Format::Csv, None).starts_with("field,value\n"));
        assert!(written(Format::Yaml, None).contains("version: 1\n"));
    }
}
