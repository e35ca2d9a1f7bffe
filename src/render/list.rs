//! The table as a person likes to read it.

use std::io::{self, Write};

use super::cells::{MARK, Widths, cell, title};
use super::count;
use super::fields::{method, service_words};
use crate::config::Characters;
use crate::model::{DestinationRow, FieldValue, NamedField, Receptions, Row, RowKind, ServicePart};
use crate::ui::style::{self, Style};

/// What stands above the table.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Where the table is: host, kernel or simulation, namespace.
    pub place: String,
    /// The time of day.
    pub time: String,
    /// Which characters may be used.
    pub characters: Characters,
    /// How many characters a line may have; `None` is any number.
    pub width: Option<usize>,
}

impl Heading {
    const fn separator(&self) -> &'static str {
        match self.characters {
            Characters::Unicode => " \u{b7} ",
            Characters::Ascii => " | ",
        }
    }
}

/// How far the lines of a real server, and the rest of a long one, stand in.
const INDENT: usize = 2;

/// The columns of real servers, unless others are asked for.
#[must_use]
pub fn usual_columns() -> Vec<NamedField> {
    let names = [
        "id",
        "forwarding",
        "weight",
        "share",
        "active",
        "inactive",
        "connections_per_second",
    ];
    let found = names.map(|name| NamedField::parse(name, RowKind::Destination));
    found.into_iter().flatten().collect()
}

/// Pieces of a line, broken before the one that does not fit.
struct Pieces<'a> {
    out: &'a mut dyn Write,
    width: usize,
    used: usize,
}

impl Pieces<'_> {
    fn write(&mut self, gap: &str, text: &str, style: Style) -> io::Result<()> {
        let length = text.chars().count();
        if self.used > 0 && self.used + gap.chars().count() + length > self.width {
            write!(self.out, "\n{:1$}", "", 2 * INDENT)?;
            self.used = 2 * INDENT;
        } else if self.used > 0 {
            write!(self.out, "{gap}")?;
            self.used += gap.chars().count();
        }
        self.used += length;
        write!(self.out, "{style}{text}{}", style.render_reset())
    }
}

/// Returns the cells of a real server.
fn cells(
    heading: &Heading,
    columns: &[NamedField],
    row: DestinationRow<'_>,
) -> (Vec<String>, Vec<FieldValue>) {
    let values: Vec<FieldValue> = columns
        .iter()
        .map(|column| column.value(&Row::Destination(row)))
        .collect();
    let of = |(column, value): (&NamedField, &FieldValue)| match column.field.name {
        "forwarding" => method(&row.entry.configuration),
        _ => cell(value, heading.characters),
    };
    (columns.iter().zip(&values).map(of).collect(), values)
}

/// Writes virtual services with their real servers, or with those that somebody asked for, in the order given.
///
/// # Errors
/// The writer's error.
pub fn list(
    out: &mut dyn Write,
    heading: &Heading,
    services: &[ServicePart<'_>],
    columns: &[NamedField],
) -> io::Result<()> {
    let servers = services.iter().flat_map(|part| &part.destinations);
    let (mut all, mut quiescent) = (0, 0);
    for (_, entry) in servers {
        all += 1;
        quiescent += usize::from(entry.configuration.weight.get() == 0);
    }
    let mut summary = format!(
        "{}, {}",
        count(services.len(), "service"),
        count(all, "real server")
    );
    if quiescent > 0 {
        summary.push_str(&format!(", {quiescent} quiescent"));
    }
    let mut line = Pieces {
        out: &mut *out,
        width: heading.width.unwrap_or(usize::MAX),
        used: 0,
    };
    for piece in [&heading.place, &summary, &heading.time] {
        line.write(heading.separator(), piece, style::FAINT)?;
    }
    writeln!(out)?;
    let titles: Vec<String> = columns
        .iter()
        .map(|column| title(column, RowKind::Destination).to_owned())
        .collect();
    let widths = widths(heading, services, columns, &titles);
    for part in services {
        writeln!(out)?;
        service_line(out, heading, part)?;
        if !part.destinations.is_empty() {
            write!(out, "{}{:INDENT$}", style::FAINT, "")?;
            widths.write(out, &titles)?;
            if widths.kept.len() < titles.len() {
                out.write_all(MARK.as_bytes())?;
            }
            writeln!(out, "{}", style::FAINT.render_reset())?;
        }
        let receptions = part.service.entry.receptions();
        for row in part.rows(&receptions) {
            write!(out, "{:INDENT$}", "")?;
            widths.write(out, &cells(heading, columns, row).0)?;
            write_remark(out, heading, &widths, &receptions, row)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn write_remark(
    out: &mut dyn Write,
    heading: &Heading,
    widths: &Widths,
    receptions: &Receptions<'_>,
    row: DestinationRow<'_>,
) -> io::Result<()> {
    let Some(remark) = receptions.of(row.key).remark else {
        return Ok(());
    };
    let mut rest = Pieces {
        out,
        width: heading.width.unwrap_or(usize::MAX),
        used: widths.length(INDENT),
    };
    rest.write("  ", remark, style::CARE)
}

fn widths(
    heading: &Heading,
    services: &[ServicePart<'_>],
    columns: &[NamedField],
    titles: &[String],
) -> Widths {
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut widths = Widths::of(&titles);
    for part in services {
        let receptions = part.service.entry.receptions();
        for row in part.rows(&receptions) {
            let (cells, values) = cells(heading, columns, row);
            widths.add(&cells, &values);
        }
    }
    widths.fit(columns, INDENT, heading.width);
    widths
}

fn service_line(out: &mut dyn Write, heading: &Heading, part: &ServicePart<'_>) -> io::Result<()> {
    let (key, service) = (part.service.key, part.service.entry);
    let shown = part.destinations.len();
    let mut line = Pieces {
        out: &mut *out,
        width: heading.width.unwrap_or(usize::MAX),
        used: 0,
    };
    const GAP: &str = "   ";
    line.write(GAP, &key.to_string(), style::NAME)?;
    for word in service_words(key, &service.configuration) {
        line.write(GAP, &word, Style::new())?;
    }
    if service.destinations.is_empty() {
        let words = "! no real servers: connections refused";
        line.write(GAP, words, style::CARE)?;
        return writeln!(out);
    }
    let all = service.destinations.len();
    if shown < all {
        let words = format!("{shown} of {}", count(all, "real server"));
        line.write(GAP, &words, style::FAINT)?;
    }
    let connections = service.destinations.values().map(|entry| entry.connections);
    let (active, inactive) = connections.fold((0u64, 0u64), |(active, inactive), connections| {
        (
            active + u64::from(connections.active),
            inactive + u64::from(connections.inactive),
        )
    });
    line.write(GAP, &format!("active {active}"), Style::new())?;
    line.write(GAP, &format!("inactive {inactive}"), Style::new())?;
    let known = part.service.known;
    if known.all && known.rates {
        let rate = service.observed.rates().connections_per_second;
        line.write(GAP, &format!("{rate} conn/s"), Style::new())?;
    }
    if service.weight_sum() == 0 {
        let words = "! no real server has weight: new connections refused";
        line.write(GAP, words, style::CARE)?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::{Heading, list, usual_columns};
    use crate::config::Characters;
    use crate::model::{
        AddressFamily, DestinationEntry, DestinationKey, Known, Persistence, ServiceEntry,
        ServiceKey, ServicePart, Table,
    };

    fn table() -> Table {
        let mut table = Table::default();
        for (service, server) in [
            ("tcp://192.0.2.1:80", "10.0.0.200:8080"),
            ("fwmark://7", "10.0.0.1:80"),
        ] {
            let mut entry = ServiceEntry::default();
            entry.configuration.persistence = Some(Persistence::unused(AddressFamily::Inet));
            let key = DestinationKey::parse(server).unwrap();
            entry.destinations.insert(key, DestinationEntry::default());
            table
                .services
                .insert(ServiceKey::parse(service).unwrap(), entry);
        }
        let key = ServiceKey::parse("udp://192.0.2.1:53").unwrap();
        table.services.insert(key, ServiceEntry::default());
        table
    }

    #[test]
    fn a_list_fits_where_it_is_shown_and_says_what_it_leaves_out() {
        let shown = |width| {
            let heading = Heading {
                place: "director/blue \u{b7} kernel 6.1.0".to_owned(),
                time: "12:00:00".to_owned(),
                characters: Characters::Unicode,
                width,
            };
            let mut out = Vec::new();
            let table = table();
            let known = Known {
                all: true,
                rates: true,
            };
            let parts = ServicePart::all(&table, &table, known);
            list(&mut out, &heading, &parts, &usual_columns()).unwrap();
            anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
        };
        let all = shown(None);
        assert!(all.contains("CONN/S") && !all.contains(" .."), "{all}");
        for width in 44..120 {
            let text = shown(Some(width));
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width), "{width}: {text}");
            for word in ["tcp://192.0.2.1:80", "10.0.0.200:8080", "WEIGHT", "refused"] {
                assert!(text.contains(word), "{width}, {word}: {text}");
            }
            assert_eq!(
                text.contains("CONN/S"),
                !text.contains(" .."),
                "{width}: {text}"
            );
        }
    }
}
