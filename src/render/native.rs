//! Changes as commands of this program.

use crate::document::settings_line;
use crate::ipvsadm::text::shell_word;
use crate::model::{
    DestinationConfiguration, ForwardingMethod, Granularity, Persistence, ServerNumber,
    ServiceConfiguration, Tunnel,
};
use crate::txn::Change;

/// Options, or why there are none.
type Options = Result<String, &'static str>;

/// Names every field, so that an edit leaves nothing of what it replaces.
fn service_options(configuration: &ServiceConfiguration) -> Options {
    if configuration.other_flags != 0 {
        return Err("flag bits without a name can't be created");
    }
    if configuration.dormant.is_some() {
        return Err("what is kept of persistence without it can't be created");
    }
    let flags = configuration
        .scheduler_flags
        .names(&configuration.scheduler);
    let mut options = format!(
        " --scheduler {} --scheduler-flags {} --one-packet {}",
        shell_word(configuration.scheduler.as_str()),
        shell_word(&flags.join(",")),
        configuration.one_packet
    );
    let Some(persistence) = &configuration.persistence else {
        options.push_str(" --persistence false");
        return Ok(options);
    };
    if !(1..=Persistence::MAX_TIMEOUT_SECONDS).contains(&persistence.timeout_seconds) {
        return Err("a persistence of this length can't be created");
    }
    let engine = persistence
        .engine
        .as_ref()
        .map_or("", |engine| engine.as_str());
    options.push_str(&format!(" --persistence {}s", persistence.timeout_seconds));
    match persistence.granularity {
        Granularity::Netmask(mask) => options.push_str(&format!(" --netmask {mask}")),
        Granularity::PrefixLength(bits) => options.push_str(&format!(" --prefix-length {bits}")),
    }
    options.push_str(&format!(" --engine {}", shell_word(engine)));
    Ok(options)
}

fn server_options(configuration: &DestinationConfiguration) -> Options {
    if let (ForwardingMethod::Other(_), _) | (_, Tunnel::Other { .. }) =
        (configuration.forwarding, configuration.tunnel)
    {
        return Err("a method or tunnel without a name can't be created");
    }
    let mut options = format!(
        " --weight {} --forwarding {}",
        configuration.weight, configuration.forwarding
    );
    if configuration.forwarding == ForwardingMethod::Tunneling {
        options.push_str(&format!(" --tunnel {}", configuration.tunnel));
    } else if configuration.tunnel != Tunnel::Ipip {
        return Err("a tunnel without tunneling can't be created");
    }
    for number in ServerNumber::ALL.into_iter().skip(1) {
        let value = number.of(configuration);
        options.push_str(&format!(" --{} {value}", number.option));
    }
    Ok(options)
}

/// Returns a change as a command line that makes it, or a comment that says why there is none. `target` is the
/// option that names the table, such as `--netns blue`, or nothing.
#[must_use]
pub fn change_line(change: &Change, target: &str) -> String {
    let program = if target.is_empty() {
        "ipvsh".to_owned()
    } else {
        format!("ipvsh {target}")
    };
    let apply = |document: String| {
        Ok(format!(
            "echo {} | {program} apply -",
            shell_word(&document)
        ))
    };
    let command = |verb: &str, options: Options| {
        options.map(|options| format!("{program} {verb} {}{options}", change.object()))
    };
    let line = match change {
        Change::AddService { after, .. } => command("add", service_options(after)),
        Change::EditService { after, .. } => command("edit", service_options(after)),
        Change::AddDestination { after, .. } => command("add", server_options(after)),
        Change::EditDestination { after, .. } => command("edit", server_options(after)),
        Change::DeleteService { .. } | Change::DeleteDestination { .. } => {
            command("delete", Ok(String::new()))
        }
        Change::SetTimeouts { after, .. } => apply(settings_line(Some(after), None)),
        Change::SetSysctl { name, after, .. } => {
            apply(settings_line(None, Some((name.as_str(), after))))
        }
        // A document names every daemon that shall run; a single one is started and stopped by ipvsadm's words.
        Change::StartDaemon { .. } | Change::StopDaemon { .. } => {
            Ok(crate::ipvsadm::text::change_commands(change))
        }
    };
    line.unwrap_or_else(|reason| format!("# no command can {change}: {reason}"))
}
