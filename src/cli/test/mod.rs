//! `ipvsh test`: runs the tests of scripts, each file in a process of its own.
//!
//! `places` finds the files, `pool` runs the processes, `worker` is what runs in one, `stopwatch` has the time. What is shown is made by
//! [`crate::render`].

mod arguments;
mod places;
mod pool;
mod stopwatch;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) use arguments::TestArguments;
use places::Places;
use pool::{News, Terms};
use stopwatch::{Stopwatch, any_seed};

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use super::report::TargetWords;
use crate::files;
use crate::model::{reason, shown};
use crate::render::{CoverageRows, TestsText, coverage_table, test_junit};
use crate::results::{
    CoverageShape, ListedTestsShape, TestEvent, TestShape, TestsShape, Verdict, exit,
};
use crate::script::{Coverage, LinesRun, coverable_lines, library_modules};
use crate::session::Access;

/// How often it is looked whether a file changed.
const LOOK: Duration = Duration::from_millis(300);

/// Runs tests, once or whenever something changes.
pub(super) fn test(
    context: &Context,
    globals: &Globals,
    arguments: &TestArguments,
) -> Result<CommandOutcome, Failure> {
    if arguments.worker {
        return worker::work(context, globals, arguments);
    }
    if globals.netns.is_some() || globals.sim_state.is_some() {
        return Err(Failure::usage(
            "tests run on simulated kernels of their own: --sim=FILE says what is in each when its test begins",
        ));
    }
    if arguments.watch && globals.json {
        return Err(Failure::usage(
            "--json prints one document, and --watch has no end",
        ));
    }
    // What would fail each test is said once: the document of --sim, guards, the configuration.
    let simulated = Globals {
        sim: Some(globals.sim.clone().unwrap_or_default()),
        ..globals.clone()
    };
    let mut session = open::open_unguarded(&simulated, Access::Write, &context.interrupt)?;
    open::guard(globals, &mut session)?;
    drop(session);
    context.interrupt.install().map_err(Failure::Signals)?;
    if !arguments.watch {
        return run(context, globals, arguments);
    }
    loop {
        let written = || {
            Places::find(&arguments.paths)
                .map(|places| places.written())
                .ok()
        };
        let before = written();
        if context.ui.results_are_seen() {
            context.ui.clear().map_err(Failure::Output)?;
        }
        // What is wrong with the files is told, and can be put right.
        let status = match run(context, globals, arguments) {
            Ok(CommandOutcome::Judged { status }) => status,
            Ok(_) => exit::DONE,
            Err(failure) => {
                failure.tell(&TargetWords::of(globals), &context.ui);
                failure.status()
            }
        };
        context.ui.status("waiting for a change, Ctrl-C ends");
        loop {
            if let Some(signal) = context.interrupt.signal() {
                let status = exit::after_signal(signal).max(status);
                return Ok(CommandOutcome::Judged { status });
            }
            std::thread::sleep(LOOK);
            let now = written();
            if now.is_some() && now != before {
                break;
            }
        }
    }
}

/// What was told so far.
struct Tally<'a> {
    context: &'a Context,
    is_quiet: bool,
    /// The tests of each file.
    tests: BTreeMap<String, Vec<TestShape>>,
    listed: BTreeMap<String, Vec<String>>,
    coverage: Coverage,
    text: TestsText,
    failed_to_write: Option<std::io::Error>,
}

impl Tally<'_> {
    fn hear(&mut self, news: News) {
        match news {
            News::Slow(file, name) => self.say(|text| text.slow(&file, &name)),
            News::Event(file, event) => match event {
                TestEvent::Begins(_) | TestEvent::Over(_) => {}
                TestEvent::Listed(name) => self.listed.entry(file).or_default().push(name),
                TestEvent::Lines { script, lines, run } => {
                    let known = self.coverage.entry(script).or_default();
                    known.lines.extend(lines);
                    known.run.extend(run);
                }
                TestEvent::Ended(test) => self.ended(*test),
                TestEvent::Unreadable(failure) => self.ended(TestShape {
                    file,
                    name: "(file)".to_owned(),
                    line: failure.line,
                    verdict: Verdict::Failed,
                    seconds: 0.0,
                    failures: vec![*failure],
                    output: String::new(),
                }),
            },
        }
    }

    fn ended(&mut self, test: TestShape) {
        if !(self.is_quiet && test.passed()) {
            self.say(|text| text.status(&test));
        }
        self.tests.entry(test.file.clone()).or_default().push(test);
    }

    fn say(&mut self, line: impl FnOnce(&TestsText) -> String) {
        if let Some(text) = Some(line(&self.text)).filter(|text| !text.is_empty())
            && let Err(error) = self.context.ui.line(&text)
        {
            self.failed_to_write.get_or_insert(error);
        }
    }
}

/// Runs the tests once.
fn run(
    context: &Context,
    globals: &Globals,
    arguments: &TestArguments,
) -> Result<CommandOutcome, Failure> {
    let places = Places::find(&arguments.paths)?;
    let seed = arguments.seed.unwrap_or_else(any_seed);
    let stopwatch = Stopwatch::start();
    let journals = Journals::make()?;
    let terms = terms(context, globals, arguments, (seed, &journals.0));
    let mut tally = Tally {
        context,
        is_quiet: globals.quiet,
        tests: BTreeMap::new(),
        listed: BTreeMap::new(),
        coverage: Coverage::new(),
        text: TestsText {
            is_silent: globals.json || arguments.list,
            slow: terms.slow,
        },
        failed_to_write: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let files = places.tests.len();
    if !globals.quiet {
        tally.say(|text| text.begin(files, seed));
    }
    pool::run(places.tests.clone(), &terms, &stop, &mut |news| {
        if context.interrupt.signal().is_some() {
            stop.store(true, Ordering::SeqCst);
        }
        if let Some(news) = news {
            tally.hear(news);
        }
        // Who can't tell need not go on.
        if tally.failed_to_write.is_some() {
            stop.store(true, Ordering::SeqCst);
        }
    });
    if let Some(error) = tally.failed_to_write {
        return Err(Failure::Output(error));
    }
    let interrupted = context.interrupt.signal();
    let tests: Vec<TestShape> = tally.tests.into_values().flatten().collect();
    if arguments.list && !tally.listed.is_empty() {
        listed(context, globals, tally.listed)?;
        // What could not be listed is no success.
        for failure in tests.iter().flat_map(|test| &test.failures) {
            context.ui.error_text(&failure.text);
        }
        let status = if tests.is_empty() {
            exit::DONE
        } else {
            exit::FAILED
        };
        return Ok(CommandOutcome::Judged { status });
    }
    if tests.is_empty() && interrupted.is_none() {
        return Err(Failure::usage(match arguments.filter.as_slice() {
            [] => "no file has a test: tests are functions called test_NAME".to_owned(),
            filters => format!("no test has {} in its name", shown(&filters.join(" or "))),
        }));
    }
    let coverage = (arguments.coverage).then(|| coverage(&places, tally.coverage));
    let shape = TestsShape::new(u64::from(seed), stopwatch.seconds(), tests, coverage);
    if globals.json {
        context.print(&shape)?;
    } else {
        let mut text = tally.text.end(&shape, interrupted.is_some());
        if let Some(rows) = &shape.coverage {
            text = format!("{}{text}", coverage_table(&CoverageRows(rows)));
        }
        context
            .ui
            .data(|out| out.write_all(text.as_bytes()))
            .map_err(Failure::Output)?;
    }
    if let Some(path) = &arguments.junit {
        files::replace(Path::new(path), |out| test_junit(out, &shape)).map_err(|error| {
            let text = format!("{}: {}", shown(path), reason(&error));
            Failure::Output(std::io::Error::new(error.kind(), text))
        })?;
    }
    let status = match interrupted {
        Some(signal) => exit::after_signal(signal),
        None if shape.failed > 0 => exit::FAILED,
        None => exit::DONE,
    };
    Ok(CommandOutcome::Judged { status })
}

fn listed(
    context: &Context,
    globals: &Globals,
    listed: BTreeMap<String, Vec<String>>,
) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return context.print(&ListedTestsShape::new(listed));
    }
    let mut text = String::new();
    for (file, names) in listed {
        for name in names {
            text.push_str(&format!("{file}::{name}\n"));
        }
    }
    context
        .ui
        .data(|out| out.write_all(text.as_bytes()))
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Says how the process of a file is started.
fn terms(
    context: &Context,
    globals: &Globals,
    arguments: &TestArguments,
    (seed, journals): (u32, &Path),
) -> Terms {
    let bounds = &arguments.bounds;
    let sim = globals.sim.clone().unwrap_or_default();
    let mut words = vec![
        if sim.is_empty() {
            "--sim".to_owned()
        } else {
            format!("--sim={sim}")
        },
        format!("--max-size={}", globals.max_size),
        format!("--state-dir={}", journals.display()),
        "test".to_owned(),
        "--worker".to_owned(),
        format!("--seed={seed}"),
        format!("--timeout={}ms", arguments.timeout.as_millis()),
        format!("--max-memory={}", bounds.max_memory),
    ];
    for guard in &globals.guard {
        words.insert(0, format!("--guard={guard}"));
    }
    for guard in &globals.overridden {
        words.insert(0, format!("--override={guard}"));
    }
    // Texts for programs have no colours.
    let coloured = context.ui.colours_results() && !globals.json && arguments.junit.is_none();
    words.insert(
        0,
        format!("--color={}", if coloured { "always" } else { "never" }),
    );
    let allowed = [
        ("--allow-read", &bounds.allow_read),
        ("--allow-write", &bounds.allow_write),
    ];
    for (option, files) in allowed {
        words.extend(
            files
                .as_ref()
                .map(|files| match files.iter().any(String::is_empty) {
                    true => option.to_owned(),
                    false => format!("{option}={}", files.join(",")),
                }),
        );
    }
    let filters = arguments.filter.iter();
    words.extend(filters.map(|text| format!("--filter={text}")));
    let flags = [
        ("--list", arguments.list),
        ("--coverage", arguments.coverage),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(_, is)| *is)
            .map(|(flag, _)| (*flag).to_owned()),
    );
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Terms {
        arguments: words,
        timeout: arguments.timeout,
        slow: arguments.timeout / 5,
        jobs: arguments.jobs.unwrap_or(processors),
    }
}

/// Returns the lines that were run of what the tests are about: of no file of tests, and of a script that no test ran too. A module of
/// the library counts where its own file is among the scripts.
fn coverage(places: &Places, told: Coverage) -> Vec<CoverageShape> {
    let mut library: Coverage = BTreeMap::new();
    let tests: Vec<String> = places.tests.iter().map(|name| tidy(name)).collect();
    let mut told: Coverage = told
        .into_iter()
        .fold(Coverage::new(), |mut told, (name, lines)| {
            let known = told.entry(tidy(&name)).or_default();
            known.lines.extend(lines.lines);
            known.run.extend(lines.run);
            told
        });
    told.retain(|name, lines| {
        if name.starts_with("std/") {
            library.insert(name.clone(), lines.clone());
            return false;
        }
        !tests.contains(name)
    });
    for script in &places.scripts {
        let Ok(text) = std::fs::read_to_string(script) else {
            continue;
        };
        let Some(lines) = coverable_lines(script, &text) else {
            continue;
        };
        let known = told.entry(tidy(script)).or_insert_with(|| LinesRun {
            lines,
            ..LinesRun::default()
        });
        let module = library_modules().iter().find(|(_, module)| *module == text);
        let run = module.and_then(|(name, _)| library.get(&format!("std/{name}")));
        known.run.extend(run.iter().flat_map(|lines| &lines.run));
    }
    let rows = told.into_iter();
    rows.map(|(script, lines)| CoverageShape {
        script,
        lines: lines.lines.len(),
        run: lines.run.len(),
        not_run: lines.lines.difference(&lines.run).copied().collect(),
    })
    .collect()
}

/// Returns a path without what does not matter in it, as one file may be named in several ways.
fn tidy(path: &str) -> String {
    let parts = Path::new(path).components();
    let named = parts.filter(|part| !matches!(part, std::path::Component::CurDir));
    named.collect::<PathBuf>().display().to_string()
}

/// The folder of the journals that tests have: gone when they are over.
struct Journals(PathBuf);

impl Journals {
    fn make() -> Result<Self, Failure> {
        // Nothing of them has to outlive the machine, and memory is faster than a disk.
        let memory = Path::new("/dev/shm");
        let places = [memory.to_owned(), std::env::temp_dir()];
        let mut last = None;
        for place in places {
            let template = place.join(format!("ipvsh-test-{}", "X".repeat(6)));
            match nix::unistd::mkdtemp(&template) {
                Ok(folder) => return Ok(Self(folder)),
                Err(error) => last = Some((place, error)),
            }
        }
        let text = last.map_or_else(String::new, |(place, error)| {
            format!(
                "no folder can be made in {}: {}",
                place.display(),
                error.desc()
            )
        });
        Err(Failure::Output(std::io::Error::other(text)))
    }
}

impl Drop for Journals {
    fn drop(&mut self) {
        // There is no better place to complain that a folder in memory stays.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
