//! What lines of `ipvsadm` are here.
//!
//! What twenty years have put into the fingers is not lost: a lone line such as `ipvsadm -A -t 192.0.2.1:80 -s wrr`
//! or `-Ln` is read as the drop-in reads it, and answered with the line of this prompt that does the same. It is not the drop-in:
//! nothing but a listing is run.

use crate::backend::Operation;
use crate::ipvsadm::syntax::{
    Field, Line, LineError, Manner, Meaning, Names, Program, Reading, Typed, read,
};
use crate::model::{
    Checksum, DestinationConfiguration, ForwardingMethod, Granularity, Persistence, Scheduler,
    ServerNumber, ServiceConfiguration, ServiceKey, SyncDaemon, Timeouts, Tunnel,
};

/// What a line of `ipvsadm` is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Counterpart {
    /// What lists the same, and can be run at once: code, or a command with a colon.
    Listing(String),
    /// Code that makes the same change: shown, not run.
    Change(String),
    /// There is none, for this reason.
    None(String),
}

/// How much of a configuration is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// What is not the default: for what is added.
    Given,
    /// Every field, as an edit of `ipvsadm` sets every field.
    All,
}

/// Returns the counterpart of a line.
pub(super) fn counterpart(typed: &Typed) -> Counterpart {
    match typed.program {
        Program::Save => return Counterpart::Listing(SAVE.to_owned()),
        Program::Restore => return restore(),
        Program::Ipvsadm => {}
    }
    let words: Vec<&[u8]> = typed.words.iter().map(Vec::as_slice).collect();
    if words.is_empty() {
        return Counterpart::Listing(":list".to_owned());
    }
    let names = Names::default();
    let reading = Reading {
        names: &names,
        manner: Manner {
            posix: false,
            ours: true,
        },
        signed_marks: false,
    };
    match read(&words, &reading) {
        Ok(Line {
            lost_port: Some(text),
            ..
        }) => Counterpart::None(format!("ipvsadm: {text}")),
        Ok(line) => of_line(&line),
        Err(LineError::NoCommand) => {
            Counterpart::None("ipvsadm: there is no command in this line".to_owned())
        }
        Err(LineError::Misfit(text) | LineError::Usage(text)) => {
            let text = String::from_utf8_lossy(&text);
            Counterpart::None(format!("ipvsadm: {}", text.trim_end()))
        }
    }
}

/// What shows all of the table in a form that can be read back.
const SAVE: &str = "print(to_json(table::get()))";

fn restore() -> Counterpart {
    Counterpart::None(
        "a saved table is a document here: `table::apply(read_json(\"table.json\"))`; lines of ipvsadm are read by `ipvsh ipvsadm-restore < FILE`, outside of this prompt"
            .to_owned(),
    )
}

fn of_line(line: &Line) -> Counterpart {
    let has = |field| line.present.has(field);
    match &line.meaning {
        Meaning::Change(operation) => match code(operation) {
            Ok(code) => Counterpart::Change(code),
            Err(reason) => Counterpart::None(reason.to_owned()),
        },
        Meaning::List(key) => {
            let command = if has(Field::Stats) {
                ":stats"
            } else if has(Field::Rate) {
                ":rates"
            } else if has(Field::Thresholds) || has(Field::PersistentConn) {
                ":thresholds"
            } else {
                ":list"
            };
            Counterpart::Listing(match key {
                Some(key) => format!("{command} {key}"),
                None => command.to_owned(),
            })
        }
        Meaning::ListConnections => Counterpart::Listing(":connections".to_owned()),
        Meaning::ListTimeouts => Counterpart::Listing("timeouts::get()".to_owned()),
        Meaning::ListDaemons => Counterpart::Listing("daemon::list()".to_owned()),
        Meaning::Save => Counterpart::Listing(SAVE.to_owned()),
        Meaning::Restore => restore(),
        Meaning::Help => Counterpart::Listing(":help".to_owned()),
        Meaning::Version => Counterpart::None(crate::ipvsadm::text::VERSION_LINE.to_owned()),
    }
}

/// Returns a text as the language writes it.
fn literal(text: &str) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            c if c.is_control() => written.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// Returns what is behind the other arguments: nothing, or a map.
fn map(fields: &[String]) -> String {
    if fields.is_empty() {
        String::new()
    } else {
        format!(", #{{ {} }}", fields.join(", "))
    }
}

/// Returns the code that makes a change, or why there is none.
fn code(operation: &Operation) -> Result<String, &'static str> {
    let text = |value: &dyn std::fmt::Display| literal(&value.to_string());
    Ok(match operation {
        Operation::AddService { key, configuration } => {
            let fields = service_fields(key, configuration, Named::Given)?;
            format!("service::add({}{})", text(key), map(&fields))
        }
        Operation::EditService { key, after, .. } => {
            let fields = service_fields(key, after, Named::All)?;
            format!("service::edit({}{})", text(key), map(&fields))
        }
        Operation::DeleteService { key } => format!("service::delete({})", text(key)),
        Operation::AddDestination {
            service,
            key,
            configuration,
        } => {
            let fields = destination_fields(configuration, Named::Given);
            let names = format!("{}, {}", text(service), text(key));
            format!("destination::add({names}{})", map(&fields))
        }
        Operation::EditDestination {
            service,
            key,
            configuration,
        } => {
            let fields = destination_fields(configuration, Named::All);
            let names = format!("{}, {}", text(service), text(key));
            format!("destination::edit({names}{})", map(&fields))
        }
        Operation::DeleteDestination { service, key } => {
            format!("destination::delete({}, {})", text(service), text(key))
        }
        Operation::Flush => "table::clear()".to_owned(),
        Operation::Zero(None) => "stats::zero()".to_owned(),
        Operation::Zero(Some(key)) => format!("stats::zero({})", text(key)),
        Operation::SetTimeouts(timeouts) => timeouts_code(timeouts)?,
        Operation::StartDaemon(daemon) => format!(
            "daemon::start({}{})",
            literal(daemon.role.word()),
            map(&daemon_fields(daemon))
        ),
        Operation::StopDaemon(role) => format!("daemon::stop({})", literal(role.word())),
        Operation::SetSysctl { name, value } => {
            format!("sysctl::set({}, {})", text(name), literal(value))
        }
    })
}

/// A timeout of zero stays as it is.
fn timeouts_code(timeouts: &Timeouts) -> Result<String, &'static str> {
    let all = [
        ("tcp", timeouts.tcp_seconds),
        ("tcp_fin", timeouts.tcp_fin_seconds),
        ("udp", timeouts.udp_seconds),
    ];
    let set: Vec<String> = all
        .iter()
        .filter(|(_, seconds)| *seconds != 0)
        .map(|(name, seconds)| format!("{name}: \"{seconds}s\""))
        .collect();
    if set.is_empty() {
        return Err("a timeout of 0 stays as it is, so this changes nothing");
    }
    Ok(format!("timeouts::set(#{{ {} }})", set.join(", ")))
}

fn service_fields(
    key: &ServiceKey,
    configuration: &ServiceConfiguration,
    named: Named,
) -> Result<Vec<String>, &'static str> {
    if configuration.dormant.is_some() {
        return Err(
            "a mask or an engine without -p is kept by the kernel and does nothing; here it belongs to a persistence: add -p",
        );
    }
    let all = named == Named::All;
    let mut fields = Vec::new();
    let scheduler = &configuration.scheduler;
    if scheduler.as_str() == "none" {
        return Err(
            "a service without a scheduler refuses every connection: here that is said by real servers of weight 0",
        );
    }
    if all || *scheduler != Scheduler::default() {
        fields.push(format!("scheduler: {}", literal(scheduler.as_str())));
    }
    let flags = configuration.scheduler_flags.names(scheduler);
    if all || !flags.is_empty() {
        let flags: Vec<String> = flags.iter().map(|flag| literal(flag)).collect();
        fields.push(format!("scheduler_flags: [{}]", flags.join(", ")));
    }
    if all || configuration.one_packet {
        fields.push(format!("one_packet: {}", configuration.one_packet));
    }
    match &configuration.persistence {
        Some(persistence) => fields.push(format!(
            "persistence: {}",
            persistence_text(key, persistence, named)
        )),
        None if all => fields.push("persistence: false".to_owned()),
        None => {}
    }
    Ok(fields)
}

fn persistence_text(key: &ServiceKey, persistence: &Persistence, named: Named) -> String {
    let timeout = format!("\"{}s\"", persistence.timeout_seconds);
    let is_full = persistence.granularity == Granularity::full(key.family());
    if named == Named::Given && is_full && persistence.engine.is_none() {
        return timeout;
    }
    let mut fields = vec![format!("timeout: {timeout}")];
    if named == Named::All || !is_full {
        fields.push(match persistence.granularity {
            Granularity::Netmask(mask) => format!("netmask: \"{mask}\""),
            Granularity::PrefixLength(bits) => format!("prefix_length: {bits}"),
        });
    }
    match &persistence.engine {
        Some(engine) => fields.push(format!("engine: {}", literal(engine.as_str()))),
        None if named == Named::All => fields.push("engine: false".to_owned()),
        None => {}
    }
    format!("#{{ {} }}", fields.join(", "))
}

fn destination_fields(configuration: &DestinationConfiguration, named: Named) -> Vec<String> {
    let all = named == Named::All;
    let usual = DestinationConfiguration::default();
    let mut fields = Vec::new();
    if all || configuration.forwarding != usual.forwarding {
        fields.push(format!(
            "forwarding: {}",
            literal(&configuration.forwarding.to_string())
        ));
    }
    if all && configuration.forwarding == ForwardingMethod::Tunneling
        || configuration.tunnel != usual.tunnel
    {
        fields.push(format!("tunnel: {}", tunnel_text(configuration.tunnel)));
    }
    for number in ServerNumber::ALL {
        if all || number.is_set(configuration) {
            fields.push(format!("{}: {}", number.name, number.of(configuration)));
        }
    }
    fields
}

fn tunnel_text(tunnel: Tunnel) -> String {
    let with = |kind: &str, port: Option<u16>, checksum: Checksum| {
        let mut fields = vec![format!("type: \"{kind}\"")];
        fields.extend(port.map(|port| format!("port: {port}")));
        fields.push(format!("checksum: {}", literal(checksum.word())));
        format!("#{{ {} }}", fields.join(", "))
    };
    match tunnel {
        Tunnel::Gue { port, checksum } => with("gue", Some(port.get()), checksum),
        Tunnel::Gre { checksum } => with("gre", None, checksum),
        Tunnel::Ipip | Tunnel::Other { .. } => "#{ type: \"ipip\" }".to_owned(),
    }
}

fn daemon_fields(daemon: &SyncDaemon) -> Vec<String> {
    let mut fields = vec![format!("interface: {}", literal(&daemon.interface))];
    if daemon.sync_id != 0 {
        fields.push(format!("sync_id: {}", daemon.sync_id));
    }
    fields.extend(
        daemon
            .sync_maxlen
            .map(|length| format!("sync_maxlen: {length}")),
    );
    if daemon.group != SyncDaemon::DEFAULT_GROUP {
        fields.push(format!("group: \"{}\"", daemon.group));
    }
    if daemon.port != SyncDaemon::DEFAULT_PORT {
        fields.push(format!("port: {}", daemon.port));
    }
    if daemon.ttl != SyncDaemon::DEFAULT_TTL {
        fields.push(format!("ttl: {}", daemon.ttl));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{Counterpart, ServerNumber, counterpart};
    use crate::ipvsadm::syntax::typed;

    #[test]
    fn each_line_is_shown_in_the_words_of_the_language() {
        let change = |text: &str| Counterpart::Change(text.to_owned());
        let listing = |text: &str| Counterpart::Listing(text.to_owned());
        for (line, expected) in [
            ("-Ln", listing(":list")),
            ("ipvsadm", listing(":list")),
            (
                "ipvsadm -L -n -t 192.0.2.1:80",
                listing(":list tcp://192.0.2.1:80"),
            ),
            ("-Lnc", listing(":connections")),
            ("-L --stats -n", listing(":stats")),
            ("-ln --rate -f 7", listing(":rates fwmark://7")),
            ("-L --timeout", listing("timeouts::get()")),
            ("-L --daemon", listing("daemon::list()")),
            ("-L --thresholds", listing(":thresholds")),
            ("ipvsadm-save -n", listing("print(to_json(table::get()))")),
            (
                "sudo ipvsadm -A -t 192.0.2.1:http -s wrr -p 300",
                change(
                    "service::add(\"tcp://192.0.2.1:80\", #{ scheduler: \"wrr\", persistence: \"300s\" })",
                ),
            ),
            (
                "-A -t 192.0.2.1:80 -p -M 255.255.0.0",
                change(
                    "service::add(\"tcp://192.0.2.1:80\", #{ persistence: #{ timeout: \"360s\", netmask: \"255.255.0.0\" } })",
                ),
            ),
            (
                "-E -t 192.0.2.1:80",
                change(
                    "service::edit(\"tcp://192.0.2.1:80\", #{ scheduler: \"wlc\", scheduler_flags: [], one_packet: false, persistence: false })",
                ),
            ),
            (
                "-a -u [2001:db8::1]:53 -r [fd00::2]:53 -m -w 3",
                change(
                    "destination::add(\"udp://[2001:db8::1]:53\", \"[fd00::2]:53\", #{ forwarding: \"masquerading\", weight: 3 })",
                ),
            ),
            (
                "-a -t 192.0.2.1:80 -r 10.0.0.2 -i --tun-type gue --tun-port 6080",
                change(
                    "destination::add(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ forwarding: \"tunneling\", tunnel: #{ type: \"gue\", port: 6080, checksum: \"none\" } })",
                ),
            ),
            (
                "-d -t 192.0.2.1:80 -r 10.0.0.2",
                change("destination::delete(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\")"),
            ),
            ("-C", change("table::clear()")),
            ("-Z", change("stats::zero()")),
            (
                "--set 900 0 300",
                change("timeouts::set(#{ tcp: \"900s\", udp: \"300s\" })"),
            ),
            (
                "--start-daemon backup --mcast-interface eth1 --syncid 7",
                change("daemon::start(\"backup\", #{ interface: \"eth1\", sync_id: 7 })"),
            ),
            ("--stop-daemon master", change("daemon::stop(\"master\")")),
        ] {
            assert_eq!(counterpart(&typed(line).unwrap()), expected, "{line}");
        }
        // An edit of the original sets every number.
        let numbers = ServerNumber::ALL.map(|number| format!("{}: {}", number.name, 0));
        let expected = change(&format!(
            "destination::edit(\"fwmark://7\", \"10.0.0.2:80\", #{{ forwarding: \"direct_routing\", {} }})",
            numbers.join(", ")
        ));
        let line = typed("-e -f 7 -r 10.0.0.2:80 -w 0").unwrap();
        assert_eq!(counterpart(&line), expected);
        for (line, said) in [
            (
                "-C -t 192.0.2.1:80",
                "Illegal 'service-address' option with the 'flush' command",
            ),
            (
                "-A -t x -X",
                "illegal virtual server address[:port] specified",
            ),
            ("-A -t 192.0.2.1:80 --pe sip", "add -p"),
            ("-R", "ipvsadm-restore"),
            ("--set 0 0 0", "changes nothing"),
        ] {
            let found = counterpart(&typed(line).unwrap());
            assert!(
                matches!(&found, Counterpart::None(text) if text.contains(said)),
                "{line}: {found:?}"
            );
        }
    }
}
