//! Listings and saved tables.

use super::compat::{Ending, refusal_text};
use super::tool::{Tool, errno_of};
use crate::backend::{Errno, connection_entry};
use crate::document::{Detail, DocumentWriter, write_document};
use crate::ipvsadm::syntax::Present;
use crate::ipvsadm::syntax::{Command, Field};
use crate::ipvsadm::text::NameLookup;
use crate::ipvsadm::text::{
    Layout, Listing, Numeric, connections, daemons, listing, save, sort_services, table_commands,
    timeouts,
};
use crate::model::{ListedService, ServiceEntry, ServiceKey, Table};
use crate::results::write_connections;
use crate::session::Error;

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
        let counters = self.json || present.has(Field::Stats) || present.has(Field::Rate);
        let mut services = self.session.listed(key.as_ref(), counters).map_err(wrong)?;
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
        let mut out = std::mem::take(&mut self.out);
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
        self.out = out;
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
        let written = write_document(&mut self.out, &document);
        self.formatted(written)
    }

    pub(super) fn list_connections(&mut self, present: Present) -> Result<(), Ending> {
        const FILE: &str = "/proc/net/ip_vs_conn";
        let bytes = self
            .session
            .connections_file()
            .map_err(|_| Ending::NotListed(format!("cannot open file {FILE}").into_bytes()))?;
        if bytes.is_empty() {
            return Err(Ending::NotListed(
                format!("unexpected input from {FILE}").into_bytes(),
            ));
        }
        let text = String::from_utf8_lossy(&bytes);
        // The first line is a title.
        let lines = || text.lines().skip(1);
        let entries: Vec<_> = lines().filter_map(connection_entry).collect();
        let unread = lines().count() - entries.len();
        let mut out = std::mem::take(&mut self.out);
        let mut written = Ok(());
        if self.json {
            written = write_connections(&mut out, &entries);
        } else {
            let with_engine = present.has(Field::PersistentConn);
            if !present.has(Field::Numeric) {
                self.names.expect(
                    entries
                        .iter()
                        .flat_map(|entry| [entry.source.0, entry.asked.0, entry.destination.0]),
                );
            }
            connections(&mut out, &entries, with_engine, self.lookup(present));
        }
        self.out = out;
        self.formatted(written)?;
        if unread == 0 {
            return Ok(());
        }
        Err(Ending::NotListed(
            format!("unexpected input from {FILE}: {unread} lines could not be read").into_bytes(),
        ))
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
        timeouts(&mut self.out, &found);
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
        daemons(&mut self.out, found.iter());
        Ok(())
    }

    pub(super) fn save(&mut self, present: Present) -> Result<(), Ending> {
        let wrong = |error: Error| Self::not_listed(&error);
        let mut services = self.session.listed(None, false).map_err(wrong)?;
        let complete = present.has(Field::Complete);
        if self.json && !complete {
            return self.document(&table_of(services), Detail::Configuration);
        }
        sort_services(&mut services);
        if !complete {
            self.expect_names(present, &services);
            let mut out = std::mem::take(&mut self.out);
            save(&mut out, &services, self.lookup(present));
            self.out = out;
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
            self.out.extend_from_slice(line.as_bytes());
            self.out.push(b'\n');
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
