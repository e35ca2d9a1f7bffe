//! `ipvsh info`: what is to be known before something is changed.

use std::process::{Child, Command};

use crate::support::ipvsh;
use crate::support::shop::Shop;

/// A program that goes by another name.
struct Named(Child);

impl Named {
    fn start(shop: &Shop, name: &str) -> Self {
        let path = shop.path().join(name);
        std::fs::copy("/usr/bin/sleep", &path).unwrap();
        Self(Command::new(path).arg("600").spawn().unwrap())
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _waited = self.0.wait();
    }
}

#[test]
fn a_director_is_told_of_on_one_page_and_in_json() {
    for shop in Shop::every() {
        let other = Named::start(&shop, "keepalived");
        shop.ok(&["add", "fwmark://9", "--scheduler", "rr"]);
        let info = shop.json(&["--guard", "max_objects=7", "info"]);
        assert_eq!(info["version"], 1);
        assert_eq!(info["services"], 2, "{info}");
        assert_eq!(info["ipvs"], "1.2.1", "{info}");
        assert_eq!(info["simulated"], shop.is_simulated());
        assert_eq!(info["kernel"].is_null(), shop.is_simulated());
        let schedulers = info["schedulers"].as_array().unwrap();
        let rr = schedulers.iter().find(|one| one["name"] == "rr").unwrap();
        assert_eq!(rr["loaded"], true, "{info}");
        assert!(info["sysctl"]["conntrack"].is_string(), "{info}");
        assert_eq!(info["guards"][0]["name"], "guards.max_objects", "{info}");
        assert_eq!(info["guards"][0]["value"], "7", "{info}");
        assert_eq!(info["journal"]["records"], 1, "{info}");
        let managers = info["managers"].as_array().unwrap();
        let page = shop.ok(&["info"]);
        for part in [
            "services      2\n",
            "guards        none\n",
            "1 record of this table",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        if shop.is_simulated() {
            // Nobody else knows of a simulated table.
            assert!(managers.is_empty(), "{info}");
            continue;
        }
        let found = managers
            .iter()
            .find(|one| one["name"] == "keepalived")
            .unwrap();
        assert_eq!(found["pid"], other.0.id(), "{info}");
        assert_eq!(found["in_this_namespace"], true, "{info}");
        assert!(
            page.contains("in this namespace: what it manages it may change back"),
            "{page}"
        );
        // Someone else sees what may be seen, and is told of the rest.
        let program = env!("CARGO_BIN_EXE_ipvsh");
        let line = format!(
            "IPVSH_CONFIG= setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all {program} --no-journal info"
        );
        let nobody = Command::new("sh").args(["-c", &line]).output().unwrap();
        let shown = String::from_utf8(nobody.stdout).unwrap();
        assert_eq!(nobody.status.code(), Some(0), "{shown}");
        assert!(
            shown.contains("services      not to be seen without root"),
            "{shown}"
        );
        assert!(shown.contains("conntrack = 0"), "{shown}");
    }
}

#[test]
fn without_ipvs_it_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let finished = ipvsh(folder.path(), &["--netns", "no-such-one", "info"]);
    assert_eq!(finished.status, 6, "{finished:?}");
    assert!(finished.stderr.contains("no-such-one"), "{finished:?}");
}
