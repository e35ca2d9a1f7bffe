//! The journal: its files, what is kept, what is taken back after a crash, what is confirmed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ipvsh::config::Author;
use ipvsh::journal::{
    Body, CommitBody, Event, EventKind, Intent, Journal, JournalError, Limits, TableIdentity,
};
use ipvsh::model::{DestinationConfiguration, Weight};
use ipvsh::txn::Plan;
use serde_json::Value;

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::terminal::Terminal;
use crate::support::{
    Finished, Place, ipvsh, ipvsh_command, ipvsh_ok, key, only_in_lab, server, system,
};

fn begin(journal: &mut Journal, intent: &mut Intent, plan: &Plan) -> Result<u64, JournalError> {
    journal.begin(intent, (plan, &plan.footprint()))
}

fn intent() -> Intent {
    Intent {
        number: 0,
        time: "2026-01-02T03:04:05Z".to_owned(),
        author: Author::default(),
        command: vec!["eval".to_owned()],
        typed: None,
        label: Some("x\ny".to_owned()),
        script: None,
        table: TableIdentity::Simulation {
            file: "/x".to_owned(),
        },
        body: Body::Commit(CommitBody {
            runbook: Some(7),
            overridden: vec!["last_server: x".to_owned()],
            ..CommitBody::default()
        }),
    }
}

#[test]
fn a_kernel_parameter_is_in_the_file_of_a_simulated_table_when_its_commit_is_noted() {
    let shop = Shop::simulated();
    shop.ok(&["eval", "sysctl::set(\"drop_entry\", 1)"]);
    assert_eq!(shop.ok(&["eval", "sysctl::get(\"drop_entry\")"]), "1\n");
    shop.ok(&["undo"]);
    assert_eq!(shop.ok(&["eval", "sysctl::get(\"drop_entry\")"]), "0\n");
}

/// A kernel's table: its journal is the folder `journal`.
fn kernel() -> TableIdentity {
    TableIdentity::Kernel {
        boot: "b".to_owned(),
        namespace: "4:1".to_owned(),
        cookie: None,
        name: None,
    }
}

#[test]
fn a_record_is_private_and_says_how_it_ended() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path(), &kernel()).unwrap();
    let number = begin(&mut journal, &mut intent(), &Plan::default()).unwrap();
    assert_eq!(number, 1);
    let path = state.path().join("journal/open/00000001.json");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(journal.open_records().unwrap().len(), 1);
    journal.close(1, &Event::now(EventKind::Committed)).unwrap();
    assert!(journal.open_records().unwrap().is_empty());
    let record = journal.record(1).unwrap();
    assert_eq!(
        record.intent,
        Intent {
            number: 1,
            ..intent()
        }
    );
    assert_eq!(record.events[0].kind, EventKind::Committed);
    assert_eq!(record.plan().unwrap(), Plan::default());
    // Every line is JSON.
    let text = fs::read_to_string(state.path().join("journal/00000001.json")).unwrap();
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(matches!(
        journal.record(2),
        Err(JournalError::Missing { number: 2 })
    ));
}

#[test]
fn what_is_torn_or_altered_is_known() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path(), &kernel()).unwrap();
    begin(&mut journal, &mut intent(), &Plan::default()).unwrap();
    let path = state.path().join("journal/open/00000001.json");
    let whole = fs::read(&path).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(journal.record(1), Err(JournalError::Damaged { .. })),
            "{length}"
        );
    }
    for (old, new) in [("eval", "evil"), ("/x", "/y"), ("\"id\":0", "\"id\":1")] {
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        assert!(
            matches!(journal.record(1), Err(JournalError::Damaged { .. })),
            "{old}"
        );
    }
    // An outcome that is cut off leaves the record as unfinished as it was, and the next line whole.
    fs::write(&path, format!("{text}{{\"checksum\":\"crc32:0")).unwrap();
    assert!(journal.record(1).unwrap().events.is_empty());
    journal.close(1, &Event::now(EventKind::Recovered)).unwrap();
    assert_eq!(journal.record(1).unwrap().events.len(), 1);
}

#[test]
fn the_oldest_that_are_over_go_first() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path(), &kernel()).unwrap();
    journal.set_limits(Limits {
        records: 4,
        bytes: 1 << 20,
    });
    for number in 1..=9 {
        assert_eq!(
            begin(&mut journal, &mut intent(), &Plan::default()).unwrap(),
            number
        );
        if number != 2 {
            journal
                .close(number, &Event::now(EventKind::Committed))
                .unwrap();
        }
    }
    let kept: Vec<u64> = journal
        .records()
        .unwrap()
        .into_iter()
        .map(|record| record.unwrap().intent.number)
        .collect();
    assert_eq!(kept, [2, 6, 7, 8, 9], "what is open stays");
}

#[test]
fn a_folder_that_others_write_is_refused() {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(
        Journal::open(state.path(), &kernel()),
        Err(JournalError::Owner { .. })
    ));
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(state.path().join("journal"), "in the way").unwrap();
    assert!(matches!(
        Journal::open(state.path(), &kernel()),
        Err(JournalError::Folder { .. })
    ));
}

#[test]
fn history_tells_and_undo_takes_back() {
    for shop in Shop::every() {
        shop.ok(&["edit", ONE, "--weight", "5"]);
        let script = shop.path().join("open.rhai");
        fs::write(
            &script,
            "transaction \"open the shop\" {\n    destination::edit(args()[0], \"10.0.0.2:80\", #{ weight: 7 });\n}\n",
        )
        .unwrap();
        shop.ok(&["run", "open.rhai", WEB]);
        let text = shop.ok(&["history"]);
        assert!(
            text.contains("committed  +0 ~1 -0  open the shop\n"),
            "{text}"
        );
        let list = shop.json(&["history"]);
        let second = &list["commits"][1];
        assert_eq!(second["id"], 2);
        assert_eq!(second["label"], "open the shop");
        assert_eq!(second["script"], "open.rhai:1");
        assert_eq!(second["state"], "committed");
        let words = second["command"].as_array().unwrap();
        assert_eq!(words.last().unwrap(), WEB);
        let shown = shop.ok(&["history", "show", "2"]);
        for part in [
            "commit 2   committed\n",
            "script   open.rhai:1\n",
            "~ tcp://192.0.2.1:80\n  ~ 10.0.0.2:80   weight 1 -> 7\nPlan: 0 to add, 1 to change, 0 to delete.\n",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
        let shown = shop.json(&["history", "show", "2"]);
        assert_eq!(shown["plan"]["changes"][0]["object"], TWO);
        assert_eq!(shown["inverse"][0]["fields"]["weight"][1], 1);

        // A dry run, the undo of an earlier one, and its redo.
        let dry = shop.ok(&["undo", "1", "--dry-run"]);
        assert!(
            dry.contains("weight 5 -> 1") && dry.contains("Nothing was changed"),
            "{dry}"
        );
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (5, 7));
        shop.ok(&["undo", "1"]);
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (1, 7));
        let again = shop.runs(&["undo", "1"]);
        assert!(
            again.status == 2
                && again
                    .stderr
                    .contains("commit 3 already undid it; `ipvsh undo 3` reapplies it"),
            "{again:?}"
        );
        assert!(shop.ok(&["redo", "--dry-run"]).contains("weight 1 -> 5"));
        let redone = shop.runs(&["redo"]);
        assert!(redone.stderr.contains("commit 1 is redone"), "{redone:?}");
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (5, 7));
        let commits = shop.json(&["history"])["commits"].clone();
        assert_eq!(
            (&commits[2]["undoes"], &commits[3]["undoes"]),
            (&1.into(), &3.into())
        );
        assert_eq!(commits[3]["label"], "redo 1");
        let none = shop.runs(&["redo"]);
        assert!(
            none.status == 2 && none.stderr.contains("nothing to redo"),
            "{none:?}"
        );

        // What came later stands in the way, and is named.
        shop.ok(&["eval", "transaction \"canary\" { destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 9 }) }"]);
        let refused = shop.runs(&["undo", "2"]);
        assert_eq!(refused.status, 5, "{refused:?}");
        assert!(
            refused.stderr.contains("commit 2 can't be undone: tcp://192.0.2.1:80/10.0.0.2:80 is no longer as it left it")
                && refused.stderr.contains("undo first what came later: commit 5 by ")
                && refused.stderr.contains("\"canary\""),
            "{refused:?}"
        );
        assert_eq!(shop.weight(TWO), 9);
        let refused = shop.runs(&["--json", "undo", "2"]);
        let result: Value = serde_json::from_str(&refused.stdout).unwrap();
        assert_eq!(result["cause"]["kind"], "conflict");
        assert_eq!(result["cause"]["differences"][0]["object"], TWO);

        // The same from a script.
        let said = shop.ok(&[
            "eval",
            "history::undo(5); history::undo(2).kind + history::list().len()",
        ]);
        assert_eq!(said.trim(), "committed7");
        assert_eq!((shop.weight(ONE), shop.weight(TWO)), (5, 1));
        for wrong in [&["undo", "77"][..], &["history", "show", "77"]] {
            let refused = shop.runs(wrong);
            assert!(
                refused.status == 2 && refused.stderr.contains("the journal has no record 77"),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn a_deleted_service_comes_back_with_its_servers() {
    for shop in Shop::every() {
        shop.ok(&[
            "edit",
            WEB,
            "--persistence",
            "5m",
            "--scheduler",
            "sh",
            "--scheduler-flags",
            "sh-port",
        ]);
        shop.ok(&[
            "edit",
            ONE,
            "--upper-threshold",
            "100",
            "--lower-threshold",
            "50",
        ]);
        let before = shop.ok(&["export", "--config"]);
        shop.ok(&["delete", WEB]);
        shop.ok(&["undo"]);
        assert_eq!(shop.ok(&["export", "--config"]), before);
        shop.ok(&["redo"]);
        assert_eq!(shop.runs(&["list", WEB]).status, 3);
    }
}

#[test]
fn a_plan_is_a_file_that_goes_stale() {
    for shop in Shop::every() {
        fs::write(
            shop.path().join("wanted.json"),
            r#"{"version":1,"services":[{"id":"tcp://192.0.2.1:80","destinations":[{"id":"10.0.0.1:80","weight":5},{"id":"10.0.0.3:80","weight":3}]}]}"#,
        )
        .unwrap();
        let before = shop.ok(&["export", "--config"]);
        let files = ["--out=plan.json", "--undo-out=undo.json"];
        shop.ok(&["plan", files[0], files[1], "--prune=servers", "wanted.json"]);
        assert_eq!(shop.ok(&["export", "--config"]), before);
        let dry = shop.ok(&["apply", "--dry-run", "plan.json"]);
        assert!(
            dry.contains("1 to add, 1 to change, 1 to delete. Nothing was changed"),
            "{dry}"
        );
        let plan: Value =
            serde_json::from_str(&fs::read_to_string(shop.path().join("plan.json")).unwrap())
                .unwrap();
        assert!(plan["fingerprint"].as_str().unwrap().starts_with("crc32:"));
        shop.ok(&["apply", "plan.json"]);
        let after = shop.ok(&["export", "--config"]);
        assert_ne!(after, before);
        // It is stale now, and says what it finds.
        let stale = shop.runs(&["apply", "plan.json"]);
        assert!(
            stale.status == 5 && stale.stderr.contains("the table changed since it was read"),
            "{stale:?}"
        );
        assert_eq!(shop.runs(&["apply", "--dry-run", "plan.json"]).status, 5);
        assert_eq!(shop.ok(&["export", "--config"]), after);
        shop.ok(&["apply", "undo.json"]);
        assert_eq!(shop.ok(&["export", "--config"]), before);
        // A script's plan as well; what its text says and what it starts from belong together.
        fs::write(shop.path().join("x.rhai"), "service::delete(args()[0])").unwrap();
        shop.ok(&["plan", "--out=delete.json", "x.rhai", WEB]);
        let text = fs::read_to_string(shop.path().join("delete.json")).unwrap();
        fs::write(
            shop.path().join("altered.json"),
            text.replacen("10.0.0.1:80", "10.0.0.9:80", 1),
        )
        .unwrap();
        let altered = shop.runs(&["apply", "altered.json"]);
        assert!(
            altered.status == 2 && altered.stderr.contains("it was changed by hand"),
            "{altered:?}"
        );
        let refused = shop.runs(&["apply", "--prune=services", "delete.json"]);
        assert!(
            refused.status == 2 && refused.stderr.contains("is a plan"),
            "{refused:?}"
        );
        // Counters and connections are no reason to be stale, nor is another service.
        shop.ok(&["add", "fwmark://7"]);
        shop.ok(&["apply", "delete.json"]);
        assert_eq!(shop.runs(&["list", WEB]).status, 3);
    }
}

#[test]
fn what_nobody_confirms_goes_back_by_itself() {
    for shop in Shop::every() {
        let confirmed = |text: &str| {
            format!(
                "transaction \"canary\" #{{ confirm: \"{text}\" }} {{ destination::edit(\"{WEB}\", \"10.0.0.1:80\", #{{ weight: 8 }}) }}"
            )
        };
        let made = shop.runs(&["eval", &confirmed("6s")]);
        assert!(
            made.status == 0 && made.stderr.contains("commit 1 rolls back automatically at"),
            "{made:?}"
        );
        assert_eq!(shop.weight(ONE), 8);
        let list = shop.ok(&["confirm", "--list"]);
        assert!(list.contains("canary"), "{list}");
        // A second change to it is a conflict that names the first; another object is free.
        let held = shop.runs(&["edit", ONE, "--weight", "3"]);
        assert!(
            held.status == 5
                && held.stderr.contains(
                    "tcp://192.0.2.1:80/10.0.0.1:80 is held by commit 1, which awaits confirmation until"
                )
                && held.stderr.contains("ipvsh confirm 1"),
            "{held:?}"
        );
        assert_eq!(shop.runs(&["delete", WEB]).status, 5);
        shop.ok(&["edit", TWO, "--weight", "4"]);
        shop.becomes(ONE, 1);
        assert_eq!(shop.json(&["history"])["commits"][0]["state"], "expired");
        let late = shop.runs(&["confirm", "1"]);
        assert!(
            late.status == 2 && late.stderr.contains("it is expired, rolled back"),
            "{late:?}"
        );
        assert_eq!(shop.weight(TWO), 4, "what came beside it stays");

        // Confirmed from another process, from the same script, and cancelled.
        shop.ok(&["eval", &confirmed("8s")]);
        shop.ok(&["confirm"]);
        let script = format!(
            "{}; confirm()",
            confirmed("8s").replace("weight: 8", "weight: 9")
        );
        shop.ok(&["eval", &script]);
        std::thread::sleep(Duration::from_secs(10));
        assert_eq!(shop.weight(ONE), 9);
        shop.ok(&["eval", &confirmed("10m")]);
        assert_eq!(shop.weight(ONE), 8);
        let undo = shop.runs(&["undo"]);
        assert!(
            undo.stderr.contains("`ipvsh cancel 5` rolls it back"),
            "{undo:?}"
        );
        let said = shop.ok(&["cancel"]);
        assert!(
            said.contains("commit 5 \"canary\"") && said.contains("is rolled back"),
            "{said}"
        );
        assert_eq!(shop.weight(ONE), 9);
        let none = shop.runs(&["cancel"]);
        assert!(
            none.status == 2 && none.stderr.contains("no commit awaits confirmation"),
            "{none:?}"
        );

        // A document, and a watcher that is killed: the next change finds the record.
        fs::write(
            shop.path().join("d.json"),
            r#"{"version":1,"services":[{"id":"tcp://192.0.2.1:80","destinations":[{"id":"10.0.0.1:80","weight":77}]}]}"#,
        )
        .unwrap();
        let made = shop.ok(&["apply", "--confirm", "6s", "d.json"]);
        assert!(made.contains("unless you run `ipvsh confirm 6`"), "{made}");
        let state = crate::support::state_of(shop.path());
        system(&format!("pkill -KILL -f '{}.* [w]atch 6'", state.display()));
        assert_eq!(shop.weight(ONE), 77);
        std::thread::sleep(Duration::from_millis(7500));
        assert_eq!(shop.weight(ONE), 77, "no one is there to take it back");
        let looks = shop.runs(&["list"]);
        assert!(
            looks.stderr.contains("commit 6 was not confirmed in time"),
            "{looks:?}"
        );
        let changes = shop.runs(&["edit", TWO, "--weight", "5"]);
        assert!(
            changes.status == 0
                && changes
                    .stderr
                    .contains("was not confirmed in time and is rolled back"),
            "{changes:?}"
        );
        assert_eq!(shop.weight(ONE), 9);
    }
}

#[test]
fn a_commit_that_nobody_confirms_outlives_its_terminal() {
    if !only_in_lab() {
        return;
    }
    let shop = Shop::real();
    for (line, after) in [("", 1), ("confirm", 6)] {
        let place = format!("{} kernel", system("uname -n").trim());
        let mut terminal = Terminal::start(shop.path(), &[], "dumb", &place);
        terminal.types(":begin \"by hand\"");
        terminal.types(&format!(
            "destination::edit(\"{WEB}\", \"10.0.0.1:80\", #{{ weight: 6 }})"
        ));
        let said = terminal.types(":commit 8s");
        assert!(said.contains("rolls back automatically at"), "{said}");
        // The program is killed, and its terminal goes away.
        terminal.signals("KILL");
        drop(terminal);
        assert_eq!(shop.weight(ONE), 6);
        if !line.is_empty() {
            shop.ok(&[line]);
        }
        std::thread::sleep(Duration::from_secs(10));
        assert_eq!(shop.weight(ONE), after, "{line}");
    }
}

#[test]
fn nothing_is_sent_without_a_journal() {
    for shop in Shop::every() {
        let edit = |options: &[&str]| {
            let mut all = options.to_vec();
            all.extend(["edit", ONE, "--weight", "5"]);
            let finished = shop.runs(&all);
            assert_eq!(shop.weight(ONE), 1, "{finished:?}");
            finished
        };
        fs::write(shop.path().join("file"), "in the way").unwrap();
        for folder in ["file", "/proc/nowhere", "file/below"] {
            let refused = edit(&["--state-dir", folder]);
            assert!(
                refused.status == 1
                    && refused.stderr.contains("can't write the journal")
                    && refused.stderr.contains("--no-journal"),
                "{refused:?}"
            );
        }
        let open = shop.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = edit(&["--state-dir", "open"]);
        assert!(
            refused.status == 1
                && refused
                    .stderr
                    .contains("can be written by others (its mode is 0777)"),
            "{refused:?}"
        );
        if nix::unistd::geteuid().is_root() {
            let theirs = shop.path().join("theirs");
            fs::create_dir(&theirs).unwrap();
            std::os::unix::fs::chown(&theirs, Some(1234), None).unwrap();
            let refused = edit(&["--state-dir", "theirs"]);
            assert!(
                refused.status == 1 && refused.stderr.contains("belongs to user 1234"),
                "{refused:?}"
            );
        }
        // A damaged record of something unfinished: who knows what it is about.
        shop.ok(&["edit", TWO, "--weight", "2"]);
        let state = shop.journal();
        fs::copy(
            state.join("00000001.json"),
            state.join("open/00000002.json"),
        )
        .unwrap();
        let refused = edit(&[]);
        assert!(
            refused.status == 1
                && refused
                    .stderr
                    .contains("record 2 of the journal is damaged")
                && refused.stderr.contains("ipvsh recover --discard 2"),
            "{refused:?}"
        );
        let listed = shop.runs(&["history"]);
        assert!(
            listed.stderr.contains("record 2 of the journal is damaged"),
            "{listed:?}"
        );
        shop.ok(&["recover", "--discard", "2"]);
        shop.ok(&["edit", ONE, "--weight", "5"]);
        assert_eq!(shop.weight(ONE), 5);
        // One that is over and damaged can't be taken back, and stands in no way.
        let path = state.join("00000001.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"weight\":2", "\"weight\":3", 1)).unwrap();
        let refused = shop.runs(&["undo", "1"]);
        assert!(
            refused.status == 1 && refused.stderr.contains("it was modified"),
            "{refused:?}"
        );
        shop.ok(&["edit", ONE, "--weight", "6"]);
        // A damaged one that may be the newest keeps nobody from undoing another by its number.
        let last = fs::read_to_string(state.join("last")).unwrap();
        let last: u64 = last.trim().parse().unwrap();
        fs::write(state.join(format!("{:08}.json", last + 1)), "?\n").unwrap();
        let refused = shop.runs(&["undo"]);
        assert!(
            refused.status == 1 && refused.stderr.contains("is damaged"),
            "{refused:?}"
        );
        shop.ok(&["undo", &last.to_string()]);
        assert_eq!(shop.weight(ONE), 5);
        shop.ok(&["edit", ONE, "--weight", "6"]);
        // Without a journal on request.
        let before = fs::read_dir(&state).unwrap().count();
        shop.ok(&["--no-journal", "edit", ONE, "--weight", "7"]);
        assert_eq!(fs::read_dir(&state).unwrap().count(), before);
        let refused = shop.runs(&["--no-journal", "history"]);
        assert!(
            refused.stderr.contains("no journal is kept here"),
            "{refused:?}"
        );
    }
}

#[test]
fn a_full_or_read_only_disk_lets_nothing_be_sent() {
    if !only_in_lab() {
        return;
    }
    let shop = Shop::real();
    let disk = tempfile::tempdir().unwrap();
    let at = disk.path().display();
    system(&format!("mount -t tmpfs -o size=16k,mode=0700 tmpfs {at}"));
    let folder = disk.path().to_str().unwrap();
    // What fits, fits; from the first one that does not, nothing is sent.
    let mut stopped = None;
    for weight in 2..40 {
        let text = weight.to_string();
        let edit = ["--state-dir", folder, "edit", ONE, "--weight", &text];
        let finished = shop.runs(&edit);
        if finished.status == 0 {
            assert_eq!(shop.weight(ONE), weight);
            continue;
        }
        assert!(
            finished.status == 1
                && finished.stderr.contains("No space left on device")
                && finished.stderr.contains("--state-dir"),
            "{finished:?}"
        );
        stopped = Some(weight);
        break;
    }
    let stopped = stopped.expect("the disk gets full");
    assert_eq!(shop.weight(ONE), stopped - 1);
    assert_eq!(system(&format!("ls {at}/journal/open")), "");
    system(&format!("mount -o remount,ro,size=1m {at}"));
    let refused = shop.runs(&["--state-dir", folder, "edit", ONE, "--weight", "77"]);
    assert!(
        refused.status == 1 && refused.stderr.contains("Read-only file system"),
        "{refused:?}"
    );
    assert_eq!(shop.weight(ONE), stopped - 1);
    system(&format!("umount {at}"));
}

#[test]
fn two_writers_and_the_original_lose_no_update() {
    if !only_in_lab() {
        return;
    }
    let shop = Shop::real();
    let seconds = 30;
    fs::write(
        shop.path().join("count.rhai"),
        format!(
            "let won = 0; let lost = 0; let unsure = 0; let deadline = now() + {seconds}.seconds;\n\
             while now() < deadline {{\n\
                 try {{\n\
                     transaction {{\n\
                         let d = destination::get(\"{WEB}\", \"10.0.0.1:80\");\n\
                         d.edit(#{{ weight: d.weight + 1 }});\n\
                         destination::edit(\"{WEB}\", \"10.0.0.2:80\", #{{ weight: 1000 + won }});\n\
                     }}\n\
                     won += 1;\n\
                 }} catch (e) {{ switch e.kind {{ \"conflict\" => lost += 1, \"indeterminate\" => unsure += 1, _ => throw e }} }}\n\
             }}\n\
             print(`${{won}} ${{lost}} ${{unsure}}`);\n"
        ),
    )
    .unwrap();
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let mut command = ipvsh_command(shop.path(), &["run", "count.rhai"]);
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    // The original writes what one of them writes too, and what they only read.
    let mut rounds = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        system(&format!(
            "ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.2:80 -w {}; ipvsadm -A -f {rounds}1; ipvsadm -D -f {rounds}1",
            rounds % 100
        ));
        rounds += 1;
    }
    // What the original overwrote between sending and reading back is no success, and is there all the same but for that.
    let mut sums = [0; 3];
    for writer in writers {
        let finished: Finished = writer.wait_with_output().unwrap().into();
        assert_eq!(finished.status, 0, "{finished:?}");
        for (sum, number) in sums.iter_mut().zip(finished.stdout.split_whitespace()) {
            *sum += number.parse::<i64>().unwrap();
        }
    }
    let [won, lost, unsure] = sums;
    println!(
        "{won} commits, {lost} conflicts, {unsure} overwritten, {rounds} rounds of the original"
    );
    assert!(won > 20 && rounds > 10, "{won} {rounds}");
    assert_eq!(shop.weight(ONE), 1 + won + unsure);
    let list = shop.json(&["history"]);
    let commits = list["commits"].as_array().unwrap();
    let count = |state: &str| {
        let found = commits.iter().filter(|commit| commit["state"] == state);
        i64::try_from(found.count()).unwrap()
    };
    // The journal forgets the oldest.
    if commits.len() < 900 {
        assert_eq!((count("committed"), count("indeterminate")), (won, unsure));
    }
    assert_eq!(
        i64::try_from(commits.len()).unwrap(),
        count("committed") + count("indeterminate")
    );
}

#[test]
fn records_of_what_is_gone_are_void() {
    if !only_in_lab() {
        return;
    }
    let shop = Shop::real();
    let state = crate::support::state_of(shop.path()).join("journal");
    shop.ok(&["edit", ONE, "--weight", "2"]);
    // Made again as what a crash leaves: of an earlier boot, and of a namespace that ended.
    let mut journal = Journal::open(state.parent().unwrap(), &kernel()).unwrap();
    let real = journal.record(1).unwrap();
    let TableIdentity::Kernel {
        boot,
        namespace,
        cookie,
        name,
    } = real.intent.table.clone()
    else {
        panic!("it is a kernel's")
    };
    let gone = [
        TableIdentity::Kernel {
            boot: "another".to_owned(),
            namespace: namespace.clone(),
            cookie,
            name: name.clone(),
        },
        TableIdentity::Kernel {
            boot: boot.clone(),
            namespace: namespace.clone(),
            cookie: cookie.map(|cookie| cookie + 1000),
            name: name.clone(),
        },
        TableIdentity::Kernel {
            boot,
            namespace: "4:1".to_owned(),
            cookie: Some(1),
            name,
        },
    ];
    for table in gone {
        let mut intent = real.intent.clone();
        intent.table = table;
        begin(&mut journal, &mut intent, &real.plan().unwrap()).unwrap();
    }
    drop(journal);
    let changes = shop.runs(&["edit", TWO, "--weight", "2"]);
    assert!(
        changes.status == 0 && changes.stderr.matches("its table no longer exists").count() == 2,
        "{changes:?}"
    );
    assert_eq!(shop.weight(ONE), 2);
    // Whether another namespace is still there is looked at when it is asked for.
    let said = shop.ok(&["recover"]);
    assert!(
        said.contains("commit 4") && said.contains("its table no longer exists"),
        "{said}"
    );
    assert_eq!(
        shop.json(&["history", "--all"])["commits"][3]["state"],
        "void"
    );
    assert_eq!(shop.ok(&["recover"]), "");
}

#[test]
fn the_record_of_a_small_change_is_small() {
    let place = Place::simulated();
    let mut many = vec![ipvsh::backend::Operation::AddService {
        key: key(WEB),
        configuration: Box::default(),
    }];
    for number in 1..=250 {
        many.push(ipvsh::backend::Operation::AddDestination {
            service: key(WEB),
            key: server(&format!("10.0.0.{number}:80")),
            configuration: DestinationConfiguration::default(),
        });
    }
    place.prepare(&many);
    let state = tempfile::tempdir().unwrap();
    let mut session = crate::support::with_journal(place.session(), state.path());
    let edit = ipvsh::model::DestinationEdit {
        weight: Some(Weight::new(5).unwrap()),
        ..ipvsh::model::DestinationEdit::default()
    };
    let _done = session
        .edit_destination(key(WEB), server("10.0.0.7:80"), &edit)
        .unwrap();
    let length = fs::metadata(crate::support::record_file(state.path(), 1))
        .unwrap()
        .len();
    assert!(length < 4096, "{length}");
}

#[test]
fn a_time_to_confirm_is_for_what_is_committed() {
    let shop = Shop::simulated();
    let inner = shop.runs(&[
        "eval",
        "transaction { transaction #{ confirm: \"60s\" } { service::add(\"fwmark://3\") } }",
    ]);
    assert!(
        inner.status == 1 && inner.stderr.contains("set the time there"),
        "{inner:?}"
    );
    let confirmed = "transaction #{ confirm: \"60s\" } { service::add(\"fwmark://3\") }; confirm()";
    // A dry run has nothing to confirm; a table without a journal keeps what is confirmed in the same way.
    let dry = shop.ok(&["eval", "--dry-run", confirmed]);
    assert!(dry.contains("1 to add"), "{dry}");
    let without = ipvsh(shop.path(), &["--sim", "eval", confirmed]);
    assert!(
        without.status == 0 && !without.stderr.contains("warning"),
        "{without:?}"
    );
    for wrong in ["0s", "60"] {
        let refused = shop.runs(&["apply", "--confirm", wrong, "x.json"]);
        assert_eq!(refused.status, 2, "{refused:?}");
    }
    let without = shop.runs(&["--no-journal", "eval", "history::list()"]);
    assert!(
        without.stderr.contains("no journal is kept here"),
        "{without:?}"
    );
    assert_eq!(shop.runs(&["list", "fwmark://3"]).status, 3);
}

#[test]
fn who_only_looks_leaves_the_file_of_a_simulation_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.json");
    let text = r#"{ "version": 1, "comment": "mine", "services": [{ "id": "fwmark://7" }] }"#;
    fs::write(&file, text).unwrap();
    for arguments in [
        &["eval", "service::list().len()"][..],
        &["eval", "rehearse { service::delete(\"fwmark://7\") }"],
        &[
            "eval",
            "transaction { service::add(\"fwmark://8\"); rollback(\"no\") }",
        ],
        &["ipvsadm", "-Ln"],
        &["list"],
    ] {
        let mut all = vec!["--sim-state=table.json"];
        all.extend(arguments);
        ipvsh_ok(folder.path(), &all);
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{arguments:?}");
    }
    ipvsh_ok(
        folder.path(),
        &["--sim-state=table.json", "ipvsadm", "-D", "-f", "7"],
    );
    assert!(!fs::read_to_string(&file).unwrap().contains("fwmark"));
}

#[test]
fn of_a_record_that_can_not_be_read_every_command_says_the_same() {
    use crate::support::shop::{ONE, Shop};
    for how in ["garbage", "empty", "cut", "bytes", "folder"] {
        let shop = Shop::simulated();
        shop.ok(&["edit", ONE, "--weight", "3"]);
        let closed = shop.journal().join("00000001.json");
        let open = shop.journal().join("open/00000001.json");
        let line = fs::read_to_string(&closed).unwrap();
        fs::remove_file(&closed).unwrap();
        match how {
            "garbage" => fs::write(&open, "{\"x\n").unwrap(),
            "empty" => fs::write(&open, "").unwrap(),
            "cut" => fs::write(&open, &line[..line.find('\n').unwrap() / 2]).unwrap(),
            "bytes" => fs::write(&open, [0xff, 0xfe, b'\n']).unwrap(),
            _ => fs::create_dir(&open).unwrap(),
        }
        let change = shop.runs(&["edit", ONE, "--weight", "4"]);
        let recover = shop.runs(&["recover"]);
        let undo = shop.runs(&["undo"]);
        for refused in [&change, &recover, &undo] {
            assert_ne!(refused.status, 0, "{how}: {refused:?}");
            assert!(
                refused
                    .stderr
                    .contains("record 1 of the journal is damaged")
                    && refused.stderr.contains("recover --discard 1"),
                "{how}: {refused:?}"
            );
        }
        assert_eq!(change.stderr, recover.stderr, "{how}");
        assert_eq!(shop.weight(ONE), 3, "{how}");
        shop.ok(&["recover", "--discard", "1"]);
        shop.ok(&["edit", ONE, "--weight", "4"]);
    }
}

#[test]
fn times_of_the_history_are_local_and_say_their_zone() {
    let shop = Shop::simulated();
    shop.ok(&["edit", TWO, "--weight", "2"]);
    let recorded = shop.json(&["history"])["commits"][0]["time"].clone();
    let recorded = recorded
        .as_str()
        .unwrap()
        .trim_end_matches('Z')
        .replace('T', " ");
    let shown = |zone: &str, words: &[&str]| {
        let mut command = ipvsh_command(shop.path(), &shop.arguments(words));
        command.env("TZ", zone);
        let finished: Finished = command.output().unwrap().into();
        assert_eq!(finished.status, 0, "{finished:?}");
        finished.stdout
    };
    for words in [&["history"][..], &["history", "show", "1"]] {
        assert!(
            shown("UTC", words).contains(&format!("{recorded} UTC")),
            "{words:?}"
        );
        // Half an hour off everyone else, so that it is no chance.
        let local = shown("<+0530>-5:30", words);
        assert!(
            local.contains(" +0530") && !local.contains(&recorded),
            "{local}"
        );
        let utc = [words, &["--utc"]].concat();
        assert!(
            shown("<+0530>-5:30", &utc).contains(&format!("{recorded} UTC")),
            "{utc:?}"
        );
    }
    // For programs it is one time wherever they are.
    let json = shown("<+0530>-5:30", &["--json", "history"]);
    assert!(
        json.contains(&format!("{}Z", recorded.replace(' ', "T"))),
        "{json}"
    );
}
