//! Whether a kernel has the scheduler that a plan names: a rehearsal can't know, and a commit would be refused.

use std::collections::BTreeSet;

use super::error::{Error, Refused};
use super::observe::modules;
use crate::backend::{Errno, Ipvs, KernelFile, Operation, Refusal};
use crate::model::suggestion;

/// What is known of a kernel's schedulers; looked at when one is first named, and once.
#[derive(Debug, Default)]
pub(super) struct Schedulers {
    /// What an unknown one is.
    pub(super) unknown: Unknown,
    known: Option<BTreeSet<String>>,
    /// What was warned of already.
    told: BTreeSet<String>,
}

/// What an unknown scheduler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unknown {
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
    /// Looks at the scheduler of an operation, and returns what to warn of.
    pub(super) fn look(
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
