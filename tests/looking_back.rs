//! Looking on and looking back, on the real kernel too: what is shown is what was shown then, and what the table has.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipvsh::config::Characters;
use ipvsh::model::Table;
use ipvsh::observe::{Depth, Live, Source};
use ipvsh::top::{App, View};

use crate::recording::{Recorded, begun};
use crate::support::Place;
use crate::support::shop::{ONE, Shop, TWO};
use crate::top::{servers, snapshot};

/// Returns a text without what tells the time above a list.
fn without_time(list: &str) -> String {
    let (title, rest) = list.split_once('\n').unwrap();
    let (title, _) = title.rsplit_once(' ').unwrap();
    format!("{title}\n{rest}")
}

#[test]
fn the_past_is_listed_exported_and_compared_as_it_was() {
    for shop in Shop::every() {
        let recorder = Recorded::start(&shop, &["--connections=200ms"]);
        begun(&shop);
        let pause = || std::thread::sleep(Duration::from_millis(1_500));
        pause();
        let then = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let shown = shop.ok(&["list"]);
        let document = shop.ok(&["export"]);
        let json = shop.ok(&["list", "--json"]);
        pause();
        shop.ok(&["--label", "deploy", "edit", ONE, "--weight", "7"]);
        pause();
        shop.ok(&["drain", TWO, "--deadline", "1s"]);
        pause();
        assert_ne!(without_time(&shop.ok(&["list"])), without_time(&shown));
        let at = shop.runs(&["list", "--at", &then]);
        assert_eq!(without_time(&at.stdout), without_time(&shown), "{at:?}");
        assert!(at.stderr.contains("as recorded at 20"), "{at:?}");
        assert_eq!(shop.ok(&["list", "--at", &then, "--json"]), json);
        assert_eq!(shop.ok(&["export", "--at", &then]), document);
        let filtered = shop.ok(&[
            "list",
            "--at",
            &then,
            "--filter",
            "weight_sum == 1",
            "--by",
            "server",
        ]);
        assert_eq!(filtered.lines().count(), 3, "{filtered}");
        let metrics = shop.ok(&["export", "--at", &then, "-o", "prometheus"]);
        assert!(metrics.contains("ipvs_server_weight{"), "{metrics}");
        assert_eq!(shop.ok(&["connections", "--at", "-0s", "--count"]), "0\n");

        let since = format!("@{then}");
        let changed = shop.ok(&["diff", &since]);
        assert!(
            changed.contains("weight 1 -> 7   ! commit 1 \"deploy\" by"),
            "{changed}"
        );
        assert!(changed.contains("weight 1 -> 0"), "{changed}");
        let back = shop.json(&["diff", &since, "@-0s"]);
        assert_eq!(back["plan"]["summary"]["change"], 2);
        assert_eq!(back["plan"]["notes"][0]["object"], ONE);
        std::fs::write(shop.path().join("then.json"), &document).unwrap();
        for (a, b) in [("then.json", since.as_str()), (since.as_str(), "then.json")] {
            let same = shop.ok(&["diff", a, b]);
            assert!(same.contains("no changes"), "{same}");
        }
        // A commit is named for what it led to alone: what somebody did to it later, and nobody saw, is not its doing.
        let backwards = shop.runs(&["diff", "@-0s", "@-5s"]);
        assert_eq!(backwards.status, 2, "{backwards:?}");
        let (status, said) = recorder.end(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(status, Some(0), "{said}");
        // What was told last was written.
        let shown = shop.json(&["record", "--show"]);
        let snapshots: u64 = shown["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["snapshots"].as_u64().unwrap())
            .sum();
        assert!(
            said.contains(&format!("recorded {snapshots} snapshots in")),
            "{said} {shown}"
        );
        let events: Vec<&str> = shown["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|event| event["event"].as_str())
            .filter(|event| *event != "pause")
            .collect();
        assert_eq!(events[0], "commit", "{shown}");
        assert!(events.contains(&"drain_began"), "{shown}");
        let words = shop.ok(&["record", "--show"]);
        assert!(words.contains("commit 1 \"deploy\" by"), "{words}");
        shop.ok(&["--no-journal", "edit", ONE, "--weight", "9"]);
        let changed = shop.ok(&["diff", &since]);
        assert!(changed.contains("weight 1 -> 9   ! after 20"), "{changed}");
        assert!(
            !changed.contains("commit 1 ") && changed.contains("weight 1 -> 0   ! commit"),
            "{changed}"
        );
    }
}

/// On the kernel of the lab, and on a simulated one: what is shown is what the table has.
#[test]
fn top_shows_a_real_table() {
    for place in Place::every() {
        let report = crate::support::commit(
            ipvsh::txn::Plan::between(
                Table::default(),
                snapshot(1, &servers(1)[..3]).table.configuration_only(),
                Vec::new(),
            ),
            &mut place.client(),
        );
        assert_eq!(report.outcome, ipvsh::txn::Outcome::Committed);
        let mut live = Live::new(place.session());
        let mut app = App::new(View::Services, Characters::Unicode, false);
        for _ in 0..2 {
            let snapshot = live
                .read(Depth::Everything, Duration::from_secs(2))
                .unwrap();
            app.take(Arc::new(snapshot));
        }
        let sheet = app.sheet(0, usize::MAX, None);
        assert_eq!(sheet.lines.len(), 4, "{}: {sheet:?}", place.name());
        assert!(sheet.lines[3].contains("10.0.0.3:80"), "{sheet:?}");
        let tick = app.tick().unwrap();
        assert_eq!(tick.rows.len(), 4);
    }
}
