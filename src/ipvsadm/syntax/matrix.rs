//! Which option goes with which command, and what is said if it does not.

use super::grammar::{Command, Field};
use super::line_error::{LineError, fail};

/// What a command asks of the options: bits by their number.
struct Rule {
    required: u64,
    allowed: u64,
    /// Of these, one at most.
    one_of: u64,
}

const fn bits(fields: &[Field]) -> u64 {
    let mut sum = 0;
    let mut index = 0;
    while index < fields.len() {
        sum |= 1 << fields[index] as u8;
        index += 1;
    }
    sum
}

const SERVICE: u64 = bits(&[Field::ServiceAddress]);
const SERVICE_FIELDS: u64 = bits(&[
    Field::Scheduler,
    Field::Persistent,
    Field::Netmask,
    Field::Ops,
    Field::Engine,
    Field::SchedFlags,
]);
const SERVER_FIELDS: u64 = bits(&[
    Field::ForwardingMethod,
    Field::Weight,
    Field::UpperThreshold,
    Field::LowerThreshold,
    Field::TunType,
    Field::TunPort,
    Field::TunNocsum,
    Field::TunCsum,
    Field::TunRemcsum,
]);
const LIST_FIELDS: u64 = bits(&[
    Field::Numeric,
    Field::Stats,
    Field::Rate,
    Field::Thresholds,
    Field::PersistentConn,
    Field::Nosort,
    Field::SyncId,
    Field::Exact,
    Field::TunInfo,
]);
const DAEMON_FIELDS: u64 = bits(&[
    Field::McastInterface,
    Field::SyncId,
    Field::McastGroup,
    Field::McastPort,
    Field::McastTtl,
    Field::SyncMaxlen,
]);
/// Ours, for what changes something.
const PREVIEW: u64 = bits(&[Field::Json, Field::DryRun, Field::Diff, Field::ExitCode]);

const fn rule(command: Command) -> Rule {
    let (required, allowed, one_of) = match command {
        Command::AddService | Command::EditService => (SERVICE, SERVICE_FIELDS | PREVIEW, 0),
        Command::DeleteService => (SERVICE, PREVIEW, 0),
        Command::AddServer | Command::EditServer => (
            SERVICE | bits(&[Field::RealServer]),
            SERVER_FIELDS | PREVIEW,
            0,
        ),
        Command::DeleteServer => (SERVICE | bits(&[Field::RealServer]), PREVIEW, 0),
        Command::Clear | Command::Set => (0, PREVIEW, 0),
        Command::Zero => (0, SERVICE | PREVIEW, 0),
        Command::StartDaemon => (0, DAEMON_FIELDS | PREVIEW, 0),
        Command::StopDaemon => (0, bits(&[Field::SyncId]) | PREVIEW, 0),
        Command::Restore => (0, bits(&[Field::Atomic]) | PREVIEW, 0),
        Command::Save => (0, bits(&[Field::Numeric, Field::Json, Field::Complete]), 0),
        Command::List => (
            0,
            LIST_FIELDS | bits(&[Field::Json]),
            SERVICE | bits(&[Field::Connection, Field::Timeout, Field::Daemon]),
        ),
        Command::Help | Command::Version => (0, 0, 0),
    };
    Rule {
        required,
        allowed,
        one_of,
    }
}

/// Checks the options that were given; the lowest number that does not fit is named.
pub(super) fn check(command: Command, present: u64) -> Result<(), LineError> {
    let rule = rule(command);
    let legal = rule.required | rule.allowed | rule.one_of;
    let fits = present & !legal == 0
        && rule.required & !present == 0
        && (present & rule.one_of).count_ones() <= 1;
    if fits {
        return check_previews(present);
    }
    let mut first_of_one: Option<Field> = None;
    for field in Field::ALL {
        let bit = 1 << field as u8;
        if present & bit == 0 {
            if rule.required & bit != 0 {
                return Err(fail(format!(
                    "You need to supply the '{}' option for the '{}' command",
                    field.name(),
                    command.name()
                )));
            }
        } else if legal & bit == 0 {
            return Err(fail(format!(
                "Illegal '{}' option with the '{}' command",
                field.name(),
                command.name()
            )));
        } else if rule.one_of & bit != 0 {
            if let Some(lower) = first_of_one {
                return Err(fail(format!(
                    "The option '{}' conflicts with the '{}' option in the '{}' command",
                    field.name(),
                    lower.name(),
                    command.name()
                )));
            }
            first_of_one = Some(field);
        }
    }
    Ok(())
}

/// Checks an option of ours: what changes something has the status that it always has.
fn check_previews(present: u64) -> Result<(), LineError> {
    let shows = bits(&[Field::DryRun, Field::Diff]);
    if present & bits(&[Field::ExitCode]) != 0 && present & shows == 0 {
        return Err(fail(
            "You need to supply the 'dry-run' or the 'diff' option for the 'exit-code' option",
        ));
    }
    Ok(())
}

/// Checks what the table can't say of listings.
pub(super) fn check_listing(present: u64) -> Result<(), LineError> {
    let any = |fields: &[Field]| present & bits(fields) != 0;
    let other = any(&[Field::Connection, Field::Timeout, Field::Daemon]);
    let layout = any(&[Field::Stats, Field::Rate, Field::Thresholds]);
    let settings = any(&[Field::Timeout, Field::Daemon]);
    if other && layout || settings && any(&[Field::PersistentConn]) {
        return Err(fail("options conflicts in the list command"));
    }
    Ok(())
}

/// Tunnel options by type: what each takes and needs.
pub(super) fn check_tunnel(kind: &str, present: u64) -> Result<(), LineError> {
    const CHECKSUMS: [Field; 3] = [Field::TunNocsum, Field::TunCsum, Field::TunRemcsum];
    let has = |field: Field| present & bits(&[field]) != 0;
    let illegal = |field: Field| {
        Err(fail(format!(
            "Illegal '{}' option with the '{kind}' tunnel type",
            field.name()
        )))
    };
    match (kind, has(Field::TunPort)) {
        ("gue", false) => {
            return Err(fail(
                "You need to supply the 'tun-port' option for the 'gue' tunnel type",
            ));
        }
        ("gue", true) | (_, false) => {}
        (_, true) => return illegal(Field::TunPort),
    }
    let mut earlier: Option<Field> = None;
    for field in CHECKSUMS.into_iter().filter(|field| has(*field)) {
        let legal = kind == "gue" || kind == "gre" && field != Field::TunRemcsum;
        if !legal {
            return illegal(field);
        }
        if let Some(earlier) = earlier {
            return Err(fail(format!(
                "The option '{}' conflicts with the '{}' option in the '{kind}' tunnel type",
                field.name(),
                earlier.name()
            )));
        }
        earlier = Some(field);
    }
    Ok(())
}
