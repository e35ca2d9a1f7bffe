//! Keys of a terminal.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // they are called what stands on them
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Backspace,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
}

impl Key {
    /// Reads the keys that a terminal has sent. What is none of them is passed over; an escape by itself is the key of that name.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Vec<Self> {
        let mut keys = Vec::new();
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let (key, length) = match first {
                0x1b => sequence(rest),
                3 => (Some(Self::Interrupt), 1),
                0x1a => (Some(Self::Suspend), 1),
                b'\r' | b'\n' => (Some(Self::Enter), 1),
                b'\t' => (Some(Self::Tab), 1),
                8 | 0x7f => (Some(Self::Backspace), 1),
                _ => letter(rest),
            };
            keys.extend(key);
            rest = rest.get(length..).unwrap_or(&[]);
        }
        keys
    }
}

/// Reads a letter, in UTF-8.
fn letter(bytes: &[u8]) -> (Option<Key>, usize) {
    let longest = bytes.len().min(4);
    for length in 1..=longest {
        if let Ok(text) = std::str::from_utf8(&bytes[..length]) {
            let letter = text.chars().next().filter(|letter| !letter.is_control());
            return (letter.map(Key::Char), length);
        }
    }
    (None, 1)
}

/// Reads what begins with an escape: `ESC [` or `ESC O`, numbers, and a letter or `~`.
fn sequence(bytes: &[u8]) -> (Option<Key>, usize) {
    if !matches!(bytes.get(1), Some(b'[' | b'O')) {
        return (Some(Key::Escape), 1);
    }
    let body = bytes.get(2..).unwrap_or(&[]);
    let numbers = body
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
        .count();
    let Some(last) = body.get(numbers) else {
        return (None, bytes.len());
    };
    let first = body[..numbers].split(|byte| *byte == b';').next();
    let key = match (last, first.unwrap_or(&[])) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'Z', _) => Some(Key::BackTab),
        _ => None,
    };
    (key, 2 + numbers + 1)
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn what_terminals_send_is_read() {
        let read = Key::read("q\u{1b}[A\u{1b}OB\u{1b}[1;5H\u{1b}[4~\u{1b}[5~\u{1b}[6~\u{1b}[Z\tä\r\u{7f}\u{3}\u{1a}\u{1b}[20~x\u{1b}".as_bytes());
        assert_eq!(
            read,
            [
                Key::Char('q'),
                Key::Up,
                Key::Down,
                Key::Home,
                Key::End,
                Key::PageUp,
                Key::PageDown,
                Key::BackTab,
                Key::Tab,
                Key::Char('ä'),
                Key::Enter,
                Key::Backspace,
                Key::Interrupt,
                Key::Suspend,
                Key::Char('x'),
                Key::Escape,
            ]
        );
        // Anything at all is read to its end.
        for byte in 0..=255 {
            let _keys = Key::read(&[0x1b, byte, byte, 0xc3]);
        }
        assert_eq!(Key::read(&[]), []);
    }
}
