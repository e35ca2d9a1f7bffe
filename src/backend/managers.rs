//! Programs on this machine that change tables of IPVS by themselves, and know nothing of the commit lock.

use std::fs;
use std::path::Path;

use super::host::file_of;

/// One that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// What it is called.
    pub name: &'static str,
    /// Its process.
    pub pid: u32,
    /// Whether it is in the network namespace that was asked for; `None` where that may not be seen.
    pub is_here: Option<bool>,
}

const KNOWN: [&str; 4] = ["keepalived", "ldirectord", "kube-proxy", "kube-router"];

/// Returns the programs that run, each once: its first process in the network namespace, which is named as `DEVICE:INODE`, or else its
/// first.
#[must_use]
pub fn managers(namespace: &str) -> Vec<Manager> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let mut found: Vec<Manager> = Vec::new();
    for pid in pids {
        let folder = format!("/proc/{pid}");
        let Some(name) = known(&folder) else {
            continue;
        };
        let file = file_of(&Path::new(&folder).join("ns/net")).ok();
        let manager = Manager {
            name,
            pid,
            is_here: file.map(|file| file == namespace),
        };
        match found.iter_mut().find(|other| other.name == name) {
            None => found.push(manager),
            Some(other) if other.is_here != Some(true) && manager.is_here == Some(true) => {
                *other = manager;
            }
            Some(_) => {}
        }
    }
    found.sort_by_key(|manager| manager.name);
    found
}

/// Returns which of them a process is: by its name, or by the script that an interpreter runs.
fn known(folder: &str) -> Option<&'static str> {
    let name = fs::read(format!("{folder}/comm")).ok()?;
    let name = String::from_utf8_lossy(&name);
    let is = |known: &&&'static str| name.trim() == **known;
    if let Some(known) = KNOWN.iter().find(is) {
        return Some(known);
    }
    let line = fs::read(format!("{folder}/cmdline")).ok()?;
    let script = line.split(|byte| *byte == 0).nth(1)?;
    let script = String::from_utf8_lossy(script);
    let script = script.rsplit('/').next().unwrap_or_default();
    KNOWN.iter().find(|known| **known == script).copied()
}
