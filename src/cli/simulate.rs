//! `ipvsh simulate`: what a table does with packets, without a kernel.

use super::args::Globals;
use super::context::Context;
use super::exit;
use super::failure::Failure;
use super::outcome::CommandOutcome;
use super::simulate_args::SimulateArguments;
use crate::document::{Scenario, read_file, read_scenarios};
use crate::results::{DifferenceShape, ReplayShape};
use crate::session::{Error, replay};

/// Plays scenarios on simulated kernels and shows where those part from what was recorded.
pub(super) fn simulate(
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
