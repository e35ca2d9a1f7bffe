//! A table document that is as short as can be: of what a plan touches alone, and without what is as new objects have
//! it. Reading it gives the same table, as what is left out is the default of a new object.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::VERSION;
use super::document::{
    DaemonShape, PersistenceShape, TunnelShape, daemon_shape, persistence_shape, timeouts_shape,
    tunnel_shape,
};
use crate::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, ServiceConfiguration, ServiceEntry,
    ServiceKey, Table, Tunnel,
};
use crate::txn::{ServiceTouch, Touch};

/// One end of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brief<'a> {
    pub(super) table: &'a Table,
    pub(super) touch: &'a Touch,
}

impl Serialize for Brief<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("services", &Services(*self))?;
        if let Some(timeouts) = &self.table.timeouts
            && self.touch.has_timeouts()
        {
            map.serialize_entry("timeouts", &timeouts_shape(timeouts))?;
        }
        if let Some(daemons) = &self.table.daemons
            && !self.touch.daemons().is_empty()
        {
            let touched = daemons
                .values()
                .filter(|daemon| self.touch.daemons().contains(&daemon.role));
            let shapes: Vec<DaemonShape<'_>> = touched.map(daemon_shape).collect();
            map.serialize_entry("daemons", &shapes)?;
        }
        if !self.touch.sysctl().is_empty() {
            let names = self.touch.sysctl().iter();
            let values: BTreeMap<&str, &str> = names
                .filter_map(|name| Some((name.as_str(), self.table.sysctl.get(name)?.as_str())))
                .collect();
            map.serialize_entry("sysctl", &values)?;
        }
        map.end()
    }
}

struct Services<'a>(Brief<'a>);

impl Serialize for Services<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Brief { table, touch } = self.0;
        let mut list = serializer.serialize_seq(None)?;
        for (key, entry) in &table.services {
            if let Some(touch) = touch.service(key) {
                list.serialize_element(&service_shape(key, entry, touch))?;
            }
        }
        list.end()
    }
}

/// A key, as its text.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct ServiceShape<'a> {
    id: Text<&'a ServiceKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scheduler_flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    one_packet: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_flags: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistence: Option<PersistenceShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dormant_persistence: Option<PersistenceShape<'a>>,
    destinations: Servers<'a>,
}

fn service_shape<'a>(
    key: &'a ServiceKey,
    entry: &'a ServiceEntry,
    touch: ServiceTouch<'a>,
) -> ServiceShape<'a> {
    let configuration = &entry.configuration;
    let fresh = ServiceConfiguration::default();
    ServiceShape {
        id: Text(key),
        scheduler: (configuration.scheduler != fresh.scheduler)
            .then(|| configuration.scheduler.as_str()),
        scheduler_flags: configuration
            .scheduler_flags
            .names(&configuration.scheduler),
        one_packet: configuration.one_packet.then_some(true),
        other_flags: Some(configuration.other_flags).filter(|flags| *flags != 0),
        persistence: configuration.persistence.as_ref().map(persistence_shape),
        dormant_persistence: configuration.dormant.as_ref().map(persistence_shape),
        destinations: Servers(&entry.destinations, touch),
    }
}

struct Servers<'a>(
    &'a BTreeMap<DestinationKey, DestinationEntry>,
    ServiceTouch<'a>,
);

impl Serialize for Servers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for (key, entry) in self.0 {
            if self.1.has_server(key) {
                list.serialize_element(&server_shape(key, &entry.configuration))?;
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
struct ServerShape<'a> {
    id: Text<&'a DestinationKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarding: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<TunnelShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_threshold: Option<u32>,
}

fn server_shape<'a>(
    key: &'a DestinationKey,
    configuration: &DestinationConfiguration,
) -> ServerShape<'a> {
    let fresh = DestinationConfiguration::default();
    let other = |value: u32, default: u32| Some(value).filter(|value| *value != default);
    ServerShape {
        id: Text(key),
        forwarding: (configuration.forwarding != fresh.forwarding)
            .then(|| configuration.forwarding.name()),
        tunnel: (configuration.tunnel != Tunnel::Ipip).then(|| tunnel_shape(configuration.tunnel)),
        weight: other(configuration.weight.get(), fresh.weight.get()),
        upper_threshold: other(configuration.thresholds.upper, 0),
        lower_threshold: other(configuration.thresholds.lower, 0),
    }
}
