//! What comes from outside never makes the program panic or hang: readers are fed with a kept corpus that is changed at random.
//!
//! A loop of our own, on the stable compiler. The seed is printed; `tests/fuzz/run TARGET SECONDS` runs one for longer. What
//! makes a reader fail is kept in `target/fuzz`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ipvsh::backend::{
    Identity, Ipvs, KernelFile, Lock, LockError, ProcReading, Selection, Transport, TransportError,
};
use ipvsh::document::{read_document, read_plan};
use ipvsh::journal::{Journal, TableIdentity};
use ipvsh::script::{Permissions, Script, check as check_script};
use ipvsh::sim::{Environment, SimulatedKernel};
use ipvsh::wire::{Counting, Messages, Record, Request};

use crate::support::{Random, in_lab};

fn seconds() -> f64 {
    let given = std::env::var("IPVSHTEST_FUZZ_SECONDS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(1.5)
}

fn seed() -> u64 {
    let given = std::env::var("IPVSHTEST_SEED").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap().subsec_nanos())
    })
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut files: Vec<PathBuf> = fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Changes bytes in one of the ways in which files break.
fn changed(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    const WORDS: [&[u8]; 12] = [
        b"-1",
        b"4294967296",
        b"99999999999999999999",
        b"null",
        b"\"",
        b"{",
        b"[[[[",
        b"\x00",
        b"\xff\xff\xff\xff",
        b"\n",
        b"0",
        b"\xe2\x80\xae",
    ];
    let mut bytes = random.pick(corpus);
    for _ in 0..=random.below(6) {
        let place = random.below(bytes.len() + 1);
        match random.below(8) {
            0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
            1 if place < bytes.len() => bytes[place] = u8::try_from(random.below(256)).unwrap(),
            2 => bytes.truncate(place),
            3 => {
                let end = (place + random.below(32)).min(bytes.len());
                bytes.drain(place..end);
            }
            4 => {
                let word = random.pick(&WORDS);
                bytes.splice(place..place, word.iter().copied());
            }
            5 => {
                let end = (place + random.below(64)).min(bytes.len());
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            6 => {
                // The beginning of one and the end of another.
                let other = random.pick(corpus);
                let from = random.below(other.len() + 1);
                bytes.truncate(place);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let end = (place + random.below(8)).min(bytes.len());
                bytes[place..end].fill(0xff);
            }
        }
    }
    bytes
}

/// Feeds a reader until its time has passed.
fn feed(target: &str, mut read: impl FnMut(&[u8])) {
    /// No input takes a reader this long.
    const HANG: Duration = Duration::from_secs(20);
    // Readers know no kernel; once is enough.
    if in_lab() {
        return;
    }
    let (seed, corpus) = (seed(), corpus(target));
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs_f64(seconds());
    let mut count = 0u64;
    // As it is kept first.
    for bytes in &corpus {
        read(bytes);
    }
    while Instant::now() < end {
        let bytes = changed(&mut random, &corpus);
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        count += 1;
        if ended.is_err() || begun.elapsed() > HANG {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{target}-{seed}-{count}"));
            fs::write(&path, &bytes).unwrap();
            panic!(
                "{target}: seed {seed}, input {count}, kept as {}",
                path.display()
            );
        }
    }
    println!("fuzz {target}: seed {seed}, {count} inputs");
    assert!(count > 0);
}

#[test]
fn wire() {
    feed("wire", |bytes| {
        for message in Messages::new(bytes) {
            let Ok(message) = message else { break };
            let _read_or_not = Request::decode(&message);
            for counting in [Counting::Both, Counting::Nothing, Counting::Widest] {
                let _read_or_not = Record::decode(&message, counting);
            }
            let _read_or_not = message.acknowledgement();
        }
    });
}

#[test]
fn document() {
    feed("document", |bytes| {
        if let Err(error) = read_document("x", bytes) {
            assert!(!error.to_string().is_empty());
        }
    });
}

#[test]
fn yaml() {
    feed("yaml", |bytes| match read_document("x.yaml", bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(table) => drop(table),
    });
}

#[test]
fn plan() {
    feed("plan", |bytes| {
        if let Ok(plan) = read_plan("x", bytes) {
            let _reversed = plan.reversed();
        }
    });
}

#[test]
fn proc() {
    feed("proc", |bytes| {
        let _table = ProcReading::parse(bytes).into_table();
        for line in String::from_utf8_lossy(bytes).lines() {
            let _entry = ipvsh::backend::connection_entry(line);
        }
    });
}

#[test]
fn check() {
    feed("check", |bytes| {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: String::from_utf8_lossy(bytes).into_owned(),
            arguments: Vec::new(),
        };
        if let Err(failure) = check_script(&script, &Permissions::default()) {
            assert!(!failure.render(true).is_empty());
        }
    });
}

#[test]
fn journal() {
    let state = tempfile::tempdir().unwrap();
    let table = TableIdentity::Simulation {
        file: "/x".to_owned(),
    };
    let journal = Journal::open(state.path(), &table).unwrap();
    let place = state.path().join(table.folder());
    feed("journal", |bytes| {
        for name in ["00000001.json", "open/00000001.json"] {
            fs::write(place.join(name), bytes).unwrap();
            if let Ok(record) = journal.record(1) {
                let _plan = record.plan();
                let _shape = ipvsh::results::record_shape(&record);
            }
            fs::remove_file(place.join(name)).unwrap();
        }
    });
}

#[test]
fn lines() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("t.json");
    feed("lines", |bytes| {
        // The program in this process, on a simulated table.
        let words: Vec<std::ffi::OsString> = [
            "ipvsh",
            "--no-journal",
            &format!("--sim-state={}", state.display()),
            "ipvsadm",
            "-R",
            "--dry-run",
        ]
        .iter()
        .map(Into::into)
        .collect();
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let status = ipvsh::drop_in(
            &words,
            ipvsh::ui::Streams {
                input: Some(&mut &bytes[..]),
                output: &mut output,
                errors: &mut errors,
                coloured: false,
                watched: false,
            },
        );
        assert!(status.is_some());
    });
}

/// A simulated kernel whose answers are broken on their way.
struct Broken {
    kernel: SimulatedKernel,
    random: Random,
}

impl Transport for Broken {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.kernel.send(datagram)
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        let random = &mut self.random;
        self.kernel.receive(&mut |bytes| {
            let mut bytes = bytes.to_vec();
            if random.chance(4) {
                bytes = changed(random, &[bytes]);
            }
            sink(&bytes);
        })
    }

    fn stream_file(
        &mut self,
        file: &KernelFile,
        sink: &mut dyn FnMut(&[u8]),
    ) -> std::io::Result<()> {
        let bytes = self.kernel.read_file(file)?;
        sink(&changed(&mut self.random, &[bytes]));
        Ok(())
    }

    fn identity(&self) -> std::io::Result<Identity> {
        self.kernel.identity()
    }
    fn release(&self) -> Option<String> {
        self.kernel.release()
    }
    fn boot_time(&self) -> Duration {
        self.kernel.boot_time()
    }

    fn write_file(&mut self, file: &KernelFile, contents: &[u8]) -> std::io::Result<()> {
        self.kernel.write_file(file, contents)
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
fn client() {
    let contents = read_document("shop", include_bytes!("../scripts/shop.json")).unwrap();
    let mut random = Random::new(seed());
    // The inputs are only what begins each conversation differently.
    feed("document", |_| {
        let kernel = SimulatedKernel::new(Environment::stock());
        let mut plain = Ipvs::open(Box::new(kernel.another_socket())).unwrap();
        let operations: Vec<_> = contents
            .services
            .iter()
            .map(|service| ipvsh::backend::Operation::AddService {
                key: service.key,
                configuration: Box::new(
                    service
                        .edit
                        .apply(&service.key, None, ipvsh::model::Trust::Recorded)
                        .unwrap(),
                ),
            })
            .collect();
        let _fates = plain.execute(&operations, &mut || true);
        let broken = Broken {
            kernel,
            random: Random::new(u64::try_from(random.below(1 << 30)).unwrap()),
        };
        let Ok(mut client) = Ipvs::open(Box::new(broken)) else {
            return;
        };
        let _read_or_not = client.table();
        let _read_or_not = client.read(&Selection::default());
        let _read_or_not = client.info();
        let _fates = client.execute(&operations, &mut || true);
    });
}
