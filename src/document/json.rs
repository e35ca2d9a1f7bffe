//! From shapes to text and to values. A shape has only names that are texts and no number that JSON lacks, so that this does
//! not fail.

pub use serde::Serialize as Shape;
use serde_json::Value;

/// Returns a shape as indented text, without a newline at its end.
#[must_use]
pub fn pretty(shape: &impl Shape) -> String {
    match serde_json::to_string_pretty(shape) {
        Ok(text) => text,
        Err(error) => unreachable!("BUG: a shape has a text: {error}"),
    }
}

/// Returns a shape as one line.
#[must_use]
pub fn compact(shape: &impl Shape) -> String {
    match serde_json::to_string(shape) {
        Ok(text) => text,
        Err(error) => unreachable!("BUG: a shape has a text: {error}"),
    }
}

/// Returns a shape as a value.
#[must_use]
pub fn value(shape: &impl Shape) -> Value {
    match serde_json::to_value(shape) {
        Ok(value) => value,
        Err(error) => unreachable!("BUG: a shape has a value: {error}"),
    }
}
