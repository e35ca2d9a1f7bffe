//! `ipvsh save`, labels, and what is told to whoever starts the program: versions and the status of a unit.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::ipvsh_command;
use crate::support::shop::{ONE, Shop};
use crate::support::{Finished, ipvsh};

#[test]
fn the_file_has_the_table_and_the_one_before_is_kept() {
    for shop in Shop::every() {
        let file = shop.path().join("boot.json");
        let previous = shop.path().join("boot.previous.json");
        let saved = shop.json(&["save", "boot.json", "--sysctl", "conntrack"]);
        assert_eq!(saved["outcome"], "saved");
        assert_eq!(saved["destinations"], 2);
        assert!(!previous.exists());
        let first = fs::read_to_string(&file).unwrap();
        assert!(first.contains("\"conntrack\""), "{first}");
        // What is there already is not written again.
        let inode = fs::metadata(&file).unwrap().ino();
        assert_eq!(shop.json(&["save", "boot.json"])["outcome"], "unchanged");
        assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        shop.ok(&["edit", ONE, "--weight", "0"]);
        let again = shop.runs(&["save", "boot.json"]);
        assert_eq!(again.status, 0, "{again:?}");
        assert!(
            again.stderr.contains("1 real server with weight 0"),
            "{again:?}"
        );
        assert!(again.stderr.contains("boot.previous.json"), "{again:?}");
        assert_eq!(fs::read_to_string(&previous).unwrap(), first);
        for path in [&file, &previous] {
            assert_eq!(
                fs::metadata(path).unwrap().mode() & 0o777,
                0o640,
                "{path:?}"
            );
        }
        let second = fs::read_to_string(&file).unwrap();
        assert!(
            second.contains("\"conntrack\"") && second != first,
            "{second}"
        );
        // It is what leads back to this table.
        shop.ok(&["edit", ONE, "--weight", "9"]);
        shop.ok(&["apply", "--prune=services", "boot.json"]);
        assert_eq!(shop.weight(ONE), 0);
        assert_eq!(shop.json(&["save", "boot.json"])["outcome"], "unchanged");
        let yaml = shop.ok(&["save", "boot.yaml"]);
        assert_eq!(yaml, "");
        assert!(shop.ok(&["plan", "boot.yaml"]).contains("no changes"));
    }
}

#[test]
fn what_is_in_the_way_is_said_and_the_file_stays() {
    let shop = Shop::simulated();
    let refused = |arguments: &[&str], status: i32, part: &str| {
        let finished = shop.runs(arguments);
        assert_eq!(finished.status, status, "{finished:?}");
        assert!(finished.stderr.contains(part), "{finished:?}");
    };
    refused(
        &["save"],
        2,
        "a simulated table is not saved in /etc/ipvsh/table.json",
    );
    let elsewhere = ipvsh(shop.path(), &["--netns", "nosuch", "save"]);
    assert_eq!(elsewhere.status, 2, "{elsewhere:?}");
    assert!(
        elsewhere.stderr.contains("another network namespace"),
        "{elsewhere:?}"
    );
    refused(
        &["export", "--sysctl", "conntrack", "tcp://192.0.2.1:80"],
        2,
        "cannot be used with",
    );
    refused(&["save", "/dev/full"], 2, "/dev/full is no plain file");
    refused(
        &["save", "no/such/folder.json"],
        1,
        "no/such/folder.json: No such file",
    );
    refused(
        &["save", "x.json", "--sysctl", "nope"],
        3,
        "no kernel parameter nope",
    );
    assert!(!shop.path().join("x.json").exists());
    // What is broken is kept, and said.
    fs::write(shop.path().join("x.json"), "{\"version\":").unwrap();
    refused(
        &["save", "x.json"],
        0,
        "what was in x.json is no document that can be read",
    );
    let kept = fs::read_to_string(shop.path().join("x.previous.json")).unwrap();
    assert_eq!(kept, "{\"version\":");
    // What awaits confirmation is perhaps not what shall come back.
    shop.ok(&["apply", "--confirm", "60s", "--prune=services", "x.json"]);
    fs::write(
        shop.path().join("y.json"),
        r#"{"version":1,"services":[{"id":"fwmark://7"}]}"#,
    )
    .unwrap();
    shop.ok(&["apply", "--confirm", "60s", "y.json"]);
    refused(&["save", "z.json"], 0, "awaits confirmation");
    shop.ok(&["cancel"]);
}

#[test]
fn a_commit_is_called_what_the_label_says() {
    for shop in Shop::every() {
        shop.ok(&["--label", "boot", "edit", ONE, "--weight", "4"]);
        shop.ok(&["--label", "night", "eval", &format!("destination::edit(\"{}\", \"10.0.0.1:80\", #{{ weight: 5 }}); transaction \"mine\" {{ destination::edit(\"{}\", \"10.0.0.1:80\", #{{ weight: 6 }}); }}", "tcp://192.0.2.1:80", "tcp://192.0.2.1:80")]);
        let history = shop.json(&["history"]);
        let labels: Vec<&str> = history["commits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["label"].as_str().unwrap())
            .collect();
        assert_eq!(labels, ["boot", "night", "mine"]);
    }
}

#[test]
fn versions_are_told_to_programs() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [["--version", "--json"], ["--json", "-V"]] {
        let finished = ipvsh(folder.path(), &arguments);
        let versions: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!(versions["program"], env!("CARGO_PKG_VERSION"));
        for what in ["document", "journal", "results"] {
            assert_eq!(versions[what], 1, "{what}");
        }
    }
}

#[test]
fn a_service_manager_hears_the_cause_of_a_failure() {
    for shop in Shop::every() {
        fs::write(shop.path().join("broken.json"), "{\"version\":1,\"services\":[{\"id\":\"tcp://192.0.2.1:80\",\"scheduler\":\"nosuchone\"}]}").unwrap();
        let socket = UnixDatagram::bind(shop.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let told = |arguments: &[&str]| {
            let mut command = ipvsh_command(shop.path(), &shop.arguments(arguments));
            let finished: Finished = command
                .env("NOTIFY_SOCKET", shop.path().join("notify"))
                .output()
                .unwrap()
                .into();
            let mut bytes = [0; 4096];
            let length = socket.recv(&mut bytes).unwrap();
            (
                finished.status,
                String::from_utf8_lossy(&bytes[..length]).into_owned(),
            )
        };
        let (status, heard) = told(&["apply", "broken.json"]);
        assert_eq!(status, 3, "{heard}");
        assert!(
            heard.starts_with("STATUS=error: ") && heard.contains("nosuchone"),
            "{heard}"
        );
        let (status, heard) = told(&["list"]);
        assert_eq!((status, heard.trim()), (0, "STATUS=done"));
    }
}
