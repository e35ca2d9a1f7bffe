//! One reader for all who look: how often the kernel is read, who is told what, and who changed something.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use ipvsh::backend::{
    Identity, Ipvs, KernelFile, Lock, LockError, Operation, Transport, TransportError,
};
use ipvsh::model::{Known, ServiceEdit, ServiceEntry, ServiceKey, Table};
use ipvsh::observe::{By, Depth, Live, Observer, Snapshot, Source};
use ipvsh::session::{Error, Interrupt, Session, TableLabel, VerbOutcome};
use ipvsh::sim::{Environment, SimulatedKernel};

use crate::support::{session_over, with_journal};

/// A simulated kernel that counts what goes through the seam.
struct Counted {
    kernel: SimulatedKernel,
    doors: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self) {
        self.doors.fetch_add(1, Ordering::SeqCst);
    }
}

impl Transport for Counted {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.count();
        self.kernel.send(datagram)
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        self.kernel.receive(sink)
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.count();
        self.kernel.stream_file(file, sink)
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        self.count();
        self.kernel.write_file(file, contents)
    }

    fn identity(&self) -> io::Result<Identity> {
        self.kernel.identity()
    }

    fn release(&self) -> Option<String> {
        self.kernel.release()
    }

    fn boot_time(&self) -> Duration {
        self.kernel.boot_time()
    }

    fn now(&self) -> Duration {
        self.kernel.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.kernel.sleep(duration);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.kernel.lock(wait)
    }
}

fn label() -> TableLabel {
    TableLabel {
        host: "here".to_owned(),
        release: None,
        detail: None,
    }
}

/// Starts a reader of a simulated kernel; what goes through its seam is counted.
fn counted(interval: Duration) -> (Observer, Arc<AtomicU64>) {
    let doors = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&doors);
    let make = move || -> Result<Live, Error> {
        let kernel = SimulatedKernel::new(Environment::stock());
        let counted = Counted { kernel, doors: own };
        let live = Ipvs::open(Box::new(counted))?;
        Ok(Live::new(Session::new(live, label(), Interrupt::default())))
    };
    let started = Observer::start(make, interval).unwrap().unwrap();
    (started, doors)
}

/// Longer than anything here takes; where it is reached, something hangs.
const HANG: Duration = Duration::from_secs(60);

#[test]
fn three_views_cause_one_read_an_interval_and_nobody_causes_none() {
    let (observer, doors) = counted(Duration::from_millis(50));
    // Only what opening takes.
    let opened = doors.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(doors.load(Ordering::SeqCst), opened, "nobody looked");
    assert_eq!(observer.readings(), 0);

    let first = observer.snapshot(Depth::Table, HANG).unwrap();
    assert_eq!(first.number, 1);
    let each = doors.load(Ordering::SeqCst) - opened;
    assert!(each > 0);

    let views = [(); 3].map(|()| observer.view(Depth::Table));
    let lookers: Vec<_> = views
        .into_iter()
        .map(|mut view| {
            std::thread::spawn(move || {
                let numbers = (0..6).map(|_| view.next(HANG).unwrap().unwrap().number);
                numbers.collect::<Vec<u64>>()
            })
        })
        .collect();
    for looker in lookers {
        let numbers = looker.join().unwrap();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }
    // Nobody looks any more: at most one reading was under way.
    std::thread::sleep(Duration::from_millis(100));
    let (readings, read) = (observer.readings(), doors.load(Ordering::SeqCst));
    assert_eq!(
        read - opened,
        each * readings,
        "each reading goes through the seam once"
    );
    assert!(
        readings < 12,
        "three views did not share: {readings} readings"
    );
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(doors.load(Ordering::SeqCst), read, "nobody looks");
}

/// A source that takes its time and fails now and then.
struct Slow {
    began: Arc<AtomicUsize>,
    fails_at: usize,
    services: u32,
}

impl Source for Slow {
    fn connection_file(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        sink(b"Pro\n");
        Ok(())
    }

    fn read(&mut self, depth: Depth, _: Duration) -> Result<Snapshot, Error> {
        let number = self.began.fetch_add(1, Ordering::SeqCst) + 1;
        std::thread::sleep(Duration::from_millis(50));
        if number == self.fails_at {
            return Err(Error::Unmatched("it fails".to_owned()));
        }
        let mut table = Table::default();
        for mark in 1..=self.services {
            let key = ServiceKey::parse(&format!("fwmark://{mark}")).unwrap();
            table.services.insert(key, ServiceEntry::default());
        }
        Ok(Snapshot {
            number: u64::try_from(number).unwrap(),
            time: std::time::SystemTime::now(),
            clock: Duration::ZERO,
            took: Duration::ZERO,
            place: label(),
            table,
            known: Known {
                all: true,
                rates: true,
            },
            missing: Vec::new(),
            totals: None,
            settings: (depth == Depth::Everything).then(Default::default),
            changes: Vec::new(),
        })
    }
}

fn slow(interval: Duration, fails_at: usize, services: u32) -> (Observer, Arc<AtomicUsize>) {
    let began = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&began);
    let make = move || -> Result<Slow, Error> {
        Ok(Slow {
            began: own,
            fails_at,
            services,
        })
    };
    (Observer::start(make, interval).unwrap().unwrap(), began)
}

#[test]
fn who_asks_at_the_same_time_shares_a_reading_that_is_deep_enough() {
    let (observer, began) = slow(HANG, 0, 0);
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for place in 0..8 {
            let (observer, together) = (&observer, &together);
            scope.spawn(move || {
                let depth = if place == 0 {
                    Depth::Everything
                } else {
                    Depth::Table
                };
                together.wait();
                let found = observer.snapshot(depth, Duration::ZERO).unwrap();
                assert!(depth == Depth::Table || found.settings.is_some());
            });
        }
    });
    // The first who comes may start one before the others have asked.
    let readings = began.load(Ordering::SeqCst);
    assert!((1..=2).contains(&readings), "{readings} readings for eight");
    // What is young enough is not read again; what is not deep enough is.
    observer.snapshot(Depth::Table, HANG).unwrap();
    assert_eq!(began.load(Ordering::SeqCst), readings);
    observer.snapshot(Depth::Table, Duration::ZERO).unwrap();
    assert_eq!(began.load(Ordering::SeqCst), readings + 1);
    assert!(
        observer
            .snapshot(Depth::Everything, HANG)
            .unwrap()
            .settings
            .is_some()
    );
    assert_eq!(began.load(Ordering::SeqCst), readings + 2);
}

#[test]
fn a_reading_that_fails_is_told_and_the_next_one_is_tried() {
    let (observer, _) = slow(Duration::from_millis(10), 2, 0);
    let mut view = observer.view(Depth::Table);
    let told: Vec<bool> = (0..3).map(|_| view.next(HANG).unwrap().is_ok()).collect();
    assert_eq!(told, [true, false, true]);
    drop(view);
    // What could be read is still there.
    assert_eq!(observer.ring().len(), 2);
}

#[test]
fn the_ring_is_bounded_by_what_it_holds_and_always_has_two() {
    let (observer, _) = slow(Duration::from_millis(1), 0, 90_000);
    let mut view = observer.view(Depth::Table);
    for _ in 0..4 {
        view.next(HANG).unwrap().unwrap();
    }
    drop(view);
    let ring = observer.ring();
    assert_eq!(ring.len(), 2, "180,000 objects fit, 270,000 do not");
    assert!(ring[0].number < ring[1].number);
}

/// A source with a mistake in it.
struct Broken;

impl Source for Broken {
    fn connection_file(&mut self, _: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, _: Depth, _: Duration) -> Result<Snapshot, Error> {
        panic!("a mistake, which the test wants");
    }
}

#[test]
fn a_reader_that_is_gone_keeps_nobody_waiting() {
    let began = Instant::now();
    let observer = Observer::start(|| Ok::<_, Error>(Broken), HANG)
        .unwrap()
        .unwrap();
    let mut view = observer.view(Depth::Table);
    assert!(view.next(HANG).is_none());
    assert!(view.is_over());
    assert!(began.elapsed() < HANG / 2);
}

#[test]
fn the_source_itself_is_used_between_two_readings_on_the_thread_that_owns_it() {
    let (observer, began) = slow(HANG, 0, 0);
    let asked = || {
        observer.with_source(|source| {
            let mut bytes = 0;
            source
                .connection_file(&mut |piece| bytes += piece.len())
                .unwrap();
            (bytes, std::thread::current().name().map(str::to_owned))
        })
    };
    assert_eq!(asked(), Some((4, Some("observer".to_owned()))));
    let mut view = observer.view(Depth::Table);
    view.next(HANG).unwrap().unwrap();
    // While the reader waits for its interval too.
    assert_eq!(asked(), Some((4, Some("observer".to_owned()))));
    assert_eq!(began.load(Ordering::SeqCst), 1);
    // One that is gone tells so, and keeps nobody waiting.
    let gone = Observer::start(|| Ok::<_, Error>(Broken), HANG)
        .unwrap()
        .unwrap();
    assert!(gone.view(Depth::Table).next(HANG).is_none());
    assert_eq!(gone.with_source(|_| ()), None);
}

#[test]
fn an_end_is_no_wait() {
    let began = Instant::now();
    let (observer, _) = slow(HANG, 0, 0);
    let mut view = observer.view(Depth::Table);
    view.next(HANG).unwrap().unwrap();
    // The reader waits for a minute now.
    drop(observer);
    assert!(view.next(HANG).is_none());
    assert!(began.elapsed() < HANG / 2);
}

/// What happens once.
type Happening = Rc<RefCell<Option<Box<dyn FnOnce()>>>>;

/// A simulated kernel where something happens while its table is read: behind the services, before the totals.
struct Meanwhile {
    kernel: SimulatedKernel,
    happens: Happening,
}

impl Transport for Meanwhile {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.kernel.send(datagram)
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        self.kernel.receive(sink)
    }

    fn stream_file(&mut self, file: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        if matches!(file, KernelFile::Stats)
            && let Some(happens) = self.happens.take()
        {
            happens();
        }
        self.kernel.stream_file(file, sink)
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> io::Result<()> {
        self.kernel.write_file(file, contents)
    }

    fn identity(&self) -> io::Result<Identity> {
        self.kernel.identity()
    }

    fn release(&self) -> Option<String> {
        self.kernel.release()
    }

    fn boot_time(&self) -> Duration {
        self.kernel.boot_time()
    }

    fn now(&self) -> Duration {
        self.kernel.now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.kernel.sleep(duration);
    }

    fn lock(&mut self, wait: Duration) -> Result<Lock, LockError> {
        self.kernel.lock(wait)
    }
}

#[test]
fn a_commit_while_the_table_is_read_is_no_foreign_change_at_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_owned();
    let kernel = SimulatedKernel::new(Environment::stock());
    let happens: Happening = Rc::default();
    let meanwhile = Meanwhile {
        kernel: kernel.another_socket(),
        happens: Rc::clone(&happens),
    };
    let commit = |mark: u32| {
        let (kernel, state) = (kernel.another_socket(), state.clone());
        move || {
            let mut session = with_journal(session_over(Box::new(kernel)), &state);
            let key = ServiceKey::parse(&format!("fwmark://{mark}")).unwrap();
            let done = session.add_service(key, &ServiceEdit::default(), &[]);
            assert!(matches!(done, Ok(VerbOutcome::Committed(_))));
        }
    };
    let mut live = Live::new(with_journal(session_over(Box::new(meanwhile)), &state));
    let who = |live: &mut Live| -> Vec<By> {
        let snapshot = live.read(Depth::Everything, Duration::ZERO).unwrap();
        snapshot.changes.into_iter().map(|seen| seen.by).collect()
    };
    let ours = |by: &[By], number: u64| matches!(by, [By::Commit { number: found, .. }] if *found == number);
    // While it is looked at first, too, when there is no journal yet.
    for (mark, number) in [(1, 1), (2, 2), (3, 3)] {
        happens.replace(Some(Box::new(commit(mark))));
        assert_eq!(who(&mut live), [], "{mark}: the table was read already");
        let by = who(&mut live);
        assert!(ours(&by, number), "{mark}: {by:?}");
        assert_eq!(who(&mut live), []);
    }
    // What somebody else does is foreign all the same.
    let mut other = Ipvs::open(Box::new(kernel.another_socket())).unwrap();
    let done = other.execute(
        &[Operation::DeleteService {
            key: ServiceKey::parse("fwmark://2").unwrap(),
        }],
        &mut || true,
    );
    assert!(done.is_complete());
    assert_eq!(who(&mut live), [By::Foreign]);
}
