//! What the units do at boot: their own commands, in their order, on a real kernel.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::architecture::root;
use crate::support::net::{Net, echoes_tcp, within};
use crate::support::{Finished, ipvsh, ipvsh_command, only_in_lab, system};

const VIP: &str = "10.9.0.100:80";

/// A command of a unit: its words, and whether its failure counts.
struct Step {
    words: Vec<String>,
    counts: bool,
}

/// Reads the commands of a unit's `ExecStart=` lines, with this program and another file in place of those that are installed.
fn steps(file: &Path) -> Vec<Step> {
    let unit = fs::read_to_string(root().join("packaging/ipvsh-restore.service")).unwrap();
    let lines = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="));
    let steps: Vec<Step> = lines
        .map(|line| {
            let command = line.trim_start_matches('-');
            let words = command.strip_prefix("/usr/bin/ipvsh ").unwrap();
            let words = words.replace("/etc/ipvsh/table.json", file.to_str().unwrap());
            Step {
                words: words.split(' ').map(str::to_owned).collect(),
                counts: !line.starts_with('-'),
            }
        })
        .collect();
    assert_eq!(steps.len(), 2);
    steps
}

/// Runs a unit's commands as the service manager does; returns the one that failed.
fn start(folder: &Path, file: &Path) -> Option<Finished> {
    for step in steps(file) {
        let mut all = vec!["--netns", "director"];
        all.extend(step.words.iter().map(String::as_str));
        let finished = ipvsh(folder, &all);
        if finished.status != 0 && step.counts {
            return Some(finished);
        }
    }
    None
}

#[test]
fn a_client_that_waits_since_before_is_answered_and_everything_is_as_it_was_saved() {
    if !only_in_lab() {
        return;
    }
    let net = Net::make();
    echoes_tcp(&net.inner, "0.0.0.0:8080");
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = ["--netns", "director"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let finished = ipvsh(folder.path(), &all);
        assert_eq!(finished.status, 0, "{arguments:?}: {finished:?}");
        finished.stdout
    };
    let file = folder.path().join("table.json");
    let name = file.to_str().unwrap();
    run(&[
        "eval",
        r#"service::add("tcp://10.9.0.100:80", #{ scheduler: "wrr", persistence: "5m", destinations: [#{ id: "10.8.0.2:8080", forwarding: "masquerading", weight: 7 }] });
           service::add("fwmark6://9", #{ scheduler: "sh", scheduler_flags: ["sh-port"] });
           timeouts::set(#{ tcp: "100s" });
           sysctl::set("conn_reuse_mode", "2");
           daemon::start("backup", #{ interface: "br0", sync_id: 3 });"#,
    ]);
    run(&[
        "save",
        name,
        "--sysctl",
        "conn_reuse_mode,expire_nodest_conn",
    ]);
    let saved = run(&["export", "--config", "--sysctl", "conn_reuse_mode"]);
    // The machine starts again: nothing is left, and the address is not there yet.
    run(&[
        "eval",
        r#"table::clear(); daemon::stop("backup"); timeouts::set(#{ tcp: "900s" }); sysctl::set("conn_reuse_mode", "1");"#,
    ]);
    assert_ne!(
        run(&["export", "--config", "--sysctl", "conn_reuse_mode"]),
        saved
    );
    system(
        "set -e
        ip -n director addr del 10.9.0.100/32 dev br0
        ip netns exec director sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
        mac=$(ip -n director -o link show br0 | sed 's/.*ether \\([^ ]*\\).*/\\1/')
        ip -n client neigh replace 10.9.0.100 lladdr $mac dev eth0 nud permanent",
    );
    let waiting = within(&net.client, || {
        let limit = Duration::from_secs(60);
        let mut stream = TcpStream::connect_timeout(&VIP.parse().unwrap(), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"hello")?;
        let mut heard = [0; 5];
        stream.read_exact(&mut heard)?;
        Ok::<_, std::io::Error>(heard)
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished(), "{:?}", waiting.join());
    if let Some(failed) = start(folder.path(), &file) {
        panic!("{failed:?}");
    }
    assert_eq!(
        run(&["export", "--config", "--sysctl", "conn_reuse_mode"]),
        saved
    );
    let history = run(&["history"]);
    assert!(history.trim_end().ends_with("boot"), "{history}");
    // Then the network comes up.
    system(
        "set -e
        ip netns exec director sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
        ip -n director addr add 10.9.0.100/32 dev br0",
    );
    assert_eq!(&waiting.join().unwrap().unwrap(), b"hello");
    // Once more: nothing changes, and who is connected stays so.
    if let Some(failed) = start(folder.path(), &file) {
        panic!("{failed:?}");
    }
    assert_eq!(
        run(&["export", "--config", "--sysctl", "conn_reuse_mode"]),
        saved
    );
    broken_files_leave_the_table(folder.path(), &file, &|| {
        run(&["export", "--config", "--sysctl", "conn_reuse_mode"])
    });
}

/// A file that is broken, one that is refused: the table stays, and the cause is told.
fn broken_files_leave_the_table(folder: &Path, file: &Path, table: &dyn Fn() -> String) {
    let before = table();
    let socket = std::os::unix::net::UnixDatagram::bind(folder.join("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let whole = fs::read_to_string(file).unwrap();
    for (text, status, cause) in [
        (whole[..whole.len() / 2].to_owned(), 2, "table.json"),
        (whole.replace("\"wrr\"", "\"nosuchone\""), 3, "nosuchone"),
    ] {
        fs::write(file, text).unwrap();
        let failed = start(folder, file).unwrap();
        assert_eq!(failed.status, status, "{failed:?}");
        assert!(failed.stderr.contains(cause), "{failed:?}");
        let last = steps(file).pop().unwrap();
        let mut all = vec!["--netns", "director"];
        all.extend(last.words.iter().map(String::as_str));
        let mut command = ipvsh_command(folder, &all);
        command.env("NOTIFY_SOCKET", folder.join("notify"));
        assert!(!command.output().unwrap().status.success());
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        let heard = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert!(
            heard.starts_with("STATUS=error: ") && heard.contains(cause),
            "{heard}"
        );
        assert_eq!(table(), before);
    }
}

/// The units, in a root with the programs that they start.
#[test]
fn the_units_are_right_and_confined() {
    let folder = tempfile::tempdir().unwrap();
    let units = folder.path().join("usr/lib/systemd/system");
    fs::create_dir_all(&units).unwrap();
    for program in ["usr/bin/ipvsh", "usr/libexec/ipvsh/ipvsadm-boot"] {
        let path = folder.path().join(program);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy("/bin/true", path).unwrap();
    }
    // The targets that every unit waits for.
    for entry in fs::read_dir("/usr/lib/systemd/system")
        .into_iter()
        .flatten()
    {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "target")
        {
            fs::copy(&path, units.join(path.file_name().unwrap())).unwrap();
        }
    }
    let analyze = |arguments: &[&str]| -> Option<Finished> {
        match Command::new("systemd-analyze").args(arguments).output() {
            Ok(output) => Some(output.into()),
            Err(error) => {
                let required =
                    std::env::var_os("IPVSHTEST_LAB").is_some_and(|value| value == "require");
                assert!(!required, "systemd-analyze: {error}");
                eprintln!("without systemd-analyze the units are not checked: {error}");
                None
            }
        }
    };
    let base = format!("--root={}", folder.path().display());
    for unit in [
        "ipvsh-restore.service",
        "ipvsadm/ipvsadm.service",
        "ipvsh-record.service",
    ] {
        let source = root().join("packaging").join(unit);
        let path = units.join(source.file_name().unwrap());
        let text = fs::read_to_string(&source).unwrap();
        let verify = |text: &str| {
            fs::write(&path, text).unwrap();
            analyze(&["verify", "--man=no", &base, path.to_str().unwrap()])
        };
        let Some(verified) = verify(&text) else {
            return;
        };
        assert_eq!(
            (verified.status, verified.stderr.as_str()),
            (0, ""),
            "{unit}"
        );
        // It would be heard.
        let wrong = verify(&text.replace("ExecStart=/", "ExecStart=no")).unwrap();
        assert_ne!((wrong.status, wrong.stderr.as_str()), (0, ""), "{unit}");
        // The next one may name it.
        fs::write(&path, &text).unwrap();
        assert!(!text.contains("ExecStop"), "{unit}");
        if unit == "ipvsh-record.service" {
            continue;
        }
        // Before keepalived, and before what waits for the network; a stop does nothing.
        assert!(
            text.contains("\nBefore=network-online.target keepalived.service"),
            "{unit}"
        );
    }
    // Exposure in tenths; what is left is the network, which is what it is there for.
    for unit in ["ipvsh-restore.service", "ipvsh-record.service"] {
        let unit = root().join("packaging").join(unit);
        let secure = analyze(&[
            "security",
            "--offline=true",
            "--threshold=30",
            unit.to_str().unwrap(),
        ]);
        assert_eq!(secure.unwrap().status, 0, "{unit:?}");
    }
}
