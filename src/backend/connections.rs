//! Reads `/proc/net/ip_vs_conn`.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{ConnectionEntry, Port};

/// Takes the file apart as it comes in pieces.
#[derive(Debug, Default)]
pub struct ConnectionLines {
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
    lines: usize,
    unread: usize,
}

impl ConnectionLines {
    /// Takes a piece, and hands over the entries of the lines that are complete.
    pub fn take(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[ConnectionEntry<'_>])) {
        let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') else {
            self.begun.extend_from_slice(piece);
            return;
        };
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(&piece[..=end]);
        self.begun.extend_from_slice(&piece[end + 1..]);
        self.lines(&whole, sink);
    }

    /// Hands over the entry of a last line without an end. Returns how many lines there were, the title among them, and how many
    /// can't be read.
    pub fn end(mut self, sink: &mut dyn FnMut(&[ConnectionEntry<'_>])) -> (usize, usize) {
        let last = std::mem::take(&mut self.begun);
        if !last.is_empty() {
            self.lines(&last, sink);
        }
        (self.lines, self.unread)
    }

    fn lines(&mut self, text: &[u8], sink: &mut dyn FnMut(&[ConnectionEntry<'_>])) {
        let text = String::from_utf8_lossy(text);
        let mut entries = Vec::with_capacity(text.len() / SHORTEST_LINE);
        for line in text.lines() {
            self.lines += 1;
            // The first line is a title.
            if self.lines == 1 {
                continue;
            }
            match connection_entry(line) {
                Some(entry) => entries.push(entry),
                None => self.unread += 1,
            }
        }
        sink(&entries);
    }
}

/// A line of IPv4 is about so long.
const SHORTEST_LINE: usize = 64;

/// Reads a line of the file; `None` if it is none.
#[must_use]
pub fn connection_entry(line: &str) -> Option<ConnectionEntry<'_>> {
    // Blanks alone: where other white space stands, it is no line of the kernel.
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let protocol = words.next()?;
    let mut end = || end(words.next()?, words.next()?);
    let (source, asked, destination) = (end()?, end()?, end()?);
    let state = words.next()?;
    let expires_seconds = words.next()?.parse().ok()?;
    let engine = words.next().and_then(|name| Some((name, words.next()?)));
    Some(ConnectionEntry {
        protocol,
        source,
        asked,
        destination,
        state,
        expires_seconds,
        engine,
    })
}

/// Reads an address as text or as eight hexadecimal digits, and a port of four.
fn end(address: &str, port: &str) -> Option<(IpAddr, Port)> {
    let address = match address.len() {
        8 => match hexadecimal(address) {
            Some(bits) => Ipv4Addr::from_bits(bits).into(),
            None => address.parse::<IpAddr>().ok()?,
        },
        _ => address.parse::<IpAddr>().ok()?,
    };
    Some((address, u16::try_from(hexadecimal(port)?).ok()?))
}

/// Reads up to eight hexadecimal digits and nothing else: there are six of these numbers in each of a million lines.
fn hexadecimal(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 8 {
        return None;
    }
    let mut number = 0;
    for byte in text.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'F' => byte - b'A' + 10,
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u32::from(digit);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::{ConnectionLines, connection_entry};

    #[test]
    fn a_file_may_come_in_any_pieces() {
        let line = "TCP 0A090002 9C41 0A090064 0050 0A080002 1F90 ESTABLISHED     896";
        let file = format!("Pro FromIP ..\n{line}\nnonsense\n{line}");
        for size in 1..file.len() + 1 {
            let mut lines = ConnectionLines::default();
            let mut count = 0;
            for piece in file.as_bytes().chunks(size) {
                lines.take(piece, &mut |entries| count += entries.len());
            }
            let read = lines.end(&mut |entries| count += entries.len());
            assert_eq!((count, read), (2, (4, 1)), "{size}");
        }
        assert_eq!(ConnectionLines::default().end(&mut |_| {}), (0, 0));
    }

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = "TCP 0A090002 9C41 0A090064 0050 0A080002 1F90 ESTABLISHED     896";
        let entry = connection_entry(line).unwrap();
        assert_eq!(entry.source, ("10.9.0.2".parse().unwrap(), 40001));
        assert_eq!(entry.destination.1, 8080);
        assert_eq!(
            (entry.state, entry.expires_seconds, entry.engine),
            ("ESTABLISHED", 896, None)
        );
        let line = "UDP fd00:0009:0000:0000:0000:0000:0000:0002 9C51 fd00:0009:0000:0000:0000:0000:0000:0101 0035 0A080002 0035 UDP 296 sip id@host";
        let entry = connection_entry(line).unwrap();
        assert_eq!(
            entry.asked.0,
            "fd00:9::101".parse::<std::net::IpAddr>().unwrap()
        );
        assert_eq!(entry.engine, Some(("sip", "id@host")));
        assert_eq!(connection_entry("TCP 0A090002 9C41"), None);
        assert_eq!(connection_entry(""), None);
    }
}
