//! Changes as commands of the original `ipvsadm`, as far as it can express them.

use std::net::IpAddr;

use super::shell_word;
use crate::model::{
    AddressFamily, Checksum, DestinationConfiguration, DestinationKey, ForwardingMethod,
    Granularity, ListedService, Persistence, Protocol, ServiceConfiguration, ServiceKey,
    SyncDaemon, Table, Timeouts, Tunnel,
};
use crate::txn::{Action, Change, Plan};

/// A command, or why there is none.
type Command = Result<String, &'static str>;

/// What a command is written for: how names stand in it.
#[derive(Clone, Copy)]
enum Reader {
    /// A shell, which takes quotes away.
    Shell,
    /// `ipvsadm -R`, which knows none.
    Restore,
}

impl Reader {
    fn word(self, text: &str) -> Command {
        match self {
            Self::Shell => Ok(shell_word(text)),
            Self::Restore
                if text.is_empty() || text == "ipvsadm" || text.contains(char::is_whitespace) =>
            {
                Err("no line can hold a name with blanks, or none")
            }
            Self::Restore => Ok(text.to_owned()),
        }
    }
}

fn service_option(key: &ServiceKey) -> Command {
    let endpoint = |address: &IpAddr, port: u16| match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    };
    match key {
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => match protocol {
            Protocol::Tcp => Ok(format!("-t {}", endpoint(address, *port))),
            Protocol::Udp => Ok(format!("-u {}", endpoint(address, *port))),
            Protocol::Sctp => Ok(format!("--sctp-service {}", endpoint(address, *port))),
            Protocol::Other(_) => Err("ipvsadm knows tcp, udp and sctp"),
        },
        ServiceKey::Fwmark {
            family: AddressFamily::Inet,
            mark,
        } => Ok(format!("-f {}", mark.get())),
        ServiceKey::Fwmark {
            family: AddressFamily::Inet6,
            mark,
        } => Ok(format!("-f {} -6", mark.get())),
    }
}

fn service_command(
    reader: Reader,
    verb: &str,
    key: &ServiceKey,
    configuration: &ServiceConfiguration,
) -> Command {
    let mut command = format!(
        "ipvsadm {verb} {} -s {}",
        service_option(key)?,
        reader.word(configuration.scheduler.as_str())?
    );
    if configuration.other_flags != 0 {
        return Err("ipvsadm can't set flag bits without a name");
    }
    if let Some(persistence) = &configuration.persistence {
        persistence_options(reader, key, persistence, &mut command)?;
    } else if let Some(dormant) = &configuration.dormant {
        if dormant.timeout_seconds != 0 {
            return Err("ipvsadm can't set a timeout without persistence");
        }
        kept_options(reader, key, dormant, &mut command)?;
    }
    if let ServiceKey::Endpoint { protocol, port, .. } = key {
        if *port == 0 && configuration.persistence.is_none() {
            return Err("ipvsadm takes port 0 only with persistence");
        }
        if configuration.one_packet && *protocol != Protocol::Udp {
            return Err("ipvsadm takes one-packet scheduling only for udp");
        }
    }
    if configuration.one_packet {
        command.push_str(" -o");
    }
    let flags = configuration
        .scheduler_flags
        .names(&configuration.scheduler);
    if !flags.is_empty() {
        command.push_str(&format!(" -b {}", flags.join(",")));
    }
    Ok(command)
}

fn persistence_options(
    reader: Reader,
    key: &ServiceKey,
    persistence: &Persistence,
    command: &mut String,
) -> Result<(), &'static str> {
    if !(1..=Persistence::MAX_TIMEOUT_SECONDS).contains(&persistence.timeout_seconds) {
        return Err("ipvsadm takes persistence timeouts of 1 to 2678400 seconds");
    }
    command.push_str(&format!(" -p {}", persistence.timeout_seconds));
    kept_options(reader, key, persistence, command)
}

/// What a service keeps with persistence and without.
fn kept_options(
    reader: Reader,
    key: &ServiceKey,
    kept: &Persistence,
    command: &mut String,
) -> Result<(), &'static str> {
    if kept.granularity != Granularity::full(key.family()) {
        match kept.granularity {
            Granularity::Netmask(mask) => command.push_str(&format!(" -M {mask}")),
            Granularity::PrefixLength(bits) => command.push_str(&format!(" -M {bits}")),
        }
    }
    if let Some(engine) = &kept.engine {
        command.push_str(&format!(" --pe {}", reader.word(engine.as_str())?));
    }
    Ok(())
}

fn server_command(
    verb: &str,
    service: &ServiceKey,
    key: &DestinationKey,
    configuration: &DestinationConfiguration,
) -> Command {
    let method = match configuration.forwarding {
        ForwardingMethod::Masquerading => "-m",
        ForwardingMethod::DirectRouting => "-g",
        ForwardingMethod::Tunneling => "-i",
        ForwardingMethod::Local | ForwardingMethod::Bypass | ForwardingMethod::Other(_) => {
            return Err("ipvsadm knows masquerading, direct routing and tunneling");
        }
    };
    let replaces_port = configuration.forwarding != ForwardingMethod::Masquerading;
    if replaces_port && service.port().is_some_and(|port| port != key.port) {
        return Err("ipvsadm would replace the port by the service's");
    }
    let mut command = format!(
        "ipvsadm {verb} {} -r {key} {method} -w {}",
        service_option(service)?,
        configuration.weight
    );
    match (configuration.forwarding, configuration.tunnel) {
        (_, Tunnel::Ipip) => {}
        (ForwardingMethod::Tunneling, Tunnel::Gue { port, checksum }) => {
            command.push_str(&format!(
                " --tun-type gue --tun-port {port} {}",
                checksum_option(checksum)
            ));
        }
        (ForwardingMethod::Tunneling, Tunnel::Gre { checksum }) => {
            command.push_str(&format!(" --tun-type gre {}", checksum_option(checksum)));
        }
        _ => return Err("ipvsadm can't set this tunnel"),
    }
    let thresholds = configuration.thresholds;
    if thresholds.upper > i32::MAX.unsigned_abs() {
        return Err("ipvsadm takes thresholds up to 2147483647");
    }
    if thresholds.upper != 0 {
        command.push_str(&format!(" -x {}", thresholds.upper));
    }
    if thresholds.lower != 0 {
        command.push_str(&format!(" -y {}", thresholds.lower));
    }
    Ok(command)
}

const fn checksum_option(checksum: Checksum) -> &'static str {
    match checksum {
        Checksum::None => "--tun-nocsum",
        Checksum::Csum => "--tun-csum",
        Checksum::Remcsum => "--tun-remcsum",
    }
}

fn daemon_command(reader: Reader, daemon: &SyncDaemon) -> Command {
    let mut command = format!(
        "ipvsadm --start-daemon {} --mcast-interface {} --syncid {} --mcast-group {} --mcast-port {} --mcast-ttl {}",
        daemon.role.word(),
        reader.word(&daemon.interface)?,
        daemon.sync_id,
        daemon.group,
        daemon.port,
        daemon.ttl
    );
    if let Some(bytes) = daemon.sync_maxlen {
        command.push_str(&format!(" --sync-maxlen {bytes}"));
    }
    Ok(command)
}

fn timeouts_command(timeouts: &Timeouts) -> Command {
    let seconds = [
        timeouts.tcp_seconds,
        timeouts.tcp_fin_seconds,
        timeouts.udp_seconds,
    ];
    if seconds
        .iter()
        .any(|seconds| *seconds > Persistence::MAX_TIMEOUT_SECONDS)
    {
        return Err("ipvsadm takes timeouts of up to 2678400 seconds");
    }
    let [tcp, tcp_fin, udp] = seconds;
    Ok(format!("ipvsadm --set {tcp} {tcp_fin} {udp}"))
}

fn commands(change: &Change) -> Command {
    match change {
        Change::AddService { key, after } => service_command(Reader::Shell, "-A", key, after),
        Change::EditService { key, after, .. } => service_command(Reader::Shell, "-E", key, after),
        Change::DeleteService { key, .. } => Ok(format!("ipvsadm -D {}", service_option(key)?)),
        Change::AddDestination {
            service,
            key,
            after,
        } => server_command("-a", service, key, after),
        Change::EditDestination {
            service,
            key,
            after,
            ..
        } => server_command("-e", service, key, after),
        Change::DeleteDestination { service, key, .. } => {
            Ok(format!("ipvsadm -d {} -r {key}", service_option(service)?))
        }
        Change::SetTimeouts { after, .. } => timeouts_command(after),
        Change::StartDaemon { after } => daemon_command(Reader::Shell, after),
        Change::StopDaemon { before } => {
            Ok(format!("ipvsadm --stop-daemon {}", before.role.word()))
        }
        // A kernel parameter is no matter of ipvsadm; sysctl(8) has it in the same shell.
        Change::SetSysctl { name, after, .. } => Ok(format!(
            "sysctl -w {}",
            shell_word(&format!("net.ipv4.vs.{name}={after}"))
        )),
    }
}

/// Returns a change as a line for a shell: a command, or a comment that says why there is none.
#[must_use]
pub fn change_commands(change: &Change) -> String {
    commands(change).unwrap_or_else(|reason| format!("# no ipvsadm command can {change}: {reason}"))
}

/// Returns a table as commands that make it, services in the order in which they stand, or what no command of
/// `ipvsadm` can make and why.
#[must_use]
pub fn table_commands(services: &[ListedService], settings: &Table) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut lost) = (Vec::new(), Vec::new());
    let mut add = |command: Command, object: &dyn Fn() -> String| match command {
        Ok(line) => lines.push(line.trim_start_matches("ipvsadm ").to_owned()),
        Err(reason) => lost.push(format!("{}: {reason}", object())),
    };
    for service in services {
        let key = &service.key;
        add(
            service_command(Reader::Restore, "-A", key, &service.configuration),
            &|| key.to_string(),
        );
        for (server, entry) in &service.destinations {
            add(
                server_command("-a", key, server, &entry.configuration),
                &|| format!("{key}/{server}"),
            );
        }
    }
    if let Some(timeouts) = &settings.timeouts {
        add(timeouts_command(timeouts), &|| "the timeouts".to_owned());
    }
    for daemon in settings
        .daemons
        .iter()
        .flat_map(std::collections::BTreeMap::values)
    {
        add(daemon_command(Reader::Restore, daemon), &|| {
            format!("the {} sync daemon", daemon.role.word())
        });
    }
    (lines, lost)
}

/// Returns what differs between the tables before and after a plan, as save lines: `-` is gone, `+` is new; behind `!` stands
/// what is done beside that.
#[must_use]
pub fn plan_difference(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |sign: char, command: Command, change: &Change| match command {
        Ok(line) => lines.push(format!("{sign} {}", line.trim_start_matches("ipvsadm "))),
        Err(reason) => lines.push(format!("{sign} # {change}: {reason}")),
    };
    for change in plan.changes() {
        match change {
            Change::AddService { key, after } => {
                add(
                    '+',
                    service_command(Reader::Restore, "-A", key, after),
                    change,
                );
            }
            Change::EditService { key, before, after } => {
                add(
                    '-',
                    service_command(Reader::Restore, "-A", key, before),
                    change,
                );
                add(
                    '+',
                    service_command(Reader::Restore, "-A", key, after),
                    change,
                );
            }
            Change::DeleteService {
                key,
                before,
                destinations,
            } => {
                add(
                    '-',
                    service_command(Reader::Restore, "-A", key, before),
                    change,
                );
                for (server, before) in destinations {
                    add('-', server_command("-a", key, server, before), change);
                }
            }
            Change::AddDestination {
                service,
                key,
                after,
            } => add('+', server_command("-a", service, key, after), change),
            Change::EditDestination {
                service,
                key,
                before,
                after,
            } => {
                add('-', server_command("-a", service, key, before), change);
                add('+', server_command("-a", service, key, after), change);
            }
            Change::DeleteDestination {
                service,
                key,
                before,
            } => add('-', server_command("-a", service, key, before), change),
            Change::SetTimeouts { before, after } => {
                add('-', timeouts_command(before), change);
                add('+', timeouts_command(after), change);
            }
            Change::StartDaemon { after } => {
                add('+', daemon_command(Reader::Restore, after), change)
            }
            Change::StopDaemon { before } => {
                add('-', daemon_command(Reader::Restore, before), change)
            }
            Change::SetSysctl { .. } => {}
        }
    }
    let actions = plan.actions().iter();
    lines.extend(actions.map(|action| format!("! # {action}")));
    lines
}

/// Returns a plan as lines for a shell.
#[must_use]
pub fn plan_commands(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan.changes().iter().map(change_commands).collect();
    lines.extend(plan.actions().iter().map(|action| match action {
        Action::Zero(None) => "ipvsadm -Z".to_owned(),
        Action::Zero(Some(key)) => match service_option(key) {
            Ok(option) => format!("ipvsadm -Z {option}"),
            Err(reason) => format!("# no ipvsadm command can {action}: {reason}"),
        },
    }));
    lines
}
