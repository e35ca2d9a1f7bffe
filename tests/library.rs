//! What is shipped beside the program: the built-in library, the scripts, the cookbook. Everything in it runs.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use ipvsh::script::{
    Allowed, Limits, Permissions, RunEnvironment, Script, check, library_entries, library_modules,
    run,
};
use ipvsh::session::{Access, Interrupt, Session, Target};

use crate::support::{Place, in_lab, ipvsh, ipvsh_command, system, with_journal};

const FIXTURE: &str = r#"
    service::add("tcp://192.0.2.1:80", #{ destinations: [#{ id: "10.0.0.2:80", weight: 3 }, #{ id: "10.0.0.3:80", weight: 0 }] });
"#;

/// Runs code and returns what it printed, or the error in words.
fn said(session: Session, code: &str) -> (Session, String) {
    let script = Script {
        path: "test.rhai".to_owned(),
        source: code.to_owned(),
        arguments: Vec::new(),
    };
    let printed: Rc<RefCell<Vec<String>>> = Rc::default();
    let sink = Rc::clone(&printed);
    let output = Rc::new(move |text: &str| {
        sink.borrow_mut().push(text.to_owned());
        Ok(())
    });
    let surroundings = RunEnvironment {
        last_resort: None,
        coverage: None,
        permissions: Permissions {
            read: Allowed::Everywhere,
            write: Allowed::Everywhere,
            at_prompt: false,
        },
        limits: Limits::DEFAULT,
        output,
    };
    if let Err(failure) = check(&script, &surroundings.permissions) {
        panic!("{}", failure.render(false));
    }
    let (session, result) = run(&script, session, &surroundings);
    let said = match result {
        Ok(_) => printed.borrow().join("\n"),
        Err(failure) => format!("{}: {}", failure.kind(), failure.render(false)),
    };
    (session, said)
}

fn examples(text: &str) -> Vec<String> {
    let parts = text.split("```rhai\n").skip(1);
    let code = parts.filter_map(|part| part.split("```").next().map(str::to_owned));
    code.filter(|code| !code.trim().is_empty()).collect()
}

#[test]
fn every_function_of_the_library_has_an_example_that_runs() {
    let mut ran = 0;
    for (module, source) in library_modules() {
        let entries = library_entries(module, source);
        assert!(!entries.is_empty(), "{module}");
        for entry in entries {
            let examples = examples(&entry.text);
            assert_eq!(examples.len(), 1, "{}", entry.signature);
            for place in Place::every() {
                if entry.name == "rollout::shift" && in_lab() {
                    // It waits 30 s for each step: on a kernel that is real time.
                    continue;
                }
                let (session, prepared) = said(place.session(), FIXTURE);
                assert_eq!(prepared, "");
                let (_, said) = said(session, &examples[0]);
                assert!(
                    !said.contains("error: "),
                    "{} on the {}: {said}",
                    entry.name,
                    place.name()
                );
                ran += 1;
            }
        }
    }
    assert!(ran >= 17, "{ran}");
}

#[test]
fn every_example_of_the_reference_runs() {
    let page = ipvsh::script::REFERENCE;
    let all = examples(page);
    let functions = page.matches("\n### `").count();
    let fields = page
        .lines()
        .filter(|line| line.starts_with("### `") && !line.contains('(') && !line.contains('{'))
        .count();
    let shown = page.matches(".to_string()").count();
    assert!(
        all.len() + fields + shown >= functions,
        "{} examples of {functions} functions",
        all.len()
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("servers.csv"),
        "server,weight\n10.0.0.2:80,3\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("table.json"), "{ \"version\": 1 }").unwrap();
    for code in all {
        let mut code = code;
        for file in ["servers.csv", "table.json", "report.txt", "before.json"] {
            code = code.replace(
                &format!("\"{file}\""),
                &format!("{:?}", folder.path().join(file)),
            );
        }
        // Waits are no time on a simulated kernel.
        let state = tempfile::tempdir().unwrap();
        let target = Target::Simulation {
            contents: None,
            label: None,
            file: None,
        };
        let opened = Session::open(target, Access::Write, Interrupt::default()).unwrap();
        let session = with_journal(opened, state.path());
        let (session, _) = said(session, FIXTURE);
        let (_, said) = said(session, &code);
        assert!(!said.contains("error: "), "{code}\n{said}");
    }
}

#[test]
fn assertions_say_what_is_wrong() {
    for place in Place::every() {
        for (code, expected) in [
            (
                "expect::service_exists(\"fwmark://9\");",
                "there is no virtual service fwmark://9; there are 1 others",
            ),
            (
                "expect::service_missing(\"tcp://192.0.2.1:80\");",
                "tcp://192.0.2.1:80 is there",
            ),
            (
                "expect::weight(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", 7);",
                "has weight 3, not 7",
            ),
            (
                "expect::weight(\"tcp://192.0.2.1:80\", \"10.0.0.9:80\", 7);",
                "has no real server 10.0.0.9:80",
            ),
            (
                "expect::servers(\"tcp://192.0.2.1:80\", [\"10.0.0.2:80\"]);",
                "has [\"10.0.0.3:80\"] as well",
            ),
            (
                "expect::servers(\"tcp://192.0.2.1:80\", [\"10.0.0.2:80\", \"10.0.0.3:80\", \"10.0.0.4:80\"]);",
                "lacks [\"10.0.0.4:80\"]",
            ),
            (
                "expect::at_least(\"tcp://192.0.2.1:80\", 2);",
                "has 1 real servers with weight, not 2",
            ),
            ("expect::table_is(#{ version: 1 });", "- tcp://192.0.2.1:80"),
        ] {
            let (session, _) = said(place.session(), FIXTURE);
            let (mut session, said) = said(
                session,
                &format!("import \"std/expect\" as expect;\n{code}"),
            );
            assert!(
                said.starts_with("assertion: ") && said.contains(expected),
                "{code}: {said}"
            );
            session.clear().map(|_done| ()).unwrap();
        }
    }
}

#[test]
fn the_audit_finds_what_breaks_a_rule_and_nothing_else() {
    for place in Place::every() {
        let (session, _) = said(
            place.session(),
            "service::add(\"tcp://192.0.2.1:80\", #{ scheduler: \"wrr\", destinations: [#{ id: \"10.0.0.2:8080\" }, #{ id: \"10.0.0.3:80\", weight: 0, forwarding: \"masquerading\" }] });\n\
             service::add(\"tcp://192.0.2.1:443\", #{ scheduler: \"rr\", destinations: [\"10.0.0.2:443\", \"10.0.0.3:443\"] });",
        );
        let (session, found) = said(
            session,
            "import \"std/audit\" as audit; for f in audit::findings(2) { print(`${f.rule} ${f.object}`); }",
        );
        assert_eq!(
            found,
            "at_least tcp://192.0.2.1:80\nleftovers tcp://192.0.2.1:80/10.0.0.3:80\none_method tcp://192.0.2.1:80\n\
             one_scheduler 192.0.2.1\nports tcp://192.0.2.1:80/10.0.0.2:8080",
            "{}",
            place.name()
        );
        let fine = "service::delete(\"tcp://192.0.2.1:80\"); import \"std/audit\" as audit; print(audit::findings(2).len());";
        assert_eq!(said(session, fine).1, "0");
    }
}

#[test]
fn a_rollout_scales_both_sides_to_one_sum_and_goes_back_when_the_check_fails() {
    const MOVE: &str = "import \"std/rollout\" as rollout;\n\
        let weights = || destination::list(\"tcp://192.0.2.1:80\").map(|d| d.weight);\n\
        let old = destination::list(\"tcp://192.0.2.1:80\").filter(|d| d.address != \"10.0.0.3\");\n\
        let fresh = destination::list(\"tcp://192.0.2.1:80\").filter(|d| d.address == \"10.0.0.3\");\n";
    for place in Place::every() {
        let fixture = "service::add(\"tcp://192.0.2.1:80\", #{ destinations: [#{ id: \"10.0.0.2:80\", weight: 3 }, #{ id: \"10.0.0.3:80\", weight: 0 }, #{ id: \"10.0.0.4:80\", weight: 1 }] });";
        let (session, _) = said(place.session(), fixture);
        let (session, printed) = said(
            session,
            &format!(
                "{MOVE}print(rollout::shift(old, fresh, [10, 50], |percent| {{ print(weights.call()); true }}));"
            ),
        );
        // Two servers on the larger side: a sum of 200.
        assert_eq!(
            printed,
            "[135, 20, 45]\n[75, 100, 25]\n[100]",
            "{}",
            place.name()
        );
        let (session, printed) = said(
            session,
            &format!(
                "{MOVE}try {{ rollout::shift(old, fresh, [10, 100], |percent| percent < 100); }} catch (e) {{ print(e.message); }} print(weights.call());"
            ),
        );
        assert_eq!(
            printed,
            "the check failed at 100 %\n[75, 100, 25]",
            "{}",
            place.name()
        );
        let (_, printed) = said(
            session,
            &format!(
                "{MOVE}try {{ rollout::shift(old, fresh, [10], |percent| service::get(\"fwmark://9\")); }} catch (e) {{ print(e.kind); }} print(weights.call());"
            ),
        );
        assert_eq!(printed, "missing\n[75, 100, 25]", "{}", place.name());
    }
}

/// Runs a script of `scripts/` as a user does.
fn script(arguments: &[&str]) -> crate::support::Finished {
    ipvsh(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

#[test]
fn every_script_is_checked_and_has_a_test_here() {
    let own = include_str!("library.rs").to_owned()
        + include_str!("readme.rs")
        + include_str!("../README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".rhai") {
            let path = format!("scripts/{name}");
            // Tests of scripts are run by `ipvsh test`.
            assert!(
                name.ends_with(".test.rhai") || own.contains(&path),
                "{path} has no test"
            );
            let finished = script(&["check", &path]);
            assert_eq!(finished.status, 0, "{finished:?}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen}");
}

#[test]
fn onboarding_shows_its_plan_and_commits_when_told_to() {
    let file = ["scripts/onboard.rhai", "--file", "scripts/services.csv"];
    let run = |options: &[&str], more: &[&str]| {
        let mut all = vec!["run", "--allow-read=scripts"];
        all.extend(options);
        all.extend(file);
        all.extend(more);
        script(&all)
    };
    let shown = run(&["--sim"], &[]);
    assert_eq!(shown.status, 10, "{shown:?}");
    assert!(shown.stdout.contains("Plan: 5 to add"), "{shown:?}");
    let refused = script(&["run", "--sim", file[0], file[1], file[2]]);
    assert!(
        refused.status == 1 && refused.stderr.contains("--allow-read"),
        "{refused:?}"
    );
    let usage = script(&["run", "--sim", file[0], "--fil", "x"]);
    assert!(
        usage.status == 2 && usage.stderr.contains("did you mean --file?"),
        "{usage:?}"
    );
    let help = script(&["run", file[0], "--help"]);
    assert!(
        help.status == 0
            && help
                .stdout
                .contains("usage: scripts/onboard.rhai --file FILE [--yes]"),
        "{help:?}"
    );
    if !in_lab() {
        let done = run(&["--sim"], &["--yes"]);
        assert!(
            done.status == 0 && done.stdout.ends_with("committed: 5 changes\n"),
            "{done:?}"
        );
        return;
    }
    let _place = Place::real();
    let done = run(&[], &["--yes"]);
    assert!(
        done.status == 0
            && done
                .stdout
                .contains("committed: 5 changes\nundo with: ipvsh undo "),
        "{done:?}"
    );
    let table = system("ipvsadm -Sn | sort");
    assert_eq!(
        table,
        "-A -t 192.0.2.20:443 -s wrr\n-A -u 192.0.2.21:53 -s rr\n-a -t 192.0.2.20:443 -r 10.0.1.2:443 -g -w 10\n\
         -a -t 192.0.2.20:443 -r 10.0.1.3:443 -g -w 10\n-a -u 192.0.2.21:53 -r 10.0.1.4:53 -g -w 1\n"
    );
    assert_eq!(
        run(&[], &["--yes"]).status,
        0,
        "a second time there is nothing to do"
    );
}

#[test]
fn the_quick_start_makes_the_table_it_shows() {
    let simulated = script(&["run", "--sim", "scripts/quickstart.rhai"]);
    assert!(
        simulated.status == 0 && simulated.stdout.contains("committed: 5 changes"),
        "{simulated:?}"
    );
    if in_lab() {
        let _place = Place::real();
        let real = script(&["run", "scripts/quickstart.rhai"]);
        assert_eq!(real.status, 0, "{real:?}");
        assert_eq!(
            system("ipvsadm -Sn | sort"),
            "-A -t 192.0.2.1:80 -s wlc -p 300\n-A -u [2001:db8::1]:53 -s rr -o\n-a -t 192.0.2.1:80 -r 10.0.0.2:8080 -m -w 10\n\
             -a -t 192.0.2.1:80 -r 10.0.0.3:8080 -m -w 10\n-a -u [2001:db8::1]:53 -r [fd00::2]:53 -g -w 1\n"
        );
    }
}

#[test]
fn blue_and_green_change_places() {
    let base = [
        "scripts/blue-green.rhai",
        "--service",
        "tcp://192.0.2.1:80",
        "--blue",
        "10.0.0.2",
        "--green",
        "10.0.0.3",
    ];
    let mut simulated = vec!["run", "--sim=scripts/shop.json"];
    simulated.extend(base);
    let done = script(&simulated);
    assert_eq!(done.status, 0, "{done:?}");
    assert!(
        done.stdout
            .ends_with("done: the weights are #{\"10.0.0.2:80\": 0, \"10.0.0.3:80\": 100}\n"),
        "{done:?}"
    );
    let mut planned = vec!["plan", "--sim=scripts/shop.json"];
    planned.extend(base);
    let plan = script(&planned);
    assert!(
        plan.stdout.contains("step 1 10 % to green\n")
            && plan.stdout.contains("~ 10.0.0.2:80   weight 10 -> 90")
            && plan.stdout.contains("~ 10.0.0.2:80   weight 10 -> 0")
            && plan.stdout.contains("then: sleep 30s"),
        "{plan:?}"
    );
    if in_lab() {
        let _place = Place::real();
        assert_eq!(script(&["apply", "scripts/shop.json"]).status, 0);
        let mut real = vec!["run"];
        real.extend(base);
        real.extend(["--pause", "10ms"]);
        let done = script(&real);
        assert_eq!(done.status, 0, "{done:?}");
        let table = system("ipvsadm -Sn | grep -F 192.0.2.1:80 | sort");
        assert_eq!(
            table,
            "-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 0\n-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 100\n"
        );
    }
}

#[test]
fn a_canary_gets_more_and_is_gone_when_a_check_fails() {
    let base = [
        "scripts/canary.rhai",
        "--service",
        "tcp://192.0.2.1:80",
        "--server",
        "10.0.0.9:80",
    ];
    let with = |first: &[&str], more: &[&str]| {
        let mut all = first.to_vec();
        all.extend(base);
        all.extend(more);
        script(&all)
    };
    let done = with(&["run", "--sim=scripts/farm.json"], &[]);
    assert!(
        done.status == 0
            && done
                .stdout
                .ends_with("is in tcp://192.0.2.1:80 with weight 25\n"),
        "{done:?}"
    );
    let plan = with(&["plan", "--sim=scripts/farm.json"], &[]);
    assert!(
        plan.stdout
            .contains("step 3 20 %\n~ tcp://192.0.2.1:80\n  ~ 10.0.0.9:80   weight 1 -> 6\n"),
        "{plan:?}"
    );
    for (more, words) in [
        (&["--percent", "0"][..], "0 is not a percentage (0 to 100)"),
        (&["--percent", "1"], "the least is 3 %"),
        (&["--pause", "10"], "invalid duration"),
        (&["--percent", "5,x"], "\"x\" is not a whole number"),
    ] {
        let refused = with(&["run", "--sim=scripts/farm.json"], more);
        assert!(
            refused.status == 1
                && refused.stderr.contains(words)
                && !refused.stderr.contains("step 1"),
            "{refused:?}"
        );
    }
    let there = script(&[
        "run",
        "--sim=scripts/shop.json",
        base[0],
        "--service",
        "tcp://192.0.2.1:80",
        "--server",
        "10.0.0.2:80",
    ]);
    assert!(
        there.status == 1 && there.stderr.contains("is in tcp://192.0.2.1:80 already"),
        "{there:?}"
    );
    // Someone takes it out meanwhile: it is gone, and everything else as it was.
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../scripts/canary.rhai");
    let edit =
        "sleep(pause); if percent == 20 { destination::edit(svc, o.server, #{ weight: 0 }); }";
    let path = folder.path().join("canary.rhai");
    std::fs::write(&path, text.replace("sleep(pause);", edit)).unwrap();
    let failing = |first: &[&str]| {
        let mut all = first.to_vec();
        all.push(path.to_str().unwrap());
        all.extend(&base[1..]);
        let failed = script(&all);
        assert_eq!(failed.status, 1, "{failed:?}");
        let result: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
        assert_eq!(result["runbooks"][0]["outcome"], "rolled_back");
        assert_eq!(result["changed"], false);
        assert!(failed.stderr.contains("someone took it out"), "{failed:?}");
    };
    failing(&["--json", "run", "--sim=scripts/farm.json"]);
    if in_lab() {
        let _place = Place::real();
        assert_eq!(script(&["apply", "scripts/farm.json"]).status, 0);
        let before = system("ipvsadm -Sn | sort");
        std::fs::write(
            &path,
            text.replace("sleep(pause);", edit)
                .replace("\"1m\"", "\"10ms\""),
        )
        .unwrap();
        failing(&["--json", "run"]);
        assert_eq!(system("ipvsadm -Sn | sort"), before);
        let done = with(&["run"], &["--pause", "10ms"]);
        assert_eq!(done.status, 0, "{done:?}");
        assert!(system("ipvsadm -Sn").contains("-a -t 192.0.2.1:80 -r 10.0.0.9:80 -g -w 25"));
    }
}

#[test]
fn hosts_are_maintained_one_after_the_other() {
    let base = [
        "scripts/maintenance.rhai",
        "--reason",
        "new kernel",
        "--pause",
        "10ms",
        "--hosts",
    ];
    let with = |first: &[&str], hosts: &str| {
        let mut all = first.to_vec();
        all.extend(base);
        all.push(hosts);
        script(&all)
    };
    let done = with(&["run", "--sim=scripts/farm.json"], "10.0.0.2,10.0.0.3");
    assert!(
        done.status == 0
            && done
                .stdout
                .ends_with("10.0.0.3 is free for 10ms\n10.0.0.3 is back\n"),
        "{done:?}"
    );
    let plan = with(&["plan", "--sim=scripts/farm.json"], "10.0.0.2,10.0.0.3");
    for part in [
        "runbook \"drain 10.0.0.2: new kernel\": 1 step\n",
        "transaction 10.0.0.2 is back\n~ tcp://192.0.2.1:80\n  ~ 10.0.0.2:80   weight 0 -> 10\n",
        "~ fwmark://7\n  ~ 10.0.0.3:0   weight 1 -> 0\n",
        "then: sleep 10ms\n",
        "all together:\nPlan: no changes. Nothing was changed.\n",
    ] {
        assert!(plan.stdout.contains(part), "{part}:\n{}", plan.stdout);
    }
    let alone = with(&["run", "--sim=scripts/shop.json"], "10.0.0.2");
    assert!(
        alone.status == 1
            && alone.stderr.contains(
                "tcp://192.0.2.1:80 has no real server with weight but those of 10.0.0.2"
            ),
        "{alone:?}"
    );
    if in_lab() {
        let _place = Place::real();
        assert_eq!(script(&["apply", "scripts/farm.json"]).status, 0);
        let before = system("ipvsadm -Sn | sort");
        let done = with(&["run"], "10.0.0.2,10.0.0.3");
        assert_eq!(done.status, 0, "{done:?}");
        assert_eq!(system("ipvsadm -Sn | sort"), before);
        // Without a pause it waits until someone gives the weights back.
        let folder = tempfile::tempdir().unwrap();
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/scripts/maintenance.rhai");
        let waiting = ipvsh_command(
            folder.path(),
            &["run", &path, "--reason", "x", "--hosts", "10.0.0.2"],
        )
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
        let begun = std::time::Instant::now();
        while !ipvsh(folder.path(), &["undrain", "10.0.0.2"])
            .stdout
            .contains("Committed")
        {
            assert!(begun.elapsed().as_secs() < 60);
        }
        let ended: crate::support::Finished = waiting.wait_with_output().unwrap().into();
        assert!(
            ended.status == 0 && ended.stdout.ends_with("10.0.0.2 is back\n"),
            "{ended:?}"
        );
        assert_eq!(system("ipvsadm -Sn | sort"), before);
    }
}

#[test]
fn a_plan_of_each_script_shows_all_of_its_changes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let named = path.display().to_string();
        if !named.ends_with(".rhai") || named.ends_with(".test.rhai") {
            continue;
        }
        // The line with which a reader tries it, as a plan. What asks for --yes gets it.
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.split_once("ipvsh run "))
            .unwrap()
            .1;
        let mut arguments = vec!["--json", "plan"];
        arguments.extend(line.split_whitespace());
        if text.contains("yes: false") {
            arguments.push("--yes");
        }
        let planned = script(&arguments);
        let plan: serde_json::Value = serde_json::from_str(&planned.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {planned:?}"));
        let steps = plan["runbooks"].as_array().unwrap().iter();
        let steps: Vec<&serde_json::Value> = steps
            .flat_map(|book| book["steps"].as_array().unwrap())
            .collect();
        let changes: usize = steps
            .iter()
            .flat_map(|step| step["plans"].as_array().unwrap())
            .map(|plan| plan["changes"].as_array().unwrap().len())
            .sum();
        let whole = plan["plan"]["changes"].as_array().unwrap().len();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = match name {
            "audit.rhai" => (0, 0, 0),
            // One transaction, which is the plan as a whole.
            "onboard.rhai" | "quickstart.rhai" => (0, 0, 5),
            "blue-green.rhai" => (3, 6, 2),
            "canary.rhai" => (4, 4, 1),
            // Each host goes and comes back: together that is nothing.
            "maintenance.rhai" => (4, 10, 0),
            other => panic!("{other}: what does it change?"),
        };
        assert_eq!((steps.len(), changes, whole), expected, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn the_nightly_audit_writes_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::copy(
        format!("{root}/scripts/shop.json"),
        folder.path().join("t.json"),
    )
    .unwrap();
    let run = |arguments: &[&str]| {
        let mut all = vec!["--sim-state=t.json"];
        all.extend(arguments);
        ipvsh(folder.path(), &all)
    };
    assert_eq!(
        run(&["drain", "10.0.0.2:80", "--reason", "new disk"]).status,
        0
    );
    let path = format!("{root}/scripts/audit.rhai");
    let found = run(&[
        "run",
        "--allow-write=report.json",
        &path,
        "--report",
        "report.json",
    ]);
    assert_eq!(found.status, 1, "{found:?}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("report.json")).unwrap())
            .unwrap();
    assert_eq!(report["services"], 2);
    assert_eq!(report["drained"][0]["reason"], "new disk");
    assert_eq!(report["commits"][0]["label"], "drain 10.0.0.2:80: new disk");
    assert!(
        report["findings"].as_array().unwrap().len() >= 3,
        "{report}"
    );
    let planned = run(&["plan", "--allow-write=other.json", &path]);
    assert!(
        planned
            .stdout
            .ends_with("Plan: no changes. Nothing was changed.\n"),
        "{planned:?}"
    );
}

#[test]
fn the_audit_script_reports() {
    let found = script(&["run", "--sim=scripts/shop.json", "scripts/audit.rhai"]);
    assert_eq!(found.status, 1, "{found:?}");
    assert!(
        found.stdout.contains("leftovers") && found.stdout.contains("one_method"),
        "{found:?}"
    );
    let json = script(&[
        "run",
        "--sim=scripts/shop.json",
        "scripts/audit.rhai",
        "--as-json",
    ]);
    let findings: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(findings.as_array().unwrap().len(), 3, "{json:?}");
    if in_lab() {
        let _place = Place::real();
        assert_eq!(script(&["apply", "scripts/shop.json"]).status, 0);
        let real = script(&["run", "scripts/audit.rhai", "--as-json"]);
        assert_eq!((real.status, real.stdout), (1, json.stdout));
    }
    let fine = script(&["run", "--sim", "scripts/audit.rhai"]);
    assert_eq!(
        (fine.status, fine.stdout.as_str()),
        (0, "0 services, nothing to complain about\n")
    );
}

#[test]
fn the_one_liners_of_the_cookbook_and_its_tasks_run() {
    let page = include_str!("../scripts/COOKBOOK.md");
    let mut ran = 0;
    for code in examples(page) {
        for place in Place::every() {
            let mut session = place.session();
            let document =
                std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/shop.json"))
                    .unwrap();
            let wanted = ipvsh::document::read_document("shop.json", document.as_bytes()).unwrap();
            let _done = session
                .apply(&wanted, ipvsh::session::ApplyOptions::default())
                .unwrap();
            let (_, said) = said(session, &code);
            assert!(
                !said.contains("error: "),
                "on the {}\n{code}\n{said}",
                place.name()
            );
            ran += 1;
        }
    }
    assert!(ran >= 15, "{ran}");
    // Commands of a shell run too, each on the simulated shop.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/shop.json"),
        folder.path().join("shop.json"),
    )
    .unwrap();
    let lines = page
        .split("```sh\n")
        .skip(1)
        .flat_map(|part| part.split("```").next().unwrap().lines());
    let mut commands = 0;
    for line in lines.filter(|line| line.starts_with("ipvsh ")) {
        let mut words = vec!["--sim=shop.json".to_owned()];
        let rest = line.trim_start_matches("ipvsh ");
        words.extend(rest.split('\'').enumerate().flat_map(|(index, part)| {
            // What stands between quotes is one word.
            if index % 2 == 1 {
                vec![part.to_owned()]
            } else {
                part.split_whitespace().map(str::to_owned).collect()
            }
        }));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let finished: crate::support::Finished = ipvsh_command(folder.path(), &words)
            .output()
            .unwrap()
            .into();
        assert_eq!(finished.status, 0, "{line}: {finished:?}");
        commands += 1;
    }
    assert!(commands >= 4, "{commands}");
}

/// The onboarding of the language contract.
const ONBOARDING: &str = r#"
// onboard.rhai --file new.csv [--yes]
let o = options(#{ file: (), yes: false });
let plan = rehearse {
    for r in parse_csv(read_text(o.file)) {
        let svc = service::ensure(`${r.protocol}://${r.address}:${r.port}`, #{ scheduler: r.scheduler });
        destination::ensure(svc, r.server, #{ weight: r.weight, forwarding: "direct_routing" });
    }
};
print(plan);  if plan.is_empty { exit(0); }  if !o.yes { exit(10); }
print(`undo with: ipvsh undo ${plan.commit(`onboard ${o.file}`).id}`);
"#;

#[test]
fn the_onboarding_of_the_language_contract_runs_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("onboard.rhai");
    std::fs::write(&file, ONBOARDING).unwrap();
    let _place = in_lab().then(Place::real);
    let state = folder.path().join("table.json");
    let simulation = format!("--sim-state={}", state.display());
    let run = |more: &[&str]| {
        let mut all = vec!["run", "--allow-read=scripts"];
        if !in_lab() {
            all.push(&simulation);
        }
        all.extend([file.to_str().unwrap(), "--file", "scripts/services.csv"]);
        all.extend(more);
        script(&all)
    };
    let shown = run(&[]);
    assert!(
        shown.status == 10 && shown.stdout.contains("Plan: 5 to add"),
        "{shown:?}"
    );
    let done = run(&["--yes"]);
    assert!(
        done.status == 0 && done.stdout.contains("undo with: ipvsh undo "),
        "{done:?}"
    );
    let (_, number) = done.stdout.trim_end().rsplit_once(' ').unwrap();
    if !in_lab() {
        assert_eq!(run(&["--yes"]).status, 0, "what is there is no change");
        let back = script(&[&simulation, "undo", number]);
        assert!(
            back.status == 0 && back.stdout.contains("2 to delete"),
            "{back:?}"
        );
    }
    if in_lab() {
        let again = run(&["--yes"]);
        assert_eq!(
            again.status, 0,
            "what is there already is no change: {again:?}"
        );
        let table = system("ipvsadm -Ln");
        for line in [
            "TCP  192.0.2.20:443 wrr",
            "-> 10.0.1.2:443                 Route   10",
            "UDP  192.0.2.21:53 rr",
        ] {
            assert!(table.contains(line), "{line}\n{table}");
        }
    }
}

#[test]
fn the_lines_of_the_language_contract_run_as_printed() {
    for place in Place::every() {
        let (session, _) = said(place.session(), FIXTURE);
        let (session, found) = said(
            session,
            "print(destination::list().filter(|d| d.is_quiescent).map(|d| d.id));\n\
             print(destination::list().filter(|d| d.address == \"10.0.0.2\").map(|d| `${d.service.id} ${d.weight}`));\n\
             print(destination::list().sort_by(|d| -d.active_connections).first(2).len());\n\
             print(rehearse { destination::list().filter(|d| d.address == \"10.0.0.2\").edit(#{ weight: 0 }); });",
        );
        assert_eq!(
            found,
            "[\"10.0.0.3:80\"]\n[\"tcp://192.0.2.1:80 3\"]\n2\n~ tcp://192.0.2.1:80   ! no real server has weight: new connections are refused\n  \
             ~ 10.0.0.2:80   weight 3 -> 0\nPlan: 0 to add, 1 to change, 0 to delete.",
            "{}",
            place.name()
        );
        drop(session);
        if matches!(place, Place::Real) {
            let table = system("ipvsadm -Sn | sort");
            assert_eq!(
                table,
                "-A -t 192.0.2.1:80 -s wlc\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 3\n-a -t 192.0.2.1:80 -r 10.0.0.3:80 -g -w 0\n"
            );
        }
    }
}
