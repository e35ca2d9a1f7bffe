//! What a document calls its objects: the `labels` of services and real servers, which are nobody's business but their owner's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::DocumentError;
use super::read::{as_json, read_document};
use crate::model::ObjectId;

/// The labels of objects, by name.
pub type Labels = BTreeMap<ObjectId, BTreeMap<String, String>>;

/// Reads the labels of a document, which has to be one.
///
/// # Errors
/// As [`read_document`].
pub fn read_labels(path: &str, bytes: &[u8]) -> Result<Labels, DocumentError> {
    let document = read_document(path, bytes)?;
    let json = as_json(path, bytes)?;
    // It is a document, so that it is JSON too.
    let value: Value = serde_json::from_slice(&json).unwrap_or_default();
    let list = |value: &Value, name: &str| -> Vec<Value> {
        let found = value.get(name).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let mut labels = Labels::new();
    for (service, written) in document.services.iter().zip(list(&value, "services")) {
        labels.insert(ObjectId::Service(service.key), labels_of(&written));
        let servers = service.destinations.iter().flatten();
        for (server, written) in servers.zip(list(&written, "destinations")) {
            let object = ObjectId::Destination(service.key, server.key);
            labels.insert(object, labels_of(&written));
        }
    }
    labels.retain(|_, found| !found.is_empty());
    Ok(labels)
}

fn labels_of(object: &Value) -> BTreeMap<String, String> {
    let labels = object.get("labels").and_then(Value::as_object);
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    labels
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::read_labels;

    #[test]
    fn labels_are_found_in_both_forms_of_a_document() {
        let json = br#"{"version": 1, "services": [
            {"id": "tcp://192.0.2.1:80", "labels": {"name": "web", "tier": 1},
             "destinations": [{"id": "10.0.0.2:80", "labels": {"rack": "b\"4"}}, {"id": "10.0.0.3:80"}]},
            {"id": "fwmark://7"}]}"#;
        let yaml = b"version: 1\nservices:\n  - id: tcp://192.0.2.1:80\n    labels: {name: web, tier: 1}\n    destinations:\n      - id: 10.0.0.2:80\n        labels:\n          rack: 'b\"4'\n      - id: 10.0.0.3:80\n  - id: fwmark://7\n";
        let found = read_labels("t.json", json).unwrap();
        let told: Vec<String> = found
            .iter()
            .map(|(object, labels)| format!("{object} {labels:?}"))
            .collect();
        assert_eq!(
            told,
            [
                "tcp://192.0.2.1:80 {\"name\": \"web\", \"tier\": \"1\"}",
                "tcp://192.0.2.1:80/10.0.0.2:80 {\"rack\": \"b\\\"4\"}"
            ]
        );
        assert_eq!(read_labels("t.yaml", yaml).unwrap(), found);
        assert!(read_labels("t.json", b"{}").is_err());
    }
}
