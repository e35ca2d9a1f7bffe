//! Recordings: what was written is what is read, whatever becomes of the file; and the commands that look back.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ipvsh::backend::Operation;
use ipvsh::document::{Detail, DocumentWriter, json};
use ipvsh::journal::TableIdentity;
use ipvsh::model::{DestinationConfiguration, DestinationEdit, ServiceConfiguration, Weight};
use ipvsh::observe::{By, Depth, DrainView, Live, Observer, Snapshot, Source};
use ipvsh::recording::{Mark, Moment, Playback, Recorder, Recording, Retention, Told};
use ipvsh::session::{ConnectionFilter, ConnectionSource, Error, GroupField, VerbOutcome};
use ipvsh::sim::{Content, Packet, TcpFlags};

use crate::support::shop::Shop;
use crate::support::{Place, ipvsh, ipvsh_command, key, server, with_journal};

const INTERVAL: Duration = Duration::from_secs(2);

fn identity() -> TableIdentity {
    TableIdentity::Simulation {
        file: "a test".to_owned(),
    }
}

fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000)
}

/// What a snapshot says, as a text to compare.
fn said(snapshot: &Snapshot) -> String {
    let document = DocumentWriter {
        table: &snapshot.table,
        detail: Detail::Observed,
        incomplete: &snapshot.missing_words(),
    };
    format!(
        "{}\n{:?} {:?} {:?}\n{:?}\n{:?}\n{:?}",
        json::compact(&document),
        snapshot.time,
        snapshot.known,
        snapshot.place,
        snapshot.totals,
        snapshot.settings,
        snapshot.changes
    )
}

/// A table with traffic, and what records it.
struct Scene {
    folder: tempfile::TempDir,
    place: Place,
    live: Live,
    recorder: Recorder,
    /// What was recorded.
    expected: Vec<String>,
    /// Snapshots so far, those that were not recorded too.
    ticks: u32,
    drains: Vec<DrainView>,
    clients: u16,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::simulated();
        let destination = |text| Operation::AddDestination {
            service: key("tcp://192.0.2.1:80"),
            key: server(text),
            configuration: DestinationConfiguration::default(),
        };
        place.prepare(&[
            Operation::AddService {
                key: key("tcp://192.0.2.1:80"),
                configuration: Box::new(ServiceConfiguration::default()),
            },
            destination("10.0.0.1:80"),
            destination("10.0.0.2:80"),
            Operation::AddService {
                key: key("fwmark://7"),
                configuration: Box::new(ServiceConfiguration::default()),
            },
        ]);
        let state = folder.path().join("state");
        let live = Live::new(with_journal(place.session(), &state));
        let recorder = Recorder::begin(
            &folder.path().join("ring"),
            identity(),
            INTERVAL,
            Retention::DEFAULT,
        );
        Self {
            recorder: recorder.unwrap(),
            folder,
            place,
            live,
            expected: Vec::new(),
            ticks: 0,
            drains: Vec::new(),
            clients: 1,
        }
    }

    fn ring(&self) -> PathBuf {
        self.folder.path().join("ring")
    }

    fn time(&self) -> SystemTime {
        begin() + INTERVAL * self.ticks
    }

    /// Lets 2 s pass with some connections, and reads.
    fn read(&mut self) -> Snapshot {
        let Place::Simulated(kernel) = &mut self.place else {
            panic!("a simulated kernel");
        };
        for _ in 0..self.ticks % 3 {
            let syn = Content::Tcp(TcpFlags {
                syn: true,
                ..TcpFlags::default()
            });
            let client = format!("10.64.0.1:{}", 1_000 + self.clients)
                .parse()
                .unwrap();
            let to = "192.0.2.1:80".parse().unwrap();
            let _verdict = kernel.packet(&Packet::new(client, to, syn, 0));
            self.clients += 1;
        }
        let mut snapshot = self.live.read(Depth::Everything, INTERVAL).unwrap();
        self.ticks += 1;
        snapshot.time = self.time();
        let settings = snapshot.settings.as_mut().unwrap();
        let view = settings.journal.as_mut().unwrap();
        view.drains.clone_from(&self.drains);
        // A record has the clock of the machine.
        view.last = None;
        snapshot
    }

    fn tick(&mut self) {
        let snapshot = Arc::new(self.read());
        self.recorder.add(&snapshot).unwrap();
        self.expected.push(said(&snapshot));
    }

    fn ticks(&mut self, count: u32) {
        (0..count).for_each(|_| self.tick());
    }

    fn commit(&self, weight: u32) {
        let state = self.folder.path().join("state");
        let mut session = with_journal(self.place.session(), &state);
        let edit = DestinationEdit {
            weight: Some(Weight::new(weight.into()).unwrap()),
            ..DestinationEdit::default()
        };
        let done = session
            .edit_destination(key("tcp://192.0.2.1:80"), server("10.0.0.1:80"), &edit)
            .unwrap();
        assert!(matches!(done, VerbOutcome::Committed(_)), "{done:?}");
    }

    /// Ten minutes with a commit, somebody else's change, a gap, and a drain.
    fn ten_minutes() -> Self {
        let mut scene = Self::new();
        scene.ticks(60);
        scene.commit(5);
        scene.ticks(40);
        scene.place.prepare(&[Operation::AddDestination {
            service: key("fwmark://7"),
            key: server("10.0.0.7:80"),
            configuration: DestinationConfiguration::default(),
        }]);
        scene.ticks(50);
        let why = "the kernel did not answer";
        scene.recorder.gap(scene.time() + INTERVAL, why).unwrap();
        scene
            .recorder
            .gap(scene.time() + INTERVAL * 2, why)
            .unwrap();
        for _ in 0..20 {
            let _not_recorded = scene.read();
        }
        scene.ticks(10);
        scene.drains.push(DrainView {
            service: key("tcp://192.0.2.1:80"),
            server: server("10.0.0.2:80"),
            since: Some(begin()),
            deadline: Some(Duration::from_secs(60)),
            who: "anna".to_owned(),
            reason: "a disk".to_owned(),
            weight: 3,
            is_under_way: true,
        });
        scene.ticks(10);
        scene.drains.clear();
        scene.ticks(140);
        scene
    }
}

/// Returns the moments of a recording, forwards.
fn moments(recording: &Recording) -> Vec<Moment> {
    let mut all = Vec::new();
    let mut next = recording.first().unwrap();
    while let Some(moment) = next {
        all.push(moment);
        next = recording.next(moment).unwrap();
    }
    all
}

#[test]
fn ten_minutes_are_stepped_through_forwards_and_backwards() {
    let scene = Scene::ten_minutes();
    // What was being written when the machine died.
    let mut files: Vec<PathBuf> = files(&scene.ring());
    assert_eq!(files.len(), 2, "a file lasts ten minutes: {files:?}");
    let last = files.pop().unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(last).unwrap();
    file.write_all(&[200, 0, 0, 0, 1, 2, 3, 4, 2, 9]).unwrap();

    let mut recording = Recording::open(&scene.ring()).unwrap();
    let all = moments(&recording);
    let mut read: Vec<String> = Vec::new();
    for moment in &all {
        read.push(said(&recording.snapshot(*moment).unwrap()));
    }
    assert_eq!(read.len(), scene.expected.len());
    for (read, expected) in read.iter().zip(&scene.expected) {
        assert_eq!(read, expected);
    }
    // Backwards, and by time.
    let mut back = recording.last().unwrap();
    for (moment, expected) in all.iter().zip(&scene.expected).rev() {
        assert_eq!(back, Some(*moment));
        assert_eq!(said(&recording.snapshot(*moment).unwrap()), *expected);
        let time = recording.time(*moment).unwrap();
        assert_eq!(recording.at(time).unwrap(), *moment);
        assert_eq!(recording.at(time + INTERVAL / 2).unwrap(), *moment);
        back = recording.previous(*moment).unwrap();
    }
    assert_eq!(back, None);
    let early = recording.at(begin()).unwrap_err().to_string();
    assert!(
        early.contains("it begins at 2025-06-15T15:06:42Z"),
        "{early}"
    );
}

#[test]
fn a_recording_tells_who_changed_what_and_what_happened() {
    let scene = Scene::ten_minutes();
    let recording = Recording::open(&scene.ring()).unwrap();
    let changes = recording.changes(begin(), scene.time()).unwrap();
    let told: Vec<(u64, String, bool)> = changes
        .iter()
        .map(|(time, seen)| {
            let seconds = time.duration_since(begin()).unwrap().as_secs();
            let ours = matches!(seen.by, By::Commit { number: 1, .. });
            assert!(ours || seen.by == By::Foreign, "{:?}", seen.by);
            (seconds, seen.change.object().to_string(), ours)
        })
        .collect();
    assert_eq!(
        told,
        [
            (122, "tcp://192.0.2.1:80/10.0.0.1:80".to_owned(), true),
            (202, "fwmark://7/10.0.0.7:80".to_owned(), false)
        ]
    );
    assert!(
        recording
            .changes(begin() + Duration::from_secs(122), scene.time())
            .unwrap()
            .len()
            == 1,
        "what was seen at the first moment is not seen after it"
    );
    let object = "tcp://192.0.2.1:80/10.0.0.2:80".to_owned();
    let told: Vec<(u64, Told)> = recording
        .told(begin(), scene.time())
        .unwrap()
        .into_iter()
        .map(|(time, told)| (time.duration_since(begin()).unwrap().as_secs(), told))
        .filter(|(_, told)| !matches!(told, Told::Mark(Mark::Commit { .. })))
        .collect();
    assert_eq!(
        told,
        [
            (302, Told::Gap("the kernel did not answer".to_owned())),
            (
                362,
                Told::Mark(Mark::DrainBegan {
                    object: object.clone(),
                    who: "anna".to_owned()
                })
            ),
            (382, Told::Mark(Mark::DrainEnded { object })),
        ]
    );
}

fn files(ring: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(ring).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn whatever_is_damaged_the_rest_is_read_and_right() {
    let mut scene = Scene::new();
    scene.ticks(20);
    scene.commit(9);
    scene.ticks(200);
    let ring = scene.ring();
    let path = files(&ring).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let readable = |bytes: &[u8]| -> (usize, bool) {
        std::fs::write(&path, bytes).unwrap();
        let Ok(mut recording) = Recording::open(&ring) else {
            return (0, false);
        };
        let all = moments(&recording);
        for moment in &all {
            // What can be read is what was written.
            let read = said(&recording.snapshot(*moment).unwrap());
            assert!(scene.expected.contains(&read), "{read}");
        }
        let told = recording.told(begin(), scene.time()).unwrap();
        let is_said = told.iter().any(|(_, told)| matches!(told, Told::Damage(_)));
        (all.len(), is_said)
    };
    let all = scene.expected.len();
    assert_eq!(readable(&whole), (all, false));
    // Cut off anywhere, it has what came before, and nothing is said of that.
    let mut before = 0;
    for length in (0..whole.len()).step_by(97) {
        let (count, is_said) = readable(&whole[..length]);
        assert!(
            !is_said && count >= before && count <= all,
            "{length}: {count}"
        );
        before = count;
    }
    assert!(before >= all - 5, "{before}");
    // A flipped bit: what lies between it and the next key frame is lost, and that is said.
    let key = b"IPVK";
    let keys = whole.windows(4).filter(|bytes| bytes == key).count();
    assert!(
        keys >= 2,
        "the test needs a key frame in the middle: {keys}"
    );
    let last = whole.windows(4).rposition(|bytes| bytes == key).unwrap();
    for place in (32..whole.len()).step_by(211) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        let (count, is_said) = readable(&damaged);
        assert!(count < all, "{place}: nobody noticed");
        // Behind the last key frame it looks as if it were cut off.
        assert_eq!(is_said, place < last - 13, "{place}");
        assert!(count > 0 || place >= last - 13, "{place}");
    }
}

#[test]
fn a_recording_is_a_source_for_all_who_look() {
    let scene = Scene::ten_minutes();
    let ring = scene.ring();
    let make = move || -> Result<Playback, Error> {
        let recording = Recording::open(&ring)?;
        let first = recording.at(begin() + Duration::from_secs(10))?;
        Ok(Playback::new(recording, first))
    };
    let observer = Observer::start(make, Duration::from_millis(5))
        .unwrap()
        .unwrap();
    let mut views = [(); 3].map(|()| observer.view(Depth::Everything));
    let hang = Duration::from_secs(60);
    let first = views[0].next(hang).unwrap().unwrap();
    assert_eq!(said(&first), scene.expected[4]);
    let mut last = 0;
    let ended = loop {
        match views[1].next(hang).unwrap() {
            Ok(snapshot) => last = snapshot.number,
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(last, u64::try_from(scene.expected.len() - 4).unwrap());
    assert!(ended.contains("the recording ends at"), "{ended}");
    drop(views);
}

#[test]
fn a_table_is_recorded_once_and_what_is_too_old_or_too_much_goes() {
    let mut scene = Scene::new();
    scene.ticks(1);
    let again = Recorder::begin(&scene.ring(), identity(), INTERVAL, Retention::DEFAULT);
    let error = again.unwrap_err().to_string();
    assert!(error.contains("another program records into"), "{error}");
    for (age, size, left) in [(3_600, u64::MAX, 7), (u64::MAX >> 32, 1, 1)] {
        let mut scene = Scene::new();
        scene.recorder = Recorder::begin(
            &scene.folder.path().join("other"),
            identity(),
            INTERVAL,
            Retention {
                age: Duration::from_secs(age),
                size,
            },
        )
        .unwrap();
        // Somebody's notes are none of its business.
        let notes = scene.folder.path().join("other/notes.txt");
        std::fs::write(&notes, "x").unwrap();
        scene.ticks(10 * 300);
        let mut found = files(&scene.folder.path().join("other"));
        found.retain(|path| *path != notes);
        assert_eq!(found.len(), left + 1 - usize::from(size == 1), "{found:?}");
        assert!(notes.exists());
    }
}

#[test]
fn a_clock_that_is_set_back_begins_another_file() {
    let mut scene = Scene::new();
    scene.ticks(5);
    let before = scene.expected.len();
    scene.ticks = 1;
    scene.ticks(3);
    assert_eq!(files(&scene.ring()).len(), 2);
    let mut recording = Recording::open(&scene.ring()).unwrap();
    let all = moments(&recording);
    assert_eq!(all.len(), scene.expected.len());
    // Between what overlaps it is the nearest snapshot, of whichever file.
    let late = recording.at(begin() + INTERVAL * 100).unwrap();
    assert_eq!(recording.time(late).unwrap(), begin() + INTERVAL * 5);
    // Of a time that came twice the later one counts.
    let found = recording.at(begin() + INTERVAL * 3).unwrap();
    assert_eq!(
        said(&recording.snapshot(found).unwrap()),
        scene.expected[before + 1]
    );
}

#[test]
fn connections_are_recorded_whole_or_not_at_all() {
    let mut scene = Scene::new();
    scene.ticks(5);
    let time = scene.time();
    let file = |lines: usize| {
        let line = "TCP 0A400001 03E9 C0000201 0050 0A000001 0050 SYN_RECV         58\n";
        format!("Pro FromIP   FPrt\n{}", line.repeat(lines))
    };
    let put = |scene: &mut Scene, time, text: &str, fails: bool| {
        let done = scene.recorder.connections::<Error>(time, |sink| {
            text.as_bytes().chunks(1_000).for_each(sink);
            match fails {
                true => Err(Error::Recording("broken off".to_owned())),
                false => Ok(()),
            }
        });
        assert_eq!(done.is_err(), fails);
    };
    put(&mut scene, time, &file(40_000), false);
    put(&mut scene, time + INTERVAL, &file(50_000), true);
    scene.ticks(2);
    struct Then(Recording, SystemTime);
    impl ConnectionSource for Then {
        fn read_connections(
            &mut self,
            sink: &mut dyn FnMut(&[ipvsh::model::ConnectionEntry<'_>]),
        ) -> Result<(usize, usize), Error> {
            let (_, lines, unread) = self.0.connections(self.1, sink)?;
            Ok((lines, unread))
        }
    }
    let recording = Recording::open(&scene.ring()).unwrap();
    assert!(recording.connections_time(time - INTERVAL).is_err());
    assert_eq!(recording.connections_time(scene.time()).unwrap(), time);
    let mut then = Then(recording, scene.time());
    let by = [GroupField::Server];
    let (groups, read) = then
        .connection_groups(&ConnectionFilter::default(), &by)
        .unwrap();
    assert_eq!((read.entries, read.unread, groups.len()), (40_000, 0, 1));
    assert_eq!(groups[0].values, ["10.0.0.1:80"]);
    // Snapshots go on behind them.
    assert_eq!(moments(&then.0).len(), scene.expected.len());
}

#[test]
fn what_is_no_file_of_a_recording_stands_in_nobodys_way() {
    let mut scene = Scene::new();
    scene.ticks(5);
    let ring = scene.ring();
    std::fs::create_dir(ring.join("a.ipvsr")).unwrap();
    std::fs::write(
        ring.join("b.ipvsr"),
        "something else, and longer than a head is",
    )
    .unwrap();
    std::fs::write(ring.join("c.ipvsr"), "").unwrap();
    nix::unistd::mkfifo(&ring.join("d.ipvsr"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let file = files(&ring)
        .into_iter()
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with('2'))
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    // Another version's, and one whose head no clock told.
    let mut other = whole.clone();
    other[8] = 2;
    std::fs::write(ring.join("e.ipvsr"), &other).unwrap();
    let mut never = whole.clone();
    never[12..20].copy_from_slice(&(-1i64).to_le_bytes());
    std::fs::write(ring.join("f.ipvsr"), &never).unwrap();
    never[12..20].copy_from_slice(&i64::MAX.to_le_bytes());
    std::fs::write(ring.join("g.ipvsr"), &never).unwrap();
    let recording = Recording::open(&ring).unwrap();
    assert_eq!(moments(&recording).len(), 5);
    // The recorder goes on beside them, too.
    scene.ticks(400);
    assert!(scene.recorder.take_unpruned().is_none());
    // What looks like key frames everywhere is given up.
    let mut fake = whole[..32].to_vec();
    for place in 0..40_000u32 {
        let length = 2_000_000 - place * 30;
        fake.extend(length.to_le_bytes());
        fake.extend([0, 0, 0, 0, 1, 0, 0, 0, 0]);
        fake.extend(b"IPVK");
        fake.extend([0; 17]);
    }
    fake.resize(2_100_000, 0);
    let path = scene.folder.path().join("fake.ipvsr");
    std::fs::write(&path, fake).unwrap();
    let began = Instant::now();
    let recording = Recording::open(&path).unwrap();
    assert!(recording.first().unwrap().is_none());
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn files_of_a_clock_that_was_ahead_go_first() {
    let mut scene = Scene::new();
    scene.recorder = Recorder::begin(
        &scene.folder.path().join("other"),
        identity(),
        INTERVAL,
        Retention {
            age: Duration::from_secs(24 * 3_600),
            size: 60_000,
        },
    )
    .unwrap();
    scene.ticks = 1_000_000;
    scene.ticks(500);
    scene.ticks = 1;
    scene.ticks(1_200);
    let left = files(&scene.folder.path().join("other"));
    let is_ahead = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap() > "20250630";
    assert_eq!(left.iter().filter(is_ahead).count(), 0, "{left:?}");
    let total: u64 = left.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(total <= 60_000 + 60_000 / 8 + 4_096, "{total}");
    assert!(left.len() > 3, "{left:?}");
}

/// What the first version wrote is read for ever.
#[test]
fn what_was_recorded_long_ago_is_read() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recording");
    if std::env::var_os("IPVSHTEST_KEEP_RECORDING").is_some() {
        let mut scene = Scene::new();
        scene.ticks(10);
        scene.commit(5);
        scene.ticks(5);
        let time = scene.time();
        let line = "Pro\nTCP 0A400001 03E9 C0000201 0050 0A000001 0050 SYN_RECV 58\n";
        scene
            .recorder
            .connections::<Error>(time, |sink| {
                sink(line.as_bytes());
                Ok(())
            })
            .unwrap();
        scene.recorder.gap(time, "a pause").unwrap();
        scene.ticks(5);
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::copy(files(&scene.ring()).remove(0), kept.join("version-1.ipvsr")).unwrap();
        let recorded: Vec<String> = scene
            .expected
            .iter()
            .map(|said| document_of(said))
            .collect();
        std::fs::write(kept.join("version-1.jsonl"), recorded.join("\n") + "\n").unwrap();
    }
    let mut recording = Recording::open(&kept.join("version-1.ipvsr")).unwrap();
    let expected = std::fs::read_to_string(kept.join("version-1.jsonl")).unwrap();
    let all = moments(&recording);
    assert_eq!(all.len(), 20);
    for (moment, expected) in all.iter().zip(expected.lines()) {
        let snapshot = recording.snapshot(*moment).unwrap();
        assert_eq!(document_of(&said(&snapshot)), expected);
        assert!(snapshot.settings.is_some() && snapshot.totals.is_some());
    }
    let until = recording.end().unwrap().unwrap();
    let changes = recording.changes(begin(), until).unwrap();
    assert_eq!(changes.len(), 1);
    assert!(matches!(&changes[0].1.by, By::Commit { number: 1, .. }));
    assert_eq!(recording.told(begin(), until).unwrap().len(), 2);
    let mut entries = 0;
    let (_, lines, unread) = recording
        .connections(until, &mut |some| entries += some.len())
        .unwrap();
    assert_eq!((entries, lines, unread), (1, 2, 0));
}

fn document_of(said: &str) -> String {
    said.lines().next().unwrap().to_owned()
}

#[test]
fn kinds_of_a_later_version_are_passed_over() {
    let mut scene = Scene::new();
    scene.ticks(3);
    let path = files(&scene.ring()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let body = [99, 0, 0, 0, 0, 1, 2, 3];
    bytes.extend(8u32.to_le_bytes());
    bytes.extend(crc32(&body).to_le_bytes());
    bytes.extend(body);
    std::fs::write(&path, &bytes).unwrap();
    let recording = Recording::open(&scene.ring()).unwrap();
    assert_eq!(moments(&recording).len(), 3);
    assert!(recording.told(begin(), scene.time()).unwrap().is_empty());
    // Another version of the format is said to be one.
    bytes[8] = 2;
    std::fs::write(&path, &bytes).unwrap();
    let error = Recording::open(&scene.ring()).err().unwrap().to_string();
    assert!(error.contains("recorded in format 2"), "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    }) ^ !0
}

/// A program that records.
pub(crate) struct Recorded {
    child: Child,
}

impl Recorded {
    pub(crate) fn start(shop: &Shop, more: &[&str]) -> Self {
        let mut words = vec!["record", "--interval", "100ms"];
        words.extend(more);
        let child = ipvsh_command(shop.path(), &shop.arguments(&words))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Ends it, and returns its status and what it said.
    pub(crate) fn end(mut self, signal: nix::sys::signal::Signal) -> (Option<i32>, String) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        let ended = self.child.wait().unwrap();
        let said = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (ended.code(), said)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // A test that fails leaves nobody behind who records.
        let _ended_already = self.child.kill();
    }
}

/// Waits until the recording has a snapshot.
pub(crate) fn begun(shop: &Shop) {
    let began = Instant::now();
    while shop.runs(&["list", "--at", "-0s"]).status != 0 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_can_not_be_recorded_or_shown_is_said() {
    let shop = Shop::simulated();
    for (arguments, status, words) in [
        (
            vec!["list", "--at", "-5m"],
            1,
            "has no recording; `ipvsh record` makes one",
        ),
        (vec!["list", "--at", "5m"], 2, "a time is -5m (ago)"),
        (
            vec!["list", "--at", "2999-01-01T00:00:00Z"],
            2,
            "it has not come yet",
        ),
        (
            vec!["list", "--at", "-5m", "--watch"],
            2,
            "cannot be used with",
        ),
        (vec!["list", "--recording", "x"], 2, "--at"),
        (vec!["diff", "@now"], 2, "`@now` is no time of a recording"),
        (
            vec!["diff", "a.json", "--recording", "x"],
            2,
            "neither side is one",
        ),
        (
            vec!["record", "--json"],
            2,
            "recording prints nothing for programs",
        ),
        (
            vec!["record", "--keep-size", "0"],
            2,
            "it is larger than nothing",
        ),
        (
            vec!["list", "--at", "-5m", "--recording", "table.json"],
            1,
            "is no recording",
        ),
    ] {
        let refused = shop.runs(&arguments);
        assert!(
            refused.status == status && refused.stderr.contains(words),
            "{arguments:?}: {refused:?}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = ipvsh(folder.path(), &["--sim", "list", "--at", "-5m"]);
    assert!(refused.stderr.contains("--recording PATH"), "{refused:?}");
    // Two programs on one table.
    let recorder = Recorded::start(&shop, &[]);
    begun(&shop);
    let second = shop.runs(&["record", "--for", "1s"]);
    assert!(
        second.status == 1 && second.stderr.contains("another program records into"),
        "{second:?}"
    );
    let (status, _) = recorder.end(nix::sys::signal::Signal::SIGINT);
    assert_eq!(status, Some(0));
}

#[test]
fn a_full_disk_is_said_and_what_was_written_stays() {
    let shop = Shop::simulated();
    // 16 blocks of 512 bytes: room for some frames.
    let line = format!(
        "ulimit -f 16; exec {} --sim-state=table.json record --interval 20ms --for 12s",
        env!("CARGO_BIN_EXE_ipvsh")
    );
    let finished = std::process::Command::new("sh")
        .args(["-c", &line])
        .current_dir(shop.path())
        .env("IPVSH_STATE_DIR", shop.path().join("state"))
        .env("IPVSH_CONFIG", "")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&finished.stderr).into_owned();
    assert!(
        said.contains("until that is over, nothing is recorded"),
        "{said}"
    );
    assert_eq!(said.matches("nothing is recorded").count(), 1, "{said}");
    let shown = shop.json(&["record", "--show"]);
    let file = &shown["files"][0];
    assert!(file["bytes"].as_u64().unwrap() <= 8_192, "{shown}");
    assert!(file["snapshots"].as_u64().unwrap() > 10, "{shown}");
    assert_eq!(shown["events"], serde_json::json!([]), "nothing is damaged");
    shop.ok(&["list", "--at", "-0s"]);
}
