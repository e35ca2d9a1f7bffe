//! What the original can't: show what would change, and make many lines one transaction.

use std::collections::HashMap;

use super::compat::{DONE, Ending, FAILED, refusal_text};
use super::restore::{Start, words};
use super::tool::{Tool, errno_of};
use crate::backend::Operation;
use crate::cli::failure::Failure;
use crate::cli::report;
use crate::ipvsadm::syntax::{Command, Field};
use crate::ipvsadm::syntax::{Line, Meaning, Present};
use crate::ipvsadm::text::plan_difference;
use crate::model::{ObjectId, ServiceKey};
use crate::render::{PlanView, plan as render_plan};
use crate::results::ResultShape;
use crate::results::exit;
use crate::session::{BlockKind, CommitTerms, Ended, Error};

/// How a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Plan,
    Difference,
}

/// What becomes of lines that are not simply done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    /// They are one transaction.
    atomic: bool,
    /// They are not done, but shown.
    show: Option<Show>,
    /// The status tells whether anything would change.
    exit_code: bool,
}

impl Mode {
    /// Returns the mode that options of ours ask for.
    pub(super) const fn of(present: Present) -> Option<Self> {
        let show = if present.has(Field::Diff) {
            Some(Show::Difference)
        } else if present.has(Field::DryRun) {
            Some(Show::Plan)
        } else {
            None
        };
        let atomic = present.has(Field::Atomic);
        if atomic || show.is_some() {
            let exit_code = present.has(Field::ExitCode);
            Some(Self {
                atomic,
                show,
                exit_code,
            })
        } else {
            None
        }
    }

    const fn kind(self) -> BlockKind {
        match self.show {
            Some(_) => BlockKind::Rehearsal,
            None => BlockKind::Transaction,
        }
    }
}

/// Returns the services that operations are about.
pub(super) fn keys_of<'a>(operations: impl Iterator<Item = &'a Operation>) -> Vec<ServiceKey> {
    let mut keys: Vec<ServiceKey> = operations
        .filter_map(|operation| match operation.object()? {
            ObjectId::Service(key) | ObjectId::Destination(key, _) => Some(key),
            _ => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Returns the ending of a line that could not be staged.
pub(super) fn refused(command: Command, error: &Error) -> Ending {
    match error {
        Error::Refused(_) | Error::Missing { .. } => {
            Ending::Refused(refusal_text(command, errno_of(error)).into())
        }
        other => Ending::Broken {
            text: other.to_string().into_bytes(),
            status: FAILED,
            kind: other.kind().word(),
        },
    }
}

/// Shows what one change would do.
pub(super) fn one(tool: &mut Tool<'_>, mode: Mode, command: Command, operation: &Operation) -> u8 {
    let staged = tool
        .session
        .begin(mode.kind())
        .and_then(|()| tool.session.stage(operation));
    if let Err(error) = staged {
        tool.session.abandon();
        return tool.settle(Err(refused(command, &error)));
    }
    show(tool, mode).unwrap_or_else(|ending| tool.settle(Err(ending)))
}

/// Shows what was staged, and returns the status.
fn show(tool: &mut Tool<'_>, mode: Mode) -> Result<u8, Ending> {
    let plan = tool.session.end_rehearsal();
    let plan = plan.map_err(|error| refused(Command::Restore, &error))?;
    match (tool.json, mode.show) {
        (true, _) => {
            // With what failed beside it, in the end.
            tool.envelope = Some(ResultShape::planned(&plan));
        }
        (false, Some(Show::Difference)) => {
            for note in plan.notes() {
                tool.warn(&format!("{}: {}", note.object, note.text));
            }
            for line in plan_difference(&plan) {
                tool.print(&line);
            }
        }
        (false, _) => tool.view(|out| {
            render_plan(
                out,
                &PlanView {
                    plan: &plan,
                    kept: None,
                    ending: "Nothing was changed.",
                },
            )
        }),
    }
    Ok(if mode.exit_code && !plan.is_empty() {
        exit::PENDING
    } else {
        DONE
    })
}

/// Lines on their way into one plan.
struct Many<'t, 'c> {
    tool: &'t mut Tool<'c>,
    mode: Mode,
    /// Objects that a line of this run added, and which: to add them again is an error.
    added: HashMap<ObjectId, usize>,
    /// The line that is staged.
    number: usize,
    /// The line that added what this one adds again.
    first: Option<usize>,
    status: u8,
}

/// Runs lines as one transaction, or shows what they would change.
pub(super) fn many(tool: &mut Tool<'_>, mode: Mode, start: Start, text: &[u8]) -> u8 {
    if mode.show.is_none()
        && let Err(status) = tool.make_ready()
    {
        return status;
    }
    let mut many = Many {
        tool,
        mode,
        added: HashMap::new(),
        number: 0,
        first: None,
        status: DONE,
    };
    match many.stage(start, text) {
        Ok(()) => many.finish(),
        Err(status) => {
            many.tool.session.abandon();
            status
        }
    }
}

impl Many<'_, '_> {
    fn stage(&mut self, start: Start, text: &[u8]) -> Result<(), u8> {
        // What editors put before the text of a file.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let begun = self.tool.session.begin(self.mode.kind());
        begun.map_err(|error| self.stop(None, refused(Command::Restore, &error)))?;
        if start == Start::Nothing {
            if self.mode.atomic && lines.iter().all(|line| line.trim_ascii().is_empty()) {
                return Err(self.stop(
                    None,
                    Ending::usage(
                        "there are no lines, and no lines never delete a table; `ipvsadm -C` does",
                    ),
                ));
            }
            let cleared = self.tool.session.stage(&Operation::Flush);
            cleared.map_err(|error| self.stop(None, refused(Command::Clear, &error)))?;
        }
        let mut read = Vec::with_capacity(lines.len());
        let mut taken = Vec::new();
        let mut ending = None;
        for (number, line) in (1..).zip(lines) {
            words(line, &mut taken);
            if taken.first().is_none_or(|word| word.starts_with(b"#")) {
                continue;
            }
            let line = self.tool.read(&taken, true).and_then(Self::only_changes);
            let ends = matches!(&line, Err(wrong) if self.mode.atomic || !wrong.goes_on());
            read.push((number, line));
            if ends {
                ending = read.pop();
                break;
            }
        }
        if self.mode.atomic
            && let Some((number, Err(wrong))) = ending
        {
            return Err(self.stop(Some(number), wrong));
        }
        self.fetch(read.iter().filter_map(|(_, line)| line.as_ref().ok()))?;
        for (number, line) in read.into_iter().chain(ending) {
            (self.number, self.first) = (number, None);
            match line.and_then(|(command, operation)| self.one(command, operation)) {
                Ok(()) => self.status = DONE,
                Err(wrong) => {
                    self.status = wrong.status();
                    if self.mode.atomic {
                        return Err(self.stop(Some(number), wrong));
                    }
                    self.tool.complain(&wrong, Some(number));
                }
            }
        }
        Ok(())
    }

    fn only_changes(line: Line) -> Result<(Command, Operation), Ending> {
        match (line.meaning, line.lost_port) {
            (Meaning::Change(operation), None) => Ok((line.command, operation)),
            (_, Some(text)) => Err(Ending::usage(text)),
            _ => Err(Ending::usage(format!(
                "the '{}' command changes nothing: only changes can be shown, or be part of a transaction",
                line.command.name()
            ))),
        }
    }

    /// Fetches what the lines are about in one go.
    fn fetch<'a>(
        &mut self,
        lines: impl Iterator<Item = &'a (Command, Operation)>,
    ) -> Result<(), u8> {
        let keys = keys_of(lines.map(|(_, operation)| operation));
        let fetched = self.tool.session.expect_services(&keys);
        fetched.map_err(|error| self.stop(None, refused(Command::Restore, &error)))
    }

    /// Says why nothing is done, and returns the status, which is one of this program's own: a transaction is
    /// nothing that the original has a status for.
    fn stop(&mut self, line: Option<usize>, ending: Ending) -> u8 {
        let status = match &ending {
            Ending::Hint | Ending::Misfit(_) | Ending::Usage(_) => exit::USAGE,
            Ending::Refused(_) => exit::REFUSED,
            Ending::NotListed(_) => exit::FAILED,
            Ending::Broken { status, .. } => *status,
            Ending::Uncommitted(_) => ending.status(),
        };
        let place = match (line, self.first) {
            (Some(line), Some(first)) => format!("lines {first} and {line} add the same: "),
            (Some(line), None) => format!("line {line}: "),
            (None, _) => String::new(),
        };
        let text = match &ending {
            Ending::Hint => "it has no command of ipvsadm, such as -A or -a".to_owned(),
            ending => String::from_utf8_lossy(&ending.text(b"ipvsadm")).into_owned(),
        };
        let text = format!("{place}{}; nothing was changed", text.trim_end());
        let ending = Ending::Broken {
            text: text.into_bytes(),
            status,
            kind: ending.kind(),
        };
        self.tool.complain(&ending, None);
        status
    }

    fn one(&mut self, command: Command, operation: Operation) -> Result<(), Ending> {
        let operations = if self.mode.atomic {
            let ensured = self.ensured(operation);
            ensured.map_err(|error| refused(command, &error))?
        } else {
            vec![operation]
        };
        for operation in operations {
            let staged = self.tool.session.stage(&operation);
            staged.map_err(|error| refused(command, &error))?;
        }
        Ok(())
    }

    /// Notes what the line adds, and returns `true` if another one added it.
    fn adds_again(&mut self, object: ObjectId) -> bool {
        self.first = self.added.insert(object, self.number);
        self.first.is_some()
    }

    /// What a line adds and the table has already becomes as the line says: only what differs is changed.
    fn ensured(&mut self, operation: Operation) -> Result<Vec<Operation>, Error> {
        let object = operation.object();
        Ok(match operation {
            Operation::AddService { key, configuration } => {
                let again = self.adds_again(ObjectId::Service(key));
                let there = self.tool.session.find_service(&key)?.is_some();
                if again || !there {
                    vec![Operation::AddService { key, configuration }]
                } else {
                    vec![Operation::EditService {
                        key,
                        before: None,
                        after: configuration,
                    }]
                }
            }
            Operation::AddDestination {
                service,
                key,
                configuration,
            } => {
                let again = self.adds_again(ObjectId::Destination(service, key));
                let found = self.tool.session.find_service(&service)?;
                let there = found.is_some_and(|found| found.destinations.contains_key(&key));
                if again || !there {
                    vec![Operation::AddDestination {
                        service,
                        key,
                        configuration,
                    }]
                } else {
                    vec![Operation::EditDestination {
                        service,
                        key,
                        configuration,
                    }]
                }
            }
            Operation::StartDaemon(daemon) => {
                let again = self.adds_again(ObjectId::Daemon(daemon.role));
                let running = self.tool.session.daemons()?;
                let running = running.iter().find(|running| running.role == daemon.role);
                match running {
                    Some(running) if !again && daemon.is_met_by(running) => Vec::new(),
                    Some(_) if !again => vec![
                        Operation::StopDaemon(daemon.role),
                        Operation::StartDaemon(daemon),
                    ],
                    _ => vec![Operation::StartDaemon(daemon)],
                }
            }
            Operation::Flush => {
                self.added.clear();
                vec![Operation::Flush]
            }
            deleted @ (Operation::DeleteService { .. }
            | Operation::DeleteDestination { .. }
            | Operation::StopDaemon(_)) => {
                if let Some(ObjectId::Service(gone)) = &object {
                    self.added.retain(|added, _| {
                        !matches!(added, ObjectId::Destination(service, _) if service == gone)
                    });
                }
                if let Some(object) = &object {
                    self.added.remove(object);
                }
                vec![deleted]
            }
            other => vec![other],
        })
    }

    fn finish(self) -> u8 {
        let tool = self.tool;
        if self.mode.show.is_some() {
            let shown = show(tool, self.mode);
            let status = shown.unwrap_or_else(|ending| tool.settle(Err(ending)));
            return if status == DONE { self.status } else { status };
        }
        match tool.session.end_transaction(CommitTerms::default()) {
            Ok(Ended::Committed(report)) => {
                tool.committed = !report.plan.is_empty();
                if tool.json {
                    tool.envelope = Some(report::envelope(&report));
                } else {
                    tool.view(|out| report::write_success(out, &report, None));
                }
                if report.failed_actions.is_empty() {
                    DONE
                } else {
                    exit::COMMITS_STAND
                }
            }
            Ok(Ended::Staged(_)) => DONE,
            Err(error) => tool.tell(&Failure::Session(error)),
        }
    }
}
