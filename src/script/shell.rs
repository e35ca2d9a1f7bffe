//! A script that comes line by line: variables, functions and imports stay from one line to the next.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{AST, Dynamic, Engine, Position, Scope};

use super::check::{Functions, LineContext, check_line};
use super::engine::{builtin_engine, connect};
use super::environment::RunEnvironment;
use super::failure::ScriptFailure;
use super::host::Host;
use super::modules::{Loader, Resolver, SharedResolver, Sources};
use super::permission::{Allowed, Permissions};
use super::runner::Script;
use super::values::ValueText;
use crate::session::Session;

/// What a line came to.
#[derive(Debug)]
pub struct Evaluated {
    /// The value of its last statement.
    pub value: ValueText,
    /// The status that it gave to `exit`, if it did.
    pub exit: Option<u8>,
}

/// Returns whether a text is a whole input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It can be evaluated, or is wrong for good.
    Complete,
    /// More lines belong to it.
    Incomplete,
}

/// A script engine that keeps what lines define.
pub struct Shell {
    engine: Engine,
    host: Rc<Host>,
    scope: Scope<'static>,
    /// The functions of all lines.
    library: AST,
    imports: BTreeMap<String, Option<Functions>>,
    loader: Loader,
    resolver: Rc<Resolver>,
    environment: RunEnvironment,
    number: usize,
}

impl Shell {
    /// Makes a shell over a session.
    #[must_use]
    pub fn new(session: Session, environment: RunEnvironment) -> Self {
        let permissions = Rc::new(RefCell::new(environment.permissions.clone()));
        let loader = Loader::for_script("prompt", Rc::clone(&permissions));
        let sources = Sources::default();
        let named = ("prompt", &[][..]);
        let mut host = Host::new(named, session, &environment, permissions, &sources);
        host.is_prompt = true;
        let host = Rc::new(host);
        let mut engine = builtin_engine();
        let resolver = Rc::new(Resolver::new(loader.clone(), sources, None));
        engine.set_module_resolver(SharedResolver(Rc::clone(&resolver)));
        Self {
            engine,
            host,
            scope: Scope::new(),
            library: AST::empty(),
            imports: BTreeMap::new(),
            loader,
            resolver,
            environment,
            number: 0,
        }
    }

    /// Returns the session, which no script uses now.
    ///
    /// # Panics
    /// If a line is being evaluated.
    #[must_use]
    pub fn session(&self) -> RefMut<'_, Session> {
        self.host.session.borrow_mut()
    }

    /// Returns the session, unless a line is being evaluated.
    #[must_use]
    pub fn try_session(&self) -> Option<RefMut<'_, Session>> {
        self.host.session.try_borrow_mut().ok()
    }

    /// Lets lines read and write every file from now on, or none.
    pub fn allow_files(&self, on: bool) {
        let allowed = if on {
            Allowed::Everywhere
        } else {
            Allowed::Nowhere
        };
        *self.host.permissions.borrow_mut() = Permissions {
            read: allowed.clone(),
            write: allowed,
            at_prompt: true,
        };
    }

    /// Returns whether lines may read files.
    #[must_use]
    pub fn allows_files(&self) -> bool {
        self.host.permissions.borrow().read != Allowed::Nowhere
    }

    /// Returns the names of variables.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .scope
            .iter()
            .map(|(name, ..)| name.to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the names of functions that lines defined.
    #[must_use]
    pub fn functions(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .library
            .iter_functions()
            .filter(|function| !function.name.contains('$'))
            .map(|function| function.name.to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the imported modules with their functions, as far as they are known.
    pub fn imported(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.imports.iter().map(|(alias, functions)| {
            let functions = functions.iter().flatten();
            (
                alias.as_str(),
                functions.map(|(name, _)| name.as_str()).collect(),
            )
        })
    }

    /// Checks and evaluates one input. What it leaves open of blocks is dropped, what it defined stays.
    ///
    /// # Errors
    /// [`ScriptFailure`] as for a script.
    pub fn evaluate(&mut self, text: &str) -> Result<Evaluated, ScriptFailure> {
        self.number += 1;
        let script = Script {
            path: format!("line {}", self.number),
            source: text.to_owned(),
            arguments: Vec::new(),
        };
        let sources = Rc::clone(&self.host.sources);
        sources
            .borrow_mut()
            .insert(script.path.clone(), script.source.clone());
        let context = LineContext {
            scope: &self.scope,
            library: &self.library,
            imports: &self.imports,
        };
        let fresh = check_line(&script, &self.loader, &context)?;
        // Limits count from here.
        let interrupt = self.session().interrupt().clone();
        connect(
            &mut self.engine,
            &self.host,
            self.environment.limits,
            interrupt,
        );
        let mut ast = self
            .engine
            .compile_with_scope(&self.scope, script.compilable())
            .map_err(|error| ScriptFailure::of_parse(&script, &error))?;
        ast.set_source(script.path.as_str());
        self.library.clear_statements();
        let merged = self.library.merge(&ast);
        let depth = self.session().depth();
        let result = self
            .engine
            .eval_ast_with_scope::<Dynamic>(&mut self.scope, &merged);
        super::backstop::rest();
        {
            let mut session = self.session();
            while session.depth() > depth {
                session.abandon();
            }
        }
        let exit = self.host.exit.take();
        let value = match result {
            Ok(value) => ValueText::of(value),
            Err(_) if exit.is_some() => ValueText::nothing(),
            Err(error) => {
                let sources = self.host.sources.borrow().clone();
                return Err(ScriptFailure::of_run(&script.path, sources, *error));
            }
        };
        self.library = merged;
        self.library.clear_statements();
        self.keep_imports(fresh);
        Ok(Evaluated { value, exit })
    }

    /// Makes what a line imported known to the next ones.
    fn keep_imports(&mut self, fresh: Vec<(String, String, Option<Functions>)>) {
        use rhai::ModuleResolver;
        for (alias, path, functions) in fresh {
            let resolved = self
                .resolver
                .resolve(&self.engine, None, &path, Position::NONE);
            if let Ok(module) = resolved {
                self.engine.register_static_module(alias.as_str(), module);
                self.imports.insert(alias, functions);
            }
        }
    }

    /// Takes the first failure to print since the last call.
    #[must_use]
    pub fn take_output_failure(&self) -> Option<std::io::Error> {
        self.host.output_failure.borrow_mut().take()
    }
}

/// Returns whether an input is whole, or more lines belong to it.
#[must_use]
pub fn completeness(text: &str) -> Completeness {
    let engine = builtin_engine_for_syntax();
    if open_comment(text) {
        return Completeness::Incomplete;
    }
    let Err(error) = engine.compile(text) else {
        return Completeness::Complete;
    };
    let end = end_of(text);
    let position = error.position();
    let at_end = position.is_none()
        || (position.line(), position.position()) == (Some(end.0), Some(end.1))
        || (position.line() == Some(end.0) && position.position().unwrap_or_default() >= end.1)
        || position.line().is_some_and(|line| line > end.0);
    let open_template = matches!(
        error.err_type(),
        rhai::ParseErrorType::BadInput(rhai::LexError::UnterminatedString)
    ) && template_begins(text, position);
    if at_end || open_template {
        Completeness::Incomplete
    } else {
        Completeness::Complete
    }
}

/// An engine that knows the syntax: variables of earlier lines are not known here.
fn builtin_engine_for_syntax() -> Engine {
    let mut engine = builtin_engine();
    engine.set_strict_variables(false);
    engine
}

/// Returns line and column behind the last character that is not blank.
fn end_of(text: &str) -> (usize, usize) {
    let trimmed = text.trim_end();
    let line = trimmed.lines().count().max(1);
    let column = trimmed
        .lines()
        .last()
        .map_or(0, |line| line.chars().count());
    (line, column + 1)
}

fn template_begins(text: &str, position: Position) -> bool {
    let place = position.line().and_then(|line| {
        let line = text.lines().nth(line.checked_sub(1)?)?;
        line.chars().nth(position.position()?.checked_sub(1)?)
    });
    place == Some('`')
}

/// Returns whether a comment is open at the end; inside texts nothing begins a comment.
fn open_comment(text: &str) -> bool {
    let mut depth = 0usize;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') if depth == 0 => quote = Some(character),
            (None, '/') if depth == 0 && characters.peek() == Some(&'/') => {
                characters.by_ref().find(|character| *character == '\n');
            }
            (None, '/') if characters.peek() == Some(&'*') => {
                characters.next();
                depth += 1;
            }
            (None, '*') if depth > 0 && characters.peek() == Some(&'/') => {
                characters.next();
                depth -= 1;
            }
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::{Completeness, completeness};

    #[test]
    fn an_input_knows_when_it_is_whole() {
        for whole in [
            "1 + 2",
            "let x = 1; }",
            "foo(]",
            "\"abc",
            "x => 1",
            "if true { 1 } else { 2 }",
            "transaction { service::add(\"fwmark://1\"); }",
            "// comment",
            "",
            "print(`a ${1}`)",
        ] {
            assert_eq!(completeness(whole), Completeness::Complete, "{whole}");
        }
        for part in [
            "if true {",
            "foo(1, // c",
            "x.",
            "[1, 2",
            "#{ a: 1",
            "fn f(a) {",
            "1 +",
            "try { 1 }",
            "switch 1 {",
            "transaction {",
            "transaction \"x\" {",
            "rehearse {\n  service::add(\"fwmark://1\");",
            "/* open",
            "print(`a",
            "let x =",
        ] {
            assert_eq!(completeness(part), Completeness::Incomplete, "{part}");
        }
    }
}
