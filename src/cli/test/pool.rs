//! Processes that run files of tests, some at a time. One that ends with a test, or does not come to its end, is replaced by another
//! one that goes on behind that test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::document::json;
use crate::results::{TestEvent, TestFailureShape, TestShape, Verdict};

/// How often it is looked whether all is to end.
const LOOK: Duration = Duration::from_millis(50);

/// What a test that was told to end gets to do so.
const GRACE: Duration = Duration::from_secs(2);

/// The end of a process's complaints that is shown.
const LAST_WORDS: usize = 4_096;

/// What files are run with.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// The arguments before the file's name.
    pub(super) arguments: Vec<String>,
    /// The time that each test has.
    pub(super) timeout: Duration,
    /// The time from which on a test is slow.
    pub(super) slow: Duration,
    pub(super) jobs: usize,
}

/// What is told of a file while it runs.
#[derive(Debug)]
pub(super) enum News {
    /// What its process said.
    Event(String, TestEvent),
    /// A test takes long, and is not over.
    Slow(String, String),
}

/// Runs files and hands on what is told of them, until all are over or `stop` says so.
pub(super) fn run(
    files: impl IntoIterator<Item = String>,
    terms: &Terms,
    stop: &Arc<AtomicBool>,
    told: &mut dyn FnMut(Option<News>),
) {
    let files: VecDeque<String> = files.into_iter().collect();
    let jobs = terms.jobs.min(files.len());
    let waiting = Arc::new(Mutex::new(files));
    let (sender, news) = channel();
    let mut threads = Vec::new();
    for _ in 0..jobs {
        let (waiting, sender) = (Arc::clone(&waiting), sender.clone());
        let (terms, stop) = (terms.clone(), Arc::clone(stop));
        threads.push(std::thread::spawn(move || {
            loop {
                let next = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some(file) = next.filter(|_| !stop.load(Ordering::SeqCst)) else {
                    return;
                };
                let runner = Runner {
                    file,
                    terms: &terms,
                    stop: &stop,
                    sender: &sender,
                };
                runner.run();
            }
        }));
    }
    drop(sender);
    loop {
        match news.recv_timeout(LOOK) {
            Ok(news) => told(Some(news)),
            Err(RecvTimeoutError::Timeout) => told(None),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    for thread in threads {
        let _ended = thread.join();
    }
}

/// Runs one file.
struct Runner<'a> {
    file: String,
    terms: &'a Terms,
    stop: &'a AtomicBool,
    sender: &'a Sender<News>,
}

/// How a process went.
enum End {
    /// It closed its output.
    Closed,
    /// It was ended, as its time was up or all is to end.
    Killed,
}

impl Runner<'_> {
    fn run(&self) {
        let mut over: Vec<String> = Vec::new();
        loop {
            match self.process(&mut over) {
                Ok(true) => {}
                Ok(false) => break,
                Err(text) => {
                    self.broken("(process)", Verdict::Crashed, 0.0, text);
                    break;
                }
            }
        }
    }

    /// Starts a process for the tests that are not over. Returns whether another one is needed.
    fn process(&self, over: &mut Vec<String>) -> Result<bool, String> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("ipvsh").args(&self.terms.arguments);
        let child = command
            .arg("--")
            .arg(&self.file)
            // A signal of the terminal is for the program that sees to all of them.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| format!("its process can't be started: {error}"))?;
        if let Some(mut input) = child.stdin.take() {
            let names = over.iter().map(|name| json::compact(name) + "\n");
            // One that does not read ends, and that is seen.
            let _read_or_not = input.write_all(names.collect::<String>().as_bytes());
        }
        let lines = lines_of(&mut child);
        let complaints = complaints_of(&mut child);
        let mut current = None;
        let mut waited = Duration::ZERO;
        let end = self.listen(&lines, &mut current, &mut waited, over);
        if matches!(end, End::Killed) {
            let _gone = child.kill();
        }
        let status = child.wait().map_err(|error| error.to_string())?;
        let words = complaints.join().unwrap_or_default();
        if self.stop.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let Some(name) = current else {
            return if status.success() && matches!(end, End::Closed) {
                Ok(false)
            } else {
                let words = words.trim();
                Err(format!("{}\n{words}", status_words(status))
                    .trim_end()
                    .to_owned())
            };
        };
        match end {
            End::Killed => {
                let text = "it did not end when its time was up, and its process was killed";
                self.broken(
                    &name,
                    Verdict::Timeout,
                    waited.as_secs_f64(),
                    text.to_owned(),
                );
            }
            End::Closed => {
                let mut text = format!("its process ended with it: {}", status_words(status));
                if !words.trim().is_empty() {
                    text = format!("{text}\n{}", words.trim());
                }
                self.broken(&name, Verdict::Crashed, waited.as_secs_f64(), text);
            }
        }
        over.push(name);
        Ok(true)
    }

    /// Hands on what a process says until it is silent for too long or ends.
    fn listen(
        &self,
        lines: &Receiver<String>,
        current: &mut Option<String>,
        waited: &mut Duration,
        over: &mut Vec<String>,
    ) -> End {
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return End::Killed;
            }
            match lines.recv_timeout(LOOK) {
                Ok(line) => {
                    let Ok(event) = serde_json::from_str::<TestEvent>(&line) else {
                        continue;
                    };
                    match &event {
                        TestEvent::Begins(name) => {
                            *current = Some(name.clone());
                            *waited = Duration::ZERO;
                        }
                        TestEvent::Ended(test) => {
                            *current = None;
                            over.push(test.name.clone());
                        }
                        TestEvent::Over(_) | TestEvent::Listed(_) | TestEvent::Unreadable(_) => {
                            *current = None;
                        }
                        TestEvent::Lines { .. } => {}
                    }
                    let _heard = self.sender.send(News::Event(self.file.clone(), event));
                }
                Err(RecvTimeoutError::Disconnected) => return End::Closed,
                Err(RecvTimeoutError::Timeout) => {
                    let before = *waited;
                    *waited += LOOK;
                    if let Some(name) = current
                        && before < self.terms.slow
                        && *waited >= self.terms.slow
                    {
                        let news = News::Slow(self.file.clone(), name.clone());
                        let _heard = self.sender.send(news);
                    }
                    if *waited >= self.terms.timeout.saturating_add(GRACE) {
                        return End::Killed;
                    }
                }
            }
        }
    }

    /// Tells of a test that its process did not tell of.
    fn broken(&self, name: &str, verdict: Verdict, seconds: f64, message: String) {
        let kind = match verdict {
            Verdict::Timeout => "timeout",
            _ => "crash",
        };
        let failure = TestFailureShape {
            phase: "process".to_owned(),
            kind: kind.to_owned(),
            text: format!("error: {message}"),
            message,
            ..TestFailureShape::default()
        };
        let test = TestShape {
            file: self.file.clone(),
            name: name.to_owned(),
            line: None,
            verdict,
            seconds,
            failures: vec![failure],
            output: String::new(),
        };
        let event = TestEvent::Ended(Box::new(test));
        let _heard = self.sender.send(News::Event(self.file.clone(), event));
    }
}

/// Reads the lines that a process writes.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
    }
    lines
}

/// Reads what a process complains of, and keeps the end of it.
fn complaints_of(child: &mut Child) -> std::thread::JoinHandle<String> {
    let errors = child.stderr.take();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0; 1_024];
        if let Some(mut errors) = errors {
            while let Ok(length @ 1..) = errors.read(&mut buffer) {
                kept.extend_from_slice(&buffer[..length]);
                let surplus = kept.len().saturating_sub(LAST_WORDS);
                kept.drain(..surplus);
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn status_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = nix::sys::signal::Signal::try_from(signal);
            name.map_or_else(|_| format!("signal {signal}"), |name| name.to_string())
        }
        (None, None) => status.to_string(),
    }
}
