//! Whether a kernel has the scheduler that a plan names: a rehearsal can't know, and a commit would be refused.

use std::collections::BTreeSet;

use crate::backend::{Errno, Ipvs, KernelFile, Operation, Refusal};
use crate::model::suggestion;
use crate::session::Error;
use crate::session::error::Refused;

/// What is known of a kernel's schedulers; looked at when one is first named, and once.
#[derive(Debug, Default)]
pub(in crate::session) struct Schedulers {
    /// What an unknown one is.
    pub(in crate::session) unknown: Unknown,
    known: Option<BTreeSet<String>>,
    /// What was warned of already.
    told: BTreeSet<String>,
}

/// What an unknown scheduler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) enum Unknown {
    /// An error: the simulated kernel of `--sim` knows its schedulers.
    Refused,
    /// A warning: a kernel may find a module where we see none.
    #[default]
    Told,
    /// Nobody's matter: what is said is what another program says.
    Passed,
}

/// The schedulers of the kernel's own sources.
const OFFICIAL: [&str; 14] = [
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos",
];

impl Schedulers {
    /// Returns one that takes unknown ones for the same and knows nothing yet.
    pub(super) fn beside(&self) -> Self {
        Self {
            unknown: self.unknown,
            ..Self::default()
        }
    }

    /// Looks at the scheduler of an operation, and returns what to warn of.
    pub(in crate::session) fn look(
        &mut self,
        live: &mut Ipvs,
        operation: &Operation,
    ) -> Result<Option<String>, Error> {
        let (Operation::AddService { configuration, .. }
        | Operation::EditService {
            after: configuration,
            ..
        }) = operation
        else {
            return Ok(None);
        };
        let name = configuration.scheduler.as_str();
        if self.unknown == Unknown::Passed {
            return Ok(None);
        }
        // Services without one are only taken over from a kernel.
        if name.is_empty() || name == "none" {
            return Ok(None);
        }
        let known = self.known.get_or_insert_with(|| all(live));
        if known.contains(name) {
            return Ok(None);
        }
        let names = || known.iter().map(String::as_str).chain(OFFICIAL);
        let near = names()
            .find(|known| known.eq_ignore_ascii_case(name))
            .or_else(|| suggestion(name, names()));
        let near = near.map(|near| format!("did you mean `{near}`?"));
        if self.unknown == Unknown::Refused {
            let mut refusal = Refusal::explain(operation, Errno::ENOENT, None);
            refusal.hint = near.or_else(|| {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                Some(format!("the simulated kernel has {}", names.join(" ")))
            });
            return Err(Error::Refused(Box::new(Refused {
                operation: operation.to_string(),
                object: operation.object(),
                refusal,
            })));
        }
        if !self.told.insert(name.to_owned()) {
            return Ok(None);
        }
        let near = near.map(|near| format!("; {near}")).unwrap_or_default();
        Ok(Some(format!(
            "the scheduler {name} is neither loaded nor to be found as a module (ip_vs_{name}): this kernel will refuse it{near}"
        )))
    }
}

/// Returns the schedulers that a kernel has or can load; none where that can't be seen.
fn all(live: &mut Ipvs) -> BTreeSet<String> {
    let files = [
        KernelFile::LoadedModules,
        KernelFile::BuiltinModules,
        KernelFile::AvailableModules,
    ];
    let read = |file: &KernelFile| live.file(file).map(|bytes| modules(&bytes));
    let found: Vec<_> = files.iter().map(read).collect();
    // Where no module is to be seen, the kernel's own may be there.
    let sees_none = found.last().is_none_or(Result::is_err);
    let official = OFFICIAL.iter().filter(|_| sees_none);
    found
        .into_iter()
        .filter_map(Result::ok)
        .flatten()
        .chain(official.map(|name| (*name).to_owned()))
        .collect()
}

/// Modules of IPVS that bring something else than a scheduler.
fn is_scheduler(name: &str) -> bool {
    name != "ftp" && !name.starts_with("pe_")
}

/// Finds the names of `ip_vs_NAME` modules in a kernel file, whether it lists names or paths.
pub(in crate::session) fn modules(contents: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(contents);
    let names = text.lines().filter_map(|line| {
        let first = line.split([' ', ':']).next()?;
        let file = first.rsplit('/').next()?;
        let module = file.split('.').next()?.replace('-', "_");
        module.strip_prefix("ip_vs_").map(str::to_owned)
    });
    names.filter(|name| is_scheduler(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::modules;

    #[test]
    fn schedulers_are_found_in_every_kind_of_module_list() {
        let dep =
            b"kernel/net/netfilter/ipvs/ip_vs_wlc.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz\n\
            kernel/net/netfilter/ipvs/ip_vs_pe_sip.ko:\nkernel/fs/ext4.ko:\n";
        assert_eq!(modules(dep).into_iter().collect::<Vec<_>>(), ["wlc"]);
        let loaded =
            b"ip_vs_rr 16384 3 - Live 0x0\nip_vs 1 0 - Live 0x0\nip_vs_ftp 1 0 - Live 0x0\n";
        assert_eq!(modules(loaded).into_iter().collect::<Vec<_>>(), ["rr"]);
        assert!(modules(b"\xff\n\n::\n").is_empty());
    }
}
