//! Commits that are cut off: at every write, sync and send, and at random instants; and what recovery makes of them.

use std::cell::Cell;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use ipvsh::backend::{
    Identity, Ipvs, KernelFile, KernelTransport, Lock, LockError, Operation, Transport,
    TransportError,
};
use ipvsh::journal::{EventKind, Journal, State};
use ipvsh::model::{
    DestinationConfiguration, DestinationEdit, DestinationEntry, DestinationKey, ForwardingMethod,
    Scheduler, ServiceConfiguration, ServiceEdit, ServiceEntry, ServiceKey, Table, Timeouts,
    Weight,
};
use ipvsh::session::RunbookEnd;
use ipvsh::session::{
    CommitTerms, Direction, OwnUndo, RunbookOptions, Session, StepDecision, StopReason,
};
use ipvsh::txn::{Change, Plan};

use crate::support::{Place, Random, key, only_in_lab, server, session_over, with_journal};

const BEFORE: [(u8, u32); 3] = [(1, 1), (2, 1), (3, 1)];
const AFTER: [(u8, u32); 3] = [(2, 5), (3, 1), (4, 7)];

/// Makes a table of services and servers: each service with a weight for all of its servers.
fn table(services: &[(u8, u32)], servers: u8) -> Table {
    let mut table = Table::default();
    for (number, weight) in services {
        let mut entry = ServiceEntry::default();
        if *weight > 1 {
            entry.configuration.scheduler = Scheduler::new("rr").unwrap();
        }
        // Services differ in their servers too, so that some come and some go.
        for place in 0..servers {
            let key = server(&format!(
                "10.1.{number}.{}:80",
                u32::from(place) + 1 + weight
            ));
            let configuration = DestinationConfiguration {
                weight: Weight::new(i64::from(*weight)).unwrap(),
                ..DestinationConfiguration::default()
            };
            entry.destinations.insert(
                key,
                DestinationEntry {
                    configuration,
                    ..DestinationEntry::default()
                },
            );
        }
        table
            .services
            .insert(key(&format!("tcp://192.0.2.{number}:80")), entry);
    }
    table
}

/// A service without what was observed.
type Configured = (
    ServiceKey,
    ServiceConfiguration,
    Vec<(DestinationKey, DestinationConfiguration)>,
);

/// Returns the configuration of services, which is what these tests change.
fn services(table: &Table) -> Vec<Configured> {
    let entries = table.services.iter();
    entries
        .map(|(key, entry)| {
            let servers = entry.destinations.iter();
            let servers = servers.map(|(key, entry)| (*key, entry.configuration));
            (*key, entry.configuration.clone(), servers.collect())
        })
        .collect()
}

fn fill(place: &Place, table: &Table) {
    let plan = Plan::between(Table::default(), table.clone(), Vec::new());
    let operations: Vec<Operation> = plan.changes().iter().map(Change::operation).collect();
    place.prepare(&operations);
}

/// A kernel that announces what is done to it.
struct Announced {
    inner: Box<dyn Transport>,
    tick: Rc<dyn Fn()>,
}

impl Transport for Announced {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        (self.tick)();
        self.inner.send(datagram)
    }
    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        self.inner.receive(sink)
    }
    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.inner.stream_file(file, sink)
    }
    fn identity(&self) -> io::Result<Identity> {
        self.inner.identity()
    }
    fn release(&self) -> Option<String> {
        self.inner.release()
    }
    fn boot_time(&self) -> Duration {
        self.inner.boot_time()
    }
    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        (self.tick)();
        self.inner.write_file(file, contents)
    }
    fn now(&self) -> Duration {
        self.inner.now()
    }
    fn sleep(&mut self, duration: Duration) {
        self.inner.sleep(duration);
    }
    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.inner.lock(wait)
    }
}

/// Opens a session that announces every write, sync, rename and send.
fn announced(transport: Box<dyn Transport>, state: &Path, tick: &Rc<dyn Fn()>) -> Session {
    let session = session_over(Box::new(Announced {
        inner: transport,
        tick: Rc::clone(tick),
    }));
    let mut session = with_journal(session, state);
    let tick = Rc::clone(tick);
    session.watch_journal(Box::new(move |_| tick())).unwrap();
    session
}

/// What a program is there to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    Commit,
    Runbook,
    Recover(Direction),
}

impl Job {
    fn do_it(self, session: &mut Session, before: &Table, after: &Table) {
        match self {
            Self::Commit => {
                let plan = Plan::between(before.clone(), after.clone(), Vec::new());
                let _report = session.commit(plan, CommitTerms::default()).unwrap();
            }
            Self::Runbook => {
                let name = "in two steps".to_owned();
                let options = RunbookOptions {
                    name,
                    ..RunbookOptions::default()
                };
                session.begin_runbook(options).unwrap();
                let middle = table(&MIDDLE, 6);
                for (name, from, to) in [("first", before, &middle), ("second", &middle, after)] {
                    assert!(matches!(
                        session.begin_step(name, OwnUndo::None),
                        Ok(StepDecision::Run(_))
                    ));
                    let plan = Plan::between(from.clone(), to.clone(), Vec::new());
                    let _staged = session
                        .commit_or_stage(plan, CommitTerms::default())
                        .unwrap();
                    let _ended = session.end_step(CommitTerms::default()).unwrap();
                }
                let _report = session.end_runbook().unwrap();
            }
            Self::Recover(direction) => {
                let recovered = session.recover(direction).unwrap();
                assert!(
                    recovered
                        .iter()
                        .all(|recovered| recovered.residue.is_empty())
                );
            }
        }
    }
}

/// Says how the last record of a journal stands; `None` if there is none.
fn last_state(state: &Path) -> Option<State> {
    let journal = Journal::look_all(state).unwrap().into_iter().next()?;
    let records = journal.records().unwrap();
    records
        .last()
        .map(|record| record.as_ref().unwrap().state())
}

/// Looks at a table after recovery: nothing is in between, and the journal says the same.
#[track_caller]
fn check(place: &Place, state: &Path, direction: Direction, before: &Table, after: &Table) {
    let now = services(&place.table());
    let (is_before, is_after) = (now == services(before), now == services(after));
    match last_state(state) {
        None => assert!(is_before, "nothing was to be sent"),
        Some(State::Ended(EventKind::Recovered)) => {
            assert!(is_before && direction == Direction::Back);
        }
        Some(State::Ended(EventKind::Completed)) => {
            assert!(is_after && direction == Direction::Forward);
        }
        Some(State::Ended(EventKind::Committed)) => assert!(is_after),
        other => panic!("{other:?}"),
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Back, Direction::Forward];

#[test]
fn on_the_simulated_kernel_a_commit_is_cut_off_at_every_step_and_so_is_its_recovery() {
    let (before, after) = (table(&BEFORE, 6), table(&AFTER, 6));
    let mut cuts = 0;
    for direction in DIRECTIONS {
        for cut in 1.. {
            let state = tempfile::tempdir().unwrap();
            let place = Place::simulated();
            fill(&place, &before);
            if run_until(cut, &place, state.path(), Job::Commit, &before, &after) {
                check(&place, state.path(), direction, &before, &after);
                break;
            }
            cuts += 1;
            // The recovery is cut off as well, at each of its steps in turn, until it gets through.
            for again in 1.. {
                let job = Job::Recover(direction);
                if run_until(again, &place, state.path(), job, &before, &after) {
                    break;
                }
                cuts += 1;
            }
            check(&place, state.path(), direction, &before, &after);
        }
    }
    assert!(cuts > 100, "{cuts}");
}

/// Does a job and ends it before its step of that number. Tells whether it was through before that.
fn run_until(
    cut: usize,
    place: &Place,
    state: &Path,
    job: Job,
    before: &Table,
    after: &Table,
) -> bool {
    let steps = Rc::new(Cell::new(0));
    let counted = Rc::clone(&steps);
    let tick: Rc<dyn Fn()> = Rc::new(move || {
        counted.set(counted.get() + 1);
        if counted.get() == cut {
            resume_unwind(Box::new("cut off"));
        }
    });
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut session = announced(place.transport(), state, &tick);
        job.do_it(&mut session, before, after);
    }));
    if let Err(why) = &ended {
        assert!(why.downcast_ref() == Some(&"cut off"), "another panic");
    }
    ended.is_ok()
}

const MIDDLE: [(u8, u32); 3] = [(1, 1), (2, 5), (3, 1)];

#[test]
fn on_the_simulated_kernel_a_runbook_is_cut_off_at_every_step_and_led_back() {
    let (before, after) = (table(&BEFORE, 6), table(&AFTER, 6));
    let mut cuts = 0;
    for cut in 1.. {
        let state = tempfile::tempdir().unwrap();
        let place = Place::simulated();
        fill(&place, &before);
        let through = run_until(cut, &place, state.path(), Job::Runbook, &before, &after);
        if through {
            assert!(services(&place.table()) == services(&after));
            break;
        }
        cuts += 1;
        // The way back is cut off as well, at each of its steps in turn, until it gets through.
        for again in 1.. {
            let job = Job::Recover(Direction::Back);
            if run_until(again, &place, state.path(), job, &before, &after) {
                break;
            }
            cuts += 1;
        }
        let first = || {
            let journal = Journal::look_all(state.path()).unwrap().into_iter().next();
            let record = journal.and_then(|journal| journal.record(1).ok());
            record.map(|record| record.state())
        };
        // A program that another test of this process starts has the lock of the record too, until it runs.
        for _ in 0..200 {
            if !matches!(first(), Some(State::Unfinished)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            let job = Job::Recover(Direction::Back);
            run_until(usize::MAX, &place, state.path(), job, &before, &after);
        }
        let now = services(&place.table());
        match first() {
            None | Some(State::Ended(EventKind::Recovered)) => assert!(now == services(&before)),
            Some(State::Ended(EventKind::Committed)) => assert!(now == services(&after)),
            other => panic!("{other:?}"),
        }
    }
    assert!(cuts > 100, "{cuts}");
}

#[test]
fn what_an_uncertain_commit_left_is_taken_back_with_its_runbook() {
    for place in Place::every() {
        let state = tempfile::tempdir().unwrap();
        fill(&place, &table(&BEFORE, 2));
        let (service, server) = (key("tcp://192.0.2.1:80"), server("10.1.1.2:80"));
        let weight = |weight: i64| DestinationEdit {
            weight: Some(Weight::new(weight).unwrap()),
            ..DestinationEdit::default()
        };
        // Someone else changes a server between the sending and the reading back.
        let other = Rc::new(std::cell::RefCell::new(place.client()));
        let meddled = Rc::new(Cell::new(false));
        let (client, once) = (Rc::clone(&other), Rc::clone(&meddled));
        let tick: Rc<dyn Fn()> = Rc::new(move || {
            let mut client = client.borrow_mut();
            let sent = !client.fetch(&[key("fwmark://2")]).unwrap().is_empty();
            if sent && !once.replace(true) {
                let operation = Operation::EditDestination {
                    service,
                    key: server,
                    configuration: DestinationConfiguration {
                        weight: Weight::new(9).unwrap(),
                        ..DestinationConfiguration::default()
                    },
                };
                assert!(client.execute(&[operation], &mut || true).is_complete());
            }
        });
        let mut session = announced(place.transport(), state.path(), &tick);
        let options = RunbookOptions {
            name: "uncertain".to_owned(),
            ..RunbookOptions::default()
        };
        session.begin_runbook(options).unwrap();
        for mark in ["fwmark://1", "fwmark://2"] {
            assert!(matches!(
                session.begin_step(mark, OwnUndo::None),
                Ok(StepDecision::Run(_))
            ));
            let _staged = session
                .add_service(key(mark), &ServiceEdit::default(), &[])
                .unwrap();
            if mark == "fwmark://2" {
                let _staged = session
                    .edit_destination(service, server, &weight(5))
                    .unwrap();
                let error = session.end_step(CommitTerms::default()).unwrap_err();
                assert_eq!(error.kind().word(), "indeterminate", "{error}");
            } else {
                let _ended = session.end_step(CommitTerms::default()).unwrap();
            }
        }
        assert!(meddled.get());
        let why = StopReason::Failed("it is uncertain".to_owned());
        assert!(session.begin_rollback(&why));
        assert_eq!(session.roll_back_to_own_undo(), None);
        let report = session.end_stopped(&why).unwrap();
        assert_eq!(report.end, RunbookEnd::Residue, "{report:?}");
        assert_eq!(report.left.len(), 1, "{report:?}");
        // The marks are gone again, and the server is as the other one made it.
        let now = place.table();
        assert_eq!(now.services.len(), 3, "{}", place.name());
        let left = now.services[&service].destinations[&server].configuration;
        assert_eq!(left.weight.get(), 9);
        assert!(session.recover(Direction::Back).unwrap().is_empty());
    }
}

#[test]
fn behind_a_commit_that_can_not_be_taken_back_nothing_is_and_recovery_goes_on() {
    let state = tempfile::tempdir().unwrap();
    let place = Place::simulated();
    let (before, after) = (table(&BEFORE, 2), table(&AFTER, 2));
    fill(&place, &before);
    let mut session = with_journal(place.session(), state.path());
    session
        .begin_runbook(RunbookOptions {
            name: "stuck".to_owned(),
            ..RunbookOptions::default()
        })
        .unwrap();
    let middle = table(&MIDDLE, 2);
    for (from, to) in [(&before, &middle), (&middle, &after)] {
        assert!(matches!(
            session.begin_step("a", OwnUndo::None),
            Ok(StepDecision::Run(_))
        ));
        let plan = Plan::between(from.clone(), to.clone(), Vec::new());
        let _staged = session
            .commit_or_stage(plan, CommitTerms::default())
            .unwrap();
        let _ended = session.end_step(CommitTerms::default()).unwrap();
    }
    // The record of the latest commit is out of reach for a moment.
    let record = crate::support::record_file(state.path(), 3);
    let away = state.path().join("away");
    std::fs::rename(&record, &away).unwrap();
    let why = StopReason::Failed("it failed".to_owned());
    assert!(session.begin_rollback(&why));
    assert_eq!(session.roll_back_to_own_undo(), None);
    let report = session.end_stopped(&why).unwrap();
    assert_eq!(report.end, RunbookEnd::Residue);
    assert!(
        report.complaints[0].starts_with("commit 3 could not be rolled back"),
        "{report:?}"
    );
    assert!(
        services(&place.table()) == services(&after),
        "nothing was inverted"
    );
    drop(session);
    std::fs::rename(&away, &record).unwrap();
    let mut session = with_journal(place.session(), state.path());
    assert_eq!(session.pending_recovery().len(), 1);
    let recovered = session.recover(Direction::Back).unwrap();
    assert_eq!(recovered.len(), 1);
    assert!(recovered[0].residue.is_empty(), "{recovered:?}");
    assert!(services(&place.table()) == services(&before));
}

/// The table of the tests with real processes: the commit has 2,000 changes.
fn large() -> (Table, Table) {
    let before: Vec<(u8, u32)> = (1..=14).map(|number| (number, 1)).collect();
    // Half of the services stay and change, the others go; as many come.
    let after: Vec<(u8, u32)> = (8..=21).map(|number| (number, 2)).collect();
    (table(&before, 142), table(&after, 142))
}

/// The name of the test that is the body of a process.
const CHILD: &str = "crash::a_process_does_a_job_and_kills_itself_on_the_way";

/// The body of a process that another test starts in a network namespace. Where none did, it makes sure that it would be
/// found.
#[test]
fn a_process_does_a_job_and_kills_itself_on_the_way() {
    let variable = |name: &str| std::env::var(name);
    let Ok(cut) = variable("IPVSHTEST_CHILD_CUT") else {
        let listed = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CHILD, "--list"])
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.contains(&format!("{CHILD}: test")), "{listed}");
        return;
    };
    let cut: usize = cut.parse().unwrap();
    let job = match variable("IPVSHTEST_CHILD_JOB").unwrap().as_str() {
        "commit" => Job::Commit,
        "back" => Job::Recover(Direction::Back),
        _ => Job::Recover(Direction::Forward),
    };
    let state = variable("IPVSHTEST_CHILD_STATE").unwrap();
    let steps = Rc::new(Cell::new(0));
    let counted = Rc::clone(&steps);
    let tick: Rc<dyn Fn()> = Rc::new(move || {
        counted.set(counted.get() + 1);
        if counted.get() == cut {
            nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::SIGKILL).unwrap();
            loop {
                std::thread::park();
            }
        }
    });
    let (before, after) = large();
    let transport = Box::new(KernelTransport::open().unwrap());
    let mut session = announced(transport, Path::new(&state), &tick);
    job.do_it(&mut session, &before, &after);
}

fn start(job: Job, state: &Path, cut: usize) -> Child {
    let word = match job {
        Job::Commit => "commit",
        Job::Runbook => panic!("no process does that"),
        Job::Recover(Direction::Back) => "back",
        Job::Recover(Direction::Forward) => "forward",
    };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--test-threads=1"])
        .env("IPVSHTEST_CHILD_JOB", word)
        .env("IPVSHTEST_CHILD_STATE", state)
        .env("IPVSHTEST_CHILD_CUT", cut.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for a process. Tells whether it came to its end; it may be killed, and nothing else.
#[track_caller]
fn came_to_its_end(mut child: Child) -> bool {
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(9), "{status}");
    status.success()
}

#[test]
fn a_program_is_killed_at_every_write_sync_and_send() {
    if !only_in_lab() {
        return;
    }
    let (before, after) = large();
    let plan = Plan::between(before.clone(), after.clone(), Vec::new());
    assert!(plan.changes().len() >= 2000, "{}", plan.changes().len());
    for (number, direction) in DIRECTIONS.into_iter().enumerate() {
        // Every second step each: together all of them.
        for cut in (1 + number..).step_by(2) {
            let state = tempfile::tempdir().unwrap();
            let place = Place::real();
            fill(&place, &before);
            let through = came_to_its_end(start(Job::Commit, state.path(), cut));
            if !through && cut % 4 < 2 {
                // So is the recovery, somewhere.
                came_to_its_end(start(Job::Recover(direction), state.path(), 2 + cut / 2));
            }
            let mut session = with_journal(place.session(), state.path());
            Job::Recover(direction).do_it(&mut session, &before, &after);
            check(&place, state.path(), direction, &before, &after);
            if through {
                assert!(cut > 25, "it has more steps than {cut}");
                break;
            }
        }
    }
}

#[test]
fn a_program_is_killed_at_random_instants() {
    if !only_in_lab() {
        return;
    }
    let kills: usize = std::env::var("IPVSHTEST_KILLS").map_or(200, |text| text.parse().unwrap());
    let seed = u64::from(std::process::id());
    println!("seed {seed}, {kills} kills");
    let mut random = Random::new(seed);
    let (before, after) = large();
    let mut killed = 0;
    let mut longest = Duration::from_millis(50);
    while killed < kills {
        let state = tempfile::tempdir().unwrap();
        let place = Place::real();
        fill(&place, &before);
        let direction = random.pick(&DIRECTIONS);
        let mut child = start(Job::Commit, state.path(), 0);
        let begun = began(state.path());
        std::thread::sleep(longest.mul_f64(random.below(1000) as f64 / 1000.0));
        child.kill().unwrap();
        if came_to_its_end(child) {
            // Too late: it was through. Less than this is time enough.
            longest = begun.elapsed().mul_f64(0.95);
        } else {
            killed += 1;
            // As long as all are killed, later ones may be.
            longest = longest.mul_f64(1.02);
        }
        if random.chance(3) {
            let mut child = start(Job::Recover(direction), state.path(), 0);
            std::thread::sleep(longest.mul_f64(random.below(1000) as f64 / 1000.0));
            child.kill().unwrap();
            came_to_its_end(child);
        }
        let mut session = with_journal(place.session(), state.path());
        Job::Recover(direction).do_it(&mut session, &before, &after);
        check(&place, state.path(), direction, &before, &after);
    }
}

/// Waits until a program has its record on disk, and returns when that was.
fn began(state: &Path) -> Instant {
    let first = state.join("journal/open/00000001.json");
    let begun = Instant::now();
    while !first.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Instant::now()
}

/// Makes a random table over few keys, so that two of them have much in common.
fn random_table(random: &mut Random) -> Table {
    const KEYS: [&str; 6] = [
        "tcp://192.0.2.1:80",
        "udp://192.0.2.1:53",
        "fwmark://7",
        "tcp://[2001:db8::1]:80",
        "fwmark6://7",
        "sctp://192.0.2.2:36412",
    ];
    let mut table = Table {
        timeouts: Some(Timeouts {
            tcp_seconds: 900 + u32::try_from(random.below(2)).unwrap(),
            ..Timeouts::KERNEL_DEFAULT
        }),
        ..Table::default()
    };
    for text in KEYS {
        if random.chance(3) {
            continue;
        }
        let key = key(text);
        let mut entry = ServiceEntry::default();
        entry.configuration.scheduler = Scheduler::new(random.pick(&["rr", "wlc", "sh"])).unwrap();
        entry.configuration.one_packet = text.starts_with("udp") && random.chance(2);
        for place in 1..=5 {
            if random.chance(2) {
                continue;
            }
            let six = key.family() == ipvsh::model::AddressFamily::Inet6;
            let port = if text.starts_with("fwmark") { 0 } else { 80 };
            let server = server(&if six {
                format!("[fd00::{place}]:{port}")
            } else {
                format!("10.0.0.{place}:{port}")
            });
            let configuration = DestinationConfiguration {
                forwarding: random.pick(&[
                    ForwardingMethod::Masquerading,
                    ForwardingMethod::DirectRouting,
                    ForwardingMethod::Tunneling,
                ]),
                weight: Weight::new(i64::try_from(random.below(3)).unwrap()).unwrap(),
                ..DestinationConfiguration::default()
            };
            entry.destinations.insert(
                server,
                DestinationEntry {
                    configuration,
                    ..DestinationEntry::default()
                },
            );
        }
        table.services.insert(key, entry);
    }
    table
}

#[test]
fn random_plans_are_cut_at_every_operation_and_led_back_or_forward() {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for place in Place::every() {
        let mut cuts = 0;
        let mut now = Table {
            timeouts: Some(Timeouts::KERNEL_DEFAULT),
            ..Table::default()
        };
        for _ in 0..12 {
            let next = random_table(&mut random);
            let plan = Plan::between(now.clone(), next.clone(), Vec::new());
            let operations: Vec<Operation> = plan.changes().iter().map(Change::operation).collect();
            let mut kernel: Ipvs = place.client();
            for cut in 0..=operations.len() {
                for (target, way) in [(&now, plan.clone()), (&next, plan.reversed())] {
                    let execution = kernel.execute(&operations[..cut], &mut || true);
                    assert!(execution.is_complete(), "{execution:?}");
                    let (left, unread) = way.revert(&mut kernel);
                    assert!(left.is_empty() && unread.is_none(), "{left:?} {unread:?}");
                    let found = place.table();
                    assert_eq!(services(&found), services(target), "cut at {cut}");
                    assert_eq!(found.timeouts, target.timeouts);
                    cuts += 1;
                    if std::ptr::eq(target, &raw const next) {
                        // Back to where the next cut begins.
                        let (left, _) = plan.revert(&mut kernel);
                        assert!(left.is_empty(), "{left:?}");
                    }
                }
            }
            let (left, _) = plan.reversed().revert(&mut kernel);
            assert!(left.is_empty(), "{left:?}");
            now = next;
        }
        assert!(cuts > 100, "{}: {cuts}", place.name());
    }
}

#[test]
fn what_others_changed_since_is_left_to_them_and_said() {
    for place in Place::every() {
        let (before, after) = (table(&BEFORE, 3), table(&AFTER, 3));
        fill(&place, &before);
        let plan = Plan::between(before.clone(), after.clone(), Vec::new());
        let operations: Vec<Operation> = plan.changes().iter().map(Change::operation).collect();
        place.prepare(&operations);
        // Someone gives a server that the plan added another weight.
        let service = key("tcp://192.0.2.4:80");
        let changed = server("10.1.4.8:80");
        let theirs = DestinationConfiguration {
            weight: Weight::new(99).unwrap(),
            ..DestinationConfiguration::default()
        };
        place.prepare(&[Operation::EditDestination {
            service,
            key: changed,
            configuration: theirs,
        }]);
        let (left, unread) = plan.revert(&mut place.client());
        assert!(unread.is_none());
        let objects: Vec<String> = left
            .iter()
            .map(|change| change.object().to_string())
            .collect();
        assert_eq!(objects, ["tcp://192.0.2.4:80"], "{}", place.name());
        let now = place.table();
        assert_eq!(
            now.services[&service].destinations[&changed]
                .configuration
                .weight
                .get(),
            99
        );
        for (key, entry) in &before.services {
            let found = &now.services[key];
            assert_eq!(found.configuration, entry.configuration);
        }
    }
}

#[test]
fn a_commit_that_was_cut_off_stands_in_the_way_until_it_is_settled() {
    for place in Place::every() {
        let state = tempfile::tempdir().unwrap();
        let (before, after) = (table(&BEFORE, 3), table(&AFTER, 3));
        fill(&place, &before);
        assert!(!run_until(
            9,
            &place,
            state.path(),
            Job::Commit,
            &before,
            &after
        ));
        let mut session = with_journal(place.session(), state.path());
        let warnings = session.pending_recovery();
        assert!(
            warnings.len() == 1 && warnings[0].contains("commit 1 was interrupted"),
            "{warnings:?}"
        );
        let plan = Plan::between(before.clone(), after.clone(), Vec::new());
        let error = session
            .commit(plan.clone(), CommitTerms::default())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "commit 1 was interrupted and has been neither completed nor rolled back"
        );
        assert!(error.hint().unwrap().contains("ipvsh recover"));
        let recovered = session.recover(Direction::Back).unwrap();
        assert_eq!(recovered[0].kind, EventKind::Recovered);
        assert_eq!(services(&place.table()), services(&before));
        assert!(session.recover(Direction::Back).unwrap().is_empty());
        assert!(session.pending_recovery().is_empty());
        let report = session.commit(plan, CommitTerms::default()).unwrap();
        assert_eq!(report.recorded.unwrap().number, 2);
        assert_eq!(services(&place.table()), services(&after));
    }
}
