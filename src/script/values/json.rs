//! Script values as JSON, and JSON as script values.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::{
    DestinationList, DestinationValue, OutcomeValue, PlanValue, ServiceList, ServiceValue,
};
use crate::script::error::ScriptError;

/// Returns a value as JSON; snapshots have the shape of the document.
pub(in crate::script) fn json_of(value: &Dynamic) -> Value {
    if value.is_unit() {
        return Value::Null;
    }
    if let Ok(flag) = value.as_bool() {
        return flag.into();
    }
    if let Ok(number) = value.as_int() {
        return number.into();
    }
    if let Ok(number) = value.as_float() {
        return number.into();
    }
    if let Ok(text) = value.clone().into_immutable_string() {
        return text.as_str().into();
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(json_of).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map
            .iter()
            .map(|(key, value)| (key.to_string(), json_of(value)))
            .collect();
    }
    if let Some(service) = value.read_lock::<ServiceValue>() {
        return service.json();
    }
    if let Some(destination) = value.read_lock::<DestinationValue>() {
        return destination.json();
    }
    if let Some(list) = value.read_lock::<ServiceList>() {
        return list.iter().map(ServiceValue::json).collect();
    }
    if let Some(list) = value.read_lock::<DestinationList>() {
        return list.iter().map(DestinationValue::json).collect();
    }
    if let Some(duration) = value.clone().try_cast::<super::DurationValue>() {
        return duration.to_string().into();
    }
    if let Some(plan) = value.read_lock::<PlanValue>() {
        return plan.json();
    }
    if let Some(outcome) = value.read_lock::<OutcomeValue>() {
        return outcome.json();
    }
    if let Some(error) = value.read_lock::<ScriptError>() {
        return serde_json::json!({
            "kind": error.kind, "errno": error.errno, "object": error.object, "message": error.message, "hint": error.hint,
        });
    }
    value.to_string().into()
}

/// Returns a value as one line of JSON.
pub(in crate::script) fn json_text(value: &Dynamic) -> String {
    json_of(value).to_string()
}

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
