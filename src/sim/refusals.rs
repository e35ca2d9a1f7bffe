//! Refusals that are planned: the n-th request of a kind that comes is refused with an errno of somebody's choice.

use crate::wire::uapi as k;

/// A request that can be refused, as plans name them.
const KINDS: [(&str, u8); 11] = [
    ("service.add", k::IPVS_CMD_NEW_SERVICE),
    ("service.edit", k::IPVS_CMD_SET_SERVICE),
    ("service.delete", k::IPVS_CMD_DEL_SERVICE),
    ("destination.add", k::IPVS_CMD_NEW_DEST),
    ("destination.edit", k::IPVS_CMD_SET_DEST),
    ("destination.delete", k::IPVS_CMD_DEL_DEST),
    ("daemon.start", k::IPVS_CMD_NEW_DAEMON),
    ("daemon.stop", k::IPVS_CMD_DEL_DAEMON),
    ("timeouts.set", k::IPVS_CMD_SET_CONFIG),
    ("zero", k::IPVS_CMD_ZERO),
    ("sysctl.set", SYSCTL),
];

/// Kernel parameters are files: no command has this number.
pub(super) const SYSCTL: u8 = u8::MAX;

/// What can be refused by plan.
#[must_use]
pub fn refusable() -> Vec<&'static str> {
    KINDS.iter().map(|(name, _)| *name).collect()
}

#[derive(Clone, Debug)]
struct Planned {
    command: u8,
    errno: i32,
    /// How many come before it.
    before: u64,
}

/// All that is planned.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    planned: Vec<Planned>,
}

impl Refusals {
    /// Plans one; the first is number 1. Returns false if nothing has that name.
    pub(super) fn plan(&mut self, name: &str, errno: i32, number: u64) -> bool {
        let Some((_, command)) = KINDS.iter().find(|(known, _)| *known == name) else {
            return false;
        };
        self.planned.push(Planned {
            command: *command,
            errno,
            before: number.saturating_sub(1),
        });
        true
    }

    /// Returns the errno of a request that comes now, if it is to be refused.
    pub(super) fn take(&mut self, command: u8) -> Option<i32> {
        if self.planned.is_empty() {
            return None;
        }
        let mut refused = None;
        self.planned.retain_mut(|planned| {
            if planned.command != command {
                return true;
            }
            if planned.before > 0 {
                planned.before -= 1;
                return true;
            }
            // Of several that are due, one is enough.
            if refused.is_some() {
                return true;
            }
            refused = Some(planned.errno);
            false
        });
        refused
    }
}
