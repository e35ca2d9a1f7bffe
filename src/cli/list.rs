//! Looking at the table.

use std::io::{self, Write};
use std::time::SystemTime;

use super::args::Globals;
use super::context::{Context, with_session};
use super::failure::Failure;
use super::format::Format;
use super::list_args::ListArguments;
use super::list_watch;
use super::looking_back::{self, Past};
use super::outcome::CommandOutcome;
use crate::config::{self, Characters};
use crate::document::{Detail, DocumentWriter, YamlForm, json, write_document, write_yaml};
use crate::model::{
    Field, FieldValue, Known, NamedField, Row, RowKind, Selector, ServerRow, ServiceEntry,
    ServicePart, SortKey, Table, parse_duration, shown,
};
use crate::render::{
    FieldRows, Heading, count, csv_line, field_rows, list as render_list, time_of_day,
    usual_columns,
};
use crate::results::{RowShape, RowsShape};
use crate::script::RowFilter;
use crate::session::{Access, Session, TableLabel, lacks_permission};

/// What was asked of a list.
pub(super) struct Asked {
    pub(super) selectors: Vec<Selector>,
    pub(super) kind: RowKind,
    /// Columns as they were named, if they were.
    pub(super) columns: Vec<(String, NamedField)>,
    pub(super) sort: Vec<SortKey>,
    /// By what the services of a tree are sorted: what they have of it.
    sort_services: Vec<SortKey>,
    pub(super) filter: Option<RowFilter>,
}

/// A table as it was read for a list.
#[derive(Clone, Copy)]
pub(super) struct Seen<'t> {
    pub(super) whole: &'t Table,
    pub(super) known: Known,
    pub(super) missing: &'t [&'t str],
    /// When that was; `None` is now.
    pub(super) time: Option<SystemTime>,
}

impl Asked {
    pub(super) fn of(arguments: &ListArguments) -> Result<Self, Failure> {
        let kind = arguments.kind();
        let named = |name: &String| Ok((name.clone(), NamedField::parse(name, kind)?));
        let sort: Vec<SortKey> = arguments
            .sort
            .iter()
            .map(|text| SortKey::parse(text, kind))
            .collect::<Result<_, _>>()?;
        // A tree is sorted at both of its levels, each by what it has.
        let of_services = arguments.sort.iter().filter_map(|text| {
            let name = text.replacen("service.", "", 1);
            SortKey::parse(&name, RowKind::Service).ok()
        });
        Ok(Self {
            selectors: selectors(&arguments.objects)?,
            kind,
            columns: arguments
                .columns
                .iter()
                .map(named)
                .collect::<Result<_, Failure>>()?,
            sort_services: of_services.collect(),
            sort,
            filter: arguments
                .filter
                .as_ref()
                .map(|text| RowFilter::parse(text, kind))
                .transpose()?,
        })
    }

    fn takes(&self, row: &Row<'_>) -> Result<bool, Failure> {
        match &self.filter {
            Some(filter) => Ok(filter.takes(row)?),
            None => Ok(true),
        }
    }

    /// Returns the fields of lines that are no tree, and their names.
    fn columns_of_rows(&self, format: Format) -> Result<(Vec<String>, Vec<NamedField>), Failure> {
        if !self.columns.is_empty() {
            return Ok(self.columns.iter().cloned().unzip());
        }
        let names: Vec<&str> = match (self.kind, format) {
            (RowKind::Service, Format::Table) => vec![
                "id",
                "scheduler",
                "destinations",
                "quiescent",
                "weight_sum",
                "active",
                "inactive",
                "persistent",
                "connections_per_second",
            ],
            (RowKind::Server, Format::Table) => vec![
                "id",
                "services",
                "weight_sum",
                "active",
                "inactive",
                "persistent",
                "connections_per_second",
            ],
            // For programs all that a line has by itself.
            _ => Field::of(self.kind).map(|field| field.name).collect(),
        };
        let mut fields = Vec::new();
        for name in &names {
            fields.push(NamedField::parse(name, self.kind)?);
        }
        Ok((names.into_iter().map(str::to_owned).collect(), fields))
    }

    /// Returns what is meant of a table, as services with their real servers.
    fn parts<'t>(&self, part: &'t Table, seen: &Seen<'t>) -> Result<Vec<ServicePart<'t>>, Failure> {
        let mut parts = ServicePart::all(part, seen.whole, seen.known);
        for part in &mut parts {
            let entry: &ServiceEntry = part.service.entry;
            let receptions = entry.receptions();
            let mut kept = Vec::with_capacity(part.destinations.len());
            for (row, server) in part.rows(&receptions).zip(&part.destinations) {
                if self.takes(&Row::Destination(row))? {
                    kept.push((row, *server));
                }
            }
            if !self.sort.is_empty() {
                kept.sort_by(|(one, _), (other, _)| {
                    let (one, other) = (Row::Destination(*one), Row::Destination(*other));
                    SortKey::compared(&self.sort, &one, &other)
                });
            }
            let kept = kept.into_iter().map(|(_, server)| server).collect();
            part.destinations = kept;
        }
        if self.filter.is_some() {
            parts.retain(|part| !part.destinations.is_empty());
        }
        if !self.sort_services.is_empty() {
            parts.sort_by(|one, other| {
                let (one, other) = (Row::Service(one.service), Row::Service(other.service));
                SortKey::compared(&self.sort_services, &one, &other)
            });
        }
        Ok(parts)
    }

    /// Returns the values of lines that are no tree.
    fn rows(
        &self,
        part: &Table,
        seen: &Seen<'_>,
        fields: &[NamedField],
    ) -> Result<Vec<Vec<FieldValue>>, Failure> {
        let mut found: Vec<(Vec<FieldValue>, Vec<FieldValue>)> = Vec::new();
        let mut add = |row: &Row<'_>| -> Result<(), Failure> {
            if self.takes(row)? {
                let keys = self.sort.iter().map(|key| key.field.value(row)).collect();
                found.push((keys, fields.iter().map(|field| field.value(row)).collect()));
            }
            Ok(())
        };
        match self.kind {
            RowKind::Destination => {
                for part in ServicePart::all(part, seen.whole, seen.known) {
                    let receptions = part.service.entry.receptions();
                    for row in part.rows(&receptions) {
                        add(&Row::Destination(row))?;
                    }
                }
            }
            RowKind::Service => {
                for part in ServicePart::all(part, seen.whole, seen.known) {
                    add(&Row::Service(part.service))?;
                }
            }
            RowKind::Server => {
                for row in ServerRow::all(part, seen.known) {
                    add(&Row::Server(&row))?;
                }
            }
        }
        found.sort_by(|(one, _), (other, _)| {
            let both = self.sort.iter().zip(one.iter().zip(other));
            both.fold(std::cmp::Ordering::Equal, |order, (key, (one, other))| {
                order.then_with(|| one.compared(other, key.is_reversed))
            })
        });
        Ok(found.into_iter().map(|(_, values)| values).collect())
    }

    /// Writes what is meant of a table, and returns how many lines that were.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        context: &Context,
        place: &str,
        seen: &Seen<'_>,
    ) -> Result<usize, Failure> {
        let part = if self.selectors.is_empty() {
            None
        } else {
            Some(Session::part_of(seen.whole, &self.selectors)?)
        };
        let part = part.as_ref().unwrap_or(seen.whole);
        let format = context.format;
        let is_tree = self.kind == RowKind::Destination;
        let is_document = is_tree && self.columns.is_empty() && self.sort.is_empty();
        match format {
            Format::Table if is_tree => {
                let parts = self.parts(part, seen)?;
                let heading = Heading {
                    place: place.to_owned(),
                    time: time_of_day(seen.time),
                    characters: config::characters(),
                    width: context.ui.width(),
                };
                let columns: Vec<NamedField> = match self.columns.is_empty() {
                    true => usual_columns(),
                    false => self.columns.iter().map(|(_, field)| *field).collect(),
                };
                render_list(out, &heading, &parts, &columns).map_err(Failure::Output)?;
                Ok(parts.len())
            }
            Format::Json | Format::Yaml if is_document => {
                let filtered = match &self.filter {
                    Some(_) => Some(table_of(&self.parts(part, seen)?)),
                    None => None,
                };
                let table = filtered.as_ref().unwrap_or(part);
                write_table(out, format, table, seen.missing).map_err(Failure::Output)?;
                Ok(table.services.len())
            }
            _ => {
                let (names, fields) = self.columns_of_rows(format)?;
                let values = self.rows(part, seen, &fields)?;
                let rows = Rows {
                    kind: self.kind,
                    names: &names,
                    fields: &fields,
                    values: &values,
                    missing: seen.missing,
                };
                rows.write(out, context).map_err(Failure::Output)?;
                Ok(values.len())
            }
        }
    }

    /// Says that nothing was meant, where that is not what was asked for.
    fn tell_nothing(&self, context: &Context, seen: &Seen<'_>) {
        if self.filter.is_none() {
            return;
        }
        let all = match self.kind {
            RowKind::Destination => count(seen.whole.destination_count(), "real server"),
            RowKind::Service => count(seen.whole.services.len(), "service"),
            RowKind::Server => count(ServerRow::all(seen.whole, seen.known).len(), "address"),
        };
        context
            .ui
            .status(&format!("the filter takes none of {all}"));
    }
}

fn write_table(
    out: &mut dyn Write,
    format: Format,
    table: &Table,
    missing: &[&str],
) -> io::Result<()> {
    let document = DocumentWriter {
        table,
        detail: Detail::Observed,
        incomplete: missing,
    };
    match format {
        Format::Yaml => write_yaml(out, &json::compact(&document), YamlForm::Whole),
        _ => write_document(out, &document),
    }
}

/// Returns the services of a list as a table.
fn table_of(parts: &[ServicePart<'_>]) -> Table {
    let mut table = Table::default();
    for part in parts {
        let entry = ServiceEntry {
            configuration: part.service.entry.configuration.clone(),
            destinations: part
                .destinations
                .iter()
                .map(|(key, entry)| (**key, (*entry).clone()))
                .collect(),
            observed: part.service.entry.observed.clone(),
        };
        table.services.insert(*part.service.key, entry);
    }
    table
}

/// Lines that are no tree.
struct Rows<'r> {
    kind: RowKind,
    names: &'r [String],
    fields: &'r [NamedField],
    values: &'r [Vec<FieldValue>],
    missing: &'r [&'r str],
}

impl Rows<'_> {
    fn write(&self, out: &mut dyn Write, context: &Context) -> io::Result<()> {
        match context.format {
            Format::Table => {
                let rows = FieldRows {
                    kind: self.kind,
                    fields: self.fields,
                    values: self.values,
                };
                field_rows(out, &rows, config::characters(), context.ui.width())
            }
            Format::Csv => {
                csv_line(out, self.names.iter().cloned())?;
                let texts = |row: &'_ [FieldValue]| -> Vec<String> {
                    row.iter().map(ToString::to_string).collect()
                };
                self.values
                    .iter()
                    .try_for_each(|row| csv_line(out, texts(row)))
            }
            Format::Jsonl => self.values.iter().try_for_each(|values| {
                let row = RowShape {
                    names: self.names,
                    values,
                };
                writeln!(out, "{}", json::compact(&row))
            }),
            Format::Json | Format::Yaml => {
                let shape = RowsShape {
                    kind: self.kind,
                    names: self.names,
                    values: self.values,
                    incomplete: self.missing,
                };
                context.format.write(out, &shape, None)
            }
        }
    }
}

/// Shows the table, or some services of it.
pub(super) fn list(
    context: &Context,
    globals: &Globals,
    arguments: &ListArguments,
) -> Result<CommandOutcome, Failure> {
    if let (Some(_), Some(word)) = (arguments.watch, arguments.objects.first())
        && parse_duration(word).is_ok()
    {
        return Err(Failure::usage(format!(
            "the value of --watch stands behind `=`: --watch={word} (--watch alone means every 2 s)"
        )));
    }
    let asked = Asked::of(arguments)?;
    if let Some(interval) = arguments.watch {
        return list_watch::watch(context, globals, &asked, interval);
    }
    if let Some(past) = looking_back::open(context, globals, &arguments.back)? {
        return list_past(context, &asked, &past);
    }
    with_session(context, globals, Access::Read, |session| {
        let (whole, missing) = match session.services_with(&asked.selectors) {
            Err(error) if lacks_permission(&error) => session.table_without_privilege()?,
            other => (other?, Vec::new()),
        };
        let seen = Seen {
            whole: &whole,
            known: Known {
                all: missing.is_empty(),
                rates: session.estimates(),
            },
            missing: &missing,
            time: None,
        };
        show(context, &asked, &place_words(session.label()), &seen)
    })
}

/// Shows a table as it was recorded: what the list showed then.
fn list_past(context: &Context, asked: &Asked, past: &Past) -> Result<CommandOutcome, Failure> {
    let snapshot = &past.snapshot;
    let missing = snapshot.missing_words();
    let seen = Seen {
        whole: &snapshot.table,
        known: snapshot.known,
        missing: &missing,
        time: Some(snapshot.time),
    };
    show(context, asked, &place_words(&snapshot.place), &seen)
}

fn show(
    context: &Context,
    asked: &Asked,
    place: &str,
    seen: &Seen<'_>,
) -> Result<CommandOutcome, Failure> {
    tell_missing(context, seen.missing);
    let (mut lines, mut failure) = (0, None);
    let written = context
        .ui
        .data(|out| match asked.write(out, context, place, seen) {
            Ok(number) => {
                lines = number;
                Ok(())
            }
            Err(Failure::Output(error)) => Err(error),
            Err(other) => {
                failure = Some(other);
                Ok(())
            }
        });
    if let Some(failure) = failure {
        return Err(failure);
    }
    written.map_err(Failure::Output)?;
    if lines == 0 {
        asked.tell_nothing(context, seen);
    }
    Ok(CommandOutcome::Shown)
}

pub(super) fn tell_missing(context: &Context, missing: &[&str]) {
    if !missing.is_empty() {
        context.ui.warning(&format!(
            "without privilege this list lacks {}",
            missing.join(", ")
        ));
        context.ui.hint("run it as root to see everything");
    }
}

/// Reads what a command is to work on.
pub(super) fn selectors(texts: &[String]) -> Result<Vec<Selector>, Failure> {
    let read = texts.iter().map(|text| Selector::parse(text));
    Ok(read.collect::<Result<_, _>>()?)
}

/// Returns where a table is, in words.
pub(super) fn place_words(place: &TableLabel) -> String {
    let separator = match config::characters() {
        Characters::Unicode => " \u{b7} ",
        Characters::Ascii => " | ",
    };
    let detail = place.detail.as_deref().map(shown);
    match (&place.release, &detail) {
        (Some(release), None) => format!("{}{separator}kernel {release}", place.host),
        (Some(release), Some(namespace)) => {
            format!("{}/{namespace}{separator}kernel {release}", place.host)
        }
        (None, None) => "simulated".to_owned(),
        (None, Some(document)) => format!("simulated{separator}{document}"),
    }
}
