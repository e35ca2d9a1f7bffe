//! The process of one file of tests: it runs them one after the other and tells of each in a line.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::arguments::TestArguments;
use super::stopwatch::Stopwatch;
use crate::cli::args::Globals;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::open;
use crate::cli::outcome::CommandOutcome;
use crate::cli::script::permissions_of;
use crate::cli::script_file::read_script;
use crate::document::json;
use crate::results::{TestEvent, TestFailureShape, TestShape, Verdict, exit};
use crate::script::{
    Allowed, Coverage, Limits, Permissions, Phase, RunEnvironment, Script, ScriptFailure,
    SharedCoverage, Suite, TestCase, TestFunction, TestRun,
};
use crate::session::{Access, Interrupt, JournalSetup, Session};

/// Runs the tests of a file, and tells of them on standard output.
pub(super) fn work(
    context: &Context,
    globals: &Globals,
    arguments: &TestArguments,
) -> Result<CommandOutcome, Failure> {
    // Whoever started it may be killed.
    let _dies_too = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    let path = arguments.paths.first().map_or("", String::as_str);
    let coverage = arguments.coverage.then(SharedCoverage::default);
    let mut worker = Worker {
        context,
        globals,
        arguments,
        path,
        coloured: context.ui.colours_results(),
        told: Coverage::new(),
        sessions: Cell::default(),
        skipped: skipped()?,
        coverage,
    };
    worker.run()?;
    Ok(CommandOutcome::Judged { status: exit::DONE })
}

/// Reads the names of the tests that ran already: a line each, in JSON, as names may have any characters.
fn skipped() -> Result<BTreeSet<String>, Failure> {
    let text = std::io::read_to_string(std::io::stdin()).map_err(Failure::Output)?;
    let names = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(names.collect())
}

struct Worker<'a> {
    context: &'a Context,
    globals: &'a Globals,
    arguments: &'a TestArguments,
    path: &'a str,
    coloured: bool,
    coverage: Option<SharedCoverage>,
    /// Tests that ran already, in a process that is no more.
    skipped: BTreeSet<String>,
    /// How many sessions there were.
    sessions: Cell<u32>,
    /// The lines that were told of.
    told: Coverage,
}

impl Worker<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        let script = Script {
            path: self.path.to_owned(),
            source: match read_script(self.path) {
                Ok(source) => source,
                Err(failure) => {
                    let message = failure.cause().message;
                    return self.tell(&TestEvent::Unreadable(Box::new(TestFailureShape {
                        phase: "top".to_owned(),
                        kind: "io".to_owned(),
                        text: format!("error: {message}"),
                        message,
                        ..TestFailureShape::default()
                    })));
                }
            },
            arguments: Vec::new(),
        };
        let environment = RunEnvironment {
            limits: Limits {
                // The clock is their bound.
                operations: 0,
                memory_mib: self.arguments.bounds.max_memory,
            },
            permissions: self.permissions(),
            output: Rc::new(|_| Ok(())),
            last_resort: Some(Vec::new()),
            coverage: self.coverage.clone(),
        };
        let seed = self.arguments.seed.map_or(1, u64::from);
        let mut suite = match Suite::load(script, environment, seed) {
            Ok(suite) => suite,
            Err(failure) => {
                let shape = self.failure("top", &failure);
                return self.tell(&TestEvent::Unreadable(Box::new(shape)));
            }
        };
        for function in suite.functions().to_vec() {
            let is_left_out = !function.has_rows() && !self.is_wanted(&function.name);
            if self.is_skipped(&function.name) || is_left_out {
                continue;
            }
            self.function(&mut suite, &function)?;
        }
        self.tell_lines()
    }

    /// Runs a test, once or for each of its rows.
    fn function(&mut self, suite: &mut Suite, function: &TestFunction) -> Result<(), Failure> {
        self.tell(&TestEvent::Begins(function.name.clone()))?;
        let stopwatch = Stopwatch::start();
        let interrupt = Interrupt::default();
        let timer = Timer::start(self.arguments.timeout, &interrupt);
        let cases = suite.cases(function, self.session(&interrupt)?);
        let is_late = timer.stop();
        let cases = match cases {
            Ok(cases) => cases,
            Err(failure) => {
                let run = TestRun {
                    failures: vec![failure],
                    output: String::new(),
                };
                return self.ended(&function.name, function, (run, is_late), stopwatch);
            }
        };
        for case in cases {
            if self.is_skipped(&case.name) || !self.is_wanted(&case.name) {
                continue;
            }
            if self.arguments.list {
                self.tell(&TestEvent::Listed(case.name))?;
                continue;
            }
            self.case(suite, function, &case)?;
        }
        self.tell(&TestEvent::Over(function.name.clone()))
    }

    fn case(
        &mut self,
        suite: &mut Suite,
        function: &TestFunction,
        case: &TestCase,
    ) -> Result<(), Failure> {
        self.tell(&TestEvent::Begins(case.name.clone()))?;
        let stopwatch = Stopwatch::start();
        let interrupt = Interrupt::default();
        let session = self.session(&interrupt)?;
        let timer = Timer::start(self.arguments.timeout, &interrupt);
        let run = suite.run(case, session);
        let is_late = timer.stop();
        self.ended(&case.name, function, (run, is_late), stopwatch)?;
        self.tell_lines()
    }

    fn session(&self, interrupt: &Interrupt) -> Result<Session, Failure> {
        let mut session = open::open_unguarded(self.globals, Access::Write, interrupt)?;
        open::guard(self.globals, &mut session)?;
        // A journal of its own: what history, undo and drains tell is what the test did.
        if let Some(folder) = open::state_folder(self.globals) {
            let number = self.sessions.get();
            self.sessions.set(number + 1);
            let own = format!("{}-{number}", std::process::id());
            session.keep_journal(JournalSetup {
                folder: Some(folder.join(own)),
                command: vec!["test".to_owned(), self.path.to_owned()],
                name: Some(self.path.to_owned()),
                label: None,
                // The simulation's clock sees to deadlines.
                watcher: Rc::new(|_| Ok(())),
            })?;
        }
        Ok(session)
    }

    fn ended(
        &mut self,
        name: &str,
        function: &TestFunction,
        (run, is_late): (TestRun, bool),
        stopwatch: Stopwatch,
    ) -> Result<(), Failure> {
        let verdict = match run.failures.as_slice() {
            [] if !is_late => Verdict::Passed,
            _ if is_late => Verdict::Timeout,
            _ => Verdict::Failed,
        };
        let failures = run.failures.iter();
        let shape = TestShape {
            file: self.path.to_owned(),
            name: name.to_owned(),
            line: Some(function.line),
            verdict,
            seconds: stopwatch.seconds(),
            failures: failures
                .map(|failed| self.failure(phase_name(failed.phase), &failed.failure))
                .collect(),
            output: run.output,
        };
        self.tell(&TestEvent::Ended(Box::new(shape)))
    }

    fn failure(&self, phase: &str, failure: &ScriptFailure) -> TestFailureShape {
        let frame = failure.frame();
        TestFailureShape {
            phase: phase.to_owned(),
            kind: failure.kind(),
            message: failure.plain_message(),
            hint: failure.hint(),
            source: frame.map(|frame| frame.path.clone()),
            line: frame.map(|frame| frame.line),
            column: frame.map(|frame| frame.column),
            found: failure.compared().map(|values| values.found.clone()),
            expected: failure.compared().map(|values| values.expected.clone()),
            text: failure.render(self.coloured),
        }
    }

    fn tell(&self, event: &TestEvent) -> Result<(), Failure> {
        self.context
            .ui
            .line(&json::compact(event))
            .map_err(Failure::Output)
    }

    /// Tells of the lines that were run since the last time: what a test ran is known even if the next one ends the process.
    fn tell_lines(&mut self) -> Result<(), Failure> {
        let Some(coverage) = &self.coverage else {
            return Ok(());
        };
        let now = coverage.borrow().clone();
        for (script, lines) in &now {
            if self.told.get(script) == Some(lines) {
                continue;
            }
            self.tell(&TestEvent::Lines {
                script: script.clone(),
                lines: lines.lines.clone(),
                run: lines.run.clone(),
            })?;
        }
        self.told = now;
        Ok(())
    }

    /// What the tests may touch: files to read in their own folder, unless it is said otherwise.
    fn permissions(&self) -> Permissions {
        let mut permissions = permissions_of(&self.arguments.bounds);
        if permissions.read == Allowed::Nowhere {
            let folder = Path::new(self.path).parent().unwrap_or(Path::new(""));
            let folder = Path::new(".").join(folder);
            permissions.read = Allowed::In(vec![folder]);
        }
        permissions
    }

    fn is_skipped(&self, name: &str) -> bool {
        self.skipped.contains(name)
    }

    fn is_wanted(&self, name: &str) -> bool {
        let whole = format!("{}::{name}", self.path);
        let filters = &self.arguments.filter;
        filters.is_empty() || filters.iter().any(|text| whole.contains(text.as_str()))
    }
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Top => "top",
        Phase::Rows => "rows",
        Phase::Setup => "setup",
        Phase::Test => "test",
        Phase::Teardown => "teardown",
    }
}

/// Tells a test that its time is up, unless it ends before.
struct Timer(Option<(Sender<()>, std::thread::JoinHandle<bool>)>);

impl Timer {
    fn start(time: Duration, interrupt: &Interrupt) -> Self {
        let interrupt = interrupt.clone();
        let (over, told) = channel::<()>();
        let watching = std::thread::Builder::new()
            .name("timer".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                let is_up = told.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
                if is_up {
                    Suite::end(&interrupt);
                }
                is_up
            });
        // Without a thread the process that started this one sees to time.
        Self(watching.ok().map(|thread| (over, thread)))
    }

    /// Returns whether the time was up before.
    fn stop(self) -> bool {
        self.0.is_some_and(|(over, thread)| {
            drop(over);
            thread.join().unwrap_or_default()
        })
    }
}
