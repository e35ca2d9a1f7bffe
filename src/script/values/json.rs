//! Script values as JSON, and JSON as script values.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::{
    DestinationList, DestinationValue, OutcomeValue, PlanValue, ServiceList, ServiceValue,
};
use crate::document::json::{pretty, value as value_of};
use crate::results::ScriptErrorShape;
use crate::script::error::ScriptError;
use crate::script::limits::{self, Stop};

/// Returns a value as JSON; snapshots have the shape of the document.
///
/// # Errors
/// [`Stop`] if that takes more than the script may: what is one text in many places is many there.
pub(in crate::script) fn json_of(value: &Dynamic) -> Result<Value, Stop> {
    limits::tick()?;
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(flag.into());
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.into());
    }
    if let Ok(number) = value.as_float() {
        return Ok(number.into());
    }
    if let Ok(text) = value.clone().into_immutable_string() {
        limits::afford(text.len())?;
        return Ok(text.as_str().into());
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(json_of).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map
            .iter()
            .map(|(key, value)| Ok((key.to_string(), json_of(value)?)))
            .collect();
    }
    Ok(snapshot(value))
}

/// Returns a value as JSON where no error can be returned: the script is ended with its next step instead.
pub(in crate::script) fn json_or_end(value: &Dynamic) -> Value {
    json_of(value).unwrap_or_else(|stop| {
        limits::end(stop);
        Value::Null
    })
}

fn snapshot(value: &Dynamic) -> Value {
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
        return value_of(&ScriptErrorShape {
            kind: &error.kind,
            errno: error.errno.as_deref(),
            object: error.object.as_deref(),
            message: &error.message,
            hint: error.hint.as_deref(),
        });
    }
    value.to_string().into()
}

/// Returns a value as one line of JSON.
///
/// # Errors
/// As [`json_of`].
pub(in crate::script) fn json_text(value: &Dynamic) -> Result<String, Stop> {
    let value = json_of(value)?;
    limits::afford(length(&value).saturating_mul(2))?;
    Ok(value.to_string())
}

/// Returns a value as indented JSON.
///
/// # Errors
/// As [`json_of`].
pub(in crate::script) fn json_lines(value: &Dynamic) -> Result<String, Stop> {
    let value = json_of(value)?;
    limits::afford(length(&value).saturating_mul(2))?;
    Ok(pretty(&value))
}

/// Returns about how long the text of a value is.
fn length(value: &Value) -> usize {
    const EACH: usize = 8;
    match value {
        Value::String(text) => text.len() + EACH,
        Value::Array(items) => EACH + items.iter().map(length).sum::<usize>(),
        Value::Object(fields) => {
            let fields = fields.iter();
            EACH + fields
                .map(|(key, value)| key.len() + EACH + length(value))
                .sum::<usize>()
        }
        _ => EACH,
    }
}

/// Returns a value in short, for a message: as JSON, and only its beginning if it is long.
pub(in crate::script) fn short(value: &Dynamic) -> String {
    const LONGEST: usize = 120;
    fn write(out: &mut String, value: &Dynamic) {
        if out.len() > LONGEST {
            return;
        }
        if let Some(list) = value.read_lock::<Array>() {
            out.push('[');
            for (index, item) in list.iter().enumerate().take(LONGEST) {
                out.push_str(if index > 0 { ", " } else { "" });
                write(out, item);
            }
            out.push(']');
        } else if let Some(map) = value.read_lock::<Map>() {
            out.push_str("#{");
            for (index, (key, item)) in map.iter().enumerate().take(LONGEST) {
                out.push_str(if index > 0 { ", " } else { "" });
                out.extend(key.chars().take(LONGEST));
                out.push_str(": ");
                write(out, item);
            }
            out.push('}');
        } else if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
            let beginning: String = text.chars().take(LONGEST).collect();
            out.push_str(&format!("{beginning:?}"));
        } else if value.is_unit() {
            out.push_str("()");
        } else if let Some(service) = value.read_lock::<ServiceValue>() {
            out.push_str(&service.key.to_string());
        } else if let Some(destination) = value.read_lock::<DestinationValue>() {
            out.push_str(&destination.to_string());
        } else {
            out.push_str(&value.to_string());
        }
    }
    let mut text = String::new();
    write(&mut text, value);
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST).chain("..".chars()).collect();
    }
    text
}
