//! `destination::`: real servers.

use std::rc::Rc;

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use super::typed::{
    ServerName, add_server, delete_server, edit_server, ensure_server, find_server,
    get_destination, get_server, get_service, or_unit,
};
use crate::model::Selector;
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{DestinationList, ServiceValue};
use crate::session::Session;

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
        get_server(&ctx, ServerName::texts(svc, server))
    }

    /// Returns a real server; throws `missing` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::get(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80").weight
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Destination> {
        get_server(&ctx, ServerName::of(&svc, server))
    }

    /// Returns a real server, or `()` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::find("tcp://192.0.2.1:80", "10.0.0.99:80") == ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<Dynamic> {
        Ok(or_unit(find_server(&ctx, ServerName::texts(svc, server))?))
    }

    /// Returns a real server, or `()` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::find(service::get("tcp://192.0.2.1:80"), "10.0.0.99:80") == ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Dynamic> {
        Ok(or_unit(find_server(&ctx, ServerName::of(&svc, server))?))
    }

    /// Returns whether a real server is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::has("tcp://192.0.2.1:80", "10.0.0.2:80")
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<bool> {
        Ok(find_server(&ctx, ServerName::texts(svc, server))?.is_some())
    }

    /// Returns whether a real server is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::has(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80")
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<bool> {
        Ok(find_server(&ctx, ServerName::of(&svc, server))?.is_some())
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
        add_server(&ctx, ServerName::texts(svc, server), &Map::new())
    }

    /// Adds a real server with the defaults: weight 1, direct routing.
    ///
    /// # Example
    /// ```rhai
    /// destination::add(service::get("tcp://192.0.2.1:80"), "10.0.0.7:80");
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add_plain(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<Destination> {
        add_server(&ctx, ServerName::of(&svc, server), &Map::new())
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
        add_server(&ctx, ServerName::texts(svc, server), &fields)
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
        add_server(&ctx, ServerName::of(&svc, server), &fields)
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
        edit_server(&ctx, ServerName::texts(svc, server), &fields)
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
        edit_server(&ctx, ServerName::of(&svc, server), &fields)
    }

    /// Edits this real server.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").edit(#{ weight: 0 });
    /// ```
    #[rhai_fn(name = "edit", global, pure, return_raw)]
    pub fn edit(ctx: NativeCallContext, d: &mut Destination, fields: Map) -> Scripted<Destination> {
        edit_server(&ctx, ServerName::Key(d.service.key, d.key), &fields)
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
        ensure_server(&ctx, ServerName::texts(svc, server), &fields)
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
        ensure_server(&ctx, ServerName::of(&svc, server), &fields)
    }

    /// Deletes a real server; throws `missing` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete("tcp://192.0.2.1:80", "10.0.0.2:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_by_id(ctx: NativeCallContext, svc: &str, server: &str) -> Scripted<()> {
        delete_server(&ctx, ServerName::texts(svc, server), &Map::new())
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
        delete_server(&ctx, ServerName::texts(svc, server), &options)
    }

    /// Deletes a real server of this service.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete(service::get("tcp://192.0.2.1:80"), "10.0.0.2:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_of(ctx: NativeCallContext, svc: Service, server: &str) -> Scripted<()> {
        delete_server(&ctx, ServerName::of(&svc, server), &Map::new())
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
        delete_server(&ctx, ServerName::of(&svc, server), &options)
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
        delete_server(&ctx, ServerName::Key(d.service.key, d.key), &options)
    }

    /// Deletes this real server.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80", "10.0.0.2:80").delete();
    /// ```
    #[rhai_fn(name = "delete", global, pure, return_raw)]
    pub fn delete(ctx: NativeCallContext, d: &mut Destination) -> Scripted<()> {
        delete_server(&ctx, ServerName::Key(d.service.key, d.key), &Map::new())
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
