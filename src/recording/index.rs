//! What frames a file has, and where: it is read once, and what is damaged is passed over.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::RecordingError;
use super::frame::{FRAME_HEAD, HEAD, Head, Kind, LONGEST, NoHead};
use super::state::KEY_MAGIC;

/// A frame whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// Where its body begins, and how long that is.
    at: u64,
    length: u32,
    /// Milliseconds since the file began.
    time: u32,
}

impl Frame {
    /// Returns whether its body is empty.
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The frames of one snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// The first one of it, and the one that completes it: a key frame or a delta.
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) is_key: bool,
}

/// A file and what is in it.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) path: PathBuf,
    pub(super) head: Head,
    pub(super) frames: Vec<Frame>,
    /// Its snapshots, in the order of time.
    pub(super) groups: Vec<Group>,
    /// What was passed over: from when to when, and how many bytes.
    pub(super) damaged: Vec<Damage>,
}

/// What is damaged in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) from: SystemTime,
    pub(super) to: SystemTime,
    pub(super) bytes: u64,
}

/// Reads the head of a file. `None` is one that was only just begun.
pub(super) fn read_head(path: &Path) -> Result<Option<(File, Head)>, RecordingError> {
    let failed = |error: io::Error| RecordingError::file(path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut head = [0; HEAD];
    let mut length = 0;
    while length < HEAD {
        match file.read_at(&mut head[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    match Head::read(&head[..length]) {
        Ok(head) => Ok(Some((file, head))),
        Err(NoHead::Short) => Ok(None),
        Err(NoHead::Foreign) => Err(RecordingError::Foreign {
            path: path.to_owned(),
        }),
        Err(NoHead::Version(version)) => Err(RecordingError::Version {
            path: path.to_owned(),
            version,
        }),
    }
}

/// What stands at a place of a file.
enum Found {
    /// A frame.
    Frame(Frame),
    /// Something else, or a frame whose end is missing.
    Nothing,
}

/// How often each byte of a file is looked at in the middle, at most.
const MOST_HASHED: u64 = 8;

/// A file while it is looked through.
struct Scan<'f> {
    file: &'f File,
    size: u64,
    /// How many bytes were hashed.
    hashed: std::cell::Cell<u64>,
}

impl<'f> Scan<'f> {
    fn of(file: &'f File) -> io::Result<Self> {
        Ok(Self {
            file,
            size: file.metadata()?.len(),
            hashed: std::cell::Cell::new(0),
        })
    }

    fn all(&self, index: &mut Index) -> io::Result<()> {
        let size = self.size;
        let mut at = HEAD as u64;
        while at < size {
            if let Found::Frame(frame) = self.frame_at(at)? {
                at = frame.at + u64::from(frame.length);
                index.frames.push(frame);
                continue;
            }
            // Behind the end of a recording there is nothing; in its middle there is another key frame.
            let Some(next) = self.next_key(at + 1)? else {
                break;
            };
            let Found::Frame(key) = self.frame_at(next)? else {
                break;
            };
            index.damaged.push(Damage {
                from: index
                    .frames
                    .last()
                    .map_or(index.head.start, |frame| index.time(frame)),
                to: index.time(&key),
                bytes: next - at,
            });
            at = next;
        }
        Ok(())
    }

    fn frame_at(&self, at: u64) -> io::Result<Found> {
        let size = self.size;
        let covered_at = at + 8;
        if size - at < FRAME_HEAD as u64 {
            return Ok(Found::Nothing);
        }
        let mut head = [0; FRAME_HEAD];
        self.file.read_exact_at(&mut head, at)?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let sum = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if !(5..=LONGEST).contains(&length) || u64::from(length) > size - covered_at {
            return Ok(Found::Nothing);
        }
        self.hashed
            .set(self.hashed.get().saturating_add(length.into()));
        let mut hash = crc32fast::Hasher::new();
        let mut piece = vec![0; 1 << 16];
        let (mut from, end) = (covered_at, covered_at + u64::from(length));
        while from < end {
            let count =
                usize::try_from(end - from).map_or(piece.len(), |left| left.min(piece.len()));
            self.file.read_exact_at(&mut piece[..count], from)?;
            hash.update(&piece[..count]);
            from += count as u64;
        }
        if hash.finalize() != sum {
            return Ok(Found::Nothing);
        }
        Ok(Found::Frame(Frame {
            kind: Kind::of(head[8]),
            at: at + FRAME_HEAD as u64,
            length: length - 5,
            time: u32::from_le_bytes([head[9], head[10], head[11], head[12]]),
        }))
    }

    /// Looks for the next whole key frame.
    fn next_key(&self, from: u64) -> io::Result<Option<u64>> {
        let size = self.size;
        let mut piece = vec![0; 1 << 16];
        let mut at = from;
        // What begins a body stands behind the head of its frame.
        let ahead = FRAME_HEAD as u64;
        while at + ahead < size {
            let left = size - at - ahead;
            let count = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
            let found = self.file.read_at(&mut piece[..count], at + ahead)?;
            if found < KEY_MAGIC.len() {
                return Ok(None);
            }
            let places = piece[..found].windows(KEY_MAGIC.len());
            for (offset, _) in places.enumerate().filter(|(_, bytes)| bytes == KEY_MAGIC) {
                let place = at + offset as u64;
                // Many that look like one and are none would be looked at for ever.
                if self.hashed.get() > size.saturating_mul(MOST_HASHED) {
                    return Ok(None);
                }
                if let Found::Frame(frame) = self.frame_at(place)?
                    && frame.kind == Kind::Key
                {
                    return Ok(Some(place));
                }
            }
            at += (found - KEY_MAGIC.len() + 1) as u64;
        }
        Ok(None)
    }
}

impl Index {
    /// Reads a file as far as it is written. `None` is one that was only just begun.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, RecordingError> {
        let Some((file, head)) = read_head(path)? else {
            return Ok(None);
        };
        let mut index = Self {
            path: path.to_owned(),
            head,
            frames: Vec::new(),
            groups: Vec::new(),
            damaged: Vec::new(),
        };
        Scan::of(&file)
            .and_then(|scan| scan.all(&mut index))
            .map_err(|error| RecordingError::file(path, &error))?;
        index.group();
        Ok(Some(index))
    }

    /// Puts the frames of each snapshot together. Behind what is damaged the first one is a key frame.
    fn group(&mut self) {
        let (mut first, mut has_key) = (None, false);
        let mut damaged = self.damaged.iter().map(|damage| damage.to).peekable();
        for (place, frame) in self.frames.iter().enumerate() {
            match frame.kind {
                Kind::Change | Kind::Facts | Kind::Mark => {
                    first.get_or_insert(place);
                }
                Kind::Key | Kind::Delta => {
                    let is_key = frame.kind == Kind::Key;
                    if is_key {
                        let time = self.head.start + Duration::from_millis(frame.time.into());
                        // What came before it was lost in part.
                        if damaged.next_if(|to| *to <= time).is_some() {
                            first = None;
                        }
                    }
                    let start = first.take().unwrap_or(place);
                    has_key |= is_key;
                    if has_key {
                        self.groups.push(Group {
                            first: start,
                            last: place,
                            is_key,
                        });
                    }
                }
                Kind::Gap | Kind::Connections | Kind::Other => {}
            }
        }
    }

    /// Returns when a frame was written.
    pub(super) fn time(&self, frame: &Frame) -> SystemTime {
        self.head.start + Duration::from_millis(frame.time.into())
    }

    /// Returns when a snapshot was taken.
    pub(super) fn group_time(&self, group: &Group) -> SystemTime {
        self.frames
            .get(group.last)
            .map_or(self.head.start, |frame| self.time(frame))
    }

    /// Reads the body of a frame.
    pub(super) fn body(&self, frame: &Frame) -> Result<Vec<u8>, RecordingError> {
        let mut body = vec![0; usize::try_from(frame.length).unwrap_or(0)];
        // There may be thousands of files: none is kept open.
        File::open(&self.path)
            .and_then(|file| file.read_exact_at(&mut body, frame.at))
            .map_err(|error| RecordingError::file(&self.path, &error))?;
        Ok(body)
    }
}
