//! A plan as scripts see it.

use std::rc::Rc;

use rhai::Dynamic;
use rhai::plugin::export_module;

use crate::document::json;
use crate::render::{PlanView, plan as render_plan};
use crate::results::{change_shape, plan_shape};
use crate::txn::{Plan, Traffic};

/// What a rehearsal would change.
#[derive(Clone, Debug)]
pub(in crate::script) struct PlanValue {
    pub(in crate::script) plan: Rc<Plan>,
    value: Dynamic,
}

impl PlanValue {
    pub(in crate::script) fn new(plan: Plan, value: Dynamic) -> Self {
        Self {
            plan: Rc::new(plan),
            value,
        }
    }

    pub(super) fn text(&self) -> String {
        plain(&self.plan, "")
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json::value(&plan_shape(&self.plan))
    }
}

/// Renders a plan without colours and without its last newline.
pub(super) fn plain(plan: &Plan, ending: &str) -> String {
    let mut bytes = Vec::new();
    let view = PlanView {
        plan,
        kept: None,
        ending,
    };
    // Writing to memory does not fail.
    let _infallible = render_plan(&mut bytes, &view);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    anstream::adapter::strip_str(&text)
        .to_string()
        .trim_end()
        .to_owned()
}

fn number(value: impl TryInto<i64>) -> Dynamic {
    value.try_into().unwrap_or(i64::MAX).into()
}

/// Returns the connections that are cut and drained as a map.
fn traffic_map(traffic: Traffic) -> Dynamic {
    let map: rhai::Map = [
        ("cut".into(), number(traffic.cut)),
        ("drained".into(), number(traffic.drained)),
    ]
    .into();
    map.into()
}

/// Returns a change as a map.
pub(super) fn change(change: &crate::txn::Change, traffic: Traffic) -> Dynamic {
    let shape = super::dynamic_of(&json::value(&change_shape(change)));
    let mut map: rhai::Map = shape.try_cast().unwrap_or_default();
    map.insert("line".into(), crate::render::change_summary(change).into());
    map.insert("traffic".into(), traffic_map(traffic));
    map.into()
}

/// Returns the changes of a plan as maps.
pub(super) fn changes(plan: &Plan) -> Dynamic {
    let changes = plan
        .changes()
        .iter()
        .map(|one| change(one, plan.traffic_of(one)));
    Dynamic::from_array(changes.collect()).into_read_only()
}

/// Fields of a plan.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(super) mod fields {
    use super::PlanValue as Plan;

    /// Returns the changes: maps with `sign`, `verb`, `object`, `before`, `after`, `fields`,
    /// `traffic` (connections `cut` and `drained`) and `line`.
    #[rhai_fn(get = "changes", pure)]
    pub fn changes(plan: &mut Plan) -> Dynamic {
        super::changes(&plan.plan)
    }

    /// Returns what is done after the commit and can't be undone, in words.
    #[rhai_fn(get = "actions", pure)]
    pub fn actions(plan: &mut Plan) -> Dynamic {
        let actions = plan
            .plan
            .actions()
            .iter()
            .map(|action| Dynamic::from(action.to_string()));
        Dynamic::from_array(actions.collect()).into_read_only()
    }

    /// Returns the counts `add`, `change` and `delete`.
    #[rhai_fn(get = "summary", pure)]
    pub fn summary(plan: &mut Plan) -> Dynamic {
        let (add, change, delete) = plan.plan.counts();
        let counts = [("add", add), ("change", change), ("delete", delete)];
        let counts = counts.map(|(name, count)| (name.into(), super::number(count)));
        Dynamic::from_map(counts.into()).into_read_only()
    }

    /// Returns the connections that are `cut` and `drained`.
    #[rhai_fn(get = "traffic", pure)]
    pub fn traffic(plan: &mut Plan) -> Dynamic {
        super::traffic_map(plan.plan.traffic()).into_read_only()
    }

    /// Returns what is worth knowing before the commit, in words.
    #[rhai_fn(get = "warnings", pure)]
    pub fn warnings(plan: &mut Plan) -> Dynamic {
        let notes = plan
            .plan
            .notes()
            .iter()
            .map(|note| Dynamic::from(format!("{}: {}", note.object, note.text)));
        Dynamic::from_array(notes.collect()).into_read_only()
    }

    /// Returns the waits that counted as done, in words.
    #[rhai_fn(get = "waits", pure)]
    pub fn waits(plan: &mut Plan) -> Dynamic {
        let waits = plan
            .plan
            .waits()
            .iter()
            .map(|wait| Dynamic::from(wait.clone()));
        Dynamic::from_array(waits.collect()).into_read_only()
    }

    /// Returns whether there is nothing to do.
    #[rhai_fn(get = "is_empty", pure)]
    pub fn is_empty(plan: &mut Plan) -> bool {
        plan.plan.is_empty()
    }

    /// Returns the value of the block.
    #[rhai_fn(get = "value", pure)]
    pub fn value(plan: &mut Plan) -> Dynamic {
        plan.value.clone()
    }

    /// Returns the plan as it is shown to people.
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(plan: &mut Plan) -> String {
        plan.text()
    }
}
