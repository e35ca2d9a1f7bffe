//! What a kernel's error number means for the request that it answers.

use super::{Errno, Operation};
use crate::model::{DestinationKey, ServiceConfiguration};

/// The family of a refusal, for those who handle it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The object is there already.
    Exists,
    /// The object is not there.
    Missing,
    /// The user may not.
    Permission,
    /// Anything else.
    Refused,
}

/// A kernel's no to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: Errno,
    /// Its family.
    pub kind: RefusalKind,
    /// What it means here, as the end of a sentence.
    pub meaning: String,
    /// The way out.
    pub hint: Option<String>,
    /// The kernel's own words, if it gave any.
    pub text: Option<String>,
}

impl Refusal {
    /// Explains an error number as the answer to an operation.
    #[must_use]
    pub fn explain(operation: &Operation, errno: Errno, text: Option<String>) -> Self {
        let (kind, meaning, hint) = explain(operation, errno);
        Self {
            errno,
            kind,
            meaning,
            hint,
            text,
        }
    }
}

/// Family, meaning, way out.
type Explanation = (RefusalKind, String, Option<String>);

fn say(kind: RefusalKind, meaning: impl Into<String>) -> Explanation {
    (kind, meaning.into(), None)
}

fn hinted(kind: RefusalKind, meaning: impl Into<String>, hint: &str) -> Explanation {
    (kind, meaning.into(), Some(hint.to_owned()))
}

fn explain(operation: &Operation, errno: Errno) -> Explanation {
    let known = match errno {
        Errno::EPERM | Errno::EACCES => Some(hinted(
            RefusalKind::Permission,
            "this requires CAP_NET_ADMIN in the initial user namespace",
            "run it as root",
        )),
        Errno::EAFNOSUPPORT => Some(hinted(
            RefusalKind::Refused,
            "this kernel does not know the address family",
            "IPv6 may be disabled",
        )),
        Errno::ENOMEM => Some(say(RefusalKind::Refused, "the kernel is out of memory")),
        _ => match operation {
            Operation::AddService { .. }
            | Operation::EditService { .. }
            | Operation::DeleteService { .. }
            | Operation::Flush
            | Operation::Zero(_) => explain_service(operation, errno),
            Operation::AddDestination { .. }
            | Operation::EditDestination { .. }
            | Operation::DeleteDestination { .. } => explain_destination(operation, errno),
            Operation::SetTimeouts(_)
            | Operation::StartDaemon(_)
            | Operation::StopDaemon(_)
            | Operation::SetSysctl { .. } => explain_tuning(operation, errno),
        },
    };
    known.unwrap_or_else(|| {
        let text = std::io::Error::from_raw_os_error(errno.number()).to_string();
        say(RefusalKind::Refused, text)
    })
}

fn explain_service(operation: &Operation, errno: Errno) -> Option<Explanation> {
    Some(match (operation, errno) {
        (Operation::AddService { .. }, Errno::EEXIST) => hinted(
            RefusalKind::Exists,
            "it already exists",
            "use `edit` to change it, or `ensure` to add or change it",
        ),
        (
            Operation::AddService { configuration, .. }
            | Operation::EditService {
                after: configuration,
                ..
            },
            Errno::ENOENT,
        ) => unknown_module(configuration),
        (_, Errno::ESRCH) => say(RefusalKind::Missing, "there is no such virtual service"),
        (_, Errno::EINVAL) => say(
            RefusalKind::Refused,
            "its prefix length is out of range, or its scheduler can't take that many real servers",
        ),
        _ => return None,
    })
}

fn explain_destination(operation: &Operation, errno: Errno) -> Option<Explanation> {
    let (Operation::AddDestination { service, key, .. }
    | Operation::EditDestination { service, key, .. }
    | Operation::DeleteDestination { service, key }) = operation
    else {
        return None;
    };
    Some(match errno {
        Errno::EEXIST => hinted(
            RefusalKind::Exists,
            "it already exists",
            "use `edit` to change its weight, or `ensure` to add or change it",
        ),
        Errno::ESRCH => say(
            RefusalKind::Missing,
            format!("there is no virtual service {service}"),
        ),
        Errno::ENOENT => say(RefusalKind::Missing, "it has no such real server"),
        Errno::EINVAL => say(
            RefusalKind::Refused,
            unfit_server(key, key.family() == service.family()),
        ),
        Errno::ERANGE => say(
            RefusalKind::Refused,
            "its weight or its thresholds are out of range",
        ),
        _ => return None,
    })
}

fn explain_tuning(operation: &Operation, errno: Errno) -> Option<Explanation> {
    Some(match (operation, errno) {
        (Operation::StartDaemon(_), Errno::EEXIST) => {
            say(RefusalKind::Exists, "it is already running")
        }
        (Operation::StopDaemon(_), Errno::ESRCH) => say(RefusalKind::Missing, "it is not running"),
        (Operation::StartDaemon(daemon), Errno::ENODEV) => hinted(
            RefusalKind::Refused,
            format!("there is no network interface {}", daemon.interface),
            "`ip link` names those of this namespace",
        ),
        (Operation::StartDaemon(_), Errno::EINVAL) => say(
            RefusalKind::Refused,
            "a sync daemon can't be combined with real servers of the other address family",
        ),
        (Operation::StartDaemon(daemon), Errno::ENETUNREACH) => say(
            RefusalKind::Refused,
            format!(
                "the interface {} is down or has no address",
                daemon.interface
            ),
        ),
        (Operation::SetTimeouts(_), Errno::EINVAL) => say(
            RefusalKind::Refused,
            "a timeout is longer than this kernel can count",
        ),
        (Operation::SetSysctl { name, .. }, Errno::EINVAL | Errno::ERANGE) => say(
            RefusalKind::Refused,
            format!("the value is out of the range of {name}"),
        ),
        (Operation::SetSysctl { name, .. }, Errno::ENOENT) => say(
            RefusalKind::Missing,
            format!("this kernel has no sysctl {name}"),
        ),
        _ => return None,
    })
}

fn unknown_module(configuration: &ServiceConfiguration) -> Explanation {
    let scheduler = &configuration.scheduler;
    let engine = configuration
        .persistence
        .as_ref()
        .or(configuration.dormant.as_ref())
        .and_then(|persistence| persistence.engine.as_ref());
    let meaning = match engine {
        Some(engine) => format!(
            "it has no scheduler \"{scheduler}\" or no persistence engine \"{}\"",
            engine.as_str()
        ),
        None => format!("it has no scheduler \"{scheduler}\""),
    };
    (
        RefusalKind::Refused,
        meaning,
        Some(format!(
            "`modprobe ip_vs_{scheduler}` shows whether the module is there"
        )),
    )
}

fn unfit_server(key: &DestinationKey, same_family: bool) -> String {
    if same_family {
        return format!(
            "{} is not a unicast address that a real server can have (multicast, broadcast, link-local and 0.0.0.0 are refused), or a threshold is above 2147483647",
            key.address
        );
    }
    format!(
        "{} is of the other address family: that requires tunneling and can't be combined with a sync daemon",
        key.address
    )
}
