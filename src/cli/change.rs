//! One change from the command line, as a transaction.

use std::time::Duration;

use serde_json::Map;

use super::args::Globals;
use super::ask::{Asks, ask_first};
use super::change_args::{
    ChangeArguments, EditArguments, MoveArguments, RelocateArguments, RemoveArguments,
    ServerOptions, ServiceOptions,
};
use super::context::{Context, access, with_session};
use super::editor;
use super::failure::Failure;
use super::outcome::CommandOutcome;
use super::script::{Shown, built_in};
use crate::model::{
    DURATION_FORM, DestinationEdit, DestinationKey, EngineName, ForwardingMethod, Granularity,
    Invalid, ObjectId, PersistenceEdit, Scheduler, Selector, ServiceEdit, ServiceKey, Tunnel,
    parse_duration,
};
use crate::session::{BlockKind, CommitTerms, Ended, Error, IfMissing, Session, VerbOutcome};
use crate::ui::can_ask;

/// What to do to an object that is given with fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Edit,
    Ensure,
}

fn persistence_edit(options: &ServiceOptions) -> Result<Option<Option<PersistenceEdit>>, Failure> {
    let granularity = match (&options.netmask, options.prefix_length) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "--netmask is for IPv4 services, --prefix-length for IPv6 ones; give one of them",
            ));
        }
        (Some(mask), None) => Some(Granularity::netmask(mask)?),
        (None, Some(bits)) => Some(Granularity::prefix_length(bits)?),
        (None, None) => None,
    };
    let engine = match options.engine.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(name) => Some(Some(EngineName::new(name)?)),
    };
    let named = granularity.is_some() || engine.is_some();
    let timeout_seconds = match options.persistence.as_deref() {
        None if options.persistent.is_some() => options.persistent,
        None if !named => return Ok(None),
        None => None,
        Some("false") if named => {
            return Err(Failure::usage(
                "--persistence false ends persistence; --netmask, --prefix-length and --engine don't go with it",
            ));
        }
        Some("false") => return Ok(Some(None)),
        Some(text) => Some(whole_seconds(text)?),
    };
    Ok(Some(Some(PersistenceEdit {
        timeout_seconds,
        granularity,
        engine,
    })))
}

fn whole_seconds(text: &str) -> Result<u32, Invalid> {
    let wrong = |expected: &str| Invalid::new("duration", text, expected);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(&format!(
            "a bare number is ambiguous; {DURATION_FORM}"
        )));
    }
    let duration: Duration = parse_duration(text).map_err(wrong)?;
    if duration.subsec_nanos() != 0 {
        return Err(wrong("the kernel counts whole seconds"));
    }
    u32::try_from(duration.as_secs()).map_err(|_| wrong("it is too long"))
}

fn service_edit(options: &ServiceOptions) -> Result<ServiceEdit, Failure> {
    let flags = options.scheduler_flags.as_ref().map(|text| {
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    });
    Ok(ServiceEdit {
        scheduler: options
            .scheduler
            .as_deref()
            .map(Scheduler::new)
            .transpose()?,
        scheduler_flags: flags,
        one_packet: options.one_packet,
        persistence: persistence_edit(options)?,
        ..ServiceEdit::default()
    })
}

/// Reads the method, by its name or by a letter.
fn forwarding(options: &ServerOptions) -> Result<Option<ForwardingMethod>, Invalid> {
    let letters = [
        (options.masquerading, ForwardingMethod::Masquerading),
        (options.gatewaying, ForwardingMethod::DirectRouting),
        (options.ipip, ForwardingMethod::Tunneling),
    ];
    let letter = letters.into_iter().find(|(given, _)| *given);
    match (&options.forwarding, letter) {
        (Some(name), _) => ForwardingMethod::parse(name).map(Some),
        (None, letter) => Ok(letter.map(|(_, method)| method)),
    }
}

/// Returns what is meant: an object, or with `-r` a real server of a service.
fn meant(arguments: &ChangeArguments) -> Result<Selector, Failure> {
    let selector = Selector::parse(&arguments.object)?;
    let Some(server) = &arguments.server.server else {
        return Ok(selector);
    };
    let Selector::Service(key) = &selector else {
        return Err(Failure::usage(format!(
            "-r names a real server of a virtual service, and {selector} is not the KEY of one"
        )));
    };
    let has_port = server
        .rsplit(']')
        .next()
        .is_some_and(|end| end.contains(':'));
    let is_bare = !has_port || server.parse::<std::net::Ipv6Addr>().is_ok();
    let server = match key.port() {
        Some(port) if is_bare && server.starts_with('[') => format!("{server}:{port}"),
        Some(port) if is_bare && server.contains(':') => format!("[{server}]:{port}"),
        Some(port) if is_bare => format!("{server}:{port}"),
        _ => server.clone(),
    };
    Ok(Selector::Destination(*key, DestinationKey::parse(&server)?))
}

fn server_edit(options: &ServerOptions) -> Result<DestinationEdit, Failure> {
    let mut edit = DestinationEdit {
        forwarding: forwarding(options)?,
        tunnel: options
            .tunnel
            .as_deref()
            .map(Tunnel::parse)
            .transpose()?
            .map(Some),
        ..DestinationEdit::default()
    };
    for (number, value) in &options.numbers.given {
        let value =
            u32::try_from(*value).map_err(|_| Invalid::new(number.name, value, number.expected))?;
        number.set(&mut edit, value)?;
    }
    Ok(edit)
}

/// Edits objects by options; without any, as a text in the editor, if there is a terminal.
pub(super) fn edit(
    context: &Context,
    globals: &Globals,
    arguments: EditArguments,
) -> Result<CommandOutcome, Failure> {
    let has_options = arguments.server.server.is_some()
        || service_edit(&arguments.service)? != ServiceEdit::default()
        || server_edit(&arguments.server)? != DestinationEdit::default();
    if !has_options && can_ask() && context.ui.results_are_seen() {
        let object = arguments.object.as_deref();
        return editor::edit(context, globals, object, arguments.dry_run);
    }
    let Some(object) = arguments.object else {
        return Err(Failure::Usage {
            text: "edit needs an OBJECT and what to change in it".to_owned(),
            hint: Some(
                "such as `ipvsh edit tcp://192.0.2.1:80 --scheduler wlc`; on a terminal, `ipvsh edit` alone opens the table in the editor"
                    .to_owned(),
            ),
        });
    };
    let arguments = ChangeArguments {
        dry_run: arguments.dry_run,
        exit_code: arguments.exit_code,
        object,
        service: arguments.service,
        server: arguments.server,
    };
    change(context, globals, Verb::Edit, &arguments)
}

/// Adds, edits or ensures an object.
pub(super) fn change(
    context: &Context,
    globals: &Globals,
    verb: Verb,
    arguments: &ChangeArguments,
) -> Result<CommandOutcome, Failure> {
    let selector = meant(arguments)?;
    let service = service_edit(&arguments.service)?;
    let server = server_edit(&arguments.server)?;
    if verb != Verb::Edit && selector.exact().is_none() {
        return Err(Failure::usage(format!(
            "{selector} may match several objects: name the object in full, as KEY or KEY/SERVER"
        )));
    }
    match &selector {
        Selector::Service(_) | Selector::Services(_) if server != DestinationEdit::default() => {
            return Err(Failure::usage(format!(
                "{selector} is a virtual service: weight, forwarding, tunnel and thresholds belong to its real servers, KEY/SERVER"
            )));
        }
        Selector::Destination(..) | Selector::Server(..) | Selector::Destinations(..)
            if service != ServiceEdit::default() =>
        {
            return Err(Failure::usage(format!(
                "{selector} is a real server: scheduler, persistence and one-packet belong to its service"
            )));
        }
        _ => {}
    }
    if verb == Verb::Edit
        && service == ServiceEdit::default()
        && server == DestinationEdit::default()
    {
        return Err(Failure::usage(format!(
            "nothing to edit: say what to change in {selector}, for example --weight 0"
        )));
    }
    let meant = (&selector, IfMissing::Refuse);
    each(
        context,
        globals,
        (arguments.dry_run, Asks::Never),
        meant,
        |session, object| match (object, verb) {
            (ObjectId::Service(key), Verb::Add) => session.add_service(*key, &service, &[]),
            (ObjectId::Service(key), Verb::Edit) => session.edit_service(*key, &service),
            (ObjectId::Service(key), Verb::Ensure) => session.ensure_service(*key, &service, &[]),
            (ObjectId::Destination(service, key), Verb::Add) => {
                session.add_destination(*service, *key, &server)
            }
            (ObjectId::Destination(service, key), Verb::Edit) => {
                session.edit_destination(*service, *key, &server)
            }
            (ObjectId::Destination(service, key), Verb::Ensure) => {
                session.ensure_destination(*service, *key, &server)
            }
            (other, _) => Err(not_an_object(other)),
        },
    )
}

/// Deletes an object, or all that are meant.
pub(super) fn remove(
    context: &Context,
    globals: &Globals,
    if_missing: IfMissing,
    arguments: &RemoveArguments,
) -> Result<CommandOutcome, Failure> {
    let selector = Selector::parse(&arguments.object)?;
    each(
        context,
        globals,
        (arguments.dry_run, Asks::unless(arguments.yes)),
        (&selector, if_missing),
        |session, object| match object {
            ObjectId::Service(key) => session.delete_service(*key, if_missing),
            ObjectId::Destination(service, key) => {
                session.delete_destination(*service, *key, if_missing)
            }
            other => Err(not_an_object(other)),
        },
    )
}

/// Adds a virtual service that is like another one.
pub(super) fn copy(
    context: &Context,
    globals: &Globals,
    arguments: &RelocateArguments,
) -> Result<CommandOutcome, Failure> {
    let (from, to) = keys(arguments)?;
    let terms = (arguments.dry_run, Asks::Never);
    transaction(context, globals, terms, |session| {
        session.copy_service(from, to)
    })
}

/// What runs for `ipvsh move --drain`.
const DRAINED: &str = "import \"std/relocate\" as relocate;\nlet given = parse_json(args()[0]);\nrelocate::service(given.from, given.to, given.deadline);\n";

/// Moves a virtual service to another key, at once or when its connections have ended.
pub(super) fn move_to(
    context: &Context,
    globals: &Globals,
    arguments: &MoveArguments,
) -> Result<CommandOutcome, Failure> {
    let (from, to) = keys(&arguments.keys)?;
    let Some(deadline) = arguments.drain else {
        let terms = (arguments.keys.dry_run, Asks::unless(arguments.yes));
        return transaction(context, globals, terms, |session| {
            session.move_service(from, to)
        });
    };
    let given = Map::from_iter([
        ("from".to_owned(), from.to_string().into()),
        ("to".to_owned(), to.to_string().into()),
        (
            "deadline".to_owned(),
            humantime::format_duration(deadline).to_string().into(),
        ),
    ]);
    let shown = if arguments.keys.dry_run {
        Shown::Plan
    } else {
        Shown::Nothing
    };
    built_in(context, globals, ("move", DRAINED, &given.into()), shown)
}

fn keys(arguments: &RelocateArguments) -> Result<(ServiceKey, ServiceKey), Failure> {
    Ok((
        ServiceKey::parse(&arguments.from)?,
        ServiceKey::parse(&arguments.to)?,
    ))
}

/// Does something to each object that is meant, in one transaction.
fn each(
    context: &Context,
    globals: &Globals,
    terms: (bool, Asks),
    (selector, if_missing): (&Selector, IfMissing),
    verb: impl Fn(&mut Session, &ObjectId) -> Result<VerbOutcome, Error>,
) -> Result<CommandOutcome, Failure> {
    transaction(context, globals, terms, |session| {
        if let Some(object) = selector.exact() {
            return verb(session, &object);
        }
        session.begin(BlockKind::Transaction)?;
        let staged = session.select(selector).and_then(|objects| {
            for object in &objects {
                let _staged = verb(session, object)?;
            }
            Ok(())
        });
        match staged {
            Err(Error::Unmatched(_)) if if_missing == IfMissing::Accept => {}
            Err(error) => {
                session.abandon();
                return Err(error);
            }
            Ok(()) => {}
        }
        Ok(match session.end_transaction(CommitTerms::default())? {
            Ended::Committed(report) => VerbOutcome::Committed(report),
            Ended::Staged(_) => VerbOutcome::Staged,
        })
    })
}

fn not_an_object(object: &ObjectId) -> Error {
    Invalid::new("object", object, "name a virtual service or a real server").into()
}

fn transaction(
    context: &Context,
    globals: &Globals,
    (dry_run, asks): (bool, Asks),
    verb: impl FnOnce(&mut Session) -> Result<VerbOutcome, Error>,
) -> Result<CommandOutcome, Failure> {
    with_session(context, globals, access(dry_run), |session| {
        if dry_run {
            session.begin(BlockKind::Rehearsal)?;
            let _staged = verb(session)?;
            return Ok(CommandOutcome::planned(session.end_rehearsal()?));
        }
        ask_first(context, globals, session, asks);
        Ok(CommandOutcome::Done {
            done: verb(session)?,
            kept: Vec::new(),
            document: String::new(),
        })
    })
}
