//! Looking at the table.

use super::args::{Globals, ListArguments};
use super::failure::Failure;
use super::finish::Ending;
use super::run::Context;
use super::target;
use crate::config::{self, Characters};
use crate::export::{Detail, DocumentWriter, write_document};
use crate::model::{ObjectId, ServiceKey, Table};
use crate::render::{Heading, list as render_list, time_of_day};
use crate::session::{Error, Place, Purpose, Session, lacks_permission};

/// Shows the table, or some services of it.
pub(super) fn list(
    context: &Context,
    globals: &Globals,
    arguments: &ListArguments,
) -> Result<Ending, Failure> {
    let keys = arguments
        .keys
        .iter()
        .map(|text| ServiceKey::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let mut session = target::open(globals, Purpose::Reading, &context.interrupt)?;
    context.warn(&mut session);
    let (table, missing) = match read(&mut session, &keys) {
        Err(error) if lacks_permission(&error) => {
            let (mut table, missing) = session.table_without_privilege()?;
            if !keys.is_empty() {
                table.services.retain(|key, _| keys.contains(key));
            }
            (table, missing)
        }
        other => (other?, Vec::new()),
    };
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
                    table: &table,
                    detail: Detail::Observed,
                    incomplete: &missing,
                },
            )
        })
    } else {
        let heading = Heading {
            place: place_words(session.place()),
            time: time_of_day(),
            has_rates: missing.is_empty() && session.estimates(),
            characters: config::characters(),
        };
        context.ui.data(|out| render_list(out, &heading, &table))
    };
    written.map_err(Failure::Output)?;
    Ok(Ending::Shown)
}

fn read(session: &mut Session, keys: &[ServiceKey]) -> Result<Table, Error> {
    if keys.is_empty() {
        return session.table();
    }
    let mut table = Table::default();
    for key in keys {
        let entry = session.find_service(key)?;
        let entry = entry.ok_or(Error::Missing {
            what: "virtual service",
            object: ObjectId::Service(*key),
        })?;
        table
            .services
            .insert(*key, std::rc::Rc::unwrap_or_clone(entry));
    }
    Ok(table)
}

/// Returns where a table is, in words.
pub(super) fn place_words(place: &Place) -> String {
    let separator = match config::characters() {
        Characters::Unicode => " \u{b7} ",
        Characters::Ascii => " | ",
    };
    match (&place.release, &place.detail) {
        (Some(release), None) => format!("{}{separator}kernel {release}", place.host),
        (Some(release), Some(namespace)) => {
            format!("{}/{namespace}{separator}kernel {release}", place.host)
        }
        (None, None) => "simulated".to_owned(),
        (None, Some(document)) => format!("simulated{separator}{document}"),
    }
}
