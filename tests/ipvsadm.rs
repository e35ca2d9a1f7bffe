//! The drop-in against what was recorded of the original, on both kernels, and in the lab against the original itself.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::rc::Rc;

use ipvsh::ui::Streams;

use crate::support::tool::{Table, Tool};
use crate::support::{Finished, in_lab, only_in_lab};

pub(crate) const COMMANDS: &str = include_str!("data/ipvsadm/commands.txt");
const RESTORE: &str = include_str!("data/ipvsadm/restore.txt");
const LISTINGS: &str = include_str!("data/ipvsadm/listings.txt");

/// Takes the words of a line apart as a shell does, as far as the recorded lines need it.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Returns the lines that make the table of a file of records.
pub(crate) fn setup(records: &str) -> String {
    let lines = records
        .lines()
        .filter_map(|line| line.strip_prefix("setup "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Tells whether a recorded line can be tried: outside the lab no name service is asked, and the simulated kernel
/// has every network interface, for it can't know those of the machine that a table is meant for.
fn can_be_tried(tool: &Tool, line: &str) -> bool {
    let any = |names: &[&str]| names.iter().any(|name| line.contains(name));
    let asks = any(&["no.such.invalid", "-r foo"]);
    let interface = any(&["nosuchif"]);
    !(asks && !in_lab() || interface && matches!(tool.table, Table::File(_)))
}

fn check_command(tool: &Tool, before: &BTreeSet<String>, line: &str) -> Result<(), String> {
    let parts: Vec<&str> = line.splitn(3, " =>").map(str::trim).collect();
    let [typed, status, expected] = parts[..] else {
        return Err("the record can't be read".to_owned());
    };
    let words = shell_words(typed);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let finished = tool.ipvsadm(&words);
    let crashed = status == "139";
    let expected_status = if crashed { 2 } else { status.parse().unwrap() };
    if finished.status != expected_status {
        return Err(format!("status {}: {}", finished.status, finished.stderr));
    }
    if !finished.stdout.is_empty() {
        return Err(format!("output: {}", finished.stdout));
    }
    if expected_status != 0 {
        let said = finished
            .stderr
            .strip_suffix('\n')
            .unwrap_or(&finished.stderr);
        let expected = expected.replace("\\n", "\n");
        // The records have no blanks at their ends.
        if said.trim_end_matches(' ') != expected && !crashed {
            return Err(format!("said {said:?}"));
        }
        return if tool.saved() == *before {
            Ok(())
        } else {
            Err("the table changed".to_owned())
        };
    }
    let mut wanted = before.clone();
    for change in expected.split(" ; ").filter(|change| !change.is_empty()) {
        let change = change.strip_suffix('$').unwrap_or(change);
        if let Some(line) = change.strip_prefix("added: ") {
            wanted.insert(line.to_owned());
        } else if let Some(line) = change.strip_prefix("removed: ") {
            wanted.remove(line);
        } else {
            return Err(format!("the record can't be read: {change}"));
        }
    }
    let after = tool.saved();
    if after != wanted || !finished.stderr.is_empty() {
        return Err(format!("{after:?} {}", finished.stderr));
    }
    Ok(())
}

#[test]
fn every_recorded_command_does_what_the_original_did() {
    let setup = setup(COMMANDS);
    for tool in Tool::every() {
        tool.prepare(&setup);
        let before = tool.saved();
        let (mut wrong, mut count) = (Vec::new(), 0);
        let lines = COMMANDS
            .lines()
            .filter(|line| line.contains(" =>") && !line.starts_with("# "));
        for line in lines.filter(|line| can_be_tried(&tool, line)) {
            count += 1;
            if tool.saved() != before {
                tool.prepare(&setup);
            }
            if let Err(text) = check_command(&tool, &before, line) {
                wrong.push(format!("{line}\n    {text}"));
            }
        }
        assert!(count >= 295, "{count} records");
        assert!(
            wrong.is_empty(),
            "{} of {count}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\\\");
    let plain = |part: &str| {
        part.replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\r", "\r")
            .replace("\\x20", " ")
    };
    let first = plain(parts.next().unwrap_or_default());
    parts.fold(first, |text, part| format!("{text}\\{}", plain(part)))
}

#[test]
fn every_recorded_restore_does_what_the_original_did() {
    for tool in Tool::every() {
        let mut count = 0;
        for line in RESTORE
            .lines()
            .filter(|line| !line.starts_with("# What") && !line.starts_with("# STANDARD"))
        {
            let parts: Vec<&str> = line.split(" => ").collect();
            let [input, status, said, table] = parts[..] else {
                panic!("the record can't be read: {line}");
            };
            count += 1;
            tool.prepare("-C\n");
            let finished = tool.run("ipvsadm", &["-R"], unescaped(input).as_bytes());
            assert_eq!(finished.status.to_string(), status, "{line}: {finished:?}");
            assert_eq!(finished.stderr.trim_end_matches('\n'), said, "{line}");
            let table = table.trim();
            let wanted: BTreeSet<String> = table
                .split(" ; ")
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect();
            assert_eq!(tool.saved(), wanted, "{line}");
        }
        assert_eq!(count, 31);
    }
}

#[test]
fn every_recorded_listing_is_shown_as_the_original_showed_it() {
    let setup = setup(LISTINGS);
    for tool in Tool::every() {
        tool.prepare(&setup);
        let mut count = 0;
        for block in LISTINGS.split("\n# ipvsadm ").skip(1) {
            let (arguments, shown) = block.split_once('\n').unwrap();
            let words: Vec<&str> = arguments.split(' ').collect();
            if words.iter().all(|word| !word.contains('n'))
                && !arguments.contains("timeout")
                && !in_lab()
            {
                // Names are asked for.
                continue;
            }
            count += 1;
            let finished = tool.ipvsadm(&words);
            let ours: String = finished
                .stdout
                .lines()
                .map(|line| format!("{line}$\n"))
                .collect();
            let shown = format!("{}\n", shown.trim_end_matches('\n'));
            // Newer kernels have a table that grows.
            let sized = |text: &str| {
                let (first, rest) = text.split_once('\n').unwrap_or_default();
                match first.split_once("(size=") {
                    Some((start, _)) => format!("{start}\n{rest}"),
                    None => text.to_owned(),
                }
            };
            let (ours, shown) = (sized(&ours), sized(&shown));
            if arguments.contains("nosort") {
                let set = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
                assert_eq!(set(&ours), set(&shown), "{arguments}");
            } else {
                assert_eq!(ours, shown, "{arguments}");
            }
        }
        assert!(count >= 11, "{count}");
    }
}

/// Everything that a saved table of the original loses, and an everyday service.
const RICH: &str = "\
-A -t 10.0.0.1:80 -s wrr -p 300 -M 255.255.255.0
-a -t 10.0.0.1:80 -r 10.0.1.1:8080 -m -w 5 -x 100 -y 50
-a -t 10.0.0.1:80 -r 10.0.1.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-A -t [2001:db8::1]:443 -s mh -b flag-3,mh-port
-A -f 4294967295 -s rr -o
-A -f 7 -6 -s wlc
-A -u 10.0.0.1:53 --pe sip
-A -t 10.0.0.3:80 -M 255.255.255.0
--set 1000 200 400
";

fn saved_completely(tool: &Tool) -> String {
    let finished = tool.run("ipvsadm-save", &["--complete"], b"");
    assert_eq!(
        (finished.status, finished.stderr.as_str()),
        (0, ""),
        "{finished:?}"
    );
    finished.stdout
}

#[test]
fn what_is_saved_completely_comes_back_and_changes_nothing() {
    for tool in Tool::every() {
        tool.prepare(RICH);
        let saved = saved_completely(&tool);
        for part in [
            "-x 100 -y 50",
            "-A -t 10.0.0.3:80 -s wlc -M 255.255.255.0",
            "-f 4294967295",
            "--set 1000 200 400",
            "--tun-remcsum",
            "-b mh-port,flag-3",
        ] {
            assert!(saved.contains(part), "{part}: {saved}");
        }
        let again = tool.run("ipvsadm-restore", &["--atomic"], saved.as_bytes());
        assert_eq!((again.status, again.stderr.as_str()), (0, ""), "{again:?}");
        assert!(
            again.stdout.contains("no changes. Nothing was sent."),
            "{again:?}"
        );
        // Into an empty table, by `-R` and as one transaction.
        for way in [&["-R"][..], &["-R", "--atomic"]] {
            tool.prepare("--set 1 2 3\n");
            let back = tool.run("ipvsadm", way, saved.as_bytes());
            assert_eq!((back.status, back.stderr.as_str()), (0, ""), "{back:?}");
            assert_eq!(saved_completely(&tool), saved);
        }
    }
}

#[test]
fn atomic_lines_change_what_differs_or_nothing() {
    for tool in Tool::every() {
        tool.prepare("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m\n-A -t 10.0.0.2:80 -s rr\n");
        let before = tool.saved();
        // A line in the middle that the kernel refuses, one that makes no sense, one that changes nothing.
        for (line, said) in [
            (
                "-A -t 10.0.0.3:80 -s rr",
                "lines 2 and 4 add the same: Service already exists; nothing was changed",
            ),
            (
                "-a -t 10.0.0.9:80 -r 10.0.1.1",
                "line 4: Service not defined; nothing was changed",
            ),
            (
                "-a -t 10.0.0.3:80 -r 224.0.0.1",
                "line 4: Invalid operation.",
            ),
            (
                "-A -t 10.0.0.4:80 -w 1",
                "line 4: Illegal 'weight' option with the 'add-service' command; nothing was changed",
            ),
            (
                "-A -t 10.0.0.4:80 -q",
                "line 4: -q: unknown option; nothing was changed",
            ),
            (
                "nonsense",
                "line 4: it has no command of ipvsadm, such as -A or -a; nothing was changed",
            ),
            ("-Ln", "line 4: the 'list' command changes nothing"),
        ] {
            let lines =
                format!("# a saved table\n-A -t 10.0.0.3:80 -s rr\n\n{line}\n-A -t 10.0.0.5:80\n");
            for program in [
                ("ipvsadm", &["-R", "--atomic"][..]),
                ("ipvsadm-restore", &["--atomic"]),
            ] {
                let finished = tool.run(program.0, program.1, lines.as_bytes());
                let refused = ["already exists", "not defined", "Invalid operation"];
                let refused = refused.iter().any(|words| said.contains(words));
                let status = if refused { 3 } else { 2 };
                assert_eq!(finished.status, status, "{line}: {finished:?}");
                assert!(finished.stderr.contains(said), "{line}: {finished:?}");
                assert_eq!(tool.saved(), before, "{line}");
            }
        }
        let lines = b"-A -t 10.0.0.3:80\n-A -t 10.0.0.3:80\n";
        let failed = tool.run("ipvsadm", &["-R", "--atomic", "--json"], lines);
        let failed: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
        assert_eq!(failed["cause"]["kind"], "refused");
        assert_eq!(
            failed["cause"]["message"],
            "lines 1 and 2 add the same: Service already exists; nothing was changed"
        );
        // What an editor puts before the text, and comments that are moved in, are no lines.
        let lines = "\u{feff}# saved\n  # by hand\n-A -t 10.0.0.2:80 -s rr\n";
        let taken = tool.run("ipvsadm", &["-R", "--atomic"], lines.as_bytes());
        assert_eq!(taken.status, 0, "{taken:?}");
        // `-R` keeps what no line names, and turns what is there into what the line says.
        let lines = "-A -t 10.0.0.1:80 -s wlc\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 7\n-a -t 10.0.0.1:80 -r 10.0.1.2:80 -m\n";
        let shown = tool.run("ipvsadm", &["-R", "--atomic", "--diff"], lines.as_bytes());
        let difference: BTreeSet<&str> = shown.stdout.lines().collect();
        let expected = [
            "- -A -t 10.0.0.1:80 -s rr",
            "+ -A -t 10.0.0.1:80 -s wlc",
            "- -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1",
            "+ -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 7",
            "+ -a -t 10.0.0.1:80 -r 10.0.1.2:80 -m -w 1",
        ];
        assert_eq!(difference, expected.into(), "{shown:?}");
        assert_eq!(tool.saved(), before, "--diff changes nothing");
        let done = tool.run("ipvsadm", &["-R", "--atomic"], lines.as_bytes());
        assert_eq!(done.status, 0, "{done:?}");
        assert!(tool.saved().contains("-A -t 10.0.0.2:80 -s rr"));
        assert!(
            tool.saved()
                .contains("-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 7")
        );
        // `ipvsadm-restore` also deletes it.
        let done = tool.run("ipvsadm-restore", &["--atomic"], lines.as_bytes());
        assert_eq!(done.status, 0, "{done:?}");
        assert!(
            done.stdout.contains("0 to add, 0 to change, 1 to delete"),
            "{done:?}"
        );
        assert!(!tool.saved().contains("-A -t 10.0.0.2:80 -s rr"));
        // An empty file is no order to delete everything.
        let none = tool.run("ipvsadm-restore", &["--atomic"], b"\n# nothing\n");
        assert_eq!(none.status, 2, "{none:?}");
        assert_eq!(tool.saved().len(), 3);
    }
}

#[test]
fn a_change_can_be_shown_instead_of_made() {
    for tool in Tool::every() {
        tool.prepare("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m\n");
        let before = tool.saved();
        let plan = tool.ipvsadm(&[
            "-e",
            "-t",
            "10.0.0.1:80",
            "-r",
            "10.0.1.1:80",
            "-m",
            "-w",
            "7",
            "--dry-run",
        ]);
        assert_eq!((plan.status, plan.stderr.as_str()), (0, ""));
        assert!(
            plan.stdout.contains("~ 10.0.1.1:80   weight 1 -> 7"),
            "{plan:?}"
        );
        let gone = tool.ipvsadm(&["-C", "--diff"]);
        assert_eq!(
            gone.stdout,
            "- -A -t 10.0.0.1:80 -s rr\n- -a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 1\n"
        );
        for (words, what) in [
            (
                &["-Z", "-t", "10.0.0.1:80"][..],
                "zero the counters of tcp://10.0.0.1:80",
            ),
            (&["-Z"], "zero all counters"),
        ] {
            let plan = tool.ipvsadm(&[words, &["--dry-run"]].concat());
            assert!(
                plan.stdout
                    .starts_with(&format!("! {what}   after the commit")),
                "{plan:?}"
            );
            let difference = tool.ipvsadm(&[words, &["--diff"]].concat());
            assert_eq!(difference.stdout, format!("! # {what}\n"));
        }
        let refused = tool.ipvsadm(&["-A", "-t", "10.0.0.1:80", "--dry-run"]);
        assert_eq!(
            (refused.status, refused.stderr.as_str()),
            (255, "Service already exists\n")
        );
        let json = tool.ipvsadm(&["-D", "-t", "10.0.0.1:80", "--diff", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["outcome"], "planned");
        assert_eq!(json["plan"]["summary"]["delete"], 1);
        // Lines that the original would run one by one.
        let lines = b"-A -t 10.0.0.2:80\n-A -t 10.0.0.1:80\n-D -t 10.0.0.1:80\n";
        let shown = tool.run("ipvsadm", &["-R", "--diff"], lines);
        assert_eq!(
            (shown.status, shown.stderr.as_str()),
            (0, "Service already exists\n")
        );
        assert!(
            shown.stdout.contains("+ -A -t 10.0.0.2:80 -s wlc"),
            "{shown:?}"
        );
        assert_eq!(tool.saved(), before);
        // Options of ours are no part of lines, and not abbreviated.
        for (words, status, said) in [
            (
                &["-L", "--dry-run"][..],
                2,
                "Illegal 'dry-run' option with the 'list' command\n",
            ),
            (
                &["-A", "-t", "10.0.0.9:80", "--atomic"],
                2,
                "Illegal 'atomic' option with the 'add-service' command\n",
            ),
            (
                &["-Ln", "--complete"],
                2,
                "Illegal 'complete' option with the 'list' command\n",
            ),
            (&["-Ln", "--jso"], 255, "--jso: unknown option\n"),
        ] {
            let finished = tool.ipvsadm(words);
            assert_eq!(
                (finished.status, finished.stderr.as_str()),
                (status, said),
                "{words:?}"
            );
        }
        let inner = tool.run("ipvsadm", &["-R"], b"-A -t 10.0.0.9:80 --dry-run\n");
        assert_eq!(
            (inner.status, inner.stderr.as_str()),
            (255, "--dry-run: unknown option\n")
        );
    }
}

#[test]
fn listings_and_errors_are_data_where_that_is_wanted() {
    let parsed = |finished: &Finished| -> serde_json::Value {
        serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("{error}: {finished:?}"))
    };
    for tool in Tool::every() {
        tool.prepare(RICH);
        let all = parsed(&tool.ipvsadm(&["-L", "--json"]));
        assert_eq!(all["services"].as_array().unwrap().len(), 6);
        let one = parsed(&tool.ipvsadm(&["-Ln", "-t", "10.0.0.1:80", "--json"]));
        assert_eq!(
            one["services"][0]["destinations"][0]["upper_threshold"],
            100
        );
        let timeouts = parsed(&tool.ipvsadm(&["-L", "--timeout", "--json"]));
        assert_eq!(timeouts["timeouts"]["tcp_seconds"], 1000);
        let connections = parsed(&tool.ipvsadm(&["-Lc", "--json"]));
        assert_eq!(connections["connections"], serde_json::json!([]));
        let failed = tool.ipvsadm(&["-A", "-t", "10.0.0.1:80", "--json"]);
        assert_eq!(
            (failed.status, failed.stderr.as_str()),
            (255, "Service already exists\n")
        );
        let failed = parsed(&failed);
        assert_eq!(failed["outcome"], "failed");
        assert_eq!(failed["cause"]["kind"], "refused");
        assert_eq!(failed["cause"]["message"], "Service already exists");
        let usage = parsed(&tool.ipvsadm(&["--json", "-A", "-w", "x"]));
        assert_eq!(usage["cause"]["message"], "illegal weight specified");
    }
}

#[test]
fn a_port_that_would_get_lost_leads_nowhere() {
    for tool in Tool::every() {
        tool.prepare("-A -t 10.0.0.1:0 -p\n-A -t 10.0.0.2:80\n");
        let before = tool.saved();
        for (words, status, said) in [
            // Here the original would add, delete and list another service than the one that was written.
            (
                "-A -t [10.0.0.3]:80 -p",
                2,
                "illegal virtual server address[:port] specified\n",
            ),
            (
                "-D -t [10.0.0.1]:80",
                2,
                "illegal virtual server address[:port] specified\n",
            ),
            (
                "-L -t [10.0.0.1]:80",
                2,
                "illegal virtual server address[:port] specified\n",
            ),
            (
                "-a -t 10.0.0.2:80 -r [10.0.1.1]:8080 -m",
                2,
                "illegal real server address[:port] specified\n",
            ),
            // And here it fails.
            (
                "-A -t [10.0.0.3]:80",
                2,
                "Zero port specified for non-persistent service\n",
            ),
            ("-D -t [10.0.0.2]:80", 255, "No such service\n"),
            ("-L -t [10.0.0.2]:80", 1, "No such service\n"),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let finished = tool.ipvsadm(&words);
            assert_eq!(
                (finished.status, finished.stderr.as_str()),
                (status, said),
                "{words:?}"
            );
        }
        assert_eq!(tool.saved(), before);
        // What is written is what happens: nothing is lost.
        let kept = tool.ipvsadm(&["-a", "-t", "10.0.0.2:80", "-r", "[10.0.1.1]:80", "-m"]);
        assert_eq!(kept.status, 0, "{kept:?}");
    }
}

#[test]
fn negative_marks_come_back() {
    for tool in Tool::every() {
        tool.prepare(
            "-A -f 4294967295 -s rr\n-a -f 4294967295 -r 10.0.1.1 -m\n-A -f 2147483648 -6\n",
        );
        let saved = tool.ipvsadm(&["-Sn"]);
        assert!(
            saved.stdout.contains("-A -f -1 -s rr") && saved.stdout.contains("-f -2147483648 -6"),
            "{saved:?}"
        );
        let before = tool.saved();
        tool.prepare(&saved.stdout);
        assert_eq!(tool.saved(), before);
        // On a command line it is a typing error, as it always was.
        let typed = tool.ipvsadm(&["-A", "-f", "-2"]);
        assert_eq!(
            (typed.status, typed.stderr.as_str()),
            (2, "invalid fwmark value `-2' specified\n")
        );
        let small = tool.run("ipvsadm", &["-R"], b"-A -f -2147483649\n");
        assert_eq!(small.status, 2, "{small:?}");
    }
}

/// Runs the program itself under one of its three names.
fn linked(folder: &std::path::Path, name: &str) -> Command {
    let link = folder.join(name);
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ipvsh"), &link).unwrap();
    }
    let mut command = Command::new(link);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("IPVSH_STATE_DIR", folder.join("state"))
        .stdin(Stdio::null());
    command
}

#[test]
fn links_answer_to_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, arguments: &[&str]| -> Finished {
        linked(folder.path(), name)
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    let usage = run("ipvsadm-save", &["-nn"]);
    assert_eq!(usage.status, 1, "{usage:?}");
    assert!(
        usage
            .stderr
            .starts_with("ipvsadm-save: Script to save the IPVS table to stdout.\n"),
        "{usage:?}"
    );
    for (name, arguments) in [
        ("ipvsadm", &["-Ln"][..]),
        ("ipvsadm", &["-h"]),
        ("ipvsadm", &["nonsense"]),
        ("ipvsadm-save", &["-n"]),
    ] {
        let finished = run(name, arguments);
        if in_lab() {
            assert_ne!(
                finished.stderr.lines().next(),
                Some("Can't initialize ipvs: Protocol not available")
            );
            continue;
        }
        // This machine's own kernel: whatever is asked, there is no IPVS, or no right to it.
        if finished.status != 2 {
            continue;
        }
        let lines: Vec<&str> = finished
            .stderr
            .lines()
            .filter(|line| !line.starts_with("modprobe: "))
            .collect();
        assert!(
            matches!(
                lines.as_slice(),
                [
                    "Can't initialize ipvs: Protocol not available"
                        | "Can't initialize ipvs: Permission denied (you must be root)",
                    "Are you sure that IP Virtual Server is built in the kernel or as module?"
                ]
            ),
            "{finished:?}"
        );
    }
}

#[test]
fn links_are_called_by_their_names() {
    if !only_in_lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, arguments: &[&str]| -> Finished {
        let mut command = linked(folder.path(), name);
        command.args(arguments).output().unwrap().into()
    };
    let _place = crate::support::Place::real();
    assert_eq!(run("ipvsadm", &["-A", "-t", "10.0.0.1:80"]).status, 0);
    assert_eq!(
        run("ipvsadm-save", &["-n", "ignored"]).stdout,
        "-A -t 10.0.0.1:80 -s wlc\n"
    );
    let hint = run("ipvsadm", &["nonsense"]);
    let name = folder.path().join("ipvsadm").display().to_string();
    assert_eq!(
        hint.stderr,
        format!("Try `{name} -h' or '{name} --help' for more information.\n")
    );
    let helped = run("ipvsadm", &["-h"]);
    assert!(
        helped.stdout.contains(&format!("  {name} -A|E SERVICE")),
        "{helped:?}"
    );
    // Without privilege nothing is parsed.
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        &name,
        "nonsense",
    ]);
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let refused: Finished = unprivileged.output().unwrap().into();
    let original: Finished = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "ipvsadm",
            "nonsense",
        ])
        .output()
        .unwrap()
        .into();
    assert_eq!(
        (refused.status, &refused.stderr),
        (original.status, &original.stderr)
    );
    assert!(
        refused
            .stderr
            .contains("Permission denied (you must be root)"),
        "{refused:?}"
    );
}

#[test]
fn output_that_no_one_gets_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let shell = |line: &str| -> Finished {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(folder.path())
            .env("IPVSH", env!("CARGO_BIN_EXE_ipvsh"))
            .env("IPVSH_STATE_DIR", folder.path().join("state"));
        command.output().unwrap().into()
    };
    assert_eq!(
        shell("$IPVSH --sim-state=t ipvsadm -A -t 10.0.0.1:80").status,
        0
    );
    for (target, said) in [
        ("/dev/full", "No space left on device"),
        ("&-", "standard output is closed"),
    ] {
        for arguments in ["-Ln", "-Sn", "-Lc", "-h", "-v", "-L --timeout"] {
            let finished = shell(&format!(
                "$IPVSH --sim-state=t ipvsadm {arguments} >{target}"
            ));
            assert_eq!(finished.status, 1, "{arguments} >{target}: {finished:?}");
            assert!(
                finished.stderr.contains(said),
                "{arguments} >{target}: {finished:?}"
            );
        }
        let listed = shell(&format!("$IPVSH --sim-state=t list >{target}"));
        assert_eq!(listed.status, 1, "{listed:?}");
        let committed = shell(&format!(
            "echo -A -t 10.0.0.2:80 | $IPVSH --sim-state=t ipvsadm-restore --atomic >{target}"
        ));
        assert_eq!(committed.status, 9, "{committed:?}");
        assert!(
            committed
                .stderr
                .contains("committed, but the output could not be written"),
            "{committed:?}"
        );
        shell("echo -A -t 10.0.0.1:80 | $IPVSH --sim-state=t ipvsadm-restore");
    }
    // What is wrong before the original would begin is said with the way out.
    let nowhere = shell("$IPVSH --netns nowhere ipvsadm -Ln");
    assert_eq!(nowhere.status, 2, "{nowhere:?}");
    assert!(
        nowhere.stderr.contains("no network namespace nowhere")
            && nowhere.stderr.contains("hint: "),
        "{nowhere:?}"
    );
    // The value of an option may be called as the program is.
    let named = shell("$IPVSH --sim-state ipvsadm ipvsadm -L --timeout");
    assert_eq!(
        (named.status, named.stdout.as_str()),
        (0, "Timeout (tcp tcpfin udp): 900 120 300\n")
    );
    // Nothing to say, nothing lost.
    assert_eq!(
        shell("$IPVSH --sim-state=t ipvsadm -A -t 10.0.0.3:80 >&-").status,
        0
    );
    // A reader that has enough is no failure, and ends the program as it ends the original.
    let gone = shell("$IPVSH --sim-state=t ipvsadm -Ln | true; exit 0");
    assert_eq!((gone.status, gone.stderr.as_str()), (0, ""));
}

#[test]
fn a_word_ends_at_its_nul_as_in_c() {
    for tool in Tool::every() {
        for (input, status, said, table) in [
            (&b"-A -f 7\0\0\n"[..], 0, "", &["-A -f 7 -s wlc"][..]),
            (
                b"-A -t 10.0.0.2:80\0junk\n",
                0,
                "",
                &["-A -t 10.0.0.2:80 -s wlc"],
            ),
            (
                b"-A\0 -f 7\nipvsadm\0 -A -f 8\n",
                0,
                "",
                &["-A -f 7 -s wlc", "-A -f 8 -s wlc"],
            ),
            (b"-A -f 7 -s \0\n", 0, "", &["-A -f 7 -s wlc"]),
            (b"-A -f 7 \0\0\n", 2, "unexpected argument \n", &[]),
        ] {
            tool.prepare("-C\n");
            let finished = tool.run("ipvsadm", &["-R"], input);
            assert_eq!(
                (finished.status, finished.stderr.as_str()),
                (status, said),
                "{input:?}"
            );
            let table: BTreeSet<String> = table.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(tool.saved(), table, "{input:?}");
        }
        let hint = tool.run("ipvsadm-restore", &[], b"nonsense\n");
        assert_eq!(
            hint.stderr,
            "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"
        );
    }
}

/// What a program wrote so far, for the one who writes its input.
#[derive(Clone, Default)]
struct Watched(Rc<RefCell<Vec<u8>>>);

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Someone who types a line, and looks at the answer before the next.
struct Typist {
    lines: Vec<&'static str>,
    screen: Watched,
    seen: Rc<RefCell<Vec<String>>>,
}

impl Read for Typist {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let shown = String::from_utf8_lossy(&self.screen.0.borrow()).into_owned();
        self.seen.borrow_mut().push(shown);
        if self.lines.is_empty() {
            return Ok(0);
        }
        let line = self.lines.remove(0).as_bytes();
        bytes[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn each_line_is_answered_before_the_next_is_read() {
    let screen = Watched::default();
    let seen = Rc::default();
    let mut input = Typist {
        lines: vec![
            "-A -t 10.0.0.1:80\n",
            "-Sn\n",
            "-A -t 10.0.0.1:80\n",
            "-L --time",
            "out\n",
        ],
        screen: screen.clone(),
        seen: Rc::clone(&seen),
    };
    let words = ["ipvsh", "--sim", "ipvsadm", "-R"].map(std::ffi::OsString::from);
    let streams = Streams {
        input: Some(&mut input),
        output: &mut screen.clone(),
        errors: &mut screen.clone(),
        coloured: false,
        watched: true,
    };
    assert_eq!(ipvsh::drop_in(&words, streams), Some(0));
    let saved = "-A -t 10.0.0.1:80 -s wlc\n";
    let refused = format!("{saved}Service already exists\n");
    let timeouts = format!("{refused}Timeout (tcp tcpfin udp): 900 120 300\n");
    assert_eq!(
        *seen.borrow(),
        ["", "", saved, &refused, &refused, &timeouts]
    );
}
