//! Changes as commands of this program.

use serde_json::json;

use crate::model::{
    DestinationConfiguration, ForwardingMethod, Granularity, ServiceConfiguration, ServiceKey,
    Tunnel,
};
use crate::txn::Change;

fn service_options(key: &ServiceKey, configuration: &ServiceConfiguration) -> String {
    let mut options = format!(" --scheduler {}", configuration.scheduler);
    let flags = configuration
        .scheduler_flags
        .names(&configuration.scheduler);
    options.push_str(&format!(
        " --scheduler-flags '{}' --one-packet {}",
        flags.join(","),
        configuration.one_packet
    ));
    match &configuration.persistence {
        None => options.push_str(" --persistence false"),
        Some(persistence) => {
            options.push_str(&format!(" --persistence {}s", persistence.timeout_seconds));
            if persistence.granularity != Granularity::full(key.family()) {
                match persistence.granularity {
                    Granularity::Netmask(mask) => options.push_str(&format!(" --netmask {mask}")),
                    Granularity::PrefixLength(bits) => {
                        options.push_str(&format!(" --prefix-length {bits}"))
                    }
                }
            }
            if let Some(engine) = &persistence.engine {
                options.push_str(&format!(" --engine {}", engine.as_str()));
            }
        }
    }
    options
}

fn server_options(configuration: &DestinationConfiguration) -> String {
    let mut options = format!(
        " --weight {} --forwarding {}",
        configuration.weight, configuration.forwarding
    );
    if configuration.forwarding == ForwardingMethod::Tunneling
        && configuration.tunnel != Tunnel::Ipip
    {
        options.push_str(&format!(" --tunnel {}", configuration.tunnel));
    }
    let thresholds = configuration.thresholds;
    options.push_str(&format!(
        " --upper-threshold {} --lower-threshold {}",
        thresholds.upper, thresholds.lower
    ));
    options
}

fn apply(field: &str, value: &serde_json::Value) -> String {
    let document = json!({"version": 1, field: value});
    format!("echo '{document}' | ipvsh apply -")
}

/// Returns a change as a command line of this program that makes it.
#[must_use]
pub fn change_line(change: &Change) -> String {
    match change {
        Change::AddService { key, after } => {
            format!("ipvsh add {key}{}", service_options(key, after))
        }
        Change::EditService { key, after, .. } => {
            format!("ipvsh edit {key}{}", service_options(key, after))
        }
        Change::DeleteService { key, .. } => format!("ipvsh delete {key}"),
        Change::AddDestination {
            service,
            key,
            after,
        } => format!("ipvsh add {service}/{key}{}", server_options(after)),
        Change::EditDestination {
            service,
            key,
            after,
            ..
        } => format!("ipvsh edit {service}/{key}{}", server_options(after)),
        Change::DeleteDestination { service, key, .. } => format!("ipvsh delete {service}/{key}"),
        Change::SetTimeouts { after, .. } => apply(
            "timeouts",
            &json!({"tcp_seconds": after.tcp_seconds, "tcp_fin_seconds": after.tcp_fin_seconds, "udp_seconds": after.udp_seconds}),
        ),
        // A document names every daemon that shall run; a single one is started and stopped by ipvsadm's words.
        Change::StartDaemon { .. } | Change::StopDaemon { .. } => super::change_commands(change),
        Change::SetSysctl { name, after, .. } => apply("sysctl", &json!({name.as_str(): after})),
    }
}
