//! What is asked of the program and is not what it takes, gives or may: unknown words, hostile scripts, foreign texts. Each test
//! stands for a kind.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::{Finished, Random, ipvsh, ipvsh_command, ipvsh_ok};

const LINES: &str = "-A -t 192.0.2.7:80 -s rr\n-a -t 192.0.2.7:80 -r 10.0.0.7:80 -g -w 1\n";

fn fed(shop: &Shop, arguments: &[&str], input: &str) -> Finished {
    let mut child = ipvsh_command(shop.path(), &shop.arguments(arguments))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write;
    // One that refuses reads nothing.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

fn table(shop: &Shop) -> String {
    shop.ok(&["--no-journal", "export", "--config"])
}

#[test]
fn a_word_of_ours_that_is_none_keeps_the_table_as_it_is() {
    let shop = Shop::simulated();
    let before = table(&shop);
    for word in [
        "--dryrun",
        "--dry-run=x",
        "--diff=1",
        "--complete",
        "--help",
        "--sim",
        "--netns=web",
        "--guard=last_server",
        "--",
    ] {
        let finished = fed(&shop, &["ipvsadm-restore", word], LINES);
        assert!(
            finished.status == 2
                && finished.stderr.contains("unknown option")
                && finished.stderr.contains(word),
            "{word}: {finished:?}"
        );
        assert_eq!(table(&shop), before, "{word}");
    }
    // Other words are passed over, as the original's script does it.
    assert_eq!(fed(&shop, &["ipvsadm-restore", "-n", "x"], LINES).status, 0);
    assert_ne!(table(&shop), before);
}

/// Known options misspelt by a letter, with an empty value, or doubled: whatever exits 0 did what it was told, and nothing is
/// changed by a word that was passed over.
#[test]
fn no_run_succeeds_after_ignoring_a_word() {
    let shop = Shop::simulated();
    fs::write(
        shop.path().join("plain.rhai"),
        "service::add(\"fwmark://9\");\n",
    )
    .unwrap();
    let commands: [&[&str]; 9] = [
        &["edit", ONE, "--weight", "7"],
        &["add", "fwmark://9", "--scheduler", "rr"],
        &["delete", WEB],
        &["ensure", ONE, "--weight", "7"],
        &["drain", "10.0.0.1", "--deadline", "1s", "--late", "keep"],
        &["run", "plain.rhai"],
        &["eval", "service::add(\"fwmark://9\")"],
        &["ipvsadm", "-A", "-f", "9", "-s", "rr"],
        &["undo"],
    ];
    let options = [
        "--dry-run",
        "--no-journal",
        "--guard=last_server",
        "--override=last_server",
        "--lock-wait=3s",
        "--state-dir=state",
        "--max-size=99999",
        "--json",
        "--quiet",
        "--exit-code",
    ];
    let before = table(&shop);
    let mut random = Random::new(11);
    let mut refused = 0;
    for _ in 0..240 {
        let command = random.pick(&commands);
        let option = random.pick(&options);
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let mut letters: Vec<char> = name.chars().collect();
        let place = 2 + random.below(letters.len() - 2);
        match random.below(4) {
            0 => letters[place] = 'q',
            1 => letters.insert(place, 'q'),
            2 if letters.len() > 4 => {
                letters.remove(place);
            }
            _ => {
                let other = 2 + (place - 1) % (letters.len() - 2);
                letters.swap(place, other);
            }
        }
        let misspelt: String = letters.into_iter().collect();
        let word = match random.below(3) {
            // An empty value, where one is wanted.
            0 if !value.is_empty() => format!("{name}="),
            _ if misspelt == name => continue,
            _ if value.is_empty() => misspelt,
            _ => format!("{misspelt}={value}"),
        };
        let mut words: Vec<&str> = command.to_vec();
        // At the end, and for a script behind its name too.
        words.push(&word);
        let finished = shop.runs(&words);
        assert_ne!(finished.status, 0, "{words:?}: {finished:?}");
        assert_eq!(table(&shop), before, "{words:?}: {finished:?}");
        refused += 1;
    }
    assert!(refused > 150, "{refused}");
}

#[test]
fn arguments_that_a_script_does_not_ask_for_are_refused() {
    let shop = Shop::simulated();
    fs::write(
        shop.path().join("plain.rhai"),
        "service::add(\"fwmark://9\");\n",
    )
    .unwrap();
    fs::write(
        shop.path().join("args.rhai"),
        "print(args()); service::add(\"fwmark://9\");\n",
    )
    .unwrap();
    let before = table(&shop);
    for words in [
        &["run", "plain.rhai", "foo"][..],
        &["run", "plain.rhai", "--guard=last_server"],
        &["run", "plain.rhai", "--", "--dry-run"],
        &["plan", "plain.rhai", "--exit-code"],
        &["run", "args.rhai", "--guard=last_server"],
        &["run", "args.rhai", "--no-journal"],
        &["eval", "service::add(\"fwmark://9\")", "--", "--dry-run"],
        &["run", "--step", "plain.rhai"],
    ] {
        let finished = shop.runs(words);
        assert_ne!(finished.status, 0, "{words:?}: {finished:?}");
        assert_eq!(table(&shop), before, "{words:?}");
    }
}

#[test]
fn an_empty_list_of_files_allows_none() {
    let shop = Shop::simulated();
    let file = shop.path().join("secret.txt");
    fs::write(&file, "x").unwrap();
    let code = format!("read_text({file:?})");
    for option in ["--allow-read=", "--allow-read=,", "--allow-read=/nowhere,"] {
        let finished = shop.runs(&["eval", option, &code]);
        assert_eq!(finished.status, 2, "{option}: {finished:?}");
        assert!(!finished.stdout.contains('x'));
    }
    assert_eq!(shop.ok(&["eval", "--allow-read", &code]), "x\n");
}

#[test]
fn a_variable_that_is_none_of_ours_is_refused() {
    let shop = Shop::simulated();
    for name in ["IPVSH_CONFG", "IPVSH_GUARD", "IPVSH_STAT_DIR"] {
        let finished: Finished = ipvsh_command(
            shop.path(),
            &shop.arguments(&["edit", ONE, "--weight", "7"]),
        )
        .env(name, "x")
        .output()
        .unwrap()
        .into();
        assert!(
            finished.status == 2 && finished.stderr.contains(name),
            "{finished:?}"
        );
    }
    assert_eq!(shop.weight(ONE), 1);
}

#[test]
fn inner_commands_answer_to_the_program_alone() {
    let shop = Shop::simulated();
    let begun = Instant::now();
    let finished = shop.runs(&["watch", "2"]);
    assert!(
        finished.status == 2
            && finished
                .stderr
                .contains("only a commit that awaits confirmation starts it"),
        "{finished:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn help_on_a_command_explains_the_command() {
    let shop = Shop::simulated();
    for name in ["drain", "add", "list", "run", "ipvsadm", "recover"] {
        let text = shop.ok(&["help", name]);
        assert!(text.contains(&format!("ipvsh {name}")), "{name}: {text}");
    }
    assert!(
        shop.ok(&["help", "service::edit"])
            .contains("service::edit")
    );
}

#[test]
fn objects_are_named_alike_by_every_command() {
    let shop = Shop::simulated();
    for object in [
        WEB,
        ONE,
        "10.0.0.1",
        "10.0.0.1:80",
        "tcp://192.0.2.*:80",
        "tcp://*/10.0.0.1:*",
    ] {
        for command in ["list", "export", "delete", "absent", "drain"] {
            let mut words = vec![command, object];
            if !["list", "export"].contains(&command) {
                words.push("--dry-run");
            }
            let finished = shop.runs(&words);
            assert_eq!(finished.status, 0, "{words:?}: {finished:?}");
            assert!(
                finished.stdout.contains("192.0.2.1"),
                "{words:?}: {finished:?}"
            );
        }
    }
    for (missing, absent) in [
        ("tcp://192.0.2.9:80", 0),
        ("tcp://192.0.2.1:80/10.0.0.9:80", 0),
        ("10.0.0.9", 0),
        ("tcp://192.9.*", 0),
    ] {
        for command in ["list", "export", "delete", "drain", "undrain"] {
            let finished = shop.runs(&[command, missing]);
            assert_eq!(finished.status, 3, "{command} {missing}: {finished:?}");
        }
        assert_eq!(shop.runs(&["absent", missing]).status, absent, "{missing}");
        let edit = shop.runs(&["edit", missing, "--weight", "3"]);
        assert!([2, 3].contains(&edit.status), "{edit:?}");
    }
    shop.ok(&["edit", "10.0.0.*", "--weight", "4"]);
    assert_eq!(shop.weight(ONE), 4);
    assert_eq!(shop.weight(TWO), 4);
}

/// Whatever a getter returns its verb takes.
#[test]
fn json_is_one_document_whatever_the_lines_were() {
    let shop = Shop::simulated();
    for lines in [
        LINES,
        "-A -t 192.0.2.7:80 -s rr\n-A -t 192.0.2.7:80\nfoo\n",
        "foo\n",
        "",
    ] {
        for options in [&["--diff"][..], &["--dry-run"], &["--atomic"], &[]] {
            let mut words = vec!["--no-journal", "--json", "ipvsadm", "-R"];
            words.extend(options);
            let finished = fed(&shop, &words, lines);
            if finished.stdout.is_empty() {
                assert_eq!(finished.status, 0, "{options:?} {lines:?}: {finished:?}");
                continue;
            }
            let read: Result<serde_json::Value, _> = serde_json::from_str(&finished.stdout);
            let read =
                read.unwrap_or_else(|error| panic!("{options:?} {lines:?}: {error}: {finished:?}"));
            assert_eq!(read["version"], 1, "{options:?} {lines:?}: {finished:?}");
            assert_eq!(
                read["cause"].is_null() && read["warnings"] == serde_json::json!([]),
                finished.status == 0,
                "{options:?} {lines:?}: {finished:?}"
            );
        }
    }
}

/// Makes a table of every kind of service and server, with values that the seed chooses.
pub(crate) fn any_table(random: &mut Random) -> serde_json::Value {
    use serde_json::{Value, json};
    let mut services = serde_json::Map::new();
    for number in 1..=4u32 {
        let six = random.below(2) == 1;
        let (address, mask) = if six {
            (format!("[2001:db8::{number}]"), "prefix_length")
        } else {
            (format!("192.0.2.{number}"), "netmask")
        };
        let protocol = random.pick(&["tcp", "udp", "sctp"]);
        let (id, is_mark) = match random.below(4) {
            0 => (
                format!("fwmark{}://{number}", if six { "6" } else { "" }),
                true,
            ),
            _ => (
                format!("{protocol}://{address}:{}", 1 + random.below(65_535)),
                false,
            ),
        };
        let (scheduler, flags) = random.pick(&[
            ("rr", json!([])),
            ("wlc", json!([])),
            ("sh", json!(["sh-fallback", "sh-port"])),
            ("sh", json!([])),
            ("mh", json!(["mh-port"])),
            ("lblc", json!([])),
        ]);
        let granularity = match (six, random.below(2)) {
            (false, 0) => json!("255.255.255.0"),
            (false, _) => json!("255.255.255.255"),
            (true, 0) => json!(64),
            (true, _) => json!(128),
        };
        let persistence = match random.below(3) {
            0 => Value::Null,
            which => {
                let mut made = json!({"timeout_seconds": 1 + random.below(2_678_400)});
                made[mask] = granularity;
                if which == 2 && protocol == "udp" && !is_mark {
                    made["engine"] = json!("sip");
                }
                made
            }
        };
        let one_packet = protocol == "udp" && !is_mark && random.below(2) == 0;
        let mut servers = Vec::new();
        for server in 1..=random.below(4) {
            let port = if is_mark { 0 } else { 1 + random.below(65_535) };
            let id = if six {
                format!("[fd00::{server}]:{port}")
            } else {
                format!("10.0.0.{server}:{port}")
            };
            let (forwarding, tunnel) = match random.below(6) {
                0 => ("masquerading", Value::Null),
                1 => ("direct_routing", Value::Null),
                2 => ("local", Value::Null),
                3 => ("tunneling", json!({"type": "ipip"})),
                4 => ("tunneling", json!({"type": "gre", "checksum": "csum"})),
                _ => (
                    "tunneling",
                    json!({"type": "gue", "port": 1 + random.below(65_535), "checksum": "remcsum"}),
                ),
            };
            let upper = random.below(1_000);
            let lower = if upper == 0 { 0 } else { random.below(upper) };
            servers.push(json!({
                "id": id, "forwarding": forwarding, "tunnel": tunnel, "weight": random.below(1 << 31),
                "upper_threshold": upper, "lower_threshold": lower
            }));
        }
        services.insert(
            id.clone(),
            json!({
                "id": id, "scheduler": scheduler, "scheduler_flags": flags, "one_packet": one_packet,
                "persistence": persistence, "destinations": servers
            }),
        );
    }
    let role = random.pick(&["master", "backup"]);
    json!({
        "version": 1,
        "services": services.into_iter().map(|(_, service)| service).collect::<Vec<_>>(),
        "timeouts": {"tcp_seconds": 1 + random.below(100_000), "tcp_fin_seconds": 1 + random.below(1_000), "udp_seconds": 1 + random.below(1_000)},
        "daemons": [{"state": role, "interface": "eth0", "sync_id": random.below(256)}]
    })
}

#[test]
fn every_field_goes_back_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    // Each field alone, then all of an object, then the object anew, then the table.
    let code = r#"
        for svc in service::list() {
            service::edit(svc, #{ scheduler: svc.scheduler });
            service::edit(svc, #{ scheduler_flags: svc.scheduler_flags });
            service::edit(svc, #{ one_packet: svc.one_packet });
            service::edit(svc, #{ persistence: svc.persistence });
            service::ensure(svc, #{ scheduler: svc.scheduler, scheduler_flags: svc.scheduler_flags, one_packet: svc.one_packet, persistence: svc.persistence, destinations: svc.destinations });
            for d in svc.destinations {
                d.edit(#{ weight: d.weight });
                d.edit(#{ forwarding: d.forwarding });
                d.edit(#{ tunnel: d.tunnel });
                d.edit(#{ upper_threshold: d.upper_threshold, lower_threshold: d.lower_threshold });
                destination::ensure(svc, d.id, #{ weight: d.weight, forwarding: d.forwarding, tunnel: d.tunnel, upper_threshold: d.upper_threshold, lower_threshold: d.lower_threshold });
            }
        }
        assert_eq(history::list().len(), 0);
        for svc in service::list() {
            service::delete(svc);
            service::add(svc.id, #{ scheduler: svc.scheduler, scheduler_flags: svc.scheduler_flags, one_packet: svc.one_packet, persistence: svc.persistence, destinations: svc.destinations });
            for d in svc.destinations {
                destination::delete(d);
                destination::add(svc, d.id, #{ weight: d.weight, forwarding: d.forwarding, tunnel: d.tunnel, upper_threshold: d.upper_threshold, lower_threshold: d.lower_threshold });
            }
        }
        timeouts::set(timeouts::get());
        for one in daemon::list() { daemon::stop(one.state); daemon::start(one.state, one); }
        for name in ["drop_entry", "conn_reuse_mode"] { sysctl::set(name, sysctl::get(name)); }
        table::apply(table::get());
    "#;
    fs::write(folder.path().join("x.rhai"), code).unwrap();
    let mut random = Random::new(15);
    for round in 0..25 {
        let document = any_table(&mut random).to_string();
        for name in ["t.json", "first.json"] {
            fs::write(folder.path().join(name), &document).unwrap();
        }
        let state = format!("--state-dir=state{round}");
        let run = ipvsh(
            folder.path(),
            &[&state, "--sim-state=t.json", "run", "x.rhai"],
        );
        assert_eq!(run.status, 0, "{document}\n{run:?}");
        let same = ipvsh(
            folder.path(),
            &["--sim=t.json", "diff", "first.json", "--exit-code"],
        );
        assert_eq!(same.status, 0, "{document}\n{same:?}");
    }
}

#[test]
fn a_scheduler_that_there_is_not_is_known_before_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, near) in [("rrr", "did you mean `rr`?"), ("RR", "did you mean `rr`?")] {
        for command in [&["--dry-run"][..], &[]] {
            let mut words = vec!["--sim", "add", "fwmark://1", "--scheduler", name];
            words.extend(command);
            let finished = ipvsh(folder.path(), &words);
            assert!(
                finished.status == 3
                    && finished
                        .stderr
                        .contains(&format!("no scheduler \"{name}\""))
                    && finished.stderr.contains(near),
                "{finished:?}"
            );
        }
    }
}

#[test]
fn a_kernel_that_has_no_such_scheduler_is_warned_of_in_the_plan() {
    if !crate::support::only_in_lab() {
        return;
    }
    let shop = Shop::real();
    let planned = shop.runs(&["add", "fwmark://1", "--scheduler", "RR", "--dry-run"]);
    assert!(
        planned.status == 0
            && planned.stderr.contains("neither loaded nor to be found")
            && planned.stderr.contains("did you mean `rr`?"),
        "{planned:?}"
    );
    let known = shop.runs(&["add", "fwmark://1", "--scheduler", "wrr", "--dry-run"]);
    assert_eq!((known.status, known.stderr.as_str()), (0, ""));
}

#[test]
fn what_would_change_is_a_status_and_a_field() {
    let shop = Shop::simulated();
    for (weight, status, would_change) in [("5", 10, true), ("1", 0, false)] {
        for command in [
            &["edit", ONE, "--weight", weight][..],
            &["ensure", ONE, "--weight", weight],
        ] {
            let mut words = command.to_vec();
            words.extend(["--dry-run", "--exit-code", "--json"]);
            let finished = shop.runs(&words);
            assert_eq!(finished.status, status, "{words:?}: {finished:?}");
            let shape: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
            assert_eq!(shape["would_change"], would_change);
            assert_eq!(shape["changed"], false);
        }
    }
    let finished = fed(
        &shop,
        &["ipvsadm-restore", "--diff", "--exit-code"],
        "-A -f 9 -s rr\n",
    );
    assert_eq!(finished.status, 10, "{finished:?}");
    let finished = fed(
        &shop,
        &["ipvsadm-restore", "--dry-run", "--exit-code"],
        &shop.ok(&["ipvsadm-save", "-n"]),
    );
    assert_eq!(finished.status, 0, "{finished:?}");
}

#[test]
fn what_is_not_kept_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let added = ipvsh_ok(folder.path(), &["--sim", "add", "fwmark://1"]);
    assert!(
        added.contains("Committed in the simulation, not saved ("),
        "{added}"
    );
    let json = ipvsh_ok(folder.path(), &["--sim", "--json", "add", "fwmark://1"]);
    let shape: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&shape["outcome"], &shape["saved"]),
        (&"committed".into(), &false.into())
    );
    let kept = ipvsh_ok(folder.path(), &["--sim-state=t.json", "add", "fwmark://1"]);
    assert!(!kept.contains("not saved"), "{kept}");
}

/// Escapes, C1 controls, overrides of direction and new lines, wherever someone else's text is shown.
#[test]
fn what_others_wrote_moves_no_cursor_and_forges_no_line() {
    const EVIL: &str = "x\u{1b}]0;t\u{7}\u{1b}[31m\u{9b}2J\u{202e}y\nFORGED";
    let shop = Shop::simulated();
    let quoted = serde_json::to_string(EVIL).unwrap();
    fs::write(
        shop.path().join("label.rhai"),
        format!(
            "let evil = parse_json({});\ntransaction evil {{ destination::edit({WEB:?}, \"10.0.0.1:80\", #{{ weight: 3 }}); }}\nprint(transaction evil {{ rollback(evil) }});\ntry {{ service::get(evil) }} catch (e) {{ warn(e.message) }}\nrunbook evil {{ step evil {{ service::add(\"fwmark://4\"); }} }}\nservice::add(evil)",
            serde_json::to_string(&quoted).unwrap()
        ),
    )
    .unwrap();
    fs::write(
        shop.path().join("t.json"),
        format!("{{ \"version\": 1, \"services\": [ {{ \"id\": \"fwmark://1\", \"scheduler\": {quoted}, \"destinations\": [] }} ] }}"),
    )
    .unwrap();
    let runs: [&[&str]; 12] = [
        &["run", "label.rhai"],
        &["history"],
        &["history", "show", "1"],
        &["history", "show", "2"],
        &["drain", "10.0.0.1", "--reason", EVIL, "--dry-run"],
        &["drain", "10.0.0.1", "--reason", EVIL, "--deadline", "1s"],
        &["drain", "--list"],
        &["add", EVIL],
        &["add", "fwmark://8", "--scheduler", EVIL],
        &["plan", "t.json"],
        &["diff", "t.json"],
        &["help", EVIL],
    ];
    for words in runs {
        for colour in ["always", "never"] {
            let mut all = vec!["--color", colour];
            all.extend(words);
            let mut command = ipvsh_command(shop.path(), &shop.arguments(&all));
            let finished: Finished = command.env("SUDO_USER", EVIL).output().unwrap().into();
            for text in [&finished.stdout, &finished.stderr] {
                let mut plain = text.clone();
                // Our own colours.
                while let Some(start) = plain.find("\u{1b}[") {
                    let rest = &plain[start + 2..];
                    let Some(end) = rest.find('m').filter(|end| {
                        rest[..*end]
                            .bytes()
                            .all(|byte| byte.is_ascii_digit() || byte == b';')
                    }) else {
                        break;
                    };
                    plain.replace_range(start..start + end + 3, "");
                }
                let evil = plain.chars().find(|c| {
                    (c.is_control() && !"\n\t".contains(*c))
                        || ('\u{202a}'..='\u{202e}').contains(c)
                });
                assert_eq!(evil, None, "{words:?} {colour}: {text:?}");
                assert!(
                    !text.lines().any(|line| line.starts_with("FORGED")),
                    "{words:?} {colour}: {text}"
                );
            }
        }
    }
}

#[test]
fn an_error_in_the_order_of_a_sort_is_the_sorts() {
    let folder = tempfile::tempdir().unwrap();
    for code in [
        "[3, 1, 2].sort(|a, b| throw \"no\")",
        "[3, 1, 2].order_by(|a, b| throw \"no\")",
        "[3, 1, 2].sort_by(|a| throw \"no\")",
        "[3, 1, 2].map(|a| throw \"no\")",
        "[3, 1, 2].filter(|a| throw \"no\")",
        "[3, 1, 2].retain(|a| throw \"no\")",
        "[3, 1, 2].reduce(|a, b| throw \"no\")",
        "[3, 1, 2].group_by(|a| throw \"no\")",
        "[3, 1, 2].some(|a| throw \"no\")",
        "[3, 1, 2].all(|a| throw \"no\")",
        "[3, 1, 2].find(|a| throw \"no\")",
        "[3, 1, 2].index_of(|a| throw \"no\")",
        "[3, 1, 2].dedup(|a, b| throw \"no\")",
        "[3, 1, 2].for_each(|a| throw \"no\")",
        "#{ a: 1 }.filter(|k, v| throw \"no\")",
        "[3, 1, 2].sort(|a, b| \"text\")",
    ] {
        let finished = ipvsh(folder.path(), &["--sim", "eval", code]);
        assert_eq!(finished.status, 1, "{code}: {finished:?}");
        assert!(
            finished.stderr.contains("no") || finished.stderr.contains("number"),
            "{code}: {finished:?}"
        );
    }
}

#[test]
fn programs_feed_scripts_by_pipes_and_the_jail_has_one_answer() {
    // Files alone, and the guest has no /dev/stdin.
    if crate::support::in_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_ipvsh");
    for line in [
        "echo fed | PROGRAM --sim eval --allow-read 'read_text(\"/dev/stdin\")'",
        "echo fed | PROGRAM --sim eval --allow-read=/dev/stdin 'read_text(\"/dev/stdin\")'",
        "PROGRAM --sim eval --allow-read 'read_text(\"/dev/fd/9\")' 9< <(echo fed)",
    ] {
        let finished: Finished = Command::new("bash")
            .args(["-c", &line.replace("PROGRAM", program)])
            .env("IPVSH_CONFIG", "")
            .output()
            .unwrap()
            .into();
        assert_eq!(finished.stdout.trim_end(), "fed", "{line}: {finished:?}");
    }
    // A link that leads out, to what is there and to what is not.
    let inside = folder.path().join("in");
    fs::create_dir_all(folder.path().join("out")).unwrap();
    fs::create_dir_all(&inside).unwrap();
    fs::write(folder.path().join("out/there.rhai"), "fn f() { 1 }").unwrap();
    std::os::unix::fs::symlink("../out", inside.join("link")).unwrap();
    let mut answers = Vec::new();
    for name in ["there", "missing"] {
        fs::write(
            inside.join("x.rhai"),
            format!("import \"link/{name}\" as x; x::f();"),
        )
        .unwrap();
        let finished = ipvsh(&inside, &["--sim", "run", "x.rhai"]);
        assert_ne!(finished.status, 0);
        answers.push(finished.stderr.replace(name, "NAME"));
        let code = format!("read_text(\"link/{name}.rhai\")");
        let finished = ipvsh(&inside, &["--sim", "eval", "--allow-read=.", &code]);
        assert_ne!(finished.status, 0);
        answers.push(finished.stderr.replace(name, "NAME"));
    }
    assert_eq!(answers[0].lines().next(), answers[2].lines().next());
    assert_eq!(answers[1].lines().next(), answers[3].lines().next());
}

/// What people try first names the form that works.
#[test]
fn first_tries_are_told_what_works() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.json"), r#"{ "version": 1, "services": [ { "id": "fwmark://1", "destinations": [ { "id": "10.0.0.1:80" } ] } ] }"#).unwrap();
    for (code, form) in [
        ("list", "service::list()"),
        ("ls", "service::list()"),
        ("service.list()", "service::NAME("),
        ("service::list", "service::list()"),
        ("'text'", "\"text\""),
        ("{ weight: 5 }", "#{ weight:"),
        ("args[0]", "args()[0]"),
        ("add", "service::add("),
        ("drain", "drain::server("),
        (
            "let d = destination::list()[0]; d.weight = 5",
            "d.edit(#{ weight: 5 })",
        ),
    ] {
        let finished = ipvsh(folder.path(), &["--sim=t.json", "eval", code]);
        assert_ne!(finished.status, 0, "{code}");
        assert!(finished.stderr.contains(form), "{code}: {finished:?}");
        for word in ["asin", "Undefined", "setter", "Variable not found"] {
            assert!(!finished.stderr.contains(word), "{code}: {finished:?}");
        }
    }
    assert_eq!(
        ipvsh_ok(
            folder.path(),
            &["--sim", "eval", "[\"a\", \"b\"].join(\"-\")"]
        ),
        "a-b\n"
    );
}

#[test]
fn a_signal_ends_a_command_while_it_plans_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let services: Vec<String> = (0..20_000)
        .map(|number| {
            format!(
                "{{\"id\":\"tcp://10.1.{}.{}:80\"}}",
                number / 250,
                number % 250 + 1
            )
        })
        .collect();
    let document = format!("{{\"version\":1,\"services\":[{}]}}", services.join(","));
    fs::write(folder.path().join("large.json"), document).unwrap();
    for (arguments, signal) in [
        (&["apply", "large.json"][..], "TERM"),
        (
            &[
                "eval",
                "--allow-read=large.json",
                "table::apply(read_json(\"large.json\"))",
            ],
            "INT",
        ),
    ] {
        for milliseconds in [50, 400] {
            let mut all = vec!["--sim-state=table.json", "--no-journal"];
            all.extend(arguments);
            let mut child = ipvsh_command(folder.path(), &all)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            let sent = Instant::now();
            let killed = Command::new("kill")
                .args([&format!("-{signal}"), &child.id().to_string()])
                .status()
                .unwrap();
            assert!(killed.success());
            let ended = child.wait().unwrap();
            assert!(!ended.success(), "{arguments:?}: {ended:?}");
            assert!(sent.elapsed() < Duration::from_secs(20), "{arguments:?}");
            let listed = ipvsh_ok(
                folder.path(),
                &[
                    "--sim-state=table.json",
                    "--no-journal",
                    "export",
                    "--config",
                ],
            );
            assert!(!listed.contains("tcp://"), "{arguments:?}: {listed}");
        }
    }
}

/// Types into a terminal in which a command line runs, and returns its status and what was on the screen.
fn on_a_terminal(shop: &Shop, typed: &str, words: &str) -> (i32, String) {
    on_a_terminal_with(shop, typed, words, &[])
}

/// The same with variables of the environment.
pub(crate) fn on_a_terminal_with(
    shop: &Shop,
    typed: &str,
    words: &str,
    variables: &[(&str, &str)],
) -> (i32, String) {
    let options = shop.arguments(&[]).join(" ");
    let program = env!("CARGO_BIN_EXE_ipvsh");
    let mut command = std::process::Command::new("script");
    command
        .args(["-qec", &format!("{program} {options} {words}"), "/dev/null"])
        .current_dir(shop.path())
        .env("IPVSH_STATE_DIR", crate::support::state_of(shop.path()))
        .env("IPVSH_CONFIG", "")
        .envs(variables.iter().copied())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut input = Some(running.stdin.take().unwrap());
    let mut output = running.stdout.take().unwrap();
    let mut screen = Vec::new();
    let mut byte = [0];
    while std::io::Read::read(&mut output, &mut byte).unwrap() == 1 {
        screen.push(byte[0]);
        // The answer is typed when it is asked for; the end of the input is one too.
        if screen.ends_with(b"[y/N] ")
            && let Some(mut input) = input.take()
        {
            std::io::Write::write_all(&mut input, typed.as_bytes()).unwrap();
        }
    }
    let status = running.wait().unwrap().code().unwrap();
    (status, String::from_utf8(screen).unwrap())
}

#[test]
fn on_a_terminal_what_takes_something_away_is_shown_and_asked_about() {
    for shop in Shop::every() {
        let asks = !shop.is_simulated();
        let weights = || (shop.ok(&["--no-journal", "export", "--config"]), asks);
        let before = weights();
        for typed in ["n\n", "\n", "", "maybe\n"] {
            if !asks {
                break;
            }
            let (status, screen) = on_a_terminal(&shop, typed, &format!("delete {TWO}"));
            assert_eq!(status, 1, "{typed:?}: {screen}");
            for part in ["10.0.0.2:80", "commit this? [y/N]", "Nothing was changed."] {
                assert!(screen.contains(part), "{part}: {screen}");
            }
            assert_eq!(weights(), before, "{typed:?}");
        }
        // A signal is a no of its own.
        if asks {
            let (status, screen) = on_a_terminal(&shop, "\u{3}", &format!("delete {TWO}"));
            assert_eq!(status, 130, "{screen}");
            assert_eq!(weights(), before);
        }
        let (status, screen) = on_a_terminal(&shop, "y\n", &format!("delete {TWO}"));
        assert_eq!(status, 0, "{screen}");
        assert_eq!(screen.contains("commit this?"), asks, "{screen}");
        assert_eq!(screen.matches("10.0.0.2:80").count(), 1, "{screen}");
        // What adds or edits is not asked about.
        let (status, screen) = on_a_terminal(&shop, "", "undo");
        assert!(status == 0 && !screen.contains("commit this?"), "{screen}");
        assert_eq!(weights(), before);
        // Nor is what says --yes, what a program reads, and what has no terminal.
        for words in [
            format!("delete --yes {TWO}"),
            format!("--json absent {TWO}"),
        ] {
            let (status, screen) = on_a_terminal(&shop, "", &words);
            assert!(status == 0 && !screen.contains("commit this?"), "{screen}");
            shop.ok(&["undo"]);
        }
        shop.ok(&["add", "fwmark://9"]);
        let (status, screen) = on_a_terminal(&shop, "n\n", "undo");
        assert_eq!(status, i32::from(asks), "{screen}");
        if asks {
            assert!(screen.contains("- fwmark://9"), "{screen}");
        }
        std::fs::write(
            shop.path().join("none.json"),
            "{\"version\":1,\"services\":[{\"id\":\"fwmark://8\"}]}",
        )
        .unwrap();
        let (status, screen) = on_a_terminal(&shop, "n\n", "apply --prune=services none.json");
        assert_eq!(status, i32::from(asks), "{screen}");
        let (status, screen) =
            on_a_terminal(&shop, "n\n", "move tcp://192.0.2.1:80 tcp://192.0.2.9:80");
        assert_eq!(status, if asks { 1 } else { 3 }, "{screen}");
        if asks {
            assert!(shop.ok(&["list"]).contains("tcp://192.0.2.1:80"));
        }
    }
}
