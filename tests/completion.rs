//! Completions, as the program answers them and in the real shells.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::shop::Shop;
use crate::support::state_of;

/// Returns what is offered behind words; the last of them is the one that is being typed.
fn offered(shop: &Shop, words: &[&str]) -> Vec<String> {
    let mut all = vec!["--", "ipvsh"];
    all.extend(words);
    let mut command = crate::support::ipvsh_command(shop.path(), &all);
    command
        .env("_IPVSH_COMPLETE", "bash")
        .env("_CLAP_IFS", "\n")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    assert_eq!(output.stderr, b"", "{words:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_there_right_now_is_offered() {
    let shop = Shop::simulated();
    let sim = "--sim-state=table.json";
    shop.ok(&["edit", "tcp://192.0.2.1:80/10.0.0.2:80", "--weight", "0"]);
    std::fs::write(
        shop.path().join("own.rhai"),
        "// Does nothing.\nlet given = options(#{ server: (), often: 3 });\n",
    )
    .unwrap();
    std::fs::write(
        shop.path().join("made.rhai"),
        "service::add(\"fwmark://5\");\n",
    )
    .unwrap();
    for (words, expected) in [
        (vec!["undr"], vec!["undrain"]),
        (vec![sim, "list", "tcp"], vec!["tcp://192.0.2.1:80"]),
        (
            vec!["list", "--sim-state", "table.json", "tcp"],
            vec!["tcp://192.0.2.1:80"],
        ),
        (
            vec![sim, "edit", "tcp://192.0.2.1:80/"],
            vec![
                "tcp://192.0.2.1:80/10.0.0.1:80",
                "tcp://192.0.2.1:80/10.0.0.2:80",
            ],
        ),
        (vec![sim, "drain", "10.0.0.1"], vec!["10.0.0.1:80"]),
        (vec![sim, "undrain", ""], vec!["10.0.0.2:80"]),
        (vec![sim, "undo", ""], vec!["1"]),
        (
            vec![sim, "add", "fwmark://1", "--scheduler", "wl"],
            vec!["wlc"],
        ),
        (vec!["list", "--guard", "last"], vec!["last_server"]),
        (vec!["run", "own.rhai", "--of"], vec!["--often"]),
        (vec!["run", "own.rhai", "--dry"], vec![]),
        (vec!["ipvsadm", "-"], vec![]),
        (vec!["ipvsadm", "--js"], vec![]),
        (vec!["run", "ow"], vec!["own.rhai"]),
        (vec!["help", "drai"], vec!["draining", "drain"]),
        (vec!["completions", "z"], vec!["zsh"]),
        // What can't be read is nothing.
        (vec!["--sim=missing.json", "list", ""], vec![]),
        // Who asks what there is to type does not ask for a script to be run.
        (vec!["--sim=made.rhai", "list", "fw"], vec![]),
        (vec!["--netns", "no-such-one", "list", ""], vec![]),
    ] {
        let found = offered(&shop, &words);
        let found: Vec<&String> = found
            .iter()
            .filter(|one| !one.starts_with('-') || *one == "--often")
            .collect();
        assert_eq!(found, expected, "{words:?}");
    }
    // No more than anyone reads.
    let many: Vec<String> = (1..=300)
        .map(|mark| format!("{{\"id\":\"fwmark://{mark}\"}}"))
        .collect();
    let document = format!("{{\"version\":1,\"services\":[{}]}}", many.join(","));
    std::fs::write(shop.path().join("many.json"), document).unwrap();
    assert_eq!(
        offered(&shop, &["--sim=many.json", "list", "fw"]).len(),
        200
    );
    assert_eq!(
        offered(&shop, &["--sim=many.json", "list", "fwmark://300"]).len(),
        1
    );
}

/// Types into a shell in a terminal until something is on the screen.
fn in_a_shell(shop: &Shop, shell: &str, begin: &str, typed: &str, wanted: &str) {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_ipvsh"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let mut command = Command::new("script");
    command
        .args(["-qec", shell, "/dev/null"])
        .current_dir(shop.path())
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("TERM", "xterm"),
            ("IPVSH_CONFIG", ""),
            ("LC_ALL", "C"),
        ])
        .env("HOME", shop.path())
        .env("IPVSH_STATE_DIR", state_of(shop.path()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    let mut output = running.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut part) {
            if sender.send(part[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut screen = String::new();
    let mut until = |wanted: &str| {
        let begun = Instant::now();
        screen.clear();
        while !screen.contains(wanted) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{shell}: {wanted} is not in {screen:?}"
            );
            if let Ok(part) = receiver.recv_timeout(Duration::from_millis(200)) {
                screen.push_str(&String::from_utf8_lossy(&part));
            }
        }
    };
    writeln!(input, "{begin}; echo rea\"\"dy").unwrap();
    input.flush().unwrap();
    until("ready");
    // The line is not run before it is whole: what echoes it is `echo`, with what the completion made of it.
    write!(input, "{typed}\t").unwrap();
    input.flush().unwrap();
    until(wanted);
    drop(input);
    let _ended = running.kill();
    let _waited = running.wait();
}

#[test]
fn the_shells_complete_ids_of_the_table() {
    let shop = Shop::simulated();
    for (program, shell, begin) in [
        (
            "bash",
            "bash --norc --noprofile -i",
            "source <(ipvsh completions bash)",
        ),
        (
            "zsh",
            "zsh -f -i",
            "autoload -U compinit; compinit -u -D; source <(ipvsh completions zsh)",
        ),
        (
            "fish",
            "fish --no-config -i",
            "ipvsh completions fish | source",
        ),
    ] {
        if Command::new(program).arg("--version").output().is_err() {
            let required =
                std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
            assert!(!required, "{program} is not there");
            eprintln!("{program} is not there: its completions are not tried");
            continue;
        }
        let line = "ipvsh --sim-state=table.json list tcp://192.0.2.1:80/10.0.0.1";
        in_a_shell(&shop, shell, begin, line, "10.0.0.1:80");
        in_a_shell(
            &shop,
            shell,
            begin,
            "ipvsh --sim-state=table.json edit tc",
            "p://192.0.2.1:80",
        );
        in_a_shell(&shop, shell, begin, "ipvsh undr", "ain");
    }
}
