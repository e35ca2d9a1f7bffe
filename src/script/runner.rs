//! Runs a script in a session.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use rhai::Scope;

use super::backstop;
use super::engine::{builtin_engine, connect, disconnect, give_back};
use super::failure::ScriptFailure;
use super::host::{Host, Output};
use super::limits::Limits;
use super::modules::{Loader, Resolver, Sources};
use super::permission::Permissions;
use super::values::ValueText;
use crate::session::Session;

/// A script and its arguments.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name, for errors.
    pub path: String,
    /// Its text.
    pub source: String,
    /// What `args()` returns.
    pub arguments: Vec<String>,
}

impl Script {
    /// Returns the text with a `#!` line made a comment, so that line numbers stay right.
    pub(super) fn compilable(&self) -> String {
        match self.source.strip_prefix("#!") {
            // With a blank: three strokes begin a documentation.
            Some(rest) => format!("// {rest}"),
            None => self.source.clone(),
        }
    }
}

/// What a script may take and touch, and where its output goes.
#[derive(Clone)]
pub struct RunEnvironment {
    /// Operations and memory.
    pub limits: Limits,
    /// Files.
    pub permissions: Permissions,
    /// Where `print` goes.
    pub output: Output,
    /// Given where the program is the script's alone, and may be ended with it where nothing else helps: the command line that
    /// recovers what the script leaves; empty without a journal.
    pub last_resort: Option<Vec<std::ffi::OsString>>,
}

impl RunEnvironment {
    /// Makes an environment with the usual limits and without any file.
    #[must_use]
    pub fn closed(output: Output) -> Self {
        Self {
            limits: Limits::DEFAULT,
            permissions: Permissions::default(),
            output,
            last_resort: None,
        }
    }
}

/// What a script came to.
#[derive(Debug)]
pub struct Ran {
    /// The value of its last statement.
    pub value: ValueText,
    /// What it gave to `exit`, or 0.
    pub status: u8,
    /// The first failure to print, if there was one.
    pub output_failure: Option<io::Error>,
}

/// Runs a script and gives the session back. Whoever wants to know before what is wrong checks it first.
///
/// # Errors
/// [`ScriptFailure`] says where and why it did not come to its end. What it had committed stands.
pub fn run(
    script: &Script,
    session: Session,
    environment: &RunEnvironment,
) -> (Session, Result<Ran, ScriptFailure>) {
    let interrupt = session.interrupt().clone();
    let depth = session.depth();
    let permissions = Rc::new(RefCell::new(environment.permissions.clone()));
    let loader = Loader::for_script(&script.path, Rc::clone(&permissions));
    let sources = Sources::default();
    sources
        .borrow_mut()
        .insert(script.path.clone(), script.source.clone());
    let host = Rc::new(Host {
        session: RefCell::new(session),
        path: script.path.clone(),
        arguments: script.arguments.clone(),
        output: Rc::clone(&environment.output),
        permissions,
        sources: Rc::clone(&sources),
        output_failure: RefCell::new(None),
        unread: Cell::new(0),
        exit: Cell::new(None),
        rollback: RefCell::new(None),
        undos: RefCell::default(),
        operations: Cell::new(0),
        is_rolling_back: Cell::new(false),
        blocks: Cell::new(0),
        is_watched: Cell::new(false),
        last_resort: environment.last_resort.clone(),
        is_prompt: false,
    });
    let result = {
        let mut engine = builtin_engine();
        connect(&mut engine, &host, environment.limits, interrupt);
        engine.set_module_resolver(Resolver::new(loader, Rc::clone(&sources)));
        let result = evaluate(&engine, script, &host);
        backstop::rest();
        disconnect(&mut engine);
        give_back(engine);
        // A block that an error left open is over.
        let mut session = host.session.borrow_mut();
        while session.depth() > depth {
            session.abandon();
        }
        result
    };
    let host = match Rc::try_unwrap(host) {
        Ok(host) => host,
        Err(_) => unreachable!("BUG: nothing outlives the engine that holds the host"),
    };
    let failure = host.output_failure.into_inner();
    let exit = host.exit.get();
    let result = result.map(|value| Ran {
        value: if exit.is_some() {
            ValueText::nothing()
        } else {
            value
        },
        status: exit.unwrap_or_default(),
        output_failure: failure,
    });
    (host.session.into_inner(), result)
}

fn evaluate(
    engine: &rhai::Engine,
    script: &Script,
    host: &Host,
) -> Result<ValueText, ScriptFailure> {
    let compiled = engine.compile(script.compilable());
    let mut ast = compiled.map_err(|error| ScriptFailure::of_parse(script, &error))?;
    ast.set_source(script.path.as_str());
    let mut scope = Scope::new();
    let value = engine.eval_ast_with_scope::<rhai::Dynamic>(&mut scope, &ast);
    match value {
        Ok(value) => Ok(ValueText::of(value)),
        Err(_) if host.exit.get().is_some() => Ok(ValueText::nothing()),
        Err(error) => Err(ScriptFailure::of_run(
            &script.path,
            host.sources.borrow().clone(),
            *error,
        )),
    }
}
