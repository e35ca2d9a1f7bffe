//! What is set, and where.

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::open;
use super::outcome::CommandOutcome;
use super::settings::Settings;
use crate::render::{Rows, columns};
use crate::results::{ConfigurationShape, SettingShape, SettingsFileShape};

/// Shows the settings that are in force and where each comes from.
pub(super) fn config(context: &Context, globals: &Globals) -> Result<CommandOutcome, Failure> {
    let settings = Settings::of(globals)?;
    let state = open::state_folder(globals);
    let state = state.map(|folder| folder.display().to_string());
    if globals.json {
        let files = settings
            .files
            .iter()
            .map(|(path, found)| SettingsFileShape {
                path: path.display().to_string(),
                found: *found,
            });
        let list = context.habits.settings.iter().map(|one| SettingShape {
            name: one.name.clone(),
            value: one.value.clone(),
            source: one.source.clone(),
            holds: one.holds,
        });
        let overridden = settings.guarding.overridden.iter();
        let shape = ConfigurationShape::new(
            files.collect(),
            list.collect(),
            overridden.map(|name| name.word().to_owned()).collect(),
            state,
        );
        return context.print(&shape);
    }
    for (path, found) in &settings.files {
        let note = if *found { "" } else { " (not there)" };
        context.ui.status(&format!("{}{note}", path.display()));
    }
    let journal = match (&state, open::keeps_journal(globals)) {
        (_, false) => "none is kept".to_owned(),
        (Some(folder), true) => format!("in {folder}/journal"),
        (None, true) => "there is no folder for it".to_owned(),
    };
    context.ui.status(&format!("journal: {journal}"));
    let titles = ["SETTING", "VALUE", "FROM", ""];
    let cells = context.habits.settings.iter().map(|one| {
        let note = match one.holds {
            true => "",
            false if one.name.starts_with("guards.") => "a stricter one holds",
            false => "another one holds",
        };
        vec![
            one.name.clone(),
            one.value.clone(),
            one.source.clone(),
            note.to_owned(),
        ]
    });
    let rows = Rows {
        titles: titles.into_iter().map(str::to_owned).collect(),
        cells: cells.collect(),
    };
    context
        .ui
        .line(columns(&rows, context.ui.width()).trim_end())
        .map_err(Failure::Output)?;
    for name in &settings.guarding.overridden {
        context.ui.status(&format!("overridden: guards.{name}"));
    }
    Ok(CommandOutcome::Shown)
}
