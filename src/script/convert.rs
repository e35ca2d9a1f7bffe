//! Script values to model values; every error names the field.

use std::time::Duration;

use rhai::{Array, Dynamic, Map};

use super::keys;
use crate::journal::{Data, OnFailure};
use crate::model::{
    Checksum, DestinationEdit, DestinationKey, DestinationSpecification, EngineName,
    ForwardingMethod, Granularity, Invalid, PersistenceEdit, Scheduler, ServerNumber, ServiceEdit,
    ServiceKey, SysctlName, TimeoutsEdit, Tunnel, parse_duration, suggestion,
};
use crate::session::{ApplyOptions, IfMissing, Prune, RunbookOptions};
use crate::txn::{GuardName, Guarding};

pub(super) type Converted<T> = Result<T, Invalid>;

/// Returns a value in words, for errors.
fn shown(value: &Dynamic) -> String {
    match value.clone().into_string() {
        Ok(text) => text,
        Err(_) => super::values::short(value),
    }
}

pub(super) fn wrong(name: &str, value: &Dynamic, expected: &str) -> Invalid {
    Invalid::new(name, shown(value), expected)
}

pub(super) fn text(name: &str, value: &Dynamic) -> Converted<String> {
    value
        .clone()
        .into_string()
        .map_err(|_| wrong(name, value, "it is a text"))
}

pub(super) fn int(name: &str, value: &Dynamic) -> Converted<i64> {
    value
        .as_int()
        .map_err(|_| wrong(name, value, "it is a whole number"))
}

fn number<T: TryFrom<i64>>(name: &str, value: &Dynamic, expected: &str) -> Converted<T> {
    T::try_from(int(name, value)?).map_err(|_| wrong(name, value, expected))
}

pub(super) fn flag(name: &str, value: &Dynamic) -> Converted<bool> {
    value
        .as_bool()
        .map_err(|_| wrong(name, value, "it is true or false"))
}

fn is_false(value: &Dynamic) -> bool {
    value.as_bool() == Ok(false)
}

/// Refuses keys that are not known and values that are `()`: a misspelt property yields `()` too.
/// Fields whose getters give `()`: what a service or real server does not have. A verb takes that for the same.
const MAY_BE_NONE: [&str; 8] = [
    "persistence",
    "tunnel",
    "engine",
    "netmask",
    "prefix_length",
    "port",
    "checksum",
    "sync_maxlen",
];

/// Returns the value of a field; `()` is as if it were not there.
pub(super) fn given<'m>(map: &'m Map, name: &str) -> Option<&'m Dynamic> {
    map.get(name).filter(|value| !value.is_unit())
}

pub(super) fn check_keys(what: &str, map: &Map, known: &[&str]) -> Converted<()> {
    for (key, value) in map {
        if !known.contains(&key.as_str()) {
            let expected = match suggestion(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? Known: {}", known.join(" ")),
                None => format!("known: {}", known.join(" ")),
            };
            return Err(Invalid::new(format!("field of {what}"), key, expected));
        }
        if value.is_unit() && !MAY_BE_NONE.contains(&key.as_str()) {
            return Err(Invalid::new(
                format!("{key} of {what}"),
                "()",
                "the value is (), which nothing is; `none` is written false",
            ));
        }
    }
    Ok(())
}

/// Reads a duration: a text such as "90s" or "1h30m".
pub(super) fn duration(name: &str, value: &Dynamic) -> Converted<Duration> {
    if let Some(duration) = value.clone().try_cast::<super::values::DurationValue>() {
        return Ok(duration.0);
    }
    if let Ok(number) = value.as_int() {
        return Err(Invalid::new(
            name,
            number,
            format!("{number} of what? Write \"{number}s\" or \"{number}m\""),
        ));
    }
    let text = text(name, value)?;
    parse_duration(&text).map_err(|form| Invalid::new(name, &text, form))
}

fn seconds(name: &str, value: &Dynamic) -> Converted<u32> {
    let duration = duration(name, value)?;
    if duration.subsec_nanos() != 0 {
        return Err(wrong(name, value, "the kernel counts whole seconds"));
    }
    u32::try_from(duration.as_secs()).map_err(|_| wrong(name, value, "it is too long"))
}

/// Reads `x_seconds` or `x`, which takes a duration.
fn timeout(map: &Map, name: &str) -> Converted<Option<u32>> {
    let long = format!("{name}_seconds");
    match (map.get(name), map.get(long.as_str())) {
        (Some(_), Some(_)) => Err(Invalid::new(name, &long, "give one of the two")),
        (Some(value), None) => seconds(name, value).map(Some),
        (None, Some(value)) => number(&long, value, "it is a number of seconds").map(Some),
        (None, None) => Ok(None),
    }
}

/// Reads the fields of a virtual service.
pub(super) fn service_edit(map: &Map) -> Converted<(ServiceEdit, Vec<DestinationSpecification>)> {
    check_keys("a virtual service", map, keys::SERVICE)?;
    let mut edit = ServiceEdit::default();
    let mut servers = Vec::new();
    for (key, value) in map {
        match key.as_str() {
            "scheduler" => edit.scheduler = Some(Scheduler::new(&text(key, value)?)?),
            "scheduler_flags" => {
                let flags = list(key, value)?;
                edit.scheduler_flags = Some(
                    flags
                        .iter()
                        .map(|flag| text("scheduler flag", flag))
                        .collect::<Converted<_>>()?,
                );
            }
            "one_packet" => edit.one_packet = Some(flag(key, value)?),
            "persistence" => edit.persistence = Some(persistence(value)?),
            _ => {
                for server in list(key, value)? {
                    servers.push(destination_specification(&server)?);
                }
            }
        }
    }
    Ok((edit, servers))
}

fn list(name: &str, value: &Dynamic) -> Converted<Array> {
    if let Some(list) = value.read_lock::<super::values::DestinationList>() {
        return Ok(list.iter().cloned().map(Dynamic::from).collect());
    }
    value
        .clone()
        .into_array()
        .map_err(|_| wrong(name, value, "it is a list"))
}

fn map_of(name: &str, value: &Dynamic, expected: &str) -> Converted<Map> {
    value
        .clone()
        .try_cast::<Map>()
        .ok_or_else(|| wrong(name, value, expected))
}

fn persistence(value: &Dynamic) -> Converted<Option<PersistenceEdit>> {
    const NAME: &str = "persistence";
    if is_false(value) || value.is_unit() {
        return Ok(None);
    }
    let is_duration = value.read_lock::<super::values::DurationValue>().is_some();
    if value.is_string() || value.is_int() || is_duration {
        return Ok(Some(PersistenceEdit {
            timeout_seconds: Some(seconds(NAME, value)?),
            ..PersistenceEdit::default()
        }));
    }
    let map = map_of(
        NAME,
        value,
        "it is false, a duration such as \"5m\", or #{timeout, netmask or prefix_length, engine}",
    )?;
    check_keys(NAME, &map, keys::PERSISTENCE)?;
    let mut edit = PersistenceEdit {
        timeout_seconds: timeout(&map, "timeout")?,
        ..PersistenceEdit::default()
    };
    edit.granularity = match (given(&map, "netmask"), given(&map, "prefix_length")) {
        (Some(_), Some(_)) => {
            return Err(Invalid::new(
                NAME,
                "netmask and prefix_length",
                "IPv4 has a netmask, IPv6 a prefix_length",
            ));
        }
        (Some(mask), None) => Some(Granularity::netmask(&text("netmask", mask)?)?),
        (None, Some(bits)) => Some(Granularity::prefix_length(int("prefix_length", bits)?)?),
        (None, None) => None,
    };
    edit.engine = match map.get("engine") {
        None => None,
        Some(value) if is_false(value) || value.is_unit() => Some(None),
        Some(value) => Some(Some(EngineName::new(&text("engine", value)?)?)),
    };
    Ok(Some(edit))
}

/// Reads the fields of a real server.
pub(super) fn destination_edit(map: &Map) -> Converted<DestinationEdit> {
    check_keys("a real server", map, keys::DESTINATION)?;
    let mut edit = DestinationEdit::default();
    for (key, value) in map {
        match key.as_str() {
            "forwarding" => edit.forwarding = Some(ForwardingMethod::parse(&text(key, value)?)?),
            "tunnel" => edit.tunnel = Some(tunnel(value)?),
            name => {
                // Only names that are known come here.
                if let Some(field) = ServerNumber::named(name) {
                    let value = number(key, value, "it is a number from 0 to 2147483647")?;
                    field.set(&mut edit, value)?;
                }
            }
        }
    }
    Ok(edit)
}

fn tunnel(value: &Dynamic) -> Converted<Option<Tunnel>> {
    const NAME: &str = "tunnel";
    if is_false(value) || value.is_unit() {
        return Ok(None);
    }
    let map = map_of(NAME, value, "it is false or #{type, port, checksum}")?;
    check_keys(NAME, &map, keys::TUNNEL)?;
    let kind = map
        .get("type")
        .ok_or_else(|| wrong(NAME, value, "it needs a type: ipip, gue or gre"))?;
    let port = given(&map, "port")
        .map(|port| number("tunnel port", port, "it is a number from 1 to 65535"))
        .transpose()?;
    let checksum = given(&map, "checksum")
        .map(|word| Checksum::parse(&text("checksum", word)?))
        .transpose()?;
    Tunnel::from_parts(&text("tunnel type", kind)?, port, checksum, None).map(Some)
}

fn destination_specification(value: &Dynamic) -> Converted<DestinationSpecification> {
    if value.is_string() {
        return Ok(DestinationSpecification {
            key: server_key(&text("real server", value)?)?,
            edit: DestinationEdit::default(),
        });
    }
    if let Some(server) = value.read_lock::<super::values::DestinationValue>() {
        return Ok(server.specification());
    }
    let mut map = map_of(
        "real server",
        value,
        "it is \"10.0.0.2:80\" or #{id: \"10.0.0.2:80\", weight, …}",
    )?;
    let id = map.remove("id").ok_or_else(|| {
        wrong(
            "real server",
            value,
            "it needs an id, such as \"10.0.0.2:80\"",
        )
    })?;
    Ok(DestinationSpecification {
        key: server_key(&text("id", &id)?)?,
        edit: destination_edit(&map)?,
    })
}

/// Reads the name of a real server within its service.
pub(super) fn server_key(text: &str) -> Converted<DestinationKey> {
    DestinationKey::parse(text)
}

/// Reads the name of a virtual service.
pub(super) fn service_key(text: &str) -> Converted<ServiceKey> {
    ServiceKey::parse(text)
}

/// Reads timeouts to set.
pub(super) fn timeouts_edit(map: &Map) -> Converted<TimeoutsEdit> {
    check_keys("timeouts", map, keys::TIMEOUTS)?;
    Ok(TimeoutsEdit {
        tcp_seconds: timeout(map, "tcp")?,
        tcp_fin_seconds: timeout(map, "tcp_fin")?,
        udp_seconds: timeout(map, "udp")?,
    })
}

/// Reads the options of a wait: how often to look, and what it is for in words.
pub(super) fn wait_options(map: &Map) -> Converted<(Option<Duration>, Option<String>)> {
    check_keys("wait_until", map, keys::WAIT)?;
    let every = map.get("every").map(|value| duration("every", value));
    let what = map.get("what").map(|value| text("what", value));
    match every.transpose()? {
        Some(Duration::ZERO) => Err(Invalid::new("every", "0s", "it is longer than nothing")),
        every => Ok((every, what.transpose()?)),
    }
}

/// What a transaction says beside its block.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockOptions {
    /// What it is called.
    pub(super) label: Option<String>,
    /// Within which time it must be confirmed.
    pub(super) confirm: Option<Duration>,
    /// What it is checked against.
    pub(super) guarding: Guarding,
}

/// Reads the options of a transaction.
pub(super) fn block_options(map: &Map) -> Converted<BlockOptions> {
    check_keys(
        "a transaction",
        map,
        &["label", "confirm", "guards", "override"],
    )?;
    let label = map.get("label").map(|value| text("label", value));
    let confirm = map.get("confirm").map(|value| duration("confirm", value));
    match confirm.transpose()? {
        Some(Duration::ZERO) => Err(Invalid::new("confirm", "0s", "it is longer than nothing")),
        confirm => Ok(BlockOptions {
            label: label.transpose()?,
            confirm,
            guarding: guarding(map)?,
        }),
    }
}

/// Reads guards, and which of them are overridden.
fn guarding(map: &Map) -> Converted<Guarding> {
    let words = |name: &str| -> Converted<Vec<String>> {
        let Some(value) = map.get(name) else {
            return Ok(Vec::new());
        };
        let list = value.clone().into_array().map_err(|_| {
            wrong(
                name,
                value,
                "it is a list of texts, such as [\"last_server\"]",
            )
        })?;
        list.iter().map(|word| text(name, word)).collect()
    };
    let mut found = Guarding::default();
    for word in words("guards")? {
        found.guards.add(&word)?;
    }
    for word in words("override")? {
        found.overridden.insert(GuardName::parse(&word)?);
    }
    Ok(found)
}

/// Reads the options of a runbook.
pub(super) fn runbook_options(name: String, map: &Map) -> Converted<RunbookOptions> {
    check_keys(
        "a runbook",
        map,
        &["interrupted", "failed", "guards", "override", "data"],
    )?;
    let remains = |key: &str| -> Converted<OnFailure> {
        match map.get(key) {
            None => Ok(OnFailure::RollBack),
            Some(value) => match text(key, value)?.as_str() {
                "restore" => Ok(OnFailure::RollBack),
                "keep" => Ok(OnFailure::Keep),
                other => Err(Invalid::new(key, other, "it is \"restore\" or \"keep\"")),
            },
        }
    };
    Ok(RunbookOptions {
        name,
        interrupted: remains("interrupted")?,
        failed: remains("failed")?,
        guarding: guarding(map)?,
        data: match map.get("data") {
            None => Data::default(),
            Some(value) if value.is_map() => super::values::json_or_end(value),
            Some(value) => {
                return Err(wrong(
                    "data",
                    value,
                    "it is a map, such as #{ticket: \"CHG-1234\"}",
                ));
            }
        },
    })
}

/// Reads what an error made by a script says beside its message: the object and the hint.
pub(super) fn error_options(map: &Map) -> Converted<(Option<String>, Option<String>)> {
    check_keys("error", map, &["object", "hint"])?;
    let pick = |name: &str| map.get(name).map(|value| text(name, value)).transpose();
    Ok((pick("object")?, pick("hint")?))
}

/// Reads the value of a kernel parameter: a text or a number.
pub(super) fn sysctl_value(name: &SysctlName, value: &Dynamic) -> Converted<String> {
    if let Ok(number) = value.as_int() {
        return Ok(number.to_string());
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(i64::from(flag).to_string());
    }
    let text = text(&format!("value of sysctl {name}"), value)?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Reads the options of a deletion.
pub(super) fn if_missing(map: &Map) -> Converted<IfMissing> {
    check_keys("delete", map, keys::DELETE)?;
    match map.get("missing") {
        None => Ok(IfMissing::Refuse),
        Some(value) if text("missing", value)? == "ok" => Ok(IfMissing::Accept),
        Some(value) => Err(wrong("missing", value, "write \"ok\"")),
    }
}

/// Reads the options of `table::apply`.
pub(super) fn apply_options(map: &Map) -> Converted<ApplyOptions> {
    check_keys("apply", map, keys::APPLY)?;
    let prune = match map.get("prune") {
        None => Prune::Nothing,
        Some(value) if is_false(value) => Prune::Nothing,
        Some(value) => match text("prune", value)?.as_str() {
            "servers" => Prune::Servers,
            "services" => Prune::Services,
            _ => {
                return Err(wrong(
                    "prune",
                    value,
                    "write false, \"servers\" or \"services\"",
                ));
            }
        },
    };
    Ok(ApplyOptions {
        prune,
        keep_weight: false,
    })
}
