//! Data in and out: JSON, CSV, text. Files only where the command line allowed it.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::script::error::{ScriptError, Scripted};
use crate::script::host::host;
use crate::script::permission::{Access, LARGEST_FILE};
use crate::script::values::{dynamic_of, json_of};

fn invalid(ctx: &NativeCallContext<'_>, message: String) -> Box<rhai::EvalAltResult> {
    ScriptError::new("invalid", message).raise(ctx.call_position())
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

/// Returns JSON as a value, unless it has a whole number that the language can't hold.
fn exact(ctx: &NativeCallContext<'_>, value: &serde_json::Value) -> Scripted<Dynamic> {
    fn too_large(value: &serde_json::Value) -> Option<u64> {
        match value {
            serde_json::Value::Number(number) if number.as_i64().is_none() => number.as_u64(),
            serde_json::Value::Array(items) => items.iter().find_map(too_large),
            serde_json::Value::Object(fields) => fields.values().find_map(too_large),
            _ => None,
        }
    }
    match too_large(value) {
        None => Ok(dynamic_of(value)),
        Some(number) => Err(invalid(
            ctx,
            format!("{number} is larger than a whole number can be; write it as a text"),
        )),
    }
}

/// Returns a cell of a CSV: a whole number if it is written as one, else text.
fn typed(cell: &str) -> Dynamic {
    match cell.parse::<i64>() {
        Ok(number) if number.to_string() == cell => number.into(),
        _ => cell.into(),
    }
}

fn cell(value: &Dynamic) -> String {
    if value.is_unit() {
        return String::new();
    }
    match value.clone().into_string() {
        Ok(text) => text,
        Err(_) => json_of(value).to_string(),
    }
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
    pub fn to_json(value: Dynamic) -> String {
        serde_json::to_string_pretty(&json_of(&value)).unwrap_or_default()
    }

    /// Returns a map as JSON, indented.
    ///
    /// # Example
    /// ```rhai
    /// to_json(#{ a: 1 })
    /// ```
    #[rhai_fn(name = "to_json")]
    pub fn map_to_json(value: Map) -> String {
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
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
        match parsed {
            Ok(value) => exact(&ctx, &value),
            Err(error) => Err(invalid(&ctx, format!("this is no JSON: {error}"))),
        }
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
        let wrong = |error: csv::Error| invalid(&ctx, format!("this is no CSV: {error}"));
        let columns = reader.headers().map_err(wrong)?.clone();
        let mut seen = std::collections::BTreeSet::new();
        if let Some(column) = columns.iter().find(|column| !seen.insert(*column)) {
            return Err(invalid(
                &ctx,
                format!("two columns of this CSV are called {column}"),
            ));
        }
        let mut rows = Array::new();
        for row in reader.records() {
            let row = row.map_err(wrong)?;
            let map: Map = columns
                .iter()
                .zip(&row)
                .map(|(column, value)| (column.into(), typed(value)))
                .collect();
            rows.push(map.into());
        }
        Ok(rows)
    }

    /// Returns a list of maps as CSV; the keys of the first map name the columns, in their order.
    ///
    /// # Example
    /// ```rhai
    /// print(to_csv([#{ server: "10.0.0.2:80", weight: 3 }]));
    /// ```
    #[rhai_fn(return_raw)]
    pub fn to_csv(ctx: NativeCallContext, rows: Array) -> Scripted<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut columns: Vec<String> = Vec::new();
        for row in &rows {
            let Some(map) = row.read_lock::<Map>() else {
                return Err(invalid(
                    &ctx,
                    "a row of a CSV is a map, such as #{server: \"10.0.0.2:80\"}".to_owned(),
                ));
            };
            if columns.is_empty() {
                columns = map.keys().map(ToString::to_string).collect();
                // Writing to memory does not fail.
                let _infallible = writer.write_record(&columns);
            }
            let cells = columns
                .iter()
                .map(|column| map.get(column.as_str()).map(cell).unwrap_or_default());
            let _infallible = writer.write_record(cells);
        }
        let bytes = writer.into_inner().unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&text);
        match parsed {
            Ok(value) => exact(&ctx, &value),
            Err(error) => Err(invalid(&ctx, format!("{path} is no JSON: {error}"))),
        }
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
        write(&ctx, path, &(to_json(value) + "\n"))
    }
}
