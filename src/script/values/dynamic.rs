//! JSON as script values.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

/// Returns JSON as a script value. Numbers beyond the language's integers become its largest.
pub(in crate::script) fn dynamic_of(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(_)) => i64::MAX.into(),
            (None, None) => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(dynamic_of).collect::<Array>().into(),
        Value::Object(fields) => {
            let map: Map = fields
                .iter()
                .map(|(key, value)| (key.as_str().into(), dynamic_of(value)))
                .collect();
            map.into()
        }
    }
}
