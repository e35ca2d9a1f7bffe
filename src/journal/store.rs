//! The files of the journal.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::{JournalError, failed};
use super::event::{Event, EventKind};
use super::record::{self, Intent, Planned, Record, State};
use super::table_identity::{KERNELS, SIMULATED, TableIdentity};
use super::trust::{check_owner, check_way, open_plain};
use crate::files;
use crate::model::reason;

/// The largest record that is read.
const LARGEST: u64 = 1 << 30;
/// The folder of records while something is still to be done about their commits.
const OPEN: &str = "open";
/// How a file is called.
const ENDING: &str = ".json";
/// How one is called until it is whole, where a file needs a name from the start.
const FRESH: &str = "new";
/// The file with the number that was given last: there may be thousands of names to look at else.
const LAST: &str = "last";

/// How much is kept: the oldest commits that are over go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commits to one table.
    pub records: usize,
    /// Bytes of all files of a journal together.
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
    pub(super) folder: PathBuf,
    pub(super) limits: Limits,
    watch: Option<Box<dyn FnMut(Step)>>,
}

/// Where a file is: its number, and whether its commit is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) number: u64,
    pub(super) open: bool,
}

impl Journal {
    /// Opens the journal of a table in a state folder, and makes both if they are not there.
    ///
    /// # Errors
    /// [`JournalError`] if that can't be, or others could write there.
    pub fn open(state: &Path, table: &TableIdentity) -> Result<Self, JournalError> {
        Self::at(state, state.join(table.folder()))
    }

    /// Opens the journal of a table if it is there; makes nothing.
    ///
    /// # Errors
    /// [`JournalError`] if it is there and can't be looked at, or others could write it.
    pub fn look(state: &Path, table: &TableIdentity) -> Result<Option<Self>, JournalError> {
        Self::look_at(state, state.join(table.folder()))
    }

    /// Opens the journals of all tables that there are in a state folder: that of kernels, and one of each simulated table.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub fn look_all(state: &Path) -> Result<Vec<Self>, JournalError> {
        let mut found = Vec::new();
        found.extend(Self::look_at(state, state.join(KERNELS))?);
        let mut folders: Vec<PathBuf> = fs::read_dir(state.join(SIMULATED))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        folders.sort();
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            found.extend(Self::look_at(state, folder)?);
        }
        Ok(found)
    }

    /// Returns the folder that programs of one user lock while they commit to a simulated table. The folder above it is
    /// locked while a record gets its number.
    #[must_use]
    pub fn commit_lock_place(state: &Path, table: &TableIdentity) -> PathBuf {
        state.join(table.folder()).join(OPEN)
    }

    fn at(state: &Path, folder: PathBuf) -> Result<Self, JournalError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        check_way(state)?;
        let parent = folder.parent().unwrap_or(state).to_owned();
        for part in [state, &parent, &folder, &folder.join(OPEN)] {
            if !part.is_dir() {
                builder.create(part).map_err(|error| failed(part, &error))?;
                files::sync_folder(part.parent().unwrap_or(part));
            }
            check_owner(part)?;
        }
        Ok(Self {
            folder,
            limits: Limits::DEFAULT,
            watch: None,
        })
    }

    fn look_at(state: &Path, folder: PathBuf) -> Result<Option<Self>, JournalError> {
        match fs::metadata(&folder) {
            Ok(_) => Self::at(state, folder).map(Some),
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

    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.place(name.open)
            .join(format!("{:08}{ENDING}", name.number))
    }

    /// Lists what is open, or what is over, by number.
    pub(super) fn names(&self, open: bool) -> Result<Vec<Name>, JournalError> {
        let place = self.place(open);
        let mut names = Vec::new();
        for entry in fs::read_dir(&place).map_err(|error| failed(&place, &error))? {
            let entry = entry.map_err(|error| failed(&place, &error))?;
            let file = entry.file_name();
            let digits = file.to_str().and_then(|name| name.strip_suffix(ENDING));
            // A name that is not written as ours are is not ours.
            if let Some((digits, number)) =
                digits.and_then(|digits| Some((digits, digits.parse::<u64>().ok()?)))
                && format!("{number:08}") == digits
            {
                names.push(Name { number, open });
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the number of the next record.
    fn next_number(&self) -> Result<u64, JournalError> {
        let open = self.names(true)?.last().map_or(0, |name| name.number);
        let path = self.folder.join(LAST);
        let noted = fs::read_to_string(&path).unwrap_or_default();
        let noted = noted.trim().parse::<u64>().ok();
        let next = |last: u64| {
            last.checked_add(1).ok_or_else(|| JournalError::Numbers {
                path: path.display().to_string(),
                last,
            })
        };
        if let Some(last) = noted {
            let number = next(last.max(open))?;
            let over = Name {
                number,
                open: false,
            };
            if !self.path(over).exists() {
                return Ok(number);
            }
        }
        let over = self.names(false)?.last().map_or(0, |name| name.number);
        next(open.max(over).max(noted.unwrap_or_default()))
    }

    /// Records what is about to be sent and returns the number of the record. It is on the disk when this returns.
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
        let path = self.path(Name { number, open: true });
        let line = record::intent_line(intent, plan)
            .map_err(|text| failed(&path, &io::Error::other(text)))?;
        let file = self
            .write_fresh(&path, &line, plan.is_none())
            .map_err(|error| failed(&path, &error))?;
        self.step(Step::Sync);
        let synced = File::open(&place).and_then(|place| place.sync_all());
        if let Err(error) = synced {
            // Nothing is sent: it must not look as if something had been.
            let _gone_or_not = fs::remove_file(&path);
            return Err(failed(&path, &error));
        }
        // Without it the names are looked at.
        let _noted_or_not = fs::write(self.folder.join(LAST), number.to_string());
        self.forget_old(&intent.table, number, line.len() > 1 << 16);
        drop(held);
        Ok(file)
    }

    fn write_fresh(&mut self, path: &Path, line: &[u8], locked: bool) -> io::Result<File> {
        self.step(Step::Create);
        let mut fresh = files::Fresh::make(&self.place(true), FRESH, 0o600)?;
        if locked {
            fresh.file.lock()?;
        }
        self.step(Step::Write);
        (&fresh.file).write_all(line)?;
        self.step(Step::Sync);
        fresh.file.sync_all()?;
        self.step(Step::Rename);
        fresh.name(path)?;
        // The lock is that of the open file, and stays with the clone.
        fresh.file.try_clone()
    }

    /// Records what happened to a commit or runbook that stays open.
    ///
    /// # Errors
    /// [`JournalError`] if it could not be recorded.
    pub fn note(&mut self, number: u64, event: &Event) -> Result<(), JournalError> {
        let open = self.path(Name { number, open: true });
        self.append(&open, event)
            .map_err(|error| failed(&open, &error))
    }

    /// Records how a commit or runbook ended, and closes its record.
    ///
    /// # Errors
    /// [`JournalError`] if neither the event nor the end of the commit could be recorded.
    pub fn close(&mut self, number: u64, event: &Event) -> Result<(), JournalError> {
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
        if *at == open && (stands || appended.is_ok()) {
            self.step(Step::Rename);
            fs::rename(&open, &closed).map_err(|error| failed(&open, &error))?;
            if self.outlasts_power() {
                files::sync_folder(&self.folder);
                files::sync_folder(&self.place(true));
            }
            return Ok(());
        }
        appended.map_err(|error| failed(at, &error))
    }

    /// Returns whether its table is still there after a loss of power: then what is said of it has to be as well. With a kernel's
    /// table its records are over.
    fn outlasts_power(&self) -> bool {
        let parent = self.folder.parent().and_then(Path::file_name);
        parent.is_some_and(|name| name == SIMULATED)
    }

    fn append(&mut self, path: &Path, event: &Event) -> io::Result<()> {
        let mut line = record::event_line(event).map_err(io::Error::other)?;
        self.step(Step::Write);
        let mut file = open_plain(OpenOptions::new().read(true).append(true), path)?;
        let length = file.metadata()?.len();
        if !ends_with_newline(&file)? {
            // An earlier line was truncated.
            line.insert(0, b'\n');
        }
        let written = file.write_all(&line);
        if written.is_err() {
            // Half a line says nothing. Where even that can't be, the reader leaves it out.
            let _shortened_or_not = file.set_len(length);
        } else if self.outlasts_power() {
            // The line is there; that it can't be made to last is no reason to say that it is not.
            let _synced_or_not = file.sync_data();
        }
        written
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
        let found = self.find(number)?;
        found.ok_or_else(|| self.missing(number))
    }

    /// Returns the numbers of what came after a record, in order.
    ///
    /// # Errors
    /// [`JournalError`] if the folder can't be read.
    pub fn numbers_after(&self, number: u64) -> Result<Vec<u64>, JournalError> {
        let mut names = self.names(true)?;
        names.extend(self.names(false)?);
        let mut numbers: Vec<u64> = names.iter().map(|name| name.number).collect();
        numbers.retain(|found| *found > number);
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    /// Returns whether something is still to be done about a commit.
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
        let file = match open_plain(OpenOptions::new().read(true), &path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(reason(&error))),
        };
        let mut text = String::new();
        file.take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| damaged(reason(&error)))?;
        let (mut record, complaint) = record::read(&shown, &text).map_err(damaged)?;
        if record.intent.number != name.number {
            return Err(damaged(format!(
                "it is the record of commit {}",
                record.intent.number
            )));
        }
        let says_nothing = record.state() == State::Unfinished;
        if let Some(text) = complaint.filter(|_| says_nothing && !name.open) {
            return Err(damaged(format!("its outcome can't be read: {text}")));
        }
        let unsaid = match record.state() {
            State::Unfinished => Some(EventKind::Committed),
            State::Unconfirmed { .. } => Some(EventKind::Confirmed),
            State::Ended(_) => None,
        };
        if let Some(kind) = unsaid.filter(|_| !name.open) {
            record.events.push(Event {
                cause: Some("the disk was full, so its outcome could not be recorded".to_owned()),
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
        Err(self.missing(number))
    }
}

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
