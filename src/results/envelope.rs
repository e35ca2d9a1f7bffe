//! The result of a command that can change something: one envelope for all of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::VERSION;
use super::runbook::RunbookShape;
use crate::document::{Detail, daemon_shape, json, service_shape, timeouts_shape};
use crate::model::{
    DestinationConfiguration, DestinationEntry, ServiceConfiguration, ServiceEntry, ServiceKey,
};
use crate::session::{ClientsMoved, clients_moved};
use crate::txn::{Change, Plan};

/// What a command did, for programs.
#[derive(Clone, Debug, Serialize)]
pub struct ResultShape {
    /// The version of this shape.
    pub version: u32,
    /// `committed`, `unchanged`, `planned`, `rolled_back`, `conflict`, `guarded`, `locked`, `indeterminate` or `failed`.
    pub outcome: String,
    /// Whether the live table is another than before the command.
    pub changed: bool,
    /// Of a plan, whether the table would become another; null where nothing was only planned.
    pub would_change: Option<bool>,
    /// Whether what was committed is kept: false of a simulated table without a file.
    pub saved: bool,
    /// The number of the commit in the journal, or null.
    pub id: Option<u64>,
    /// Until when the commit must be confirmed or rolls back automatically, or null.
    pub confirm_by: Option<String>,
    /// What was planned, or null if it never came to a plan.
    pub plan: Option<PlanShape>,
    /// The commits that a script made and that stand, oldest first; of a failed run too.
    pub commits: Vec<PlanShape>,
    /// Their numbers in the journal, if they are in it.
    pub commit_ids: Vec<u64>,
    /// What became of the runbooks of a script.
    pub runbooks: Vec<RunbookShape>,
    /// Why it did not go through, or null.
    pub cause: Option<CauseShape>,
    /// Changes that would restore the table before, if it is neither that nor the planned one.
    pub residue: Vec<ChangeShape>,
    /// What else the user should know.
    pub warnings: Vec<String>,
}

impl ResultShape {
    /// Makes an envelope.
    #[must_use]
    pub fn new(outcome: &str) -> Self {
        Self {
            version: VERSION,
            outcome: outcome.to_owned(),
            changed: false,
            would_change: None,
            saved: true,
            id: None,
            confirm_by: None,
            plan: None,
            commits: Vec::new(),
            commit_ids: Vec::new(),
            runbooks: Vec::new(),
            cause: None,
            residue: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl ResultShape {
    /// Makes the envelope of a plan that is only shown.
    #[must_use]
    pub fn planned(plan: &Plan) -> Self {
        Self {
            would_change: Some(!plan.is_empty()),
            plan: Some(plan_shape(plan)),
            ..Self::new("planned")
        }
    }
}

/// Why something did not go through.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CauseShape {
    /// The kind of error, see the README.
    pub kind: String,
    /// The kernel's error by name, or null.
    pub errno: Option<String>,
    /// The object it is about, or null.
    pub object: Option<String>,
    /// The error in words.
    pub message: String,
    /// The way out, or null.
    pub hint: Option<String>,
    /// What someone else changed, if that is the cause.
    pub differences: Vec<ChangeShape>,
}

/// An error that came before anything else.
pub type ErrorShape = CauseShape;

/// A plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanShape {
    /// The changes in the order in which they are sent.
    pub changes: Vec<ChangeShape>,
    /// What is done afterwards and can't be undone.
    pub actions: Vec<String>,
    /// Notes by object.
    pub notes: Vec<NoteShape>,
    /// Waits that counted as done while a script was rehearsed.
    pub waits: Vec<String>,
    /// Counts.
    pub summary: SummaryShape,
}

/// A note on an object.
#[derive(Clone, Debug, Serialize)]
pub struct NoteShape {
    /// The object.
    pub object: String,
    /// The note.
    pub text: String,
}

/// The counts of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct SummaryShape {
    /// Objects that appear.
    pub add: usize,
    /// Objects that change.
    pub change: usize,
    /// Objects that go.
    pub delete: usize,
    /// Open connections that are cut.
    pub connections_cut: u64,
    /// Open connections that go on at servers without weight.
    pub connections_drained: u64,
    /// The share of clients that change servers, from 0 to 1, by service, where it can be told.
    pub clients_moved: BTreeMap<String, f64>,
    /// The share of those that no server takes any more, in the same way.
    pub clients_refused: BTreeMap<String, f64>,
}

/// A kernel parameter.
#[derive(Serialize)]
struct ValueShape<'a> {
    value: &'a str,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeShape {
    /// `+`, `~` or `-`.
    pub sign: char,
    /// `add`, `edit`, `delete`, `set`, `start` or `stop`.
    pub verb: &'static str,
    /// The object, as everywhere.
    pub object: String,
    /// What it was, in the document's shape, or null.
    pub before: Option<Value>,
    /// What it becomes, in the document's shape, or null.
    pub after: Option<Value>,
    /// For edits, each field that differs as `[before, after]`.
    pub fields: BTreeMap<String, [Value; 2]>,
}

/// Returns a plan in its serialised shape.
#[must_use]
pub fn plan_shape(plan: &Plan) -> PlanShape {
    let (add, change, delete) = plan.counts();
    let traffic = plan.traffic();
    let moved = clients_moved(plan);
    let share_of = |share: fn(&ClientsMoved) -> f64| {
        let shares = moved.iter();
        shares
            .map(|one| (one.key.to_string(), share(one)))
            .collect()
    };
    PlanShape {
        changes: plan.changes().iter().map(change_shape).collect(),
        actions: plan.actions().iter().map(ToString::to_string).collect(),
        notes: plan
            .notes()
            .iter()
            .map(|note| NoteShape {
                object: note.object.to_string(),
                text: note.text.clone(),
            })
            .collect(),
        waits: plan.waits().to_vec(),
        summary: SummaryShape {
            add,
            change,
            delete,
            connections_cut: traffic.cut,
            connections_drained: traffic.drained,
            clients_moved: share_of(|one| one.moved),
            clients_refused: share_of(|one| one.refused),
        },
    }
}

fn service_value(
    key: &ServiceKey,
    configuration: &ServiceConfiguration,
    servers: &BTreeMap<crate::model::DestinationKey, DestinationConfiguration>,
) -> Value {
    let destinations = servers.iter().map(|(key, configuration)| {
        (
            *key,
            DestinationEntry {
                configuration: *configuration,
                ..DestinationEntry::default()
            },
        )
    });
    let entry = ServiceEntry {
        configuration: configuration.clone(),
        destinations: destinations.collect(),
        ..ServiceEntry::default()
    };
    json::value(&service_shape(key, &entry, Detail::Configuration))
}

fn plain_service(key: &ServiceKey, configuration: &ServiceConfiguration) -> Value {
    let mut value = service_value(key, configuration, &BTreeMap::new());
    if let Some(object) = value.as_object_mut() {
        object.remove("destinations");
    }
    value
}

fn server_value(
    service: &ServiceKey,
    key: &crate::model::DestinationKey,
    configuration: &DestinationConfiguration,
) -> Value {
    let servers = [(*key, *configuration)].into();
    let mut value = service_value(service, &ServiceConfiguration::default(), &servers);
    value["destinations"][0].take()
}

/// Returns a change in its serialised shape.
#[must_use]
pub fn change_shape(change: &Change) -> ChangeShape {
    let timeouts = |timeouts| json::value(&timeouts_shape(timeouts));
    let daemon = |daemon| json::value(&daemon_shape(daemon));
    let (before, after) = match change {
        Change::AddService { key, after } => (None, Some(plain_service(key, after))),
        Change::EditService { key, before, after } => (
            Some(plain_service(key, before)),
            Some(plain_service(key, after)),
        ),
        Change::DeleteService {
            key,
            before,
            destinations,
        } => (Some(service_value(key, before, destinations)), None),
        Change::AddDestination {
            service,
            key,
            after,
        } => (None, Some(server_value(service, key, after))),
        Change::EditDestination {
            service,
            key,
            before,
            after,
        } => (
            Some(server_value(service, key, before)),
            Some(server_value(service, key, after)),
        ),
        Change::DeleteDestination {
            service,
            key,
            before,
        } => (Some(server_value(service, key, before)), None),
        Change::SetTimeouts { before, after } => (Some(timeouts(before)), Some(timeouts(after))),
        Change::StartDaemon { after } => (None, Some(daemon(after))),
        Change::StopDaemon { before } => (Some(daemon(before)), None),
        Change::SetSysctl { before, after, .. } => (
            Some(json::value(&ValueShape { value: before })),
            Some(json::value(&ValueShape { value: after })),
        ),
    };
    let mut fields = BTreeMap::new();
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (&before, &after) {
        for (name, value) in new {
            let was = old.get(name).cloned().unwrap_or_default();
            if was != *value {
                fields.insert(name.clone(), [was, value.clone()]);
            }
        }
        for (name, was) in old {
            if !new.contains_key(name) {
                fields.insert(name.clone(), [was.clone(), Value::Null]);
            }
        }
    }
    ChangeShape {
        sign: change.sign(),
        verb: change.verb(),
        object: change.object().to_string(),
        before,
        after,
        fields,
    }
}
