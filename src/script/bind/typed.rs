//! What the verbs of `service::` and `destination::` do. Each name is read once, whether it is a text, a handle or a text of a
//! handle's service.

use rhai::{Dynamic, Map, NativeCallContext};

use crate::model::{
    DestinationKey, DestinationSpecification, Invalid, ObjectId, ServiceEdit, ServiceKey,
};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{DestinationValue, ServiceValue};
use crate::session::{Error, Session, VerbOutcome};

/// How a script names a virtual service.
#[derive(Clone, Copy)]
pub(super) enum ServiceName<'a> {
    /// By a text.
    Text(&'a str),
    /// By a handle.
    Key(ServiceKey),
}

impl ServiceName<'_> {
    fn key(self) -> Result<ServiceKey, Invalid> {
        match self {
            Self::Text(text) => convert::service_key(text),
            Self::Key(key) => Ok(key),
        }
    }
}

/// How a script names a real server.
#[derive(Clone, Copy)]
pub(super) enum ServerName<'a> {
    /// By its name within a service.
    Of(ServiceName<'a>, &'a str),
    /// By `KEY/SERVER`.
    Whole(&'a str),
    /// By a handle.
    Key(ServiceKey, DestinationKey),
}

impl<'a> ServerName<'a> {
    /// Names it by two texts.
    pub(super) const fn texts(service: &'a str, server: &'a str) -> Self {
        Self::Of(ServiceName::Text(service), server)
    }

    /// Names it by a handle of its service and a text.
    pub(super) const fn of(service: &ServiceValue, server: &'a str) -> Self {
        Self::Of(ServiceName::Key(service.key), server)
    }

    fn keys(self) -> Result<(ServiceKey, DestinationKey), Invalid> {
        match self {
            Self::Of(service, server) => Ok((service.key()?, convert::server_key(server)?)),
            Self::Key(service, server) => Ok((service, server)),
            Self::Whole(name) => match ObjectId::parse(name)? {
                ObjectId::Destination(service, server) => Ok((service, server)),
                _ => Err(Invalid::new(
                    "real server",
                    name,
                    "it names no real server; that is KEY/SERVER, as in tcp://192.0.2.1:80/10.0.0.2:80",
                )),
            },
        }
    }
}

/// Reads a service that must be there.
pub(super) fn get_service(session: &mut Session, key: ServiceKey) -> Result<ServiceValue, Error> {
    let entry = session.find_service(&key)?;
    let entry = entry.ok_or(Error::Missing {
        what: "virtual service",
        object: ObjectId::Service(key),
    })?;
    Ok(ServiceValue::new(key, entry))
}

pub(super) fn get_destination(
    session: &mut Session,
    service: ServiceKey,
    key: DestinationKey,
) -> Result<DestinationValue, Error> {
    let found = get_service(session, service)?.destination(&key);
    found.ok_or(Error::Missing {
        what: "real server",
        object: ObjectId::Destination(service, key),
    })
}

/// Does a verb to a service and returns its new snapshot.
pub(super) fn changed_service(
    ctx: &NativeCallContext<'_>,
    name: ServiceName<'_>,
    verb: impl FnOnce(&mut Session, ServiceKey) -> Result<VerbOutcome, Error>,
) -> Scripted<ServiceValue> {
    with(ctx, |session| {
        let key = name.key()?;
        let _staged_or_committed = verb(session, key)?;
        get_service(session, key)
    })
}

/// Does a verb to a real server and returns its new snapshot.
fn changed_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
    verb: impl FnOnce(&mut Session, ServiceKey, DestinationKey) -> Result<VerbOutcome, Error>,
) -> Scripted<DestinationValue> {
    with(ctx, |session| {
        let (service, key) = name.keys()?;
        let _staged_or_committed = verb(session, service, key)?;
        get_destination(session, service, key)
    })
}

pub(super) fn find_service(
    ctx: &NativeCallContext<'_>,
    name: ServiceName<'_>,
) -> Scripted<Option<ServiceValue>> {
    with(ctx, |session| {
        let key = name.key()?;
        let entry = session.find_service(&key)?;
        Ok(entry.map(|entry| ServiceValue::new(key, entry)))
    })
}

type Fields = (ServiceEdit, Vec<DestinationSpecification>);

pub(super) fn edit_service(
    ctx: &NativeCallContext<'_>,
    name: ServiceName<'_>,
    fields: &Map,
) -> Scripted<ServiceValue> {
    changed_service(ctx, name, |session, key| {
        let (edit, servers): Fields = convert::service_edit(fields)?;
        if !servers.is_empty() || fields.contains_key("destinations") {
            let expected = "real servers are edited one by one with destination::edit, or all at once with service::ensure";
            return Err(Invalid::new("field of service::edit", "destinations", expected).into());
        }
        session.edit_service(key, &edit)
    })
}

pub(super) fn ensure_service(
    ctx: &NativeCallContext<'_>,
    name: ServiceName<'_>,
    fields: &Map,
) -> Scripted<ServiceValue> {
    changed_service(ctx, name, |session, key| {
        let (edit, servers): Fields = convert::service_edit(fields)?;
        session.ensure_service(key, &edit, &servers)
    })
}

pub(super) fn delete_service(
    ctx: &NativeCallContext<'_>,
    name: ServiceName<'_>,
    options: &Map,
) -> Scripted<()> {
    with(ctx, |session| {
        let key = name.key()?;
        let if_missing = convert::if_missing(options)?;
        let _staged_or_committed = session.delete_service(key, if_missing)?;
        Ok(())
    })
}

/// Adds a service that is like another one.
pub(super) fn copy_service(
    ctx: &NativeCallContext<'_>,
    from: ServiceName<'_>,
    to: &str,
) -> Scripted<ServiceValue> {
    with(ctx, |session| {
        let (from, to) = (from.key()?, convert::service_key(to)?);
        let _staged_or_committed = session.copy_service(from, to)?;
        get_service(session, to)
    })
}

/// Moves a service to another key.
pub(super) fn move_service(
    ctx: &NativeCallContext<'_>,
    from: ServiceName<'_>,
    to: &str,
) -> Scripted<ServiceValue> {
    with(ctx, |session| {
        let (from, to) = (from.key()?, convert::service_key(to)?);
        let _staged_or_committed = session.move_service(from, to)?;
        get_service(session, to)
    })
}

/// Sets the counters of a service to zero.
pub(super) fn zero_service(ctx: &NativeCallContext<'_>, name: ServiceName<'_>) -> Scripted<()> {
    with(ctx, |session| {
        let key = name.key()?;
        session.zero(Some(key)).map(|_staged_or_committed| ())
    })
}

pub(super) fn get_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
) -> Scripted<DestinationValue> {
    with(ctx, |session| {
        let (service, key) = name.keys()?;
        get_destination(session, service, key)
    })
}

pub(super) fn find_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
) -> Scripted<Option<DestinationValue>> {
    with(ctx, |session| {
        let (service, key) = name.keys()?;
        let entry = session.find_service(&service)?;
        Ok(entry.and_then(|entry| ServiceValue::new(service, entry).destination(&key)))
    })
}

/// Returns what was found, or `()`.
pub(super) fn or_unit<T: rhai::Variant + Clone>(found: Option<T>) -> Dynamic {
    found.map_or(Dynamic::UNIT, Dynamic::from)
}

pub(super) fn add_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
    fields: &Map,
) -> Scripted<DestinationValue> {
    changed_server(ctx, name, |session, service, key| {
        session.add_destination(service, key, &convert::destination_edit(fields)?)
    })
}

pub(super) fn edit_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
    fields: &Map,
) -> Scripted<DestinationValue> {
    changed_server(ctx, name, |session, service, key| {
        session.edit_destination(service, key, &convert::destination_edit(fields)?)
    })
}

pub(super) fn ensure_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
    fields: &Map,
) -> Scripted<DestinationValue> {
    changed_server(ctx, name, |session, service, key| {
        session.ensure_destination(service, key, &convert::destination_edit(fields)?)
    })
}

pub(super) fn delete_server(
    ctx: &NativeCallContext<'_>,
    name: ServerName<'_>,
    options: &Map,
) -> Scripted<()> {
    with(ctx, |session| {
        let (service, key) = name.keys()?;
        let if_missing = convert::if_missing(options)?;
        let _staged_or_committed = session.delete_destination(service, key, if_missing)?;
        Ok(())
    })
}
