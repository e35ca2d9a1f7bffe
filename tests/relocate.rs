//! Copying a virtual service, and moving it to another address or port.

use ipvsh::session::ErrorKind;

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::{Place, key};

const NEW: &str = "tcp://192.0.2.9:8080";

#[test]
fn a_copy_has_everything_and_ports_follow_where_they_are_not_translated() {
    for shop in Shop::every() {
        shop.ok(&[
            "edit",
            WEB,
            "-s",
            "wrr",
            "-p",
            "300",
            "--netmask",
            "255.255.255.0",
        ]);
        shop.ok(&[
            "edit",
            ONE,
            "-w",
            "7",
            "--upper-threshold",
            "100",
            "--lower-threshold",
            "20",
        ]);
        shop.ok(&["edit", TWO, "-m"]);
        shop.ok(&["add", WEB, "-r", "10.0.0.3", "-i", "--tunnel", "gue:6080"]);
        let before = shop.json(&["export", "--config"]);
        let plan = shop.ok(&["copy", WEB, NEW, "--dry-run"]);
        assert!(
            plan.contains("Plan: 4 to add, 0 to change, 0 to delete."),
            "{plan}"
        );
        shop.ok(&["copy", WEB, NEW]);
        let after = shop.json(&["export", "--config"]);
        let services = after["services"].as_array().unwrap();
        assert_eq!(services.len(), 2);
        let one = |id: &str| services.iter().find(|service| service["id"] == id).unwrap();
        let (mut old, mut new) = (one(WEB).clone(), one(NEW).clone());
        assert_eq!(before["services"][0], old);
        let ids = |service: &serde_json::Value| -> Vec<String> {
            let servers = service["destinations"].as_array().unwrap();
            let text = |server: &serde_json::Value| server["id"].as_str().unwrap().to_owned();
            servers.iter().map(text).collect()
        };
        assert_eq!(ids(&old), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
        // Masquerading translates ports, the others deliver to that of the service.
        assert_eq!(ids(&new), ["10.0.0.1:8080", "10.0.0.2:80", "10.0.0.3:8080"]);
        for service in [&mut old, &mut new] {
            for field in ["id", "address", "port"] {
                service[field].take();
                for server in service["destinations"].as_array_mut().unwrap() {
                    server[field].take();
                }
            }
        }
        assert_eq!(old, new, "all else is the same");
        shop.ok(&["undo"]);
        assert_eq!(
            shop.json(&["export", "--config"])["services"],
            before["services"]
        );
    }
}

#[test]
fn a_move_makes_the_new_one_first_and_is_undone_as_one() {
    for shop in Shop::every() {
        let before = shop.json(&["export", "--config"]);
        let moved = shop.json(&["move", WEB, NEW]);
        let signs: Vec<&str> = moved["plan"]["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| change["sign"].as_str().unwrap())
            .collect();
        assert_eq!(signs, ["+", "+", "+", "-"]);
        let refused = shop.runs(&["move", WEB, "tcp://192.0.2.7:80"]);
        assert!(
            refused.status == 3 && refused.stderr.contains(WEB),
            "{refused:?}"
        );
        let same = shop.runs(&["copy", NEW, NEW]);
        assert!(
            same.status == 2 && same.stderr.contains("it is the service itself"),
            "{same:?}"
        );
        shop.ok(&["undo"]);
        assert_eq!(
            shop.json(&["export", "--config"])["services"],
            before["services"]
        );
        // To where there is one already.
        shop.ok(&["add", NEW]);
        let taken = shop.runs(&["move", WEB, NEW]);
        assert!(
            taken.status == 3 && taken.stderr.contains("it already exists"),
            "{taken:?}"
        );
    }
}

#[test]
fn a_move_may_wait_for_connections_and_rolls_back_as_a_whole() {
    for shop in Shop::every() {
        let plan = shop.ok(&["move", "--drain", "10m", "--dry-run", WEB, NEW]);
        assert!(
            plan.contains("add the new one") && plan.contains("quiesce the old one"),
            "{plan}"
        );
        shop.ok(&["move", "--drain", "10m", WEB, NEW]);
        let services = shop.json(&["export", "--config"]);
        assert_eq!(services["services"].as_array().unwrap().len(), 1);
        assert_eq!(services["services"][0]["id"], NEW);
        assert_eq!(services["services"][0]["destinations"][0]["weight"], 1);
        // A guard that the second step meets rolls back the first.
        let refused = shop.runs(&["--guard", "last_server", "move", "--drain", "10m", NEW, WEB]);
        assert_eq!(refused.status, 3, "{refused:?}");
        let services = shop.json(&["export", "--config"]);
        assert_eq!(
            services["services"].as_array().unwrap().len(),
            1,
            "{services}"
        );
    }
}

#[test]
fn masks_fit_the_family_and_marks_have_no_port() {
    for place in Place::every() {
        let mut session = place.session();
        let web = key(WEB);
        let edit = ipvsh::model::ServiceEdit {
            persistence: Some(Some(ipvsh::model::PersistenceEdit {
                granularity: Some(ipvsh::model::Granularity::netmask("255.255.0.0").unwrap()),
                ..ipvsh::model::PersistenceEdit::default()
            })),
            ..ipvsh::model::ServiceEdit::default()
        };
        let _added = session.add_service(web, &edit, &[]).unwrap();
        let six = key("tcp://[2001:db8::1]:80");
        let _copied = session.copy_service(web, six).unwrap();
        let mark = key("fwmark://7");
        let _copied = session.copy_service(web, mark).unwrap();
        let table = session.table().unwrap();
        let mask = |key| {
            let persistence = table.services[key].configuration.persistence.clone();
            persistence.unwrap().granularity.to_string()
        };
        assert_eq!(mask(&mark), "255.255.0.0");
        assert_eq!(mask(&six), "/128");
        let missing = session.copy_service(key("fwmark://99"), key("fwmark://98"));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::Missing);
    }
}

#[test]
fn the_letters_of_ipvsadm_are_taken() {
    let shop = Shop::simulated();
    shop.ok(&["add", "udp://192.0.2.5:53", "-s", "rr", "-p", "90"]);
    shop.ok(&[
        "add",
        "udp://192.0.2.5:53",
        "-r",
        "10.0.0.9:5353",
        "-m",
        "-w",
        "4",
    ]);
    shop.ok(&["add", "udp://[2001:db8::5]:53"]);
    shop.ok(&["add", "udp://[2001:db8::5]:53", "-r", "fd00::9", "-g"]);
    let lines = shop.ok(&["ipvsadm", "-Sn"]);
    for line in [
        "-A -u 192.0.2.5:53 -s rr -p 90",
        "-a -u 192.0.2.5:53 -r 10.0.0.9:5353 -m -w 4",
        "-a -u [2001:db8::5]:53 -r [fd00::9]:53 -g -w 1",
    ] {
        assert!(
            lines.lines().any(|found| found.trim_end() == line),
            "{line}:\n{lines}"
        );
    }
    let both = shop.runs(&["edit", ONE, "-m", "--forwarding", "tunneling"]);
    assert!(
        both.status == 2 && both.stderr.contains("cannot be used with"),
        "{both:?}"
    );
    let server = shop.runs(&["edit", ONE, "-r", "10.0.0.2"]);
    assert!(
        server.status == 2 && server.stderr.contains("-r names a real server"),
        "{server:?}"
    );
}
