//! From global options to a session, and back to the file of a simulated table.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::args::Globals;
use super::failure::Failure;
use super::script_file::{is_script, prepared};
use super::settings::Settings;
use super::table_file::StateFile;
use crate::backend::{BackendError, namespace_identity};
use crate::config;
use crate::document::{read_document_file, read_file};
use crate::files;
use crate::journal::{Journal, TableIdentity};
use crate::session::{
    Access, DEFAULT_LOCK_WAIT, Direction, Error, HistoryError, Interrupt, JournalSetup, Session,
    TableFile, Target, table_of_namespace,
};

/// Opens the session that the global options name. What the journal says is still to be done about its table is done
/// first if something is to be changed, and else said.
pub(super) fn open(
    globals: &Globals,
    access: Access,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let mut session = open_unrecovered(globals, access, interrupt)?;
    if !keeps_journal(globals) {
        if globals.no_journal && globals.sim.is_none() {
            for text in passed_over(globals, &mut session)? {
                session.warn(text);
            }
        }
        return Ok(session);
    }
    if access == Access::Read {
        for text in session.pending_recovery() {
            session.warn(text);
        }
        return Ok(session);
    }
    recover(globals, &mut session)?;
    Ok(session)
}

/// Opens the session of a command that plans, and then commits once: until then a signal ends it at once.
pub(super) fn open_for_one(
    globals: &Globals,
    access: Access,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let session = open(globals, access, interrupt)?;
    if access != Access::Read {
        interrupt.end_at_once();
    }
    Ok(session)
}

/// Says what the journal would have done that is not to be kept this time.
fn passed_over(globals: &Globals, session: &mut Session) -> Result<Vec<String>, Failure> {
    let kept = Globals {
        no_journal: false,
        ..globals.clone()
    };
    keep(&kept, session)?;
    let texts = session.pending_recovery();
    session.keep_no_journal();
    Ok(texts)
}

/// Does what the journal says is still to be done about the table of a session.
pub(super) fn recover(globals: &Globals, session: &mut Session) -> Result<(), Failure> {
    if !keeps_journal(globals) {
        return Ok(());
    }
    // What stands in the way here does so again when something is committed, and is an error then.
    match session.recover(Direction::Back) {
        Ok(recovered) => {
            for recovered in recovered {
                session.warn(recovered.sentence());
                for change in recovered.residue.iter().take(LEFT_SHOWN) {
                    session.warn(format!("left as others have made it: {}", change.object()));
                }
            }
        }
        // This was done, and is not said by anyone else.
        Err(Error::Record(error)) if matches!(*error, HistoryError::Unnoted { .. }) => {
            session.warn(error.to_string());
        }
        Err(Error::Record(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Objects that are named of what could not be rolled back.
const LEFT_SHOWN: usize = 10;

/// Opens the session with its journal, and leaves it at that.
pub(super) fn open_unrecovered(
    globals: &Globals,
    access: Access,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    let mut session = open_unguarded(globals, access, interrupt)?;
    guard(globals, &mut session)?;
    keep(globals, &mut session)?;
    // A commit must not be torn apart: from here on signals are noted and looked at when it is safe. Who only looks is ended by
    // them at once.
    if access != Access::Read {
        interrupt.install().map_err(Failure::Signals)?;
    }
    Ok(session)
}

/// Has every commit of a session checked against what is set. An invalid configuration stands in the way of
/// everything: guards may be in it.
pub(super) fn guard(globals: &Globals, session: &mut Session) -> Result<(), Failure> {
    session.set_guarding(Settings::of(globals)?.guarding);
    Ok(())
}

/// Returns whether commits are kept: a simulated table without a file ends with the program.
pub(super) const fn keeps_journal(globals: &Globals) -> bool {
    !globals.no_journal && globals.sim.is_none()
}

/// Returns the state folder.
pub(super) fn state_folder(globals: &Globals) -> Option<PathBuf> {
    let folder = globals
        .state_dir
        .as_ref()
        .map(PathBuf::from)
        .or_else(config::lasting_folder)?;
    // A watcher looks for it from another place.
    Some(std::path::absolute(&folder).unwrap_or(folder))
}

/// Returns the command line that recovers what a killed program leaves of the table that the global options name, if that has
/// a journal.
pub(super) fn recover_line(globals: &Globals) -> Vec<OsString> {
    let Some(folder) = state_folder(globals).filter(|_| keeps_journal(globals)) else {
        return Vec::new();
    };
    let mut words: Vec<OsString> = vec!["--state-dir".into(), folder.into()];
    for (option, value) in [
        ("--sim-state", &globals.sim_state),
        ("--netns", &globals.netns),
    ] {
        if let Some(value) = value {
            words.extend([option.into(), value.into()]);
        }
    }
    words.push("recover".into());
    words
}

/// Returns what the table is called that the global options name.
fn table_name(globals: &Globals) -> Option<String> {
    let Some(file) = &globals.sim_state else {
        return globals.netns.clone();
    };
    let path = files::target(Path::new(file)).or_else(|_| std::path::absolute(file));
    Some(path.map_or_else(|_| file.clone(), |path| path.display().to_string()))
}

/// Returns which table the global options name, as this thread sees it: for what works without a session.
pub(super) fn identity(globals: &Globals) -> Result<TableIdentity, Failure> {
    let name = table_name(globals);
    if globals.sim_state.is_some() {
        let file = name.unwrap_or_default();
        return Ok(TableIdentity::Simulation { file });
    }
    let found = namespace_identity().map_err(|error| BackendError::File {
        path: "/proc/thread-self/ns/net".to_owned(),
        text: error.to_string(),
    })?;
    Ok(table_of_namespace(found, name))
}

/// Returns the command line behind the name of this program; a name that says what is meant is part of it.
fn command_line() -> Vec<String> {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let name = words.next().unwrap_or_default();
    let base = name.rsplit('/').next().unwrap_or_default();
    let means = super::ipvsadm::is_program(base.as_bytes()).then(|| base.to_owned());
    means.into_iter().chain(words).collect()
}

/// Has the commits of a session kept in the journal.
pub(super) fn keep(globals: &Globals, session: &mut Session) -> Result<(), Failure> {
    if !keeps_journal(globals) {
        return Ok(());
    }
    let folder = state_folder(globals);
    let (watched, simulated) = (folder.clone(), globals.sim_state.clone());
    session.keep_journal(JournalSetup {
        folder,
        command: command_line(),
        name: table_name(globals),
        label: globals.label.clone(),
        watcher: Rc::new(move |number| {
            super::confirm_watcher::start(number, watched.as_deref(), simulated.as_deref())
        }),
    })?;
    Ok(())
}

/// Opens the session without catching signals: they end the program as they end any other.
pub(super) fn open_unguarded(
    globals: &Globals,
    access: Access,
    interrupt: &Interrupt,
) -> Result<Session, Failure> {
    Interrupt::survive_file_limit().map_err(Failure::Signals)?;
    let target = match (&globals.sim, &globals.sim_state) {
        (None, None) => Target::Kernel {
            namespace: globals.netns.clone(),
        },
        (Some(file), _) => Target::Simulation {
            contents: match file.as_str() {
                "" => None,
                file if is_script(file) => None,
                file => Some(Box::new(read_document_file(file, globals.max_size)?)),
            },
            label: Some(file.clone()).filter(|file| !file.is_empty()),
            file: None,
        },
        (None, Some(path)) => {
            let private = match state_folder(globals).filter(|_| keeps_journal(globals)) {
                Some(folder) => Some(Journal::commit_lock_place(&folder, &identity(globals)?)),
                None => None,
            };
            let file = Rc::new(StateFile::new(path, globals.max_size, private));
            // What can't be read is an error with its place in the file.
            let contents = match file.newer() {
                Ok(contents) => contents,
                Err(text) if Path::new(path).exists() && !Path::new(path).is_file() => {
                    return Err(Failure::usage(text));
                }
                Err(_) => Some(read_document_file(path, globals.max_size)?),
            };
            Target::Simulation {
                contents: contents.map(Box::new),
                label: Some(path.clone()),
                file: Some(file),
            }
        }
    };
    let file = globals.sim.as_ref().or(globals.sim_state.as_ref());
    let opened = Session::open(target, access, interrupt.clone());
    let mut session = opened.map_err(|error| match file {
        Some(file) => in_file(file, globals)(error),
        None => error,
    })?;
    set_lock_wait(globals, &mut session);
    match globals.sim.as_ref().filter(|file| is_script(file)) {
        Some(script) => prepared(session, script),
        None => Ok(session),
    }
}

/// Has every commit of a session wait as long for another one as is set.
pub(super) fn set_lock_wait(globals: &Globals, session: &mut Session) {
    session.set_lock_wait(globals.lock_wait.unwrap_or(DEFAULT_LOCK_WAIT));
}

/// Adds the place in a file to an error about an object that the file names. Standard input can't be read again.
pub(super) fn in_file(path: &str, globals: &Globals) -> impl Fn(Error) -> Error {
    move |error| match path {
        "-" => error,
        _ => match read_file(path, globals.max_size) {
            Ok(text) => error.in_document(path, &text),
            Err(_) => error,
        },
    }
}

/// Makes the file of a simulated table if nothing was committed to it yet.
pub(super) fn write_back(session: &mut Session) -> Result<(), Failure> {
    Ok(session.make_file()?)
}
