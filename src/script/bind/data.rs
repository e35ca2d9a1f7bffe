//! Data in and out: JSON, CSV, text. Files only where the command line allowed it.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::script::error::{ScriptError, Scripted};
use crate::script::host::host;
use crate::script::limits;
use crate::script::permission::{Access, LARGEST_FILE};
use crate::script::values::{NoValue, dynamic_of, json_lines, json_of, parse_json};

fn invalid(ctx: &NativeCallContext<'_>, message: String) -> Box<rhai::EvalAltResult> {
    ScriptError::new("invalid", message).raise(ctx.call_position())
}

/// Says why a text is no CSV.
fn no_csv(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("this is no CSV: line {line} has {len} cells, and the first has {expected_len}")
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("this is no CSV: line {line} is not UTF-8 text")
        }
        _ => "this is no CSV".to_owned(),
    }
}

fn read(ctx: &NativeCallContext<'_>, path: &str) -> Scripted<String> {
    let host = host(ctx)?;
    let found = host.permissions.borrow().read(path);
    found.map_err(|error| error.raise(ctx.call_position()))
}

fn write(ctx: &NativeCallContext<'_>, path: &str, text: &str) -> Scripted<()> {
    let host = host(ctx)?;
    let rehearsing = host.session.borrow().is_rehearsing();
    let allowed = host.permissions.borrow().resolve(Access::Write, path);
    let written = allowed.and_then(|place| {
        if rehearsing {
            // A rehearsal leaves no trace, in files neither.
            return Ok(());
        }
        host.permissions.borrow().write(path, &place, text)
    });
    written.map_err(|error| error.raise(ctx.call_position()))
}

/// Refuses a text whose value would take more memory in one step than a script may.
fn bounded(ctx: &NativeCallContext<'_>, text: &str) -> Scripted<()> {
    if text.len() as u64 <= LARGEST_FILE {
        return Ok(());
    }
    Err(invalid(
        ctx,
        format!(
            "a text of {} bytes is too long; {LARGEST_FILE} are allowed",
            text.len()
        ),
    ))
}

/// Reads JSON; `what` begins the error.
fn json(ctx: &NativeCallContext<'_>, text: &str, what: &str) -> Scripted<Dynamic> {
    parse_json(text).map_err(|error| match error {
        NoValue::Stopped(stop) => stop.into(),
        NoValue::Wrong(error) => invalid(ctx, format!("{what} is no JSON: {}", json_error(&error))),
    })
}

/// Says what is wrong with a JSON text, and where.
fn json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    let text = if error.is_eof() {
        "it ends too early"
    } else {
        text
    };
    format!("{text} (line {}, column {})", error.line(), error.column())
}

/// Returns a cell of a CSV: a whole number if it is written as one, else text.
fn typed(cell: &str) -> Dynamic {
    match cell.parse::<i64>() {
        Ok(number) if number.to_string() == cell => number.into(),
        _ => cell.into(),
    }
}

fn cell(value: &Dynamic) -> Scripted<String> {
    if value.is_unit() {
        return Ok(String::new());
    }
    match json_of(value)? {
        serde_json::Value::String(text) => Ok(text),
        plain => Ok(plain.to_string()),
    }
}

/// Returns the rows of a CSV: maps, or snapshots by their fields.
fn csv_rows(ctx: &NativeCallContext<'_>, rows: Dynamic) -> Scripted<Vec<Map>> {
    let wrong = || {
        invalid(
            ctx,
            "the rows of a CSV are a list of maps, such as [#{server: \"10.0.0.2:80\"}], or of snapshots"
                .to_owned(),
        )
    };
    let rows = match rows.try_cast_result::<Array>() {
        Ok(rows) => rows,
        // A list of snapshots.
        Err(list) => match json_of(&list)? {
            value @ serde_json::Value::Array(_) => {
                dynamic_of(&value).try_cast().ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        },
    };
    rows.into_iter()
        .map(|row| match row.try_cast_result::<Map>() {
            Ok(map) => Ok(map),
            Err(snapshot) => dynamic_of(&json_of(&snapshot)?)
                .try_cast()
                .ok_or_else(wrong),
        })
        .collect()
}

fn csv_text(rows: &[Map], columns: &[String]) -> Scripted<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if !columns.is_empty() {
        // Writing to memory does not fail.
        let _infallible = writer.write_record(columns);
    }
    let mut written = 0usize;
    for row in rows {
        for column in columns {
            let cell = match row.get(column.as_str()) {
                Some(value) => cell(value)?,
                None => String::new(),
            };
            written = written.saturating_add(cell.len());
            // A text that grows is copied into one of twice its size.
            limits::afford(written)?;
            let _infallible = writer.write_field(&cell);
        }
        let _infallible = writer.write_record(None::<&[u8]>);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Data.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns a value as JSON, indented; snapshots have the shape of the table document.
    ///
    /// # Example
    /// ```rhai
    /// to_json(table::get())
    /// ```
    #[rhai_fn(name = "to_json", return_raw)]
    pub fn to_json(value: Dynamic) -> Scripted<String> {
        Ok(json_lines(&value)?)
    }

    /// Returns a map as JSON, indented.
    ///
    /// # Example
    /// ```rhai
    /// to_json(#{ a: 1 })
    /// ```
    #[rhai_fn(name = "to_json", return_raw)]
    pub fn map_to_json(value: Map) -> Scripted<String> {
        to_json(value.into())
    }

    /// Returns the value that a JSON text describes.
    ///
    /// # Example
    /// ```rhai
    /// parse_json("[1, 2, 3]").len()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse_json(ctx: NativeCallContext, text: &str) -> Scripted<Dynamic> {
        bounded(&ctx, text)?;
        json(&ctx, text, "this")
    }

    /// Returns the rows of a CSV text as maps; the first line names the columns. A cell is a whole number if it is
    /// written as one, else a text.
    ///
    /// # Example
    /// ```rhai
    /// parse_csv("server,weight\n10.0.0.2:80,3\n")[0].server
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse_csv(ctx: NativeCallContext, text: &str) -> Scripted<Array> {
        bounded(&ctx, text)?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let wrong = |error: csv::Error| invalid(&ctx, no_csv(&error));
        let columns = reader.headers().map_err(wrong)?.clone();
        let mut seen = std::collections::BTreeSet::new();
        if let Some(column) = columns.iter().find(|column| !seen.insert(*column)) {
            return Err(invalid(
                &ctx,
                format!("two columns of this CSV are called {column}"),
            ));
        }
        let mut rows = Array::new();
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(wrong)? {
            limits::tick()?;
            let map: Map = columns
                .iter()
                .zip(&row)
                .map(|(column, value)| (column.into(), typed(value)))
                .collect();
            rows.push(map.into());
        }
        Ok(rows)
    }

    /// Returns a list of maps as CSV, with a column for each key that one of them has, sorted by name. Also of snapshots.
    ///
    /// # Example
    /// ```rhai
    /// print(to_csv([#{ server: "10.0.0.2:80", weight: 3 }]));
    /// ```
    #[rhai_fn(name = "to_csv", return_raw)]
    pub fn to_csv_all(ctx: NativeCallContext, rows: Dynamic) -> Scripted<String> {
        let rows = csv_rows(&ctx, rows)?;
        let names: std::collections::BTreeSet<String> = rows
            .iter()
            .flat_map(|row| row.keys().map(ToString::to_string))
            .collect();
        csv_text(&rows, &names.into_iter().collect::<Vec<_>>())
    }

    /// Returns a list of maps as CSV, with these columns in this order. Also of snapshots.
    ///
    /// # Example
    /// ```rhai
    /// print(to_csv(destination::list(), ["id", "weight", "forwarding"]));
    /// ```
    #[rhai_fn(name = "to_csv", return_raw)]
    pub fn to_csv(ctx: NativeCallContext, rows: Dynamic, columns: Array) -> Scripted<String> {
        let rows = csv_rows(&ctx, rows)?;
        let mut names = Vec::new();
        for column in columns {
            let name = column
                .into_string()
                .map_err(|_| invalid(&ctx, "a column of a CSV is named by a text".to_owned()))?;
            let is_known =
                rows.is_empty() || rows.iter().any(|row| row.contains_key(name.as_str()));
            if !is_known {
                return Err(invalid(&ctx, format!("no row has a value {name:?}")));
            }
            names.push(name);
        }
        csv_text(&rows, &names)
    }

    /// Returns the contents of a text file; needs `--allow-read`.
    ///
    /// # Example
    /// ```rhai
    /// parse_csv(read_text("servers.csv")).len()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn read_text(ctx: NativeCallContext, path: &str) -> Scripted<String> {
        read(&ctx, path)
    }

    /// Returns the value in a JSON file; needs `--allow-read`.
    ///
    /// # Example
    /// ```rhai
    /// table::diff(read_json("table.json")).summary
    /// ```
    #[rhai_fn(return_raw)]
    pub fn read_json(ctx: NativeCallContext, path: &str) -> Scripted<Dynamic> {
        let text = read(&ctx, path)?;
        json(&ctx, &text, path)
    }

    /// Writes a text file, whole or not at all; needs `--allow-write`. A rehearsal writes nothing.
    ///
    /// # Example
    /// ```rhai
    /// write_text("report.txt", service::list().map(|s| s.id).to_string());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn write_text(ctx: NativeCallContext, path: &str, text: &str) -> Scripted<()> {
        write(&ctx, path, text)
    }

    /// Writes a value to a JSON file, whole or not at all; needs `--allow-write`. A rehearsal writes nothing.
    ///
    /// # Example
    /// ```rhai
    /// write_json("before.json", table::get());
    /// ```
    #[rhai_fn(return_raw)]
    pub fn write_json(ctx: NativeCallContext, path: &str, value: Dynamic) -> Scripted<()> {
        write(&ctx, path, &(to_json(value)? + "\n"))
    }
}
