//! Looking at the table.

use super::args::{Globals, ListArguments};
use super::context::{Context, with_session};
use super::failure::Failure;
use super::outcome::CommandOutcome;
use crate::config::{self, Characters};
use crate::document::{Detail, DocumentWriter, write_document};
use crate::model::{Selector, shown};
use crate::render::{Heading, list as render_list, time_of_day};
use crate::session::{Access, Session, TableLabel, lacks_permission};

/// Shows the table, or some services of it.
pub(super) fn list(
    context: &Context,
    globals: &Globals,
    arguments: &ListArguments,
) -> Result<CommandOutcome, Failure> {
    let selectors = selectors(&arguments.objects)?;
    with_session(context, globals, Access::Read, |session| {
        let (whole, missing) = match session.services_with(&selectors) {
            Err(error) if lacks_permission(&error) => session.table_without_privilege()?,
            other => (other?, Vec::new()),
        };
        let part = if selectors.is_empty() {
            None
        } else {
            Some(Session::part_of(&whole, &selectors)?)
        };
        let table = part.as_ref().unwrap_or(&whole);
        if !missing.is_empty() {
            context.ui.warning(&format!(
                "without privilege this list lacks {}",
                missing.join(", ")
            ));
            context.ui.hint("run it as root to see everything");
        }
        let written = if globals.json {
            context.ui.data(|out| {
                write_document(
                    out,
                    &DocumentWriter {
                        table,
                        detail: Detail::Observed,
                        incomplete: &missing,
                    },
                )
            })
        } else {
            let heading = Heading {
                place: place_words(session.label()),
                time: time_of_day(),
                has_rates: missing.is_empty() && session.estimates(),
                characters: config::characters(),
                width: context.ui.width(),
            };
            context
                .ui
                .data(|out| render_list(out, &heading, table, &whole))
        };
        written.map_err(Failure::Output)?;
        Ok(CommandOutcome::Shown)
    })
}

/// Reads what a command is to work on.
pub(super) fn selectors(texts: &[String]) -> Result<Vec<Selector>, Failure> {
    let read = texts.iter().map(|text| Selector::parse(text));
    Ok(read.collect::<Result<_, _>>()?)
}

/// Returns where a table is, in words.
pub(super) fn place_words(place: &TableLabel) -> String {
    let separator = match config::characters() {
        Characters::Unicode => " \u{b7} ",
        Characters::Ascii => " | ",
    };
    let detail = place.detail.as_deref().map(shown);
    match (&place.release, &detail) {
        (Some(release), None) => format!("{}{separator}kernel {release}", place.host),
        (Some(release), Some(namespace)) => {
            format!("{}/{namespace}{separator}kernel {release}", place.host)
        }
        (None, None) => "simulated".to_owned(),
        (None, Some(document)) => format!("simulated{separator}{document}"),
    }
}
