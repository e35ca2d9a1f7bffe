//! Sync daemons as scripts write them.

use rhai::Map;

use super::convert::{Converted, check_keys, given, int, text, wrong};
use super::keys;
use crate::model::{DaemonRole, Invalid, SyncDaemon};

/// Reads a sync daemon to start.
pub(super) fn sync_daemon(state: &str, map: &Map) -> Converted<SyncDaemon> {
    const RANGE: &str = "it is a number in the range of the field";
    // What runs says which of the two it is.
    let mut map = map.clone();
    match map.remove("state").map(|named| text("state", &named)) {
        Some(named) if named.as_deref() != Ok(state) => {
            return Err(Invalid::new(
                "state of a sync daemon",
                named?,
                format!("it is to be started as {state}"),
            ));
        }
        _ => {}
    }
    let map = &map;
    check_keys("a sync daemon", map, keys::DAEMON)?;
    let interface = map.get("interface").ok_or_else(|| {
        Invalid::new(
            "sync daemon",
            state,
            "it needs an interface, as in #{interface: \"eth0\"}",
        )
    })?;
    let numbered = |name: &str| given(map, name).map(|value| int(name, value)).transpose();
    let group = match map.get("group") {
        None => SyncDaemon::DEFAULT_GROUP,
        Some(value) => text("group", value)?.parse().map_err(|_| {
            wrong(
                "group",
                value,
                "it is a multicast address, such as 224.0.0.81",
            )
        })?,
    };
    let fit = |name: &str, value: i64| Invalid::new(name, value, RANGE);
    let daemon = SyncDaemon {
        role: DaemonRole::parse(state)?,
        interface: text("interface", interface)?,
        sync_id: match numbered("sync_id")? {
            None => 0,
            Some(id) => u32::try_from(id).map_err(|_| fit("sync_id", id))?,
        },
        sync_maxlen: match numbered("sync_maxlen")? {
            None => None,
            Some(length) => Some(u16::try_from(length).map_err(|_| fit("sync_maxlen", length))?),
        },
        group,
        port: match numbered("port")? {
            None => SyncDaemon::DEFAULT_PORT,
            Some(port) => u16::try_from(port).map_err(|_| fit("port", port))?,
        },
        ttl: match numbered("ttl")? {
            None => SyncDaemon::DEFAULT_TTL,
            Some(ttl) => u8::try_from(ttl).map_err(|_| fit("ttl", ttl))?,
        },
    };
    daemon.check()?;
    Ok(daemon)
}
