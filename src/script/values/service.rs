//! A virtual service as scripts see it.

use std::fmt;
use std::rc::Rc;

use rhai::Dynamic;
use rhai::plugin::export_module;

use super::list::{List, Named};
use super::{DestinationList, DestinationValue, dynamic_of};
use crate::document::{Detail, json, persistence_shape, service_shape};
use crate::model::{DestinationKey, Observed, ServiceEntry, ServiceKey};

/// A list of virtual services.
pub(in crate::script) type ServiceList = List<ServiceValue>;

/// A virtual service as it was when it was read.
#[derive(Clone, Debug)]
pub(in crate::script) struct ServiceValue {
    pub(in crate::script) key: ServiceKey,
    pub(in crate::script) entry: Rc<ServiceEntry>,
}

impl ServiceValue {
    pub(in crate::script) fn new(key: ServiceKey, entry: Rc<ServiceEntry>) -> Self {
        Self { key, entry }
    }

    pub(in crate::script) fn destinations(&self) -> DestinationList {
        let keys = self.entry.destinations.keys();
        List::new(
            keys.map(|key| DestinationValue::new(self.clone(), *key))
                .collect(),
        )
    }

    pub(in crate::script) fn destination(&self, key: &DestinationKey) -> Option<DestinationValue> {
        self.entry
            .destinations
            .contains_key(key)
            .then(|| DestinationValue::new(self.clone(), *key))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json::value(&service_shape(&self.key, &self.entry, Detail::Observed))
    }

    fn connections(&self, pick: impl Fn(crate::model::Connections) -> u32) -> i64 {
        self.entry
            .destinations
            .values()
            .map(|entry| i64::from(pick(entry.connections)))
            .sum()
    }
}

impl fmt::Display for ServiceValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(out)
    }
}

impl Named for ServiceValue {
    fn id(&self) -> String {
        self.key.to_string()
    }
}

pub(in crate::script) fn counters(observed: &Observed) -> Dynamic {
    let number = |value: u64| Dynamic::from_int(i64::try_from(value).unwrap_or(i64::MAX));
    let counters = observed.counters();
    let map: rhai::Map = [
        ("connections", counters.connections),
        ("packets_in", counters.packets_in),
        ("packets_out", counters.packets_out),
        ("bytes_in", counters.bytes_in),
        ("bytes_out", counters.bytes_out),
    ]
    .map(|(name, value)| (name.into(), number(value)))
    .into();
    Dynamic::from_map(map).into_read_only()
}

pub(in crate::script) fn rates(observed: &Observed) -> Dynamic {
    let number = |value: u64| Dynamic::from_int(i64::try_from(value).unwrap_or(i64::MAX));
    let rates = observed.rates();
    let map: rhai::Map = [
        ("connections_per_second", rates.connections_per_second),
        ("packets_in_per_second", rates.packets_in_per_second),
        ("packets_out_per_second", rates.packets_out_per_second),
        ("bytes_in_per_second", rates.bytes_in_per_second),
        ("bytes_out_per_second", rates.bytes_out_per_second),
    ]
    .map(|(name, value)| (name.into(), number(value)))
    .into();
    Dynamic::from_map(map).into_read_only()
}

/// Returns a value, or `()`.
pub(super) fn optional(value: Option<impl Into<Dynamic>>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

/// Fields of a virtual service.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(super) mod fields {
    use super::{ServiceKey, ServiceValue as Service, dynamic_of, optional, persistence_shape};
    use crate::document::json;

    /// Returns the key, such as `tcp://192.0.2.1:80`.
    #[rhai_fn(get = "id", pure)]
    pub fn id(service: &mut Service) -> String {
        service.key.to_string()
    }

    /// Returns `tcp`, `udp` or `sctp`; `()` for a mark.
    #[rhai_fn(get = "protocol", pure)]
    pub fn protocol(service: &mut Service) -> Dynamic {
        optional(match service.key {
            ServiceKey::Endpoint { protocol, .. } => Some(protocol.to_string()),
            ServiceKey::Fwmark { .. } => None,
        })
    }

    /// Returns the address; `()` for a mark.
    #[rhai_fn(get = "address", pure)]
    pub fn address(service: &mut Service) -> Dynamic {
        optional(match service.key {
            ServiceKey::Endpoint { address, .. } => Some(address.to_string()),
            ServiceKey::Fwmark { .. } => None,
        })
    }

    /// Returns the port; `()` for a mark.
    #[rhai_fn(get = "port", pure)]
    pub fn port(service: &mut Service) -> Dynamic {
        optional(service.key.port().map(i64::from))
    }

    /// Returns the mark, or `()`.
    #[rhai_fn(get = "fwmark", pure)]
    pub fn fwmark(service: &mut Service) -> Dynamic {
        optional(match service.key {
            ServiceKey::Fwmark { mark, .. } => Some(i64::from(mark.get())),
            ServiceKey::Endpoint { .. } => None,
        })
    }

    /// Returns `inet` or `inet6`.
    #[rhai_fn(get = "family", pure)]
    pub fn family(service: &mut Service) -> String {
        service.key.family().word().to_owned()
    }

    /// Returns the name of the scheduler.
    #[rhai_fn(get = "scheduler", pure)]
    pub fn scheduler(service: &mut Service) -> String {
        service.entry.configuration.scheduler.to_string()
    }

    /// Returns the names of the scheduler's flags.
    #[rhai_fn(get = "scheduler_flags", pure)]
    pub fn scheduler_flags(service: &mut Service) -> Dynamic {
        let configuration = &service.entry.configuration;
        let flags = configuration
            .scheduler_flags
            .names(&configuration.scheduler);
        let flags = flags.into_iter().map(Dynamic::from).collect();
        Dynamic::from_array(flags).into_read_only()
    }

    /// Returns whether every packet is scheduled alone.
    #[rhai_fn(get = "one_packet", pure)]
    pub fn one_packet(service: &mut Service) -> bool {
        service.entry.configuration.one_packet
    }

    /// Returns `()` or a map with `timeout_seconds`, `netmask` or `prefix_length`, and `engine`.
    #[rhai_fn(get = "persistence", pure)]
    pub fn persistence(service: &mut Service) -> Dynamic {
        let persistence = service.entry.configuration.persistence.as_ref();
        let shape = persistence.map(|one| json::value(&persistence_shape(one)));
        optional(shape.map(|shape| dynamic_of(&shape))).into_read_only()
    }

    /// Returns the real servers.
    #[rhai_fn(get = "destinations", pure)]
    pub fn destinations(service: &mut Service) -> Dynamic {
        Dynamic::from(service.destinations()).into_read_only()
    }

    /// Returns totals since the last zeroing.
    #[rhai_fn(get = "counters", pure)]
    pub fn counters(service: &mut Service) -> Dynamic {
        super::counters(&service.entry.observed)
    }

    /// Returns rates as the kernel's estimator smooths them.
    #[rhai_fn(get = "rates", pure)]
    pub fn rates(service: &mut Service) -> Dynamic {
        super::rates(&service.entry.observed)
    }

    /// Returns the sum of the weights of the real servers.
    #[rhai_fn(get = "weight_sum", pure)]
    pub fn weight_sum(service: &mut Service) -> i64 {
        i64::try_from(service.entry.weight_sum()).unwrap_or(i64::MAX)
    }

    /// Returns how many real servers have no weight.
    #[rhai_fn(get = "quiescent", pure)]
    pub fn quiescent(service: &mut Service) -> i64 {
        i64::try_from(service.entry.quiescent().count()).unwrap_or(i64::MAX)
    }

    /// Returns the active connections of all real servers.
    #[rhai_fn(get = "active_connections", pure)]
    pub fn active_connections(service: &mut Service) -> i64 {
        service.connections(|connections| connections.active)
    }

    /// Short for `active_connections`, as in lists.
    #[rhai_fn(get = "active", pure)]
    pub fn active(service: &mut Service) -> i64 {
        active_connections(service)
    }

    /// Returns the inactive connections of all real servers.
    #[rhai_fn(get = "inactive_connections", pure)]
    pub fn inactive_connections(service: &mut Service) -> i64 {
        service.connections(|connections| connections.inactive)
    }

    /// Short for `inactive_connections`, as in lists.
    #[rhai_fn(get = "inactive", pure)]
    pub fn inactive(service: &mut Service) -> i64 {
        inactive_connections(service)
    }

    /// Returns the persistence templates of all real servers.
    #[rhai_fn(get = "persistent_connections", pure)]
    pub fn persistent_connections(service: &mut Service) -> i64 {
        service.connections(|connections| connections.persistent)
    }

    /// Short for `persistent_connections`, as in lists.
    #[rhai_fn(get = "persistent", pure)]
    pub fn persistent(service: &mut Service) -> i64 {
        persistent_connections(service)
    }

    /// Returns the key.
    #[rhai_fn(name = "to_string", name = "to_debug", pure)]
    pub fn to_string(service: &mut Service) -> String {
        service.key.to_string()
    }

    /// Returns whether two snapshots are of the same service.
    #[rhai_fn(name = "==", pure)]
    pub fn equal(a: &mut Service, b: Service) -> bool {
        a.key == b.key
    }
}
