//! Tests of scripts: the functions `test_NAME` of a file `NAME.test.rhai`.
//!
//! Each test gets a session of its own. What `setup()` returns is the argument of `teardown` and of each test that takes one; a test
//! with rows is run once for each. All of a test, `setup` and `teardown` too, happens in one evaluation of the file, so that what stands
//! at its top runs once, and its imports are there in each function.
//!
//! [`Suite::load`] reads a file, [`Suite::cases`] says what there is to run, [`Suite::run`] runs one of it. Who calls sees to time: a test is
//! told by [`Suite::end`] that it must end. `nested` runs the scripts that tests run.

mod file;
pub(super) mod nested;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, Map, NativeCallContext, Position, Scope};

use super::backstop;
use super::check::check_tests;
use super::coverage::{SharedCoverage, Whereabouts, note_lines, watch_lines};
use super::engine::{builtin_engine, connect, disconnect, give_back};
use super::environment::RunEnvironment;
use super::error::ScriptError;
use super::failure::ScriptFailure;
use super::host::{Host, TestContext, host};
use super::limits::{Stop, TIME_IS_UP, take_end};
use super::modules::{Loader, Resolver, SharedResolver, Sources};
use super::permission::{Permissions, SharedPermissions};
use super::runner::Script;
use super::values::short;
use crate::session::{Interrupt, Narrator, Session};
use file::TestFile;
pub use file::TestFunction;

/// How the name of a file of tests ends.
pub const TEST_ENDING: &str = ".test.rhai";

/// What every file of tests imports, and as what.
const IMPORTED: (&str, &str) = ("expect", "std/expect");

/// What runs a test from within the evaluation of its file.
const DRIVER: &str = "test_driver_of_ipvsh";

/// The most that is kept of what a test prints, in bytes.
const LONGEST_OUTPUT: usize = 256 << 10;

/// A test to run: a function, with a row of its own if it has rows.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// Its name: the function's, with the number or the key of its row.
    pub name: String,
    function: TestFunction,
    row: Option<Dynamic>,
}

/// The part of a test in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// What stands at the top of the file.
    Top,
    /// `rows_NAME()`.
    Rows,
    /// `setup()`.
    Setup,
    /// The test itself.
    Test,
    /// `teardown`.
    Teardown,
}

/// Why a test failed.
#[derive(Clone, Debug)]
pub struct TestFailure {
    /// In which part of it.
    pub phase: Phase,
    /// Where, and why.
    pub failure: Box<ScriptFailure>,
}

/// How a test went.
#[derive(Debug)]
pub struct TestRun {
    /// What failed, in the order in which it did; nothing of a test that passed.
    pub failures: Vec<TestFailure>,
    /// What it printed, and what it was warned of.
    pub output: String,
}

/// A file of tests, ready to run.
pub struct Suite {
    script: Script,
    file: TestFile,
    program: AST,
    engine: Engine,
    resolver: Rc<Resolver>,
    environment: RunEnvironment,
    permissions: SharedPermissions,
    sources: Sources,
    seed: u64,
    job: SharedJob,
    /// Where the test is that runs.
    place: Rc<Whereabouts>,
    output: Rc<RefCell<String>>,
}

/// What a test does beside its top, called with the file's functions in reach.
type Job = Box<dyn FnOnce(&NativeCallContext<'_>)>;
type SharedJob = Rc<RefCell<Option<Job>>>;

type Called = Result<Dynamic, Box<EvalAltResult>>;

impl Suite {
    /// Reads a file of tests. What scripts print is kept, wherever the environment would have it go.
    ///
    /// # Errors
    /// [`ScriptFailure::Compile`] if it can't be compiled, or has a function that is none of a test.
    pub fn load(
        script: Script,
        mut environment: RunEnvironment,
        seed: u64,
    ) -> Result<Self, ScriptFailure> {
        check_tests(&script, &environment.permissions, IMPORTED)?;
        let output = Rc::new(RefCell::new(String::new()));
        let kept = Rc::clone(&output);
        environment.output = Rc::new(move |text| {
            keep(&kept, text);
            Ok(())
        });
        let mut engine = builtin_engine();
        let job = SharedJob::default();
        let driven = Rc::clone(&job);
        engine.register_fn(DRIVER, move |ctx: NativeCallContext<'_>| {
            // Taken before it runs: the cell is free for the next one.
            let job = driven.borrow_mut().take();
            job.into_iter().for_each(|job| job(&ctx));
        });
        let permissions = Rc::new(RefCell::new(environment.permissions.clone()));
        let loader = Loader::for_script(&script.path, Rc::clone(&permissions));
        let sources = Sources::default();
        sources
            .borrow_mut()
            .insert(script.path.clone(), script.source.clone());
        let coverage = environment.coverage.clone();
        let place = Rc::new(Whereabouts::default());
        watch_lines(&mut engine, coverage.as_ref(), Some(&place));
        let resolver = Rc::new(Resolver::new(loader, Rc::clone(&sources), coverage));
        let expect = resolver.module(&engine, IMPORTED.1).map_err(|error| {
            ScriptFailure::of_run(&script.path, sources.borrow().clone(), *error)
        })?;
        engine.register_static_module(IMPORTED.0, expect);
        let tests = script.compiled(&engine)?;
        let file = TestFile::of(&script, &tests)?;
        if let Some(coverage) = &environment.coverage {
            note_lines(coverage, &script.path, &tests);
        }
        let driver = engine
            .compile(format!("{DRIVER}();"))
            .map_err(|error| ScriptFailure::of_parse(&script, &error))?;
        let mut program = tests.merge(&driver);
        program.set_source(script.path.as_str());
        engine.set_module_resolver(SharedResolver(Rc::clone(&resolver)));
        Ok(Self {
            script,
            file,
            program,
            engine,
            resolver,
            environment,
            permissions,
            sources,
            seed,
            job,
            place,
            output,
        })
    }

    /// Tells the test that runs with an interrupt that its time is up.
    pub fn end(interrupt: &Interrupt) {
        interrupt.raise(TIME_IS_UP);
    }

    /// Returns the tests of the file, in their order.
    #[must_use]
    pub fn functions(&self) -> &[TestFunction] {
        &self.file.tests
    }

    /// Returns what there is to run of a test: one, or one for each of its rows.
    ///
    /// # Errors
    /// [`TestFailure`] if its rows can't be had.
    pub fn cases(
        &mut self,
        function: &TestFunction,
        session: Session,
    ) -> Result<Vec<TestCase>, TestFailure> {
        let case = |name: String, row| TestCase {
            name,
            function: function.clone(),
            row,
        };
        let Some(rows) = function.rows.clone() else {
            return Ok(vec![case(function.name.clone(), None)]);
        };
        let found = Rc::new(RefCell::new(None));
        let kept = Rc::clone(&found);
        let name = rows.clone();
        let place = Rc::clone(&self.place);
        let job = move |ctx: &NativeCallContext<'_>| {
            let called = call(ctx, &place, &name, Vec::new());
            kept.replace(Some(called));
        };
        let failures = self.evaluate(session, Box::new(job));
        if let Some(failure) = failures.into_iter().next() {
            return Err(failure);
        }
        let wrong = |text: String| TestFailure {
            phase: Phase::Rows,
            failure: failed_with(
                &self.script.path,
                self.sources.borrow().clone(),
                *ScriptError::new("invalid", text).raise(Position::NONE),
            ),
        };
        let value = match found.take() {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                return Err(self.failed(Phase::Rows, &rows, *error));
            }
            None => return Err(wrong(format!("{rows}() was not called"))),
        };
        let named: Vec<(String, Dynamic)> = if let Some(list) = value.read_lock::<Array>() {
            let numbered = list.iter().enumerate();
            numbered
                .map(|(place, row)| ((place + 1).to_string(), row.clone()))
                .collect()
        } else if let Some(map) = value.read_lock::<Map>() {
            let keyed = map.iter();
            keyed
                .map(|(key, row)| (key.to_string(), row.clone()))
                .collect()
        } else {
            let text = format!(
                "{rows}() returns a list of rows, or a map of them, not {}",
                short(&value)
            );
            return Err(wrong(text));
        };
        if named.is_empty() {
            let text = format!(
                "{rows}() returns no row, so that {} never runs",
                function.name
            );
            return Err(wrong(text));
        }
        let cases = named.into_iter();
        Ok(cases
            .map(|(key, row)| case(format!("{}[{key}]", function.name), Some(row)))
            .collect())
    }

    /// Runs a test in a session of its own.
    pub fn run(&mut self, case: &TestCase, session: Session) -> TestRun {
        self.output.borrow_mut().clear();
        let phases = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&phases);
        let (file, function, row) = (self.file.clone(), case.function.clone(), case.row.clone());
        let place = Rc::clone(&self.place);
        let job = move |ctx: &NativeCallContext<'_>| {
            let call = |name: &str, given| call(ctx, &place, name, given);
            let failed = |phase, name: &str, called: Called| match called {
                Ok(value) => Some(value),
                Err(error) => {
                    kept.borrow_mut().push((phase, name.to_owned(), error));
                    None
                }
            };
            let mut fixture = Dynamic::UNIT;
            if file.has_setup {
                match failed(Phase::Setup, "setup", call("setup", Vec::new())) {
                    Some(value) => fixture = value,
                    None => return,
                }
            }
            let given = [file.has_setup.then(|| fixture.clone()), row];
            let given: Vec<Dynamic> = given.into_iter().flatten().collect();
            // A test with rows and one parameter takes the row.
            let surplus = given.len().saturating_sub(function.parameters);
            let given = given.into_iter().skip(surplus).collect();
            failed(Phase::Test, &function.name, call(&function.name, given));
            if let Some(parameters) = file.teardown {
                let given = std::iter::once(fixture).take(parameters).collect();
                failed(Phase::Teardown, "teardown", call("teardown", given));
            }
        };
        let top = self.evaluate(session, Box::new(job));
        let mut failures: Vec<TestFailure> = phases
            .take()
            .into_iter()
            .map(|(phase, name, error)| self.failed(phase, &name, *error))
            .collect();
        failures.extend(top);
        TestRun {
            failures,
            output: self.output.take(),
        }
    }

    /// Evaluates the file and a job in it, and returns what failed at its top.
    fn evaluate(&mut self, mut session: Session, job: Job) -> Option<TestFailure> {
        session.set_seed(self.seed);
        let warnings = Rc::new(RefCell::new(Vec::new()));
        session.set_narrator(Some(Rc::new(Listener {
            output: Rc::clone(&self.output),
            warnings: Rc::clone(&warnings),
        })));
        let interrupt = session.interrupt().clone();
        let mut host = Host::new(
            (&self.script.path, &[]),
            session,
            &self.environment,
            Rc::clone(&self.permissions),
            &self.sources,
        );
        host.test = Some(TestContext {
            seed: self.seed,
            environment: self.environment.clone(),
            warnings,
        });
        let host = Rc::new(host);
        connect(&mut self.engine, &host, self.environment.limits, interrupt);
        self.job.replace(Some(job));
        let mut scope = Scope::new();
        let evaluated = self
            .engine
            .eval_ast_with_scope::<Dynamic>(&mut scope, &self.program);
        drop(scope);
        // The driver stands behind the file's own top.
        let is_unrun = self.job.take().is_some();
        backstop::rest();
        disconnect(&mut self.engine);
        self.engine
            .set_module_resolver(SharedResolver(Rc::clone(&self.resolver)));
        for warning in host.session().take_warnings() {
            keep(&self.output, &format!("warning: {warning}"));
        }
        let error = match evaluated {
            Err(error) => error,
            Ok(_) if is_unrun => {
                let text =
                    "the file ends at its top, by `return` or `exit`, so that the test did not run";
                ScriptError::new("invalid", text).raise(Position::NONE)
            }
            Ok(_) => return None,
        };
        let sources = self.sources.borrow().clone();
        Some(TestFailure {
            phase: Phase::Top,
            failure: failed_with(&self.script.path, sources, *error),
        })
    }
}

impl Suite {
    /// Takes an error of one of the file's functions apart, which was called from nowhere in the file.
    fn failed(&self, phase: Phase, name: &str, error: EvalAltResult) -> TestFailure {
        let (path, error) = match error {
            EvalAltResult::ErrorInFunctionCall(called, source, cause, _) if called == name => {
                (source, *cause)
            }
            other => (String::new(), other),
        };
        let path = if path.is_empty() {
            &self.script.path
        } else {
            &path
        };
        let sources = self.sources.borrow().clone();
        TestFailure {
            phase,
            failure: failed_with(path, sources, error),
        }
    }
}

/// Calls a function of the file. What it left open is over then.
fn call(
    ctx: &NativeCallContext<'_>,
    place: &Whereabouts,
    name: &str,
    mut given: Vec<Dynamic>,
) -> Called {
    let mut given: Vec<&mut Dynamic> = given.iter_mut().collect();
    let called = ctx.call_fn_raw(name, false, false, &mut given);
    let (source, position) = place.now();
    let placed = |mut error: EvalAltResult| -> Called {
        error.set_position(position);
        let name = name.to_owned();
        let none = Position::NONE;
        Err(EvalAltResult::ErrorInFunctionCall(name, source, error.into(), none).into())
    };
    let host = host(ctx)?;
    host.rollback.take();
    host.operations.set(0);
    host.blocks.set(0);
    let _no_end = take_end();
    let mut session = host.session();
    while session.is_open() {
        session.abandon();
    }
    let interrupt = session.interrupt();
    let is_late = interrupt.signal() == Some(TIME_IS_UP);
    if is_late {
        interrupt.take();
    }
    if let Some(status) = host.exit.take() {
        let text = format!(
            "exit({status}) ends a script, and this is a test: it ends with its last line, or with an error"
        );
        return placed(*ScriptError::new("invalid", text).raise(position));
    }
    // What came to its end because its time was up did not do all that it was to.
    if is_late && called.is_ok() {
        let stop = Dynamic::from(Stop::Signal(TIME_IS_UP));
        return placed(EvalAltResult::ErrorTerminated(stop, position));
    }
    called.or_else(|error| match *error {
        // These are thrown between two operations, and know no place.
        error @ (EvalAltResult::ErrorTerminated(..) | EvalAltResult::ErrorStackOverflow(..)) => {
            placed(error)
        }
        error => Err(error.into()),
    })
}

/// Adds a line to what is kept of a test's output.
fn keep(output: &RefCell<String>, text: &str) {
    let mut output = output.borrow_mut();
    if output.len() + text.len() <= LONGEST_OUTPUT {
        output.push_str(text);
        output.push('\n');
    } else if !output.ends_with(TOO_LONG) {
        output.push_str(TOO_LONG);
    }
}

/// What stands in place of output that is too long.
const TOO_LONG: &str = "(more is not kept)\n";

/// Keeps what a test is warned of, and shows it in its output.
struct Listener {
    output: Rc<RefCell<String>>,
    warnings: Rc<RefCell<Vec<String>>>,
}

impl Narrator for Listener {
    fn warns(&self, text: &str) {
        keep(&self.output, &format!("warning: {text}"));
        self.warnings.borrow_mut().push(text.to_owned());
    }
}

fn failed_with(
    path: &str,
    sources: super::failure::SourceTexts,
    error: EvalAltResult,
) -> Box<ScriptFailure> {
    Box::new(ScriptFailure::of_run(path, sources, error))
}

/// Returns the lines of a script that can be run, without running it; nothing of what can't be compiled.
#[must_use]
pub fn coverable_lines(name: &str, source: &str) -> Option<BTreeSet<usize>> {
    let engine = builtin_engine();
    let script = Script {
        path: name.to_owned(),
        source: source.to_owned(),
        arguments: Vec::new(),
    };
    let coverage = SharedCoverage::default();
    let ast = script.compiled(&engine);
    give_back(engine);
    note_lines(&coverage, name, &ast.ok()?);
    let found = coverage.borrow_mut().remove(name)?;
    Some(found.lines)
}

/// Looks at a file of tests without running it.
///
/// # Errors
/// As [`Suite::load`].
pub fn check_suite(script: Script, permissions: &Permissions) -> Result<(), ScriptFailure> {
    let mut environment = RunEnvironment::closed(Rc::new(|_| Ok(())));
    environment.permissions = permissions.clone();
    Suite::load(script, environment, 1).map(|_suite| ())
}
