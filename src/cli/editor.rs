//! `ipvsh edit` on a terminal: the table, or a part of it, as a text in the user's editor. What was changed in the text is shown as a plan,
//! asked about and committed; a mistake opens the text again, where it is.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use super::args::Globals;
use super::context::{Context, access, with_session};
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use crate::document::{
    Detail, DocumentError, DocumentWriter, YamlForm, read_document, write_document, write_yaml,
};
use crate::model::{ObjectId, Selector, Table, TableSpecification, reason, shown};
use crate::render::plan_text;
use crate::session::{
    ApplyOptions, BlockKind, CommitTerms, Ended, Error, IfMissing, Prune, Session, VerbOutcome,
};
use crate::txn::Plan;

/// What is told above the text. A line that begins so is not read.
const NOTE: &str = "#: ";

const HEAD: &str = "\
#: Change the text, save it and leave the editor: the plan is shown, and asked about.
#: What is deleted here is deleted; a field that is taken out stays as it is, and has the form `ipvsh help documents` tells.
#: Leave without a change, or with an empty text, to change nothing.
";

/// Editors that open a text at a line with `+LINE`.
const GO_TO_LINES: [&str; 12] = [
    "vi", "vim", "nvim", "view", "nano", "pico", "emacs", "micro", "joe", "jed", "ne", "kak",
];

/// Edits what is meant, or all.
pub(super) fn edit(
    context: &Context,
    globals: &Globals,
    object: Option<&str>,
    dry_run: bool,
) -> Result<CommandOutcome, Failure> {
    if globals.json {
        return Err(Failure::usage(
            "--json is for programs, which have no editor: say what to change by options",
        ));
    }
    let selector = object.map(Selector::parse).transpose()?;
    with_session(context, globals, access(dry_run), |session| {
        let kind = if dry_run {
            BlockKind::Rehearsal
        } else {
            BlockKind::Transaction
        };
        // What is read in the block is what a commit finds changed if someone changes it meanwhile.
        session.begin(kind)?;
        let selectors: Vec<Selector> = selector.iter().cloned().collect();
        let before = session.selected(&selectors)?;
        let text = Text::make(&before)?;
        let staged = text.until_it_is_right(context, session, |session, bytes| {
            stage(
                session,
                selector.as_ref(),
                &before,
                (&text.path, bytes),
                globals,
            )
        })?;
        if !staged {
            session.abandon();
            text.remove();
            context.ui.status("Nothing was changed.");
            return Ok(CommandOutcome::Shown);
        }
        if dry_run {
            text.remove();
            return Ok(CommandOutcome::planned(session.end_rehearsal()?));
        }
        ask(context, session);
        let ended = session.end_transaction(CommitTerms::default());
        let done = match ended {
            Ok(Ended::Committed(report)) => VerbOutcome::Committed(report),
            Ok(Ended::Staged(_)) => VerbOutcome::Staged,
            Err(error) => {
                context
                    .ui
                    .hint(&format!("the text is kept in {}", text.path.display()));
                return Err(error.into());
            }
        };
        text.remove();
        Ok(CommandOutcome::Done {
            done,
            kept: Vec::new(),
            document: String::new(),
        })
    })
}

/// Shows the plan and asks, whatever it does: who edits a text looks at what it means.
fn ask(context: &Context, session: &mut Session) {
    if !context.habits.asks {
        return;
    }
    let (ui, interrupt) = (context.ui, context.interrupt.clone());
    let asked = Rc::clone(&context.asked);
    session.set_question(Some(Rc::new(move |plan: &Plan| {
        ui.aside(&plan_text(plan, "Nothing was sent yet."));
        asked.set(true);
        ui.ask("commit this?", &|| interrupt.signal().is_some())
    })));
}

/// Stages what a text changes, or nothing.
fn stage(
    session: &mut Session,
    selector: Option<&Selector>,
    before: &Table,
    (path, bytes): (&Path, &[u8]),
    globals: &Globals,
) -> Result<(), Failure> {
    let name = path.display().to_string();
    let wanted = read_document(&name, bytes).map_err(Error::Document)?;
    if wanted.services.is_empty() && !before.services.is_empty() {
        return Err(Failure::usage(
            "no virtual service is left in the text; `ipvsh delete` deletes all of a pattern",
        ));
    }
    session.begin(BlockKind::Transaction)?;
    let staged = stage_all(session, selector, before, &wanted);
    match staged {
        Ok(()) => {
            let _savepoint = session.end_transaction(CommitTerms::default())?;
            Ok(())
        }
        Err(error) => {
            session.abandon();
            Err(open::in_file(&name, globals)(error).into())
        }
    }
}

fn stage_all(
    session: &mut Session,
    selector: Option<&Selector>,
    before: &Table,
    wanted: &TableSpecification,
) -> Result<(), Error> {
    let options = ApplyOptions {
        prune: Prune::Nothing,
        keep_weight: false,
    };
    let _applied = session.apply(wanted, options)?;
    for object in deleted(selector, before, wanted) {
        let _deleted = match &object {
            ObjectId::Service(key) => session.delete_service(*key, IfMissing::Refuse)?,
            ObjectId::Destination(service, key) => {
                session.delete_destination(*service, *key, IfMissing::Refuse)?
            }
            _ => VerbOutcome::Staged,
        };
    }
    Ok(())
}

/// Returns what was in the text before and is no longer. Where real servers are edited, their services stay.
fn deleted(
    selector: Option<&Selector>,
    before: &Table,
    wanted: &TableSpecification,
) -> Vec<ObjectId> {
    let of_services = matches!(
        selector,
        None | Some(Selector::Service(_) | Selector::Services(_))
    );
    let mut gone = Vec::new();
    for (key, entry) in &before.services {
        let left = wanted.services.iter().find(|service| service.key == *key);
        if left.is_none() && of_services {
            gone.push(ObjectId::Service(*key));
            continue;
        }
        // A service whose list of servers was taken out keeps them.
        let servers = match left {
            Some(service) => match &service.destinations {
                Some(servers) => servers.as_slice(),
                None => continue,
            },
            None => &[],
        };
        let stays = |server| servers.iter().any(|left| left.key == server);
        gone.extend(
            entry
                .destinations
                .keys()
                .filter(|server| !stays(**server))
                .map(|server| ObjectId::Destination(*key, *server)),
        );
    }
    gone
}

/// The text, in a file that nobody else reads.
struct Text {
    path: PathBuf,
    first: String,
}

impl Text {
    fn make(table: &Table) -> Result<Self, Failure> {
        let document = DocumentWriter {
            table,
            detail: Detail::Configuration,
            incomplete: &[],
        };
        let mut json = Vec::new();
        let mut text = HEAD.as_bytes().to_vec();
        write_document(&mut json, &document)
            .and_then(|()| {
                let json = String::from_utf8_lossy(&json);
                write_yaml(&mut text, &json, YamlForm::Brief)
            })
            .map_err(Failure::Output)?;
        let first = String::from_utf8_lossy(&text).into_owned();
        for number in 0..100 {
            let name = format!("ipvsh-edit-{}-{number}.yaml", std::process::id());
            let path = std::env::temp_dir().join(name);
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(&path);
            match file {
                Ok(mut file) => {
                    file.write_all(first.as_bytes()).map_err(Failure::Output)?;
                    return Ok(Self { path, first });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Failure::Output(error)),
            }
        }
        Err(Failure::usage(format!(
            "no file for the text can be made in {}",
            std::env::temp_dir().display()
        )))
    }

    fn remove(&self) {
        // What is left of it is said by nobody's missing it.
        let _gone = fs::remove_file(&self.path);
    }

    /// Opens the editor until what is in the text can be staged. Returns whether anything was: a text without a change, or an empty one,
    /// changes nothing, and so does one that was not mended.
    fn until_it_is_right(
        &self,
        context: &Context,
        session: &mut Session,
        stage: impl Fn(&mut Session, &[u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut last = self.first.clone();
        let mut line = 0;
        loop {
            self.open(context, line)?;
            let text = fs::read_to_string(&self.path).map_err(|error| {
                Failure::usage(format!(
                    "the text {} can't be read: {}",
                    self.path.display(),
                    reason(&error)
                ))
            })?;
            let is_empty = text
                .lines()
                .all(|line| line.trim().is_empty() || line.starts_with('#'));
            if is_empty || without_notes(&text) == without_notes(&self.first) {
                return Ok(false);
            }
            if line > 0 && without_notes(&text) == without_notes(&last) {
                context
                    .ui
                    .hint(&format!("the text is kept in {}", self.path.display()));
                return Err(Failure::usage("the text was left with its mistake"));
            }
            // Notes have lines too, so that places are those of the file.
            let Err(failure) = stage(session, text.as_bytes()) else {
                return Ok(true);
            };
            let (place, words) = told(&failure);
            let own = without_notes(&text);
            let before = text.lines().count() - own.lines().count();
            line = place.map_or(1, |place| {
                place.saturating_sub(before) + words.lines().count()
            });
            let words = match place {
                Some(_) => words.replacen("error:", &format!("error in line {line}:"), 1),
                None => words,
            };
            let notes: String = words
                .lines()
                .map(|line| format!("{NOTE}{line}\n"))
                .collect();
            last = format!("{notes}{own}");
            fs::write(&self.path, &last).map_err(Failure::Output)?;
        }
    }

    /// Runs the editor at a line, if it is one, and waits for it.
    fn open(&self, context: &Context, line: usize) -> Result<(), Failure> {
        let editor = &context.habits.editor;
        let program = editor.split_whitespace().next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$@\"")).arg("sh");
        if line > 0 && GO_TO_LINES.contains(&name) {
            command.arg(format!("+{line}"));
        }
        command.arg(&self.path);
        // Ctrl-C is the editor's.
        context.interrupt.hold();
        let ended = command.status();
        let _for_the_editor = context.interrupt.take();
        context.interrupt.let_go();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(_) | Err(_) => {
                self.remove();
                Err(Failure::Usage {
                    text: format!("the editor `{}` failed; nothing was changed", shown(editor)),
                    hint: Some(
                        "VISUAL, EDITOR or `editor` in the configuration names another one"
                            .to_owned(),
                    ),
                })
            }
        }
    }
}

fn without_notes(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with(NOTE.trim_end()))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Returns a mistake in words, and the line where it is.
fn told(failure: &Failure) -> (Option<usize>, String) {
    let place = match failure.session_error() {
        Some(Error::Document(place)) => Some(place),
        Some(Error::InDocument { place, .. }) => Some(place.as_ref()),
        _ => None,
    };
    // The place is where the text is opened; its number is another one once this stands above it.
    let (line, words) = match place {
        Some(DocumentError::Invalid { line, text, .. }) if *line > 0 => (Some(*line), text.clone()),
        _ => (None, failure.cause().message),
    };
    let hint = failure.cause().hint;
    let hint = hint.map(|hint| format!("\nhint: {hint}"));
    (line, format!("error: {words}{}", hint.unwrap_or_default()))
}
