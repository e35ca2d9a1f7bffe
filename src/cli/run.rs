//! Dispatch: from arguments to a command.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::rc::Rc;

use clap::error::ErrorKind;

use super::args::{Bounds, ColourChoice, Command, Globals, PlanFormat, RunArguments};
use super::change::{Verb, change, copy, edit, move_to, remove};
use super::context::Context;
use super::drain_args::word;
use super::export_args::ExportFormat;
use super::failure::{Failure, arguments_shown};
use super::format::Format;
use super::large_stack::on_large_stack;
use super::outcome::{CommandOutcome, PlanOutput, finish, json};
use super::parse::parse;
use super::settings::complete;
use super::{
    completion, configuration, confirm_watcher, connections, diff, document, drain, export, help,
    history, info, list, man, notify, prompt, record, save, script, simulate, test, top, undo,
};
use crate::model::{reason, shown, suggestion};
use crate::results::{VersionsShape, exit};
use crate::session::{IfMissing, Interrupt};
use crate::ui::{Colour, Streams, Ui, Verbosity, input_is_terminal};

/// Runs the program with the given arguments, its own name first, and returns its exit status.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> u8 {
    if let Some(status) = completion::answered(&arguments) {
        return status;
    }
    if let Some(call) = super::ipvsadm::call(&arguments) {
        return Streams::standard(|streams| super::ipvsadm::run(&call, streams));
    }
    let json_wanted = arguments.iter().any(|argument| argument == "--json");
    let parsed = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return tell_usage(&error, json_wanted),
    };
    let mut globals = parsed.globals;
    let habits = complete(&mut globals);
    let format = match format_asked(parsed.command.as_ref(), globals.json) {
        Ok(format) => format,
        Err(text) => {
            Ui::default().error(&text);
            return exit::USAGE;
        }
    };
    globals.json = format != Format::Table;
    let colour = match globals.color {
        None | Some(ColourChoice::Auto) => Colour::Auto,
        Some(ColourChoice::Always) => Colour::Always,
        Some(ColourChoice::Never) => Colour::Never,
    };
    let ui = Ui::new(
        colour,
        if globals.quiet {
            Verbosity::Quiet
        } else {
            Verbosity::Normal
        },
    );
    let interrupt = Interrupt::default();
    let context = Context {
        ui,
        interrupt,
        habits,
        format,
        unnoted: Cell::new(false),
        asked: Rc::default(),
        runbooks: RefCell::default(),
    };
    let output = plan_output(parsed.command.as_ref());
    let command = parsed.command;
    let runs_script = runs_script(command.as_ref());
    let work = move || {
        let ended = dispatch(&context, &globals, command);
        notify::tell(&ended);
        let status = finish(&context, &globals, output, ended);
        // It is done, and the next change may find it unfinished.
        if status == exit::DONE && context.unnoted.get() {
            return exit::FAILED;
        }
        status
    };
    if runs_script {
        on_large_stack(work).unwrap_or(exit::FAILED)
    } else {
        work()
    }
}

fn two_formats(other: &str) -> String {
    format!("--json is `-o json`, and this is `-o {other}`: one of them is too many")
}

/// Returns in which form a command prints.
fn format_asked(command: Option<&Command>, json: bool) -> Result<Format, String> {
    if let Some(Command::Export(arguments)) = command
        && json
        && arguments.format != ExportFormat::Json
    {
        return Err(two_formats(&word(arguments.format)));
    }
    let asked = match command {
        Some(Command::List(arguments)) => arguments.printing.format,
        Some(Command::Connections(arguments)) => arguments.printing.format,
        Some(Command::History(arguments)) => arguments.printing.format,
        Some(Command::Record(arguments)) => arguments.printing.format,
        Some(Command::Simulate(arguments)) => arguments.printing.format,
        Some(Command::Test(arguments)) => arguments.printing.format,
        Some(Command::Check(arguments)) => arguments.printing.format,
        Some(Command::Drain(arguments)) => arguments.format,
        Some(Command::Info(printing) | Command::Config(printing)) => printing.format,
        Some(Command::Plan(arguments)) => arguments.format.for_programs(),
        Some(Command::Diff(arguments)) => arguments.format.for_programs(),
        _ => None,
    };
    match (asked, json) {
        (Some(format), true) if format != Format::Json => Err(two_formats(format.word())),
        (Some(format), _) => Ok(format),
        (None, true) => Ok(Format::Json),
        (None, false) => Ok(Format::Table),
    }
}

/// Returns how plans are shown, and whether the status tells of them.
fn plan_output(command: Option<&Command>) -> PlanOutput {
    let (format, exit_code) = match command {
        Some(Command::Plan(arguments)) => (arguments.format, arguments.exit_code),
        Some(Command::Diff(arguments)) => (arguments.format, arguments.exit_code),
        Some(Command::Run(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Eval(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Apply(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Add(arguments) | Command::Ensure(arguments)) => {
            (PlanFormat::Text, arguments.exit_code)
        }
        Some(Command::Edit(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Delete(arguments) | Command::Absent(arguments)) => {
            (PlanFormat::Text, arguments.exit_code)
        }
        Some(Command::Copy(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Move(arguments)) => (PlanFormat::Text, arguments.keys.exit_code),
        Some(Command::Drain(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Undrain(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Undo(arguments)) => (PlanFormat::Text, arguments.exit_code),
        Some(Command::Redo(arguments)) => (PlanFormat::Text, arguments.exit_code),
        _ => (PlanFormat::Text, false),
    };
    PlanOutput { format, exit_code }
}

/// Returns whether a command runs a script; a document needs no more stack than any program.
fn runs_script(command: Option<&Command>) -> bool {
    match command {
        None
        | Some(
            Command::Run(_)
            | Command::Eval(_)
            | Command::Check(_)
            | Command::Drain(_)
            | Command::Undrain(_)
            | Command::Other(_),
        ) => true,
        Some(Command::Test(test)) => test.worker,
        Some(Command::Plan(plan)) => plan
            .file
            .first()
            .is_some_and(|file| file.ends_with(".rhai")),
        Some(_) => false,
    }
}

fn tell_usage(error: &clap::Error, json_wanted: bool) -> u8 {
    let ui = Ui::default();
    if error.kind() == ErrorKind::DisplayVersion && json_wanted {
        return match ui.line(&crate::document::json::pretty(&VersionsShape::THIS)) {
            Ok(()) => exit::DONE,
            Err(failure) => {
                ui.error(&format!(
                    "the versions could not be written: {}",
                    reason(&failure)
                ));
                exit::FAILED
            }
        };
    }
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match ui.data(|out| write!(out, "{}", text.ansi())) {
                Ok(()) => exit::DONE,
                Err(failure) => {
                    ui.error(&format!(
                        "the help could not be written: {}",
                        reason(&failure)
                    ));
                    exit::FAILED
                }
            }
        }
        _ => {
            let text = arguments_shown(&text.to_string());
            ui.error_text(&text);
            let failure = Failure::usage(text);
            if json_wanted && let Err(failure) = ui.line(&json(&failure.envelope())) {
                ui.error(&format!(
                    "the result could not be written: {}",
                    reason(&failure)
                ));
            }
            exit::USAGE
        }
    }
}

fn dispatch(
    context: &Context,
    globals: &Globals,
    command: Option<Command>,
) -> Result<CommandOutcome, Failure> {
    match command {
        None => standard_input(context, globals),
        Some(Command::Run(arguments)) => script::run_file(context, globals, &arguments),
        Some(Command::Eval(arguments)) => script::eval(context, globals, &arguments),
        Some(Command::Check(arguments)) => script::check_files(context, globals, &arguments),
        Some(Command::Plan(arguments)) => script::plan(context, globals, &arguments),
        Some(Command::Apply(arguments)) => document::apply(context, globals, &arguments),
        Some(Command::Diff(arguments)) => diff::diff(context, globals, &arguments),
        Some(Command::Export(arguments)) => export::export(context, globals, &arguments),
        Some(Command::List(arguments)) => list::list(context, globals, &arguments),
        Some(Command::Connections(arguments)) => {
            connections::connections(context, globals, &arguments)
        }
        Some(Command::Top(arguments)) => top::top(context, globals, &arguments),
        Some(Command::Record(arguments)) => record::record(context, globals, &arguments),
        Some(Command::Add(arguments)) => change(context, globals, Verb::Add, &arguments),
        Some(Command::Edit(arguments)) => edit(context, globals, arguments),
        Some(Command::Ensure(arguments)) => change(context, globals, Verb::Ensure, &arguments),
        Some(Command::Copy(arguments)) => copy(context, globals, &arguments),
        Some(Command::Move(arguments)) => move_to(context, globals, &arguments),
        Some(Command::Delete(arguments)) => remove(context, globals, IfMissing::Refuse, &arguments),
        Some(Command::Absent(arguments)) => remove(context, globals, IfMissing::Accept, &arguments),
        Some(
            Command::Ipvsadm(passed)
            | Command::IpvsadmSave(passed)
            | Command::IpvsadmRestore(passed),
        ) => Err(Failure::usage(format!(
            "`ipvsadm` and its arguments ({} here) stand behind the options of ipvsh, as in `ipvsh --netns web ipvsadm -Ln`",
            passed.arguments.len()
        ))),
        Some(Command::Drain(arguments)) => drain::drain(context, globals, &arguments),
        Some(Command::Undrain(arguments)) => drain::undrain(context, globals, &arguments),
        Some(Command::History(arguments)) => history::history(context, globals, &arguments),
        Some(Command::Undo(arguments)) => undo::undo(context, globals, &arguments),
        Some(Command::Redo(arguments)) => undo::redo(context, globals, &arguments),
        Some(Command::Confirm(arguments)) => history::confirm(context, globals, &arguments),
        Some(Command::Cancel(arguments)) => history::cancel(context, globals, &arguments),
        Some(Command::Recover(arguments)) => history::recover(context, globals, &arguments),
        Some(Command::Watch { number }) => confirm_watcher::watch(context, globals, number),
        Some(Command::Info(_)) => info::info(context, globals),
        Some(Command::Config(_)) => configuration::config(context, globals),
        Some(Command::Save(arguments)) => save::save(context, globals, &arguments),
        Some(Command::Simulate(arguments)) => simulate::simulate(context, globals, &arguments),
        Some(Command::Test(arguments)) => test::test(context, globals, &arguments),
        Some(Command::Schema) => document::print_schema(context),
        Some(Command::Help(arguments)) => help::help(context, &arguments),
        Some(Command::Man(arguments)) => man::man(context, &arguments),
        Some(Command::Completions(arguments)) => completion::completions(context, &arguments),
        Some(Command::Other(words)) => other(context, globals, &words),
    }
}

fn run_arguments(script: Vec<String>) -> RunArguments {
    let limits = crate::script::Limits::DEFAULT;
    RunArguments {
        limits: super::args::Limits {
            max_operations: limits.operations,
            bounds: Bounds {
                max_memory: limits.memory_mib,
                allow_read: None,
                allow_write: None,
            },
        },
        dry_run: false,
        exit_code: false,
        step: false,
        from: None,
        junit: None,
        script,
    }
}

fn standard_input(context: &Context, globals: &Globals) -> Result<CommandOutcome, Failure> {
    if input_is_terminal() {
        return prompt::prompt(context, globals);
    }
    script::run_file(context, globals, &run_arguments(vec!["-".to_owned()]))
}

/// A file in place of a command is a script.
fn other(
    context: &Context,
    globals: &Globals,
    words: &[OsString],
) -> Result<CommandOutcome, Failure> {
    const COMMANDS: [&str; 36] = [
        "ipvsadm",
        "run",
        "eval",
        "check",
        "plan",
        "apply",
        "diff",
        "export",
        "list",
        "connections",
        "add",
        "edit",
        "delete",
        "ensure",
        "absent",
        "schema",
        "help",
        "history",
        "undo",
        "redo",
        "confirm",
        "cancel",
        "recover",
        "config",
        "drain",
        "undrain",
        "copy",
        "move",
        "man",
        "info",
        "completions",
        "save",
        "simulate",
        "test",
        "record",
        "top",
    ];
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let first = words.first().cloned().unwrap_or_default();
    let is_script =
        first.ends_with(".rhai") || (first.contains('/') && std::path::Path::new(&first).is_file());
    if is_script {
        return script::run_file(context, globals, &run_arguments(words));
    }
    let hint = match suggestion(&first, COMMANDS) {
        Some(near) => format!("did you mean `{near}`? `ipvsh --help` lists the commands"),
        None => "`ipvsh --help` lists the commands; scripts end in .rhai".to_owned(),
    };
    Err(Failure::Usage {
        text: format!("there is no command `{}`", shown(&first)),
        hint: Some(hint),
    })
}
