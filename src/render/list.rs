//! The table as a person likes to read it.

use std::io::{self, Write};

use super::count;
use super::fields::{method, service_words};
use crate::config::Characters;
use crate::model::{DestinationEntry, DestinationKey, Receptions, ServiceEntry, ServiceKey, Table};
use crate::ui::style;

/// What stands above the table.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Where the table is: host, kernel or simulation, namespace.
    pub place: String,
    /// The time of day, UTC.
    pub time: String,
    /// Whether the kernel's estimator runs; without it rates mean nothing.
    pub has_rates: bool,
    /// Which characters may be used.
    pub characters: Characters,
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

/// Writes the table.
///
/// # Errors
/// The writer's error.
pub fn list(out: &mut dyn Write, heading: &Heading, table: &Table) -> io::Result<()> {
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
    let line = [
        heading.place.as_str(),
        summary.as_str(),
        heading.time.as_str(),
    ]
    .join(heading.separator());
    writeln!(out, "{}{line}{}", style::FAINT, style::FAINT.render_reset())?;
    let widths = widths(heading, table);
    for (key, service) in &table.services {
        writeln!(out)?;
        service_line(out, heading, key, service)?;
        if !service.destinations.is_empty() {
            write!(out, "{}", style::FAINT)?;
            write_cells(out, &TITLES.map(str::to_owned), &widths)?;
            writeln!(out, "{}", style::FAINT.render_reset())?;
        }
        let receptions = service.receptions();
        for (key, entry) in &service.destinations {
            let row = row(heading, &receptions, key, entry);
            write_cells(out, &row.cells, &widths)?;
            if !row.remark.is_empty() {
                write!(
                    out,
                    "  {}{}{}",
                    style::CARE,
                    row.remark,
                    style::CARE.render_reset()
                )?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

fn widths(heading: &Heading, table: &Table) -> [usize; 7] {
    let mut widths = TITLES.map(str::len);
    for service in table.services.values() {
        let receptions = service.receptions();
        for (key, entry) in &service.destinations {
            let row = row(heading, &receptions, key, entry);
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
    }
    widths
}

/// Writes cells in columns: two of text, then numbers.
fn write_cells(out: &mut dyn Write, cells: &[String; 7], widths: &[usize; 7]) -> io::Result<()> {
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index < 2 {
            write!(out, "  {cell:<width$}")?;
        } else {
            write!(out, "  {cell:>width$}")?;
        }
    }
    Ok(())
}

fn service_line(
    out: &mut dyn Write,
    heading: &Heading,
    key: &ServiceKey,
    service: &ServiceEntry,
) -> io::Result<()> {
    let words = service_words(key, &service.configuration).join("   ");
    write!(
        out,
        "{}{key}{}   {words}",
        style::NAME,
        style::NAME.render_reset()
    )?;
    if service.destinations.is_empty() {
        writeln!(
            out,
            "   {}! no real servers: connections refused{}",
            style::CARE,
            style::CARE.render_reset()
        )?;
        return Ok(());
    }
    let connections = service.destinations.values().map(|entry| entry.connections);
    let (active, inactive) = connections.fold((0u64, 0u64), |(active, inactive), connections| {
        (
            active + u64::from(connections.active),
            inactive + u64::from(connections.inactive),
        )
    });
    write!(out, "   active {active}   inactive {inactive}")?;
    if heading.has_rates {
        write!(
            out,
            "   {} conn/s",
            service.observed.rates().connections_per_second
        )?;
    }
    if service.weight_sum() == 0 {
        write!(
            out,
            "   {}! no real server has weight: new connections refused{}",
            style::CARE,
            style::CARE.render_reset()
        )?;
    }
    writeln!(out)
}
