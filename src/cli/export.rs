//! The table for other programs: as a document, or as metrics.

use std::io::{self, Write};
use std::path::Path;

use super::args::Globals;
use super::context::{Context, with_session};
use super::export_args::{ExportArguments, ExportFormat, MetricsArguments, NamesChoice};
use super::failure::Failure;
use super::list::selectors;
use super::looking_back;
use super::open;
use super::outcome::CommandOutcome;
use crate::document::{
    Detail, DocumentWriter, YamlForm, json, read_document_file, read_file, read_labels,
    write_document, write_yaml,
};
use crate::files;
use crate::model::{ObjectId, Selector, Table, reason, shown};
use crate::observe::{Depth, Snapshot, look};
use crate::results::metrics::{
    Exposition, MetricNames, MetricsOptions, ObjectLabels, write_metrics,
};
use crate::session::{
    Access, ApplyOptions, BlockKind, ConnectionFilter, ConnectionSource, Error, Prune, Session,
    lacks_permission,
};

/// Prints the table as a document or as metrics.
pub(super) fn export(
    context: &Context,
    globals: &Globals,
    arguments: &ExportArguments,
) -> Result<CommandOutcome, Failure> {
    let selectors = selectors(&arguments.objects)?;
    let exposition = match arguments.format {
        ExportFormat::Json | ExportFormat::Yaml => None,
        ExportFormat::Prometheus => Some(Exposition::Prometheus),
        ExportFormat::Openmetrics => Some(Exposition::OpenMetrics),
    };
    match (exposition, arguments.metrics.given()) {
        (None, Some(option)) => Err(Failure::usage(format!(
            "{option} is about metrics, and a document has none; -o prometheus or -o openmetrics has"
        ))),
        (Some(_), _) if arguments.config || !arguments.sysctl.is_empty() => Err(Failure::usage(
            "--config and --sysctl are about documents; metrics are what was observed, and have every kernel parameter",
        )),
        (None, None) => match looking_back::open(context, globals, &arguments.back)? {
            Some(past) => past_document(context, arguments, &selectors, &past.snapshot),
            None => with_session(context, globals, Access::Read, |session| {
                document(context, session, arguments, &selectors)
            }),
        },
        (Some(exposition), _) => metrics(context, globals, arguments, &selectors, exposition),
    }
}

/// Writes to the file that is named, whole or not at all, or else to standard output.
fn write_out(
    context: &Context,
    out: Option<&String>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let written = match out {
        None => context.ui.data(write),
        Some(path) => files::replace(Path::new(path), write).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {}", shown(path), reason(&error)))
        }),
    };
    written.map_err(Failure::Output)
}

fn document(
    context: &Context,
    session: &mut Session,
    arguments: &ExportArguments,
    selectors: &[Selector],
) -> Result<CommandOutcome, Failure> {
    let (table, missing) = match session.selected(selectors) {
        Err(error) if lacks_permission(&error) => {
            let (table, missing) = session.table_without_privilege()?;
            let table = Session::part_of(&table, selectors)?;
            context.ui.warning(&format!(
                "without privilege this document lacks {}, and can't be applied",
                missing.join(", ")
            ));
            (table, missing)
        }
        other => (other?, Vec::new()),
    };
    let mut table = table;
    if selectors.is_empty() {
        table.sysctl = session.documented_sysctls(&arguments.sysctl)?;
    }
    write_table(context, arguments, &table, &missing)
}

/// Prints a table as it was recorded.
fn past_document(
    context: &Context,
    arguments: &ExportArguments,
    selectors: &[Selector],
    snapshot: &Snapshot,
) -> Result<CommandOutcome, Failure> {
    let mut table = match selectors.is_empty() {
        true => snapshot.table.clone(),
        false => Session::part_of(&snapshot.table, selectors)?,
    };
    let recorded = snapshot.settings.as_ref().map(|settings| &settings.sysctls);
    for name in &arguments.sysctl {
        let value = recorded.and_then(|sysctls| sysctls.get(name));
        let value = value.ok_or_else(|| Error::Missing {
            what: "recorded kernel parameter",
            object: ObjectId::Sysctl(name.clone()),
        })?;
        table.sysctl.insert(name.clone(), value.clone());
    }
    let missing = snapshot.missing_words();
    if !missing.is_empty() {
        context.ui.warning(&format!(
            "it was recorded without privilege: this document lacks {}, and can't be applied",
            missing.join(", ")
        ));
    }
    write_table(context, arguments, &table, &missing)
}

fn write_table(
    context: &Context,
    arguments: &ExportArguments,
    table: &Table,
    missing: &[&str],
) -> Result<CommandOutcome, Failure> {
    let detail = if arguments.config {
        Detail::Configuration
    } else {
        Detail::Observed
    };
    let document = DocumentWriter {
        table,
        detail,
        incomplete: missing,
    };
    write_out(context, arguments.out.as_ref(), |out| {
        match arguments.format {
            ExportFormat::Yaml => write_yaml(out, &json::pretty(&document), YamlForm::Whole),
            _ => write_document(out, &document),
        }
    })?;
    Ok(CommandOutcome::Shown)
}

fn options(arguments: &MetricsArguments, globals: &Globals) -> Result<MetricsOptions, Failure> {
    let constant = &arguments.constant;
    for (place, (name, _)) in constant.iter().enumerate() {
        if constant[..place].iter().any(|(earlier, _)| earlier == name) {
            return Err(Failure::usage(format!(
                "--constant-label {name} is given twice, and a series has one value of it"
            )));
        }
    }
    let usual = MetricsOptions::default();
    let names = arguments.names.iter().map(|name| match name {
        NamesChoice::Ipvsh => MetricNames::Ipvsh,
        NamesChoice::Node => MetricNames::Node,
    });
    Ok(MetricsOptions {
        names: match arguments.names.is_empty() {
            true => usual.names,
            false => names.collect(),
        },
        backend_labels: match arguments.backend_labels.is_empty() {
            true => usual.backend_labels,
            false => arguments.backend_labels.clone(),
        },
        series_limit: Some(arguments.series_limit).filter(|limit| *limit > 0),
        constant: arguments.constant.clone(),
        has_servers: !arguments.no_servers,
        object_labels: match &arguments.labels {
            None => usual.object_labels,
            Some(path) => {
                let bytes = read_file(path, globals.max_size)?;
                ObjectLabels::of(&read_labels(path, &bytes)?)
            }
        },
        pending: None,
        connection_entries: None,
    })
}

fn metrics(
    context: &Context,
    globals: &Globals,
    arguments: &ExportArguments,
    selectors: &[Selector],
    exposition: Exposition,
) -> Result<CommandOutcome, Failure> {
    let mut options = options(&arguments.metrics, globals)?;
    let takes_nodes_names = options.names.contains(&MetricNames::Node);
    if takes_nodes_names && arguments.out.is_some() && !arguments.metrics.collector_off {
        context.ui.warning(
            "node_exporter drops these names from a file, and logs an error at every scrape, while its own collector has them: run it with --no-collector.ipvs, and say so here with --collector-off",
        );
    }
    if let Some(mut past) = looking_back::open(context, globals, &arguments.back)? {
        if arguments.metrics.expect.is_some() {
            return Err(Failure::usage(
                "--expect compares with the table of now, and --at shows another one",
            ));
        }
        if arguments.metrics.connections {
            options.connection_entries = Some(count_connections(&mut past)?);
        }
        let mut snapshot = past.snapshot;
        write_snapshot(
            context,
            arguments,
            selectors,
            &mut snapshot,
            (&options, exposition),
        )?;
        return Ok(CommandOutcome::Shown);
    }
    let mut is_read = false;
    let done = with_session(context, globals, Access::Read, |session| {
        let mut snapshot = look(session, Depth::Everything)?;
        is_read = true;
        if let Some(path) = &arguments.metrics.expect {
            options.pending = Some((path.clone(), pending(globals, session, path)?));
        }
        if arguments.metrics.connections {
            options.connection_entries = Some(count_connections(session)?);
        }
        write_snapshot(
            context,
            arguments,
            selectors,
            &mut snapshot,
            (&options, exposition),
        )?;
        Ok(CommandOutcome::Shown)
    });
    // Whoever reads the file has to see that the table can't be read. What else is wrong leaves the file as it was.
    if done.is_err() && !is_read && arguments.out.is_some() {
        write_out(context, arguments.out.as_ref(), |out| {
            write_metrics(out, None, &options, exposition).map(|_| ())
        })?;
    }
    done
}

fn count_connections(source: &mut dyn ConnectionSource) -> Result<u64, Failure> {
    let read = source.connections(&ConnectionFilter::default(), &mut |_| {})?;
    Ok(read.entries)
}

fn write_snapshot(
    context: &Context,
    arguments: &ExportArguments,
    selectors: &[Selector],
    snapshot: &mut Snapshot,
    (options, exposition): (&MetricsOptions, Exposition),
) -> Result<(), Failure> {
    if !snapshot.missing.is_empty() {
        context.ui.warning(&format!(
            "without privilege these metrics lack {}",
            snapshot.missing.join(", ")
        ));
    }
    if !selectors.is_empty() {
        let part = Session::part_of(&snapshot.table, selectors)?;
        snapshot.table.services = part.services;
    }
    let mut written = Default::default();
    write_out(context, arguments.out.as_ref(), |out| {
        written = write_metrics(out, Some(snapshot), options, exposition)?;
        Ok(())
    })?;
    if !written.dropped.is_empty() {
        let names: Vec<&str> = written
            .dropped
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let number: u64 = written.dropped.iter().map(|(_, count)| count).sum();
        context.ui.warning(&format!(
            "{number} series are left out, as there may be {} (--series-limit): {}",
            arguments.metrics.series_limit,
            names.join(", ")
        ));
    }
    Ok(())
}

/// Returns how many changes would make the table what a document says.
fn pending(globals: &Globals, session: &mut Session, path: &str) -> Result<u64, Failure> {
    let wanted = read_document_file(path, globals.max_size)?;
    session.begin(BlockKind::Rehearsal)?;
    let everything = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    let applied = session.apply(&wanted, everything);
    let (_staged, _kept) = applied.map_err(open::in_file(path, globals))?;
    let plan = session.end_rehearsal()?;
    Ok(u64::try_from(plan.changes().len()).unwrap_or(u64::MAX))
}
