//! The table as a person likes to read it.

use std::io::{self, Write};

use super::count;
use super::fields::{method, service_words};
use crate::config::Characters;
use crate::model::{DestinationEntry, DestinationKey, Receptions, ServiceEntry, ServiceKey, Table};
use crate::ui::style::{self, Style};

/// What stands above the table.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Where the table is: host, kernel or simulation, namespace.
    pub place: String,
    /// The time of day.
    pub time: String,
    /// Whether the kernel's estimator runs; without it rates mean nothing.
    pub has_rates: bool,
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

    const fn nothing(&self) -> &'static str {
        match self.characters {
            Characters::Unicode => "\u{2013}",
            Characters::Ascii => "-",
        }
    }
}

const TITLES: [&str; 7] = [
    "REAL SERVER",
    "METHOD",
    "WEIGHT",
    "SHARE",
    "ACTIVE",
    "INACTIVE",
    "CONN/S",
];

/// The columns that go first where a line has no room for all: the others say who it is and what it gets.
const LEAVE: [usize; 5] = [6, 5, 1, 3, 4];

/// How far the lines of a real server, and the rest of a long one, stand in.
const INDENT: usize = 2;

/// The columns that are shown, and how wide they are.
struct Columns {
    widths: [usize; 7],
    kept: Vec<usize>,
}

impl Columns {
    fn fitted(heading: &Heading, tables: (&Table, &Table)) -> Self {
        let mut columns = Self {
            widths: widths(heading, tables),
            kept: (0..TITLES.len()).collect(),
        };
        let most = heading.width.unwrap_or(usize::MAX);
        for column in LEAVE {
            if columns.length() <= most {
                break;
            }
            columns.kept.retain(|kept| *kept != column);
        }
        columns
    }

    /// How long a line is.
    fn length(&self) -> usize {
        let cells = self.kept.iter().map(|column| INDENT + self.widths[*column]);
        cells.sum::<usize>()
            + if self.kept.len() < TITLES.len() {
                MARK.len()
            } else {
                0
            }
    }

    /// Writes cells: two columns of text, then numbers.
    fn write(&self, out: &mut dyn Write, cells: &[String; 7]) -> io::Result<()> {
        for column in &self.kept {
            let (cell, width) = (&cells[*column], self.widths[*column]);
            if *column < 2 {
                write!(out, "  {cell:<width$}")?;
            } else {
                write!(out, "  {cell:>width$}")?;
            }
        }
        Ok(())
    }

    fn write_titles(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}", style::FAINT)?;
        self.write(out, &TITLES.map(str::to_owned))?;
        if self.kept.len() < TITLES.len() {
            out.write_all(MARK.as_bytes())?;
        }
        writeln!(out, "{}", style::FAINT.render_reset())
    }
}

/// What titles end with where columns were left out.
const MARK: &str = " ..";

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

/// One server's cells, and what is remarkable about it.
struct Row {
    cells: [String; 7],
    remark: &'static str,
}

fn row(
    heading: &Heading,
    receptions: &Receptions<'_>,
    key: &DestinationKey,
    entry: &DestinationEntry,
) -> Row {
    let weight = entry.configuration.weight;
    let reception = receptions.of(key);
    let share = match reception.share {
        Some(share) if share > 0.0 => format!("{:.0} %", share * 100.0),
        _ => heading.nothing().to_owned(),
    };
    let rate = if heading.has_rates {
        entry.observed.rates().connections_per_second.to_string()
    } else {
        heading.nothing().to_owned()
    };
    let cells = [
        key.to_string(),
        method(&entry.configuration),
        weight.to_string(),
        share,
        entry.connections.active.to_string(),
        entry.connections.inactive.to_string(),
        rate,
    ];
    Row {
        cells,
        remark: reception.remark.unwrap_or_default(),
    }
}

/// Writes a table, or the part of a table that somebody asked for. What a server gets depends on its siblings, shown or not, so that
/// the services of the part are looked up in the `whole`.
///
/// # Errors
/// The writer's error.
pub fn list(
    out: &mut dyn Write,
    heading: &Heading,
    table: &Table,
    whole: &Table,
) -> io::Result<()> {
    let quiescent: usize = table
        .services
        .values()
        .map(|service| service.quiescent().count())
        .sum();
    let mut summary = format!(
        "{}, {}",
        count(table.services.len(), "service"),
        count(table.destination_count(), "real server")
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
    let columns = Columns::fitted(heading, (table, whole));
    for (key, part) in &table.services {
        let service = whole.services.get(key).unwrap_or(part);
        writeln!(out)?;
        service_line(out, heading, (key, service), part.destinations.len())?;
        if !part.destinations.is_empty() {
            columns.write_titles(out)?;
        }
        let receptions = service.receptions();
        for (key, entry) in &part.destinations {
            let row = row(heading, &receptions, key, entry);
            columns.write(out, &row.cells)?;
            if !row.remark.is_empty() {
                let mut rest = Pieces {
                    out: &mut *out,
                    width: heading.width.unwrap_or(usize::MAX),
                    used: columns.length(),
                };
                rest.write("  ", row.remark, style::CARE)?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn widths(heading: &Heading, (table, whole): (&Table, &Table)) -> [usize; 7] {
    let mut widths = TITLES.map(str::len);
    for (key, part) in &table.services {
        let service = whole.services.get(key).unwrap_or(part);
        let receptions = service.receptions();
        for (key, entry) in &part.destinations {
            let row = row(heading, &receptions, key, entry);
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
    }
    widths
}

fn service_line(
    out: &mut dyn Write,
    heading: &Heading,
    (key, service): (&ServiceKey, &ServiceEntry),
    shown: usize,
) -> io::Result<()> {
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
    if heading.has_rates {
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
    use super::{Heading, list};
    use crate::config::Characters;
    use crate::model::{
        AddressFamily, DestinationEntry, DestinationKey, Persistence, ServiceEntry, ServiceKey,
        Table,
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
                has_rates: true,
                characters: Characters::Unicode,
                width,
            };
            let mut out = Vec::new();
            list(&mut out, &heading, &table(), &table()).unwrap();
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
