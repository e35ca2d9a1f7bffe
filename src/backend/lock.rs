//! The commit lock: one commit at a time for a table.
//!
//! It is two file locks, which the system gives back when their holder ends, however it ends, and which need no cleaning.
//!
//! The *private* one lies on a file that only someone who could commit can open: of a network namespace the kernel's
//! `tcp_fastopen_key` of that namespace (mode 0600, which CAP_NET_ADMIN passes), of a simulated table its folder in the journal.
//! Programs that see the same `/proc`, or use the same journal, meet there, and nobody else can stand in the way.
//!
//! The *common* one lies on what all see, the namespace's own file or the simulated table's, so that containers with a
//! `/proc` of their own and users with journals of their own meet too. Anyone may lock that. So it counts only where its
//! holder could commit: who visibly could not is passed over at once, and who can't be seen from here (a process outside of
//! this container) is waited for [`UNSEEN`] at most. Beyond that the check for conflicts has to do.

use std::fmt;
use std::fs::{File, Metadata, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::reason;

use crate::config::user_name;

/// How long a holder of the common lock counts that can't be seen from here. Less than a commit waits for its turn, so that
/// nobody outside of a container keeps those in it from committing.
const UNSEEN: Duration = Duration::from_secs(8);
/// How long a lock counts whose process is gone: one that ends gives its lock back a moment before or after.
const GONE: Duration = Duration::from_millis(500);
/// How long to wait before another look.
const STEP: Duration = Duration::from_millis(10);
/// The bit of `CAP_NET_ADMIN` in the capabilities of a process.
const NET_ADMIN: u64 = 1 << 12;
/// The inode of the first PID namespace: there every process is to be seen.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Held while one program commits; dropping it lets the next one in.
pub struct Lock {
    _held: Vec<File>,
    release: Option<Box<dyn FnOnce()>>,
}

impl Lock {
    /// Makes a lock where there is no one to lock out.
    #[must_use]
    pub const fn needless() -> Self {
        Self {
            _held: Vec::new(),
            release: None,
        }
    }

    /// Has something done when the lock is given back.
    #[must_use]
    pub fn releasing(mut self, release: impl FnOnce() + 'static) -> Self {
        let before = self.release.take();
        self.release = Some(Box::new(move || {
            release();
            if let Some(before) = before {
                before();
            }
        }));
        self
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            release();
        }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Lock")
    }
}

/// The process that holds a commit lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// Its program.
    pub program: String,
    /// Who runs it: a name, or a number that has none.
    pub user: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            process,
            program,
            user,
        } = self;
        write!(out, "{program} (process {process}, user {user})")
    }
}

/// Why the commit lock was not had.
#[derive(Debug)]
pub enum LockError {
    /// Another program held it for all of the time; `None` is one that can't be seen from here.
    Held(Option<Holder>),
    /// It can't be taken at all.
    Failed(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Who counts as a holder of the common lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayCommit {
    /// Who has CAP_NET_ADMIN in this user namespace.
    NetworkAdministrator,
    /// Who could write the locked file.
    Writer,
}

/// Where the two locks of a table are.
#[derive(Clone, Debug)]
pub struct LockPlaces {
    /// What only someone who could commit can open, if there is such a thing.
    pub private: Option<PathBuf>,
    /// What everyone sees. Where it is not there yet, its folder stands for it.
    pub common: PathBuf,
    /// Whose lock of it counts.
    pub counts: MayCommit,
}

/// Takes commit locks of one table.
#[derive(Debug)]
pub struct CommitLock {
    places: LockPlaces,
    /// Since when a holder stands in the way that can't be seen.
    unseen_since: Option<Instant>,
    /// Since when the lock is said to be that of a process that is gone.
    gone_since: Option<Instant>,
    /// When the last wait was to end: another one begins anew.
    waited_until: Option<Instant>,
}

/// Who holds a lock, as far as it is to be seen.
enum Found {
    /// Someone who could commit.
    Counts(Holder),
    /// Only those who could not.
    Passed,
    /// No one that is to be seen from here.
    Unseen,
    /// A process that is gone: it ended just now, or it handed its lock on, which ipvsh does not.
    Gone,
    /// No one any more.
    Free,
}

impl CommitLock {
    /// Makes what takes the locks at these places.
    #[must_use]
    pub const fn new(places: LockPlaces) -> Self {
        Self {
            places,
            unseen_since: None,
            gone_since: None,
            waited_until: None,
        }
    }

    /// Makes what takes the lock of the network namespace of the calling thread.
    #[must_use]
    pub fn of_namespace() -> Self {
        Self::new(LockPlaces {
            private: Some("/proc/sys/net/ipv4/tcp_fastopen_key".into()),
            common: "/proc/thread-self/ns/net".into(),
            counts: MayCommit::NetworkAdministrator,
        })
    }

    /// Takes the lock, waiting for it.
    ///
    /// # Errors
    /// [`LockError::Held`] if another program held it for all of `wait`.
    pub fn take(&mut self, wait: Duration) -> Result<Lock, LockError> {
        let begun = Instant::now();
        // Waits are made of short ones.
        if self
            .waited_until
            .is_none_or(|until| until.elapsed() > Duration::from_secs(1))
        {
            (self.unseen_since, self.gone_since) = (None, None);
        }
        self.waited_until = begun.checked_add(wait.min(Duration::from_secs(1)));
        let mut held = Vec::new();
        let private = match &self.places.private {
            Some(path) if self.places.counts == MayCommit::Writer => own_folder(path),
            Some(path) => Some(File::open(path)?),
            None => None,
        };
        if let Some(file) = private {
            while !is_taken(&file)? {
                if begun.elapsed() >= wait {
                    return Err(LockError::Held(private_holder(&file)));
                }
                std::thread::sleep(STEP);
            }
            held.push(file);
        }
        loop {
            let file = open_common(&self.places.common).map_err(|error| {
                let place = self.places.common.display();
                io::Error::new(error.kind(), format!("{place}: {}", reason(&error)))
            })?;
            if is_taken(&file)? {
                if is_current(&file, &self.places.common) {
                    self.unseen_since = None;
                    self.gone_since = None;
                    held.push(file);
                    break;
                }
                // It was replaced while we waited for it.
                continue;
            }
            match self.common_holder(&file)? {
                Found::Free => {}
                Found::Passed => break,
                Found::Gone => {
                    let since = *self.gone_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= GONE {
                        break;
                    }
                }
                Found::Counts(holder) => {
                    (self.unseen_since, self.gone_since) = (None, None);
                    if begun.elapsed() >= wait {
                        return Err(LockError::Held(Some(holder)));
                    }
                }
                Found::Unseen => {
                    let since = *self.unseen_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= UNSEEN {
                        break;
                    }
                    if begun.elapsed() >= wait {
                        return Err(LockError::Held(None));
                    }
                }
            }
            std::thread::sleep(STEP);
        }
        Ok(Lock {
            _held: held,
            release: None,
        })
    }

    fn common_holder(&self, file: &File) -> io::Result<Found> {
        let locked = file.metadata()?;
        let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
            return Ok(Found::Unseen);
        };
        let mut found = Found::Unseen;
        let mut is_hidden = false;
        for process in holders(&locks, &locked, self.places.counts) {
            let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
                // A file system mounted with hidepid does not show the processes of others.
                is_hidden = lives(process);
                found = match is_hidden {
                    true => Found::Unseen,
                    false => Found::Gone,
                };
                continue;
            };
            let counts = match self.places.counts {
                MayCommit::NetworkAdministrator => is_administrator(process, &status),
                MayCommit::Writer => Some(is_writer(&status, &locked)),
            };
            found = match counts {
                Some(true) => return Ok(Found::Counts(describe(process))),
                Some(false) => Found::Passed,
                None => Found::Gone,
            };
        }
        // Where every process is to be seen, no entry means that it was given back just now.
        if matches!(found, Found::Unseen) && !is_hidden && sees_all() {
            return Ok(Found::Free);
        }
        Ok(found)
    }
}

/// Opens a folder of this user, and makes it if it is not there. Without one the common lock has to do: whoever keeps a
/// journal there says what is wrong with it.
fn own_folder(path: &Path) -> Option<File> {
    let opened = File::open(path);
    if opened.is_ok() {
        return opened.ok();
    }
    let mut builder = std::fs::DirBuilder::new();
    let _made_or_not = builder.recursive(true).mode(0o700).create(path);
    File::open(path).ok()
}

fn is_taken(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open_common(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => File::open(folder_of(path)),
        opened => opened,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns whether a locked file still is what a path leads to: a simulated table is replaced by each commit.
fn is_current(file: &File, path: &Path) -> bool {
    let now = std::fs::metadata(path).or_else(|_| std::fs::metadata(folder_of(path)));
    match (file.metadata(), now) {
        (Ok(held), Ok(now)) => (held.dev(), held.ino()) == (now.dev(), now.ino()),
        _ => false,
    }
}

/// Returns the processes that hold a lock on a file, from the text of `/proc/locks`. File systems that show another device
/// there than to programs are told by the inode alone.
fn holders(locks: &str, locked: &Metadata, counts: MayCommit) -> Vec<u32> {
    let device = format!(
        "{:02x}:{:02x}",
        nix::sys::stat::major(locked.dev()),
        nix::sys::stat::minor(locked.dev())
    );
    let is_it = |place: &str| match place.rsplit_once(':') {
        Some((found, inode)) => {
            inode.parse() == Ok(locked.ino()) && (counts == MayCommit::Writer || found == device)
        }
        None => false,
    };
    let mut holders = Vec::new();
    for line in locks.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // "1: FLOCK ADVISORY WRITE 123 00:04:4026531840 0 EOF"; one that waits has "->" behind its number.
        if let [_, "FLOCK", _, _, process, place, ..] = fields.as_slice()
            && is_it(place)
            && let Ok(process) = process.parse()
        {
            holders.push(process);
        }
    }
    holders
}

/// Returns the value of a field of `/proc/PID/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.strip_prefix(':').map(str::trim)
}

/// Returns whether a process could commit; `None` if it is about to be gone.
fn is_administrator(process: u32, status: &str) -> Option<bool> {
    let has = field(status, "CapEff")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .is_some_and(|capabilities| capabilities & NET_ADMIN != 0);
    // In a user namespace of his own everyone has all capabilities.
    let namespace = |process: &str| std::fs::metadata(format!("/proc/{process}/ns/user"));
    match (namespace(&process.to_string()), namespace("self")) {
        (Ok(theirs), Ok(ours)) => Some(has && theirs.ino() == ours.ino()),
        (Err(error), _) if error.kind() == ErrorKind::NotFound => None,
        // Who may not look there trusts what the process shows.
        _ => Some(has),
    }
}

fn is_writer(status: &str, locked: &Metadata) -> bool {
    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let Some(user) = effective_user(status) else {
        return false;
    };
    let group = locked.gid().to_string();
    let is_member = ["Gid", "Groups"].iter().any(|name| {
        let groups = field(status, name).unwrap_or_default();
        groups.split_whitespace().any(|one| one == group)
    });
    user == 0
        || user == locked.uid()
        || user == crate::config::user_id()
        || (locked.mode() & GROUP_WRITES != 0 && is_member)
        // In a folder such as /tmp everyone writes, and nobody what is another's.
        || (locked.mode() & OTHERS_WRITE != 0 && locked.mode() & STICKY == 0)
}

fn effective_user(status: &str) -> Option<u32> {
    field(status, "Uid")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Returns whether there is a process, though nothing of it is to be seen.
fn lives(process: u32) -> bool {
    i32::try_from(process).is_ok_and(|process| {
        let asked = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None);
        asked != Err(nix::errno::Errno::ESRCH)
    })
}

fn sees_all() -> bool {
    std::fs::metadata("/proc/self/ns/pid").is_ok_and(|found| found.ino() == FIRST_PID_NAMESPACE)
}

fn describe(process: u32) -> Holder {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}"));
    let status = read("status").unwrap_or_default();
    let user = effective_user(&status);
    Holder {
        process,
        program: read("comm")
            .map_or_else(|_| "a program".to_owned(), |name| name.trim().to_owned()),
        user: user.map_or_else(|| "?".to_owned(), user_name),
    }
}

fn private_holder(file: &File) -> Option<Holder> {
    let locked = file.metadata().ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let process = *holders(&locks, &locked, MayCommit::Writer).first()?;
    Some(describe(process))
}

#[cfg(test)]
mod tests {
    use super::{CommitLock, Holder, LockError, LockPlaces, MayCommit, field, holders};
    use std::fs::File;
    use std::time::Duration;

    fn taker(folder: &std::path::Path) -> CommitLock {
        CommitLock::new(LockPlaces {
            private: Some(folder.join("own")),
            common: folder.join("table.json"),
            counts: MayCommit::Writer,
        })
    }

    #[test]
    fn one_holds_it_and_the_other_is_told_who() {
        let folder = tempfile::tempdir().unwrap();
        let held = taker(folder.path()).take(Duration::ZERO).unwrap();
        match taker(folder.path()).take(Duration::from_millis(30)) {
            Err(LockError::Held(Some(Holder { process, .. }))) => {
                assert_eq!(process, std::process::id());
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        taker(folder.path()).take(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_process_lives_whether_or_not_it_may_be_looked_at() {
        assert!(super::lives(std::process::id()));
        assert!(super::lives(1));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        child.wait().unwrap();
        assert!(!super::lives(process));
    }

    #[test]
    fn what_waits_for_a_lock_is_no_holder_and_other_files_are_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "").unwrap();
        let locked = File::open(&path).unwrap().metadata().unwrap();
        use std::os::unix::fs::MetadataExt;
        let inode = locked.ino();
        let locks = format!(
            "1: FLOCK  ADVISORY  WRITE 12 fe:01:{inode} 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 13 fe:01:{inode} 0 EOF\n\
             2: POSIX  ADVISORY  WRITE 14 fe:01:{inode} 0 EOF\n3: FLOCK  ADVISORY  READ 15 fe:01:1{inode} 0 EOF\n"
        );
        assert_eq!(holders(&locks, &locked, MayCommit::Writer), [12]);
        assert_eq!(
            field("Name:\tx\nUid:\t1\t2\t3\t4\n", "Uid"),
            Some("1\t2\t3\t4")
        );
    }
}
