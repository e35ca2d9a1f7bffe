//! `service::`: virtual services.

use std::rc::Rc;

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use super::typed::{
    ServerName, ServiceName, changed_service, copy_service, delete_service, edit_service,
    ensure_service, find_service, get_service, move_service, or_unit,
};
use crate::model::{ObjectId, ServiceEdit};
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{DestinationValue, ServiceList, ServiceValue};
use crate::session::{Error, Session};

/// Virtual services.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    use crate::script::values::ServiceValue as Service;

    /// Returns all virtual services, sorted by key.
    ///
    /// # Example
    /// ```rhai
    /// for svc in service::list() { print(svc.id); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<ServiceList> {
        let table = with(&ctx, Session::table)?;
        let services = table
            .services
            .into_iter()
            .map(|(key, entry)| ServiceValue::new(key, Rc::new(entry)));
        Ok(ServiceList::new(services.collect()))
    }

    /// Returns a virtual service; throws `missing` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").scheduler
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext, id: &str) -> Scripted<Service> {
        with(&ctx, |session| {
            get_service(session, convert::service_key(id)?)
        })
    }

    /// Returns a virtual service, or `()` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// if service::find("tcp://192.0.2.9:80") == () { print("not there"); }
    /// ```
    #[rhai_fn(return_raw)]
    pub fn find(ctx: NativeCallContext, id: &str) -> Scripted<Dynamic> {
        Ok(or_unit(find_service(&ctx, ServiceName::Text(id))?))
    }

    /// Returns whether a virtual service is there.
    ///
    /// # Example
    /// ```rhai
    /// service::has("tcp://192.0.2.1:80")
    /// ```
    #[rhai_fn(return_raw)]
    pub fn has(ctx: NativeCallContext, id: &str) -> Scripted<bool> {
        Ok(find_service(&ctx, ServiceName::Text(id))?.is_some())
    }

    /// Returns this virtual service, read again; throws `missing` if it is not there any more.
    ///
    /// # Example
    /// ```rhai
    /// service::get(service::list()[0]).scheduler
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get_again(ctx: NativeCallContext, svc: Service) -> Scripted<Service> {
        with(&ctx, |session| get_service(session, svc.key))
    }

    /// Returns this virtual service, read again, or `()` if it is not there any more.
    ///
    /// # Example
    /// ```rhai
    /// service::find(service::list()[0]) != ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find_again(ctx: NativeCallContext, svc: Service) -> Scripted<Dynamic> {
        Ok(or_unit(find_service(&ctx, ServiceName::Key(svc.key))?))
    }

    /// Returns whether this virtual service is still there.
    ///
    /// # Example
    /// ```rhai
    /// service::has(service::list()[0])
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has_still(ctx: NativeCallContext, svc: Service) -> Scripted<bool> {
        Ok(find_service(&ctx, ServiceName::Key(svc.key))?.is_some())
    }

    /// Adds a virtual service with the defaults: scheduler wlc, no persistence, no real servers.
    ///
    /// # Example
    /// ```rhai
    /// service::add("tcp://192.0.2.2:80");
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add_plain(ctx: NativeCallContext, id: &str) -> Scripted<Service> {
        changed_service(&ctx, ServiceName::Text(id), |session, key| {
            session.add_service(key, &ServiceEdit::default(), &[])
        })
    }

    /// Adds a virtual service: `scheduler`, `scheduler_flags`, `one_packet`, `persistence`, `destinations`.
    ///
    /// # Example
    /// ```rhai
    /// service::add("tcp://192.0.2.3:80", #{ scheduler: "wrr", persistence: "5m", destinations: ["10.0.0.2:80"] });
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add(ctx: NativeCallContext, id: &str, fields: Map) -> Scripted<Service> {
        changed_service(&ctx, ServiceName::Text(id), |session, key| {
            let (edit, servers) = convert::service_edit(&fields)?;
            session.add_service(key, &edit, &servers)
        })
    }

    /// Edits a virtual service: any of `scheduler`, `scheduler_flags`, `one_packet`, `persistence`.
    ///
    /// # Example
    /// ```rhai
    /// service::edit("tcp://192.0.2.1:80", #{ scheduler: "rr" });
    /// ```
    #[rhai_fn(name = "edit", return_raw)]
    pub fn edit_by_id(ctx: NativeCallContext, id: &str, fields: Map) -> Scripted<Service> {
        edit_service(&ctx, ServiceName::Text(id), &fields)
    }

    /// Edits this virtual service: any of `scheduler`, `scheduler_flags`, `one_packet`, `persistence`.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").edit(#{ persistence: false });
    /// ```
    #[rhai_fn(name = "edit", global, pure, return_raw)]
    pub fn edit(ctx: NativeCallContext, svc: &mut Service, fields: Map) -> Scripted<Service> {
        edit_service(&ctx, ServiceName::Key(svc.key), &fields)
    }

    /// Adds a virtual service, or edits the one that is there; listed real servers likewise.
    ///
    /// # Example
    /// ```rhai
    /// service::ensure("tcp://192.0.2.1:80", #{ scheduler: "wlc", destinations: [#{ id: "10.0.0.2:80", weight: 5 }] });
    /// ```
    #[rhai_fn(name = "ensure", return_raw)]
    pub fn ensure_by_id(ctx: NativeCallContext, id: &str, fields: Map) -> Scripted<Service> {
        ensure_service(&ctx, ServiceName::Text(id), &fields)
    }

    /// Adds this virtual service again, or edits it; listed real servers likewise.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").ensure(#{ scheduler: "wlc" });
    /// ```
    #[rhai_fn(name = "ensure", global, pure, return_raw)]
    pub fn ensure(ctx: NativeCallContext, svc: &mut Service, fields: Map) -> Scripted<Service> {
        ensure_service(&ctx, ServiceName::Key(svc.key), &fields)
    }

    /// Adds a virtual service that is like another one, with its real servers; throws `exists` if there is one of the new key. Real
    /// servers whose method does not translate ports get the new port.
    ///
    /// # Example
    /// ```rhai
    /// service::copy("tcp://192.0.2.1:80", "tcp://192.0.2.9:80").destinations.len()
    /// ```
    #[rhai_fn(name = "copy", return_raw)]
    pub fn copy_by_id(ctx: NativeCallContext, id: &str, new_id: &str) -> Scripted<Service> {
        copy_service(&ctx, ServiceName::Text(id), new_id)
    }

    /// Adds a virtual service that is like this one, with its real servers.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").copy("tcp://192.0.2.9:80");
    /// ```
    #[rhai_fn(name = "copy", global, pure, return_raw)]
    pub fn copy(ctx: NativeCallContext, svc: &mut Service, new_id: &str) -> Scripted<Service> {
        copy_service(&ctx, ServiceName::Key(svc.key), new_id)
    }

    /// Moves a virtual service with its real servers to another key, such as another address or port: the new one is made before
    /// the old one is deleted. Connections to the old one are cut.
    ///
    /// # Example
    /// ```rhai
    /// service::move("tcp://192.0.2.1:80", "tcp://192.0.2.9:80").id
    /// ```
    #[rhai_fn(name = "move", return_raw)]
    pub fn move_by_id(ctx: NativeCallContext, id: &str, new_id: &str) -> Scripted<Service> {
        move_service(&ctx, ServiceName::Text(id), new_id)
    }

    /// Moves this virtual service with its real servers to another key.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").move("tcp://192.0.2.9:80");
    /// ```
    #[rhai_fn(name = "move", global, pure, return_raw)]
    pub fn move_this(ctx: NativeCallContext, svc: &mut Service, new_id: &str) -> Scripted<Service> {
        move_service(&ctx, ServiceName::Key(svc.key), new_id)
    }

    /// Deletes a virtual service with its real servers; throws `missing` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// service::delete("tcp://192.0.2.1:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_by_id(ctx: NativeCallContext, id: &str) -> Scripted<()> {
        delete_service(&ctx, ServiceName::Text(id), &Map::new())
    }

    /// Deletes a virtual service; `#{missing: "ok"}` accepts that it is not there.
    ///
    /// # Example
    /// ```rhai
    /// service::delete("tcp://192.0.2.9:80", #{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_with(ctx: NativeCallContext, id: &str, options: Map) -> Scripted<()> {
        delete_service(&ctx, ServiceName::Text(id), &options)
    }

    /// Deletes this virtual service; `#{missing: "ok"}` accepts that it is not there any more.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").delete(#{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", global, pure, return_raw)]
    pub fn delete_service_with(
        ctx: NativeCallContext,
        svc: &mut Service,
        options: Map,
    ) -> Scripted<()> {
        delete_service(&ctx, ServiceName::Key(svc.key), &options)
    }

    /// Deletes this virtual service with its real servers.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").delete();
    /// ```
    #[rhai_fn(name = "delete", global, pure, return_raw)]
    pub fn delete(ctx: NativeCallContext, svc: &mut Service) -> Scripted<()> {
        delete_service(&ctx, ServiceName::Key(svc.key), &Map::new())
    }

    /// Sets the counters of a virtual service and its real servers to zero, after the commit; it can't be undone.
    ///
    /// # Example
    /// ```rhai
    /// service::zero("tcp://192.0.2.1:80");
    /// ```
    #[rhai_fn(name = "zero", return_raw)]
    pub fn zero_by_id(ctx: NativeCallContext, id: &str) -> Scripted<Service> {
        changed_service(&ctx, ServiceName::Text(id), |session, key| {
            session.zero(Some(key))
        })
    }

    /// Sets the counters of this virtual service and its real servers to zero.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").zero();
    /// ```
    #[rhai_fn(name = "zero", global, pure, return_raw)]
    pub fn zero(ctx: NativeCallContext, svc: &mut Service) -> Scripted<Service> {
        changed_service(&ctx, ServiceName::Key(svc.key), |session, key| {
            session.zero(Some(key))
        })
    }

    /// Reads this virtual service again.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").refresh()
    /// ```
    #[rhai_fn(name = "refresh", global, pure, return_raw)]
    pub fn refresh(ctx: NativeCallContext, svc: &mut Service) -> Scripted<Service> {
        with(&ctx, |session| get_service(session, svc.key))
    }

    /// Adds a real server to this virtual service.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").add("10.0.0.7:80", #{ weight: 3 });
    /// ```
    #[rhai_fn(name = "add", global, pure, return_raw)]
    pub fn add_server(
        ctx: NativeCallContext,
        svc: &mut Service,
        server: &str,
        fields: Map,
    ) -> Scripted<DestinationValue> {
        super::super::typed::add_server(&ctx, ServerName::of(svc, server), &fields)
    }

    /// Returns a real server of this virtual service, as it was when the service was read; throws `missing`.
    ///
    /// # Example
    /// ```rhai
    /// service::get("tcp://192.0.2.1:80").destination("10.0.0.2:80").weight
    /// ```
    #[rhai_fn(name = "destination", global, pure, return_raw)]
    pub fn destination(
        ctx: NativeCallContext,
        svc: &mut Service,
        server: &str,
    ) -> Scripted<DestinationValue> {
        with(&ctx, |_| {
            let key = convert::server_key(server)?;
            let found = svc.destination(&key);
            found.ok_or(Error::Missing {
                what: "real server",
                object: ObjectId::Destination(svc.key, key),
            })
        })
    }
}
