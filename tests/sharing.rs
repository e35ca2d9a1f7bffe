//! Many programs on one table: the commit lock, the file of a simulated table, and what a killed program leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::{Finished, Random, in_lab, ipvsh_command, only_in_lab, state_of};

fn start(shop: &Shop, arguments: &[&str]) -> Child {
    ipvsh_command(shop.path(), &shop.arguments(arguments))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended(child: Child) -> Finished {
    child.wait_with_output().unwrap().into()
}

fn services(shop: &Shop) -> Vec<String> {
    let list = shop.ok(&[
        "--no-journal",
        "eval",
        "service::list().map(|s| s.id)",
        "--json",
    ]);
    let value: serde_json::Value = serde_json::from_str(&list).unwrap();
    let ids = value["value"].as_array().or(value.as_array()).unwrap();
    ids.iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

/// Whatever is in a folder and all below, by name.
fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        names.push(entry.file_name().to_string_lossy().into_owned());
        if entry.path().is_dir() {
            names.extend(names_below(&entry.path()));
        }
    }
    names
}

/// How many programs at once.
const MANY: usize = 50;

#[test]
fn of_many_writers_at_once_none_loses_what_another_did() {
    for shop in Shop::every() {
        for journal in [true, false] {
            let offset = if journal { 1000 } else { 2000 };
            let writers: Vec<(String, Child)> = (0..MANY)
                .map(|number| {
                    let key = format!("tcp://192.0.2.9:{}", offset + number);
                    let mut words = vec!["-q", "--lock-wait", "60s", "add", &key];
                    if !journal {
                        words.insert(0, "--no-journal");
                    }
                    let child = start(&shop, &words);
                    (key, child)
                })
                .collect();
            let mut keys = Vec::new();
            for (key, child) in writers {
                let finished = ended(child);
                assert_eq!(finished.status, 0, "{finished:?}");
                keys.push(key);
            }
            let found = services(&shop);
            for key in keys {
                assert!(found.contains(&key), "{key} was committed and is not there");
            }
        }
    }
}

/// Adds, edits, undos and kills together: what is said to be done is there, and no record says what is not true.
#[test]
fn of_writers_that_are_killed_at_random_nothing_untrue_remains() {
    for shop in Shop::every() {
        let mut random = Random::new(7);
        for round in 0..3u64 {
            let mut running = Vec::new();
            for number in 0..MANY {
                let key = format!("tcp://192.0.2.{}:{}", 20 + round, 1000 + number);
                let weight = random.below(100).to_string();
                let words: Vec<&str> = match number % 5 {
                    0..=2 => vec!["-q", "--lock-wait", "60s", "add", &key],
                    3 => vec!["-q", "--lock-wait", "60s", "edit", ONE, "--weight", &weight],
                    _ => vec!["-q", "--lock-wait", "60s", "undo"],
                };
                let mut child = start(&shop, &words);
                let killed = random.chance(6);
                if killed {
                    std::thread::sleep(Duration::from_millis(random.below(20) as u64));
                    child.kill().unwrap();
                }
                running.push((number, key, killed, child));
            }
            let mut added = Vec::new();
            let mut undone = 0;
            for (number, key, killed, child) in running {
                let finished = ended(child);
                match finished.status {
                    0 if number % 5 <= 2 => added.push(key),
                    0 if number % 5 == 4 => undone += 1,
                    0 => {}
                    -1 => assert!(killed, "{finished:?}"),
                    // A conflict, a commit of a killed program in the way, or nothing to undo: said, and nothing sent.
                    2 | 5 => assert!(finished.stderr.contains("error: "), "{finished:?}"),
                    // Recovered in the end of another's: what is left to others is said.
                    4 => assert!(finished.stderr.contains("left"), "{finished:?}"),
                    other => panic!("{other}: {finished:?}"),
                }
            }
            let recovered = shop.runs(&["recover"]);
            assert!([0, 4].contains(&recovered.status), "{recovered:?}");
            let found = services(&shop);
            let lost = added.iter().filter(|key| !found.contains(key)).count();
            assert!(
                lost <= undone,
                "{lost} commits are gone, and {undone} were taken back"
            );
            let history: serde_json::Value =
                serde_json::from_str(&shop.ok(&["history", "--json"])).unwrap();
            assert_eq!(history["damaged"], serde_json::json!([]));
            for commit in history["commits"].as_array().unwrap() {
                assert_ne!(commit["state"], "unfinished", "{commit}");
            }
        }
        // Nothing is left beside the file, nor in the journal.
        let left: Vec<String> = names_below(shop.path())
            .into_iter()
            .filter(|name| name.contains("new") || name.contains(".tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_another_program_wrote_is_seen_by_one_that_runs() {
    let shop = Shop::simulated();
    // Time on a simulated table is virtual: the other program comes while this one looks again and again.
    let script = "let before = service::list().len(); let n = 0; while service::list().len() == before && n < 100000 { n += 1; } print(service::list().len() - before); service::add(\"fwmark://5\")";
    fs::write(shop.path().join("x.rhai"), script).unwrap();
    let child = start(&shop, &["run", "x.rhai"]);
    std::thread::sleep(Duration::from_millis(500));
    shop.ok(&["add", "fwmark://4"]);
    let finished = ended(child);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert!(finished.stdout.ends_with("1\n"), "{finished:?}");
    let found = services(&shop);
    assert!(found.contains(&"fwmark://4".to_owned()) && found.contains(&"fwmark://5".to_owned()));
}

#[test]
fn a_lock_of_someone_who_could_not_commit_keeps_nobody_from_it() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: to become someone who could not commit takes root");
        return;
    }
    for shop in Shop::every() {
        let place = if shop.is_simulated() {
            fs::set_permissions(shop.path(), fs::Permissions::from_mode(0o755)).unwrap();
            shop.path().join("table.json").display().to_string()
        } else {
            "/proc/self/ns/net".to_owned()
        };
        let mut holder = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(["--inh-caps=-all", "flock", "-x", &place, "sleep", "60"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(if in_lab() { 500 } else { 200 }));
        let begun = Instant::now();
        shop.ok(&["edit", ONE, "--weight", "7"]);
        // A commit that waits to be confirmed goes back in its time.
        fs::write(
            shop.path().join("c.rhai"),
            format!("transaction #{{ confirm: \"1s\" }} {{ service::delete(\"{WEB}\") }}"),
        )
        .unwrap();
        shop.ok(&["run", "c.rhai"]);
        let end = Instant::now() + Duration::from_secs(40);
        while !services(&shop).contains(&WEB.to_owned()) {
            assert!(Instant::now() < end, "the commit does not go back");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(
            holder.try_wait().unwrap().is_none(),
            "the lock was not held all the time"
        );
        assert!(begun.elapsed() < Duration::from_secs(45));
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_eq!(shop.weight(ONE), 7);
    }
}

#[test]
fn who_may_not_commit_may_not_open_the_lock() {
    if !only_in_lab() {
        return;
    }
    let refused = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([
            "--inh-caps=-all",
            "cat",
            "/proc/sys/net/ipv4/tcp_fastopen_key",
        ])
        .output()
        .unwrap();
    assert!(!refused.status.success());
}

/// A process that commits is named to those who wait for it, and `recover` waits however long that takes.
#[test]
fn who_holds_the_lock_is_said_and_waited_for() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    let open = shop.journal().join("open");
    let mut holder = Command::new("flock")
        .args(["-x", open.to_str().unwrap(), "sleep", "3"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let refused = shop.runs(&["--lock-wait", "200ms", "edit", ONE, "--weight", "9"]);
    assert_eq!(refused.status, 5, "{refused:?}");
    assert!(
        refused.stderr.contains("is held by flock (process ")
            && refused.stderr.contains("waited 0 s"),
        "{refused:?}"
    );
    // Something to recover: a record of a program that is gone.
    let last = open.parent().unwrap().join("00000001.json");
    let text = fs::read_to_string(&last).unwrap();
    let first = text.lines().next().unwrap();
    fs::write(open.join("00000001.json"), format!("{first}\n")).unwrap();
    fs::set_permissions(
        open.join("00000001.json"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    fs::remove_file(&last).unwrap();
    let recovered = shop.runs(&["--lock-wait", "100ms", "recover"]);
    assert_eq!(recovered.status, 0, "{recovered:?}");
    assert!(
        recovered
            .stderr
            .contains("waiting for the commit lock, which is held by flock"),
        "{recovered:?}"
    );
    holder.wait().unwrap();
}

#[test]
fn simulated_tables_and_the_kernels_number_and_keep_their_own() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    let other = crate::support::ipvsh_ok(
        shop.path(),
        &["--sim-state=other.json", "add", "fwmark://1"],
    );
    assert!(other.contains("as 1."), "{other}");
    let code = "for n in 0..1100 { destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.1:80\", #{ weight: n % 2 }) }";
    crate::support::ipvsh_ok(shop.path(), &["--sim-state=table.json", "-q", "eval", code]);
    // The other table's commit is still there, and of this one's the oldest are said to be gone.
    let kept = crate::support::ipvsh_ok(shop.path(), &["--sim-state=other.json", "history"]);
    assert!(kept.contains("\n1 ") || kept.contains(" 1 "), "{kept}");
    let listed = shop.runs(&["history"]);
    assert!(
        listed
            .stderr
            .contains("are no longer kept: the journal keeps the last 1000 of a table"),
        "{}",
        listed.stderr
    );
    let gone = shop.runs(&["history", "show", "1"]);
    assert!(
        gone.status != 0 && gone.stderr.contains("commit 1 is no longer in the journal"),
        "{gone:?}"
    );
    let json: serde_json::Value = serde_json::from_str(&shop.ok(&["history", "--json"])).unwrap();
    assert!(json["forgotten"].as_u64().is_some_and(|number| number > 1));
    let count = json["commits"].as_array().unwrap().len();
    assert!((1000..1100).contains(&count), "{count}");
}

#[test]
fn a_torn_outcome_is_no_damage_and_undo_still_works() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    shop.ok(&["edit", TWO, "--weight", "4"]);
    let folder = shop.journal();
    let path = folder.join("00000002.json");
    let text = fs::read(&path).unwrap();
    let first = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in first..text.len() {
        fs::write(&path, &text[..length]).unwrap();
        let shown = shop.ok(&["history", "show", "2"]);
        assert!(
            shown.starts_with("commit 2   committed"),
            "{length}: {shown}"
        );
    }
    shop.ok(&["undo"]);
    assert_eq!(shop.weight(TWO), 1);
}

#[test]
fn a_full_disk_or_a_limit_on_files_is_an_error_and_no_death() {
    let shop = Shop::simulated();
    let line = format!(
        "ulimit -f 1; exec {} --sim-state=table.json eval 'for n in 0..40 {{ service::add(`fwmark://${{n + 1}}`) }}'",
        env!("CARGO_BIN_EXE_ipvsh")
    );
    let finished: Finished = Command::new("sh")
        .args(["-c", &line])
        .current_dir(shop.path())
        .env("IPVSH_STATE_DIR", state_of(shop.path()))
        .env("IPVSH_CONFIG", "")
        .output()
        .unwrap()
        .into();
    assert!(
        [1, 7].contains(&finished.status) && finished.stderr.contains("error: "),
        "{finished:?}"
    );
    // What is said to be committed is there.
    let found = services(&shop).len() - 1;
    let history: serde_json::Value =
        serde_json::from_str(&shop.ok(&["history", "--json"])).unwrap();
    let commits = history["commits"].as_array().unwrap();
    let standing = commits
        .iter()
        .filter(|commit| commit["state"] == "committed")
        .count();
    assert_eq!(found, standing, "{history}");
}

#[test]
fn a_state_folder_that_others_could_replace_is_refused() {
    let shop = Shop::simulated();
    let open = shop.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = shop.runs(&["--state-dir", "open/state", "edit", ONE, "--weight", "3"]);
    assert!(
        refused.status == 1
            && refused
                .stderr
                .contains("where anyone may write (its mode is 0777)")
            && refused.stderr.contains("--state-dir"),
        "{refused:?}"
    );
    assert_eq!(shop.weight(ONE), 1);
    // A sticky one is how /tmp is made: there nobody replaces what is someone else's.
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    shop.ok(&["--state-dir", "open/state", "edit", ONE, "--weight", "3"]);
}

#[test]
fn a_number_that_can_not_go_on_is_refused() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    let folder = shop.journal();
    let last = folder.join("last");
    fs::write(&last, u64::MAX.to_string()).unwrap();
    let refused = shop.runs(&["edit", ONE, "--weight", "4"]);
    assert!(
        refused.status == 1
            && refused
                .stderr
                .contains("18446744073709551615 is the last one")
            && refused.stderr.contains("remove "),
        "{refused:?}"
    );
    assert_eq!(shop.weight(ONE), 3);
    fs::remove_file(&last).unwrap();
    assert!(shop.ok(&["edit", ONE, "--weight", "4"]).contains("as 2."));
}

#[test]
fn a_pipe_in_the_journal_is_named_and_hangs_nothing() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    let open = shop.journal().join("open");
    let pipe = open.join("00000007.json");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for command in [&["history"][..], &["list"], &["edit", ONE, "--weight", "4"]] {
        let finished = shop.runs(command);
        assert!(
            command[0] == "list" || finished.stderr.contains("it is not a plain file"),
            "{command:?}: {finished:?}"
        );
    }
}

/// Damages nothing: a record that can be read is not set aside, whether its commit is over or waits to be confirmed.
#[test]
fn only_what_is_damaged_can_be_discarded() {
    let shop = Shop::simulated();
    shop.ok(&["edit", ONE, "--weight", "3"]);
    let refused = shop.runs(&["recover", "--discard", "1"]);
    assert!(
        refused.status == 2 && refused.stderr.contains("record 1 is not damaged"),
        "{refused:?}"
    );
    let path = shop.journal().join("00000001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("edit", "tide", 1)).unwrap();
    shop.ok(&["recover", "--discard", "1"]);
    assert!(!path.exists());
}

/// The record of a commit of which something is left in the table.
fn commit_with_residue(shop: &Shop) {
    shop.ok(&["edit", ONE, "--weight", "5"]);
    let path = shop.journal().join("00000001.json");
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    let mut event: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let record = serde_json::to_string(&{
        let mut record = event["record"].take();
        record["kind"] = "indeterminate".into();
        record["left"] = serde_json::json!(["weight 5 -> 1"]);
        record
    })
    .unwrap();
    let sum = ipvsh::document::checksum(record.as_bytes());
    let line = format!("{{\"checksum\":\"{sum}\",\"record\":{record}}}");
    fs::write(&path, format!("{first}\n{line}\n")).unwrap();
}

#[test]
fn what_a_commit_left_can_be_rolled_back_or_completed() {
    for (command, weight) in [
        (&["undo"][..], 1),
        (&["undo", "1"], 1),
        (&["recover", "1"], 1),
        (&["recover", "1", "--forward"], 5),
    ] {
        let shop = Shop::simulated();
        commit_with_residue(&shop);
        shop.ok(command);
        assert_eq!(shop.weight(ONE), weight, "{command:?}");
        let again = shop.runs(&["recover", "1"]);
        assert!(
            again.status == 2 && again.stderr.contains("left no residue"),
            "{again:?}"
        );
    }
    // What others changed since is left to them, and said.
    let shop = Shop::simulated();
    commit_with_residue(&shop);
    shop.ok(&["--no-journal", "edit", ONE, "--weight", "8"]);
    let recovered = shop.runs(&["recover", "1"]);
    assert!(
        recovered.status == 4 && recovered.stderr.contains("--weight 1"),
        "{recovered:?}"
    );
    assert_eq!(shop.weight(ONE), 8);
}

/// A program that was killed between its first request and its last word.
fn cut_off(shop: &Shop) {
    shop.ok(&["edit", ONE, "--weight", "5"]);
    let path = shop.journal().join("00000001.json");
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap();
    let open = shop.journal().join("open/00000001.json");
    fs::write(&open, format!("{first}\n")).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(path).unwrap();
}

#[test]
fn undo_after_a_crash_is_the_recovery_and_nothing_more() {
    for number in [&["undo"][..], &["undo", "1"]] {
        let shop = Shop::simulated();
        cut_off(&shop);
        let finished = shop.runs(number);
        assert_eq!(finished.status, 0, "{finished:?}");
        assert!(
            finished.stderr.contains("nothing else was undone"),
            "{finished:?}"
        );
        assert_eq!(shop.weight(ONE), 1);
    }
}

#[test]
fn who_keeps_no_journal_is_told_what_is_still_to_be_done() {
    let shop = Shop::simulated();
    cut_off(&shop);
    let finished = shop.runs(&["--no-journal", "edit", TWO, "--weight", "4"]);
    assert_eq!(finished.status, 0, "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("warning: commit 1 was interrupted"),
        "{finished:?}"
    );
}

/// What saves many times under one lock, as the recovery of a runbook does, is met by those who share the file alone.
#[test]
fn a_recovery_loses_nothing_that_others_commit_meanwhile() {
    let shop = Shop::simulated();
    let steps: String = (0..60)
        .map(|number| {
            format!(
                "step \"s{number}\" {{ service::add(\"fwmark://{}\"); }} ",
                number + 1
            )
        })
        .collect();
    fs::write(
        shop.path().join("r.rhai"),
        format!(
            "runbook \"many\" {{ {steps} step \"hold\" {{ let n = 0; while true {{ n += 1; }} }} }}"
        ),
    )
    .unwrap();
    let mut child = start(&shop, &["run", "--max-operations", "0", "r.rhai"]);
    let end = Instant::now() + Duration::from_secs(60);
    while services(&shop).len() < 61 {
        assert!(Instant::now() < end, "the steps are not done");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let recovery = start(&shop, &["recover"]);
    let mut added = Vec::new();
    for number in 0..15 {
        let key = format!("tcp://192.0.2.77:{}", 1000 + number);
        shop.ok(&["--no-journal", "--lock-wait", "60s", "-q", "add", &key]);
        added.push(key);
    }
    let recovered = ended(recovery);
    assert_eq!(recovered.status, 0, "{recovered:?}");
    let found = services(&shop);
    for key in added {
        assert!(found.contains(&key), "{key} was committed and is not there");
    }
    assert!(!found.iter().any(|key| key.starts_with("fwmark://")));
}
