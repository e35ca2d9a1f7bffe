//! Runs a script in a session.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rhai::{EvalAltResult, Scope};

use super::engine::{builtin_engine, connect};
use super::failure::ScriptFailure;
use super::host::{Host, Output};
use super::limits::Limits;
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
            Some(rest) => format!("//{rest}"),
            None => self.source.clone(),
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

/// Runs a script and gives the session back.
///
/// # Errors
/// [`ScriptFailure`] says where and why it did not come to its end. What it had committed stands.
pub fn run(
    script: &Script,
    session: Session,
    limits: Limits,
    output: Output,
) -> (Session, Result<Ran, ScriptFailure>) {
    let interrupt = session.interrupt().clone();
    let depth = session.depth();
    let host = Rc::new(Host {
        session: RefCell::new(session),
        path: script.path.clone(),
        arguments: script.arguments.clone(),
        output,
        output_failure: RefCell::new(None),
    });
    let result = {
        let mut engine = builtin_engine();
        connect(&mut engine, &host, limits, interrupt);
        let result = evaluate(&engine, script);
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
    let result = result.map(|(value, status)| Ran {
        value,
        status,
        output_failure: failure,
    });
    (host.session.into_inner(), result)
}

fn evaluate(engine: &rhai::Engine, script: &Script) -> Result<(ValueText, u8), ScriptFailure> {
    let mut ast = engine
        .compile(script.compilable())
        .map_err(|error| ScriptFailure::of_parse(script, &error))?;
    ast.set_source(script.path.as_str());
    let mut scope = Scope::new();
    let statements = engine.eval_ast_with_scope::<rhai::Dynamic>(&mut scope, &ast);
    match statements {
        Ok(value) => Ok((ValueText::of(&value), 0)),
        Err(error) => match *error {
            EvalAltResult::Exit(value, position) => match exit_status(&value) {
                Some(status) => Ok((ValueText::nothing(), status)),
                None => Err(ScriptFailure::of_run(
                    script,
                    EvalAltResult::ErrorRuntime(
                        "exit takes a status from 0 to 255".into(),
                        position,
                    ),
                )),
            },
            other => Err(ScriptFailure::of_run(script, other)),
        },
    }
}

fn exit_status(value: &rhai::Dynamic) -> Option<u8> {
    if value.is_unit() {
        return Some(0);
    }
    value
        .as_int()
        .ok()
        .and_then(|status| u8::try_from(status).ok())
}
