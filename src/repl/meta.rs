//! The commands of the prompt that begin with a colon.

use super::listings::Shown;
use super::prompt::{Ask, Next, Open, Prompt, counts};
use crate::model::{DURATION_FORM, parse_duration};
use crate::render::{Zone, plan_text};
use crate::session::{BlockKind, CommitTerms, Ended, Scope};
use crate::txn::GuardName;

const COMMANDS: [(&str, &str); 22] = [
    (":help", "this list; `help` alone is about the language"),
    (
        ":list [OBJECT..]",
        "the table or a part of it, as `ipvsh list` shows it",
    ),
    (
        ":stats [OBJECT..]",
        "connections, packets and bytes since the counters were zero",
    ),
    (":rates [OBJECT..]", "the same for a second"),
    (
        ":thresholds [OBJECT..]",
        "weights, thresholds, and connections by kind",
    ),
    (":connections", "the connection table"),
    (":json CODE", "the value of code as JSON"),
    (
        ":begin [LABEL]",
        "opens a transaction: what follows is staged",
    ),
    (":diff", "what is staged"),
    (
        ":commit [TIME]",
        "commits what is staged; rolls back after TIME unless confirmed",
    ),
    (
        ":override GUARD..",
        "overrides these guards for the next input; the journal records it",
    ),
    (":rollback", "drops what is staged"),
    (
        ":undo",
        "undoes what the last line committed, then the one before; in a transaction, what it staged",
    ),
    (":redo", "redoes what the newest :undo undid"),
    (
        ":history [HOW MANY]",
        "what was committed to this table; `history::undo(NUMBER)` undoes one",
    ),
    (":vars", "variables, functions and imports"),
    (
        ":set ask on|off",
        "whether changes that take something away are asked about",
    ),
    (
        ":set files on|off",
        "whether lines may read and write files; off at first",
    ),
    (":set json on|off", "whether values are shown as JSON"),
    (":set numbers on|off", "whether prompts are numbered"),
    (":quit", "ends the prompt; so does Ctrl-D"),
    ("NAME?", "what begins with NAME"),
];

/// Returns the names of the commands, without colon.
pub(super) fn command_names() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<&str> = COMMANDS
        .iter()
        .filter_map(|(usage, _)| usage.strip_prefix(':')?.split(' ').next())
        .collect();
    names.dedup();
    names.into_iter()
}

impl Prompt {
    /// Does what a command asks for, its colon taken off.
    pub(super) fn command(&mut self, command: &str) -> Next {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        let rest = rest.trim();
        // What is not taken is not passed over.
        let takes_nothing = [
            "help",
            "h",
            "quit",
            "q",
            "exit",
            "diff",
            "rollback",
            "undo",
            "redo",
            "vars",
            "connections",
        ];
        if !rest.is_empty() && takes_nothing.contains(&name) {
            let hint = match name {
                "undo" => "; `history::undo(NUMBER)` undoes any commit",
                "rollback" => "; `rollback_to(NAME)` goes back to a savepoint",
                _ => "",
            };
            self.screen.warn(&format!(
                ":{name} takes no argument, and {rest} is one: nothing was done{hint}"
            ));
            return Next::Continue;
        }
        match name {
            "help" | "h" => {
                let lines: Vec<String> = COMMANDS
                    .iter()
                    .map(|(name, text)| format!("{name:<22} {text}"))
                    .collect();
                self.screen.show(&lines.join("\n"));
            }
            "quit" | "q" | "exit" => return Next::End(0),
            "list" => self.list(Shown::Table, rest),
            "stats" => self.list(Shown::Stats, rest),
            "rates" => self.list(Shown::Rates, rest),
            "thresholds" => self.list(Shown::Thresholds, rest),
            "connections" => self.connections(),
            "json" => return self.evaluate(rest, true),
            "begin" => self.begin(rest),
            "diff" => self.diff(),
            "commit" => self.commit(rest),
            "override" => self.override_guards(rest),
            "rollback" => self.rollback(),
            "undo" => self.undo(),
            "redo" => self.redo(),
            "history" => self.history(rest),
            "vars" => self.variables(),
            "set" => self.set(rest),
            other => {
                let near = crate::model::suggestion(other, command_names());
                let near = near
                    .map(|near| format!(": did you mean :{near}?"))
                    .unwrap_or_default();
                self.screen.warn(&format!(
                    "there is no command :{other}{near} `:help` lists them"
                ));
            }
        }
        Next::Continue
    }

    /// Overrides guards for the next input.
    fn override_guards(&mut self, names: &str) {
        let shell = self.shell.borrow();
        let before = shell.session().guarding().clone();
        let mut guarding = before.clone();
        let mut words = Vec::new();
        for name in names.split_whitespace() {
            match GuardName::parse(name) {
                Ok(guard) => {
                    guarding.overridden.insert(guard);
                    words.push(guard.word());
                }
                Err(error) => {
                    self.screen.warn(&error.to_string());
                    return;
                }
            }
        }
        if words.is_empty() {
            self.screen.warn("name a guard: `:override last_server`");
            return;
        }
        shell.session().set_guarding(guarding);
        drop(shell);
        self.guarding.get_or_insert(before);
        self.screen.note(&format!(
            "the next input may do what guard {} refuses",
            words.join(", ")
        ));
    }

    fn history(&self, wanted: &str) {
        const LAST: usize = 20;
        let last: usize = match wanted.parse() {
            _ if wanted.is_empty() => LAST,
            Ok(number) if number > 0 => number,
            _ => {
                self.screen.warn(&format!(
                    ":history takes how many commits to show, and {wanted} is no such number; `history::get(NUMBER)` shows one"
                ));
                return;
            }
        };
        let records = self.shell.borrow().session().records(Scope::ThisTable);
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                self.screen.error(&format!("error: {error}"));
                return;
            }
        };
        for damaged in records.iter().filter_map(|record| record.as_ref().err()) {
            self.screen.warn(&damaged.to_string());
        }
        let known: Vec<_> = records.iter().flatten().collect();
        let is_all = known.len() <= last;
        let last = &known[known.len().saturating_sub(last)..];
        if last.is_empty() {
            self.screen.note("nothing was committed to this table yet");
            return;
        }
        let rows = crate::render::history_rows(last, Scope::ThisTable, Zone::Local);
        self.screen
            .show(&crate::render::columns(&rows, Some(self.screen.width())));
        if !is_all {
            self.screen
                .note("earlier ones: `history::list()`, or `ipvsh history`");
        }
    }

    fn begin(&mut self, label: &str) {
        if self.open.is_some() {
            self.screen
                .warn("a transaction is open already; :commit or :rollback ends it");
            return;
        }
        if parse_duration(label).is_ok() {
            self.screen.warn(&format!(
                ":begin takes a label, and {label} is a duration: `:commit {label}` asks for a confirmation; nothing was begun (as a label: `:begin \"{label}\"`)"
            ));
            return;
        }
        let label = Some(label.trim_matches('"').to_owned()).filter(|label| !label.is_empty());
        let begun = {
            let shell = self.shell.borrow();
            let mut session = shell.session();
            session.note_typed("");
            session.begin(BlockKind::Transaction)
        };
        match begun {
            Ok(()) => {
                let before = Vec::new();
                self.open = Some(Open { label, before });
            }
            Err(error) => self.screen.error(&format!("error: {error}")),
        }
    }

    /// Says that no transaction is open, if none is.
    fn wants_open(&self) -> bool {
        if self.open.is_none() {
            self.screen.warn("no transaction is open; :begin opens one");
        }
        self.open.is_some()
    }

    fn diff(&self) {
        if self.wants_open() {
            self.screen
                .show(&plan_text(&self.staged(), "Nothing was sent yet."));
        }
    }

    fn commit(&mut self, rest: &str) {
        if !self.wants_open() {
            return;
        }
        let Some(confirm) = self.time_to_confirm(rest) else {
            return;
        };
        let plan = self.staged();
        let guarded = self.shell.borrow().session().check_guards(&plan);
        if let Err(error) = guarded {
            self.screen.error(&format!("error: {error}"));
            let hint = "`:override GUARD` before `:commit` does it all the same; the transaction stays open";
            self.screen.note(&format!("hint: {hint}"));
            return;
        }
        let asks = *self.ask.borrow() == Ask::Risky && plan.takes_away();
        if asks {
            self.screen.show(&plan_text(&plan, "Nothing was sent yet."));
            if !self.screen.ask("commit this?") {
                self.screen
                    .note("nothing was sent; the transaction stays open");
                return;
            }
        }
        let label = self.open.as_ref().and_then(|open| open.label.clone());
        // The question was asked here, where a no keeps the transaction open.
        let question = std::mem::replace(&mut *self.ask.borrow_mut(), Ask::Never);
        let ended = self.shell.borrow().session().end_transaction(CommitTerms {
            label,
            confirm,
            ..CommitTerms::default()
        });
        *self.ask.borrow_mut() = question;
        self.open = None;
        match ended {
            Ok(Ended::Committed(report)) if report.plan.is_empty() => {
                self.screen.note("there was nothing to commit")
            }
            Ok(Ended::Committed(report)) => {
                self.tell_commit(&report);
                self.lines.add(vec![report.without_tables()]);
            }
            Ok(Ended::Staged(_)) => {}
            Err(error) => {
                self.screen.error(&format!("error: {error}"));
                if let crate::session::Error::Commit(report) = &error {
                    self.screen.outcome(report);
                }
                self.screen
                    .note("the transaction is over; what it had staged is dropped");
                if let Some(hint) = error.hint() {
                    self.screen.note(&format!("hint: {hint}"));
                }
            }
        }
        self.tell_warnings();
    }

    /// Reads the time within which a commit must be confirmed, if one is given; `None` says that it is invalid.
    fn time_to_confirm(&self, rest: &str) -> Option<Option<std::time::Duration>> {
        if rest.is_empty() {
            return Some(None);
        }
        match parse_duration(rest) {
            Ok(time) if !time.is_zero() => Some(Some(time)),
            _ => {
                self.screen.warn(&format!(
                    ":commit takes a time to confirm, and {rest} is none; {DURATION_FORM}; nothing was sent"
                ));
                None
            }
        }
    }

    fn rollback(&mut self) {
        if !self.wants_open() {
            return;
        }
        let plan = self.staged();
        self.open = None;
        self.shell.borrow().session().abandon();
        self.screen
            .note(&format!("dropped: {}; nothing was sent", counts(&plan)));
    }

    fn variables(&self) {
        let shell = self.shell.borrow();
        let mut lines = Vec::new();
        let mut part = |title: &str, names: Vec<String>| {
            if !names.is_empty() {
                lines.push(format!("{title:<10} {}", names.join(" ")));
            }
        };
        part("variables", shell.variables());
        part("functions", shell.functions());
        part(
            "imports",
            shell
                .imported()
                .map(|(alias, _)| alias.to_owned())
                .collect(),
        );
        if lines.is_empty() {
            self.screen.note("no line has defined anything yet");
        } else {
            self.screen.show(&lines.join("\n"));
        }
    }

    fn set(&mut self, rest: &str) {
        let on = match rest
            .split_once(' ')
            .map(|(name, value)| (name, value.trim()))
        {
            Some((name, "on")) => Some((name, true)),
            Some((name, "off")) => Some((name, false)),
            _ => None,
        };
        match on {
            Some(("ask", on)) => *self.ask.borrow_mut() = if on { Ask::Risky } else { Ask::Never },
            Some(("files", on)) => self.shell.borrow().allow_files(on),
            Some(("json", on)) => self.json = on,
            Some(("numbers", on)) => self.numbers = on,
            Some((name, _)) => self.screen.warn(&format!(
                "there is no setting {name}: ask, files, json, numbers"
            )),
            None if !rest.is_empty() => self.screen.warn(&format!(
                ":set takes a setting and on or off, as in `:set ask off`, and not {rest}: nothing was set"
            )),
            None => {
                let word = |on: bool| if on { "on" } else { "off" };
                self.screen.show(&format!(
                    "ask {}\nfiles {}\njson {}\nnumbers {}",
                    word(*self.ask.borrow() == Ask::Risky),
                    word(self.shell.borrow().allows_files()),
                    word(self.json),
                    word(self.numbers)
                ));
            }
        }
    }
}
