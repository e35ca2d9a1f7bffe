//! The files of the journal.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::record::{self, Event, EventKind, Intent, Planned, Record, State};
use super::runbook::is_runbook;

/// The largest record that is read.
const LARGEST: u64 = 1 << 30;
/// The folder of records while something is still to be done about their commits.
const OPEN: &str = "open";
/// How a file is called.
const ENDING: &str = ".json";
/// How it is called until it is whole.
const FRESH: &str = ".new";
/// The file with the number that was given last: there may be thousands of names to look at else.
const LAST: &str = "last";
/// How often all records are counted and weighed, in commits.
const ROUND: u64 = 64;

/// How much is kept: the oldest commits that are over go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commits.
    pub records: usize,
    /// Bytes of all files together.
    pub bytes: u64,
}

impl Limits {
    /// What holds unless told otherwise.
    pub const DEFAULT: Self = Self {
        records: 1000,
        bytes: 256 << 20,
    };
}

/// What is about to be done to a file: tests end the program there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file is made.
    Create,
    /// Something is written.
    Write,
    /// The disk is asked to keep it.
    Sync,
    /// A file gets another name.
    Rename,
}

/// The journal in a state folder.
pub struct Journal {
    folder: PathBuf,
    limits: Limits,
    watch: Option<Box<dyn FnMut(Step)>>,
}

/// Where a file is: its number, and whether its commit is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    number: u64,
    open: bool,
}

impl Journal {
    /// Opens the journal of a state folder, and makes both if they are not there.
    ///
    /// # Errors
    /// [`JournalError`] if that can't be, or others could write there.
    pub fn open(state: &Path) -> Result<Self, JournalError> {
        let folder = state.join("journal");
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for part in [state, &folder, &folder.join(OPEN)] {
            if !part.is_dir() {
                builder.create(part).map_err(|error| failed(part, &error))?;
            }
            check_owner(part)?;
        }
        Ok(Self {
            folder,
            limits: Limits::DEFAULT,
            watch: None,
        })
    }

    /// Opens the journal if it is there; makes nothing.
    ///
    /// # Errors
    /// [`JournalError`] if it is there and can't be looked at, or others could write it.
    pub fn look(state: &Path) -> Result<Option<Self>, JournalError> {
        let folder = state.join("journal");
        match fs::metadata(&folder) {
            Ok(_) => Self::open(state).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&folder, &error)),
        }
    }

    /// Sets how much is kept.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Has every step announced before it is done.
    pub fn watch_steps(&mut self, watch: Box<dyn FnMut(Step)>) {
        self.watch = Some(watch);
    }

    fn step(&mut self, step: Step) {
        if let Some(watch) = &mut self.watch {
            watch(step);
        }
    }

    fn place(&self, open: bool) -> PathBuf {
        if open {
            self.folder.join(OPEN)
        } else {
            self.folder.clone()
        }
    }

    pub(super) fn open_path(&self, number: u64) -> PathBuf {
        self.path(Name { number, open: true })
    }

    fn path(&self, name: Name) -> PathBuf {
        self.place(name.open)
            .join(format!("{:08}{ENDING}", name.number))
    }

    /// Lists what is open, or what is over, by number.
    fn names(&self, open: bool) -> Result<Vec<Name>, JournalError> {
        let place = self.place(open);
        let mut names = Vec::new();
        for entry in fs::read_dir(&place).map_err(|error| failed(&place, &error))? {
            let entry = entry.map_err(|error| failed(&place, &error))?;
            let file = entry.file_name();
            let digits = file.to_str().and_then(|name| name.strip_suffix(ENDING));
            if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
                names.push(Name { number, open });
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the number of the next record.
    fn next_number(&self) -> Result<u64, JournalError> {
        let open = self.names(true)?.last().map_or(0, |name| name.number);
        let noted = fs::read_to_string(self.folder.join(LAST)).unwrap_or_default();
        if let Ok(last) = noted.trim().parse::<u64>() {
            let number = last.max(open).saturating_add(1);
            let over = Name {
                number,
                open: false,
            };
            if !self.path(over).exists() {
                return Ok(number);
            }
        }
        let over = self.names(false)?.last().map_or(0, |name| name.number);
        Ok(open.max(over).saturating_add(1))
    }

    /// Takes down what is about to be sent and returns the number of the record. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`JournalError`]; then there is no record.
    pub fn begin(&mut self, intent: &mut Intent, plan: Planned<'_>) -> Result<u64, JournalError> {
        self.create(intent, Some(plan))?;
        Ok(intent.number)
    }

    /// Makes an open record. Its file is locked before others can see it: that of a runbook stays so while its program
    /// lives.
    pub(super) fn create(
        &mut self,
        intent: &mut Intent,
        plan: Option<Planned<'_>>,
    ) -> Result<File, JournalError> {
        // Whoever numbers a record holds the folder until the file is there.
        let held = File::open(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        held.lock().map_err(|error| failed(&self.folder, &error))?;
        let number = self.next_number()?;
        intent.number = number;
        let place = self.place(true);
        let fresh = place.join(format!("{number:08}{FRESH}"));
        let path = self.path(Name { number, open: true });
        let line = record::intent_line(intent, plan)
            .map_err(|text| failed(&path, &io::Error::other(text)))?;
        let file = match self.write_fresh(&fresh, &path, &line, plan.is_none()) {
            Ok(file) => file,
            Err(error) => {
                // What is left of it would only be in the way.
                let _gone_or_not = fs::remove_file(&fresh);
                return Err(failed(&path, &error));
            }
        };
        self.step(Step::Sync);
        let synced = File::open(&place).and_then(|place| place.sync_all());
        if let Err(error) = synced {
            // Nothing is sent: it must not look as if something had been.
            let _gone_or_not = fs::remove_file(&path);
            return Err(failed(&path, &error));
        }
        // Without it the names are looked at.
        let _noted_or_not = fs::write(self.folder.join(LAST), number.to_string());
        drop(held);
        self.forget_old(number, line.len() > 1 << 16);
        Ok(file)
    }

    fn write_fresh(
        &mut self,
        fresh: &Path,
        path: &Path,
        line: &[u8],
        locked: bool,
    ) -> io::Result<File> {
        self.step(Step::Create);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(fresh)?;
        if locked {
            file.lock()?;
        }
        self.step(Step::Write);
        file.write_all(line)?;
        self.step(Step::Sync);
        file.sync_all()?;
        self.step(Step::Rename);
        fs::rename(fresh, path)?;
        Ok(file)
    }

    /// Takes down what happened to a commit, and whether it is over with that.
    ///
    /// # Errors
    /// [`JournalError`] if neither the event nor the end of the commit could be noted.
    pub fn note(&mut self, number: u64, event: &Event, over: bool) -> Result<(), JournalError> {
        let open = self.path(Name { number, open: true });
        let closed = self.path(Name {
            number,
            open: false,
        });
        let at = if open.exists() { &open } else { &closed };
        let appended = self.append(at, event);
        // The name alone says that a commit stands, also where the disk has no room for another line.
        let stands = matches!(
            event.kind,
            EventKind::Committed | EventKind::Confirmed | EventKind::Kept
        );
        if over && *at == open && (stands || appended.is_ok()) {
            self.step(Step::Rename);
            return fs::rename(&open, &closed).map_err(|error| failed(&open, &error));
        }
        appended.map_err(|error| failed(at, &error))
    }

    fn append(&mut self, path: &Path, event: &Event) -> io::Result<()> {
        let mut line = record::event_line(event).map_err(io::Error::other)?;
        self.step(Step::Write);
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        if !ends_with_newline(&file)? {
            // An earlier line was cut off.
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    }

    /// Returns what is still open, oldest first: each record, or why it can't be read.
    ///
    /// # Errors
    /// [`JournalError`] if the folder can't be read.
    pub fn open_records(&self) -> Result<Vec<Result<Record, JournalError>>, JournalError> {
        let open = self.names(true)?.into_iter();
        // One that was closed meanwhile is not open.
        Ok(open
            .filter_map(|name| self.read(name).transpose())
            .collect())
    }

    /// Returns every record, oldest first, or why it can't be read.
    ///
    /// # Errors
    /// [`JournalError`] if the folder can't be read.
    pub fn records(&self) -> Result<Vec<Result<Record, JournalError>>, JournalError> {
        let mut names = self.names(true)?;
        names.extend(self.names(false)?);
        names.sort_unstable();
        // One that is closed meanwhile is in both places.
        names.dedup_by_key(|name| name.number);
        let names = names.into_iter();
        Ok(names
            .filter_map(|name| self.find(name.number).transpose())
            .collect())
    }

    /// Returns a record.
    ///
    /// # Errors
    /// [`JournalError`] if it is not there or can't be read.
    pub fn record(&self, number: u64) -> Result<Record, JournalError> {
        self.find(number)?.ok_or(JournalError::Missing { number })
    }

    /// Returns the numbers of what came after a record, in order.
    pub(super) fn numbers_after(&self, number: u64) -> Result<Vec<u64>, JournalError> {
        let mut names = self.names(true)?;
        names.extend(self.names(false)?);
        let mut numbers: Vec<u64> = names.iter().map(|name| name.number).collect();
        numbers.retain(|found| *found > number);
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Tells whether something is still to be done about a commit.
    #[must_use]
    pub fn is_open(&self, number: u64) -> bool {
        self.path(Name { number, open: true }).exists()
    }

    fn find(&self, number: u64) -> Result<Option<Record>, JournalError> {
        for open in [true, false, true] {
            if let Some(found) = self.read(Name { number, open })? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn read(&self, name: Name) -> Result<Option<Record>, JournalError> {
        let path = self.path(name);
        let shown = path.display().to_string();
        let damaged = |text: String| JournalError::Damaged {
            number: name.number,
            path: shown.clone(),
            text,
        };
        let file = match OpenOptions::new()
            .read(true)
            .custom_flags(NO_LINKS)
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let mut text = String::new();
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| damaged(error.to_string()))?;
        let (mut record, complaint) = record::read(&shown, &text).map_err(damaged)?;
        if record.intent.number != name.number {
            return Err(damaged(format!(
                "it is the record of commit {}",
                record.intent.number
            )));
        }
        let says_nothing = record.state() == State::Unfinished;
        if let Some(text) = complaint.filter(|_| says_nothing && !name.open) {
            return Err(damaged(format!("how it ended can't be read: {text}")));
        }
        let unsaid = match record.state() {
            State::Unfinished => Some(EventKind::Committed),
            State::Awaiting { .. } => Some(EventKind::Confirmed),
            State::Ended(_) => None,
        };
        if let Some(kind) = unsaid.filter(|_| !name.open) {
            record.events.push(Event {
                cause: Some("the disk had no room for how it ended".to_owned()),
                time: record.intent.time.clone(),
                ..Event::now(kind)
            });
        }
        Ok(Some(record))
    }

    /// Sets a damaged record aside: it keeps its place in the folder under a name that nothing looks for.
    ///
    /// # Errors
    /// [`JournalError`] if it is not there or can't be renamed.
    pub fn set_aside(&mut self, number: u64) -> Result<PathBuf, JournalError> {
        let aside = self.folder.join(format!("{number:08}.damaged"));
        for open in [true, false] {
            let path = self.path(Name { number, open });
            if path.exists() {
                return match fs::rename(&path, &aside) {
                    Ok(()) => Ok(aside),
                    Err(error) => Err(failed(&path, &error)),
                };
            }
        }
        Err(JournalError::Missing { number })
    }

    /// Forgets the oldest commits that are over. A failure only means that more is kept. What came after a runbook
    /// that is open is needed to lead that back.
    fn forget_old(&self, newest: u64, is_large: bool) {
        let records = u64::try_from(self.limits.records).unwrap_or(u64::MAX);
        let open = self.names(true).unwrap_or_default().into_iter();
        let mut runbooks = open.filter(|name| is_runbook(&self.path(*name)));
        let needed = runbooks.next().map_or(u64::MAX, |name| name.number);
        if let Some(number) = newest
            .checked_sub(records)
            .filter(|number| *number < needed)
        {
            let name = Name {
                number,
                open: false,
            };
            let _gone_or_never_there = fs::remove_file(self.path(name));
        }
        // Looking at each file takes longer than all the rest.
        if !is_large && !newest.is_multiple_of(ROUND) {
            return;
        }
        let Ok(names) = self.names(false) else {
            return;
        };
        let size = |name: &Name| fs::metadata(self.path(*name)).map_or(0, |file| file.len());
        let sizes: Vec<u64> = names.iter().map(size).collect();
        let mut bytes: u64 = sizes.iter().sum();
        let mut count = names.len();
        for (name, size) in names.iter().zip(sizes) {
            let fits = count <= self.limits.records && bytes <= self.limits.bytes;
            if fits || name.number >= needed {
                break;
            }
            if fs::remove_file(self.path(*name)).is_ok() {
                count -= 1;
                bytes -= size;
            }
        }
    }
}

/// `O_NOFOLLOW`: a link in the place of a record is not ours.
const NO_LINKS: i32 = 0o400_000;

fn ends_with_newline(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let Some(last) = length.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

fn failed(path: &Path, error: &io::Error) -> JournalError {
    JournalError::Folder {
        path: path.display().to_string(),
        text: error.to_string(),
    }
}

/// Refuses a folder in which someone else could write records for this user to act on.
fn check_owner(path: &Path) -> Result<(), JournalError> {
    const OTHERS_WRITE: u32 = 0o022;
    let found = fs::metadata(path).map_err(|error| failed(path, &error))?;
    let own = crate::config::user_id();
    let wrong = |text: String| {
        Err(JournalError::Owner {
            path: path.display().to_string(),
            text,
        })
    };
    if !found.is_dir() {
        return Err(failed(path, &io::ErrorKind::NotADirectory.into()));
    }
    if found.uid() != own {
        return wrong(format!(
            "belongs to user {}, and this program runs as user {own}",
            found.uid()
        ));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return wrong(format!(
            "can be written by others (its mode is {:04o})",
            found.mode() & 0o7777
        ));
    }
    Ok(())
}
