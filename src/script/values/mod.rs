//! Values that scripts hold: snapshots, lists of them, plans, outcomes, errors.

mod destination;
mod duration;
mod dynamic;
mod json;
mod list;
mod outcome;
mod parse;
mod plan;
mod rows;
mod service;

use rhai::plugin::{Dynamic, combine_with_exported_module};
use rhai::{Engine, Module};

pub(super) use destination::{DestinationList, DestinationValue};
pub(super) use duration::{DurationValue, refuse_comparisons};
pub(super) use dynamic::dynamic_of;
pub(super) use json::{json_lines, json_of, json_or_end, json_text, short};
pub(super) use outcome::OutcomeValue;
pub(super) use parse::{NoValue, parse_json};
pub(super) use plan::PlanValue;
pub(super) use service::{ServiceList, ServiceValue, counters, rates};

use super::error::ScriptError;
use super::limits::Stop;
use crate::render::Rows;

/// A value has a text that takes more than the script may, or a signal came while it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(Stop);

impl std::fmt::Display for TooLarge {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Stop::Memory(mib) => write!(
                out,
                "the value is too large to be shown: its text takes more than {mib} MiB (--max-memory)"
            ),
            Stop::Signal(signal) => write!(out, "interrupted by signal {signal}"),
            Stop::Operations | Stop::Leaving => out.write_str("the script was ended"),
        }
    }
}

impl From<TooLarge> for Box<rhai::EvalAltResult> {
    fn from(error: TooLarge) -> Self {
        error.0.into()
    }
}

/// A value of a script, to be shown to people or given to programs. What is not asked for is not made: the JSON of
/// a large table is long.
#[derive(Clone, Debug)]
pub struct ValueText(Dynamic);

impl ValueText {
    pub(super) fn of(value: Dynamic) -> Self {
        Self(value)
    }

    pub(super) fn nothing() -> Self {
        Self(Dynamic::UNIT)
    }

    /// Returns the value for people; empty if there is nothing to show.
    ///
    /// # Errors
    /// [`TooLarge`] if its text takes more than the script may.
    pub fn text(&self) -> Result<String, TooLarge> {
        let value = &self.0;
        if value.is_unit() {
            return Ok(String::new());
        }
        if let Some(list) = value.read_lock::<ServiceList>() {
            return Ok(list.lines());
        }
        if let Some(list) = value.read_lock::<DestinationList>() {
            return Ok(list.lines());
        }
        if let Some(plan) = value.read_lock::<PlanValue>() {
            return Ok(plan.text());
        }
        if let Some(outcome) = value.read_lock::<OutcomeValue>() {
            return Ok(outcome.text());
        }
        if let Ok(text) = value.clone().into_string() {
            return Ok(text);
        }
        self.json()
    }

    /// Returns the value as JSON, indented.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn json(&self) -> Result<String, TooLarge> {
        json_lines(&self.0).map_err(TooLarge)
    }

    /// Returns the value as a table, if it is one: snapshots, and lists of maps.
    #[must_use]
    pub fn rows(&self) -> Option<Rows> {
        rows::of(&self.0)
    }
}

/// Registers the types with their fields.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<ServiceValue>("Service");
    engine.register_type_with_name::<DestinationValue>("Destination");
    engine.register_type_with_name::<PlanValue>("Plan");
    engine.register_type_with_name::<OutcomeValue>("Outcome");
    engine.register_type_with_name::<ScriptError>("Error");
    engine.register_type_with_name::<DurationValue>("Duration");
    list::register::<ServiceValue>(engine, "ServiceList");
    list::register::<DestinationValue>(engine, "DestinationList");
    let mut fields = Module::new();
    combine_with_exported_module!(&mut fields, "service_fields", service::fields);
    combine_with_exported_module!(&mut fields, "destination_fields", destination::fields);
    combine_with_exported_module!(&mut fields, "plan_fields", plan::fields);
    combine_with_exported_module!(&mut fields, "outcome_fields", outcome::fields);
    combine_with_exported_module!(&mut fields, "error_fields", error_fields);
    combine_with_exported_module!(&mut fields, "duration_fields", duration::fields);
    engine.register_global_module(fields.into());
    refuse_comparisons(engine);
}

/// Returns a value as a person writes it: text without quotes, the rest as JSON.
pub(super) fn plain_text(value: &Dynamic) -> String {
    if let Some(duration) = value.clone().try_cast::<DurationValue>() {
        return duration.to_string();
    }
    value.clone().into_string().unwrap_or_else(|_| short(value))
}

/// Returns what a commit left, as changes that restore the table before.
fn residue(error: &ScriptError) -> Dynamic {
    let mut left = rhai::Array::new();
    if let Some(crate::session::Error::Commit(report)) = error.session.as_deref()
        && let crate::txn::Outcome::Indeterminate { residue, .. } = &report.outcome
    {
        let back = residue.iter();
        left.extend(back.map(|one| plan::change(one, crate::txn::Traffic::default())));
    }
    Dynamic::from_array(left).into_read_only()
}

/// Fields of an error.
#[rhai::plugin::export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
mod error_fields {
    use crate::script::error::ScriptError as Error;

    fn number(value: Option<usize>) -> Dynamic {
        value
            .and_then(|value| i64::try_from(value).ok())
            .map_or(Dynamic::UNIT, Into::into)
    }

    fn some(text: Option<&str>) -> Dynamic {
        text.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns the kind of error: `exists`, `missing`, `refused`, `conflict`, `invalid`, …
    #[rhai_fn(get = "kind", pure)]
    pub fn kind(error: &mut Error) -> String {
        error.kind.to_string()
    }

    /// Returns the kernel's error by name, such as `EEXIST`, or `()`.
    #[rhai_fn(get = "errno", pure)]
    pub fn errno(error: &mut Error) -> Dynamic {
        some(error.errno.as_deref())
    }

    /// Returns the object it is about, or `()`.
    #[rhai_fn(get = "object", pure)]
    pub fn object(error: &mut Error) -> Dynamic {
        some(error.object.as_deref())
    }

    /// Returns where it was thrown: the script or module, or `()`.
    #[rhai_fn(get = "source", pure)]
    pub fn source(error: &mut Error) -> Dynamic {
        some(error.place.as_ref().map(|place| place.source.as_str()))
    }

    /// Returns the line where it was thrown, or `()`.
    #[rhai_fn(get = "line", pure)]
    pub fn line(error: &mut Error) -> Dynamic {
        number(error.place.as_ref().map(|place| place.line))
    }

    /// Returns the column where it was thrown, or `()`.
    #[rhai_fn(get = "column", pure)]
    pub fn column(error: &mut Error) -> Dynamic {
        number(error.place.as_ref().map(|place| place.column))
    }

    /// Returns the changes that would restore the table before, if a commit left something: `[]` otherwise.
    #[rhai_fn(get = "residue", pure)]
    pub fn residue(error: &mut Error) -> Dynamic {
        crate::script::values::residue(error)
    }

    /// Returns the kind of a text that was thrown: `script`.
    #[rhai_fn(get = "kind", pure)]
    pub fn text_kind(_text: &mut rhai::ImmutableString) -> String {
        "script".to_owned()
    }

    /// Returns a text that was thrown.
    #[rhai_fn(get = "message", pure)]
    pub fn text_message(text: &mut rhai::ImmutableString) -> String {
        text.to_string()
    }

    /// Returns the error in words.
    #[rhai_fn(get = "message", pure)]
    pub fn message(error: &mut Error) -> String {
        error.message.clone()
    }

    /// Returns the way out, or `()`.
    #[rhai_fn(get = "hint", pure)]
    pub fn hint(error: &mut Error) -> Dynamic {
        some(error.hint.as_deref())
    }

    /// Returns the error in words.
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(error: &mut Error) -> String {
        error.message.clone()
    }
}
