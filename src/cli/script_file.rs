//! Scripts as files: read, and run on a simulated kernel before anything else is done with it.

use std::rc::Rc;

use super::failure::Failure;
use super::large_stack::on_large_stack;
use crate::model::{reason, shown};
use crate::script::{RunEnvironment, Script, check, run};
use crate::session::Session;

/// The largest script that is read, in bytes.
const LARGEST_SCRIPT: u64 = 4 << 20;

/// Reads a script.
pub(super) fn read_script(path: &str) -> Result<String, Failure> {
    use std::io::Read;
    let hint = |text: String| Failure::Usage { text, hint: None };
    let mut bytes = Vec::new();
    let read = if path == "-" {
        std::io::stdin()
            .lock()
            .take(LARGEST_SCRIPT + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST_SCRIPT + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        hint(format!(
            "can't read the script {}: {}",
            shown(path),
            reason(&error)
        ))
    })?;
    if bytes.len() as u64 > LARGEST_SCRIPT {
        return Err(hint(format!(
            "the script {path} is larger than {LARGEST_SCRIPT} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        hint(format!(
            "{path} is no script: it is not UTF-8 text (byte {})",
            error.utf8_error().valid_up_to()
        ))
    })
}

/// Returns whether a file is a script.
pub(super) fn is_script(file: &str) -> bool {
    file.ends_with(".rhai")
}

/// Has a script make of an empty simulated kernel what a command is to work on. What it prints goes nowhere: the output is the
/// command's.
pub(super) fn prepared(session: Session, path: &str) -> Result<Session, Failure> {
    let script = Script {
        path: path.to_owned(),
        source: read_script(path)?,
        arguments: Vec::new(),
    };
    let environment = RunEnvironment::closed(Rc::new(|_: &str| Ok(())));
    check(&script, &environment.permissions)
        .map_err(|failure| Failure::Script(Box::new(failure)))?;
    let ran = on_large_stack(|| run(&script, session, &environment));
    let Some((session, ran)) = ran else {
        return Err(Failure::usage(format!(
            "{}, which is to make the simulated table, did not come to its end",
            shown(path)
        )));
    };
    match ran {
        Ok(ran) if ran.status == 0 => Ok(session),
        Ok(ran) => Err(Failure::usage(format!(
            "{}, which is to make the simulated table, ended with status {}",
            shown(path),
            ran.status
        ))),
        Err(failure) => Err(Failure::Script(Box::new(failure))),
    }
}
