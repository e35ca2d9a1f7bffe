//! Where tests happen: kernels of both kinds, hermetic processes, numbers that come again.

pub(crate) mod director;
pub(crate) mod frames;
pub(crate) mod net;
pub(crate) mod prometheus;
pub(crate) mod scenes;
pub(crate) mod shop;
pub(crate) mod simulation;
pub(crate) mod terminal;
pub(crate) mod tool;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ipvsh::backend::{Execution, Ipvs, KernelTransport, LockWait, Operation, Transport};
use ipvsh::model::{
    DestinationConfiguration, DestinationKey, ServiceConfiguration, ServiceKey, Table,
};
use ipvsh::session::{Interrupt, JournalSetup, Session, TableLabel};
use ipvsh::sim::{Environment, Flavour, Names, SimulatedKernel};
use ipvsh::txn::{CommitOptions, Guarding, Plan, Report};

/// Tells whether this process runs in the guest of the lab, as root of a kernel with IPVS.
pub(crate) fn in_lab() -> bool {
    std::env::var_os("IPVSHTEST_IN_LAB").is_some()
}

/// Says that a case needs a real kernel; `kernel::every_case_passes_on_a_real_kernel` runs it there.
pub(crate) fn only_in_lab() -> bool {
    if !in_lab() {
        println!("this case runs on a real kernel only: see tests/kernel.rs");
    }
    in_lab()
}

/// A kernel with an empty table.
pub(crate) enum Place {
    Simulated(SimulatedKernel),
    /// The running kernel, in a fresh network namespace of this thread.
    Real,
}

impl Place {
    /// Returns the simulated kernel and, in the lab, the real one.
    pub(crate) fn every() -> Vec<Self> {
        let mut places = vec![Self::simulated()];
        if in_lab() {
            places.push(Self::real());
        }
        places
    }

    /// Returns a simulated kernel that is like the real one of the lab: schedulers, interfaces, flavour.
    pub(crate) fn simulated() -> Self {
        Self::Simulated(SimulatedKernel::new(environment()))
    }

    pub(crate) fn real() -> Self {
        assert!(
            in_lab(),
            "only the lab may have its network namespace changed"
        );
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        // Without any interface the kernel takes every address for a broadcast address.
        system("ip link set lo up");
        Self::Real
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated kernel",
            Self::Real => "real kernel",
        }
    }

    pub(crate) fn transport(&self) -> Box<dyn Transport> {
        match self {
            Self::Simulated(kernel) => Box::new(kernel.another_socket()),
            Self::Real => Box::new(KernelTransport::open().unwrap()),
        }
    }

    pub(crate) fn client(&self) -> Ipvs {
        Ipvs::open(self.transport()).unwrap()
    }

    pub(crate) fn table(&self) -> Table {
        self.client().table().unwrap().configuration_only()
    }

    pub(crate) fn session(&self) -> Session {
        session_over(self.transport())
    }

    /// Executes operations that must all be done.
    pub(crate) fn prepare(&self, operations: &[Operation]) {
        let execution: Execution = self.client().execute(operations, &mut || true);
        assert!(execution.is_complete(), "{}: {execution:?}", self.name());
    }
}

/// Opens a session over any transport.
pub(crate) fn session_over(transport: Box<dyn Transport>) -> Session {
    let place = TableLabel {
        host: "test".to_owned(),
        release: None,
        detail: None,
    };
    Session::new(Ipvs::open(transport).unwrap(), place, Interrupt::default())
}

/// Keeps the commits of a session in a journal, without any program that watches them.
pub(crate) fn with_journal(mut session: Session, state: &Path) -> Session {
    session
        .keep_journal(JournalSetup {
            folder: Some(state.to_owned()),
            command: vec!["test".to_owned()],
            name: None,
            label: None,
            watcher: Rc::new(|_| Ok(())),
        })
        .unwrap();
    session
}

/// Finds the record of a commit in a state folder, whatever table it is about.
pub(crate) fn record_file(state: &Path, number: u64) -> PathBuf {
    let name = format!("{number:08}.json");
    let mut folders = vec![state.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with(&name) {
                return path;
            }
        }
    }
    panic!("there is no record {number}");
}

/// Commits with no one to wait for and no signal.
pub(crate) fn commit(plan: Plan, kernel: &mut Ipvs) -> Report {
    let options = CommitOptions {
        lock: LockWait {
            longest: Duration::from_secs(5),
            ..LockWait::NONE
        },
        guarding: &Guarding::default(),
    };
    plan.commit(kernel, &options, &mut ()).unwrap()
}

fn environment() -> Environment {
    let mut environment = Environment::stock();
    if let Names::Only(schedulers) = &mut environment.schedulers {
        // The user-mode kernels are built without it.
        schedulers.remove("twos");
    }
    environment.interfaces = Names::Only([("lo".to_owned(), 65536)].into());
    environment.flavour = if in_lab() { probed() } else { Flavour::CLASSIC };
    environment
}

/// Asks the running kernel, in a namespace of a thread of its own, for the points in which releases differ.
fn probed() -> Flavour {
    static PROBED: std::sync::OnceLock<Flavour> = std::sync::OnceLock::new();
    *PROBED.get_or_init(|| {
        let probe = std::thread::spawn(|| {
            let mut client = Place::real().client();
            let size = client.info().unwrap().connection_table_size;
            let (service, server) = (key("tcp://10.9.9.9:80"), server("10.9.9.8:80"));
            let mut large = DestinationConfiguration::default();
            large.thresholds.upper = u32::MAX;
            let operations = [
                Operation::AddService {
                    key: service,
                    configuration: Box::new(ServiceConfiguration::default()),
                },
                Operation::AddDestination {
                    service,
                    key: server,
                    configuration: large,
                },
            ];
            let refused = !client.execute(&operations, &mut || true).is_complete();
            match (size == 0, refused) {
                (true, _) => Flavour::NEWER,
                (false, true) => Flavour::STABLE,
                (false, false) => Flavour::CLASSIC,
            }
        });
        probe.join().unwrap()
    })
}

pub(crate) fn key(text: &str) -> ServiceKey {
    ServiceKey::parse(text).unwrap()
}

pub(crate) fn server(text: &str) -> DestinationKey {
    DestinationKey::parse(text).unwrap()
}

/// Numbers that look random and come again with the same seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % bound
    }

    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

/// A finished process.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `ipvsh` in a folder, with an environment of its own.
pub(crate) fn ipvsh(folder: &Path, arguments: &[&str]) -> Finished {
    ipvsh_command(folder, arguments).output().unwrap().into()
}

/// Returns where a program in a folder keeps its journal: in that folder, unless it is that of the sources.
pub(crate) fn state_of(folder: &Path) -> PathBuf {
    if folder == Path::new(env!("CARGO_MANIFEST_DIR")) {
        return Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
    }
    folder.join("state")
}

/// Has programs start with signals that end them, even if this one was started with some ignored, as in the background
/// of a shell or under `nohup`: what is caught here is not ignored there.
fn heed_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
            if ignored >> (signal - 1) & 1 == 1 {
                let _unused = signal_hook::flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

pub(crate) fn ipvsh_command(folder: &Path, arguments: &[&str]) -> Command {
    heed_signals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipvsh"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
        .env("HOME", folder)
        .env("IPVSH_STATE_DIR", state_of(folder))
        .env("LC_ALL", "C")
        .env("IPVSH_CONFIG", "")
        .stdin(Stdio::null());
    command
}

/// Runs `ipvsh` and demands success.
#[track_caller]
pub(crate) fn ipvsh_ok(folder: &Path, arguments: &[&str]) -> String {
    let finished = ipvsh(folder, arguments);
    assert_eq!(finished.status, 0, "{arguments:?}: {finished:?}");
    finished.stdout
}

/// Runs a program of the system and demands success.
#[track_caller]
pub(crate) fn system(line: &str) -> String {
    let finished: Finished = Command::new("sh")
        .args(["-c", line])
        .output()
        .unwrap()
        .into();
    assert_eq!(finished.status, 0, "{line}: {finished:?}");
    finished.stdout
}

/// Returns the lines of a text, sorted.
pub(crate) fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.sort();
    lines
}
