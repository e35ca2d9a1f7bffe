//! `ipvsh save`: keeps the table for the next boot, in the file that `ipvsh-restore.service` applies.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::args::{Globals, SaveArguments};
use super::context::{Context, with_session};
use super::failure::Failure;
use super::outcome::CommandOutcome;
use crate::document::{
    Detail, DocumentWriter, YamlForm, read_document, write_document, write_yaml,
};
use crate::files;
use crate::model::{Table, reason, shown};
use crate::render::count;
use crate::results::SavedShape;
use crate::session::{Access, Error, Session};

/// The file that is applied at boot.
pub(super) const BOOT_TABLE: &str = "/etc/ipvsh/table.json";

/// Writes the table to a file, whole or not at all; the file before it is kept beside it.
pub(super) fn save(
    context: &Context,
    globals: &Globals,
    arguments: &SaveArguments,
) -> Result<CommandOutcome, Failure> {
    let file = arguments.file.as_deref().unwrap_or(BOOT_TABLE);
    if arguments.file.is_none() && (globals.sim.is_some() || globals.sim_state.is_some()) {
        return Err(Failure::usage(format!(
            "a simulated table is not saved in {BOOT_TABLE}, which is applied to the kernel at boot; name a file"
        )));
    }
    if arguments.file.is_none() && globals.netns.is_some() {
        return Err(Failure::usage(format!(
            "the table of another network namespace is not saved in {BOOT_TABLE}, which is applied to this one at boot; name a file"
        )));
    }
    with_session(context, globals, Access::Read, |session| {
        let before = match fs::metadata(file) {
            Ok(found) if !found.is_file() => {
                return Err(Failure::usage(format!(
                    "{} is no plain file; `ipvsh export` prints the table anywhere",
                    shown(file)
                )));
            }
            Ok(_) => Some(fs::read(file).map_err(|error| failed(file, &error))?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(file, &error)),
        };
        let mut table = session.selected(&[])?;
        let mut sysctl = arguments.sysctl.clone();
        if let Some(before) = &before {
            match read_document(file, before) {
                Ok(document) => sysctl.extend(document.sysctl.into_iter().map(|(name, _)| name)),
                Err(error) => context.ui.warning(&format!(
                    "what was in {} is no document that can be read, and is kept as it was: {error}",
                    shown(file)
                )),
            }
        }
        table.sysctl = session.documented_sysctls(&sysctl)?;
        let text = text_of(&table, file)?;
        let servers = table.services.values().map(|one| one.destinations.len());
        let mut shape = SavedShape::new(file.to_owned(), (table.services.len(), servers.sum()));
        shape.warnings = doubts(session, &table)?;
        if before.as_deref() == Some(&text[..]) {
            shape.outcome = "unchanged";
            return tell(context, globals, &shape);
        }
        if arguments.file.is_none() {
            make_folder(Path::new(file)).map_err(|error| failed(file, &error))?;
        }
        if before.is_some() {
            let previous = previous_of(file);
            keep(Path::new(file), &previous).map_err(|error| failed(file, &error))?;
            shape.previous = Some(previous.display().to_string());
        }
        files::replace(Path::new(file), |out| out.write_all(&text))
            .map_err(|error| failed(file, &error))?;
        // What can't be read back would be missed at the next boot.
        let written = fs::read(file).map_err(|error| failed(file, &error))?;
        let _read = read_document(file, &written).map_err(Error::Document)?;
        tell(context, globals, &shape)
    })
}

fn failed(file: &str, error: &io::Error) -> Failure {
    Failure::Output(io::Error::new(
        error.kind(),
        format!("{}: {}", shown(file), reason(error)),
    ))
}

fn text_of(table: &Table, file: &str) -> Result<Vec<u8>, Failure> {
    let document = DocumentWriter {
        table,
        detail: Detail::Configuration,
        incomplete: &[],
    };
    let mut json = Vec::new();
    write_document(&mut json, &document).map_err(Failure::Output)?;
    let is_yaml = file.ends_with(".yaml") || file.ends_with(".yml");
    if !is_yaml {
        return Ok(json);
    }
    let mut yaml = Vec::new();
    let json = String::from_utf8_lossy(&json);
    write_yaml(&mut yaml, &json, YamlForm::Whole).map_err(Failure::Output)?;
    Ok(yaml)
}

/// Returns what in the table is perhaps not meant to come back at the next boot.
fn doubts(session: &mut Session, table: &Table) -> Result<Vec<String>, Failure> {
    let mut doubts = Vec::new();
    let unconfirmed = match session.unconfirmed() {
        // There is no journal to ask.
        Err(Error::Record(_)) => Vec::new(),
        other => other?,
    };
    for one in unconfirmed {
        doubts.push(format!(
            "commit {} awaits confirmation until {}, and is saved as if it were confirmed",
            one.record.intent.number, one.until
        ));
    }
    let quiescent = table
        .services
        .values()
        .flat_map(|entry| entry.destinations.values())
        .filter(|server| server.configuration.weight.get() == 0)
        .count();
    if quiescent > 0 {
        doubts.push(format!(
            "{} with weight 0 will get no connections after the next boot either; `ipvsh drain --list` shows what is drained",
            count(quiescent, "real server")
        ));
    }
    Ok(doubts)
}

fn tell(
    context: &Context,
    globals: &Globals,
    shape: &SavedShape,
) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return context.print(shape);
    }
    for warning in &shape.warnings {
        context.ui.warning(warning);
    }
    let table = format!(
        "{}, {}",
        count(shape.services, "service"),
        count(shape.destinations, "real server")
    );
    let file = shown(&shape.file);
    let text = match (&shape.previous, shape.outcome) {
        (_, "unchanged") => format!("{file} has this table already ({table})"),
        (Some(previous), _) => format!(
            "saved in {file}: {table}; the table before is in {}",
            shown(previous)
        ),
        (None, _) => format!("saved in {file}: {table}"),
    };
    context.ui.status(&text);
    Ok(CommandOutcome::Shown)
}

/// The folder of the boot table, which a package makes; whoever has copied the program there has none.
fn make_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.exists() => fs::create_dir(folder),
        _ => Ok(()),
    }
}

/// Returns where the file before is kept: `table.json` as `table.previous.json`, so that it is still known for what it is.
fn previous_of(file: &str) -> PathBuf {
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}.previous.{}", extension.to_string_lossy()),
        None => format!("{stem}.previous"),
    };
    path.with_file_name(name)
}

/// Keeps what is in a file in another one, with the same mode; the file itself stays where it is all the time.
fn keep(file: &Path, previous: &Path) -> io::Result<()> {
    let bytes = fs::read(file)?;
    let mode = fs::metadata(file)?.permissions();
    files::replace(previous, |out| out.write_all(&bytes))?;
    fs::set_permissions(previous, mode)
}
