//! `destination::`: real servers.

use std::rc::Rc;

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use super::service::get_service;
use crate::model::{DestinationKey, ObjectId, Selector, ServiceKey};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{DestinationList, DestinationValue, ServiceValue};
use crate::session::{Error, IfMissing, Session, VerbOutcome};

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

/// Does a verb to a real server and returns its new snapshot.
fn changed(
    ctx: &NativeCallContext<'_>,
    (service, server): (&str, &str),
    verb: impl FnOnce(&mut Session, ServiceKey, DestinationKey) -> Result<VerbOutcome, Error>,
) -> Scripted<DestinationValue> {
    with(ctx, |session| {
        let (service, key) = (convert::service_key(service)?, convert::server_key(server)?);
        let _staged_or_committed = verb(session, service, key)?;
        get_destination(session, service, key)
    })
}

/// Real servers.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    use crate::script::values::DestinationValue as Destination;
    use crate::script::values::ServiceValue as Service;

    /// Returns the real servers of all virtual services.
    ///
    /// # Example
    /// ```rhai
    /// destination::list().filter(|d| d.is_quiescent)
    /// ```
    #[rhai_fn(name = "list", return_raw)]
    pub fn list_all(ctx: NativeCallContext) -> Scripted<DestinationList> {
        let table = with(&ctx, Session::table)?;
        let services = table
            .services
            .into_iter()
            .map(|(key, entry)| ServiceValue::new(key, Rc::new(entry)));
        Ok(DestinationList::new(
            services
                .flat_map(|service| service.destinations())
                .collect(),
        ))
    }

    /// Returns the real servers of a virtual service.
    ///
    /// # Example
    /// ```rhai
    /// destination::list("tcp://192.0.2.1:80").len()
    /// ```
    #[rhai_fn(name = "list", return_raw)]
    pub fn list_by_id(ctx: NativeCallContext, svc: &str) -> Scripted<DestinationList> {
        with(&ctx, |session| {
            Ok(get_service(session, convert::service_key(svc)?)?.destinations())
        })
    }

    /// Returns the real servers of a virtual service, read again.
    ///
    /// # Example
    /// ```rhai
    /// destination::list(service::get("tcp://192.0.2.1:80")).map(|d| d.weight)
    /// ```
    #[rhai_fn(name = "list", return_raw)]
    pub fn list(ctx: NativeCallContext, svc: Service) -> Scripted<DestinationList> {
        with(&ctx, |session| {
            Ok(get_service(session, svc.key)?.destinations())
        })
    }

    /// Returns the real servers that a text means: all of a service (`KEY`), one of it (`KEY/SERVER`), one wherever it is
    /// (`10.0.0.2:80` or `10.0.0.2`), or with `*` for any text all that are named so. Throws `missing` if there is none.
    ///
    /// # Example
    /// ```rhai
    /// destination::select("10.0.0.2").map(|d| d.service.id)
    /// ```
    #[rhai_fn(return_raw)]
    pub fn select(ctx: NativeCallContext, object: &str) -> Scripted<DestinationList> {
        with(&ctx, |session| {
            let mut found = Vec::new();
            for (key, entry, servers) in session.select_servers(&Selector::parse(object)?)? {
                let service = ServiceValue::new(key, entry);
                found.extend(
                    servers
                        .iter()
                        .filter_map(|server| service.destination(server)),
                );
            }
            Ok(DestinationList::new(found))
        })
    }

    /// Returns a real server; throws `missing` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").weight
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<Destination> {
        with(&ctx, |session| {
            get_destination(
                session,
                convert::service_key(svc)?,
                convert::server_key(server)?,
            )
        })
    }

    /// Returns a real server; throws `missing` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::get(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80").weight
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Destination> {
        with(&ctx, |session| {
            get_destination(session, svc.key, convert::server_key(server)?)
        })
    }

    /// Returns a real server, or `()` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::find("tcp://192.0.2.1:80", "10.0.0.99:80") == ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<Dynamic> {
        with(&ctx, |session| {
            let (service, key) = (convert::service_key(svc)?, convert::server_key(server)?);
            let entry = session.find_service(&service)?;
            let found = entry.and_then(|entry| ServiceValue::new(service, entry).destination(&key));
            Ok(found.map_or(Dynamic::UNIT, Dynamic::from))
        })
    }

    /// Returns a real server, or `()` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::find(service::get("tcp://192.0.2.1:80"), "10.0.0.99:80") == ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Dynamic> {
        find_by_id(ctx, &svc.key.to_string(), server)
    }

    /// Returns whether a real server is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::has("tcp://192.0.2.1:80", "10.0.0.2:80")
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<bool> {
        Ok(!find_by_id(ctx, svc, server)?.is_unit())
    }

    /// Returns whether a real server is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::has(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80")
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<bool> {
        has_by_id(ctx, &svc.key.to_string(), server)
    }

    /// Adds a real server with the defaults: weight 1, direct routing.
    ///
    /// # Example
    /// ```rhai
    /// destination::add("tcp://192.0.2.1:80", "10.0.0.7:80");
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add_plain_by_id(
        ctx: NativeCallContext,
        svc: &str,
        server: &str,
    ) -> Scripted<Destination> {
        add_by_id(ctx, svc, server, Map::new())
    }

    /// Adds a real server with the defaults: weight 1, direct routing.
    ///
    /// # Example
    /// ```rhai
    /// destination::add(service::get("tcp://192.0.2.1:80"), "10.0.0.7:80");
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add_plain(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Destination> {
        add_by_id(ctx, &svc.key.to_string(), server, Map::new())
    }

    /// Adds a real server: `weight`, `forwarding`, `tunnel`, `upper_threshold`, `lower_threshold`.
    ///
    /// # Example
    /// ```rhai
    /// destination::add("tcp://192.0.2.1:80", "10.0.0.7:80", #{ weight: 3, forwarding: "masquerading" });
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add_by_id(
        ctx: NativeCallContext,
        svc: &str,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        changed(&ctx, (svc, server), |session, service, key| {
            session.add_destination(service, key, &convert::destination_edit(&fields)?)
        })
    }

    /// Adds a real server: `weight`, `forwarding`, `tunnel`, `upper_threshold`, `lower_threshold`.
    ///
    /// # Example
    /// ```rhai
    /// destination::add(service::get("tcp://192.0.2.1:80"), "10.0.0.7:80", #{ weight: 3 });
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add(
        ctx: NativeCallContext,
        svc: Service,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        add_by_id(ctx, &svc.key.to_string(), server, fields)
    }

    /// Edits a real server: any of `weight`, `forwarding`, `tunnel`, `upper_threshold`, `lower_threshold`. With weight
    /// 0 it drains: what is connected stays, what is new goes elsewhere.
    ///
    /// # Example
    /// ```rhai
    /// destination::edit("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 0 });   // quiesce
    /// ```
    #[rhai_fn(name = "edit", return_raw)]
    pub fn edit_by_id(
        ctx: NativeCallContext,
        svc: &str,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        changed(&ctx, (svc, server), |session, service, key| {
            session.edit_destination(service, key, &convert::destination_edit(&fields)?)
        })
    }

    /// Edits a real server of this service.
    ///
    /// # Example
    /// ```rhai
    /// destination::edit(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80", #{ weight: 0 });
    /// ```
    #[rhai_fn(name = "edit", return_raw)]
    pub fn edit_of(
        ctx: NativeCallContext,
        svc: Service,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        edit_by_id(ctx, &svc.key.to_string(), server, fields)
    }

    /// Edits this real server.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").edit(#{ weight: 0 });
    /// ```
    #[rhai_fn(name = "edit", global, pure, return_raw)]
    pub fn edit(ctx: NativeCallContext, d: &mut Destination, fields: Map) -> Scripted<Destination> {
        edit_by_id(ctx, &d.service.key.to_string(), &d.key.to_string(), fields)
    }

    /// Adds a real server, or edits the one that is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::ensure("tcp://192.0.2.1:80", "10.0.0.2:80", #{ weight: 4 });
    /// ```
    #[rhai_fn(name = "ensure", return_raw)]
    pub fn ensure_by_id(
        ctx: NativeCallContext,
        svc: &str,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        changed(&ctx, (svc, server), |session, service, key| {
            session.ensure_destination(service, key, &convert::destination_edit(&fields)?)
        })
    }

    /// Adds a real server of this service, or edits the one that is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::ensure(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80", #{ weight: 4 });
    /// ```
    #[rhai_fn(name = "ensure", return_raw)]
    pub fn ensure(
        ctx: NativeCallContext,
        svc: Service,
        server: &str,
        fields: Map,
    ) -> Scripted<Destination> {
        ensure_by_id(ctx, &svc.key.to_string(), server, fields)
    }

    /// Deletes a real server; throws `missing` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete("tcp://192.0.2.1:80", "10.0.0.2:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<()> {
        delete_with(ctx, svc, server, Map::new())
    }

    /// Deletes a real server; `#{missing: "ok"}` accepts that it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete("tcp://192.0.2.1:80", "10.0.0.99:80", #{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_with(
        ctx: NativeCallContext,
        svc: &str,
        server: &str,
        options: Map,
    ) -> Scripted<()> {
        with(&ctx, |session| {
            let (service, key) = (convert::service_key(svc)?, convert::server_key(server)?);
            let _staged_or_committed =
                session.delete_destination(service, key, convert::if_missing(&options)?)?;
            Ok(())
        })
    }

    /// Deletes a real server of this service.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_of(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<()> {
        delete_with(ctx, &svc.key.to_string(), server, Map::new())
    }

    /// Deletes a real server of this service; `#{missing: "ok"}` accepts that it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete(service::get("tcp://192.0.2.1:80"), "10.0.0.99:80", #{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_of_with(
        ctx: NativeCallContext,
        svc: Service,
        server: &str,
        options: Map,
    ) -> Scripted<()> {
        delete_with(ctx, &svc.key.to_string(), server, options)
    }

    /// Deletes this real server; `#{missing: "ok"}` accepts that it is not there any more.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").delete(#{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", global, pure, return_raw)]
    pub fn delete_this_with(
        ctx: NativeCallContext,
        d: &mut Destination,
        options: Map,
    ) -> Scripted<()> {
        delete_with(ctx, &d.service.key.to_string(), &d.key.to_string(), options)
    }

    /// Deletes this real server.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").delete();
    /// ```
    #[rhai_fn(name = "delete", global, pure, return_raw)]
    pub fn delete(ctx: NativeCallContext, d: &mut Destination) -> Scripted<()> {
        with(&ctx, |session| {
            let _staged_or_committed =
                session.delete_destination(d.service.key, d.key, IfMissing::Refuse)?;
            Ok(())
        })
    }

    /// Reads this real server again.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").refresh().weight
    /// ```
    #[rhai_fn(name = "refresh", global, pure, return_raw)]
    pub fn refresh(ctx: NativeCallContext, d: &mut Destination) -> Scripted<Destination> {
        with(&ctx, |session| {
            get_destination(session, d.service.key, d.key)
        })
    }
}
