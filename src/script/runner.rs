//! Runs a script in a session.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rhai::Scope;

use super::backstop;
use super::coverage::{SharedCoverage, note_lines, watch_lines};
use super::engine::{builtin_engine, connect, disconnect, give_back};
use super::environment::RunEnvironment;
use super::failure::ScriptFailure;
use super::host::Host;
use super::modules::{Loader, Resolver, Sources};
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

    /// Compiles it, so that errors know its name.
    pub(super) fn compiled(&self, engine: &rhai::Engine) -> Result<rhai::AST, ScriptFailure> {
        let compiled = engine.compile(self.compilable());
        let mut ast = compiled.map_err(|error| ScriptFailure::of_parse(self, &error))?;
        ast.set_source(self.path.as_str());
        Ok(ast)
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
    let named = (script.path.as_str(), script.arguments.as_slice());
    let host = Host::new(named, session, environment, permissions, &sources);
    let host = Rc::new(host);
    let result = {
        let mut engine = builtin_engine();
        connect(&mut engine, &host, environment.limits, interrupt);
        let coverage = environment.coverage.as_ref();
        if coverage.is_some() {
            watch_lines(&mut engine, coverage, None);
        }
        let resolver = Resolver::new(loader, Rc::clone(&sources), coverage.cloned());
        engine.set_module_resolver(resolver);
        let result = evaluate(&engine, script, &host, coverage);
        backstop::rest();
        disconnect(&mut engine);
        // One that notes its lines does so for good.
        if coverage.is_none() {
            give_back(engine);
        }
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
    coverage: Option<&SharedCoverage>,
) -> Result<ValueText, ScriptFailure> {
    let ast = script.compiled(engine)?;
    if let Some(coverage) = coverage {
        note_lines(coverage, &script.path, &ast);
    }
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
