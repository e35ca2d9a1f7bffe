//! The table document, as read: what is left out stays as it is, what is unknown is an error at its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use serde::de::{Error as _, IgnoredAny, MapAccess};

use super::VERSION;
use super::complaint::invalid;
use super::error::DocumentError;
use super::file_kind::FileKind;
use super::keys::{Fields, Object, Parameters, list, parsed, parsed_address, repeated};
use super::read_service::ServiceFields;
use super::yaml::{converted, is_yaml};
use crate::model::{
    DaemonRole, DestinationEntry, Invalid, ServiceEntry, SyncDaemon, Table, TableSpecification,
    Timeouts, TimeoutsEdit, Trust, reason,
};

/// What some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The largest document that is read unless told otherwise, in bytes.
pub const DEFAULT_MAX_SIZE: u64 = 1 << 30;

/// Reads a document from a file, or from standard input if the path is `-`.
///
/// # Errors
/// [`DocumentError`] names the file and, for its contents, line and column.
pub fn read_document_file(path: &str, max_size: u64) -> Result<TableSpecification, DocumentError> {
    read_document(path, &read_file(path, max_size)?)
}

/// Reads a file as a whole, or standard input if the path is `-`.
///
/// # Errors
/// [`DocumentError`] names the file.
pub fn read_file(path: &str, max_size: u64) -> Result<Vec<u8>, DocumentError> {
    let failed = |error: io::Error| DocumentError::File {
        path: path.to_owned(),
        text: reason(&error),
    };
    let mut bytes = Vec::new();
    if path == "-" {
        io::stdin()
            .lock()
            .take(max_size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size > max_size {
            return Err(DocumentError::TooLarge {
                path: path.to_owned(),
                limit: max_size,
            });
        }
        bytes.reserve_exact(usize::try_from(size).unwrap_or_default().saturating_add(1));
        file.take(max_size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() as u64 > max_size {
        return Err(DocumentError::TooLarge {
            path: path.to_owned(),
            limit: max_size,
        });
    }
    Ok(bytes)
}

/// Reads a document.
///
/// # Errors
/// [`DocumentError::Invalid`] with line and column.
pub fn read_document(path: &str, bytes: &[u8]) -> Result<TableSpecification, DocumentError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if is_yaml(path, bytes) {
        return read_yaml(path, bytes);
    }
    // Text that is checked at once needs no check at each value.
    let parsed = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str::<Object<DocumentFields>>(text),
        Err(_) => serde_json::from_slice::<Object<DocumentFields>>(bytes),
    };
    let document = parsed.map_err(|error| invalid(path, bytes, FileKind::Document, &error))?;
    Ok(document.0)
}

fn read_yaml(path: &str, bytes: &[u8]) -> Result<TableSpecification, DocumentError> {
    let converted = converted(path, bytes)?;
    let parsed = serde_json::from_slice::<Object<DocumentFields>>(&converted.json);
    let document = parsed.map_err(|error| {
        let wrong = invalid(path, &converted.json, FileKind::Document, &error);
        wrong.placed_by(|line| converted.place(line))
    })?;
    Ok(document.0)
}

/// Returns a document as JSON, whichever form it is written in.
pub(super) fn as_json(path: &str, bytes: &[u8]) -> Result<Vec<u8>, DocumentError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if is_yaml(path, bytes) {
        return Ok(converted(path, bytes)?.json);
    }
    Ok(bytes.to_vec())
}

/// Makes the table that a recorded document describes, values that only a kernel can make included.
pub(super) fn table_of(document: TableSpecification) -> Result<Table, Invalid> {
    let mut table = Table {
        daemons: document.daemons,
        sysctl: document.sysctl.into_iter().collect(),
        ..Table::default()
    };
    if let Some(edit) = &document.timeouts {
        table.timeouts = Some(edit.apply(Timeouts::KERNEL_DEFAULT)?);
    }
    for service in document.services {
        let key = service.key;
        let mut entry = ServiceEntry {
            configuration: service.edit.apply(&key, None, Trust::Recorded)?,
            ..ServiceEntry::default()
        };
        for server in service.destinations.into_iter().flatten() {
            let configuration = server
                .edit
                .apply(&key, &server.key, None, Trust::Recorded)?;
            let server_entry = DestinationEntry {
                configuration,
                ..DestinationEntry::default()
            };
            entry.destinations.insert(server.key, server_entry);
        }
        table.services.insert(key, entry);
    }
    Ok(table)
}

#[derive(Default)]
pub(super) struct DocumentFields {
    version: Option<u32>,
    table: TableSpecification,
}

impl Fields for DocumentFields {
    type Value = TableSpecification;
    const WHAT: &'static str = "a table document";
    const KNOWN: &'static [&'static str] = &[
        "version",
        "incomplete",
        "services",
        "timeouts",
        "daemons",
        "sysctl",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "version" => self.version = Some(map.next_value()?),
            "incomplete" => {
                map.next_value::<IgnoredAny>()?;
                return Err(A::Error::custom(
                    "this document is incomplete: it was exported without privilege, and can't be applied",
                ));
            }
            "services" => {
                self.table.services = list::<ServiceFields, A>(map)?;
            }
            "timeouts" => self.table.timeouts = Some(map.next_value::<Object<TimeoutsFields>>()?.0),
            "daemons" => {
                let mut daemons = BTreeMap::new();
                for daemon in list::<DaemonFields, A>(map)? {
                    let role = daemon.role;
                    if daemons.insert(role, daemon).is_some() {
                        return Err(A::Error::custom(format!(
                            "two daemons have state {}",
                            role.word()
                        )));
                    }
                }
                self.table.daemons = Some(daemons);
            }
            _ => {
                self.table.sysctl = map.next_value::<Parameters>()?.0;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<TableSpecification, String> {
        match self.version {
            None => {
                return Err(
                    "the document has no `version`; this program writes and reads 1".to_owned(),
                );
            }
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    "the document has version {other}; this program reads {VERSION}"
                ));
            }
        }
        match repeated(self.table.services.iter().map(|service| service.key)) {
            Some(key) => Err(format!("virtual service {key} is listed twice")),
            None => Ok(self.table),
        }
    }
}

#[derive(Default)]
struct TimeoutsFields(TimeoutsEdit);

impl Fields for TimeoutsFields {
    type Value = TimeoutsEdit;
    const WHAT: &'static str = "timeouts";
    const KNOWN: &'static [&'static str] = &["tcp_seconds", "tcp_fin_seconds", "udp_seconds"];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let place = match name {
            "tcp_seconds" => &mut self.0.tcp_seconds,
            "tcp_fin_seconds" => &mut self.0.tcp_fin_seconds,
            _ => &mut self.0.udp_seconds,
        };
        *place = Some(map.next_value()?);
        Ok(())
    }

    fn finish(self) -> Result<TimeoutsEdit, String> {
        Ok(self.0)
    }
}

#[derive(Default)]
struct DaemonFields {
    state: Option<DaemonRole>,
    interface: Option<String>,
    sync_id: Option<u32>,
    sync_maxlen: Option<u16>,
    group: Option<std::net::IpAddr>,
    port: Option<u16>,
    ttl: Option<u8>,
}

impl Fields for DaemonFields {
    type Value = SyncDaemon;
    const WHAT: &'static str = "a sync daemon";
    const KNOWN: &'static [&'static str] = &[
        "state",
        "interface",
        "sync_id",
        "sync_maxlen",
        "group",
        "port",
        "ttl",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "state" => self.state = Some(parsed(map, DaemonRole::parse)?),
            "interface" => self.interface = Some(map.next_value()?),
            "sync_id" => self.sync_id = Some(map.next_value()?),
            "sync_maxlen" => self.sync_maxlen = map.next_value()?,
            "group" => self.group = Some(parsed_address(map)?),
            "port" => self.port = Some(map.next_value()?),
            _ => self.ttl = Some(map.next_value()?),
        }
        Ok(())
    }

    fn finish(self) -> Result<SyncDaemon, String> {
        let daemon = SyncDaemon {
            role: self
                .state
                .ok_or("a sync daemon needs a state: master or backup")?,
            interface: self.interface.ok_or("a sync daemon needs an interface")?,
            sync_id: self.sync_id.unwrap_or_default(),
            sync_maxlen: self.sync_maxlen,
            group: self.group.unwrap_or(SyncDaemon::DEFAULT_GROUP),
            port: self.port.unwrap_or(SyncDaemon::DEFAULT_PORT),
            ttl: self.ttl.unwrap_or(SyncDaemon::DEFAULT_TTL),
        };
        daemon.check().map_err(|error| error.to_string())?;
        Ok(daemon)
    }
}
