//! A table document that is as short as can be: of what a plan touches alone, and without what is as new objects have
//! it. Reading it gives the same table, as what is left out is the default of a new object.
//!
//! Every commit writes two of them before it sends anything, so what large tables are full of is written by hand.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::VERSION;
use super::table::{DaemonShape, daemon_shape, persistence_shape, timeouts_shape, tunnel_shape};
use crate::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, ServerNumber, ServiceConfiguration,
    ServiceEntry, ServiceKey, Table, Tunnel,
};
use crate::txn::{Footprint, ServiceFootprint};

/// One end of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompactTable<'a> {
    pub(super) table: &'a Table,
    pub(super) footprint: &'a Footprint,
}

impl CompactTable<'_> {
    /// Appends the document; `space` goes before each service.
    pub(super) fn append(&self, out: &mut Vec<u8>, space: &str) -> serde_json::Result<()> {
        field(out, "{", "version", &VERSION)?;
        name(out, ",", "services");
        out.push(b'[');
        let mut before = "";
        for (key, entry) in &self.table.services {
            if let Some(footprint) = self.footprint.services.get(key) {
                out.extend_from_slice(before.as_bytes());
                out.extend_from_slice(space.as_bytes());
                service(out, key, entry, footprint)?;
                before = ",";
            }
        }
        out.push(b']');
        if let Some(timeouts) = &self.table.timeouts
            && self.footprint.timeouts
        {
            field(out, ",", "timeouts", &timeouts_shape(timeouts))?;
        }
        if let Some(daemons) = &self.table.daemons
            && !self.footprint.daemons.is_empty()
        {
            let touched = daemons
                .values()
                .filter(|daemon| self.footprint.daemons.contains(&daemon.role));
            let shapes: Vec<DaemonShape<'_>> = touched.map(daemon_shape).collect();
            field(out, ",", "daemons", &shapes)?;
        }
        if !self.footprint.sysctl.is_empty() {
            let names = self.footprint.sysctl.iter();
            let values: BTreeMap<&str, &str> = names
                .filter_map(|name| Some((name.as_str(), self.table.sysctl.get(name)?.as_str())))
                .collect();
            field(out, ",", "sysctl", &values)?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// Appends the name of a field behind `before`; names need no escapes.
pub(super) fn name(out: &mut Vec<u8>, before: &str, name: &str) {
    for part in [before, "\"", name, "\":"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a field behind `before`.
pub(super) fn field(
    out: &mut Vec<u8>,
    before: &str,
    its_name: &str,
    value: &(impl Serialize + ?Sized),
) -> serde_json::Result<()> {
    name(out, before, its_name);
    serde_json::to_writer(out, value)
}

/// Appends the id of an object, which needs no escapes, as its first field.
fn id(out: &mut Vec<u8>, key: &impl std::fmt::Display) {
    name(out, "{", "id");
    // Memory takes all that is written to it.
    let _infallible = write!(out, "\"{key}\"");
}

fn service(
    out: &mut Vec<u8>,
    key: &ServiceKey,
    entry: &ServiceEntry,
    footprint: &ServiceFootprint,
) -> serde_json::Result<()> {
    let configuration = &entry.configuration;
    let fresh = ServiceConfiguration::default();
    id(out, key);
    if configuration.scheduler != fresh.scheduler {
        field(out, ",", "scheduler", configuration.scheduler.as_str())?;
    }
    let flags = configuration
        .scheduler_flags
        .names(&configuration.scheduler);
    if !flags.is_empty() {
        field(out, ",", "scheduler_flags", &flags)?;
    }
    if configuration.one_packet {
        field(out, ",", "one_packet", &true)?;
    }
    if configuration.other_flags != 0 {
        field(out, ",", "other_flags", &configuration.other_flags)?;
    }
    if let Some(persistence) = &configuration.persistence {
        field(out, ",", "persistence", &persistence_shape(persistence))?;
    }
    if let Some(dormant) = &configuration.dormant {
        field(out, ",", "dormant_persistence", &persistence_shape(dormant))?;
    }
    name(out, ",", "destinations");
    out.push(b'[');
    servers(out, &entry.destinations, footprint)?;
    out.extend_from_slice(b"]}");
    Ok(())
}

fn servers(
    out: &mut Vec<u8>,
    entries: &BTreeMap<DestinationKey, DestinationEntry>,
    footprint: &ServiceFootprint,
) -> serde_json::Result<()> {
    let fresh = DestinationConfiguration::default();
    let mut before = "";
    for (key, entry) in entries {
        if !footprint.has_server(key) {
            continue;
        }
        let configuration = &entry.configuration;
        out.extend_from_slice(before.as_bytes());
        before = ",";
        id(out, key);
        if configuration.forwarding != fresh.forwarding {
            name(out, ",", "forwarding");
            for part in ["\"", &configuration.forwarding.name(), "\""] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        if configuration.tunnel != Tunnel::Ipip {
            field(out, ",", "tunnel", &tunnel_shape(configuration.tunnel))?;
        }
        for number in ServerNumber::ALL {
            if number.is_set(configuration) {
                field(out, ",", number.name, &number.of(configuration))?;
            }
        }
        out.push(b'}');
    }
    Ok(())
}
