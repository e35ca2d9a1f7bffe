//! The drop-in for `ipvsadm` and the original behind one face: each works on a table of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipvsh::ui::Streams;

use super::{Finished, Place, in_lab};

/// Where a program works: a simulated table in a file, or a network namespace of the lab.
pub(crate) enum Table {
    File(PathBuf),
    Namespace(std::fs::File),
}

/// A program that answers to the original's arguments, and its table.
pub(crate) struct Tool {
    pub(crate) _folder: Option<tempfile::TempDir>,
    pub(crate) original: bool,
    pub(crate) table: Table,
}

impl Tool {
    pub(crate) fn simulated() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::File(folder.path().join("state.json"));
        Self {
            _folder: Some(folder),
            original: false,
            table,
        }
    }

    /// Makes a namespace of the lab for one of the two programs.
    pub(crate) fn real(original: bool) -> Self {
        let _place = Place::real();
        let namespace = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
        Self {
            _folder: None,
            original,
            table: Table::Namespace(namespace),
        }
    }

    /// Returns the simulated kernel's and, in the lab, the real one's.
    pub(crate) fn every() -> Vec<Self> {
        let mut tools = vec![Self::simulated()];
        if in_lab() {
            tools.push(Self::real(false));
        }
        tools
    }

    pub(crate) fn enter(&self) {
        if let Table::Namespace(namespace) = &self.table {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        }
    }

    /// Runs `ipvsadm`, `ipvsadm-save` or `ipvsadm-restore`: ours within this process, as starting one in the lab takes
    /// longer than all that it does.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Finished {
        self.enter();
        if self.original {
            return self.run_original(program, arguments, input);
        }
        let mut words = vec![OsString::from("ipvsh")];
        // What is a transaction is kept: not in the journal of whoever runs the tests.
        let state = tempfile::tempdir().unwrap();
        if arguments.contains(&"--atomic") {
            words.push(format!("--state-dir={}", state.path().display()).into());
        }
        if let Table::File(state) = &self.table {
            words.push(format!("--sim-state={}", state.display()).into());
        }
        words.push(program.into());
        words.extend(arguments.iter().map(OsString::from));
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut input = input;
        let streams = Streams {
            input: Some(&mut input),
            output: &mut stdout,
            errors: &mut stderr,
            coloured: false,
            watched: false,
        };
        let status = ipvsh::drop_in(&words, streams).unwrap();
        Finished {
            status: status.into(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    fn run_original(&self, program: &str, arguments: &[&str], input: &[u8]) -> Finished {
        let mut command = Command::new(program);
        command.args(arguments);
        if input.is_empty() {
            return command.stdin(Stdio::null()).output().unwrap().into();
        }
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A program that ends early does not read the rest.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let finished = child.wait_with_output().unwrap();
        writer.join().unwrap();
        finished.into()
    }

    pub(crate) fn ipvsadm(&self, arguments: &[&str]) -> Finished {
        self.run("ipvsadm", arguments, b"")
    }

    /// Makes the table what lines say.
    pub(crate) fn prepare(&self, lines: &str) {
        let finished = self.run("ipvsadm-restore", &[], lines.as_bytes());
        assert_eq!(
            (finished.status, finished.stderr.as_str()),
            (0, ""),
            "{lines}"
        );
    }

    /// Returns the saved table as a set: its order depends on the boot.
    pub(crate) fn saved(&self) -> BTreeSet<String> {
        let finished = self.ipvsadm(&["-Sn"]);
        assert_eq!(finished.status, 0, "{finished:?}");
        finished.stdout.lines().map(str::to_owned).collect()
    }
}
