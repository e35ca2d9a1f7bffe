//! `ipvsh simulate`: what a table does with packets, without a kernel.

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use super::simulate_args::SimulateArguments;
use crate::document::{Scenario, read_file, read_scenarios};
use crate::render::{drain_forecast, forecast as forecast_text};
use crate::results::{DifferenceShape, ForecastShape, ReplayShape, exit};
use crate::session::{Access, Error, Session, WhatIf, replay};

/// The table that the program works on.
const LIVE: &str = "live";

/// Plays scenarios, or tells what a table does with clients.
pub(super) fn simulate(
    context: &Context,
    globals: &Globals,
    arguments: &SimulateArguments,
) -> Result<CommandOutcome, Failure> {
    if arguments.replay.is_empty() {
        return forecast(context, globals, arguments);
    }
    play(context, globals, arguments)
}

/// Opens the table of a file, or the one that the program works on.
fn opened(context: &Context, globals: &Globals, name: &str) -> Result<Session, Failure> {
    if name == LIVE {
        return open::open_for_one(globals, Access::Read, &context.interrupt);
    }
    let globals = Globals {
        sim: Some(name.to_owned()),
        sim_state: None,
        netns: None,
        ..globals.clone()
    };
    open::open_for_one(&globals, Access::Read, &context.interrupt)
}

/// Tells who gets what share of the connections, and which clients change servers.
fn forecast(
    context: &Context,
    globals: &Globals,
    arguments: &SimulateArguments,
) -> Result<CommandOutcome, Failure> {
    let name = arguments.table.as_ref().or(arguments.from.as_ref());
    let mut session = opened(context, globals, name.map_or(LIVE, String::as_str))?;
    let mut other = arguments
        .to
        .as_ref()
        .map(|file| opened(context, globals, file))
        .transpose()?;
    let asked = WhatIf {
        clients: arguments.clients,
        connections: arguments.connections,
        seed: arguments.seed,
        compare: arguments.compare.clone(),
        dropped: arguments.drop,
        drained: arguments.drain,
        added: arguments.add,
    };
    let goes = arguments.drop.or(arguments.drain);
    let changes = goes.is_some() || arguments.add.is_some() || other.is_some();
    let forecasts = session.what_if(&asked, &arguments.services, other.as_mut())?;
    let drain = goes.map(|server| session.drain_forecast(server, &arguments.services));
    context.warn(&mut session);
    let drain = match drain {
        Some(Ok(drain)) => Some(drain),
        // Who may not see connections is told the rest.
        Some(Err(error)) => {
            let text = format!("how long a drain takes can't be told: {error}");
            context.ui.warning(&text);
            None
        }
        None => None,
    };
    if globals.json {
        let shape = ForecastShape::new(&asked, &forecasts, changes, drain.as_ref());
        return context.print(&shape);
    }
    let mut text = forecast_text(&asked, &forecasts, changes);
    if let Some(drain) = &drain {
        text = format!("{text}\n{}", drain_forecast(drain));
    }
    context
        .ui
        .data(|out| out.write_all(text.as_bytes()))
        .map_err(Failure::Output)?;
    Ok(CommandOutcome::Shown)
}

/// Plays scenarios on simulated kernels and shows where those part from what was recorded.
fn play(
    context: &Context,
    globals: &Globals,
    arguments: &SimulateArguments,
) -> Result<CommandOutcome, Failure> {
    // All files are read first: one that is none ends it before anything is played.
    let mut files: Vec<(&String, Vec<Scenario>)> = Vec::new();
    for file in &arguments.replay {
        let bytes = read_file(file, globals.max_size)?;
        files.push((file, read_scenarios(file, &bytes)?));
    }
    let mut shape = ReplayShape::new();
    for (file, scenarios) in files {
        for scenario in scenarios {
            if let Some(signal) = context.interrupt.signal() {
                return Ok(CommandOutcome::Judged {
                    status: exit::after_signal(signal),
                });
            }
            let difference =
                replay(&scenario).map_err(|error| in_scenario(file, &scenario.name, &error))?;
            shape.scenarios += 1;
            let Some(difference) = difference else {
                shape.agree += 1;
                continue;
            };
            let shown = DifferenceShape::new(file, &scenario, difference);
            if !globals.json {
                context
                    .ui
                    .data(|out| out.write_all(text(&shown).as_bytes()))
                    .map_err(Failure::Output)?;
            }
            shape.differences.push(shown);
        }
    }
    let agrees = shape.differences.is_empty();
    if globals.json {
        context.print(&shape)?;
    } else {
        context
            .ui
            .data(|out| {
                writeln!(
                    out,
                    "{} of {} scenarios agree",
                    shape.agree, shape.scenarios
                )
            })
            .map_err(Failure::Output)?;
    }
    let status = if agrees { exit::DONE } else { exit::FAILED };
    Ok(CommandOutcome::Judged { status })
}

fn in_scenario(file: &str, name: &str, error: &Error) -> Failure {
    Failure::usage(format!("{file}: scenario {name}: {error}"))
}

fn text(difference: &DifferenceShape) -> String {
    format!(
        "{}: scenario {} (kernel {}), event {} at {} ms\n  event     {}\n  expected  {}\n  got       {}\n",
        difference.file,
        difference.scenario,
        difference.kernel,
        difference.event,
        difference.milliseconds,
        difference.text,
        difference.expected,
        difference.got
    )
}
