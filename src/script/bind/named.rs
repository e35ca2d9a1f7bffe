//! `destination::` by one name: a real server as `KEY/SERVER`, as errors, history and JSON name it.

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use super::typed::{
    ServerName, add_server, delete_server, edit_server, ensure_server, find_server, get_server,
    or_unit,
};
use crate::script::error::Scripted;

/// Real servers by one name.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    use crate::script::values::DestinationValue as Destination;

    /// Returns the real server of a full name; throws `missing` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::get("tcp://192.0.2.1:80/10.0.0.2:80").weight
    /// ```
    #[rhai_fn(name = "get", return_raw)]
    pub fn get(ctx: NativeCallContext, name: &str) -> Scripted<Destination> {
        get_server(&ctx, ServerName::Whole(name))
    }

    /// Returns the real server of a full name, or `()` if it, or its service, is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::find("tcp://192.0.2.1:80/10.0.0.99:80") == ()
    /// ```
    #[rhai_fn(name = "find", return_raw)]
    pub fn find(ctx: NativeCallContext, name: &str) -> Scripted<Dynamic> {
        Ok(or_unit(find_server(&ctx, ServerName::Whole(name))?))
    }

    /// Returns whether the real server of a full name is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::has("tcp://192.0.2.1:80/10.0.0.2:80")
    /// ```
    #[rhai_fn(name = "has", return_raw)]
    pub fn has(ctx: NativeCallContext, name: &str) -> Scripted<bool> {
        Ok(find_server(&ctx, ServerName::Whole(name))?.is_some())
    }

    /// Adds the real server of a full name.
    ///
    /// # Example
    /// ```rhai
    /// destination::add("tcp://192.0.2.1:80/10.0.0.7:80", #{ weight: 3 });
    /// ```
    #[rhai_fn(name = "add", return_raw)]
    pub fn add(ctx: NativeCallContext, name: &str, fields: Map) -> Scripted<Destination> {
        add_server(&ctx, ServerName::Whole(name), &fields)
    }

    /// Edits the real server of a full name.
    ///
    /// # Example
    /// ```rhai
    /// destination::edit("tcp://192.0.2.1:80/10.0.0.2:80", #{ weight: 0 });
    /// ```
    #[rhai_fn(name = "edit", return_raw)]
    pub fn edit(ctx: NativeCallContext, name: &str, fields: Map) -> Scripted<Destination> {
        edit_server(&ctx, ServerName::Whole(name), &fields)
    }

    /// Adds the real server of a full name, or edits the one that is there.
    ///
    /// # Example
    /// ```rhai
    /// destination::ensure("tcp://192.0.2.1:80/10.0.0.2:80", #{ weight: 4 });
    /// ```
    #[rhai_fn(name = "ensure", return_raw)]
    pub fn ensure(ctx: NativeCallContext, name: &str, fields: Map) -> Scripted<Destination> {
        ensure_server(&ctx, ServerName::Whole(name), &fields)
    }

    /// Deletes the real server of a full name; throws `missing` if it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete("tcp://192.0.2.1:80/10.0.0.2:80");
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete(ctx: NativeCallContext, name: &str) -> Scripted<()> {
        delete_server(&ctx, ServerName::Whole(name), &Map::new())
    }

    /// Deletes the real server of a full name; `#{missing: "ok"}` accepts that it is not there.
    ///
    /// # Example
    /// ```rhai
    /// destination::delete("tcp://192.0.2.1:80/10.0.0.99:80", #{ missing: "ok" });
    /// ```
    #[rhai_fn(name = "delete", return_raw)]
    pub fn delete_with(ctx: NativeCallContext, name: &str, options: Map) -> Scripted<()> {
        delete_server(&ctx, ServerName::Whole(name), &options)
    }
}
