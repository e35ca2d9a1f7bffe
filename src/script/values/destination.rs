//! A real server as scripts see it.

use std::fmt;

use rhai::Dynamic;
use rhai::plugin::export_module;

use super::list::{List, Named};
use super::{ServiceValue, dynamic_of};
use crate::document::{json, server_shape, tunnel_shape};
use crate::model::{
    DestinationEdit, DestinationEntry, DestinationKey, DestinationSpecification, Weight,
};

/// A list of real servers.
pub(in crate::script) type DestinationList = List<DestinationValue>;

/// A real server as it was when it was read, with its service.
#[derive(Clone, Debug)]
pub(in crate::script) struct DestinationValue {
    pub(in crate::script) service: ServiceValue,
    pub(in crate::script) key: DestinationKey,
}

impl DestinationValue {
    pub(super) fn new(service: ServiceValue, key: DestinationKey) -> Self {
        Self { service, key }
    }

    pub(super) fn entry(&self) -> DestinationEntry {
        self.service
            .entry
            .destinations
            .get(&self.key)
            .cloned()
            .unwrap_or_default()
    }

    /// Counts what it still has: open connections, and the templates of persistent clients.
    pub(in crate::script) fn connections(&self) -> u64 {
        let connections = self.entry().connections;
        connections.open() + u64::from(connections.persistent)
    }

    /// Returns what was counted.
    pub(in crate::script) fn observed(&self) -> crate::model::Observed {
        self.entry().observed
    }

    /// Returns what makes another one like it.
    pub(in crate::script) fn specification(&self) -> DestinationSpecification {
        let configuration = self.entry().configuration;
        DestinationSpecification {
            key: self.key,
            edit: DestinationEdit::of(&configuration),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let shape = server_shape(&self.service.entry, &self.key);
        json::value(&shape)
    }
}

impl fmt::Display for DestinationValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.service.key, self.key)
    }
}

impl Named for DestinationValue {
    fn id(&self) -> String {
        self.key.to_string()
    }

    fn is_named(&self, text: &str) -> bool {
        let full = text.rsplit_once('/').is_some_and(|(service, server)| {
            self.service.key.to_string() == service && self.key.to_string() == server
        });
        full || self.id() == text
    }
}

/// Fields of a real server.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(super) mod fields {
    use super::{DestinationValue as Destination, dynamic_of, tunnel_shape};
    use crate::document::json;

    /// Returns the key within the service, such as `10.0.0.2:8080`.
    #[rhai_fn(get = "id", pure)]
    pub fn id(destination: &mut Destination) -> String {
        destination.key.to_string()
    }

    /// Returns the service, as it was read together with this server.
    #[rhai_fn(get = "service", pure)]
    pub fn service(destination: &mut Destination) -> crate::script::values::ServiceValue {
        destination.service.clone()
    }

    /// Returns the address.
    #[rhai_fn(get = "address", pure)]
    pub fn address(destination: &mut Destination) -> String {
        destination.key.address.to_string()
    }

    /// Returns the port.
    #[rhai_fn(get = "port", pure)]
    pub fn port(destination: &mut Destination) -> i64 {
        i64::from(destination.key.port)
    }

    /// Returns `inet` or `inet6`.
    #[rhai_fn(get = "family", pure)]
    pub fn family(destination: &mut Destination) -> String {
        destination.key.family().word().to_owned()
    }

    /// Returns `masquerading`, `direct_routing`, `tunneling`, `local` or `bypass`.
    #[rhai_fn(get = "forwarding", pure)]
    pub fn forwarding(destination: &mut Destination) -> String {
        destination.entry().configuration.forwarding.to_string()
    }

    /// Returns `()` or a map with `type`, `port` and `checksum`.
    #[rhai_fn(get = "tunnel", pure)]
    pub fn tunnel(destination: &mut Destination) -> Dynamic {
        let configuration = &destination.entry().configuration;
        if !configuration.has_tunnel() {
            return Dynamic::UNIT;
        }
        let shape = json::value(&tunnel_shape(configuration.tunnel));
        dynamic_of(&shape).into_read_only()
    }

    /// Returns the weight.
    #[rhai_fn(get = "weight", pure)]
    pub fn weight(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().configuration.weight.get())
    }

    /// Returns the upper threshold; 0 is none.
    #[rhai_fn(get = "upper_threshold", pure)]
    pub fn upper_threshold(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().configuration.thresholds.upper)
    }

    /// Returns the lower threshold; 0 is none.
    #[rhai_fn(get = "lower_threshold", pure)]
    pub fn lower_threshold(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().configuration.thresholds.lower)
    }

    /// Returns the active connections.
    #[rhai_fn(get = "active_connections", pure)]
    pub fn active_connections(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().connections.active)
    }

    /// Short for `active_connections`, as in lists.
    #[rhai_fn(get = "active", pure)]
    pub fn active(destination: &mut Destination) -> i64 {
        active_connections(destination)
    }

    /// Returns the inactive connections.
    #[rhai_fn(get = "inactive_connections", pure)]
    pub fn inactive_connections(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().connections.inactive)
    }

    /// Short for `inactive_connections`, as in lists.
    #[rhai_fn(get = "inactive", pure)]
    pub fn inactive(destination: &mut Destination) -> i64 {
        inactive_connections(destination)
    }

    /// Returns the persistence templates.
    #[rhai_fn(get = "persistent_connections", pure)]
    pub fn persistent_connections(destination: &mut Destination) -> i64 {
        i64::from(destination.entry().connections.persistent)
    }

    /// Short for `persistent_connections`, as in lists.
    #[rhai_fn(get = "persistent", pure)]
    pub fn persistent(destination: &mut Destination) -> i64 {
        persistent_connections(destination)
    }

    /// Returns active plus inactive connections.
    #[rhai_fn(get = "open_connections", pure)]
    pub fn open_connections(destination: &mut Destination) -> i64 {
        i64::try_from(destination.entry().connections.open()).unwrap_or(i64::MAX)
    }

    /// Returns the share of new connections that it can get, 0 to 1: 0 where its weight does not count; `()` where the scheduler
    /// chooses by what is not known here.
    #[rhai_fn(get = "share", pure)]
    pub fn share(destination: &mut Destination) -> Dynamic {
        let reception = destination.service.entry.reception(&destination.key);
        reception.share.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns whether it gets new connections, as its weight, its thresholds and the scheduler have it; `()` where that is not
    /// known.
    #[rhai_fn(get = "receives", pure)]
    pub fn receives(destination: &mut Destination) -> Dynamic {
        let reception = destination.service.entry.reception(&destination.key);
        reception.receives.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns whether it is over its upper threshold; `()` between the two, where that depends on what was before.
    #[rhai_fn(get = "overloaded", pure)]
    pub fn overloaded(destination: &mut Destination) -> Dynamic {
        let overloaded = destination.entry().overloaded();
        overloaded.map_or(Dynamic::UNIT, Into::into)
    }

    /// Returns whether the weight is 0.
    #[rhai_fn(get = "is_quiescent", pure)]
    pub fn is_quiescent(destination: &mut Destination) -> bool {
        destination.entry().configuration.weight == Weight::ZERO
    }

    /// Returns totals since the last zeroing.
    #[rhai_fn(get = "counters", pure)]
    pub fn counters(destination: &mut Destination) -> Dynamic {
        crate::script::values::service::counters(&destination.entry().observed)
    }

    /// Returns rates as the kernel's estimator smooths them.
    #[rhai_fn(get = "rates", pure)]
    pub fn rates(destination: &mut Destination) -> Dynamic {
        crate::script::values::service::rates(&destination.entry().observed)
    }

    /// Returns `KEY/SERVER`.
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(destination: &mut Destination) -> String {
        super::DestinationValue::to_string(destination)
    }

    /// Returns whether two snapshots are of the same server.
    #[rhai_fn(name = "==", pure)]
    pub fn equal(a: &mut Destination, b: Destination) -> bool {
        a.key == b.key && a.service.key == b.service.key
    }
}
