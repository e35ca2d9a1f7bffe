//! What reaches a terminal: our own colours, and nothing else that moves a cursor, sets a title or turns the direction of text.
//!
//! Labels, names and texts of users, files and kernels are written out where they go into a sentence ([`crate::model::shown`]);
//! this is the last look, at everything. What is not ours is written as JSON writes it (`\u001b`), so that a document stays one.

use std::io::{self, Write};

/// Passes on what is harmless.
pub(super) struct Guard<W> {
    inner: W,
    /// The beginning of a character or of a colour that was not written whole yet.
    held: Vec<u8>,
}

/// The longest colour: ESC, bracket, some numbers, `m`.
const LONGEST: usize = 24;

/// What bytes begin.
enum Piece {
    /// So many bytes that are passed on.
    Plain(usize),
    /// A character of so many bytes that is written out.
    Control(usize, char),
    /// More bytes are needed to tell.
    Open,
}

impl<W: Write> Guard<W> {
    pub(super) const fn new(inner: W) -> Self {
        Self {
            inner,
            held: Vec::new(),
        }
    }

    /// Gives the writer back; what was held is written as far as it goes.
    pub(super) fn into_inner(mut self) -> io::Result<W> {
        let held = std::mem::take(&mut self.held);
        self.pass(&held, true)?;
        Ok(self.inner)
    }

    fn pass(&mut self, bytes: &[u8], is_last: bool) -> io::Result<()> {
        let (mut start, mut place) = (0, 0);
        while let Some(byte) = bytes.get(place) {
            // Nearly everything.
            if matches!(byte, b' '..=b'~' | b'\n' | b'\t') {
                place += 1;
                continue;
            }
            match piece(&bytes[place..]) {
                Piece::Plain(length) => place += length,
                Piece::Control(length, control) => {
                    self.inner.write_all(&bytes[start..place])?;
                    write!(self.inner, "\\u{:04x}", u32::from(control))?;
                    place += length;
                    start = place;
                }
                Piece::Open if is_last && *byte == 0x1b => {
                    self.inner.write_all(&bytes[start..place])?;
                    self.inner.write_all(b"\\u001b")?;
                    place += 1;
                    start = place;
                }
                Piece::Open if is_last => place += 1,
                Piece::Open => {
                    self.inner.write_all(&bytes[start..place])?;
                    self.held.extend_from_slice(&bytes[place..]);
                    return Ok(());
                }
            }
        }
        self.inner.write_all(&bytes[start..])
    }
}

fn piece(bytes: &[u8]) -> Piece {
    if bytes[0] == 0x1b {
        return colour(bytes);
    }
    let length = match bytes[0] {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Piece::Plain(1),
    };
    let Some(character) = bytes.get(..length) else {
        return Piece::Open;
    };
    match std::str::from_utf8(character) {
        Ok(text) => match text.chars().next() {
            Some(control) if crate::model::is_control(control) => Piece::Control(length, control),
            _ => Piece::Plain(length),
        },
        Err(_) => Piece::Plain(1),
    }
}

/// Returns whether an escape begins a colour.
fn colour(bytes: &[u8]) -> Piece {
    for (place, byte) in bytes.iter().enumerate().skip(1).take(LONGEST) {
        match (place, byte) {
            (1, b'[') | (2.., b'0'..=b'9' | b';') => {}
            (2.., b'm') => return Piece::Plain(place + 1),
            _ => return Piece::Control(1, '\u{1b}'),
        }
    }
    if bytes.len() <= LONGEST {
        Piece::Open
    } else {
        Piece::Control(1, '\u{1b}')
    }
}

impl<W: Write> Write for Guard<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.is_empty() {
            self.pass(bytes, false)?;
        } else {
            let mut all = std::mem::take(&mut self.held);
            all.extend_from_slice(bytes);
            self.pass(&all, false)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::Guard;
    use std::io::Write;

    /// Writes a text in pieces of a size.
    fn passed(text: &str, size: usize) -> String {
        let mut guard = Guard::new(Vec::new());
        for piece in text.as_bytes().chunks(size) {
            guard.write_all(piece).unwrap();
        }
        String::from_utf8(guard.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn colours_pass_and_nothing_else_that_a_terminal_acts_on() {
        let text = "\u{1b}[1m\u{1b}[31mred\u{1b}[0m \u{1b}]0;x\u{7} \u{9b}2J \u{202e}x \u{1b}[2J ä € 😀 \r\t\n\u{1b}";
        let wanted = "\u{1b}[1m\u{1b}[31mred\u{1b}[0m \\u001b]0;x\\u0007 \\u009b2J \\u202ex \\u001b[2J ä € 😀 \\u000d\t\n\\u001b";
        for size in 1..text.len() {
            assert_eq!(passed(text, size), wanted, "{size}");
        }
    }
}
