//! From global options to a session, and back to the file of a simulated table.

use std::path::Path;

use super::args::Globals;
use super::failure::Failure;
use crate::export::{Detail, DocumentWriter, read_document_file, write_document};
use crate::files;
use crate::session::{Interrupt, Purpose, Session, Target};

/// Opens the session that the global options name.
pub(super) fn open(
    globals: &Globals,
    purpose: Purpose,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let session = open_unguarded(globals, purpose, interrupt)?;
    // A commit must not be torn apart: from here on signals are noted and looked at when it is safe.
    interrupt.install().map_err(Failure::Signals)?;
    Ok(session)
}

/// Opens the session without catching signals: they end the program as they end any other.
pub(super) fn open_unguarded(
    globals: &Globals,
    purpose: Purpose,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let file = match (&globals.sim, &globals.sim_state) {
        (Some(file), _) => Some((file.as_str(), !file.is_empty())),
        (None, Some(file)) => Some((file.as_str(), Path::new(file).exists())),
        (None, None) => None,
    };
    let target = match file {
        None => Target::Kernel {
            namespace: globals.netns.clone(),
        },
        Some((file, exists)) => {
            let contents = exists
                .then(|| read_document_file(file, globals.max_size))
                .transpose()?;
            let label = Some(file.to_owned()).filter(|file| !file.is_empty());
            Target::Simulation {
                contents: contents.map(Box::new),
                label,
            }
        }
    };
    let mut session = Session::open(target, purpose, interrupt.clone())?;
    session.set_lock_wait(globals.lock_wait);
    Ok(session)
}

/// Writes a simulated table back to its file, if that was asked for. A reader never sees half of it.
pub(super) fn write_back(globals: &Globals, session: &mut Session) -> Result<(), Failure> {
    let Some(path) = &globals.sim_state else {
        return Ok(());
    };
    let mut table = session.table()?;
    table.sysctl = session.chosen_sysctls()?;
    let document = DocumentWriter {
        table: &table,
        detail: Detail::Configuration,
        incomplete: &[],
    };
    files::replace(Path::new(path), |mut file| {
        write_document(&mut file, &document)
    })
    .map_err(|error| {
        let kind = error.kind();
        Failure::Output(std::io::Error::new(kind, format!("{path}: {error}")))
    })
}
