//! The playbooks of the manual, run by Ansible on this machine.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::shop::Shop;
use crate::support::{Finished, state_of};

const WANTED: &str = "\
version: 1
services:
  - id: tcp://192.0.2.1:80
    scheduler: wlc
    destinations:
      - { id: 10.0.0.1:80, weight: 1 }
      - { id: 10.0.0.9:80, weight: 3 }
  - id: fwmark://9
    scheduler: sh
";

/// Returns whether Ansible is here. A run that has to try everything fails without it.
fn is_installed() -> bool {
    match Command::new("ansible-playbook").arg("--version").output() {
        Ok(_) => true,
        Err(error) => {
            let required =
                std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
            assert!(!required, "ansible-playbook: {error}");
            eprintln!("without ansible-playbook the playbooks are not run: {error}");
            false
        }
    }
}

/// Lays out a folder as the manual says: the playbooks, the document, and an `ipvsh` on the path that works on the shop's table.
fn lay_out(shop: &Shop) {
    let page =
        fs::read_to_string(crate::architecture::root().join("src/manual/ansible.md")).unwrap();
    let blocks = page.split("```yml\n").skip(1);
    let playbooks: Vec<&str> = blocks
        .map(|part| part.split("```").next().unwrap())
        .collect();
    assert_eq!(playbooks.len(), 2);
    for (name, playbook) in ["table.yml", "proven.yml"].iter().zip(playbooks) {
        fs::write(shop.path().join(name), playbook).unwrap();
    }
    fs::write(shop.path().join("table.yaml"), WANTED).unwrap();
    fs::write(
        shop.path().join("hosts"),
        "[directors]\nlb1 ansible_connection=local ansible_become=false ansible_python_interpreter=/usr/bin/python3\n",
    )
    .unwrap();
    let place = if shop.is_simulated() {
        format!("--sim-state={}", shop.path().join("table.json").display())
    } else {
        String::new()
    };
    let folder = shop.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("ipvsh");
    let binary = env!("CARGO_BIN_EXE_ipvsh");
    fs::write(
        &program,
        format!("#!/bin/sh\nexec {binary} {place} \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

fn play(shop: &Shop, arguments: &[&str]) -> Finished {
    let folder = shop.path();
    let mut command = Command::new("ansible-playbook");
    command.args(["-i", "hosts"]).args(arguments);
    command.current_dir(folder).env_clear();
    command
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", folder.join("bin").display()),
        )
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_NOCOLOR", "1")
        .env("IPVSH_STATE_DIR", state_of(folder))
        .env("IPVSH_CONFIG", "");
    command.output().unwrap().into()
}

/// Returns the line at the end of a play: what was changed, what failed.
fn recap(finished: &Finished) -> (u32, u32) {
    let line = finished
        .stdout
        .lines()
        .find(|line| line.contains("changed=") && line.contains("failed="));
    let line = line.unwrap_or_else(|| panic!("{finished:?}"));
    let number = |name: &str| {
        let (_, rest) = line.split_once(name).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("changed="), number("failed="))
}

/// Answers one request on a port of this machine; returns where.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _length = client.read(&mut request).unwrap();
        client
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
    });
    format!("http://{address}/")
}

#[test]
fn the_playbook_is_idempotent_and_has_a_check_mode() {
    if !is_installed() {
        return;
    }
    for shop in Shop::every() {
        lay_out(&shop);
        let before = shop.ok(&["export", "--config"]);
        let checked = play(&shop, &["--check", "table.yml"]);
        assert_eq!(recap(&checked), (1, 0), "{checked:?}");
        assert!(
            checked.stdout.contains("tcp://192.0.2.1:80/10.0.0.9:80"),
            "{checked:?}"
        );
        assert_eq!(shop.ok(&["export", "--config"]), before);
        let played = play(&shop, &["table.yml"]);
        assert_eq!(recap(&played), (1, 0), "{played:?}");
        assert_eq!(shop.weight("tcp://192.0.2.1:80/10.0.0.9:80"), 3);
        let again = play(&shop, &["table.yml"]);
        assert_eq!(recap(&again), (0, 0), "{again:?}");
        // What is refused fails, says why and changes nothing.
        let before = shop.ok(&["export", "--config"]);
        fs::write(
            shop.path().join("table.yaml"),
            WANTED.replace("sh\n", "nosuchone\n"),
        )
        .unwrap();
        let refused = play(&shop, &["table.yml"]);
        assert_eq!(recap(&refused).1, 1, "{refused:?}");
        assert!(
            refused.stdout.contains("it has no scheduler"),
            "{refused:?}"
        );
        assert_eq!(shop.ok(&["export", "--config"]), before);
    }
}

/// On the simulated kernel: what a confirmation does to a real one is tested elsewhere, and Ansible is slow there.
#[test]
fn a_change_stays_only_if_the_virtual_service_answers() {
    if !is_installed() {
        return;
    }
    let shop = Shop::simulated();
    lay_out(&shop);
    let before = shop.ok(&["export", "--config"]);
    // Nobody listens there.
    let failed = play(&shop, &["-e", "url=http://127.0.0.1:1/", "proven.yml"]);
    assert_eq!(recap(&failed), (1, 1), "{failed:?}");
    assert_eq!(shop.weight("tcp://192.0.2.1:80/10.0.0.9:80"), 3);
    shop.ok(&["cancel"]);
    assert_eq!(shop.ok(&["export", "--config"]), before);
    let kept = play(&shop, &["-e", &format!("url={}", server()), "proven.yml"]);
    assert_eq!(recap(&kept), (2, 0), "{kept:?}");
    assert_eq!(shop.weight("tcp://192.0.2.1:80/10.0.0.9:80"), 3);
    assert_ne!(shop.runs(&["cancel"]).status, 0, "nothing waits");
    let unchanged = play(&shop, &["-e", &format!("url={}", server()), "proven.yml"]);
    assert_eq!(recap(&unchanged), (0, 0), "{unchanged:?}");
}
