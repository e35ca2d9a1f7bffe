//! Lines of `ipvsadm` at the prompt: each recorded one is answered with a line of the language that does the same.

use std::collections::BTreeSet;

use crate::ipvsadm::{COMMANDS, setup};
use crate::repl::Typist;
use crate::support::{Finished, Place, in_lab, ipvsh_command};

/// Lines that the language has no words for, each with the reason that the prompt names.
const WITHOUT_COUNTERPART: [&str; 5] = [
    "a service without a scheduler",
    "here it belongs to a persistence",
    "this changes nothing",
    "ipvsh ipvsadm-restore < FILE",
    "ipvsadm v1.31",
];

/// Types a recorded line at the prompt, runs what that says, and returns what is wrong.
fn check_at_prompt(
    typist: &mut Typist,
    before: &BTreeSet<String>,
    (typed, status, expected): (&str, &str, &str),
) -> Result<(), String> {
    let shown = typist.types(&format!("ipvsadm {typed}"));
    if let Some(said) = shown.strip_prefix("warning: ") {
        let is_known = WITHOUT_COUNTERPART.iter().any(|known| said.contains(known));
        // What the original can't read has no counterpart, and the prompt says it in its words. Of a line that can't be
        // read in any way, the original dies.
        let said = said.strip_prefix("ipvsadm: ").unwrap_or(said);
        let expected = expected.replace("\\n", "\n");
        let is_same = status != "0" && said.trim() == expected.trim() || status == "139";
        return if is_same || is_known || said.contains("there is no command") {
            Ok(())
        } else {
            Err(format!("refused: {shown}"))
        };
    }
    let Some(code) = shown.strip_prefix("here that is ") else {
        return Err(format!("not understood: {shown}"));
    };
    let Some(code) = code.strip_suffix("\nit was not run; enter it to run it") else {
        // A listing, which was run.
        let failed = shown.lines().any(|line| line.starts_with("error"));
        return if (status == "0") != failed {
            Ok(())
        } else {
            Err(format!("the listing says: {shown}"))
        };
    };
    let shown = typist.types(code);
    let failed = shown.lines().any(|line| line.starts_with("error"));
    if failed != (status != "0") {
        return Err(format!("{code}: {shown}"));
    }
    let mut wanted = before.clone();
    for change in expected.split(" ; ").filter(|_| status == "0") {
        let change = change.strip_suffix('$').unwrap_or(change);
        if let Some(line) = change.strip_prefix("added: ") {
            wanted.insert(line.to_owned());
        } else if let Some(line) = change.strip_prefix("removed: ") {
            wanted.remove(line);
        }
    }
    let after = saved_at(typist);
    if after == wanted {
        Ok(())
    } else {
        Err(format!("{code}: {after:?}"))
    }
}

fn saved_at(typist: &Typist) -> BTreeSet<String> {
    let shell = typist.shell.borrow();
    let listed = shell
        .session()
        .listed(None, ipvsh::backend::Counted::Connections)
        .unwrap();
    let mut text = Vec::new();
    ipvsh::ipvsadm::text::save(&mut text, &listed, &ipvsh::ipvsadm::text::Numeric);
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_prompt_answers_every_recorded_line_with_one_that_does_the_same() {
    let setup = setup(COMMANDS);
    for place in Place::every() {
        let mut typist = Typist::at(&place, false);
        let make = |typist: &mut Typist| {
            typist.types("table::clear()");
            for line in setup.lines() {
                let shown = typist.types(line);
                let code = shown.strip_prefix("here that is ").unwrap();
                let code = code.split_once("\nit was not run").unwrap().0;
                let shown = typist.types(code);
                assert!(!shown.contains("error"), "{line}: {code}: {shown}");
            }
        };
        make(&mut typist);
        let before = saved_at(&typist);
        assert_eq!(
            before,
            setup
                .lines()
                .map(|line| match line.contains(" -r ") {
                    true => format!("{line} -w 1"),
                    false => line.to_owned(),
                })
                .collect()
        );
        let (mut wrong, mut count) = (Vec::new(), 0);
        for line in COMMANDS.lines() {
            let parts: Vec<&str> = line.splitn(3, " =>").map(str::trim).collect();
            let [typed, status, expected] = parts[..] else {
                continue;
            };
            let asks = typed.contains("no.such.invalid") || typed.contains("-r foo");
            if line.starts_with('#') || asks && !in_lab() || typed.contains("nosuchif") {
                continue;
            }
            count += 1;
            if saved_at(&typist) != before {
                make(&mut typist);
            }
            if let Err(text) = check_at_prompt(&mut typist, &before, (typed, status, expected)) {
                wrong.push(format!("{line}\n    {text}"));
            }
            typist.types("for daemon in daemon::list() { daemon::stop(daemon.state); }");
        }
        assert!(count >= 290, "{count} records");
        assert!(
            wrong.is_empty(),
            "{} of {count}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

/// Gives a text to the program on its standard input.
fn typed_into(text: &str) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("input"), text).unwrap();
    let input = std::fs::File::open(folder.path().join("input")).unwrap();
    let mut command = ipvsh_command(folder.path(), &["--sim"]);
    command.stdin(input).output().unwrap().into()
}

#[test]
fn lines_on_standard_input_are_recognised() {
    for line in ["-Ln", "ipvsadm -A -t 192.0.2.1:80\n", "sudo ipvsadm -C\n"] {
        let said = typed_into(line);
        assert_eq!(said.status, 2, "{line}");
        assert!(
            said.stderr.contains("these are lines of ipvsadm")
                && said.stderr.contains("`ipvsh ipvsadm -R`"),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn what_is_pasted_from_a_shell_is_understood() {
    let mut typist = Typist::at(&Place::simulated(), false);
    typist.types("service::add(\"tcp://192.0.2.1:80\", #{ destinations: [\"10.0.0.2:80\"] })");
    let said = typist.types("sudo ipvsadm -Ln | grep 10.0.0.2");
    assert!(
        said.contains("| grep 10.0.0.2 is for a shell and is left out")
            && said.contains("10.0.0.2:80"),
        "{said}"
    );
    for (line, shown) in [
        ("-Ln --stats", "PACKETS IN"),
        ("-Ln --rate", "CONN/S"),
        ("-Ln --thresholds", "PERSISTENT"),
        ("-Lnc", "there are no connections"),
        ("-L --timeout", "tcp_fin_seconds"),
        ("-Ln -t 192.0.2.1:80", "10.0.0.2:80"),
        ("ipvsadm-save -n", "\"services\""),
    ] {
        let said = typist.types(line);
        assert!(
            said.starts_with("here that is ") && said.contains(shown),
            "{line}: {said}"
        );
    }
    let said = typist.types("-C -t 192.0.2.1:80");
    assert!(said.contains("Illegal 'service-address' option"), "{said}");
    assert_eq!(typist.types("service::list().len()"), "1");
}
