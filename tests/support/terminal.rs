//! A terminal for a program under test. Prompts are numbered, and nothing waits for time to pass: a test waits
//! for what must appear, and fails with everything that did.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

/// How long what must appear may take: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Terminal {
    master: File,
    device: String,
    child: Child,
    output: Receiver<Vec<u8>>,
    /// What was shown since the last prompt, escape sequences taken out.
    raw: Vec<u8>,
    prompt: usize,
    prompt_text: String,
}

impl Terminal {
    /// Starts `ipvsh` in a terminal of its own, 100 columns and 30 lines, and numbers its prompts. `place` is what
    /// the prompt says between its number and what is open.
    pub(crate) fn start(home: &Path, arguments: &[&str], term: &str, place: &str) -> Self {
        let mut terminal = Self::start_program(home, arguments, term);
        place.clone_into(&mut terminal.prompt_text);
        terminal.until(&format!("{place}> "));
        terminal.sends(":set numbers on\r");
        terminal.prompt = 1;
        terminal.next();
        terminal
    }

    /// Starts `ipvsh` in such a terminal, with arguments that lead to no prompt.
    pub(crate) fn start_program(home: &Path, arguments: &[&str], term: &str) -> Self {
        let size = Winsize {
            ws_row: 30,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let slave = File::from(pty.slave);
        // Programs that other tests start must not keep it.
        let own = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(&pty.master, own).unwrap();
        let device = std::fs::read_link(format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&slave)
        ))
        .unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            // Under `nohup` the tests, and what they start, would ignore the end of a terminal.
            .args(["env", "--default-signal", env!("CARGO_BIN_EXE_ipvsh")])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home)
            .env("IPVSH_STATE_DIR", super::state_of(home))
            .env("IPVSH_CONFIG", "")
            .env("TERM", term)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(home)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        drop(slave);
        let master = File::from(pty.master);
        let mut reader = master.try_clone().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            master,
            device: device.to_string_lossy().into_owned(),
            child,
            output,
            raw: Vec::new(),
            prompt: 0,
            prompt_text: String::new(),
        }
    }

    pub(crate) fn sends(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw).into_owned();
        anstream::adapter::strip_str(&text)
            .to_string()
            .replace('\r', "")
    }

    /// Waits until a text appears, and returns everything that was shown.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.shown();
            if shown.contains(text) {
                return shown;
            }
            match self.output.recv_timeout(Duration::from_millis(500)) {
                Ok(bytes) if begun.elapsed() < PATIENCE => self.raw.extend(bytes),
                Err(_) if begun.elapsed() < PATIENCE => {}
                _ => panic!("{text:?} did not appear:\n{shown}"),
            }
        }
    }

    /// Waits for the next prompt, and returns what was shown before it.
    #[track_caller]
    pub(crate) fn next(&mut self) -> String {
        self.prompt += 1;
        let prompt = format!("\n{} {}", self.prompt, self.prompt_text);
        let shown = self.until(&prompt);
        self.raw.clear();
        shown
    }

    /// Waits for the next prompt where it takes the place of a line that is gone, as the pager's.
    #[track_caller]
    pub(crate) fn next_in_place(&mut self) -> String {
        self.prompt += 1;
        let prompt = format!("{} {}> ", self.prompt, self.prompt_text);
        let shown = self.until(&prompt);
        self.raw.clear();
        shown
    }

    /// Forgets what was shown up to now, so that the next wait sees new text only.
    pub(crate) fn forgets(&mut self) {
        self.raw.clear();
    }

    /// Counts prompts that were answered ahead of time, before the next one is waited for.
    pub(crate) const fn answered_ahead(&mut self, prompts: usize) {
        self.prompt += prompts;
    }

    /// Types a line and returns what is shown before the next prompt.
    #[track_caller]
    pub(crate) fn types(&mut self, line: &str) -> String {
        self.sends(&format!("{line}\r"));
        self.next()
    }

    pub(crate) fn signals(&self, name: &str) {
        super::system(&format!("kill -{name} {}", self.child.id()));
    }

    /// Tells whether the terminal hands on each key as it comes.
    pub(crate) fn is_raw(&self) -> bool {
        super::system(&format!("stty -F {} -a", self.device)).contains("-icanon")
    }

    /// Waits until the terminal reads lines again.
    pub(crate) fn settles(&self) -> bool {
        let begun = Instant::now();
        while self.is_raw() {
            if begun.elapsed() > PATIENCE {
                return false;
            }
        }
        true
    }

    /// Waits until the program is stopped: what continues it earlier is lost.
    pub(crate) fn stands_still(&self) {
        let begun = Instant::now();
        let path = format!("/proc/{}/stat", self.child.id());
        while !std::fs::read_to_string(&path).unwrap().contains(") T ") {
            assert!(begun.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        super::system(&format!(
            "stty -F {} cols {columns} rows {rows}",
            self.device
        ));
    }

    /// Takes the terminal away, as a connection that breaks off does, and waits for the end of the program.
    pub(crate) fn vanishes(mut self) {
        // What reads it ends with the next bytes, for which nobody waits.
        self.output = channel().1;
        self.master = File::open("/dev/null").unwrap();
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it goes on without a terminal");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end of the program: what it wrote last, escape sequences too, and its status.
    pub(crate) fn written_at_the_end(mut self) -> (String, i32) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.raw.extend(bytes);
        }
        let written = String::from_utf8_lossy(&self.raw).into_owned();
        (written, status.code().unwrap_or(-1))
    }

    /// Waits for the end of the program: what was shown last, and its status.
    #[track_caller]
    pub(crate) fn before_after(mut self) -> (String, i32) {
        let status = self.child.wait().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(200)) {
            self.raw.extend(bytes);
        }
        (self.shown(), status.code().unwrap_or(-1))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _may_be_over = self.child.kill();
        let _reaped = self.child.wait();
    }
}
