//! The scripts that a test runs: on its own kernel, as `ipvsh run` would run them.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{Array, Dynamic, Map, Position};

use super::{Listener, keep};
use crate::results::exit;
use crate::script::check::check;
use crate::script::error::{ScriptError, Scripted};
use crate::script::failure::ScriptFailure;
use crate::script::host::Host;
use crate::script::limits::suspend;
use crate::script::modules::Loader;
use crate::script::runner::{Ran, Script, run};
use crate::session::{Access, Error, RunbookEnd, Session, Target};
use crate::txn::Report;

/// Runs a script with arguments and returns what became of it.
pub(in crate::script) fn run_script(
    host: &Host,
    source: Option<&str>,
    position: Position,
    (path, arguments): (&str, Vec<String>),
) -> Scripted<Map> {
    let refuse = |kind: &str, text: String| Err(ScriptError::new(kind, text).raise(position));
    let Some(test) = &host.test else {
        let text =
            "test::run runs a script within a test, and this is none: `ipvsh test FILE` runs tests";
        return refuse("unsupported", text.to_owned());
    };
    if host.session.borrow().is_open() {
        let text = "a script has transactions of its own: test::run stands outside of transaction { } and rehearse { }";
        return refuse("staged", text.to_owned());
    }
    let loader = Loader::for_script(&host.path, Rc::clone(&host.permissions));
    let found = loader.find(path, source).map_err(|mut error| {
        error.message = error.message.replacen("can't import", "can't run", 1);
        error.hint = None;
        error.raise(position)
    })?;
    let script = Script {
        path: found.name,
        source: found.text,
        arguments,
    };
    let output = Rc::new(RefCell::new(String::new()));
    let warnings = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&output);
    let mut environment = test.environment.clone();
    environment.permissions = host.permissions.borrow().clone();
    environment.output = Rc::new(move |text| {
        keep(&kept, text);
        Ok(())
    });
    if let Err(failure) = check(&script, &environment.permissions) {
        return Ok(finished(&Ended::unable(failure), String::new(), Vec::new()));
    }
    let placeholder = host.call(source, position, |_| empty())?;
    let mut session = host.session.replace(placeholder);
    let before = session.committed().count();
    let narrator = session.narrator();
    session.set_narrator(Some(Rc::new(Listener {
        // They are told apart from what is printed.
        output: Rc::default(),
        warnings: Rc::clone(&warnings),
    })));
    let _earlier = session.take_runbooks();
    let measure = suspend();
    let (mut session, result) = run(&script, session, &environment);
    measure.resume();
    host.is_watched.set(false);
    warnings.borrow_mut().extend(session.take_warnings());
    let is_residue = |end| end == RunbookEnd::Residue;
    let residue = session
        .take_runbooks()
        .iter()
        .any(|book| is_residue(book.end));
    let ended = Ended {
        result,
        commits: session.committed().since(before).to_vec(),
        residue,
    };
    session.set_narrator(narrator);
    host.session.replace(session);
    Ok(finished(&ended, output.take(), warnings.take()))
}

/// Returns a session that stands where another one is away.
fn empty() -> Result<Session, Error> {
    let target = Target::Simulation {
        contents: None,
        label: None,
        file: None,
    };
    Session::open(target, Access::Write, crate::session::Interrupt::default())
}

/// How a script ended.
struct Ended {
    result: Result<Ran, ScriptFailure>,
    /// What it committed.
    commits: Vec<Report>,
    /// Whether a runbook could not be rolled back in full.
    residue: bool,
}

impl Ended {
    const fn unable(failure: ScriptFailure) -> Self {
        Self {
            result: Err(failure),
            commits: Vec::new(),
            residue: false,
        }
    }

    /// The exit status that `ipvsh run` would have.
    fn status(&self) -> u8 {
        if self.residue {
            return exit::INDETERMINATE;
        }
        let stands = !self.commits.is_empty();
        match &self.result {
            Ok(ran) if ran.status == exit::DONE => {
                let mut reports = self.commits.iter();
                if reports.any(|report| !report.failed_actions.is_empty()) {
                    exit::COMMITS_STAND
                } else {
                    exit::DONE
                }
            }
            Ok(ran) => ran.status,
            Err(failure) => exit::of_failed_run(failure.status(), stands),
        }
    }

    /// The word for it that the JSON of `ipvsh run` has.
    fn outcome(&self) -> &'static str {
        match &self.result {
            Ok(_) if self.commits.is_empty() => "unchanged",
            Ok(_) => "committed",
            Err(failure) => match failure.session_error() {
                Some(Error::Commit(report)) => report.outcome.word(),
                _ => "failed",
            },
        }
    }
}

fn finished(ended: &Ended, output: String, warnings: Vec<String>) -> Map {
    let warnings: Array = warnings.into_iter().map(Dynamic::from).collect();
    let error = match &ended.result {
        Ok(_) => Dynamic::UNIT,
        Err(failure) => Dynamic::from(failure.as_error()),
    };
    Map::from([
        ("status".into(), i64::from(ended.status()).into()),
        ("output".into(), output.into()),
        ("error".into(), error),
        ("outcome".into(), ended.outcome().into()),
        ("warnings".into(), warnings.into()),
    ])
}
