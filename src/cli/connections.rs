//! Looking at the connection table.

use std::cmp::Ordering;
use std::io::{self, Write};
use std::net::SocketAddr;

use super::args::Globals;
use super::connections_args::{ConnectionsArguments, SortField, Sorting};
use super::context::{Context, with_session};
use super::failure::Failure;
use super::format::Format;
use super::looking_back::{self, local};
use super::outcome::CommandOutcome;
use crate::document::json;
use crate::model::ConnectionEntry;
use crate::render::{ConnectionColumns, connection_groups, count, csv_line};
use crate::results::{ConnectionCountShape, ConnectionGroupsShape, ConnectionLineShape, VERSION};
use crate::session::{
    Access, ConnectionFilter, ConnectionSource, ConnectionsRead, service_text, state_of,
};

/// From here on it is said before how many there are: the kernel walks its whole table for it.
const MANY: u64 = 100_000;

/// Rows that are looked at before the first is shown, to tell how wide the columns are.
const LOOKED_AHEAD: usize = 1_000;

/// A connection to be sorted.
struct Row {
    protocol: String,
    client: SocketAddr,
    service: String,
    server: SocketAddr,
    state: String,
    expires_seconds: u64,
    engine: Option<(String, String)>,
}

impl Row {
    fn of(entry: &ConnectionEntry<'_>) -> Self {
        let owned = |(name, data): (&str, &str)| (name.to_owned(), data.to_owned());
        Self {
            protocol: entry.protocol.to_ascii_lowercase(),
            client: SocketAddr::from(entry.source),
            service: service_text(entry),
            server: SocketAddr::from(entry.destination),
            state: state_of(entry).to_owned(),
            expires_seconds: entry.expires_seconds,
            engine: entry.engine.map(owned),
        }
    }

    fn shape(&self) -> ConnectionLineShape {
        ConnectionLineShape::new(
            (&self.protocol, self.client, &self.service, self.server),
            (&self.state, self.expires_seconds),
            self.engine.clone(),
        )
    }

    fn cells(&self) -> [String; 6] {
        let is_template = self.client.port() == 0;
        let client = if is_template {
            self.client.ip().to_string()
        } else {
            self.client.to_string()
        };
        [
            self.protocol.clone(),
            client,
            self.service.clone(),
            self.server.to_string(),
            self.state.clone(),
            humantime::format_duration(std::time::Duration::from_secs(self.expires_seconds))
                .to_string(),
        ]
    }

    fn compared(&self, other: &Self, sorting: Sorting) -> Ordering {
        let by_field = match sorting.field {
            SortField::Protocol => self.protocol.cmp(&other.protocol),
            SortField::Client => self.client.cmp(&other.client),
            SortField::Service => self.service.cmp(&other.service),
            SortField::Server => self.server.cmp(&other.server),
            SortField::State => self.state.cmp(&other.state),
            SortField::Expires => self.expires_seconds.cmp(&other.expires_seconds),
        };
        let by_field = if sorting.is_reversed {
            by_field.reverse()
        } else {
            by_field
        };
        // Equal ones always come in the same order.
        by_field.then_with(|| (self.client, &self.service).cmp(&(other.client, &other.service)))
    }
}

/// Shows connections, how many there are, or what they have in common.
pub(super) fn connections(
    context: &Context,
    globals: &Globals,
    arguments: &ConnectionsArguments,
) -> Result<CommandOutcome, Failure> {
    let format = context.format;
    if arguments.top.is_some() && arguments.group_by.is_empty() && arguments.sort.is_none() {
        return Err(Failure::Usage {
            text: "--top N says how many, and not of what".to_owned(),
            hint: Some("--group-by client or --sort -expires says of what".to_owned()),
        });
    }
    let filter = ConnectionFilter {
        services: arguments.services.clone(),
        servers: arguments.servers.clone(),
        clients: arguments.clients.clone(),
        states: arguments.states.clone(),
        protocols: arguments.protocols.clone(),
    };
    filter.check().map_err(crate::session::Error::from)?;
    let asked = Asked {
        context,
        arguments,
        filter: &filter,
        format,
    };
    if let Some(mut past) = looking_back::open(context, globals, &arguments.back)? {
        let recorded = past.connections_time()?;
        context
            .ui
            .status(&format!("the connections are from {}", local(recorded)));
        return asked.show(&mut past);
    }
    with_session(context, globals, Access::Read, |session| {
        if let Some(number) = session
            .connection_estimate()
            .filter(|number| *number >= MANY)
        {
            context.ui.status(&format!(
                "reading some {number} connections: the kernel walks its whole table for that"
            ));
        }
        asked.show(session)
    })
}

struct Asked<'a> {
    context: &'a Context,
    arguments: &'a ConnectionsArguments,
    filter: &'a ConnectionFilter,
    format: Format,
}

impl Asked<'_> {
    fn show(&self, source: &mut dyn ConnectionSource) -> Result<CommandOutcome, Failure> {
        let read = if self.arguments.count {
            self.count(source)?
        } else if !self.arguments.group_by.is_empty() {
            self.groups(source)?
        } else {
            self.list(source)?
        };
        if read.unread > 0 {
            let lines = count(usize::try_from(read.unread).unwrap_or(usize::MAX), "line");
            self.context.ui.warning(&format!(
                "{lines} of the kernel's file of connections can't be read, and are missing here"
            ));
        }
        Ok(CommandOutcome::Shown)
    }

    fn count(&self, source: &mut dyn ConnectionSource) -> Result<ConnectionsRead, Failure> {
        let read = source.connections(self.filter, &mut |_| {})?;
        let written = self.context.ui.data(|out| match self.format {
            Format::Table => writeln!(out, "{}", read.taken),
            Format::Csv => writeln!(out, "connections\n{}", read.taken),
            other => other.write(out, &ConnectionCountShape::new(read.taken), None),
        });
        written.map_err(Failure::Output)?;
        Ok(read)
    }

    fn groups(&self, source: &mut dyn ConnectionSource) -> Result<ConnectionsRead, Failure> {
        let by = &self.arguments.group_by;
        let (mut groups, read) = source.connection_groups(self.filter, by)?;
        let all = groups.len();
        groups.truncate(self.arguments.top.unwrap_or(all));
        let titles: Vec<&str> = by.iter().map(|field| field.name()).collect();
        let shape = || ConnectionGroupsShape::new(&titles, &groups, (all, read.taken));
        let written = self.context.ui.data(|out| match self.format {
            Format::Table => connection_groups(out, &titles, &groups, (all, read.taken)),
            Format::Csv => {
                let head = titles.iter().chain(&["connections"]);
                csv_line(out, head.map(|title| (*title).to_owned()))?;
                groups.iter().try_for_each(|group| {
                    let number = std::iter::once(group.connections.to_string());
                    csv_line(out, group.values.iter().cloned().chain(number))
                })
            }
            other => other.write(out, &shape(), Some("groups")),
        });
        written.map_err(Failure::Output)?;
        Ok(read)
    }

    fn list(&self, source: &mut dyn ConnectionSource) -> Result<ConnectionsRead, Failure> {
        let mut read = ConnectionsRead::default();
        let mut failure = None;
        let written = self.context.ui.data(|out| {
            let mut printer = Printer::new(out, self.format, self.context.ui.width())?;
            let mut printed = Ok(());
            let found = match self.arguments.sort {
                None => source.connections(self.filter, &mut |entry| {
                    // What can't be written is not written again and again.
                    if printed.is_ok() {
                        printed = printer.add(Row::of(entry));
                    }
                }),
                Some(sorting) => {
                    let most = self.arguments.top.unwrap_or(usize::MAX);
                    let mut rows = Vec::new();
                    let found = source.connections(self.filter, &mut |entry| {
                        rows.push(Row::of(entry));
                        if rows.len() > most.saturating_mul(2).saturating_add(LOOKED_AHEAD) {
                            rows.sort_by(|one, other| one.compared(other, sorting));
                            rows.truncate(most);
                        }
                    });
                    rows.sort_by(|one, other| one.compared(other, sorting));
                    rows.truncate(most);
                    printed = rows.into_iter().try_for_each(|row| printer.add(row));
                    found
                }
            };
            match found {
                Ok(found) => read = found,
                Err(error) => failure = Some(error),
            }
            printed?;
            printer.end()
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        written.map_err(Failure::Output)?;
        if read.taken == 0 && self.format == Format::Table {
            let text = if read.entries == 0 {
                "there are no connections".to_owned()
            } else {
                format!("none of {} connections is meant", read.entries)
            };
            self.context.ui.status(&text);
        }
        Ok(read)
    }
}

/// Prints rows as they come.
struct Printer<'o> {
    out: &'o mut dyn Write,
    format: Format,
    width: Option<usize>,
    /// Rows that wait until it is known how wide the columns are.
    ahead: Vec<[String; 6]>,
    columns: Option<ConnectionColumns>,
    is_empty: bool,
}

impl<'o> Printer<'o> {
    fn new(out: &'o mut dyn Write, format: Format, width: Option<usize>) -> io::Result<Self> {
        match format {
            Format::Json => {
                write!(out, "{{\n  \"version\": {VERSION},\n  \"connections\": [")?;
            }
            Format::Yaml => write!(out, "version: {VERSION}\nconnections:")?,
            Format::Csv => {
                let head = ConnectionLineShape::FIELDS.iter();
                csv_line(out, head.map(|field| (*field).to_owned()))?;
            }
            Format::Table | Format::Jsonl => {}
        }
        Ok(Self {
            out,
            format,
            width,
            ahead: Vec::new(),
            columns: None,
            is_empty: true,
        })
    }

    fn add(&mut self, row: Row) -> io::Result<()> {
        let is_first = std::mem::replace(&mut self.is_empty, false);
        match self.format {
            Format::Json => {
                let separator = if is_first { "\n    " } else { ",\n    " };
                write!(self.out, "{separator}{}", json::compact(&row.shape()))
            }
            // A line of JSON is YAML too.
            Format::Yaml => write!(self.out, "\n- {}", json::compact(&row.shape())),
            Format::Jsonl => writeln!(self.out, "{}", json::compact(&row.shape())),
            Format::Csv => csv_line(self.out, row.shape().values()),
            Format::Table => match &self.columns {
                Some(columns) => columns.write(self.out, &row.cells()),
                None => {
                    self.ahead.push(row.cells());
                    if self.ahead.len() < LOOKED_AHEAD {
                        return Ok(());
                    }
                    self.show_ahead()
                }
            },
        }
    }

    fn show_ahead(&mut self) -> io::Result<()> {
        let columns = ConnectionColumns::fitted(&self.ahead, self.width);
        columns.write_titles(self.out)?;
        for cells in std::mem::take(&mut self.ahead) {
            columns.write(self.out, &cells)?;
        }
        self.columns = Some(columns);
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        match self.format {
            Format::Json if self.is_empty => writeln!(self.out, "]\n}}"),
            Format::Json => writeln!(self.out, "\n  ]\n}}"),
            Format::Yaml if self.is_empty => writeln!(self.out, " []"),
            Format::Yaml => writeln!(self.out),
            Format::Table if !self.ahead.is_empty() => self.show_ahead(),
            _ => Ok(()),
        }
    }
}
