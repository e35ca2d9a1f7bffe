//! A shop: a folder with a table, and the program run in it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Finished, Place, in_lab, ipvsh, ipvsh_ok};

/// A folder with a table: simulated in a file, or in the lab that of a fresh namespace.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
    options: Vec<&'static str>,
}

pub(crate) const WEB: &str = "tcp://192.0.2.1:80";
pub(crate) const ONE: &str = "tcp://192.0.2.1:80/10.0.0.1:80";
pub(crate) const TWO: &str = "tcp://192.0.2.1:80/10.0.0.2:80";

impl Shop {
    /// Returns a shop with a service and two servers of weight 1: on the simulated kernel, or in the lab on the real one,
    /// as much of this is waiting.
    pub(crate) fn every() -> [Self; 1] {
        [if in_lab() {
            Self::real()
        } else {
            Self::simulated()
        }]
    }

    pub(crate) fn simulated() -> Self {
        Self::with(vec!["--sim-state=table.json"])
    }

    pub(crate) fn real() -> Self {
        let _kernel = Place::real();
        Self::with(Vec::new())
    }

    pub(crate) fn with(options: Vec<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Self { folder, options };
        shop.ok(&["--no-journal", "add", WEB]);
        for server in [ONE, TWO] {
            shop.ok(&["--no-journal", "add", server, "--weight", "1"]);
        }
        shop
    }

    pub(crate) fn is_simulated(&self) -> bool {
        !self.options.is_empty()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder of the journal of this table, once something was committed.
    pub(crate) fn journal(&self) -> std::path::PathBuf {
        let state = super::state_of(self.path());
        if !self.is_simulated() {
            return state.join("journal");
        }
        let mut folders = std::fs::read_dir(state.join("simulated")).unwrap();
        folders.next().unwrap().unwrap().path()
    }

    pub(crate) fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let mut all: Vec<&str> = self.options.clone();
        all.extend(arguments);
        all
    }

    pub(crate) fn runs(&self, arguments: &[&str]) -> Finished {
        ipvsh(self.path(), &self.arguments(arguments))
    }

    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        ipvsh_ok(self.path(), &self.arguments(arguments))
    }

    #[track_caller]
    pub(crate) fn weight(&self, server: &str) -> i64 {
        let (service, server) = server.rsplit_once('/').unwrap();
        let code = format!("destination::get(\"{service}\", \"{server}\").weight");
        self.ok(&["--no-journal", "eval", &code])
            .trim()
            .parse()
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// Waits until a server has a weight.
    #[track_caller]
    pub(crate) fn becomes(&self, server: &str, weight: i64) {
        let begun = Instant::now();
        while self.weight(server) != weight {
            assert!(begun.elapsed() < Duration::from_secs(60), "{server}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
