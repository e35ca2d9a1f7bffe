//! Guards: what they refuse, by whatever way it comes, and how they are overridden.

use std::fs;

use serde_json::Value;

use crate::support::shop::{ONE, Shop, TWO, WEB};
use crate::support::terminal::Terminal;
use crate::support::{Finished, ipvsh_command};

const CONFIG: &str = r#"# What must never happen here.
[guards]
last_server = true
min_weight_percent = 40
max_objects = 3
protected = ["tcp://192.0.2.1:443", "fwmark*"]
"#;

/// Runs a command with the configuration of the shop.
fn runs(shop: &Shop, arguments: &[&str]) -> Finished {
    let mut command = ipvsh_command(shop.path(), &shop.arguments(arguments));
    command
        .env("IPVSH_CONFIG", shop.path().join("config.toml"))
        .output()
        .unwrap()
        .into()
}

fn write(shop: &Shop, name: &str, text: &str) {
    fs::write(shop.path().join(name), text).unwrap();
}

fn table(shop: &Shop) -> String {
    shop.ok(&["--no-journal", "export", "--config"])
}

/// Makes a shop with what the guards of the configuration are about, and servers of weight 10.
fn guarded() -> [Shop; 1] {
    let shops = Shop::every();
    for shop in &shops {
        write(shop, "config.toml", CONFIG);
        for line in [
            &["edit", ONE, "--weight", "10"][..],
            &["edit", TWO, "--weight", "10"],
            &["add", "tcp://192.0.2.1:443"],
            &["add", "tcp://192.0.2.1:443/10.0.0.1:443", "--weight", "10"],
            &["add", "fwmark://7"],
        ] {
            let mut all = vec!["--no-journal"];
            all.extend(line);
            shop.ok(&all);
        }
    }
    shops
}

/// What each guard refuses, as the code of a script; the words of its refusal.
const REFUSED: [(&str, &str, &str); 6] = [
    (
        "last_server",
        r#"destination::list("tcp://192.0.2.1:80").edit(#{ weight: 0 });"#,
        "tcp://192.0.2.1:80 would be left without a real server with a nonzero weight",
    ),
    (
        "last_server",
        r#"for d in destination::list("tcp://192.0.2.1:80") { d.delete(); }"#,
        "tcp://192.0.2.1:80 would be left without a real server with a nonzero weight",
    ),
    (
        "min_weight_percent",
        r#"destination::list("tcp://192.0.2.1:80").edit(#{ weight: 3 });"#,
        "tcp://192.0.2.1:80 would keep weight 6 of 20, but at least 40 percent must remain",
    ),
    (
        "max_objects",
        r#"service::add("tcp://192.0.2.9:80", #{ destinations: [#{ id: "10.0.0.1:80" }, #{ id: "10.0.0.2:80" }, #{ id: "10.0.0.3:80" }] });"#,
        "4 objects would be touched, but at most 3 are allowed",
    ),
    (
        "protected",
        r#"destination::edit("tcp://192.0.2.1:443", "10.0.0.1:443", #{ weight: 11 });"#,
        "tcp://192.0.2.1:443 is protected by tcp://192.0.2.1:443",
    ),
    (
        "protected",
        r#"service::delete("fwmark://7");"#,
        "fwmark://7 is protected by fwmark*",
    ),
];

#[track_caller]
fn refuses(shop: &Shop, refused: &Finished, guard: &str, words: &str, before: &str) {
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains(&format!("refused by guard {guard}: {words}")),
        "{refused:?}"
    );
    assert!(
        refused.stderr.contains(&format!("--override {guard}")),
        "{refused:?}"
    );
    assert_eq!(table(shop), before);
}

#[test]
fn each_guard_refuses_in_scripts_and_is_overridden_by_name() {
    for shop in guarded() {
        let before = table(&shop);
        for (guard, code, words) in REFUSED {
            let code = format!("transaction \"t\" {{ {code} }};");
            let refused = runs(&shop, &["eval", &code]);
            refuses(&shop, &refused, guard, words, &before);
            // Nothing was sent, and there is no record of it.
            assert!(!shop.path().join("state/journal/00000001.json").exists());
            let caught = format!("try {{ {code} }} catch (e) {{ print(e.kind); }}");
            assert_eq!(runs(&shop, &["eval", &caught]).stdout, "guard\n");
            let other = GUARDS.iter().find(|other| **other != guard).unwrap();
            let still = runs(&shop, &["--override", other, "eval", &code]);
            assert_eq!(still.status, 3, "{still:?}");
            let json = runs(&shop, &["--json", "eval", &code]);
            let json: Value = serde_json::from_str(&json.stdout).unwrap();
            assert_eq!(json["outcome"], "guarded");
            assert_eq!(json["cause"]["kind"], "guard");
            assert_eq!(json["changed"], false);
        }
        for (number, (guard, code, words)) in REFUSED.into_iter().enumerate() {
            let number = 2 * number + 1;
            // In scripts and by option.
            let (code, options) = if number % 4 == 1 {
                let code = format!("transaction #{{ override: {GUARDS:?} }} {{ {code} }};");
                (code, Vec::new())
            } else {
                let code = format!("transaction {{ {code} }};");
                let options = GUARDS.iter().flat_map(|guard| ["--override", *guard]);
                (code, options.collect())
            };
            let mut arguments: Vec<&str> = options;
            arguments.extend(["eval", &code]);
            let done = runs(&shop, &arguments);
            assert_eq!(done.status, 0, "{done:?}");
            assert_ne!(table(&shop), before);
            let kept = shop.json(&["history", "show", &number.to_string()]);
            let overridden = kept["overridden"].as_array().unwrap();
            assert!(
                overridden.contains(&Value::from(format!("{guard}: {words}"))),
                "{kept}"
            );
            let shown = shop.ok(&["history", "show", &number.to_string()]);
            assert!(
                shown.contains(&format!("overrode {guard}: {words}")),
                "{shown}"
            );
            shop.ok(&["undo"]);
            assert_eq!(table(&shop), before);
        }
    }
}

const GUARDS: [&str; 4] = [
    "last_server",
    "min_weight_percent",
    "max_objects",
    "protected",
];

#[test]
fn guards_hold_for_single_verbs_documents_plans_restores_and_runbooks() {
    for shop in guarded() {
        shop.ok(&["--no-journal", "edit", TWO, "--weight", "0"]);
        let before = table(&shop);
        let words = "tcp://192.0.2.1:80 would be left without a real server with a nonzero weight";
        for verb in [
            &["edit", ONE, "--weight", "0"][..],
            &["delete", ONE],
            &["absent", ONE],
            &["ensure", ONE, "--weight", "0"],
        ] {
            refuses(&shop, &runs(&shop, verb), "last_server", words, &before);
        }
        write(
            &shop,
            "less.json",
            r#"{"version": 1, "services": [{"id": "tcp://192.0.2.1:80", "destinations": [{"id": "10.0.0.1:80", "weight": 0}]}]}"#,
        );
        refuses(
            &shop,
            &runs(&shop, &["apply", "less.json"]),
            "last_server",
            words,
            &before,
        );
        shop.ok(&["plan", "less.json", "--out", "plan.json"]);
        refuses(
            &shop,
            &runs(&shop, &["apply", "plan.json"]),
            "last_server",
            words,
            &before,
        );
        let book = r#"runbook "r" { step "a" { destination::list("tcp://192.0.2.1:80").edit(#{ weight: 0 }); } };"#;
        refuses(
            &shop,
            &runs(&shop, &["eval", book]),
            "last_server",
            words,
            &before,
        );
        // A plan says before what will be refused.
        let planned = runs(&shop, &["plan", "less.json"]);
        assert!(
            planned.status == 0 && planned.stdout.contains("refused by guard last_server"),
            "{planned:?}"
        );
        // The drop-in's transactions; its other lines are below.
        let line = "-e -t 192.0.2.1:80 -r 10.0.0.1:80 -w 0\n";
        let mut atomic =
            ipvsh_command(shop.path(), &shop.arguments(&["ipvsadm", "-R", "--atomic"]));
        write(&shop, "lines", line);
        let refused: Finished = atomic
            .env("IPVSH_CONFIG", shop.path().join("config.toml"))
            .stdin(fs::File::open(shop.path().join("lines")).unwrap())
            .output()
            .unwrap()
            .into();
        assert!(
            refused.status == 3 && refused.stderr.contains(words),
            "{refused:?}"
        );
        assert_eq!(table(&shop), before);
    }
}

#[test]
fn options_and_scripts_guard_too_and_what_leads_back_is_not_kept_from_it() {
    for shop in guarded() {
        shop.ok(&["--no-journal", "edit", TWO, "--weight", "0"]);
        let before = table(&shop);
        // A plan of a runbook is checked step by step: this one is as before in the end.
        let book = r#"runbook "r" { step "a" { destination::list("tcp://192.0.2.1:80").edit(#{ weight: 0 }); } step "b" { destination::edit("tcp://192.0.2.1:80", "10.0.0.1:80", #{ weight: 10 }); } };"#;
        write(&shop, "r.rhai", book);
        let planned = runs(&shop, &["--guard", "last_server", "plan", "r.rhai"]);
        assert!(
            planned.status == 0
                && planned
                    .stdout
                    .matches("refused by guard last_server")
                    .count()
                    == 1,
            "{planned:?}"
        );
        let zeroed = runs(&shop, &["eval", "service::zero(\"fwmark://7\");"]);
        assert!(
            zeroed.status == 3 && zeroed.stderr.contains("fwmark://7 is protected by fwmark*"),
            "{zeroed:?}"
        );
        // Guards of options and of scripts.
        let own = runs(
            &shop,
            &[
                "--guard",
                "protected=*:80",
                "edit",
                WEB,
                "--scheduler",
                "rr",
            ],
        );
        refuses(
            &shop,
            &own,
            "protected",
            "tcp://192.0.2.1:80 is protected by *:80",
            &before,
        );
        let own = r#"transaction #{ guards: ["max_objects=0"] } { service::edit("tcp://192.0.2.1:80", #{ scheduler: "rr" }); };"#;
        refuses(
            &shop,
            &runs(&shop, &["eval", own]),
            "max_objects",
            "1 objects would be touched, but at most 0 are allowed",
            &before,
        );
        // What takes something back is not kept from it: only `undo` is a new commit.
        let done = runs(
            &shop,
            &[
                "--override",
                "last_server",
                "--override",
                "min_weight_percent",
                "edit",
                ONE,
                "--weight",
                "0",
            ],
        );
        assert_eq!(done.status, 0, "{done:?}");
        assert_eq!(runs(&shop, &["undo"]).status, 0);
        assert_eq!(table(&shop), before);
    }
}

#[test]
fn a_prompt_is_refused_without_being_asked() {
    for shop in guarded() {
        let before = table(&shop);
        let place = if shop.is_simulated() {
            "sim table.json".to_owned()
        } else {
            format!("{} kernel", crate::support::system("uname -n").trim())
        };
        let options = shop.arguments(&["--guard", "last_server", "--guard", "protected=fwmark*"]);
        let mut terminal = Terminal::start(shop.path(), &options, "dumb", &place);
        let words = "refused by guard last_server: tcp://192.0.2.1:80 would be left without";
        let list = "destination::list(\"tcp://192.0.2.1:80\").edit(#{ weight: 0 })";
        let said = terminal.types(list);
        assert!(said.contains(words), "{said}");
        terminal.types(":begin \"all\"");
        terminal.types(list);
        let said = terminal.types(":commit");
        assert!(said.contains(words), "{said}");
        terminal.types(":rollback");
        let said = terminal.types("service::delete(\"fwmark://7\")");
        assert!(
            said.contains("fwmark://7 is protected by fwmark*"),
            "{said}"
        );
        assert_eq!(table(&shop), before);
        let said = terminal.types(":override protected");
        assert!(
            said.contains("the next input may do what guard protected refuses"),
            "{said}"
        );
        terminal.sends("service::delete(\"fwmark://7\")\r");
        if !shop.is_simulated() {
            terminal.until("commit this?");
            terminal.sends("y\r");
        }
        terminal.next();
        let said = terminal.types("service::add(\"fwmark://8\")");
        assert!(
            said.contains("fwmark://8 is protected by fwmark*"),
            "{said}"
        );
        drop(terminal);
        assert!(!table(&shop).contains("fwmark"));
    }
}

#[test]
fn config_tells_what_is_in_force_and_where_from() {
    let shop = Shop::simulated();
    write(&shop, "config.toml", CONFIG);
    let shown = runs(
        &shop,
        &[
            "--guard",
            "max_objects=2",
            "--override",
            "last_server",
            "config",
        ],
    );
    assert_eq!(shown.status, 0, "{shown:?}");
    let path = shop.path().join("config.toml").display().to_string();
    for (name, value, from, note) in [
        ("guards.last_server", "true", path.as_str(), ""),
        (
            "guards.max_objects",
            "3",
            path.as_str(),
            "a stricter one holds",
        ),
        ("guards.max_objects", "2", "--guard max_objects=2", ""),
        ("guards.protected", "\"fwmark*\"", path.as_str(), ""),
    ] {
        let line = shown.stdout.lines().find(|line| {
            let words: Vec<&str> = line
                .split("  ")
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .collect();
            words[..3] == [name, value, from] && words.get(3).copied().unwrap_or_default() == note
        });
        assert!(line.is_some(), "{name} {value}: {}", shown.stdout);
    }
    assert!(
        shown.stderr.contains("overridden: guards.last_server"),
        "{shown:?}"
    );
    let json = runs(&shop, &["--json", "config"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let settings = json["settings"].as_array().unwrap();
    let guards = |one: &&Value| one["name"].as_str().unwrap().starts_with("guards.");
    assert_eq!(settings.iter().filter(guards).count(), 5);
    assert_eq!(json["files"][0]["found"], true);

    // What makes no sense stands in the way of every change.
    for (text, part) in [
        (
            "[guards]\nlast_servr = true\n",
            "unknown field `last_servr`",
        ),
        ("[guards\n", "config.toml:1:8: this is no TOML"),
        (
            "[guards]\nmin_weight_percent = 400\n",
            "config.toml:2:22: invalid min_weight_percent `400`: it is a whole number from 1 to 100",
        ),
        ("[guards]\nprotected = [\"192.0.2.1\"]\n", "192.0.2.1"),
        ("[guards]\nlast_server = \"yes\"\n", "it is true or false"),
    ] {
        write(&shop, "config.toml", text);
        for command in [&["config"][..], &["edit", ONE, "--weight", "3"]] {
            let refused = runs(&shop, command);
            assert!(
                refused.status == 2
                    && refused.stderr.contains(part)
                    && refused.stderr.contains("config.toml"),
                "{text}: {refused:?}"
            );
        }
    }
    assert_eq!(shop.weight(ONE), 1);
    fs::remove_file(shop.path().join("config.toml")).unwrap();
    let refused = runs(&shop, &["edit", ONE, "--weight", "3"]);
    assert!(
        refused.status == 2 && refused.stderr.contains("can't be read"),
        "{refused:?}"
    );
    for (option, part) in [
        (["--guard", "lastserver"], "did you mean `last_server`?"),
        (
            ["--override", "all"],
            "there are last_server, min_weight_percent, max_objects, protected",
        ),
    ] {
        let refused = shop.runs(&[option[0], option[1], "list"]);
        assert!(
            refused.status == 2 && refused.stderr.contains(part),
            "{refused:?}"
        );
    }
}

/// Runs a line of the drop-in with the configuration of the shop and this standard input.
fn reads(shop: &Shop, arguments: &[&str], input: &str) -> Finished {
    write(shop, "lines", input);
    ipvsh_command(shop.path(), &shop.arguments(arguments))
        .env("IPVSH_CONFIG", shop.path().join("config.toml"))
        .stdin(fs::File::open(shop.path().join("lines")).unwrap())
        .output()
        .unwrap()
        .into()
}

/// Tells how many commits the journal has.
fn commits(shop: &Shop) -> usize {
    let listed = shop.json(&["history"]);
    listed["commits"].as_array().map_or(0, Vec::len)
}

/// Shows the latest commit.
fn latest(shop: &Shop) -> String {
    let number = commits(shop).to_string();
    shop.ok(&["history", "show", &number])
}

#[test]
fn lines_of_the_drop_in_are_guarded() {
    const WEB_LEFT: &str = "tcp://192.0.2.1:80 would be left";
    for shop in guarded() {
        shop.ok(&["--no-journal", "add", "tcp://192.0.2.1:81"]);
        shop.ok(&["--no-journal", "edit", TWO, "--weight", "0"]);
        let before = table(&shop);
        let last = "tcp://192.0.2.1:80 would be left without a real server with a nonzero weight";
        let fwmark = "fwmark://7 is protected by fwmark*";
        for (line, guard, words) in [
            ("-D -f 7", "protected", fwmark),
            ("-E -f 7 -s rr", "protected", fwmark),
            ("-a -f 7 -r 10.0.0.1:0 -g", "protected", fwmark),
            ("-Z -f 7", "protected", fwmark),
            ("-Z", "protected", "the counters of all services"),
            ("-C", "max_objects", "7 objects would be touched"),
            ("-d -t 192.0.2.1:80 -r 10.0.0.1:80", "last_server", last),
            (
                "-e -t 192.0.2.1:80 -r 10.0.0.1:80 -w 0",
                "last_server",
                last,
            ),
            (
                "-e -t 192.0.2.1:80 -r 10.0.0.1:80 -w 3",
                "min_weight_percent",
                "tcp://192.0.2.1:80 would keep weight 3 of 10",
            ),
        ] {
            let mut words_of_line = vec!["ipvsadm"];
            words_of_line.extend(line.split(' '));
            let refused = runs(&shop, &words_of_line);
            refuses(&shop, &refused, guard, words, &before);
            assert_eq!(refused.stdout, "");
            let list = format!("{line}\n");
            for arguments in [&["ipvsadm", "-R"][..], &["ipvsadm", "-R", "--atomic"]] {
                let refused = reads(&shop, arguments, &list);
                refuses(&shop, &refused, guard, words, &before);
            }
            let mut shown = words_of_line.clone();
            shown.push("--dry-run");
            let shown = runs(&shop, &shown);
            assert!(
                shown.status == 0
                    && format!("{}{}", shown.stdout, shown.stderr)
                        .contains(&format!("refused by guard {guard}")),
                "{shown:?}"
            );
            let mut shown = words_of_line.clone();
            shown.push("--diff");
            let shown = runs(&shop, &shown);
            assert!(
                shown.status == 0
                    && !shown.stdout.is_empty()
                    && shown.stderr.contains(&format!("refused by guard {guard}")),
                "{shown:?}"
            );
        }
        // Each line alone would pass: they are looked at together.
        let many = "-a -t 192.0.2.1:81 -r 10.0.0.1:1\n-a -t 192.0.2.1:81 -r 10.0.0.2:1\n\
                    -a -t 192.0.2.1:81 -r 10.0.0.3:1\n-a -t 192.0.2.1:81 -r 10.0.0.4:1\n";
        let refused = reads(&shop, &["ipvsadm", "-R"], many);
        let words = "4 objects would be touched, but at most 3 are allowed";
        refuses(&shop, &refused, "max_objects", words, &before);
        // Nothing takes the place of what was there.
        let refused = reads(&shop, &["ipvsadm-restore"], "-A -t 192.0.2.1:80 -s wlc\n");
        refuses(&shop, &refused, "protected", fwmark, &before);
        assert!(refused.stderr.contains(WEB_LEFT), "{refused:?}");
        let json = runs(&shop, &["ipvsadm", "-D", "-f", "7", "--json"]);
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["outcome"], "guarded");
        assert_eq!(json["cause"]["kind"], "guard");
        // What an option guards, and a configuration that makes no sense; a listing has nothing to do with it.
        let option = [
            "--guard",
            "protected=tcp*",
            "ipvsadm",
            "-D",
            "-t",
            "192.0.2.1:81",
        ];
        let words = "tcp://192.0.2.1:81 is protected by tcp*";
        refuses(&shop, &runs(&shop, &option), "protected", words, &before);
        write(&shop, "config.toml", "[guards]\nlast = 1\n");
        for line in [&["-D", "-f", "7"][..], &["-R"], &["-R", "--atomic"]] {
            let mut all = vec!["ipvsadm"];
            all.extend(line);
            let refused = runs(&shop, &all);
            assert!(
                refused.status == 2 && refused.stderr.contains("unknown field `last`"),
                "{refused:?}"
            );
        }
        assert_eq!(table(&shop), before);
        assert_eq!(runs(&shop, &["ipvsadm", "-Ln"]).status, 0);
        assert_eq!(commits(&shop), 0);
        // No folder is no configuration.
        let mut homeless = ipvsh_command(
            shop.path(),
            &shop.arguments(&["ipvsadm", "-E", "-f", "7", "-s", "wlc"]),
        );
        homeless.env_remove("IPVSH_CONFIG").env("HOME", "/dev/null");
        let done: Finished = homeless.output().unwrap().into();
        assert_eq!((done.status, done.stderr.as_str()), (0, ""), "{done:?}");
    }
}

#[test]
fn what_was_committed_before_a_guard_refuses_is_said_to_stand() {
    for shop in guarded() {
        write(&shop, "config.toml", "[guards]\nmax_objects = 2\n");
        // A listing ends what is looked at together, and so does nothing else.
        let add = |number: u32| format!("-A -t 192.0.2.50:{number}\n");
        let lines = [add(1), "-S -n\n".to_owned(), add(2), add(3), add(4)].concat();
        let stood = reads(&shop, &["ipvsadm", "-R"], &lines);
        assert_eq!(stood.status, 7, "{stood:?}");
        assert!(
            stood.stderr.contains("1 earlier commit of this run stands")
                && stood
                    .stderr
                    .contains("3 objects would be touched, but at most 2 are allowed"),
            "{stood:?}"
        );
        shop.ok(&["undo"]);
        let json = reads(&shop, &["ipvsadm", "-R", "--json"], &lines);
        let json = json.stdout.split_once("\n{\n").unwrap().1;
        let json: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        assert_eq!(json["outcome"], "guarded");
        assert_eq!(json["changed"], true);
        assert_eq!(json["commit_ids"].as_array().unwrap().len(), 1);
        shop.ok(&["undo"]);
        let before = table(&shop);
        let lines = [
            "-A -f 7\n",
            &add(2),
            "-A --nonsense\n",
            &add(3),
            &add(4),
            "-D -f 8\n",
        ]
        .concat();
        let refused = reads(&shop, &["ipvsadm", "-R"], &lines);
        assert_eq!((refused.status, table(&shop)), (3, before));
        let said: Vec<&str> = refused.stderr.lines().collect();
        let places = [
            "Service already exists",
            "--nonsense: unknown option",
            "No such service",
            "error: refused by guard max_objects",
        ]
        .map(|text| said.iter().position(|line| line.starts_with(text)));
        assert!(places.is_sorted() && places[0].is_some(), "{refused:?}");
    }
}

#[test]
fn guarded_lines_of_the_drop_in_end_as_the_original_and_are_in_the_journal() {
    for shop in guarded() {
        write(
            &shop,
            "config.toml",
            "[guards]\nlast_server = true\nprotected = [\"fwmark*\"]\n",
        );
        let before = table(&shop);
        // What the kernel refuses is said as ever, and nothing is kept of it.
        for (line, text) in [
            ("-A -t 192.0.2.1:80", "Service already exists"),
            ("-D -t 192.0.2.9:80", "No such service"),
            (
                "-A -t 192.0.2.9:80 -s nonsense",
                "Scheduler or persistence engine not found",
            ),
            ("-d -t 192.0.2.1:80 -r 10.0.0.9:80", "No such destination"),
            ("-Z -t 192.0.2.9:80", "No such service"),
        ] {
            let mut words = vec!["ipvsadm"];
            words.extend(line.split(' '));
            let refused = runs(&shop, &words);
            assert_eq!(
                (
                    refused.status,
                    refused.stdout.as_str(),
                    refused.stderr.trim_end()
                ),
                (255, "", text),
                "{line}"
            );
        }
        assert_eq!(table(&shop), before);
        // A refused line does not hold up the others; a listing between shows what came before.
        let lines = "-A -t 192.0.2.9:80 -s rr\n-A -t 192.0.2.1:80\n-a -t 192.0.2.9:80 -r 10.0.0.1:80 -m -w 5\n\
                     -Ln\n-E -t 192.0.2.9:80 -s wlc\n";
        let count = commits(&shop);
        let done = reads(&shop, &["ipvsadm", "-R"], lines);
        assert_eq!(
            (done.status, done.stderr.as_str()),
            (0, "Service already exists\n"),
            "{done:?}"
        );
        assert!(done.stdout.contains("192.0.2.9:80 rr\n"), "{done:?}");
        assert!(table(&shop).contains("192.0.2.9"));
        assert_eq!(commits(&shop), count + 2);
        // What only the kernel can refuse does not either.
        let lines = "-A -t 192.0.2.9:81\n-A -t 192.0.2.9:82 -s nonsense\n-a -t 192.0.2.9:82 -r 10.0.0.1\n-A -t 192.0.2.9:83\n";
        let done = reads(&shop, &["ipvsadm", "-R"], lines);
        assert_eq!(
            (done.status, done.stderr.as_str()),
            (
                0,
                "Scheduler or persistence engine not found\nService not defined\n"
            ),
            "{done:?}"
        );
        let both = table(&shop);
        assert!(both.contains("192.0.2.9:81") && both.contains("192.0.2.9:83"));
        let count = commits(&shop) - 2;
        // A saved table comes back as it is, and then there is nothing to commit.
        let stands = table(&shop);
        let saved = runs(&shop, &["ipvsadm-save", "-n"]);
        let same = reads(&shop, &["ipvsadm-restore"], &saved.stdout);
        assert_eq!((same.status, same.stderr.as_str()), (0, ""), "{same:?}");
        assert_eq!(table(&shop), stands);
        assert_eq!(commits(&shop), count + 2);
        // What was overridden is in the journal, and what was committed can be taken back.
        let gone = runs(
            &shop,
            &["--override", "protected", "ipvsadm", "-D", "-f", "7"],
        );
        assert_eq!(
            (gone.status, gone.stdout.as_str(), gone.stderr.as_str()),
            (0, "", "")
        );
        assert!(!table(&shop).contains("fwmark"));
        let shown = latest(&shop);
        assert!(
            shown.contains("overrode protected: fwmark://7 is protected by fwmark*"),
            "{shown}"
        );
        assert!(shown.contains("ipvsadm -D -f 7"), "{shown}");
        shop.ok(&["undo"]);
        assert_eq!(table(&shop), stands);
        // Under its own name as well.
        if !shop.is_simulated() {
            let link = shop.path().join("ipvsadm");
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ipvsh"), &link).unwrap();
            let under = |line: &str| -> Finished {
                std::process::Command::new(&link)
                    .args(line.split(' '))
                    .env("IPVSH_CONFIG", shop.path().join("config.toml"))
                    .env("IPVSH_STATE_DIR", shop.path().join("state"))
                    .output()
                    .unwrap()
                    .into()
            };
            let refused = under("-D -f 7");
            let words = "fwmark://7 is protected by fwmark*";
            refuses(&shop, &refused, "protected", words, &stands);
            assert_eq!(under("-D -t 192.0.2.9:80").status, 0);
            let shown = latest(&shop);
            assert!(shown.contains("ipvsadm -D -t 192.0.2.9:80"), "{shown}");
        }
    }
}

#[test]
fn a_plan_says_what_a_guard_without_an_object_would_refuse() {
    let shop = Shop::simulated();
    fs::write(
        shop.path().join("one.json"),
        "{\"version\": 1, \"services\": [{\"id\": \"fwmark://9\"}]}",
    )
    .unwrap();
    fs::write(
        shop.path().join("all.rhai"),
        "for svc in service::list() { service::delete(svc); }",
    )
    .unwrap();
    for command in [
        &["delete", "tcp://192.0.2.1:80", "--dry-run"][..],
        &["plan", "one.json", "--prune=services"],
        &["apply", "one.json", "--prune=services", "--dry-run"],
        &["plan", "all.rhai"],
        &["run", "--dry-run", "all.rhai"],
        &["diff", "one.json"],
        &["ipvsadm", "-C", "--dry-run"],
    ] {
        let mut words = vec!["--no-journal", "--guard", "max_objects=1"];
        words.extend(command);
        let planned = shop.runs(&words);
        assert_eq!(planned.status, 0, "{command:?}: {planned:?}");
        let told = planned
            .stderr
            .matches("refused by guard max_objects")
            .count();
        assert_eq!(told, 1, "{command:?}: {planned:?}");
    }
}

#[test]
fn what_a_file_sets_holds_unless_something_nearer_says_otherwise() {
    let shop = Shop::simulated();
    let state = shop.path().join("elsewhere").display().to_string();
    let text = format!(
        "state_dir = {state:?}\ncolor = \"always\"\nlock_wait = \"31s\"\nask = false\neditor = \"ed -s\"\n"
    );
    write(&shop, "config.toml", &text);
    let with = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = crate::support::ipvsh_command(shop.path(), &shop.arguments(arguments));
        command
            .env("IPVSH_CONFIG", shop.path().join("config.toml"))
            .env_remove("IPVSH_STATE_DIR");
        command.envs(variables.iter().copied());
        let finished: Finished = command.output().unwrap().into();
        assert_eq!(finished.status, 0, "{finished:?}");
        finished
    };
    // It holds: colours in a pipe, the journal where it says.
    assert!(with(&["list"], &[]).stdout.contains('\u{1b}'));
    assert!(
        !with(&["--color", "never", "list"], &[])
            .stdout
            .contains('\u{1b}')
    );
    with(&["edit", ONE, "--weight", "3"], &[]);
    assert!(std::path::Path::new(&state).join("simulated").is_dir());
    let origins = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut all = vec!["--json"];
        all.extend(arguments);
        all.push("config");
        let json: Value = serde_json::from_str(&with(&all, variables).stdout).unwrap();
        let list = json["settings"].as_array().unwrap().clone();
        list.into_iter()
            .filter(|one| one["holds"] == true)
            .map(|one| {
                let text = |field: &str| one[field].as_str().unwrap().to_owned();
                (text("name"), text("value"), text("source"))
            })
            .collect::<Vec<_>>()
    };
    let has = |all: &[(String, String, String)], name: &str, value: &str, source: &str| {
        let found = all.iter().find(|one| one.0 == name).unwrap();
        assert_eq!(
            (found.1.as_str(), found.2.as_str()),
            (value, source),
            "{all:?}"
        );
    };
    let file = shop.path().join("config.toml").display().to_string();
    let all = origins(&[], &[("EDITOR", "nano")]);
    has(&all, "state_dir", &format!("{state:?}"), &file);
    has(&all, "color", "\"always\"", &file);
    has(&all, "lock_wait", "\"31s\"", &file);
    has(&all, "ask", "false", &file);
    has(&all, "editor", "\"ed -s\"", &file);
    let all = origins(
        &["--color", "auto", "--lock-wait", "5s"],
        &[("IPVSH_STATE_DIR", "/nearer")],
    );
    has(&all, "state_dir", "\"/nearer\"", "IPVSH_STATE_DIR");
    has(&all, "color", "\"auto\"", "--color");
    has(&all, "lock_wait", "\"5s\"", "--lock-wait");
    let all = origins(
        &["--state-dir", "/nearest"],
        &[("IPVSH_STATE_DIR", "/nearer")],
    );
    has(&all, "state_dir", "\"/nearest\"", "--state-dir");
    write(&shop, "config.toml", "");
    let all = origins(&[], &[("EDITOR", "nano"), ("VISUAL", "")]);
    has(&all, "editor", "\"nano\"", "EDITOR");
    has(&all, "ask", "true", "default");
    has(&all, "lock_wait", "\"10s\"", "default");
    // Help is given whatever a file says.
    write(&shop, "config.toml", "ask = 3\n");
    assert!(with(&["help", "operations"], &[]).stdout.contains("editor"));
}
