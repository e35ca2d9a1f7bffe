//! Configurations in words, field by field.

use crate::model::{
    DestinationConfiguration, ForwardingMethod, Persistence, ServerNumber, ServiceConfiguration,
    ServiceKey, Tunnel,
};

/// A field that differs.
pub(super) struct FieldChange {
    pub(super) name: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

/// Returns a duration in its shortest exact words.
pub(super) fn seconds(number: u32) -> String {
    humantime::format_duration(std::time::Duration::from_secs(number.into()))
        .to_string()
        .replace(' ', "")
}

fn persistence(value: Option<&Persistence>, key: &ServiceKey) -> String {
    let Some(value) = value else {
        return "none".to_owned();
    };
    // Nobody can make one that lasts no time: it is not known, as for users without privilege.
    let mut text = match value.timeout_seconds {
        0 => String::new(),
        timeout => seconds(timeout),
    };
    if value.granularity != crate::model::Granularity::full(key.family()) {
        text.push_str(&format!(" mask {}", value.granularity));
    }
    if let Some(engine) = &value.engine {
        text.push_str(&format!(" engine {}", engine.as_str()));
    }
    text
}

/// Returns everything about a service that is not the default, for one line.
pub(super) fn service_words(key: &ServiceKey, configuration: &ServiceConfiguration) -> Vec<String> {
    let mut words = vec![configuration.scheduler.to_string()];
    words.extend(
        configuration
            .scheduler_flags
            .names(&configuration.scheduler)
            .iter()
            .map(|name| (*name).to_owned()),
    );
    if configuration.one_packet {
        words.push("one-packet".to_owned());
    }
    if configuration.persistence.is_some() {
        let lasts = persistence(configuration.persistence.as_ref(), key);
        words.push(format!("persistent {lasts}").trim_end().to_owned());
    }
    if let Some(engine) = configuration
        .dormant
        .as_ref()
        .and_then(|dormant| dormant.engine.as_ref())
    {
        words.push(format!("engine {} (not persistent)", engine.as_str()));
    }
    if configuration.other_flags != 0 {
        words.push(format!("flags {:#x}", configuration.other_flags));
    }
    words
}

/// Returns a method with its tunnel.
pub(super) fn method(configuration: &DestinationConfiguration) -> String {
    let plain = configuration.tunnel == Tunnel::Ipip;
    match (configuration.forwarding, plain) {
        (method, true) => method.to_string(),
        (ForwardingMethod::Tunneling, false) => format!("tunneling {}", configuration.tunnel),
        (method, false) => format!("{method} ({})", configuration.tunnel),
    }
}

/// Returns everything about a server that is worth a word.
pub(super) fn destination_words(configuration: &DestinationConfiguration) -> Vec<String> {
    let mut words = vec![
        format!("weight {}", configuration.weight),
        method(configuration),
    ];
    for number in others() {
        if number.is_set(configuration) {
            words.push(format!("{} {}", number.name, number.of(configuration)));
        }
    }
    words
}

/// The numbers of a real server behind its weight.
fn others() -> impl Iterator<Item = ServerNumber> {
    ServerNumber::ALL.into_iter().skip(1)
}

fn push(changes: &mut Vec<FieldChange>, name: &'static str, before: String, after: String) {
    if before != after {
        changes.push(FieldChange {
            name,
            before,
            after,
        });
    }
}

/// Returns the fields in which two configurations of a service differ.
pub(super) fn service_changes(
    key: &ServiceKey,
    before: &ServiceConfiguration,
    after: &ServiceConfiguration,
) -> Vec<FieldChange> {
    let flags = |c: &ServiceConfiguration| {
        let names = c.scheduler_flags.names(&c.scheduler).join(",");
        if names.is_empty() {
            "none".to_owned()
        } else {
            names
        }
    };
    let mut changes = Vec::new();
    push(
        &mut changes,
        "scheduler",
        before.scheduler.to_string(),
        after.scheduler.to_string(),
    );
    push(&mut changes, "scheduler_flags", flags(before), flags(after));
    push(
        &mut changes,
        "one_packet",
        before.one_packet.to_string(),
        after.one_packet.to_string(),
    );
    push(
        &mut changes,
        "other_flags",
        before.other_flags.to_string(),
        after.other_flags.to_string(),
    );
    push(
        &mut changes,
        "persistence",
        persistence(before.persistence.as_ref(), key),
        persistence(after.persistence.as_ref(), key),
    );
    push(
        &mut changes,
        "dormant_persistence",
        persistence(before.dormant.as_ref(), key),
        persistence(after.dormant.as_ref(), key),
    );
    changes
}

/// Returns the fields in which two configurations of a server differ.
pub(super) fn destination_changes(
    before: &DestinationConfiguration,
    after: &DestinationConfiguration,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    push(
        &mut changes,
        "weight",
        before.weight.to_string(),
        after.weight.to_string(),
    );
    push(
        &mut changes,
        "forwarding",
        before.forwarding.to_string(),
        after.forwarding.to_string(),
    );
    push(
        &mut changes,
        "tunnel",
        before.tunnel.to_string(),
        after.tunnel.to_string(),
    );
    for number in others() {
        let text = |configuration| number.of(configuration).to_string();
        push(&mut changes, number.name, text(before), text(after));
    }
    changes
}
