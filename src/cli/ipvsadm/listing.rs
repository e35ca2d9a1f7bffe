//! Listings and saved tables.

use super::compat::{Ending, refusal_text};
use super::tool::{Tool, errno_of};
use crate::backend::{Counted, Errno};
use crate::document::{Detail, DocumentWriter, write_document};
use crate::ipvsadm::syntax::{Command, Field, Present};
use crate::ipvsadm::text::{
    Layout, Listing, NameLookup, Numeric, connection_rows, connection_titles, daemons, listing,
    save, sort_services, table_commands, timeouts,
};
use crate::model::{ListedService, ServiceEntry, ServiceKey, Table};
use crate::results::ConnectionsWriter;
use crate::session::{ConnectionSource, Error};

impl Tool<'_> {
    fn lookup(&self, present: Present) -> &dyn NameLookup {
        if present.has(Field::Numeric) {
            &Numeric
        } else {
            &self.names
        }
    }

    /// Looks the names of a table up at once, where names are shown.
    fn expect_names(&self, present: Present, services: &[ListedService]) {
        if present.has(Field::Numeric) {
            return;
        }
        self.names.expect(services.iter().flat_map(|service| {
            let own = match service.key {
                ServiceKey::Endpoint { address, .. } => Some(address),
                ServiceKey::Fwmark { .. } => None,
            };
            let servers = service.destinations.iter().map(|(key, _)| key.address);
            own.into_iter().chain(servers)
        }));
    }

    fn not_listed(error: &Error) -> Ending {
        Ending::NotListed(refusal_text(Command::List, errno_of(error)).into())
    }

    pub(super) fn list(&mut self, key: Option<ServiceKey>, present: Present) -> Result<(), Ending> {
        let wrong = |error: Error| Self::not_listed(&error);
        let counted = if self.json || present.has(Field::Stats) || present.has(Field::Rate) {
            Counted::Everything
        } else {
            Counted::Connections
        };
        let mut services = self.session.listed(key.as_ref(), counted).map_err(wrong)?;
        if key.is_some() && services.is_empty() {
            return Err(Ending::NotListed(
                refusal_text(Command::List, Errno::ESRCH).into(),
            ));
        }
        if self.json {
            return self.document(&table_of(services), Detail::Observed);
        }
        if !present.has(Field::Nosort) {
            sort_services(&mut services);
        }
        let kernel = match key {
            Some(_) => None,
            None => {
                let info = self.session.info().map_err(wrong)?;
                Some((info.version, info.connection_table_size))
            }
        };
        let chosen = [
            (Field::Stats, Layout::Stats),
            (Field::Rate, Layout::Rate),
            (Field::Thresholds, Layout::Thresholds),
            (Field::PersistentConn, Layout::PersistentConn),
            (Field::TunInfo, Layout::TunInfo),
        ];
        let layout = chosen.into_iter().find(|(field, _)| present.has(*field));
        self.expect_names(present, &services);
        let mut out = std::mem::take(&mut self.output.bytes);
        listing(
            &mut out,
            &Listing {
                services: &services,
                layout: layout.map_or(Layout::Plain, |(_, layout)| layout),
                exact: present.has(Field::Exact),
                names: self.lookup(present),
                kernel,
            },
        );
        self.output.bytes = out;
        Ok(())
    }

    /// Writing to memory does not fail; should it ever, that is said.
    fn formatted(&mut self, written: std::io::Result<()>) -> Result<(), Ending> {
        written.map_err(|error| Ending::NotListed(error.to_string().into_bytes()))
    }

    fn document(&mut self, table: &Table, detail: Detail) -> Result<(), Ending> {
        let document = DocumentWriter {
            table,
            detail,
            incomplete: &[],
        };
        let written = write_document(&mut self.output.bytes, &document);
        self.formatted(written)
    }

    /// Lists the connection table as it is read: it may be larger than memory.
    pub(super) fn list_connections(&mut self, present: Present) -> Result<(), Ending> {
        const FILE: &str = "/proc/net/ip_vs_conn";
        let with_engine = present.has(Field::PersistentConn);
        let numeric = present.has(Field::Numeric);
        let (mut is_begun, mut is_empty) = (false, true);
        let Self {
            session,
            names,
            output,
            json,
            ..
        } = self;
        let lookup: &dyn NameLookup = if numeric { &Numeric } else { names };
        let read =
            session.read_connections(&mut |entries| {
                if !std::mem::replace(&mut is_begun, true) {
                    if *json {
                        let _begun = ConnectionsWriter::new(&mut output.bytes);
                    } else {
                        connection_titles(&mut output.bytes, with_engine);
                    }
                }
                if *json {
                    is_empty = ConnectionsWriter::resumed(&mut output.bytes, is_empty).add(entries);
                } else {
                    if !numeric {
                        names.expect(entries.iter().flat_map(|entry| {
                            [entry.source.0, entry.asked.0, entry.destination.0]
                        }));
                    }
                    connection_rows(&mut output.bytes, entries, with_engine, lookup);
                }
                output.flush(false);
            });
        if is_begun && *json {
            ConnectionsWriter::resumed(&mut output.bytes, is_empty).end();
        }
        let text = match read {
            Ok((0, _)) => format!("unexpected input from {FILE}"),
            Ok((_, 0)) => return Ok(()),
            Ok((_, unread)) => {
                format!("unexpected input from {FILE}: {unread} lines could not be read")
            }
            Err(_) if !is_begun => format!("cannot open file {FILE}"),
            Err(error) => format!("{FILE} was not read to its end: {error}"),
        };
        Err(Ending::NotListed(text.into_bytes()))
    }

    pub(super) fn list_timeouts(&mut self, _: Present) -> Result<(), Ending> {
        // The original says nothing if this fails.
        let found = self.session.timeouts();
        let found = found.map_err(|_| Ending::NotListed(Vec::new()))?;
        if self.json {
            let table = Table {
                timeouts: Some(found),
                ..Table::default()
            };
            return self.document(&table, Detail::Observed);
        }
        timeouts(&mut self.output.bytes, &found);
        Ok(())
    }

    pub(super) fn list_daemons(&mut self, _: Present) -> Result<(), Ending> {
        let found = self.session.daemons();
        let found = found.map_err(|_| Ending::NotListed(Vec::new()))?;
        if self.json {
            let table = Table {
                daemons: Some(
                    found
                        .into_iter()
                        .map(|daemon| (daemon.role, daemon))
                        .collect(),
                ),
                ..Table::default()
            };
            return self.document(&table, Detail::Observed);
        }
        daemons(&mut self.output.bytes, found.iter());
        Ok(())
    }

    pub(super) fn save(&mut self, present: Present) -> Result<(), Ending> {
        let wrong = |error: Error| Self::not_listed(&error);
        let mut services = self
            .session
            .listed(None, Counted::Connections)
            .map_err(wrong)?;
        let complete = present.has(Field::Complete);
        if self.json && !complete {
            return self.document(&table_of(services), Detail::Configuration);
        }
        sort_services(&mut services);
        if !complete {
            self.expect_names(present, &services);
            let mut out = std::mem::take(&mut self.output.bytes);
            save(&mut out, &services, self.lookup(present));
            self.output.bytes = out;
            return Ok(());
        }
        let settings = Table {
            timeouts: Some(self.session.timeouts().map_err(wrong)?),
            daemons: Some(
                self.session
                    .daemons()
                    .map_err(wrong)?
                    .into_iter()
                    .map(|daemon| (daemon.role, daemon))
                    .collect(),
            ),
            ..Table::default()
        };
        if self.json {
            let table = Table {
                services: table_of(services).services,
                ..settings
            };
            return self.document(&table, Detail::Configuration);
        }
        let (lines, lost) = table_commands(&services, &settings);
        for line in lines {
            self.output.bytes.extend_from_slice(line.as_bytes());
            self.output.bytes.push(b'\n');
        }
        if lost.is_empty() {
            return Ok(());
        }
        Err(Ending::NotListed(
            format!("no line can save this:\n{}", lost.join("\n")).into_bytes(),
        ))
    }
}

fn table_of(services: Vec<ListedService>) -> Table {
    let entries = services.into_iter().map(|service| {
        (
            service.key,
            ServiceEntry {
                configuration: service.configuration,
                destinations: service.destinations.into_iter().collect(),
                observed: service.observed,
            },
        )
    });
    Table {
        services: entries.collect(),
        ..Table::default()
    }
}
